"""Slow, obvious versions of the Mann-Kendall methods for serial correlation, one series at a time."""

import math
from statistics import NormalDist

import numpy as np
from scipy.linalg import toeplitz
from scipy.optimize import minimize_scalar

from tests import reference

NAN = math.nan
BAND = NormalDist().inv_cdf(0.975)
TESTED = ("tau", "s", "var_s", "z", "p_value", "trend")


def steps(t):
    """Whole numbers of median steps from the first time."""
    t = np.asarray(t, dtype=float)
    if t.size < 2:
        return np.zeros(t.size, dtype=int)
    gaps = np.diff(t)
    ordinary = [gap for gap in gaps if round(gap / np.median(gaps)) == 1] or [np.median(gaps)]
    gaps = np.clip(np.rint(gaps / np.mean(ordinary)), 1, t.size)
    return np.concatenate([[0], np.cumsum(gaps)]).astype(int)


def positions(y, t):
    """Steps of the valid values."""
    y = np.asarray(y, dtype=float)
    t = np.arange(y.size) if t is None else t
    return steps(t)[np.isfinite(y)]


def in_own_unit(deviation):
    """Deviations divided by the largest, so that no square of them vanishes or overflows; and that largest one."""
    largest = np.abs(deviation).max(initial=0.0)
    return (deviation / largest, largest) if largest > 0 else (deviation, 1.0)


def standard_deviation(x):
    scaled, unit = in_own_unit(x - x.mean())
    return scaled.std() * unit


def correlation(x, at, lag):
    """Autocorrelation over the pairs that are `lag` steps apart, and their number: a pure number, whatever the unit of x."""
    scaled, _ = in_own_unit(x - x.mean())
    deviation = dict(zip(at.tolist(), scaled, strict=True))
    products = [value * deviation[step + lag] for step, value in deviation.items() if step + lag in deviation]
    variance = np.mean(scaled**2)
    if not products or variance == 0:
        return 0.0, len(products)
    r = np.mean(products) * (1 - lag / (at[-1] - at[0] + 1)) / variance
    return min(max(r, -1.0), 1.0), len(products)


def grouped(x, tolerance):
    """Values as the smallest of their group, where neighbours no further apart than `tolerance` belong together."""
    ordered = np.sort(x)
    starts = np.concatenate([[True], np.diff(ordered) > tolerance])
    return ordered[starts][np.searchsorted(ordered[starts], x, side="right") - 1]


def mid_ranks(x, tolerance):
    x = grouped(x, tolerance)
    return np.array([(x < value).sum() + 0.5 * ((x == value).sum() + 1) for value in x])


def rounding(y, line):
    return 16 * np.finfo(float).eps * max(np.abs(y).max(), np.abs(line).max())


def deviations(y, t):
    """Valid values less the first of them, and their times since the first step."""
    t = np.arange(len(y)) if t is None else np.asarray(t)
    y, valid_times = reference.valid(y, t)
    return y - y[0], valid_times - t[0]


def detrended(y, t, slope):
    y, t = deviations(y, t)
    return y - slope * t, rounding(y, slope * t)


def is_significant(r, m):
    return abs(r) > BAND / math.sqrt(m)


def retested(plain, factor, continuity, alternative, alpha, p=None):
    """Judge the plain test again with its variance multiplied by `factor`."""
    var_s = plain["var_s"] * factor
    z = reference.score(plain["s"], var_s, continuity)
    p = reference.normal_p(z, alternative) if p is None else p
    directions = {"increasing": {1}, "decreasing": {-1}}.get(alternative, {-1, 1})
    direction = int(np.sign(plain["s"]))
    trend = direction if p < alpha and direction in directions else 0
    return {"var_s": var_s, "z": z, "p_value": p, "trend": trend, "variance_factor": factor}


def untouched(plain):
    """The factor of a series without spread: 1, or NaN where there is no test."""
    return 1 + 0 * plain["var_s"]


