"""Block functions: windows of many cells, a cache-full at a time, from samples to spectra or sums of them.

A block is taken in tiles of neighbouring cells and one run of windows; their series are laid out one after another, and
then cut, tapered and transformed in batches that stay in cache. What is averaged is summed there: window after window
within a run, run after run, so that no sum depends on tiles, chunks or threads. Cells with missing values go by
themselves, without the windows that miss some.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gridtrend.grid.windows import Part, Span
from gridtrend.spectral import fft

# Bytes of a batch of windows, and cells and steps of a tile: measured, and flat around these.
BATCH_BYTES = 1 << 19
CELLS, STEPS = 32, 128
TILE_BYTES = 1 << 21
DOT_LENGTH = 8192

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
    """

    cells: Any
    chosen: Any
    windows: tuple[Array, ...]

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
    missing = ~np.isfinite(rows[0])
    for each in rows[1:]:
        missing |= ~np.isfinite(each)
    return missing if missing.any() else None


def _windows(series: Array, recipe: Recipe) -> Array:
    return sliding_window_view(series, recipe.length, axis=1)[:, :: recipe.hop]


def _whole_tile(cells: Any, rows: list[Array], span: Span, recipe: Recipe) -> Tile:
    windows = tuple(_windows(span.rows(each), recipe) for each in rows)
    return Tile(cells, slice(0, windows[0].shape[1]), windows)


def _holed_tile(rows: list[Array], missing: Array, span: Span, recipe: Recipe) -> Tile | None:
    """The windows of one cell that can be computed, if any."""
    # What lies beyond the record is missing where it mirrors what is.
    holes = _windows(replace(span, boundary="even").rows(missing) if span.boundary == "odd" else span.rows(missing), recipe)
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


def _cells(block: Array) -> Array:
    """(..., time) to (cell, time): a view where the strides allow it, as they do for (time, lat, lon)."""
    return block.reshape((int(np.prod(block.shape[:-1])), block.shape[-1]))


class _Transformer:
    """Prepares and transforms batches in buffers of its own."""

    def __init__(self, recipe: Recipe, dtype: Any) -> None:
        self.recipe = recipe
        self.prepared = np.empty((0, recipe.nfft), np.complex128 if np.dtype(dtype).kind == "c" else np.float64)
        self.spectra = np.empty((0, recipe.bins), np.complex128)
        self.transform = fft.transform(recipe.one_sided)

    def __call__(self, windows: Array) -> Array:
        """(cells, windows, length) to (cells, windows, bins), in a buffer that the next call fills again."""
        count = windows.shape[0] * windows.shape[1]
        used = whole_rows(count)
        if used > len(self.prepared):
            self.prepared = np.empty((used, self.recipe.nfft), self.prepared.dtype)
            self.spectra = np.empty((used, self.recipe.bins), np.complex128)
        self.recipe.prepare(windows, self.prepared[:used])
        self.transform(self.prepared[:used], self.spectra[:used])
        return self.spectra[:count].reshape((*windows.shape[:2], self.recipe.bins))

    def straight(self, windows: Array, out: Array) -> None:
        """Windows that need no preparation, without a copy."""
        whole = windows.shape[1] // fft.ROWS * fft.ROWS
        for cell in range(len(windows)):
            if whole:
                self.transform(windows[cell, :whole], out[cell, :whole])
            if whole < windows.shape[1]:
                out[cell, whole:] = self(windows[cell : cell + 1, whole:])[0]


def spectra(
    block: Array, *, part: Part, recipe: Recipe, factor: Array | float | None, power: bool, single: bool
) -> Array:
    """Spectrum of each window times a factor, or its squared modulus times that.

    Parameters
    ----------
    block : ndarray, shape (..., time)
        The samples of `part`.
    part : Part
    recipe : Recipe
    factor : ndarray of shape (bins,), float or None
    power : bool
        Whether the squared modulus is returned.
    single : bool
        Whether the result is kept in single precision.

    Returns
    -------
    ndarray, shape (..., windows, bins)
        NaN where windows lack values.
    """
    flat = _cells(np.asarray(block))
    out = np.empty((len(flat), part.count, recipe.bins), spectra_dtype(power, single))
    transform = _Transformer(recipe, flat.dtype)
    as_they_are = recipe.untouched and factor is None and not power and out.dtype == np.complex128
    for numbers, span in _larger_runs(part, len(flat)).runs():
        target = out[:, numbers]
        done = np.zeros(target.shape[:2], bool)
        for tile in tiles((flat,), span, recipe):
            done[tile.cells, tile.chosen] = True
            if as_they_are and isinstance(tile.cells, slice) and isinstance(tile.chosen, slice):
                transform.straight(tile.windows[0], target[tile.cells])
                continue
            for place, (windows,) in tile.batches(recipe.nfft):
                target[place] = _finished(transform(windows), factor, power)
        if not done.all():
            target[~done] = np.nan if power else complex(np.nan, np.nan)
    return out.reshape((*block.shape[:-1], part.count, recipe.bins))


