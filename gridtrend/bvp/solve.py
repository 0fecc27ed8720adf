"""Nonlinear two-point boundary value problems, one per cell."""

from collections.abc import Mapping, Sequence

import xarray as xr

from gridtrend.bvp.conditions import Condition, Coupled, Value, ends
from gridtrend.bvp.mesh import mesh_of
from gridtrend.bvp.nonlinear_problem import NonlinearProblem
from gridtrend.bvp.results import solved
from gridtrend.bvp.right_hand_side import RightHandSide, states_of
from gridtrend.bvp.solve_linear import Slots, check_order
from gridtrend.grid.checks import is_whole


def solve(
    f: RightHandSide,
    coeffs: Mapping[str, Value],
    *,
    dim: str,
    left: Condition | None = None,
    right: Condition | None = None,
    coupled: Coupled | None = None,
    guess: Mapping[str, Value] | None = None,
    order: int = 2,
    breaks: Sequence[float] | None = None,
    max_iterations: int = 30,
) -> xr.Dataset:
    """Solve y' = f(y, c) in every cell, on the nodes that the coefficients c are given on.

    Newton's method on the box scheme, damped where that helps, then iterated deferred correction as in `solve_linear`. The
    Jacobian is derived from `f` itself, exactly.

    Parameters
    ----------
    f : callable
        `f(y, c)` returns a dict with the derivative of each state. `y` and `c` are dicts of states and coefficients,
        `y["u"]` or `y.u`, which are arrays of shape (nodes, cells); write it with operators, `numpy.where` and NumPy's functions such as `numpy.exp`.
        It must be picklable to run in other processes.
    coeffs : mapping of name to DataArray or number
        The coefficients c, real. At least one has `dim` with a coordinate of increasing numbers: the mesh, which `f` sees
        only if it is passed as a coefficient, too.
    dim : str
        The dimension to solve along. It must lie in one dask chunk.
    left, right, coupled
        Linear conditions at the ends, as in `solve_linear`.
    guess : mapping of state to DataArray or number, optional
        First guess of each state; what is not named starts from 0.
    order : {2, 4, 6}
        Order of accuracy, which takes as many nodes (between breaks).
    breaks : sequence of float, optional
        Nodes at which coefficients jump, as in `solve_linear`.
    max_iterations : int
        Newton steps after which a cell counts as not converged.

    Returns
    -------
    Dataset
        States, shape (..., dim, ...), error_estimate, residual and status as those of `solve_linear`; states are NaN where
        Newton's method did not converge or overflowed (status 4).

    Raises
    ------
    TypeError
        If a coefficient is not of real numbers, or `f` calls what has no known derivative.
    ValueError
        As in `solve_linear`; also if `f` does not return a derivative for each state.

    See Also
    --------
    solve_linear : much faster where f is linear in y.

    Notes
    -----
    Each Newton step and each sweep of correction costs as much as solving a linear problem and a few calls of `f`, for 1024
    cells at a time. A step is halved as long as updates computed after it do not shrink.

    References
    ----------
    Deuflhard, P. (1974). A modified Newton method for the solution of ill-conditioned systems of nonlinear equations with
    application to multiple shooting. Numer. Math. 22, 289-315. doi:10.1007/BF01406969

    Examples
    --------
    Bratu's problem u'' + exp(u) = 0, u(0) = u(1) = 0, whose maximum is 0.140539214400471798:

    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> x = xr.DataArray(np.linspace(0, 1, 33), dims="x")
    >>> def bratu(y, c):
    ...     return {"u": y["v"], "v": -c["strength"] * np.exp(y["u"])}
    >>> strength = xr.ones_like(x).assign_coords(x=x)
    >>> out = gt.bvp.solve(bratu, {"strength": strength}, dim="x", left={"u": 0.0}, right={"u": 0.0}, order=6)
    >>> round(float(out.u[16]), 9), int(out.status)
    (0.140539214, 0)
    """
    order = check_order(order)
    if not is_whole(max_iterations, 1):
        raise ValueError(f"max_iterations={max_iterations!r} is not a number of steps; give a whole number from 1 on.")
    if not isinstance(coeffs, Mapping):
        raise TypeError(f"coeffs is {type(coeffs).__name__}; a dict of coefficients by name is expected, {{'k': k}}.")
    states = states_of(f, coeffs)
    conditions = ends(states, left, right, coupled)
    if guess is not None and not isinstance(guess, Mapping):
        raise TypeError(f"guess is {type(guess).__name__}; a dict of first guesses by state is expected, {{'u': 1.0}}.")
    if unknown := set(guess or {}) - set(states):
        raise ValueError(f"the guess names {unknown.pop()!r}, and f has the states {', '.join(states)}.")
    slots = Slots(dim)
    coefficients = tuple((name, slots.of(value, f"coefficient {name!r}")) for name, value in coeffs.items())
    nodes = mesh_of(slots.arrays, dim, breaks, order)
    first = tuple(slots.of((guess or {}).get(state, 0.0), f"the guess of {state!r}") for state in states)
    rows, values = slots.of_conditions(conditions)
    if slots.is_complex:
        raise TypeError("nonlinear problems are real; write a complex state as its real and imaginary parts.")
    problem = NonlinearProblem(
        f, nodes, order, states, len(states) + len(conditions.carriers), len(conditions.left),
        coefficients, first, rows, values, int(max_iterations),
    )  # fmt: skip
    return solved(problem, states, slots.arrays, dim, float)
