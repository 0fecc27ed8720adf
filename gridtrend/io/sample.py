"""A few values of a variable that is still in its files, to tell what kind of record it is."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.io.plan import disk_chunks
from gridtrend.trend.cycle import cycle_warning, has_cycle
from gridtrend.trend.phases import calendar_months

# Steps that are read: of so many years so many months each.
YEARS, MONTHS = 6, 4
# Cells along a dimension, all in one chunk of the files, and how many chunks are tried for one that has values.
CELLS, TRIES = 8, 3


def warn_of_cycle(array: xr.DataArray, dim: str) -> bool:
    """Warn where a few series have an annual cycle, which a test of the whole series takes for noise; whether they do."""
    months = calendar_months(array, dim) if dim in array.coords and not array[dim].isnull().any() else None
    if months is None:
        return False
    steps = _some_steps(months)
    if steps.size < 2 * MONTHS or np.unique(months[steps] % 12).size < 2:
        return False
    for cells in _some_cells(array, dim):
        values = array.isel({dim: steps}).isel(cells).transpose(dim, ...).values.reshape(steps.size, -1)
        if np.isfinite(values.astype(float)).any():
            if has_cycle(values, months[steps]):
                warnings.warn(cycle_warning(array, dim), stacklevel=2)
                return True
            return False
    return False


def _some_steps(months: np.ndarray) -> np.ndarray:
    """Positions of one step in each of a few months of a few years."""
    every = np.unique(months % 12)
    chosen = every[np.unique(np.linspace(0, every.size, MONTHS, endpoint=False).astype(int))]
    first, where = np.unique(months, return_index=True)
    years = np.unique(first // 12)
    years = years[np.unique(np.linspace(0, years.size - 1, min(YEARS, years.size)).round().astype(int))]
    return np.sort(where[np.isin(first % 12, chosen) & np.isin(first // 12, years)])


def _some_cells(array: xr.DataArray, dim: str) -> Iterator[dict[Any, slice]]:
    """Cells that lie in one chunk of the files: in the middle first."""
    chunks = disk_chunks(array)
    for share in (0.5, 0.25, 0.75)[:TRIES]:
        cells = {}
        for name, size in array.sizes.items():
            if name != dim:
                length = min(int(chunks.get(str(name), size)) or size, size) or 1
                start = int(share * max(size - 1, 0)) // length * length
                stop = min(start + length, size)
                cells[name] = slice(start, stop, max(1, (stop - start) // CELLS))
        yield cells
