"""One small network per cell, 16 cells at a time: training, least squares, prediction.

The cells of a tile run in parallel lanes, each with its own weights. Missing samples, and lanes beyond the last cell, are
masked: their errors, and so their gradients, are zero.

The parameters of a network are the rows of an array (parameter, cell): for each layer the weights of unit 0, of unit 1, ..., then
the biases of all units. A linear model is a network without hidden layers.
"""

import math
from collections import namedtuple
from typing import NamedTuple

import numpy as np

from gridtrend.engine.jit import jit
from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import LANES, add, load, multiply, store
from gridtrend.engine.output import Output
from gridtrend.engine.random_bits import mix
from gridtrend.neural.kernels.activations import activate_all, differentiate_all

WEIGHTS = Output("weights", "weights and biases of a network for {data}", dims=("parameter",))
OFFSET = Output("offset", "mean of {data} in the training", units="{units}")
SCALE = Output("scale", "standard deviation of {data} in the training", units="{units}")
RMSE = Output("rmse", "root mean square error of predictions of {data} in the training", units="{units}")
N_SAMPLES = Output("n_samples", "number of complete samples of {data}", dtype="i4")
PREDICTED = Output("predicted", "prediction of {data}", units="{units}", dims=("time",))

# Gram-Schmidt drops a column if its component orthogonal to the others is below this fraction of its norm: the third and
# further lags of a sine, for example.
_NEW = 1e-10


# A tile of samples: series (time, LANES) scaled, and 1 or 0 for each sample (sample, LANES); features that all cells
# share (time, column); per lane the number of samples, offset and scale.
Samples = namedtuple("Samples", "series valid shared lags horizon n offset scale")


@jit
def new_samples(n_time, shared, lags, horizon):
    """Arrays for the samples of a tile."""
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
        # A constant with many digits has a small standard deviation from rounding errors.
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


@jit
def forward(weights, layers, activation, units):
    """Fill the rows of all units from those of the features; `layers` has the sizes, features first."""
    first, base = 0, 0
    for layer in range(1, layers.size):
        n_in, n_out = layers[layer - 1], layers[layer]
        out = first + n_in
        for j in range(n_out):
            total = load(weights, base + n_out * n_in + j)
            for k in range(n_in):
                total = add(total, multiply(load(units, first + k), load(weights, base + j * n_in + k)))
            store(units, out + j, total)
        if layer < layers.size - 1:
            activate_all(units[out : out + n_out].reshape(n_out * LANES), activation)
        first, base = out, base + n_out * (n_in + 1)
    return first


@jit
def backward(weights, layers, activation, units, deltas, gradient):
    """Add the derivatives of one sample to `gradient`, given those of the output in the last row of `deltas`."""
    n_layers = layers.size
    out, base = units.shape[0] - layers[n_layers - 1], gradient.shape[0]
    for layer in range(n_layers - 1, 0, -1):
        n_in, n_out = layers[layer - 1], layers[layer]
        below, base = out - n_in, base - n_out * (n_in + 1)
        for j in range(n_out):
            delta = load(deltas, out + j)
            bias = base + n_out * n_in + j
            store(gradient, bias, add(load(gradient, bias), delta))
            for k in range(n_in):
                row = base + j * n_in + k
                store(gradient, row, add(load(gradient, row), multiply(delta, load(units, below + k))))
        if layer > 1:
            for k in range(n_in):
                total = multiply(load(deltas, out), load(weights, base + k))
                for j in range(1, n_out):
                    total = add(total, multiply(load(deltas, out + j), load(weights, base + j * n_in + k)))
                store(deltas, below + k, total)
            size = n_in * LANES
            differentiate_all(deltas[below:out].reshape(size), units[below:out].reshape(size), activation)
        out = below


