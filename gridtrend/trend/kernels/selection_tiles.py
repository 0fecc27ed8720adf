"""Order statistics of pairwise slopes for 16 short series at once.

The search of `gridtrend.trend.kernels.selection`, with cells in lanes. Trial slopes only steer, so they are counted in
float32, twice as fast as in float64: values and times are centred and scaled to at most 1, where the rounding of a
residual is bounded, and the final listing is widened by that bound. What is listed is computed from the data in
float64, and ranks are told exactly. Each lane follows from its own cell alone, so that neighbours never change a result.
"""

import math
from collections import namedtuple

import numpy as np

from gridtrend.engine.jit import inlined
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
from gridtrend.engine.tiles import valid_series
from gridtrend.engine.unit import unit
from gridtrend.trend.kernels.order_statistics import blend, neighbours
from gridtrend.trend.kernels.selection import LIST as LIST_ALL
from gridtrend.trend.kernels.selection import listed_slopes, series_slopes

# Up to this length 16 series are searched in lanes faster than one by one (`python -m benchmarks long`).
SHORT = 380
# Slopes that a lane can list for one rank. A bracket is closed when the counts leave about CLOSE of them in it: the
# widening by the rounding bound, and equal slopes, may add some.
LIST = 64
CLOSE = 8
# Aim this many ranks beyond the target, so that the trial cuts off the far side of a bracket.
MARGIN = 3
ROUNDS = 12
# Half a unit in the last place of float32 at 1.
EPSILON = 2.0**-24

# What has become of a lane. ALONE: its series resists, and is searched by itself.
OPEN, CLOSED, FOUND, ALONE = 0, 1, 2, 3

# For each lane, two trial slopes (scaled, float32), how many slopes lie below each, and the state.
Bracket = namedtuple("Bracket", "low high below_low below_high state")


@inlined
def tile_slopes(tile, t, n_valid, below_zero, at_zero, ranks, values):
    """Slopes at fractional 1-based `ranks` (targets, LANES) of each lane; NaN where a rank does not exist.

    Parameters as for `series_slopes`, but for tiles: `below_zero` and `at_zero` are (LANES,) counts of the
    negative and the zero slopes. `t` is strictly increasing and the same for all lanes.
    """
    if 2 <= t.size <= SHORT:
        _search_lanes(tile, t, n_valid, below_zero, at_zero, ranks, values)
    else:
        values[:] = np.inf
    if _list_alone(tile, t, ranks, values):
        _search_alone(tile, t, below_zero, at_zero, ranks, values)


@unit
def _search_lanes(tile, t, n_valid, below_zero, at_zero, ranks, values):
    """The search in lanes; inf where a lane is given up."""
    n = t.size
    half_span = 0.5 * (t[-1] - t[0])
    t_scaled = np.empty(n, np.float32)
    smallest_step = 2.0
    for i in range(n):
        t_scaled[i] = (t[i] - 0.5 * (t[-1] + t[0])) / half_span
        if i > 0:
            smallest_step = min(smallest_step, (t[i] - t[i - 1]) / half_span)
    y_scaled, residual = np.empty((n, LANES), np.float32), np.empty((n, LANES), np.float32)
    scale, guess, density = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    first_trial, first_below = np.empty((1, LANES), np.float32), np.empty((1, LANES), np.int64)
    trial, below = np.empty((1, LANES), np.float32), np.empty((1, LANES), np.int64)
    _scale_tile(tile, t_scaled, n_valid, y_scaled, scale, guess, density)
    for k in range(LANES):
        first_trial[0, k] = guess[k]
    _count_below(y_scaled, t_scaled, first_trial, residual, first_below)

    bracket = Bracket(
        np.empty(LANES, np.float32), np.empty(LANES, np.float32),
        np.empty(LANES, np.int64), np.empty(LANES, np.int64), np.empty(LANES, np.int64),
    )  # fmt: skip
    listed, count, base = (
        np.empty((LANES, LIST)),
        np.empty(LANES, np.int64),
        np.empty((1, LANES), np.int64),
    )
    for target in range(ranks.shape[0]):
        rank, value = ranks[target], values[target]
        if not _open(bracket, rank, n_valid, below_zero, at_zero, guess, value):
            continue
        still_open = _narrow(bracket, rank, first_trial, first_below, CLOSE)
        for attempt in range(ROUNDS):
            if not still_open:
                break
            _choose(bracket, rank, density, attempt, trial)
            _count_below(y_scaled, t_scaled, trial, residual, below)
            # The last few lanes make do with more room: their lists are cheaper than counts for all 16.
            still_open = _narrow(bracket, rank, trial, below, CLOSE if attempt < 3 else 3 * CLOSE)
        _list_between(tile, t, y_scaled, t_scaled, bracket, listed, count, base)
        _select(bracket, rank, n_valid, listed, count, base, half_span, scale, smallest_step, value)


