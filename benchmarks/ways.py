"""The two ways of the kernels, lanes and single series, each by itself: what `SHORT` chooses between."""

from collections.abc import Callable
from functools import partial

import numpy as np

from gridtrend.engine.jit import entry
from gridtrend.engine.lanes import LANES
from gridtrend.engine.tiles import fill_tile, valid_series
from gridtrend.trend.kernels.pair_counts import count_pairs
from gridtrend.trend.kernels.scores import _score_alone, new_scores
from gridtrend.trend.kernels.slope_search_lanes import _search_lane, tile_slopes
from gridtrend.trend.kernels.theil_sen import GILBERT, slope_ranks

QUANTILE = 1.96


@entry
def score_in_lanes(y, t, tile):
    scores = new_scores()
    fill_tile(y, 0, tile, scores.n_valid)
    count_pairs(tile, scores.up, scores.down, scores.ties, scores.squares)
    return scores


@entry
def score_alone(y, t, tile):
    scores = new_scores()
    fill_tile(y, 0, tile, scores.n_valid)
    _score_alone(tile, t, scores)
    return scores


@entry
def search_in_lanes(tile, t, scores, values):
    ranks, series, times = np.empty((3, LANES)), np.empty(t.size), np.empty(t.size)
    slope_ranks(scores, QUANTILE, GILBERT, ranks)
    tile_slopes(tile, t, scores, ranks, values, series, times)


@entry
def search_alone(tile, t, scores, values):
    ranks, series, times = np.empty((3, LANES)), np.empty(t.size), np.empty(t.size)
    slope_ranks(scores, QUANTILE, GILBERT, ranks)
    for k in range(LANES):
        m = valid_series(tile, t, k, series, times)
        _search_lane(series, times, m, scores, ranks, k, values)


def score_drivers(y: np.ndarray) -> list[Callable[[], object]]:
    """Both ways to score a block of 16 cells, checked against each other."""
    t, tile = np.arange(float(len(y))), np.empty((len(y), LANES))
    calls = [partial(way, y, t, tile) for way in (score_in_lanes, score_alone)]
    lanes, alone = (call() for call in calls)
    assert all(np.array_equal(a, b) for a, b in zip(lanes, alone, strict=True))
    return calls


def slope_drivers(y: np.ndarray) -> list[Callable[[], object]]:
    """Both ways to search the slope and its limits of a block of 16 cells, checked against each other."""
    t, tile = np.arange(float(len(y))), np.empty((len(y), LANES))
    scores = score_alone(y, t, tile)
    values = [np.empty((3, LANES)) for _ in range(2)]
    calls = [
        partial(way, tile, t, scores, out) for way, out in zip((search_in_lanes, search_alone), values, strict=True)
    ]
    for call in calls:
        call()
    np.testing.assert_allclose(*values, rtol=1e-12)
    return calls