def plain_test(y, t, options):
    keep = {
        name: value
        for name, value in options.items()
        if name not in ("lag", "resamples", "seed", "method", "bias_correction")
    }
    return reference.mann_kendall(y, t, **keep)


def judgement(options):
    return options.get("continuity", True), options.get("alternative", "two-sided"), options.get("alpha", 0.05)


def weight(method, lag, pairs, span, m):
    share = 2 * pairs / m
    if method == "hamed_rao" and lag > span - 3:
        # No three values are left beyond these lags: their number is 0, also where no three are in the whole series.
        return 0.0
    return share if method == "yue_wang" else share * (span - lag - 1) * (span - lag - 2) / ((span - 1) * (span - 2))


def variance_factor(method, x, at, lag):
    m, span = len(x), at[-1] - at[0] + 1
    if lag == "all":
        lags = range(1, span)
    elif lag is None:
        lags = range(1, span if method == "hamed_rao" else 2)
    else:
        lags = range(1, lag + 1)
    factor = 1.0
    for k in lags:
        if k >= span:
            break
        r, pairs = correlation(x, at, k)
        if method == "hamed_rao" and not is_significant(r, m):
            if lag is None:
                break
            continue
        factor += weight(method, k, pairs, span, m) * r
    # No less than an AR(1) process leaves whose r1 is one standard error nearer to 0.
    r1 = max(min(correlation(x, at, 1)[0] + 1 / math.sqrt(m), 0.0), -0.99)
    terms = [weight(method, k, correlation(x, at, k)[1], span, m) * r1**k for k in range(1, span)]
    # Between holes its sum can exceed that of independent values, which is no less certain than needed.
    least = min(1 + sum(terms), 1.0)
    return max(factor, least), int(factor < least)


def limits(y, t, var_s, options, kept=1.0):
    """Limits of the slope by Gilbert's ranks, of a variance of S that something else decides."""
    if math.isnan(var_s) or not kept > 0:
        return {"slope_lower": NAN, "slope_upper": NAN}
    slopes = reference.sen_slopes(*reference.valid(y, t))
    chosen = {name: options[name] for name in ("alpha", "ci") if name in options}
    lower, upper = reference.sen_limits(slopes, var_s, **chosen)
    return {"slope_lower": lower / kept, "slope_upper": upper / kept}


def corrected_variance(method):
    def test(y, t=None, **options):
        plain = plain_test(y, t, options)
        if not plain["var_s"] > 0:
            return plain | {"variance_factor": untouched(plain), "variance_fallback": 0}
        x, tolerance = detrended(y, t, plain["slope"])
        x = mid_ranks(x, tolerance) if method == "hamed_rao" else x
        factor, fallback = variance_factor(method, x, positions(y, t), options.get("lag"))
        judged = retested(plain, factor, *judgement(options))
        return plain | judged | limits(y, t, judged["var_s"], options) | {"variance_fallback": fallback}

    return test


def unbiased(r, m):
    """Solve r = r1 - (2 + 4 r1) / m for r1 (Hamed 2009)."""
    return min(max((m * r + 2) / max(m - 4, 1), -1.0), 1.0)


def correlation_about(y, t, slope, correct):
    """Lag-1 autocorrelation about a line; what is left of a straight line is rounding, and where no pair is, nothing."""
    x, tolerance = detrended(y, t, slope)
    r, pairs = correlation(x, positions(y, t), 1)
    if np.abs(x).max() <= tolerance:
        return 0.0
    return unbiased(r, len(x)) if correct and pairs else r


def ar1(y, t=None, *, bias_correction=True, **options):
    """Var S of an AR(1) process: 1 + 2 sum(pairs at a lag / n * r1**lag), as Yue and Wang's sum over all lags."""
    plain = plain_test(y, t, options)
    if not plain["var_s"] > 0:
        return plain | {"variance_factor": untouched(plain), "variance_fallback": 0, "r1": 0 * plain["var_s"]}
    m, at = plain["n_valid"], positions(y, t)
    r1 = correlation_about(y, t, plain["slope"], bias_correction)
    used = r1 if r1 >= 0 else max(min(r1 + 1 / math.sqrt(m), 0.0), -0.99)
    lags = [later - earlier for i, earlier in enumerate(at) for later in at[i + 1 :]]
    factor = 1 + 2 / m * sum(used ** int(lag) for lag in lags)
    factor = min(factor, 1.0) if r1 < 0 else factor
    judged = retested(plain, factor, *judgement(options))
    return plain | judged | limits(y, t, judged["var_s"], options) | {"variance_fallback": int(r1 < 0), "r1": r1}


