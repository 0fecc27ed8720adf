"""Slopes of given ranks among the slopes of all pairs of a series, for the series of 16 cells at once.

The bracket of `slope_bracket` in each lane. A trial is counted over all pairs, without a sort: 16 cells at a time that is
faster up to `SHORT` values. Trials only steer, so they are counted in float32, twice as fast as in float64: values and times
are centred and scaled to at most 1, where the rounding error of a residual is bounded, and the list of a closed bracket
includes all slopes within that bound of its ends. The slopes in the list are computed from the data in float64, and their
ranks are exact. No lane depends on another one, so that the result of a cell does not depend on its neighbours.
"""

import math

import numpy as np

from gridtrend.engine.lanes import (
    LANES,
    both_less,
    count_less,
    load,
    lowest_bit,
    store,
    subtract,
    subtract_scaled,
    zero_count,
)
from gridtrend.engine.room import lanes_float32, lanes_float64, lanes_int64, vector_float32, vector_float64
from gridtrend.engine.tiles import valid_series
from gridtrend.engine.unit import unit
from gridtrend.trend.kernels.order_statistics import blend, neighbours
from gridtrend.trend.kernels.slope_bracket import (
    CLOSED,
    OPEN,
    Pairs,
    give_up_all,
    is_given_up,
    narrow,
    new_bracket,
    open_brackets,
)
from gridtrend.trend.kernels.slope_search import list_slopes, series_slopes

# Up to this length a search of 16 series in lanes is faster than one by one (`python -m benchmarks long`).
SHORT = 380
# Up to this length the slopes of a lane that is given up are all listed; longer series are searched one by one.
WHOLE = 380
# The next three were set by `python -m benchmarks ablation`, which compares each with its half and its double.
# Slopes in the list of a lane, at most: the rounding bound, and equal slopes, may add some to those that were counted.
LIST = 64
# A bracket of at most this many slopes is closed: another count would cost more than the longer list.
CLOSE = 8
# A trial aims this many ranks beyond the target, so that it cuts off the far side of a bracket.
MARGIN = 3
# Counts for one rank, at most; lanes that are still open are given up.
ROUNDS = 12
# Half a unit in the last place of float32 at 1.
EPSILON = 2.0**-24

# Rows of `moments` (the first three are results, the others add up), of `trials`, and of `counts`: slopes below each trial,
# in the list of a closed bracket, surely not below its lower end; all pairs; and whether a lane can be searched.
SCALE, GUESS, DENSITY = 0, 1, 2
FIRST, NEXT = 0, 1
LISTED, ABOVE, PAIRS, SEARCHABLE = 2, 3, 4, 5
# Rows of `ends`, in float32: the trial that is counted, the ends of a closed bracket, and by how much each is widened.
TRIAL, LOW, HIGH, WIDEN_LOW, WIDEN_HIGH = 0, 1, 2, 3, 4


@unit(allocates=False)
def tile_slopes(tile, t, scores, ranks, values, series, times):
    """Slopes at fractional 1-based `ranks` (targets, LANES) of each lane; NaN where a rank does not exist.

    `scores` holds for each lane how many of its slopes are negative (`down`) and 0 (`ties`). `t` is strictly increasing and the
    same for all lanes. `series` and `times` are memory for one series.
    """
    if 2 <= t.size <= SHORT:
        _search_lanes(tile, t, scores, ranks, values)
    else:
        give_up_all(values)
    for k in range(LANES):
        if is_given_up(values, k):
            m = valid_series(tile, t, k, series, times)
            # Few lanes are given up: a list of all slopes of a short series takes less time than compiling the search.
            if m <= WHOLE:
                _list_lane(series, times, m, ranks, k, values)
            else:
                _search_lane(series, times, m, scores, ranks, k, values)


@unit
def _search_lanes(tile, t, scores, ranks, values):
    """The search in lanes; inf where a lane is given up."""
    n = t.size
    _search(
        tile, t, scores.n_valid, scores.down[0], scores.ties[0], ranks, new_bracket(),
        vector_float32(n), lanes_float32(n), lanes_float32(2 * n), lanes_float32(5),
        lanes_float64(8), lanes_float64(2), lanes_int64(6), vector_float64(LANES * LIST), values,
    )  # fmt: skip


