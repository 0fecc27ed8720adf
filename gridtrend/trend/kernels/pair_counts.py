"""Counting pairs and ties: the score S of a series, and the sums over its ties that the variance of S needs.

For short series all pairs are counted, 16 cells at a time, as Mann 1945 defines S. Long series are sorted one at a time, and
the number of pairs that the sort has to swap is S (Knight 1966, doi:10.1080/01621459.1966.10480879). Knight counts swaps in a
merge sort; here a radix sort and a tree of counters do it, in which no branch depends on the data.
"""

from collections import namedtuple

import numpy as np

from gridtrend.engine.jit import inlined
from gridtrend.engine.lanes import (
    LANES,
    add,
    count_bits,
    count_equal,
    count_less,
    load,
    multiply,
    store,
    subtract,
    zero_count,
)
from gridtrend.engine.room import vector_int32
from gridtrend.engine.unit import unit

# Up to this length the pairs of 16 cells are counted faster than 16 series are sorted (`python -m benchmarks long`).
SHORT = 320


@unit(allocates=False)
def count_pairs(tile, up, down, ties, squares):
    """For each lane, the number of pairs i < j that rise, the number that fall, and two sums over its ties.

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
        # `here` is 0 for a missing value, which has no pairs.
        equals = subtract(subtract(multiply(here, valid), rise), fall)
        total_up, total_down = add(total_up, rise), add(total_down, fall)
        total_ties, total_squares = add(total_ties, equals), add(total_squares, multiply(equals, equals))
    store(up, 0, total_up)
    store(down, 0, total_down)
    store(ties, 0, total_ties)
    store(squares, 0, total_squares)


# Memory for sorting, kept from one call to the next, because allocating long arrays takes time.
Sorting = namedtuple("Sorting", "words spare counts")
# The halves of a key's 64 bits, as shifts; each is sorted in 4 passes by 8 bits.
HIGH, LOW, HALF = np.uint64(32), np.uint64(0), np.uint64(2**32 - 1)
PASSES, DIGIT, LAST_DIGIT = 4, np.uint64(8), np.uint64(2**8 - 1)


@unit
def new_sorting(n):
    """Memory to sort up to `n` keys."""
    return Sorting(np.empty(n, np.uint64), np.empty(n, np.uint64), np.empty((PASSES, 256), np.uint32))


# Up to this many keys an insertion sort is faster than a radix sort.
FEW = 64


@unit
def stable_order(key):
    """The order in which `key` ascends; where keys are equal they stay as they are. No key is NaN."""
    order = vector_int32(key.size)
    for i in range(key.size):
        order[i] = i
    if key.size > FEW:
        _order_many(key, order)
        return order
    for i in range(1, key.size):
        value = key[i]
        j = i - 1
        while j >= 0 and key[order[j]] > value:
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = i
    return order


@unit(deferred=True)
def _order_many(key, order):
    sort_order(key, order, new_sorting(key.size))


@unit(allocates=False)
def sort_order(key, order, sorting):
    """Arrange `order` so that key[order] ascends; where keys are equal it stays as it is. No key is NaN. O(n)."""
    for turn in range(3):
        _sort_by_half(key, order, LOW if turn == 1 else HIGH, sorting)
        # Where clusters of keys differ in their last digits only, low halves are sorted too, ahead of the high ones.
        if turn == 0 and _insert(key, order):
            return


@unit(allocates=False)
def _sort_by_half(key, order, half, sorting):
    """Sort by one half of the bits of the keys, from the last digit to the first. No branch depends on the data."""
    words, spare, counts = sorting
    m = order.size
    counts[:] = 0
    for i in range(m):
        bits = (_ordered_bits(key[order[i]]) >> half) & HALF
        words[i] = bits << HIGH | np.uint64(order[i])
        for digit in range(PASSES):
            counts[digit, bits >> (DIGIT * np.uint64(digit)) & LAST_DIGIT] += np.uint32(1)
    for digit in range(PASSES):
        shift, place = HIGH + DIGIT * np.uint64(digit), counts[digit]
        first = np.uint32(0)
        for k in range(place.size):
            place[k], first = first, first + place[k]
        for i in range(m):
            word = words[i]
            k = word >> shift & LAST_DIGIT
            spare[np.uint64(place[k])] = word
            place[k] += np.uint32(1)
        words, spare = spare, words
    for i in range(m):
        order[i] = np.int32(words[i] & HALF)


@inlined
def _ordered_bits(x):
    """The bits of a float64, changed so that they compare as the numbers do."""
    # -0.0 + 0.0 is 0.0, which it equals.
    bits = np.float64(x + 0.0).view(np.int64)
    return np.uint64(bits ^ (bits >> 63 | np.int64(-(2**63))))


@unit(allocates=False)
def _insert(key, order):
    """Put nearly sorted keys in order; returns False, and leaves them unsorted, if that takes more than a few moves a key."""
    left = 4 * order.size
    for i in range(1, order.size):
        step = order[i]
        value = key[step]
        j = i - 1
        while j >= 0 and key[order[j]] > value:
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = step
        left -= i - 1 - j
        if left < 0:
            return False
    return True


@unit
def count_smaller(order, before):
    """For each element of a permutation of 0 .. n - 1, the number of smaller ones before it. O(n log n).

    So an element x at position p is out of order with p + x - 2 before[p] others.
    Values that have passed are bits of words; above them stands a tree in which 16 counters share a vector: how many
    have passed in all words, or all branches, to the left of this one.
    """
    m = order.size
    depth, rows = 0, (m >> 10) + 1
    while m >> (6 + 4 * depth):
        depth += 1
    seen, tree = np.zeros((m >> 6) + 1, np.uint64), np.zeros((depth * rows, LANES), np.int32)
    right = np.zeros((LANES, LANES), np.int32)
    for k in range(LANES):
        right[k, k + 1 :] = 1
    for p in range(m):
        x = np.uint64(order[p])
        branch, bit = x >> np.uint64(6), np.uint64(1) << (x & np.uint64(63))
        passed = seen[branch]
        seen[branch] = passed | bit
        smaller = np.int64(count_bits(passed & (bit - np.uint64(1))))
        for level in range(depth):
            slot = np.int64(branch & np.uint64(15))
            branch >>= np.uint64(4)
            row = level * rows + np.int64(branch)
            smaller += tree[row, slot]
            store(tree, row, add(load(tree, row), load(right, slot)))
        before[p] = smaller


@unit(allocates=False)
def count_inversions(order, smaller):
    """Number of pairs of a permutation that are out of order; `smaller` is memory for the results of `count_smaller`."""
    m = order.size
    count_smaller(order, smaller)
    inversions = m * (m - 1) // 2
    for p in range(m):
        inversions -= smaller[p]
    return inversions


@unit(allocates=False)
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
