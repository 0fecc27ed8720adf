"""Elementary functions that vectorise have the accuracy that they state."""

import os
import subprocess
import sys

import numpy as np
import pytest

from gridtrend.engine import elementary
from gridtrend.engine.jit import entry

LONG = np.longdouble


def compiled(function):
    @entry
    def over(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    def run(x):
        out = np.empty_like(x)
        over(x, out)
        return out

    return run


FUNCTIONS = {
    "exp": (compiled(elementary.exp), np.exp, 2.3e-16),
    "tanh": (compiled(elementary.tanh), np.tanh, 4.5e-16),
    "sigmoid": (compiled(elementary.sigmoid), lambda x: 1 / (1 + np.exp(-x)), 6.7e-16),
}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def values():
    """Return numbers of all sizes, of both signs, within the stated range."""
    rng = np.random.default_rng(0)
    spread = [rng.normal(0, s, 100_000) for s in (1e-8, 1e-3, 0.1, 0.3, 1, 3, 30, 200)]
    edges = np.arange(-1000, 1001) * np.log(2) / 2
    x = np.concatenate([*spread, edges, np.nextafter(edges, 9e9)])
    return x[np.abs(x) <= 708]


@every_function
def test_the_error_is_within_what_is_stated(name):
    ours, exact, bound = FUNCTIONS[name]
    x = values()
    if np.finfo(LONG).eps >= np.finfo(float).eps:
        pytest.skip("this machine has no longer numbers to compare with")
    x = x[x != 0]
    expected = exact(x.astype(LONG))
    assert float(np.max(np.abs(ours(x) / expected - 1))) <= bound


@every_function
def test_nan_stays_nan(name):
    assert np.isnan(FUNCTIONS[name][0](np.array([np.nan] * 20))).all()


def test_tanh_of_the_largest_and_smallest_numbers():
    x = np.array([0.0, -0.0, np.inf, -np.inf, 1e308, 5e-324, -1e-310, 1e-300])
    found = FUNCTIONS["tanh"][0](x)
    np.testing.assert_array_equal(found, [0.0, -0.0, 1, -1, 1, 5e-324, -1e-310, 1e-300])
    np.testing.assert_array_equal(np.signbit(found), np.signbit(x))


def test_beyond_its_range_exp_is_the_value_at_the_end():
    found = FUNCTIONS["exp"][0](np.array([-np.inf, -800.0, -708.0, 708.0, 800.0, np.inf]))
    np.testing.assert_array_equal(found[:3], found[2])
    np.testing.assert_array_equal(found[3:], found[3])
    assert np.isfinite(found).all()


def test_a_loop_over_them_runs_many_values_at_a_time():
    @entry
    def over(x, out):
        for i in range(x.size):
            out[i] = elementary.tanh(x[i])

    over(np.zeros(4), np.zeros(4))
    (assembly,) = over.inspect_asm().values()
    if "xmm" not in assembly:
        pytest.skip("the names of instructions are those of x86")
    if "vfmadd" not in assembly:
        pytest.skip("this processor cannot fuse: `fma` is a call of the C library, one value at a time")
    assert "mulpd" in assembly


PROGRAM = """
import sys
import numpy as np
from gridtrend.engine import elementary
from gridtrend.engine.jit import entry

@entry
def over(x, out):
    for i in range(x.size):
        values = (elementary.exp(x[i]), elementary.tanh(x[i]), elementary.sin(x[i]), elementary.cos(x[i]))
        for j in range(4):
            out[j, i] = values[j]

x = np.random.default_rng(0).normal(0, 30, 10_000)
out = np.empty((4, x.size))
over(x, out)
sys.stdout.buffer.write(out.tobytes())
"""


def test_a_processor_that_cannot_fuse_gives_the_same_bits():
    def results(**environment):
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=os.environ | environment, capture_output=True, check=True
        )
        return run.stdout

    assert results() == results(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
