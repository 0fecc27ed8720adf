"""Integration of an initial value problem in every cell: methods, grids, forcing, events, and bad input."""

import math
import subprocess
import sys

import dask
import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp

import gridtrend as gt
from tests import reference_ode as reference

FIXED = ("explicit_euler", "implicit_euler", "implicit_midpoint", "velocity_verlet", "rk4")
ADAPTIVE = ("dopri5", "dop853", "rosenbrock")
G_OVER_L = xr.DataArray(list(reference.PENDULUM), dims="pendulum")
EXACT = np.array(list(reference.PENDULUM.values())).T
AT_REST = xr.Dataset({"theta": 0.3, "omega": 0.0})


def pendulum(t, y, p):
    theta, omega = y
    (g_over_l,) = p
    return omega, -g_over_l * math.sin(theta)


def pendulum_energy(y, p):
    return 0.5 * y.omega**2 - p.g_over_l * math.cos(y.theta)


def bucket(t, y, p):
    return p.rain - p.evaporation * y.water / p.capacity


def robertson(t, y, p):
    a, b, c = y
    fast = p.rate * b * b
    return -0.04 * a + 1e4 * b * c, 0.04 * a - 1e4 * b * c - fast, fast


def swing(method, t=(0.0, 10.0), step=0.01, **options):
    """A grid of pendulums, one of them at sea."""
    rng = np.random.default_rng(0)
    theta = xr.DataArray(rng.uniform(0.05, 1.0, (6, 30)), dims=("lat", "lon"))
    theta[2, 3] = np.nan
    g_over_l = xr.DataArray(rng.uniform(0.5, 2.0, (6, 30)), dims=("lat", "lon"))
    options = {"step": step if method in FIXED else None} | options
    start = xr.Dataset({"theta": theta, "omega": xr.zeros_like(theta)})
    return gt.ode.integrate(pendulum, start, t, params={"g_over_l": g_over_l}, method=method, **options)


def exact_swing(t=10.0):
    rng = np.random.default_rng(0)
    theta, g_over_l = rng.uniform(0.05, 1.0, (6, 30)), rng.uniform(0.5, 2.0, (6, 30))
    theta[2, 3] = np.nan
    return reference.exact_pendulum(theta, g_over_l, t)


@pytest.mark.parametrize("method", FIXED[:4])
def test_rates_and_error_constants_of_the_class_exercise(method):
    found = gt.ode.convergence_rate(pendulum, AT_REST, (0.0, 0.2), params={"g_over_l": G_OVER_L}, method=method)
    rates, constants = np.array(reference.RATES[method]).T
    np.testing.assert_allclose(found.rate, rates, atol=0.002)
    np.testing.assert_allclose(found.error_constant, constants, rtol=0.01)
    np.testing.assert_allclose(found.richardson_rate[-1], round(rates[1]), atol=0.002)


def test_rates_of_rk4_as_far_as_rounding_lets_them_be_seen():
    options = {"params": {"g_over_l": G_OVER_L}, "method": "rk4"}
    exact = {"theta": xr.DataArray(EXACT[0], dims="pendulum"), "omega": xr.DataArray(EXACT[1], dims="pendulum")}
    found = gt.ode.convergence_rate(
        pendulum, AT_REST, (0.0, 0.2), resolutions=(16, 32, 64, 128), exact=exact, **options
    )
    rates, constants = np.array(reference.RATES["rk4"]).T
    # At g/l = 1 the error of 128 steps is 3e-15: a dozen roundings.
    np.testing.assert_allclose(found.rate[[0, 2]], rates[[0, 2]], atol=0.002)
    np.testing.assert_allclose(found.error_constant[[0, 2]], constants[[0, 2]], rtol=0.01)
    assert abs(float(found.pairwise_rate[1, 1]) - 4) < 0.01


