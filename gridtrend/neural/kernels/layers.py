"""The elementwise operations between the matrix products of a network, each fused into one pass over the data.

BLAS computes the products. As a chain of NumPy calls, the elementwise operations would take as long again. Arrays have shape
(samples, units), and are changed in place.
"""

import math

import numpy as np

from gridtrend.engine.elementary import exp
from gridtrend.engine.kernel import routine
from gridtrend.neural.kernels.activations import activate_all, differentiate_all


@routine("void(float64[:, ::1], float64[::1], int64)")
def activate(z, bias, kind):
    """Replace `z` by f(z + bias)."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] += bias[j]
    # As one long row: rows of a few units would leave most SIMD lanes unused.
    activate_all(z.reshape(z.size), kind)


@routine("void(float64[:, ::1], float64[:, ::1], float64[::1], int64)")
def activate_sum(z, other, bias, kind):
    """Replace `z` by f(z + other + bias)."""
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            z[i, j] += other[i, j] + bias[j]
    activate_all(z.reshape(z.size), kind)


@routine("void(float64[:, ::1], float64[:, ::1], float64[::1], int64)")
def differentiate(delta, a, bias_gradient, kind):
    """Replace `delta`, the gradient by the activations `a`, by that before the activation; add its sum to `bias_gradient`."""
    differentiate_all(delta.reshape(delta.size), a.reshape(a.size), kind)
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            bias_gradient[j] += delta[i, j]


@routine("float64(float64[:, ::1], float64[::1], int64[::1], float64[::1])")
def cross_entropy(z, bias, labels, bias_gradient):
    """Mean cross-entropy of softmax(z + bias) with `labels`; `z` becomes its gradient, which is added up by units."""
    m, n = z.shape
    loss = 0.0
    for i in range(m):
        largest = -np.inf
        for j in range(n):
            z[i, j] += bias[j]
            largest = max(largest, z[i, j])
        # The largest exponential is 1: none overflows, and the sum is at least 1.
        for j in range(n):
            z[i, j] -= largest
        loss -= z[i, labels[i]]
    flat = z.reshape(z.size)
    for i in range(flat.size):
        flat[i] = exp(flat[i])
    for i in range(m):
        total = 0.0
        for j in range(n):
            total += z[i, j]
        loss += math.log(total)
        share = 1.0 / (total * m)
        for j in range(n):
            z[i, j] *= share
        z[i, labels[i]] -= 1.0 / m
        for j in range(n):
            bias_gradient[j] += z[i, j]
    return loss / m


@routine("float64(float64[:, ::1], float64[::1], float64[:, ::1], float64[::1])")
def squared_error(z, bias, target, bias_gradient):
    """Half the mean squared error of z + bias; `z` becomes its gradient, which is added up by units."""
    m, n = z.shape
    loss = 0.0
    for i in range(m):
        for j in range(n):
            error = z[i, j] + bias[j] - target[i, j]
            loss += error * error
            z[i, j] = error / m
            bias_gradient[j] += z[i, j]
    return 0.5 * loss / m


@routine("void(float64[::1], float64[::1], float64[::1], float64, float64)")
def momentum_step(parameters, gradient, velocity, rate, momentum):
    """One step of gradient descent with momentum (Polyak)."""
    for i in range(parameters.size):
        velocity[i] = momentum * velocity[i] - rate * gradient[i]
        parameters[i] += velocity[i]


@routine("void(float64[::1], float64[::1], float64[::1], float64[::1], float64, float64, float64)")
def adam_step(parameters, gradient, mean, square, rate, correction, epsilon):
    """One step of Adam with the decays 0.9 and 0.999; `correction` undoes the zeros that both means start from."""
    for i in range(parameters.size):
        mean[i] += 0.1 * (gradient[i] - mean[i])
        square[i] += 0.001 * (gradient[i] * gradient[i] - square[i])
        parameters[i] -= rate * mean[i] / (math.sqrt(square[i] * correction) + epsilon)