@unit(allocates=False)
def _search(
    tile, t, n_valid, down, ties, ranks, bracket, t_scaled, y_scaled, residual, ends, moments, trials, counts, listed, values
):  # fmt: skip
    """The same, given memory to work in."""
    half_span = 0.5 * (t[t.size - 1] - t[0])
    smallest_step = _scale_times(t, half_span, t_scaled)
    _scale_tile(tile, t_scaled, n_valid, y_scaled, moments)
    for k in range(LANES):
        trials[FIRST, k] = moments[GUESS, k]
        counts[PAIRS, k] = n_valid[k] * (n_valid[k] - 1) // 2
        counts[SEARCHABLE, k] = counts[PAIRS, k] > LIST and math.isfinite(moments[GUESS, k])
    pairs = Pairs(counts[PAIRS], down, ties)
    # The count at the least-squares slope serves all ranks.
    _count_below(y_scaled, t_scaled, trials[FIRST], ends, residual, counts[FIRST])
    for target in range(ranks.shape[0]):
        rank, value = ranks[target], values[target]
        if not open_brackets(bracket, rank, pairs, counts[SEARCHABLE], np.inf, value):
            continue
        still_open = narrow(bracket, rank, trials[FIRST], counts[FIRST], CLOSE)
        for attempt in range(ROUNDS):
            if not still_open:
                break
            _choose(bracket, rank, moments[DENSITY], attempt, trials[NEXT])
            _count_below(y_scaled, t_scaled, trials[NEXT], ends, residual, counts[NEXT])
            # When few lanes are still open, longer lists for them are cheaper than a count for all 16.
            still_open = narrow(bracket, rank, trials[NEXT], counts[NEXT], CLOSE if attempt < 3 else 3 * CLOSE)
        _list_between(tile, t, y_scaled, t_scaled, bracket, residual, ends, listed, counts)
        _select(bracket, rank, pairs.total, listed, counts, half_span, moments[SCALE], smallest_step, value)


@unit(allocates=False)
def _scale_times(t, half_span, t_scaled):
    """Scale times to -1 .. 1; returns the smallest step."""
    smallest_step = 2.0
    for i in range(t.size):
        t_scaled[i] = (t[i] - 0.5 * (t[t.size - 1] + t[0])) / half_span
        if i > 0:
            smallest_step = min(smallest_step, (t[i] - t[i - 1]) / half_span)
    return smallest_step


@unit(allocates=False)
def _scale_tile(tile, t, n_valid, y, moments):
    """Centre and scale each lane to at most 1; its least-squares slope, and the density of slopes around it.

    The density is that of normal residuals, whose differences d of one pair have the density 1 / (2 sqrt(pi variance)) at 0: a
    change of the slope by b changes the order of the pairs with d < b (t_j - t_i).
    """
    n = t.size
    spacing = 0.0
    largest, guess, density, mean = moments[SCALE], moments[GUESS], moments[DENSITY], moments[3]
    x, xx, xy, yy = moments[4], moments[5], moments[6], moments[7]
    for row in range(8):
        for k in range(LANES):
            moments[row, k] = 0.0
    for i in range(n):
        spacing += t[i] * (2 * i - n + 1)
        for k in range(LANES):
            mean[k] += 0.0 if math.isnan(tile[i, k]) else np.float64(tile[i, k])
    for k in range(LANES):
        mean[k] /= max(n_valid[k], 1)
    for i in range(n):
        for k in range(LANES):
            value = tile[i, k] - mean[k]
            if not math.isnan(value):
                largest[k] = max(largest[k], abs(value))
                yy[k] += value * value
                xy[k] += value * t[i]
                x[k] += t[i]
                xx[k] += t[i] * t[i]
    for i in range(n):
        for k in range(LANES):
            y[i, k] = (tile[i, k] - mean[k]) / largest[k]
    for k in range(LANES):
        m = n_valid[k]
        # In scaled units from here. The gaps of a series are taken to be spread evenly over it.
        spread = xx[k] - x[k] * x[k] / max(m, 1)
        guess[k] = xy[k] / largest[k] / spread
        variance = max(yy[k] / largest[k] / largest[k] - guess[k] * guess[k] * spread, 1e-12) / m
        share = m * (m - 1.0) / (n * (n - 1.0))
        density[k] = share * spacing / (2.0 * math.sqrt(math.pi * variance))


@unit(allocates=False)
def _count_below(y, t, trial, ends, residual, below):
    """Count in each lane the slopes below `trial`, which is rounded to float32: pairs whose residuals are out of order."""
    n = t.size
    for k in range(LANES):
        ends[TRIAL, k] = trial[k]
        trial[k] = ends[TRIAL, k]
    slope = load(ends, TRIAL)
    for i in range(n):
        store(residual, i, subtract_scaled(load(y, i), slope, t[i]))
    counter = zero_count(load(residual, 0))
    for i in range(n - 1):
        earlier = load(residual, i)
        for j in range(i + 1, n):
            counter = count_less(counter, load(residual, j), earlier)
    store(below, 0, counter)


