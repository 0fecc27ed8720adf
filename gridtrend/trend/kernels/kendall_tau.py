"""Kendall's rank correlation between two series in each cell, ties in both allowed.

Kendall 1945, doi:10.2307/2332303; long series after Knight 1966, doi:10.1080/01621459.1966.10480879.
"""

import math
from collections import namedtuple

import numpy as np

from gridtrend.engine.jit import inlined, jit
from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import LANES, count_both_less, load, store, zero_count
from gridtrend.engine.output import Output
from gridtrend.engine.room import tile_like, vector_float64, vector_int32, vector_int64
from gridtrend.engine.tiles import fill_tile, keep_common
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.normal import TWO_SIDED, p_value
from gridtrend.trend.kernels.pair_counts import SHORT, count_inversions, new_sorting, sort_order, stable_order

# Codes of `variant` and `p_value`, as compiled code sees them.
TAU_A, TAU_B, TAU_C = 0, 1, 2
ASYMPTOTIC, EXACT, AUTO = 0, 1, 2
# The exact null distribution is used by AUTO up to this many values, as in scipy.stats.kendalltau.
EXACT_UP_TO = 33

# Sums over groups of t equal values: t(t-1)/2, t(t-1)(t-2), t(t-1)(2t+5); and the number of groups.
Ties = namedtuple("Ties", "pairs triples cubes groups")


# Positions in `counts`: pairs in the same order, pairs in opposite order, ties of x, ties of y.
CONCORDANT, DISCORDANT, X_TIES, Y_TIES = 0, 1, 2, 6


@jit
def _write_ties(values, order, counts):
    """Ties of the values in ascending order."""
    pairs = triples = cubes = groups = 0
    t = 1
    for i in range(1, order.size + 1):
        if i < order.size and values[order[i]] == values[order[i - 1]]:
            t += 1
            continue
        pairs += t * (t - 1) // 2
        triples += t * (t - 1) * (t - 2)
        cubes += t * (t - 1) * (2 * t + 5)
        groups += 1
        t = 1
    counts[0], counts[1], counts[2], counts[3] = pairs, triples, cubes, groups


@inlined
def _ties(counts, start):
    return Ties(counts[start], counts[start + 1], counts[start + 2], counts[start + 3])


@unit
def _valid_values(tile, k):
    """The values of lane `k`, without the missing ones."""
    values = np.empty(tile.shape[0])
    m = 0
    for i in range(tile.shape[0]):
        if not math.isnan(tile[i, k]):
            values[m] = tile[i, k]
            m += 1
    return values[:m]


@unit
def _count_ties(x, y, k, counts):
    """The ties of both series of lane `k`."""
    xs, ys = _valid_values(x, k), _valid_values(y, k)
    _write_ties(xs, stable_order(xs), counts[X_TIES:])
    _write_ties(ys, stable_order(ys), counts[Y_TIES:])


@unit(allocates=False)
def _count_lanes(x, y, concordant, discordant):
    """For each lane, the pairs in the same order in `x` and in `y`, and those in opposite order."""
    n = x.shape[0]
    same = zero_count(load(x, 0))
    opposite = zero_count(load(x, 0))
    for i in range(n - 1):
        xi, yi = load(x, i), load(y, i)
        for j in range(i + 1, n):
            xj, yj = load(x, j), load(y, j)
            same = count_both_less(count_both_less(same, xi, xj, yi, yj), xj, xi, yj, yi)
            opposite = count_both_less(count_both_less(opposite, xi, xj, yj, yi), xj, xi, yi, yj)
    store(concordant, 0, same)
    store(discordant, 0, opposite)


@unit(deferred=True)
def _count_alone(x, y, k, counts):
    """All counts of lane `k`, in O(n log n): y is arranged in the order of x, and its inversions are counted."""
    xs, ys = _valid_values(x, k), _valid_values(y, k)
    m = xs.size
    order, smaller, sorting = vector_int32(m), vector_int32(m), new_sorting(m)
    for i in range(m):
        order[i] = i
    sort_order(ys, order, sorting)
    _write_ties(ys, order, counts[Y_TIES:])
    # Stable: among equal values of x, those of y ascend.
    sort_order(xs, order, sorting)
    _write_ties(xs, order, counts[X_TIES:])
    both = 0
    t = 1
    for i in range(1, m + 1):
        if i < m and xs[order[i]] == xs[order[i - 1]] and ys[order[i]] == ys[order[i - 1]]:
            t += 1
        else:
            both += t * (t - 1) // 2
            t = 1
    in_order = vector_float64(m)
    for i in range(m):
        in_order[i] = ys[order[i]]
    for i in range(m):
        order[i] = i
    sort_order(in_order, order, sorting)
    discordant = count_inversions(order, smaller)
    counts[DISCORDANT] = discordant
    counts[CONCORDANT] = m * (m - 1) // 2 - counts[X_TIES] - counts[Y_TIES] + both - discordant


