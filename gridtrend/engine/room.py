"""Working memory of kernels: each kind of array is made by one unit.

`np.empty` in a kernel is compiled anew for every dtype and rank, takes 0.1 s each time, and is merged into each function
that calls it.
"""

from typing import Any

import numpy as np

from gridtrend.engine.lanes import LANES
from gridtrend.engine.unit import unit


@unit
def tile_like(y: Any) -> Any:
    """A tile for the cells of `y` (time, cell), of its dtype."""
    return np.empty((y.shape[0], LANES), y.dtype)


@unit
def lanes_float64(rows: Any) -> Any:
    """Rows of one float64 a lane."""
    return np.empty((rows, LANES), np.float64)


@unit
def lanes_float32(rows: Any) -> Any:
    """Rows of one float32 a lane."""
    return np.empty((rows, LANES), np.float32)


@unit
def lanes_int64(rows: Any) -> Any:
    """Rows of one int64 a lane."""
    return np.empty((rows, LANES), np.int64)


@unit
def vector_float64(n: Any) -> Any:
    """A vector of float64."""
    return np.empty(n, np.float64)


@unit
def vector_float32(n: Any) -> Any:
    """A vector of float32."""
    return np.empty(n, np.float32)


@unit
def vector_int64(n: Any) -> Any:
    """A vector of int64."""
    return np.empty(n, np.int64)


@unit
def vector_int32(n: Any) -> Any:
    """A vector of int32."""
    return np.empty(n, np.int32)