def bisected(excess):
    """Where a function falls below 0 between -0.99 and 0.99."""
    low, high = -0.99, 0.99
    while high - low >= 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return middle


def wang_swail(y, t=None, *, bias_correction=True, **options):
    """Zhang's iteration, in the order of R's zyp; by bisection where 30 steps have not settled it."""
    plain = plain_test(y, t, options)
    if math.isnan(plain["slope"]):
        return plain | {"r1": NAN}
    y, least = np.asarray(y, dtype=float), max(options.get("min_valid", 4) - 1, 1)
    deviation, _ = deviations(y, t)
    valid, at = np.flatnonzero(np.isfinite(y)), positions(y, t)
    follows = np.flatnonzero(np.diff(at) == 1) + 1

    def without(r):
        series = np.full(y.size, NAN)
        white = deviation[follows] - r * deviation[follows - 1]
        series[valid[follows]] = (grouped(white, rounding(deviation, 0.0)) if white.size else white) / (1 - r)
        return series

    def r1_about(slope):
        return min(correlation_about(y, t, slope, bias_correction), 0.95 if bias_correction else 0.99)

    def slope_of(series):
        return reference.median(reference.sen_slopes(*reference.valid(series, t)))

    series, r = y, r1_about(0.0)
    if r < 0.05:
        r = 0.0
    else:
        series = without(r)
        slope = slope_of(series) * (1 - r)
        for _ in range(30 if math.isfinite(slope) else 0):
            r_before, slope_before, r_next = r, slope, r1_about(slope)
            if r_next < 0.05 and abs(r_next - r) <= 1e-4:
                break
            r = r_next
            series = without(r)
            slope = slope_of(series)
            still = abs(slope - slope_before)
            if abs(r - r_before) <= 1e-4 and (still <= 1e-3 * abs(slope) or (still == 0 and r == r_before)):
                break
        else:
            if math.isfinite(slope):
                r = bisected(lambda r: r1_about(slope_of(without(r))) - r)
                series = without(r)
    judged = test_of_whitened(series, t, options)
    names = ("ci", "alpha")
    line = reference.theil_sen(series, t, min_valid=least, **{k: options[k] for k in names if k in options})
    line["intercept"] = reference.sen_intercept(
        *reference.valid(y, t), line["slope"], options.get("intercept", "conover")
    )
    return plain | judged | {name: line[name] for name in reference.LINES} | {"r1": r}


def whitened(y, t, slope, *, trend_free=True, restored=False, always=False):
    """The whitened series, NaN where there is none, and the autocorrelation removed."""
    y = np.asarray(y, dtype=float)
    valid, at = np.flatnonzero(np.isfinite(y)), positions(y, t)
    deviation, times = deviations(y, t)
    line = (slope if trend_free else 0.0) * times
    x, tolerance = deviation - line, rounding(deviation, line)
    r, _ = correlation(x, at, 1)
    if r == 0 or not (always or is_significant(r, len(x))):
        return y, 0.0
    follows = np.flatnonzero(np.diff(at) == 1) + 1
    white = x[follows] - r * x[follows - 1]
    if restored:
        ratio = standard_deviation(x) / standard_deviation(white) if standard_deviation(white) > 0 else 1.0
        white = x.mean() + (white - white.mean()) * ratio
        line = line * (math.sqrt((1 - r) / (1 + r)) if r > 0 else 1.0)
    result = np.full(y.size, NAN)
    result[valid[follows]] = grouped(white + line[follows], tolerance)
    return result, r


