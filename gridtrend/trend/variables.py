"""The variables of a Dataset that have trends."""

from collections.abc import Hashable

import xarray as xr


def numeric_variables(ds: xr.Dataset, dim: str) -> list[Hashable]:
    """The numeric variables that have `dim`, bounds of coordinates left out."""
    bounds = {str(variable.attrs.get("bounds")) for variable in ds.variables.values()}
    names = [
        name for name, da in ds.data_vars.items() if dim in da.dims and da.dtype.kind in "biuf" and name not in bounds
    ]
    if not names:
        found = ", ".join(f"{name} {da.dims}" for name, da in ds.data_vars.items()) or "none"
        raise ValueError(
            f"no numeric variable of the Dataset has the dimension {dim!r}; its variables are {found}. "
            "Name the dimension to follow: dim=..."
        )
    return names
