"""Quantile regression on time, by looking at the slopes of all pairs of values in rational numbers."""

import math
from fractions import Fraction
from itertools import combinations

from tests.reference import NAN, flag, valid
from tests.reference_changes import student_p, student_quantile

NAMES = ("slope", "intercept", "slope_lower", "slope_upper", "p_value")


def quantile_trend(y, t=None, *, q=0.5, alpha=0.05, min_valid=4):
    y, t = valid(y, t)
    n = len(y)
    if n < max(min_valid, 3):
        return dict.fromkeys(NAMES, NAN) | {"n_valid": n, "trend": 0}
    y, t = [list(map(Fraction, x.tolist())) for x in (y, t)]
    share = Fraction(q).limit_denominator(10**6)
    # Floats are compared faster; fractions decide where they are equal.
    slopes = sorted((float(slope), slope) for slope in (slope_of(y, t, pair) for pair in combinations(range(n), 2)))
    slopes = [slope for _, slope in slopes]
    mean = sum(t) / n
    error = math.sqrt(share * (1 - share) * sum((time - mean) ** 2 for time in t))
    critical = error * student_quantile(alpha / 2, n - 2)
    # Least loss: the balance is not positive just below the slope, and not negative just above it.
    first = edge(y, t, share, slopes, lambda balance: balance >= 0)
    last = edge(y, t, share, slopes, lambda balance: balance > 0)
    slope = (first + last) / 2
    under, over = (balance_beside(y, t, share, Fraction(0), side) for side in (-1, 1))
    score = -under if under > 0 else -over if over < 0 else 0
    p = student_p(float(score) / error, n - 2)
    return {
        "slope": float(slope),
        "intercept": float(quantile([value - slope * time for value, time in zip(y, t, strict=True)], share)),
        "slope_lower": float(edge(y, t, share, slopes, lambda balance: balance >= -critical)),
        "slope_upper": float(edge(y, t, share, slopes, lambda balance: balance > critical)),
        "p_value": p,
        "n_valid": n,
        "trend": flag(score, p, alpha),
    }


def slope_of(y, t, pair):
    i, j = pair
    return (y[j] - y[i]) / (t[j] - t[i])


def edge(y, t, share, slopes, beyond):
    """The slope of a pair above which the balance is `beyond` something, and below which it is not; missing if there is none."""
    if beyond(balance_beside(y, t, share, slopes[0], -1)):
        return NAN
    low, high = 0, len(slopes) - 1
    if not beyond(balance_beside(y, t, share, slopes[high], 1)):
        return NAN
    while low < high:
        middle = (low + high) // 2
        if beyond(balance_beside(y, t, share, slopes[middle], 1)):
            high = middle
        else:
            low = middle + 1
    return slopes[low]


def balance_beside(y, t, share, slope, side):
    """Sum of the times of the lowest share of the residuals, less that share of all, just below or above a slope.

    A slope that is a little larger makes the later of two equal residuals the lower one.
    """
    order = sorted((value - slope * time, -side * time) for value, time in zip(y, t, strict=True))
    times = [-side * time for _, time in order]
    place = share * len(y)
    whole = math.floor(place)
    rest = times[whole] * (place - whole) if whole < len(y) else 0
    return sum(times[:whole]) + rest - share * sum(times)


def quantile(values, share):
    values, place = sorted(values), share * len(values)
    whole = math.floor(place)
    return values[whole] if whole < place else (values[whole - 1] + values[whole]) / 2


def loss(y, t, q, slope, intercept):
    """What quantile regression makes least."""
    residuals = y - slope * t - intercept
    return float(sum(max(q * r, (q - 1) * r) for r in residuals))