@pytest.mark.parametrize(
    ("method", "resolutions", "order"),
    [("dopri5", (128, 256, 512), 5), ("dop853", (16, 32, 64), 8), ("rosenbrock", (64, 128, 256), 4)],
)
def test_order_of_adaptive_methods(method, resolutions, order):
    start, g_over_l = xr.Dataset({"theta": 1.5, "omega": 0.0}), {"g_over_l": 1.0}
    found = gt.ode.convergence_rate(
        pendulum, start, (0.0, 10.0), params=g_over_l, method=method, resolutions=resolutions
    )
    assert abs(float(found.pairwise_rate[-1]) - order) < 0.25


def test_dop853_is_exact_to_rounding():
    run = gt.ode.integrate(
        pendulum, AT_REST, (0.0, 0.2), params={"g_over_l": G_OVER_L}, method="dop853", rtol=1e-13, atol=1e-15
    )
    np.testing.assert_allclose([run.theta[0], run.omega[0]], EXACT, atol=1e-12, rtol=0)


@pytest.mark.parametrize("method", FIXED)
def test_a_fixed_step_equals_the_textbook(method):
    run = swing(method, t=(0.0, 1.0), step=0.1)
    rng = np.random.default_rng(0)
    y, g_over_l = np.array([rng.uniform(0.05, 1.0, (6, 30))[1, 2], 0.0]), rng.uniform(0.5, 2.0, (6, 30))[1, 2]
    for _ in range(10):
        y = reference.pendulum_step(method, y, 0.1, g_over_l)
    np.testing.assert_allclose([run.theta[0, 1, 2], run.omega[0, 1, 2]], y, rtol=1e-13)
    assert int(run.n_steps[1, 2]) == 10


@pytest.mark.parametrize(
    ("method", "error"), [("velocity_verlet", 2e-4), ("rk4", 1e-8), *((m, 2e-5) for m in ADAPTIVE)]
)
def test_pendulums_of_a_grid_follow_the_exact_solution(method, error):
    run = swing(method, save_at=np.linspace(0, 10, 11))
    assert run.theta.dims == ("t", "lat", "lon")
    for moment in (0, 4, 10):
        theta, omega = exact_swing(float(run.t[moment]))
        np.testing.assert_allclose(run.theta[moment], theta, atol=error)
        np.testing.assert_allclose(run.omega[moment], omega, atol=error)
    assert int(run.status[2, 3]) == 1
    assert int(run.status.sum()) == 1
    assert int(run.n_steps[2, 3]) == 0


@pytest.mark.parametrize("method", ["implicit_midpoint", "velocity_verlet"])
def test_reversible_methods_return_to_where_they_started(method):
    there = swing(method, step=0.1).isel(t=0, drop=True)
    back = there[["theta"]].assign(omega=-there.omega)
    rng = np.random.default_rng(0)
    theta = rng.uniform(0.05, 1.0, (6, 30))
    params = {"g_over_l": xr.DataArray(rng.uniform(0.5, 2.0, (6, 30)), dims=("lat", "lon"))}
    again = gt.ode.integrate(pendulum, back, (0.0, 10.0), params=params, method=method, step=0.1)
    assert float(abs(again.theta[0] - np.where(there.theta.isnull(), np.nan, theta)).max()) < 1e-12


@pytest.mark.parametrize("method", ["rk4", "implicit_midpoint", "velocity_verlet", "dopri5"])
def test_results_do_not_depend_on_neighbours_or_chunks_to_the_bit(method):
    rng = np.random.default_rng(0)
    theta = xr.DataArray(rng.uniform(0.05, 1.0, (6, 30)), dims=("lat", "lon"))
    g_over_l = xr.DataArray(rng.uniform(0.5, 2.0, (6, 30)), dims=("lat", "lon"))

    def run(theta, g_over_l):
        start = xr.Dataset({"theta": theta, "omega": xr.zeros_like(theta)})
        step = 0.1 if method in FIXED else None
        return gt.ode.integrate(pendulum, start, (0.0, 5.0), params={"g_over_l": g_over_l}, method=method, step=step)

    whole = run(theta, g_over_l)
    alone = run(theta[2:3, 7:8], g_over_l[2:3, 7:8])
    assert alone.identical(whole.isel(lat=[2], lon=[7]))
    lazy = run(theta.chunk(lat=1, lon=7), g_over_l)
    for scheduler in ("synchronous", "threads"):
        assert lazy.compute(scheduler=scheduler).identical(whole)