@unit(allocates=False)
def _choose(bracket, rank, density, attempt, trial):
    """The next trial slope of each open lane: a few slopes beyond the rank, so that it cuts off the far side of the bracket.

    A bracket with one end steps from that end by the density of slopes, and twice as far each time. A bracket with two ends is
    divided in proportion to the slopes on either side of the rank.
    """
    # A trial between the two whole ranks next to a fractional one moves no end: the next trial aims elsewhere.
    margin, step = MARGIN + attempt, np.float64(1 << attempt)
    for k in range(LANES):
        trial[k] = 0.0
        if bracket.state[k] != OPEN:
            continue
        low, high = bracket.low[k], bracket.high[k]
        to_low, to_high = rank[k] - bracket.below_low[k], bracket.below_high[k] - rank[k]
        if math.isinf(high):
            trial[k] = low + (to_low + margin) * step / density[k]
        elif math.isinf(low):
            trial[k] = high - (to_high + margin) * step / density[k]
        else:
            aim = to_low + (margin if to_low < to_high else -margin)
            share = min(max(aim / (to_low + to_high), 0.02), 0.98)
            # Halving every fourth time bounds the number of counts where slopes are spread unevenly.
            trial[k] = low + (high - low) * (0.5 if attempt % 4 == 3 else share)


@unit(allocates=False)
def _list_between(tile, t, y, t_scaled, bracket, residual, ends, listed, counts):
    """List the slopes in the bracket of each closed lane, and those so near to it that float32 cannot tell them apart.

    Row ABOVE of `counts` becomes the number of slopes that may be above the lower end, row LISTED that of the slopes in the
    list. An end at 0 is not widened: pairs of equal values, whose slopes are 0, stay out of the list.
    """
    n, count = t.size, counts[LISTED]
    for k in range(LANES):
        count[k] = 0
        closed = bracket.state[k] == CLOSED
        # Equal ends list nothing.
        low, high = (bracket.low[k], bracket.high[k]) if closed else (0.0, 0.0)
        ends[LOW, k], ends[HIGH, k] = low, high
        # A residual is within EPSILON (2 + 3 |b|) of its true value, a difference of two within twice that.
        ends[WIDEN_LOW, k] = 8 * EPSILON * (1.0 + abs(low)) if low != 0.0 else 0.0
        ends[WIDEN_HIGH, k] = -8 * EPSILON * (1.0 + abs(high)) if high != 0.0 else 0.0
    low, high = load(ends, LOW), load(ends, HIGH)
    # The first n rows are residuals at the lower end, the others at the upper end.
    for i in range(n):
        store(residual, i, subtract_scaled(load(y, i), low, t_scaled[i]))
        store(residual, n + i, subtract_scaled(load(y, i), high, t_scaled[i]))
    widen_low, widen_high = load(ends, WIDEN_LOW), load(ends, WIDEN_HIGH)
    above = zero_count(widen_low)
    for i in range(n - 1):
        above_low, below_high = subtract(load(residual, i), widen_low), subtract(load(residual, n + i), widen_high)
        for j in range(i + 1, n):
            later = load(residual, j)
            above = count_less(above, above_low, later)
            hits = both_less(above_low, later, load(residual, n + j), below_high)
            while hits != 0:
                k = lowest_bit(hits)
                hits &= hits - 1
                if count[k] < LIST:
                    listed[k * LIST + count[k]] = (np.float64(tile[j, k]) - np.float64(tile[i, k])) / (t[j] - t[i])
                count[k] += 1
    store(counts, ABOVE, above)


@unit(allocates=False)
def _select(bracket, rank, pairs, listed, counts, half_span, scale, smallest_step, value):
    """Select the ranked slope from each list. Where the list is too long, or may miss the rank, the lane stays given up."""
    count = counts[LISTED]
    for k in range(LANES):
        below = pairs[k] - counts[ABOVE, k]
        held = below < math.floor(rank[k]) and math.ceil(rank[k]) <= below + count[k]
        if bracket.state[k] != CLOSED or count[k] > LIST or not held:
            continue
        first, last = neighbours(listed[k * LIST : (k + 1) * LIST], count[k], rank[k] - below)
        # The list is complete strictly inside the bracket. Next to an end at 0, slopes that float32 rounds to 0 are missing.
        to_scaled, blur = half_span / scale[k], 4 * EPSILON / smallest_step
        low = bracket.low[k] if bracket.low[k] != 0.0 else blur
        high = bracket.high[k] if bracket.high[k] != 0.0 else -blur
        if low < first * to_scaled and last * to_scaled < high:
            value[k] = blend(first, last, rank[k])


@unit(allocates=False)
def _list_lane(series, times, m, ranks, k, values):
    """Slopes of lane `k`, a series of `m` values, by listing all of them."""
    list_slopes(series[:m], times[:m], ranks[:, k], values[:, k])


@unit(deferred=True, allocates=False)
def _search_lane(series, times, m, scores, ranks, k, values):
    """The same by a search."""
    series_slopes(series[:m], times[:m], ranks[:, k], scores.down[0, k], scores.ties[0, k], values[:, k])
