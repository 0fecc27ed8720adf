"""Elimination of the box scheme's matrix, interval by interval, for a tile of cells.

Rows that the left end leaves (one for each left condition) are carried along the mesh. With the n rows of an interval they
determine the n states at its left node in terms of those at its right node, and leave as many rows for the next
interval. Whatever right-hand side follows, that step is one small matrix:

    (states at the left node; right-hand sides carried on) = forward @ (carried; those of the interval)
                                                             - (back @ states at the right node; 0)

so `factor` stores `forward` and `back` for each interval; what multiplies with them stands in `substitution`.
"""

from collections import namedtuple

import numpy as np

from gridtrend.grid.kernel import inlined, jit
from gridtrend.grid.lanes import (
    NARROW,
    add,
    divide,
    load_narrow,
    magnitude,
    multiply,
    spread,
    store,
    subtract,
    where_less,
)

# What elimination leaves, and the smallest pivot of each lane at the right end.
Factors = namedtuple("Factors", "forward back inverse pivot")


@jit
def new_factors(n, n_left, n_nodes):
    """Room for the factors of a tile."""
    m = n + n_left
    return Factors(
        np.empty(((n_nodes - 1) * m * m, NARROW)),
        np.empty(((n_nodes - 1) * n * n, NARROW)),
        np.empty((n * n, NARROW)),
        np.empty(NARROW),
    )


@inlined
def _box_rows(h, i, a, starts, cols, n, box):
    """Fill `box` with [-1 - h/2 A_i, 1 - h/2 A_i+1], the rows of interval `i` (n rows of 2 n)."""
    half = spread(0.5 * h)
    for row in range(2 * n * n):
        store(box, row, spread(0.0))
    for s in range(n):
        at = s * 2 * n
        store(box, at + s, spread(-1.0))
        store(box, at + n + s, spread(1.0))
        for e in range(starts[s], starts[s + 1]):
            c = at + cols[e]
            store(box, c, subtract(load_narrow(box, c), multiply(half, load_narrow(a, i * cols.size + e))))
            c += n
            store(box, c, subtract(load_narrow(box, c), multiply(half, load_narrow(a, (i + 1) * cols.size + e))))


@inlined
def factor(x, a, starts, cols, n, left, forward, back):
    """Eliminate all intervals; on return `left` holds the rows that reach the right end.

    Entries `starts[s]` to `starts[s + 1]` of row s of the matrix stand in the columns `cols`; two states have all four.
    """
    n_left = left.shape[0] // n
    scales = scale_rows(left, n_left, n)
    if n == 2 and n_left == 1:
        _factor_pair(x, a, left, forward, back)
    else:
        _factor(x, a, starts, cols, n, left, forward, back)
    # Values of conditions are given as they are, not scaled.
    for r in range(n + n_left):
        for c in range(n_left):
            for k in range(NARROW):
                forward[r * (n + n_left) + c, k] *= scales[c, k]


@inlined
def scale_rows(left, n_left, n):
    """Scale each row to a largest magnitude of 1, for pivots not to depend on how a condition is written."""
    scales = np.ones((n_left, NARROW))
    for r in range(n_left):
        for k in range(NARROW):
            size = 0.0
            for c in range(n):
                size = max(size, abs(left[r * n + c, k]))
            if size > 0.0:
                scales[r, k] = 1.0 / size
                for c in range(n):
                    left[r * n + c, k] *= scales[r, k]
    return scales


