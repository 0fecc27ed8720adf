"""What the machine allows: bytes copied and values compared in a second, measured where and when all else is."""

import statistics
from functools import cache

import numpy as np

from benchmarks.timing import race
from gridtrend.engine.jit import entry
from gridtrend.engine.lanes import LANES, count_less, load, store, zero_count

# Rows of a tile that the nearest cache holds with room to spare, and how many are compared with each row read.
ROWS, EARLIER = 128, 4


@entry
def compare_rows(tile, laps, counts):
    """Count `a < b` between rows of a tile, nothing else; 4 rows stay in registers while the others pass."""
    up = zero_count(load(tile, 0))
    down = zero_count(load(tile, 0))
    for _ in range(laps):
        for i in range(0, ROWS, EARLIER):
            a, b, c, d = load(tile, i), load(tile, i + 1), load(tile, i + 2), load(tile, i + 3)
            for j in range(ROWS):
                later = load(tile, j)
                up = count_less(up, a, later)
                down = count_less(down, b, later)
                up = count_less(up, c, later)
                down = count_less(down, d, later)
    store(counts, 0, up)
    store(counts, 1, down)


@cache
def comparison_rate(dtype: str, quick: bool) -> float:
    """Comparisons a second on one thread."""
    laps = 50 if quick else 20_000
    tile = np.random.default_rng(0).random((ROWS, LANES)).astype(dtype)
    counts = np.empty((2, LANES), np.int64)
    compare_rows(tile, 1, counts)
    (took,) = race([lambda: compare_rows(tile, laps, counts)], 5)
    return laps * ROWS * ROWS * LANES / statistics.median(took)


@cache
def bandwidth(quick: bool) -> float:
    """Bytes read and written a second by a plain copy of an array that no cache holds."""
    source = np.zeros(2_000_000 if quick else 32_000_000)
    source += 1.0
    target = np.ones_like(source)
    (took,) = race([lambda: np.copyto(target, source)], 7)
    return 2 * source.nbytes / statistics.median(took)
