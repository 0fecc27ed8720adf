"""Windows of many cells, cut a cache-full at a time.

A block is taken in tiles of neighbouring cells and one run of windows: their series are laid out one after another, and
windows are views of them. Cells with missing values go by themselves, without the windows that miss some.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from gridtrend.grid.windows import Span
from gridtrend.spectral import fft

# Bytes of a batch of windows, and cells and steps of a tile: measured, and flat around these.
BATCH_BYTES = 1 << 19
CELLS, STEPS = 32, 128
TILE_BYTES = 1 << 21

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Recipe:
    """What is done to each window before anything is computed from it.

    Parameters
    ----------
    length, hop : int
        Samples in a window, and between the starts of two.
    taper : ndarray of float64, shape (length,), or None
        What windows are multiplied with; None is 1 everywhere.
    detrend : {None, "constant", "linear"}
    nfft : int
        Samples that are transformed: a window, and zeros.
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
        """Whether windows are transformed as they are."""
        return self.taper is None and self.detrend is None and self.nfft == self.length

    def prepare(self, windows: Array, out: Array) -> None:
        """Windows, (..., length), detrended and tapered as rows of `out`; rows and samples beyond are zeros."""
        count = windows.size // self.length
        rows = out[:count, : self.length]
        shaped = rows.reshape(windows.shape) if self.nfft == self.length else None
        if self.detrend is None and self.taper is not None and shaped is not None:
            np.multiply(windows, self.taper, out=shaped)
        else:
            rows[...] = windows.reshape(rows.shape)
            detrend(rows, self.detrend)
            if self.taper is not None:
                rows *= self.taper
        out[:count, self.length :] = 0
        out[count:] = 0


def detrend(rows: Array, kind: str | None) -> None:
    """Take the mean, or the least-squares line, from each row."""
    if kind is None:
        return
    rows -= rows.mean(axis=1, keepdims=True)
    if kind == "linear" and rows.shape[1] > 1:
        t = np.arange(rows.shape[1]) - (rows.shape[1] - 1) / 2
        rows -= ((rows * t).sum(axis=1, keepdims=True) / (t * t).sum()) * t


