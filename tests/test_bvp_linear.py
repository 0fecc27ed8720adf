"""Linear boundary value problems: against dense solves and scipy, in every kind of array, and when they fail."""

import pickle

import dask
import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_bvp

import gridtrend as gt
from tests import reference_bvp as reference

X = np.sort(np.concatenate([[0.0, 1.0], np.random.default_rng(1).uniform(0, 1, 22)]))


def profile(values, x=X, dims=("x",)):
    return xr.DataArray(values, {"x": x}, dims)


def random_problem(rng, n, cells, x=X):
    """Smooth random coefficients: A (cells, nodes, n, n) and q (cells, nodes, n)."""
    shape = (cells, 1, n, n)
    A = rng.normal(size=shape) + rng.normal(size=shape) * np.sin(2 * x[:, None, None] + rng.normal(size=shape))
    q = rng.normal(size=(cells, 1, n)) * np.cos(3 * x[:, None] * rng.normal(size=(cells, 1, n)))
    return A, q


def random_ends(rng, n, n_left, cells, *, separated):
    at_left, at_right = rng.normal(size=(2, cells, n, n))
    if separated:
        at_left[:, n_left:], at_right[:, :n_left] = 0, 0
    return at_left, at_right, rng.normal(size=(cells, n))


def conditions(names, at_left, at_right, values):
    """Conditions as users write them."""

    def field(numbers):
        return xr.DataArray(numbers, dims="cell")

    def row(matrix, i):
        return {s: field(matrix[:, i, j]) for j, s in enumerate(names)}

    left, right, coupled = [], [], []
    for i in range(len(names)):
        value = field(values[:, i])
        if not at_right[:, i].any():
            left.append((row(at_left, i), value))
        elif not at_left[:, i].any():
            right.append((row(at_right, i), value))
        else:
            coupled.append(({"left": row(at_left, i), "right": row(at_right, i)}, value))
    return {"left": left, "right": right, "coupled": coupled}


def solve_all(A, q, ends, order=2, x=X):
    """All cells of a random problem: states of shape (cells, nodes, n), and the result."""
    names = [f"y{i}" for i in range(q.shape[-1])]
    dims = ("cell", "x")
    entries = {(r, c): profile(A[:, :, i, j], x, dims) for i, r in enumerate(names) for j, c in enumerate(names)}
    sources = {r: profile(q[:, :, i], x, dims) for i, r in enumerate(names)}
    out = gt.bvp.solve_linear(entries, sources, dim="x", order=order, **conditions(names, *ends))
    return np.stack([out[s].transpose("cell", "x").values for s in names], -1), out


CASES = [
    (2, 1, True),
    (2, 1, False),
    (2, 0, True),
    (2, 2, True),
    (3, 1, True),
    (3, 2, False),
    (4, 2, True),
    (5, 3, True),
]


@pytest.mark.parametrize(("n", "n_left", "separated"), CASES)
def test_1000_random_problems_agree_with_a_dense_solve_of_the_same_system(n, n_left, separated):
    rng = np.random.default_rng(n + 10 * n_left)
    # 1,000 well-posed cells in all.
    cells = 160
    A, q = random_problem(rng, n, cells)
    ends = random_ends(rng, n, n_left, cells, separated=separated)
    expected, cond = reference.dense_solution(X, A, q, *ends, order=2)
    well = cond < 1e5
    assert well.sum() >= 125
    found, out = solve_all(A, q, ends)
    gap = np.abs(found - expected).max((1, 2)) / np.abs(expected).max((1, 2))
    assert gap[well].max() < 1e-12
    assert (out.status.values[well] <= 2).all()


def test_order_6_is_a_dense_solve_with_the_same_quadrature_where_steps_are_fine():
    x = np.linspace(0, 1, 61)
    rng = np.random.default_rng(3)
    A, q = random_problem(rng, 2, 40, x)
    ends = random_ends(rng, 2, 1, 40, separated=True)
    expected, cond = reference.dense_solution(x, A, q, *ends, order=6)
    found, out = solve_all(A, q, ends, 6, x)
    well = (cond < 1e4) & (out.status.values == 0)
    assert well.sum() > 30
    gap = np.abs(found - expected).max((1, 2)) / np.abs(expected).max((1, 2))
    # What sweeps have left is a part of the error that the quadrature has itself.
    error = (out.error_estimate.transpose("cell", "state").values / np.abs(expected).max(1)).max(1)
    assert (gap[well] < 1e-12 + 0.2 * error[well]).all()


