"""Spearman's rho with time, as the formula says."""

import itertools
import math
from fractions import Fraction
from functools import cache

import scipy.stats

from tests.reference import NAN, flag, valid
from tests.reference_changes import student_p


def spearman_rho(y, t=None, *, alpha=0.05, alternative="two-sided", p_value="t", min_valid=4):
    y, t = valid(y, t)
    n = len(y)
    if n < max(min_valid, 3):
        return {"rho": NAN, "p_value": NAN, "n_valid": n, "trend": 0}
    ranks, times = ([Fraction(rank) - Fraction(n + 1, 2) for rank in scipy.stats.rankdata(x).tolist()] for x in (y, t))
    both = sum(rank * time for rank, time in zip(ranks, times, strict=True))
    squares = sum(rank**2 for rank in ranks) * sum(time**2 for time in times)
    sign, rest = (both > 0) - (both < 0), squares - both**2
    if squares == 0:
        p = 1.0
    elif p_value == "auto" and n <= 9:
        sums = null_sums(tuple(sorted(int(2 * rank) for rank in ranks)))
        far = sum(count for total, count in sums.items() if is_far(total, int(4 * both), alternative))
        p = far / math.factorial(n)
    else:
        p = student_p(sign * (math.sqrt((n - 2) * both**2 / rest) if rest else math.inf), n - 2, alternative)
    rho = sign * math.sqrt(both**2 / squares) if squares else 0.0
    return {"rho": rho, "p_value": p, "n_valid": n, "trend": flag(sign, p, alpha, alternative)}


def is_far(total, observed, alternative):
    if alternative == "two-sided":
        return abs(total) >= abs(observed)
    return total >= observed if alternative == "increasing" else total <= observed


@cache
def null_sums(doubled):
    """How many orders of ranks have which sum of products with time: the last value is each of them in turn."""

    @cache
    def of(left):
        if not left:
            return {0: 1}
        time, sums = 2 * len(left) - 1 - len(doubled), {}
        for value, equal in itertools.groupby(left):
            number, place = len(list(equal)), left.index(value)
            for total, count in of(left[:place] + left[place + 1 :]).items():
                sums[total + value * time] = sums.get(total + value * time, 0) + count * number
        return sums

    return of(doubled)
