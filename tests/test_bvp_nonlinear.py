"""Nonlinear boundary value problems: order, Newton's method, derivatives, and failures."""

import dask
import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_bvp

import gridtrend as gt
from gridtrend.bvp.dual_arrays import Dual, independent
from tests import reference_bvp as reference

THETA = 1.5171645990507543685
SIZES = (25, 49, 97, 193)
BRATU = {
    2: (5.444e-5, 1.362e-5, 3.406e-6, 8.515e-7),
    4: (8.644e-8, 5.537e-9, 3.497e-10, 2.196e-11),
    6: (3.758e-10, 5.997e-12, 9.42e-14, 2e-15),
}


def bratu(y, c):
    return {"u": y["v"], "v": -c["strength"] * np.exp(y["u"])}


def bratu_mesh(n):
    u = np.linspace(0, 1, n)
    return u - 0.12 * np.sin(2 * np.pi * u) / np.pi


def solve_bratu(strength, **options):
    return gt.bvp.solve(bratu, {"strength": strength}, dim="x", left={"u": 0.0}, right={"u": 0.0}, **options)


def field(values, x, dims=("x",)):
    return xr.DataArray(values, {"x": x}, dims)


@pytest.mark.parametrize("order", [2, 4, 6])
def test_bratu_has_the_errors_of_the_published_scheme_or_smaller(order):
    for n, published in zip(SIZES, BRATU[order], strict=True):
        x = bratu_mesh(n)
        out = solve_bratu(field(np.ones(n), x), order=order)
        exact = -2 * np.log(np.cosh((x - 0.5) * THETA / 2) / np.cosh(THETA / 4))
        assert int(out.status) == 0
        # Where the scheme is as good as rounding, the bound is that of its linearisation.
        A = {("u", "v"): 1.0 + 0 * x, ("v", "u"): -np.exp(exact)}
        linear = reference.Known(A, {"v": -np.exp(exact)}, {"u": 0.0}, {"u": 0.0}, x, exact)
        bound = 1.001 * published + reference.rounding(linear, out, order)
        assert np.abs(out.u.values - exact).max() <= bound, n


@pytest.mark.parametrize("order", [2, 6])
def test_a_linear_problem_is_solved_as_by_the_linear_solver(order):
    known = reference.seed(reference.mesh("random", 40))
    A = {at: field(a, known.x) for at, a in known.A.items()}
    q = {s: field(v, known.x) for s, v in known.q.items()}
    linear = gt.bvp.solve_linear(A, q, dim="x", left=known.left, right=known.right, order=order)

    def f(y, c):
        return {"y1": c["a"] * y["y2"] + c["q"], "y2": c["b"] * y["y1"] + c["c"] * y["y2"]}

    c = {"a": A["y1", "y2"], "b": A["y2", "y1"], "c": A["y2", "y2"], "q": q["y1"]}
    out = gt.bvp.solve(f, c, dim="x", left=known.left, right=known.right, order=order)
    for name in ("y1", "y2", "error_estimate", "residual"):
        np.testing.assert_allclose(out[name], linear[name], atol=1e-13, rtol=1e-3)


def test_cells_converge_alone_and_in_any_chunks():
    x = bratu_mesh(33)
    # Beyond 3.5138 Bratu's problem has no solution.
    strengths = np.array([0.0, 1.0, 3.0, 3.5, 3.6, 10.0, np.nan])
    strength = field(np.repeat(strengths[:, None], 33, 1), x, ("cell", "x"))
    out = solve_bratu(strength, order=4)
    assert out.status.values.tolist()[:4] == [0, 0, 0, 0]
    assert out.status.values.tolist()[6] == 6
    assert {*out.status.values[4:6].tolist()} <= {4, 5}
    assert out.u.isnull().all("x").values.tolist() == [False] * 4 + [True] * 3
    for k in range(4):
        alone = solve_bratu(strength[k], order=4)
        np.testing.assert_allclose(alone.u, out.u[k], rtol=0, atol=1e-14)

    def forbidden(*_, **__):
        raise AssertionError("computed too early")

    with dask.config.set(scheduler=forbidden):
        lazy = solve_bratu(strength.chunk({"cell": 3}), order=4)
    xr.testing.assert_identical(lazy.compute(scheduler="synchronous"), out)


