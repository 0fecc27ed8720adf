"""Order statistics of the slopes between all pairs of values within each group, pooled, exact, for 16 cells at once.

Few slopes are listed and selected from. Many are narrowed down first: slopes of the cell itself, drawn from a sample,
bound the rank from both sides, a count tells how many lie below either bound, and the next sample comes from between
them, until the rest can be listed (after Floyd & Rivest 1975, doi:10.1145/360680.360691). A slope counts as below b
where the difference of its values is below b times that of its times, which is monotone in b, rounding included.

How many slopes lie below, at and above 0 is known from S, and no bound crosses 0: the many zeros of rain or snow are
never listed. Other slopes that repeat close their bracket once they bound it from both sides.
"""

import math
from collections import namedtuple

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
from gridtrend.engine.room import lanes_float64, lanes_int64, vector_float64, vector_int64
from gridtrend.engine.unit import unit
from gridtrend.trend.kernels.order_statistics import blend, kth_smallest, neighbours

# Up to this many slopes a lane is listed as a whole; from a bracket, as many are.
LIST = 512
SAMPLE = 96
ROUNDS = 12
# Bounds lie this far, relatively, outside the slopes that they are taken from.
TILT = 2.0**-50

# Rows of what is known of each lane: the trial slope, ends of the bracket that is listed; sizes of the first sample and of
# the one in use, slopes below what it was drawn from and in it, each how-many-th is drawn and when next, slopes below the
# trial.
TRIAL, LOW, HIGH = 0, 1, 2
FIRST_SIZE, SIZE, BASE, SPAN, STRIDE, WAIT, BELOW = range(7)

# What has become of a lane. ALONE: all its slopes are listed.
OPEN, CLOSED, FOUND, ALONE = 0, 1, 2, 3

# For each lane: bounds, each with the slope that it was taken from and the number of slopes below it, and the state.
Bracket = namedtuple("Bracket", "low high from_low from_high below_low below_high state")


@unit
def group_slopes(tile, t, groups, sums, ranks, values):
    """Slopes at fractional 1-based `ranks` (targets, LANES) of each lane; NaN where a rank does not exist.

    `tile` holds `groups` series one after the other, each with a row for each time of `t`. `sums` tells of each lane its
    number of `pairs`, and how many of their slopes are `down` and at zero (`ties`).
    """
    most = 0
    for k in range(LANES):
        most = max(most, sums.pairs[k])
    if most > LIST:
        _search_lanes(tile, t, groups, sums, ranks, values)
    else:
        for target in range(values.shape[0]):
            for k in range(LANES):
                values[target, k] = np.inf
    # The longest of those that were given up tells how much room is needed.
    most = 0
    for k in range(LANES):
        for target in range(ranks.shape[0]):
            if math.isinf(values[target, k]):
                most = max(most, sums.pairs[k])
    listed = vector_float64(most)
    for k in range(LANES):
        _list_lane(tile, t, groups, k, sums.pairs[k], ranks, listed, values)


@unit(allocates=False)
def _list_lane(tile, t, groups, k, pairs, ranks, listed, values):
    """Slopes of lane `k` where it was given up, from a list of all."""
    is_listed = False
    for target in range(ranks.shape[0]):
        if not math.isinf(values[target, k]):
            continue
        rank = ranks[target, k]
        if not 1.0 <= rank <= pairs:
            values[target, k] = np.nan
            continue
        if not is_listed:
            _list_all(tile, t, groups, k, listed)
            is_listed = True
        low, high = neighbours(listed, pairs, rank)
        values[target, k] = blend(low, high, rank)


@unit(allocates=False)
def _list_all(tile, t, groups, k, listed):
    """Every slope of lane `k`."""
    n, count = t.size, 0
    for g in range(groups):
        start = g * n
        for i in range(n - 1):
            earlier = tile[start + i, k]
            if math.isnan(earlier):
                continue
            for j in range(i + 1, n):
                later = tile[start + j, k]
                if not math.isnan(later):
                    listed[count] = (later - earlier) / (t[j] - t[i])
                    count += 1


