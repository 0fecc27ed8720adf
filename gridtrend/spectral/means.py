"""From the sums over windows that blocks give to means over the whole record, and what these are worth."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.numbers import is_number
from gridtrend.spectral import blocks
from gridtrend.spectral.setup import Blocks, Setup, long_name
from gridtrend.spectral.tapers import effective_segments

# Runs span so many windows: their sums then take an eighth of the memory of the samples that they are made of.
WINDOWS_OF_A_RUN = 4


def independence(setup: Setup) -> dict[str, Any]:
    """How much a mean over all windows tells."""
    segments = float(effective_segments(setup.weights, setup.recipe.hop, setup.windows.count))
    return {"segments": setup.windows.count, "effective_segments": segments, "degrees_of_freedom": 2 * segments}


def count_attrs(setup: Setup) -> dict[str, Any]:
    """Attributes of `n_segments`."""
    return {"long_name": long_name("number of windows without missing values", setup), "units": "1"}


def with_count(da: xr.DataArray, found: Blocks, totals: Any) -> xr.DataArray:
    """A mean with the number of windows that it is of in each cell, as the coordinate `n_segments`."""
    count = found.named(totals[..., -1].astype(np.int32), (), "n_segments", {})
    return da.assign_coords(n_segments=count.variable.transpose(*(dim for dim in da.dims if dim in count.dims))).pipe(
        _described, count_attrs(found.setup)
    )


def _described(da: xr.DataArray, attrs: dict[str, Any]) -> xr.DataArray:
    da.coords["n_segments"].attrs = attrs
    return da


def check_alpha(alpha: Any) -> None:
    """Refuse what is not a significance level."""
    if not is_number(alpha) or not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha={alpha!r} is not a significance level; give a number between 0 and 1, such as 0.05.")


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
    found = np.empty(real.shape, np.complex128)
    found.real = _mean(real, totals[..., -1:], factor)
    found.imag = _mean(imaginary, totals[..., -1:], factor)
    return found


@np.errstate(all="ignore")
def shared_power(totals: np.ndarray) -> np.ndarray:
    """Squared modulus of the mean cross power, relative to the product of the mean powers, (..., bins).

    Of one window it would be 1, whatever the data: missing.
    """
    x, y, real, imaginary = np.split(totals[..., :-1], 4, axis=-1)
    return where_known((real**2 + imaginary**2) / x / y, totals[..., -1:] > 1)


def where_known(found: np.ndarray, known: np.ndarray | bool = True) -> np.ndarray:
    """`found` with one NaN for all that is unknown: the sign of 0 / 0 depends on where in an array it is."""
    return np.asarray(np.where(known & ~np.isnan(found), found, np.nan))


@np.errstate(all="ignore")
def _mean(sums: np.ndarray, count: np.ndarray, factor: np.ndarray | None) -> np.ndarray:
    mean = sums / count
    return where_known(mean if factor is None else mean * factor)
