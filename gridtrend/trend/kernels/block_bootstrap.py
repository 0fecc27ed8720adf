"""Mann-Kendall under resampling of whole blocks, which keeps serial correlation within them.

Kundzewicz & Robson 2000; Khaliq et al. 2009, doi:10.1016/j.jhydrol.2009.01.045; Onoz & Bayazit 2012, doi:10.1002/hyp.8438.
"""

import math

import numpy as np

from gridtrend.engine.jit import inlined
from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import LANES
from gridtrend.engine.output import Output
from gridtrend.engine.random_bits import mix
from gridtrend.engine.room import lanes_float32, tile_like, vector_float32, vector_float64, vector_int64
from gridtrend.engine.tiles import fill_tile, valid_series
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.autocorrelation import ROUNDING, lay_out, leading_lags, mid_ranks, residual_series
from gridtrend.trend.kernels.exact_distribution import append_series, new_kept, tail_p_value
from gridtrend.trend.kernels.long_term_persistence import normal_score
from gridtrend.trend.kernels.normal import TWO_SIDED, flag, z_score
from gridtrend.trend.kernels.order_statistics import kth_smallest
from gridtrend.trend.kernels.scores import new_scores, score_tile, score_variance

LEADING = -1
# Series of up to this many values have few distinct replicates, too few for a p-value.
SHORTEST = 10
# Scores beyond the largest TAIL replicates get a p-value from a normal tail. Its standard deviation is that of all replicates,
# but not less than that of independent values.
TAIL = 20


@inlined
def _mixed(bits):
    """Splitmix64: the same draw for the same number on any machine, in any order, with no state to share."""
    return mix(np.uint64(bits) + np.uint64(0x9E3779B97F4A7C15))


