"""A variable in one or many files as one array that is read by parts: opened, read piece by piece, closed again.

Opening a file reads megabytes of it and takes as long as unpacking a chunk, so that what tiles are read from stays open:
as many files as xarray keeps (its option `file_cache_maxsize`), without caches of unpacked chunks, until the array is
forgotten. An array of this kind is small, pickles, and goes to every worker; an error in reading tells file, variable and
range.
"""

import itertools
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from gridtrend.io.errors import InputError
from gridtrend.io.fingerprints import file_state
from gridtrend.io.memory import PIECE_BYTES
from gridtrend.io.missing import NUMBER_KEYS, decode_variable
from gridtrend.io.netcdf import NETCDF_LOCK, RawVariable

# Files of which single variables are open: path to what is stored and what it decodes to.
Opened = dict[str, tuple[RawVariable, xr.Variable]]


@dataclass(frozen=True)
class Part:
    """One variable in one file.

    Parameters
    ----------
    path, name : str
        File and variable.
    dims, shape, dtype
        Of the variable, decoded.
    chunks : tuple of int
        Sizes of the chunks in the file; empty where there are none.
    store : Variable, optional
        The opened variable of a Zarr store, which needs no closing.
    state : tuple of int, optional
        From `file_state`, as the file was found.
    group : str, optional
        Group of the variable in the file.
    turned : tuple of str
        Dimensions that run the other way in this file.
    """

    path: str
    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] = ()
    store: xr.Variable | None = None
    state: tuple[int, int, int] | None = None
    group: str | None = None
    turned: tuple[str, ...] = ()

    def read(self, key: tuple[Any, ...], out: np.ndarray, opened: Opened) -> None:
        """Read what `key` selects (an index for each dimension) into `out`.

        `opened` holds what is open already, and takes what will be needed again.
        """
        key, out = self._as_stored(key, out)
        try:
            if self.store is not None:
                _copy(self.store, key, self.chunks, out)
                return
            with NETCDF_LOCK:
                self._read_netcdf(key, out, opened)
        except (OSError, RuntimeError, KeyError) as error:
            raise InputError(
                f"'{self.path}' cannot be read: variable '{self.name}', {self._range(key)}: {self._reason(error)}"
            ) from error

    def _as_stored(self, key: tuple[Any, ...], out: np.ndarray) -> tuple[tuple[Any, ...], np.ndarray]:
        """Count dimensions that are turned from their other end."""
        stored, views = list(key), [slice(None)] * len(key)
        for axis, (dim, index, n) in enumerate(zip(self.dims, key, self.shape, strict=True)):
            if dim not in self.turned:
                continue
            if _is_run(index):
                start, stop, _ = index.indices(n)
                stored[axis], views[axis] = slice(n - stop, n - start), slice(None, None, -1)
            else:
                stored[axis] = n - 1 - np.arange(n)[index]
        return tuple(stored), out[tuple(views)]

    def _read_netcdf(self, key: tuple[Any, ...], out: np.ndarray, opened: Opened) -> None:
        if self.state is not None and file_state(self.path) != self.state:
            # The netCDF library reads zeros beyond the end of a netCDF-3 file, without a word.
            raise OSError("it has changed")
        raw, variable = opened.pop(self.path) if self.path in opened else self._open()
        contiguous = all(_is_run(index) for index in key)
        # A scattered selection comes to the same chunk several times; a box is read by whole chunks, each once, and one that
        # is large is kept for as long as it is decoded, part by part.
        large = math.prod(self.chunks) * raw.variable.dtype.itemsize if self.chunks else 0
        if contiguous and large > PIECE_BYTES:
            _copy(variable, key, self.chunks, out, keep=lambda: raw.keep_one_chunk(large))
        else:
            raw.keep_chunks(not contiguous)
            _copy(variable, key, self.chunks, out)
        raw.keep_chunks(False)
        if any(np.size(np.arange(n)[index]) < n for index, n in zip(key, self.shape, strict=True)):
            opened[self.path] = raw, variable

    def _open(self) -> tuple[RawVariable, xr.Variable]:
        raw = RawVariable(self.path, self.name, self.group)
        # What is no number has been looked at when the file was opened.
        raw.variable.attrs = {key: raw.variable.attrs[key] for key in NUMBER_KEYS if key in raw.variable.attrs}
        return raw, decode_variable(self.name, raw.variable, unwritten=True)

    def _range(self, key: tuple[Any, ...]) -> str:
        spans = []
        for dim, index, length in zip(self.dims, key, self.shape, strict=True):
            chosen = np.atleast_1d(np.arange(length)[index])
            spans.append(f"{dim} {chosen.min()}:{chosen.max() + 1}" if chosen.size else f"{dim} none")
        return ", ".join(spans)

    def _reason(self, error: Exception) -> str:
        if self.store is None:
            if not os.path.exists(self.path):
                return "the file is gone. It must stay where it is until the run has ended"
            if self.state is not None and file_state(self.path) != self.state:
                return "the file has changed since the run began. Wait until it is complete, and start anew"
        return f"'{error}'. The file is damaged: copy or download it again"


