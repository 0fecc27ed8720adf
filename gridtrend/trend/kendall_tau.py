"""Rank correlation of two fields, or of a field and a series."""

import xarray as xr

from gridtrend.grid.apply import apply
from gridtrend.grid.checks import check_array, check_min_valid, choose
from gridtrend.grid.names import distinct
from gridtrend.trend.cycle import ANOMALIES, CORRELATES, warn_of_cycle
from gridtrend.trend.kernels import kendall_tau as kernels
from gridtrend.trend.options import ALTERNATIVES

VARIANTS = {"a": kernels.TAU_A, "b": kernels.TAU_B, "c": kernels.TAU_C}
P_VALUES = {"asymptotic": kernels.ASYMPTOTIC, "exact": kernels.EXACT, "auto": kernels.AUTO}


@distinct()
def kendall_tau(
    x: xr.DataArray,
    y: xr.DataArray,
    dim: str = "time",
    *,
    variant: str = "b",
    p_value: str = "auto",
    alternative: str = "two-sided",
    min_valid: int = 2,
) -> xr.Dataset:
    """Kendall's rank correlation between two fields, or a field and a series, along one dimension.

    Parameters
    ----------
    x, y : DataArray, shape (..., time, ...)
        Real numbers; dimensions other than `dim` are broadcast. A step counts where both are valid.
    dim : str
        The dimension along which values are paired.
    variant : {"b", "a", "c"}
        tau-b corrects for ties, tau-a does not, tau-c (Stuart) suits tables of unequal sides.
    p_value : {"auto", "asymptotic", "exact"}
        Normal approximation with the full correction for ties in both series, or the exact null distribution, which
        exists where neither series has ties: elsewhere "exact" gives NaN. "auto" is exact without ties up to 33 values
        or with at most one pair out of (or in) order, as in `scipy.stats.kendalltau`.
    alternative : {"two-sided", "increasing", "decreasing"}
        What `p_value` tests for; "greater" and "less" are the same as the latter two.
    min_valid : int
        Cells with fewer pairs of valid values become missing.

    Returns
    -------
    Dataset, shape (...)
        tau, p_value : float64, dimensionless
            NaN where one of the series is constant.
        n_valid : int32
            Steps at which both are valid.

    Raises
    ------
    TypeError
        If `x` or `y` is not a DataArray of real numbers.
    ValueError
        If `dim` is no dimension of one or is split over several dask chunks, if their coordinates differ, or if an option is not
        known.

    Notes
    -----
    O(n**2) for n up to 320 and O(n log n) beyond. No continuity correction, as in `scipy.stats.kendalltau`, with
    which all results agree.

    References
    ----------
    Kendall, M. G. (1945). Biometrika 33, 239-251. doi:10.2307/2332303

    Knight, W. R. (1966). J. Am. Stat. Assoc. 61, 436-439. doi:10.1080/01621459.1966.10480879

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> x = xr.DataArray([12, 2, 1, 12, 2], dims="time")
    >>> y = xr.DataArray([1, 4, 7, 1, 0], dims="time")
    >>> result = gt.kendall_tau(x, y)
    >>> round(float(result.tau), 4), round(float(result.p_value), 4)
    (-0.4714, 0.2827)
    """
    check_array(x, dim)
    check_array(y, dim)
    warn_of_cycle(x, y, dim=dim, remedy=ANOMALIES, harm=CORRELATES)
    result = apply(
        kernels.kendall_tau,
        x,
        y,
        dim=dim,
        variant=choose("variant", variant, VARIANTS),
        method=choose("p_value", p_value, P_VALUES),
        alternative=choose("alternative", alternative, ALTERNATIVES),
        min_valid=check_min_valid(min_valid),
    )
    return result.assign_attrs(
        method="Kendall rank correlation",
        tau=f"tau-{variant}",
        p_value=p_value,
        alternative=alternative,
        min_valid=int(min_valid),
    )
