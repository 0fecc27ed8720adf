"""The largest |z| of a field under permutations of time that are common to all its cells."""

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.engine.output import Output
from gridtrend.grid.apply import apply_function
from gridtrend.grid.cf import output_attrs
from gridtrend.grid.checks import check_seed
from gridtrend.grid.timeaxis import time_axis
from gridtrend.trend.kernels import mann_kendall as kernels
from gridtrend.trend.kernels.normal import TWO_SIDED
from gridtrend.trend.mann_kendall import mann_kendall
from gridtrend.trend.options import check_draws


def largest_of_field(
    da: xr.DataArray, dim: str, outputs: tuple[Output, ...], alpha: float, permutations: int, seed: int, min_valid: int
) -> xr.Dataset:
    """Compare every cell's |z| with the largest of the field under permutations: `outputs`, lazy if `da` is."""
    permutations, seed = check_draws("permutations", permutations, alpha), check_seed(seed)
    # Of all orders, the record's own included, at most so many may be as extreme as that of a significant cell.
    allowed = int(alpha * (permutations + 1))
    test = mann_kendall(da, dim, slope=False, continuity=False, min_valid=min_valid)
    size = abs(test["z"])
    order = time_axis(da, dim).order
    largest = _maxima(da if order is None else da.isel({dim: order}), dim, permutations, seed, min_valid)
    significant, adjusted, threshold, n_tests, n_rejected = outputs
    result = apply_function(
        _compare,
        size,
        largest,
        outputs=(replace(significant, dims=()), replace(adjusted, dims=())),
        like=test["p_value"],
        family=largest.dims,
        alpha=alpha,
    )
    critical = replace(threshold, long_name="|z| that a cell must exceed to be significant over the whole field")
    name = str(test["p_value"].attrs["long_name"])
    for output, value in (
        (critical, largest.isel(permutation=-allowed)),
        (n_tests, size.notnull().sum()),
        (n_rejected, result["significant"].sum(dtype=np.int64)),
    ):
        result[output.name] = value.drop_vars(value.coords).assign_attrs(output_attrs(output, name, None, ""))
    return result


def _maxima(da: xr.DataArray, dim: str, permutations: int, seed: int, min_valid: int) -> xr.DataArray:
    """Largest |z| of the field under each permutation, sorted."""
    options = {"permutations": permutations, "seed": seed, "min_valid": min_valid}
    data = da.transpose(dim, ...).data
    if da.chunks is None:
        largest = _largest_of_block(data, **options)
    else:
        blocks = tuple((1,) * len(sizes) for sizes in data.chunks[1:])
        meta = np.empty((0,) * data.ndim)
        largest = data.map_blocks(_largest_of_block, **options, chunks=((permutations,), *blocks), meta=meta)
    largest = largest.max(axis=tuple(range(1, data.ndim)))
    largest = largest.map_blocks(np.sort, dtype=float) if da.chunks is not None else np.sort(largest)
    return xr.DataArray(largest, dims="permutation")


def _largest_of_block(block: Any, permutations: int, seed: int, min_valid: int) -> Any:
    """Largest |z| among the cells of a block (time, ...) under each permutation: shape (permutations, 1, ...)."""
    rng = np.random.default_rng(seed)
    t = np.arange(float(len(block)))
    largest = np.empty(permutations)
    for i in range(permutations):
        shuffled = np.moveaxis(block[rng.permutation(len(block))], 0, -1)
        _, _, _, z, *_ = kernels.mann_kendall(
            shuffled, t=t, alpha=0.5, continuity=0.0, alternative=TWO_SIDED, variant=kernels.TAU_A, min_valid=min_valid
        )
        largest[i] = np.fmax.reduce(np.abs(z), axis=None, initial=0.0)
    return largest.reshape((permutations,) + (1,) * (block.ndim - 1))


def _compare(size: Any, largest: Any, *, alpha: float) -> tuple[Any, Any]:
    """Significance and adjusted p of every |z|, given the sorted largest ones under permutations."""
    n = largest.size
    adjusted = (1 + n - np.searchsorted(largest.ravel(), size)) / (n + 1)
    adjusted = np.where(np.isnan(size), np.nan, adjusted)
    return (adjusted <= alpha).astype(np.int8), adjusted
