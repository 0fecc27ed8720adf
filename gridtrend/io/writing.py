"""Write a result to netCDF or Zarr: all of it, or nothing."""

import contextlib
import os
import warnings
from pathlib import Path
from typing import Any

import xarray as xr

from gridtrend.grid.calendars import with_year_zero
from gridtrend.io.errors import OutputError, StorageError, storing
from gridtrend.io.exchange import exchange_folders, move, replace_file, sync
from gridtrend.io.execute import Report, Target, run
from gridtrend.io.marker import drop_unfinished, mark, why_not_ours
from gridtrend.io.metadata import describing_names, netcdf_encoding, zarr_encoding
from gridtrend.io.netcdf import NETCDF_LOCK
from gridtrend.io.sources import sources
from gridtrend.io.targets import check_output, require_replaceable, why_not_writable
from gridtrend.io.workspaces import Workspace, workspace
from gridtrend.io.zarrstore import is_stored


def write(
    result: xr.Dataset | xr.DataArray,
    path: str | Path,
    *,
    overwrite: bool = False,
    report: Report = lambda *_: None,
    work: Workspace | None = None,
) -> None:
    """Write a result, computing it on the way where it is lazy.

    It grows in a hidden folder beside the output and is moved into place when it is complete: whatever goes wrong, there is
    no half file, and what was there before is untouched. Only files, and Zarr stores that gridtrend wrote, are replaced, and
    none that a lazy result is computed from. A lazy result is computed region by region, on whatever scheduler dask is set
    to: netCDF is written by this process, Zarr by whoever computes.

    Parameters
    ----------
    result : Dataset or DataArray
        Lazy or not. Encodings are made anew.
    path : str or Path
        A name that ends in .nc or .zarr.
    overwrite : bool
        Whether a file, or a Zarr store that gridtrend wrote, may be replaced.
    report : callable
        Told what is going on, how much is done, and of how much; last that all is written, before it is moved into
        place. Raise an exception in it to stop.
    work : Workspace, optional
        The hidden folder, where there is one already.

    Raises
    ------
    OutputError
        If it cannot be written, it is computed from what it would replace, or another run is writing it. What goes wrong in
        the computation is raised as it is.
    InputError
        If a file that it is computed from cannot be read, or changed meanwhile.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> rain = xr.DataArray(np.arange(60.0).reshape(10, 2, 3), dims=("time", "lat", "lon")).chunk(lat=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gt.write(rain.gridtrend.theil_sen(), f"{folder}/slope.zarr")
    ...     float(xr.open_zarr(f"{folder}/slope.zarr").slope[0, 0])
    6.0
    """
    if work is None:
        # What is not there yet is no input.
        inputs = sources(result) if os.path.lexists(path) else ()
        target = check_output(path, inputs, overwrite=overwrite)
    else:
        target = work.target
    if isinstance(result, xr.DataArray):
        result = result.to_dataset(name=result.name or "result")
    # Whoever has no folder yet has no way either to go on with what is left in it.
    own = workspace(target, overwrite=overwrite, resumable=False) if work is None else contextlib.nullcontext(work)
    with own as place:
        try:
            # Dates before the year 1 are encoded without a sentence of cftime.
            with with_year_zero():
                (_write_zarr if target.suffix == ".zarr" else _write_netcdf)(_uniform(result), place, report)
        except StorageError as error:
            raise OutputError(_why_not_stored(target, error)) from error
        report("writing", 1, 1)
        place.require_same_inputs()
        try:
            with storing():
                _publish(place, overwrite)
        except StorageError as error:
            raise OutputError(_why_not_stored(target, error)) from error


def _why_not_stored(target: Path, error: StorageError) -> str:
    # The netCDF library does not say that a disk is full.
    known = (getattr(error.__cause__, "errno", None) or 0) > 0
    reason = str(error) if known else why_not_writable(target.parent) or f"{error} (a full disk, or a quota?)"
    return f"cannot write '{target}': {reason}; no file was left or changed"


def _uniform(result: xr.Dataset) -> xr.Dataset:
    """Chunks of one size, so that every region is written by one task; encodings forgotten."""
    sizes = {
        name: {dim: max(chunks) for dim, chunks in variable.chunksizes.items()}
        for name, variable in result.variables.items()
        if any(len(set(chunks[:-1])) > 1 or chunks[-1] > chunks[0] for chunks in variable.chunksizes.values())
    }
    result = result.assign({name: result[name].chunk(chunks) for name, chunks in sizes.items()}).drop_encoding()
    for name in describing_names(result):
        result[name].encoding["coordinates"] = None
    return result


def _is_lazy(result: xr.Dataset) -> bool:
    # Not `result.chunks`, which raises where variables are chunked differently; chunks of a lazy number are empty.
    return any(variable.chunks is not None for variable in result.variables.values())


