"""The exact null distribution of S given the ties of a series, and p-values from it.

Time has no ties, so S is the number of untied pairs less twice the number of inversions, and inversions of groups of
equal values have the q-multinomial as their generating function: a product of factors (1 - q^a) / (1 - q^b), one for
each value (Mann 1945, doi:10.2307/1907187; Valz, McLeod & Thompson 1995, doi:10.1080/10618600.1995.10474661). Series
that are independent of each other multiply theirs.

A distribution is kept as probabilities, and as its left half, since it is symmetric. Every product of whole factors is
positive and has one peak, so that dividing by a factor, which subtracts, loses few digits even in small tails.
"""

from collections import namedtuple

import numpy as np

from gridtrend.engine.jit import assign, inlined
from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import LANES
from gridtrend.engine.room import tile_like, vector_float64, vector_int64
from gridtrend.engine.tiles import fill_tile, valid_series
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.normal import TWO_SIDED, flag, z_score
from gridtrend.trend.kernels.normal import p_value as normal_p_value
from gridtrend.trend.kernels.scores import new_scores, score_tile, score_variance

# Codes of `p_value`, as compiled code sees them.
NORMAL, EXACT, AUTO = 0, 1, 2
# AUTO takes the exact distribution up to this many pairs: series of 60 values, where it costs about as much as S.
AUTO_PAIRS = 1770
# Distributions without ties are kept for up to this many values.
KEPT = 64

# Left halves, one after the other, of the distributions without ties of 0, 1, 2, ... values; each starts at `starts`.
Kept = namedtuple("Kept", "weights starts")


@unit
def new_kept(most):
    """The distributions without ties of up to `most` values, or `KEPT`."""
    most = min(most, KEPT)
    starts = vector_int64(most + 2)
    starts[0] = 0
    for m in range(most + 1):
        starts[m + 1] = starts[m] + m * (m - 1) // 4 + 1
    kept = Kept(vector_float64(starts[most + 1]), starts)
    kept.weights[0] = 1.0
    if most > 0:
        _fill_kept(kept)
    return kept


@unit(deferred=True)
def _fill_kept(kept):
    most = kept.starts.size - 2
    room = np.empty((2, most * (most - 1) // 4 + 1))
    room[0, 0] = 1.0
    pairs = 0
    for m in range(1, most + 1):
        pairs = _append(room, pairs, m - 1, 1)
        assign(kept.weights[kept.starts[m] :], room[0, : pairs // 2 + 1])


@unit(allocates=False)
def _append(room, pairs, before, place):
    """Take in one more value: the `place`-th of its equals, with `before` smaller ones. Returns the new number of pairs.

    `room[0, : pairs // 2 + 1]` is the left half of a distribution of inversions among `pairs` untied pairs; the other row
    of `room` is working memory.
    """
    if before == 0:
        return pairs
    weights, sums = room[0], room[1]
    more = pairs + before
    half = more // 2
    for k in range(pairs // 2 + 1, half + 1):
        weights[k] = weights[pairs - k] if k <= pairs else 0.0
    step, share = before + place, place / (before + place)
    for k in range(half + 1):
        total = weights[k] + (sums[k - place] if k >= place else 0.0)
        sums[k] = total
        weights[k] = (total - (sums[k - step] if k >= step else 0.0)) * share
    return more


@inlined
def append_series(room, pairs, series, kept):
    """Take in an independent series, which is sorted here; returns the new number of untied pairs."""
    series.sort()
    single = _singles(series)
    placed = 0
    if pairs == 0:
        # The first series: the distribution of its distinct values is known already.
        placed = min(single, kept.starts.size - 2)
        assign(room[0], kept.weights[kept.starts[placed] : kept.starts[placed + 1]])
        pairs = placed * (placed - 1) // 2
    while placed < single:
        pairs = _append(room, pairs, placed, 1)
        placed += 1
    t = 1
    for i in range(1, series.size + 1):
        if i < series.size and series[i] == series[i - 1]:
            t += 1
            continue
        if t > 1:
            for place in range(1, t + 1):
                pairs = _append(room, pairs, placed, place)
            placed += t
        t = 1
    return pairs


@inlined
def _singles(series):
    """Number of values of a sorted series that have no equal."""
    single = 0
    for i in range(series.size):
        first = i == 0 or series[i] != series[i - 1]
        single += first and (i == series.size - 1 or series[i] != series[i + 1])
    return single


@unit(allocates=False)
def tail_p_value(weights, pairs, s, alternative):
    """P of a score S under a distribution of inversions among `pairs` untied pairs."""
    inversions = (pairs - np.int64(s)) // 2
    if alternative == TWO_SIDED:
        return min(1.0, 2.0 * _sum(weights, min(inversions, pairs - inversions)))
    if alternative < 0:
        inversions = pairs - inversions
    if 2 * inversions <= pairs:
        return min(1.0, _sum(weights, inversions))
    # Above the middle, sum from the other end.
    return 1.0 - _sum(weights, pairs - inversions - 1)


@inlined
def _sum(weights, last):
    """Sum of weights 0 to `last`."""
    total = 0.0
    for k in range(last + 1):
        total += weights[k]
    return total


@inlined
def wants_exact(method, pairs):
    """Whether `method` takes the exact distribution for this many pairs."""
    return method == EXACT or (method == AUTO and pairs <= AUTO_PAIRS)


@kernel(
    "(time,cell),(time)",
    "Td",
    outputs.P_VALUE,
    outputs.TREND,
)
def exact_test(y, t, alpha: float, continuity: float, alternative: int, p_method: int, min_valid: int, out):
    """P of the Mann-Kendall test from the exact distribution of S given the ties, where `p_method` wants it."""
    p_value, trend = out
    tile, scores = tile_like(y), new_scores()
    series, times = vector_float64(t.size), vector_float64(t.size)
    kept = new_kept(t.size)
    room = np.empty((2, 1))
    for first in range(0, y.shape[1], LANES):
        used = fill_tile(y, first, tile, scores.n_valid)
        score_tile(tile, t, scores)
        for k in range(used):
            n = scores.n_valid[k]
            if n < min_valid or n == 0:
                p_value[first + k], trend[first + k] = np.nan, 0
                continue
            pairs, s = n * (n - 1) // 2, scores.up[0, k] - scores.down[0, k]
            if wants_exact(p_method, pairs):
                if room.shape[1] <= pairs // 2:
                    room = np.empty((2, pairs // 2 + 1))
                m = valid_series(tile, t, k, series, times)
                untied = append_series(room, 0, series[:m], kept)
                p = tail_p_value(room[0], untied, s, alternative)
            else:
                z = z_score(np.float64(s), score_variance(scores, k), continuity)
                p = normal_p_value(z, alternative)
            p_value[first + k] = p
            trend[first + k] = flag(np.float64(s), p, alpha, alternative)
