"""Differences from the mean of a base period, month by month, day by day, or season by season."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.base_period import steps_of_base
from gridtrend.grid.cf import refuse_scale, slope_units, temperature_kind
from gridtrend.grid.checks import check_array, check_flag, choose
from gridtrend.grid.dates import are_dates, with_dates
from gridtrend.grid.dialect import given
from gridtrend.grid.refusals import Refusal
from gridtrend.seasons.fold import reduce_periods
from gridtrend.seasons.reductions import How


def _day(dates: Any) -> Any:
    return 100 * dates.month + dates.day


PHASES: dict[str | None, Any] = {
    "month": lambda dates: dates.month,
    "day": _day,
    "season": lambda dates: dates.month % 12 // 3,
    None: None,
}


def anomalies(
    da: xr.DataArray,
    dim: str = "time",
    *,
    base: Any = None,
    by: str | None = "month",
    relative: bool = False,
    standardize: bool = False,
) -> xr.DataArray:
    """Differences from the mean of a base period, each month of the year from its own mean.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, in any chunks. NaN and infinite values are missing.
    dim : str
        The dimension of time.
    base : pair, optional
        First and last year of the base period, ("1961", "1990"), or months or days, both included; by default the whole
        record.
    by : {"month", "day", "season", None}
        What has a mean of its own: each month, each day of the year (29 February has its own), each season (DJF, MAM, JJA,
        SON), or the whole record (for yearly values).
    relative : bool
        In per cent of the mean, which must not be 0; refused for temperatures whose zero is arbitrary (degC).
    standardize : bool
        In standard deviations of the base period (divided by n), each month in its own.

    Returns
    -------
    DataArray, shape (..., time, ...)
        float64, with the coordinates of `da`. Missing where the base period of a month has no valid value, where its mean
        is 0 with `relative`, or its deviation with `standardize`. Lazy if `da` is, in its chunks.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `da` has no dimension `dim` or no dates along it, if `base` lies outside the record, or if an option is not known.

    Notes
    -----
    A lazy record is needed twice, for the means and for the differences: dask keeps the chunks that lie in the base period in
    memory, or reads them again if the means are computed beforehand. A cell that has the same values every year has
    anomalies of 0, to the bit.

    References
    ----------
    WMO (2017). Guidelines on the Calculation of Climate Normals, WMO-No. 1203. The mean is updated value by value: Welford,
    B. P. (1962). Technometrics 4, 419-420. doi:10.1080/00401706.1962.10490022

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> months = xr.date_range("2001-01", periods=36, freq="MS")
    >>> tas = xr.DataArray(months.month + 10.0 * (months.year == 2003), {"time": months}, dims="time")
    >>> gt.anomalies(tas, base=("2001", "2002"))[::12].values.tolist()
    [0.0, 0.0, 10.0]
    """
    check_array(da, dim)
    phase_of = choose("by", by, PHASES)
    relative, standardize = check_flag("relative", relative), check_flag("standardize", standardize)
    if relative and standardize:
        raise ValueError("relative=True and standardize=True exclude each other: leave one of them out.")
    if relative:
        refuse_scale(da.attrs)
    dated = with_dates(da, dim)
    inside = np.arange(da.sizes[dim]) if base is None else steps_of_base(da, dim, base)
    phases = np.zeros(da.sizes[dim], np.int64)
    if phase_of is not None:
        if dim not in dated.coords or not are_dates(dated[dim].variable):
            raise Refusal(
                f"{given('by', by)} needs dates, and {dim!r} has none.",
                f"Give them, da.assign_coords({dim}=...), or take one mean of all steps, by=None.",
                "Write units such as 'days since 1961-01-01' into the file",
            )
        phases = phase_of(dated[dim].dt).values.astype(np.int64)
    known, codes = np.unique(phases, return_inverse=True)
    # In the order of time, so that sums do not depend on that of the record.
    order = np.argsort(dated[dim].values, kind="stable") if dim in dated.coords else np.arange(codes.size)
    inside = order[np.isin(order, inside)]
    variable = da.variable.transpose(dim, ...)
    means = _of_phases(variable, dim, codes, known.size, inside, How("mean"))
    scales = _of_phases(variable, dim, codes, known.size, inside, How("std")) if standardize else means
    values = _differences(variable.data, means, scales, codes, 1 if relative else 2 if standardize else 0)
    result = xr.DataArray(xr.Variable(variable.dims, values), da.coords, name=da.name).transpose(*da.dims)
    # Results have attributes of their own.
    result.attrs = _described(da.attrs, relative, standardize, base, by)
    return result.copy(deep=False)


def _of_phases(
    variable: xr.Variable, dim: str, codes: np.ndarray, count: int, inside: np.ndarray, how: How
) -> list[Any]:
    """A statistic of each phase of the year in the base period, shape (1, ...) each."""
    found = []
    for code in range(count):
        steps = inside[codes[inside] == code]
        some = variable.isel({dim: steps})
        found.append(reduce_periods(some.data, np.zeros(steps.size, np.int64), np.ones(1), how))
    return found


def _differences(data: Any, means: list[Any], scales: list[Any], codes: np.ndarray, kind: int) -> Any:
    if not hasattr(data, "dask"):
        return subtract(data, np.concatenate(means), np.concatenate(scales), codes, kind)
    import dask.array

    cells = tuple(range(1, data.ndim))
    join: Any = dask.array.concatenate
    joined = [join(parts).rechunk({0: -1}) for parts in (means, scales)]
    phases: Any = dask.array.from_array(codes, chunks=(data.chunks[0],))  # type: ignore[no-untyped-call]
    return dask.array.blockwise(  # type: ignore[no-untyped-call]
        subtract,
        (0, *cells),
        data,
        (0, *cells),
        *(each for part in joined for each in (part, (-1, *cells))),
        phases,
        (0,),
        kind,
        None,
        dtype=float,
        concatenate=True,
        align_arrays=False,
        meta=np.empty((0,) * data.ndim),
    )


def subtract(block: np.ndarray, means: np.ndarray, scales: np.ndarray, codes: np.ndarray, kind: int) -> np.ndarray:
    """Differences of steps from the means of their phases; in per cent of those (1), or in units of `scales` (2)."""
    with np.errstate(all="ignore"):
        result = np.where(np.isfinite(block), block, np.nan) - means[codes]
        if kind:
            scale = np.abs(scales[codes]) / 100 if kind == 1 else scales[codes]
            result = np.where(scale > 0, result / scale, np.nan)
    return np.asarray(result)


def _described(attrs: dict[Any, Any], relative: bool, standardize: bool, base: Any, by: str | None) -> dict[Any, Any]:
    result = {key: value for key, value in attrs.items() if key not in ("valid_min", "valid_max", "valid_range")}
    if isinstance(name := attrs.get("standard_name"), str) and not (relative or standardize):
        result["standard_name"] = f"{name.removesuffix('_anomaly')}_anomaly"
    else:
        result.pop("standard_name", None)
    if relative or standardize:
        result["units"] = "%" if relative else "1"
    elif (units := slope_units(attrs.get("units"), "step")) is not None:
        result["units"] = units
        result |= temperature_kind(units, "{slope}")
    period = (
        "the whole record"
        if base is None
        else " to ".join(map(str, base.split(":") if isinstance(base, str) else base))
    )
    result["base_period"] = period
    result["comment"] = f"anomalies by {by or 'the mean of all steps'}"
    return result
