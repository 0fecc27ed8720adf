"""The first time that a state crosses a level: within steps, at their ends, at the start, and by a touch."""

import math

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt

FIXED = ("explicit_euler", "implicit_euler", "implicit_midpoint", "velocity_verlet", "rk4")
ADAPTIVE = ("dopri5", "dop853", "rosenbrock")
SWING = xr.Dataset({"x": 0.0, "v": 1.0})


def swing(t, y, p):
    return y.v, -y.x


def rising(t, y, p):
    return (1.0,)


def hits(rhs, start, t, method, state, levels, **options):
    """The first time of each level, as one array."""
    levels = xr.DataArray(np.asarray(levels, float), dims="level")
    run = gt.ode.integrate(rhs, start, t, method=method, events={"hit": (state, levels)}, **options)
    return run.hit.values


# x = sin(t), so that the first time is arcsin(level): known without any solver.
@pytest.mark.parametrize(
    ("method", "options", "error"),
    [
        ("dop853", {}, 1e-6),
        ("dopri5", {}, 5e-5),
        ("rosenbrock", {}, 5e-5),
        ("dop853", {"rtol": 1e-10, "atol": 1e-12}, 1e-10),
        ("dopri5", {"rtol": 1e-10, "atol": 1e-12}, 1e-8),
        ("rk4", {"step": 0.05}, 1e-4),
        ("implicit_midpoint", {"step": 0.01}, 1e-3),
        ("velocity_verlet", {"step": 0.01}, 5e-3),
    ],
)
def test_a_level_that_is_crossed_and_crossed_back_within_a_step(method, options, error):
    levels = np.array([0.3, 0.9, 0.99, 0.999, -0.5])
    expected = np.arcsin(levels)
    expected[-1] = np.pi + np.arcsin(0.5)
    found = hits(swing, SWING, (0.0, 30.0), method, "x", levels, **options)
    np.testing.assert_allclose(found, expected, atol=error, rtol=0)
    # Far beyond what is reached there is no event.
    assert np.isnan(hits(swing, SWING, (0.0, 30.0), method, "x", [1.01, -1.01], **options)).all()


@pytest.mark.slow
def test_a_touch_is_found_as_well_as_the_state_is_known():
    # The top of sin(t), and that of 1 - (t - 1)**2, which every method of order 2 and more has exactly.
    for method, error in (("dop853", 1e-4), ("dopri5", 2e-3)):
        assert hits(swing, SWING, (0.0, 30.0), method, "x", [1.0])[0] == pytest.approx(np.pi / 2, abs=error)
    parabola = lambda t, y, p: (2.0 * (1.0 - t),)
    for method, step in (("dopri5", None), ("rk4", 0.7), ("implicit_midpoint", 0.7)):
        options = {"step": step} if step else {}
        found = hits(parabola, xr.Dataset({"h": 0.0}), (0.0, 3.0), method, "h", [1.0, 1.0 + 1e-4, 0.75], **options)
        assert found[0] == pytest.approx(1.0, abs=1e-6)
        assert np.isnan(found[1])
        assert found[2] == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize("method", [*FIXED, *ADAPTIVE])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_level_that_is_reached_exactly(method, dtype):
    if method == "velocity_verlet":
        start = xr.Dataset({"y": xr.DataArray(np.array([-2.0, 2.0], dtype), dims="c")}).assign(v=("c", [1.0, -1.0]))
        rhs = lambda t, q, p: 0.0
    else:
        rhs = lambda t, y, p: (p.sign,)
        start = xr.Dataset({"y": xr.DataArray(np.array([-2.0, 2.0], dtype), dims="c")})
    params = {"sign": xr.DataArray([1.0, -1.0], dims="c")}
    options = {"step": 0.5} if method in FIXED else {}
    # From below and from above, at the end of a step; where it starts; and beyond the end.
    events = {"hit": ("y", 0.0), "start": ("y", xr.DataArray([-2.0, 2.0], dims="c")), "never": ("y", 5.0)}
    run = gt.ode.integrate(rhs, start, (0.0, 4.0), params=params, method=method, events=events, **options)
    np.testing.assert_allclose(run.hit, 2.0, atol=1e-12)
    np.testing.assert_array_equal(run.start, 0.0)
    assert np.isnan(run.never).all()


def test_the_first_of_several_crossings_in_one_step():
    # An exact polynomial for methods of order 4 and more: (t - 0.2)(t - 0.5)(t - 0.7), all roots within one step.
    cubic = lambda t, y, p: (3 * t * t - 2 * 1.4 * t + 0.59,)
    for method in ("rk4", "dop853"):
        found = hits(cubic, xr.Dataset({"h": -0.07}), (0.0, 1.0), method, "h", [0.0], step=1.0)
        assert found[0] == pytest.approx(0.2, abs=1e-12)


