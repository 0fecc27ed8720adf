"""Spearman's rank correlation with time, in every cell of a grid."""

import xarray as xr

from gridtrend.grid.apply import apply
from gridtrend.grid.checks import check_alpha, check_array, check_min_valid, choose
from gridtrend.grid.names import distinct
from gridtrend.grid.timeaxis import time_axis
from gridtrend.trend.cycle import ANOMALIES, warn_of_cycle
from gridtrend.trend.kernels import spearman_rho as kernels
from gridtrend.trend.options import ALTERNATIVES, flag_attrs

P_VALUES = {"t": kernels.T, "auto": kernels.AUTO}


@distinct()
def spearman_rho(
    da: xr.DataArray,
    dim: str = "time",
    *,
    alpha: float = 0.05,
    alternative: str = "two-sided",
    p_value: str = "t",
    min_valid: int = 4,
) -> xr.Dataset:
    """Spearman's rank correlation with time, a test for a monotonic trend, in every cell.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing and skipped. `dim`
        must lie in one dask chunk.
    dim : str
        The dimension to follow, in the order of its coordinate, which may be unsorted.
    alpha : float
        Level of the flag `trend`.
    alternative : {"two-sided", "increasing", "decreasing"}
        What `p_value` and `trend` test for; "greater" and "less" are the same as the latter two.
    p_value : {"t", "auto"}
        From Student's t with n - 2 degrees of freedom, an approximation. With "auto", series of up to 9 values have the
        exact p-value instead: the share of all orders of the values with a correlation as large.
    min_valid : int
        Cells with fewer valid values become missing; they keep their `n_valid`.

    Returns
    -------
    Dataset, shape (...)
        rho, p_value : float64, dimensionless
            Rank correlation with time, and its p-value.
        n_valid : int32
        trend : int8
            1, 0 or -1: increasing, no trend at level `alpha` (or too few values), decreasing.

        A constant series has rho 0 and p_value 1. Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `da` has no `dim` or has it split over several dask chunks, if times are missing or repeated, or if an option is
        not known.

    See Also
    --------
    mann_kendall : almost the same power, with the slope, and with methods for serial correlation.

    Notes
    -----
    Equal values share their mean rank; nothing is rounded. Values are ranked by the order of their times, whatever lies
    between. They are taken as independent: serial correlation looks like a trend. O(n log n) time a cell, and some
    milliseconds where 9 values have an exact p-value.

    References
    ----------
    Spearman, C. (1904). Am. J. Psychol. 15, 72-101. doi:10.2307/1412159

    Yue, S., Pilon, P. & Cavadias, G. (2002). J. Hydrol. 259, 254-271. doi:10.1016/S0022-1694(01)00594-7

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> rain = xr.DataArray([0.44, 1.18, 2.69, 2.08, 3.66, 1.72, 2.82, 0.72], dims="time")
    >>> result = gt.spearman_rho(rain)
    >>> round(float(result.rho), 4), round(float(result.p_value), 4), int(result.trend)
    (0.2857, 0.4927, 0)
    """
    check_array(da, dim)
    warn_of_cycle(da, dim=dim, remedy=ANOMALIES)
    result = apply(
        kernels.spearman_rho,
        da,
        dim=dim,
        axis=time_axis(da, dim),
        alpha=check_alpha(alpha),
        alternative=choose("alternative", alternative, ALTERNATIVES),
        p_method=choose("p_value", p_value, P_VALUES),
        min_valid=check_min_valid(min_valid),
    )
    result["trend"].attrs |= flag_attrs(alpha, alternative)
    return result.assign_attrs(
        method="Spearman rank correlation",
        alternative=alternative,
        alpha=float(alpha),
        p_value=p_value,
        min_valid=int(min_valid),
    )
