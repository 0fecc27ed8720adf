"""What a right-hand side may be: its arguments, what it returns, what it uses from outside, and how others are refused."""

import cmath
import dataclasses
import functools
import math
import os
import random
import re
import subprocess
import sys
import types
from collections import namedtuple

import numpy as np
import pytest
import scipy
import xarray as xr

import gridtrend as gt
from gridtrend.ode.free_variables import digest, surroundings

ONE = xr.Dataset({"x": 1.0})
TWO = xr.Dataset({"x": 1.0, "v": 0.5})
EULER = {"method": "explicit_euler", "step": 0.5}
TABLE = np.array([1.0, 2.0, 3.0])


def run(rhs, y0=ONE, t=(0.0, 1.0), **options):
    return gt.ode.integrate(rhs, y0, t, **(EULER | options))


def end(rhs, y0=ONE, t=(0.0, 1.0), **options):
    """The first state at the end."""
    return float(next(iter(run(rhs, y0, t, **options).values()))[-1])


# Arguments.


def test_a_fourth_argument_with_a_default_is_a_constant():
    def rhs(t, y, p, k=0.5):
        return (-k * y[0],)

    # Two Euler steps of 0.5, by hand: (1 - 0.25)**2.
    assert end(rhs) == pytest.approx(0.75**2)
    assert end(lambda t, y, p, k=2, m=1.0: -k * m * y.x) == 0.0
    assert end(lambda t, y, p=(): -y.x) == pytest.approx(0.25)


def test_the_form_in_place_may_have_constants_too():
    def rhs(t, y, p, dy, k=0.5):
        dy[0] = -k * y[0]

    assert end(rhs) == pytest.approx(0.75**2)


