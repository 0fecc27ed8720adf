"""The partial Mann-Kendall test: a trend that a covariate does not explain."""

import xarray as xr

from gridtrend.grid.apply import apply, common_steps
from gridtrend.grid.checks import check_alpha, check_array, check_flag, check_min_valid, choose
from gridtrend.grid.names import distinct
from gridtrend.grid.timeaxis import time_axis
from gridtrend.trend.cycle import ANOMALIES, warn_of_cycle
from gridtrend.trend.grouped_test import COMPATIBLE, TAUS
from gridtrend.trend.kernels import partial_mann_kendall as kernels
from gridtrend.trend.options import ALTERNATIVES, flag_attrs
from gridtrend.trend.theil_sen import finish_line, sen_line


@distinct()
def partial_mann_kendall(
    da: xr.DataArray,
    covariate: xr.DataArray,
    dim: str = "time",
    *,
    alpha: float = 0.05,
    alternative: str = "two-sided",
    tau: str = "b",
    slope: bool = True,
    per: str = "auto",
    intercept: str = "conover",
    ci: str | None = "gilbert",
    min_valid: int = 4,
    compat: str | None = None,
) -> xr.Dataset:
    """Partial Mann-Kendall test: is there a trend beyond what a covariate accounts for, in every cell?

    A river carries more in a wet year: given the discharge, does its load change?

    Parameters
    ----------
    da, covariate : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed; dimensions other than `dim` are broadcast, so that the covariate may be a
        field or one series. A step counts where both are valid. `dim` must lie in one dask chunk.
    dim : str
        The dimension to follow.
    alpha : float
        Level of the flag `trend` and, as 1 - alpha, of the confidence limits.
    alternative : {"two-sided", "increasing", "decreasing"}
        What `p_value` and `trend` test for; "greater" and "less" are the same as the latter two.
    tau : {"b", "a"}
        Kendall's tau of `da` with time, corrected for ties, or not. The covariate does not enter.
    slope : bool
        Also compute Sen's slope of `da`, its limits and the intercept. The covariate does not enter.
    per : str
        Unit of time of the slope: "year" (of the record's own calendar), "decade", "day", ..., or "step". "auto" is the
        year; where a numeric coordinate names no unit of time, its own unit; without a coordinate, the step.
    intercept : {"conover", "joint"}
        median(y) - slope median(t), or median(y - slope t). It holds at the first time of a record with dates, at the
        first step, or at 0 of a numeric coordinate.
    ci : {"gilbert", "rounded", None}
        Confidence limits interpolated between two slopes (EnvStats), at the nearest rank (R's trend), or none.
    min_valid : int
        Cells with fewer steps at which both are valid become missing.
    compat : {None, "pymannkendall"}
        Reproduce the numbers of pymannkendall 1.4.3, for comparison with results that were made with it: no correction
        for ties, tau-a, slopes per step, from all values of `da`.

    Returns
    -------
    Dataset, shape (...)
        tau : float64, dimensionless
            Kendall's tau of `da` with time.
        s, var_s, z, p_value : float64, dimensionless
            The score S of `da` less what that of the covariate makes expect, the variance of this difference under no
            trend, the difference standardised (without continuity correction: it is no whole number), and the p-value.
        rho : float64, dimensionless
            Correlation between the scores of `da` and the covariate under no trend.
        slope, slope_lower, slope_upper : float64, units of `da` per `per`
            Median of the slopes between all pairs of values, and its limits.
        intercept : float64, units of `da`
        n_valid : int32
            Steps at which both are valid.
        trend : int8
            1, 0 or -1: increasing, no trend at level `alpha` (or too few values), decreasing.

        A covariate that is constant changes nothing. Lazy if an input is.

    Raises
    ------
    TypeError
        If `da` or `covariate` is not a DataArray of real numbers.
    ValueError
        If `dim` is no dimension of one or is split over several dask chunks, if their coordinates differ, if times are missing or
        repeated, or if an option is not known.

    See Also
    --------
    kendall_tau : correlation with a covariate.

    Notes
    -----
    O(n**2) pairs a cell; O(n) memory.

    References
    ----------
    Libiseller, C. & Grimvall, A. (2002). Environmetrics 13, 71-84. doi:10.1002/env.507

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> discharge = xr.DataArray([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0], dims="time")
    >>> load = xr.DataArray([2.5, 1.0, 3.0, 1.1, 4.0, 6.5, 1.9, 4.5], dims="time")
    >>> result = gt.partial_mann_kendall(load, discharge)
    >>> round(float(result.s), 3), round(float(result.rho), 3), round(float(result.p_value), 3)
    (1.0, 0.992, 0.317)
    """
    check_array(da, dim)
    check_array(covariate, dim)
    compatible, slope = choose("compat", compat, COMPATIBLE), check_flag("slope", slope)
    if compatible:
        tau, intercept, per = "a", "conover", "step"
    axis = time_axis(da, dim, per, slopes=slope)
    warn_of_cycle(da, covariate, dim=dim, remedy=ANOMALIES)
    result = apply(
        kernels.partial_mann_kendall,
        da,
        covariate,
        dim=dim,
        axis=axis,
        alpha=check_alpha(alpha),
        alternative=choose("alternative", alternative, ALTERNATIVES),
        variant=choose("tau", tau, TAUS),
        correct_ties=not compatible,
        min_valid=check_min_valid(min_valid),
    )
    result["trend"].attrs |= flag_attrs(alpha, alternative)
    attrs = {
        "method": "partial Mann-Kendall test",
        "covariate": str(covariate.name),
        "alternative": alternative,
        "alpha": float(alpha),
        "p_value": "normal",
        "continuity": "False",
        "tau": f"tau-{tau}",
        "ties": "not corrected for" if compatible else "equal values",
        "min_valid": int(min_valid),
    }
    if slope:
        both, level = (da, None) if compatible else common_steps(da, covariate, dim)
        line = sen_line(both, dim, axis, alpha=alpha, intercept=intercept, ci=ci, min_valid=max(min_valid, 2))
        if level is not None:
            line["intercept"] = (line["intercept"] + level).assign_attrs(line["intercept"].attrs)
        result = finish_line(result.assign({name: line[name].variable for name in line if name != "n_valid"}), ci)
        attrs |= {name: line.attrs[name] for name in ("slope_per", "intercept")}
    return result.assign_attrs(attrs)