@dataclass(frozen=True)
class Tile:
    """Windows that can be computed together.

    Parameters
    ----------
    cells, chosen : slice or ndarray of int
        Which cells of the block, and which windows of the run.
    windows : tuple of ndarray, each (cells, windows, length)
        From each block, as views.
    series : ndarray, (cells, time), or None
        What the windows of the first block are cut from, if they are all there.
    """

    cells: Any
    chosen: Any
    windows: tuple[Array, ...]
    series: Array | None = None

    def batches(self, nfft: int) -> Iterator[tuple[tuple[Any, Any], tuple[Array, ...]]]:
        """Where a result belongs, and the windows that it is computed from, a cache-full at a time."""
        cells, count = self.windows[0].shape[:2]
        rows = rows_of_batch(nfft)
        together = max(1, rows // count)
        for first in range(0, cells, together):
            some = slice(first, min(first + together, cells))
            for start in range(0, count, rows):
                these = slice(start, min(start + rows, count))
                place = _within(self.cells, some), _within(self.chosen, these)
                yield place, tuple(each[some, these] for each in self.windows)


def _within(index: Any, part: slice) -> Any:
    if isinstance(index, slice):
        return slice(index.start + part.start, index.start + part.stop)
    return index[part]


def rows_of_batch(nfft: int) -> int:
    """Windows in a batch."""
    return max(fft.ROWS, BATCH_BYTES // (8 * nfft) // fft.ROWS * fft.ROWS)


def whole_rows(count: int) -> int:
    """`count` rounded up to what is transformed at once."""
    return -(-count // fft.ROWS) * fft.ROWS


def tiles(blocks: tuple[Array, ...], span: Span, recipe: Recipe) -> Iterator[Tile]:
    """One run of windows of blocks (cell, time), tile by tile; cells and windows without values are left out."""
    cells = blocks[0].shape[0]
    for first in range(0, cells, CELLS):
        some = slice(first, min(first + CELLS, cells))
        rows = [_series(block[some, span.first : span.last]) for block in blocks]
        missing = _missing(rows)
        if missing is None:
            yield _whole_tile(some, rows, span, recipe)
            continue
        if recipe.nan_policy == "raise":
            raise ValueError(
                "there are missing values, and nan_policy='raise'. Fill them before, da.interpolate_na(dim), or choose "
                "nan_policy='propagate' (their windows are missing) or 'fill' (with the mean of the window)."
            )
        incomplete = missing.any(axis=1)
        whole = np.flatnonzero(~incomplete)
        if whole.size:
            yield _whole_tile(first + whole, [each[whole] for each in rows], span, recipe)
        for cell in np.flatnonzero(incomplete & ~missing.all(axis=1)):
            here = slice(cell, cell + 1)
            tile = _holed_tile([each[here] for each in rows], missing[here], span, recipe)
            if tile is not None:
                yield replace(tile, cells=slice(first + int(cell), first + int(cell) + 1))


def _series(block: Array) -> Array:
    """(cell, time) as contiguous float64 or complex128 series; a view where they are already."""
    dtype = np.complex128 if block.dtype.kind == "c" else np.float64
    if block.dtype == dtype and block.strides[1] == block.itemsize:
        return block
    rows = np.empty(block.shape, dtype)
    if block.strides[1] <= block.strides[0]:
        rows[...] = block
        return rows
    # Straight into columns would touch each line of memory many times, and lines that share a place in the cache.
    steps = np.empty((STEPS, block.shape[0]), dtype)
    for start in range(0, block.shape[1], STEPS):
        part = block[:, start : start + STEPS]
        held = steps[: part.shape[1]]
        held[...] = part.T
        rows[:, start : start + STEPS] = held.T
    return rows


def _missing(rows: list[Array]) -> Array | None:
    """Where one of the arrays is not finite; None if nowhere."""
    # Sums are a quick look: only what is not finite makes them so, or what is too large for them.
    with np.errstate(all="ignore"):
        if all(np.isfinite(each.sum(axis=1)).all() for each in rows):
            return None
    missing: Array = np.logical_or.reduce([~np.isfinite(each) for each in rows])
    return missing if missing.any() else None


def _windows(series: Array, recipe: Recipe) -> Array:
    """All windows of series (cell, time), as a view: sliding_window_view, without what that costs for a short one."""
    cells, samples = series.shape
    count = (samples - recipe.length) // recipe.hop + 1
    along, step = series.strides
    return as_strided(series, (cells, count, recipe.length), (along, recipe.hop * step, step), writeable=False)


def _whole_tile(cells: Any, rows: list[Array], span: Span, recipe: Recipe) -> Tile:
    series = [span.rows(each) for each in rows]
    windows = tuple(_windows(each, recipe) for each in series)
    return Tile(cells, slice(0, windows[0].shape[1]), windows, series[0])


def _holed_tile(rows: list[Array], missing: Array, span: Span, recipe: Recipe) -> Tile | None:
    """The windows of one cell that can be computed, if any."""
    # What lies beyond the record is missing where it mirrors what is.
    holes = _windows(
        replace(span, boundary="even").rows(missing) if span.boundary == "odd" else span.rows(missing), recipe
    )
    fill = recipe.nan_policy == "fill"
    chosen = np.flatnonzero(~(holes.all(axis=2) if fill else holes.any(axis=2))[0])
    if not chosen.size:
        return None
    windows = [_windows(span.rows(each), recipe)[:, chosen] for each in rows]
    if fill:
        windows = [_filled(each, holes[:, chosen]) for each in windows]
    return Tile(slice(0, 1), chosen, tuple(windows))


def _filled(windows: Array, missing: Array) -> Array:
    """Missing values replaced by the mean of the others of their window."""
    sums = np.where(missing, 0, windows).sum(axis=2, keepdims=True)
    return np.where(missing, sums / (~missing).sum(axis=2, keepdims=True), windows)