BAD_ARGUMENTS = {
    "variable": (lambda t, y, *rest: (0.0,), r"takes \*rest, and is called as rhs\(t, y, p\)"),
    "keywords": (lambda t, y, p, **options: (0.0,), r"takes \*\*options"),
    "keyword-only": (lambda t, y, p, *, k=1.0: (k,), "keyword-only argument 'k'"),
    "two": (lambda t, y: (0.0,), "takes 2 arguments, and is called as"),
    "five": (lambda t, y, p, a, b: (0.0,), "takes 5 arguments"),
    "partial": (functools.partial(lambda t, y, p, k: (k,), k=1.0), "must be a Python function.*not partial"),
    "a class": (dict, "not type"),
    "a generator": (lambda t, y, p: (yield 1.0), "generator"),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_arguments_that_nothing_is_passed_to_are_refused(name):
    rhs, message = BAD_ARGUMENTS[name]
    with pytest.raises(TypeError, match=message):
        run(rhs)


def returns_too(t, y, p, dy):
    dy[0] = 1.0
    return (dy[0],)


def rebinds(t, y, p, dy):
    dy = np.array([1.0])  # noqa: F841


def never(t, y, p, dy):
    return None


def only_returns(t, y, p, k):
    return (-y[0],)


def half(t, y, p, dy):
    dy[0] = 1.0


def returns_in_a_branch(t, y, p, dy):
    dy[0] = y[0]
    if y[0] > 1e6:
        return 1.0
    return 0.0


BAD_IN_PLACE = {
    "returns": (returns_too, ONE, "has a fourth argument 'dy' to write to, and returns a value"),
    "returns in a branch": (returns_in_a_branch, ONE, "returns a value"),
    "rebinds": (rebinds, ONE, "binds its fourth argument 'dy' to something else"),
    "never": (never, ONE, "never uses its fourth argument 'dy'"),
    "only returns": (only_returns, ONE, r"never uses its fourth argument 'k'.*a default, k=1.0"),
    "half": (half, TWO, r"never writes dy\[1\] \(v\)"),
}


@pytest.mark.parametrize("name", BAD_IN_PLACE)
def test_the_form_in_place_writes_and_returns_nothing(name):
    rhs, y0, message = BAD_IN_PLACE[name]
    with pytest.raises(ValueError, match=message):
        run(rhs, y0)


def test_what_is_not_written_is_zero():
    def rhs(t, y, p, dy):
        if y[0] > 0.2:
            dy[0] = -y[0]
            dy[1] = 7.0
        else:
            dy[0] = 0.0

    cells = xr.DataArray([0.1, 1.0], dims="c")
    found = gt.ode.integrate(
        rhs, xr.Dataset({"a": cells, "b": 0.0 * cells}), (0.0, 1.0), method="explicit_euler", step=1.0
    )
    np.testing.assert_array_equal(found.b[0], [0.0, 7.0])
    # Sums start at zero in each call, and slices are written too.
    adding = lambda t, y, p, dy: add(dy, y)
    assert end(adding, TWO) == end(lambda t, y, p: (y.x, y.v), TWO)

    def sliced(t, y, p, dy):
        dy[:] = y[:]

    assert end(sliced, TWO) == end(adding, TWO)


def add(dy, y):
    for i in range(len(dy)):
        dy[i] += y[i]


# Indices.


def test_an_index_beyond_an_array_at_the_start_is_refused_with_its_line():
    def rhs(t, y, p, dy):
        for i in range(3):
            dy[i] = y[i + 1] - y[i]

    y0 = xr.DataArray([1.0, 2.0, 3.0], dims="state")
    with pytest.raises(
        ValueError, match=r"(?s)beyond an array at t=0, line \d+: dy\[i\] = y\[i \+ 1\] - y\[i\].*3 elements"
    ):
        run(rhs, y0)

    def writes(t, y, p, dy):
        for i in range(3):
            dy[i + 1] = y[i]

    with pytest.raises(ValueError, match=r"dy\[i \+ 1\] = y\[i\]"):
        run(writes, y0)


@pytest.mark.parametrize("method", ["explicit_euler", "rk4", "implicit_euler", "dopri5", "rosenbrock", "linear"])
def test_an_index_that_leaves_a_table_on_the_way_is_no_number(method):
    table = np.array([1.0, 2.0, 3.0])
    rhs = lambda t, y, p: (table[int(p.rate * t)] - y.x,)
    rate = {"rate": xr.DataArray([10.0, 1.0], dims="c")}
    found = gt.ode.integrate(
        rhs, ONE, (0.0, 1.5), params=rate, method=method, step=None if method in ("dopri5", "rosenbrock") else 0.05
    )
    assert int(found.status[0]) != 0
    assert np.isnan(found.x[0, 0])
    if method == "explicit_euler":
        # The other cell stays within the table: y' = 1 - y from 1 rests, then y' = 2 - y for ten steps of 0.05.
        assert int(found.status[1]) == 0
        assert float(found.x[0, 1]) == pytest.approx(2 - 0.95**10)


def test_an_index_of_states_and_one_to_write_to_are_checked_too():
    def rhs(t, y, p, dy):
        dy[0] = 1.0
        dy[int(4 * t)] = y[int(5 * t)]

    found = run(rhs, TWO, step=0.125)
    assert int(found.status) == 2
    assert np.isnan(found.x).all()
    # Negative indices count from the end, as they do in Python.
    assert end(lambda t, y, p: (TABLE[-1],)) == pytest.approx(4.0)
    assert int(run(lambda t, y, p: (TABLE[-int(10 * t)],)).status) == 2


# What is returned.

BAD_RETURNS = {
    "a dict": (lambda t, y, p: {"x": 1.0}, "returns a dict, and y0 has 1 state: x"),
    "complex": (lambda t, y, p: (1j * y.x,), "complex.*the real and the imaginary part"),
    "complex by function": (lambda t, y, p: (cmath.sqrt(-y.x),), "complex"),
    "text": (lambda t, y, p: "x", "returns a str"),
    "None inside": (lambda t, y, p: (None,), "returns None as value 1 of 1"),
    "a list inside": (lambda t, y, p: ([y.x],), "returns a list as value 1 of 1"),
    "a tuple inside": (lambda t, y, p: ((y.x,),), "returns a tuple as value 1 of 1"),
    "two": (lambda t, y, p: (y.x, 0.0), "returns 2 values, and y0 has 1 state: x"),
    "an array": (lambda t, y, p: -y.x * np.ones(1), "returns a list or an array"),
}


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("name", BAD_RETURNS)
def test_what_is_no_tuple_of_real_numbers_is_refused(name, lazy):
    rhs, message = BAD_RETURNS[name]
    start = xr.Dataset({"x": xr.DataArray(np.ones(2), dims="c").chunk()}) if lazy else ONE
    with pytest.raises(ValueError, match=message):
        run(rhs, start)


def test_the_trial_leaves_what_depends_on_values_to_the_compiler():
    # In plain Python each of them is an error at the start, and none of them is one of the equations.
    assert end(lambda t, y, p: (1.0 / t if t > 10 else 1.0,)) == 2.0
    assert np.isnan(run(lambda t, y, p: (math.sqrt(-y.x),)).x).all()
    assert np.isnan(run(lambda t, y, p: (1.0 / (y.x - 1.0),)).x).all()
    assert end(lambda t, y, p: (math.log(t) if t > 0.0 else 0.0,)) == pytest.approx(1 + 0.5 * math.log(0.5))
    # A cell at sea says nothing about the others.
    cells = xr.DataArray([np.nan, 1.0], dims="c")
    np.testing.assert_array_equal(run(lambda t, y, p: (TABLE[int(3 * y.x)],), xr.Dataset({"x": cells})).status, [1, 2])


# Jacobians.


@pytest.mark.parametrize(
    ("jacobian", "message"),
    [
        (lambda t, y, p: ((0.0, 1.0),), "returns 1 row of 2 values, and y0 has 2 states; return 2 rows of 2 numbers"),
        (lambda t, y, p: 1.0, "returns a number"),
        (lambda t, y, p: (0.0, 1.0, -1.0, 0.0), "a tuple of 4 numbers"),
        (lambda t, y, p: [[0.0, 1.0], [-1.0, 0.0]], "a list or an array"),
        (
            lambda t, y, p: ((0.0, 1.0), (-p.nothing, 0.0)),
            r"jacobian, line \d+, asks for p.nothing, which p does not have",
        ),
    ],
)
def test_a_jacobian_is_a_tuple_of_rows(jacobian, message):
    with pytest.raises(ValueError, match=message):
        gt.ode.integrate(lambda t, y, p: (y.v, -y.x), TWO, (0.0, 1.0), method="rosenbrock", jacobian=jacobian)


def test_what_cannot_be_differentiated_says_so_before_it_runs():
    gamma = lambda t, y, p: (math.gamma(y.x),)
    assert end(gamma) == pytest.approx(1.5 + 0.5 * math.gamma(1.5))
    with pytest.raises(
        ValueError, match=r"(?s)cannot be compiled, line \d+: gamma.*differentiates rhs: give jacobian="
    ):
        gt.ode.integrate(gamma, ONE, (0.0, 1.0), method="rosenbrock")


# What is used from outside.

Rates = namedtuple("Rates", "slow fast")
PARTS = Rates(1.0, np.array([0.5, 0.25]))


class Planet:
    g = 0.5
    layers = np.array([0.25, 0.5])


@dataclasses.dataclass
class Soil:
    decay: float


SOIL = Soil(0.5)
SETTINGS = types.SimpleNamespace(inner=types.SimpleNamespace(k=0.5))


def quarter(x):
    return 0.25 * x


def decay(t, y, p):
    return (-p.decay * y[0],)


def fact(n):
    return 1 if n < 2 else n * fact(n - 1)


def test_what_a_function_uses_from_outside_is_found_where_it_stands():
    by_hand = 1.0 + 0.5 * 0.5 + 0.5 * 0.5
    assert end(lambda t, y, p: (PARTS.fast[0],)) == by_hand
    assert end(lambda t, y, p: (Planet.g,)) == by_hand
    assert end(lambda t, y, p: (Planet.layers[1],)) == by_hand
    assert end(lambda t, y, p: (SOIL.decay,)) == by_hand
    assert end(lambda t, y, p: (SETTINGS.inner.k,)) == by_hand
    assert end(lambda t, y, p: (scipy.constants.g,)) == 1.0 + scipy.constants.g
    assert end(lambda t, y, p: (scipy.constants.g * quarter(4.0) / scipy.constants.g,)) == 2.0


def test_a_function_may_bear_the_name_of_a_parameter():
    assert end(decay, params={"decay": 0.5}) == pytest.approx(0.75**2)
    # What has the name of an attribute alone is not used.
    assert set(surroundings(decay)) == set()
    k = 3.0
    assert set(surroundings(lambda t, y, p: p.k + p.TABLE + y.fact)) == set()
    assert set(surroundings(lambda t, y, p: p.k + k)) == {"k"}


def test_a_loop_over_values_of_a_parameter_compiles_once():
    from gridtrend.ode import problem

    namespace = {}
    exec("def rhs(t, y, p): return (-p.k * y[0],)", namespace)  # noqa: S102
    before = len(problem._LOOPS)
    for k in (0.5, 1.0, 1.5):
        namespace["k"] = k
        run(namespace["rhs"], params={"k": k})
    assert len(problem._LOOPS) == before + 1


def test_a_function_that_calls_itself_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"'fact' calls itself, which cannot be compiled here. Write a loop"):
        run(lambda t, y, p: (fact(3) * y.x,))


