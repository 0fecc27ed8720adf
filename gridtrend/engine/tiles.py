"""Tiles: the series of 16 neighbouring cells (`LANES`) of a block, copied next to each other, missing values as NaN.

    block (time, cell)                            tile (time, LANES)

              cells                                    lane 0    1    2   ...   15
          0 1 2 3 ... 15 | 16 17 ...  31 | 32       +-----------------------------+
    step  . . . .      . |  .  .       . |  .       |   y    y    y    ...    y   |  row 0: step 0 of 16 cells
      |   . . . .      . |  .  .       . |  .       |   y   NaN   y    ...    y   |  row 1
      v   . . . .      . |  .  .       . |  .       |   y    y    y    ...   NaN  |  row 2
              first = 0    first = 16               +-----------------------------+

A row lies in one piece of memory and is one vector value of `gridtrend.engine.lanes`; a column, the *lane*, is the series of
one cell. Cells beyond the last one of a block are lanes of NaN.

NaN compares false with everything, so a missing value drops out of every count of pairs without a test: a record with
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
def keep_common(x, y, n_valid):
    """Make a step missing in both tiles where it is missing in one; counts what is left."""
    for k in range(LANES):
        n_valid[k] = 0
    for i in range(x.shape[0]):
        for k in range(LANES):
            if math.isnan(x[i, k]) or math.isnan(y[i, k]):
                x[i, k] = y[i, k] = np.nan
            else:
                n_valid[k] += 1


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
