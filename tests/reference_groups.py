"""Slow, obvious versions of the tests of several groups: one formula a line, loops over pairs of groups included."""

import math
from fractions import Fraction

import numpy as np
import scipy.stats

from tests import reference
from tests.reference import NAN, TESTS, normal_p, order_statistic, pairs, score

CHI_SQUARES = ("chi2_trend", "chi2_homogeneity", "p_homogeneity")
ONE_WAY = {"increasing": {1}, "greater": {1}, "decreasing": {-1}, "less": {-1}}


def mean_ranks(column):
    """Ranks among the valid values, ties at their mean, and the mean rank where one is missing."""
    here = np.isfinite(column)
    ranks = np.full(column.size, Fraction(int(here.sum()) + 1, 2), dtype=object)
    for i in np.flatnonzero(here):
        below, equal = (column[here] < column[i]).sum(), (column[here] == column[i]).sum()
        ranks[i] = Fraction(int(2 * below + equal + 1), 2)
    return ranks


def covariance(g, h):
    """Covariance of the scores of two columns (Dietz & Killeen 1981; Hirsch & Slack 1984), some values missing."""
    both = np.isfinite(g) & np.isfinite(h)
    k = reference.kendall_s(g[both], h[both])
    n, n_g, n_h = len(g), int(np.isfinite(g).sum()), int(np.isfinite(h).sum())
    product = sum(a * b for a, b in zip(mean_ranks(g), mean_ranks(h), strict=True))
    return Fraction(k + 4 * product - n * (n_g + 1) * (n_h + 1)) / 3


