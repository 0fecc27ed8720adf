"""Tiles: `LANES` neighbouring cells of a block, copied next to each other, missing values as NaN.

NaN compares false with everything, so a missing value drops out of every pair count without a test: a record with
holes takes the same path, at the same speed, as a complete one.
"""

import math

import numpy as np

from gridtrend.engine.lanes import LANES, add, count_equal, load_cells, store, subtract, zero_count
from gridtrend.engine.unit import unit


@unit(allocates=False)
def fill_tile(y, first, tile, n_valid):
    """Copy cells `first` to `first + LANES` of `y` (time, cell) into `tile` (time, LANES); inf becomes NaN.

    Lanes beyond the last cell are NaN. Returns the number of lanes in use.
    """
    n, n_cells = y.shape
    used = min(LANES, n_cells - first)
    if n > 0 and used == LANES and y.strides[1] == y.itemsize:
        _fill_by_rows(y, first, tile, n_valid)
        return used
    missing, zero = y.dtype.type(np.nan), y.dtype.type(0.0)
    for k in range(LANES):
        n_valid[k] = 0
    for i in range(n):
        for k in range(used):
            value = y[i, first + k]
            valid = math.isfinite(value)
            # -0.0 becomes 0.0, as below.
            tile[i, k] = value + zero if valid else missing
            n_valid[k] += valid
        for k in range(used, LANES):
            tile[i, k] = missing
    return used


@unit(allocates=False)
def _fill_by_rows(y, first, tile, n_valid):
    """The same for a full tile of cells that lie next to each other, a row at a time."""
    valid = zero_count(load_cells(y, 0, first))
    for i in range(y.shape[0]):
        row = load_cells(y, i, first)
        # 0 for numbers, NaN for NaN and for inf: added, it makes inf NaN, -0.0 0.0, and changes nothing else.
        gap = subtract(row, row)
        valid = count_equal(valid, gap, gap)
        store(tile, i, add(row, gap))
    store(n_valid, 0, valid)


@unit(allocates=False)
def valid_series(tile, t, k, values, times):
    """Copy the valid values of lane `k` and their times to `values` and `times`; returns how many there are."""
    m = 0
    for i in range(t.size):
        value = tile[i, k]
        if not math.isnan(value):
            values[m] = value
            times[m] = t[i]
            m += 1
    return m


@unit(allocates=False)
def put_lanes(results, row, first, used, output):
    """Copy a row of results to cells `first` to `first + used` of an output."""
    for k in range(used):
        output[first + k] = results[row, k]


@unit(allocates=False)
def valid_steps(tile, steps, k, at):
    """Copy the steps of the valid values of lane `k` to `at`."""
    m = 0
    for i in range(steps.size):
        if not math.isnan(tile[i, k]):
            at[m] = steps[i]
            m += 1