def test_of_whitened(series, t, options):
    least = max(options.get("min_valid", 4) - 1, 1)
    result = plain_test(series, t, options | {"min_valid": least})
    return {name: result[name] for name in TESTED}


def prewhitening(method):
    def test(y, t=None, **options):
        plain = plain_test(y, t, options)
        if math.isnan(plain["slope"]):
            return plain | {"r1": NAN}
        if method == "3pw":
            first, second = (
                (test_of_whitened(series, t, options), r)
                for series, r in (whitened(y, t, plain["slope"], trend_free=free) for free in (False, True))
            )
            judged, r = first if first[0]["p_value"] > second[0]["p_value"] else second
        else:
            free = method != "prewhitening"
            series, r = whitened(y, t, plain["slope"], trend_free=free, restored=method == "vctfpw", always=not free)
            judged = test_of_whitened(series, t, options)
            judged |= limits(series, t, judged["var_s"], options, 1.0 if free else 1.0 - r)
        if method in ("vctfpw", "3pw"):
            series, _ = whitened(y, t, plain["slope"], restored=True)
            names = ("intercept", "ci", "alpha", "min_valid")
            line = reference.theil_sen(series, t, **{"min_valid": 4} | {k: options[k] for k in names if k in options})
            # Whitened series are counted from the first value.
            changed = not np.array_equal(series, y, equal_nan=True)
            line["intercept"] += reference.valid(y)[0][0] if changed else 0.0
            judged |= {name: line[name] for name in reference.LINES}
        return plain | judged | {"r1": r}

    return test


MASK = 2**64 - 1


def mixed(bits):
    """Splitmix64 (Steele, Lea & Flood 2014) in Python's whole numbers."""
    bits = (bits + 0x9E3779B97F4A7C15) & MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & MASK
    return bits ^ (bits >> 31)


def replicate(series, length, seed, number):
    key = mixed(mixed(seed) ^ number)
    blocks = []
    for block in range(math.ceil(len(series) / length)):
        start = mixed(key ^ block) % (len(series) - length + 1)
        blocks.append(series[start : start + length])
    return np.concatenate(blocks)[: len(series)]


def leading_lags(x, at):
    lag = 0
    while lag + 1 < at[-1] - at[0] + 1 and is_significant(correlation(x, at, lag + 1)[0], len(x)):
        lag += 1
    return lag


def block_bootstrap(y, t=None, *, lag=None, resamples=2000, seed=0, **options):
    plain = plain_test(y, t, options)
    if not plain["var_s"] > 0:
        return plain | {"variance_factor": untouched(plain), "block_length": 0}
    x, tolerance = detrended(y, t, plain["slope"])
    x, at = mid_ranks(x, tolerance), positions(y, t)
    series = np.full(at[-1] - at[0] + 1, NAN)
    series[at - at[0]] = x
    length = 1 + leading_lags(x, at) if lag is None else min(1 + lag, series.size)
    replicates = [reference.valid(replicate(series, length, seed, number))[0] for number in range(resamples)]
    z = np.array([reference.score(reference.mann_kendall_s(r), reference.variance(r), False) for r in replicates])
    own = reference.score(plain["s"], plain["var_s"], False)
    continuity, alternative, alpha = judgement(options)
    spread = math.sqrt(max(np.mean(z**2), 1.0))
    direction = {"two-sided": 0, "increasing": 1, "decreasing": -1}[alternative]
    drawn, own = (direction * z, direction * own) if direction else (np.abs(z), abs(own))
    extreme = int((drawn >= (own - 1e-12 if direction else own * (1 - 1e-12))).sum())
    p = tail_p(drawn, own, extreme, spread)
    width = significant_size(np.abs(z), alpha, spread) / NormalDist().inv_cdf(1 - alpha / 2)
    if plain["n_valid"] <= 10:
        # Few distinct replicates exist of a short series: no less than over all orders of its values.
        p = max(p, plain_test(y, t, options | {"p_value": "exact"})["p_value"])
    judged = retested(plain, np.mean(z**2), continuity, alternative, alpha, p)
    variance = plain["var_s"] * (max(width, 1.0) if plain["n_valid"] <= 10 else width) ** 2
    return plain | judged | limits(y, t, variance, options) | {"block_length": length}


