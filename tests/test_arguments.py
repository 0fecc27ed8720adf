"""Arguments of any type, and names of any kind: all siblings have one notion of a number, a word, a flag and a name."""

import functools
import inspect
import warnings

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from tests.cases import CASES, assert_same

RNG = np.random.default_rng(0)
FIELD = xr.DataArray(RNG.normal(size=(24, 3)), dims=("time", "x"), name="v")
TABLE = FIELD.values
DURATION = np.timedelta64(3, "D")
NO_NUMBERS = [DURATION, np.timedelta64("NaT"), np.array([1, 2]), np.ones(1), "0.05", 1j, xr.DataArray(2)]


def oscillation(y, c):
    return {"u": y["v"], "v": -c["k"] * y["u"]}


def decay(t, y, p):
    return (-y.x,)


def solve(z=None, **options):
    z = np.linspace(0, 1, 9) if z is None else z
    k = xr.DataArray(np.ones((9, 2)), {"z": z}, ("z", "x"))
    return gt.bvp.solve(oscillation, {"k": k}, dim="z", left={"u": 0.0}, right={"u": 1.0}, **options)


def integrate(**options):
    return gt.ode.integrate(decay, xr.Dataset({"x": 1.0}), (0.0, 1.0), **{"method": "rk4", "step": 0.1} | options)


def fit_cells(**options):
    return gt.neural.fit_per_cell(FIELD, **{"min_valid": 5, "epochs": 1} | options)


# --- numbers, words, flags --------------------------------------------------------------------------

NUMBERS = {
    "alpha": lambda value: gt.mann_kendall(FIELD, alpha=value),
    "min_valid": lambda value: gt.linear_trend(FIELD, min_valid=value),
    "power": lambda value: gt.trend.minimum_detectable_trend(20, power=value),
    "n": lambda value: gt.trend.minimum_detectable_trend(value),
    "alpha of a coherence": lambda value: gt.coherence(FIELD, FIELD, window=8, alpha=value),
    "nfft": lambda value: gt.welch(FIELD, window=8, nfft=value),
    "simulations": lambda value: gt.pettitt(FIELD, p_value="simulated", simulations=value),
    "resamples": lambda value: gt.mann_kendall(FIELD, method="block_bootstrap", resamples=value),
    "permutations": lambda value: gt.field_significance(FIELD, "time", method="maxt", permutations=value),
    "seed": lambda value: gt.mann_kendall(FIELD, method="block_bootstrap", resamples=9, seed=value),
    "seed of simulations": lambda value: gt.snht(FIELD, seed=value, simulations=99),
    "seed of cells": lambda value: fit_cells(seed=value),
    "seed of a network": lambda value: gt.neural.MLPRegressor(epochs=1, seed=value).fit(TABLE, TABLE[:, 0]),
    "learning_rate": lambda value: fit_cells(learning_rate=value),
    "batch": lambda value: gt.neural.MLPRegressor(epochs=1, batch=value).fit(TABLE, TABLE[:, 0]),
    "max_iterations": lambda value: solve(max_iterations=value),
    "order": lambda value: solve(order=value),
    "rtol": lambda value: integrate(rtol=value),
}
WORDS = {
    "method": lambda value: gt.mann_kendall(FIELD, method=value),
    "compat": lambda value: gt.mann_kendall(FIELD, compat=value),
    "compat of seasons": lambda value: gt.seasonal_mann_kendall(FIELD, period=3, compat=value),
    "compat of sites": lambda value: gt.regional_mann_kendall(FIELD, over="x", compat=value),
    "per": lambda value: gt.theil_sen(FIELD, per=value),
    "per of seasons": lambda value: gt.seasonal_mann_kendall(FIELD, period=3, per=value),
    "per of spectra": lambda value: gt.welch(FIELD, window=8, per=value),
    "sampling": lambda value: gt.welch(FIELD, window=8, sampling=value),
    "missing": lambda value: gt.bvp.steady_diffusion(
        xr.DataArray(np.ones(9), {"z": np.linspace(0, 1, 9)}, "z"), dim="z", left={"u": 0.0}, right={"u": 1.0}, missing=value
    ),
    "interpolation": lambda value: integrate(
        forcing=xr.DataArray([0.0, 1.0], {"time": [0.0, 1.0]}, "time", name="rain"), interpolation=value
    ),
    "model": lambda value: fit_cells(model=value),
    "activation": lambda value: fit_cells(activation=value),
    "optimizer": lambda value: gt.neural.MLPRegressor(epochs=1, optimizer=value).fit(TABLE, TABLE[:, 0]),
    "loss": lambda value: gt.neural.fit_mlp(TABLE, TABLE, loss=value, epochs=1),
}  # fmt: skip
FLAGS = {
    "scale": lambda value: gt.neural.MLPRegressor(epochs=1, scale=value).fit(TABLE, TABLE[:, 0]),
    "progress": lambda value: gt.neural.MLPRegressor(epochs=1, progress=value).fit(TABLE, TABLE[:, 0]),
}


