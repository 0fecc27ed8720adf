"""What users hand to networks: tables, columns, sparse and object arrays, phases of cycles, files of models."""

import io
import itertools
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gridtrend import neural

RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(RNG.normal(size=(40, 3)), columns=["rain", "wind", "sun"])
TARGET = (TABLE.rain - 2 * TABLE.sun).to_numpy()


@pytest.fixture(scope="module")
def regressor():
    return neural.MLPRegressor((), epochs=100, l2=0.0).fit(TABLE, TARGET)


# --- names of columns -----------------------------------------------------------------------------


def test_columns_of_a_table_are_known_by_name(regressor, tmp_path):
    assert regressor.feature_names_in_.tolist() == ["rain", "wind", "sun"]
    regressor.save(tmp_path / "model.npz")
    for model in (regressor, neural.MLPRegressor.load(tmp_path / "model.npz")):
        with pytest.raises(ValueError, match=r"should match those that were passed during fit: .*another order"):
            model.predict(TABLE[["sun", "wind", "rain"]])
        with pytest.raises(ValueError, match="'snow' unknown and 'sun' missing"):
            model.score(TABLE.rename(columns={"sun": "snow"}), TARGET)
        np.testing.assert_array_equal(model.predict(TABLE), model.predict(TABLE.to_numpy()))


def test_a_new_training_forgets_old_names():
    model = neural.MLPClassifier(epochs=1).fit(TABLE, TARGET > 0)
    with pytest.raises(ValueError, match="another order"):
        model.predict_proba(TABLE.iloc[:, ::-1])
    with pytest.raises(ValueError, match="another order"):
        neural.MLPClassifier(epochs=1).fit(TABLE, TARGET > 0, validation=(TABLE.iloc[:, ::-1], TARGET > 0))
    model.fit(TABLE.to_numpy(), TARGET > 0)
    assert not hasattr(model, "feature_names_in_")
    assert model.predict(TABLE.iloc[:, ::-1]).shape == (40,)


# --- kinds of arrays ------------------------------------------------------------------------------


def test_objects_that_are_numbers_are_numbers(regressor):
    mixed = TABLE.astype(object)
    np.testing.assert_array_equal(regressor.predict(mixed), regressor.predict(TABLE))
    with pytest.raises(TypeError, match=r"holds objects such as 'wet' \(str\)"):
        regressor.predict(mixed.replace({mixed.rain[0]: "wet"}))


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor", "RNN"])
def test_sparse_samples_are_told_the_dense_form(name):
    sparse = pytest.importorskip("scipy.sparse").csr_matrix(np.eye(4))
    with pytest.raises(TypeError, match=r"X is sparse \(csr_matrix\).*X\.toarray\(\)"):
        getattr(neural, name)(epochs=1).fit(sparse, [0, 1, 0, 1])


def test_a_column_of_labels_is_labels():
    labels = np.where(TARGET > 0, "high", "low")
    column = neural.MLPClassifier(epochs=5).fit(TABLE, labels[:, None])
    vector = neural.MLPClassifier(epochs=5).fit(TABLE, labels)
    np.testing.assert_array_equal(column.predict(TABLE), vector.predict(TABLE))
    assert column.score(TABLE, labels[:, None]) == vector.score(TABLE, labels)


def test_a_constant_target_has_the_score_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    model = neural.MLPRegressor((), epochs=2).fit(TABLE, TARGET)
    assert model.score(TABLE, np.ones(40)) == metrics.r2_score(np.ones(40), model.predict(TABLE)) == 0.0


def test_models_that_are_not_trained_raise_the_error_of_scikit_learn():
    exceptions = pytest.importorskip("sklearn.exceptions")
    for model in (neural.MLPClassifier(), neural.MLPRegressor(), neural.RNN()):
        with pytest.raises(exceptions.NotFittedError, match="call fit"):
            model.predict(np.ones((1, 2, 1)))


# --- advice ---------------------------------------------------------------------------------------


def test_a_recurrent_network_says_which_axis_is_missing():
    X = RNG.normal(size=(20, 6, 1))
    rnn = neural.RNN(3, epochs=1).fit(X, X[:, -1])
    with pytest.raises(ValueError, match=r"X\[numpy.newaxis\], of shape \(1, 6, 1\)"):
        rnn.predict(X[0])
    with pytest.raises(ValueError, match=r"X\[..., numpy.newaxis\], of shape \(20, 6, 1\)"):
        rnn.predict(X[..., 0])
    with pytest.raises(ValueError, match=r"X\[..., numpy.newaxis\], of shape \(20, 6, 1\)"):
        neural.RNN(3).fit(X[..., 0], X[:, -1])


