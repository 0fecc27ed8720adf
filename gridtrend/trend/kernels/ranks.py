"""Counting pairs and ties: the score S of a series and what its variance needs.

For short series all pairs are counted, 16 cells at a time (Mann 1945 as it stands). For long ones a merge sort counts
the same thing in O(n log n) (Knight 1966, doi:10.1080/01621459.1966.10480879), one cell at a time.
"""

from gridtrend.grid.kernel import jit
from gridtrend.grid.lanes import LANES, count_equal, count_less, load, store, zero_count

# Up to this length the pairs of 16 cells are counted faster than 16 series are sorted.
SHORT = 1000


@jit
def count_pairs(tile, greater, less):
    """For each lane, the number of pairs i < j with tile[j] > tile[i], and with tile[j] < tile[i]."""
    n = tile.shape[0]
    up = zero_count(load(tile, 0))
    down = zero_count(load(tile, 0))
    for i in range(n - 1):
        earlier = load(tile, i)
        for j in range(i + 1, n):
            later = load(tile, j)
            up = count_less(up, earlier, later)
            down = count_less(down, later, earlier)
    store(greater, 0, up)
    store(less, 0, down)


@jit
def tie_sums(tile, row, pairs, cubes):
    """For each lane, sum of t(t-1)/2 and of t(t-1)(2t+5) over groups of t equal values.

    A member of a group has c = t - 1 equals, so the sums over members of c and of c(2c + 7) are twice the first and
    exactly the second. `row` is scratch for the counts of one step.
    """
    n = tile.shape[0]
    for k in range(LANES):
        pairs[k] = 0
        cubes[k] = 0
    for i in range(n):
        value = load(tile, i)
        equals = zero_count(value)
        for j in range(n):
            equals = count_equal(equals, value, load(tile, j))
        store(row, 0, equals)
        for k in range(LANES):
            # A missing value is not equal to itself, and counts nothing.
            c = max(row[0, k] - 1, 0)
            pairs[k] += c
            cubes[k] += c * (2 * c + 7)
    for k in range(LANES):
        pairs[k] //= 2


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
    """Merge two sorted runs; the number of pairs that were out of order. The loop body has no branch to mispredict."""
    inversions = 0
    i, j, k = start, middle, start
    while i < middle and j < end:
        x, y = source[i], source[j]
        later_first = y < x
        target[k] = y if later_first else x
        inversions += (middle - i) if later_first else 0
        j += later_first
        i += not later_first
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
def sorted_tie_sums(a):
    """Sum of t(t-1)/2 and of t(t-1)(2t+5) over groups of t equal values of a sorted series."""
    pairs = 0
    cubes = 0
    t = 1
    for i in range(1, a.size + 1):
        if i < a.size and a[i] == a[i - 1]:
            t += 1
        else:
            pairs += t * (t - 1) // 2
            cubes += t * (t - 1) * (2 * t + 5)
            t = 1
    return pairs, cubes
