"""Block functions: spectra of the windows of many cells, or sums of these.

Windows are tapered and transformed in batches that stay in cache, and sums are taken there: over the windows of a run, then over
runs, in a fixed order, so that no sum depends on tiles, chunks or threads.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from gridtrend.spectral import fft
from gridtrend.spectral.sliding import slider
from gridtrend.spectral.window_tiles import CELLS, TILE_BYTES, Array, Recipe, rows_of_batch, tiles, whole_rows
from gridtrend.spectral.windows import Part

# Longer sums of products are split, so that no BLAS library uses threads for them.
DOT_LENGTH = 8192


def _cells(block: Array) -> Array:
    """(..., time) to (cell, time): a view where the strides allow it, as they do for (time, lat, lon)."""
    return block.reshape((math.prod(block.shape[:-1]), block.shape[-1]))


class _Transformer:
    """Prepares and transforms batches, in buffers that it reuses."""

    def __init__(self, recipe: Recipe, dtype: Any) -> None:
        self.recipe = recipe
        self.prepared = np.empty((0, recipe.nfft), np.complex128 if np.dtype(dtype).kind == "c" else np.float64)
        self.spectra = np.empty((0, recipe.bins), np.complex128)
        self.transform = fft.transform(recipe.one_sided)

    def __call__(self, windows: Array, holes: Array | None = None) -> Array:
        """(cells, windows, length) to (cells, windows, bins), in a buffer that the next call overwrites."""
        count = windows.shape[0] * windows.shape[1]
        used = whole_rows(count)
        if used > len(self.prepared):
            self.prepared = np.empty((used, self.recipe.nfft), self.prepared.dtype)
            self.spectra = np.empty((used, self.recipe.bins), np.complex128)
        self.recipe.prepare(windows, self.prepared[:used], holes)
        self.transform(self.prepared[:used], self.spectra[:used])
        return self.spectra[:count].reshape((*windows.shape[:2], self.recipe.bins))

    def straight(self, windows: Array, out: Array) -> None:
        """Windows that need no preparation, without a copy."""
        count = windows.shape[1]
        whole = count // fft.ROWS * fft.ROWS
        for cell in range(len(windows)):
            if not whole:
                out[cell] = self(windows[cell : cell + 1])[0]
                continue
            self.transform(windows[cell, :whole], out[cell, :whole])
            if whole < count:
                # A full batch of the last rows: some are transformed a second time, with the same bits.
                self.transform(windows[cell, count - fft.ROWS :], out[cell, count - fft.ROWS :])


def spectra(
    block: Array,
    *,
    part: Part,
    recipe: Recipe,
    factor: Array | float | None,
    power: bool = False,
    band: tuple[int, int] | None = None,
    single: bool = False,
) -> Array:
    """Spectrum of each window times a factor, or its squared modulus times that, or the sum of these over a band.

    Parameters
    ----------
    block : ndarray, shape (..., time)
        The samples of `part`.
    part : Part
    recipe : Recipe
    factor : ndarray of shape (bins,), float or None
    power : bool
        Whether the squared modulus is returned.
    band : (int, int), optional
        First and last bin, the latter excluded, of those whose powers are summed.
    single : bool
        Whether the result is kept in single precision.

    Returns
    -------
    ndarray, shape (..., windows, bins), or (..., windows, 1) with a band
        NaN where windows have missing values.
    """
    flat = _cells(np.asarray(block))
    out = np.empty((len(flat), part.count, recipe.bins if band is None else 1), spectra_dtype(power, single))
    transform = _Transformer(recipe, flat.dtype)
    as_they_are = recipe.untouched and factor is None and not power and out.dtype == np.complex128
    nothing = np.nan if power else complex(np.nan, np.nan)
    for numbers, span in _larger_runs(part, len(flat)).runs():
        target = out[:, numbers]
        empty = np.ones(len(flat), bool)
        for tile in tiles((flat,), span, recipe):
            empty[tile.cells] = False
            if as_they_are and isinstance(tile.cells, slice):
                transform.straight(tile.windows[0], target[tile.cells])
                continue
            for batch in tile.batches(recipe.nfft):
                found = _finished(transform(tile.windows[0][batch], _of(tile.holes, batch)), factor, power, band)
                if tile.missing is not None:
                    found[tile.missing[batch]] = nothing
                target[tile.place(batch)] = found
        target[empty] = nothing
    return out.reshape((*block.shape[:-1], *out.shape[1:]))


def _of(array: Array | None, batch: tuple[slice, slice]) -> Array | None:
    return None if array is None else array[batch]


def spectra_dtype(power: bool, single: bool) -> np.dtype[Any]:
    """The type of what `spectra` returns."""
    if power:
        return np.dtype(np.float32 if single else np.float64)
    return np.dtype(np.complex64 if single else np.complex128)


def _larger_runs(part: Part, cells: int) -> Part:
    """Runs as long as a tile may be: their length does not matter where nothing is summed."""
    samples = TILE_BYTES // (8 * min(max(cells, 1), CELLS))
    run = (samples - part.windows.length) // part.windows.hop // fft.ROWS * fft.ROWS
    return replace(part, run=max(run, fft.ROWS))


def _finished(spectrum: Array, factor: Any, power: bool, band: tuple[int, int] | None) -> Array:
    if power:
        squares = _squares(spectrum)
        spectrum = squares[..., 0::2] + squares[..., 1::2]
    if isinstance(factor, np.ndarray) and factor.dtype.kind == "c":
        return _product(spectrum, factor)
    if factor is not None:
        spectrum *= factor
    return spectrum if band is None else spectrum[..., slice(*band)].sum(axis=-1, keepdims=True)


def _product(a: Array, b: Array) -> Array:
    """`a` times `b`, complex; the rounding of NumPy's product depends on the position in an array."""
    found = np.empty(a.shape, np.complex128)
    found.real = a.real * b.real - a.imag * b.imag
    found.imag = a.real * b.imag + a.imag * b.real
    return found


