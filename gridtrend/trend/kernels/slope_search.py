"""Order statistics of the slopes between all pairs of a series, exact, without keeping all pairs.

The number of pairs i < j with slope (y_j - y_i)/(t_j - t_i) below b is the number of pairs whose residuals
r = y - b t are out of order, r_j < r_i. So the slope of a given rank is found by counting at a few trial values of b until
few slopes are left between two of them, listing those, and selecting among them (after Dillencourt, Mount & Netanyahu
1992, doi:10.1142/S0218195992000020, and Matousek 1991, doi:10.1016/0020-0190(91)90177-J). A trial aims just below the
rank: the order that told its count is where the list starts from, and how dense the residuals lie in it tells where the
next trial has to aim. Counting only steers: the slopes that are listed are computed from the data, and ranks are told
exactly.

Many slopes of a record with ties (rain, snow, ice at freezing point) are exactly 0, and no interval would ever hold few
slopes of such a series. How many lie below, at and above 0 is known exactly from the score S, and intervals end there.

`series_slopes` does this for one series of any length, in O(n log n) expected time and O(n) memory;
`gridtrend.trend.kernels.slope_search_lanes` does it for 16 short series at once and hands over the series that resist.
"""

import math
from collections import namedtuple

import numpy as np

from gridtrend.engine.jit import inlined
from gridtrend.engine.room import vector_float64, vector_int32, vector_int64
from gridtrend.engine.unit import unit
from gridtrend.trend.kernels.order_statistics import blend, kth_smallest, median, values_at_ranks
from gridtrend.trend.kernels.pair_counts import count_inversions, new_sorting, sort_order

# Slopes that are listed at most, whatever the length of the series.
LIST = 2048
# Values whose median stands for that of all.
SAMPLE = 64
# Centring may cost a value this share of itself: values a few thousand times smaller than the centre lose more.
DIGITS = 2.0**-40
# Trials that trust the density of slopes, later ones halve the bracket now and then; and at most.
GUIDED, TRIALS = 8, 300

# A series, its scaled copy, room to sort its residuals, the slope `at` whose residuals `order` sorts, slopes listed.
Search = namedtuple("Search", "y t y_scaled t_scaled residual order smaller sorting at listed")
# Slopes where all was counted, ascending, and how many lie below each. The rest are single numbers: how many are in use,
# slopes a unit near the last one, the least-squares slope, and the sum of t_j - t_i over all pairs.
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
    """The slope at one fractional rank."""
    listed = search.listed
    ends = (0.0, 0.0)
    base, count = 0, 0
    for side in range(2):
        whole = int(math.floor(rank) if side == 0 else math.ceil(rank))
        # The next rank is nearly always in the list already.
        if not base < whole <= base + count:
            base, count = _list_around(search, known, whole)
        if count == 0:
            slope = 0.0
        elif count <= listed.size:
            slope = kth_smallest(listed, count, min(whole - base, count) - 1)
        else:
            # More equal slopes than the list holds: the bracket is a few units in the last place wide.
            slope = kth_smallest(listed, listed.size, listed.size // 2)
        ends = (slope, slope) if side == 0 else (ends[0], slope)
    return blend(ends[0], ends[1], rank)


@unit
def list_slopes(y, t, ranks, values):
    """The same by listing every slope, for a series of few pairs."""
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
    """Anomalies from about the median in units of the largest; and that unit.

    Small numbers are rounded less, no square vanishes, and one value far away (a forgotten fill value) takes no digits
    from the others, as it would through the mean. Values that the median would swallow, in series over many orders of
    magnitude, are left as they are.
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
    """What is known before any count: how many slopes lie on either side of 0, and what least squares tell."""
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
    """List slopes around `rank`: how many lie below them, and how many they are, at most one more than fit.

    A list of none stands for slopes of 0.
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
    """Aim this many slopes beyond a rank so far away: the density is known to about 1 %, and chance adds to it."""
    return distance / 50 + 4.0 * math.sqrt(search.y.size)


@unit(allocates=False)
def _note(known, slope, below):
    """Keep what was counted."""
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
    # Slopes may be spread over many orders of magnitude: halving now and then bounds the number of counts.
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
    # How close residuals lie in order tells how many slopes a small change of the slope passes by.
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
    """The floating-point number halfway between two of one sign, zero and infinity included, in number of numbers."""
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

    They belong to the pairs whose residuals are in order at `low` and out of order at `high`. Equal residuals of equal
    values are out of order at a positive slope, and at 0 where that is the lower end: the later goes first.
    """
    _sort_at(search, low)
    y, t, y_scaled, t_scaled, key, order, listed = (
        search.y, search.t, search.y_scaled, search.t_scaled, search.residual, search.order, search.listed,
    )  # fmt: skip
    search.at[0] = np.nan
    for i in range(y.size):
        key[i] = y_scaled[order[i]] - high * t_scaled[order[i]]
    # Few pairs are out of order: insertion sort visits just these.
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
