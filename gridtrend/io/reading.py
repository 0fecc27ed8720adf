"""Carry out a plan: a variable in memory, or lazy and in tiles that hold whole series."""

import contextlib
import gc
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from gridtrend.grid.dialect import given
from gridtrend.io.errors import OutputError, StorageError, storing
from gridtrend.io.plan import Plan, disk_chunks

if TYPE_CHECKING:
    from gridtrend.io.ledger import Ledger

SLAB_BYTES = 64_000_000

Report = Callable[[str, int, int], None]


def read(
    array: xr.DataArray,
    plan: Plan,
    report: Report = lambda *_: None,
    *,
    scratch: Path | None = None,
    ledger: "Ledger | None" = None,
) -> xr.DataArray:
    """Carry out a plan: the variable in memory or lazy, in blocks or in one piece.

    Parameters
    ----------
    array : DataArray
        Not read yet.
    plan : Plan
        From `plan_chunks`.
    report : callable
        Told what is going on, how much is done, and out of how much.
    scratch : Path, optional
        Folder for the copy that a plan of "zarr" makes, here and now.
    ledger : Ledger, optional
        Knows which parts of that copy are there already, and learns of the others.
    """
    if plan.whole:
        array = array.copy(data=_load(array, report))
    if not plan.blocks:
        return array
    blocks = {dim: plan.blocks.get(str(dim), -1) for dim in array.dims}
    if plan.reading == "zarr":
        if scratch is None:
            raise ValueError("a plan that copies needs a folder: read(..., scratch=...)")
        array = _copied(array, plan, scratch, report, ledger)
    if plan.reading == "p2p":
        import dask

        with dask.config.set({"array.rechunk.method": "p2p"}), _no_collection():
            # Chunks of dask that are joined first would cost a graph of their own.
            return (array if array.chunks else array.chunk(plan.slabs)).chunk(blocks)
    # The token spares dask a digest of all the data.
    return array.chunk(blocks, token=os.urandom(8).hex())


def free_space(folder: Path) -> float:
    """Bytes that a copy may take in a folder; a tenth of what is free stays so."""
    return 0.9 * shutil.disk_usage(folder).free


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Look for no garbage while dask makes a graph of a million tasks, none of which is any: it takes a third longer."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _copied(array: xr.DataArray, plan: Plan, scratch: Path, report: Report, ledger: "Ledger | None") -> xr.DataArray:
    """Copy a variable, slab by slab, into a Zarr array whose chunks are parts of tiles."""
    import dask.array
    import zarr
    from zarr.codecs import BloscCodec

    from gridtrend.io.regions import Target, run

    path = scratch / f"{array.name or 'variable'}.zarr"
    chunks = tuple(min(plan.slabs[str(dim)], plan.blocks.get(str(dim), plan.slabs[str(dim)])) for dim in array.dims)
    slabs = array.chunk(plan.slabs, token=os.urandom(8).hex()).data
    try:
        with storing():
            if not path.exists():
                zarr.create_array(
                    store=str(path),
                    shape=array.shape,
                    chunks=chunks,
                    dtype=array.dtype.newbyteorder("="),
                    # Fast: what was packed well is written and read once.
                    compressors=BloscCodec(cname="lz4", clevel=1, shuffle="shuffle"),
                )
            # A chunk that is not there was lost, then, and does not stand for missing values.
            with zarr.config.set({"array.write_empty_chunks": True}):
                copy = zarr.open_array(str(path))
        run([Target(f"copy of {array.name}", slabs, copy)], ledger=ledger, label=f"copying {array.name}", report=report)
    except StorageError as error:
        raise OutputError(
            f"cannot write the copy of '{array.name}' in '{scratch}': {error}; make room for {array.nbytes / 1e6:,.0f} MB, or "
            f"read several times instead ({given('rechunk', 'passes')})"
        ) from error
    tiles = tuple(plan.blocks.get(str(dim), size) for dim, size in array.sizes.items())
    return array.copy(data=dask.array.from_array(copy, chunks=tiles, name=f"copy-{os.urandom(8).hex()}"))


def _load(array: xr.DataArray, report: Report) -> np.ndarray:
    """Read slab by slab along the leading dimension, which costs no more and lets progress be seen."""
    if not array.ndim:
        return array.values
    values = np.empty(array.shape, array.dtype.newbyteorder("="))
    start = 0
    for stop in _slab_ends(array):
        values[start:stop] = array[start:stop].values
        report(f"reading {array.name}", stop, array.shape[0])
        start = stop
    return values


def _slab_ends(array: xr.DataArray) -> list[int]:
    if array.chunks:
        return [int(end) for end in np.cumsum(array.chunks[0])]
    length = array.shape[0]
    step = disk_chunks(array).get(str(array.dims[0]), 1)
    step *= max(1, SLAB_BYTES * length // max(array.nbytes, 1) // step)
    return [*range(step, length, step), length]