@unit(allocates=False)
def resample_blocks(series, span, length, seed, first, tile):
    """Fill each lane of `tile` with blocks of `length` steps of `series[:span]`, drawn with replacement.

    Lane k is replicate number `first + k`. All cells draw the same blocks, so that their replicates belong together.
    """
    starts = np.uint64(span - length + 1)
    for k in range(LANES):
        key = _mixed(_mixed(np.uint64(seed)) ^ np.uint64(first + k))
        for block in range((span + length - 1) // length):
            start = np.int64(_mixed(key ^ np.uint64(block)) % starts)
            for i in range(block * length, min((block + 1) * length, span)):
                tile[i, k] = series[start + i - block * length]


@unit(allocates=False)
def _count_valid(tile, n_valid):
    for k in range(LANES):
        n_valid[k] = 0
        for i in range(tile.shape[0]):
            n_valid[k] += not math.isnan(tile[i, k])


@unit
def bootstrap(series, span, length, seed, drawn):
    """Fill `drawn` with the scores of replicates, and return their mean square.

    Scores are in units of their own standard deviation, since a replicate may hold other ties and gaps.
    """
    resamples = drawn.size
    tile, scores = lanes_float32(span), new_scores()
    steps = np.arange(np.float64(span))
    squares = 0.0
    for first in range(0, resamples, LANES):
        resample_blocks(series, span, length, seed, first, tile)
        _count_valid(tile, scores.n_valid)
        score_tile(tile, steps, scores)
        for k in range(min(LANES, resamples - first)):
            replicate = z_score(np.float64(scores.up[0, k] - scores.down[0, k]), score_variance(scores, k), 0.0)
            squares += replicate * replicate
            drawn[first + k] = replicate
    return squares / resamples


@unit(allocates=False)
def resampled_p_value(drawn, z, spread, alternative, work):
    """p-value of the score `z` among the replicates; beyond the last of these, from a normal tail that begins there."""
    resamples = drawn.size
    extreme = 0
    for i in range(resamples):
        # A tolerance, so that a replicate with the score of the series counts as equally extreme in spite of rounding.
        if alternative == TWO_SIDED:
            work[i] = abs(drawn[i])
            extreme += work[i] >= abs(z) * (1.0 - 1e-12)
        else:
            work[i] = alternative * drawn[i]
            extreme += work[i] >= alternative * z - 1e-12
    if extreme >= TAIL or resamples < TAIL:
        return (1.0 + extreme) / (1.0 + resamples)
    start = kth_smallest(work, resamples, resamples - TAIL)
    score = abs(z) if alternative == TWO_SIDED else alternative * z
    return (1.0 + TAIL) / (1.0 + resamples) * _upper(score / spread) / _upper(start / spread)


@unit(allocates=False)
def resampled_quantile(drawn, alpha, spread, work):
    """The size beyond which a score is significant at `alpha` in a two-sided test."""
    resamples = drawn.size
    for i in range(resamples):
        work[i] = abs(drawn[i])
    extreme = math.ceil(alpha * (1.0 + resamples) - 1.0)
    if extreme > TAIL or resamples < TAIL:
        return kth_smallest(work, resamples, resamples - min(max(np.int64(extreme), 1), resamples))
    share = alpha * (1.0 + resamples) / (1.0 + TAIL)
    start = kth_smallest(work, resamples, resamples - TAIL)
    return max(start, -spread * normal_score(0.5 * min(share, 1.0) * _upper(start / spread)))


@inlined
def _upper(z):
    """Share of normal numbers that are larger in size than a positive `z`."""
    return math.erfc(z / math.sqrt(2.0))


@kernel(
    "(time,cell),(cell),(cell),(cell),(time),(time)",
    "Tddddl",
    outputs.VAR_S,
    outputs.Z,
    outputs.P_VALUE,
    outputs.TREND,
    outputs.VARIANCE_FACTOR,
    outputs.BLOCK_LENGTH,
    Output("_width", "variance of the Mann-Kendall score S of {data} whose normal quantile is the resampled one"),
)
def block_bootstrap(
    y,
    line,
    score,
    variance,
    t,
    steps,
    alpha: float,
    continuity: float,
    alternative: int,
    bound: float,
    quantile: float,
    lags: int,
    resamples: int,
    seed: int,
    compress: int,
    out,
):
    """The test of each cell against replicates of its detrended series."""
    var_s, z, p_value, trend, variance_factor, block_length, _width = out
    n = t.size
    tile, n_valid = tile_like(y), vector_int64(LANES)
    x, when, at, ranks = vector_float64(n), vector_float64(n), vector_int64(n), vector_float64(n)
    longest = steps[n - 1] + 1 if n else 1
    spread, present, series = vector_float64(longest), vector_int64(longest), vector_float32(longest)
    drawn, work = vector_float64(resamples), vector_float64(resamples)
    for first in range(0, y.shape[1], LANES):
        used = fill_tile(y, first, tile, n_valid)
        for k in range(used):
            cell = first + k
            # A constant series has no replicates.
            factor, length = 1.0 + 0.0 * variance[cell], 0
            p = factor
            _width[cell] = variance[cell]
            if variance[cell] > 0.0:
                m, _, size, _ = residual_series(tile, t, steps, k, line[cell], compress, x, when, at)
                mid_ranks(x, m, ROUNDING * size, ranks)
                span, spread_variance = lay_out(ranks, at, m, spread, present)
                if lags == LEADING:
                    length = 1 + leading_lags(spread, present, span, spread_variance, m, bound)
                else:
                    length = min(1 + lags, span)
                for i in range(span):
                    series[i] = spread[i] if present[i] else np.nan
                standard = z_score(score[cell], variance[cell], 0.0)
                factor = bootstrap(series, span, length, seed, drawn)
                least = math.sqrt(max(factor, 1.0))
                p_value[cell] = resampled_p_value(drawn, standard, least, alternative, work)
                width = resampled_quantile(drawn, alpha, least, work) / quantile
                _width[cell] = variance[cell] * width * width
                if m <= SHORTEST:
                    _width[cell] = max(_width[cell], variance[cell])
                    valid_series(tile, t, k, x, when)
                    _raise_to_exact(x[:m], score[cell], alternative, p_value[cell : cell + 1])
            else:
                p_value[cell] = p
            variance_factor[cell], block_length[cell] = factor, length
            var_s[cell] = variance[cell] * factor
            z[cell] = z_score(score[cell], var_s[cell], continuity)
            trend[cell] = flag(score[cell], p_value[cell], alpha, alternative)


@unit(deferred=True)
def _raise_to_exact(series, score, alternative, p):
    """Raise the p-value of a short series to that of all orders of its values, because its replicates are few."""
    m = series.size
    room = np.empty((2, m * (m - 1) // 4 + 1))
    untied = append_series(room, 0, series, new_kept(m))
    p[0] = max(p[0], tail_p_value(room[0], untied, score, alternative))