def test_answers_are_those_of_scipy_for_a_problem_that_needs_damping():
    # Troesch's problem, u'' = m sinh(m u), from a straight line.
    m, x = 5.0, 1 - (1 - np.linspace(0, 1, 161)) ** 2
    line = field(x, x)

    def troesch(y, c):
        return {"u": y["v"], "v": c["m"] * np.sinh(c["m"] * y["u"])}

    out = gt.bvp.solve(
        troesch, {"m": m + 0 * line}, dim="x", left={"u": 0.0}, right={"u": 1.0}, guess={"u": line, "v": 1.0}, order=6
    )
    assert int(out.status) == 0
    # u'(0) of the literature.
    assert float(out.v[0]) == pytest.approx(0.045750461, abs=2e-8)
    expected = solve_bvp(
        lambda t, y: np.array([y[1], m * np.sinh(m * y[0])]),
        lambda a, b: np.array([a[0], b[0] - 1]),
        x,
        np.array([x, np.ones_like(x)]),
        tol=1e-9,
        max_nodes=50_000,
    )
    np.testing.assert_allclose(out.u, expected.sol(x)[0], atol=1e-7)


def test_periodic_nonlinear_problems_have_their_orbit():
    x = np.linspace(0, 1, 49)
    # u' = 2 pi cos(2 pi x) + sin(2 pi x)**3 - u**3 has the solution sin(2 pi x).
    drive = field(2 * np.pi * np.cos(2 * np.pi * x) + np.sin(2 * np.pi * x) ** 3, x)
    out = gt.bvp.solve(
        lambda y, c: {"u": c["drive"] - y["u"] ** 3},
        {"drive": drive},
        dim="x",
        coupled="periodic",
        guess={"u": 0.3},
        order=6,
    )
    np.testing.assert_allclose(out.u, np.sin(2 * np.pi * x), atol=2e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda y, z: y * z + 2.0,
        lambda y, z: y / (1.0 + z**2) - z,
        lambda y, z: np.exp(-y) + np.log(z) + np.sqrt(z * y),
        lambda y, z: np.sin(y) * np.cos(z) - np.tanh(y * z),
        lambda y, z: np.where(y > 1.0, y**3, z),
        lambda y, z: np.maximum(y, z) + np.minimum(y, 0.7) + abs(-y),
        lambda y, z: 2.0**y + y**z,
        lambda y, z: np.arctan(y) + np.expm1(z) - np.log1p(y) + np.square(z) + np.sinh(y) / np.cosh(z) + np.tan(y / 3),
    ],
)
def test_derivatives_are_those_of_central_differences(f):
    y, z = np.array([0.5, 1.3, 2.0]), np.array([0.8, 1.1, 0.3])
    found = f(*independent([y, z]))
    np.testing.assert_allclose(found.value, f(y, z))
    h = 1e-6
    numeric = [(f(y + h, z) - f(y - h, z)) / (2 * h), (f(y, z + h) - f(y, z - h)) / (2 * h)]
    for part, expected in zip(found.parts, numeric, strict=True):
        np.testing.assert_allclose(0.0 if part is None else part, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda y, c: {"u": np.floor(y["u"]), "v": y["v"]}, TypeError, "derivative of numpy.floor is not known"),
        (lambda y, c: {"u": np.cumsum(y["u"]), "v": y["v"]}, TypeError, "numpy.cumsum"),
        (lambda y, c: {"u": y["u"]}, ValueError, "1 states"),
        (lambda y, c: y["v"], ValueError, "in a dict; it returned ndarray"),
    ],
)
def test_what_f_cannot_be_is_told(f, error, message):
    x = np.linspace(0, 1, 9)
    with pytest.raises(error, match=message):
        gt.bvp.solve(f, {"c": field(x, x)}, dim="x", left={"u": 0.0}, right={"v": 0.0})


def test_a_dual_without_rule_names_those_that_there_are():
    with pytest.raises(TypeError, match=r"Write f with .*exp.* and where"):
        np.logaddexp(Dual(np.ones(2), [1.0]), 0.0)
