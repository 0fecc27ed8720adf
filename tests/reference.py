"""Slow, obvious versions of the rank tests and slopes: one series, one formula a line.

The kernels are held to these, and these to published numbers (`oracles.json`) and to scipy.
Counts are Python integers and variances fractions, so that nothing here rounds before it must.
"""

import math
from fractions import Fraction
from functools import cache
from statistics import NormalDist

import numpy as np

NAN = math.nan
TESTS = ("tau", "s", "var_s", "z", "p_value")
LINES = ("slope", "intercept", "slope_lower", "slope_upper")


def valid(y, t=None):
    """The finite values and their true times (0, 1, 2 ... unless given), both float64."""
    y = np.asarray(y).astype(float)
    t = np.arange(y.size, dtype=float) if t is None else np.asarray(t).astype(float)
    keep = np.isfinite(y)
    return y[keep], t[keep]


def signs(y):
    """Sign of `y[j] - y[i]` for every pair i < j."""
    earlier, later = np.triu_indices(len(y), 1)
    return (y[later] > y[earlier]).astype(int) - (y[later] < y[earlier]).astype(int)


def mann_kendall_s(y):
    return int(signs(y).sum())


def ties(y):
    """Size of each group of equal values, groups of one included."""
    return np.unique(y, return_counts=True)[1].tolist()


def pairs(n):
    return n * (n - 1) // 2


def tied_pairs(y):
    return sum(pairs(t) for t in ties(y))


def variance(y):
    """Variance of S given the ties of `y` (Kendall 1975; Gilbert 1987, eq. 16.4)."""
    n = len(y)
    correction = sum(t * (t - 1) * (2 * t + 5) for t in ties(y))
    return Fraction(n * (n - 1) * (2 * n + 5) - correction, 18)


def score(s, var_s, continuity=True):
    """z of S, moved one step towards zero by the continuity correction; 0 without spread."""
    if s == 0 or var_s == 0:
        return 0.0
    step = int(math.copysign(1, s)) if continuity else 0
    return (s - step) / math.sqrt(var_s)


def normal_p(z, alternative="two-sided"):
    """Survival function of the normal law, so that no tail is lost to cancellation."""
    if alternative == "two-sided":
        return math.erfc(abs(z) / math.sqrt(2))
    return math.erfc((z if alternative == "increasing" else -z) / math.sqrt(2)) / 2


def flag(s, p, alpha, alternative="two-sided"):
    """1, 0 or -1: the direction of a significant trend; a one-sided test knows one direction."""
    directions = {"increasing": {1}, "greater": {1}, "decreasing": {-1}, "less": {-1}}.get(alternative, {-1, 1})
    direction = int(np.sign(s))
    return direction if p < alpha and direction in directions else 0


def mann_kendall_tau(y, variant="b"):
    """Kendall's tau of `y` with time, which has no ties; 0 for a constant series."""
    s, all_pairs = mann_kendall_s(y), pairs(len(y))
    if s == 0:
        return 0.0
    if variant == "a":
        return s / all_pairs
    return s / math.sqrt(all_pairs * (all_pairs - tied_pairs(y)))


def sen_slopes(y, t):
    """Slopes of all pairs with different times, sorted."""
    earlier, later = np.triu_indices(len(y), 1)
    dy, dt = y[later] - y[earlier], t[later] - t[earlier]
    return np.sort(dy[dt != 0] / dt[dt != 0])


def median(values):
    return float(np.median(values)) if len(values) else NAN


def sen_intercept(y, t, slope, rule="conover"):
    if rule == "conover":
        return median(y) - slope * median(t)
    return median(y - slope * t)


def order_statistic(ordered, rank):
    """Value at a rank counted from 1, linear between ranks, NaN outside 1..N."""
    if not 1 <= rank <= len(ordered):
        return NAN
    return float(np.interp(rank, np.arange(1, len(ordered) + 1), ordered))


def sen_limits(slopes, var_s, alpha=0.05, ci="gilbert"):
    """Limits of Sen's slope: ranks (N - C)/2 and (N + C)/2 + 1 of the N slopes.

    `gilbert` interpolates between ranks (Gilbert 1987 p. 218; EnvStats), `rounded` goes to the
    nearest one (R trend::sens.slope, scipy.stats.theilslopes). A rank outside 1..N has no slope:
    no finite limit exists at this confidence.
    """
    n = len(slopes)
    c = -NormalDist().inv_cdf(alpha / 2) * math.sqrt(var_s)
    ranks = (n - c) / 2, (n + c) / 2 + 1
    if ci == "rounded":
        ranks = tuple(round(rank) for rank in ranks)
    return tuple(order_statistic(slopes, rank) for rank in ranks)


def theil_sen(y, t=None, *, intercept="conover", ci="gilbert", alpha=0.05, min_valid=2):
    y, t = valid(y, t)
    if len(y) < max(min_valid, 2):
        return dict.fromkeys(LINES, NAN) | {"n_valid": len(y)}
    slopes = sen_slopes(y, t)
    slope = median(slopes)
    lower, upper = sen_limits(slopes, variance(y), alpha, ci)
    return {
        "slope": slope,
        "intercept": sen_intercept(y, t, slope, intercept),
        "slope_lower": lower,
        "slope_upper": upper,
        "n_valid": len(y),
    }


