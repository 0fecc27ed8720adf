"""Windows that slide along a dimension, and functions of blocks of them on numpy arrays and dask chunks.

Windows are grouped in runs, counted from the start of the record: run r always has the same windows. With dask, a run belongs to
the chunk in which it starts, and also reads samples of later chunks; a chunk may be shorter than a window. Thus the record is not
rechunked, and results that are computed run by run do not depend on chunks, to the bit.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

BOUNDARIES = ("valid", "zeros", "even", "odd")


@dataclass(frozen=True)
class Span:
    """The samples of some windows.

    Parameters
    ----------
    first, last : int
        Samples of the record, `last` excluded.
    skip : int
        How many of them precede the first window; they are needed for the mirror image at the end.
    beyond : int
        How many samples of the windows are beyond the end of the record.
    boundary : str
        How these are made, as in `Windows`.
    """

    first: int
    last: int
    skip: int
    beyond: int
    boundary: str

    def rows(self, series: np.ndarray) -> np.ndarray:
        """Series of the samples, (cell, time), continued beyond the end of the record."""
        if not self.beyond:
            return series[:, self.skip :]
        if self.boundary == "zeros":
            tail = np.zeros_like(series, shape=(len(series), self.beyond))
        else:
            tail = series[:, -2 : -2 - self.beyond : -1]
            if self.boundary == "odd":
                tail = 2 * series[:, -1:] - tail
        return np.concatenate([series[:, self.skip :], tail], axis=1)


@dataclass(frozen=True)
class Windows:
    """Windows of `length` samples that start every `hop` samples of a record of `size` samples.

    Parameters
    ----------
    size, length, hop : int
    boundary : {"valid", "zeros", "even", "odd"}
        Whether windows must be full, or how the record continues beyond its end: with zeros, or with its mirror image in time
        (even), or in time and in value about the last sample (odd).
    """

    size: int
    length: int
    hop: int
    boundary: str = "valid"

    @property
    def count(self) -> int:
        """Number of windows."""
        last = self.size - self.length if self.boundary == "valid" else self.size - 1
        return last // self.hop + 1

    def starts(self) -> np.ndarray:
        """First sample of each window."""
        return np.arange(self.count) * self.hop

    def span(self, start: int, stop: int) -> Span:
        """The samples of the windows from `start` up to `stop`."""
        first, last = start * self.hop, (stop - 1) * self.hop + self.length
        beyond = max(last - self.size, 0)
        # The mirror image needs the samples before the last one.
        needed = min(first, self.size - 1 - beyond) if beyond and self.boundary != "zeros" else first
        return Span(needed, last - beyond, first - needed, beyond, self.boundary)

    def parts(self, chunks: tuple[int, ...], run: int) -> Iterator["Part"]:
        """The runs of windows that start in each of the chunks; chunks without any are left out."""
        edges = -(-np.cumsum((0, *chunks)) // (run * self.hop)) * run
        for start, stop in zip(*np.minimum((edges[:-1], edges[1:]), self.count), strict=True):
            if start < stop:
                yield Part(self, int(start), int(stop), run)


@dataclass(frozen=True)
class Part:
    """The windows from `start` up to `stop`, in runs of `run`; the last run may be shorter."""

    windows: Windows
    start: int
    stop: int
    run: int

    @property
    def count(self) -> int:
        """Number of windows."""
        return self.stop - self.start

    @property
    def span(self) -> Span:
        """The samples of these windows."""
        return self.windows.span(self.start, self.stop)

    def runs(self) -> Iterator[tuple[slice, Span]]:
        """Windows of each run, counted from `start`, and where their samples are in those of this part."""
        low = self.span.first
        for start in range(self.start, self.stop, self.run):
            stop = min(start + self.run, self.stop)
            span = self.windows.span(start, stop)
            yield (
                slice(start - self.start, stop - self.start),
                replace(span, first=span.first - low, last=span.last - low),
            )


def map_windows(
    function: Callable[..., np.ndarray],
    arrays: tuple[xr.DataArray, ...],
    dim: str,
    windows: Windows,
    *,
    run: int,
    rows: Callable[[Part], int],
    size: int,
    dtype: Any,
    **parameters: Any,
) -> tuple[list[Any], tuple[Hashable, ...]]:
    """Run a block function over the windows along `dim` of one or several arrays of the same dimensions.

    Parameters
    ----------
    function : callable
        Called with blocks of shape (..., time), `part=Part` and the parameters; importable, and without a state. Its
        result has the shape (..., rows(part), size).
    arrays : tuple of DataArray
        Numpy- or dask-backed.
    dim : str
    windows : Windows
    run : int
        Windows in a run.
    rows : callable
        How many rows the result for a part has: one a window, or one a run.
    size, dtype
        Of the last dimension of the result, and of its values.
    **parameters
        Further arguments of `function`.

    Returns
    -------
    pieces : list of ndarray or dask array, each (..., rows, size)
        One for each part of the record, in order; lazy where an input is.
    others : tuple of hashable
        The dimensions ahead.
    """
    others = tuple(name for name in arrays[0].dims if name != dim)
    arrays = tuple(array.transpose(*others, dim) for array in arrays)
    if not any(array.chunks for array in arrays):
        (part,) = windows.parts((windows.size,), run)
        used = slice(part.span.first, part.span.last)
        return [
            _on_joined(*([array.values[..., used]] for array in arrays), function=function, part=part, **parameters)
        ], others
    import dask.array

    lazy: Any = xr.unify_chunks(*(array.chunk() for array in arrays))
    *cells, along, row, last = range(len(others) + 3)
    pieces = []
    for part in windows.parts(lazy[0].variable.chunksizes[dim], run):
        used = slice(part.span.first, part.span.last)
        blocks: list[Any] = []
        for array in lazy:
            blocks += [array.data[..., used], (*cells, along)]
        pieces.append(
            dask.array.blockwise(
                _on_joined,
                (*cells, row, last),
                *blocks,
                new_axes={row: rows(part), last: size},
                concatenate=False,
                function=function,
                dtype=dtype,
                meta=np.empty((0,) * (len(cells) + 2), dtype),
                part=part,
                **parameters,
            )
        )
    return pieces, others


def _on_joined(*chunks: list[np.ndarray], function: Callable[..., np.ndarray], **parameters: Any) -> np.ndarray:
    """Run a block function on the chunks of a part, joined within the task: nothing else ever holds the copy."""
    blocks = (each[0] if len(each) == 1 else np.concatenate(each, axis=-1) for each in chunks)
    # A square may overflow to infinity, which the result shows; no warning is needed.
    with np.errstate(over="ignore", invalid="ignore"):
        return function(*blocks, **parameters)