def test_the_state_of_one_sequence_has_no_batch():
    x, U, W, V = np.ones((5, 1)), np.ones((3, 1)), np.eye(3), np.ones((1, 3))
    with pytest.raises(ValueError, match=r"h0 has shape \(3, 1\), and \(hidden\) = \(3\) is needed"):
        neural.rnn_forward(x, U, W, V, h0=np.ones((3, 1)))
    one = neural.rnn_forward(x, U, W, V, h0=np.ones(3))
    np.testing.assert_array_equal(neural.rnn_forward(x, U, W, V, h0=np.ones((1, 3)))[1], one[1])


def test_the_last_matrix_of_weights_that_is_missing_is_named():
    X, y = RNG.normal(size=(150, 4)), np.eye(3)[np.arange(150) % 3]
    with pytest.raises(ValueError, match=r"the matrix \(21, 3\) from there to the classes and its biases \(3,\)"):
        neural.mlp_gradients(X, y, [np.ones((4, 21))], [np.ones(21)])
    with pytest.raises(ValueError, match=r"make it \(5, 3\)"):
        neural.mlp_gradients(X, y, [np.ones((4, 5)), np.ones((5, 2))], [np.ones(5), np.ones(2)])


# --- phases ---------------------------------------------------------------------------------------


def coordinates(kind, n):
    months = np.arange(n)
    if kind == "months":
        return xr.date_range("2000-01", periods=n, freq="MS")
    if kind == "noleap days":
        return xr.date_range("2001", periods=n, freq="D", calendar="noleap", use_cftime=True)
    return 10.0 + 0.5 * months


@pytest.mark.parametrize("kind", ["months", "noleap days", "numbers"])
@pytest.mark.parametrize("start", [120, 126, 5])
def test_a_cycle_goes_on_from_the_first_step_of_the_training(kind, start, tmp_path):
    wave = xr.DataArray(np.sin(2 * np.pi * np.arange(240) / 12), {"time": coordinates(kind, 240)}, "time", "wave")
    model = neural.fit_per_cell(wave[:120], model="linear", lags=0, harmonics=1, period=12)
    model.to_netcdf(tmp_path / "model.nc")
    with xr.open_dataset(tmp_path / "model.nc") as stored:
        for each in (model, stored.load()):
            predicted = neural.predict_per_cell(wave[start:], each)
            np.testing.assert_allclose(predicted, wave[start:], atol=1e-9)


def test_a_record_before_the_training_and_one_of_a_single_step_have_their_phase():
    wave = xr.DataArray(np.sin(2 * np.pi * np.arange(240) / 12), {"time": coordinates("months", 240)}, "time")
    model = neural.fit_per_cell(wave[100:], model="linear", lags=0, harmonics=1, period=12)
    for part in (wave[:30], wave[17:18], wave[::-1]):
        np.testing.assert_allclose(neural.predict_per_cell(part, model), part.sortby("time"), atol=1e-9)


def test_a_phase_that_cannot_be_known_is_refused():
    wave = xr.DataArray(np.sin(2 * np.pi * np.arange(240) / 12), dims="time")
    model = neural.fit_per_cell(wave[:120], model="linear", lags=0, harmonics=1, period=12)
    with pytest.raises(ValueError, match=r"da\.assign_coords\(time=\.\.\.\), counted from that step"):
        neural.predict_per_cell(wave[126:], model)
    numbered = wave.assign_coords(time=np.arange(240))
    np.testing.assert_allclose(neural.predict_per_cell(numbered[126:], model), wave[126:], atol=1e-9)
    dated = wave.assign_coords(time=coordinates("months", 240))
    with pytest.raises(ValueError, match="Give both the same kind of coordinate"):
        neural.predict_per_cell(dated, model)
    monthly = neural.fit_per_cell(dated, model="linear", lags=0, harmonics=1, period=12)
    daily = wave.assign_coords(time=xr.date_range("2000", periods=240, freq="D"))
    with pytest.raises(ValueError, match=r"does not go on with the steps of the training.*1 months"):
        neural.predict_per_cell(daily, monthly)


def test_gaps_are_told_in_days_and_units_must_be_those_of_the_training():
    time = xr.date_range("2000", periods=60, freq="MS")
    tas = xr.DataArray(RNG.normal(size=60), {"time": time}, "time", "tas", {"units": "K"})
    with pytest.raises(ValueError, match=r"of 335 days where 31 days is usual"):
        neural.fit_per_cell(tas.isel(time=[*range(12), *range(22, 60)]), min_valid=5)
    model = neural.fit_per_cell(tas, model="linear")
    with pytest.raises(ValueError, match="trained on data in 'K', and these are in 'degC'"):
        neural.predict_per_cell((tas - 273.15).assign_attrs(units="degC"), model)


def test_predictions_keep_the_order_of_dimensions():
    values = xr.DataArray(RNG.normal(size=(60, 2, 3)), dims=("time", "y", "x"))
    model = neural.fit_per_cell(values, model="linear")
    assert neural.predict_per_cell(values, model).dims == ("time", "y", "x")
    assert neural.predict_per_cell(values.transpose("y", "time", "x"), model).dims == ("y", "time", "x")


