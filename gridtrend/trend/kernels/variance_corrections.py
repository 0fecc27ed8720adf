"""The variance of S under serial correlation: Hamed & Rao 1998, Yue & Wang 2004, and that of an AR(1) process.

All multiply the variance of independent values by 1 + 2 sum(w r): r is the autocorrelation of the detrended series
(Hamed and Rao: of its ranks), w the share of pairs at that lag. Of an AR(1) process r is r1**lag at every lag, and r1 is
corrected for the bias that a short series and its fitted line give it (Hamed 2009). R's modifiedmk (`mmky1lag`) takes the
weight of the first lag, 1 - 1/n, for all of them. A truncated sum can come out negative, and where it comes
out just positive S looks far more certain than it is: in white noise of 25 values p falls below 1e-6 fifty times as often
as it should. Therefore the factor is at least that of an AR(1) process whose first autocorrelation lies one standard error
of white noise, 1 / sqrt(m), above the estimate, and no higher than 0: its full sum is positive. An AR(1) process of negative r1 is treated
alike. Between holes, where few
pairs lie at odd lags, it can exceed 1; then the least factor is 1, so that p has no jump where the sum passes 1.
"""

import math
from dataclasses import replace

from gridtrend.engine.jit import assign, inlined
from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import LANES
from gridtrend.engine.room import tile_like, vector_float64, vector_int64
from gridtrend.engine.tiles import fill_tile
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.autocorrelation import (
    ROUNDING,
    is_significant,
    lag_correlation,
    lay_out,
    mid_ranks,
    pairs_at,
    residual_series,
)
from gridtrend.trend.kernels.normal import retest

# Codes of the correction; and the code of `lags` by which each cell takes the lags before the first insignificant one.
HAMED_RAO, YUE_WANG, AR1 = 0, 1, 2
LEADING = -1


@inlined
def _weight(correction, span, m, lag, pairs):
    share = 2.0 * pairs / m
    if correction != HAMED_RAO:
        return share
    # In a series of two no three values are left: the weight is 0, not 0 / 0.
    return share * (span - lag - 1.0) * (span - lag - 2.0) / max((span - 1.0) * (span - 2.0), 1.0)


@unit(allocates=False)
def variance_factor_of(correction, spread, present, span, variance, m, lags, bound, trusted):
    """The factor, and whether it is the least one; `trusted` accepts any positive sum."""
    factor = 1.0
    for lag in range(1, min(lags, span - 1) + 1 if lags != LEADING else span):
        r, pairs = lag_correlation(spread, present, span, variance, lag)
        if correction == HAMED_RAO and not is_significant(r, m, bound):
            if lags == LEADING:
                break
            continue
        factor += _weight(correction, span, m, lag, pairs) * r
    if factor >= 1.0 or (trusted and factor > 0.0):
        return factor, False
    first, _ = lag_correlation(spread, present, span, variance, 1)
    least = _least_factor(correction, present, span, m, first)
    return max(factor, least), factor < least


@unit(allocates=False)
def first_order_factor(present, span, m, r):
    """The factor of an AR(1) process of first autocorrelation `r`, and whether it is the least one."""
    if r < 0.0:
        return _least_factor(AR1, present, span, m, r), True
    return _first_order_sum(AR1, present, span, m, r), False


@inlined
def first_correlation(r, pairs, m, unbiased):
    """The first autocorrelation of the noise, from that of residuals of a line.

    They resemble each other less than the noise does, by (2 + 4 r) / m; the correction solves that for r (Hamed 2009).
    Where no two values follow each other, nothing is known.
    """
    if unbiased and pairs > 0:
        return max(-1.0, min(1.0, (m * r + 2.0) / max(m - 4.0, 1.0)))
    return r


@inlined
def _largest(x, m):
    largest = 0.0
    for i in range(m):
        largest = max(largest, abs(x[i]))
    return largest


@unit(allocates=False)
def _least_factor(correction, present, span, m, first):
    """The factor of an AR(1) process whose first autocorrelation lies a standard error above `first`, at most 0."""
    first = max(-0.99, min(0.0, first + 1.0 / math.sqrt(m)))
    return min(_first_order_sum(correction, present, span, m, first), 1.0)


@unit(allocates=False)
def _first_order_sum(correction, present, span, m, r):
    """The factor of an AR(1) process, over all lags."""
    factor, power = 1.0, 1.0
    for lag in range(1, span):
        power *= r
        if abs(power) < 1e-17:
            break
        factor += _weight(correction, span, m, lag, pairs_at(present, span, m, lag)) * power
    return factor


@kernel(
    "(time,cell),(cell),(cell),(cell),(time),(time)",
    "Tddddl",
    outputs.VAR_S,
    outputs.Z,
    outputs.P_VALUE,
    outputs.TREND,
    outputs.VARIANCE_FACTOR,
    outputs.VARIANCE_FALLBACK,
    replace(outputs.AUTOCORRELATION, long_name="lag-1 autocorrelation of {data} about its trend"),
)
def corrected_variance(
    y,
    line,
    score,
    variance,
    t,
    steps,
    alpha: float,
    continuity: float,
    alternative: int,
    correction: int,
    bound: float,
    lags: int,
    compress: int,
    unbiased: int,
    out,
):
    """The test of each cell again, with the variance that serial correlation leaves to S."""
    var_s, z, p_value, trend, variance_factor, variance_fallback, r1 = out
    n = t.size
    tile, n_valid = tile_like(y), vector_int64(LANES)
    x, when, at, ranks = vector_float64(n), vector_float64(n), vector_int64(n), vector_float64(n)
    length = steps[n - 1] + 1 if n else 1
    spread, present = vector_float64(length), vector_int64(length)
    for first in range(0, y.shape[1], LANES):
        used = fill_tile(y, first, tile, n_valid)
        for k in range(used):
            cell = first + k
            # The test of a constant series needs no correction.
            factor, fallback = 1.0 + 0.0 * variance[cell], False
            r1[cell] = 0.0 * variance[cell]
            if variance[cell] > 0.0:
                m, _, size, _ = residual_series(tile, t, steps, k, line[cell], compress, x, when, at)
                if correction == HAMED_RAO:
                    mid_ranks(x, m, 0.0 if compress else ROUNDING * size, ranks)
                    assign(x, ranks[:m])
                span, spread_variance = lay_out(x, at, m, spread, present)
                if correction == AR1:
                    r, pairs = lag_correlation(spread, present, span, spread_variance, 1)
                    # What is left of a straight line is rounding.
                    if _largest(x, m) > ROUNDING * size:
                        r1[cell] = first_correlation(r, pairs, m, unbiased)
                    factor, fallback = first_order_factor(present, span, m, r1[cell])
                else:
                    factor, fallback = variance_factor_of(
                        correction, spread, present, span, spread_variance, m, lags, bound, compress
                    )
            variance_factor[cell], variance_fallback[cell] = factor, fallback
            var_s[cell] = variance[cell] * factor
            z[cell], p_value[cell], trend[cell] = retest(score[cell], var_s[cell], alpha, continuity, alternative)