@jit
def _factor_pair(x, a, left, forward, back):
    """Two states with one row carried: w = p x q annihilates the columns p, q of the left node.

    Its components are the minors of the three rows of (p, q), so the largest tells which two rows to keep.
    """
    zero, one = spread(0.0), spread(1.0)
    p0, q0 = load_narrow(left, 0), load_narrow(left, 1)
    for i in range(x.size - 1):
        half = spread(0.5 * (x[i + 1] - x[i]))
        p1 = subtract(subtract(zero, one), multiply(half, load_narrow(a, 4 * i)))
        q1 = subtract(zero, multiply(half, load_narrow(a, 4 * i + 1)))
        p2 = subtract(zero, multiply(half, load_narrow(a, 4 * i + 2)))
        q2 = subtract(subtract(zero, one), multiply(half, load_narrow(a, 4 * i + 3)))
        w0 = subtract(multiply(p1, q2), multiply(p2, q1))
        w1 = subtract(multiply(p2, q0), multiply(p0, q2))
        w2 = subtract(multiply(p0, q1), multiply(p1, q0))
        m0, m1, m2 = magnitude(w0), magnitude(w1), magnitude(w2)
        m12 = where_less(m1, m2, m2, m1)
        largest = where_less(m1, m2, w2, w1)
        largest = where_less(m0, m12, largest, w0)
        inverse = divide(one, largest)
        # The inverse of the minor in the component that is largest, zero in the others.
        e0 = where_less(m0, m12, zero, inverse)
        rest = where_less(m0, m12, inverse, zero)
        e1 = where_less(m1, m2, zero, rest)
        e2 = where_less(m1, m2, rest, zero)
        # Rows of the inverse of the two rows kept: q x e and e x p.
        t00 = subtract(multiply(q1, e2), multiply(q2, e1))
        t01 = subtract(multiply(q2, e0), multiply(q0, e2))
        t02 = subtract(multiply(q0, e1), multiply(q1, e0))
        t10 = subtract(multiply(e1, p2), multiply(e2, p1))
        t11 = subtract(multiply(e2, p0), multiply(e0, p2))
        t12 = subtract(multiply(e0, p1), multiply(e1, p0))
        scale = magnitude(inverse)
        w0, w1, w2 = multiply(w0, scale), multiply(w1, scale), multiply(w2, scale)
        r10 = subtract(one, multiply(half, load_narrow(a, 4 * i + 4)))
        r11 = subtract(zero, multiply(half, load_narrow(a, 4 * i + 5)))
        r20 = subtract(zero, multiply(half, load_narrow(a, 4 * i + 6)))
        r21 = subtract(one, multiply(half, load_narrow(a, 4 * i + 7)))
        p0 = add(multiply(w1, r10), multiply(w2, r20))
        q0 = add(multiply(w1, r11), multiply(w2, r21))
        store(forward, 9 * i, t00)
        store(forward, 9 * i + 1, t01)
        store(forward, 9 * i + 2, t02)
        store(forward, 9 * i + 3, t10)
        store(forward, 9 * i + 4, t11)
        store(forward, 9 * i + 5, t12)
        store(forward, 9 * i + 6, w0)
        store(forward, 9 * i + 7, w1)
        store(forward, 9 * i + 8, w2)
        store(back, 4 * i, add(multiply(t01, r10), multiply(t02, r20)))
        store(back, 4 * i + 1, add(multiply(t01, r11), multiply(t02, r21)))
        store(back, 4 * i + 2, add(multiply(t11, r10), multiply(t12, r20)))
        store(back, 4 * i + 3, add(multiply(t11, r11), multiply(t12, r21)))
    store(left, 0, p0)
    store(left, 1, q0)


@jit
def _factor(x, a, starts, cols, n, left, forward, back):
    """Any number of states: Gauss-Jordan on the left node of each interval, rows pivoted in each lane by itself."""
    n_left = left.shape[0] // n
    box = np.empty((2 * n * n, NARROW))
    work = np.empty(((n + n_left) * (3 * n + n_left), NARROW))
    for i in range(x.size - 1):
        _box_rows(x[i + 1] - x[i], i, a, starts, cols, n, box)
        _eliminate(box, left, n, n_left, work, forward, back, i)


