"""A few values of a variable that is still in its files, to tell what kind of record it is.

However large a record and its chunks, no more is read than a few chunks of some megabytes.
"""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.io.memory import SAMPLE_BYTES
from gridtrend.io.plan import disk_chunks
from gridtrend.trend.cycle import cycle_warning, has_cycle
from gridtrend.trend.phases import calendar_months

# Where a sample is taken, as shares of each dimension.
SHARES = (0.5, 0.2, 0.8)
# Steps that are read to find an annual cycle: of so many years so many months each.
YEARS, MONTHS = 6, 4
# Cells along a dimension, all in one chunk of the files.
CELLS = 8

Box = dict[Any, slice]


@dataclass(frozen=True)
class Missing:
    """How many values are missing.

    Parameters
    ----------
    fraction : float, optional
        Of the values that were seen; None where chunks are too large to unpack one.
    values, steps : int
        How many were seen, and in how many steps of whole maps; 0 steps where no map was seen as a whole.
    """

    fraction: float | None
    values: int = 0
    steps: int = 0


def count_missing(array: xr.DataArray, dim: str, most: int) -> Missing:
    """Count missing values: all of them if there are no more than `most`, or those of a few chunks.

    Parameters
    ----------
    array : DataArray
        Not read yet.
    dim : str
        Dimension of the series.
    most : int
        Values to look at.
    """
    if array.size <= most and array.nbytes <= SAMPLE_BYTES:
        return Missing(float(array.isnull().mean()) if array.size else 0.0, array.size, array.sizes[dim])
    sizes = _box_sizes(array, most // len(SHARES))
    tries = min(len(SHARES), int(SAMPLE_BYTES // max(1, _bytes(array, sizes))))
    boxes = [_box_at(array, sizes, share) for share in SHARES[:tries]]
    seen = [array.isel(box).values for box in {str(box): box for box in boxes}.values()]
    if not seen:
        return Missing(None)
    values = sum(block.size for block in seen)
    whole = all(size == array.sizes[name] for name, size in sizes.items() if name != dim)
    return Missing(
        sum(int(np.isnan(block).sum()) for block in seen) / values, values, len(seen) * sizes[dim] if whole else 0
    )


def _box_sizes(array: xr.DataArray, most: int) -> dict[Any, int]:
    """The sizes of a chunk of the files; of a run of at most so many values where they lie in one piece."""
    disk = disk_chunks(array)
    sizes = {name: min(disk.get(str(name)) or size, size) for name, size in array.sizes.items()}
    if not disk:
        for name, size in sizes.items():
            others = math.prod(sizes.values()) // max(size, 1)
            sizes[name] = max(1, min(size, most // max(others, 1)))
    return sizes


def _bytes(array: xr.DataArray, sizes: dict[Any, int]) -> int:
    return int(array.dtype.itemsize * math.prod(sizes.values()))


def _box_at(array: xr.DataArray, sizes: dict[Any, int], share: float) -> Box:
    box = {}
    for name, size in array.sizes.items():
        start = int(share * max(size - 1, 0)) // sizes[name] * sizes[name]
        box[name] = slice(start, min(start + sizes[name], size))
    return box


def warn_of_cycle(array: xr.DataArray, dim: str) -> bool:
    """Warn where a few series have an annual cycle, which a test of the whole series takes for noise; whether they do."""
    months = calendar_months(array, dim) if dim in array.coords and not array[dim].isnull().any() else None
    if months is None:
        return False
    chunks = disk_chunks(array)
    length = chunks.get(dim, 1)
    chunk = array.dtype.itemsize * math.prod(chunks.values()) if chunks else 0
    left = SAMPLE_BYTES // chunk if chunk else array.sizes[dim] * len(SHARES)
    for box in _some_cells(array, dim):
        steps = _some_steps(months, length, left)
        if steps.size < 2 * MONTHS or np.unique(months[steps] % 12).size < 2:
            return False
        left -= np.unique(steps // length).size
        values = _read(array, dim, steps, length, box)
        if np.isfinite(values).any():
            if has_cycle(values, months[steps]):
                warnings.warn(cycle_warning(array, dim), stacklevel=2)
                return True
            return False
    return False


def _read(array: xr.DataArray, dim: str, steps: np.ndarray, length: int, box: Box) -> np.ndarray:
    """A few cells at a few steps, shape (step, cell); each chunk is unpacked once."""
    chunked = bool(disk_chunks(array))
    strides = {name: slice(None, None, max(1, (part.stop - part.start) // CELLS)) for name, part in box.items()}
    # A selection with gaps would come back to a chunk; in what lies in one piece it reads less.
    whole = box if chunked else {name: slice(part.start, part.stop, strides[name].step) for name, part in box.items()}
    found = []
    for chunk in np.unique(steps // length):
        inside = steps[steps // length == chunk]
        run = slice(int(inside[0]), int(inside[-1]) + 1)
        part = array.isel({dim: run}).isel(whole).transpose(dim, ...)
        values = part.copy(data=part.values)
        values = values.isel({dim: inside - run.start}).isel(strides if chunked else {})
        found.append(np.array(values.values, float).reshape(inside.size, -1))
    return np.concatenate(found)


def _some_steps(months: np.ndarray, length: int, most: int) -> np.ndarray:
    """Positions of one step in each of a few months of a few years, in at most so many chunks of `length` steps."""
    for years in range(YEARS, 1, -1):
        steps = _of_years(months, years)
        if np.unique(steps // length).size <= most:
            return steps
    # Chunks that are long in time: all that one of them holds.
    start = months.size // 2 // length * length
    return np.arange(start, min(start + length, months.size)) if most >= 1 else np.array([], int)


def _of_years(months: np.ndarray, count: int) -> np.ndarray:
    every = np.unique(months % 12)
    chosen = every[np.unique(np.linspace(0, every.size, MONTHS, endpoint=False).astype(int))]
    first, where = np.unique(months, return_index=True)
    years = np.unique(first // 12)
    years = years[np.unique(np.linspace(0, years.size - 1, min(count, years.size)).round().astype(int))]
    return np.sort(where[np.isin(first % 12, chosen) & np.isin(first // 12, years)])


def _some_cells(array: xr.DataArray, dim: str) -> Iterator[Box]:
    """Cells that lie in one chunk of the files: in the middle first."""
    chunks = disk_chunks(array)
    for share in SHARES:
        box = {}
        for name, size in array.sizes.items():
            if name != dim:
                length = min(int(chunks.get(str(name), size)) or size, size) or 1
                start = int(share * max(size - 1, 0)) // length * length
                box[name] = slice(start, min(start + length, size))
        yield box
