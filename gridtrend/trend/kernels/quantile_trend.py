"""Quantile regression of a series on time: the exact line, and the limits of its slope by inversion of the rank test.

Koenker & Bassett 1978, doi:10.2307/1913643; Koenker 1994, doi:10.1007/978-3-642-57984-4_29.

At a trial slope b the residuals y - b t are ranked. The `balance` is the sum of the times of the lowest share q of them, less
the same share of the sum of all times. It rises with b in steps, since late residuals sink; each step is at a slope between
two values. The line of least loss has the slope where the balance passes 0. Under no trend of the quantile beyond b it
is the score of the rank test of Gutenbrunner et al. (1993), so that the limits are the slopes where it passes the critical
values: all that is needed is one search for a slope of given balance.
"""

import math

import numpy as np

from gridtrend.engine.output import Output
from gridtrend.engine.series import Room, series_kernel
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.normal import TWO_SIDED, flag
from gridtrend.trend.kernels.order_statistics import kth_smallest
from gridtrend.trend.kernels.powers_of_two import LARGE, SMALLER
from gridtrend.trend.kernels.slope_search import scaled
from gridtrend.trend.kernels.student import t_p_value, t_quantile

# Residuals lie on the line that differ from it by no more than what rounding makes of values and times.
ROUNDING = 16.0 * np.finfo(np.float64).eps
# A balance that is this share of the sum of all times is 0, and a rank so near a whole number is one.
NOTHING = 1e-12
WHOLE = 1e-9


@unit(allocates=False)
def place_of(q, n):
    """The number of values that lie below the line, and the weight of the next one."""
    below = math.floor(q * n + WHOLE)
    weight = q * n - below
    return int(below), weight if weight > WHOLE else 0.0


@unit(allocates=False)
def balances(y, t, q, slope, rounding, residuals, work):
    """Loss at a slope, the balance just below it and just above it, and where residuals on the line begin and end.

    Where several lie on it, the earliest are the lowest just below `slope`, and the latest just above it.
    """
    n = y.size
    below, weight = place_of(q, n)
    total_time = total = 0.0
    for i in range(n):
        residuals[i] = y[i] - slope * t[i]
        work[i] = residuals[i]
        total_time += t[i]
        total += residuals[i]
    line = kth_smallest(work, n, below)
    at = 0
    while residuals[at] != line:
        at += 1
    size = abs(y[at]) + abs(slope * t[at])
    lowest_time = lowest = 0.0
    first, last, under = n, -1, 0
    for i in range(n):
        if abs(residuals[i] - line) <= rounding * (size + abs(y[i]) + abs(slope * t[i])):
            first, last = min(first, i), i
        elif residuals[i] < line:
            under += 1
            lowest_time += t[i]
            lowest += residuals[i]
    loss = q * total - lowest - (below + weight - under) * line
    low = high = lowest_time - q * total_time
    left = right = below + weight - under
    for i in range(first, last + 1):
        if abs(residuals[i] - line) <= rounding * (size + abs(y[i]) + abs(slope * t[i])):
            low += min(left, 1.0) * t[i]
            left = max(left - 1.0, 0.0)
    for i in range(last, first - 1, -1):
        if abs(residuals[i] - line) <= rounding * (size + abs(y[i]) + abs(slope * t[i])):
            high += min(right, 1.0) * t[i]
            right = max(right - 1.0, 0.0)
    return loss, low, high, first, last, at


