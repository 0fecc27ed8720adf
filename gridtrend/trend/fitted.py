"""The line that a result describes, at the times of its record."""

import numpy as np
import xarray as xr

from gridtrend.grid.cf import data_name
from gridtrend.grid.checks import check_array
from gridtrend.grid.names import named_as_in
from gridtrend.grid.timeaxis import TimeAxis, time_axis


def fitted(result: xr.Dataset, da: xr.DataArray, dim: str = "time") -> xr.DataArray:
    """The line of a result at every time of its record.

    Parameters
    ----------
    result : Dataset
        With `slope` and `intercept`, as `theil_sen`, `siegel_slope`, `linear_trend` and `mann_kendall` give them.
    da : DataArray, shape (..., time, ...)
        The record that it is of.
    dim : str
        The dimension that was followed.

    Returns
    -------
    DataArray, shape (..., time, ...)
        float64, with the coordinates of `da`, at all its times, missing in cells without a slope. Lazy if `result` is.

    Raises
    ------
    TypeError
        If `result` is not a Dataset, or `da` not a DataArray of real numbers.
    ValueError
        If `result` has no line, or one of another record: an intercept holds at the beginning of its own.

    See Also
    --------
    detrend : the record without its line.

    Notes
    -----
    The line is intercept + slope t, with t in the unit of the slope from where the intercept holds, which is an attribute of
    the result.

    References
    ----------
    Conover, W. J. (1980). Practical Nonparametric Statistics, 2nd ed., Wiley; in the words of Sen, P. K. (1968). J. Am. Stat.
    Assoc. 63, 1379-1389. doi:10.1080/01621459.1968.10480934

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> level = xr.DataArray([1.0, 2.0, 3.5, 4.0, 5.0], dims="time")
    >>> gt.fitted(gt.theil_sen(level), level).values.tolist()
    [1.5, 2.5, 3.5, 4.5, 5.5]
    """
    if not isinstance(result, xr.Dataset):
        raise TypeError(f"the result of a trend is expected, a Dataset, not {type(result).__name__}: gt.theil_sen(da).")
    check_array(da, dim)
    if not {"slope", "intercept"} <= set(result.data_vars):
        found = ", ".join(map(str, result.data_vars)) or "nothing"
        raise ValueError(f"the result has no line, slope and intercept, only {found}; compute one: gt.theil_sen(da).")
    unit = result.attrs.get("slope_per", "unit of the coordinate")
    axis = time_axis(da, dim, "auto" if unit == "unit of the coordinate" else unit)
    where = str(result.attrs.get("intercept", "")).rpartition("at ")[2]
    if where != axis.origin:
        raise ValueError(
            f"the intercept holds at {where or 'an unknown time'}, and that of this record would hold at {axis.origin}: "
            "give the record that the result is of."
        )
    times = line_values(da, dim, axis.values / axis.per, axis).variable
    line = result["intercept"].variable + result["slope"].variable * times
    # Dimensions that are called like a result have another name there.
    theirs = named_as_in(result, da.to_dataset(name="_record"))["_record"].dims
    own = dict(zip(theirs, da.dims, strict=True))
    line = xr.Variable([own.get(name, name) for name in line.dims], line.data)
    values = line.transpose(*(name for name in da.dims if name in line.dims))
    kept = {name: coord for name, coord in da.coords.items() if set(coord.dims) <= set(values.dims)}
    attrs = {"long_name": f"line of {data_name(da.name, da.attrs)}"}
    attrs |= {key: da.attrs[key] for key in ("units", "units_metadata") if key in da.attrs}
    return xr.DataArray(
        values, xr.Coordinates(kept, {n: i for n, i in da.xindexes.items() if n in kept}), name=da.name, attrs=attrs
    )


def line_values(da: xr.DataArray, dim: str, values: np.ndarray, axis: TimeAxis) -> xr.DataArray:
    """Values in the order of time, in the order of the record."""
    if axis.order is None:
        return xr.DataArray(values, dims=dim)
    placed = np.empty(values.size)
    placed[axis.order] = values
    return xr.DataArray(placed, dims=dim)