@pytest.mark.parametrize("value", [np.random.default_rng(0), {"k": 1.0}, [1.0], xr.DataArray(1.0), object(), random])
def test_a_value_that_cannot_be_known_is_refused(value):
    rhs = lambda t, y, p: (value.random(),)
    with pytest.raises(ValueError, match=r"uses 'value', a|draws random numbers"):
        run(rhs)
    with pytest.raises(ValueError, match="draws random numbers"):
        run(lambda t, y, p: (np.random.rand(),))  # noqa: NPY002


def long_table(last):
    values = np.zeros(2000)
    values[-1] = last
    return values


def uses(value):
    return lambda t, y, p: (value,)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((long_table(1.0),), (long_table(2.0),)),
        ((np.array([1.0]),), (np.array([1.000000001]),)),
        (((np.array([1.0]), 2), 3), ((np.array([1.0]), 2), 4)),
        (Rates(1, 2), namedtuple("Rates", "fast slow")(1, 2)),
        (Rates(np.zeros(2), 0), Rates(np.ones(2), 0)),
        (np.float64(1.0), np.float32(1.0)),
        (1, 1.0),
        (0.0, -0.0),
        (True, 1),
        (np.float64(0.1), np.float64(0.1) + 1e-17 + 2e-17),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(2), np.zeros(2, "i8")),
        (quarter, lambda x: 0.26 * x),
    ],
)
def test_functions_are_known_by_the_values_that_they_use(one, other):
    assert digest(uses(one)) == digest(uses(one))
    assert digest(uses(one)) != digest(uses(other))


