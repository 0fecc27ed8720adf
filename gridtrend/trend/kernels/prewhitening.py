"""Series from which lag-1 autocorrelation is removed before they are tested.

Prewhitening: von Storch 1995. Trend-free prewhitening: Yue et al. 2002, doi:10.1002/hyp.1095. With the variance
restored and the slope corrected: Wang et al. 2015, doi:10.1061/(ASCE)HE.1943-5584.0001234.
"""

import math
from dataclasses import replace

import numpy as np

from gridtrend.engine.jit import assign
from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import LANES
from gridtrend.engine.output import Output
from gridtrend.engine.room import tile_like, vector_float64, vector_int64
from gridtrend.engine.tiles import fill_tile
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.autocorrelation import (
    ROUNDING,
    is_significant,
    lag_correlation,
    lay_out,
    residual_series,
    snap,
)
from gridtrend.trend.kernels.powers_of_two import power_of_two

# How a series is whitened: as it is; after its trend is taken out, which is put back;
# the same with the variance restored and the trend corrected for what autocorrelation adds to it.
PLAIN, TREND_FREE, VARIANCE_CORRECTED = 0, 1, 2


@unit
def whitened_values(x, at, m, r, white, kept):
    """`x[i] - r x[i-1]` for every value whose predecessor is valid; `kept` are their positions. Returns their number."""
    count = 0
    for i in range(1, m):
        if at[i] - at[i - 1] == 1:
            white[count] = x[i] - r * x[i - 1]
            kept[count] = i
            count += 1
    return count


@unit(deferred=True)
def restore_variance(x, m, white, count):
    """Give the whitened values the mean and the standard deviation of the series."""
    level = np.mean(white[:count])
    center = np.mean(x[:m])
    largest = 0.0
    for i in range(m):
        largest = max(largest, abs(x[i] - center))
    # Scaled, so that squares of the smallest values do not vanish and squares of the largest do not overflow.
    unit = power_of_two(largest)
    spread = np.std(white[:count] / unit)
    ratio = np.std(x[:m] / unit) / spread if spread > 0.0 else 1.0
    for i in range(count):
        white[i] = center + (white[i] - level) * ratio


# Outputs of whitening. Coordinates and dimensions of the data are unlikely to have these names.
WHITENED = (
    Output("_whitened", "{data} without lag-1 autocorrelation", units="{units}", dims=("time",)),
    Output("_level", "value that whitened {data} is counted from", units="{units}"),
    replace(outputs.AUTOCORRELATION, name="_r1"),
)


@kernel("(time,cell),(cell),(time),(time)", "Tddl", *WHITENED)
def whitened_series(y, line, t, steps, bound: float, mode: int, compress: int, out):
    """The series of each cell whitened, or as it is where its autocorrelation lies within `bound` standard errors of 0.

    Whitened values are counted from the first value: adding it would round them.
    """
    _whitened, _level, _r1 = out
    n = t.size
    tile, n_valid = tile_like(y), vector_int64(LANES)
    x, when, at, white, kept = vector_float64(n), vector_float64(n), vector_int64(n), vector_float64(n), vector_int64(n)
    length = steps[n - 1] + 1 if n else 1
    spread, present = vector_float64(length), vector_int64(length)
    for first in range(0, y.shape[1], LANES):
        used = fill_tile(y, first, tile, n_valid)
        for k in range(used):
            cell = first + k
            trend = line[cell] if mode != PLAIN else 0.0
            m, origin, size, scale = residual_series(tile, t, steps, k, trend, compress, x, when, at)
            span, variance = lay_out(x, at, m, spread, present)
            r, _ = lag_correlation(spread, present, span, variance, 1)
            # pymannkendall whitens for every r: a series loses its first value even if r is 0.
            whitens = is_significant(r, m, bound) or (compress and variance > 0.0)
            if math.isnan(line[cell]) or not whitens:
                _r1[cell], _level[cell] = 0.0 * line[cell], 0.0
                assign(_whitened[:, cell], tile[:, k])
                continue
            _r1[cell], _level[cell] = r, origin
            trend *= scale
            count = whitened_values(x, at, m, r, white, kept)
            if mode == VARIANCE_CORRECTED:
                restore_variance(x, m, white, count)
                # Slopes of a persistent series vary more, so its trend is reduced (Wang et al. 2015).
                trend *= math.sqrt((1.0 - r) / (1.0 + r)) if r > 0.0 else 1.0
            for i in range(count):
                white[i] += trend * when[kept[i]]
            if not compress:
                snap(white, count, ROUNDING * size)
            for i in range(count):
                white[i] /= scale
                # If a value overflows, the whole series is missing.
                _level[cell] += 0.0 * white[i]
            if math.isnan(_level[cell]):
                _r1[cell], count = np.nan, 0
            write_back(tile, k, white, kept, count, _whitened, cell)


@unit
def write_back(tile, k, white, kept, count, whitened, cell):
    """The whitened values at the times of the values that they come from; the others are missing."""
    i = 0
    valid = 0
    for row in range(tile.shape[0]):
        whitened[row, cell] = np.nan
        if not math.isnan(tile[row, k]):
            if i < count and kept[i] == valid:
                whitened[row, cell] = white[i]
                i += 1
            valid += 1