def test_lazy_in_lazy_out(no_compute):
    start = xr.Dataset({"theta": xr.DataArray(np.ones((4, 4)), dims=("lat", "lon")).chunk(lat=2)}).assign(omega=0.0)
    with no_compute():
        run = gt.ode.integrate(pendulum, start, (0.0, 1.0), params={"g_over_l": 1.0}, method="rk4", step=0.1)
        gt.ode.energy_drift(pendulum_energy, run, params={"g_over_l": 1.0})
    assert dask.is_dask_collection(run.theta)
    assert run.theta.shape == (1, 4, 4)


def test_float32_stays_float32_and_computes_in_float64():
    rng = np.random.default_rng(0)
    theta = xr.DataArray(rng.uniform(0.05, 1.0, 70).astype("f4"), dims="cell")
    start = xr.Dataset({"theta": theta, "omega": xr.zeros_like(theta)})
    run = gt.ode.integrate(pendulum, start, (0.0, 10.0), params={"g_over_l": 1.0}, method="rk4", step=0.01)
    exact, _ = reference.exact_pendulum(theta.values.astype("f8"), 1.0, 10.0)
    assert run.theta.dtype == np.float32
    np.testing.assert_allclose(run.theta[0], exact, atol=1e-7)


def test_energy_over_a_long_time():
    expected = {"implicit_euler": 4.466e-2, "implicit_midpoint": 8.29e-7, "velocity_verlet": 1.108e-4, "rk4": 1.195e-5}
    params, every = {"g_over_l": 1.0}, np.arange(20001) * 0.1
    for method, drift in expected.items():
        run = gt.ode.integrate(pendulum, AT_REST, (0.0, 2000.0), params=params, method=method, step=0.1, save_at=every)
        found = gt.ode.energy_drift(pendulum_energy, run, params=params)
        assert float(found.max_drift) == pytest.approx(drift, rel=2e-3)
    run = gt.ode.integrate(
        pendulum, AT_REST, (0.0, 2000.0), params=params, method="explicit_euler", step=0.1, save_at=every
    )
    found = gt.ode.energy_drift(pendulum_energy, run, params=params)
    # The published figure stops where the angle passes 1000.
    until = int(np.argmax(np.abs(run.theta.values) > 1e3))
    assert float(abs(found.energy - found.energy[0])[: until + 1].max()) == pytest.approx(15.4, abs=0.05)


def test_a_stiff_system_agrees_with_radau():
    rate = xr.DataArray(3e7 * np.linspace(0.5, 2.0, 5), dims="cell")
    start = xr.Dataset({"a": 1.0, "b": 0.0, "c": 0.0})
    run = gt.ode.integrate(
        robertson, start, (0.0, 1e4), params={"rate": rate}, method="rosenbrock", rtol=1e-6, atol=1e-10
    )
    for cell, value in enumerate(rate.values):
        rhs = lambda t, y, k=value: robertson(t, y, type("P", (), {"rate": k}))
        exact = solve_ivp(rhs, (0, 1e4), [1.0, 0, 0], method="Radau", rtol=1e-10, atol=1e-14).y[:, -1]
        np.testing.assert_allclose([run.a[0, cell], run.b[0, cell], run.c[0, cell]], exact, rtol=1e-5)


def test_linear_says_where_a_system_is_not():
    run = gt.ode.integrate(pendulum, AT_REST, (0.0, 1.0), params={"g_over_l": 1.0}, method="linear")
    assert int(run.status) == 6
    assert np.isnan(run.theta).all()


@pytest.fixture(scope="module")
def rain():
    time = xr.date_range("2001-01-01", periods=60, freq="D")
    values = np.random.default_rng(1).gamma(0.5, 6.0, (60, 3, 4))
    return xr.DataArray(values, {"time": time}, ("time", "lat", "lon"), name="rain")


