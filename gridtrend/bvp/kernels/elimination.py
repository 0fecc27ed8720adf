"""Elimination of the box scheme's matrix, interval by interval, for a tile of cells, and substitution with its factors.

The rows of the left conditions are carried along the mesh. Together with the n rows of an interval they determine the n states
at its left node from those at its right node, and leave as many rows for the next interval. For any right-hand side, this step
is a product with two small matrices:

    (states at the left node; right-hand sides carried on) = forward @ (carried; those of the interval)
                                                             - (back @ states at the right node; 0)

`factor` stores `forward` and `back` for each interval; `forward_sweep` and `backward_sweep` multiply with them.
"""

from collections import namedtuple

import numpy as np

from gridtrend.bvp.kernels import two_states
from gridtrend.engine.jit import inlined
from gridtrend.engine.lanes import (
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
from gridtrend.engine.unit import unit

# The matrices of all intervals, the inverse and the smallest pivot of each lane at the right end, and the largest |h / 2 a| of
# each entry.
Factors = namedtuple("Factors", "forward back inverse pivot reach")


@unit
def new_factors(n, n_left, n_nodes, n_entries):
    """Arrays for the factors of a tile."""
    m = n + n_left
    return Factors(
        np.empty(((n_nodes - 1) * m * m, NARROW)),
        np.empty(((n_nodes - 1) * n * n, NARROW)),
        np.empty((n * n, NARROW)),
        np.empty(NARROW),
        np.empty((n_entries, NARROW)),
    )


@inlined
def _box_rows(h, i, a, starts, cols, n, box, reach):
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
            for node in range(i, i + 2):
                term = multiply(half, load_narrow(a, node * cols.size + e))
                size, most = magnitude(term), load_narrow(reach, e)
                store(reach, e, where_less(most, size, size, most))
                store(box, c, subtract(load_narrow(box, c), term))
                c += n


@unit
def factor(equations, box, left, factors, work):
    """Eliminate all intervals; on return `left` holds the rows that reach the right end.

    Entries `starts[s]` to `starts[s + 1]` of row s of the matrix are in the columns `cols`; two states have all four. For two
    states with one condition at each end, the first forward sweep, from states of zero, is done too; returns whether it was.
    """
    x, a, starts, cols, n = equations.x, equations.a, equations.starts, equations.cols, equations.n
    forward, back, reach = factors.forward, factors.back, factors.reach
    swept = n == 2 and left.shape[0] == n
    if swept:
        two_states.eliminate(x, a, equations.q, box.weights, left, forward, back, reach,
                             work.carried, work.y, work.defect)  # fmt: skip
    else:
        _factor(x, a, starts, cols, n, left, forward, back, reach)
    return swept


@unit
def scale_rows(left, n_left, n):
    """Scale each row to a largest magnitude of 1, so that pivots do not depend on how a condition is written."""
    scales = np.empty((n_left, NARROW))
    for r in range(n_left):
        store(scales, r, spread(1.0))
        for k in range(NARROW):
            size = 0.0
            for c in range(n):
                size = max(size, abs(left[r * n + c, k]))
            if size > 0.0:
                scales[r, k] = 1.0 / size
                for c in range(n):
                    left[r * n + c, k] *= scales[r, k]
    return scales


@unit(deferred=True)
def _factor(x, a, starts, cols, n, left, forward, back, reach):
    """Any number of states: Gauss-Jordan on the left node of each interval, rows pivoted in each lane separately."""
    n_left = left.shape[0] // n
    box = np.empty((2 * n * n, NARROW))
    work = np.empty(((n + n_left) * (3 * n + n_left), NARROW))
    for e in range(cols.size):
        store(reach, e, spread(0.0))
    for i in range(x.size - 1):
        _box_rows(x[i + 1] - x[i], i, a, starts, cols, n, box, reach)
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
    """Scale a carried row, which would over- or underflow over many intervals."""
    size = spread(0.0)
    for k in range(length):
        value = magnitude(load_narrow(work, at + k))
        size = where_less(size, value, value, size)
    inverse = divide(spread(1.0), size)
    for k in range(length):
        store(work, at + k, multiply(load_narrow(work, at + k), inverse))


@unit
def close(left, right, n, inverse, pivot):
    """Invert the rows at the right end: those carried there, and the right conditions.

    `pivot` receives the smallest pivot of each lane, of rows scaled to 1. It is zero where the problem is singular.
    """
    n_left = left.shape[0] // n
    work = np.empty((n, 2 * n))
    for k in range(NARROW):
        for r in range(n):
            for c in range(2 * n):
                work[r, c] = 0.0
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


@inlined
def last_states(inverse, n, n_nodes, carried, at_right, d):
    """States at the last node, from the right-hand sides carried there and the values of the right conditions."""
    n_left = carried.shape[0]
    last = (n_nodes - 1) * n
    for r in range(n):
        total = spread(0.0)
        for c in range(n):
            value = load_narrow(carried, c) if c < n_left else load_narrow(at_right, c - n_left)
            total = add(total, multiply(load_narrow(inverse, r * n + c), value))
        store(d, last + r, total)


@unit
def forward_sweep(forward, n, n_nodes, carried, d):
    """Multiply right-hand sides by `forward`: `d` of the intervals, `carried` of the left conditions; both are overwritten."""
    n_left = carried.shape[0]
    m = n + n_left
    result = np.empty((m, NARROW))
    for i in range(n_nodes - 1):
        for r in range(m):
            at = (i * m + r) * m
            total = spread(0.0)
            for c in range(n_left):
                total = add(total, multiply(load_narrow(forward, at + c), load_narrow(carried, c)))
            for c in range(n):
                total = add(total, multiply(load_narrow(forward, at + n_left + c), load_narrow(d, i * n + c)))
            store(result, r, total)
        for r in range(n):
            store(d, i * n + r, load_narrow(result, r))
        for r in range(n_left):
            store(carried, r, load_narrow(result, n + r))


@unit
def backward_sweep(back, n, n_nodes, d):
    """All states, from the last node back to the first."""
    for i in range(n_nodes - 2, -1, -1):
        for r in range(n):
            total = load_narrow(d, i * n + r)
            for c in range(n):
                total = subtract(
                    total, multiply(load_narrow(back, (i * n + r) * n + c), load_narrow(d, (i + 1) * n + c))
                )
            store(d, i * n + r, total)
