"""Where the level of a series most likely changes, for a block of cells.

Pettitt 1979, doi:10.2307/2346729; Alexandersson 1986, doi:10.1002/joc.3370060607; Buishand 1982,
doi:10.1016/0022-1694(82)90066-X.
"""

import math

import numpy as np

from gridtrend.engine.output import Output
from gridtrend.engine.room import vector_float64
from gridtrend.engine.series import Room, series_kernel
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.pair_counts import stable_order
from gridtrend.trend.kernels.powers_of_two import LARGE, SMALLER, power_of_two

# Codes of `test`, as compiled code sees them.
PETTITT, SNHT, RANGE, U = range(4)

# Statistics that differ by no more than rounding errors are equal, and the first of their places is reported.
EQUAL = 1.0 - 1e-10


@unit
def rank_sums(series, m, sums):
    """Pettitt's U after each value except the last: the sum of the ranks so far, less its expectation."""
    order = stable_order(series[:m])
    excess = vector_float64(m)
    start = 0
    for i in range(1, m + 1):
        if i == m or series[order[i]] != series[order[start]]:
            for j in range(start, i):
                excess[order[j]] = start + i - m
            start = i
    total = 0.0
    for i in range(m - 1):
        total += excess[i]
        sums[i] = total


@unit(allocates=False)
def deviation_sums(series, m, sums):
    """Sums of deviations from the mean after each value except the last; returns the sum of squared deviations.

    All in a unit in which squares of the tiniest values do not vanish, nor sums of the largest overflow.
    """
    scale = 1.0
    while True:
        base = series[0] * scale
        mean = spread = 0.0
        for i in range(m):
            mean += series[i] * scale - base
            spread = max(spread, abs(series[i] * scale - base))
        if spread <= LARGE or scale < 1.0:
            break
        scale = SMALLER
    mean /= m
    unit = power_of_two(spread)
    total = squares = 0.0
    for i in range(m):
        deviation = ((series[i] * scale - base) - mean) / unit
        squares += deviation * deviation
        total += deviation
        if i < m - 1:
            sums[i] = total
    return squares


@unit(allocates=False)
def largest_size(sums, weights, m):
    """The largest of `weights * abs(sums)` before the last value, and the first place of it."""
    largest = 0.0
    for i in range(m - 1):
        largest = max(largest, weights[i] * abs(sums[i]))
    place = 0
    while weights[place] * abs(sums[place]) < largest * EQUAL:
        place += 1
    return largest, place


@unit(allocates=False)
def test_series(series, m, test, sums, weights):
    """Statistic of a series of at least two values, and the last place before its most likely change."""
    weights[: m - 1] = 1.0
    if test == PETTITT:
        rank_sums(series, m, sums)
        return largest_size(sums, weights, m)
    squares = deviation_sums(series, m, sums)
    if squares == 0.0:
        return 0.0, 0
    if test == SNHT:
        for i in range(m - 1):
            weights[i] = math.sqrt(m / ((i + 1.0) * (m - 1.0 - i)))
        largest, place = largest_size(sums, weights, m)
        return largest * largest * (m - 1.0) / squares, place
    _, place = largest_size(sums, weights, m)
    if test == RANGE:
        high = low = 0.0
        for i in range(m - 1):
            high, low = max(high, sums[i]), min(low, sums[i])
        return (high - low) * math.sqrt((m - 1.0) / (m * squares)), place
    total = 0.0
    for i in range(m - 1):
        total += sums[i] * sums[i]
    return total * (m - 1.0) / (squares * m * (m + 1.0)), place


@unit(allocates=False)
def part_mean(series, start, stop):
    """Mean of part of a series."""
    total = 0.0
    for i in range(start, stop):
        total += series[i] - series[start]
    mean = series[start] + total / (stop - start)
    if math.isfinite(mean):
        return mean
    # The sum overflows; the mean of smaller numbers does not.
    total = 0.0
    for i in range(start, stop):
        total += series[i] * SMALLER
    return total / (stop - start) / SMALLER


CHANGE_TIME = Output("change_time", "time of the last value before the most likely change of {data}")
CHANGE = Output(
    "change",
    "direction of a significant change of {data}",
    units=None,
    dtype="i1",
    attrs=(
        ("standard_name", "status_flag"),
        ("flag_values", (-1, 0, 1)),
        ("flag_meanings", "drop no_change rise"),
    ),
)


@series_kernel(
    Output("statistic", "statistic of the test for a change of {data}"),
    CHANGE_TIME,
    Output("mean_before", "mean of {data} up to the change", units="{units}"),
    Output("mean_after", "mean of {data} after the change", units="{units}"),
    outputs.N_VALID,
    CHANGE,
    least=2,
)
def change_point(values, times, test: int, sums: Room, weights: Room):
    """The most likely change of a series. The last result is its direction, whether it is significant or not."""
    m = values.size
    found, place = test_series(values, m, test, sums, weights)
    if not found > 0.0:
        return found, np.nan, np.nan, np.nan, 0
    before, after = part_mean(values, 0, place + 1), part_mean(values, place + 1, m)
    return found, times[place], before, after, -1 if sums[place] > 0.0 else 1
