"""Slow, obvious versions of least-squares trends and of the tests for a change: one series, exact sums."""

import math
from fractions import Fraction
from functools import cache

import numpy as np
import scipy.special
import scipy.stats

from tests.reference_serial import steps

NAN = math.nan
EPS = 2.0**-52


def whole_numbers(values):
    """The floats as whole numbers, and the power of two that is their unit."""
    ratios = [float(value).as_integer_ratio() for value in values]
    unit = max((denominator for _, denominator in ratios), default=1)
    return [numerator * (unit // denominator) for numerator, denominator in ratios], unit


def exact_line(y, t):
    """Slope, mean of y, mean of t, sum of squares of t about its mean, and residuals: fractions without any rounding."""
    n = len(y)
    (ys, y_unit), (ts, t_unit) = whole_numbers(y), whole_numbers(t)
    y_sum, t_sum = sum(ys), sum(ts)
    products = n * sum(a * b for a, b in zip(ys, ts, strict=True)) - y_sum * t_sum
    squares = n * sum(b * b for b in ts) - t_sum * t_sum
    residuals = [squares * (n * a - y_sum) - products * (n * b - t_sum) for a, b in zip(ys, ts, strict=True)]
    return (
        Fraction(products * t_unit, squares * y_unit),
        Fraction(y_sum, n * y_unit),
        Fraction(t_sum, n * t_unit),
        Fraction(squares, n * t_unit**2),
        residuals,
        n * squares * y_unit,
    )


def root(fraction):
    """Square root of a fraction that may be too small to square as a float."""
    scale = 2**2200
    return math.isqrt(fraction.numerator * scale**2 // fraction.denominator) / scale if fraction else 0.0


def linear_trend(y, t=None, *, alpha=0.05, alternative="two-sided", effective="ar1", min_valid=4):
    y = np.asarray(y).astype(float)
    t = np.arange(y.size, dtype=float) if t is None else np.asarray(t, float)
    keep = np.flatnonzero(np.isfinite(y))
    n = keep.size
    names = ["slope", "intercept", "stderr", "p_value", "slope_lower", "slope_upper", "r1", "n_effective"]
    answer = dict.fromkeys(names, NAN) | {"n_valid": n, "trend": 0}
    if n < max(min_valid, 2):
        return answer
    slope, y_mean, t_mean, t_squares, residuals, unit = exact_line(y[keep], t[keep])
    total = sum(e * e for e in residuals)
    if Fraction(total, unit**2) <= n * Fraction(16 * EPS * np.abs(y[keep]).max()) ** 2:
        total = 0
    r1 = Fraction(0)
    if total:
        at = steps(t)[keep].tolist()
        known = dict(zip(at, residuals, strict=True))
        pairs = [e * known[step + 1] for step, e in known.items() if step + 1 in known]
        if pairs:
            # Parzen 1963: a mean over the pairs, shrunk as that of a complete series is.
            r1 = Fraction(sum(pairs) * n, len(pairs) * total) * (1 - Fraction(1, at[-1] - at[0] + 1))
            r1 = max(Fraction(-1), min(Fraction(1), r1))
    share = max(1 - r1, 0) / (1 + r1) if r1 > 0 and effective else 1
    df = float(n * share - 2)
    answer |= {"slope": float(slope), "intercept": float(y_mean - slope * t_mean)}
    answer |= {"r1": float(r1), "n_effective": float(n * share)}
    t_value = 0.0
    if df > 0:
        stderr = root(Fraction(total, unit**2) / Fraction(df) / t_squares)
        width = student_quantile(alpha / 2, df) * stderr
        answer |= {"stderr": stderr, "slope_lower": float(slope) - width, "slope_upper": float(slope) + width}
        if slope:
            t_value = float(slope) / stderr if stderr else math.copysign(math.inf, slope)
    p = student_p(t_value, df, alternative)
    direction = int(np.sign(t_value))
    wanted = {"increasing": {1}, "decreasing": {-1}}.get(alternative, {-1, 1})
    return answer | {"p_value": p, "trend": direction if p < alpha and direction in wanted else 0}


@np.errstate(all="ignore")
def student_quantile(tail, df):
    """The value that Student's t exceeds with probability `tail`: scipy's, whose digits differ between versions, refined."""
    x = float(scipy.stats.t.isf(tail, df))
    for _ in range(3):
        # Newton's method on the logarithm, which is nearly straight far out.
        density = scipy.stats.t.pdf(x, df)
        if not (math.isfinite(x) and density > 0.0):
            break
        above = scipy.stats.t.sf(x, df)
        x += math.log(above / tail) * above / density
    return float(x)


def magnified(answer):
    """How much Student's law makes of the rounding of t far out, and of that of its degrees of freedom where few are left.

    Logarithms of p and of the width of the limits are as exact as anything.
    """
    n = answer["n_effective"]
    if not n > 2:
        return 1.0
    width = (answer["slope_upper"] - answer["slope_lower"]) / answer["stderr"] if answer["stderr"] else 0.0
    return 1.0 - math.log(max(answer["p_value"], 1e-300)) + n / (n - 2) * math.log1p(width)


def student_tail(t, df):
    """P(|T| > |t|) by the incomplete beta function, of whichever argument is not next to 1."""
    x, y = df / (df + t**2), t**2 / (df + t**2)
    return np.where(x < y, scipy.special.betainc(df / 2, 0.5, x), scipy.special.betaincc(0.5, df / 2, y))


def student_p(t_value, df, alternative="two-sided"):
    """P(|T| > |t|), or of one tail."""
    both = 1.0 if t_value == 0 else 0.0 if math.isinf(t_value) else float(student_tail(t_value, df))
    if alternative == "two-sided":
        return both
    sign = 1 if alternative == "increasing" else -1
    return both / 2 if sign * t_value > 0 else 1 - both / 2


# --- changes --------------------------------------------------------------------------------------


def pettitt_sums(y):
    """U_k = sum of sign(y_i - y_j) over all i <= k < j."""
    y = np.asarray(y)
    return np.array([np.sign(y[:k, None] - y[None, k:]).sum() for k in range(1, len(y))])


def deviation_sums(y):
    """Sums of the first k deviations from the mean, and the sum of the squares of all: exact until the last step."""
    ys, _ = whole_numbers(y)
    n, total = len(ys), sum(ys)
    deviations = [n * value - total for value in ys]
    largest = max(map(abs, deviations)) or 1
    sums = [Fraction(sum(deviations[:k]), largest) for k in range(1, n)]
    return np.array([float(s) for s in sums]), float(Fraction(sum(d * d for d in deviations), largest**2))


def first_largest(sizes):
    """Place of the largest; the first one of those that are equal but for rounding."""
    return int(np.flatnonzero(sizes >= np.max(sizes) * (1 - 1e-10))[0])


def change(y, test):
    """Statistic, place of the last value before the change, and the sums that it comes from."""
    n = len(y)
    if test == "pettitt":
        sums = pettitt_sums(y)
        return float(np.abs(sums).max()), first_largest(np.abs(sums)), sums
    sums, squares = deviation_sums(y)
    if squares == 0:
        return 0.0, 0, sums
    variance, k = squares / (n - 1), np.arange(1, n)
    if test == "snht":
        t = k * (sums / k) ** 2 + (n - k) * (sums / (n - k)) ** 2
        return float(t.max() / variance), first_largest(t), sums
    place = first_largest(np.abs(sums))
    if test == "range":
        return (max(sums.max(), 0) - min(sums.min(), 0)) / math.sqrt(variance * n), place, sums
    return float((sums**2).sum()) / variance / (n * (n + 1)), place, sums


def statistics_of_rows(series, test):
    """The statistics of many complete series at once, without exactness."""
    n = series.shape[1]
    k = np.arange(1, n)
    if test == "pettitt":
        ranks = scipy.stats.rankdata(series, axis=1)
        return np.abs(2 * ranks.cumsum(axis=1)[:, :-1] - k * (n + 1)).max(axis=1)
    z = (series - series.mean(axis=1, keepdims=True)) / series.std(axis=1, ddof=1, keepdims=True)
    sums = z.cumsum(axis=1)[:, :-1]
    if test == "snht":
        return (sums**2 * n / (k * (n - k))).max(axis=1)
    if test == "range":
        return (np.maximum(sums.max(axis=1), 0) - np.minimum(sums.min(axis=1), 0)) / math.sqrt(n)
    return (sums**2).sum(axis=1) / (n * (n + 1))


@cache
@cache
def orders_below(limit, left, n):
    """How many orders of the ranks that are left keep |U| below the limit, the others standing before them."""
    before = set(range(1, n + 1)) - left
    if before and abs(2 * sum(before) - len(before) * (n + 1)) >= limit:
        return 0
    return sum(orders_below(limit, left - {rank}, n) for rank in left) if left else 1


def null(test, n, simulations, seed):
    series = np.random.default_rng([seed, n]).standard_normal((simulations, n))
    return statistics_of_rows(series, test)


def change_point(y, t, test, alpha, simulations, seed, min_valid):
    y = np.asarray(y).astype(float)
    t = np.arange(y.size, dtype=float) if t is None else np.asarray(t, float)
    keep = np.isfinite(y)
    y, t, n = y[keep], t[keep], int(keep.sum())
    names = ["statistic", "p_value", "change_time", "mean_before", "mean_after"]
    answer = dict.fromkeys(names, NAN) | {"n_valid": n, "change": 0}
    if n < max(min_valid, 2):
        return answer
    statistic, place, sums = change(y, test)
    if simulations is None:
        p = min(1.0, 2 * math.exp(-6 * statistic**2 / (n**3 + n**2)))
        p = 1 - orders_below(statistic, frozenset(range(1, n + 1)), n) / math.factorial(n) if n <= 12 else p
    else:
        p = (1 + int((null(test, n, simulations, seed) >= statistic * (1 - 1e-10)).sum())) / (simulations + 1)
    answer |= {"statistic": statistic, "p_value": p}
    if statistic > 0:
        answer |= {
            "change_time": t[place],
            "mean_before": math.fsum(y[: place + 1]) / (place + 1),
            "mean_after": math.fsum(y[place + 1 :]) / (n - place - 1),
            "change": -int(np.sign(sums[place])) if p < alpha else 0,
        }
    return answer


def pettitt(y, t=None, *, alpha=0.05, p_value="formula", simulations=20_000, seed=0, min_valid=4):
    drawn = simulations if p_value == "simulated" else None
    return change_point(y, t, "pettitt", alpha, drawn, seed, min_valid)


def snht(y, t=None, *, alpha=0.05, simulations=20_000, seed=0, min_valid=4):
    return change_point(y, t, "snht", alpha, simulations, seed, min_valid)


def buishand(y, t=None, *, statistic="range", alpha=0.05, simulations=20_000, seed=0, min_valid=4):
    return change_point(y, t, statistic, alpha, simulations, seed, min_valid)