WHOLE = {
    "min_valid": lambda n: gt.mann_kendall(FIELD, min_valid=n),
    "min_valid of seasons": lambda n: gt.seasonal_mann_kendall(FIELD, period=3, min_valid=n),
    "min_valid of a line": lambda n: gt.linear_trend(FIELD, min_valid=n),
    "min_valid of a slope": lambda n: gt.theil_sen(FIELD, min_valid=n),
    "min_valid of a median": lambda n: gt.siegel_slope(FIELD, min_valid=n),
    "min_valid of two": lambda n: gt.kendall_tau(FIELD, FIELD[:, 0], min_valid=n),
    "min_valid of a covariate": lambda n: gt.partial_mann_kendall(FIELD, FIELD[:, 0], min_valid=n),
    "min_valid of a change": lambda n: gt.pettitt(FIELD, min_valid=n),
    "lag": lambda n: gt.mann_kendall(FIELD, method="hamed_rao", lag=n),
    "period": lambda n: gt.seasonal_mann_kendall(FIELD, period=n),
    "resamples": lambda n: gt.mann_kendall(FIELD, method="block_bootstrap", resamples=20 * n, seed=n),
    "simulations": lambda n: gt.snht(FIELD, simulations=50 * n, seed=n),
    "permutations": lambda n: gt.field_significance(FIELD, "time", method="maxt", permutations=50 * n, seed=n),
    "nfft": lambda n: gt.welch(FIELD, window=8, nfft=8 * n),
    "window": lambda n: gt.sliding_fft(FIELD, window=4 * n, hop=n),
    "order": lambda n: solve(order=n),
    "max_iterations": lambda n: solve(max_iterations=n),
    "max_steps": lambda n: integrate(max_steps=50 * n),
    "length": lambda n: gt.neural.windows(FIELD[:, 0], n, horizon=n)[0],
    "length of a table": lambda n: gt.neural.windows(TABLE, n, horizon=n)[0],
    "lags": lambda n: gt.neural.lagged(TABLE[:, 0], n, n, harmonics=n)[0],
    "truncate": lambda n: gt.neural.rnn_gradients(TABLE, TABLE[:, :1], *RNN, truncate=n)[1].W,
    "hidden": lambda n: gt.neural.fit_rnn(TABLE[None], TABLE[None], hidden=n, epochs=n, batch=n, seed=n)[0].W,
    "steps": lambda n: gt.neural.RNN(2, epochs=1).fit(TABLE[None], TABLE[None]).forecast(n, start=TABLE),
    "cells": lambda n: fit_cells(lags=n, horizon=n, harmonics=n, period=6, epochs=n, min_valid=n, seed=n),
}
RNN = np.ones((2, 3)), np.ones((2, 2)), np.ones((1, 2))


