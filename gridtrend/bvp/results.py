"""Results as a Dataset."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.apply import package_version
from gridtrend.grid.dialect import quoted

ORDERS = (2, 4, 6)
# Of what stands beside the states.
NAMES = ("error_estimate", "residual", "status")
MEANINGS = "solved long_steps doubtful uncorrected not_converged no_unique_solution missing_coefficients"


def dataset(
    results: Sequence[xr.DataArray],
    states: Sequence[str],
    arrays: Sequence[xr.DataArray],
    dim: str,
    accuracy: int,
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
    accuracy : int
        The order of accuracy asked for.
    lowered : int
        Intervals with fewer nodes in their quadrature than the order asks for.
    """
    dims = {dim for values in results for dim in values.dims}
    taken = next((name for name in (*states, "error_estimate", "residual", "status") if name in dims), None)
    if taken is not None:
        raise ValueError(
            f"a dimension of the coefficients is called {taken!r}, as a result is; rename it: da.rename(...)."
        )
    coords: dict[Any, Any] = {}
    for array in arrays:
        for name, coord in array.coords.items():
            # A cell picked from another field has its place as a number; it is not that of all cells.
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


def check_alike(arrays: Sequence[xr.DataArray]) -> None:
    """Refuse coefficients whose coordinates differ."""
    try:
        xr.align(*arrays, join="exact", copy=False)
    except ValueError as error:
        raise ValueError(
            f"the coefficients do not have the same coordinates ({quoted(error)}). Bring them together first: "
            "xarray.align, or da.interp_like."
        ) from None


def order_of_dims(arrays: Sequence[xr.DataArray], dims: Sequence[Hashable], dim: str) -> list[Hashable]:
    """Dimensions of a result in the order of the coefficients: of the one along `dim` that has most, then of the others."""
    fullest = max(arrays, key=lambda array: (dim in array.dims) * (array.ndim + 1))
    found = dict.fromkeys([*fullest.dims, *(each for array in arrays for each in array.dims), *dims])
    return [each for each in found if each in dims]