# --- files of models ------------------------------------------------------------------------------


def rewritten(path, changes):
    """Write a model's file again with other members."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in (members | changes).items():
            new.writestr(name, content)


def npy(shape, data=b""):
    """Return an array file that claims a shape."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return stream.getvalue() + data


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coefs_0.npy": npy((250_000_000 // 8,), bytes(250_000_000))}, "bytes would become"),
        ({"coefs_0.npy": npy((2**50,))}, r"takes 9,007,199,254,740,992 bytes, and 0 are there"),
        ({"coefs_0.npy": npy((3, 2**40), bytes(48))}, "bytes, and 48 are there"),
        ({"coefs_0.npy": npy((3, 1), np.full(3, np.nan).tobytes())}, "missing or infinite"),
        ({"coefs_0.npy": npy((4, 1), bytes(32))}, "shape"),
        ({"more.npy": b"no array"}, "damaged"),
    ],
    ids=["zip bomb", "claimed", "claimed rows", "nan", "shape", "foreign"],
)
def test_files_of_models_are_bounded_and_checked_before_use(changes, message, regressor, tmp_path):
    path = tmp_path / "model.npz"
    regressor.save(path)
    rewritten(path, changes)
    with pytest.raises(ValueError, match=f"no model that gridtrend saved, or it is damaged.*{message}|{message}"):
        neural.MLPRegressor.load(path)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor", "RNN"])
def test_values_that_are_too_large_are_told(name):
    X = RNG.normal(size=(20, 4, 1)) * 1e300
    X = X if name == "RNN" else X[..., 0]
    with pytest.raises(ValueError, match="too large to be squared"):
        getattr(neural, name)(epochs=1).fit(X, np.arange(20) % 2)


@pytest.mark.parametrize("values", [[np.nan] * 3, [0.0, np.nan, 2.0], [np.inf] * 3, [7.0] * 3])
def test_coordinates_that_are_missing_infinite_or_equal_are_at_no_step(values):
    steps = xr.DataArray(np.sin(np.arange(60.0)), {"time": np.arange(60.0)}, "time")
    model = neural.fit_per_cell(steps, model="linear", lags=2, harmonics=1, period=6)
    for model_of in (model, model.assign_attrs(origin_step=0.0), model.assign_attrs(origin_step=np.nan)):
        with pytest.raises(ValueError, match="time"):
            neural.predict_per_cell(steps[:3].assign_coords(time=values), model_of)


# --- empty and infinite arrays --------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [each for each in itertools.product((0, 2), repeat=5) if 0 in each])
def test_a_recurrent_network_of_no_size_computes_nothing_and_learns_nothing(sizes):
    batch, time, features, hidden, outputs = sizes
    x, U, W, V = (
        np.zeros(shape) for shape in ((batch, time, features), (hidden, features), (hidden, hidden), (outputs, hidden))
    )
    states, out = neural.rnn_forward(x, U, W, V)
    assert states.shape == (batch, time, hidden)
    assert out.shape == (batch, time, outputs)
    for shape in ((batch, outputs), (batch, time, outputs)):
        with pytest.raises(ValueError, match=r"^[xyUV] has shape .*0.*: there is nothing to learn from"):
            neural.rnn_gradients(x, np.zeros(shape), U, W, V)
        with pytest.raises(ValueError, match=r"^hidden=0 is not a size|nothing to learn from"):
            neural.fit_rnn(x, np.zeros(shape), hidden=hidden, epochs=1)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e308])
def test_infinite_values_spread_through_a_recurrent_network_as_in_arithmetic(value):
    for x, weight in ((value, 2.0), (2.0, value)):
        _, out = neural.rnn_forward([[x], [x]], [[1.0]], [[2.0]], [[weight]], activation="identity")
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(out[:, 0], np.array([x, 2.0 * x + x]) * weight)


@pytest.mark.parametrize("name", ["weights", "offset", "scale", "rmse", "n_samples", "parameter", "site"])
@pytest.mark.parametrize("labelled", [False, True])
def test_predictions_on_dimensions_called_like_a_variable_of_the_model(name, labelled):
    # The same data under another name have the same predictions.
    values = xr.DataArray(RNG.normal(size=(24, 3, 2)).cumsum(0), dims=("time", "y", "x"))
    values = values.assign_coords(x=["a", "b"]) if labelled else values
    expected = neural.predict_per_cell(values, neural.fit_per_cell(values, model="linear", lags=1))
    given = values.rename(x=name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = neural.fit_per_cell(given, model="linear", lags=1)
        found = neural.predict_per_cell(given, model)
    assert found.dims == given.dims
    np.testing.assert_array_equal(found, expected)