@pytest.mark.parametrize("kind", [np.int8, np.uint64, np.float32, float])
@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_of_any_type_are_that_number(name, kind):
    # By definition. Provenance keeps them as Python's own, which all formats of files hold.
    expected, found = WHOLE[name](2), WHOLE[name](kind(2))
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected)
    else:
        xr.testing.assert_identical(found, expected)
        told = {key: value for key, value in found.attrs.items() if isinstance(value, int | float | np.generic)}
        assert {key: type(value) for key, value in told.items()} == {
            key: type(expected.attrs[key]) for key in told if key in expected.attrs
        }


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number_is_refused_by_name(name):
    for value in NO_NUMBERS:
        # Durations are whole numbers to NumPy, which compares them with nothing else.
        with pytest.raises(ValueError, match=rf"{name.split()[0]}="):
            NUMBERS[name](value)


@pytest.mark.parametrize("name", [name for name in NUMBERS if name.split()[0] not in ("n", "max_iterations", "rtol", "learning_rate", "batch")])  # fmt: skip
def test_numbers_that_no_computer_counts_to_are_refused(name):
    for value in (10**30, 1e308, np.inf):
        with pytest.raises(ValueError, match=rf"{name.split()[0]}="):
            NUMBERS[name](value)


@pytest.mark.parametrize("name", WORDS)
def test_what_is_no_word_is_refused_by_name(name):
    for value in (np.array([1, 2]), ["a"], {"a": 1}, 5, b"year", xr.DataArray([1, 2])):
        with pytest.raises(ValueError, match=rf"{name.split()[0]}="):
            WORDS[name](value)


CALLS = {
    gt.mann_kendall: (FIELD,),
    gt.theil_sen: (FIELD,),
    gt.siegel_slope: (FIELD,),
    gt.kendall_tau: (FIELD, FIELD[:, 0]),
    gt.linear_trend: (FIELD,),
    gt.pettitt: (FIELD,),
    gt.snht: (FIELD,),
    gt.buishand: (FIELD,),
    gt.field_significance: (abs(FIELD) % 1,),
    gt.seasonal_mann_kendall: (FIELD, "time"),
    gt.regional_mann_kendall: (FIELD, "time"),
    gt.multivariate_mann_kendall: (xr.Dataset({"a": FIELD, "b": FIELD}), "time"),
    gt.partial_mann_kendall: (FIELD, FIELD[:, 0]),
    **dict.fromkeys((gt.sliding_fft, gt.spectrogram, gt.welch, gt.red_noise), (FIELD,)),
    **dict.fromkeys((gt.band_power, gt.harmonic), (FIELD,)),
    **dict.fromkeys((gt.coherence, gt.cross_spectrum), (FIELD, FIELD)),
    gt.ode.integrate: (decay, xr.Dataset({"x": 1.0}), (0.0, 1.0)),
    gt.ode.convergence_rate: (decay, xr.Dataset({"x": 1.0}), (0.0, 1.0)),
    gt.neural.fit_per_cell: (FIELD,),
    gt.neural.fit_mlp: (TABLE, (TABLE[:, 0] > 0).astype(int)),
    gt.neural.fit_rnn: (TABLE[None], TABLE[None]),
    gt.neural.rnn_forward: (TABLE[:, :1], [[1.0]], [[0.5]], [[2.0]]),
    gt.trend.minimum_detectable_trend: (30,),
}
NEEDED = {gt.seasonal_mann_kendall: {"period": 3}, gt.band_power: {"period": (2, 5)}, gt.harmonic: {"period": 4}}
# Names of dimensions, and variables of the user's.
ANY_WORD = {"dim", "state", "over"}


def words():
    """Each option of each function whose default is a word, or that takes words beside None."""
    for function in CALLS:
        for name, option in inspect.signature(function).parameters.items():
            if (isinstance(option.default, str) or name in ("lag", "per", "detrend", "ci")) and name not in ANY_WORD:
                yield pytest.param(function, name, id=f"{function.__name__}-{name}")


@pytest.mark.parametrize(("function", "name"), list(words()))
def test_every_option_that_is_a_word_is_refused_by_name_when_it_is_none(function, name):
    needed = NEEDED.get(function, {})
    if "window" in inspect.signature(function).parameters:
        needed = needed | {"window": 8}
    if name == "lag":
        needed = {"method": "hamed_rao"}
    for value in (np.array([1, 2]), ["a"], {"a": 1}, b"year", xr.DataArray([1, 2]), len, "no such word"):
        with pytest.raises((TypeError, ValueError), match=rf"{name}(=| is an array)"):
            function(*CALLS[function], **needed | {name: value})