def tail_p(drawn, own, extreme, spread):
    """Share of replicates that are as extreme; behind the 20 largest a normal tail of this spread."""
    if extreme >= 20 or drawn.size < 20:
        return (1 + extreme) / (1 + drawn.size)
    start = np.sort(drawn)[-20]
    return 21 / (1 + drawn.size) * math.erfc(own / spread / math.sqrt(2)) / math.erfc(start / spread / math.sqrt(2))


def significant_size(drawn, alpha, spread):
    """The size at which `tail_p` is alpha."""
    extreme = math.ceil(alpha * (1 + drawn.size) - 1)
    if extreme > 20 or drawn.size < 20:
        return np.sort(drawn)[-min(max(extreme, 1), drawn.size)]
    start = np.sort(drawn)[-20]
    share = min(alpha * (1 + drawn.size) / 21, 1.0)
    return max(start, -spread * NormalDist().inv_cdf(0.5 * share * math.erfc(start / spread / math.sqrt(2))))


def noise_correlation(lags, hurst):
    lags = np.abs(np.asarray(lags, dtype=float))
    return 0.5 * ((lags + 1) ** (2 * hurst) - 2 * lags ** (2 * hurst) + np.abs(lags - 1) ** (2 * hurst))


def variance_of_noise(n, hurst):
    """Var S of fractional Gaussian noise, over all pairs of pairs (Hamed 2008, eq. 19)."""
    c = toeplitz(noise_correlation(np.arange(n), hurst))
    i, j = np.triu_indices(n, 1)
    covariance = c[np.ix_(j, j)] - c[np.ix_(i, j)] - c[np.ix_(j, i)] + c[np.ix_(i, i)]
    scale = np.sqrt(2 - 2 * c[i, j])
    return 2 / math.pi * np.arcsin(np.clip(covariance / np.outer(scale, scale), -1, 1)).sum()


def hurst_exponent(x, at):
    """Most likely exponent of normal scores of ranks."""
    z = np.array([NormalDist().inv_cdf(rank / (len(x) + 1)) for rank in x])
    if not z.any():
        return 0.5
    lags = np.abs(np.subtract.outer(at, at))

    def misfit(hurst):
        c = noise_correlation(lags, hurst)
        return len(z) * math.log(z @ np.linalg.solve(c, z) / len(z)) + np.linalg.slogdet(c)[1]

    return minimize_scalar(misfit, bounds=(0.01, 0.99), method="bounded", options={"xatol": 1e-8}).x


def bias_of_exponent(n, hurst):
    """Hamed 2008, eq. 24."""
    rows = [
        (1.0024, -2.5681, 18.6693),
        (-2.2510, 157.2075, 9.2245),
        (15.3402, -188.6140, 5.8917),
        (-31.4258, 549.8599, -1.1040),
        (20.7988, -419.0402, -1.9248),
    ]
    return sum((a * n + b) / (n + c) * hurst**power for power, (a, b, c) in enumerate(rows))


def scaling(y, t=None, **options):
    plain = plain_test(y, t, options)
    if not plain["var_s"] > 0:
        return plain | {"variance_factor": untouched(plain), "hurst": 0.5 * untouched(plain)}
    m, factor = plain["n_valid"], 1.0
    x, tolerance = detrended(y, t, plain["slope"])
    hurst = hurst_exponent(mid_ranks(x, tolerance), positions(y, t))
    if hurst - (0.5 - 2.87 * m**-0.9067) > BAND * (0.77654 / math.sqrt(m) - 0.0062):
        independent = m * (m - 1) * (2 * m + 5) / 18
        factor = max(variance_of_noise(m, hurst) / independent * bias_of_exponent(m, hurst), 1.0)
    judged = retested(plain, factor, *judgement(options))
    return plain | judged | limits(y, t, judged["var_s"], options) | {"hurst": hurst}
