"""The survival function of chi-square for whole degrees of freedom."""

import math

from gridtrend.engine.unit import unit


@unit(allocates=False)
def chi_square_sf(x, freedom):
    """P of a chi-square variable above `x` >= 0; NaN without degrees of freedom.

    For whole degrees the incomplete gamma function is a finite sum of positive terms (Abramowitz & Stegun 1964, 26.4.4
    and 26.4.5), which is taken from its largest term outwards, so that none of them overflows.
    """
    if freedom < 1:
        return math.nan
    half, odd = 0.5 * x, freedom % 2
    tail = math.erfc(math.sqrt(half)) if odd else 0.0
    terms = freedom // 2
    if terms == 0 or half == 0.0:
        return tail if terms == 0 else 1.0
    # Term k is exp(-h) h^(k + shift) / gamma(k + shift + 1).
    shift = 0.5 * odd
    top = min(terms - 1, int(half))
    largest = math.exp((top + shift) * math.log(half) - half - math.lgamma(top + shift + 1.0))
    total, term = largest, largest
    for k in range(top, 0, -1):
        term *= (k + shift) / half
        total += term
        if term < 1e-17 * total:
            break
    term = largest
    for k in range(top + 1, terms):
        term *= half / (k + shift)
        total += term
        if term < 1e-17 * total:
            break
    return min(tail + total, 1.0)