def flags():
    """Each option of each function that is on or off."""
    for function, args in CALLS.items():
        needed = NEEDED.get(function, {})
        if "window" in inspect.signature(function).parameters:
            needed = needed | {"window": 8}
        for name, option in inspect.signature(function).parameters.items():
            if name == "bias_correction":
                needed = needed | {"method": "ar1"}
            if isinstance(option.default, bool):
                call = functools.partial(
                    lambda f, args, needed, name, value: f(*args, **needed | {name: value}),
                    function,
                    args,
                    needed,
                    name,
                )
                yield pytest.param(name, call, id=f"{function.__name__}-{name}")
    for name, call in FLAGS.items():
        yield pytest.param(name, call, id=name)


@pytest.mark.parametrize(("name", "call"), list(flags()))
def test_what_is_neither_on_nor_off_is_refused_by_name(name, call):
    # Every text is true to Python, "False" too.
    for value in ("False", np.array([1, 2]), 2, [], 0.5):
        with pytest.raises(ValueError, match=f"{name}=.* is neither True nor False"):
            call(value)
    for value in (0, np.bool_(True)):
        call(value)


def test_groups_are_named_by_dimensions():
    for over in (5, np.bool_(True), np.int8(1), None):
        with pytest.raises((TypeError, ValueError), match="over="):
            gt.multivariate_mann_kendall(xr.Dataset({"a": FIELD}), over=over)
        if over is not None:
            with pytest.raises(ValueError, match="over="):
                gt.regional_mann_kendall(FIELD, over=over)


def test_more_seasons_than_steps_compare_nothing():
    # By definition: no season has two values. Of so many, only those that occur are looked at.
    expected = gt.seasonal_mann_kendall(FIELD, period=24)
    for period in (25, 10**6, 2**62):
        result = gt.seasonal_mann_kendall(FIELD, period=period)
        assert (result.s == 0).all()
        for name in ("tau", "s", "var_s", "z", "p_value", "n_valid"):
            np.testing.assert_array_equal(result[name], expected[name], err_msg=name)
    with pytest.raises(ValueError, match="period="):
        gt.seasonal_mann_kendall(FIELD, period=10**30)


# --- names, chunks, magnitudes ----------------------------------------------------------------------


@pytest.mark.parametrize("name", [7, ("a", 1), ""], ids=repr)
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_dimensions_may_be_called_by_anything(name, lazy):
    plain = xr.DataArray(RNG.normal(size=(24, 3, 2)), dims=("time", "x", "site"))

    def renamed(da):
        return da.rename(x=name)

    given = renamed(plain).chunk({name: 1}) if lazy else renamed(plain)
    whole = renamed(plain).chunk() if lazy else renamed(plain)
    p, q = abs(plain) % 1, abs(given) % 1
    for found, expected in [
        (gt.welch(given, window=8), gt.welch(plain, window=8)),
        (gt.sliding_fft(given, window=8), gt.sliding_fft(plain, window=8)),
        (gt.inverse_sliding_fft(gt.sliding_fft(given, window=8)), gt.inverse_sliding_fft(gt.sliding_fft(plain, window=8))),
    ]:  # fmt: skip
        np.testing.assert_array_equal(found.compute().values, expected.values)
    for found, expected in [
        (gt.regional_mann_kendall(whole, over=[name]), gt.regional_mann_kendall(plain, over=["x"])),
        (gt.regional_mann_kendall(whole), gt.regional_mann_kendall(plain)),
        (gt.field_significance(q), gt.field_significance(p)),
        (gt.field_significance(q, [name]), gt.field_significance(p, ["x"])),
        (gt.red_noise(given, window=8), gt.red_noise(plain, window=8)),
        (gt.neural.fit_per_cell(given, min_valid=5, epochs=1), gt.neural.fit_per_cell(plain, min_valid=5, epochs=1)),
    ]:
        for variable in expected.data_vars:
            assert found[variable].dims == tuple(name if dim == "x" else dim for dim in expected[variable].dims)
        if "weights" not in expected:
            # Networks start from numbers that follow from the order of the names.
            assert_same(found.compute(), renamed(expected) if "x" in expected.dims else expected)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_chunks_of_coordinates_are_no_matter(case):
    da = xr.DataArray(RNG.normal(size=(24, 4)).round(1), dims=("time", "x"))
    area = xr.DataArray(np.ones((24, 4)), dims=("time", "x")).chunk(time=5, x=3)
    assert_same(case(da.chunk(x=2).assign_coords(area=area)).compute(), case(da))