def test_defaults_and_the_order_of_helpers_count():
    def with_default(k):
        return lambda t, y, p, k=k: (k,)

    assert digest(with_default(np.zeros(2000))) != digest(with_default(long_table(1.0)))

    def both(f, g, h):
        return lambda t, y, p: (f(1.0), g(1.0), h(1.0))

    third = lambda x: x / 3
    assert digest(both(quarter, third, quarter)) != digest(both(quarter, third, third))
    assert digest(lambda t, y, p: Planet.g) != digest(lambda t, y, p: Planet.layers)


STALE = """
import sys
from collections import namedtuple
import numpy as np, xarray as xr
import gridtrend as gt

scale = float(sys.argv[1])
table = np.zeros(2000)
table[1000] = scale
Pair = namedtuple("Pair", "a b")
tables, pair = (table, (table,)), Pair(1.0, np.array([scale * 1e-9 + 1.0]))


class Settings:
    k = scale


def rhs(t, y, p):
    return (tables[0][1000] + tables[1][0][1000] + pair.b[0] + Settings.k - 1.0,)


run = gt.ode.integrate(rhs, xr.Dataset({"x": 0.0}), (0.0, 1.0), method="explicit_euler", step=1.0)
print(repr(float(run.x[0])))
"""


def test_a_changed_table_is_another_function_in_a_new_process(tmp_path):
    (tmp_path / "script.py").write_text(STALE)
    environment = os.environ | {"GRIDTREND_CACHE_DIR": str(tmp_path / "cache")}
    for scale in (1.0, 2.0, 1.0):
        done = subprocess.run(
            [sys.executable, str(tmp_path / "script.py"), str(scale)],
            capture_output=True, text=True, timeout=300, check=False, env=environment,
        )  # fmt: skip
        assert done.stdout.strip() == repr(3 * scale + (scale * 1e-9 + 1.0) - 1.0), done.stderr[-2000:]
    assert len(list((tmp_path / "cache").glob("ode.*"))) == 2


