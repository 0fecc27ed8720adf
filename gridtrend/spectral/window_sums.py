"""Means over all windows, from the sums over runs of windows, and their degrees of freedom."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.spectral import window_spectra
from gridtrend.spectral.analysis import Analysis, Blocks, long_name
from gridtrend.spectral.tapers import effective_segments

# Length of a run in windows: its sums then need an eighth of the memory of its samples.
WINDOWS_OF_A_RUN = 4


def independence(analysis: Analysis) -> dict[str, Any]:
    """Number of windows, of independent windows, and degrees of freedom of a mean over all windows."""
    segments = float(effective_segments(analysis.weights, analysis.recipe.hop, analysis.windows.count))
    return {"segments": analysis.windows.count, "effective_segments": segments, "degrees_of_freedom": 2 * segments}


def count_attrs(analysis: Analysis) -> dict[str, Any]:
    """Attributes of `n_segments`."""
    return {"long_name": long_name("number of windows without missing values", analysis), "units": "1"}


def with_count(da: xr.DataArray, found: Blocks, totals: Any) -> xr.DataArray:
    """A mean with the number of its windows in each cell as the coordinate `n_segments`."""
    count = found.named(totals[..., -1].astype(np.int32), (), "n_segments", {})
    return da.assign_coords(n_segments=count.variable.transpose(*(dim for dim in da.dims if dim in count.dims))).pipe(
        _described, count_attrs(found.analysis)
    )


def _described(da: xr.DataArray, attrs: dict[str, Any]) -> xr.DataArray:
    da.coords["n_segments"].attrs = attrs
    return da


def mean_sums(analysis: Analysis) -> tuple[Blocks, Any]:
    """The sums over all windows, (..., sums): in one block, or chained through the parts of a lazy record."""
    size = window_spectra.sums_size(len(analysis.arrays), analysis.recipe)
    samples = WINDOWS_OF_A_RUN * analysis.recipe.length
    found = analysis.run(
        window_spectra.sums, rows=window_spectra.rows_of_sums, samples=samples, size=size, dtype=np.float64
    )
    if len(found.pieces) == 1:
        # There is one run: nothing to add.
        return found, found.pieces[0][..., 0, :]
    import dask.array

    *cells, runs, sums = range(found.pieces[0].ndim)
    chunks = (*found.pieces[0].chunks[:-2], (size,))
    total = dask.array.zeros([sum(sizes) for sizes in chunks], chunks=chunks)
    for piece in found.pieces:
        total = dask.array.blockwise(
            window_spectra.add_runs,
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

    Missing for one window, for which it is 1 with any data.
    """
    x, y, real, imaginary = np.split(totals[..., :-1], 4, axis=-1)
    return where_known((real**2 + imaginary**2) / x / y, totals[..., -1:] > 1)


def where_known(found: np.ndarray, known: np.ndarray | bool = True) -> np.ndarray:
    """`found` with the same NaN wherever it is unknown: the sign of 0 / 0 depends on the position in an array."""
    return np.asarray(np.where(known & ~np.isnan(found), found, np.nan))


@np.errstate(all="ignore")
def _mean(sums: np.ndarray, count: np.ndarray, factor: np.ndarray | None) -> np.ndarray:
    mean = sums / count
    return where_known(mean if factor is None else mean * factor)
