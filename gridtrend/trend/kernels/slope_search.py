"""Slopes of given ranks among the slopes of all pairs of one series, exact, without a list of all pairs.

The number of pairs i < j whose slope (y_j - y_i)/(t_j - t_i) is below b is the number of pairs whose residuals r = y - b t
are out of order, r_j < r_i. A sort counts them in O(n log n). So a trial slope b tells how many slopes lie below it, and a
bracket of two trials closes on the slope of a given rank, as `slope_bracket` shows, until it holds so few slopes that they
can be listed and selected from (after Dillencourt, Mount & Netanyahu 1992, doi:10.1142/S0218195992000020, and Matousek
1991, doi:10.1016/0020-0190(91)90177-J). The list starts from the order of the residuals at the lower end, and the distances
of the residuals in that order tell how many slopes a step of the trial passes. Residuals only steer the search: the slopes in
the list are computed from the data, and their ranks are exact.

All trials of a series, and the number of slopes below each, are kept (`Known`): any two neighbours are a bracket, and the
next rank starts from the narrowest.

`series_slopes` takes one series of any length, in O(n log n) expected time and O(n) memory. `slope_search_lanes` searches 16
short series at once, and passes the series whose brackets do not close to this module.
"""

import math
from collections import namedtuple

import numpy as np

from gridtrend.engine.jit import inlined
from gridtrend.engine.room import vector_float64, vector_int32, vector_int64
from gridtrend.engine.unit import unit
from gridtrend.trend.kernels.order_statistics import blend, kth_smallest, median, values_at_ranks
from gridtrend.trend.kernels.pair_counts import count_inversions, new_sorting, sort_order

# The constants were set by `python -m benchmarks ablation`, which compares each with its half and its double.
# Slopes in a list, at most; a series of more than LIST / 2 values lists twice as many as it has values.
LIST = 2048
# Number of values whose median is taken for the median of the series, to centre it.
SAMPLE = 64
# Subtracting the centre may change a value by this share of itself: the values of a series that spans many orders of
# magnitude, of which the smallest would be lost, change more.
DIGITS = 2.0**-40
# Trials that rely on the density of slopes; later ones halve the bracket every second time, which bounds the number of
# trials: floating-point numbers are counted, so that 64 halvings leave nothing between the ends of a bracket.
GUIDED, TRIALS = 8, 300

# A series, its scaled copy, memory to sort its residuals, the slope `at` whose residuals `order` sorts, slopes in the list.
Search = namedtuple("Search", "y t y_scaled t_scaled residual order smaller sorting at listed")
# Trials in ascending order, and how many slopes lie below each. The other fields are arrays of one number, which units change:
# the number of trials, slopes per unit near the last one, the least-squares slope, and the sum of t_j - t_i over all pairs.
Known = namedtuple("Known", "slope below used density guess spacing")


@unit
def series_slopes(y, t, ranks, below_zero, at_zero, values):
    """Slopes at fractional 1-based `ranks` among all pairs of a series; NaN where a rank is not in 1..pairs.

    `y` holds valid values only and `t` their times, strictly increasing. `below_zero` and `at_zero` are the numbers of
    negative and of zero slopes. A fractional rank is interpolated linearly between its neighbours.
    """
    m = y.size
    pairs = m * (m - 1) // 2
    if pairs <= LIST:
        list_slopes(y, t, ranks, values)
        return
    listed = np.empty(max(LIST, 2 * m))
    (y_scaled, _), (t_scaled, _) = scaled(y), scaled(t)
    search = Search(
        y, t, y_scaled, t_scaled, vector_float64(m), vector_int32(m), vector_int32(m),
        new_sorting(m), np.full(1, np.nan), listed,
    )  # fmt: skip
    known = _first_known(search, below_zero, at_zero, 4 + 2 * TRIALS * ranks.size)
    for target in range(ranks.size):
        values[target] = np.nan
        if 1.0 <= ranks[target] <= pairs:
            values[target] = _slope_at(search, known, ranks[target])


