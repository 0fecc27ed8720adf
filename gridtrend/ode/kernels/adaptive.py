"""Each cell with its own step: cells of a tile take steps together, but each at its own time and of its own length.

A lane whose cell has arrived takes the next cell at once, so that no lane waits. What a cell does depends on it alone.
"""

import math
from typing import NamedTuple

import numpy as np

from gridtrend.engine import elementary
from gridtrend.engine.jit import lane, lanes, outermost
from gridtrend.ode.kernels.state_tuples import WIDTH, along, chosen, error_norm, rows, set_rows
from gridtrend.ode.kernels.tile_cells import DONE, NOT_FINITE, STEP_TOO_SMALL, TOO_MANY_STEPS, fill, force, save

_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 5.0
# Steps shorter than this, relative to time, cannot be told from none.
_SHORTEST = 16 * 2.220446049250313e-16
_exp, _log = elementary.exp, elementary.log


class Steps(NamedTuple):
    """How steps are chosen: the first (0: by its rule), the longest, tolerances, and the most tries a cell."""

    first: float
    longest: float
    rtol: float
    atol: float
    most: int


def attempt(step, exponent, n, nk, nq):
    """Try one step in each lane; where its error is tolerated, take it; set the next length."""
    clock = n + nk + nq

    @lane
    def advance(tile, longest, rtol, atol):
        for j in range(WIDTH):
            y, k, q = rows(tile, 0, n, j), rows(tile, n, nk, j), rows(tile, n + nk, nq, j)
            t, h, end, rejected, taken, tried = rows(tile, clock, 6, j)
            left = end - t
            h = min(h, longest)
            last = h >= left
            length = left if last else h
            y1, k1, error = step(t, y, k, q, length, end, rtol, atol)
            good = error <= 1.0
            factor = _SAFETY * _exp(-exponent * _log(error))
            factor = min(factor, 1.0 if rejected != 0.0 else _GROW) if factor > _SHRINK else _SHRINK
            ahead = length * factor
            # A step cut short by the end of a segment says nothing against the length before.
            ahead = h if good and last and h > ahead else ahead
            arrived = end if last else t + length
            set_rows(tile, 0, j, chosen(good, y1, y))
            set_rows(tile, n, j, chosen(good, k1, k))
            set_rows(
                tile,
                clock,
                j,
                (
                    arrived if good else t,
                    ahead,
                    end,
                    0.0 if good else 1.0,
                    taken + (1.0 if good else 0.0),
                    tried + 1.0,
                ),
            )

    return advance


def first_length(field, order, n, nk, nq):
    """A first step, by the rule of Hairer, Norsett & Wanner (II.4), from the slope here and one Euler step ahead."""

    @lane
    def guess(tile, j, t, end, rtol, atol):
        span = end - t
        y, q = rows(tile, 0, n, j), rows(tile, n + nk, nq, j)
        f0 = field(t, y, q)
        zero = along(y, -1.0, (1.0,), (y,))
        d0, d1 = error_norm(y, y, (y,), rtol, atol), error_norm(y, y, (f0,), rtol, atol)
        h = 0.01 * d0 / d1 if d0 >= 1e-5 and d1 >= 1e-5 else 1e-6
        h = min(h, span)
        f1 = field(min(t + h, end), along(y, h, (1.0,), (f0,)), q)
        d2 = error_norm(y, y, (along(zero, 1.0, (1.0, -1.0), (f1, f0)),), rtol, atol) / h
        largest = max(d1, d2)
        wanted = max(1e-6, h * 1e-3) if largest <= 1e-15 else (0.01 / largest) ** (1.0 / order)
        wanted = min(100.0 * h, wanted, span)
        return wanted if wanted > 0.0 else span

    return guess


