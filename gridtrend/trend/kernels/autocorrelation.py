"""Autocorrelation of a series with holes: over pairs that are really that many steps apart, never across a closed gap."""

import math

import numpy as np

from gridtrend.engine.jit import inlined
from gridtrend.engine.unit import unit
from gridtrend.trend.kernels.pair_counts import stable_order
from gridtrend.trend.kernels.powers_of_two import LARGE, SMALLER, power_of_two

# Residuals of a fitted line that differ by no more than rounding errors are taken for ties, which they are in exact arithmetic.
ROUNDING = 16.0 * np.finfo(np.float64).eps
# Sums of squares between these bounds have lost no term to underflow, and none overflows.
SMALL_SQUARE, LARGE_SQUARE = 1e-250, 1e300


@unit(allocates=False)
def residual_series(tile, t, steps, k, slope, compress, x, when, at):
    """Copy the deviations of the valid values of lane `k` from a line of this `slope` through the first of them to `x`.

    Their times since the first step go to `when`, their steps to `at`. With `compress`, gaps are closed, values counted
    from one and the line starts at zero, as in pymannkendall. Returns how many there are, the first value, the size of
    the largest number involved, and the scale of what is copied: 1, or less where the values are so large that
    computing with them overflows.
    """
    m = 0
    origin, size, scale = 0.0, 0.0, 1.0
    for i in range(t.size):
        value = np.float64(tile[i, k])
        if not math.isnan(value):
            if m == 0 and not compress:
                origin = value
            when[m], at[m] = (m + 1.0, m) if compress else (t[i] - t[0], steps[i])
            line = slope * when[m]
            x[m] = (value - origin) - line
            size = max(size, abs(value - origin), abs(line))
            m += 1
    if size > LARGE:
        size, scale, m = 0.0, SMALLER, 0
        for i in range(t.size):
            value = np.float64(tile[i, k])
            if not math.isnan(value):
                line = slope * scale * when[m]
                x[m] = (value * scale - origin * scale) - line
                size = max(size, abs(value * scale - origin * scale), abs(line))
                m += 1
    return m, origin, size, scale


@unit(allocates=False)
def lay_out(x, at, m, spread, present):
    """Put `x[:m]`, less its mean, at its steps in `spread`, zeros between; returns the steps spanned and the variance.

    Where squares would vanish or overflow, both are in another unit, which correlations do not depend on.
    """
    span = at[m - 1] - at[0] + 1 if m else 0
    mean = 0.0
    for i in range(m):
        mean += x[i]
    mean /= max(m, 1)
    spread[:span] = 0.0
    present[:span] = 0
    total = largest = 0.0
    for i in range(m):
        deviation = x[i] - mean
        spread[at[i] - at[0]] = deviation
        present[at[i] - at[0]] = 1
        total += deviation * deviation
        largest = max(largest, abs(deviation))
    if largest > 0.0 and not SMALL_SQUARE < total < LARGE_SQUARE:
        unit = power_of_two(largest)
        total = 0.0
        for i in range(span):
            spread[i] /= unit
            total += spread[i] * spread[i]
    return span, total / max(m, 1)


@unit(allocates=False)
def lag_correlation(spread, present, span, variance, lag):
    """Autocorrelation at `lag`, and the number of pairs that lie `lag` steps apart.

    Without holes it is the usual estimate, sum of products over sum of squares; with holes, that of Parzen (1963).
    """
    total = 0.0
    pairs = 0
    for i in range(span - lag):
        total += spread[i] * spread[i + lag]
        pairs += present[i] & present[i + lag]
    if pairs == 0 or not variance > 0.0:
        return 0.0, pairs
    # With many holes, few pairs give the covariance and all values the variance: the ratio may exceed 1.
    return max(-1.0, min(1.0, total / pairs * (1.0 - lag / span) / variance)), pairs


@unit(allocates=False)
def pairs_at(present, span, m, lag):
    """Number of pairs of the `m` values that lie `lag` steps apart."""
    if m == span:
        return span - lag
    pairs = 0
    for i in range(span - lag):
        pairs += present[i] & present[i + lag]
    return pairs


@inlined
def is_significant(r, m, bound):
    """Whether an autocorrelation of `m` values lies outside the band of white noise, `bound` standard errors wide."""
    return abs(r) > bound / math.sqrt(m)


@unit(allocates=False)
def leading_lags(spread, present, span, variance, m, bound):
    """Number of significant lags before the first that is not."""
    lag = 0
    while lag + 1 < span:
        r, _ = lag_correlation(spread, present, span, variance, lag + 1)
        if not is_significant(r, m, bound):
            break
        lag += 1
    return lag


@unit
def mid_ranks(x, m, tolerance, ranks):
    """Ranks of `x[:m]` from 1 on; neighbours in value no further apart than `tolerance` share their mean rank."""
    order = stable_order(x[:m])
    first = 0
    for i in range(1, m + 1):
        if i == m or x[order[i]] - x[order[i - 1]] > tolerance:
            for j in range(first, i):
                ranks[order[j]] = 0.5 * (first + 1 + i)
            first = i


@unit
def snap(x, m, tolerance):
    """Make values of `x[:m]` equal that differ by no more than `tolerance` from a neighbour in value."""
    order = stable_order(x[:m])
    previous = x[order[0]] if m else 0.0
    for i in range(1, m):
        value = x[order[i]]
        if value - previous <= tolerance:
            x[order[i]] = x[order[i - 1]]
        previous = value
