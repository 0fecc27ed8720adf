"""Write a result to netCDF or Zarr: all of it, or nothing."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xarray as xr

from gridtrend.grid.dialect import either
from gridtrend.io.errors import InputError, OutputError, RunError
from gridtrend.io.ledger import Workspace, workspace
from gridtrend.io.metadata import describing_names, netcdf_encoding, zarr_encoding
from gridtrend.io.netcdf import NETCDF_LOCK
from gridtrend.io.reading import Report

SUFFIXES = (".nc", ".nc4", ".zarr")


def check_output(path: str | Path, inputs: Iterable[str | Path] = (), *, overwrite: bool = False) -> Path:
    """Make sure, before anything is read, that a result can be written.

    Parameters
    ----------
    path : str or Path
        A name ending in .nc or .zarr.
    inputs : iterable of str or Path
        Files that must survive.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    Path
        Absolute, with links followed.

    Raises
    ------
    OutputError
        If the name, the folder or the file that is there already forbids it.
    """
    named, path = path, Path(path)
    if path.suffix not in SUFFIXES:
        raise OutputError(f"the output '{named}' must end in .nc or .zarr: the last argument names it")
    if path.suffix == ".zarr":
        _require_zarr(path)
    return check_target(path, inputs, overwrite=overwrite)


def check_target(path: str | Path, inputs: Iterable[str | Path] = (), *, overwrite: bool = False) -> Path:
    """Make sure that a file of any kind can be written: as `check_output`, for any suffix."""
    path = Path(path)
    target = Path(os.path.realpath(path))
    if any(os.path.realpath(item) == str(target) for item in inputs):
        raise OutputError(f"the output '{path}' is also an input, which would be lost: choose another name")
    if target.exists():
        if target.is_dir() != (target.suffix == ".zarr"):
            raise OutputError(f"the output '{path}' is {'a folder' if target.is_dir() else 'no folder'}")
        if not overwrite:
            raise OutputError(
                f"the output '{path}' exists: choose another name, or replace it with "
                + either("overwrite=True", "--overwrite")
            )
    if not target.parent.is_dir():
        raise OutputError(f"the folder '{path.parent}' does not exist: create it, or write elsewhere")
    if reason := _why_not_writable(target.parent):
        raise OutputError(f"cannot write '{path}': {reason}; correct that, or write elsewhere")
    return target


def _why_not_writable(folder: Path) -> str:
    """Try it: permissions alone do not tell of full disks, quotas and read-only mounts."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(2**20))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return os.strerror(error.errno or errno.EIO).lower()
    return ""


def _require_zarr(path: Path) -> None:
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise OutputError(
            f"'{path}' needs zarr, which is not installed: pip install 'gridtrend[cluster]', or write .nc"
        ) from error


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
    no half file, and what was there before is untouched. A lazy result is computed region by region, on whatever scheduler
    dask is set to: netCDF is written by this process, Zarr by whoever computes.

    Parameters
    ----------
    result : Dataset or DataArray
        Lazy or not. Encodings are made anew.
    path : str or Path
        A name that ends in .nc or .zarr.
    overwrite : bool
        Whether an existing file may be replaced.
    report : callable
        Told what is going on, how much is done, and of how much; last that all is written, before it is moved into
        place. Raise an exception in it to stop.
    work : Workspace, optional
        The hidden folder, where there is one already.

    Raises
    ------
    OutputError
        If it cannot be written, or another run is writing it.
    InputError
        If a file that it is computed from cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> rain = xr.DataArray(np.arange(60.0).reshape(10, 2, 3), dims=("time", "lat", "lon")).chunk(lat=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gt.write(rain.gridtrend.theil_sen(), f"{folder}/slope.zarr")
    ...     float(xr.open_zarr(f"{folder}/slope.zarr", consolidated=False).slope[0, 0])
    6.0
    """
    target = check_output(path, overwrite=overwrite) if work is None else work.target
    if isinstance(result, xr.DataArray):
        result = result.to_dataset(name=result.name or "result")
    with workspace(target, overwrite=overwrite) if work is None else contextlib.nullcontext(work) as place:
        try:
            (_write_zarr if target.suffix == ".zarr" else _write_netcdf)(_uniform(result), place, report)
        except (RunError, InputError):
            raise
        except (OSError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not str(error).startswith("NetCDF: "):
                # What a computation of the user's own raises says nothing about the disk.
                raise
            reason = _why_not_writable(target.parent) or f"{error} (a full disk, a quota, or a damaged input?)"
            raise OutputError(f"cannot write '{target}': {reason}; no file was left or changed") from error
        report("writing", 1, 1)
        if target.exists() and not overwrite:
            raise OutputError(f"'{target}' appeared in the meantime and was not replaced; the result is discarded")
        _move(place.part, target)


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
    # Not `result.chunks`, which raises where variables are chunked differently.
    return any(variable.chunks for variable in result.variables.values())


def _write_netcdf(result: xr.Dataset, work: Workspace, report: Report) -> None:
    encoding = netcdf_encoding(result)
    if not _is_lazy(result):
        result.to_netcdf(work.part, engine="netcdf4", encoding=encoding)
        return
    from xarray.backends import NetCDF4DataStore

    from gridtrend.io.regions import Target, run

    with NETCDF_LOCK:
        store = NetCDF4DataStore.open(str(work.part), mode="w")
    try:
        kept = _Kept()
        with NETCDF_LOCK:
            result.dump_to_store(store, writer=kept, encoding=encoding)
        run([Target(str(k), *pair) for k, pair in enumerate(kept.lazy)], lock=NETCDF_LOCK, report=report)
    finally:
        with NETCDF_LOCK:
            store.close()


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
    encoding = zarr_encoding(result)
    if not _is_lazy(result):
        result.to_zarr(work.part, encoding=encoding, consolidated=False)
        return
    if not work.ledger.finished("store"):
        result.to_zarr(work.part, mode="w", encoding=encoding, compute=False, consolidated=False)
        work.ledger.enter("store", ())
    import zarr

    from gridtrend.io.regions import Target, run

    store = zarr.open_group(work.part, mode="r+")
    targets = [
        Target(str(name), _encoded(variable, encoding.get(name, {})), store[str(name)])
        for name, variable in result.variables.items()
        if variable.chunks
    ]
    run(targets, ledger=work.ledger, report=report)


def _encoded(variable: xr.Variable, encoding: dict[str, Any]) -> Any:
    kept = {key: value for key, value in encoding.items() if key != "chunks"}
    bare = xr.Variable(variable.dims, variable.data, {}, kept)
    return xr.conventions.encode_cf_variable(bare).data


def _move(part: Path, target: Path) -> None:
    if not target.is_dir():
        os.replace(part, target)
        return
    # A folder cannot be replaced in one step.
    old = part.with_suffix(".old")
    os.rename(target, old)
    os.rename(part, target)
