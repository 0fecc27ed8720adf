"""Least-squares trends on every cell of a grid."""

import xarray as xr

from gridtrend.grid.apply import apply
from gridtrend.grid.checks import check_alpha, check_array, check_min_valid, choose
from gridtrend.grid.names import distinct
from gridtrend.grid.timeaxis import time_axis
from gridtrend.trend.cycle import warn_of_cycle
from gridtrend.trend.kernels import linear_trend as kernels
from gridtrend.trend.options import ALTERNATIVES, flag_attrs, two_sided_quantile

EFFECTIVE: dict[str | None, int] = {"ar1": kernels.AR1, None: kernels.ALL}


@distinct()
def linear_trend(
    da: xr.DataArray,
    dim: str = "time",
    *,
    alpha: float = 0.05,
    alternative: str = "two-sided",
    effective: str | None = "ar1",
    per: str = "auto",
    min_valid: int = 4,
) -> xr.Dataset:
    """Least-squares slope in every cell, tested with the number of values that are as good as independent.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing: they are
        skipped at their true times. `dim` must lie in one dask chunk.
    dim : str
        The dimension to follow. A coordinate of dates (any calendar) or numbers is used as it is, irregular or unsorted.
    alpha : float
        Level of the flag `trend` and, as 1 - alpha, of the confidence limits.
    alternative : {"two-sided", "increasing", "decreasing"}
        What `p_value` and `trend` test for; "greater" and "less" are the same as the latter two.
    effective : {"ar1", None}
        How many values count. "ar1": n (1 - r1) / (1 + r1), and no more than n, with the lag-1 autocorrelation r1 of the
        residuals (Santer et al. 2008). None: all of them, as in `scipy.stats.linregress`, which takes residuals as
        independent and where they are not finds trends too often.
    per : str
        Unit of time of the slope: "year" (of the record's own calendar), "decade", "day", ..., or "step". "auto" is the
        year; where a numeric coordinate names no unit of time, its own unit; without a coordinate, the step.
    min_valid : int
        Cells with fewer valid values become missing; their `n_valid` is still given.

    Returns
    -------
    Dataset, shape (...)
        slope, slope_lower, slope_upper, stderr : float64, units of `da` per `per`
            The slope, its confidence limits and its standard error.
        intercept : float64, units of `da`
            At the first time of a record with dates, at the first step, or at 0 of a numeric coordinate.
        p_value, r1, n_effective : float64, dimensionless
            From Student's t with n_effective - 2 degrees of freedom; the autocorrelation; the effective number.
        n_valid : int32
        trend : int8
            1, 0 or -1: increasing, no trend at level `alpha` (or too few values), decreasing.

        Where no more than two values count, nothing can be said of the slope: standard error and limits are missing and
        a two-sided p_value is 1. A constant series has slope 0 and p_value 1. Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `dim` is no dimension of `da` or is split over several dask chunks, if times are missing or repeated, or if an option
        is not known.

    See Also
    --------
    theil_sen : a slope that outliers do not pull at.
    mann_kendall : a test that needs no normal residuals.

    Notes
    -----
    Autocorrelation is taken over pairs of values that are one usual (median) step apart, as the methods of `mann_kendall`
    take it: a gap is never closed. Residuals that are no larger than the rounding of the values are taken as zero. O(n)
    time a cell.

    References
    ----------
    Santer, B. D. et al. (2008). Int. J. Climatol. 28, 1703-1722. doi:10.1002/joc.1756

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> level = xr.DataArray([1.0, 1.4, 1.9, 2.2, 2.0, 2.7, 3.3, 3.5], dims="time")
    >>> result = gt.linear_trend(level)
    >>> round(float(result.slope), 4), round(float(result.stderr), 4), round(float(result.p_value), 6)
    (0.3476, 0.0324, 3.9e-05)
    """
    check_array(da, dim)
    axis = time_axis(da, dim, per, slopes=True)
    warn_of_cycle(da, dim=dim)
    result = apply(
        kernels.linear_trend,
        da,
        dim=dim,
        axis=axis,
        steps=axis.steps,
        per=axis.per,
        alpha=check_alpha(alpha),
        alternative=choose("alternative", alternative, ALTERNATIVES),
        effective=choose("effective", effective, EFFECTIVE),
        normal=two_sided_quantile(alpha),
        min_valid=check_min_valid(min_valid),
    )
    result["slope"].attrs["ancillary_variables"] = "stderr p_value slope_lower slope_upper r1 n_effective n_valid trend"
    result["trend"].attrs |= flag_attrs(alpha, alternative)
    return result.assign_attrs(
        method="least-squares line",
        alpha=float(alpha),
        alternative=alternative,
        n_effective="lag-1 autocorrelation of the residuals (Santer et al. 2008)" if effective else "all valid values",
        slope_per=axis.unit or "unit of the coordinate",
        intercept=f"at {axis.origin}",
        min_valid=int(min_valid),
    )
