"""Zarr stores, local and remote: opened without warnings of their libraries; local arrays chunk by chunk."""

import itertools
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.io.errors import InputError

MARKS = ("zarr.json", ".zgroup", ".zmetadata")
# Compression of copies: the fastest level, as each is written and read once.
LEVEL = 1


def is_store(path: str) -> bool:
    """Whether a path is to be opened as a Zarr store."""
    return os.path.isdir(path) or path.rstrip("/").endswith(".zarr")


def open_raw(path: str, group: str | None = None) -> xr.Dataset:
    """All variables of a store or of a group in it as they are stored, without reading them."""
    remote = "://" in path
    if not remote and not any(Path(path, name).exists() for name in MARKS):
        _refuse_folder(path)
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"'{path}' is a Zarr store, and zarr is not installed: pip install 'gridtrend[cluster]'"
        ) from error
    try:
        with warnings.catch_warnings():
            # Readers need no warning that metadata are not consolidated, or that strings are not specified yet.
            warnings.simplefilter("ignore")
            dataset: xr.Dataset = xr.open_zarr(
                path, group=group, chunks=None, consolidated=None if remote else False, decode_cf=False
            )
    except Exception as error:
        # Damaged metadata can raise exceptions of any kind.
        raise InputError(f"'{path}' cannot be read as a Zarr store: {_why(path, group, error)}") from error
    for name, variable in dataset.variables.items():
        if 0 in (variable.encoding.get("chunks") or ()) and variable.size:
            raise InputError(
                f"'{path}' cannot be read as a Zarr store: the chunks of '{name}' have a length of 0, so that its "
                "metadata are damaged; copy or write it again"
            )
    return dataset


def _refuse_folder(path: str) -> None:
    folder = Path(path)
    inside = [name for mark in MARKS for name in sorted(folder.glob(f"*/{mark}"))[:1]]
    if inside:
        raise InputError(f"'{path}' is a folder of Zarr stores: name one, such as '{inside[0].parent}'")
    if (folder / ".zarray").exists():
        raise InputError(f"'{path}' is a single Zarr array without coordinates: name the group that it lies in")
    raise InputError(f"'{path}' is a folder and no Zarr store: name files, or a pattern such as '{path}/*.nc'")


def _why(path: str, group: str | None, error: Exception) -> str:
    if group and not _has_group(path, group):
        found = ", ".join(groups_of(path)) or "none"
        return f"there is no group '{group}' in it; its groups: {found}"
    if isinstance(error, PermissionError):
        return "permission denied"
    said = " ".join(str(error).split())[:200]
    return f"its metadata are damaged or incomplete ({said or type(error).__name__}); copy or write it again"


def _has_group(path: str, group: str) -> bool:
    return group.strip("/") in groups_of(path)


def groups_of(path: str) -> list[str]:
    """Names of the groups in a store that hold arrays."""
    import zarr

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            members = zarr.open_group(path, mode="r").members(max_depth=None)
    except Exception:  # noqa: BLE001 (a damaged store can raise anything, and has no groups)
        return []
    holding = {name.rpartition("/")[0] for name, member in members if isinstance(member, zarr.Array)}
    return sorted(holding - {""})


def is_stored(array: Any, box: Sequence[tuple[int, int]]) -> bool:
    """Whether all chunks of a part of a Zarr array are on disk."""
    spans = [range(a // size, -(-b // size)) for (a, b), size in zip(box, array.chunks, strict=True)]
    folder = Path(array.store.root, array.path)
    for chunk in itertools.product(*spans):
        try:
            if not os.stat(folder / array.metadata.encode_chunk_key(chunk)).st_size:
                return False
        except FileNotFoundError:
            return False
    return True


class ChunkByChunk:
    """A Zarr array in a folder, read and written one chunk at a time, without the library zarr.

    zarr packs and unpacks ten chunks at a time in every thread, which doubles the memory, and passes every chunk between
    threads: a copy of thousands of small chunks takes several times as long.

    Parameters
    ----------
    array : zarr.Array
        Compressed by Blosc only, in chunks that are written as a whole.
    """

    def __init__(self, array: Any):
        from numcodecs import Blosc

        self.shape, self.dtype, self.chunks = array.shape, array.dtype, array.chunks
        self.ndim, self.store, self.path, self.metadata = array.ndim, array.store, array.path, array.metadata
        self._folder = os.path.join(array.store.root, array.path)
        self._codec = Blosc("lz4", LEVEL, Blosc.SHUFFLE)

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
                # In the file, the last chunk has the size of the others.
                whole = np.zeros(self.chunks, self.dtype)
                whole[inside] = part
                part = whole
            os.makedirs(os.path.dirname(path), exist_ok=True)
            # Two workers may write one chunk, if the scheduler has taken one of them for lost.
            unfinished = f"{path}.{os.urandom(4).hex()}"
            with open(unfinished, "wb") as file:
                file.write(self._codec.encode(part))
            os.replace(unfinished, path)

    def _box(self, key: tuple[slice, ...]) -> list[tuple[int, int]]:
        return [part.indices(size)[:2] for part, size in zip(key, self.shape, strict=True)]

    def _parts(self, box: list[tuple[int, int]]) -> Iterator[tuple[str, tuple[slice, ...], tuple[slice, ...]]]:
        """For each chunk of a box: its file, the slices within the chunk, and those within the box."""
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