def test_the_first_hot_day_of_a_year():
    def year(t, y, p):
        return (math.cos(2 * math.pi * t / 365) * 2 * math.pi / 365 * 15,)

    expected = 365 / (2 * np.pi) * np.arcsin(14.5 / 15)
    for method, error in (("dop853", 1e-3), ("dopri5", 0.05)):
        found = hits(year, xr.Dataset({"T": 10.0}), (0.0, 730.0), method, "T", [24.5])
        assert found[0] == pytest.approx(expected, abs=error)


@pytest.mark.slow
def test_events_under_forcing_that_jumps():
    # The level rises by 1 a day for two days, falls by 3 for one, rises by 2: 1.5 is passed at 1.5, 2.5 at 4.75.
    time = np.arange(6.0)
    rain = xr.DataArray([1.0, 1.0, -3.0, 2.0, 2.0, 2.0], {"time": time}, "time", name="rain")
    level = xr.DataArray([1.5, 2.5, -0.5, 2.0], dims="c")
    for method, options in (("rk4", {"step": 0.3}), ("dopri5", {}), ("rosenbrock", {})):
        run = gt.ode.integrate(
            lambda t, y, p: (p.rain,), xr.Dataset({"w": 0.0}), forcing=rain, method=method,
            events={"hit": ("w", level)}, **options,
        )  # fmt: skip
        np.testing.assert_allclose(run.hit, [1.5, 4.75, 2 + 2.5 / 3, 2.0], atol=1e-9)


def test_events_do_not_depend_on_chunks_and_neighbours():
    level = xr.DataArray(np.linspace(-1.2, 1.2, 150), dims="c")
    options = {"method": "dopri5", "events": {"hit": ("x", level)}}
    start = xr.Dataset({"x": xr.zeros_like(level), "v": xr.ones_like(level)})
    whole = gt.ode.integrate(swing, start, (0.0, 30.0), **options)
    lazy = gt.ode.integrate(swing, start.chunk(c=7), (0.0, 30.0), **options)
    assert lazy.compute(scheduler="threads").identical(whole)
    inside = np.abs(level.values) < 1
    assert np.isfinite(whole.hit.values[inside]).all()
    assert np.isnan(whole.hit.values[~inside]).all()


def test_linear_has_no_events():
    with pytest.raises(ValueError, match="takes no steps, and looks for no events"):
        gt.ode.integrate(rising, xr.Dataset({"y": 0.0}), (0.0, 1.0), method="linear", events={"hit": ("y", 0.5)})


def test_a_pulse_is_met_with_a_longest_step():
    def pulse(t, y, p):
        return (1.0 if 500 <= t < 501 else 0.0,)

    start = xr.Dataset({"h": 0.0})
    for method in ADAPTIVE:
        run = gt.ode.integrate(pulse, start, (0.0, 1000.0), method=method, max_step=0.5, rtol=1e-8)
        assert float(run.h[0]) == pytest.approx(1.0, abs=1e-5)
        assert int(run.n_steps) >= 2000
    # As times to save, its edges are met by any step.
    run = gt.ode.integrate(pulse, start, (0.0, 1000.0), method="dopri5", save_at=[500.0, 501.0, 1000.0])
    assert int(run.status) == 0


@pytest.mark.parametrize("bad", [0, -1.0, np.nan, np.inf, "1", True])
def test_a_longest_step_is_a_length_of_time(bad):
    with pytest.raises(ValueError, match=r"max_step=.* is not a length of time"):
        gt.ode.integrate(rising, xr.Dataset({"y": 0.0}), (0.0, 1.0), max_step=bad)


@pytest.mark.parametrize("method", ["rk4", "linear"])
def test_a_longest_step_is_for_methods_that_choose_theirs(method):
    with pytest.raises(ValueError, match="max_step limits steps of dopri5, dop853 and rosenbrock"):
        gt.ode.integrate(rising, xr.Dataset({"y": 0.0}), (0.0, 1.0), method=method, step=0.1, max_step=0.1)


@pytest.mark.parametrize("method", [*FIXED, *ADAPTIVE, "linear"])
def test_no_right_hand_side_is_evaluated_beyond_the_end(method):
    # The roots are not numbers beyond the end, which t + h passes by a rounding error.
    for end, step in ((1.3, 0.1), (0.7, 0.1), (2.3, 0.7)):
        options = {"step": step} if method in FIXED else {"rtol": 1e-3}
        if method == "velocity_verlet":
            start, rhs = xr.Dataset({"x": 0.0, "v": 0.0}), lambda t, q, p: math.sqrt(p.end - t)
        else:
            start, rhs = xr.Dataset({"x": 0.0}), lambda t, y, p: (math.sqrt(p.end - t),)
        run = gt.ode.integrate(rhs, start, (0.0, end), params={"end": end}, method=method, **options)
        # A square root ends with an infinite slope, which adaptive and linear methods may refuse; none may be NaN with status 0.
        if method in FIXED:
            assert int(run.status) == 0
            exact = 2 / 3 * end**1.5 if method != "velocity_verlet" else 4 / 15 * -(end**2.5) + 2 / 3 * end**1.5 * end
            assert float(run.x[0]) == pytest.approx(exact, rel=0.4)
