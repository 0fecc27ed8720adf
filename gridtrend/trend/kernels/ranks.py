"""Counting pairs and ties: the score S of a series and what its variance needs.

For short series all pairs are counted, 16 cells at a time (Mann 1945 as it stands). For long ones a merge sort counts
the same thing in O(n log n) (Knight 1966, doi:10.1080/01621459.1966.10480879), one cell at a time.
"""

import numpy as np

from gridtrend.grid.kernel import jit
from gridtrend.grid.lanes import (
    add,
    count_equal,
    count_less,
    load,
    multiply,
    store,
    subtract,
    zero_count,
)

# Up to this length the pairs of 16 cells are counted faster than 16 series are sorted (`python -m benchmarks long`).
SHORT = 500


@jit
def count_pairs(tile, up, down, ties, squares):
    """For each lane, the pairs i < j that rise and that fall, and what its ties amount to.

    A value with e equals after it is part of a tie: `ties` becomes the sum of e, `squares` that of e squared. Equals are
    the valid values that lie neither above nor below, so that no third compare is needed.
    """
    n = tile.shape[0]
    none = zero_count(load(tile, 0))
    total_up, total_down, total_ties, total_squares, valid = none, none, none, none, none
    for i in range(n):
        value = load(tile, i)
        valid = count_equal(valid, value, value)
    for i in range(n):
        earlier = load(tile, i)
        here = count_equal(none, earlier, earlier)
        valid = subtract(valid, here)
        rise, fall = none, none
        for j in range(i + 1, n):
            later = load(tile, j)
            rise = count_less(rise, earlier, later)
            fall = count_less(fall, later, earlier)
        # A missing value has no pairs: its row counts for nothing.
        equals = subtract(subtract(multiply(here, valid), rise), fall)
        total_up, total_down = add(total_up, rise), add(total_down, fall)
        total_ties, total_squares = add(total_ties, equals), add(total_squares, multiply(equals, equals))
    store(up, 0, total_up)
    store(down, 0, total_down)
    store(ties, 0, total_ties)
    store(squares, 0, total_squares)


@jit
def count_inversions(a, spare):
    """Number of pairs i < j with a[i] > a[j]; sorts `a`, using `spare` of the same size."""
    n = a.size
    run = 16
    inversions = 0
    for start in range(0, n, run):
        for i in range(start + 1, min(start + run, n)):
            value = a[i]
            j = i - 1
            while j >= start and a[j] > value:
                a[j + 1] = a[j]
                j -= 1
            inversions += i - 1 - j
            a[j + 1] = value
    source, target = a, spare
    while run < n:
        for start in range(0, n, 2 * run):
            inversions += _merge(source, target, start, min(start + run, n), min(start + 2 * run, n))
        source, target = target, source
        run *= 2
    # An odd number of passes leaves the sorted values in `spare`.
    for i in range(n):
        a[i] = source[i]
    return inversions


@jit
def _merge(source, target, start, middle, end):
    """Merge two sorted runs; the number of pairs that were out of order.

    Equal runs are merged from both ends at once: each step waits for the compare before it, and two chains of
    compares wait half as long. No branch depends on the data.
    """
    inversions = 0
    i, j, k = start, middle, start
    if middle - start == end - middle:
        p, q, o = middle - 1, end - 1, end - 1
        for _ in range(middle - start):
            x, y = source[i], source[j]
            later = np.int64(y < x)
            target[k] = y if later else x
            # An earlier value taken from the front exceeds the later ones taken before it,
            inversions += (1 - later) * (j - middle)
            j += later
            i += 1 - later
            k += 1
            x, y = source[p], source[q]
            earlier = np.int64(y < x)
            target[o] = x if earlier else y
            # one taken from the back all later ones that remain.
            inversions += earlier * (q - middle + 1)
            p -= earlier
            q -= 1 - earlier
            o -= 1
        return inversions
    while i < middle and j < end:
        x, y = source[i], source[j]
        later = np.int64(y < x)
        target[k] = y if later else x
        inversions += later * (middle - i)
        j += later
        i += 1 - later
        k += 1
    while i < middle:
        target[k] = source[i]
        i += 1
        k += 1
    while j < end:
        target[k] = source[j]
        j += 1
        k += 1
    return inversions


@jit
def sort_with_order(key, order, crossings):
    """Sort `key` and carry `order` along, stably; returns both, sorted.

    Adds to `crossings[order[i]]`, for every element, the number of elements that it was out of order with.
    """
    n = key.size
    other_key, other_order = np.empty_like(key), np.empty_like(order)
    run = 16
    for start in range(0, n, run):
        for i in range(start + 1, min(start + run, n)):
            value, step = key[i], order[i]
            j = i - 1
            while j >= start and key[j] > value:
                crossings[order[j]] += 1
                key[j + 1], order[j + 1] = key[j], order[j]
                j -= 1
            crossings[step] += i - 1 - j
            key[j + 1], order[j + 1] = value, step
    while run < n:
        for start in range(0, n, 2 * run):
            middle, end = min(start + run, n), min(start + 2 * run, n)
            i, j = start, middle
            for k in range(start, end):
                later = j < end and (i == middle or key[j] < key[i])
                taken = j if later else i
                other_key[k], other_order[k] = key[taken], order[taken]
                crossings[order[taken]] += (middle - i) if later else (j - middle)
                j += later
                i += not later
        key, other_key = other_key, key
        order, other_order = other_order, order
        run *= 2
    return key, order


@jit
def sorted_tie_sums(a):
    """The sums of `count_pairs` over the ties of a sorted series: of e and of its square."""
    pairs = 0
    squares = 0
    t = 1
    for i in range(1, a.size + 1):
        if i < a.size and a[i] == a[i - 1]:
            t += 1
        else:
            pairs += t * (t - 1) // 2
            squares += (t - 1) * t * (2 * t - 1) // 6
            t = 1
    return pairs, squares
