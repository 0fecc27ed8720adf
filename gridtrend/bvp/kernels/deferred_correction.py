"""Iterated deferred correction of a tile: the box scheme's matrix, quadrature through more nodes.

Every stage has the same form: the defect of the current states under a rule of quadrature, solved with the matrix of the box
scheme, is an update of the states. From states of zero, the box rule gives the solution of order 2; corrections with a rule
through 4 or 6 neighbouring nodes raise it to order 4 or 6.
"""

from collections import namedtuple

import numpy as np

from gridtrend.bvp.kernels import two_states
from gridtrend.bvp.kernels.elimination import backward_sweep, forward_sweep, last_states
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

# Relative size of an update below which no further one is needed.
ROUNDING = 1e-15
# Updates below this share of the terms of an equation are rounding noise, also where the state itself is nearly zero.
NOISE = 1e-14
# Updates that stop shrinking are accepted where they are below this size.
HARMLESS = 1e-10
# Estimated errors above this share of the largest value of a state make the solution doubtful.
LARGE = 0.1

# Rows of the state of an iteration: size of the last update, of the first one, their ratio, and whether a lane is done.
LAST, FIRST, RATIO, DONE = range(4)

# The equations of a tile: coefficients node by node, and their rows and columns. Two states have all entries and sources.
# The first `n_seen` of the `n` states are the user's.
Equations = namedtuple("Equations", "x a starts cols q sources n n_seen")
# Scratch arrays of one tile: states, derivatives, updates, states of order 2; right-hand sides carried from the left
# conditions, and those of the right ones; for each state largest and mean update, scale, terms, and largest defect.
Workspace = namedtuple("Workspace", "y f d kept carried at_right size mean scale terms defect")
# Quadrature over interval i: the sum of weights[i, k] f[first[i] + k].
Rule = namedtuple("Rule", "weights first")


