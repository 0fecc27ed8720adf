"""The kernel of linear problems y' = A y + q: one call solves all cells of a chunk."""

import math
from typing import NamedTuple

import numpy as np

from gridtrend.bvp.kernels.deferred_correction import (
    DOUBTFUL,
    HARMLESS,
    LARGE,
    MISSING,
    NOISE,
    SINGULAR,
    SOLVED,
    STIFF,
    Equations,
    Rule,
    accept,
    choose_lanes,
    copy,
    largest,
    measure_terms,
    needs_more_sweeps,
    new_lanes,
    new_workspace,
    relative,
    start_from_zero,
    update,
    with_states,
)
from gridtrend.bvp.kernels.elimination import close, factor, new_factors, scale_rows
from gridtrend.bvp.kernels.strided_fields import CELL, SIDE, TOGETHER, fill, unaligned, write_states
from gridtrend.engine.jit import assign, inlined
from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import NARROW, load_narrow, spread, store, subtract
from gridtrend.engine.output import Output
from gridtrend.engine.unit import unit

# A pivot at the right end below this triggers one step of iterative refinement; the problem is singular if that changes the
# solution by more than REFINED.
SUSPICIOUS = 1e-8
REFINED = 1e-4
# Maximum number of correction sweeps, where those of the order leave a part of the error.
MOST_SWEEPS = 12
# Purposes of an update of a tile.
SCHEME, REFINEMENT, CORRECTION, ASSESSMENT = range(4)


class Sizes(NamedTuple):
    """Numbers of states, of the user's states, of left conditions, of states that make one of the user's, and of sweeps."""

    n: int
    n_seen: int
    n_left: int
    parts: int
    sweeps: int


@kernel(
    "(field,four),(field,four),(field,four),(field,four),(x),(row),(entry),(source),(interval,two),(interval),(interval,few),(interval),(interval,more),(interval)",
    "lllldllldldldl",
    Output("error", "estimated error", dims=("state", "side")),
    Output("residual", "residual", dims=("state", "side")),
    Output("status", "status", dtype="i1", dims=("side",)),
)
def solve_linear(
    a_fields,
    q_fields,
    end_fields,
    y_fields,
    x,
    starts,
    cols,
    sources,
    box_weights,
    box_first,
    weights,
    first,
    next_weights,
    next_first,
    sizes: Sizes,
    out,
):
    """Solve all cells.

    `sweeps` is the number of sweeps of the order, 0 for order 2; -1 skips the estimate of errors. `parts` is 2 for complex
    states, which are two real ones each.
    """
    n, n_seen, n_left, parts, sweeps = sizes
    error, residual, status = out
    box, rule, following = Rule(box_weights, box_first), Rule(weights, first), Rule(next_weights, next_first)
    n_y = x.size * n
    # Right-hand sides that share a matrix are solved one after another, tile by tile.
    n_tiles = TOGETHER if status.shape[0] == 1 else 1
    a, q = np.empty((x.size * cols.size, NARROW)), np.empty((x.size * sources.size, NARROW))
    states, ends = np.empty((n_tiles * n_y, NARROW)), np.empty((n * n + n, NARROW))
    factors, work = new_factors(n, n_left, x.size, cols.size), new_workspace(n, n_left, x.size)
    rho, flags = np.empty(NARROW), np.empty(NARROW, np.int64)
    equations = Equations(x, a, starts, cols, q, sources, n, n_seen)
    shared = is_shared(a_fields) and is_shared(end_fields[: n * n])
    group = n_tiles * NARROW
    for aligned in range(unaligned(y_fields) - group, status.shape[1], group):
        start, stop = max(aligned, 0), min(aligned + group, status.shape[1])
        for side in range(status.shape[0]):
            for first_cell in range(start, stop, NARROW):
                used, tile = min(NARROW, stop - first_cell), (first_cell - start) // NARROW
                fill(end_fields, 1, side, first_cell, used, ends)
                fill(q_fields, x.size, side, first_cell, used, q)
                here = with_states(work, states[tile * n_y : (tile + 1) * n_y])
                left, swept = ends[: n_left * n].copy(), False
                set_ends(ends, n, scale_rows(left, n_left, n), here)
                if side == 0 and (not shared or first_cell == 0):
                    fill(a_fields, x.size, 0, first_cell, used, a)
                    swept = factor(equations, box, left, factors, here)
                    stiffness(equations, factors.reach, rho)
                    close(left, ends[n_left * n :], n, factors.inverse, factors.pivot)
                for k in range(NARROW):
                    flags[k] = STIFF if rho[k] > 2.0 else 0
                iterate(equations, factors, box, rule, following, sweeps, swept, here, flags)
                if sweeps > 0:
                    flag_slow_corrections(n, n_seen, here, flags)
                if sweeps >= 0:
                    flag_large_errors(equations, parts, sweeps > 0, here, flags)
                write(equations, ends, here, flags, side, first_cell, used, error, residual, status)
            write_states(states, side, start, stop - start, y_fields, x.size)