@unit(allocates=False)
def slope_of_balance(y, t, q, wanted, residuals, work):
    """The slope at which the balance passes `wanted`: two values that the line goes through, the first and the last.

    The bracket closes in on it by turns: through the values on the lines of both its ends, where the tangents of the
    loss meet, and in the middle. Without such a slope the values are -1.
    """
    n = y.size
    high = 0.0
    for i in range(1, n):
        high = max(high, abs((y[i] - y[i - 1]) / (t[i] - t[i - 1])))
    high = 2.0 * high if high > 0.0 else 1.0
    low = -high
    low_loss, _, low_balance, first, last, low_at = balances(y, t, q, low, ROUNDING, residuals, work)
    high_loss, high_balance, _, first, last, high_at = balances(y, t, q, high, ROUNDING, residuals, work)
    if not low_balance < wanted < high_balance:
        return -1, -1
    slope, trial = 0.0, 0
    while low < slope < high:
        loss, under, over, first, last, at = balances(y, t, q, slope, ROUNDING, residuals, work)
        if over < wanted:
            low, low_loss, low_balance, low_at = slope, loss, over, at
        elif under > wanted:
            high, high_loss, high_balance, high_at = slope, loss, under, at
        else:
            break
        slope = 0.5 * low + 0.5 * high
        trial += 1
        if trial % 3 == 1 and low_at != high_at:
            through = (y[high_at] - y[low_at]) / (t[high_at] - t[low_at])
            slope = through if low < through < high else slope
        elif trial % 3 == 2:
            # The loss falls by `wanted` less the balance.
            fall, rise = low_balance - wanted, high_balance - wanted
            meeting = (low_loss - wanted * low - high_loss + wanted * high + rise * high - fall * low) / (rise - fall)
            slope = meeting if low < meeting < high else slope
    return first, last


@unit(allocates=False)
def slope_through(values, times, places):
    """Slope of the line through the values of two places, missing where there are none."""
    first, last = places
    return (values[last] - values[first]) / (times[last] - times[first]) if first >= 0 else math.nan


@unit(allocates=False)
def quantile_intercept(values, times, q, slope, work):
    """Quantile of what lies above a line of this slope through 0: the middle, where it is anything between two values."""
    n = values.size
    for i in range(n):
        work[i] = values[i] - slope * times[i]
    below, weight = place_of(q, n)
    level = kth_smallest(work, n, below)
    if weight > 0.0:
        return level
    under = work[0]
    for i in range(1, below):
        under = max(under, work[i])
    return 0.5 * under + 0.5 * level


@series_kernel(
    Output("slope", "quantile regression slope of {data}", units="{slope}"),
    Output("intercept", "intercept of the quantile regression line of {data}", units="{units}"),
    Output("slope_lower", "lower confidence limit of the quantile regression slope of {data}", units="{slope}"),
    Output("slope_upper", "upper confidence limit of the quantile regression slope of {data}", units="{slope}"),
    Output("p_value", "p-value of the quantile regression slope of {data}", attrs=outputs.P_VALUE.attrs),
    outputs.N_VALID,
    outputs.TREND,
    least=3,
)
def quantile_trend(values, times, residuals: Room, work: Room, q: float, per: float, alpha: float, normal: float):
    """Line of quantile `q`, limits of its slope, p and flag of a series."""
    n, scale = values.size, 1.0
    for i in range(n):
        if abs(values[i]) > LARGE:
            scale = SMALLER
    for i in range(n if scale != 1.0 else 0):
        values[i] *= scale
    (y, y_unit), (t, _) = scaled(values), scaled(times)
    if y_unit == 0.0:
        for i in range(n):
            y[i] = 0.0
    mean = squares = size = 0.0
    for i in range(n):
        mean += t[i] / n
        size += abs(t[i])
    for i in range(n):
        squares += (t[i] - mean) ** 2
    error, nothing = math.sqrt(q * (1.0 - q) * squares), NOTHING * size
    # The middle of all slopes of least loss: the balance may be 0 over a range.
    first = slope_through(values, times, slope_of_balance(y, t, q, -nothing, residuals, work))
    last = slope_through(values, times, slope_of_balance(y, t, q, nothing, residuals, work))
    slope = 0.5 * first + 0.5 * last
    critical = error * t_quantile(n - 2.0, alpha, normal)
    lower = slope_through(values, times, slope_of_balance(y, t, q, -critical, residuals, work))
    upper = slope_through(values, times, slope_of_balance(y, t, q, critical, residuals, work))
    # Without a slope nothing is rounded: only equal values are ties.
    _, under, over, _, _, _ = balances(values, t, q, 0.0, 0.0, residuals, work)
    score = -under if under > nothing else -over if over < -nothing else 0.0
    p = t_p_value(score / error, n - 2.0, TWO_SIDED)
    return (
        slope * per / scale,
        quantile_intercept(values, times, q, slope, work) / scale,
        lower * per / scale,
        upper * per / scale,
        p,
        flag(score, p, alpha, TWO_SIDED),
    )
