"""Order statistics of the slopes between all pairs of a series, exact, without keeping all pairs.

The number of pairs i < j with slope (y_j - y_i)/(t_j - t_i) below b is the number of pairs whose residuals
r = y - b t are out of order, r_j < r_i. So the slope of a given rank is found by counting at a few trial values of b until
few slopes are left between two of them, listing those, and selecting among them (after Dillencourt, Mount & Netanyahu
1992, doi:10.1142/S0218195992000020, and Matousek 1991, doi:10.1016/0020-0190(91)90177-J). Counting only steers: the
slopes that are listed are computed from the data, and ranks are told exactly.

Many slopes of a record with ties (rain, snow, ice at freezing point) are exactly 0, and no interval would ever hold few
slopes of such a series. How many lie below, at and above 0 is known exactly from the score S, and intervals end there.

`series_slopes` does this for one series of any length, in O(n log n) expected time and O(n) memory;
`gridtrend.trend.kernels.selection_tiles` does it for 16 short series at once and hands over the series that resist.
"""

import math

import numpy as np

from gridtrend.grid.kernel import inlined, jit
from gridtrend.trend.kernels.ranks import count_inversions, sort_with_order
from gridtrend.trend.kernels.tiles import blend, kth_smallest, median, neighbours

# Slopes that are listed at most, whatever the length of the series.
LIST = 2048


@jit
def series_slopes(y, t, ranks, below_zero, at_zero, values):
    """Slopes at fractional 1-based `ranks` among all pairs of a series; NaN where a rank is not in 1..pairs.

    `y` holds valid values only and `t` their times, strictly increasing. `below_zero` and `at_zero` are the numbers of
    negative and of zero slopes. A fractional rank is interpolated linearly between its neighbours.
    """
    m = y.size
    pairs = m * (m - 1) // 2
    listed = np.empty(min(pairs, max(LIST, 2 * m)))
    if pairs <= listed.size:
        _list_all(y, t, listed)
    for target in range(ranks.size):
        rank = ranks[target]
        if not 1.0 <= rank <= pairs:
            values[target] = np.nan
        elif pairs <= listed.size:
            low, high = neighbours(listed, pairs, rank)
            values[target] = blend(low, high, rank)
        else:
            values[target] = _search(y, t, rank, below_zero, at_zero, listed)