BUCKET = {"evaporation": 5.0, "capacity": 150.0}


@pytest.mark.parametrize("method", ["linear", "rk4", "dopri5"])
def test_a_bucket_under_constant_rain_is_exact(method):
    time = xr.date_range("2001-01-01", periods=60, freq="D")
    rain = xr.DataArray(np.full(60, 3.0), {"time": time}, ("time",), name="rain")
    options = {"step": 0.25} if method == "rk4" else {"rtol": 1e-10, "atol": 1e-12}
    run = gt.ode.integrate(
        bucket,
        xr.Dataset({"water": 20.0}),
        ("2001-01-01", "2001-01-31"),
        params=BUCKET,
        forcing=rain,
        method=method,
        **options,
    )
    assert float(run.water[0]) == pytest.approx(64.24843911799904, rel=1e-9)
    assert run.time.values[0] == np.datetime64("2001-01-31")


@pytest.mark.parametrize("interpolation", ["previous", "linear"])
@pytest.mark.parametrize("method", ["linear", "dopri5"])
def test_forcing_of_each_cell_follows_its_own_times(rain, method, interpolation):
    start = xr.Dataset({"water": xr.DataArray(np.full((3, 4), 20.0), dims=("lat", "lon"))})
    period = ("2001-01-03", "2001-02-10")
    lazy = gt.ode.integrate(
        bucket, start, period, params=BUCKET, forcing=rain.chunk(lat=1), interpolation=interpolation, method=method,
        rtol=1e-9, atol=1e-11, save_at=rain.time[2:41],
    )  # fmt: skip
    assert lazy.water.dims == ("time", "lat", "lon")
    run = lazy.compute()
    xr.testing.assert_equal(run.time.drop_attrs(), rain.time[2:41].drop_attrs())
    series, water = rain.values[:, 1, 2], 20.0
    for day in range(2, 40):
        now, next_ = series[day], series[day + 1] if interpolation == "linear" else series[day]
        # y' = now + (next - now) t - k y, exactly.
        k, slope = BUCKET["evaporation"] / BUCKET["capacity"], next_ - now
        particular = lambda t, k=k, now=now, slope=slope: now / k - slope / k**2 + slope * t / k
        water = particular(1.0) + (water - particular(0.0)) * math.exp(-k)
        assert float(run.water[day - 1, 1, 2]) == pytest.approx(water, rel=1e-8)


def test_events_tell_the_first_crossing():
    capacity = xr.DataArray([40.0, 60.0, 1e3], dims="cell")
    time = xr.date_range("2001-01-01", periods=100, freq="D")
    rain = xr.DataArray(np.full(100, 3.0), {"time": time}, ("time",), name="rain")
    exact = -30 * np.log((90 - capacity.values[:2]) / (90 - 20))
    for method, step in (("rk4", 0.25), ("dopri5", None)):
        run = gt.ode.integrate(
            bucket, xr.Dataset({"water": 20.0}), params=BUCKET, forcing=rain, method=method, step=step,
            events={"full": ("water", capacity)},
        )  # fmt: skip
        np.testing.assert_allclose(run.full[:2], exact, atol=1e-4)
        assert np.isnan(run.full[2])
        assert run.full.attrs["units"] == "days since 2001-01-01 00:00:00"


def test_states_in_one_array_and_a_function_that_writes_in_place():
    def diffusion(t, y, p, dy):
        n = len(y)
        for i in range(n):
            left, right = y[i - 1] if i > 0 else y[n - 1], y[i + 1] if i < n - 1 else y[0]
            dy[i] = p.k * (left - 2 * y[i] + right)

    rng = np.random.default_rng(3)
    start = xr.DataArray(rng.normal(size=(12, 5)), dims=("level", "cell"), name="temperature")
    wave = np.fft.fft(start.values, axis=0)
    decay = 2 * np.cos(2 * np.pi * np.arange(12) / 12) - 2
    exact = np.fft.ifft(wave * np.exp(0.3 * decay)[:, None], axis=0).real
    run = gt.ode.integrate(diffusion, start, (0.0, 1.0), params={"k": 0.3}, method="rk4", step=0.01, state="level")
    assert run.temperature.dims == ("t", "level", "cell")
    np.testing.assert_allclose(run.temperature[0], exact, atol=1e-9)
    with pytest.raises(ValueError, match="at most 6 states, and y0 has 12"):
        gt.ode.integrate(diffusion, start, (0.0, 1.0), params={"k": 0.3}, method="rosenbrock", state="level")


