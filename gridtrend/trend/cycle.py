"""The annual cycle, which tests of a whole series take for noise: looked for in a sample of cells, said once a call."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.dates import with_dates
from gridtrend.grid.dialect import either
from gridtrend.grid.notices import warn_caller
from gridtrend.trend.phases import calendar_months, phases_of_a_year

# Maximum number of values and of cells that are examined: for 20 years of months, 64 cells take 1 ms, a fiftieth of the test.
MOST_VALUES, MOST_CELLS = 2_000_000, 64
# A cell has a cycle where the months differ by this variance ratio, which few would without one, and account for this
# share of the variance. Fewer than 1 % of series of white noise and of AR(1) noise of 0.5 do, of 3, 10 and 30 years in
# steps of 1, 3 and 6 months (`test_noise_is_no_cycle`).
RATIO, CHANCE, SHARE = 10.0, 1e-4, 0.2
# Beside a trend that has almost all of the variance, no cycle hides it.
LEAST = 0.01
# Such a share of the cells that have values must have one.
CELLS = 0.2
# What a cycle does to a test of whole series, and what to do where there is no seasonal form of the test.
HIDES = "which hides trends from a test of the whole series"
CORRELATES = "which hides other correlation, and correlates all records that have one"
ANOMALIES = "take anomalies first, da.groupby('{dim}.month') - da.groupby('{dim}.month').mean()."


class CycleWarning(UserWarning):
    """A plain test of a record with an annual cycle.

    Parameters
    ----------
    python, command_line : str
        What to do, in a call and in options.
    harm : str
        What the cycle does to the test.
    """

    def __init__(self, python: str, command_line: str, harm: str = HIDES):
        super().__init__(f"the record has an annual cycle, {harm}: {either(python, command_line)}")


def warn_of_cycle(*records: xr.DataArray, dim: str, remedy: str = "", harm: str = HIDES) -> None:
    """Warn, once, where a record in memory has an annual cycle; lazy ones are not looked at.

    Every test of whole series calls it (`test_every_function_of_whole_series_speaks_of_a_cycle`).

    Parameters
    ----------
    *records : DataArray
        What is tested.
    dim : str
        The dimension of time.
    remedy : str
        What to do instead; by default the seasonal test.
    harm : str
        What the cycle does to the test.
    """
    for da in records:
        if _in_memory(da) and da.size and not _is_yearly(da, dim):
            da = with_dates(da, dim, strict=False)
            months = calendar_months(da, dim) if dim in da.coords else None
            if months is not None and _below_a_year(da, dim, months) and has_cycle(_some_cells(da, dim), months):
                warn_caller(cycle_warning(da, dim, remedy.format(dim=dim), harm))
                return


def _in_memory(da: xr.DataArray) -> bool:
    """Whether values are there, or are kept once they are read; what else is lazy would be read twice."""
    from xarray.core.indexing import MemoryCachedArray

    return isinstance(da.variable._data, (np.ndarray, MemoryCachedArray))


def cycle_warning(da: xr.DataArray, dim: str, remedy: str = "", harm: str = HIDES) -> CycleWarning:
    """The warning for a record with an annual cycle, which names the test that fits its steps."""
    months = calendar_months(da, dim)
    assert months is not None
    if remedy:
        return CycleWarning(remedy, remedy, harm)
    if np.unique(months).size == months.size:
        return CycleWarning(
            "compare each month with itself, gt.seasonal_mann_kendall(da).",
            "compare each month with itself, --method seasonal",
        )
    if n := phases_of_a_year(da, dim):
        return CycleWarning(
            f"compare each step of the year with itself, gt.seasonal_mann_kendall(da, {dim!r}, period={n}).",
            f"compare each step of the year with itself, --method seasonal --period {n}",
        )
    return CycleWarning(
        f"compare months with themselves, gt.seasonal_mann_kendall(da.resample({dim}='MS').mean(), {dim!r}).",
        "bring it to months first (for example with `cdo monmean`), and use --method seasonal",
    )


def _is_yearly(da: xr.DataArray, dim: str) -> bool:
    """Whether dates are a year apart, which is soon seen: calendar months take longer than the test of one cell."""
    values = da[dim].values if dim in da.coords else np.empty(0)
    if values.dtype.kind == "O" and values.size:
        # cftime dates: xarray needs milliseconds to compute their months, and their years suffice here.
        years = [getattr(value, "year", None) for value in values.flat]
        known = [year for year in years if isinstance(year, int)]
        return len(known) == len(years) and max(known) - min(known) >= values.size - 1
    return values.dtype.kind == "M" and bool(np.ptp(values) >= (values.size - 1) * np.timedelta64(360, "D"))


def _below_a_year(da: xr.DataArray, dim: str, months: np.ndarray) -> bool:
    """Whether a record has several months of at least two years."""
    some = da.sizes[dim] >= 8 and not da.coords[dim].variable.isnull().any()
    return bool(some and np.unique(months % 12).size > 1 and np.ptp(months) >= 23)


def _some_cells(da: xr.DataArray, dim: str) -> np.ndarray:
    """Evenly chosen series, shape (time, cell)."""
    values = np.moveaxis(np.asarray(da.values), da.get_axis_num(dim), 0)
    count = int(np.prod(values.shape[1:]))
    wanted = int(np.clip(MOST_VALUES // values.shape[0], 8, MOST_CELLS))
    chosen = np.unique(np.linspace(0, count - 1, min(wanted, count)).round().astype(int))
    index: tuple[Any, ...] = np.unravel_index(chosen, values.shape[1:]) if values.ndim > 1 else (None,)
    return values[(slice(None), *index)]


def has_cycle(values: Any, months: np.ndarray) -> bool:
    """Whether the months of the year differ in enough of the series.

    Parameters
    ----------
    values : array, shape (time, cell)
        Missing ones are not finite.
    months : ndarray of int, shape (time,)
        Counted through the years: 12 year + month.
    """
    from scipy.special import fdtri

    means, when = _monthly_means(_about_one(np.asarray(values, float)), months)
    spread = np.nanvar(np.where(np.isfinite(means).any(0), means, 0.0), axis=0)
    means = _without_line(means, when)
    valid = np.isfinite(means)
    # Sums of each month of the year as products of matrices: a loop over months takes twice as long.
    of_month = (np.unique(when % 12)[:, None] == when % 12).astype(float)
    n = of_month @ valid.astype(float)
    between = ((of_month @ np.where(valid, means, 0.0)) ** 2 / np.maximum(n, 1)).sum(0)
    groups = (n > 0).sum(0)
    total = np.where(valid, means**2, 0.0).sum(0)
    within, n = np.maximum(total - between, 0.0), valid.sum(0)
    enough = (groups > 1) & (n >= 2 * groups) & (total > 0)
    if not enough.any():
        return False
    between, within, groups, n, spread = (array[enough] for array in (between, within, groups, n, spread))
    ratio = between / (groups - 1) / np.maximum(within / (n - groups), 1e-300)
    least = np.maximum(RATIO, fdtri(groups - 1, n - groups, 1 - CHANCE))
    share = 1.0 - (within / (n - groups)) / ((between + within) / (n - 1))
    return bool(np.mean((ratio > least) & (share > SHARE) & (between > LEAST * n * spread)) >= CELLS)


def _about_one(values: np.ndarray) -> np.ndarray:
    """Series in units of a power of two, so that their squares neither overflow nor vanish."""
    largest = np.abs(np.where(np.isfinite(values), values, 0.0)).max(0, initial=0.0)
    return np.asarray(np.ldexp(values, -np.frexp(largest)[1]))


def _monthly_means(values: np.ndarray, months: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each month of each year, missing where there is no value; and which months these are."""
    order = np.argsort(months, kind="stable")
    when, starts = np.unique(months[order], return_index=True)
    valid = np.isfinite(values[order])
    sums = np.add.reduceat(np.where(valid, values[order], 0.0), starts)
    counts = np.add.reduceat(valid.astype(float), starts)
    return np.where(counts > 0, sums / np.maximum(counts, 1.0), np.nan), when


def _without_line(means: np.ndarray, when: np.ndarray) -> np.ndarray:
    """Residuals of a least-squares line; what is no more than rounding is zero."""
    valid = np.isfinite(means)
    n = np.maximum(valid.sum(0), 1)
    t = np.where(valid, when[:, None].astype(float), 0.0)
    t = np.where(valid, t - t.sum(0) / n, 0.0)
    y = np.where(valid, means, 0.0)
    size = np.abs(y).max(0, initial=0.0)
    y = np.where(valid, y - y.sum(0) / n, 0.0)
    rest = y - t * ((t * y).sum(0) / np.maximum((t * t).sum(0), 1e-300))
    rest[np.abs(rest) < 1e-10 * size] = 0.0
    return np.where(valid, rest, np.nan)
