"""p-values of change-point tests: from simulated series without a change, and from a tail fitted to these."""

import functools
import itertools
import math
import threading
from typing import Any

import numpy as np

from gridtrend.trend.kernels import change_points as kernels

_DRAWING = threading.Lock()
# Up to EACH values, series are drawn for each number of values; for longer ones, for IN_OCTAVE lengths in each octave, between
# which p-values are interpolated.
EACH, IN_OCTAVE = 50, 4
# With at least LEAST_DRAWN simulations, p-values of statistics beyond the largest 1/BEGINS of them come from an exponential
# tail, whose rate is estimated from the largest 1/RATED.
LEAST_DRAWN, BEGINS, RATED = 1000, 200, 20
# Pettitt's formula is never significant for up to 10 values, and hardly for 12: up to here all orders are counted.
COUNTED = 12


def formula_p(statistic: Any, n_valid: Any) -> Any:
    """Pettitt's p-value: by his formula, and over all orders of short series.

    Examples
    --------
    >>> [round(float(p), 4) for p in formula_p(np.array([16.0, 232.0]), np.array([8, 40]))]
    [0.0286, 0.0146]
    """
    n = n_valid.astype(float)
    p = np.array(np.minimum(2.0 * np.exp(-6.0 * statistic**2 / np.maximum(n**3 + n**2, 1.0)), 1.0))
    for m in np.unique(n_valid[np.isfinite(statistic) & (n_valid <= COUNTED)]).tolist():
        here = (n_valid == m) & np.isfinite(statistic)
        p[here] = _shares_of_orders(m)[statistic[here].astype(int)]
    return p


@functools.cache
def _shares_of_orders(n: int) -> Any:
    """For each K from 0 on, the share of the n! orders of different values whose statistic is no smaller.

    U after some values depends on the set of their ranks alone, so that orders are paths through sets.
    """
    highest = n * n // 4
    bound = np.arange(highest + 1)
    sets = np.arange(2**n)
    size, ranks = np.zeros(sets.size, int), np.zeros(sets.size, int)
    for rank in range(n):
        size += sets >> rank & 1
        ranks += (sets >> rank & 1) * (rank + 1)
    orders = np.zeros((sets.size, highest + 1))
    orders[0] = 1.0
    for count in range(1, n + 1):
        here = sets[size == count]
        for rank in range(n):
            with_rank = here[here >> rank & 1 == 1]
            orders[with_rank] += orders[with_rank ^ (1 << rank)]
        orders[here] *= np.abs(2 * ranks[here] - count * (n + 1))[:, None] <= bound
    below = np.concatenate([[0.0], orders[-1][:-1]])
    return 1.0 - below / math.factorial(n)


def simulated_p(test: int, statistic: Any, n_valid: Any, simulations: int, seed: int) -> Any:
    """(1 + the drawn statistics that are no smaller) / (simulations + 1), and a fitted tail beyond nearly all of them."""
    p = np.full(statistic.shape, np.nan)
    for n in np.unique(n_valid[np.isfinite(statistic)]).tolist():
        here = (n_valid == n) & np.isfinite(statistic)
        p[here] = _p_of_length(test, statistic[here], n, simulations, seed)
    return p


def _p_of_length(test: int, statistic: Any, n: int, simulations: int, seed: int) -> Any:
    size = _size(test, statistic * kernels.EQUAL, n)
    if n <= EACH:
        counted = 1 + simulations - np.searchsorted(null(test, n, simulations, seed), statistic * kernels.EQUAL)
        return _with_tail(counted / (simulations + 1), size, test, n, n, simulations, seed)
    shorter, longer = _drawn_lengths(n)
    weight = math.log(n / shorter) / math.log(longer / shorter)
    logarithm = 0.0
    for length, share in ((shorter, 1.0 - weight), (longer, weight)):
        drawn, _, _ = _fitted(test, length, simulations, seed)
        p = (1 + simulations - np.searchsorted(drawn, size)) / (simulations + 1)
        logarithm = logarithm + share * np.log(_with_tail(p, size, test, length, n, simulations, seed))
    return np.exp(logarithm)


