"""From the sums over windows that blocks give to means over the whole record, and what these are worth."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gridtrend.spectral import blocks
from gridtrend.spectral.setup import Blocks, Setup
from gridtrend.spectral.tapers import effective_segments

# Runs span so many windows: their sums then take an eighth of the memory of the samples that they are made of.
WINDOWS_OF_A_RUN = 4


def independence(setup: Setup) -> dict[str, Any]:
    """How much a mean over all windows tells."""
    segments = float(effective_segments(setup.weights, setup.recipe.hop, setup.windows.count))
    return {"segments": setup.windows.count, "effective_segments": segments, "degrees_of_freedom": 2 * segments}


def mean_sums(setup: Setup) -> tuple[Blocks, Any]:
    """The sums over all windows, (..., sums): in one block, or chained through the parts of a lazy record."""
    size = blocks.sums_size(len(setup.arrays), setup.recipe)
    samples = WINDOWS_OF_A_RUN * setup.recipe.length
    found = setup.run(blocks.sums, blocks.rows_of_sums, size=size, dtype=np.float64, samples=samples)
    if len(found.pieces) == 1:
        # An axis of one run: nothing is left to add.
        return found, found.pieces[0][..., 0, :]
    import dask.array

    *cells, runs, sums = range(found.pieces[0].ndim)
    chunks = (*found.pieces[0].chunks[:-2], (size,))
    total = dask.array.zeros([sum(sizes) for sizes in chunks], chunks=chunks)
    for piece in found.pieces:
        total = dask.array.blockwise(
            blocks.add_runs,
            (*cells, sums),
            total,
            (*cells, sums),
            piece,
            (*cells, runs, sums),
            dtype=np.float64,
            concatenate=True,
            meta=np.empty((0,) * total.ndim),
        )
    return found, total


def apply_to(
    totals: Any, function: Callable[..., np.ndarray], size: int, dtype: Any = np.float64, **parameters: Any
) -> Any:
    """A function of sums (..., sums) that gives (..., size), lazily where they are lazy."""
    if isinstance(totals, np.ndarray):
        return function(totals, **parameters)
    chunks = (*totals.chunks[:-1], (size,))
    meta = np.empty((0,) * totals.ndim, dtype)
    return totals.map_blocks(function, dtype=dtype, chunks=chunks, meta=meta, **parameters)


def mean_power(totals: np.ndarray, *, factor: np.ndarray | None) -> np.ndarray:
    """Mean power, (..., bins)."""
    return _mean(totals[..., :-1], totals[..., -1:], factor)


def mean_cross_power(totals: np.ndarray, *, factor: np.ndarray | None) -> np.ndarray:
    """Mean of conj(X) Y, (..., bins)."""
    _, _, real, imaginary = np.split(totals[..., :-1], 4, axis=-1)
    return _mean(real + 1j * imaginary, totals[..., -1:], factor)


def shared_power(totals: np.ndarray) -> np.ndarray:
    """Squared modulus of the mean cross power, relative to the product of the mean powers, (..., bins)."""
    x, y, real, imaginary = np.split(totals[..., :-1], 4, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((real**2 + imaginary**2) / x / y)


def _mean(sums: np.ndarray, count: np.ndarray, factor: np.ndarray | None) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sums / count
    return np.asarray(mean if factor is None else mean * factor)