def siegel_slope(y, t=None, *, intercept="joint", min_valid=2):
    y, t = valid(y, t)
    if len(y) < max(min_valid, 2):
        return {"slope": NAN, "intercept": NAN, "n_valid": len(y)}
    points = range(len(y))
    medians = [median([(y[j] - y[i]) / (t[j] - t[i]) for j in points if j != i]) for i in points]
    slope = median(medians)
    return {"slope": slope, "intercept": sen_intercept(y, t, slope, intercept), "n_valid": len(y)}


def mann_kendall(
    y,
    t=None,
    *,
    alpha=0.05,
    alternative="two-sided",
    p_value="normal",
    continuity=True,
    tau="b",
    intercept="conover",
    ci="gilbert",
    min_valid=4,
):
    """Every output of `gridtrend.mann_kendall(method="original")` for one series."""
    line = theil_sen(y, t, intercept=intercept, ci=ci, alpha=alpha, min_valid=min_valid)
    y, _ = valid(y)
    if len(y) < min_valid:
        return dict.fromkeys(TESTS, NAN) | line | {"trend": 0}
    s, var_s = mann_kendall_s(y), variance(y)
    z = score(s, var_s, continuity)
    exact = p_value == "exact" or (p_value == "auto" and len(y) <= 60)
    p = exact_p(s, sorted(ties(y)), alternative) if exact else normal_p(z, alternative)
    test = {
        "tau": mann_kendall_tau(y, tau),
        "s": s,
        "var_s": float(var_s),
        "z": z,
        "p_value": p,
    }
    return test | line | {"trend": flag(s, p, alpha, alternative)}


def shifted_sum(a, b, shift):
    """Coefficients of a(q) + q**shift b(q)."""
    total = [0] * max(len(a), len(b) + shift)
    for k, value in enumerate(a):
        total[k] += value
    for k, value in enumerate(b):
        total[k + shift] += value
    return total


@cache
def mann_whitney_counts(m, n):
    """Number of orderings of m and n values in which k of the m*n pairs are inverted."""
    if m == 0 or n == 0:
        return [1]
    return shifted_sum(mann_whitney_counts(m, n - 1), mann_whitney_counts(m - 1, n), n)


@cache
def inversion_counts(groups):
    """Number of orderings of tied groups with k inversions: the q-multinomial coefficient."""
    counts, placed = [1], 0
    for group in groups:
        total = []
        for k, ways in enumerate(mann_whitney_counts(placed, group)):
            total = shifted_sum(total, [ways * count for count in counts], k)
        counts, placed = total, placed + group
    return counts


def exact_tail(s, groups):
    """P(S >= s) over all orderings of a series with these tied groups."""
    counts = inversion_counts(tuple(groups))
    untied = len(counts) - 1
    return Fraction(sum(counts[: max(0, (untied - s) // 2 + 1)]), sum(counts))


def exact_p(s, groups, alternative="two-sided"):
    if alternative == "two-sided":
        return float(min(1, 2 * exact_tail(abs(s), groups)))
    return float(exact_tail(s if alternative == "increasing" else -s, groups))


def kendall_s(x, y):
    """Concordant minus discordant pairs of two series."""
    return int((signs(x) * signs(y)).sum())


def kendall_variance(x, y):
    """Variance of S given the ties of both series (Kendall 1970, chapter 4)."""
    n = len(x)

    def total(series, term):
        return sum(term(t) for t in ties(series))

    def both(term):
        return total(x, term) * total(y, term)

    def spread(k):
        return k * (k - 1) * (2 * k + 5)

    var = Fraction(spread(n) - total(x, spread) - total(y, spread), 18)
    var += Fraction(both(lambda k: k * (k - 1)), 2 * n * (n - 1))
    if n > 2:
        var += Fraction(both(lambda k: k * (k - 1) * (k - 2)), 9 * n * (n - 1) * (n - 2))
    return var


def kendall_variant(x, y, variant="b"):
    n, s = len(x), kendall_s(x, y)
    if variant == "a":
        return s / pairs(n)
    if variant == "b":
        return s / math.sqrt((pairs(n) - tied_pairs(x)) * (pairs(n) - tied_pairs(y)))
    classes = min(len(ties(x)), len(ties(y)))
    return 2 * s * classes / (n * n * (classes - 1))


def kendall_tau(x, y, *, variant="b", p_value="auto", alternative="two-sided", min_valid=2):
    """Kendall's tau of two series and its p, with scipy's rule for `auto`.

    A constant series has no order to compare, and there is no exact p with ties: both are NaN.
    """
    x, y = np.asarray(x).astype(float), np.asarray(y).astype(float)
    keep = np.isfinite(x) & np.isfinite(y)
    x, y, n = x[keep], y[keep], int(keep.sum())
    if n < min_valid or min(len(ties(x)), len(ties(y))) < 2:
        return {"tau": NAN, "p_value": NAN, "n_valid": n}
    s, distinct = kendall_s(x, y), tied_pairs(x) + tied_pairs(y) == 0
    if p_value == "auto":
        small = n <= 33 or pairs(n) - abs(s) <= 2
        p_value = "exact" if distinct and small else "asymptotic"
    if p_value == "asymptotic":
        p = normal_p(s / math.sqrt(kendall_variance(x, y)), alternative)
    else:
        p = exact_p(s, [1] * n, alternative) if distinct else NAN
    return {"tau": kendall_variant(x, y, variant), "p_value": p, "n_valid": n}
