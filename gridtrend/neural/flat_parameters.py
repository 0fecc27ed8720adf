"""Parameters of a network as one flat vector and, without copies, as the arrays that it consists of."""

import math
from collections.abc import Sequence

import numpy as np

from gridtrend.grid.checks import choose
from gridtrend.neural.kernels.activations import IDENTITY, RELU, SIGMOID, TANH
from gridtrend.neural.shapes import Array

ACTIVATIONS = {"tanh": TANH, "relu": RELU, "sigmoid": SIGMOID, "identity": IDENTITY}


def activation_code(activation: str) -> int:
    """The number of an activation in compiled code."""
    return choose("activation", activation, ACTIVATIONS)


def views(flat: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Consecutive parts of a flat vector, each in its shape.

    Examples
    --------
    >>> views(np.arange(8.0), [(2, 3), (2,)])[1]
    array([6., 7.])
    """
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    return [flat[end - math.prod(shape) : end].reshape(shape) for end, shape in zip(ends, shapes, strict=True)]
