"""Yearly and monthly values, and one value a year of each season, of a record of finer steps."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.apply import package_version
from gridtrend.grid.calendars import with_year_zero
from gridtrend.grid.cf import data_name
from gridtrend.grid.checks import check_array, check_share
from gridtrend.grid.dates import are_dates, with_dates
from gridtrend.grid.dialect import given
from gridtrend.grid.refusals import Refusal
from gridtrend.grid.timeaxis import described as described_times
from gridtrend.grid.timeaxis import time_axis
from gridtrend.seasons.fold import reduce_periods
from gridtrend.seasons.periods import FREQUENCIES, Kind, Steps, are_several, edge_names, kinds_of, steps_of
from gridtrend.seasons.reductions import How, described, reduction


def aggregate(
    da: xr.DataArray,
    dim: str = "time",
    *,
    freq: str = "year",
    season: Any = None,
    how: str = "mean",
    min_coverage: float = 0.8,
    weights: str | None = None,
) -> xr.DataArray:
    """One value a year, a month or a season of each year, from steps of any length, of any calendar.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, in any chunks: files of a year each are reduced one after the other, before
        they are joined. NaN and infinite values are missing. Its coordinate `dim` holds dates, in any order.
    dim : str
        The dimension of time.
    freq : {"year", "month"}
        Of calendar years or months.
    season : str, int, sequence, optional
        Months that follow one another: their initials ("DJF", "JJAS"), a span ("May-Oct"), a name ("July"), or numbers
        (7, or (12, 1, 2)). Several, ["DJF", "JJA"], give results a dimension `season`. A season that crosses the new
        year belongs to the year of its end.
    how : str
        "mean", "sum", "min", "max", "median", "std" (about the mean, divided by n), "count" (of valid values), a percentile
        such as "p95" (linear between values), or a comparison such as "count>25" (how many steps are above 25, in the units
        of the data).
    min_coverage : float
        Share, from 0 to 1, of the steps that a period should have by the calendar: a period with fewer valid values is
        missing, whether steps are missing or their values. "count" is never missing.
    weights : {"days", None}
        For the mean of a record of months: "days" weighs each month by its number of days, None all alike.

    Returns
    -------
    DataArray, shape (..., time, ...) or (season, ..., time, ...)
        One value for each period from the first to the last that has a step. `dim` is the middle of the period, or of the
        year where there are several seasons; the coordinates `{dim}_start` and `{dim}_end` are the bounds of each period.
        float64; "min" and "max" of float32 are float32. Lazy if `da` is, with `dim` in one chunk.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `da` has no dimension `dim` or no dates along it, if dates are missing or repeated, if the record has no step in a season, if
        its steps are longer than the period, or if an option is not known.

    See Also
    --------
    analyze : the trend of what this gives, in one call.

    Notes
    -----
    A step lies in the period that holds its date, or the middle of its bounds where `da` has them as coordinates `{dim}_start`
    and `{dim}_end`; ``ds.gridtrend.aggregate()`` takes those of the Dataset. The steps that a period should have are those of
    the calendar; where steps have no common length (dekads, composites of 16 days), as many as the fullest period of the
    record has. Each value is read once. Sums are of float64 in the order of time: results do not depend on chunks.

    References
    ----------
    Schulzweida, U. (2023). CDO User Guide, statistical values. doi:10.5281/zenodo.10020800

    Welford, B. P. (1962). Technometrics 4, 419-420. doi:10.1080/00401706.1962.10490022

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> days = xr.date_range("2001-01-01", "2003-12-31")
    >>> tas = xr.DataArray(days.month * 1.0, {"time": days}, dims="time", name="tas", attrs={"units": "degC"})
    >>> gt.aggregate(tas, season="JJA").values.round(2).tolist()
    [7.01, 7.01, 7.01]
    >>> warm = gt.aggregate(tas, season=["DJF", "May-Oct"], how="count>8")
    >>> warm.sel(season="DJF").values.tolist(), warm.sel(season="May-Oct").values.tolist()
    ([nan, 31.0, 31.0, nan], [61.0, 61.0, 61.0, nan])
    """
    check_array(da, dim)
    kinds, reduced = kinds_of(freq, season), reduction(how, da.attrs.get("units"))
    least = check_share("min_coverage", min_coverage)
    da = _in_order(da, dim)
    steps = steps_of(da, dim)
    days = _days_of_months(steps, weights, reduced, dim)
    several = season is not None and are_several(season)
    spans = [_span(kind, steps, dim) for kind in kinds]
    if several:
        # Seasons have one axis of years.
        first, last = min(span[0] for span in spans), max(span[-1] for span in spans)
        spans = [np.arange(first, last + 1)] * len(spans)
    parts = [_values(da, dim, steps, kind, span, reduced, least, days) for kind, span in zip(kinds, spans, strict=True)]
    result = _labelled(da, dim, parts, steps, kinds, spans[0], several)
    result.attrs = described(da.attrs, data_name(da.name, da.attrs), reduced, dim, days is not None)
    result.attrs |= {"min_coverage": least, "gridtrend_version": package_version()}
    if season is not None:
        result[dim].attrs["comment"] = f"seasons belong to the year of their end; {described_places(several)}"
    return result


def described_places(several: bool) -> str:
    """Meaning of the times of the result."""
    return "times are the middle of that year" if several else "times are the middle of the season"


def _in_order(da: xr.DataArray, dim: str) -> xr.DataArray:
    """The record with dates, in the order of time."""
    da = with_dates(da, dim)
    if dim not in da.coords or not are_dates(da[dim].variable):
        raise Refusal(
            f"{dim!r} {'holds numbers' if dim in da.coords else 'has no coordinate'}, and years and seasons need dates.",
            f"Give them, da.assign_coords({dim}=xarray.date_range('1961-01-01', periods={da.sizes[dim]}, freq='D')), or "
            f"decode them with xarray.decode_cf(ds).",
            "Leave --season and --aggregate out, or write units such as 'days since 1961-01-01' into the file",
        )
    if not da.sizes[dim]:
        raise Refusal(f"{dim!r} has no steps, so that there is no year.", "", "")
    order = time_axis(da, dim, "day").order
    return da if order is None else da.isel({dim: order})


def _span(kind: Kind, steps: Steps, dim: str) -> np.ndarray:
    """Numbers of all periods from the first to the last that has a step."""
    numbers = kind.of_months(steps.months)
    if not (numbers >= 0).any():
        first, last = steps.dates[[0, -1]]
        raise Refusal(
            f"the record ({dim!r} from {first} to {last}) has no step in the months of season {kind.name!r}.",
            "Choose a season that it has, season=...",
            "Choose a season that it has, --season NAME",
        )
    numbers = numbers[numbers >= 0]
    return np.arange(numbers.min(), numbers.max() + 1)


def _days_of_months(steps: Steps, weights: Any, how: How, dim: str) -> np.ndarray | None:
    """The number of days of each month of a record of months, where means are to weigh them."""
    if weights is None:
        return None
    if weights != "days" or not isinstance(weights, str):
        raise ValueError(f"{given('weights', weights)} is not known; use 'days', or None.")
    if how.name != "mean":
        raise ValueError(f"{given('weights', weights)} is for means, how='mean'.")
    if steps.apart != 1:
        raise Refusal(
            f"{given('weights', weights)} is for records of months, and the steps of {dim!r} are none.",
            "Leave it out: steps of equal length weigh alike.",
            "Leave it out: steps of equal length weigh alike",
        )
    with with_year_zero():
        return np.array(xr.DataArray(steps.dates, dims=dim).dt.days_in_month.values, float)


def _values(
    da: xr.DataArray,
    dim: str,
    steps: Steps,
    kind: Kind,
    span: np.ndarray,
    how: How,
    least: float,
    days: np.ndarray | None,
) -> xr.Variable:
    """Values of all periods of one kind, `dim` first."""
    expected = steps.expected(kind, span)
    # The coverage of steps of unknown length is unknown: results are missing, except with min_coverage=0.
    enough = np.where(np.isnan(expected), np.inf if least else 0.0, least * np.nan_to_num(expected) - 1e-9)
    numbers = kind.of_months(steps.months)
    numbers = np.where(numbers >= 0, numbers - span[0], -1)
    variable = da.variable.transpose(dim, ...)
    if how.keeps_all:
        variable = _in_narrow_chunks(variable, dim, int(np.bincount(numbers[numbers >= 0]).max()))
    # Steps of other months are skipped inside each chunk: selecting steps before would keep the selection in memory.
    data = reduce_periods(variable.data, numbers, enough, how, days)
    return xr.Variable(variable.dims, data)


def _in_narrow_chunks(variable: xr.Variable, dim: str, longest: int) -> xr.Variable:
    """Chunks so narrow that a whole period fits what dask takes for the size of a chunk."""
    if variable.chunks is None or variable.ndim == 1:
        return variable
    import dask
    from dask.utils import parse_bytes

    widths = {name: max(sizes) for name, sizes in variable.chunksizes.items() if name != dim}
    period = longest * math.prod(widths.values()) * variable.dtype.itemsize
    pieces = math.ceil(period / parse_bytes(dask.config.get("array.chunk-size")))
    if pieces <= 1:
        return variable
    widest = max(widths, key=lambda name: widths[name])
    return variable.chunk({widest: max(widths[widest] // pieces, 1)})


def _labelled(
    da: xr.DataArray,
    dim: str,
    parts: Sequence[xr.Variable],
    steps: Steps,
    kinds: Sequence[Kind],
    span: np.ndarray,
    several: bool,
) -> xr.DataArray:
    """The result with the coordinates of the record, its times and their bounds."""
    rest = da.isel({dim: 0}, drop=True)
    bounds = [steps.bounds(kind, span) for kind in kinds]
    # Seasons of one year have one time.
    ends = steps.bounds(FREQUENCIES["year"], span) if several else bounds[0]
    with with_year_zero():
        middle = ends[:, 0] + (ends[:, 1] - ends[:, 0]) / 2
    attrs, encoding = described_times(da[dim], "")
    # A DataArray has no coordinates with further dimensions, as bounds of CF are.
    times = {dim: xr.Variable(dim, middle, {key: value for key, value in attrs.items() if key != "bounds"}, encoding)}
    arrays = [xr.DataArray(part, rest.coords, name=da.name).transpose(*da.dims) for part in parts]
    if several:
        result = xr.concat(arrays, "season", coords="minimal", compat="override", join="exact")
        season, edges = xr.Variable("season", [kind.name for kind in kinds]), np.stack(bounds)
    else:
        result = arrays[0]
        season, edges = xr.Variable((), kinds[0].name), bounds[0]
    if several or kinds[0] not in FREQUENCIES.values():
        season.attrs["long_name"] = "months of the year"
        times["season"] = season
    for place, name in enumerate(edge_names(dim)):
        what = f"{('beginning', 'end')[place]} of the period"
        times[name] = xr.Variable((*season.dims, dim), edges[..., place], {"long_name": what}, encoding)
    return result.assign_coords(times)