def _squares(spectrum: Array) -> Array:
    """Squares of the real and imaginary parts, side by side, in the memory of the spectrum."""
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
    slide = slider(recipe, lambda plain: _Transformer(plain, float)) if len(flat) == 1 else None
    for run, (_, span) in enumerate(part.runs()):
        target = np.zeros(shape)
        for tile in tiles(flat, span, recipe):
            if slide is not None and tile.missing is None:
                target[tile.cells, :-1] = slide(tile)
                target[tile.cells, -1] = tile.windows[0].shape[1]
                continue
            for batch in tile.batches(recipe.nfft):
                cells = tile.place(batch)[0]
                pairs = zip(transforms, tile.windows, strict=True)
                each = [transform(windows[batch], _of(tile.holes, batch)) for transform, windows in pairs]
                count: Any = each[0].shape[1]
                if tile.missing is not None:
                    for spectrum in each:
                        spectrum[tile.missing[batch]] = 0
                    count = count - np.count_nonzero(tile.missing[batch], axis=1)
                target[cells, :-1] += _products(*each)
                target[cells, -1] += count
        found[:, min(run, found.shape[1] - 1)] += target
    return found.reshape((*blocks[0].shape[:-1], *found.shape[1:]))


def rows_of_sums(part: Part) -> int:
    """One row for each run, or one in total where the part is the whole record: the order of additions is the same."""
    return 1 if part.count == part.windows.count else -(-part.count // part.run)


def sums_size(arrays: int, recipe: Recipe) -> int:
    """Number of sums for each run."""
    return (1 if arrays == 1 else 4) * recipe.bins + 1


def _products(x: Array, y: Array | None = None) -> Array:
    """Sums over windows of the powers and cross power of spectra (cells, windows, bins)."""
    if y is None:
        return _power(x)
    cross = _product(x.conj(), y).sum(axis=1)
    return np.concatenate([_power(x), _power(y), cross.real, cross.imag], axis=-1)


def _power(spectrum: Array) -> Array:
    squares = _squares(spectrum).sum(axis=1)
    return np.asarray(squares[..., 0::2] + squares[..., 1::2])


def add_runs(total: Array, found: Array) -> Array:
    """`total` (..., sums) plus the sums of runs (..., runs, sums), one run after the other."""
    for run in range(found.shape[-2]):
        total = total + found[..., run, :]
    return total


def weighted_sums(block: Array, *, part: Part, recipe: Recipe, weights: Array) -> Array:
    """Weighted sums over each window, faster than a transform for a few frequencies.

    Parameters
    ----------
    block : ndarray, shape (..., time)
    part : Part
    recipe : Recipe
        Without taper and detrending, which the weights include.
    weights : ndarray of float64, shape (sums, length)

    Returns
    -------
    ndarray of float64, shape (..., windows, sums)
        NaN where windows have missing values.
    """
    flat = _cells(np.asarray(block))
    out = np.full((len(flat), part.count, len(weights)), np.nan)
    held = np.empty((rows_of_batch(recipe.nfft), recipe.length))
    for numbers, span in _larger_runs(part, len(flat)).runs():
        for tile in tiles((flat,), span, recipe):
            for batch in tile.batches(recipe.nfft):
                windows = tile.windows[0][batch]
                rows = held[: windows.shape[0] * windows.shape[1]]
                recipe.prepare(windows, rows, _of(tile.holes, batch))
                found = _dots(rows, weights).reshape((*windows.shape[:2], -1))
                if tile.missing is not None:
                    found[tile.missing[batch]] = np.nan
                out[:, numbers][tile.place(batch)] = found
    return out.reshape((*block.shape[:-1], *out.shape[1:]))


def _dots(rows: Array, weights: Array) -> Array:
    pieces = range(0, rows.shape[1], DOT_LENGTH)
    found = [np.vecdot(rows[:, None, i : i + DOT_LENGTH], weights[:, i : i + DOT_LENGTH]) for i in pieces]
    return np.asarray(sum(found[1:], found[0]))