def _drawn_lengths(n: int) -> tuple[int, int]:
    """The lengths on both sides of `n` that series are drawn of."""
    lengths = (round(EACH * 2 ** (k / IN_OCTAVE)) for k in itertools.count())
    return next((a, b) for a, b in itertools.pairwise(lengths) if b >= n)


def _with_tail(p: Any, size: Any, test: int, length: int, n: int, simulations: int, seed: int) -> Any:
    """p-values that were counted, and those of a tail where few series of `length` values were as extreme."""
    if simulations < LEAST_DRAWN:
        return p
    _, start, rate = _fitted(test, length, simulations, seed)
    first = (1.0 + simulations // BEGINS) / (simulations + 1)
    tail = first * np.exp(-rate * np.maximum(size - start, 0.0))
    # No order of so few values is rarer, whatever their law.
    least = min(1.0 / (simulations + 1), math.exp(-_log_orders(n)))
    return np.where(size > start, np.maximum(tail, least), p)


def _log_orders(n: int) -> float:
    """Logarithm of the number of ways to put half of the values first."""
    return math.lgamma(n + 1) - math.lgamma(n // 2 + 1) - math.lgamma(n - n // 2 + 1)


@functools.lru_cache(maxsize=256)
def _fitted(test: int, n: int, simulations: int, seed: int) -> tuple[Any, float, float]:
    """Sorted sizes of the drawn statistics, where their tail begins, and its rate: the exponential law of sizes."""
    size = np.sort(_size(test, null(test, n, simulations, seed), n))
    if simulations < LEAST_DRAWN:
        return size, math.inf, 1.0
    begins, rated = size[-(simulations // BEGINS)], size[-(simulations // RATED)]
    excess = size[size > rated] - rated
    # Of few values K has no larger ones.
    return (size, float(begins), float(1.0 / excess.mean())) if excess.size else (size, math.inf, 1.0)


def _size(test: int, statistic: Any, n: int) -> Any:
    """A measure of each statistic that has nearly an exponential tail, in series of any length.

    A statistic is large where one pattern (a step; for U, a wave) has almost all of the variance. The logarithm of the
    probability that a single given pattern has so much of it, which has a beta law, is that measure. For Pettitt's K it is
    the exponent of his formula.
    """
    from scipy.special import betainc

    if test == kernels.PETTITT:
        return 6.0 * statistic**2 / (n**3 + n**2)
    most = {
        kernels.SNHT: n - 1.0,
        kernels.RANGE: 0.5 * math.sqrt(n - 1.0),
        kernels.U: (n - 1.0) / (n * (n + 1.0) * 4.0 * math.sin(0.5 * math.pi / n) ** 2),
    }[test]
    share = statistic / most
    share = np.clip(share * share if test == kernels.RANGE else share, 0.0, 1.0)
    return -np.log(np.maximum(betainc(max(0.5 * n - 1.0, 0.5), 0.5, 1.0 - share), 1e-300))


def null(test: int, n: int, simulations: int, seed: int) -> Any:
    """Sorted statistics of series of `n` values without a change, drawn once in a process."""
    with _DRAWING:
        return _draw(test, n, simulations, seed)


@functools.lru_cache(maxsize=256)
def _draw(test: int, n: int, simulations: int, seed: int) -> Any:
    rng = np.random.default_rng([seed, n])
    # A few megabytes at a time; the numbers do not depend on it.
    batch = max(1, 2**20 // n)
    drawn = []
    for first in range(0, simulations, batch):
        series = rng.standard_normal((min(batch, simulations - first), n))
        statistic, *_ = kernels.change_point(series, t=np.arange(float(n)), test=test, min_valid=2)
        drawn.append(statistic)
    return np.sort(np.concatenate(drawn))