@jit
def uniform(seed, position, parameter):
    """A random number from -1 to 1 that depends on its arguments only."""
    z = np.uint64(seed)
    for part in (position, parameter):
        # The odd constant is 2**64 divided by the golden ratio: neighbouring counters differ in many bits.
        z = mix((z + np.uint64(part) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    return np.float64(z >> np.uint64(11)) * 2.0**-52 - 1.0


@jit
def _train(samples, layers, limits, activation, epochs, rate, momentum, l2, weights, squares):
    """Full-batch gradient descent; `squares` becomes the mean squared error of the last epoch."""
    n_samples = samples.valid.shape[0]
    units, deltas = np.zeros((layers.sum(), LANES)), np.zeros((layers.sum(), LANES))
    gradient, velocity = np.zeros(weights.shape), np.zeros(weights.shape)
    # One pass more than steps, for the error after the last step.
    for epoch in range(epochs + 1):
        gradient[:] = 0.0
        squares[:] = 0.0
        for i in range(n_samples):
            fill_features(samples, i, units)
            last = forward(weights, layers, activation, units)
            at = i + samples.lags + samples.horizon - 1
            for lane in range(LANES):
                error = (units[last, lane] - samples.series[at, lane]) * samples.valid[i, lane]
                deltas[last, lane] = error
                squares[lane] += error * error
            if epoch < epochs:
                backward(weights, layers, activation, units, deltas, gradient)
        if epoch < epochs:
            for row in range(weights.shape[0]):
                # No penalty for biases, whose limit is 0.
                penalty = l2 if limits[row] > 0.0 else 0.0
                for lane in range(LANES):
                    slope = gradient[row, lane] / samples.n[lane] + penalty * weights[row, lane]
                    velocity[row, lane] = momentum * velocity[row, lane] - rate * slope
                    weights[row, lane] += velocity[row, lane]
    for lane in range(LANES):
        squares[lane] /= samples.n[lane]


@jit
def _dot(columns, i, j, n):
    """Product of two columns, `n` samples long."""
    total = 0.0
    for k in range(n):
        total += columns[i, k] * columns[j, k]
    return total


@jit
def _fill_columns(samples, lane, columns):
    """Rows of `columns`: ones, the features and the target of the complete samples of a lane. Returns how many these are."""
    n = 0
    features = np.empty((columns.shape[0] - 2, LANES))
    for i in range(samples.valid.shape[0]):
        if samples.valid[i, lane]:
            fill_features(samples, i, features)
            columns[0, n] = 1.0
            for j in range(features.shape[0]):
                columns[j + 1, n] = features[j, lane]
            columns[columns.shape[0] - 1, n] = samples.series[i + samples.lags + samples.horizon - 1, lane]
            n += 1
    return n


@jit
def _solve(samples, lane, weights, columns):
    """Least squares of one lane by orthogonal columns; a column that repeats others gets weight 0.

    `columns` is (ones, features and target; samples). Returns the mean squared error.
    """
    n, target = _fill_columns(samples, lane, columns), columns.shape[0] - 1
    triangle, kept = np.zeros((target, target + 1)), np.zeros(target, np.bool_)
    for j in range(target + 1):
        before = math.sqrt(_dot(columns, j, j, n))
        # Two passes of Gram-Schmidt make the columns orthogonal to rounding.
        for k in range(2 * min(j, target)):
            other = k % j
            if kept[other]:
                part = _dot(columns, other, j, n)
                triangle[other, j] += part
                for i in range(n):
                    columns[j, i] -= part * columns[other, i]
        left = math.sqrt(_dot(columns, j, j, n))
        if j < target and left > _NEW * before:
            kept[j] = True
            triangle[j, j] = left
            for i in range(n):
                columns[j, i] /= left
    for j in range(target - 1, -1, -1):
        # The column of ones is the first one, and the bias is the last parameter.
        row = j - 1 if j else target - 1
        weights[row, lane] = 0.0
        if kept[j]:
            total = triangle[j, target]
            for k in range(j + 1, target):
                total -= triangle[j, k] * weights[k - 1, lane]
            weights[row, lane] = total / triangle[j, j]
    return left * left / n


class Training(NamedTuple):
    """How a network is trained."""

    lags: int
    horizon: int
    activation: int
    epochs: int
    rate: float
    momentum: float
    l2: float
    seed: int
    min_valid: int


@kernel(
    "(time,cell),(cell),(time,column),(parameter),(layer)",
    "TTddl",
    WEIGHTS,
    OFFSET,
    SCALE,
    RMSE,
    N_SAMPLES,
)
def fit_cells(y, position, shared, limits, layers, training: Training, out):
    """Train a network for each cell, or solve for a linear model where there is no hidden layer and `epochs` is 0."""
    lags, horizon, activation, epochs, rate, momentum, l2, seed, min_valid = training
    weights, offset, scale, rmse, n_samples = out
    samples = new_samples(y.shape[0], shared, lags, horizon)
    tile, squares = np.empty((limits.size, LANES)), np.empty(LANES)
    columns = np.empty((limits.size + 1, samples.valid.shape[0]))
    for first in range(0, y.shape[1], LANES):
        fill_samples(samples, y, first)
        scale_samples(samples, True)
        used = min(LANES, y.shape[1] - first)
        for row in range(limits.size):
            for lane in range(LANES):
                at = position[first + lane] if lane < used else 0
                tile[row, lane] = limits[row] * uniform(seed, np.int64(at), row)
        if samples.n.max() >= min_valid:
            if epochs > 0:
                _train(samples, layers, limits, activation, epochs, rate, momentum, l2, tile, squares)
            else:
                for lane in range(used):
                    if samples.n[lane] >= min_valid:
                        squares[lane] = _solve(samples, lane, tile, columns)
        for lane in range(used):
            cell, enough = first + lane, samples.n[lane] >= min_valid
            n_samples[cell] = np.int32(samples.n[lane])
            offset[cell] = samples.offset[lane] if enough else np.nan
            scale[cell] = samples.scale[lane] if enough else np.nan
            rmse[cell] = math.sqrt(squares[lane]) * samples.scale[lane] if enough else np.nan
            for row in range(limits.size):
                weights[row, cell] = tile[row, lane] if enough else np.nan


@kernel("(time,cell),(parameter,cell),(cell),(cell),(time,column),(layer)", "TTTTdl", PREDICTED)
def predict_cells(y, weights, offset, scale, shared, layers, lags: int, horizon: int, activation: int, out):
    """Predict each value of each cell from those before it, where they are complete."""
    (predicted,) = out
    samples = new_samples(y.shape[0], shared, lags, horizon)
    tile, units = np.empty((weights.shape[0], LANES)), np.zeros((layers.sum(), LANES))
    predicted[:] = np.nan
    for first in range(0, y.shape[1], LANES):
        used = min(LANES, y.shape[1] - first)
        fill_samples(samples, y, first)
        for lane in range(used):
            samples.offset[lane] = offset[first + lane]
            samples.scale[lane] = scale[first + lane]
            for row in range(weights.shape[0]):
                tile[row, lane] = weights[row, first + lane]
        for lane in range(used, LANES):
            tile[:, lane] = 0.0
        scale_samples(samples, False)
        for i in range(samples.valid.shape[0]):
            fill_features(samples, i, units)
            last = forward(tile, layers, activation, units)
            at = i + lags + horizon - 1
            for lane in range(used):
                if samples.valid[i, lane]:
                    predicted[at, first + lane] = units[last, lane] * samples.scale[lane] + samples.offset[lane]
