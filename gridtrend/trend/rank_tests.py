"""Rank tests for a trend, and rank correlation, on every cell of a grid."""

import xarray as xr

from gridtrend.grid.apply import apply, check_array
from gridtrend.grid.timeaxis import time_axis
from gridtrend.trend.kernels import kendall as kendall_kernels
from gridtrend.trend.kernels import mann_kendall as mann_kendall_kernels
from gridtrend.trend.options import (
    ALTERNATIVES,
    check_alpha,
    check_min_valid,
    choose,
    two_sided_quantile,
)
from gridtrend.trend.slopes import INTERCEPTS, LIMITS, finish_line, line_attrs

METHODS = {"original": 0}
TAUS = {"a": mann_kendall_kernels.TAU_A, "b": mann_kendall_kernels.TAU_B}
VARIANTS = {"a": kendall_kernels.TAU_A, "b": kendall_kernels.TAU_B, "c": kendall_kernels.TAU_C}
P_VALUES = {
    "asymptotic": kendall_kernels.ASYMPTOTIC,
    "exact": kendall_kernels.EXACT,
    "auto": kendall_kernels.AUTO,
}


def mann_kendall(
    da: xr.DataArray,
    dim: str = "time",
    *,
    method: str = "original",
    alpha: float = 0.05,
    alternative: str = "two-sided",
    p_value: str = "normal",
    continuity: bool = True,
    tau: str = "b",
    slope: bool = True,
    per: str = "year",
    intercept: str = "conover",
    ci: str | None = "gilbert",
    min_valid: int = 4,
) -> xr.Dataset:
    """Mann-Kendall test for a monotonic trend, with Sen's slope and its confidence limits, in every cell.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing: they are
        skipped at their true times. `dim` must lie in one dask chunk.
    dim : str
        The dimension to follow. A coordinate of dates (any calendar) or numbers is used as it is, irregular or unsorted.
    method : {"original"}
        How serial correlation is dealt with; "original" takes values as independent.
    alpha : float
        Level of the flag `trend` and, as 1 - alpha, of the confidence limits.
    alternative : {"two-sided", "increasing", "decreasing"}
        What `p_value` and `trend` test for; "greater" and "less" are the same as the latter two.
    p_value : {"normal"}
        Normal approximation of the distribution of S.
    continuity : bool
        Move S one step towards zero before it is standardised.
    tau : {"b", "a"}
        Kendall's tau corrected for ties, or not.
    slope : bool
        Also compute the slope, its limits and the intercept. Without, the test alone takes a tenth of the time.
    per : str
        Unit of time of the slope: "year" (of the record's own calendar), "decade", "day", ..., or "step".
    intercept : {"conover", "joint"}
        median(y) - slope median(t), or median(y - slope t). It holds at the first time of a record with dates, at the
        first step, or at 0 of a numeric coordinate.
    ci : {"gilbert", "rounded", None}
        Confidence limits interpolated between two slopes (EnvStats), at the nearest rank (R's trend), or none.
    min_valid : int
        Cells with fewer valid values become missing; their `n_valid` is still told.

    Returns
    -------
    Dataset, shape (...)
        tau, s, var_s, z, p_value : float64, dimensionless
            Kendall's tau, the score S (a whole number), its variance under no trend with ties accounted for, the
            standardised score, and the p-value, from the survival function.
        slope, slope_lower, slope_upper : float64, units of `da` per `per`
            Median of the slopes between all pairs of values, and its limits; a limit that no rank reaches (very short
            series) is missing.
        intercept : float64, units of `da`
        n_valid : int32
        trend : int8
            1, 0 or -1: increasing, no trend at level `alpha` (or too few values), decreasing.

        A constant series has s = 0, tau = 0, p_value = 1 and slope = 0. Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `da` lacks `dim` or has it split over several dask chunks, if times are missing or repeated, or if an option
        is not known.

    See Also
    --------
    theil_sen : the slope alone.
    kendall_tau : rank correlation with any other series.

    Notes
    -----
    O(n**2) pairs a cell for n up to 320 (slopes: 380), 16 cells at a time, O(n log n) beyond; O(n) memory. Ties are equal
    values; nothing is rounded.

    References
    ----------
    Mann, H. B. (1945). Econometrica 13, 245-259. doi:10.2307/1907187

    Kendall, M. G. (1975). Rank Correlation Methods. Griffin.

    Sen, P. K. (1968). J. Am. Stat. Assoc. 63, 1379-1389. doi:10.1080/01621459.1968.10480934

    Gilbert, R. O. (1987). Statistical Methods for Environmental Pollution Monitoring. Wiley.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> rain = xr.DataArray([0.44, 1.18, 2.69, 2.08, 3.66, 1.72, 2.82, 0.72], dims="time")
    >>> result = gt.mann_kendall(rain)
    >>> int(result.s), round(float(result.p_value), 4), round(float(result.slope), 4)
    (6, 0.5362, 0.1908)
    """
    check_array(da, dim)
    choose("method", method, METHODS)
    choose("p_value", p_value, {"normal": 0})
    axis = time_axis(da, dim, per)
    options = {
        "alpha": check_alpha(alpha),
        "continuity": float(bool(continuity)),
        "alternative": choose("alternative", alternative, ALTERNATIVES),
        "variant": choose("tau", tau, TAUS),
        "min_valid": check_min_valid(min_valid),
    }
    kernel = mann_kendall_kernels.mann_kendall
    attrs = {
        "method": f"Mann-Kendall test, {method}",
        "alternative": alternative,
        "alpha": float(alpha),
        "p_value": p_value,
        "continuity": str(bool(continuity)),
        "tau": f"tau-{tau}",
        "ties": "equal values",
        "min_valid": min_valid,
    }
    if slope:
        kernel = mann_kendall_kernels.mann_kendall_slope
        options |= {
            "per": axis.per,
            "quantile": two_sided_quantile(alpha),
            "intercept_method": choose("intercept", intercept, INTERCEPTS),
            "ci": choose("ci", ci, LIMITS),
        }
        attrs |= line_attrs(axis, intercept)
    result = apply(kernel, da, dim=dim, axis=axis, **options)
    result["trend"].attrs |= {
        "alpha": float(alpha),
        "comment": f"p_value < {alpha:g}, {alternative}",
    }
    if slope:
        result = finish_line(result, ci)
    return result.assign_attrs(attrs)


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
        If one lacks `dim` or has it split over several dask chunks, if their coordinates differ, or if an option is not
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
    result = apply(
        kendall_kernels.kendall_tau,
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
        min_valid=min_valid,
    )