@unit
def _scale_tile(tile, t, n_valid, y, scale, guess, density):
    """Centre and scale each lane to at most 1; least-squares slope, and how many slopes lie per unit around it."""
    n = t.size
    spacing = 0.0
    mean, largest = np.zeros(LANES), np.zeros(LANES)
    x, xx, xy, yy = np.zeros(LANES), np.zeros(LANES), np.zeros(LANES), np.zeros(LANES)
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
        scale[k] = largest[k]
        # In scaled units from here. The slopes of a holed series are spread like those of the whole.
        spread = xx[k] - x[k] * x[k] / max(m, 1)
        guess[k] = xy[k] / largest[k] / spread
        variance = max(yy[k] / largest[k] / largest[k] - guess[k] * guess[k] * spread, 1e-12) / m
        share = m * (m - 1.0) / (n * (n - 1.0))
        density[k] = share * spacing / (2.0 * math.sqrt(math.pi * variance))


@unit
def _count_below(y, t, trial, residual, below):
    """For each lane, the number of slopes below `trial`: pairs whose residuals are out of order."""
    n = t.size
    slope = load(trial, 0)
    for i in range(n):
        store(residual, i, subtract_scaled(load(y, i), slope, t[i]))
    counter = zero_count(load(residual, 0))
    for i in range(n - 1):
        earlier = load(residual, i)
        for j in range(i + 1, n):
            counter = count_less(counter, load(residual, j), earlier)
    store(below, 0, counter)


@unit
def _open(bracket, rank, n_valid, below_zero, at_zero, guess, value):
    """Start a search in every lane, unless its answer is known: the rank is missing, or among the zero slopes.

    Lanes that must be searched alone are given up at once. Returns whether any lane is open.
    """
    any_open = False
    for k in range(LANES):
        pairs = n_valid[k] * (n_valid[k] - 1) // 2
        bracket.low[k], bracket.below_low[k] = -np.inf, 0
        bracket.high[k], bracket.below_high[k] = np.inf, pairs
        bracket.state[k] = ALONE
        value[k] = np.inf
        if not 1.0 <= rank[k] <= pairs:
            bracket.state[k], value[k] = FOUND, np.nan
            continue
        first, last, not_above_zero = math.floor(rank[k]), math.ceil(rank[k]), below_zero[k] + at_zero[k]
        searchable = pairs > LIST and math.isfinite(guess[k])
        if below_zero[k] < first and last <= not_above_zero:
            bracket.state[k], value[k] = FOUND, 0.0
        elif searchable and last <= below_zero[k]:
            bracket.state[k], bracket.high[k], bracket.below_high[k] = OPEN, 0.0, below_zero[k]
        elif searchable and first > not_above_zero:
            bracket.state[k], bracket.low[k], bracket.below_low[k] = OPEN, 0.0, not_above_zero
        any_open |= bracket.state[k] == OPEN
    return any_open


@unit
def _narrow(bracket, rank, trial, below, room):
    """Take up what a count says about each open lane, and close brackets of at most `room` slopes.

    Returns whether any lane is open still.
    """
    still_open = False
    for k in range(LANES):
        if bracket.state[k] != OPEN:
            continue
        if bracket.low[k] < trial[0, k] < bracket.high[k]:
            count = below[0, k]
            if count < math.floor(rank[k]):
                bracket.low[k], bracket.below_low[k] = trial[0, k], count
            elif count >= math.ceil(rank[k]):
                bracket.high[k], bracket.below_high[k] = trial[0, k], count
        bounded = math.isfinite(bracket.low[k]) and math.isfinite(bracket.high[k])
        if bounded and bracket.below_high[k] - bracket.below_low[k] <= room:
            bracket.state[k] = CLOSED
        still_open |= bracket.state[k] == OPEN
    return still_open


@unit
def _choose(bracket, rank, density, attempt, trial):
    """The next trial slope of each open lane: just beyond the rank, so that it cuts off the far side of a bracket."""
    # A count between two neighbouring ranks narrows nothing: the next one aims elsewhere.
    margin = MARGIN + attempt
    for k in range(LANES):
        if bracket.state[k] != OPEN:
            trial[0, k] = 0.0
            continue
        low, high = np.float64(bracket.low[k]), np.float64(bracket.high[k])
        to_low, to_high = rank[k] - bracket.below_low[k], bracket.below_high[k] - rank[k]
        if math.isinf(high):
            trial[0, k] = low + (to_low + margin) * 2.0**attempt / density[k]
        elif math.isinf(low):
            trial[0, k] = high - (to_high + margin) * 2.0**attempt / density[k]
        else:
            aim = to_low + (margin if to_low < to_high else -margin)
            share = min(max(aim / (to_low + to_high), 0.02), 0.98)
            # Halving now and then bounds the number of counts where slopes are spread unevenly.
            trial[0, k] = low + (high - low) * (0.5 if attempt % 4 == 3 else share)


