"""The test of Cox and Stuart, by counting pairs and heads of a coin."""

import math
from fractions import Fraction

from tests.reference import NAN, flag, normal_p, score, valid


def cox_stuart(y, t=None, *, alpha=0.05, alternative="two-sided", pairs="thirds", p_value="exact", min_valid=4):
    y, _ = valid(y, t)
    n = len(y)
    if n < max(min_valid, 3):
        return dict.fromkeys(("s", "z", "p_value"), NAN) | {"n_pairs": 0, "n_valid": n, "trend": 0}
    apart = math.ceil(n / 3) if pairs == "thirds" else n // 2
    rises = sum(late > early for early, late in zip(y[:apart], y[n - apart :], strict=True))
    falls = sum(late < early for early, late in zip(y[:apart], y[n - apart :], strict=True))
    s, m = int(rises - falls), int(rises + falls)
    z = score(s, m)
    if p_value == "sachs" and m:
        z = (abs(max(rises, falls) - n / 6) - (0.5 if n <= 30 else 0)) / math.sqrt(n / 12) * (-1 if s < 0 else 1)
    if p_value != "exact":
        p = normal_p(z, alternative)
    elif alternative == "two-sided":
        p = min(1.0, 2 * heads(max(rises, falls), m))
    else:
        p = heads(rises if alternative == "increasing" else falls, m)
    return {"s": s, "n_pairs": m, "z": z, "p_value": p, "n_valid": n, "trend": flag(s, p, alpha, alternative)}


def heads(least, m):
    """Probability of at least so many heads in `m` tosses."""
    return float(sum(Fraction(math.comb(m, k), 2**m) for k in range(int(least), m + 1)))
