"""The Mann-Kendall test on every cell of a grid."""

import xarray as xr

from gridtrend.grid.apply import apply
from gridtrend.grid.checks import (
    MOST_COUNTED,
    check_alpha,
    check_array,
    check_flag,
    check_min_valid,
    check_seed,
    choose,
    is_whole,
)
from gridtrend.grid.dialect import either, given
from gridtrend.grid.names import distinct
from gridtrend.grid.timeaxis import time_axis
from gridtrend.trend.cycle import warn_of_cycle
from gridtrend.trend.kernels import mann_kendall as kernels
from gridtrend.trend.kernels.theil_sen import NO_LIMITS
from gridtrend.trend.options import ALTERNATIVES, P_VALUES, flag_attrs, two_sided_quantile
from gridtrend.trend.serial_correlation import (
    INDEPENDENT,
    LAGGED,
    LIMITS_FROM,
    METHODS,
    OWN_SLOPE,
    UNBIASED,
    Record,
    exact_p,
)
from gridtrend.trend.theil_sen import INTERCEPTS, LIMITS, finish_line, line_attrs

TAUS = {"a": kernels.TAU_A, "b": kernels.TAU_B}
LINE = ("slope", "intercept", "slope_lower", "slope_upper")
COMPATIBLE = ("original", "hamed_rao", "yue_wang", "prewhitening", "tfpw")


