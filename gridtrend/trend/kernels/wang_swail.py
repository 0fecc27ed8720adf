"""Series whitened by an autocorrelation that is found together with the slope.

Zhang et al. 2000, doi:10.1080/07055900.2000.9649654; Wang & Swail 2001, doi:10.1175/1520-0442(2001)014<2204:COEWHI>2.0.CO;2.
The steps, and when to stop, are those of R's zyp (`zyp.zhang`). Some series never settle so, and where
they would be stopped is a matter of rounding: after 30 rounds r is found by bisection, as that which its own trend leaves.
"""

import math

import numpy as np

from gridtrend.engine.jit import assign
from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import LANES
from gridtrend.engine.room import lanes_float64, tile_like, vector_float64, vector_int64
from gridtrend.engine.tiles import fill_tile
from gridtrend.engine.unit import unit
from gridtrend.trend.kernels.autocorrelation import ROUNDING, lag_correlation, lay_out, residual_series, snap
from gridtrend.trend.kernels.prewhitening import WHITENED, whitened_values, write_back
from gridtrend.trend.kernels.scores import new_scores, score_tile
from gridtrend.trend.kernels.slope_search_lanes import tile_slopes
from gridtrend.trend.kernels.variance_corrections import first_correlation

# An autocorrelation below NEGLIGIBLE counts as none. The search ends when r and the slope change by less than the other two.
NEGLIGIBLE, SAME_CORRELATION, SAME_SLOPE = 0.05, 1e-4, 1e-3
# Maximum number of fixed-point steps, and of these plus bisections; width of the last bracket of r.
STEPS, ROUNDS, NARROW = 30, 80, 1e-12
# The whitened series is divided by 1 - r, so r stays below 1. The bias correction brings it near 1 in many short series.
HIGHEST, HIGHEST_UNBIASED = 0.99, 0.95
# Rows of `known`, a column a lane: r and the slope, both of the round before, and the bracket of r.
R, SLOPE, R_BEFORE, SLOPE_BEFORE, LOW, HIGH = 0, 1, 2, 3, 4, 5
# State of a lane: not whitened, in search, found.
PLAIN, SEARCHED, FOUND = 0, 1, 2


@kernel("(time,cell),(time),(time)", "Tdl", *WHITENED)
def iterated_whitening(y, t, steps, min_valid: int, unbiased: int, out):
    """The series of each cell as (y(i) - r y(i-1)) / (1 - r), which keeps its trend; r is that of `y` without the trend.

    Whitened values are counted from the first value: adding it would round them.
    """
    _whitened, _level, _r1 = out
    n = t.size
    tile, valid, white, scores = tile_like(y), vector_int64(LANES), lanes_float64(n), new_scores()
    known, ranks, slopes, state = lanes_float64(6), lanes_float64(1), lanes_float64(1), vector_int64(LANES)
    x, when, at, values, kept = (
        vector_float64(n),
        vector_float64(n),
        vector_int64(n),
        vector_float64(n),
        vector_int64(n),
    )
    length = steps[n - 1] + 1 if n else 1
    spread, present = vector_float64(length), vector_int64(length)
    for first in range(0, y.shape[1], LANES):
        used = fill_tile(y, first, tile, valid)
        for k in range(LANES):
            state[k], known[R, k] = PLAIN, 0.0
            for i in range(n):
                white[i, k] = np.nan
            if k < used and valid[k] >= max(min_valid, 2):
                m, _, size, _ = residual_series(tile, t, steps, k, 0.0, False, x, when, at)
                r = correlation_about(0.0, x, when, at, m, size, unbiased, values, spread, present)
                if r >= NEGLIGIBLE:
                    state[k], known[R, k], known[R_BEFORE, k], known[SLOPE, k] = SEARCHED, r, r, np.nan
                    _whiten(tile, k, x, at, m, size, r, values, kept, white)
        for attempt in range(ROUNDS):
            searched = False
            for k in range(used):
                searched |= state[k] == SEARCHED
            if not searched:
                break
            _median_slopes(white, t, scores, ranks, slopes, x, when)
            for k in range(used):
                if state[k] == SEARCHED and _has_settled(known, k, slopes[0, k], attempt):
                    state[k] = FOUND
                if state[k] == SEARCHED:
                    m, _, size, _ = residual_series(tile, t, steps, k, 0.0, False, x, when, at)
                    r = correlation_about(known[SLOPE, k], x, when, at, m, size, unbiased, values, spread, present)
                    if _moves_on(known, k, r, attempt):
                        _whiten(tile, k, x, at, m, size, known[R, k], values, kept, white)
                    else:
                        state[k] = FOUND
        for k in range(used):
            cell = first + k
            _level[cell], _r1[cell] = 0.0, known[R, k] if valid[k] >= max(min_valid, 2) else np.nan
            if state[k] == PLAIN:
                assign(_whitened[:, cell], tile[:, k])
                continue
            _, _level[cell], _, scale = residual_series(tile, t, steps, k, 0.0, False, x, when, at)
            for i in range(n):
                _whitened[i, cell] = white[i, k] / scale