@pytest.mark.parametrize("first", [-1.0, -90.0, 0.0])
def test_a_mesh_may_begin_below_zero_in_chunks_too(first):
    # The name of a task is made of the text of what is called, and dask splits it at "-".
    z = first + np.linspace(0, 1, 9)
    k = xr.DataArray(np.ones((9, 2)), {"z": z}, ("z", "x"))
    plain, lazy = ({"dim": "z", "left": {"u": -0.4}, "right": {"u": 1.0}} for _ in range(2))
    assert_same(
        gt.bvp.steady_diffusion(k.chunk(x=1), -1.0, **lazy).compute(), gt.bvp.steady_diffusion(k, -1.0, **plain)
    )
    lazily = gt.bvp.solve(oscillation, {"k": k.chunk(x=1)}, **lazy).compute()
    assert_same(lazily, gt.bvp.solve(oscillation, {"k": k}, **plain))


@pytest.mark.parametrize("shape", [(9, 0), (9, 0, 3)])
def test_problems_without_cells_have_no_solutions(shape):
    k = xr.DataArray(np.ones(shape), {"z": np.linspace(0, 1, 9)}, ("z", "x", "y")[: len(shape)])
    out = gt.bvp.solve(oscillation, {"k": k}, dim="z", left={"u": 0.0}, right={"u": 1.0})
    assert out.status.shape == shape[1:]
    assert out.residual.size == 0


def test_a_model_in_chunks_predicts_as_in_memory(no_compute):
    model = gt.neural.fit_per_cell(FIELD, min_valid=5, epochs=2)
    expected = gt.neural.predict_per_cell(FIELD, model)
    for size in (1, 2):
        # Coordinates beside those of dimensions stay in memory: to compare them computes nothing.
        label = {"label": ("x", list("abc"))}
        lazy = model.assign({name: da.copy(data=da.variable.chunk(x=1).data) for name, da in model.data_vars.items()})
        lazy["weights"] = lazy.weights.chunk(parameter=size)
        with no_compute():
            found = gt.neural.predict_per_cell(FIELD.chunk(x=1).assign_coords(label), lazy.assign_coords(label))
        np.testing.assert_array_equal(found.compute(), expected)


@pytest.mark.parametrize("shape", [(24, 0), (0, 2)])
def test_windows_of_nothing_in_chunks(shape):
    series = xr.DataArray(np.ones(shape), dims=("time", "x"))
    if not shape[0]:
        with pytest.raises(ValueError, match="0 steps"):
            gt.neural.windows(series.chunk(), 1)
        return
    for found, expected in zip(gt.neural.windows(series.chunk(), 3), gt.neural.windows(series, 3), strict=True):
        assert found.chunks is not None
        assert found.shape == expected.shape


@pytest.mark.parametrize("size", [1.0, 2.0**40, 1e300])
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_rates_of_states_of_any_size(size, lazy):
    # By hand: decay is linear, so that errors and rates do not depend on the size but for a factor.
    start = xr.Dataset({"x": ("cell", size * np.array([1.0, -2.0]))})
    found = gt.ode.convergence_rate(decay, start.chunk(cell=1) if lazy else start, (0.0, 1.0), method="rk4").compute()
    expected = gt.ode.convergence_rate(decay, xr.Dataset({"x": ("cell", [1.0, -2.0])}), (0.0, 1.0), method="rk4")
    np.testing.assert_allclose(found.rate, expected.rate, rtol=1e-2)
    assert np.isfinite(found.error).all()


