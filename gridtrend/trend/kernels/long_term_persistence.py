"""Mann-Kendall under the scaling hypothesis: fractional Gaussian noise of unknown Hurst exponent.

Hamed 2008, doi:10.1016/j.jhydrol.2007.11.009; the likelihood of H as in Tyralis & Koutsoyiannis 2011,
doi:10.1007/s00477-010-0408-x.
"""

import functools
import math

import numpy as np

from gridtrend.engine.jit import inlined, jit
from gridtrend.engine.kernel import kernel, routine
from gridtrend.engine.lanes import LANES
from gridtrend.engine.room import tile_like, vector_float64, vector_int64
from gridtrend.engine.tiles import fill_tile
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.autocorrelation import ROUNDING, mid_ranks, residual_series
from gridtrend.trend.kernels.normal import retest

# The variance of S grows almost as a power of n: interpolation between these lengths is accurate to 0.1 %.
LENGTHS = 2 ** np.arange(3, 8)
APPROACH = 0.82
EXPONENTS = 9
LOWEST, HIGHEST = 0.5, 0.995


@inlined
def noise_correlation(lag, hurst):
    """Autocorrelation of fractional Gaussian noise."""
    power = 2.0 * hurst
    return 0.5 * (abs(lag + 1.0) ** power - 2.0 * abs(lag) ** power + abs(lag - 1.0) ** power)


@unit
def score_variance_of_noise(n, hurst):
    """Variance of S of `n` steps of fractional Gaussian noise (Hamed 2008, eq. 19), pairs of one shape together."""
    correlation = np.empty(n + 1)
    for lag in range(n + 1):
        correlation[lag] = noise_correlation(float(lag), hurst)
    total = 0.0
    for a in range(1, n):
        for b in range(1, n):
            scale = 1.0 / math.sqrt((2.0 - 2.0 * correlation[a]) * (2.0 - 2.0 * correlation[b]))
            for shift in range(1 - n, n):
                count = n - max(a, shift + b) + min(0, shift)
                if count > 0:
                    product = correlation[abs(a - shift - b)] - correlation[abs(shift + b)]
                    product += correlation[abs(shift)] - correlation[abs(a - shift)]
                    total += count * math.asin(max(-1.0, min(1.0, product * scale)))
    return 2.0 / math.pi * total


# Python calls it to make the table. It is kept on disk as kernels are, so that later processes compile nothing.
@routine("float64(int64, float64)")
def _table_entry(n, hurst):
    return score_variance_of_noise(n, hurst)


@functools.cache
def growth_table():
    """Chebyshev coefficients in H, for each of `LENGTHS`, of the logarithm of var S over that of independent values."""
    nodes = np.cos(np.pi * (np.arange(EXPONENTS) + 0.5) / EXPONENTS)
    exponents = LOWEST + (HIGHEST - LOWEST) * 0.5 * (nodes + 1.0)
    table = [
        [math.log(_table_entry(n, hurst) * 18.0 / (n * (n - 1) * (2 * n + 5))) for hurst in exponents]
        for n in LENGTHS.tolist()
    ]
    return np.polynomial.chebyshev.chebfit(nodes, np.transpose(table), EXPONENTS - 1).T.copy()


@jit
def _chebyshev(coefficients, x):
    b, c = 0.0, 0.0
    for j in range(coefficients.size - 1, 0, -1):
        b, c = coefficients[j] + 2.0 * x * b - c, b
    return coefficients[0] + x * b - c