@unit
def iterate(equations, factors, box, rule, following, sweeps, swept, work, flags):
    """The solution of the box scheme, its corrections, and its error; the last update remains in `work`.

    `swept`: the first forward sweep was done during the elimination. A state machine with one call of `update`, because that
    call is inlined and its machine code is large.
    """
    lanes, chosen = new_lanes(), np.empty((1, NARROW))
    purpose, sweep, taken = SCHEME, 0, box
    if not swept:
        start_from_zero(equations, work)
    while True:
        at_rest = purpose == SCHEME
        update(equations, factors, taken, at_rest, at_rest and swept, work.y if at_rest else work.d, work)
        # The states now satisfy the conditions, so the right-hand sides at the ends are zero.
        for row in range(work.carried.shape[0]):
            store(work.carried, row, spread(0.0))
        for row in range(work.at_right.shape[0]):
            store(work.at_right, row, spread(0.0))
        if purpose == SCHEME:
            copy(work.size, work.scale)
            # Pivots of failed cells are NaN; NaN < SUSPICIOUS is False, so that they never trigger refinement.
            purpose = REFINEMENT if _is_suspicious(factors.pivot) else CORRECTION
            if sweeps > 0 or purpose == REFINEMENT:
                copy(work.y, work.kept)
                measure_terms(equations, work)
        elif purpose == REFINEMENT:
            # In a regular problem, a step of iterative refinement does not change the solution.
            for k in range(NARROW):
                if relative(work.mean, work.scale, work.terms, equations.n_seen, k) > REFINED:
                    flags[k] = SINGULAR
            purpose = CORRECTION
        elif purpose == CORRECTION:
            if not choose_lanes(equations.n_seen, sweep, work, lanes, chosen, flags):
                purpose = ASSESSMENT
            sweep += 1
            accept(work, chosen)
        elif sweeps > 0 and sweep < MOST_SWEEPS and needs_more_sweeps(equations.n_seen, work, lanes):
            purpose = CORRECTION
            taken = rule
            continue
        else:
            break
        if purpose == CORRECTION and sweep >= sweeps:
            purpose = ASSESSMENT
        if sweeps < 0:
            break
        taken = box if purpose == REFINEMENT else rule if purpose == CORRECTION else following


@inlined
def _is_suspicious(pivot):
    suspicious = False
    for k in range(NARROW):
        suspicious |= pivot[k] < SUSPICIOUS
    return suspicious


@unit
def is_shared(fields):
    """Whether all cells have the same values."""
    shared = True
    for row in range(fields.shape[0]):
        shared &= fields[row, SIDE] == 0 and fields[row, CELL] == 0
    return shared


@unit
def set_ends(ends, n, scales, work):
    """Values of the conditions as right-hand sides; those of left conditions are scaled like their rows."""
    n_left = scales.shape[0]
    for r in range(n):
        for k in range(NARROW):
            if r < n_left:
                work.carried[r, k] = ends[n * n + r, k] * scales[r, k]
            else:
                work.at_right[r - n_left, k] = ends[n * n + r, k]


@unit
def stiffness(equations, reach, rho):
    """Spectral radius of the largest |h A|, lane by lane; it does not depend on the units of the states."""
    n = equations.n
    if n == 2:
        for k in range(NARROW):
            mean, half = reach[0, k] + reach[3, k], reach[0, k] - reach[3, k]
            rho[k] = mean + math.sqrt(half * half + 4.0 * reach[1, k] * reach[2, k])
        return
    _stiffness_of_many(equations, reach, rho)


