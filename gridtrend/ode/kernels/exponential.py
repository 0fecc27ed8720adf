"""Linear systems y' = A y + b(t) with b linear in time within each segment: exact, by the exponential of A.

The exponential of [[A, I, 0], [0, 0, I], [0, 0, 0]] h holds in its first row what y, b and the rate of change of b add to
the state at the end (Van Loan 1978, doi:10.1109/TAC.1978.1101743). It is found by scaling and squaring a Taylor series.
"""

import numpy as np

from gridtrend.engine.jit import assign, lanes, outermost
from gridtrend.ode.kernels.state_tuples import WIDTH, along, rows
from gridtrend.ode.kernels.tile_cells import NOT_LINEAR, fill, force, save

# For a norm up to 1/2, the first omitted term of the Taylor series is below 1e-19.
_DEGREE = 14
_LINEAR = 1e-9


@lanes
def exponential(m, work, result):
    """Write the exponential of the square matrix `m` to `result`; `m` is overwritten."""
    size = m.shape[0]
    norm = 0.0
    for i in range(size):
        norm = max(norm, np.abs(m[i]).sum())
    squarings = max(0, int(np.ceil(np.log2(max(norm, 1e-300)))) + 1)
    scale = 0.5**squarings
    for i in range(size):
        for j in range(size):
            m[i, j] *= scale
            result[i, j] = 1.0 if i == j else 0.0
    for power in range(_DEGREE, 0, -1):
        multiply(m, result, work)
        for i in range(size):
            for j in range(size):
                result[i, j] = work[i, j] / power + (1.0 if i == j else 0.0)
    for _ in range(squarings):
        multiply(result, result, work)
        for i in range(size):
            assign(result[i], work[i])


@lanes
def multiply(a, b, out):
    """Write the product of two small matrices to `out`."""
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            total = 0.0
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            out[i, j] = total


def loop(field, jacobian, n, nq, parameters):
    """The loop over cells and segments; a cell's exponential is kept until its matrix or the segment's length changes."""
    zeros, others, unknown = (0.0,) * n, (1.3,) * n, (np.nan,) * (n * n)

    @lanes
    def departs(t, h, y, q, a, b, rate):
        """Whether the field is not a y + b + rate t, at the states y and another one, in the middle of the segment."""
        for probe in (y, along(others, -0.7, (1.0,), (y,))):
            found = field(t + 0.5 * h, probe, q)
            for i in range(n):
                value, size = b[i] + 0.5 * h * rate[i], abs(b[i]) + abs(found[i])
                for j in range(n):
                    value += a[i * n + j] * probe[j]
                    size += abs(a[i * n + j] * probe[j])
                if not abs(value - found[i]) <= _LINEAR * size:
                    return True
        return False

    @lanes
    def set_exponential(a, h, m, work, result):
        m[:] = 0.0
        for i in range(n):
            for j in range(n):
                m[i, j] = a[i * n + j] * h
            m[i, n + i] = m[n + i, 2 * n + i] = h
        exponential(m, work, result)

    @outermost
    def run(y0, p, forcing, knots, linear, stops, knot, moments, cells, out, status, n_steps, crossed):
        tile = np.zeros((n + nq) * WIDTH)
        m, work, e = np.empty((3 * n, 3 * n)), np.empty((3 * n, 3 * n)), np.empty((3 * n, 3 * n))
        for cell in cells:
            fill(tile, 0, cell, y0, p, n)
            last, last_h = unknown, np.nan
            if moments[0] >= 0:
                save(tile, 0, cell, moments[0], out, status)
            for s in range(knot.size):
                t, end = stops[s], stops[s + 1]
                h = end - t
                if knots.size > 0:
                    force(tile, 0, cell, forcing, knots, knot[s], linear, t, n + parameters)
                y, q = rows(tile, 0, n, 0), rows(tile, n, nq, 0)
                a, b = jacobian(t, zeros, q), field(t, zeros, q)
                rate = along(zeros, 1.0 / h, (1.0, -1.0), (field(end, zeros, q), b))
                if departs(t, h, y, q, a, b, rate):
                    status[cell] = NOT_LINEAR
                if a != last or h != last_h:
                    set_exponential(a, h, m, work, e)
                    last, last_h = a, h
                for i in range(n):
                    total = 0.0
                    for j in range(n):
                        total += e[i, j] * y[j] + e[i, n + j] * b[j] + e[i, 2 * n + j] * rate[j]
                    tile[i * WIDTH] = total
                if moments[s + 1] >= 0:
                    save(tile, 0, cell, moments[s + 1], out, status)
            n_steps[cell] = knot.size

    return run
