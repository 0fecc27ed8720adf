"""Siegel's repeated medians for a block of cells: the median over points of each point's median slope to all others.

Siegel 1982, doi:10.1093/biomet/69.1.242. In short series all slopes are computed, in O(n^2). In long ones the bracket of
`slope_bracket` closes on the median of medians: a count at a trial slope, in O(n log n), tells for every point at once
whether its median lies below the trial (after Matousek, Mount & Netanyahu 1998, doi:10.1007/PL00009190). The medians
themselves are computed for the few points that are left in the bracket.
"""

import math
from collections import namedtuple

import numpy as np

from gridtrend.engine.jit import inlined
from gridtrend.engine.output import Output
from gridtrend.engine.room import vector_float64, vector_int32, vector_int64
from gridtrend.engine.series import series_kernel
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.order_statistics import blend, median, neighbours
from gridtrend.trend.kernels.pair_counts import count_smaller, new_sorting, sort_order
from gridtrend.trend.kernels.powers_of_two import LARGE, SMALLER
from gridtrend.trend.kernels.slope_search import scaled, sort_residuals
from gridtrend.trend.kernels.theil_sen import line_intercept

# Up to this length all slopes are computed: that takes less time than sorting residuals.
DIRECT = 100
# Points whose medians are computed to choose trial slopes, and points left in a bracket that is closed. Both were set by
# `python -m benchmarks ablation`, which compares them with their halves and doubles.
SAMPLE = 8
FINISH = 32
# Pairs of trials, at most. Points whose medians are equal stay in the bracket together, however many they are.
ROUNDS = 60

# Where the median of a point lies: below the bracket, in it (or not known), above it.
BELOW, INSIDE, ABOVE = -1, 0, 1

# Memory to count slopes below a trial: for each point its residual, how many of its slopes lie below, and equal 0.
Counting = namedtuple("Counting", "residual order smaller sorting less equal")


@unit
def repeated_median(y, t):
    """Siegel's slope of a series of at least two valid values at increasing times."""
    m = y.size
    place, row, medians = vector_int64(m), vector_float64(m), vector_float64(m)
    for i in range(m):
        place[i] = INSIDE
    if m > DIRECT:
        _narrow(y, t, place)
    below = inside = 0
    for i in range(m):
        below += place[i] == BELOW
        if place[i] == INSIDE:
            medians[inside] = _point_median(y, t, i, row)
            inside += 1
    if inside == 0:
        return 0.0
    rank = 0.5 * (m + 1) - below
    low, high = neighbours(medians, inside, rank)
    return blend(low, high, rank)


@unit(allocates=False)
def _point_median(y, t, i, row):
    """Median slope between point `i` and all others."""
    for j in range(i):
        row[j] = (y[i] - y[j]) / (t[i] - t[j])
    for j in range(i + 1, y.size):
        row[j - 1] = (y[j] - y[i]) / (t[j] - t[i])
    return median(row, y.size - 1)


@unit(deferred=True)
def _narrow(y, t, place):
    """Find out of most points that their medians lie below or above the slope that is sought.

    No point is left inside where the slope is 0: it may be the median of so many points that no bracket ever holds few.
    """
    m = y.size
    counting = Counting(
        vector_float64(m), vector_int32(m), vector_int32(m), new_sorting(m), vector_int64(m), vector_int64(m)
    )
    low, high = _open(y, counting, place)
    if low == high:
        for i in range(m):
            place[i] = BELOW
        return
    (y_scaled, y_unit), (t_scaled, t_unit) = scaled(y), scaled(t)
    row, sample = vector_float64(m), vector_float64(SAMPLE)
    for attempt in range(ROUNDS):
        low, high, few = _close(
            y, t, y_scaled, t_scaled, t_unit / y_unit, low, high, attempt, row, sample, counting, place
        )
        if few:
            return


@inlined
def _ranks(m):
    """The median of `m - 1` slopes of a point lies between these two ranks, that of `m` medians between the other two."""
    return m // 2, (m - 1) // 2 + 1, (m + 1) // 2, m // 2 + 1


