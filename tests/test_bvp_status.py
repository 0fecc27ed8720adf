"""Boundary value problems that are nearly singular, have missing conditions or overflow; and what f may be written like."""

import math

import numpy as np
import pytest
import scipy.special
import xarray as xr

import gridtrend as gt

X = np.linspace(0, 1, 129)
ONE = xr.DataArray(np.ones(129), {"x": X}, "x")
ENDS = {"left": {"u": 0.0}, "right": {"u": 0.0}}


def resonant(rate, order):
    """Solve u'' + rate u = sin(pi x), u = 0 at both ends."""
    return gt.bvp.solve_linear(
        {("u", "v"): ONE, ("v", "u"): -rate * ONE}, {"v": np.sin(np.pi * ONE.x)}, dim="x", order=order, **ENDS
    )


@pytest.mark.parametrize("order", [2, 4, 6])
def test_a_resonant_problem_is_not_called_solved(order):
    # Without a solution at rate = pi**2; by hand u = sin(pi x) / (rate - pi**2) elsewhere.
    assert int(resonant(np.pi**2, order).status) == 2
    assert int(resonant(np.pi**2 * (1 + 1e-9), order).status) in (2, 3)
    well = resonant(5.0, order)
    assert int(well.status) == 0
    np.testing.assert_allclose(well.u, np.sin(np.pi * X) / (5.0 - np.pi**2), atol=1e-4)


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("kind", ["uniform", "random", "chebyshev"])
def test_an_oscillation_close_to_resonance_is_doubtful_and_another_is_not(kind, order):
    # eps u'' = x u, u(-1) = u(1) = 1 (problem 15 of the BVP test set): Airy functions.
    steps = np.random.default_rng(0).uniform(0.1, 1, 128)
    nodes = {
        "uniform": X,
        "random": np.concatenate([[0], np.cumsum(steps)]) / steps.sum(),
        "chebyshev": (1 - np.cos(np.pi * X)) / 2,
    }
    x = 2 * nodes[kind] - 1
    profile = xr.DataArray(x, {"x": x}, "x")
    for eps, status in ((1e-2, 0), (1e-3, 2), (2e-3, 2)):
        out = gt.bvp.solve_linear(
            {("u", "v"): 1.0, ("v", "u"): profile / eps}, dim="x", left={"u": 1.0}, right={"u": 1.0}, order=order
        )
        ai, _, bi, _ = scipy.special.airy(x / eps ** (1 / 3))
        a, b = np.linalg.solve([[ai[0], bi[0]], [ai[-1], bi[-1]]], [1, 1])
        error = np.abs(out.u - (a * ai + b * bi)).max()
        assert int(out.status) == status
        # Doubtful is what is wrong by more than a tenth.
        assert (error > 0.1 * np.abs(a * ai + b * bi).max()) == (status == 2)


def test_a_complex_state_is_judged_as_a_whole():
    # The imaginary part alone is as small as its error.
    z = np.linspace(0, 1, 9)
    rate = xr.DataArray(np.full(9, 1.0 + 1e-9j), {"z": z}, "z")
    out = gt.bvp.solve_linear({("u", "v"): rate, ("v", "u"): 1.0}, dim="z", left={"u": 1.0}, right={"v": 1.0})
    assert int(out.status) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_missing_condition_is_missing_and_no_singular_problem(value):
    values = xr.DataArray([1.0, value], dims="cell")
    linear = gt.bvp.solve_linear({("u", "v"): ONE, ("v", "u"): 1.0}, dim="x", left={"u": values}, right={"u": 0.0})
    assert linear.status.values.tolist() == [0, 6]
    row = gt.bvp.solve_linear(
        {("u", "v"): ONE, ("v", "u"): 1.0}, dim="x", left=[({"u": values}, 1.0)], right={"u": 0.0}
    )
    assert row.status.values.tolist() == [0, 6]
    newton = gt.bvp.solve(
        lambda y, c: {"u": y.v, "v": c.k * y.u}, {"k": ONE}, dim="x", left={"u": values}, right={"u": 0.0}
    )
    assert newton.status.values.tolist() == [0, 6]


def test_a_newton_iteration_that_overflows_has_not_converged():
    # The flow of the test set (problem 32) from a poor guess, and an explosion without a solution: u'' = -exp(9 exp(u)).
    out = gt.bvp.solve(
        lambda y, c: {"u": y.v, "v": y.w, "w": y.s, "s": c.R * (y.v * y.w - y.u * y.s)},
        {"R": 5000 * ONE},
        dim="x",
        left={"u": 0.0, "v": 0.0},
        right={"u": 1.0, "v": 0.0},
    )
    assert int(out.status) == 4
    out = gt.bvp.solve(lambda y, c: {"u": y.v, "v": -np.exp(c.k * np.exp(y.u))}, {"k": 9 * ONE}, dim="x", **ENDS)
    assert int(out.status) == 4


