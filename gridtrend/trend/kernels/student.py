"""Student's t for any real number of degrees of freedom: tail probability and quantile."""

import math

from gridtrend.engine.jit import jit
from gridtrend.engine.unit import unit
from gridtrend.trend.kernels.normal import TWO_SIDED


@jit
def t_tail(t, df):
    """P(|T| > |t|), to a relative 1e-12 also far out in the tail (1e-11 beyond a thousand degrees of freedom)."""
    a, square = 0.5 * df, t * t / df
    if square == 0.0:
        return 1.0
    if math.isinf(square):
        return 0.0
    x, y = 1.0 / (1.0 + square), square / (1.0 + square)
    # What both sides have in common: x^a y^(1/2) / B(a, 1/2).
    peak = math.exp(-a * math.log1p(square) + 0.5 * math.log(y) - _log_beta(a))
    # The continued fraction of the incomplete beta function converges fast on one side of its mean.
    if square > 1.5 / (a + 1.0):
        return peak / _fraction(a, 0.5, x, y)
    return 1.0 - peak / _fraction(0.5, a, y, x)


@unit(allocates=False)
def t_p_value(t, df, alternative):
    """p-value of `t` for one of the codes of `alternative`."""
    both = t_tail(t, df)
    if alternative == TWO_SIDED:
        return both
    return 0.5 * both if alternative * t > 0.0 else 1.0 - 0.5 * both


@unit(allocates=False)
def t_quantile(df, alpha, normal):
    """The t that |T| exceeds with probability `alpha`; `normal` is the same of the normal law.

    Newton's method on the logarithms of both: the curve is concave, so that from the second step on it comes down to the
    root from one side, however few the degrees of freedom. Infinite where no number is large enough.
    """
    log_t = math.log(normal * (1.0 + (normal * normal + 1.0) / (4.0 * df)))
    for _ in range(100):
        t = math.exp(log_t)
        p = t_tail(t, df)
        if not p > 0.0:
            return math.inf
        # Density of |T| times t: how fast p falls with log t.
        log_density = -0.5 * (df + 1.0) * math.log1p(t * t / df) - 0.5 * math.log(df) - _log_beta(0.5 * df)
        step = math.log(p / alpha) * p / (2.0 * t * math.exp(log_density))
        log_t += step
        if abs(step) < 1e-14 or log_t > 700.0:
            break
    return math.exp(log_t) if log_t <= 700.0 else math.inf


@jit
def _log_beta(a):
    """Logarithm of the beta function of `a` and one half."""
    if a < 20.0:
        return math.lgamma(a) + math.lgamma(0.5) - math.lgamma(a + 0.5)
    # The difference of two logarithms of large gamma functions, by its series in 1 / a, without cancellation.
    r = 1.0 / a
    series = -1.0 / 8.0 + r * r * (
        1.0 / 192.0 + r * r * (-1.0 / 640.0 + r * r * (17.0 / 14336.0 - r * r * 31.0 / 18432.0))
    )
    return 0.5 * math.log(math.pi * r) - r * series


@jit
def _fraction(a, b, x, y):
    """Continued fraction of the incomplete beta function, y = 1 - x (Didonato & Morris 1992, doi:10.1145/131766.131776).

    Unlike the usual one it keeps all digits where x is next to 1.
    """
    result = a * (a * y - b * x + 1.0) / (a + 1.0)
    c, d = result, 0.0
    for m in range(1, 1000):
        over = a + 2.0 * m - 1.0
        numerator = (a + m - 1.0) * (a + b + m - 1.0) * m * (b - m) * (x / over) ** 2
        term = m + m * (b - m) * x / over + (a + m) * (a * y - b * x + 1.0 + m * (1.0 + y)) / (over + 2.0)
        d = 1.0 / (term + numerator * d)
        c = term + numerator / c
        result *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return result
