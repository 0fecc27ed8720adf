"""A record without its trend."""

import warnings
from collections.abc import Callable

import numpy as np
import xarray as xr

from gridtrend.grid.checks import check_array, check_flag, choose
from gridtrend.grid.timeaxis import time_axis
from gridtrend.trend.cycle import CycleWarning
from gridtrend.trend.fitted import line_values
from gridtrend.trend.linear_trend import linear_trend
from gridtrend.trend.siegel_slope import siegel_slope
from gridtrend.trend.theil_sen import theil_sen

SLOPES: dict[str, Callable[..., xr.Dataset]] = {"theil_sen": theil_sen, "linear": linear_trend, "siegel": siegel_slope}


def detrend(da: xr.DataArray, dim: str = "time", *, method: str = "theil_sen", keep_mean: bool = True) -> xr.DataArray:
    """A record minus the line that a method fits to each cell.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed. NaN and infinite values are missing. `dim` must lie in one dask chunk.
    dim : str
        The dimension to follow, at its true times.
    method : {"theil_sen", "linear", "siegel"}
        The median of the slopes between all pairs, least squares, or repeated medians.
    keep_mean : bool
        Keep the mean of each cell: only the slope is taken away. Otherwise the whole line is.

    Returns
    -------
    DataArray, shape (..., time, ...)
        float64, with the coordinates of `da`; its slope by the same method is 0 to rounding. Missing in cells with fewer than
        two valid values. Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `dim` is no dimension of `da` or is split over several dask chunks, if times are missing or repeated, or if an option is
        not known.

    See Also
    --------
    fitted : the line itself.

    Notes
    -----
    An annual cycle is not taken away: see `anomalies`.

    References
    ----------
    Sen, P. K. (1968). J. Am. Stat. Assoc. 63, 1379-1389. doi:10.1080/01621459.1968.10480934

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> level = xr.DataArray([1.0, 2.0, 3.5, 4.0, 5.0], dims="time")
    >>> gt.detrend(level).values.tolist()
    [3.0, 3.0, 3.5, 3.0, 3.0]
    """
    check_array(da, dim)
    fit = choose("method", method, SLOPES)
    keep_mean = check_flag("keep_mean", keep_mean)
    with warnings.catch_warnings():
        # A cycle hides trends from a test; a line is taken away all the same.
        warnings.simplefilter("ignore", CycleWarning)
        result = fit(da, dim, min_valid=2)
    axis = time_axis(da, dim)
    valid = da.where(np.isfinite(da))
    if keep_mean:
        ticks = line_values(da, dim, axis.values, axis)
        # Ticks of dates are whole numbers: their sums are exact in any order.
        count = valid.count(dim)
        middle = ticks.where(valid.notnull()).sum(dim) / count.where(count > 0)
        line = (result["slope"].variable / axis.per) * (ticks.variable - middle.variable)
    else:
        times = line_values(da, dim, axis.values / axis.per, axis)
        line = result["intercept"].variable + result["slope"].variable * times.variable
    values = (valid.variable.astype(float) - line).transpose(*da.dims)
    detrended = xr.DataArray(values, da.coords, name=da.name)
    detrended.attrs = dict(da.attrs) | {
        "detrended": f"{result.attrs['method']}, {'mean kept' if keep_mean else 'without mean'}"
    }
    return detrended.copy(deep=False)
