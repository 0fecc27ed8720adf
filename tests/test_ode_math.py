"""Elementary functions for right-hand sides: how far they are from the true values, and how they differentiate."""

import math

import numpy as np
import pytest

from gridtrend.engine import elementary
from gridtrend.engine.jit import entry
from gridtrend.ode.dual_numbers import SUBSTITUTES, dual

# Intervals, and the error that the module promises there.
PROMISES = {
    "sin": ([(-4, 4), (-3e6, 3e6)], 3.4e-16),
    "cos": ([(-4, 4), (-3e6, 3e6)], 3.4e-16),
    "tan": ([(-1.5, 1.5), (-1e3, 1e3)], 6.7e-16),
    "log": ([(0.5, 2.0), (1e-5, 1e5), (5e-324, 1e-300), (1e-300, 1e300)], 2.2e-16),
    "sinh": ([(-1, 1), (-700, 700)], 4.5e-16),
    "cosh": ([(-1, 1), (-700, 700)], 4.5e-16),
}


@entry
def every(x, out):
    for i in range(x.size):
        out[0, i] = elementary.sin(x[i])
        out[1, i] = elementary.cos(x[i])
        out[2, i] = elementary.tan(x[i])
        out[3, i] = elementary.log(x[i])
        out[4, i] = elementary.sinh(x[i])
        out[5, i] = elementary.cosh(x[i])


def computed(name, x):
    out = np.empty((6, x.size))
    every(x, out)
    return out[list(PROMISES).index(name)]


@pytest.mark.parametrize("name", PROMISES)
def test_errors_stay_within_what_is_promised(name):
    intervals, promised = PROMISES[name]
    for low, high in intervals:
        x = np.random.default_rng(0).uniform(low, high, 20_000)
        # 64 bits of mantissa tell errors of 53 apart.
        exact = getattr(np, name)(x.astype(np.longdouble))
        found = computed(name, x).astype(np.longdouble)
        # That of sine and cosine is absolute: their zeros are not known to more digits than pi is.
        scale = 1.0 if name in ("sin", "cos") else np.abs(exact)
        assert np.max(np.abs(found - exact) / scale) <= promised


def test_the_edges_of_the_logarithm():
    found = computed("log", np.array([0.0, -1.0, np.inf, np.nan, 1.0, 5e-324]))
    np.testing.assert_array_equal(found, [-np.inf, np.nan, np.inf, np.nan, 0.0, np.log(5e-324)])


def test_what_is_missing_stays_missing():
    for name in PROMISES:
        assert np.isnan(computed(name, np.array([np.nan]))[0])


def test_derivatives_are_those_of_the_functions():
    sin, exp, log, tanh, sqrt = (SUBSTITUTES[getattr(math, n)] for n in ("sin", "exp", "log", "tanh", "sqrt"))

    @entry
    def slope(x):
        y = dual(x, 1.0)
        z = sin(y) * exp(-y) / (1.0 + log(y) ** 2) + tanh(2.0 * y) - sqrt(y) + max(y, 0.5) + abs(-y)
        if z > 100.0:
            z = 0.0 * z
        return z.slope

    def plain(x):
        x = np.longdouble(x)
        return np.sin(x) * np.exp(-x) / (1 + np.log(x) ** 2) + np.tanh(2 * x) - np.sqrt(x) + max(x, 0.5) + abs(-x)

    for x in (0.3, 0.7, 2.5):
        h = np.longdouble(1e-6)
        assert slope(x) == pytest.approx(float((plain(x + h) - plain(x - h)) / (2 * h)), abs=1e-10)


@pytest.mark.parametrize(("a", "b"), [(5.5, 2.0), (-5.5, 2.0), (5.5, -2.0), (0.25, 3.0)])
def test_fmod_and_its_derivatives(a, b):
    # The derivatives by hand: fmod(a, b) = a - trunc(a / b) b.
    fmod, as_in_numpy = SUBSTITUTES[math.fmod], SUBSTITUTES[np.fmod]

    @entry
    def found(a, b):
        return fmod(a, b), fmod(dual(a, 1.0), b).slope, as_in_numpy(a, dual(b, 1.0)).slope

    assert found(a, b) == (math.fmod(a, b), 1.0, -math.trunc(a / b))
