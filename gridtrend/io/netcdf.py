"""One open handle for each netCDF file in a process, and single variables as the file holds them.

Strings that are read through a second handle of a file that is open already crash the netCDF library when that handle
is closed (Unidata/netcdf4-python#1444). All readers of a file share one handle, which is closed when the last of them
is forgotten; xarray's cache of open files closes it earlier where there are too many.
"""

import os
import threading
from typing import TYPE_CHECKING, Any, Literal

import xarray as xr

if TYPE_CHECKING:
    from xarray.backends import NetCDF4DataStore

# The netCDF library is not safe among threads, and opening a file asks it a hundred questions.
NETCDF_LOCK = threading.RLock()


def open_store(path: str, group: str | None = None) -> "NetCDF4DataStore":
    """Open a file, or share the handle that is open; `group` names a group in it, such as "ocean/surface"."""
    from xarray.backends import CachingFileManager, NetCDF4DataStore
    from xarray.backends.locks import HDF5_LOCK, NETCDFC_LOCK, combine_locks

    lock = combine_locks([NETCDFC_LOCK, HDF5_LOCK])
    name, identity = _identity(path)
    manager = CachingFileManager(_open_file, name, mode="r", lock=lock, manager_id=identity)
    return NetCDF4DataStore(manager, group=group, lock=lock)


def _open_file(path: str, mode: Literal["r"]) -> Any:
    import netCDF4

    return netCDF4.Dataset(path, mode=mode)


def _identity(path: str) -> tuple[str, str]:
    """What to open, and a text that changes when the file is replaced: a new file must not get the old one's handle."""
    if not os.path.exists(path):
        return path, "gridtrend"
    status = os.stat(path)
    return os.path.realpath(path), f"gridtrend {status.st_ino} {status.st_size} {status.st_mtime_ns}"


def open_raw(path: str, group: str | None = None) -> xr.Dataset:
    """All variables of a file or group as they are stored, without reading them.

    Variables of the groups above that describe those of the group come with them: coordinates of its dimensions, and
    what its attributes name.
    """
    with NETCDF_LOCK:
        dataset = _open_group(path, group)
        above = (group or "").strip("/")
        while above:
            above = above.rpartition("/")[0]
            dataset = _with_inherited(dataset, _open_group(path, above or None))
        return dataset


def _open_group(path: str, group: str | None) -> xr.Dataset:
    from xarray.backends.store import StoreBackendEntrypoint

    store = open_store(path, group)
    return xr.open_dataset(
        store,
        engine=StoreBackendEntrypoint,
        cache=False,
        mask_and_scale=False,
        decode_times=False,
        decode_timedelta=False,
        concat_characters=False,
        decode_coords=False,
    )


def _with_inherited(dataset: xr.Dataset, parent: xr.Dataset) -> xr.Dataset:
    named = {
        word.rstrip(":")
        for variable in dataset.variables.values()
        for key in ("coordinates", "bounds", "grid_mapping")
        for word in str(variable.attrs.get(key, "")).split()
    }
    wanted = (named | set(map(str, dataset.dims))) - set(map(str, dataset.variables))
    return dataset.assign({name: parent[name].variable for name in sorted(wanted) if name in parent.variables})


def groups_of(path: str) -> list[str]:
    """Names of the groups in a file, such as "ocean/surface": those that hold variables, or all where none does."""
    found = {}

    def walk(group: Any) -> None:
        for child in group.groups.values():
            found[child.path.strip("/")] = bool(child.variables)
            walk(child)

    with NETCDF_LOCK:
        walk(open_store(path).ds)
    return [name for name, holds in found.items() if holds] or list(found)


class RawVariable:
    """One variable of a file, as it is stored; nothing else of the file is read."""

    def __init__(self, path: str, name: str, group: str | None = None):
        self.store = open_store(path, group)
        self.name = name
        self.variable: xr.Variable = self.store.open_store_variable(name, self.store.ds.variables[name])

    def keep_chunks(self, kept: bool) -> None:
        """Say whether unpacked chunks are kept: for a selection that comes to the same chunk several times."""
        import netCDF4

        variable = self.store.ds.variables[self.name]
        if not isinstance(variable.chunking(), list):
            return
        wanted = netCDF4.get_chunk_cache() if kept else (0, 1, 0.0)
        if variable.get_var_chunk_cache()[0] != wanted[0]:
            variable.set_var_chunk_cache(*wanted)

    def keep_one_chunk(self, nbytes: int) -> None:
        """Keep the next chunk of so many bytes, until this is called again."""
        variable = self.store.ds.variables[self.name]
        if isinstance(variable.chunking(), list):
            # Forgotten first, or two chunks would be there at a time.
            variable.set_var_chunk_cache(0, 1, 0.0)
            variable.set_var_chunk_cache(nbytes, 1, 0.0)
