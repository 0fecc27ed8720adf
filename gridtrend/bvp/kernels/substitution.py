"""Solving with the factors of a tile: forward along the mesh, and back."""

import numpy as np

from gridtrend.engine.jit import inlined
from gridtrend.engine.lanes import NARROW, add, load_narrow, multiply, spread, store, subtract
from gridtrend.engine.unit import unit


@inlined
def last_states(inverse, n, n_nodes, carried, at_right, d):
    """States at the last node, from what has been carried there and the values of the conditions."""
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
    """Right-hand sides `d` of the intervals, those of the left conditions `carried`, going forward; both overwritten."""
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
    """All states, going back from those at the last node."""
    for i in range(n_nodes - 2, -1, -1):
        for r in range(n):
            total = load_narrow(d, i * n + r)
            for c in range(n):
                total = subtract(
                    total, multiply(load_narrow(back, (i * n + r) * n + c), load_narrow(d, (i + 1) * n + c))
                )
            store(d, i * n + r, total)
