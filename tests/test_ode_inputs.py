"""Times, forcing, parameters and names: what is taken, and how the rest is refused."""

import math

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt

ONE = xr.Dataset({"x": 1.0})
DAYS = np.array(["2000-01-01", "2000-02-01"], "M8[ns]")


def decay(t, y, p):
    return (-y.x,)


def run(**options):
    given = {"rhs": decay, "y0": ONE, "t": (0.0, 0.3), "method": "explicit_euler", "step": 0.1} | options
    return gt.ode.integrate(**given)


def forcing(values, times):
    return xr.DataArray(np.asarray(values, float), {"time": times}, "time", name="rain")


BAD = {
    "one time, adaptive": ({"forcing": forcing([1.0], [0.0]), "t": None, "method": "dopri5"}, "a single time, 0.0"),
    "one time, rosenbrock": ({"forcing": forcing([1.0], [0.0]), "t": None, "method": "rosenbrock"}, "a single time"),
    "one date": ({"forcing": forcing([1.0], DAYS[:1]), "t": ("2000-01-01", "2000-02-01")}, "a single time, 2000-01-01"),
    "no time": ({"forcing": forcing([], []), "t": (0.0, 1.0)}, "no times"),
    "no span": ({"t": (0, 0)}, "The end must lie after the start"),
    "backward": ({"t": (1.0, -2.0)}, r"put s = -t: t=\(-1, 2\) with a right-hand side that gives -rhs\(-s, y, p\)"),
    "beyond": ({"save_at": [0.1, 0.3 + 1e-9]}, r"0.300000001, beyond t=\(0, 0.3\)"),
    "digits": ({"save_at": [0.1, 0.1]}, "0.1 is followed by 0.1"),
    "a table of times": ({"save_at": [[0.1, 0.2]]}, "2 dimensions"),
    "no date": ({"forcing": forcing([1, 2], DAYS), "t": ("2000-01-01", "x")}, "which are no dates"),
    "a missing date": ({"forcing": forcing([1, 2], DAYS), "t": ("2000-01-01", "NaT")}, "missing dates"),
    "a list of tolerances": ({"atol": [1e-6]}, r"atol=\[1e-06\] must be one number above 0"),
    "text": ({"rtol": "small"}, "rtol='small' must be one number"),
    "an infinite tolerance": ({"rtol": np.inf}, "rtol=inf must be one number"),
    "objects": ({"params": {"k": ("c", np.array([1, "a"], object))}}, "holds object"),
    "ragged": ({"params": {"k": [[1, 2], [3]]}}, "params 'k' is no array"),
    "complex": ({"params": {"k": 1j}}, "the real and the imaginary part"),
    "durations": ({"params": {"k": np.timedelta64(1, "D")}}, r"/ numpy.timedelta64\(1, 'D'\)"),
    "a state t": ({"y0": {"t": ("c", [1.0])}, "rhs": lambda t, y, p: -y.t}, "'t' is a variable of the result"),
    "a dimension t": ({"y0": {"x": ("t", [1.0, 2.0])}}, r"has a dimension 't'.*\.rename\({'t': 'cell'}\)"),
    "a parameter with t": ({"params": {"k": ("t", [1.0, 2.0])}}, "'k' has a dimension 't'"),
    "a state status": ({"y0": {"status": 1.0}}, "two variables 'status'"),
    "a coordinate x": (
        {"params": {"k": xr.DataArray([1.0], {"x": ("lat", [2.0])}, "lat")}}, "'x' is a variable of the result, and a dimension"
    ),
    "an event t": ({"events": {"t": ("x", 0.5)}}, "'t' is a variable of the result"),
    "an event like a dimension": ({"y0": {"x": ("c", [1.0])}, "events": {"c": ("x", 0.5)}}, "'c' is a variable"),
    "a list of events": ({"events": ["x"]}, "events is a list; give a dict"),
    "a level of text": ({"events": {"hit": ("x", "a")}}, "the level of event 'hit' holds"),
    "no method": ({"method": None}, "method=None is not known"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_integrated_is_refused_in_a_sentence(name):
    change, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=message):
        run(**change)


def test_times_that_differ_by_rounding_are_the_same():
    # 3 * 0.1 is larger than 0.3 by one rounding error.
    found = run(save_at=np.arange(0, 0.31, 0.1))
    np.testing.assert_allclose(found.x, [1.0, 0.9, 0.81, 0.729])
    assert found.t.values[-1] == 0.3
    found = run(t=(0.1 + 0.2, 0.9), save_at=[0.3, 0.6, 0.9])
    assert found.t.values[0] == 0.1 + 0.2
    assert found.sizes["t"] == 3


def test_a_single_time_that_a_start_carries_along_gives_way():
    start = ONE.assign_coords(time=DAYS[0], t=3.0)
    rain = forcing([1, 2], DAYS)
    assert "time" in run(y0=start, forcing=rain, t=("2000-01-01", "2000-01-03")).x.dims
    assert run(y0=start).t.values.tolist() == [0.3]


def test_dims_and_values_are_a_parameter():
    found = run(rhs=lambda t, y, p: (-p.k * y.x,), params={"k": ("c", [1, 2])}, step=0.3)
    np.testing.assert_allclose(found.x[0], [0.7, 0.4])


# How fast errors fall.


def spring(t, y, p):
    return y.v, -y.x


def test_rates_leave_rounding_out():
    start = {"x": 1.0, "v": 0.0}
    exact = {"x": math.cos(1.0), "v": -math.sin(1.0)}
    for given in (None, exact):
        found = gt.ode.convergence_rate(spring, start, (0.0, 1.0), method="rk4", exact=given)
        assert float(found.rate) == pytest.approx(4.0, abs=0.02)
    decaying = gt.ode.convergence_rate(decay, ONE, (0.0, 1.0), method=["dopri5", "dop853"])
    assert float(decaying.rate[0]) == pytest.approx(5.0, abs=0.15)
    assert np.isnan(decaying.rate[1])


def test_rates_take_what_integrate_takes():
    expected = gt.ode.convergence_rate(spring, xr.Dataset({"x": 1.0, "v": 0.0}), (0.0, 1.0), resolutions=(4, 8, 16))
    found = gt.ode.convergence_rate(spring, {"x": 1.0, "v": 0.0}, (0.0, 1.0), resolutions=(4, 8, 16))
    xr.testing.assert_identical(found, expected)
    whole = xr.DataArray([1.0, 0.0], {"state": ["x", "v"]}, "state")
    by_array = gt.ode.convergence_rate(spring, whole, (0.0, 1.0), resolutions=(4, 8, 16))
    np.testing.assert_allclose(by_array.error, expected.error)
    with pytest.raises(TypeError, match=r"y0 must be an xarray.Dataset, or a dict"):
        gt.ode.convergence_rate(spring, np.array([1.0, 0.0]), (0.0, 1.0))
    with pytest.raises(ValueError, match="method='ode45' is not known"):
        gt.ode.convergence_rate(spring, whole, (0.0, 1.0), method="ode45")
    with pytest.raises(ValueError, match="exact has no 'v'"):
        gt.ode.convergence_rate(spring, {"x": 1.0, "v": 0.0}, (0.0, 1.0), exact={"x": 1.0})
    with pytest.raises(ValueError, match="takes no steps, and has no rate"):
        gt.ode.convergence_rate(spring, whole, (0.0, 1.0), method="linear")


def test_rates_of_an_acceleration():
    start, options = {"x": 1.0, "v": 0.0}, {"method": "velocity_verlet", "resolutions": (16, 32, 64)}
    by_rates = gt.ode.convergence_rate(spring, start, (0.0, 1.0), **options)
    found = gt.ode.convergence_rate(lambda t, q, p: (-q.x,), start, (0.0, 1.0), **options)
    np.testing.assert_allclose(found.error, by_rates.error, rtol=1e-9)
    assert float(found.rate) == pytest.approx(2.0, abs=0.01)


def test_energy_drift_needs_a_run():
    for other in (ONE, 3, xr.Dataset()):
        with pytest.raises(TypeError, match=r"the Dataset that gridtrend.ode.integrate returned"):
            gt.ode.energy_drift(lambda y, p: y.x, other)
    found = run(events={"half": ("x", 0.5)}, save_at=[0.0, 0.3])
    assert float(gt.ode.energy_drift(lambda y, p, k=2.0: k * y.x, found).end_drift) == pytest.approx(2 * (0.729 - 1))
    for hamiltonian in (lambda y, p: (y.x, y.x), lambda y, p: 1j * y.x, lambda y, p: None):
        with pytest.raises(ValueError, match="one real number is needed"):
            gt.ode.energy_drift(hamiltonian, found)
    with pytest.raises(TypeError, match=r"takes 1 argument, and is called as hamiltonian\(y, p\)"):
        gt.ode.energy_drift(lambda y: y.x, found)


@pytest.mark.parametrize("size", [1e-200, 1e-14])
def test_states_below_the_tolerance_of_the_reference_have_no_rate(size):
    def decay(t, y, p):
        return (-y.mass,)

    start = xr.Dataset({"mass": ("cell", [1.0, size])})
    found = gt.ode.convergence_rate(decay, start, (0.0, 1.0), method="rk4", resolutions=(4, 8, 16))
    np.testing.assert_allclose(found.rate[0], 4.0, atol=0.2)
    assert np.isnan(found.rate[1])
    # exp(-1) by hand.
    exact = gt.ode.convergence_rate(
        decay, start, (0.0, 1.0), method="rk4", resolutions=(4, 8, 16), exact=start * np.exp(-1.0)
    )
    np.testing.assert_allclose(exact.rate, 4.0, atol=0.2)


@pytest.mark.parametrize("step", [1e-20, 1e-300, 5e-324, 1e-10])
@pytest.mark.parametrize("method", ["explicit_euler", "rk4", "implicit_euler", "implicit_midpoint"])
def test_more_steps_than_can_be_counted_are_refused(method, step):
    with pytest.raises(ValueError, match=r"step=.* makes .* steps .* at least"):
        gt.ode.integrate(decay, ONE, (0.0, 1.0), method=method, step=step)


@pytest.mark.parametrize(
    ("rhs", "params", "message"),
    [
        (
            lambda t, y, p: (-p.nope * y.x,),
            {"k": 1.0},
            r"rhs, line \d+, asks for p.nope, which p does not have. .*p is \(k\)",
        ),
        (lambda t, y, p: (-y.z,), {"k": 1.0}, r"asks for y.z, which y does not have. Here y is \(x\)"),
        (lambda y, t, p: (-p.k * y.x,), {"k": 1.0}, "asks a number for .x: its arguments stand in the wrong order"),
        (lambda t, y, p: (-p._k * y.x,), {"_k": 1.0}, "Names that begin with _ cannot be used: rename it, as in 'k'"),
    ],
)
def test_a_name_that_is_not_there_is_said_with_those_that_are(rhs, params, message):
    with pytest.raises(ValueError, match=message):
        gt.ode.integrate(rhs, ONE, (0.0, 1.0), method="rk4", step=0.1, params=params)
