"""Fixed steps: the cells of a tile advance together, at the same times."""

import numpy as np

from gridtrend.engine.jit import lane, outermost
from gridtrend.ode.kernels.matrices import inverse_of_shifted, times
from gridtrend.ode.kernels.state_tuples import WIDTH, along, chosen, correction_size, rows, set_rows
from gridtrend.ode.kernels.tile_cells import NOT_CONVERGED, fill, force, save

NEWTON_ITERATIONS = 25
# After a correction this small, relative to the state, the error is below rounding: Newton's method converges quadratically.
NEWTON_TOLERANCE = 1e-8
# A state this close to a level, relative to the level, touches it.
_ROUNDING = 64 * 2.220446049250313e-16


def explicit(step, n, nk, nq):
    """Advance a tile by one explicit step."""

    @lane
    def advance(tile, t, h, end, atol):
        for j in range(WIDTH):
            y, k = step(t, rows(tile, 0, n, j), rows(tile, n, nk, j), rows(tile, n + nk, nq, j), h, end)
            set_rows(tile, 0, j, y)
            set_rows(tile, n, j, k)

    return advance


def implicit(field, jacobian, theta, n, nq):
    """Advance a tile by one step of implicit Euler (theta 1) or of the implicit midpoint rule (theta 1/2).

    The slope k = f(t + theta h, y + theta h k) is found by Newton's method, starting from that of the step before. A cell that
    has converged is not changed any more, so that no cell depends on its neighbours.
    """
    iterating, failed = 2 * n + nq, 2 * n + nq + 1

    @lane
    def correct(tile, j, t, h, atol):
        y, k, q = rows(tile, 0, n, j), rows(tile, n, n, j), rows(tile, 2 * n, nq, j)
        inner = along(y, h, (theta,), (k,))
        residual = along(field(t, inner, q), -1.0, (1.0,), (k,))
        change = times(inverse_of_shifted(1.0, theta * h, jacobian(t, inner, q)), residual)
        active = tile[iterating * WIDTH + j] != 0.0
        set_rows(tile, n, j, chosen(active, along(k, 1.0, (1.0,), (change,)), k))
        small = correction_size(y, k, change, h, NEWTON_TOLERANCE, 1e-4 * atol) <= 1.0
        set_rows(tile, iterating, j, (1.0 if active and not small else 0.0,))

    @lane
    def advance(tile, t, h, end, atol):
        now = min(t + theta * h, end)
        for j in range(WIDTH):
            tile[iterating * WIDTH + j] = 1.0 - tile[failed * WIDTH + j]
        for _ in range(NEWTON_ITERATIONS):
            for j in range(WIDTH):
                correct(tile, j, now, h, atol)
            left = 0
            for j in range(WIDTH):
                left += tile[iterating * WIDTH + j] != 0.0
            if left == 0:
                break
        for j in range(WIDTH):
            set_rows(tile, 0, j, along(rows(tile, 0, n, j), h, (1.0,), (rows(tile, n, n, j),)))
            tile[failed * WIDTH + j] = max(tile[failed * WIDTH + j], tile[iterating * WIDTH + j])

    return advance


def implicit_within(field, jacobian, theta):
    """The state after one implicit step of any length, of one cell."""

    @lane
    def within(t, y, k, q, h, end):
        now = min(t + theta * h, end)
        for _ in range(NEWTON_ITERATIONS):
            inner = along(y, h, (theta,), (k,))
            residual = along(field(now, inner, q), -1.0, (1.0,), (k,))
            change = times(inverse_of_shifted(1.0, theta * h, jacobian(now, inner, q)), residual)
            k = along(k, 1.0, (1.0,), (change,))
            if correction_size(y, k, change, h, NEWTON_TOLERANCE, 0.0) <= 1.0:
                break
        return along(y, h, (1.0,), (k,))

    return within


def loop(start, advance, events, n, nk, nq, parameters):
    """The loop over tiles, segments of time, and steps; `events` makes the functions that search for crossings."""
    failed, before = n + nk + nq + 1, n + nk + nq + 2
    remember, notice, watching, size = events(nk, n + nk, before)
    length = before + n + nk + 1

    @outermost
    def run(y0, p, forcing, knots, linear, stops, knot, moments, counts, atol, cells, out, status, n_steps, crossed):
        tile, owner = np.zeros((before + size) * WIDTH), np.empty(WIDTH, np.int64)
        forced, steps = knots.size > 0, counts.sum()
        for first in range(0, cells.size, WIDTH):
            width = min(WIDTH, cells.size - first)
            for j in range(WIDTH):
                fill(tile, j, cells[first + min(j, width - 1)], y0, p, n + nk)
                tile[failed * WIDTH + j] = 0.0
            if moments[0] >= 0:
                for j in range(width):
                    save(tile, j, cells[first + j], moments[0], out, status)
            for s in range(counts.size):
                t, end = stops[s], stops[s + 1]
                h = (end - t) / counts[s]
                if forced:
                    for j in range(WIDTH):
                        cell = cells[first + min(j, width - 1)]
                        force(tile, j, cell, forcing, knots, knot[s], linear, t, n + nk + parameters)
                if s == 0 or forced:
                    for j in range(WIDTH):
                        set_rows(tile, n, j, start(t, rows(tile, 0, n, j), rows(tile, n + nk, nq, j)))
                for i in range(counts[s]):
                    if watching:
                        for j in range(WIDTH):
                            remember(tile, j, t + i * h, end)
                    advance(tile, t + i * h, h, end, atol)
                    if watching:
                        for j in range(WIDTH):
                            lost = j >= width or tile[failed * WIDTH + j] != 0.0
                            owner[j] = -1 if lost else cells[first + j]
                            tile[length * WIDTH + j] = h
                        notice(tile, owner, _ROUNDING, 0.0, crossed)
                if moments[s + 1] >= 0:
                    for j in range(width):
                        cell = cells[first + j]
                        if tile[failed * WIDTH + j] != 0.0 and status[cell] == 0:
                            status[cell] = NOT_CONVERGED
                        save(tile, j, cell, moments[s + 1], out, status)
            for j in range(width):
                n_steps[cells[first + j]] = steps

    return run
