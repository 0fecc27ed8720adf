"""Results as a Dataset."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.apply import package_version

ORDERS = (2, 4, 6)
# Of what stands beside the states.
NAMES = ("error_estimate", "residual", "status")
MEANINGS = "solved long_steps no_gain_by_correction uncorrected not_converged no_unique_solution missing_coefficients"


def dataset(
    results: Sequence[xr.DataArray],
    states: Sequence[str],
    arrays: Sequence[xr.DataArray],
    dim: str,
    order: int,
    lowered: int,
) -> xr.Dataset:
    """One variable a state, then error, residual and status, with their attributes.

    Parameters
    ----------
    results : sequence of DataArray
        States, error, residual, status.
    states : sequence of str
        Their names.
    arrays : sequence of DataArray
        The coefficients, whose coordinates the result keeps.
    dim : str
        The dimension that was solved along.
    order : int
        The order asked for.
    lowered : int
        Intervals with fewer nodes in their quadrature than the order asks for.
    """
    dims = {dim for values in results for dim in values.dims}
    coords: dict[Any, Any] = {}
    for array in arrays:
        for name, coord in array.coords.items():
            # A cell picked from another field has its place as a number; it is not that of all cells.
            if name not in coords and set(coord.dims) <= dims and (coord.dims or name not in dims):
                coords[name] = coord.variable
    variables: dict[Any, Any] = {}
    for name, values in zip(states, results, strict=False):
        variables[name] = values.variable.transpose(dim, ...)
        variables[name].attrs = {"long_name": f"{name}, solution of a boundary value problem"}
    error, residual, status = (values.variable for values in results[len(states) :])
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
    attrs = {
        "method": "box scheme" if order == 2 else f"box scheme with iterated deferred correction, order {order}",
        "dimension": dim,
        "gridtrend_version": package_version(),
    }
    if lowered:
        attrs["comment"] = (
            f"{lowered} intervals have fewer than {order} nodes in their quadrature: weights were too large"
        )
    return xr.Dataset(variables, {**coords, "state": list(states)}, attrs)
