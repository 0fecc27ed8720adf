"""The regional Mann-Kendall test: the sites of a region together."""

from collections.abc import Sequence

import xarray as xr

from gridtrend.grid.names import distinct
from gridtrend.trend.grouped_test import over_test


@distinct()
def regional_mann_kendall(
    da: xr.DataArray,
    dim: str = "time",
    *,
    over: str | Sequence[str] | None = None,
    correlated: bool = False,
    alpha: float = 0.05,
    alternative: str = "two-sided",
    p_value: str = "normal",
    continuity: bool = True,
    tau: str = "b",
    slope: bool = True,
    per: str = "auto",
    intercept: str = "conover",
    ci: str | None = "gilbert",
    min_valid: int = 4,
    compat: str | None = None,
) -> xr.Dataset:
    """Regional Mann-Kendall test: do the sites of a region have a trend in common?

    Each site is compared with itself only, and scores are added up.

    Parameters
    ----------
    da : DataArray, shape (..., time, site, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing. `dim` and the
        dimensions of `over` must each lie in one dask chunk.
    dim : str
        The dimension to follow. A coordinate of dates (any calendar) or numbers is used as it is, irregular or unsorted.
    over : str or sequence of str, optional
        The dimensions that hold the sites, such as ["lat", "lon"] or "station"; all but `dim` by default. Others are
        kept.
    correlated : bool
        Take the covariance between sites into account. Neighbouring sites are nearly always correlated: without, p is
        too small.
    alpha : float
        Level of the flag `trend` and, as 1 - alpha, of the confidence limits.
    alternative : {"two-sided", "increasing", "decreasing"}
        What `p_value` and `trend` test for; "greater" and "less" are the same as the latter two.
    p_value : {"normal", "exact", "auto"}
        Normal approximation of the distribution of S; its exact distribution given the ties, sites being independent; or
        the exact one for up to 1,770 pairs of values and where sites are independent.
    continuity : bool
        Move S one step towards zero before it is standardised.
    tau : {"b", "a"}
        Kendall's tau corrected for ties, or not; the mean over sites, weighted with their pairs.
    slope : bool
        Also compute the slope, its limits and the intercept.
    per : str
        Unit of time of the slope: "year" (of the record's own calendar), "decade", "day", ..., or "step". "auto" is the
        year; where a numeric coordinate names no unit of time, its own unit; without a coordinate, the step.
    intercept : {"conover", "joint"}
        median(y) - slope median(t), or median(y - slope t), over the values of all sites. It holds at the first time of a
        record with dates, at the first step, or at 0 of a numeric coordinate.
    ci : {"gilbert", "rounded", None}
        Confidence limits interpolated between two slopes, at the nearest rank, or none.
    min_valid : int
        Regions with fewer valid values, of all sites together, become missing; their `n_valid` is still given.
    compat : {None, "pymannkendall"}
        Reproduce the numbers of pymannkendall 1.4.3, for comparison with results that were made with it: tau-a, slopes
        per step, Conover's intercept over the positions of all values as they lie in memory, and with `correlated` no
        continuity correction and whole steps left out of the test where one site is missing.

    Returns
    -------
    Dataset, shape (...)
        tau, s, var_s, z, p_value : float64, dimensionless
            Kendall's tau, the sum of the sites' scores S (a whole number), its variance under no trend with ties
            accounted for, the standardised score, and the p-value.
        chi2_trend, chi2_homogeneity, p_homogeneity : float64, dimensionless
            Chi-square of the trend that all sites share (1 degree of freedom), and of the differences between the trends
            of sites (one degree fewer than there are sites) with its p-value (van Belle & Hughes 1984, for independent
            sites, without continuity correction).
        slope, slope_lower, slope_upper : float64, units of `da` per `per`
            Median of the slopes between all pairs of values of one site, over all sites, and its limits.
        intercept : float64, units of `da`
        n_valid : int32
        trend : int8
            1, 0 or -1: increasing, no trend at level `alpha` (or too few values), decreasing.

        Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `dim` or one of `over` is no dimension of `da` or is split over several dask chunks, if times are missing or repeated,
        or if an option is not known.

    See Also
    --------
    seasonal_mann_kendall : seasons instead of sites.
    multivariate_mann_kendall : variables instead of sites.

    Notes
    -----
    O(n**2) pairs a site. Memory is that of 16 regions. Covariances take the time of one more test.

    References
    ----------
    Helsel, D. R. & Frans, L. M. (2006). Environ. Sci. Technol. 40, 4066-4073. doi:10.1021/es051650b

    Dietz, E. J. & Killeen, T. J. (1981). J. Am. Stat. Assoc. 76, 169-174. doi:10.1080/01621459.1981.10477621

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> level = xr.DataArray([[1.0, 7.5], [1.5, 7.0], [2.5, 9.0], [2.0, 9.5], [3.0, 9.0]], dims=("time", "well"))
    >>> result = gt.regional_mann_kendall(level, over="well")
    >>> int(result.s), float(result.slope)
    (13, 0.5)
    """
    return over_test(
        da,
        dim,
        over,
        "regional Mann-Kendall test",
        per,
        correlated=correlated,
        alpha=alpha,
        alternative=alternative,
        p_value=p_value,
        continuity=continuity,
        tau=tau,
        slope=slope,
        intercept=intercept,
        ci=ci,
        min_valid=min_valid,
        compat=compat,
    )
