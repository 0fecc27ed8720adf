"""Order statistics of a few numbers: selection, medians, interpolated ranks."""

import math

import numpy as np

from gridtrend.engine.unit import unit


@unit(allocates=False)
def kth_smallest(a, m, k):
    """The value at position `k` of `a[:m]` when sorted; reorders `a` (Hoare's selection, O(m) expected)."""
    low, high = 0, m - 1
    while low < high:
        x, y, z = a[low], a[(low + high) >> 1], a[high]
        pivot = max(min(x, y), min(max(x, y), z))
        i, j = low, high
        while i <= j:
            while a[i] < pivot:
                i += 1
            while a[j] > pivot:
                j -= 1
            if i <= j:
                a[i], a[j] = a[j], a[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return a[k]


@unit(allocates=False)
def neighbours(a, m, rank):
    """The values on both sides of fractional 1-based `rank` of `a[:m]` when sorted; reorders `a`.

    Both are the same value where `rank` is whole.
    """
    below = math.floor(rank)
    k = int(below) - 1
    if m <= 32:
        # Few values: an insertion sort takes less time than a selection.
        for i in range(1, m):
            value = a[i]
            j = i - 1
            while j >= 0 and a[j] > value:
                a[j + 1] = a[j]
                j -= 1
            a[j + 1] = value
        return a[k], a[k if rank == below else k + 1]
    low = kth_smallest(a, m, k)
    if rank == below:
        return low, low
    # kth_smallest leaves everything behind position k no smaller than it: the next rank is their minimum.
    high = a[k + 1]
    for i in range(k + 2, m):
        high = min(high, a[i])
    return low, high


@unit(allocates=False)
def blend(low, high, rank):
    """Linear interpolation at fractional `rank` between the values of the ranks around it."""
    weight = rank - math.floor(rank)
    if weight == 0.0:
        return low
    return (1.0 - weight) * low + weight * high


@unit(allocates=False)
def values_at_ranks(a, m, ranks, values):
    """The values at fractional 1-based `ranks` of `a[:m]` when sorted, NaN where a rank is not in 1..m; reorders `a`."""
    for target in range(ranks.size):
        exists = 1.0 <= ranks[target] <= m
        low, high = neighbours(a, m, ranks[target] if exists else 1.0)
        values[target] = blend(low, high, ranks[target]) if exists else np.nan


@unit(allocates=False)
def median(a, m):
    """Median of `a[:m]`, m > 0; reorders `a`."""
    rank = 0.5 * (m + 1)
    low, high = neighbours(a, m, rank)
    return blend(low, high, rank)
