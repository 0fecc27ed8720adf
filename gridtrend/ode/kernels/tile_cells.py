"""Copying cells into tiles and out of them, for both loops over cells."""

import math

import numpy as np

from gridtrend.engine.jit import lanes
from gridtrend.ode.kernels.state_tuples import WIDTH

# Status of a cell.
DONE, MISSING, NOT_FINITE, NOT_CONVERGED, TOO_MANY_STEPS, STEP_TOO_SMALL, NOT_LINEAR = range(7)


@lanes
def fill(tile, place, cell, y0, parameters, first_parameter):
    """Put a cell's initial state and parameters in lane `place`."""
    for i in range(y0.shape[0]):
        tile[i * WIDTH + place] = y0[i, cell]
    for i in range(parameters.shape[0]):
        tile[(first_parameter + i) * WIDTH + place] = parameters[i, cell]


@lanes
def force(tile, place, cell, forcing, knots, knot, linear, start, first_row):
    """Put the forcing at the start of a segment, its rates of change, and the start time in lane `place`."""
    count = len(forcing)
    for i in range(count):
        value, rate = float(forcing[i][knot, cell]), 0.0
        if linear:
            width = knots[knot + 1] - knots[knot]
            rate = (forcing[i][knot + 1, cell] - value) / width
            value += rate * (start - knots[knot])
        tile[(first_row + i) * WIDTH + place] = value
        tile[(first_row + count + i) * WIDTH + place] = rate
    tile[(first_row + 2 * count) * WIDTH + place] = start


@lanes
def save(tile, place, cell, moment, out, status):
    """Write the state of a cell, or NaN if the cell has failed or is not finite."""
    finite = status[cell] == DONE
    for i in range(out.shape[0]):
        finite = finite and math.isfinite(tile[i * WIDTH + place])
    if not finite and status[cell] == DONE:
        status[cell] = NOT_FINITE
    for i in range(out.shape[0]):
        out[i, moment, cell] = tile[i * WIDTH + place] if finite else np.nan