def spectra_dtype(power: bool, single: bool) -> np.dtype[Any]:
    """The type of what `spectra` returns."""
    if power:
        return np.dtype(np.float32 if single else np.float64)
    return np.dtype(np.complex64 if single else np.complex128)


def _larger_runs(part: Part, cells: int) -> Part:
    """Runs as long as a tile may be: where nothing is summed they are of no consequence."""
    samples = TILE_BYTES // (8 * min(max(cells, 1), CELLS))
    run = (samples - part.windows.length) // part.windows.hop // fft.ROWS * fft.ROWS
    return replace(part, run=max(run, fft.ROWS))


def _finished(spectrum: Array, factor: Array | float | None, power: bool) -> Array:
    if power:
        spectrum = _squares(spectrum)
        spectrum = spectrum[..., 0::2] + spectrum[..., 1::2]
    if factor is not None:
        spectrum *= factor
    return spectrum


def _squares(spectrum: Array) -> Array:
    """Squares of the real and imaginary parts, side by side, in the place of the spectrum."""
    parts = spectrum.view(np.float64)
    parts *= parts
    return parts


def sums(*blocks: Array, part: Part, recipe: Recipe) -> Array:
    """Sums over the windows of each run: of the power of one array, or of both powers and the cross power of two.

    Parameters
    ----------
    *blocks : ndarray, each (..., time)
        One or two.
    part : Part
    recipe : Recipe

    Returns
    -------
    ndarray of float64, shape (..., rows, sums)
        For one array the power of each frequency, for two also the power of the second, and real and imaginary part of
        conj(X) Y; last of all the number of windows. There are `rows_of_sums` rows.
    """
    flat = tuple(_cells(np.asarray(block)) for block in blocks)
    shape = len(flat[0]), sums_size(len(blocks), recipe)
    found = np.zeros((shape[0], rows_of_sums(part), shape[1]))
    transforms = [_Transformer(recipe, each.dtype) for each in flat]
    for run, (_, span) in enumerate(part.runs()):
        target = np.zeros(shape)
        for tile in tiles(flat, span, recipe):
            for (cells, _), windows in tile.batches(recipe.nfft):
                each = [transform(some) for transform, some in zip(transforms, windows, strict=True)]
                target[cells, :-1] += _products(*each)
                target[cells, -1] += windows[0].shape[1]
        found[:, min(run, found.shape[1] - 1)] += target
    return found.reshape((*blocks[0].shape[:-1], *found.shape[1:]))


def rows_of_sums(part: Part) -> int:
    """One for each run, or one in all where the part is the whole record: runs are added in the same order anyway."""
    return 1 if part.count == part.windows.count else -(-part.count // part.run)


def sums_size(arrays: int, recipe: Recipe) -> int:
    """How many sums there are for each run."""
    return (1 if arrays == 1 else 4) * recipe.bins + 1


def _products(x: Array, y: Array | None = None) -> Array:
    """What `sums` sums, of (cells, windows, bins), over windows."""
    found = []
    if y is not None:
        cross = (x.conj() * y).sum(axis=1)
        found = [cross.real, cross.imag]
        found.insert(0, _power(y))
    return np.concatenate([_power(x), *found], axis=-1) if found else _power(x)


def _power(spectrum: Array) -> Array:
    squares = _squares(spectrum).sum(axis=1)
    return np.asarray(squares[..., 0::2] + squares[..., 1::2])


def add_runs(total: Array, found: Array) -> Array:
    """`total` (..., sums) plus the sums of runs (..., runs, sums), one run after the other."""
    for run in range(found.shape[-2]):
        total = total + found[..., run, :]
    return total


def project(block: Array, *, part: Part, recipe: Recipe, functionals: Array) -> Array:
    """Weighted sums over each window: direct evaluation, where few numbers are wanted from many samples.

    Parameters
    ----------
    block : ndarray, shape (..., time)
    part : Part
    recipe : Recipe
        Without a taper and a trend: these are in the weights.
    functionals : ndarray of float64, shape (sums, length)

    Returns
    -------
    ndarray of float64, shape (..., windows, sums)
    """
    flat = _cells(np.asarray(block))
    out = np.full((len(flat), part.count, len(functionals)), np.nan)
    held = np.empty((rows_of_batch(recipe.nfft), recipe.length))
    for numbers, span in _larger_runs(part, len(flat)).runs():
        for tile in tiles((flat,), span, recipe):
            for place, (windows,) in tile.batches(recipe.nfft):
                rows = held[: windows.shape[0] * windows.shape[1]]
                recipe.prepare(windows, rows)
                out[:, numbers][place] = _dots(rows, functionals).reshape((*windows.shape[:2], -1))
    return out.reshape((*block.shape[:-1], *out.shape[1:]))


def _dots(rows: Array, functionals: Array) -> Array:
    # Pieces that no library splits over threads: sums are then of the same order everywhere.
    pieces = range(0, rows.shape[1], DOT_LENGTH)
    found = [np.vecdot(rows[:, None, i : i + DOT_LENGTH], functionals[:, i : i + DOT_LENGTH]) for i in pieces]
    return np.asarray(sum(found[1:], found[0]))
