"""Siegel's repeated medians for a block of cells: the median over points of each point's median slope to all others.

Siegel 1982, doi:10.1093/biomet/69.1.242. Short series are done as defined, in O(n^2). In long ones a count at a trial
slope tells for every point at once, in O(n log n), whether its median lies below (after Matousek, Mount & Netanyahu
1998, doi:10.1007/PL00009190); the medians themselves are computed for the few points that are left between two trials.
"""

import math

import numpy as np

from gridtrend.engine.jit import inlined
from gridtrend.engine.output import Output
from gridtrend.engine.room import vector_float64, vector_int32, vector_int64
from gridtrend.engine.series import series_kernel
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.order_statistics import median
from gridtrend.trend.kernels.pair_counts import count_smaller, new_sorting, sort_order
from gridtrend.trend.kernels.powers_of_two import LARGE, SMALLER
from gridtrend.trend.kernels.slope_search import scaled
from gridtrend.trend.kernels.theil_sen import line_intercept

# Up to this length all slopes are computed: sorting does not pay yet.
DIRECT = 100
# Points whose medians are computed to choose trial slopes, and at most to finish.
SAMPLE = 8
FINISH = 32

# Where the median of a point lies: below the bracket, in it (or not known), above it.
BELOW, INSIDE, ABOVE = -1, 0, 1


@unit
def repeated_median(y, t):
    """Siegel's slope of a series of at least two valid values at increasing times."""
    m = y.size
    place = np.zeros(m, np.int64)
    if m > DIRECT and not _narrow(y, t, place):
        return 0.0
    row, medians = np.empty(m - 1), vector_float64(m)
    below = inside = 0
    for i in range(m):
        below += place[i] == BELOW
        if place[i] == INSIDE:
            medians[inside] = _point_median(y, t, i, row)
            inside += 1
    first, last = (m + 1) // 2 - below, m // 2 + 1 - below
    medians = np.sort(medians[:inside])
    return 0.5 * medians[first - 1] + 0.5 * medians[last - 1]


@unit(allocates=False)
def _point_median(y, t, i, row):
    """Median slope between point `i` and all others."""
    for j in range(i):
        row[j] = (y[i] - y[j]) / (t[i] - t[j])
    for j in range(i + 1, y.size):
        row[j - 1] = (y[j] - y[i]) / (t[j] - t[i])
    return median(row, y.size - 1)


@unit
def _narrow(y, t, place):
    """Say of most points that their medians lie below or above the slope that is sought.

    Returns False where the slope is 0, which may be the median of so many points that no bracket shrinks below them.
    """
    m = y.size
    first, last = (m + 1) // 2, m // 2 + 1
    (y_scaled, y_unit), (t_scaled, t_unit) = scaled(y), scaled(t)
    less, equal = _slopes_at_zero(y)
    # A median lies between two ranks of the m - 1 slopes of its point.
    lower, upper = m // 2, (m - 1) // 2 + 1
    negative = positive = zero = 0
    for i in range(m):
        negative += less[i] >= upper
        positive += less[i] + equal[i] < lower
        zero += less[i] < lower and less[i] + equal[i] >= upper
    unknown = m - negative - positive - zero
    if negative + unknown < first and last <= negative + zero:
        return False
    low, high = -np.inf, np.inf
    if negative >= last or positive > m - first:
        low, high = (-np.inf, 0.0) if negative >= last else (0.0, np.inf)
        for i in range(m):
            if high == 0.0:
                place[i] = ABOVE if less[i] < lower else INSIDE
            else:
                place[i] = BELOW if less[i] + equal[i] >= upper else INSIDE
    _shrink(y, t, y_scaled, t_scaled, t_unit / y_unit, low, high, lower, upper, place)
    return True


@unit
def _shrink(y, t, y_scaled, t_scaled, to_scaled, low, high, lower, upper, place):
    """Move trial slopes towards the median of medians until few points are left between them."""
    m = y.size
    first, last = (m + 1) // 2, m // 2 + 1
    row, sample = np.empty(m - 1), vector_float64(SAMPLE)
    for attempt in range(60):
        below = inside = 0
        for i in range(m):
            below += place[i] == BELOW
            inside += place[i] == INSIDE
        if inside <= FINISH:
            return
        # The medians of some of the points left tell where the rank lies among them.
        seen = taken = 0
        for i in range(m):
            if place[i] == INSIDE:
                if seen * SAMPLE // inside >= taken and taken < SAMPLE:
                    sample[taken] = _point_median(y, t, i, row) * to_scaled
                    taken += 1
                seen += 1
        sample.sort()
        centre = math.floor((0.5 * (first + last) - below) / inside * SAMPLE)
        # Where both trials turn out on one side of the rank, the next two stand wider apart.
        reach = 1 + attempt % 3
        for k in (centre - reach, centre + reach):
            if not 0 < k < SAMPLE:
                continue
            # Between two medians: a trial that is a slope of the series could be rounded to either side.
            trial = 0.5 * (sample[k - 1] + sample[k])
            if not low < trial < high or trial == 0.0:
                continue
            less = _slopes_below(y_scaled, t_scaled, trial)
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


@inlined
def _slopes_at_zero(y):
    """For each point, how many of its slopes are negative, and how many are 0: exact, without any arithmetic."""
    m = y.size
    equal, order = np.zeros(m, np.int64), np.arange(m).astype(np.int32)
    less = _crossings(y, order)
    start = 0
    for i in range(1, m + 1):
        if i == m or y[order[i]] != y[order[start]]:
            for j in range(start, i):
                equal[order[j]] = i - start - 1
            start = i
    return less, equal


@unit
def _crossings(key, order):
    """Sort `order` by `key`; for each point, the number of others that it was out of order with."""
    m = order.size
    crossings, smaller = vector_int64(m), vector_int32(m)
    sort_order(key, order, new_sorting(m))
    count_smaller(order, smaller)
    for p in range(m):
        crossings[order[p]] = p + order[p] - 2 * smaller[p]
    return crossings


@unit
def _slopes_below(y, t, slope):
    """For each point, how many of its slopes lie below `slope`, which is not 0.

    Pairs of equal values are below a positive slope even where rounding makes their residuals equal: the later goes
    first there.
    """
    m = y.size
    key, order = vector_float64(m), vector_int32(m)
    for i in range(m):
        order[i] = m - 1 - i if slope > 0.0 else i
        key[i] = y[i] - slope * t[i]
    return _crossings(key, order)


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