@unit
def _list_between(tile, t, y, t_scaled, bracket, listed, count, base):
    """List the slopes in the bracket of each closed lane, and those so near to it that float32 cannot tell.

    `base` becomes the number of slopes that are certainly below. An end at zero is exact: pairs of equal values stay
    out of the list there.
    """
    n = t.size
    at_low, at_high = np.empty((n, LANES), np.float32), np.empty((n, LANES), np.float32)
    widen, ends = np.zeros((2, LANES), np.float32), np.empty((2, LANES), np.float32)
    for k in range(LANES):
        count[k] = 0
        closed = bracket.state[k] == CLOSED
        # low == high lists nothing.
        low, high = (bracket.low[k], bracket.high[k]) if closed else (np.float32(0), np.float32(0))
        ends[0, k], ends[1, k] = low, high
        # A residual is within EPSILON (2 + 3 |b|) of its true value, a difference of two within twice that.
        widen[0, k] = 8 * EPSILON * (1.0 + abs(low)) if low != 0.0 else 0.0
        widen[1, k] = -8 * EPSILON * (1.0 + abs(high)) if high != 0.0 else 0.0
    low, high = load(ends, 0), load(ends, 1)
    for i in range(n):
        store(at_low, i, subtract_scaled(load(y, i), low, t_scaled[i]))
        store(at_high, i, subtract_scaled(load(y, i), high, t_scaled[i]))
    widen_low, widen_high = load(widen, 0), load(widen, 1)
    above = zero_count(widen_low)
    for i in range(n - 1):
        above_low, below_high = subtract(load(at_low, i), widen_low), subtract(load(at_high, i), widen_high)
        for j in range(i + 1, n):
            later = load(at_low, j)
            above = count_less(above, above_low, later)
            hits = both_less(above_low, later, load(at_high, j), below_high)
            while hits != 0:
                k = lowest_bit(hits)
                hits &= hits - 1
                if count[k] < LIST:
                    listed[k, count[k]] = (np.float64(tile[j, k]) - np.float64(tile[i, k])) / (t[j] - t[i])
                count[k] += 1
    store(base, 0, above)


@unit
def _select(bracket, rank, n_valid, listed, count, base, half_span, scale, smallest_step, value):
    """Pick the ranked slope from each list; a lane whose list cannot vouch for it keeps its inf."""
    for k in range(LANES):
        below = n_valid[k] * (n_valid[k] - 1) // 2 - base[0, k]
        held = below < math.floor(rank[k]) and math.ceil(rank[k]) <= below + count[k]
        if bracket.state[k] != CLOSED or count[k] > LIST or not held:
            continue
        first, last = neighbours(listed[k], count[k], rank[k] - below)
        # Listed ranks hold inside the bracket. Beside zero, slopes that float32 cannot tell from it were left out.
        to_scaled, blur = half_span / scale[k], 4 * EPSILON / smallest_step
        low = bracket.low[k] if bracket.low[k] != 0.0 else blur
        high = bracket.high[k] if bracket.high[k] != 0.0 else -blur
        if low < first * to_scaled and last * to_scaled < high:
            value[k] = blend(first, last, rank[k])


@unit
def _list_alone(tile, t, ranks, values):
    """Slopes of the series that the lanes gave up and that are short enough to list; returns whether any other is left."""
    series, times = np.empty(t.size), np.empty(t.size)
    left = False
    for k in range(LANES):
        if _is_given_up(values, k):
            m = valid_series(tile, t, k, series, times)
            if m * (m - 1) // 2 <= LIST_ALL:
                listed_slopes(series[:m], times[:m], ranks[:, k], values[:, k])
            else:
                left = True
    return left


@unit(deferred=True)
def _search_alone(tile, t, below_zero, at_zero, ranks, values):
    """Search the series that the lanes gave up, one by one."""
    series, times = np.empty(t.size), np.empty(t.size)
    for k in range(LANES):
        if _is_given_up(values, k):
            m = valid_series(tile, t, k, series, times)
            series_slopes(series[:m], times[:m], ranks[:, k], below_zero[k], at_zero[k], values[:, k])


@inlined
def _is_given_up(values, k):
    given_up = False
    for target in range(values.shape[0]):
        given_up |= math.isinf(values[target, k])
    return given_up