@jit
def _variance(n, x, y):
    """Variance of concordant minus discordant pairs under independence, given the ties of both."""
    m = n * (n - 1.0)
    variance = (m * (2.0 * n + 5.0) - x.cubes - y.cubes) / 18.0 + 2.0 * x.pairs * y.pairs / m
    if n > 2:
        variance += x.triples * np.float64(y.triples) / (9.0 * m * (n - 2.0))
    return variance


@jit
def _tau(score, n, x, y, variant):
    pairs = 0.5 * n * (n - 1.0)
    if variant == TAU_A:
        return score / pairs
    if variant == TAU_B:
        tau = score / math.sqrt(pairs - x.pairs) / math.sqrt(pairs - y.pairs)
        return min(max(tau, -1.0), 1.0)
    classes = min(x.groups, y.groups)
    return 2.0 * score / (n * n * (classes - 1.0) / classes)


@unit
def inversion_cdf(n, largest):
    """Probability of at most k inversions in a random order of n values, k = 0 .. largest (Kendall 1975, ch. 5).

    Built up by one value at a time, as a moving sum of the distribution for one value fewer. O(n largest).
    """
    now, before = np.zeros(largest + 1), np.zeros(largest + 1)
    now[0] = 1.0
    for j in range(2, n + 1):
        now, before = before, now
        window = 0.0
        for k in range(largest + 1):
            window += before[k]
            if k >= j:
                window -= before[k - j]
            now[k] = window / j
    for k in range(1, largest + 1):
        now[k] += now[k - 1]
    return now


@unit(allocates=False)
def _exact_p(discordant, n, cdf, alternative):
    """P of a number of discordant pairs without ties, from the exact null distribution."""
    pairs = n * (n - 1) // 2
    if alternative == TWO_SIDED:
        return min(1.0, 2.0 * cdf[min(discordant, pairs - discordant)])
    tail = discordant if alternative > 0 else pairs - discordant
    if 2 * tail <= pairs:
        return cdf[tail]
    # The distribution is symmetric: above the middle, sum from the other end.
    return 1.0 - cdf[pairs - tail - 1] if tail < pairs else 1.0


@jit
def _normal_p(score, n, x, y, alternative):
    return p_value(score / math.sqrt(_variance(n, x, y)), alternative)


@kernel(
    "(time,cell),(time,cell)",
    "TT",
    Output("tau", "Kendall rank correlation of {data}", attrs=outputs.TAU.attrs),
    Output("p_value", "p-value of the Kendall rank correlation of {data}", attrs=outputs.P_VALUE.attrs),
    outputs.N_VALID,
)
def kendall_tau(x, y, variant: int, method: int, alternative: int, min_valid: int, out):
    """Rank correlation of `x` and `y` and its p-value; a step counts where both are valid."""
    tau, p_value, n_valid = out
    n = x.shape[0]
    x_tile, y_tile = tile_like(x), tile_like(y)
    concordant, discordant = np.zeros((1, LANES), np.int64), np.zeros((1, LANES), np.int64)
    valid, counts = vector_int64(LANES), vector_int64(10)
    # The exact distribution of the last cell is reused for the next one of as many values: for all cells without holes.
    cdf_of, cdf = 0, np.ones(1)
    for first in range(0, x.shape[1], LANES):
        fill_tile(x, first, x_tile, valid)
        used = fill_tile(y, first, y_tile, valid)
        keep_common(x_tile, y_tile, valid)
        if 0 < n <= SHORT:
            _count_lanes(x_tile, y_tile, concordant, discordant)
        for k in range(used):
            cell, m = first + k, valid[k]
            n_valid[cell] = m
            tau[cell] = p_value[cell] = np.nan
            if n <= SHORT:
                counts[CONCORDANT], counts[DISCORDANT] = concordant[0, k], discordant[0, k]
                _count_ties(x_tile, y_tile, k, counts)
            else:
                _count_alone(x_tile, y_tile, k, counts)
            up, down = counts[CONCORDANT], counts[DISCORDANT]
            x_ties, y_ties = _ties(counts, X_TIES), _ties(counts, Y_TIES)
            if m < min_valid or x_ties.groups < 2 or y_ties.groups < 2:
                continue
            tau[cell] = _tau(np.float64(up - down), m, x_ties, y_ties, variant)
            tied, fewer = x_ties.pairs + y_ties.pairs > 0, min(up, down)
            if method == ASYMPTOTIC or (method == AUTO and (tied or (m > EXACT_UP_TO and fewer > 1))):
                p_value[cell] = _normal_p(up - down, m, x_ties, y_ties, alternative)
            elif not tied:
                if cdf_of != m or cdf.size <= fewer:
                    cdf_of, cdf = m, inversion_cdf(m, m * (m - 1) // 4 if m <= EXACT_UP_TO else fewer)
                p_value[cell] = _exact_p(down, m, cdf, alternative)
