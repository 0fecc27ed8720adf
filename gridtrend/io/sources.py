"""The files and stores that lazy data are read from, found in what the data hold on to: graphs of dask, arrays of xarray."""

import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import xarray as xr

# Ends of names of files and stores that functions of a user may open when they are called.
SUFFIXES = (".nc", ".nc4", ".zarr")
# Attributes of objects of these packages lead to arrays that are read later; those of others are no concern of a graph.
LOOKED_INTO = ("dask", "xarray", "gridtrend")


def sources(data: xr.Dataset | xr.DataArray | xr.Variable) -> list[str]:
    """Paths of the files and stores that are read when lazy data are computed; none for what is in memory.

    Parameters
    ----------
    data : Dataset, DataArray or Variable
        Nothing of it is read.

    Examples
    --------
    >>> import numpy as np
    >>> sources(xr.DataArray(np.zeros(3)))
    []
    """
    variables = [data] if isinstance(data, xr.Variable) else _variables(data)
    left: list[Any] = [variable._data for variable in variables]
    # The objects themselves are kept: the identity of one that is gone may be given to another.
    seen: dict[int, Any] = {}
    found: dict[str, None] = {}
    while left:
        item = left.pop()
        if isinstance(item, (int, float, np.generic, type)) or item is None or id(item) in seen:
            continue
        seen[id(item)] = item
        paths = [os.fsdecode(path) for path in _paths(item) if isinstance(path, (str, bytes, os.PathLike))]
        found |= dict.fromkeys(paths)
        if not paths:
            left.extend(_parts(item))
    return list(found)


def _variables(data: xr.Dataset | xr.DataArray) -> list[xr.Variable]:
    inside = list(data.variables.values()) if isinstance(data, xr.Dataset) else [data.variable]
    return inside + [coordinate.variable for coordinate in data.coords.values()]


def _paths(item: Any) -> Iterable[Any]:
    """Where an object reads from, if it is one that reads."""
    if isinstance(item, (str, bytes, os.PathLike)):
        return [item] if os.fsdecode(item).endswith(SUFFIXES) else ()
    match type(item).__module__.partition(".")[0]:
        case "numpy":
            return [getattr(item, "filename", None)]
        case "gridtrend":
            return [part.path for part in getattr(item, "parts", ()) if hasattr(part, "path")]
        case "xarray":
            # A file that xarray opens, and closes and opens again when it has too many.
            return getattr(item, "_args", ()) if hasattr(item, "acquire") else ()
        case "zarr":
            store = getattr(item, "store", item)
            path = getattr(store, "path", None)
            # What dask opens goes through a store for all systems, where a path of this one is absolute.
            return [getattr(store, "root", path if isinstance(path, str) and os.path.isabs(path) else None)]
        case "netCDF4":
            holder = item.group() if hasattr(item, "group") else item
            return [holder.filepath()] if hasattr(holder, "filepath") else ()
        case "h5py" | "h5netcdf" | "scipy":
            return [getattr(getattr(item, "file", item), "filename", None)]
    return ()


def _parts(item: Any) -> Iterator[Any]:
    """What an object holds: all of a container, of a function what it was bound to, of others what may lead to files."""
    if isinstance(item, (list, tuple, set, frozenset)):
        yield from item
    elif isinstance(item, FunctionType):
        yield from (cell.cell_contents for cell in item.__closure__ or () if _is_filled(cell))
        yield item.__defaults__
    elif isinstance(item, MethodType):
        yield item.__self__
    elif isinstance(item, functools.partial):
        yield from (item.func, item.args, item.keywords)
    elif type(item).__module__.partition(".")[0] in LOOKED_INTO:
        slots = [name for kind in type(item).__mro__ for name in _names(getattr(kind, "__slots__", ()))]
        yield from (getattr(item, name, None) for name in [*getattr(item, "__dict__", ()), *slots])
    elif isinstance(item, Mapping):
        yield from item.values()


def _names(slots: Any) -> Iterable[str]:
    return [slots] if isinstance(slots, str) else slots


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
