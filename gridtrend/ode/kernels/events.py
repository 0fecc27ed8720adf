"""The first time that a state crosses a level, in each cell."""

import math

from gridtrend.grid.kernel import lanes
from gridtrend.ode.kernels.tuples import WIDTH, rows, set_rows

_HALVINGS = 60


@lanes
def crossing(s0, d0, s1, d1, h):
    """Where, in parts of a step, the cubic through two values and slopes is zero; the values are of opposite sign."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        x = 0.5 * (low + high)
        rest = 1.0 - x
        value = rest * rest * ((1.0 + 2.0 * x) * s0 + x * h * d0) + x * x * ((3.0 - 2.0 * x) * s1 - rest * h * d1)
        if (value > 0.0) == (s0 > 0.0) and value != 0.0:
            low = x
        else:
            high = x
    return high


def watch(field, watched, n, first_q, nq, first_level, before):
    """Functions that keep the states before a step, and look for crossings after it.

    `watched` holds the place of each event's state; their levels are rows of the tile from `first_level` on, and the states
    before the step lie in the rows from `before` on.
    """
    count = len(watched)
    places = watched or (0,)

    @lanes
    def remember(tile):
        if count > 0:
            for j in range(WIDTH):
                set_rows(tile, before, j, rows(tile, 0, n, j))

    @lanes
    def notice(tile, j, cell, t, h, crossed):
        for event in range(count):
            i = places[event]
            level = tile[(first_level + event) * WIDTH + j]
            s0, s1 = tile[(before + i) * WIDTH + j] - level, tile[i * WIDTH + j] - level
            if math.isnan(crossed[event, cell]) and s0 != 0.0 and (s0 > 0.0) != (s1 > 0.0) and h > 0.0:
                q = rows(tile, first_q, nq, j)
                d0 = field(t, rows(tile, before, n, j), q)[i]
                d1 = field(t + h, rows(tile, 0, n, j), q)[i]
                crossed[event, cell] = t + h * crossing(s0, d0, s1, d1, h)

    return remember, notice