@distinct()
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
    per: str = "auto",
    intercept: str = "conover",
    ci: str | None = "gilbert",
    min_valid: int = 4,
    lag: int | str | None = None,
    resamples: int = 2000,
    seed: int = 0,
    bias_correction: bool = True,
    compat: str | None = None,
) -> xr.Dataset:
    """Mann-Kendall test for a monotonic trend, with Sen's slope and its confidence limits, in every cell.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing: they are
        skipped at their true times. `dim` must lie in one dask chunk.
    dim : str
        The dimension to follow. A coordinate of dates (any calendar) or numbers is used as it is, irregular or unsorted.
    method : str
        How serial correlation is dealt with. Lags are whole steps of the axis: no gap is closed.

        - "original": values are taken as independent.
        - "hamed_rao": var S by the significant autocorrelations of the ranks of the detrended series.
        - "yue_wang": var S by the autocorrelation of the detrended series.
        - "prewhitening": test of y(i) - r y(i-1), r the lag-1 autocorrelation.
        - "tfpw": the same after the trend is taken out, which is then put back; only where r is significant.
        - "vctfpw": "tfpw" with the standard deviation of the residuals restored, and with the trend put back reduced by
          the square root of (1 + r)/(1 - r) for positive r; slope, intercept and limits are those of this series.
        - "3pw": the larger p-value of "prewhitening" (where r is significant) and "tfpw", the slope of "vctfpw".
        - "ar1": var S of an AR(1) process, by the lag-1 autocorrelation of the detrended series. What we advise.
        - "wang_swail": "prewhitening" by the autocorrelation of the series without its trend, found in turns with the trend
          until both settle; slope, limits and test are those of the series (y(i) - r y(i-1)) / (1 - r).
        - "block_bootstrap": p from replicates of the detrended series, drawn with replacement in whole blocks.
        - "ltp": var S under long-term persistence, where the Hurst exponent of the detrended series is significant.

        `docs/calibration.md` says how often each finds a trend where none is, and how well its limits hold. "tfpw" rejects
        far too often. The slopes of "vctfpw" and "3pw" are about half of the true trend in persistent series; all others
        are unbiased, "wang_swail" from n = 30 on.
    alpha : float
        Level of the flag `trend` and, as 1 - alpha, of the confidence limits.
    alternative : {"two-sided", "increasing", "decreasing"}
        What `p_value` and `trend` test for; "greater" and "less" are the same as the latter two. Limits are two-sided
        whatever is tested for: those of `2 * alpha` exclude 0 where a one-sided test of level alpha rejects.
    p_value : {"normal", "exact", "auto"}
        From the normal approximation of the distribution of S, or from its exact distribution given the ties of each
        series; "auto" is exact up to 60 values, where it costs about as much as the test. Only for "original" and the
        methods that whiten.
    continuity : bool
        Move S one step towards zero before it is standardised.
    tau : {"b", "a"}
        Kendall's tau corrected for ties, or not.
    slope : bool
        Also compute the slope, its limits and the intercept. Without, the test alone takes a tenth of the time.
    per : str
        Unit of time of the slope: "year" (of the record's own calendar), "decade", "day", ..., or "step". "auto" is the
        year; where a numeric coordinate names no unit of time, its own unit; without a coordinate, the step.
    intercept : {"conover", "joint"}
        median(y) - slope median(t), or median(y - slope t). It holds at the first time of a record with dates, at the
        first step, or at 0 of a numeric coordinate.
    ci : {"gilbert", "rounded", None}
        Confidence limits interpolated between two slopes (EnvStats), at the nearest rank (R's trend), or none. Their ranks
        follow from the variance of S that the test takes, so that they exclude 0 where a two-sided test rejects; see
        Notes.
    min_valid : int
        Cells with fewer valid values become missing; their `n_valid` is still given.
    lag : int or "all", optional
        "hamed_rao": significant lags up to this one; by default the first ones, up to the first that is not significant.
        "yue_wang": all lags up to this one, by default 1. "block_bootstrap": blocks are one step longer than this; by
        default, than the leading run of significant lags.
    resamples, seed : int
        Number of replicates of "block_bootstrap", and what they are drawn from: the same for all cells, whatever the
        chunks.
    bias_correction : bool
        Of "ar1" and "wang_swail": raise the autocorrelation by (2 + 4 r) / n, which a short series and its fitted line take
        from it (Hamed 2009). Without, "wang_swail" is as published.
    compat : {None, "pymannkendall"}
        Reproduce the numbers of pymannkendall 1.4.3, for comparison with published ones: gaps are closed before
        autocorrelations are taken, "hamed_rao" and "yue_wang" use all lags, "prewhitening" and "tfpw" always whiten; tau-a,
        slopes per step. Not advised otherwise.

    Returns
    -------
    Dataset, shape (...)
        tau, s, var_s, z, p_value : float64, dimensionless
            Kendall's tau, the score S (a whole number), its variance under no trend with ties accounted for, the
            standardised score, and the p-value, from the survival function; for the methods that whiten, those of the
            whitened series.
        slope, slope_lower, slope_upper : float64, units of `da` per `per`
            Median of the slopes between all pairs of values, and its limits; a limit that no rank reaches (very short
            series) is missing.
        intercept : float64, units of `da`
        n_valid : int32
        trend : int8
            1, 0 or -1: increasing, no trend at level `alpha` (or too few values), decreasing.
        variance_factor : float64, dimensionless
            What var S was multiplied by ("hamed_rao", "yue_wang", "ar1", "block_bootstrap", "ltp").
        variance_fallback : int8
            1 where the sum over autocorrelations left a factor below that of an AR(1) process whose first autocorrelation
            lies one standard error, 1 / sqrt(n_valid), above the estimate but not above 0, and the latter stands in its
            place ("hamed_rao", "yue_wang", "ar1"): noise compensates itself no further than the data can show.
        r1 : float64, dimensionless
            Lag-1 autocorrelation removed, 0 where it was not significant ("prewhitening", "tfpw", "vctfpw", "3pw") or below
            0.05 ("wang_swail"); that of the detrended series ("ar1").
        block_length : int32
            In steps ("block_bootstrap").
        hurst : float64, dimensionless
            Hurst exponent of the detrended series ("ltp").

        A constant series has s = 0, tau = 0, p_value = 1 and slope = 0. Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `dim` is no dimension of `da` or is split over several dask chunks, if times are missing or repeated, or if an option
        is not known or does not go with the method.

    Warns
    -----
    UserWarning
        If "yue_wang" is asked for all lags, whose sum is no estimate of anything. If a coordinate is called like a result.

    See Also
    --------
    theil_sen : the slope alone.
    kendall_tau : rank correlation with any other series.

    Notes
    -----
    O(n**2) pairs a cell for n up to 320 (slopes: 380), 16 cells at a time, O(n log n) beyond; O(n) memory. Ties are equal
    values; nothing is rounded. Serial correlation adds O(n) a lag; "block_bootstrap" costs `resamples` tests a cell, "ltp"
    about 60 n**2 operations, and n**3 in cells with gaps. Exact p-values take O(n**3), tails down to 1e-300.

    The slope is that of the series itself, but for "vctfpw", "3pw" and "wang_swail". Limits come from the corrected
    variance of S ("hamed_rao", "yue_wang", "ar1", "ltp"), from the resampled scores ("block_bootstrap"), or from the series
    that was tested: for "prewhitening" that of which (1 - r) times the trend is left, hence divided by 1 - r. Those of
    "3pw" belong to its slope, not to its p-value. Beyond the last 20 replicates, p-values of "block_bootstrap" follow a
    normal tail.

    References
    ----------
    Mann, H. B. (1945). Econometrica 13, 245-259. doi:10.2307/1907187

    Kendall, M. G. (1975). Rank Correlation Methods. Griffin.

    Sen, P. K. (1968). J. Am. Stat. Assoc. 63, 1379-1389. doi:10.1080/01621459.1968.10480934

    Gilbert, R. O. (1987). Statistical Methods for Environmental Pollution Monitoring. Wiley.

    Valz, P. D., McLeod, A. I. & Thompson, M. E. (1995). J. Comput. Graph. Stat. 4, 144-160.
    doi:10.1080/10618600.1995.10474661

    Hamed, K. H. & Rao, A. R. (1998). J. Hydrol. 204, 182-196. doi:10.1016/S0022-1694(97)00125-X

    Yue, S. & Wang, C. Y. (2004). Water Resour. Manag. 18, 201-218. doi:10.1023/B:WARM.0000043140.61082.60

    von Storch, H. (1995). In Analysis of Climate Variability, 11-26. Springer. doi:10.1007/978-3-662-03167-4_2

    Yue, S., Pilon, P., Phinney, B. & Cavadias, G. (2002). Hydrol. Process. 16, 1807-1829. doi:10.1002/hyp.1095

    Wang, W., Chen, Y., Becker, S. & Liu, B. (2015). J. Hydrol. Eng. 20, 04015033.
    doi:10.1061/(ASCE)HE.1943-5584.0001234

    Collaud Coen, M. et al. (2020). Atmos. Meas. Tech. 13, 6945-6964. doi:10.5194/amt-13-6945-2020

    Onoz, B. & Bayazit, M. (2012). Hydrol. Process. 26, 3552-3560. doi:10.1002/hyp.8438

    Hamed, K. H. (2008). J. Hydrol. 349, 350-363. doi:10.1016/j.jhydrol.2007.11.009

    Hamed, K. H. (2009). J. Hydrol. 368, 143-155. doi:10.1016/j.jhydrol.2009.01.040

    Zhang, X., Vincent, L. A., Hogg, W. D. & Niitsoo, A. (2000). Atmos.-Ocean 38, 395-429.
    doi:10.1080/07055900.2000.9649654

    Wang, X. L. & Swail, V. R. (2001). J. Climate 14, 2204-2221.
    doi:10.1175/1520-0442(2001)014<2204:COEWHI>2.0.CO;2

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
    judge = choose("method", method, METHODS)
    slope, continuity = check_flag("slope", slope), check_flag("continuity", continuity)
    p_method = choose("p_value", p_value, P_VALUES)
    resampling = _check_method(method, p_value, lag, resamples, seed, bias_correction, compat)
    if compat:
        tau, per = "a", "step"
    axis = time_axis(da, dim, per, slopes=slope)
    warn_of_cycle(da, dim=dim)
    test = {
        "alpha": check_alpha(alpha),
        "continuity": float(continuity),
        "alternative": choose("alternative", alternative, ALTERNATIVES),
        "variant": choose("tau", tau, TAUS),
        "min_valid": check_min_valid(min_valid),
    }
    line = {
        "per": axis.per,
        "quantile": two_sided_quantile(alpha),
        "intercept_method": choose("intercept", intercept, INTERCEPTS),
        "ci": choose("ci", ci if slope else None, LIMITS),
    }
    if slope or judge:
        # The methods have limits of their own.
        limits = {"ci": NO_LIMITS} if judge else {}
        result = apply(kernels.mann_kendall_slope, da, dim=dim, axis=axis, **test, **line | limits)
    else:
        result = apply(kernels.mann_kendall, da, dim=dim, axis=axis, **test)
    if judge:
        record = Record(
            da, dim, axis, result, test, line, p_method, lag, resamples, seed, bool(bias_correction), bool(compat)
        )
        result = result.assign(judge(record))
    elif exact := exact_p(da, dim, axis, test, p_method):
        result = result.assign(exact)
    result["trend"].attrs |= flag_attrs(alpha, alternative)
    attrs = {
        "method": f"Mann-Kendall test, {method}",
        "alternative": alternative,
        "alpha": float(alpha),
        "p_value": "resampled" if method == "block_bootstrap" else p_value,
        "continuity": str(continuity),
        "tau": f"tau-{tau}",
        "ties": "equal values",
        "min_valid": int(min_valid),
    }
    if slope:
        result = finish_line(result, ci)
        attrs |= line_attrs(axis, intercept) | {"slope_of": "whitened series" if method in OWN_SLOPE else "series"}
        if ci and method in LIMITS_FROM:
            attrs["confidence_limits"] = f"{ci}, {LIMITS_FROM[method]}"
    elif judge:
        result = result.drop_vars(LINE)
    result.attrs |= attrs | resampling
    return result


def _check_method(
    method: str,
    p_value: str,
    lag: int | str | None,
    resamples: int,
    seed: int,
    bias_correction: bool,
    compat: str | None,
) -> dict[str, str | int]:
    """Refuse options that do not go with the method; the provenance of those that do."""
    if lag is not None and method not in LAGGED:
        raise ValueError(
            f"{given('method', method)} takes no lag ({given('lag', lag)} was given); leave it out, or use one of "
            f"{', '.join(map(repr, LAGGED))}."
        )
    if p_value != "normal" and method not in INDEPENDENT:
        raise ValueError(
            f"{given('p_value', p_value)} needs independent values, and {given('method', method)} is for others; use "
            f"{given('p_value', 'normal')}, or one of the methods {', '.join(map(repr, INDEPENDENT))}."
        )
    if not check_flag("bias_correction", bias_correction) and method not in UNBIASED:
        raise ValueError(
            f"{given('method', method)} knows no correction of bias "
            f"({either('bias_correction=False', '--no-bias-correction')} was given); leave it out, or use one of "
            f"{', '.join(map(repr, UNBIASED))}."
        )
    if not is_whole(resamples, 1, MOST_COUNTED):
        raise ValueError(f"resamples={resamples!r} is not a number of replicates; give a whole number, such as 2000.")
    check_seed(seed)
    if choose("compat", compat, {None: False, "pymannkendall": True}) and method not in COMPATIBLE:
        raise ValueError(
            f"method={method!r} does not exist in {compat}; with compat={compat!r}, use one of "
            f"{', '.join(map(repr, COMPATIBLE))}."
        )
    used: dict[str, str | int] = {"compatible_with": compat} if compat else {}
    if method in LAGGED:
        used["lag"] = "default" if lag is None else int(lag) if is_whole(lag, 0) else lag
    if method == "block_bootstrap":
        used |= {"resamples": int(resamples), "seed": int(seed)}
    if method in UNBIASED:
        used["bias_correction"] = str(bool(bias_correction))
    return used