def segments(start, guess, n, nk, nq, parameters):
    """What puts a cell at the start of a segment of time, and of its first one."""
    clock = n + nk + nq

    @lanes
    def begin(tile, j, cell, s, forcing, knots, knot, linear, stops):
        t = stops[s]
        if knots.size > 0:
            force(tile, j, cell, forcing, knots, knot[s], linear, t, n + nk + parameters)
        if s == 0 or knots.size > 0:
            set_rows(tile, n, j, start(t, rows(tile, 0, n, j), rows(tile, n + nk, nq, j)))
        tile[clock * WIDTH + j], tile[(clock + 2) * WIDTH + j] = t, stops[s + 1]

    @lanes
    def enter(tile, j, cell, forcing, knots, knot, linear, stops, first_step, rtol, atol):
        begin(tile, j, cell, 0, forcing, knots, knot, linear, stops)
        length = first_step
        if length <= 0.0:
            length = guess(tile, j, stops[0], stops[-1], rtol, atol)
        set_rows(tile, clock + 1, j, (length,))
        set_rows(tile, clock + 3, j, (0.0, 0.0, 0.0))

    return begin, enter


def arrival(begin, n, clock):
    """Whether something happens to a cell after a try, and what; that says whether the cell is finished."""

    # Merged into the loop: a call that passes all arrays takes longer than a step.
    @lane
    def due(tile, j, max_steps):
        t, h, end = rows(tile, clock, 3, j)
        return t == end or tile[(clock + 5) * WIDTH + j] >= max_steps or not h > _SHORTEST * abs(t)

    @lanes
    def trouble(tile, j, max_steps):
        t, h, tried = tile[clock * WIDTH + j], tile[(clock + 1) * WIDTH + j], tile[(clock + 5) * WIDTH + j]
        if tried >= max_steps:
            return TOO_MANY_STEPS
        if h > _SHORTEST * abs(t):
            return DONE
        for i in range(n):
            # The memory is the slope here, for methods that have one.
            if not math.isfinite(tile[(n + i) * WIDTH + j]):
                return NOT_FINITE
        return STEP_TOO_SMALL

    @lanes
    def settle(tile, j, cell, segment, forcing, knots, knot, linear, stops, moments, max_steps, out, status):
        last = stops.size - 1
        if tile[clock * WIDTH + j] == tile[(clock + 2) * WIDTH + j]:
            segment[j] += 1
            s = segment[j]
            if moments[s] >= 0:
                save(tile, j, cell, moments[s], out, status)
            if s < last and status[cell] == DONE:
                begin(tile, j, cell, s, forcing, knots, knot, linear, stops)
        else:
            status[cell] = trouble(tile, j, max_steps)
        # A cell that is lost is missing from here on, as results are until they are written.
        return segment[j] == last or status[cell] != DONE

    return due, settle


def loop(start, advance, guess, events, n, nk, nq, parameters):
    """The loop over tries: a lane whose cell is finished takes the next one."""
    clock = n + nk + nq
    before = clock + 6
    remember, notice, watching, size = events(nk, n + nk, before)
    span = before + n + nk
    begin, enter = segments(start, guess, n, nk, nq, parameters)
    due, settle = arrival(begin, n, clock)

    @outermost
    def run(y0, p, forcing, knots, linear, stops, knot, moments, steps, cells, out, status, n_steps, crossed):
        first_step, longest, rtol, atol, max_steps = steps
        tile = np.zeros((before + size) * WIDTH)
        segment, owner = np.zeros(WIDTH, np.int64), np.full(WIDTH, -1)
        entered = finished = 0
        while finished < cells.size:
            for j in range(WIDTH):
                cell = owner[j]
                if (
                    cell >= 0
                    and due(tile, j, max_steps)
                    and settle(
                        tile, j, cell, segment, forcing, knots, knot, linear, stops, moments, max_steps, out, status
                    )
                ):
                    n_steps[cell] = np.int32(tile[(clock + 4) * WIDTH + j])
                    finished += 1
                    owner[j] = -1
                if owner[j] < 0 and entered < cells.size:
                    owner[j], segment[j] = cells[entered], 0
                    entered += 1
                    fill(tile, j, owner[j], y0, p, n + nk)
                    if moments[0] >= 0:
                        save(tile, j, owner[j], moments[0], out, status)
                    enter(tile, j, owner[j], forcing, knots, knot, linear, stops, first_step, rtol, atol)
            if watching:
                for j in range(WIDTH):
                    remember(tile, j, tile[clock * WIDTH + j], tile[(clock + 2) * WIDTH + j])
            advance(tile, longest, rtol, atol)
            if watching:
                for j in range(WIDTH):
                    tile[(span + 1) * WIDTH + j] = tile[clock * WIDTH + j] - tile[span * WIDTH + j]
                notice(tile, owner, rtol, atol, crossed)

    return run