@unit(allocates=False)
def growth_of_variance(n, hurst, growth):
    """Logarithm of var S of `n` steps of noise of exponent `hurst` over that of independent values.

    Quadratic between the octaves of the table. Beyond it, growth per octave nears its limit, (2H - 1) log 2, by the same
    fraction with every octave.
    """
    if n < 8:
        return math.log(score_variance_of_noise(n, hurst) * 18.0 / (n * (n - 1.0) * (2.0 * n + 5.0)))
    x = 2.0 * (min(max(hurst, LOWEST), HIGHEST) - LOWEST) / (HIGHEST - LOWEST) - 1.0
    octave = math.log2(n) - 3.0
    last = growth.shape[0] - 1
    if octave >= last:
        top = _chebyshev(growth[last], x)
        limit = (2.0 * hurst - 1.0) * math.log(2.0)
        lag = limit - (top - _chebyshev(growth[last - 1], x))
        beyond = octave - last
        return top + limit * beyond - lag * APPROACH * (1.0 - APPROACH**beyond) / (1.0 - APPROACH)
    row = min(int(octave), last - 2)
    u = octave - row
    low, middle, high = _chebyshev(growth[row], x), _chebyshev(growth[row + 1], x), _chebyshev(growth[row + 2], x)
    return 0.5 * (u - 1.0) * (u - 2.0) * low - u * (u - 2.0) * middle + 0.5 * u * (u - 1.0) * high


@inlined
def scaling_factor(n, hurst, growth):
    """Variance of S of `n` steps of noise over that of independent values, corrected for the bias of H (eq. 24)."""
    a0 = (1.0024 * n - 2.5681) / (n + 18.6693)
    a1 = (-2.2510 * n + 157.2075) / (n + 9.2245)
    a2 = (15.3402 * n - 188.6140) / (n + 5.8917)
    a3 = (-31.4258 * n + 549.8599) / (n - 1.1040)
    a4 = (20.7988 * n - 419.0402) / (n - 1.9248)
    bias = a0 + hurst * (a1 + hurst * (a2 + hurst * (a3 + hurst * a4)))
    return math.exp(growth_of_variance(n, hurst, growth)) * bias


@jit
def normal_score(p):
    """The normal quantile of `p`: a rational start (Abramowitz & Stegun 26.2.23), then Halley's steps to full precision."""
    tail = min(p, 1.0 - p)
    u = math.sqrt(-2.0 * math.log(tail))
    z = u - (2.515517 + u * (0.802853 + u * 0.010328)) / (1.0 + u * (1.432788 + u * (0.189269 + u * 0.001308)))
    for _ in range(2):
        error = 0.5 * math.erfc(z / math.sqrt(2.0)) - tail
        step = error * math.sqrt(2.0 * math.pi) * math.exp(0.5 * z * z)
        z += step / (1.0 - 0.5 * z * step)
    return z if p > 0.5 else -z


@unit(allocates=False)
def _regular_innovations(scores, correlation, m, work):
    """Sum of squared innovations over their variances, and of the logarithms of these (Durbin and Levinson)."""
    weights, reverse = work[0], work[1]
    error, determinant = 1.0, 0.0
    squares = scores[0] * scores[0]
    for i in range(1, m):
        partial = correlation[i]
        for j in range(i - 1):
            partial -= weights[j] * correlation[i - 1 - j]
        partial /= error
        for j in range(i - 1):
            reverse[j] = weights[i - 2 - j]
        for j in range(i - 1):
            weights[j] -= partial * reverse[j]
        weights[i - 1] = partial
        error *= 1.0 - partial * partial
        innovation = scores[i]
        for j in range(i):
            innovation -= weights[j] * scores[i - 1 - j]
        squares += innovation * innovation / error
        determinant += math.log(error)
    return squares, determinant


@unit(allocates=False)
def _gapped_innovations(scores, at, correlation, m, rows):
    """The same where steps are missing, by Cholesky's rows: O(m**3)."""
    determinant, squares = 0.0, 0.0
    for i in range(m):
        pivot, innovation = 1.0, scores[i]
        for j in range(i):
            entry = correlation[at[i] - at[j]]
            for q in range(j):
                entry -= rows[i, q] * rows[j, q]
            rows[i, j] = entry / rows[j, j]
            pivot -= rows[i, j] * rows[i, j]
            innovation -= rows[i, j] * rows[m, j]
        rows[i, i] = math.sqrt(pivot)
        rows[m, i] = innovation / rows[i, i]
        determinant += math.log(pivot)
        squares += rows[m, i] * rows[m, i]
    return squares, determinant