@unit(allocates=False)
def _open(y, counting, place):
    """The bracket that ends at 0, as far as the signs of slopes tell; (0, 0) where the slope is 0."""
    m = y.size
    lower, upper, first, last = _ranks(m)
    _slopes_at_zero(y, counting)
    less, equal = counting.less, counting.equal
    negative = positive = zero = 0
    for i in range(m):
        negative += less[i] >= upper
        positive += less[i] + equal[i] < lower
        zero += less[i] < lower and less[i] + equal[i] >= upper
    unknown = m - negative - positive - zero
    if negative + unknown < first and last <= negative + zero:
        return 0.0, 0.0
    if negative >= last:
        for i in range(m):
            place[i] = ABOVE if less[i] < lower else INSIDE
        return -np.inf, 0.0
    if positive > m - first:
        for i in range(m):
            place[i] = BELOW if less[i] + equal[i] >= upper else INSIDE
        return 0.0, np.inf
    return -np.inf, np.inf


@unit(allocates=False)
def _close(y, t, y_scaled, t_scaled, to_scaled, low, high, attempt, row, sample, counting, place):
    """Move trial slopes towards the median of medians. Returns the bracket, and whether few points are left in it."""
    m, less = y.size, counting.less
    lower, upper, first, last = _ranks(m)
    below = inside = 0
    for i in range(m):
        below += place[i] == BELOW
        inside += place[i] == INSIDE
    if inside <= FINISH:
        return low, high, True
    # The medians of a sample of the points in the bracket tell where the rank lies among them.
    seen = taken = 0
    for i in range(m):
        if place[i] == INSIDE:
            if seen * SAMPLE // inside >= taken and taken < SAMPLE:
                sample[taken] = _point_median(y, t, i, row) * to_scaled
                taken += 1
            seen += 1
    centre = math.floor((0.5 * (first + last) - below) / inside * SAMPLE)
    # If both trials lie on one side of the rank, the next two are further apart.
    reach = 1 + attempt % 3
    for k in (centre - reach, centre + reach):
        if not 0 < k < SAMPLE:
            continue
        # Halfway between two medians: rounding could count a slope that equals the trial on either side of it.
        left, right = neighbours(sample, SAMPLE, k + 0.5)
        trial = 0.5 * (left + right)
        if not low < trial < high or trial == 0.0:
            continue
        sort_residuals(y_scaled, t_scaled, trial, counting.residual, counting.order, counting.sorting)
        _crossings(counting)
        surely = possibly = 0
        for i in range(m):
            surely += less[i] >= upper
            possibly += less[i] >= lower
        if surely >= last:
            high = trial
            for i in range(m):
                if less[i] < lower:
                    place[i] = ABOVE
        elif possibly < first:
            low = trial
            for i in range(m):
                if less[i] >= upper:
                    place[i] = BELOW
    return low, high, False


@unit(allocates=False)
def _slopes_at_zero(y, counting):
    """Count for each point how many of its slopes are negative, and how many are 0: exact, without any arithmetic."""
    m, order = y.size, counting.order
    for i in range(m):
        order[i] = i
    sort_order(y, order, counting.sorting)
    _crossings(counting)
    start = 0
    for i in range(1, m + 1):
        if i == m or y[order[i]] != y[order[start]]:
            for j in range(start, i):
                counting.equal[order[j]] = i - start - 1
            start = i


@unit(allocates=False)
def _crossings(counting):
    """Count for each point the others that it is out of order with, in a sorted order: slopes below the one sorted at."""
    order, smaller = counting.order, counting.smaller
    count_smaller(order, smaller)
    for p in range(order.size):
        counting.less[order[p]] = p + order[p] - 2 * smaller[p]


@series_kernel(
    Output("slope", "Siegel repeated-median slope of {data}", units="{slope}"),
    Output("intercept", "intercept of the Siegel repeated-median line of {data}", units="{units}"),
    outputs.N_VALID,
    least=2,
)
def siegel_slope(values, times, per: float, intercept_method: int):
    """Repeated-median line of a series."""
    scale = 1.0
    for i in range(values.size):
        if abs(values[i]) > LARGE:
            scale = SMALLER
    for i in range(values.size if scale != 1.0 else 0):
        values[i] *= scale
    slope = repeated_median(values, times)
    return slope * per / scale, line_intercept(values, times, values.size, slope, intercept_method) / scale