@unit
def _search_lanes(tile, t, groups, sums, ranks, values):
    """The search in lanes; inf where a lane is given up."""
    first_sample, sample, ends = vector_float64(LANES * SAMPLE), vector_float64(LANES * LIST), lanes_float64(3)
    counts = lanes_int64(7)
    bracket = Bracket(
        lanes_float64(1), lanes_float64(1), vector_float64(LANES), vector_float64(LANES),
        vector_int64(LANES), vector_int64(LANES), vector_int64(LANES),
    )  # fmt: skip
    _search(tile, t, groups, sums, ranks, bracket, first_sample, sample, ends, counts, values)


@unit(allocates=False)
def _search(tile, t, groups, sums, ranks, bracket, first_sample, sample, ends, counts, values):
    """The same, given room."""
    first_size = counts[FIRST_SIZE]
    _draw(tile, t, groups, first_sample, first_size)
    for target in range(ranks.shape[0]):
        still_open = _open(bracket, ranks, target, sums, values)
        _start(sums, first_sample, sample, counts)
        for attempt in range(ROUNDS):
            if not still_open:
                break
            if attempt > 0:
                _between(tile, t, groups, bracket, OPEN, ends, sample, counts)
            for side in (-1, 1):
                _choose(bracket, ranks, target, side, sample, counts, ends)
                _count_below(tile, t, groups, ends, counts)
                still_open = _narrow(bracket, ranks, target, side, ends, counts, values)
            for k in range(LANES):
                span = bracket.below_high[k] - bracket.below_low[k]
                counts[BASE, k], counts[SPAN, k] = bracket.below_low[k], span
                counts[STRIDE, k] = (span + SAMPLE - 1) // SAMPLE
        for k in range(LANES):
            counts[STRIDE, k] = 1
        _between(tile, t, groups, bracket, CLOSED, ends, sample, counts)
        _select(bracket, ranks, target, sample, counts, values)


@unit(allocates=False)
def _start(sums, first_sample, sample, counts):
    """Start from the first sample, and from all slopes."""
    for k in range(LANES):
        counts[SIZE, k], counts[BASE, k], counts[SPAN, k] = counts[FIRST_SIZE, k], 0, sums.pairs[k]
        for i in range(SAMPLE):
            sample[k * LIST + i] = first_sample[k * SAMPLE + i]


@unit(allocates=False)
def _select(bracket, ranks, target, listed, counts, values):
    """Pick the ranked slope from each list that is whole."""
    for k in range(LANES):
        below, size = bracket.below_low[k], counts[SIZE, k]
        # A slope that equals a bound to the last bit is neither below nor between: then all are listed.
        if bracket.state[k] == CLOSED and size == bracket.below_high[k] - below:
            low, high = neighbours(listed[k * LIST : (k + 1) * LIST], size, ranks[target, k] - below)
            values[target, k] = blend(low, high, ranks[target, k])


@unit(allocates=False)
def _open(bracket, ranks, target, sums, values):
    """Start a search in every lane, unless its answer is known: the rank is missing, or among the zero slopes.

    A rank between two slopes on different sides of zero is given up at once. Returns whether any lane is open.
    """
    any_open = False
    rank, value = ranks[target], values[target]
    for k in range(LANES):
        bracket.low[0, k], bracket.below_low[k] = -np.inf, 0
        bracket.high[0, k], bracket.below_high[k] = np.inf, sums.pairs[k]
        bracket.from_low[k] = bracket.from_high[k] = np.nan
        bracket.state[k], value[k] = ALONE, np.inf
        if not 1.0 <= rank[k] <= sums.pairs[k]:
            bracket.state[k], value[k] = FOUND, np.nan
            continue
        first, last, not_above_zero = math.floor(rank[k]), math.ceil(rank[k]), sums.down[k] + sums.ties[k]
        if sums.down[k] < first and last <= not_above_zero:
            bracket.state[k], value[k] = FOUND, 0.0
        elif last <= sums.down[k]:
            bracket.state[k], bracket.high[0, k], bracket.below_high[k] = OPEN, 0.0, sums.down[k]
        elif first > not_above_zero:
            bracket.state[k], bracket.low[0, k], bracket.below_low[k] = OPEN, 0.0, not_above_zero
        if bracket.state[k] == OPEN and bracket.below_high[k] - bracket.below_low[k] <= LIST:
            bracket.state[k] = CLOSED
        any_open |= bracket.state[k] == OPEN
    return any_open