def test_what_cannot_be_solved_is_told_and_missing():
    blow_up = lambda t, y, p: (y.x * y.x,)
    start = xr.Dataset({"x": xr.DataArray([1.0, 0.1], dims="cell")})
    for method, status in (("explicit_euler", {2}), ("implicit_euler", {2, 3}), ("dopri5", {2, 4, 5})):
        step = 0.05 if method != "dopri5" else None
        run = gt.ode.integrate(blow_up, start, (0.0, 5.0), method=method, step=step)
        assert int(run.status[0]) in status
        assert np.isnan(run.x[0, 0])
        assert int(run.status[1]) == 0
        assert abs(float(run.x[0, 1]) - 0.2) < 0.01


def test_a_given_jacobian_is_used():
    wrong = lambda t, y, p: ((0.0, 0.0), (0.0, 0.0))
    right = lambda t, y, p: ((0.0, 1.0), (-p.g_over_l * math.cos(y.theta), 0.0))
    options = {"params": {"g_over_l": 1.0}, "method": "rosenbrock"}
    expected = gt.ode.integrate(pendulum, AT_REST, (0.0, 1.0), **options)
    found = gt.ode.integrate(pendulum, AT_REST, (0.0, 1.0), jacobian=right, **options)
    np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-12)
    other = gt.ode.integrate(pendulum, AT_REST, (0.0, 1.0), jacobian=wrong, **options)
    assert int(other.n_steps) != int(expected.n_steps)


def test_accelerations_and_rates_give_the_same_steps():
    accelerate = lambda t, q, p: -p.g_over_l * math.sin(q.theta)
    options = {"params": {"g_over_l": G_OVER_L}, "method": "velocity_verlet", "step": 0.1}
    rates = gt.ode.integrate(pendulum, AT_REST, (0.0, 5.0), **options)
    xr.testing.assert_identical(gt.ode.integrate(accelerate, AT_REST, (0.0, 5.0), **options), rates)


def test_the_accessor_starts_from_its_dataset():
    options = {"params": {"g_over_l": 1.0}, "method": "rk4", "step": 0.1}
    expected = gt.ode.integrate(pendulum, AT_REST, (0.0, 1.0), **options)
    assert AT_REST.gridtrend.integrate(pendulum, (0.0, 1.0), **options).identical(expected)


SCRIPT = """
import math, xarray as xr, numpy as np
import gridtrend as gt
from gridtrend.ode import problem
gravity = 9.81

def restoring(theta):
    return -gravity * math.sin(theta)

def rhs(t, y, p):
    return y.omega, restoring(y.theta) / p.length

def builds():
    return len(problem._LOOPS)

if __name__ == "__main__":
    import dask, warnings
    from dask.distributed import Client, LocalCluster
    theta = xr.DataArray(np.linspace(0.1, 1.0, 40).reshape(10, 4), dims=("lat", "lon"))
    start = xr.Dataset({"theta": theta, "omega": xr.zeros_like(theta)})
    run = lambda start: gt.ode.integrate(rhs, start, (0.0, 1.0), params={"length": 0.6}, method="rk4", step=0.1)
    expected = run(start)
    lazy = run(start.chunk(lat=1))
    with LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None) as cluster, Client(cluster) as client:
        for _ in range(2):
            assert lazy.compute().identical(expected)
        counts = client.run(builds)
    assert set(counts.values()) <= {0, 1} and 1 in counts.values(), counts
    print("same")
"""