def test_a_cycle_is_seen_at_any_magnitude():
    time = xr.date_range("2000-01", periods=120, freq="MS")
    wave = xr.DataArray(np.cos(np.arange(120) * np.pi / 6), {"time": time}, "time")
    for size in (1e-310, 1.0, 1e307):
        with pytest.warns(UserWarning, match="annual cycle"):
            gt.theil_sen(size * wave)


def test_the_middle_of_times_near_the_largest_numbers():
    times = np.array([-1.5e308, 0.0, 1e300, 1.5e308])
    da = xr.DataArray(np.arange(4.0), {"time": times}, "time")
    assert float(gt.kendall_tau(da, da).time) == 0.0
    infinite = da.assign_coords(time=[-np.inf, 0.0, 1.0, np.inf])
    assert np.isnan(gt.kendall_tau(infinite, infinite).time)


@pytest.mark.parametrize("missing", [None, np.nan, "text", 5])
@pytest.mark.parametrize("place", [0, 3])
def test_dates_that_are_missing_have_no_period(missing, place):
    dates = xr.date_range("2000", periods=6, freq="YS", calendar="noleap", use_cftime=True).values.copy()
    dates[place] = missing
    da = xr.DataArray(np.arange(6.0), {"time": ("time", dates)}, "time")
    # Ranks need no times.
    result = gt.kendall_tau(da, da)
    assert float(result.tau) == pytest.approx(1.0)
    assert "time" not in result.coords
    with pytest.raises((TypeError, ValueError), match="time"):
        gt.theil_sen(da)


def test_units_of_a_network_are_words_or_none():
    for units, expected in (({"a": 1}, None), (1, "1"), (b"mm", "mm"), ("degC", "K")):
        result = gt.neural.fit_per_cell(FIELD.assign_attrs(units=units), min_valid=5, epochs=1)
        assert result.scale.attrs.get("units") == expected
        assert gt.spectrogram(FIELD.assign_attrs(units=units), window=8).attrs.get("units") == (
            {"mm": "mm2", "K": "K2"}.get(expected, expected)
        )


def test_windows_too_short_for_red_noise_are_refused():
    for window in (1, 2):
        for detrend in ("constant", "linear"):
            with pytest.raises(ValueError, match="too short for an autocorrelation"):
                gt.red_noise(FIELD, window=window, detrend=detrend)


@pytest.mark.parametrize("name", ["window_start", "window_end", "frequency"])
def test_coordinates_called_like_those_of_windows_are_refused(name):
    for value in (1.0, ("x", np.arange(3.0))):
        for function, options in (
            (gt.sliding_fft, {}), (gt.spectrogram, {}), (gt.band_power, {"period": (2, 5)}), (gt.harmonic, {"period": 4}),
        ):  # fmt: skip
            with pytest.raises(ValueError, match=f"coordinate '{name}' already; rename it"):
                function(FIELD.assign_coords({name: value}), window=8, **options)
    # A series of windows is a series as others: its own windows are gone.
    power = gt.band_power(FIELD, window=8, hop=1, period=(2, 5))
    assert gt.sliding_fft(power, window=4).window_start.shape == (7,)


def test_what_stands_where_one_name_belongs_is_refused_by_name():
    da = xr.DataArray(np.random.default_rng(0).normal(size=(24, 3)), dims=("time", "x"))
    for call, named in (
        (lambda: gt.regional_mann_kendall(da, over=np.array(["x", "x"])), "over="),
        (lambda: gt.regional_mann_kendall(da, over=[np.array(["x", "x"])]), "over="),
        (lambda: gt.harmonic(da, window=10, period=5, taper=()), "taper="),
        (lambda: gt.ode.integrate(lambda t, y, p: (-y.x,), {"x": 1.0}, (0.0, 1.0), interpolation=np.ones(2)), "interp"),
    ):
        with pytest.raises(ValueError, match=named):
            call()


