"""Trends in per cent of what they are trends of."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.apply import map_cells
from gridtrend.grid.base_period import steps_of_base
from gridtrend.grid.cf import refuse_scale
from gridtrend.grid.checks import check_array, is_number
from gridtrend.grid.dates import with_dates
from gridtrend.grid.dialect import given
from gridtrend.grid.names import named_as_in

RATES = ("slope", "slope_lower", "slope_upper", "stderr")


def as_percent(result: xr.Dataset, base: Any, dim: str = "time", *, period: Any = None) -> xr.Dataset:
    """Slopes and their limits in per cent of a base, beside the absolute ones.

    Parameters
    ----------
    result : Dataset
        With `slope`, of any function that gives one.
    base : number, DataArray, or "start"
        What is 100 %: a number, a field, a record, which counts with the mean of its `period`, or "start", the value of the
        fitted line where its intercept holds, at the beginning of a record with dates.
    dim : str
        The dimension of time of a record.
    period : pair, optional
        First and last year of the record that count, ("1981", "2010"), both included; by default all.

    Returns
    -------
    Dataset
        `result` with `slope_percent`, and `slope_lower_percent`, `slope_upper_percent`, `stderr_percent` where there are
        such: float64, in ``% year-1`` or as the slope is. They have the signs of the slopes, and are missing where the base
        is 0, or a record has values of both signs in its period. Lazy if one of both is.

    Raises
    ------
    TypeError
        If `result` is not a Dataset, or `base` nothing of these.
    ValueError
        If `result` has no slope, if `period` lies outside the record, or if the base is a temperature in degC or degF, whose
        zero is arbitrary.

    Notes
    -----
    The base is taken as exact: limits do not count its own error.

    References
    ----------
    Fetterer, F. et al. (2017). Sea Ice Index, Version 3. NSIDC. doi:10.7265/N5K072F8

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> ice = xr.DataArray([8.0, 7.5, 7.0, 6.0, 6.5], {"year": range(2001, 2006)}, "year", attrs={"units": "1e6 km2"})
    >>> trend = gt.as_percent(gt.theil_sen(ice, "year"), ice, "year", period=(2001, 2003))
    >>> round(float(trend.slope_percent), 2), trend.slope_percent.attrs["units"]
    (-6.67, '% year-1')
    """
    if not isinstance(result, xr.Dataset):
        raise TypeError(f"the result of a trend is expected, a Dataset, not {type(result).__name__}: gt.theil_sen(da).")
    rates = [name for name in RATES if name in result.data_vars]
    if "slope" not in rates:
        found = ", ".join(map(str, result.data_vars)) or "nothing"
        raise ValueError(f"the result has no slope, only {found}; compute one: gt.theil_sen(da).")
    hundred, text = _base(result, base, dim, period)
    added = {}
    for name in rates:
        (share,) = map_cells(percent, [result[name], hundred], [[], []], [[]], [float], {})
        values = share.variable
        attrs = {"long_name": f"{result[name].attrs.get('long_name', name)}, in per cent of {text}"}
        per = str(result.attrs.get("slope_per", ""))
        plain = per in ("", "step", "unit of the coordinate")
        attrs["units"] = "%" if plain else f"% {per}-1"
        attrs["comment"] = "missing where the base is 0 or of both signs"
        order = (*(name for name in result[name].dims if name in values.dims), ...)
        added[f"{name}_percent"] = xr.Variable(values.dims, values.data, attrs).transpose(*order)
    return result.assign(added).assign_attrs(percent_of=text)


def percent(values: np.ndarray, hundred: np.ndarray) -> np.ndarray:
    """Values in per cent of the magnitude of others, missing where that is 0."""
    with np.errstate(all="ignore"):
        return np.where(hundred != 0, 100.0 * (values / np.abs(hundred)), np.nan)


def _base(result: xr.Dataset, base: Any, dim: str, period: Any) -> tuple[xr.DataArray, str]:
    """What is 100 %, and its description."""
    if isinstance(base, str) and base == "start":
        if "intercept" not in result.data_vars:
            raise ValueError("base='start' needs the intercept of a line, which the result does not have.")
        refuse_scale(result["intercept"].attrs)
        return result["intercept"], "the line at its start"
    if is_number(base):
        if period is not None:
            raise ValueError(f"{given('period', period)} is for a record as base, not for a number.")
        return xr.DataArray(float(base)), f"{float(base):g}"
    if not isinstance(base, xr.DataArray):
        raise TypeError(f"base={base!r} is no base; give a number, a DataArray, or 'start'.")
    refuse_scale(base.attrs)
    # Dimensions that are called like a result have another name there.
    base = named_as_in(result, base.to_dataset(name="_record"))["_record"]
    if dim not in base.dims:
        if period is not None:
            raise ValueError(
                f"{given('period', period)} is for a record as base, and the base has no dimension {dim!r}."
            )
        return base, "the base"
    check_array(base, dim)
    some = base if period is None else base.isel({dim: steps_of_base(base, dim, period, "period")})
    some = some.where(np.isfinite(some)).astype(float)
    if dim in some.coords:
        some = some.isel({dim: np.argsort(with_dates(some, dim, strict=False)[dim].values, kind="stable")})
    some = some if some.chunks is None else some.chunk({dim: -1})
    # One after the other in the order of time, so that a cell by itself has the same sum to the bit.
    mean = some.fillna(0.0).cumsum(dim).isel({dim: -1}, drop=True) / some.count(dim).where(lambda count: count > 0)
    both = (some < 0).any(dim) & (some > 0).any(dim)
    text = "the mean of the record" if period is None else "the mean of " + _text(period)
    return mean.where(~both), text


def _text(period: Any) -> str:
    return " to ".join(map(str, period.split(":") if isinstance(period, str) else period))
