"""The Mann-Kendall score of a tile: pairs up, pairs down, ties."""

from collections import namedtuple

from gridtrend.engine.jit import inlined
from gridtrend.engine.lanes import LANES
from gridtrend.engine.room import lanes_int64, vector_float64, vector_int32, vector_int64
from gridtrend.engine.tiles import valid_series
from gridtrend.engine.unit import unit
from gridtrend.trend.kernels.pair_counts import (
    SHORT,
    count_inversions,
    count_pairs,
    new_sorting,
    sort_order,
    sorted_tie_sums,
)

# For each lane: valid values, pairs that rise, that fall, tied pairs, and the sum of the squares of
# the number of equals after each value (the sum of the numbers themselves is that of tied pairs).
# All but `n_valid` have shape (1, LANES), as a tile of one row.
Scores = namedtuple("Scores", "n_valid up down ties squares")


@unit
def new_scores():
    """Memory for the scores of a tile."""
    return Scores(vector_int64(LANES), lanes_int64(1), lanes_int64(1), lanes_int64(1), lanes_int64(1))


@inlined
def score_tile(tile, t, scores):
    """Fill `scores` (whose `n_valid` is known) from a tile of values in time order."""
    if 0 < t.size <= SHORT:
        count_pairs(tile, scores.up, scores.down, scores.ties, scores.squares)
    else:
        _score_alone(tile, t, scores)


@unit(deferred=True)
def _score_alone(tile, t, scores):
    n = t.size
    series, rising, sorting = vector_float64(n), vector_float64(n), new_sorting(n)
    order, smaller = vector_int32(n), vector_int32(n)
    for k in range(LANES):
        m = valid_series(tile, t, k, series, rising)
        for i in range(m):
            order[i] = i
        sort_order(series, order[:m], sorting)
        for i in range(m):
            rising[i] = series[order[i]]
        down = count_inversions(order[:m], smaller)
        ties, squares = sorted_tie_sums(rising[:m])
        scores.down[0, k], scores.ties[0, k], scores.squares[0, k] = down, ties, squares
        scores.up[0, k] = m * (m - 1) // 2 - ties - down


@inlined
def score_variance(scores, k):
    """Variance of S of lane `k` under no trend, given its ties (Kendall 1975).

    A tie of t values takes away t(t-1)(2t+5), which is 6 sum(e^2) + 12 sum(e) for e = t-1, ..., 1, 0.
    """
    n = scores.n_valid[k]
    return (n * (n - 1.0) * (2.0 * n + 5.0) - 6.0 * scores.squares[0, k] - 12.0 * scores.ties[0, k]) / 18.0
