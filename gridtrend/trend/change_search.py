"""What the tests for a change of level share: search, null distribution, and the time of the change as the record has it."""

import functools
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.engine.output import Output
from gridtrend.grid.apply import apply, apply_function
from gridtrend.grid.calendars import with_year_zero
from gridtrend.grid.checks import check_alpha, check_array, check_min_valid, check_seed
from gridtrend.grid.dates import with_dates
from gridtrend.grid.timeaxis import TimeAxis, time_axis
from gridtrend.trend.cycle import ANOMALIES, warn_of_cycle
from gridtrend.trend.kernels import change_points as kernels
from gridtrend.trend.options import check_draws

P_VALUE = Output("p_value", "p-value of the test for a change of {data}", attrs=(("valid_range", (0.0, 1.0)),))
NAMES = ("statistic", "p_value", "change_time", "mean_before", "mean_after", "n_valid", "change")
_DRAWING = threading.Lock()


def find_change(
    da: xr.DataArray,
    dim: str,
    method: str,
    test: int,
    alpha: float,
    simulations: int | None,
    seed: int,
    min_valid: int,
) -> xr.Dataset:
    """Find the change of every cell, judge it, and tell its time as the record does.

    Parameters
    ----------
    da, dim, alpha, seed, min_valid
        As the public functions take them.
    method : str
        What the test is called.
    test : int
        Its code.
    simulations : int or None
        How many series the null distribution comes from; None for Pettitt's formula.
    """
    check_array(da, dim)
    alpha = check_alpha(alpha)
    if simulations is not None:
        simulations, seed = check_draws("simulations", simulations, alpha), check_seed(seed)
    da = with_dates(da, dim, strict=False)
    axis = time_axis(da, dim, "step")
    warn_of_cycle(da, dim=dim, remedy=ANOMALIES)
    found = apply(kernels.change_point, da, dim=dim, axis=axis, test=test, min_valid=check_min_valid(min_valid))
    judged = apply_function(
        _judge,
        *(found[name] for name in ("statistic", "n_valid", "change")),
        outputs=(P_VALUE, kernels.CHANGE),
        like=da,
        test=test,
        alpha=alpha,
        simulations=simulations,
        seed=seed,
    )
    judged["change"].attrs |= {"alpha": alpha, "comment": f"p_value < {alpha:g}"}
    told = {**found, **judged, "change_time": _times(found["change_time"], da, dim, axis)}
    result = xr.Dataset({name: told[name] for name in NAMES}, found.coords, found.attrs)
    attrs = {"method": method, "alpha": alpha, "min_valid": int(min_valid)}
    if simulations is None:
        return result.assign_attrs(attrs, p_value="formula")
    return result.assign_attrs(attrs, p_value="simulated", simulations=simulations, seed=seed)


def _judge(
    statistic: Any, n_valid: Any, change: Any, *, test: int, alpha: float, simulations: int | None, seed: int
) -> tuple[Any, Any]:
    """p-values, and the direction of the changes that are significant."""
    if simulations is not None:
        p = np.full(statistic.shape, np.nan)
        for n in np.unique(n_valid[np.isfinite(statistic)]).tolist():
            here = (n_valid == n) & np.isfinite(statistic)
            null = _null(test, n, simulations, seed)
            p[here] = (1 + simulations - np.searchsorted(null, statistic[here] * kernels.EQUAL)) / (simulations + 1)
    else:
        n = n_valid.astype(float)
        p = np.minimum(2.0 * np.exp(-6.0 * statistic**2 / np.maximum(n**3 + n**2, 1.0)), 1.0)
    return p, np.where(p < alpha, change, 0).astype(change.dtype)


def _null(test: int, n: int, simulations: int, seed: int) -> Any:
    """Sorted statistics of series of `n` values without a change, drawn once in a process."""
    with _DRAWING:
        return _draw(test, n, simulations, seed)


@functools.lru_cache(maxsize=256)
def _draw(test: int, n: int, simulations: int, seed: int) -> Any:
    rng = np.random.default_rng([seed, n])
    # A few megabytes at a time; the numbers do not depend on it.
    batch = max(1, 2**20 // n)
    drawn = []
    for first in range(0, simulations, batch):
        series = rng.standard_normal((min(batch, simulations - first), n))
        statistic, *_ = kernels.change_point(series, t=np.arange(float(n)), test=test, min_valid=2)
        drawn.append(statistic)
    return np.sort(np.concatenate(drawn))


def _times(step: xr.DataArray, da: xr.DataArray, dim: str, axis: TimeAxis) -> xr.DataArray:
    """Steps of the sorted record as its own times."""
    if dim not in da.coords or da.sizes[dim] == 0:
        return step
    values = da[dim].values if axis.order is None else da[dim].values[axis.order]
    attrs = {key: da[dim].attrs[key] for key in ("units",) if key in da[dim].attrs}
    if values.dtype.kind == "O":
        # Cells without a change have no time, and cftime has no missing date: numbers, which xarray.decode_cf decodes.
        import cftime

        # CF knows no year 0 in the calendars of the world.
        first = values[0].isoformat(" ") if values[0].year > 0 else "2000-01-01"
        attrs = {"units": f"days since {first}", "calendar": values[0].calendar}
        with with_year_zero():
            values = cftime.date2num(values, **attrs, has_year_zero=values[0].has_year_zero).astype(float)
    elif values.dtype.kind in "iuf":
        values = values.astype(float)
    output = replace(kernels.CHANGE_TIME, dtype=values.dtype.str, units=None, attrs=tuple(attrs.items()))
    return apply_function(_pick, step, outputs=(output,), like=da, values=values)["change_time"]


def _pick(step: Any, *, values: Any) -> Any:
    """The value at each step, missing where there is no step."""
    missing = np.isnan(step)
    picked = np.full(step.shape, np.nan if values.dtype.kind == "f" else "NaT", values.dtype)
    picked[~missing] = values[step[~missing].astype(int)]
    return picked
