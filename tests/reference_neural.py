"""Slow, obvious versions of the networks, in extended precision where it helps."""

import itertools

import numpy as np

LONG = np.longdouble

ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "identity": lambda z: z,
}


def rnn_states(x, parameters, activation, *, frozen=None, truncate=None):
    """Return states (time + 1, batch, hidden), step by step; at each cut the state is that of `frozen`."""
    U, W, _, b, _, h0 = parameters
    n_time = x.shape[1]
    states = [np.broadcast_to(np.asarray(h0, LONG), (len(x), len(W)))]
    for t in range(n_time):
        before = states[-1]
        if frozen is not None and truncate and t and (n_time - t) % truncate == 0:
            before = frozen[t]
        states.append(ACTIVATIONS[activation](x[:, t] @ U.T + before @ W.T + b))
    return np.array(states)


def rnn_loss(x, y, parameters, activation, **cut):
    """Return half the mean squared error, at the last step or at every step."""
    states = rnn_states(x, parameters, activation, **cut)
    V, c = parameters[2], parameters[4]
    outputs = np.moveaxis(states[1:] @ V.T + c, 0, 1)
    errors = outputs - y if y.ndim == 3 else outputs[:, -1] - y
    return 0.5 * np.mean((errors**2).sum(axis=-1))


def mlp_output(x, weights, biases, activation):
    """Return the output of the last layer."""
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        x = ACTIVATIONS[activation](x @ weight + bias)
    return x @ weights[-1] + biases[-1]


def mlp_loss(x, y, weights, biases, activation, loss, l2):
    """Return the mean loss; `y` holds indices of classes, or targets."""
    output = mlp_output(x, weights, biases, activation)
    if loss == "squared":
        value = 0.5 * np.mean(((output - y) ** 2).sum(axis=1))
    else:
        shares = np.exp(output) / np.exp(output).sum(axis=1, keepdims=True)
        value = -np.mean(np.log(shares[np.arange(len(y)), y]))
    return value + 0.5 * l2 * sum((weight**2).sum() for weight in weights)


def central_differences(loss, arrays, step=1e-5):
    """Return the derivatives of `loss(arrays)` with respect to each element of each array."""
    arrays = [np.array(array, LONG) for array in arrays]
    gradients = []
    for array in arrays:
        gradient = np.empty(array.shape, LONG)
        for index in np.ndindex(array.shape):
            value = array[index]
            array[index] = value + LONG(step)
            above = loss(arrays)
            array[index] = value - LONG(step)
            below = loss(arrays)
            array[index] = value
            gradient[index] = (above - below) / (2 * LONG(step))
        gradients.append(gradient.astype(float))
    return gradients


def uniform(seed, position, parameter):
    """Return the start of a weight of a cell, by the mixing function of SplitMix64 in whole numbers of any size."""
    mask = 2**64 - 1
    z = seed
    for part in (position, parameter):
        z = ((z + part + 1) * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        z ^= z >> 31
    return (z >> 11) / 2**52 - 1


def lagged_samples(series, lags, horizon):
    """Return features and targets of the complete samples of one series, scaled, with its mean and spread."""
    finite = series[np.isfinite(series)]
    offset, scale = finite.mean(), finite.std()
    scale = scale if scale > 1e-12 * abs(offset) else 1.0
    rows = [
        [series[t - horizon - k] for k in range(lags)] + [series[t]] for t in range(lags + horizon - 1, len(series))
    ]
    rows = np.array([row for row in rows if np.isfinite(row).all()]).reshape(-1, lags + 1)
    scaled = (rows - offset) / scale
    return scaled[:, :-1], scaled[:, -1:], offset, scale


def start_weights(seed, position, sizes):
    """Return the weights and biases that the network of a cell starts from."""
    weights, biases, parameter = [], [], 0
    for inputs, units in itertools.pairwise(sizes):
        limit = np.sqrt(6 / (inputs + units))
        values = [limit * uniform(seed, position, parameter + i) for i in range(inputs * units)]
        weights.append(np.array(values).reshape(units, inputs).T)
        biases.append(np.zeros(units))
        parameter += (inputs + 1) * units
    return weights, biases