def test_a_table_that_changes_before_a_lazy_result_is_computed_is_refused():
    table = np.array([1.0, 2.0])
    start = xr.Dataset({"x": xr.DataArray(np.ones(3), dims="c").chunk()})
    lazy = run(lambda t, y, p: (table[0] + table[1],), start)
    table[0] = 5.0
    with pytest.raises(ValueError, match="was changed between the call of integrate and the computation"):
        lazy.compute()


# Functions of numbers, and their derivatives through a stiff method against one that needs none.

FORMULAS = {
    "clip": lambda t, y, p: (np.clip(y.x, 0.0, 0.75) - y.x,),
    "heaviside": lambda t, y, p: (np.heaviside(y.x - 0.9, 0.5) - y.x,),
    "any": lambda t, y, p: (-y.x if any((y.x > 0.5, t > 2.0)) else 0.0 * y.x,),
    "all": lambda t, y, p: (-y.x if np.all((y.x > 0.1, t < 2.0)) else 0.0 * y.x,),
    "cbrt": lambda t, y, p: (0.1 * math.cbrt(-8.0 * y.x) - 0.1 * np.cbrt(y.x),),
    "isclose": lambda t, y, p: (0.0 * y.x if math.isclose(y.x, 2.0) or np.isclose(y.x, 3.0) else -y.x,),
    "hypot": lambda t, y, p: (-np.hypot(y.x, 0.5) + math.atan2(y.x, 2.0),),
    "sign": lambda t, y, p: (-np.sign(y.x) * 0.1 - np.square(y.x),),
    "modulo": lambda t, y, p: (-(y.x % 3.0) + 0.1 * np.power(y.x, 2) + y.x // 5.0,),
    "inverse": lambda t, y, p: (-math.asinh(y.x) - np.arctanh(0.5 * y.x) - math.acosh(1.5 + y.x) * math.erfc(y.x),),
    "isnan": lambda t, y, p: (0.0 if math.isnan(y.x) or not np.isfinite(y.x) else -float(y.x) * int(1.0 + 0.0 * y.x),),
}


# Where the formula is defined: acosh(1.5 + x) from -0.5 on, arctanh(x / 2) below 2.
DOMAINS = {"inverse": (-0.5, 1.999)}


@pytest.mark.parametrize("name", FORMULAS)
def test_functions_of_numbers_agree_with_numpy(name):
    rhs = FORMULAS[name]
    found = gt.ode.integrate(rhs, ONE, (0.0, 1.0), method="implicit_euler", step=0.25)
    # Implicit Euler by plain Python: a fixed point, found by bisection with the same functions.
    y = 1.0
    for i in range(4):
        low, high = DOMAINS.get(name, (-5.0, 5.0))
        for _ in range(200):
            middle = 0.5 * (low + high)
            residual = middle - y - 0.25 * rhs(0.25 * (i + 1), types.SimpleNamespace(x=middle), ())[0]
            low, high = (middle, high) if residual < 0 else (low, middle)
        y = middle
    if int(found.status) == 0:
        assert float(found.x[0]) == pytest.approx(y, rel=1e-9)
    else:
        # Newton's method need not converge where a function jumps.
        assert name in ("clip", "heaviside", "any", "sign")


# Code that numba refuses.


def imports(t, y, p):
    import math as mathematics

    return (mathematics.sin(y.x),)


def of_xarray(t, y, p):
    return (xr.DataArray(y.x).values,)


def rounds_as_text(t, y, p):
    return (float(f"{y.x:.3f}"),)


@pytest.mark.parametrize("rhs", [imports, of_xarray, rounds_as_text, lambda t, y, p: (p["k"],), lambda t, y, p: (y.z,)])
def test_what_numba_refuses_is_three_lines_or_one(rhs):
    with pytest.raises(
        ValueError,
        match=r"rhs cannot be compiled|rhs, line \d+, asks for y.z|the function 'of_xarray' uses 'xr.DataArray'",
    ) as caught:
        run(rhs, params={"k": 1.0})
    text = str(caught.value)
    assert len(text.splitlines()) <= 3
    assert len(text) < 900
    if "rhs cannot be compiled" in text:
        assert re.search(r"line \d+: \S", text)
