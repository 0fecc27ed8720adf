"""Activations of contiguous values, which LLVM vectorises."""

from gridtrend.engine.elementary import sigmoid, tanh
from gridtrend.engine.jit import jit

TANH, RELU, SIGMOID, IDENTITY = range(4)


@jit
def activate_all(values, kind):
    """Replace each value by its activation."""
    if kind == TANH:
        for i in range(values.size):
            values[i] = tanh(values[i])
    elif kind == SIGMOID:
        for i in range(values.size):
            values[i] = sigmoid(values[i])
    elif kind == RELU:
        for i in range(values.size):
            values[i] = max(values[i], 0.0)


@jit
def differentiate_all(deltas, values, kind):
    """Multiply `deltas` by the derivative of the activation, computed from the activated values."""
    if kind == TANH:
        for i in range(values.size):
            deltas[i] *= 1.0 - values[i] * values[i]
    elif kind == SIGMOID:
        for i in range(values.size):
            deltas[i] *= values[i] * (1.0 - values[i])
    elif kind == RELU:
        for i in range(values.size):
            deltas[i] = deltas[i] if values[i] > 0.0 else 0.0
