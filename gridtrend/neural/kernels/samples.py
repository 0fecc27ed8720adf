"""Samples of a tile of 16 cells: lags of their series, scaled, and what all cells share."""

import math
from collections import namedtuple

import numpy as np

from gridtrend.engine.jit import jit
from gridtrend.engine.lanes import LANES

# A tile of samples: series (time, LANES) scaled, and 1 or 0 for each sample (sample, LANES); features that all cells
# share (time, column); per lane the number of samples, offset and scale.
Samples = namedtuple("Samples", "series valid shared lags horizon n offset scale")


@jit
def new_samples(n_time, shared, lags, horizon):
    """Room for the samples of a tile."""
    n_samples = max(n_time - lags - horizon + 1, 0)
    return Samples(
        np.empty((n_time, LANES)), np.empty((n_samples, LANES)), shared, lags, horizon,
        np.empty(LANES), np.empty(LANES), np.empty(LANES),
    )  # fmt: skip


@jit
def fill_samples(samples, y, first):
    """Take cells `first` to `first + LANES` of `y` (time, cell); lanes beyond the last cell have no samples."""
    n_time, n_cells = y.shape
    for lane in range(LANES):
        total = square = count = 0.0
        for t in range(n_time):
            value = np.float64(y[t, first + lane]) if first + lane < n_cells else np.nan
            samples.series[t, lane] = value if math.isfinite(value) else np.nan
            if math.isfinite(value):
                total += value
                count += 1.0
        mean = total / count
        for t in range(n_time):
            deviation = samples.series[t, lane] - mean
            if not math.isnan(deviation):
                square += deviation * deviation
        spread = math.sqrt(square / count)
        # Rounding leaves a spread in a constant of many digits.
        samples.offset[lane] = mean
        samples.scale[lane] = spread if spread > 1e-12 * abs(mean) else 1.0


@jit
def scale_samples(samples, with_target):
    """Scale the series, find the complete samples (with or without their targets), and put zeros for missing values."""
    series, valid, lags = samples.series, samples.valid, samples.lags
    for lane in range(LANES):
        samples.n[lane] = 0.0
        for t in range(series.shape[0]):
            series[t, lane] = (series[t, lane] - samples.offset[lane]) / samples.scale[lane]
        for i in range(valid.shape[0]):
            total = series[i + lags + samples.horizon - 1, lane] if with_target else 0.0
            for j in range(lags):
                total += series[i + j, lane]
            valid[i, lane] = 0.0 if math.isnan(total) else 1.0
            samples.n[lane] += valid[i, lane]
        for t in range(series.shape[0]):
            if math.isnan(series[t, lane]):
                series[t, lane] = 0.0


@jit
def fill_features(samples, i, rows):
    """The features of sample `i` in the first rows of a tile."""
    lags = samples.lags
    for j in range(lags):
        for lane in range(LANES):
            rows[j, lane] = samples.series[i + lags - 1 - j, lane]
    at = i + lags + samples.horizon - 1
    for j in range(samples.shared.shape[1]):
        for lane in range(LANES):
            rows[lags + j, lane] = samples.shared[at, j]