@unit(allocates=False)
def likelihood(scores, at, m, hurst, correlation, work):
    """Logarithm of the likelihood of H, at its best scale."""
    span = at[m - 1] - at[0] + 1
    for lag in range(span):
        correlation[lag] = noise_correlation(float(lag), hurst)
    if span == m:
        squares, determinant = _regular_innovations(scores, correlation, m, work)
    else:
        squares, determinant = _gapped_innovations(scores, at, correlation, m, work)
    return -0.5 * (m * math.log(squares / m) + determinant)


@unit(allocates=False)
def most_likely_exponent(scores, at, m, correlation, work):
    """H of greatest likelihood between 0.01 and 0.99, by golden section to 1e-6."""
    golden = 0.5 * (math.sqrt(5.0) - 1.0)
    low, high = 0.01, 0.99
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left = likelihood(scores, at, m, left, correlation, work)
    at_right = likelihood(scores, at, m, right, correlation, work)
    while high - low > 1e-6:
        if at_left < at_right:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = likelihood(scores, at, m, right, correlation, work)
        else:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = likelihood(scores, at, m, left, correlation, work)
    return 0.5 * (low + high)


@unit
def exponent_of_residuals(x, m, tolerance, at, ranks, correlation, work):
    """H of the normal scores of the ranks of `x[:m]` (eq. 18); 0.5, that of white noise, where all are tied."""
    mid_ranks(x, m, tolerance, ranks)
    spread = 0.0
    for i in range(m):
        x[i] = normal_score(ranks[i] / (m + 1.0)) if ranks[i] != 0.5 * (m + 1.0) else 0.0
        spread = max(spread, abs(x[i]))
    return most_likely_exponent(x, at, m, correlation, work) if spread > 0.0 else 0.5


@kernel(
    "(time,cell),(cell),(cell),(cell),(time),(time),(length,degree)",
    "Tddddld",
    outputs.VAR_S,
    outputs.Z,
    outputs.P_VALUE,
    outputs.TREND,
    outputs.VARIANCE_FACTOR,
    outputs.HURST,
)
def scaling_test(
    y, line, score, variance, t, steps, growth, alpha: float, continuity: float, alternative: int, bound: float, out
):
    """The test of each cell again, with the variance of S under the Hurst exponent of the detrended series.

    An exponent within `bound` standard errors of that of white noise (eqs. 22, 23), or below it, changes nothing.
    """
    var_s, z, p_value, trend, variance_factor, hurst = out
    n = t.size
    tile, n_valid = tile_like(y), vector_int64(LANES)
    x, when, at, ranks = vector_float64(n), vector_float64(n), vector_int64(n), vector_float64(n)
    correlation = vector_float64(steps[n - 1] + 1 if n else 1)
    work = np.empty((n + 1, max(n, 2)))
    for first in range(0, y.shape[1], LANES):
        used = fill_tile(y, first, tile, n_valid)
        for k in range(used):
            cell = first + k
            # The test of a constant series needs no correction.
            factor = 1.0 + 0.0 * variance[cell]
            h = 0.5 * factor
            if variance[cell] > 0.0:
                m, _, size, _ = residual_series(tile, t, steps, k, line[cell], False, x, when, at)
                h = exponent_of_residuals(x, m, ROUNDING * size, at, ranks, correlation, work)
                center, spread = 0.5 - 2.87 * m**-0.9067, 0.77654 / math.sqrt(m) - 0.0062
                factor = max(scaling_factor(m, h, growth), 1.0) if h - center > bound * spread else 1.0
            variance_factor[cell], hurst[cell] = factor, h
            var_s[cell] = variance[cell] * factor
            z[cell], p_value[cell], trend[cell] = retest(score[cell], var_s[cell], alpha, continuity, alternative)
