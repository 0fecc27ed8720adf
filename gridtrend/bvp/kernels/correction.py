"""Iterated deferred correction of a tile: the box scheme's matrix, quadrature through more nodes.

Every stage is the same: the defect of the present states under a rule of quadrature, solved with the matrix of the box
scheme, is an update of the states. From states of zero, the box rule itself gives the solution of order 2; a rule
through 4 or 6 neighbouring nodes then lifts it to order 4 or 6.
"""

import math
from collections import namedtuple

import numpy as np

from gridtrend.bvp.kernels.elimination import solve
from gridtrend.grid.kernel import inlined, jit
from gridtrend.grid.lanes import (
    LANES,
    add,
    load,
    magnitude,
    multiply,
    spread,
    store,
    subtract,
    subtract_scaled,
    where_less,
)

SOLVED, STIFF, NO_GAIN, UNCORRECTED, UNCONVERGED, SINGULAR, MISSING = range(7)

# Updates this small against the states are rounding: they stop shrinking, and mean no harm.
ROUNDING = 1e-15
HARMLESS = 1e-10

# The equations of a tile: coefficients node by node, and where they stand in the matrix.
Equations = namedtuple("Equations", "x a rows cols q sources n")
# Room for one tile: states, derivatives, defects, updates, and rows for what is carried and what the ends prescribe.
Room = namedtuple("Room", "y f g d kept carried at_right size scale defect")
# Quadrature over interval i: the sum of weights[i, k] f[first[i] + k].
Rule = namedtuple("Rule", "weights first")


@jit
def new_room(n, n_left, n_nodes):
    """Room for a tile."""
    block = (n_nodes * n, LANES)
    return Room(
        np.empty(block),
        np.empty(block),
        np.empty(block),
        np.empty(block),
        np.empty(block),
        np.empty((n_left, LANES)),
        np.empty((n - n_left, LANES)),
        np.empty((n, LANES)),
        np.empty((n, LANES)),
        np.empty((n, LANES)),
    )


@jit
def derivatives(equations, y, f):
    """f = A y + q at every node."""
    n, n_entries, n_sources = equations.n, equations.rows.size, equations.sources.size
    for i in range(equations.x.size):
        for s in range(n):
            store(f, i * n + s, spread(0.0))
        for j in range(n_sources):
            store(f, i * n + equations.sources[j], load(equations.q, i * n_sources + j))
        for e in range(n_entries):
            at = i * n + equations.rows[e]
            product = multiply(load(equations.a, i * n_entries + e), load(y, i * n + equations.cols[e]))
            store(f, at, add(load(f, at), product))


@jit
def defects(rule, n, y, f, g):
    """g = integral of f over each interval by the rule, less the step that y makes."""
    for i in range(rule.first.size):
        for s in range(n):
            total = subtract(load(y, i * n + s), load(y, (i + 1) * n + s))
            at = rule.first[i] * n + s
            for k in range(rule.weights.shape[1]):
                total = subtract_scaled(total, load(f, at + k * n), -rule.weights[i, k])
            store(g, i * n + s, total)


@jit
def largest(values, n, n_nodes, result):
    """Largest magnitude of each state over the nodes, lane by lane."""
    for s in range(n):
        top = spread(0.0)
        for i in range(n_nodes):
            value = magnitude(load(values, i * n + s))
            top = where_less(top, value, value, top)
        store(result, s, top)


@inlined
def update(equations, factors, rule, room):
    """Fill `room.d` with the update that a rule and the right-hand sides at the ends ask for, `room.size` with its size."""
    derivatives(equations, room.y, room.f)
    defects(rule, equations.n, room.y, room.f, room.g)
    solve(factors.forward, factors.back, factors.inverse, equations.n, equations.x.size,
          room.carried, room.at_right, room.g, room.d)  # fmt: skip
    largest(room.d, equations.n, equations.x.size, room.size)


@jit
def relative_size(size, scale, n, k):
    """Largest size in lane `k`, each state measured against its own scale."""
    top = 0.0
    for s in range(n):
        if size[s, k] > 0.0:
            top = max(top, size[s, k] / scale[s, k] if scale[s, k] > 0.0 else np.inf)
    return top


@jit
def accept(room, chosen):
    """Add the update in the lanes where `chosen` is 1, take all back where it is -1, change nothing where it is 0."""
    half, zero = spread(0.5), spread(0.0)
    mask = load(chosen, 0)
    for row in range(room.y.shape[0]):
        y = load(room.y, row)
        y = where_less(mask, subtract(zero, half), load(room.kept, row), y)
        store(room.y, row, where_less(half, mask, add(y, load(room.d, row)), y))


@jit
def judge(n, sweep, room, before, chosen, status):
    """Choose the lanes that take an update, and tell whether any lane needs another one.

    A sweep counts only where its update is smaller than the one before; `before` is 0 in a lane that is done. Where
    updates grow, all are taken back: `chosen` is then -1.
    """
    going_on = False
    for k in range(LANES):
        chosen[0, k] = 0.0
        if before[k] == 0.0:
            continue
        size = relative_size(room.size, room.scale, n, k)
        done = True
        if size < before[k]:
            chosen[0, k] = 1.0
            # The next update will be smaller by the same factor again.
            done = size <= ROUNDING or (sweep > 0 and size * size <= ROUNDING * before[k])
        elif size > HARMLESS or math.isnan(size):
            status[k] = max(status[k], UNCORRECTED)
            chosen[0, k] = -1.0
        before[k] = 0.0 if done else size
        going_on |= not done
    return going_on