def agreement_with_scipy(cells, seed):
    """Largest differences from scipy's solver, given the true functions, over some random cells."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, 81)
    a, b, phase = rng.uniform(-2, 2, (2, cells, 2, 2)), rng.uniform(-1, 1, (cells, 2)), rng.uniform(0, 3, cells)
    A = a[0][:, None] + a[1][:, None] * np.sin(2 * x[None, :, None, None] + phase[:, None, None, None])
    q = b[:, None] * np.cos(3 * x[None, :, None])
    at_left, at_right = np.zeros((2, cells, 2, 2))
    at_left[:, 0, 0] = at_right[:, 1, 1] = 1.0
    values = rng.normal(size=(cells, 2))
    found, _ = solve_all(A, q, (at_left, at_right, values), 6, x)
    gaps = []
    for k in range(cells):

        def right_side(t, y, k=k):
            m = a[0][k][..., None] + a[1][k][..., None] * np.sin(2 * t + phase[k])
            return np.einsum("ijt,jt->it", m, y) + b[k][:, None] * np.cos(3 * t)

        def ends(y0, y1, k=k):
            return np.array([y0[0] - values[k, 0], y1[1] - values[k, 1]])

        solution = solve_bvp(right_side, ends, x, np.zeros((2, x.size)), tol=1e-9, max_nodes=20_000)
        expected = solution.sol(x).T
        size = np.abs(expected).max()
        if solution.status == 0 and size < 1e3:
            gaps.append(np.abs(found[k] - expected).max() / size)
    return np.array(gaps)


def test_answers_are_those_of_scipy_given_the_true_functions():
    gaps = agreement_with_scipy(12, 0)
    assert gaps.size >= 11
    assert gaps.max() < 1e-8


@pytest.mark.slow
def test_1000_answers_are_those_of_scipy_given_the_true_functions():
    gaps = agreement_with_scipy(1000, 1)
    assert gaps.size >= 950
    assert gaps.max() < 1e-7
    assert np.median(gaps) < 1e-9


def test_periodic_conditions_join_the_ends():
    x = np.linspace(0, 1, 65)
    wave = profile(np.sin(2 * np.pi * x), x)
    A = {("u", "v"): 1.0, ("v", "u"): 1.0}
    out = gt.bvp.solve_linear(A, {"v": -(4 * np.pi**2 + 1) * wave}, dim="x", coupled="periodic", order=6)
    assert float(abs(out.u - wave).max()) < 1e-8
    assert list(out.data_vars) == ["u", "v", "error_estimate", "residual", "status"]
    assert out.state.values.tolist() == ["u", "v"]


def test_complex_coefficients_give_complex_states():
    known = reference.ekman(49)
    A = {at: profile(a, known.x) for at, a in known.A.items()}
    out = gt.bvp.solve_linear(A, dim="x", left={"W": 0.0}, right={"S": 1e-4 + 1e-4j}, order=6)
    assert out.W.dtype == complex
    np.testing.assert_allclose(out.W.values, (1 + 1j) * known.exact, atol=1e-6 * np.abs(known.exact).max())
    assert out.error_estimate.dtype == float


def two_layers(z, k, breaks, order):
    out = gt.bvp.steady_diffusion(
        xr.DataArray(k, {"z": z}, "z"), 1.0, dim="z", left={"u": 0.0}, right={"flux": 0.0}, breaks=breaks, order=order
    )
    return out


@pytest.mark.parametrize("order", [2, 4, 6])
def test_a_break_keeps_the_order_where_a_coefficient_jumps(order):
    # flux = z - 2, u' = (2 - z) / k: a parabola in each layer.
    z = np.concatenate([np.linspace(0, 1, 8), np.linspace(1, 2, 9)])
    k = np.where(np.arange(z.size) < 8, 1.0, 5.0)
    exact = np.where(np.arange(z.size) < 8, 2 * z - z**2 / 2, 1.5 + (2 * (z - 1) - (z**2 - 1) / 2) / 5)
    out = two_layers(z, k, [1.0], order)
    np.testing.assert_allclose(out.u, exact, atol=1e-13)
    assert out.u.values[7] == out.u.values[8]
    # Without it, a stencil of several nodes reaches across.
    if order > 2:
        smooth = two_layers(np.delete(z, 8), np.delete(k, 8), None, order)
        assert np.abs(smooth.u.values - np.delete(exact, 8)).max() > 1e-3


def test_levels_below_the_ground_end_the_mesh_of_their_cell():
    z = np.linspace(0, 10, 41)
    k = xr.DataArray(np.broadcast_to(2 * (1 + z / 10), (4, 41)).copy(), {"z": z}, ("cell", "z"))
    k[1, 30:] = np.nan
    k[2, :5] = np.nan
    k[3, 20] = np.nan
    options = {"dim": "z", "left": {"u": 280.0}, "right": {"flux": 0.03}, "order": 4}
    out = gt.bvp.steady_diffusion(k, 0.01, missing="trim", **options).transpose("cell", ...)
    assert out.status.values.tolist() == [0, 0, 0, 6]
    for cell, part in ((0, slice(None)), (1, slice(0, 30)), (2, slice(5, None))):
        alone = gt.bvp.steady_diffusion(k[cell, part], 0.01, **options)
        np.testing.assert_array_equal(out.u[cell, part], alone.u)
        np.testing.assert_array_equal(out.error_estimate[cell], alone.error_estimate)
        assert int(out.u[cell].notnull().sum()) == alone.u.size
    plain = gt.bvp.steady_diffusion(k, 0.01, **options)
    assert plain.status.values.tolist() == [0, 6, 6, 6]


def awkward():
    """Twelve cells of one tile and a half, every second one without a solution, and why."""
    a = np.ones((12, X.size))
    q = np.ones((12, X.size))
    a[1, 3], q[3, 7], a[5, 0] = np.nan, np.inf, -np.inf
    return a, q, [0, 6, 0, 6, 0, 6, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("order", [2, 6])
def test_a_cell_without_a_solution_says_why_and_harms_no_neighbour(order):
    a, q, status = awkward()
    dims = ("cell", "x")

    def solve(a, q):
        entries = {("u", "v"): profile(a, X, dims), ("v", "u"): 1.0}
        return gt.bvp.solve_linear(
            entries, {"v": profile(q, X, dims)}, dim="x", left={"u": 1.0}, right={"u": 2.0}, order=order
        )

    out = solve(a, q)
    assert out.status.values.tolist() == status
    bad = np.array(status) > 0
    clean = solve(np.ones_like(a), np.ones_like(q))
    np.testing.assert_array_equal(out.u.values[~bad], clean.u.values[~bad])
    assert np.isnan(out.u.values[bad]).all()
    assert np.isnan(out.error_estimate.transpose("state", "cell").values[:, bad]).all()


@pytest.mark.parametrize("order", [2, 4])
def test_a_problem_without_a_unique_solution_is_told(order):
    # Fluxes prescribed at both ends leave the temperature open; a cell that loses heat is determined.
    decay = xr.DataArray([0.0, 1.0, 0.0], dims="cell")
    k = profile(1 + X)
    out = gt.bvp.steady_diffusion(k, 1.0, dim="x", left={"flux": 0.0}, right={"flux": 1.0}, decay=decay, order=order)
    assert out.status.values.tolist() == [5, 0, 5]
    assert out.u.isnull().all("x").values.tolist() == [True, False, True]
    # Two conditions at one end that say the same.
    same = [({"u": 1.0}, 0.0), ({"u": 2.0}, 0.0)]
    assert int(gt.bvp.steady_diffusion(k, dim="x", left=same, order=order).status) == 5


def test_a_resonance_is_told_and_a_neighbour_without_a_solution_hides_nothing():
    # u'' = -pi**2 u with u(0) = 0 determines u only up to its size where u(1) = 0.
    x = np.linspace(0, 1, 41)
    for other in (1.0, np.nan):
        strength = xr.DataArray([np.pi**2, other], dims="cell")
        A = {("u", "v"): profile(np.ones(41), x), ("v", "u"): -strength}
        out = gt.bvp.solve_linear(A, {"v": 1.0}, dim="x", left={"u": 0.0}, right={"u": 0.0}, order=4)
        assert out.status.values[0] >= 2
        assert out.status.values[1] == (0 if other == 1 else 6)
        # Rounding leaves a pivot of nearly zero.
        k, decay = profile(1 + X + X**2), xr.DataArray([0.0, other], dims="cell")
        flux = gt.bvp.steady_diffusion(k, dim="x", left={"flux": 0.1}, right={"flux": 0.3}, decay=decay)
        assert flux.status.values.tolist() == [5, 0 if other == 1 else 6]


def test_units_of_states_do_not_matter():
    known = reference.conduction(49)

    def solve(scale):
        A = {("T", "F"): profile(known.A["T", "F"] * scale, known.x), ("F", "T"): 0.01 / scale}
        out = gt.bvp.solve_linear(
            A, {"F": 0.01 / scale}, dim="x", left={"T": 280.0}, right={"F": 0.035 / scale}, order=6
        )
        return out["T"].values, int(out.status)

    plain, status = solve(1.0)
    assert status == 0
    for scale in (1e-9, 1e12):
        found, status = solve(scale)
        assert status == 0
        np.testing.assert_allclose(found, plain, rtol=1e-12)


def field_problem(chunks=None):
    rng = np.random.default_rng(5)
    k = xr.DataArray(rng.uniform(1, 2, (X.size, 5, 9)), {"x": X, "lat": np.arange(5.0)}, ("x", "lat", "lon"), "k")
    source = xr.DataArray(rng.normal(size=(3, 5, 9)), {"time": [10, 20, 30]}, ("time", "lat", "lon"))
    surface = xr.DataArray(rng.normal(size=(5, 9)), dims=("lat", "lon"))
    if chunks:
        k, source, surface = k.chunk(chunks), source.chunk({"time": 2}), surface.chunk({"lat": 2})
    return k, source, surface


def solve_field(k, source, surface):
    return gt.bvp.steady_diffusion(k, source, dim="x", left={"u": surface}, right={"flux": 0.0}, order=4)


def test_results_are_lazy_and_do_not_depend_on_chunks_to_the_bit():
    expected = solve_field(*field_problem())
    assert expected.u.dims[0] == "x"
    assert dict(expected.u.sizes) == {"x": X.size, "time": 3, "lat": 5, "lon": 9}
    assert expected.time.values.tolist() == [10, 20, 30]

    def forbidden(*_, **__):
        raise AssertionError("computed too early")

    with dask.config.set(scheduler=forbidden):
        lazy = solve_field(*field_problem({"lat": 2, "lon": 4}))
    assert all(v.chunks is not None for v in lazy.data_vars.values())
    for scheduler in ("synchronous", "threads"):
        xr.testing.assert_identical(lazy.compute(scheduler=scheduler), expected)


def test_cells_that_share_their_matrix_get_what_they_get_alone():
    k, source, surface = field_problem()
    together = solve_field(k, source, surface)
    # The matrix varies along lat and lon, but not along time; below it varies along nothing.
    alone = solve_field(k + 0 * source, source, surface)
    np.testing.assert_array_equal(together.u, alone.transpose(*together.dims).u.transpose(*together.u.dims))
    one = k[:, 2, 3]
    shared = solve_field(one, source, surface)
    np.testing.assert_array_equal(shared.u.isel(lat=2, lon=3), together.u.isel(lat=2, lon=3))


def test_any_order_of_dimensions_and_types_of_numbers_gives_the_same():
    k, source, surface = field_problem()
    expected = solve_field(k, source, surface)
    turned = solve_field(k.transpose("lon", "x", "lat"), source.transpose("lat", "lon", "time"), surface.T)
    np.testing.assert_array_equal(turned.u.transpose(*expected.u.dims), expected.u)
    single = solve_field(k.astype(np.float32), source, surface)
    doubled = solve_field(k.astype(np.float32).astype(float), source, surface)
    np.testing.assert_array_equal(single.u, doubled.u)
    assert single.u.dtype == float


def test_no_cells_are_no_trouble():
    k, source, surface = field_problem()
    out = solve_field(k[:, :0], source[:, :0], surface[:0])
    assert out.u.sizes["lat"] == 0


def test_a_problem_pickles():
    from gridtrend.bvp.linear_problem import LinearProblem, Slot
    from gridtrend.bvp.mesh import Mesh

    problem = LinearProblem(Mesh(X, ((0, X.size),)), 2, 1, 1, 1, (((0, 0), Slot(0, has_nodes=True)),), (), ((Slot(constant=1.0),),), (Slot(constant=1.0),))  # fmt: skip
    a = np.full((3, X.size), -1.0)
    for found, expected in zip(pickle.loads(pickle.dumps(problem))(a), problem(a), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_accessor_takes_names_of_variables():
    k, source, surface = field_problem()
    ds = xr.Dataset({"conductivity": -1 / k, "source": source, "surface": surface})
    out = ds.gridtrend.solve_bvp(
        {("u", "flux"): "conductivity"},
        {"flux": "source"},
        dim="x",
        left={"u": "surface"},
        right={"flux": 0.0},
        order=4,
    )
    xr.testing.assert_identical(out, solve_field(k, source, surface))
    with pytest.raises(ValueError, match=r"no variable 'heat'.*conductivity, source, surface"):
        ds.gridtrend.solve_bvp({("u", "flux"): "heat"}, dim="x", left={"u": 0.0}, right={"flux": 0.0})


GOOD = {"A": {("u", "v"): profile(1 + X), ("v", "u"): 1.0}, "dim": "x", "left": {"u": 0.0}, "right": {"u": 1.0}}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"order": 3}, ValueError, "order=3 is not known; choose from 2, 4, 6"),
        ({"missing": "drop"}, ValueError, "missing='drop' is not known"),
        ({"right": {}}, ValueError, r"2 states \(u, v\) need 2 conditions, and 1 are given"),
        ({"right": {"w": 1.0}}, ValueError, "3 states"),
        (
            {"left": [({"w": 1.0, "u": 1.0}, 0.0)], "right": {}, "coupled": "periodic"},
            ValueError,
            "3 states.* 4 are given",
        ),
        ({"left": 1.0}, TypeError, r"left is a dict of states and values, or a list of pairs such as left=\["),
        ({"coupled": "cyclic"}, TypeError, 'coupled is "periodic" or a list'),
        ({"coupled": [({"top": {"u": 1.0}}, 0.0)]}, ValueError, "'left' and 'right', not 'top'"),
        ({"A": {("u", "v"): 1.0, ("v", "u"): 1.0}}, ValueError, "no coefficient has the dimension 'x'"),
        ({"A": {("u", "v"): GOOD["A"]["u", "v"].drop_vars("x"), ("v", "u"): 1.0}}, ValueError, "assign_coords"),
        ({"A": {"uv": 1.0}}, TypeError, "pairs of states"),
        ({"A": {("u", "v"): X, ("v", "u"): 1.0}}, TypeError, "number or an xarray.DataArray is expected"),
        ({"A": {("u", "v"): profile(X.astype(str)), ("v", "u"): 1.0}}, TypeError, "numbers are needed"),
        ({"left": {"u": profile(X)}}, ValueError, r"a condition holds at one node: .isel\(x=0\)"),
        (
            {"A": {("u", "v"): GOOD["A"]["u", "v"].chunk({"x": 5}), ("v", "u"): 1.0}},
            ValueError,
            "split over 5 dask chunks",
        ),
        ({"A": {("u", "v"): GOOD["A"]["u", "v"][::-1], ("v", "u"): 1.0}}, ValueError, r"decreases.*sortby\('x'\)"),
        ({"A": {("u", "v"): GOOD["A"]["u", "v"][[0, 2, 1, 3]], ("v", "u"): 1.0}}, ValueError, "goes back.*at node 2"),
        ({"A": {("u", "v"): GOOD["A"]["u", "v"][[0, 1, 1, 2]], ("v", "u"): 1.0}}, ValueError, r"twice.*breaks=\["),
        (
            {"A": {("u", "v"): GOOD["A"]["u", "v"][:5], ("v", "u"): 1.0}, "order": 6},
            ValueError,
            "order 6 needs 6 nodes",
        ),
        ({"order": 6, "breaks": [X[3]]}, ValueError, "order 6 needs 6 nodes.*between breaks, 4 nodes"),
        ({"breaks": [0.5]}, ValueError, "break 0.5 is no node of 'x'; the nearest is"),
        ({"breaks": [0.0]}, ValueError, "inside"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(change, error, message):
    with pytest.raises(error, match=message):
        gt.bvp.solve_linear(**GOOD | change)
