"""z and p-values under the normal approximation."""

import math

from gridtrend.engine.jit import inlined

# Codes of `alternative`, as compiled code sees it.
TWO_SIDED, INCREASING, DECREASING = 0, 1, -1


@inlined
def z_score(s, variance, continuity):
    """Standardised score; with `continuity`, S moves one step towards zero (Kendall 1975). 0 where S or var is 0."""
    if s == 0.0 or not variance > 0.0:
        return 0.0 * variance
    return (s - math.copysign(continuity, s)) / math.sqrt(variance)


@inlined
def p_value(z, alternative):
    """P of `z`; by the survival function, so that it does not vanish in the tail (1 - cdf does beyond 8.3)."""
    if alternative == TWO_SIDED:
        return math.erfc(abs(z) / math.sqrt(2.0))
    return 0.5 * math.erfc(alternative * z / math.sqrt(2.0))


@inlined
def flag(s, p, alpha, alternative):
    """-1, 0 or 1: direction of a trend that is significant at `alpha`; a one-sided test has one direction."""
    direction = (s > 0.0) - (s < 0.0)
    if p < alpha and alternative in (TWO_SIDED, direction):
        return direction
    return 0


@inlined
def retest(s, variance, alpha, continuity, alternative):
    """z, p and flag of a score under a given variance of S."""
    z = z_score(s, variance, continuity)
    p = p_value(z, alternative)
    return z, p, flag(s, p, alpha, alternative)
