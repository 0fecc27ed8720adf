"""A recurrent network: parameters, loss and gradients, in arrays that are reused."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gridtrend.neural.flat_parameters import activation_code, views
from gridtrend.neural.kernels.layers import activate_sum, differentiate, squared_error
from gridtrend.neural.option_checks import check_positive
from gridtrend.neural.shapes import Array, as_floats, check_finite, check_not_empty, check_shapes

AXES = {
    "x": "batch time features",
    "U": "hidden features",
    "W": "hidden hidden",
    "V": "outputs hidden",
    "b": "hidden",
    "c": "outputs",
    "h0": "batch hidden",
}


class RNNParameters(NamedTuple):
    """The arrays of a recurrent network: U (hidden, features), W (hidden, hidden), V (outputs, hidden), b, c."""

    U: Array
    W: Array
    V: Array
    b: Array
    c: Array


class RecurrentNetwork:
    """A recurrent network with its gradients, both as flat vectors and as arrays."""

    def __init__(self, hidden: int, features: int, outputs: int, activation: int, truncate: int | None = None):
        shapes = [(hidden, features), (hidden, hidden), (outputs, hidden), (hidden,), (outputs,)]
        size = sum(int(np.prod(shape)) for shape in shapes)
        self.parameters, self.gradient = np.zeros(size), np.zeros(size)
        self.arrays, self.gradients = views(self.parameters, shapes), views(self.gradient, shapes)
        self.U, self.W, self.V, self.b, self.c = self.arrays
        self.activation = activation
        self.truncate = truncate
        self._scratch_arrays: dict[str, Array] = {}

    def draw(self, seed: int) -> None:
        """Weights uniform within 1 / sqrt(hidden); b and c stay zero."""
        limit = 1.0 / np.sqrt(len(self.W))
        random = np.random.default_rng(seed)
        for weights in (self.U, self.W, self.V):
            weights[:] = random.uniform(-limit, limit, weights.shape)

    def take(self, parameters: Sequence[Array]) -> None:
        """Copy parameters from elsewhere."""
        for mine, given in zip(self.arrays, parameters, strict=True):
            mine[:] = given

    @np.errstate(over="ignore", invalid="ignore")
    def run(self, x: Array, h0: Array | None = None) -> Array:
        """States (time + 1, batch, hidden) of sequences (batch, time, features); the first is the one before them."""
        n_batch, n_time, _ = x.shape
        states = self._scratch("states", (n_time + 1, n_batch, len(self.W)))
        states[0] = 0.0 if h0 is None else h0
        np.matmul(x.transpose(1, 0, 2), self.U.T, out=states[1:])
        # Transposed once into contiguous memory, for the product from the right at every step.
        step, product = np.ascontiguousarray(self.W.T), np.empty(states.shape[1:])
        for t in range(n_time):
            np.matmul(states[t], step, out=product)
            activate_sum(states[t + 1], product, self.b, self.activation)
        return states

    def _scratch(self, name: str, shape: tuple[int, ...]) -> Array:
        """A scratch array that the next call with the same shape reuses: allocation would take a tenth of the time."""
        if name not in self._scratch_arrays or self._scratch_arrays[name].shape != shape:
            self._scratch_arrays[name] = np.empty(shape)
        return self._scratch_arrays[name]

    @np.errstate(over="ignore", invalid="ignore")
    def loss(self, x: Array, y: Array) -> float:
        """The loss of sequences, as in `rnn_gradients`."""
        states = self.run(x)
        seen = states[-1] if y.ndim == 2 else states[1:].transpose(1, 0, 2)
        errors = seen @ self.V.T + self.c - y
        return 0.5 * float(np.mean((errors * errors).sum(axis=-1)))

    @np.errstate(over="ignore", invalid="ignore")
    def __call__(self, x: Array, y: Array, h0: Array | None = None) -> float:
        """The loss, and `gradients` by backpropagation through time."""
        n_time, hidden = x.shape[1], len(self.W)
        self.gradient[:] = 0.0
        dU, dW, dV, db, dc = self.gradients
        states = self.run(x, h0)
        # Time is the first axis from here on, so that each step is one contiguous matrix.
        seen = states[-1:] if y.ndim == 2 else states[1:]
        targets = y[None] if y.ndim == 2 else y.transpose(1, 0, 2)
        errors = (seen @ self.V.T).reshape(-1, len(self.V))
        loss: float = squared_error(errors, self.c, np.ascontiguousarray(targets).reshape(errors.shape), dc)
        np.matmul(errors.T, seen.reshape(-1, hidden), out=dV)
        piece = min(self.truncate or n_time, n_time)
        first = n_time - piece if y.ndim == 2 else 0
        deltas = self._scratch("deltas", (n_time - first, *states.shape[1:]))
        np.matmul(errors.reshape(*targets.shape[:2], -1), self.V, out=deltas[-len(targets) :])
        for t in range(n_time - 1, first - 1, -1):
            delta = deltas[t - first]
            if t < n_time - 1 and (n_time - 1 - t) % piece:
                if y.ndim == 2:
                    np.matmul(deltas[t + 1 - first], self.W, out=delta)
                else:
                    delta += deltas[t + 1 - first] @ self.W
            differentiate(delta, states[t + 1], db, self.activation)
        flat = deltas.reshape(-1, hidden)
        np.matmul(flat.T, states[first:-1].reshape(-1, hidden), out=dW)
        np.matmul(flat.T, x[:, first:].transpose(1, 0, 2).reshape(len(flat), -1), out=dU)
        return loss

    def h0_gradient(self, n_time: int) -> Array:
        """Derivatives (batch, hidden) with respect to the state before the first step, after a call."""
        deltas = self._scratch_arrays["deltas"]
        if len(deltas) < n_time:
            # Only the last piece was processed.
            return np.zeros(deltas.shape[1:])
        reached: Array = deltas[0] @ self.W
        return reached


def check_given(
    x: Any, U: Any, W: Any, V: Any, b: Any, c: Any, h0: Any, activation: str
) -> tuple[RecurrentNetwork, Array, Array | None, bool]:
    """A network of the given parameters, the sequences, the state before them, and whether it is one sequence."""
    given = {"x": x, "U": U, "W": W, "V": V, "b": b, "c": c, "h0": h0}
    optional = ("b", "c", "h0")
    arrays = {
        name: None if value is None and name in optional else as_floats(name, value) for name, value in given.items()
    }
    sequences, start = arrays["x"], arrays["h0"]
    assert sequences is not None
    single = sequences.ndim == 2
    axes = AXES | {"x": "time features", "h0": "hidden"} if single else dict(AXES)
    if start is not None and start.ndim == 1:
        axes["h0"] = "hidden"
    if single and start is not None and start.ndim == 2 and len(start) == 1:
        # One sequence, with its state as that of a batch of one.
        start = arrays["h0"] = start[0]
    sizes = check_shapes(axes, arrays, _hint(arrays))
    network = RecurrentNetwork(sizes["hidden"], sizes["features"], sizes["outputs"], activation_code(activation))
    for mine, name in zip(network.arrays, RNNParameters._fields, strict=True):
        if arrays[name] is not None:
            mine[:] = arrays[name]
    return network, sequences[None] if single else sequences, start, single


def _hint(arrays: dict[str, Array | None]) -> str:
    """Advice on the most frequent mistakes."""
    x, U, W = arrays["x"], arrays["U"], arrays["W"]
    assert x is not None and U is not None and W is not None  # noqa: PT018
    if x.ndim == 1 or (x.ndim == 2 and U.ndim == 2 and U.shape[1] == 1 != x.shape[1]):
        return f"A single feature is an axis of size 1: x[..., numpy.newaxis], of shape {(*x.shape, 1)}."
    if U.ndim == 2 and x.ndim > 1 and U.shape[1] == x.shape[-2] != x.shape[-1]:
        return (
            f"U has a column for each of the {U.shape[1]} steps; it needs one for each feature of x, because the same U, W "
            "and V serve every step."
        )
    if W.ndim == 2 and W.shape[0] != W.shape[1]:
        return "W is square: it leads from the hidden state to the next hidden state."
    return ""


def check_targets(y: Any, sequences: Array, outputs: int, single: bool = False) -> Array:
    """Targets (batch, outputs) or (batch, time, outputs) that fit the sequences."""
    targets = as_floats("y", y)
    targets = targets[None] if single else targets
    n_batch, n_time = sequences.shape[:2]
    if targets.shape not in ((n_batch, outputs), (n_batch, n_time, outputs)):
        raise ValueError(
            f"y has shape {np.shape(y)}, and x {sequences.shape[single:]}: it is ({n_batch}, {outputs}), (batch, outputs) at "
            f"the last step, or ({n_batch}, {n_time}, {outputs}) at every step"
            + (", without the first axis where x has no batch." if single else ".")
        )
    return targets


def check_samples(x: Any, y: Any) -> tuple[Array, Array]:
    """Sequences and targets to train on, checked."""
    sequences, targets = as_floats("x", x), as_floats("y", y)
    if sequences.ndim != 3:
        raise ValueError(
            f"x has shape {sequences.shape}, and (samples, time, features) is needed. Windows of a series come from "
            "gridtrend.neural.windows(series, length); a single feature is an axis of size 1: x[..., numpy.newaxis]."
        )
    if targets.ndim not in (2, 3):
        raise ValueError(
            f"y has shape {targets.shape}, and (samples, outputs) at the last step or (samples, time, outputs) is needed. "
            "A single output is an axis of size 1: y[:, numpy.newaxis]."
        )
    check_not_empty(x=sequences, y=targets)
    check_finite(x=sequences, y=targets)
    return sequences, check_targets(targets, sequences, targets.shape[-1])


def check_truncate(truncate: int | None) -> int | None:
    """A number of steps, or none."""
    return None if truncate is None else check_positive("truncate", truncate)
