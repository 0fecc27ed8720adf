"""Solving with the factors of a tile: forward along the mesh, and back."""

import numpy as np

from gridtrend.grid.kernel import inlined, jit
from gridtrend.grid.lanes import NARROW, add, load_narrow, multiply, spread, store, subtract


@inlined
def solve(forward, back, inverse, n, n_nodes, carried, at_right, d):
    """Solve for the states `d`, which holds the right-hand sides of the intervals.

    Those of the conditions stand in `carried`, which is overwritten, and `at_right`.
    """
    if n == 2 and carried.shape[0] == 1:
        _forward_pair(forward, n_nodes, carried, d)
    else:
        _forward(forward, n, n_nodes, carried, d)
    n_left = carried.shape[0]
    last = (n_nodes - 1) * n
    for r in range(n):
        total = spread(0.0)
        for c in range(n):
            value = load_narrow(carried, c) if c < n_left else load_narrow(at_right, c - n_left)
            total = add(total, multiply(load_narrow(inverse, r * n + c), value))
        store(d, last + r, total)
    if n == 2:
        _backward_pair(back, n_nodes, d)
    else:
        _backward(back, n, n_nodes, d)


@jit
def _forward(forward, n, n_nodes, carried, d):
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


@jit
def _backward(back, n, n_nodes, d):
    for i in range(n_nodes - 2, -1, -1):
        for r in range(n):
            total = load_narrow(d, i * n + r)
            for c in range(n):
                total = subtract(
                    total, multiply(load_narrow(back, (i * n + r) * n + c), load_narrow(d, (i + 1) * n + c))
                )
            store(d, i * n + r, total)


@jit
def _forward_pair(forward, n_nodes, carried, d):
    c = load_narrow(carried, 0)
    for i in range(n_nodes - 1):
        u, v = load_narrow(d, 2 * i), load_narrow(d, 2 * i + 1)
        for r in range(2):
            at = i * 9 + r * 3
            total = add(multiply(load_narrow(forward, at + 1), u), multiply(load_narrow(forward, at + 2), v))
            store(d, 2 * i + r, add(total, multiply(load_narrow(forward, at), c)))
        at = i * 9 + 6
        total = add(multiply(load_narrow(forward, at + 1), u), multiply(load_narrow(forward, at + 2), v))
        c = add(total, multiply(load_narrow(forward, at), c))
    store(carried, 0, c)


@jit
def _backward_pair(back, n_nodes, d):
    u, v = load_narrow(d, 2 * n_nodes - 2), load_narrow(d, 2 * n_nodes - 1)
    for i in range(n_nodes - 2, -1, -1):
        at = 4 * i
        above = subtract(
            load_narrow(d, 2 * i), add(multiply(load_narrow(back, at), u), multiply(load_narrow(back, at + 1), v))
        )
        v = subtract(
            load_narrow(d, 2 * i + 1),
            add(multiply(load_narrow(back, at + 2), u), multiply(load_narrow(back, at + 3), v)),
        )
        u = above
        store(d, 2 * i, u)
        store(d, 2 * i + 1, v)