@unit(deferred=True)
def _stiffness_of_many(equations, reach, rho):
    n = equations.n
    power, square = np.empty((n, n)), np.empty((n, n))
    for k in range(NARROW):
        for s in range(n):
            for c in range(n):
                power[s, c] = 0.0
            for e in range(equations.starts[s], equations.starts[s + 1]):
                power[s, equations.cols[e]] = 2.0 * reach[e, k]
        rho[k] = _spectral_radius(power, square, n)


@unit
def _spectral_radius(power, square, n):
    """Gelfand's formula with the 32nd power of a matrix without negative entries, which is overwritten."""
    exponent, logarithm = 1.0, 0.0
    for _ in range(6):
        size = 0.0
        for r in range(n):
            for c in range(n):
                size = max(size, power[r, c])
        if not size > 0.0:
            return 0.0
        logarithm += math.log(size) / exponent
        exponent *= 2.0
        for r in range(n):
            for c in range(n):
                total = 0.0
                for j in range(n):
                    total += (power[r, j] / size) * (power[j, c] / size)
                square[r, c] = total
        for r in range(n):
            assign(power[r], square[r])
    return math.exp(logarithm)


@unit
def flag_slow_corrections(n, n_seen, work, flags):
    """Flag lanes where corrections changed no more than the error that remains; overwrites `work.kept`."""
    for row in range(work.y.shape[0]):
        store(work.kept, row, subtract(load_narrow(work.kept, row), load_narrow(work.y, row)))
    changed = np.empty_like(work.size)
    largest(work.kept, n, changed, work.mean)
    for k in range(NARROW):
        if (
            flags[k] < DOUBTFUL
            and relative(work.size, changed, work.terms, n_seen, k) > 0.5
            and relative(work.size, work.scale, work.terms, n_seen, k) > HARMLESS
        ):
            flags[k] = DOUBTFUL


@unit
def flag_large_errors(equations, parts, corrected, work, flags):
    """Flag lanes where the estimated error is a large part of the solution, before or after corrections: nearly singular."""
    n, n_seen = equations.n, equations.n_seen
    if corrected:
        final = np.empty_like(work.size)
        largest(work.y, n, final, work.mean)
        for s in range(n_seen):
            for k in range(NARROW):
                work.scale[s, k] = min(work.scale[s, k], final[s, k])
    suspicious = False
    for s in range(n_seen):
        for k in range(NARROW):
            suspicious |= flags[k] == SOLVED and work.size[s, k] > LARGE * work.scale[s, k]
    if suspicious:
        _compare_with_terms(equations, parts, work, flags)


@unit(deferred=True)
def _compare_with_terms(equations, parts, work, flags):
    measure_terms(equations, work)
    for k in range(NARROW):
        if flags[k] != SOLVED:
            continue
        for s in range(0, equations.n_seen, parts):
            size, scale, through = 0.0, 0.0, 0.0
            for part in range(s, s + parts):
                size = math.hypot(size, work.size[part, k])
                scale = math.hypot(scale, work.scale[part, k])
                through += work.terms[part, k]
            if size > LARGE * scale and size > NOISE * through:
                flags[k] = DOUBTFUL


@unit
def write(equations, ends, work, flags, side, start, used, error, residual, status):
    """Write errors, residuals and status of a tile; states of cells without a solution become NaN."""
    n, n_nodes = equations.n, equations.x.size
    for k in range(used):
        finite = flags[k] != SINGULAR
        for s in range(n):
            finite &= math.isfinite(work.y[s, k]) and math.isfinite(work.y[(n_nodes - 1) * n + s, k])
        for s in range(n):
            error[s, side, start + k] = work.size[s, k] if finite else np.nan
            residual[s, side, start + k] = work.defect[s, k] if finite else np.nan
        if not finite:
            flags[k] = MISSING if _is_missing(equations, ends, k) else SINGULAR
            for row in range(work.y.shape[0]):
                work.y[row, k] = np.nan
        status[side, start + k] = flags[k]


@inlined
def _is_missing(equations, ends, k):
    missing = False
    for row in range(ends.shape[0]):
        missing |= not math.isfinite(ends[row, k])
    for row in range(equations.a.shape[0]):
        missing |= not math.isfinite(equations.a[row, k])
    for row in range(equations.q.shape[0]):
        missing |= not math.isfinite(equations.q[row, k])
    return missing