def test_an_order_of_any_number_type_is_that_order():
    x = xr.DataArray(np.linspace(0, 1, 9), dims="x")
    found = [gt.bvp.steady_diffusion(1.0 + x.assign_coords(x=x), 1.0, dim="x", left={"u": 0.0}, right={"u": 1.0}, order=n)
             for n in (2, np.float32(2.0))]  # fmt: skip
    xr.testing.assert_identical(*found)


def test_messages_of_other_libraries_steer_no_terminal():
    odd = "na\u00efve\x1b[2J"
    for call in (
        lambda: gt.welch(FIELD, window=8, taper=odd),
        lambda: gt.kendall_tau(FIELD.assign_coords({odd: ("x", range(3))}).set_xindex(odd), FIELD.assign_coords({odd: ("x", range(1, 4))}).set_xindex(odd)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"\\x1b") as caught:
            call()
        assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_states_without_cells_have_no_rates_and_no_drift(lazy):
    start = xr.Dataset({name: xr.DataArray(np.ones((2, 0)), dims=("lat", "lon")) for name in ("u", "v")})
    start = start.chunk() if lazy else start
    rates = gt.ode.convergence_rate(decay, start[["u"]].rename(u="x"), (0.0, 1.0), method="rk4").compute()
    assert rates.error_constant.shape == (2, 0)
    run = gt.ode.integrate(lambda t, y, p: (y.v, -y.u), start, (0.0, 1.0), method="rk4", step=0.1, save_at=[0.0, 1.0])
    drift = gt.ode.energy_drift(lambda y, p: y.u**2 + y.v**2, run).compute()
    assert drift.max_drift.shape == (2, 0)


def test_one_cell_in_chunks_warns_of_nothing():
    # dask's own arrays without dimensions hold whatever memory holds: fill it with what no whole number is.
    junk = [np.full(1, value) for value in (np.nan, 1e300, np.inf) for _ in range(1000)]
    del junk
    start = xr.Dataset({"x": xr.DataArray(1.33e300).chunk()})
    for _ in range(20):
        gt.ode.integrate(decay, start, (0.0, 1.0), method="rk4", step=0.5)
        gt.mann_kendall(FIELD[:, 0].chunk())


@pytest.mark.parametrize("period", [2, 12, "month", "season"])
@pytest.mark.parametrize("kind", ["dates", "cftime", "numbers", "nothing"])
def test_records_without_steps_have_no_seasons_to_compare(period, kind):
    times = {
        "dates": {"time": np.empty(0, "datetime64[ns]")},
        "cftime": {"time": np.empty(0, object)},
        "numbers": {"time": np.empty(0)},
        "nothing": {},
    }[kind]
    da = xr.DataArray(np.empty((0, 3)), times, ("time", "x"))
    if kind != "dates" and not isinstance(period, int):
        with pytest.raises(ValueError, match="'time'"):
            gt.seasonal_mann_kendall(da, period=period)
        return
    result = gt.seasonal_mann_kendall(da, period=period)
    assert np.isnan(result.p_value).all()
    assert not result.n_valid.any()


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_columns_that_do_not_conduct_have_no_solution_and_no_warning(lazy):
    k = xr.DataArray([[1.0, 0.0, np.nan, np.inf]] * 5, {"z": np.linspace(0, 1, 5)}, ("z", "x"))
    out = gt.bvp.steady_diffusion(k.chunk(x=1) if lazy else k, dim="z", left={"u": 0.0}, right={"u": 1.0}).compute()
    np.testing.assert_allclose(out.u[:, 0], np.linspace(0, 1, 5), atol=1e-14)
    assert out.status[0] == 0
    assert (out.status[1:3] != 0).all()


@pytest.mark.parametrize("band", [np.array(3), 3.0, "2Y", [1], np.ones((3, 2)), None, len])
def test_a_band_has_two_ends(band):
    for name in ("period", "frequency"):
        with pytest.raises(ValueError, match=r"(period|frequency)="):
            gt.band_power(FIELD, window=8, **{name: band})


@pytest.mark.parametrize("lag", [len, "a", 2.5, [1], np.array([1, 2]), -1, np.nan, np.inf, None])
def test_a_lag_is_a_number_of_steps(lag):
    for method in ("hamed_rao", "yue_wang", "block_bootstrap"):
        if lag is None:
            gt.mann_kendall(FIELD, method=method, lag=lag, resamples=20)
            continue
        with pytest.raises(ValueError, match="lag="):
            gt.mann_kendall(FIELD, method=method, lag=lag, resamples=20)


def test_a_model_of_single_steps_predicts_no_series():
    model = gt.neural.fit_per_cell(FIELD, model="linear", lags=1)
    model["weights"] = model["weights"].expand_dims(time=FIELD.sizes["time"])
    with pytest.raises(ValueError, match=r"'weights' of the model has the dimension 'time'.*model.isel\(time=0\)"):
        gt.neural.predict_per_cell(FIELD, model)


@pytest.mark.parametrize("hidden", ["naïve\x1b", 3, 2.5, None, np.ones((1, 2))])
def test_layers_are_a_sequence_of_sizes(hidden):
    with pytest.raises(ValueError, match=r"hidden=.* one layer is hidden=\((3|8),\)") as refused:
        gt.neural.fit_per_cell(FIELD, lags=1, hidden=hidden)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize("function", [gt.welch, gt.sliding_fft, gt.red_noise])
def test_steps_whose_frequencies_overflow_are_refused(function):
    # 1 / 1e-320 is larger than the largest double, 1.8e308.
    da = xr.DataArray(np.arange(36.0), {"time": np.arange(36.0) * 1e-320}, "time")
    with pytest.raises(ValueError, match=r"'time' has steps of 9\.9.*e-321"):
        function(da, window=10)


# --- a dimension that occurs twice, and trees -----------------------------------------------------------

MATRICES = RNG.normal(size=(24, 3, 3))
SERIES_FUNCTIONS = {
    "mann_kendall": gt.mann_kendall,
    "theil_sen": gt.theil_sen,
    "linear_trend": gt.linear_trend,
    "pettitt": gt.pettitt,
    "seasonal": lambda da: gt.seasonal_mann_kendall(da, period=4),
    "covariate": lambda da: gt.partial_mann_kendall(FIELD, da),
    "kendall_tau": lambda da: gt.kendall_tau(da, FIELD),
    "welch": lambda da: gt.welch(da, window=8),
    "sliding_fft": lambda da: gt.sliding_fft(da, window=8, hop=4),
    "cells": lambda da: gt.neural.fit_per_cell(da, min_valid=5, epochs=1),
}


@pytest.mark.parametrize("function", SERIES_FUNCTIONS.values(), ids=SERIES_FUNCTIONS)
def test_a_dimension_that_occurs_twice_is_refused_by_name(function):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate dimension names")
        matrices = xr.DataArray(MATRICES, dims=("time", "x", "x"), name="cov")
        with pytest.raises(ValueError, match=r"'cov' has the dimension 'x' more than once.*'time', 'x', 'x_2'"):
            function(matrices)


def test_the_advice_for_a_dimension_that_occurs_twice_works():
    # Each cell by itself, one series at a time.
    renamed = xr.DataArray(MATRICES, dims=("time", "x", "x_2"))
    s = gt.mann_kendall(renamed).s
    alone = [[gt.mann_kendall(xr.DataArray(MATRICES[:, i, j], dims="time")).s for j in range(3)] for i in range(3)]
    assert np.array_equal(s, np.array(alone, dtype=float))


@pytest.mark.parametrize("function", SERIES_FUNCTIONS.values(), ids=SERIES_FUNCTIONS)
def test_a_tree_is_refused_with_the_way_to_a_variable(function):
    with pytest.raises(TypeError, match=r"not a DataTree. Pick one, tree\['group/name'\]"):
        function(xr.DataTree.from_dict({"/group": FIELD.to_dataset()}))