@inlined
def _slope_at(search, known, rank):
    """The slope at one fractional rank: selected from a list around each of the two whole ranks next to it."""
    listed = search.listed
    ends = (0.0, 0.0)
    base, count = 0, 0
    for side in range(2):
        whole = int(math.floor(rank) if side == 0 else math.ceil(rank))
        # The list around the lower rank nearly always holds the upper one, too.
        if not base < whole <= base + count:
            base, count = _list_around(search, known, whole)
        if count == 0:
            slope = 0.0
        elif count <= listed.size:
            slope = kth_smallest(listed, count, min(whole - base, count) - 1)
        else:
            # Equal slopes, more than the list holds: no trial separates them, and the list holds only these.
            slope = kth_smallest(listed, listed.size, listed.size // 2)
        ends = (slope, slope) if side == 0 else (ends[0], slope)
    return blend(ends[0], ends[1], rank)


@unit
def list_slopes(y, t, ranks, values):
    """Slopes at fractional `ranks` from a list of all slopes, for a series of few pairs."""
    listed = vector_float64(y.size * (y.size - 1) // 2)
    values_at_ranks(listed, append_slopes(y, t, y.size, listed, 0), ranks, values)


@unit(allocates=False)
def append_slopes(y, t, m, listed, count):
    """Append the slopes between all pairs of the first `m` values to the `count` that are listed; returns the new number."""
    for i in range(m - 1):
        for j in range(i + 1, m):
            listed[count] = (y[j] - y[i]) / (t[j] - t[i])
            count += 1
    return count


@unit
def scaled(a):
    """Anomalies from about the median, divided by the largest, and that divisor.

    Scaled values lie within -1 .. 1, so that their squares neither overflow nor vanish. The centre is a median, because one
    value far away (a forgotten fill value) would move a mean so far that the other values lose their digits. Values that lose
    digits even so, in series over many orders of magnitude, are not centred.
    """
    sample = a[:: a.size // SAMPLE + 1].copy()
    centre = median(sample, sample.size)
    anomalies = a - centre
    largest, swallowed = 0.0, False
    for i in range(a.size):
        largest = max(largest, abs(anomalies[i]))
        swallowed |= abs(anomalies[i] + centre - a[i]) > DIGITS * abs(a[i])
    if swallowed:
        anomalies, largest = a.copy(), 0.0
        for i in range(a.size):
            largest = max(largest, abs(a[i]))
    for i in range(a.size):
        anomalies[i] /= largest
    return anomalies, largest


@inlined
def _first_known(search, below_zero, at_zero, size):
    """What is known before any count: how many slopes lie below and above 0, and the least-squares slope."""
    m = search.y.size
    known = Known(
        vector_float64(size), vector_int64(size), np.full(1, 4), vector_float64(1), vector_float64(1), vector_float64(1)
    )
    slopes, below = (-np.inf, 0.0, 0.0, np.inf), (0, below_zero, below_zero + at_zero, m * (m - 1) // 2)
    for k in range(4):
        known.slope[k], known.below[k] = slopes[k], below[k]
    known.guess[0], known.spacing[0], known.density[0] = _first_guess(search.y_scaled, search.t_scaled)
    return known


@unit(allocates=False)
def _list_around(search, known, rank):
    """List the slopes around `rank`; returns how many lie below the list, and how many are in it (`room + 1` if too many).

    An empty list stands for slopes of 0.
    """
    room = search.listed.size
    for attempt in range(TRIALS):
        k = 0
        while known.below[k + 1] < rank:
            k += 1
        low, high, base = known.slope[k], known.slope[k + 1], known.below[k]
        if low == high:
            return base, 0
        ahead = rank - base
        closed = known.below[k + 1] - base <= room and math.isfinite(low) and math.isfinite(high)
        end = high if closed else low + (ahead + _margin(search, ahead)) / known.density[0]
        if closed or (attempt < GUIDED and 2 * ahead <= room and low < end < high):
            count = _list_between(search, low, end)
            if closed or ahead <= count <= room:
                return base, count
            if count <= room:
                _note(known, end, base + count)
                continue
            trial = end
        else:
            trial = _next_trial(search, known, k, rank, attempt)
            if not low < trial < high:
                break
        _note(known, trial, _count_below(search, known, trial))
    return base, _list_between(search, low, high)


@inlined
def _margin(search, distance):
    """Number of slopes by which a trial passes a rank that is `distance` slopes away.

    The density is known to about 1 %, and the number of slopes in a range varies by about the square root of n.
    """
    return distance / 50 + 4.0 * math.sqrt(search.y.size)


@unit(allocates=False)
def _note(known, slope, below):
    """Insert a trial, and the number of slopes below it, in ascending order."""
    k = known.used[0]
    while known.slope[k - 1] > slope:
        known.slope[k], known.below[k] = known.slope[k - 1], known.below[k - 1]
        k -= 1
    known.slope[k], known.below[k] = slope, below
    known.used[0] += 1


@unit(allocates=False)
def _next_trial(search, known, k, rank, attempt):
    """Where to count next, between the slopes `k` and `k + 1` that are known: a little below the rank."""
    low, high = known.slope[k], known.slope[k + 1]
    to_low, to_high = rank - known.below[k], known.below[k + 1] - rank
    bounded = math.isfinite(low) and math.isfinite(high)
    # Slopes may span many orders of magnitude: halving every second time bounds the number of counts.
    if attempt >= GUIDED and (attempt % 2 == 1 or not bounded):
        return halfway(low, high)
    if known.used[0] == 4 and low < known.guess[0] < high:
        return known.guess[0]
    if attempt < GUIDED:
        if math.isinf(high) or (math.isfinite(low) and to_low < to_high):
            trial = low + (to_low - _margin(search, to_low)) / known.density[0]
        else:
            trial = high - (to_high + _margin(search, to_high)) / known.density[0]
        if low < trial < high:
            return trial
    if not bounded:
        return halfway(low, high)
    trial = low + (high - low) * min(max(to_low / (to_low + to_high), 0.02), 0.98)
    return trial if low < trial < high else halfway(low, high)


@unit(allocates=False)
def _count_below(search, known, slope):
    """Number of slopes below `slope`, which is not 0: pairs whose residuals are out of order."""
    _sort_at(search, slope)
    order, residual = search.order, search.residual
    # The distance of sorted residuals tells how many pairs change their order when the slope changes a little.
    m, total, taken = order.size, 0.0, 0
    k = int(math.sqrt(m))
    for i in range(0, m - k, k):
        gap = residual[order[i + k]] - residual[order[i]]
        if gap > 0.0:
            total += 1.0 / gap
            taken += 1
    if taken > 0:
        known.density[0] = known.spacing[0] * (k - 1) * total / (taken * m)
    return count_inversions(order, search.smaller)


@unit(allocates=False)
def _sort_at(search, slope):
    """Sort the steps by residual, unless they are."""
    if search.at[0] == slope:
        return
    sort_residuals(search.y_scaled, search.t_scaled, slope, search.residual, search.order, search.sorting)
    search.at[0] = slope


@unit(allocates=False)
def sort_residuals(y, t, slope, residual, order, sorting):
    """Order of the residuals y - slope t. Among equals the later goes first at a positive slope, and at 0.

    So pairs of equal values, whose slope is 0, are out of order at a positive slope even where rounding makes their
    residuals equal.
    """
    m = y.size
    for i in range(m):
        residual[i] = y[i] - slope * t[i]
        order[i] = m - 1 - i if slope >= 0.0 else i
    sort_order(residual, order, sorting)


@unit(allocates=False)
def halfway(low, high):
    """The number halfway between two of one sign if floating-point numbers are counted; both may be zero or infinite."""
    middle = (np.float64(abs(low)).view(np.int64) + np.float64(abs(high)).view(np.int64)) // 2
    return math.copysign(np.int64(middle).view(np.float64), low + high)


@unit(allocates=False)
def _first_guess(y, t):
    """Least-squares slope of scaled series, the sum of all steps of time, and slopes per unit if residuals are normal."""
    m = y.size
    y_mean, t_mean = np.sum(y) / m, np.sum(t) / m
    xx = xy = yy = spacing = 0.0
    for i in range(m):
        xx += (t[i] - t_mean) ** 2
        xy += (t[i] - t_mean) * (y[i] - y_mean)
        yy += (y[i] - y_mean) ** 2
        spacing += t[i] * (2 * i - m + 1)
    slope = xy / xx
    # A perfect line leaves no residual: a small floor keeps the first steps finite.
    variance = max(yy - slope * xy, 1e-18 * yy) / m
    return slope, spacing, spacing / (2.0 * math.sqrt(math.pi * variance))


@unit(allocates=False)
def _list_between(search, low, high):
    """List the slopes in the interval (low, high); returns how many, at most one more than fit.

    They belong to the pairs whose residuals are in order at `low` and out of order at `high`. Pairs of equal values, whose
    slope is 0, are out of order at both ends if `low` is 0 or more: `sort_residuals` sees to that.
    """
    _sort_at(search, low)
    y, t, y_scaled, t_scaled, key, order, listed = (
        search.y, search.t, search.y_scaled, search.t_scaled, search.residual, search.order, search.listed,
    )  # fmt: skip
    search.at[0] = np.nan
    for i in range(y.size):
        key[i] = y_scaled[order[i]] - high * t_scaled[order[i]]
    # An insertion sort of the residuals at `high` moves exactly the pairs that are out of order, and these are few.
    count = 0
    for i in range(1, y.size):
        value, later = key[i], order[i]
        j = i - 1
        while j >= 0 and (key[j] > value or (key[j] == value and high > 0.0 and order[j] < later)):
            if count == listed.size:
                return count + 1
            listed[count] = (y[later] - y[order[j]]) / (t[later] - t[order[j]])
            count += 1
            key[j + 1], order[j + 1] = key[j], order[j]
            j -= 1
        key[j + 1], order[j + 1] = value, later
    search.at[0] = high if high != 0.0 else np.nan
    return count