def test_states_are_reached_by_attribute_and_by_name():
    options = {"dim": "x", "order": 4, **ENDS}
    one = gt.bvp.solve(lambda y, c: {"u": y.v, "v": -c.k * np.exp(y.u)}, {"k": ONE}, **options)
    other = gt.bvp.solve(lambda y, c: {"u": y["v"], "v": -c["k"] * np.exp(y["u"])}, {"k": ONE}, **options)
    xr.testing.assert_identical(one, other)


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x, y: np.array([y[1], -y[0]]), TypeError, r"f is called as f\(y, c\).*scipy.integrate.solve_bvp"),
        (lambda y, c: {"u": y[1], "v": y[0]}, TypeError, "scipy.integrate.solve_bvp"),
        (lambda y, c: {"u": y["v"], "v": 1.0 if y["u"] > 0 else 0.0}, ValueError, r"numpy\.where\(y\['u'\] > 0"),
        (lambda y, c: {"u": y["v"], "v": max(y["u"], 0.0)}, ValueError, r"numpy\.maximum"),
        (lambda y, c: {"u": y["v"], "v": y["v"] if y["u"] else 0.0}, ValueError, r"numpy\.where"),
        (lambda y, c: {"u": y["v"], "v": math.exp(y["u"])}, TypeError, "numpy.exp"),
        (lambda y, c: {"u": y["v"], "v": y["u"][0]}, TypeError, "at each single node"),
        (lambda y, c: {"u": y["v"], "v": y["u"].mean()}, AttributeError, "f asks for .mean of a state"),
        (lambda y, c: {"u": y["v"], "v": c["kk"]}, ValueError, "the coefficient 'kk', and there is 'k'"),
        (lambda y, c: {"u": y["v"], "v": y["w"]}, ValueError, "uses the state 'w' and returns no derivative"),
        (lambda y: {"u": y["v"], "v": y["u"]}, TypeError, r"f takes \(y\), and f is called as f\(y, c\)"),
        (lambda y, c: {"u": y["v"], "v": 1j * y["u"]}, ValueError, "holds complex128, and real numbers"),
    ],
)
def test_a_right_hand_side_that_cannot_be_is_told_with_the_way_out(f, error, message):
    with pytest.raises(error, match=message):
        gt.bvp.solve(f, {"k": ONE}, dim="x", **ENDS)


def test_a_misspelled_state_in_a_condition_is_named():
    with pytest.raises(ValueError, match=r"'y3' occurs only in conditions, and in no equation"):
        gt.bvp.solve_linear({("y1", "y2"): ONE, ("y2", "y1"): 1.0}, dim="x", left={"y1": 0.0}, right={"y3": 0.0})


@pytest.mark.parametrize("dims", ["y lon x", "x y lon", "y x lon"])
def test_results_keep_the_order_of_dimensions(dims):
    k = xr.DataArray(np.full((2, 3, 9), 2.0), {"x": np.linspace(0, 1, 9)}, ("y", "lon", "x")).transpose(*dims.split())
    out = gt.bvp.steady_diffusion(k, xr.DataArray([0.0, 1.0], dims="time"), dim="x", left={"u": 0.0}, right={"u": 1.0})
    assert out.u.dims == (*dims.split(), "time")
    assert out.status.dims == tuple(name for name in (*dims.split(), "time") if name != "x")
    assert out.error_estimate.dims == (*out.status.dims, "state")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"A": [1.0]}, TypeError, "A is list; a dict of coefficients"),
        ({"q": 3.0}, TypeError, "q is float; a dict of coefficients"),
        ({"breaks": ["a"]}, ValueError, "is no list of nodes"),
        ({"left": {3: 0.0}}, TypeError, "state 3; names are strings"),
        ({"A": {("u", "v"): [1.0, 2.0], ("v", "u"): 1.0}}, TypeError, r"xarray\.DataArray\(values, dims='x'\)"),
        ({"A": {("u", "v"): ONE.expand_dims(state=2), ("v", "u"): 1.0}}, ValueError, "rename it"),
        ({"A": {("u", "v"): ONE.expand_dims(u=2), ("v", "u"): 1.0}}, ValueError, "rename it"),
        ({"A": {("u", "v"): ONE, ("v", "u"): ONE[:9]}}, ValueError, "do not have the same coordinates"),
    ],
)
def test_what_cannot_be_a_problem_is_told(change, error, message):
    options = {"A": {("u", "v"): ONE, ("v", "u"): 1.0}, **ENDS} | change
    with pytest.raises(error, match=message):
        gt.bvp.solve_linear(dim="x", **options)
