"""What a result says of itself: history, grid, and how its values are stored."""

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.io.coordinates import holds_dates
from gridtrend.io.memory import CHUNK_CELLS

KEPT_ATTRS = ("title", "institution", "source", "references", "license")
REFERENCE_DATE = "days since 1850-01-01"


def history_line(command: str, version: str, now: datetime | None = None) -> str:
    """One entry of a CF history.

    Examples
    --------
    >>> history_line("gridtrend trend in.nc out.nc", "0.1.0", datetime(2026, 9, 20, 12, tzinfo=UTC))
    '2026-09-20T12:00:00Z gridtrend 0.1.0: gridtrend trend in.nc out.nc'
    """
    return f"{now or datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} gridtrend {version}: {command}"


def add_grid(result: xr.Dataset, array: xr.DataArray, source: xr.Dataset) -> xr.Dataset:
    """Give the trends of one variable the grid mapping and the cell bounds of the input.

    Parameters
    ----------
    result : Dataset
        What was computed from `array`.
    array : DataArray
        A variable of `source`.
    source : Dataset
        The input.

    Returns
    -------
    Dataset
        Bounds and grid mappings are data variables in it; `bounds` that name what is not there are dropped.
    """
    mapping = str(array.attrs.get("grid_mapping", ""))
    mapping_names = {word.rstrip(":") for word in mapping.split()} & set(source.data_vars)
    bounds = {str(c.attrs["bounds"]) for c in result.coords.values() if "bounds" in c.attrs}
    carried = {
        name: source[name].variable
        for name in sorted(mapping_names | bounds - set(result.variables))
        if name in source and _fits(source[name], result)
    }
    if mapping_names:
        for trend in result.data_vars.values():
            trend.attrs["grid_mapping"] = mapping
    result = result.assign(carried).reset_coords(sorted(bounds & set(result.coords)))
    for coordinate in result.coords.values():
        if coordinate.attrs.get("bounds", "") not in result.variables:
            coordinate.attrs.pop("bounds", None)
    return result


def _fits(array: xr.DataArray, result: xr.Dataset) -> bool:
    return all(result.sizes.get(dim, size) == size for dim, size in array.sizes.items())


def describe(result: xr.Dataset, source: xr.Dataset, history: str, title: str) -> xr.Dataset:
    """Set the global attributes: those of the input that still hold, those of the analysis, history.

    Parameters
    ----------
    result, source : Dataset
        Trends, and what they were computed from.
    history : str
        The newest line; those of the input follow it.
    title : str
        Used where the input has none.
    """
    kept = {key: source.attrs[key] for key in KEPT_ATTRS if source.attrs.get(key)}
    earlier = str(source.attrs.get("history", "")).strip()
    lines = "\n".join(filter(None, [history, earlier]))
    first = {"Conventions": "CF-1.11", "title": title}
    return result.assign_attrs(first | kept | result.attrs | {"history": lines})


def netcdf_encoding(result: xr.Dataset) -> dict[Any, dict[str, Any]]:
    """How each variable is stored, from nothing: the packing of the input must not round the results."""
    import netCDF4

    describing = describing_names(result)
    encoding: dict[Any, dict[str, Any]] = {}
    for name, variable in result.variables.items():
        if holds_dates(variable):
            encoding[name] = _date_encoding(variable)
        elif variable.dtype.kind in "iuf":
            encoding[name] = {"_FillValue": None}
            if name in result.data_vars and name not in describing and variable.ndim:
                encoding[name] |= {"zlib": True, "complevel": 1, "shuffle": True}
                if variable.size <= CHUNK_CELLS:
                    encoding[name]["chunksizes"] = variable.shape
                elif variable.chunks:
                    encoding[name]["chunksizes"] = _within_tile([sizes[0] for sizes in variable.chunks])
                if variable.dtype.kind == "f":
                    # NaN is no fill value for NCO, which looks for missing values by equality.
                    encoding[name]["_FillValue"] = netCDF4.default_fillvals[variable.dtype.str[1:]]
    return encoding


def _within_tile(tile: list[int]) -> tuple[int, ...]:
    """A chunk of at most CHUNK_CELLS that divides a tile, so that no chunk is packed twice."""
    chunk = list(tile)
    for axis, size in enumerate(tile):
        others = math.prod(chunk) // chunk[axis]
        chunk[axis] = max(k for k in range(1, size + 1) if size % k == 0 and (k == 1 or k * others <= CHUNK_CELLS))
    return tuple(chunk)


def zarr_encoding(result: xr.Dataset) -> dict[Any, dict[str, Any]]:
    """How each variable is stored in Zarr, where NaN is an honest fill value, and a chunk is what one task writes."""
    encoding: dict[Any, dict[str, Any]] = {}
    for name, variable in result.variables.items():
        if holds_dates(variable):
            encoding[name] = _date_encoding(variable)
        elif variable.dtype.kind == "f" and name in result.data_vars:
            encoding[name] = {"_FillValue": np.nan}
        if variable.chunks:
            encoding[name] = encoding.get(name, {}) | {"chunks": tuple(sizes[0] for sizes in variable.chunks)}
    return encoding


def _date_encoding(variable: xr.Variable) -> dict[str, Any]:
    kept = {key: variable.encoding[key] for key in ("units", "calendar") if key in variable.encoding}
    return {"units": REFERENCE_DATE, "dtype": "f8", "_FillValue": None} | kept


def describing_names(result: xr.Dataset) -> set[str]:
    """Names of the bounds and grid mappings among the variables."""
    texts = [
        str(variable.attrs.get(key, "")) for variable in result.variables.values() for key in ("bounds", "grid_mapping")
    ]
    return {word.rstrip(":") for text in texts for word in text.split()} & set(result.data_vars)
