"""The Mann-Kendall score of a tile: pairs up, pairs down, ties."""

from collections import namedtuple

import numpy as np

from gridtrend.grid.kernel import inlined, jit
from gridtrend.grid.lanes import LANES
from gridtrend.trend.kernels.ranks import (
    SHORT,
    count_inversions,
    count_pairs,
    sorted_tie_sums,
    tie_sums,
)
from gridtrend.trend.kernels.tiles import valid_series

# For each lane: valid values, pairs that rise, that fall, tied pairs, and the sum of t(t-1)(2t+5) over ties.
# All but `n_valid` have shape (1, LANES), as a tile of one row.
Scores = namedtuple("Scores", "n_valid up down ties cubes")


@jit
def new_scores():
    """Room for the scores of a tile."""
    return Scores(
        np.empty(LANES, np.int64),
        np.empty((1, LANES), np.int64),
        np.empty((1, LANES), np.int64),
        np.empty((1, LANES), np.int64),
        np.empty((1, LANES), np.int64),
    )


@inlined
def score_tile(tile, t, scores):
    """Fill `scores` (whose `n_valid` is known) from a tile of values in time order."""
    if t.size <= SHORT:
        _score_lanes(tile, scores)
    else:
        _score_alone(tile, t, scores)


@inlined
def _score_lanes(tile, scores):
    for k in range(LANES):
        scores.up[0, k] = scores.down[0, k] = scores.ties[0, k] = scores.cubes[0, k] = 0
    if tile.shape[0] == 0:
        return
    count_pairs(tile, scores.up, scores.down)
    tied = False
    for k in range(LANES):
        n = scores.n_valid[k]
        scores.ties[0, k] = n * (n - 1) // 2 - scores.up[0, k] - scores.down[0, k]
        tied |= scores.ties[0, k] > 0
    if tied:
        row = np.empty((1, LANES), np.int64)
        tie_sums(tile, row, scores.ties[0], scores.cubes[0])


@jit
def _score_alone(tile, t, scores):
    series, spare = np.empty(t.size), np.empty(t.size)
    for k in range(LANES):
        m = valid_series(tile, t, k, series, spare)
        down = count_inversions(series[:m], spare[:m])
        ties, cubes = sorted_tie_sums(series[:m])
        scores.down[0, k], scores.ties[0, k], scores.cubes[0, k] = down, ties, cubes
        scores.up[0, k] = m * (m - 1) // 2 - ties - down


@inlined
def score_variance(n, cubes):
    """Variance of S of `n` values under no trend, given its ties (Kendall 1975)."""
    return (n * (n - 1.0) * (2.0 * n + 5.0) - cubes) / 18.0
