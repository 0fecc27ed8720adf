"""Where the cells are: latitudes and longitudes that files do not declare as coordinates, or repeat at every step."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.io.coordinates import described_by, is_time

LATITUDE_UNITS = {"degrees_north", "degree_north", "degree_N", "degrees_N", "degreeN", "degreesN"}
LONGITUDE_UNITS = {"degrees_east", "degree_east", "degree_E", "degrees_E", "degreeE", "degreesE"}


def is_longitude(variable: xr.DataArray | xr.Variable) -> bool:
    """Whether attributes say that these are longitudes."""
    return _says(variable, "longitude", LONGITUDE_UNITS)


def is_place(variable: xr.DataArray | xr.Variable) -> bool:
    """Whether attributes say that these are latitudes or longitudes."""
    return is_longitude(variable) or _says(variable, "latitude", LATITUDE_UNITS)


def _says(variable: xr.DataArray | xr.Variable, kind: str, units: set[str]) -> bool:
    name = variable.attrs.get("standard_name")
    # Rotated grids have units "degrees"; data in degrees north have another standard name.
    if name is not None:
        return bool(name == kind)
    return str(variable.attrs.get("units", "")) in units and variable.dtype.kind in "iuf"


def with_places(dataset: xr.Dataset) -> xr.Dataset:
    """Make latitudes and longitudes coordinates that no variable names as such, as on grids of two dimensions.

    They describe the cells of other variables: what spans a dimension that no other variable has is data.
    """
    bounds = described_by(dataset)
    found = {
        str(name): set(variable.dims)
        for name, variable in dataset.data_vars.variables.items()
        if is_place(variable) and name not in bounds
    }
    others: set[Any] = {
        dim
        for name, variable in dataset.data_vars.variables.items()
        if name not in found and name not in bounds and variable.ndim > 1
        for dim in variable.dims
    }
    times = {dim for dim in dataset.dims if is_time(dataset, dim)}
    return dataset.set_coords([name for name, dims in found.items() if dims <= others - times])


def at_one_step(dataset: xr.Dataset, dim: str) -> xr.Dataset:
    """Keep one step of latitudes and longitudes that are the same at the first, the middle and the last one.

    WRF writes XLAT(Time, y, x): its cells stay where they are. Whatever moves is left as it is.
    """
    still = {
        name: variable.isel({dim: 0})
        for name, variable in dataset.variables.items()
        if variable.ndim > 1 and dim in variable.dims and is_place(variable) and _stays(variable, dim)
    }
    return dataset.drop_vars(list(still)).assign_coords(still) if still else dataset


def _stays(variable: xr.Variable, dim: str) -> bool:
    n = variable.sizes[dim]
    if not n:
        return False
    first, *others = (variable.isel({dim: k}).values for k in dict.fromkeys((0, n // 2, n - 1)))
    return all(np.array_equal(first, other, equal_nan=True) for other in others)
