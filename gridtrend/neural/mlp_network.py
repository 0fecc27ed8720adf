"""A layered network: parameters, loss and gradients, in arrays that are reused."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from gridtrend.grid.checks import choose
from gridtrend.neural.class_labels import read_labels
from gridtrend.neural.flat_parameters import views
from gridtrend.neural.kernels.activations import IDENTITY, RELU
from gridtrend.neural.kernels.layers import activate, cross_entropy, differentiate, squared_error
from gridtrend.neural.option_checks import check_penalty
from gridtrend.neural.shapes import Array, as_floats, check_finite

LOSSES = ("cross-entropy", "squared")


class LayeredNetwork:
    """A layered network with its gradients, both as flat vectors and as arrays."""

    def __init__(self, sizes: Sequence[int], activation: int):
        shapes = list(pairwise(sizes))
        shapes_of_all = [*shapes, *((units,) for _, units in shapes)]
        size = sum(int(np.prod(shape)) for shape in shapes_of_all)
        self.parameters, self.gradient = np.zeros(size), np.zeros(size)
        self._n_weights = sum(inputs * units for inputs, units in shapes)
        arrays, gradients = views(self.parameters, shapes_of_all), views(self.gradient, shapes_of_all)
        self.weights, self.biases = arrays[: len(shapes)], arrays[len(shapes) :]
        self.weight_gradients, self.bias_gradients = gradients[: len(shapes)], gradients[len(shapes) :]
        self._activation = activation
        self._layers: list[Array] = []
        self._deltas: list[Array] = []
        self._loss, self._l2 = LOSSES[0], 0.0

    def choose_loss(self, loss: str, l2: float) -> None:
        """Set the loss to minimise."""
        self._loss, self._l2 = choose("loss", loss, LOSSES), check_penalty(l2)

    def draw(self, seed: int) -> None:
        """Draw weights uniformly within limits that keep the standard deviation of activations from layer to layer."""
        random = np.random.default_rng(seed)
        for weights in self.weights:
            inputs, units = weights.shape
            limit = np.sqrt(6.0 / (inputs if self._activation == RELU else inputs + units))
            weights[:] = random.uniform(-limit, limit, weights.shape)

    def targets(self, y: Any, n_samples: int) -> Any:
        """The targets of the loss: indices of classes, or values (samples, outputs)."""
        outputs = len(self.biases[-1])
        if self._loss == "cross-entropy":
            return read_labels(y, n_samples, np.arange(outputs), self._other_columns)[1]
        targets = as_floats("y", y)
        if targets.shape != (n_samples, outputs):
            raise ValueError(
                f"y has shape {targets.shape}, and ({n_samples}, {outputs}) = (samples, outputs) is needed."
            )
        check_finite(y=targets)
        return targets

    def _other_columns(self, columns: int) -> str:
        """Advice on one-hot labels whose number of columns differs from that of the output."""
        units, outputs = len(self.weights[-1]), len(self.biases[-1])
        said = f"The last matrix of weights, ({units}, {outputs}), makes {outputs} outputs"
        if columns < outputs:
            return (
                f"{said}: if that is a hidden layer, the matrix ({outputs}, {columns}) from there to the classes and its "
                f"biases ({columns},) are missing."
            )
        return f"{said}, one for each class: make it ({units}, {columns}), and its biases ({columns},)."

    @np.errstate(over="ignore", invalid="ignore")
    def run(self, x: Array) -> list[Array]:
        """Activations of each layer, in arrays that the next call overwrites."""
        layers = self._outputs_before_bias(x)
        activate(layers[-1], self.biases[-1], IDENTITY)
        return layers

    def _outputs_before_bias(self, x: Array) -> list[Array]:
        if not self._layers or len(self._layers[0]) != len(x):
            self._layers = [np.empty((len(x), len(bias))) for bias in self.biases]
            self._deltas = [np.empty_like(layer) for layer in self._layers[:-1]]
        layer = x
        for weights, bias, z in zip(self.weights[:-1], self.biases[:-1], self._layers[:-1], strict=True):
            np.matmul(layer, weights, out=z)
            activate(z, bias, self._activation)
            layer = z
        np.matmul(layer, self.weights[-1], out=self._layers[-1])
        return self._layers

    @np.errstate(over="ignore", invalid="ignore")
    def loss(self, x: Array, y: Any) -> float:
        """The loss of samples."""
        return self._compare(x, y, np.zeros_like(self.biases[-1]))

    def _compare(self, x: Array, y: Any, bias_gradient: Array) -> float:
        """The loss; the last layer becomes the derivative of it with respect to the output."""
        output = self._outputs_before_bias(x)[-1]
        compare = cross_entropy if self._loss == "cross-entropy" else squared_error
        loss: float = compare(output, self.biases[-1], y, bias_gradient)
        if self._l2:
            weights = self.parameters[: self._n_weights]
            loss += 0.5 * self._l2 * float(weights @ weights)
        return loss

    @np.errstate(over="ignore", invalid="ignore")
    def __call__(self, x: Array, y: Any) -> float:
        """The loss, and its gradients by backpropagation."""
        self.gradient[self._n_weights :] = 0.0
        loss = self._compare(x, y, self.bias_gradients[-1])
        delta = self._layers[-1]
        for i in range(len(self.weights) - 1, -1, -1):
            below = self._layers[i - 1] if i else x
            np.matmul(below.T, delta, out=self.weight_gradients[i])
            if i:
                np.matmul(delta, self.weights[i].T, out=self._deltas[i - 1])
                delta = self._deltas[i - 1]
                differentiate(delta, below, self.bias_gradients[i - 1], self._activation)
        if self._l2:
            self.gradient[: self._n_weights] += self._l2 * self.parameters[: self._n_weights]
        return loss
