"""Iterated deferred correction of a tile: the box scheme's matrix, quadrature through more nodes.

Every stage is the same: the defect of the present states under a rule of quadrature, solved with the matrix of the box
scheme, is an update of the states. From states of zero, the box rule itself gives the solution of order 2; a rule
through 4 or 6 neighbouring nodes then lifts it to order 4 or 6.
"""

from collections import namedtuple

import numpy as np

from gridtrend.bvp.kernels import pair
from gridtrend.bvp.kernels.substitution import backward_sweep, forward_sweep, last_states
from gridtrend.engine.jit import inlined, jit
from gridtrend.engine.lanes import (
    NARROW,
    add,
    load_narrow,
    magnitude,
    multiply,
    spread,
    store,
    subtract,
    where_less,
)
from gridtrend.engine.unit import unit

SOLVED, STIFF, DOUBTFUL, UNCORRECTED, UNCONVERGED, SINGULAR, MISSING = range(7)

# Updates this small against the states need no further ones.
ROUNDING = 1e-15
# Updates this small against what flows through an equation are noise, also where a state is zero but for rounding.
NOISE = 1e-14
# Updates that stop shrinking mean no harm where they are this small.
HARMLESS = 1e-10
# Estimated errors above this share of the largest value are no correction of a solution any more.
LARGE = 0.1

# Rows of the state of an iteration: the last update, the first one, how they shrink, and whether a lane is done.
LAST, FIRST, RATIO, DONE = range(4)

# The equations of a tile: coefficients node by node, and where they stand. Two states have all entries and sources.
# The first `n_seen` of the `n` states are the user's.
Equations = namedtuple("Equations", "x a starts cols q sources n n_seen")
# Room for one tile: states, derivatives, defects, updates, and rows for what is carried and what the ends prescribe.
Room = namedtuple("Room", "y f d kept carried at_right size mean scale flow defect")
# Quadrature over interval i: the sum of weights[i, k] f[first[i] + k].
Rule = namedtuple("Rule", "weights first")


@unit
def new_room(n, n_left, n_nodes):
    """Room for a tile."""
    block = (n_nodes * n, NARROW)
    return Room(
        np.empty(block),
        np.empty(block),
        np.empty(block),
        np.empty(block),
        np.empty((n_left, NARROW)),
        np.empty((n - n_left, NARROW)),
        np.empty((n, NARROW)),
        np.empty((n, NARROW)),
        np.empty((n, NARROW)),
        np.empty((n, NARROW)),
        np.empty((n, NARROW)),
    )


@inlined
def with_states(room, y):
    """The same room, with states that stand elsewhere."""
    return Room(y, room.f, room.d, room.kept, room.carried, room.at_right,
                room.size, room.mean, room.scale, room.flow, room.defect)  # fmt: skip


@unit
def rest(equations, room):
    """States of zero, whose derivatives are the sources."""
    n, n_sources = equations.n, equations.sources.size
    for i in range(equations.x.size):
        for s in range(n):
            store(room.y, i * n + s, spread(0.0))
            store(room.f, i * n + s, spread(0.0))
        for j in range(n_sources):
            store(room.f, i * n + equations.sources[j], load_narrow(equations.q, i * n_sources + j))


@unit
def derivatives(equations, y, f):
    """F = A y + q at every node."""
    n, n_entries, n_sources = equations.n, equations.cols.size, equations.sources.size
    for i in range(equations.x.size):
        for s in range(n):
            store(f, i * n + s, spread(0.0))
        for j in range(n_sources):
            store(f, i * n + equations.sources[j], load_narrow(equations.q, i * n_sources + j))
        for s in range(n):
            total = load_narrow(f, i * n + s)
            for e in range(equations.starts[s], equations.starts[s + 1]):
                product = multiply(
                    load_narrow(equations.a, i * n_entries + e), load_narrow(y, i * n + equations.cols[e])
                )
                total = add(total, product)
            store(f, i * n + s, total)


@unit
def defects(weights, first, n, y, f, g, top):
    """G = integral of f over each interval by the rule, less the step that y makes; `top` its largest magnitudes."""
    for s in range(n):
        store(top, s, spread(0.0))
    for i in range(first.size):
        for s in range(n):
            total = subtract(load_narrow(y, i * n + s), load_narrow(y, (i + 1) * n + s))
            at = first[i] * n + s
            for k in range(weights.shape[1]):
                total = add(total, multiply(spread(weights[i, k]), load_narrow(f, at + k * n)))
            store(g, i * n + s, total)
            size, most = magnitude(total), load_narrow(top, s)
            store(top, s, where_less(most, size, size, most))


@unit
def largest(values, n, top, mean):
    """Largest and mean magnitude of each state over the nodes, lane by lane."""
    n_nodes = values.shape[0] // n
    for s in range(n):
        most, total = spread(0.0), spread(0.0)
        for i in range(n_nodes):
            value = magnitude(load_narrow(values, i * n + s))
            most = where_less(most, value, value, most)
            total = add(total, value)
        store(top, s, most)
        store(mean, s, multiply(total, spread(1.0 / n_nodes)))