def exact_p(s, columns, alternative):
    """P from the product of the distributions of the columns."""
    counts = [1]
    for column in columns:
        total = []
        for k, ways in enumerate(reference.inversion_counts(tuple(reference.ties(column)))):
            total = reference.shifted_sum(total, [ways * count for count in counts], k)
        counts = total

    def tail(score):
        return Fraction(sum(counts[: max(0, (len(counts) - 1 - score) // 2 + 1)]), sum(counts))

    if alternative == "two-sided":
        return float(min(1, 2 * tail(abs(s))))
    return float(tail(s if alternative == "increasing" else -s))


def heterogeneity(scores, variances):
    """Chi-square of what groups have in common, of their differences, and its p (van Belle & Hughes 1984)."""
    z = [s / math.sqrt(var) for s, var in zip(scores, variances, strict=True) if var > 0]
    if not z:
        return NAN, NAN, NAN
    total, trend = sum(one * one for one in z), sum(z) ** 2 / len(z)
    differences = max(total - trend, 0.0)
    return trend, differences, float(scipy.stats.chi2.sf(differences, len(z) - 1)) if len(z) > 1 else NAN


def grouped(
    table,
    cycles,
    when,
    *,
    correlated=False,
    alpha=0.05,
    alternative="two-sided",
    p_value="normal",
    continuity=True,
    tau="b",
    slope=True,
    intercept="conover",
    ci="gilbert",
    min_valid=4,
):
    """Every output for a table of (cycle, group), the times of its rows, and those of its values."""
    table = np.where(np.isfinite(table), table, NAN)
    columns = [column[np.isfinite(column)] for column in table.T]
    n = sum(map(len, columns))
    names = (*TESTS, *CHI_SQUARES, *(reference.LINES if slope else ()))
    if n < max(min_valid, 1):
        return dict.fromkeys(names, NAN) | {"n_valid": n, "trend": 0}
    scores, variances = [reference.mann_kendall_s(c) for c in columns], [reference.variance(c) for c in columns]
    s, var_s = sum(scores), sum(variances)
    if correlated:
        var_s = sum(covariance(g, h) for g in table.T for h in table.T)
    z = score(s, var_s, continuity)
    p = normal_p(z, alternative)
    few = sum(pairs(len(c)) for c in columns) <= 1770
    if p_value == "exact" or (p_value == "auto" and few and not correlated):
        p = exact_p(s, columns, alternative)
    whole = sum(math.sqrt(pairs(len(c)) * (pairs(len(c)) - (tau == "b") * reference.tied_pairs(c))) for c in columns)
    direction = int(np.sign(s)) if np.sign(s) in ONE_WAY.get(alternative, {-1, 1}) else 0
    answer = {
        "tau": s / whole if s else 0.0,
        "s": s,
        "var_s": float(var_s),
        "z": z,
        "p_value": p,
        "n_valid": n,
        "trend": direction if p < alpha else 0,
    }
    answer |= dict(zip(CHI_SQUARES, heterogeneity(scores, variances), strict=True))
    return answer | (line(table, cycles, when, var_s, alpha, intercept, ci) if slope else {})


def line(table, cycles, when, var_s, alpha, intercept, ci):
    here = np.isfinite(table)
    parts = [reference.sen_slopes(c[k], cycles[k]) for c, k in zip(table.T, here.T, strict=True) if k.sum() > 1]
    slopes = np.sort(np.concatenate([np.empty(0), *parts]))
    slope = order_statistic(slopes, (len(slopes) + 1) / 2)
    lower, upper = reference.sen_limits(slopes, var_s, alpha, ci)
    fitted = reference.sen_intercept(table[here], when[here], slope, intercept) if len(slopes) else NAN
    return {"slope": slope, "intercept": fitted, "slope_lower": lower, "slope_upper": upper}


def seasonal_mann_kendall(y, t=None, *, period=12, **options):
    """The test with every `period`-th step in a season, on a regular axis that may miss some steps.

    Times are multiples of an eighth, or whole numbers of years but for leap days; without any, slopes are per cycle.
    """
    y = np.asarray(y).astype(float)
    if t is None:
        result = seasonal_mann_kendall(y, np.arange(float(y.size)), period=period, **options)
        lines = ("slope", "slope_lower", "slope_upper")
        return result | {name: result[name] * period for name in lines if name in result}
    t = np.asarray(t, dtype=float)
    eighths = 8 * np.diff(np.sort(t))
    exact = eighths.size > 0 and (eighths == np.rint(eighths)).all()
    step = np.gcd.reduce(eighths.astype(int)) / 8 if exact else 1.0
    position = np.rint((t - min(t, default=0)) / step).astype(int)
    cycles = max(position // period, default=-1) + 1
    table, when = np.full((cycles, period), NAN), np.full((cycles, period), NAN)
    table[position // period, position % period] = y
    when[position // period, position % period] = min(t, default=0) + position * step
    return grouped(table, np.arange(float(cycles)) * period * step, when, **options)


def regional_mann_kendall(y, t=None, **options):
    """The test of a table of (time, site)."""
    y = np.asarray(y).astype(float)
    t = np.arange(len(y), dtype=float) if t is None else np.asarray(t, dtype=float)
    return grouped(y, t, np.repeat(t[:, None], y.shape[1], axis=1), **options)


def partial_mann_kendall(
    x,
    covariate,
    t=None,
    *,
    alpha=0.05,
    alternative="two-sided",
    tau="b",
    slope=True,
    intercept="conover",
    ci="gilbert",
    min_valid=4,
):
    x, y = np.asarray(x).astype(float), np.asarray(covariate).astype(float)
    t = np.arange(x.size, dtype=float) if t is None else np.asarray(t, dtype=float)
    keep = np.isfinite(x) & np.isfinite(y)
    x, y, t, n = x[keep], y[keep], t[keep], int(keep.sum())
    names = (*TESTS, "rho", *(reference.LINES if slope else ()))
    if n < max(min_valid, 1):
        return dict.fromkeys(names, NAN) | {"n_valid": n, "trend": 0}
    xx, yy, xy = covariance(x, x), covariance(y, y), covariance(x, y)
    share = xy / yy if yy else 0
    s = reference.mann_kendall_s(x) - share * reference.mann_kendall_s(y)
    var_s = xx - share * xy
    z = score(s, var_s, continuity=False)
    p = normal_p(z, alternative)
    direction = int(np.sign(s)) if np.sign(s) in ONE_WAY.get(alternative, {-1, 1}) else 0
    answer = {
        "tau": reference.mann_kendall_tau(x, tau),
        "s": float(s),
        "var_s": float(var_s),
        "z": z,
        "p_value": p,
        "rho": float(xy) / math.sqrt(xx * yy) if xx and yy else 0.0,
        "n_valid": n,
        "trend": direction if p < alpha else 0,
    }
    if not slope:
        return answer
    line = reference.theil_sen(x, t, intercept=intercept, ci=ci, alpha=alpha, min_valid=2)
    return answer | {name: line[name] for name in reference.LINES}
