"""Results as a Dataset."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.bvp.linear_problem import LinearProblem
from gridtrend.bvp.nonlinear_problem import NonlinearProblem
from gridtrend.grid.apply import map_cells, package_version
from gridtrend.grid.checks import check_coordinates
from gridtrend.grid.names import refuse_taken

ORDERS = (2, 4, 6)
# Variables of a result in addition to the states.
NAMES = ("error_estimate", "residual", "status")
MEANINGS = "solved long_steps doubtful uncorrected not_converged no_unique_solution missing_coefficients"


def solved(
    problem: LinearProblem | NonlinearProblem,
    states: Sequence[str],
    arrays: Sequence[xr.DataArray],
    dim: str,
    dtype: type,
) -> xr.Dataset:
    """Solve a problem in every cell: one variable for each state, then error, residual and status, with attributes.

    Parameters
    ----------
    problem : LinearProblem or NonlinearProblem
    states : sequence of str
        Names of the states.
    arrays : sequence of DataArray
        The coefficients, whose coordinates the result keeps.
    dim : str
        The dimension of the mesh.
    dtype : type
        Of the states.
    """
    check_coordinates(arrays, "the coefficients", "xarray.align, or da.interp_like")
    refuse_taken((*states, *NAMES), ["state"], *arrays)
    if "state" in states:
        raise ValueError("a state is called 'state', which is a dimension of error_estimate and residual; rename it.")
    results = map_cells(
        problem,
        arrays,
        [[dim] if dim in array.dims else [] for array in arrays],
        [*([dim] for _ in states), ["state"], ["state"], []],
        [*(dtype for _ in states), float, float, np.int8],
        {"state": len(states)},
    )
    dims = {dim for values in results for dim in values.dims}
    coords: dict[Any, Any] = {}
    for array in arrays:
        for name, coord in array.coords.items():
            # Skip a scalar coordinate (left by `.isel`) that has the name of a dimension of the result.
            if name not in coords and set(coord.dims) <= dims and (coord.dims or name not in dims):
                coords[name] = coord.variable
    variables: dict[Any, Any] = {}
    for name, values in zip(states, results, strict=False):
        variables[name] = values.variable.transpose(*order_of_dims(arrays, values.dims, dim))
        variables[name].attrs = {"long_name": f"{name}, solution of a boundary value problem"}
    error, residual, status = (
        values.variable.transpose(*order_of_dims(arrays, values.dims, dim)) for values in results[len(states) :]
    )
    error.attrs = {"long_name": "estimated error, largest over the nodes, in units of each state"}
    residual.attrs = {
        "long_name": "defect of the equations over an interval, largest over the mesh, in units of each state"
    }
    status.attrs = {
        "long_name": "status of the solution",
        "flag_values": np.arange(len(MEANINGS.split()), dtype=np.int8),
        "flag_meanings": MEANINGS,
    }
    variables |= {"error_estimate": error, "residual": residual, "status": status}
    accuracy, lowered = problem.order, problem.mesh.lowered(problem.order)
    attrs = {
        "method": "box scheme" if accuracy == 2 else f"box scheme with iterated deferred correction, order {accuracy}",
        "dimension": dim,
        "gridtrend_version": package_version(),
    }
    if lowered:
        attrs["comment"] = (
            f"{lowered} intervals have fewer than {accuracy} nodes in their quadrature: weights were too large"
        )
    return xr.Dataset(variables, {**coords, "state": list(states)}, attrs)


def order_of_dims(arrays: Sequence[xr.DataArray], dims: Sequence[Hashable], dim: str) -> list[Hashable]:
    """Dimensions of a result in the order of the coefficient along `dim` that has most of them, then of the others."""
    fullest = max(arrays, key=lambda array: (dim in array.dims) * (array.ndim + 1))
    found = dict.fromkeys([*fullest.dims, *(each for array in arrays for each in array.dims), *dims])
    return [each for each in found if each in dims]