@inlined
def _eliminate(box, left, n, n_left, work, forward, back, i):
    """One interval.

    Columns of `work`: states at the left node, at the right node, and the unit matrix that becomes `forward`.
    """
    m = n + n_left
    width = 2 * n + m
    for r in range(m):
        for c in range(width):
            store(work, r * width + c, spread(1.0 if c == 2 * n + r else 0.0))
        for c in range(n if r < n_left else 2 * n):
            value = load_narrow(left, r * n + c) if r < n_left else load_narrow(box, (r - n_left) * 2 * n + c)
            store(work, r * width + c, value)
    for c in range(n):
        _pivot(work, c, m, width)
        inverse = divide(spread(1.0), load_narrow(work, c * width + c))
        for k in range(c, width):
            store(work, c * width + k, multiply(load_narrow(work, c * width + k), inverse))
        for r in range(m):
            if r != c:
                factor_of_row = load_narrow(work, r * width + c)
                for k in range(c + 1, width):
                    product = multiply(factor_of_row, load_narrow(work, c * width + k))
                    store(work, r * width + k, subtract(load_narrow(work, r * width + k), product))
    for r in range(n_left):
        _scale_row(work, (n + r) * width + n, width - n)
    for r in range(m):
        for c in range(m):
            store(forward, (i * m + r) * m + c, load_narrow(work, r * width + 2 * n + c))
        for c in range(n):
            value = load_narrow(work, r * width + n + c)
            if r < n:
                store(back, (i * n + r) * n + c, value)
            else:
                store(left, (r - n) * n + c, value)


@inlined
def _pivot(work, c, m, width):
    """Bring the largest value of column `c`, from row `c` down, to row `c`, by swaps in the lanes that need one."""
    for r in range(c + 1, m):
        ours, theirs = magnitude(load_narrow(work, c * width + c)), magnitude(load_narrow(work, r * width + c))
        for k in range(c, width):
            above, below = load_narrow(work, c * width + k), load_narrow(work, r * width + k)
            store(work, c * width + k, where_less(ours, theirs, below, above))
            store(work, r * width + k, where_less(ours, theirs, above, below))


@inlined
def _scale_row(work, at, length):
    """Scale a carried row: over many intervals it would over- or underflow."""
    size = spread(0.0)
    for k in range(length):
        value = magnitude(load_narrow(work, at + k))
        size = where_less(size, value, value, size)
    inverse = divide(spread(1.0), size)
    for k in range(length):
        store(work, at + k, multiply(load_narrow(work, at + k), inverse))


@jit
def close(left, right, n, inverse, pivot):
    """Invert the rows at the right end: those carried there, and the right conditions.

    `pivot` receives the smallest pivot of each lane, of rows scaled to 1: zero where the problem is singular.
    """
    n_left = left.shape[0] // n
    work = np.empty((n, 2 * n))
    for k in range(NARROW):
        work[:] = 0.0
        for r in range(n):
            size = 0.0
            for c in range(n):
                value = left[r * n + c, k] if r < n_left else right[(r - n_left) * n + c, k]
                work[r, c] = value
                size = max(size, abs(value))
            work[r, n + r] = 1.0
            if size > 0.0:
                for c in range(2 * n):
                    work[r, c] /= size
        pivot[k] = _invert(work, n)
        for r in range(n):
            for c in range(n):
                inverse[r * n + c, k] = work[r, n + c]


@inlined
def _invert(work, n):
    """Gauss-Jordan of `work` = [matrix, unit matrix] with rows pivoted; returns the smallest pivot."""
    smallest = np.inf
    for c in range(n):
        p = c
        for r in range(c + 1, n):
            if abs(work[r, c]) > abs(work[p, c]):
                p = r
        for k in range(2 * n):
            work[c, k], work[p, k] = work[p, k], work[c, k]
        smallest = min(smallest, abs(work[c, c]))
        inverse = 1.0 / work[c, c]
        for k in range(2 * n):
            work[c, k] *= inverse
        for r in range(n):
            if r != c:
                value = work[r, c]
                for k in range(2 * n):
                    work[r, k] -= value * work[c, k]
    return smallest