@unit(allocates=False)
def _draw(tile, t, groups, sample, size):
    """Slopes of pairs drawn at random, the same pairs in every cell."""
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
def _between(tile, t, groups, bracket, state, ends, listed, counts):
    """List every STRIDE-th of the slopes in the brackets of lanes in one state."""
    n = t.size
    count, wait, stride = counts[SIZE], counts[WAIT], counts[STRIDE]
    wanted = False
    for k in range(LANES):
        count[k], wait[k] = 0, 1
        # Equal bounds hold nothing.
        ends[LOW, k] = ends[HIGH, k] = 0.0
        if bracket.state[k] == state:
            ends[LOW, k], ends[HIGH, k] = -bracket.low[0, k], -bracket.high[0, k]
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
def _choose(bracket, ranks, target, side, sample, counts, ends):
    """The next bound of each open lane, below (-1) or above (1) the rank: a slope of the sample, a few ranks away."""
    for k in range(LANES):
        ends[TRIAL, k] = np.nan
        rank, size = ranks[target, k], counts[SIZE, k]
        if bracket.state[k] != OPEN or size == 0:
            continue
        wanted = math.floor(rank) - 1 if side < 0 else math.ceil(rank)
        place = (wanted - counts[BASE, k]) * size / counts[SPAN, k] + side * (1.0 + 0.6 * math.sqrt(size))
        place = math.floor(place) if side < 0 else math.ceil(place) - 1
        if not 0 <= place < size:
            continue
        slope = kth_smallest(sample[k * LIST : (k + 1) * LIST], size, int(place))
        bound = slope + side * TILT * abs(slope)
        if bracket.low[0, k] < bound < bracket.high[0, k]:
            ends[TRIAL, k] = bound
            if side < 0:
                bracket.from_low[k] = slope
            else:
                bracket.from_high[k] = slope


@unit(allocates=False)
def _count_below(tile, t, groups, ends, counts):
    """For each lane, the number of slopes below the trial."""
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
    store(counts, BELOW, counter)
    for k in range(LANES):
        trial[k] = -trial[k]


@unit(allocates=False)
def _narrow(bracket, ranks, target, side, ends, counts, values):
    """Take up what a count says about each open lane; returns whether any is open still."""
    still_open = False
    for k in range(LANES):
        if bracket.state[k] != OPEN:
            continue
        trial, below, rank = ends[TRIAL, k], counts[BELOW, k], ranks[target, k]
        if not math.isnan(trial):
            slope = bracket.from_low[k] if side < 0 else bracket.from_high[k]
            if below < math.floor(rank):
                bracket.low[0, k], bracket.below_low[k], bracket.from_low[k] = trial, below, slope
            elif below >= math.ceil(rank):
                bracket.high[0, k], bracket.below_high[k], bracket.from_high[k] = trial, below, slope
        same = bracket.from_low[k] == bracket.from_high[k]
        if bracket.below_high[k] - bracket.below_low[k] <= LIST:
            bracket.state[k] = CLOSED
        elif same and bracket.high[0, k] - bracket.low[0, k] <= 4.0 * TILT * abs(bracket.from_low[k]):
            # The same slope over and over again.
            bracket.state[k], values[target, k] = FOUND, bracket.from_low[k]
        still_open |= bracket.state[k] == OPEN
    return still_open
