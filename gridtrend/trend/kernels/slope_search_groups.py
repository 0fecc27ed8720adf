"""Slopes of given ranks among the slopes of all pairs within each group (season, site, variable), for 16 cells at once.

The bracket of `slope_bracket` in each lane. Groups may differ in variance by orders of magnitude, so that no least-squares
line tells where to aim, as it does for one series. The trials are slopes of the cell itself instead: those of a sample that
lie a few ranks below and above the target. The next sample is drawn from between the two, until the bracket holds so few
slopes that they can be listed (after Floyd & Rivest 1975, doi:10.1145/360680.360691). A slope counts as below b where the
difference of its values is below b times the difference of its times, in float64, which is monotone in b, rounding included.

A slope that repeats more often than the list is long (data of few digits) ends the search once both ends of the bracket were
taken from it.
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
from gridtrend.engine.room import lanes_float64, lanes_int64, vector_float64
from gridtrend.engine.tiles import valid_series
from gridtrend.engine.unit import unit
from gridtrend.trend.kernels.order_statistics import blend, kth_smallest, neighbours, values_at_ranks
from gridtrend.trend.kernels.slope_bracket import (
    CLOSED,
    FOUND,
    OPEN,
    give_up_all,
    is_given_up,
    narrow,
    new_bracket,
    open_brackets,
)
from gridtrend.trend.kernels.slope_search import append_slopes

# LIST and SAMPLE were set by `python -m benchmarks ablation`, which compares each with its half and its double.
# Slopes in the list of a lane, at most: cells with no more pairs are listed as a whole, and brackets with no more are closed.
LIST = 512
# Slopes in a sample. The two trials are 1 + 0.6 sqrt(SAMPLE) places of it away from the target, so that they bound it in most
# cells, and leave about a seventh of the slopes.
SAMPLE = 96
# Samples for one rank, at most; lanes that are still open are given up.
ROUNDS = 12
# A trial lies this far, relatively, beside the slope from which it was taken, so that this slope is surely on one side of it.
TILT = 2.0**-50
# No slope is larger. It is finite, so that a bracket is closed, and listed, even where one of its ends was never a trial.
FARTHEST = np.finfo(np.float64).max

# Rows of `ends`: the trial slope, and the slope of the sample from which it was taken; the ends of the bracket that is
# listed; and the slopes from which the ends of the bracket were taken.
TRIAL, SOURCE, LOW, HIGH, LOW_SOURCE, HIGH_SOURCE = range(6)
# Rows of `counts`. Size of the first sample and of the one in use; how many slopes lie below the bracket that it was drawn from
# (BASE) and in it (SPAN); every STRIDE-th slope is drawn, the next one after WAIT; slopes below the trial; whether a lane can
# be searched.
FIRST_SIZE, SIZE, BASE, SPAN, STRIDE, WAIT, BELOW, SEARCHABLE = range(8)


@unit
def group_slopes(tile, t, groups, pairs, ranks, values):
    """Slopes at fractional 1-based `ranks` (targets, LANES) of each lane; NaN where a rank does not exist.

    `tile` holds `groups` series one after the other, each with a row for each time of `t`. `pairs` counts those of each
    lane.
    """
    give_up_all(values)
    if _longest_list(values, pairs.total) > LIST:
        _search_lanes(tile, t, groups, pairs, ranks, values)
    listed = vector_float64(_longest_list(values, pairs.total))
    _list_lanes(tile, t, groups, vector_float64(t.size), vector_float64(t.size), ranks, listed, values)


@unit(allocates=False)
def _longest_list(values, pairs):
    """The largest number of slopes of the lanes that are given up."""
    longest = 0
    for k in range(LANES):
        if is_given_up(values, k):
            longest = max(longest, pairs[k])
    return longest


@unit(allocates=False)
def _list_lanes(tile, t, groups, series, times, ranks, listed, values):
    """Slopes of the lanes that are given up, from a list of all; `series` and `times` are memory for one series."""
    for k in range(LANES):
        if is_given_up(values, k):
            count = 0
            for g in range(groups):
                m = valid_series(tile[g * t.size : (g + 1) * t.size], t, k, series, times)
                count = append_slopes(series, times, m, listed, count)
            values_at_ranks(listed, count, ranks[:, k], values[:, k])


@unit
def _search_lanes(tile, t, groups, pairs, ranks, values):
    """The search in lanes; inf where a lane is given up."""
    first_sample, sample = vector_float64(LANES * SAMPLE), vector_float64(LANES * LIST)
    ends, counts = lanes_float64(6), lanes_int64(8)
    _search(tile, t, groups, pairs, ranks, new_bracket(), first_sample, sample, ends, counts, values)


@unit(allocates=False)
def _search(tile, t, groups, pairs, ranks, bracket, first_sample, sample, ends, counts, values):
    """The same, given memory to work in."""
    _draw(tile, t, groups, first_sample, counts[FIRST_SIZE])
    for k in range(LANES):
        counts[SEARCHABLE, k] = pairs.total[k] > LIST
    for target in range(ranks.shape[0]):
        rank, value = ranks[target], values[target]
        if not open_brackets(bracket, rank, pairs, counts[SEARCHABLE], FARTHEST, value):
            continue
        _start(pairs.total, first_sample, sample, counts, ends)
        still_open = narrow(bracket, rank, ends[TRIAL], counts[BELOW], LIST)
        for attempt in range(ROUNDS):
            if not still_open:
                break
            if attempt > 0:
                _list_between(tile, t, groups, bracket, OPEN, ends, sample, counts)
            for side in (-1, 1):
                _choose(bracket, rank, side, sample, counts, ends)
                _count_below(tile, t, groups, ends, counts[BELOW])
                narrow(bracket, rank, ends[TRIAL], counts[BELOW], LIST)
                still_open = _find_repeated(bracket, ends, value)
            for k in range(LANES):
                span = bracket.below_high[k] - bracket.below_low[k]
                counts[BASE, k], counts[SPAN, k] = bracket.below_low[k], span
                counts[STRIDE, k] = (span + SAMPLE - 1) // SAMPLE
        for k in range(LANES):
            counts[STRIDE, k] = 1
        _list_between(tile, t, groups, bracket, CLOSED, ends, sample, counts)
        _select(bracket, rank, sample, counts[SIZE], value)


@unit(allocates=False)
def _start(pairs, first_sample, sample, counts, ends):
    """Start from the first sample, which was drawn from all slopes, and without a trial."""
    for k in range(LANES):
        counts[SIZE, k], counts[BASE, k], counts[SPAN, k] = counts[FIRST_SIZE, k], 0, pairs[k]
        ends[TRIAL, k] = ends[LOW_SOURCE, k] = ends[HIGH_SOURCE, k] = np.nan
        for i in range(SAMPLE):
            sample[k * LIST + i] = first_sample[k * SAMPLE + i]


@unit(allocates=False)
def _select(bracket, rank, listed, size, value):
    """Select the ranked slope from each list that is complete."""
    for k in range(LANES):
        below = bracket.below_low[k]
        # A slope that equals an end of the bracket to the last bit is neither below nor in it: the lane stays given up.
        if bracket.state[k] == CLOSED and size[k] == bracket.below_high[k] - below:
            low, high = neighbours(listed[k * LIST : (k + 1) * LIST], size[k], rank[k] - below)
            value[k] = blend(low, high, rank[k])


@unit(allocates=False)
def _draw(tile, t, groups, sample, size):
    """The first sample: slopes of pairs drawn at random by a linear congruential generator, the same pairs in every cell."""
    n = t.size
    for k in range(LANES):
        size[k] = 0
    state = np.uint64(0x9E3779B97F4A7C15)
    for _ in range(SAMPLE):
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        i = np.int64((state >> np.uint64(33)) % np.uint64(n))
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        j = np.int64((np.uint64(i) + np.uint64(1) + (state >> np.uint64(33)) % np.uint64(n - 1)) % np.uint64(n))
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        start = np.int64((state >> np.uint64(33)) % np.uint64(groups)) * n
        for k in range(LANES):
            slope = (tile[start + j, k] - tile[start + i, k]) / (t[j] - t[i])
            if math.isfinite(slope):
                sample[k * SAMPLE + size[k]] = slope
                size[k] += 1


@unit(allocates=False)
def _list_between(tile, t, groups, bracket, state, ends, listed, counts):
    """List every STRIDE-th of the slopes in the brackets of the lanes that are in one state."""
    n = t.size
    count, wait, stride = counts[SIZE], counts[WAIT], counts[STRIDE]
    wanted = False
    for k in range(LANES):
        count[k], wait[k] = 0, 1
        # Equal ends list nothing.
        ends[LOW, k] = ends[HIGH, k] = 0.0
        if bracket.state[k] == state:
            ends[LOW, k], ends[HIGH, k] = -bracket.low[k], -bracket.high[k]
            wanted = True
    if not wanted:
        return
    minus_low, minus_high = load(ends, LOW), load(ends, HIGH)
    for start in range(0, groups * n, n):
        for i in range(n - 1):
            earlier = load(tile, start + i)
            zero = subtract(earlier, earlier)
            for j in range(i + 1, n):
                step = t[j] - t[i]
                rise = subtract(load(tile, start + j), earlier)
                below, above = subtract_scaled(zero, minus_low, step), subtract_scaled(zero, minus_high, step)
                hits = both_less(below, rise, rise, above)
                while hits != 0:
                    k = lowest_bit(hits)
                    hits &= hits - 1
                    wait[k] -= 1
                    if wait[k] == 0:
                        wait[k] = stride[k]
                        if count[k] < LIST:
                            listed[k * LIST + count[k]] = (tile[start + j, k] - tile[start + i, k]) / step
                        count[k] += 1


@unit(allocates=False)
def _choose(bracket, rank, side, sample, counts, ends):
    """The next trial of each open lane, below (-1) or above (1) the rank: next to a slope of the sample, a few ranks away."""
    for k in range(LANES):
        ends[TRIAL, k] = np.nan
        size = counts[SIZE, k]
        if bracket.state[k] != OPEN or size == 0:
            continue
        wanted = math.floor(rank[k]) - 1 if side < 0 else math.ceil(rank[k])
        place = (wanted - counts[BASE, k]) * size / counts[SPAN, k] + side * (1.0 + 0.6 * math.sqrt(size))
        place = math.floor(place) if side < 0 else math.ceil(place) - 1
        if not 0 <= place < size:
            continue
        slope = kth_smallest(sample[k * LIST : (k + 1) * LIST], size, int(place))
        bound = slope + side * TILT * abs(slope)
        if bracket.low[k] < bound < bracket.high[k]:
            ends[TRIAL, k], ends[SOURCE, k] = bound, slope


@unit(allocates=False)
def _count_below(tile, t, groups, ends, below):
    """Count in each lane the slopes below the trial."""
    n = t.size
    trial = ends[TRIAL]
    for k in range(LANES):
        trial[k] = -trial[k]
    minus = load(ends, TRIAL)
    counter = zero_count(minus)
    for start in range(0, groups * n, n):
        for i in range(n - 1):
            earlier = load(tile, start + i)
            zero = subtract(earlier, earlier)
            for j in range(i + 1, n):
                bound = subtract_scaled(zero, minus, t[j] - t[i])
                counter = count_less(counter, subtract(load(tile, start + j), earlier), bound)
    store(below, 0, counter)
    for k in range(LANES):
        trial[k] = -trial[k]


@unit(allocates=False)
def _find_repeated(bracket, ends, value):
    """Find the slope of each open bracket that holds one slope over and over; returns whether any lane is still open."""
    still_open = False
    for k in range(LANES):
        if bracket.state[k] != OPEN:
            continue
        # A trial that became an end of the bracket.
        if bracket.low[k] == ends[TRIAL, k]:
            ends[LOW_SOURCE, k] = ends[SOURCE, k]
        elif bracket.high[k] == ends[TRIAL, k]:
            ends[HIGH_SOURCE, k] = ends[SOURCE, k]
        slope = ends[LOW_SOURCE, k]
        if slope == ends[HIGH_SOURCE, k] and bracket.high[k] - bracket.low[k] <= 4.0 * TILT * abs(slope):
            bracket.state[k], value[k] = FOUND, slope
        still_open |= bracket.state[k] == OPEN
    return still_open