@unit(allocates=False)
def correlation_about(slope, x, when, at, m, size, unbiased, rest, spread, present):
    """Lag-1 autocorrelation of `x[:m]` about a line of this slope; 0 where no more than rounding is left."""
    largest = 0.0
    for i in range(m):
        line = slope * when[i]
        rest[i] = x[i] - line
        largest, size = max(largest, abs(rest[i])), max(size, abs(line))
    if not largest > ROUNDING * size:
        return 0.0
    span, variance = lay_out(rest, at, m, spread, present)
    r, pairs = lag_correlation(spread, present, span, variance, 1)
    return min(first_correlation(r, pairs, m, unbiased), HIGHEST_UNBIASED if unbiased else HIGHEST)


@unit(allocates=False)
def _has_settled(known, k, slope, attempt):
    """Store the slope of a whitened series; return whether neither it nor r has changed since the round before."""
    # zyp does not divide by 1 - r in the first round.
    known[SLOPE_BEFORE, k], known[SLOPE, k] = known[SLOPE, k], slope * (1.0 - known[R, k] if attempt == 0 else 1.0)
    # A series with many gaps may have too few whitened values for a slope.
    if attempt >= STEPS or math.isnan(slope):
        return math.isnan(slope)
    step, turn = abs(known[SLOPE, k] - known[SLOPE_BEFORE, k]), abs(known[R, k] - known[R_BEFORE, k])
    return (step <= SAME_SLOPE * abs(known[SLOPE, k]) and turn <= SAME_CORRELATION) or (step == 0.0 and turn == 0.0)


@unit(allocates=False)
def _moves_on(known, k, r, attempt):
    """Store the autocorrelation `r` of the residuals; return whether another round is needed."""
    if attempt < STEPS:
        if r < NEGLIGIBLE and abs(r - known[R, k]) <= SAME_CORRELATION:
            return False
    else:
        r = _halved(known, k, r, attempt == STEPS)
        if known[HIGH, k] - known[LOW, k] < NARROW:
            return False
    known[R_BEFORE, k], known[R, k] = known[R, k], r
    return True


@unit(allocates=False)
def _halved(known, k, r, begins):
    """The middle of the bracket of a lane, given the autocorrelation `r` that is left by the trend of the last one."""
    if begins:
        # The result of the fixed-point steps gives no bracket: start with the widest.
        known[LOW, k], known[HIGH, k] = -HIGHEST, HIGHEST
    elif r > known[R, k]:
        known[LOW, k] = known[R, k]
    else:
        known[HIGH, k] = known[R, k]
    return 0.5 * (known[LOW, k] + known[HIGH, k])


@unit
def _whiten(tile, k, x, at, m, size, r, values, kept, white):
    """Put the whitened values of `x[:m]` into lane `k` of `white`."""
    count = whitened_values(x, at, m, r, values, kept)
    snap(values, count, ROUNDING * size)
    for i in range(count):
        values[i] /= 1.0 - r
    write_back(tile, k, values, kept, count, white, k)


@unit(allocates=False)
def _median_slopes(white, t, scores, ranks, slopes, series, times):
    """Theil-Sen slope of each lane."""
    for k in range(LANES):
        scores.n_valid[k] = 0
        for i in range(t.size):
            scores.n_valid[k] += not math.isnan(white[i, k])
        ranks[0, k] = 0.5 * (scores.n_valid[k] * (scores.n_valid[k] - 1) // 2 + 1)
    score_tile(white, t, scores)
    tile_slopes(white, t, scores, ranks, slopes, series, times)