class FilesArray(BackendArray):
    """Parts one after the other along one dimension.

    Parameters
    ----------
    parts : sequence of Part
        In order.
    axis : int
        Number of the dimension along which they follow one another.
    """

    def __init__(self, parts: list[Part], axis: int):
        lengths = [part.shape[axis] for part in parts]
        self.parts = parts
        self.axis = axis
        self.starts = np.concatenate([[0], np.cumsum(lengths)])
        shape = list(parts[0].shape)
        shape[axis] = sum(lengths)
        self.shape = tuple(shape)
        self.dtype = np.result_type(*{part.dtype.newbyteorder("=") for part in parts})
        self._opened: Opened = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return FilesArray, (self.parts, self.axis)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        positions = np.atleast_1d(np.arange(self.shape[self.axis])[key[self.axis]])
        counts = [np.size(np.arange(length)[index]) for length, index in zip(self.shape, key, strict=True)]
        counts[self.axis] = positions.size
        out = np.empty(counts, self.dtype)
        for part, start, stop in zip(self.parts, self.starts, self.starts[1:], strict=False):
            places = np.flatnonzero((positions >= start) & (positions < stop))
            if places.size:
                inside, outside = list(map(_listed, key)), [slice(None)] * len(key)
                inside[self.axis], outside[self.axis] = _as_slice(positions[places] - start), _as_slice(places)
                self._read_part(part, tuple(inside), out, tuple(outside))
        return out[tuple(0 if np.ndim(index) == 0 and not isinstance(index, slice) else slice(None) for index in key)]

    def _read_part(self, part: Part, inside: tuple[Any, ...], out: np.ndarray, outside: tuple[Any, ...]) -> None:
        target = out[outside]
        part.read(inside, target, self._opened)
        if not np.shares_memory(target, out):
            out[outside] = target


def _listed(index: Any) -> Any:
    """An index that keeps its dimension."""
    return index if isinstance(index, slice) else np.atleast_1d(index)


def _as_slice(positions: np.ndarray) -> Any:
    """Evenly spaced positions as a slice, which libraries read in one go."""
    steps = np.unique(np.diff(positions))
    if positions.size == 1 or (steps.size == 1 and steps[0] > 0):
        step = int(steps[0]) if steps.size else 1
        return slice(int(positions[0]), int(positions[-1]) + 1, step)
    return positions


def _is_run(index: Any) -> bool:
    return isinstance(index, slice) and index.step in (None, 1)


def _copy(
    variable: xr.Variable,
    key: tuple[Any, ...],
    chunks: tuple[int, ...],
    out: np.ndarray,
    keep: Callable[[], None] | None = None,
) -> None:
    """Read by pieces of whole disk chunks, so that what is unpacked beside the result stays small.

    Where there is a `keep`, each piece is a chunk that is larger than that: it is called before the chunk is unpacked, and the
    chunk is decoded by parts.
    """
    if not all(_is_run(index) for index in key):
        out[...] = variable[key].values
        return
    spans = [index.indices(size)[:2] for index, size in zip(key, variable.shape, strict=True)]
    for piece in pieces(spans, chunks or (1,) * len(spans), out.itemsize, PIECE_BYTES):
        if keep is not None:
            keep()
        place = tuple(slice(a - start, b - start) for (a, b), (start, _) in zip(piece, spans, strict=True))
        _unpack(variable, piece, out[place], parts=keep is not None)


def _unpack(variable: xr.Variable, piece: list[tuple[int, int]], out: np.ndarray, *, parts: bool = False) -> None:
    """Unpack and decode a piece into `out`, by parts of it or at once."""
    most = PIECE_BYTES if parts else math.inf
    for part in pieces(piece, (1,) * len(piece), out.itemsize, most):
        place = tuple(slice(a - start, b - start) for (a, b), (start, _) in zip(part, piece, strict=True))
        out[place] = variable[tuple(slice(start, stop) for start, stop in part)].values


def pieces(
    spans: list[tuple[int, int]], chunks: tuple[int, ...], itemsize: int, most: float
) -> Iterator[list[tuple[int, int]]]:
    """Cut a box into boxes of about `most` bytes whose edges fall on edges of chunks, so that each is unpacked once.

    Examples
    --------
    >>> list(pieces([(0, 4), (0, 10)], (1, 10), 8, 160))
    [[(0, 2), (0, 10)], [(2, 4), (0, 10)]]
    >>> list(pieces([(3, 8), (0, 10)], (5, 5), 8, 200))
    [[(3, 5), (0, 10)], [(5, 8), (0, 5)], [(5, 8), (5, 10)]]
    """
    size = itemsize * math.prod(stop - start for start, stop in spans)
    for axis, ((start, stop), step) in enumerate(zip(spans, chunks, strict=True)):
        first = (start // step + 1) * step
        if size <= most or first >= stop:
            continue
        # As many chunks as fit, counted from an edge of a chunk.
        fitting = max(1, int(most * (stop - start) / size) // step) * step
        edges = [start, *range(first + fitting - step if fitting > step else first, stop, fitting), stop]
        for a, b in itertools.pairwise(edges):
            yield from pieces([*spans[:axis], (a, b), *spans[axis + 1 :]], chunks, itemsize, most)
        return
    yield spans
