"""Siegel's repeated-median slopes on every cell of a grid."""

import xarray as xr

from gridtrend.grid.apply import apply
from gridtrend.grid.checks import check_array, check_min_valid, choose
from gridtrend.grid.names import distinct
from gridtrend.grid.timeaxis import time_axis
from gridtrend.trend.cycle import warn_of_cycle
from gridtrend.trend.kernels import siegel_slope as kernels
from gridtrend.trend.theil_sen import INTERCEPTS, line_attrs


@distinct()
def siegel_slope(
    da: xr.DataArray,
    dim: str = "time",
    *,
    per: str = "auto",
    intercept: str = "joint",
    min_valid: int = 2,
) -> xr.Dataset:
    """Siegel's repeated-median slope, which up to half of the values can be wrong without spoiling, in every cell.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing: they are
        skipped at their true times. `dim` must lie in one dask chunk.
    dim : str
        The dimension to follow. A coordinate of dates (any calendar) or numbers is used as it is, irregular or unsorted.
    per : str
        Unit of time of the slope: "year" (of the record's own calendar), "decade", "day", ..., or "step". "auto" is the
        year; where a numeric coordinate names no unit of time, its own unit; without a coordinate, the step.
    intercept : {"joint", "conover"}
        median(y - slope t), which is "hierarchical" in `scipy.stats.siegelslopes`, or median(y) - slope median(t). It
        holds at the first time of a record with dates, at the first step, or at 0 of a numeric coordinate.
    min_valid : int
        Cells with fewer valid values become missing; their `n_valid` is still given.

    Returns
    -------
    Dataset, shape (...)
        slope : float64, units of `da` per `per`
            Median over all points of the median slope between the point and all others.
        intercept : float64, units of `da`
        n_valid : int32

        Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `dim` is no dimension of `da` or is split over several dask chunks, if times are missing or repeated, or if an option
        is not known.

    See Also
    --------
    theil_sen : withstands 29 % of wrong values, with confidence limits.

    Notes
    -----
    Exact medians. O(n**2) time a cell for n up to 100, about O(n log n) beyond, O(n) memory.

    References
    ----------
    Siegel, A. F. (1982). Biometrika 69, 242-244. doi:10.1093/biomet/69.1.242

    Matousek, J., Mount, D. M. & Netanyahu, N. S. (1998). Algorithmica 20, 136-150. doi:10.1007/PL00009190

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> level = xr.DataArray([1.0, 2.0, 3.0, 40.0, 5.0, 60.0, 7.0], dims="time")
    >>> float(gt.siegel_slope(level).slope)
    1.0
    """
    check_array(da, dim)
    axis = time_axis(da, dim, per, slopes=True)
    warn_of_cycle(da, dim=dim)
    result = apply(
        kernels.siegel_slope,
        da,
        dim=dim,
        axis=axis,
        per=axis.per,
        intercept_method=choose("intercept", intercept, INTERCEPTS),
        min_valid=check_min_valid(min_valid),
    )
    result["slope"].attrs["ancillary_variables"] = "n_valid"
    return result.assign_attrs(
        {"method": "Siegel repeated-median slope", "min_valid": int(min_valid)} | line_attrs(axis, intercept)
    )
