"""Theil-Sen slopes and their confidence limits for a block of cells.

Sen 1968, doi:10.1080/01621459.1968.10480934; limits after Gilbert 1987, pages 217-219.
"""

import math

import numpy as np

from gridtrend.engine.jit import inlined
from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import LANES
from gridtrend.engine.room import lanes_float64, tile_like, vector_float64, vector_int64
from gridtrend.engine.tiles import fill_tile, put_lanes, valid_series
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.order_statistics import median
from gridtrend.trend.kernels.parameters import Line
from gridtrend.trend.kernels.powers_of_two import LARGE, SMALLER
from gridtrend.trend.kernels.scores import (
    new_scores,
    score_tile,
    score_variance,
)
from gridtrend.trend.kernels.slope_search_lanes import tile_slopes

# Codes of `intercept` and `ci`, as compiled code sees them.
CONOVER, JOINT = 0, 1
GILBERT, ROUNDED, NO_LIMITS = 0, 1, 2


@unit(allocates=False)
def slope_ranks(scores, quantile, ci, ranks):
    """Fractional ranks of the median slope and of the confidence limits of each lane."""
    for k in range(LANES):
        n = scores.n_valid[k]
        put_ranks(n * (n - 1) // 2, score_variance(scores, k), quantile, ci, ranks, k)


@unit(allocates=False)
def put_ranks(pairs, variance, quantile, ci, ranks, k):
    """The ranks of lane `k`, of `pairs` slopes whose S has this `variance`."""
    lower, upper = limit_ranks(pairs, variance, quantile, ci)
    ranks[0, k] = 0.5 * (pairs + 1)
    ranks[1, k] = lower if ci != NO_LIMITS else np.nan
    ranks[2, k] = upper if ci != NO_LIMITS else np.nan


@inlined
def limit_ranks(pairs, variance, quantile, ci):
    """Fractional ranks of the confidence limits, given the variance of S.

    With N pairs and C = z sqrt(var S), they are (N - C)/2 and (N + C)/2 + 1 (Gilbert 1987): interpolated between order
    statistics, or rounded to the nearest. A rank outside 1..N does not exist.
    """
    half_width = 0.5 * quantile * math.sqrt(max(variance, 0.0))
    lower, upper = 0.5 * pairs - half_width, 0.5 * pairs + half_width
    if ci == ROUNDED:
        lower, upper = np.rint(lower), np.rint(upper + 1.0) - 1.0
    return lower, upper + 1.0


@unit
def slope_lines(tile, t, scores, per, quantile, intercept, ci, min_valid, lines):
    """Slope, intercept at t = 0, and lower and upper limit of the slope, the four rows of `lines`, of each lane.

    Slopes are multiplied by `per`, the units of `t` in one unit of the result.
    """
    ranks, slopes, series, times = lanes_float64(3), lanes_float64(3), vector_float64(t.size), vector_float64(t.size)
    slope_ranks(scores, quantile, ci, ranks)
    large = vector_int64(LANES)
    overflow = find_large(tile, large)
    if overflow:
        rescale(tile, large, SMALLER)
    tile_slopes(tile, t, scores, ranks, slopes, series, times)
    lines_through(tile, t, scores.n_valid, slopes, per, intercept, min_valid, series, times, lines)
    if overflow:
        rescale(tile, large, 1.0 / SMALLER)
        rescale(lines, large, 1.0 / SMALLER)


@unit(allocates=False)
def find_large(tile, large):
    """Return whether any lane has values whose differences may overflow, and mark those lanes if so."""
    found = False
    for i in range(tile.shape[0]):
        for k in range(LANES):
            found |= abs(tile[i, k]) > LARGE
    if found:
        _mark_large(tile, large)
    return found


@unit(deferred=True, allocates=False)
def _mark_large(tile, large):
    for k in range(LANES):
        large[k] = 0
        for i in range(tile.shape[0]):
            large[k] |= abs(tile[i, k]) > LARGE


@unit(deferred=True, allocates=False)
def rescale(rows, large, factor):
    """Multiply the marked lanes."""
    for k in range(LANES):
        for i in range(rows.shape[0] if large[k] else 0):
            rows[i, k] *= factor


@unit(allocates=False)
def lines_through(tile, t, n_valid, slopes, per, intercept, min_valid, series, times, lines):
    """The lines of these slopes; `series` and `times` are memory for a series."""
    for k in range(LANES):
        if n_valid[k] < min_valid or math.isnan(slopes[0, k]):
            for row in range(4):
                lines[row, k] = np.nan
            continue
        m = valid_series(tile, t, k, series, times)
        lines[0, k] = slopes[0, k] * per
        lines[1, k] = line_intercept(series, times, m, slopes[0, k], intercept)
        lines[2, k] = slopes[1, k] * per
        lines[3, k] = slopes[2, k] * per


@unit(allocates=False)
def line_intercept(series, times, m, slope, method):
    """CONOVER: median(y) - slope median(t) (Conover 1980); JOINT: median(y - slope t). Reorders both vectors."""
    if method == CONOVER:
        return median(series, m) - slope * _median_time(times, m)
    for i in range(m):
        series[i] -= slope * times[i]
    return median(series, m)


@unit(allocates=False)
def _median_time(times, m):
    """Median of times, which are in order unless several groups of a record stand one after the other."""
    for i in range(1, m):
        if times[i] < times[i - 1]:
            return median(times, m)
    return 0.5 * (times[(m - 1) // 2] + times[m // 2])


@kernel(
    "(time,cell),(time)",
    "Td",
    outputs.SLOPE,
    outputs.INTERCEPT,
    outputs.SLOPE_LOWER,
    outputs.SLOPE_UPPER,
    outputs.N_VALID,
)
def theil_sen(y, t, min_valid: int, line: Line, out):
    """Theil-Sen line of each cell."""
    per, quantile, intercept_method, ci = line
    slope, intercept, slope_lower, slope_upper, n_valid = out
    tile, scores, lines = tile_like(y), new_scores(), lanes_float64(4)
    for first in range(0, y.shape[1], LANES):
        used = fill_tile(y, first, tile, scores.n_valid)
        score_tile(tile, t, scores)
        slope_lines(tile, t, scores, per, quantile, intercept_method, ci, min_valid, lines)
        put_lanes(lines, 0, first, used, slope)
        put_lanes(lines, 1, first, used, intercept)
        put_lanes(lines, 2, first, used, slope_lower)
        put_lanes(lines, 3, first, used, slope_upper)
        for k in range(used):
            n_valid[first + k] = scores.n_valid[k]


@kernel(
    "(time,cell),(cell),(time)",
    "Tdd",
    outputs.SLOPE_LOWER,
    outputs.SLOPE_UPPER,
)
def slope_limits(y, variance, t, min_valid: int, line: Line, out):
    """Confidence limits of the slope of each cell under a `variance` of S that something else has decided."""
    per, quantile, _, ci = line
    slope_lower, slope_upper = out
    tile, scores, ranks, slopes = tile_like(y), new_scores(), lanes_float64(2), lanes_float64(2)
    series, times, large = vector_float64(t.size), vector_float64(t.size), vector_int64(LANES)
    for first in range(0, y.shape[1], LANES):
        used = fill_tile(y, first, tile, scores.n_valid)
        score_tile(tile, t, scores)
        for k in range(LANES):
            ranks[0, k], ranks[1, k] = np.nan, np.nan
            n = scores.n_valid[k]
            if k < used and n >= min_valid and not math.isnan(variance[first + k]):
                ranks[0, k], ranks[1, k] = limit_ranks(n * (n - 1) // 2, variance[first + k], quantile, ci)
        overflow = find_large(tile, large)
        if overflow:
            rescale(tile, large, SMALLER)
        tile_slopes(tile, t, scores, ranks, slopes, series, times)
        for k in range(LANES):
            slopes[0, k] *= per
            slopes[1, k] *= per
        if overflow:
            rescale(slopes, large, 1.0 / SMALLER)
        put_lanes(slopes, 0, first, used, slope_lower)
        put_lanes(slopes, 1, first, used, slope_upper)


@kernel(
    "(time,cell),(cell),(time)",
    "Tdd",
    outputs.INTERCEPT,
)
def intercepts(y, slope, t, intercept_method: int, out):
    """Intercept of a line through each cell whose slope is known."""
    (intercept,) = out
    tile, n_valid, slopes = tile_like(y), vector_int64(LANES), lanes_float64(1)
    series, times, large = vector_float64(t.size), vector_float64(t.size), vector_int64(LANES)
    for first in range(0, y.shape[1], LANES):
        used = fill_tile(y, first, tile, n_valid)
        for k in range(LANES):
            slopes[0, k] = slope[first + k] if k < used else np.nan
        overflow = find_large(tile, large)
        if overflow:
            rescale(tile, large, SMALLER)
            rescale(slopes, large, SMALLER)
        for k in range(LANES):
            if not math.isnan(slopes[0, k]):
                m = valid_series(tile, t, k, series, times)
                slopes[0, k] = line_intercept(series, times, m, slopes[0, k], intercept_method)
        if overflow:
            rescale(slopes, large, 1.0 / SMALLER)
        put_lanes(slopes, 0, first, used, intercept)