@unit
def new_workspace(n, n_left, n_nodes):
    """Scratch arrays for a tile."""
    block = (n_nodes * n, NARROW)
    return Workspace(
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
def with_states(work, y):
    """The same scratch arrays, with the states in another array."""
    return Workspace(y, work.f, work.d, work.kept, work.carried, work.at_right,
                work.size, work.mean, work.scale, work.terms, work.defect)  # fmt: skip


@unit
def start_from_zero(equations, work):
    """States of zero; their derivatives are the sources."""
    n, n_sources = equations.n, equations.sources.size
    for i in range(equations.x.size):
        for s in range(n):
            store(work.y, i * n + s, spread(0.0))
            store(work.f, i * n + s, spread(0.0))
        for j in range(n_sources):
            store(work.f, i * n + equations.sources[j], load_narrow(equations.q, i * n_sources + j))


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
    """G = integral of f over each interval by the rule, minus the step of y; `top` receives its largest magnitudes."""
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
def update(equations, factors, rule, at_rest, swept, target, work):
    """Fill `target` with the update for a rule and the right-hand sides at the ends, `work.size` with its size.

    `at_rest`: all states are zero and `work.f` holds the sources; `target` may then be the states themselves. `swept`:
    `target` holds the result of the forward sweep already.
    """
    if equations.n == 2 and work.carried.shape[0] == 1:
        _update_pair(equations, factors, rule, at_rest, swept, target, work)
    else:
        _update_any(equations, factors, rule, at_rest, target, work)


@unit(deferred=True)
def _update_pair(equations, factors, rule, at_rest, swept, target, work):
    n_nodes = equations.x.size
    if not at_rest:
        two_states.derivatives(equations.a, equations.q, work.y, work.f)
    if not swept:
        two_states.forward_sweep(rule.weights, rule.first, work.y, work.f, factors.forward,
                           work.carried, target, work.defect)  # fmt: skip
    last_states(factors.inverse, 2, n_nodes, work.carried, work.at_right, target)
    two_states.backward_sweep(factors.back, n_nodes, target, work.size, work.mean)


@unit(deferred=True)
def _update_any(equations, factors, rule, at_rest, target, work):
    n, n_nodes = equations.n, equations.x.size
    if not at_rest:
        derivatives(equations, work.y, work.f)
    defects(rule.weights, rule.first, n, work.y, work.f, target, work.defect)
    forward_sweep(factors.forward, n, n_nodes, work.carried, target)
    last_states(factors.inverse, n, n_nodes, work.carried, work.at_right, target)
    backward_sweep(factors.back, n, n_nodes, target)
    largest(target, n, work.size, work.mean)


@jit
def copy(source, target):
    """Target = source."""
    for row in range(source.shape[0]):
        store(target, row, load_narrow(source, row))


@unit
def measure_terms(equations, work):
    """Magnitude of all terms of each equation (the state and its integral), on whose rounding the state depends."""
    n, x = equations.n, equations.x
    n_entries, n_sources = equations.cols.size, equations.sources.size
    copy(work.scale, work.terms)
    for i in range(x.size):
        step = spread(0.5 * (x[min(i + 1, x.size - 1)] - x[max(i - 1, 0)]))
        for s in range(n):
            total = load_narrow(work.terms, s)
            for e in range(equations.starts[s], equations.starts[s + 1]):
                y = load_narrow(work.y, i * n + equations.cols[e])
                term = magnitude(multiply(load_narrow(equations.a, i * n_entries + e), y))
                total = add(total, multiply(step, term))
            store(work.terms, s, total)
        for j in range(n_sources):
            s = equations.sources[j]
            term = multiply(step, magnitude(load_narrow(equations.q, i * n_sources + j)))
            store(work.terms, s, add(load_narrow(work.terms, s), term))


@jit
def relative(size, scale, terms, n_seen, k):
    """Largest update in lane `k`, each state relative to its own scale; noise counts as zero."""
    top = 0.0
    for s in range(n_seen):
        if not size[s, k] <= NOISE * terms[s, k]:
            top = max(top, size[s, k] / scale[s, k])
    return top


@unit
def accept(work, chosen):
    """Add the update in lanes where `chosen` is 1, restore the states of order 2 where it is -1, change nothing where it is 0."""
    half, zero = spread(0.5), spread(0.0)
    mask = load_narrow(chosen, 0)
    for row in range(work.y.shape[0]):
        y = load_narrow(work.y, row)
        y = where_less(mask, subtract(zero, half), load_narrow(work.kept, row), y)
        store(work.y, row, where_less(half, mask, add(y, load_narrow(work.d, row)), y))


@unit
def new_lanes():
    """The initial state of the iteration in each lane."""
    lanes = np.zeros((4, NARROW))
    lanes[LAST] = np.inf
    return lanes


@unit
def choose_lanes(n_seen, sweep, work, lanes, chosen, status):
    """Choose the lanes that take an update; returns whether any lane needs another one.

    A lane takes an update only if it is smaller, in the mean over the nodes, than the one before. Where updates do not shrink
    although they are still large, all of them are taken back: `chosen` is then -1.
    """
    going_on = False
    for k in range(NARROW):
        chosen[0, k] = 0.0
        if lanes[DONE, k]:
            continue
        size, last = relative(work.mean, work.scale, work.terms, n_seen, k), lanes[LAST, k]
        if sweep == 0:
            lanes[FIRST, k] = size
        if size < last:
            chosen[0, k] = 1.0
            lanes[RATIO, k] = size / last
            # The next update is expected to be smaller by the same factor again.
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
def needs_more_sweeps(n_seen, work, lanes):
    """Whether any lane should continue: where updates shrink fast, and the remaining ones exceed a tenth of the error."""
    going_on = False
    for k in range(NARROW):
        if not lanes[DONE, k]:
            ratio = lanes[RATIO, k]
            ahead = lanes[LAST, k] * ratio / (1.0 - ratio)
            error = relative(work.mean, work.scale, work.terms, n_seen, k)
            lanes[DONE, k] = not (ratio < 0.5 and ahead > 0.1 * error)
            going_on |= lanes[DONE, k] == 0.0
    return going_on
