"""Windows of many cells, in tiles that fit in the cache.

A tile has some neighbouring cells and one run of windows: their series are laid out one after another, and windows are views of
them. Cells with missing values form separate tiles, and windows with missing values are skipped.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from gridtrend.grid.dialect import either, given
from gridtrend.spectral import fft
from gridtrend.spectral.windows import Span

# Bytes of a batch of windows, and cells and steps of a tile: the fastest measured; neighbouring values are as fast.
BATCH_BYTES = 1 << 19
CELLS, STEPS = 32, 128
TILE_BYTES = 1 << 21

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Recipe:
    """Preparation of each window before its transform.

    Parameters
    ----------
    length, hop : int
        Samples in a window, and between the starts of two.
    taper : ndarray of float64, shape (length,), or None
        Weights of the samples; None means 1 everywhere.
    detrend : {None, "constant", "linear"}
    nfft : int
        Length of the transform: a window, followed by zeros.
    one_sided : bool
        Whether frequencies below zero, which mirror the others, are left out.
    nan_policy : {"propagate", "raise", "fill"}
    """

    length: int
    hop: int
    taper: Array | None
    detrend: str | None
    nfft: int
    one_sided: bool
    nan_policy: str = "propagate"

    @property
    def bins(self) -> int:
        """Number of frequencies."""
        return self.nfft // 2 + 1 if self.one_sided else self.nfft

    @property
    def untouched(self) -> bool:
        """Whether windows need no preparation."""
        return self.taper is None and self.detrend is None and self.nfft == self.length

    def prepare(self, windows: Array, out: Array, holes: Array | None = None) -> None:
        """Windows, (..., length), filled, detrended and tapered, as rows of `out`; the rest of `out` is zero."""
        count = windows.size // self.length
        rows = out[:count, : self.length]
        shaped = rows.reshape(windows.shape) if self.nfft == self.length else None
        if self.detrend is None and self.taper is not None and holes is None and shaped is not None:
            np.multiply(windows, self.taper, out=shaped)
        else:
            rows[...] = windows.reshape(rows.shape)
            if holes is not None:
                fill(rows, holes.reshape(rows.shape))
            detrend(rows, self.detrend)
            if self.taper is not None:
                rows *= self.taper
        out[:count, self.length :] = 0
        out[count:] = 0


def fill(rows: Array, holes: Array) -> None:
    """Replace holes, which contain zeros, by the mean of the row; rows without other values remain zero."""
    known = np.maximum(rows.shape[1] - np.count_nonzero(holes, axis=1), 1)
    np.copyto(rows, (rows.sum(axis=1) / known)[:, None], where=holes)


def detrend(rows: Array, kind: str | None) -> None:
    """Subtract the mean, or the least-squares line, from each row."""
    if kind is None:
        return
    rows -= rows.mean(axis=1, keepdims=True)
    if kind == "linear" and rows.shape[1] > 1:
        t = np.arange(rows.shape[1]) - (rows.shape[1] - 1) / 2
        rows -= ((rows * t).sum(axis=1, keepdims=True) / (t * t).sum()) * t


@dataclass(frozen=True)
class Tile:
    """Windows of one run that can be computed together.

    Parameters
    ----------
    cells : slice or ndarray of int
        Which cells of the block.
    series : tuple of ndarray, each (cells, time)
        The series of the windows of each block; zero where values are missing.
    windows : tuple of ndarray, each (cells, windows, length)
        The windows, as views.
    missing : ndarray of bool, (cells, windows), or None
        Which windows have no result; None: all are complete.
    holes : ndarray of bool, (cells, windows, length), or None
        Which samples are to be filled.
    """

    cells: Any
    series: tuple[Array, ...]
    windows: tuple[Array, ...]
    missing: Array | None = None
    holes: Array | None = None

    def batches(self, nfft: int) -> Iterator[tuple[slice, slice]]:
        """Cells and windows, counted within the tile, in batches that fit in the cache."""
        cells, count = self.windows[0].shape[:2]
        rows = rows_of_batch(nfft)
        together = max(1, rows // count)
        for first in range(0, cells, together):
            for start in range(0, count, rows):
                yield slice(first, min(first + together, cells)), slice(start, min(start + rows, count))

    def place(self, batch: tuple[slice, slice]) -> tuple[Any, slice]:
        """Cells of the block, and windows of the run, that a batch holds."""
        some, windows = batch
        if isinstance(self.cells, slice):
            return slice(self.cells.start + some.start, self.cells.start + some.stop), windows
        return self.cells[some], windows


def rows_of_batch(nfft: int) -> int:
    """Windows in a batch."""
    return max(fft.ROWS, BATCH_BYTES // (8 * nfft) // fft.ROWS * fft.ROWS)


def whole_rows(count: int) -> int:
    """`count` rounded up to a multiple of the rows that are transformed at once."""
    return -(-count // fft.ROWS) * fft.ROWS


def tiles(blocks: tuple[Array, ...], span: Span, recipe: Recipe) -> Iterator[Tile]:
    """One run of windows of blocks (cell, time), tile by tile; cells without any value are left out."""
    cells = blocks[0].shape[0]
    for first in range(0, cells, CELLS):
        some = slice(first, min(first + CELLS, cells))
        rows = [_series(block[some, span.first : span.last]) for block in blocks]
        missing = _missing(rows)
        if missing is None:
            yield _tile(some, rows, span, recipe)
            continue
        if recipe.nan_policy == "raise":
            raise ValueError(
                f"there are missing values, and {given('nan_policy', 'raise')} was given. Fill them before"
                + either(", da.interpolate_na(dim)", "")
                + f", or choose {given('nan_policy', 'propagate')} (their windows are missing) or 'fill' (with the mean of "
                "the window)."
            )
        # Cells without a hole are computed in the same way as in other tiles, whether or not neighbours have holes.
        incomplete = missing.any(axis=1)
        for chosen, holed in ((~incomplete, False), (incomplete & ~missing.all(axis=1), True)):
            if chosen.any():
                these = [each[chosen] for each in rows]
                yield _tile(first + np.flatnonzero(chosen), these, span, recipe, missing[chosen] if holed else None)


def _series(block: Array) -> Array:
    """(cell, time) as contiguous float64 or complex128 series; a view where they are already."""
    dtype = np.complex128 if block.dtype.kind == "c" else np.float64
    if block.dtype == dtype and block.strides[1] == block.itemsize:
        return block
    rows = np.empty(block.shape, dtype)
    if block.strides[1] <= block.strides[0]:
        rows[...] = block
        return rows
    # In pieces of time: a direct copy into rows would load each cache line many times.
    steps = np.empty((STEPS, block.shape[0]), dtype)
    for start in range(0, block.shape[1], STEPS):
        part = block[:, start : start + STEPS]
        held = steps[: part.shape[1]]
        held[...] = part.T
        rows[:, start : start + STEPS] = held.T
    return rows


def _missing(rows: list[Array]) -> Array | None:
    """Where one of the arrays is not finite; None if nowhere."""
    # A quick check: a sum is infinite or NaN only if a value is, or if it overflows.
    with np.errstate(all="ignore"):
        if all(np.isfinite(each.sum(axis=1)).all() for each in rows):
            return None
    missing = np.asarray(np.logical_or.reduce([~np.isfinite(each) for each in rows]))
    return missing if missing.any() else None


def _windows(series: Array, recipe: Recipe) -> Array:
    """All windows of series (cell, time), as a view; sliding_window_view takes too long for short series."""
    cells, samples = series.shape
    count = (samples - recipe.length) // recipe.hop + 1
    along, step = series.strides
    return as_strided(series, (cells, count, recipe.length), (along, recipe.hop * step, step), writeable=False)


def _tile(cells: Any, rows: list[Array], span: Span, recipe: Recipe, missing: Array | None = None) -> Tile:
    if missing is None:
        series = tuple(span.rows(each) for each in rows)
        return Tile(cells, series, tuple(_windows(each, recipe) for each in series))
    series = tuple(span.rows(np.where(missing, 0, each)) for each in rows)
    # A mirrored sample is missing where its original is.
    holes = replace(span, boundary="even" if span.boundary == "odd" else span.boundary).rows(missing)
    before = np.pad(np.cumsum(holes, axis=1), ((0, 0), (1, 0)))
    windows = tuple(_windows(each, recipe) for each in series)
    starts = np.arange(windows[0].shape[1]) * recipe.hop
    number = before[:, starts + recipe.length] - before[:, starts]
    if recipe.nan_policy == "fill":
        return Tile(cells, series, windows, number == recipe.length, _windows(holes, recipe))
    return Tile(cells, series, windows, number > 0)
