"""One network per cell: each cell's answer is that of its own training, whatever the chunks."""

import pickle

import dask
import numpy as np
import pytest
import xarray as xr

from gridtrend import neural
from gridtrend.engine.lanes import LANES
from tests import reference_neural as reference

OPTIONS = {"lags": 2, "hidden": (4,), "epochs": 30, "momentum": 0.5}


def field(n_time=60, shape=(5, 7), seed=0, holes=0.0):
    """Return a field of autoregressive series, in K, by months."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_time, *shape))
    for t in range(2, n_time):
        values[t] += 0.8 * np.sin(values[t - 1]) - 0.4 * values[t - 2]
    values[rng.random(values.shape) < holes] = np.nan
    time = (np.array("2000-01", "M8[M]") + np.arange(n_time)).astype("M8[ns]")
    coords = {"time": time, "lat": np.arange(shape[0]), "lon": np.arange(shape[1])}
    return xr.DataArray(280 + 5 * values, coords, ("time", "lat", "lon"), "tas", {"units": "K"})


def assert_same(found, expected):
    assert list(found.data_vars) == list(expected.data_vars)
    for name, da in expected.data_vars.items():
        np.testing.assert_array_equal(found[name].transpose(*da.dims).values, da.values, err_msg=name)


def expected_network(
    series, position, *, lags=2, horizon=1, hidden=(4,), epochs=30, rate=0.1, momentum=0.5, l2=0.0, seed=0
):
    """Return the network of one cell, trained by the array-level functions from the same start."""
    x, y, offset, scale = reference.lagged_samples(series, lags, horizon)
    start = reference.start_weights(seed, position, [lags, *hidden, 1])
    weights, biases, _ = neural.fit_mlp(
        x, y, loss="squared", start=start, optimizer="sgd", learning_rate=rate, momentum=momentum, decay=1.0, batch=None,
        epochs=epochs, l2=l2,
    )  # fmt: skip
    rmse = scale * np.sqrt(np.mean((neural.mlp_forward(x, weights, biases)[-1] - y) ** 2))
    parts = [part for w, b in zip(weights, biases, strict=True) for part in (w.T.ravel(), b)]
    return np.concatenate(parts), offset, scale, rmse, len(x)


@pytest.mark.parametrize("holes", [0.0, 0.1])
@pytest.mark.parametrize(
    "options", [{}, {"hidden": (3, 2), "horizon": 2, "lags": 3, "l2": 0.1, "seed": 5}], ids=["one", "two"]
)
def test_each_cell_has_the_network_of_its_own_training(options, holes):
    da = field(holes=holes)
    result = neural.fit_per_cell(da, **OPTIONS | options)
    for i in range(5):
        for j in range(7):
            # Dimensions count in the order of their names: lat is the inner one.
            weights, offset, scale, rmse, n = expected_network(da.values[:, i, j], i + 5 * j, **options)
            cell = result.isel(lat=i, lon=j)
            np.testing.assert_allclose(cell.weights, weights, rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose([cell.offset, cell.scale, cell.rmse], [offset, scale, rmse], rtol=1e-10)
            assert cell.n_samples == n


def test_the_linear_model_is_least_squares():
    da = field(holes=0.1)
    result = neural.fit_per_cell(da, model="linear", lags=3)
    for i in range(5):
        for j in range(7):
            x, y, _, scale = reference.lagged_samples(da.values[:, i, j], 3, 1)
            design = np.column_stack([x, np.ones(len(x))])
            solution = np.linalg.lstsq(design, y[:, 0], rcond=None)[0]
            cell = result.isel(lat=i, lon=j)
            np.testing.assert_allclose(cell.weights, solution, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(
                cell.rmse, scale * np.sqrt(np.mean((design @ solution - y[:, 0]) ** 2)), rtol=1e-10
            )


@pytest.mark.parametrize("lags", [2, 3, 6])
def test_a_sine_is_an_autoregression_of_order_two(lags):
    da = xr.DataArray(np.sin(np.arange(100.0)), dims="time")
    linear = neural.fit_per_cell(da, model="linear", lags=lags)
    # A third lag says nothing new, and is left out. The bias moves the cell's mean to zero and back.
    shift = float(linear.offset / linear.scale) * (2 * np.cos(1) - 2)
    np.testing.assert_allclose(linear.weights, [2 * np.cos(1), -1] + [0] * (lags - 2) + [shift], atol=1e-12)
    error = neural.predict_per_cell(da, linear) - da
    assert float(np.abs(error).max()) < 1e-12
    assert int(error.isnull().sum()) == lags


def test_harmonics_alone_hold_an_annual_cycle():
    time = np.arange("2000-01-01", "2012-01-01", dtype="M8[M]").astype("M8[ns]")
    da = xr.DataArray(np.zeros(144), {"time": time}, ("time",))
    da = da + 10 + 3 * np.cos(2 * np.pi * (da.time.dt.dayofyear - 1) / da.time.dt.days_in_year - 1)
    model = neural.fit_per_cell(da[:72], model="linear", lags=0, harmonics=1)
    # Other years, which begin in another month.
    np.testing.assert_allclose(neural.predict_per_cell(da[77:], model)[0:], da[77:], atol=1e-9)
    steps = xr.DataArray(np.cos(2 * np.pi * np.arange(50) / 7), {"time": np.arange(50)}, "time")
    model = neural.fit_per_cell(steps, model="linear", lags=0, harmonics=1, period=7)
    np.testing.assert_allclose(neural.predict_per_cell(steps, model), steps, atol=1e-12)


def test_predictions_are_those_of_the_networks():
    da = field(holes=0.05)
    model = neural.fit_per_cell(da, **OPTIONS)
    predicted = neural.predict_per_cell(da, model)
    assert predicted.sizes == {"lat": 5, "lon": 7, "time": 60}
    for i in range(5):
        series, cell = da.values[:, i, 3], model.isel(lat=i, lon=3)
        w = cell.weights.values
        scaled = (series - cell.offset.item()) / cell.scale.item()
        for t in range(2, 60):
            hidden = np.tanh(w[0:8].reshape(4, 2) @ [scaled[t - 1], scaled[t - 2]] + w[8:12])
            expected = (hidden @ w[12:16] + w[16]) * cell.scale.item() + cell.offset.item()
            np.testing.assert_allclose(predicted[t, i, 3], expected, rtol=1e-12)
    # Missing after missing values, and not where only the value itself is.
    known = da.notnull()
    before = known.shift(time=1, fill_value=False) & known.shift(time=2, fill_value=False)
    np.testing.assert_array_equal(predicted.notnull(), before)
    assert bool((before & ~known).any())


@pytest.mark.parametrize("model", ["mlp", "linear"])
@pytest.mark.parametrize("chunks", [{"lat": 2}, {"lat": 1, "lon": 1}, {"lon": (1, 5, 1)}], ids=str)
@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_chunks_and_schedulers_do_not_matter(model, chunks, scheduler, no_compute):
    da = field(holes=0.1)
    lazy = da.chunk({"time": -1} | chunks)
    with no_compute():
        fitted = neural.fit_per_cell(lazy, model=model, **OPTIONS)
        predicted = neural.predict_per_cell(lazy, fitted)
    eager = neural.fit_per_cell(da, model=model, **OPTIONS)
    with dask.config.set(scheduler=scheduler):
        assert_same(fitted.compute(), eager)
        np.testing.assert_array_equal(predicted.compute(), neural.predict_per_cell(da, eager))
    assert len(pickle.dumps(fitted.rmse.data.dask)) < 400_000


@pytest.mark.parametrize("dims", ["lat time lon", "lon lat time"])
def test_dimensions_come_in_any_order(dims):
    da = field(holes=0.1)
    turned = neural.fit_per_cell(da.transpose(*dims.split()), **OPTIONS)
    assert_same(turned, neural.fit_per_cell(da, **OPTIONS))


@pytest.mark.parametrize("n_cells", [1, LANES - 1, LANES + 1])
def test_any_number_of_cells_fills_the_lanes_rightly(n_cells):
    da = field(shape=(1, 40), holes=0.1)[:, 0]
    part = neural.fit_per_cell(da[:, :n_cells], **OPTIONS)
    assert_same(part, neural.fit_per_cell(da, **OPTIONS).isel(lon=slice(n_cells)))


def test_cells_start_differently_and_the_seed_decides():
    da = field()
    same = da.copy(data=np.broadcast_to(da.values[:, :1, :1], da.shape))
    first = neural.fit_per_cell(same, **OPTIONS)
    assert len(np.unique(first.weights.isel(parameter=0))) == 35
    assert_same(first, neural.fit_per_cell(same, **OPTIONS))
    assert not np.array_equal(first.weights, neural.fit_per_cell(same, seed=1, **OPTIONS).weights)


def test_missing_cells_are_skipped_without_a_word():
    da = field()
    da[:, 1, 1:4] = np.nan
    da[:, 2, 2] = np.inf
    da[15:, 3, 3] = np.nan
    for model in ("mlp", "linear"):
        result = neural.fit_per_cell(da, model=model, **OPTIONS)
        assert result.n_samples.values[1, 1:4].tolist() == [0, 0, 0]
        assert result.n_samples.values[3, 3] == 13
        assert int(result.rmse.isnull().sum()) == 5
        assert int(result.weights.isnull().any("parameter").sum()) == 5
        assert int(neural.predict_per_cell(da, result).isnull().all("time").sum()) == 5
    # Their neighbours do not feel it.
    assert_same(result.isel(lat=0), neural.fit_per_cell(field(), model="linear", **OPTIONS).isel(lat=0))


def test_a_constant_cell_is_predicted_exactly():
    da = xr.full_like(field(), 281.3)
    for model in ("mlp", "linear"):
        result = neural.fit_per_cell(da, model=model, **OPTIONS | {"epochs": 300})
        np.testing.assert_allclose(neural.predict_per_cell(da, result)[2:], 281.3, rtol=1e-6)


def test_single_precision_and_whole_numbers_are_computed_in_double_precision():
    da = field().round()
    expected = neural.fit_per_cell(da, **OPTIONS)
    for dtype in ("f4", "i2"):
        assert_same(neural.fit_per_cell(da.astype(dtype), **OPTIONS), expected)


def test_unsorted_times_are_sorted_and_gaps_are_refused():
    da = field()
    assert_same(neural.fit_per_cell(da[::-1], **OPTIONS), neural.fit_per_cell(da, **OPTIONS))
    model = neural.fit_per_cell(da, harmonics=1, **OPTIONS)
    xr.testing.assert_identical(neural.predict_per_cell(da[::-1], model), neural.predict_per_cell(da, model))
    with pytest.raises(ValueError, match=r"has a gap after 2000-05.*asfreq"):
        neural.fit_per_cell(da.drop_isel(time=[5, 6]))


def test_models_go_through_a_file(tmp_path):
    da = field()
    for model in ("mlp", "linear"):
        fitted = neural.fit_per_cell(da, model=model, harmonics=1, **OPTIONS)
        fitted.to_netcdf(tmp_path / f"{model}.nc")
        with xr.open_dataset(tmp_path / f"{model}.nc") as opened:
            np.testing.assert_array_equal(neural.predict_per_cell(da, opened), neural.predict_per_cell(da, fitted))


def test_results_say_what_they_are():
    result = neural.fit_per_cell(field(), **OPTIONS)
    assert (result.rmse.attrs["units"], result.rmse.attrs["units_metadata"]) == ("K", "temperature: difference")
    assert result.offset.attrs["units_metadata"] == "temperature: on_scale"
    assert (result.attrs["model"], result.attrs["hidden"], result.attrs["lags"]) == ("mlp", "4", 2)
    predicted = neural.predict_per_cell(field(), result)
    assert (predicted.name, predicted.attrs["units"]) == ("predicted", "K")
    assert predicted.attrs["long_name"] == "prediction of tas"
    xr.testing.assert_identical(predicted.time.variable, field().time.variable)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "tree"}, "use one of 'mlp', 'linear'"),
        ({"lags": 0}, "at least one lag or harmonic"),
        ({"lags": 60}, "has 60 steps, and 60 lags with a horizon of 1 need at least 61"),
        ({"hidden": (0,)}, "a layer without units"),
        ({"activation": "softplus"}, "use one of 'tanh'"),
        ({"epochs": 0}, "epochs=0 is not a count"),
        ({"l2": -1}, "l2=-1 is not a penalty"),
        ({"min_valid": 0}, "min_valid=0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_option_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        neural.fit_per_cell(field(), **options)


def test_what_cannot_be_is_refused():
    da = field()
    model = neural.fit_per_cell(da, **OPTIONS)
    with pytest.raises(ValueError, match="was not made by fit_per_cell"):
        neural.predict_per_cell(da, da.to_dataset())
    with pytest.raises(TypeError, match="model is the Dataset that fit_per_cell returns"):
        neural.predict_per_cell(da, model.weights)
    with pytest.raises(ValueError, match=r"has 17 parameters, and its attributes .* network of 33"):
        neural.predict_per_cell(da, model.assign_attrs(hidden="8"))
    with pytest.raises(ValueError, match="is split over 3 dask chunks"):
        neural.fit_per_cell(da.chunk({"time": 20}))
    with pytest.raises(ValueError, match="harmonics of the year need dates"):
        neural.fit_per_cell(da.drop_vars("time"), harmonics=1)
