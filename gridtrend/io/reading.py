"""Carry out a plan: a variable in memory, or lazy and in tiles that hold whole series."""

import contextlib
import functools
import gc
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from gridtrend.grid.dialect import given
from gridtrend.io.errors import OutputError, StorageError, storing
from gridtrend.io.files import PIECE_BYTES, pieces
from gridtrend.io.plan import Plan, disk_chunks
from gridtrend.io.progress import Report

if TYPE_CHECKING:
    from gridtrend.io.ledger import Ledger

# What is read at once into memory.
SLAB_BYTES = PIECE_BYTES
# How hard a copy is packed: fast, as it is written and read once.
PACKING = 1


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
    if plan.reading == "alone":
        array = array.copy(data=_when_needed(array, report))
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
    import dask.delayed
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
                    compressors=BloscCodec(cname="lz4", clevel=PACKING, shuffle="shuffle"),
                )
            copy = ChunkByChunk(zarr.open_array(str(path)))
        run([Target(f"copy of {array.name}", slabs, copy)], ledger=ledger, label=f"copying {array.name}", report=report)
    except StorageError as error:
        raise OutputError(
            f"cannot write the copy of '{array.name}' in '{scratch}': {error}; make room for {array.nbytes / 1e6:,.0f} MB, or "
            f"read several times instead ({given('rechunk', 'passes')})"
        ) from error
    tiles = tuple(plan.blocks.get(str(dim), size) for dim, size in array.sizes.items())
    return array.copy(data=dask.array.from_array(copy, chunks=tiles, name=f"copy-{os.urandom(8).hex()}"))


class ChunkByChunk:
    """A Zarr array in a folder, read and written one chunk at a time, without zarr.

    That packs and unpacks ten chunks at a time in every thread, which takes as much memory again as the data, and hands
    every chunk from thread to thread: a copy of thousands of small chunks takes several times as long with it.

    Parameters
    ----------
    array : zarr.Array
        Packed by Blosc alone, in chunks that are written as a whole.
    """

    def __init__(self, array: Any):
        from numcodecs import Blosc

        self.shape, self.dtype, self.chunks = array.shape, array.dtype, array.chunks
        self.ndim, self.store, self.path, self.metadata = array.ndim, array.store, array.path, array.metadata
        self._folder = os.path.join(array.store.root, array.path)
        self._codec = Blosc("lz4", PACKING, Blosc.SHUFFLE)

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        box = self._box(key)
        values = np.empty([stop - start for start, stop in box], self.dtype)
        for path, inside, outside in self._parts(box):
            with open(path, "rb") as file:
                unpacked = np.frombuffer(self._codec.decode(file.read()), self.dtype)
            values[outside] = unpacked.reshape(self.chunks)[inside]
        return values

    def __setitem__(self, key: tuple[slice, ...], values: np.ndarray) -> None:
        for path, inside, outside in self._parts(self._box(key)):
            part = np.asarray(values[outside], self.dtype, order="C")
            if part.shape != self.chunks:
                # A chunk at the end is as large as the others in the file.
                whole = np.zeros(self.chunks, self.dtype)
                whole[inside] = part
                part = whole
            os.makedirs(os.path.dirname(path), exist_ok=True)
            # Two workers may be at the same part, if one of them was thought lost.
            unfinished = f"{path}.{os.urandom(4).hex()}"
            with open(unfinished, "wb") as file:
                file.write(self._codec.encode(part))
            os.replace(unfinished, path)

    def _box(self, key: tuple[slice, ...]) -> list[tuple[int, int]]:
        return [part.indices(size)[:2] for part, size in zip(key, self.shape, strict=True)]

    def _parts(self, box: list[tuple[int, int]]) -> Iterator[tuple[str, tuple[slice, ...], tuple[slice, ...]]]:
        """The file of each chunk of a box, and where the part of it lies in the chunk and in the box."""
        cuts = [
            [start, *range((start // step + 1) * step, stop, step), stop]
            for (start, stop), step in zip(box, self.chunks, strict=True)
        ]
        for spans in itertools.product(*map(itertools.pairwise, cuts)):
            chunk = tuple(start // step for (start, _), step in zip(spans, self.chunks, strict=True))
            inside = tuple(
                slice(a - k * step, b - k * step) for (a, b), k, step in zip(spans, chunk, self.chunks, strict=True)
            )
            outside = tuple(slice(a - start, b - start) for (a, b), (start, _) in zip(spans, box, strict=True))
            yield os.path.join(self._folder, self.metadata.encode_chunk_key(chunk)), inside, outside


def _when_needed(array: xr.DataArray, report: Report) -> Any:
    """The variable as one dask chunk, whose task reads it."""
    import dask.array
    from dask.delayed import delayed

    # dask would take an array among the arguments for a graph of its own.
    load: Any = delayed(functools.partial(_load, array, report), pure=False)
    return dask.array.from_delayed(load(), array.shape, array.dtype.newbyteorder("="))


def _load(array: xr.DataArray, report: Report) -> np.ndarray:
    """Read box by box, of whole disk chunks each, so that little is held twice and progress can be seen."""
    if not array.size or not array.ndim or array.chunks:
        return array.values
    values = np.empty(array.shape, array.dtype.newbyteorder("="))
    disk, done = disk_chunks(array), 0
    chunks = tuple(disk.get(str(dim), 1) for dim in array.dims)
    for box in pieces([(0, size) for size in array.shape], chunks, array.dtype.itemsize, SLAB_BYTES):
        place = tuple(slice(start, stop) for start, stop in box)
        values[place] = array[place].values
        done += values[place].size
        report(f"reading {array.name}", done * array.shape[0] // array.size, array.shape[0])
    return values