def _write_netcdf(result: xr.Dataset, work: Workspace, report: Report) -> None:
    encoding = netcdf_encoding(result)
    if not _is_lazy(result):
        with storing():
            result.to_netcdf(work.part, engine="netcdf4", encoding=encoding)
        return
    from xarray.backends import NetCDF4DataStore

    with NETCDF_LOCK, storing():
        store = NetCDF4DataStore.open(str(work.part), mode="w")
    try:
        kept = _Kept()
        with NETCDF_LOCK, storing():
            result.dump_to_store(store, writer=kept, encoding=encoding)
            _keep_no_chunks(store.ds, [name for name, variable in result.variables.items() if variable.chunks])
        targets = [Target(pair[1].variable_name, *pair) for pair in kept.lazy]
        run(targets, lock=NETCDF_LOCK, report=report, settle=lambda group: _let_go(store.ds, group))
    finally:
        with NETCDF_LOCK, storing():
            store.close()


def _keep_no_chunks(file: Any, names: list[Any]) -> None:
    """Have the library pack each chunk when it is written, where a chunk is part of one region: it keeps megabytes of each."""
    for name in names:
        variable = file.variables[name]
        chunks = variable.chunking()
        if isinstance(chunks, list) and tuple(chunks) != variable.shape:
            variable.set_var_chunk_cache(0, 1, 0.0)


def _let_go(file: Any, group: list[Target]) -> None:
    """Have the library forget what it keeps of variables that are complete."""
    with NETCDF_LOCK, storing():
        for target in group:
            variable = file.variables[target.name]
            if isinstance(variable.chunking(), list):
                variable.set_var_chunk_cache(0, 1, 0.0)


class _Kept:
    """What xarray hands a writer: written if it is there, kept with its place if it is lazy."""

    def __init__(self) -> None:
        self.lazy: list[tuple[Any, Any]] = []

    def add(self, source: Any, into: Any, region: Any = None) -> None:
        if hasattr(source, "dask"):
            self.lazy.append((source, into))
        else:
            into[region if region else ...] = source


def _write_zarr(result: xr.Dataset, work: Workspace, report: Report) -> None:
    import zarr

    encoding = zarr_encoding(result)
    if not _is_laid_out(result, work):
        with storing():
            # A chunk that is not there was lost, then, and does not stand for missing values.
            options: dict[str, Any] = {"compute": False, "consolidated": False, "write_empty_chunks": True}
            _template(result).to_zarr(work.part, mode="w", encoding=encoding, **options)
        work.ledger.enter("store", ())
    if _is_lazy(result):
        _fill(result, encoding, work, report)
    with storing(), warnings.catch_warnings():
        # Readers look for metadata in one place; the specification of the third format does not have it yet.
        warnings.simplefilter("ignore")
        drop_unfinished(work.part)
        zarr.consolidate_metadata(work.part)
        mark(work.part, work.run)


def _template(result: xr.Dataset) -> xr.Dataset:
    """The result with one dask chunk in each lazy variable.

    `to_zarr` builds a graph that writes every chunk, and keeps about 4 kB for each, even if nothing is to be computed.
    """
    import dask.array

    lazy = {name: variable for name, variable in result.variables.items() if variable.chunks is not None}
    blank = {
        name: variable.copy(data=dask.array.zeros(variable.shape, dtype=variable.dtype, chunks=-1))
        for name, variable in lazy.items()
    }
    return result.assign(blank) if blank else result


def _is_laid_out(result: xr.Dataset, work: Workspace) -> bool:
    """Whether an earlier run has made all arrays, and stored what is not computed region by region."""
    if not work.ledger.finished("store"):
        return False
    import zarr

    try:
        store = zarr.open_group(work.part, mode="r")
        arrays: dict[Any, Any] = {name: store[str(name)] for name in result.variables}
    except (OSError, KeyError, ValueError):
        return False
    at_once = [name for name, variable in result.variables.items() if variable.chunks is None]
    return all(is_stored(arrays[name], [(0, size) for size in arrays[name].shape]) for name in at_once)


def _fill(result: xr.Dataset, encoding: dict[Any, dict[str, Any]], work: Workspace, report: Report) -> None:
    """Compute and store what is lazy."""
    import zarr

    with zarr.config.set({"array.write_empty_chunks": True}):
        store = zarr.open_group(work.part, mode="r+")
        arrays = {str(name): store[str(name)] for name in result.variables}
    targets = [
        Target(str(name), _encoded(variable, encoding.get(name, {})), arrays[str(name)])
        for name, variable in result.variables.items()
        if variable.chunks is not None
    ]
    run(targets, ledger=work.ledger, report=report)


def _encoded(variable: xr.Variable, encoding: dict[str, Any]) -> Any:
    kept = {key: value for key, value in encoding.items() if key != "chunks"}
    bare = xr.Variable(variable.dims, variable.data, {}, kept)
    return xr.conventions.encode_cf_variable(bare).data


def _publish(work: Workspace, overwrite: bool) -> None:
    """Give what is complete its name; what bears it is looked at once more."""
    target = work.target
    if not os.path.lexists(target):
        move(work.part, target)
        return
    if not overwrite:
        raise OutputError(f"'{target}' appeared in the meantime and was not replaced; the result is discarded")
    require_replaceable(target, target, overwrite=True)
    # The old file is given up: the new one must be on the disk by then.
    sync(work.folder)
    if not target.is_dir():
        replace_file(work.part, target)
        return
    old = exchange_folders(work.part, target, work.aside)
    if reason := why_not_ours(old):
        exchange_folders(old, target, work.part)
        raise OutputError(f"the output '{target}' is not replaced: {reason}; the result is discarded")