@inlined
def update(equations, factors, rule, at_rest, swept, target, room):
    """Fill `target` with the update that a rule and the right-hand sides at the ends ask for, `room.size` with its size.

    `at_rest` tells that all states are zero and `room.f` the sources: `target` may then be the states themselves. `swept`
    tells that it holds already what the sweep forward leaves.
    """
    if equations.n == 2 and room.carried.shape[0] == 1:
        _update_pair(equations, factors, rule, at_rest, swept, target, room)
    else:
        _update_any(equations, factors, rule, at_rest, target, room)


@unit(deferred=True)
def _update_pair(equations, factors, rule, at_rest, swept, target, room):
    n_nodes = equations.x.size
    if not at_rest:
        pair.derivatives(equations.a, equations.q, room.y, room.f)
    if not swept:
        pair.forward_sweep(rule.weights, rule.first, room.y, room.f, factors.forward,
                           room.carried, target, room.defect)  # fmt: skip
    last_states(factors.inverse, 2, n_nodes, room.carried, room.at_right, target)
    pair.backward_sweep(factors.back, n_nodes, target, room.size, room.mean)


@unit(deferred=True)
def _update_any(equations, factors, rule, at_rest, target, room):
    n, n_nodes = equations.n, equations.x.size
    if not at_rest:
        derivatives(equations, room.y, room.f)
    defects(rule.weights, rule.first, n, room.y, room.f, target, room.defect)
    forward_sweep(factors.forward, n, n_nodes, room.carried, target)
    last_states(factors.inverse, n, n_nodes, room.carried, room.at_right, target)
    backward_sweep(factors.back, n, n_nodes, target)
    largest(target, n, room.size, room.mean)


@jit
def copy(source, target):
    """Target = source."""
    for row in range(source.shape[0]):
        store(target, row, load_narrow(source, row))


@unit
def flow(equations, room):
    """What flows through each equation, on whose rounding its state depends: the state and all terms of its integral."""
    n, x = equations.n, equations.x
    n_entries, n_sources = equations.cols.size, equations.sources.size
    copy(room.scale, room.flow)
    for i in range(x.size):
        step = spread(0.5 * (x[min(i + 1, x.size - 1)] - x[max(i - 1, 0)]))
        for s in range(n):
            total = load_narrow(room.flow, s)
            for e in range(equations.starts[s], equations.starts[s + 1]):
                y = load_narrow(room.y, i * n + equations.cols[e])
                term = magnitude(multiply(load_narrow(equations.a, i * n_entries + e), y))
                total = add(total, multiply(step, term))
            store(room.flow, s, total)
        for j in range(n_sources):
            s = equations.sources[j]
            term = multiply(step, magnitude(load_narrow(equations.q, i * n_sources + j)))
            store(room.flow, s, add(load_narrow(room.flow, s), term))


@jit
def relative(size, scale, flow, n_seen, k):
    """Largest update in lane `k`, each state measured against its own scale; noise counts as zero."""
    top = 0.0
    for s in range(n_seen):
        if not size[s, k] <= NOISE * flow[s, k]:
            top = max(top, size[s, k] / scale[s, k])
    return top


@unit
def accept(room, chosen):
    """Add the update in the lanes where `chosen` is 1, take all back where it is -1, change nothing where it is 0."""
    half, zero = spread(0.5), spread(0.0)
    mask = load_narrow(chosen, 0)
    for row in range(room.y.shape[0]):
        y = load_narrow(room.y, row)
        y = where_less(mask, subtract(zero, half), load_narrow(room.kept, row), y)
        store(room.y, row, where_less(half, mask, add(y, load_narrow(room.d, row)), y))


@unit
def new_lanes():
    """The state of the iteration in each lane at its start."""
    lanes = np.zeros((4, NARROW))
    lanes[LAST] = np.inf
    return lanes


@unit
def judge(n_seen, sweep, room, lanes, chosen, status):
    """Choose the lanes that take an update, and tell whether any lane needs another one.

    A sweep counts only where its update is smaller, in the mean over the nodes, than the one before. Where updates do
    not shrink although they are still large, all are taken back: `chosen` is then -1.
    """
    going_on = False
    for k in range(NARROW):
        chosen[0, k] = 0.0
        if lanes[DONE, k]:
            continue
        size, last = relative(room.mean, room.scale, room.flow, n_seen, k), lanes[LAST, k]
        if sweep == 0:
            lanes[FIRST, k] = size
        if size < last:
            chosen[0, k] = 1.0
            lanes[RATIO, k] = size / last
            # The next update will be smaller by about the same factor again.
            done = size <= ROUNDING or (sweep > 0 and size * lanes[RATIO, k] <= 0.01 * ROUNDING)
        else:
            done = True
            if not (size <= HARMLESS or size <= 0.5 * lanes[FIRST, k]):
                status[k] = max(status[k], UNCORRECTED)
                chosen[0, k] = -1.0
        lanes[LAST, k] = size
        lanes[DONE, k] = done
        going_on |= not done
    return going_on


@unit
def worth_more(n_seen, room, lanes):
    """Whether any lane should sweep on: where updates shrink well, and would still add a part of the error to come."""
    going_on = False
    for k in range(NARROW):
        if not lanes[DONE, k]:
            ratio = lanes[RATIO, k]
            ahead = lanes[LAST, k] * ratio / (1.0 - ratio)
            error = relative(room.mean, room.scale, room.flow, n_seen, k)
            lanes[DONE, k] = not (ratio < 0.5 and ahead > 0.1 * error)
            going_on |= lanes[DONE, k] == 0.0
    return going_on
