"""Boundary value problems reach their order, on meshes of all kinds, with values at nodes alone."""

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from tests import reference_bvp as reference

SIZES = (25, 49, 97, 193)
# Largest errors of the published scheme at these sizes (orders 4 and 6 with 2 and 4 sweeps); the answers are exact.
TABLES = {
    "conduction": {
        2: (2.129e-4, 5.328e-5, 1.333e-5, 3.332e-6),
        4: (1.060e-6, 8.212e-8, 5.692e-9, 3.743e-10),
        6: (7.250e-8, 8.649e-10, 1.137e-11, 2.3e-13),
    },
    "ekman": {
        2: (2.413e-3, 5.983e-4, 1.495e-4, 3.737e-5),
        4: (1.228e-4, 7.949e-6, 5.287e-7, 3.453e-8),
        6: (5.517e-5, 4.835e-7, 7.336e-9, 1.141e-10),
    },
    "soil": {
        2: (3.352e-2, 8.288e-3, 2.072e-3, 5.176e-4),
        4: (6.699e-3, 1.879e-4, 1.201e-5, 7.584e-7),
        6: (1.460e-2, 8.882e-5, 6.784e-7, 7.482e-9),
    },
    "energy_balance": {
        2: (2.324e-2, 5.810e-3, 1.452e-3, 3.631e-4),
        4: (1.182e-7, 2.671e-9, 5.322e-11, 9.486e-13),
        6: (1.904e-11, 3.2e-14, 1.5e-14, 1.5e-14),
    },
    "layer": {
        2: (9.159e-3, 2.269e-3, 5.668e-4, 1.417e-4),
        4: (2.269e-3, 1.434e-4, 9.013e-6, 5.641e-7),
        6: (1.628e-3, 2.741e-5, 4.327e-7, 6.831e-9),
    },
}


def solve(known, **options):
    """Solve a known problem; returns the result and the largest error of its first state."""

    def profile(values):
        return xr.DataArray(values, {"x": known.x}, "x")

    A = {at: profile(a) for at, a in known.A.items()}
    q = {s: profile(v) for s, v in known.q.items()}
    out = gt.bvp.solve_linear(A, q, dim="x", left=known.left, right=known.right, **options)
    error = np.abs(out[next(iter(out))].values - known.exact).max()
    return out, error / (np.abs(known.exact).max() if known.relative else 1.0)


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("name", TABLES)
def test_errors_are_those_of_the_published_scheme_or_smaller(name, order):
    for n, published in zip(SIZES, TABLES[name][order], strict=True):
        known = getattr(reference, name)(n)
        out, error = solve(known, order=order)
        scale = np.abs(known.exact).max() if known.relative else 1.0
        # A unit in the last digit printed; and rounding, which depends on the processor, where the scheme is as good as that.
        assert error <= 1.001 * published + reference.rounding(known, out, order) / scale, n


@pytest.mark.parametrize("name", TABLES)
def test_rounding_is_small_beside_the_published_errors_of_the_coarsest_mesh(name):
    known = getattr(reference, name)(25)
    out, _ = solve(known, order=6)
    assert reference.rounding(known, out, 6) < 0.01 * TABLES[name][6][0]


@pytest.mark.parametrize(
    ("kind", "order", "low", "high"),
    [
        ("uniform", 2, 1.98, 2.02),
        ("uniform", 4, 3.9, 4.05),
        ("uniform", 6, 5.9, 6.1),
        ("smooth", 2, 1.98, 2.02),
        ("smooth", 4, 3.9, 4.05),
        ("smooth", 6, 5.9, 6.1),
        ("geometric", 2, 1.95, 2.02),
        ("random", 2, 1.9, 2.2),
        ("random", 4, 3.8, 4.2),
        ("random", 6, 5.5, 6.6),
    ],
)
def test_the_question_s_own_system_converges_with_its_order(kind, order, low, high):
    sizes = (26, 51, 101) if order == 6 else (51, 101, 201, 401)
    errors = [solve(reference.seed(reference.mesh(kind, n)), order=order)[1] for n in sizes]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert ((orders >= low) & (orders <= high)).all(), orders


def test_orders_hold_where_steps_differ_ten_thousand_times():
    errors = {
        o: [solve(reference.seed(reference.mesh("geometric", n)), order=o)[1] for n in (201, 401)] for o in (4, 6)
    }
    assert np.log2(errors[4][0] / errors[4][1]) >= 3.9
    assert 5.9 <= np.log2(errors[6][0] / errors[6][1]) <= 6.3


def test_steps_of_1e_minus_7_are_solved_to_1e_minus_9_on_26_nodes():
    known = reference.seed(reference.seed_mesh())
    assert known.x.size == 26
    assert np.diff(known.x).min() < 1.01e-7
    out, error = solve(known, order=6)
    y2 = (1 - known.x) * np.exp(known.x)
    assert max(error, np.abs(out.y2.values - y2).max()) < 1e-9
    assert out.x.values.tolist() == known.x.tolist()


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("name", ["conduction", "layer"])
def test_the_error_estimate_is_the_error(name, order):
    out, error = solve(getattr(reference, name)(97), order=order)
    estimate = float(out.error_estimate[0])
    assert 0.8 * error <= estimate <= 1.25 * error


def test_an_unresolved_layer_is_not_corrected_for_the_worse():
    known = reference.layer(25, eps=1e-4)
    plain, error = solve(known, order=2)
    assert error < 0.04
    out, error = solve(known, order=6)
    assert error < 0.04
    assert int(out.status) == 3
    np.testing.assert_array_equal(out.u, plain.u)


def test_noise_in_the_coefficients_is_told():
    known = reference.seed(np.linspace(0, 1, 201))
    assert int(solve(known, order=6)[0].status) == 0
    noise = 1 + 0.01 * np.random.default_rng(0).normal(size=(len(known.A), known.x.size))
    noisy = {at: a * e for (at, a), e in zip(known.A.items(), noise, strict=True)}
    out, _ = solve(reference.Known(noisy, known.q, known.left, known.right, known.x, known.exact), order=6)
    assert int(out.status) == 2


def test_steps_that_are_long_for_the_coefficients_are_told():
    x = np.linspace(0, 1, 11)
    known = reference.Known({("u", "u"): -500.0 + 0 * x}, {}, {"u": 1.0}, {}, x, 0 * x)
    assert int(solve(known)[0].status) == 1
    # However large a coefficient is that feeds nothing back, no step is too long for it.
    known = reference.conduction(25)
    small = {at: 1e9 * a for at, a in known.A.items()}
    assert int(solve(reference.Known(small, known.q, known.left, known.right, known.x, known.exact))[0].status) == 0