def test_functions_of_a_script_run_on_worker_processes_and_compile_once_in_each(tmp_path):
    pytest.importorskip("distributed")
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, timeout=550, check=False
    )
    assert done.stdout.strip() == "same", done.stderr[-2000:]


BAD = {
    "too few values": ({"rhs": lambda t, y, p: (y.omega,)}, r"returns 1 value, and y0 has 2 states: theta, omega"),
    "a list": ({"rhs": lambda t, y, p: [y.omega, -y.theta]}, r"returns a list or an array.*return a, b"),
    "an array": ({"rhs": lambda t, y, p: np.array([y.omega, -y.theta])}, r"returns a list or an array"),
    "nothing returned": ({"rhs": lambda t, y, p: None}, "returns nothing"),
    "an unknown parameter": (
        {"rhs": lambda t, y, p: (y.omega, -p.length)},
        r"asks for p.length, which p does not have.*p is \(g_over_l\)",
    ),
    "too many parameters": ({"params": None}, r"(?s)expected 1, got 0.*p is \(\)"),
    "a name that is not defined": ({"rhs": lambda t, y, p: (y.omega, nowhere)}, "'nowhere' is not defined"),  # noqa: F821
    "no step": ({"step": None}, "steps of fixed length: give it, such as step=0.01"),
    "a step of zero": ({"step": 0}, "step=0 is not a length of time"),
    "a negative step": ({"step": -0.1}, "number above 0"),
    "time running backwards": ({"t": (1.0, 0.0)}, r"does not increase.*t=\(0.0, 1.0\)"),
    "one time": ({"t": 3.0}, "not a start and an end"),
    "times to save out of order": ({"save_at": [0.5, 0.2]}, r"0.5 is followed by 0.2. Sort it"),
    "times to save beyond the end": ({"save_at": [0.5, 2.0]}, r"beyond t=\(0, 1\)"),
    "an unknown method": ({"method": "leapfrog"}, "use one of 'explicit_euler'"),
    "a force that depends on velocity": (
        {"rhs": lambda t, y, p: (y.omega, -y.theta - 0.1 * y.omega), "method": "velocity_verlet"},
        r"must not depend on velocities \(omega\).*implicit_midpoint",
    ),
    "an unknown state of an event": ({"events": {"zero": ("angle", 0.0)}}, r"The states are theta, omega"),
    "dates without forcing": ({"t": ("2001-01-01", "2002-01-01")}, "plain numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_errors_carry_the_fix(name):
    change, message = BAD[name]
    arguments = {"rhs": pendulum, "t": (0.0, 1.0), "params": {"g_over_l": 1.0}, "method": "rk4", "step": 0.1} | change
    with pytest.raises((ValueError, TypeError), match=message):
        gt.ode.integrate(y0=AT_REST, **arguments)


def test_names_unpacked_in_another_order_are_refused():
    def swapped(t, y, p):
        omega, theta = y
        return omega, -theta

    with pytest.raises(ValueError, match="Write theta, omega = y"):
        gt.ode.integrate(swapped, AT_REST, (0.0, 1.0), method="rk4", step=0.1)


def test_forcing_must_cover_the_run(rain):
    with pytest.raises(ValueError, match=r"forcing covers 0 to 60 days, and t asks for 0 to 90"):
        gt.ode.integrate(bucket, xr.Dataset({"water": 1.0}), ("2001-01-01", "2001-04-01"), params=BUCKET, forcing=rain)
    with pytest.raises(ValueError, match="Rechunk"):
        gt.ode.integrate(bucket, xr.Dataset({"water": 1.0}), params=BUCKET, forcing=rain.chunk(time=10))


def test_a_body_that_cannot_compile_says_which_line_and_why():
    def reads(t, y, p):
        scale = 2.0
        names = [scale, "x"]
        return y.omega, sum(names)

    with pytest.raises(
        ValueError, match=r"(?s)rhs cannot be compiled, line \d+: return y.omega, sum\(names\).*Arithmetic, comp"
    ):
        gt.ode.integrate(reads, AT_REST, (0.0, 1.0), method="rk4", step=0.1)