@inlined
def _search(y, t, rank, below_zero, at_zero, listed):
    """The slope at one fractional rank."""
    y_scaled, t_scaled = scaled(y), scaled(t)
    ends = (0.0, 0.0)
    base, count = 0, 0
    for side in range(2):
        whole = int(math.floor(rank) if side == 0 else math.ceil(rank))
        if below_zero < whole <= below_zero + at_zero:
            slope = 0.0
        else:
            # The next rank is nearly always in the list already.
            if not base < whole <= base + count:
                low, high, base = _bracket(y_scaled, t_scaled, whole, below_zero, at_zero, listed.size)
                count = _list_between(y, t, y_scaled, t_scaled, low, high, listed)
            if count <= listed.size:
                slope = kth_smallest(listed, count, whole - base - 1)
            else:
                # More equal slopes than the list holds: the bracket is a few units in the last place wide.
                slope = kth_smallest(listed, listed.size, listed.size // 2)
        ends = (slope, slope) if side == 0 else (ends[0], slope)
    return blend(ends[0], ends[1], rank)


@jit
def _list_all(y, t, listed):
    """Every slope of the series."""
    count = 0
    for i in range(y.size - 1):
        for j in range(i + 1, y.size):
            listed[count] = (y[j] - y[i]) / (t[j] - t[i])
            count += 1


@jit
def scaled(a):
    """Anomalies from the median in units of the largest.

    Small numbers are rounded less, no square vanishes, and one value far away (a forgotten fill value) takes no digits
    from the others, as it would through the mean.
    """
    centre = median(a.copy(), a.size)
    anomalies, largest = np.empty(a.size), 0.0
    for i in range(a.size):
        anomalies[i] = a[i] - centre
        largest = max(largest, abs(anomalies[i]))
    for i in range(a.size):
        anomalies[i] /= largest
    return anomalies


@jit
def _bracket(y, t, rank, below_zero, at_zero, room):
    """An interval of slopes (low, high) that holds the slope of `rank` and at most `room` others, and its base."""
    m = y.size
    low, high, below_low, below_high = -np.inf, np.inf, 0, m * (m - 1) // 2
    if rank <= below_zero:
        high, below_high = 0.0, below_zero
    else:
        low, below_low = 0.0, below_zero + at_zero
    slope, density = _first_guess(y, t)
    residual, spare = np.empty(m), np.empty(m)
    trial = slope + (rank - 0.25 * m * (m - 1)) / density
    for attempt in range(300):
        if not low < trial < high:
            trial = halfway(low, high)
            if not low < trial < high:
                break
        below = _count_below(y, t, trial, residual, spare)
        if below < rank:
            low, below_low = trial, below
        else:
            high, below_high = trial, below
        if below_high - below_low <= room and math.isfinite(low) and math.isfinite(high):
            break
        trial = _next_trial(low, high, below_low, below_high, rank, room // 4, density, attempt)
    return low, high, below_low


@jit
def _next_trial(low, high, below_low, below_high, rank, margin, density, attempt):
    """Where to count next: just beyond the rank, so that the far side of the bracket is cut off."""
    # Slopes may be spread over many orders of magnitude: halving now and then bounds the number of counts.
    if attempt > 5 and (attempt % 2 == 1 or math.isinf(low) or math.isinf(high)):
        return halfway(low, high)
    to_low, to_high = rank - below_low, below_high - rank
    if math.isinf(high):
        return low + (to_low + margin) / density * 4.0**attempt
    if math.isinf(low):
        return high - (to_high + margin) / density * 4.0**attempt
    aim = to_low + (margin if to_low < to_high else -margin)
    return low + (high - low) * min(max(aim / (to_low + to_high), 0.02), 0.98)


@jit
def _count_below(y, t, slope, residual, spare):
    """Number of slopes below `slope`, which is not 0: pairs whose residuals are out of order.

    Equal values are pairs of slope 0, below a positive `slope` even where rounding makes their residuals equal: read
    backwards, such pairs are not out of order, and all that are not were.
    """
    m = y.size
    for i in range(m):
        residual[m - 1 - i if slope > 0.0 else i] = y[i] - slope * t[i]
    inversions = count_inversions(residual, spare)
    return m * (m - 1) // 2 - inversions if slope > 0.0 else inversions


@jit
def halfway(low, high):
    """The floating-point number halfway between two of one sign, zero and infinity included, in number of numbers."""
    middle = (np.float64(abs(low)).view(np.int64) + np.float64(abs(high)).view(np.int64)) // 2
    return math.copysign(np.int64(middle).view(np.float64), low + high)


@jit
def _first_guess(y, t):
    """Least-squares slope of scaled series, and how many slopes lie per unit around it if residuals are normal."""
    m = y.size
    y_mean = t_mean = xx = xy = yy = spacing = 0.0
    for i in range(m):
        y_mean += y[i] / m
        t_mean += t[i] / m
    for i in range(m):
        xx += (t[i] - t_mean) ** 2
        xy += (t[i] - t_mean) * (y[i] - y_mean)
        yy += (y[i] - y_mean) ** 2
        spacing += t[i] * (2 * i - m + 1)
    slope = xy / xx
    # A perfect line leaves no residual: a small floor keeps the first steps finite.
    variance = max(yy - slope * xy, 1e-18 * yy) / m
    return slope, spacing / (2.0 * math.sqrt(math.pi * variance))


@jit
def _list_between(y, t, y_scaled, t_scaled, low, high, listed):
    """Write the slopes in the interval (low, high) to `listed`; returns how many, at most one more than fit.

    They belong to the pairs whose residuals are in order at `low` and out of order at `high`. Equal residuals of equal
    values are out of order at a positive slope, and at 0 where that is the lower end: the later goes first.
    """
    m = y.size
    key, order = np.empty(m), np.empty(m, np.int64)
    for i in range(m):
        order[i] = m - 1 - i if low >= 0.0 else i
        key[i] = y_scaled[order[i]] - low * t_scaled[order[i]]
    key, order = sort_with_order(key, order, np.zeros(m, np.int64))
    for i in range(m):
        key[i] = y_scaled[order[i]] - high * t_scaled[order[i]]
    # Few pairs are out of order: insertion sort visits just these.
    count = 0
    for i in range(1, m):
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
    return count
