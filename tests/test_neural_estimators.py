"""Networks as objects: scikit-learn's conventions, the two newcomers' tasks, files, windows, scaling."""

import inspect
import os
import pickle
import zipfile

import dask.array
import numpy as np
import pytest
import xarray as xr

from gridtrend import neural

XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]


@pytest.fixture(scope="module")
def iris():
    """Return the 150 x 4 measurements and three classes."""
    return pytest.importorskip("sklearn.datasets").load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def sine():
    return neural.windows(np.sin(np.arange(200.0)), length=50)


@pytest.fixture(scope="module")
def small_rnn():
    X, y = neural.windows(np.sin(np.arange(60.0)), length=8)
    return neural.RNN(hidden=6, epochs=30, seed=3).fit(X, y), X, y


# --- the two tasks --------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_sine_is_predicted_within_a_thousandth(sine):
    X, y = sine
    rnn = neural.RNN(hidden=100, seed=0).fit(X[:100], y[:100])
    assert rnn.epochs <= 200
    assert np.sqrt(np.mean((rnn.predict(X[100:]) - y[100:]) ** 2)) <= 1e-3
    # Its own predictions as input: the end of the training series is step 149.
    np.testing.assert_allclose(rnn.forecast(20)[:, 0], np.sin(np.arange(150.0, 170.0)), atol=2e-2)


def test_iris_trained_on_one_hot_labels_is_scored_on_integers(iris):
    X, y = iris
    model = neural.MLPClassifier(hidden=(21,), seed=0).fit(X, np.eye(3)[y])
    assert model.score(X, y) * 150 >= 147
    assert model.score(X, np.eye(3)[y]) == model.score(X, y)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (150, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-14)


def test_ten_fold_cross_validation_of_iris_reaches_96_percent(iris):
    selection = pytest.importorskip("sklearn.model_selection")
    folds = selection.StratifiedKFold(10, shuffle=True, random_state=0)
    scores = selection.cross_val_score(neural.MLPClassifier(hidden=(21,), seed=0), *iris, cv=folds)
    assert scores.mean() >= 0.96


# --- scikit-learn's conventions -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor", "RNN"])
def test_parameters_are_read_and_set_by_name(name):
    estimator = getattr(neural, name)(seed=7)
    assert list(estimator.get_params()) == list(inspect.signature(type(estimator)).parameters)
    assert estimator.set_params(epochs=3) is estimator
    assert (estimator.epochs, estimator.seed) == (3, 7)
    assert repr(estimator) == f"{name}(epochs=3, seed=7)"
    with pytest.raises(ValueError, match=f"{name} has no parameter 'alpha'; it has hidden"):
        estimator.set_params(alpha=1)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_they_are_cloned_and_told_apart(name):
    base = pytest.importorskip("sklearn.base")
    estimator = getattr(neural, name)(hidden=(3,), l2=0.5)
    assert base.clone(estimator).get_params() == estimator.get_params()
    assert base.is_classifier(estimator) == (name == "MLPClassifier")
    assert base.is_regressor(estimator) == (name == "MLPRegressor")


def test_they_work_in_pipelines_and_searches(iris):
    pytest.importorskip("sklearn")
    from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = iris
    pipeline = make_pipeline(StandardScaler(), neural.MLPClassifier(epochs=20, seed=0))
    assert pipeline.fit(X, y).score(X, y) > 0.9
    search = GridSearchCV(pipeline, {"mlpclassifier__hidden": [(), (5,)]}, cv=3).fit(X, y)
    assert search.best_params_["mlpclassifier__hidden"] in [(), (5,)]
    folds = KFold(3, shuffle=True, random_state=0)
    assert cross_val_score(neural.MLPRegressor(epochs=50, seed=0), X[:, :3], X[:, 3], cv=folds).min() > 0.85


def test_nothing_needs_scikit_learn():
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from gridtrend import neural\n"
        f"print(neural.MLPClassifier(epochs=1).fit({XOR}, [0, 1, 1, 0]).score({XOR}, [0, 1, 1, 0]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "labels",
    [[0, 1, 1, 0], [5, -2, -2, 5], ["b", "a", "a", "b"], [True, False, False, True], [3.0, 7.0, 7.0, 3.0]],
    ids=["integers", "gaps", "strings", "truth", "floats"],
)
def test_labels_of_any_kind_come_back_as_they_were(labels):
    model = neural.MLPClassifier(hidden=(4,), l2=0.0, seed=1).fit(XOR, labels)
    assert model.predict(XOR).tolist() == labels
    assert model.classes_.tolist() == sorted(set(labels))
    assert model.score(XOR, labels) == 1.0


def test_one_hot_and_integer_labels_train_the_same_network():
    integers = neural.MLPClassifier(epochs=5).fit(XOR, [0, 1, 2, 0])
    one_hot = neural.MLPClassifier(epochs=5).fit(XOR, np.eye(3)[[0, 1, 2, 0]])
    for ours, theirs in zip(integers.coefs_, one_hot.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(integers.predict(XOR), one_hot.predict(XOR))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 1], r"y has shape \(3,\), and X has 4 samples"),
        (np.ones((4, 1)), r"y.ravel\(\), of shape \(4,\)"),
        (np.full((4, 21), 0.3), r"\(4, 21\) and values other than 0 and 1.*hidden layer are no labels"),
        ([[1, 0], [1, 1], [0, 1], [0, 1]], "row 1 of y has 2 ones"),
        ([0.5, 1, 1, 0], "use gridtrend.neural.MLPRegressor"),
        ([1, 1, 1, 1], "two or more are needed"),
        (np.ones((4, 2, 2)), r"y has shape \(4, 2, 2\)"),
    ],
    ids=["count", "column", "hidden_layer", "two_ones", "continuous", "single", "cube"],
)
def test_labels_that_are_none_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        neural.MLPClassifier().fit(XOR, labels)


def test_what_was_not_trained_cannot_predict(tmp_path):
    for estimator in (neural.MLPClassifier(), neural.MLPRegressor()):
        with pytest.raises(ValueError, match=r"call fit\(X, y\) first"):
            estimator.predict(XOR)
    for call in (lambda: neural.RNN().predict(np.ones((1, 2, 1))), lambda: neural.RNN().save(tmp_path / "rnn")):
        with pytest.raises(ValueError, match="has not been trained"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_samples_unlike_those_of_the_training_are_refused():
    model = neural.MLPRegressor(epochs=1).fit(XOR, [0.0, 1, 1, 0])
    with pytest.raises(ValueError, match=r"\(samples, 2\) is needed: the network was trained on 2 features"):
        model.predict(np.ones((5, 3)))
    with pytest.raises(ValueError, match="X has 1 missing or infinite values"):
        model.predict([[np.nan, 1.0]])


def test_a_regressor_gives_targets_in_the_shape_of_the_training():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    both = np.column_stack([X @ [1.0, 2.0] * 50 + 1000, X[:, 0] ** 2])
    model = neural.MLPRegressor(hidden=(10,), l2=0.0, epochs=1000, seed=0).fit(X, both)
    assert model.predict(X).shape == (60, 2)
    assert model.score(X, both) > 0.95
    assert neural.MLPRegressor(epochs=2).fit(X, both[:, 0]).predict(X).shape == (60,)


def test_training_stops_early_on_samples_held_out(iris):
    X, y = iris
    held_out = (X[::3], y[::3])
    model = neural.MLPClassifier(patience=5, seed=0).fit(X, y, validation=held_out)
    assert len(model.history_.validation_loss) == len(model.history_.loss)
    model = neural.RNN(4, epochs=40, patience=2).fit(
        *(np.ones((3, 4, 1)), np.ones((3, 1))), (np.ones((2, 4, 1)), np.zeros(2))
    )
    assert len(model.history_.loss) < 40


# --- the recurrent network as an object -----------------------------------------------------------


def test_predictions_have_the_shape_of_the_targets(small_rnn):
    _, X, y = small_rnn
    assert neural.RNN(3, epochs=1).fit(X, y).predict(X).shape == y.shape
    assert neural.RNN(3, epochs=1).fit(X, y[:, 0]).predict(X).shape == (len(X),)
    assert neural.RNN(3, epochs=1).fit(X, X).predict(X).shape == X.shape


def test_a_forecast_feeds_back_its_own_predictions(small_rnn):
    rnn, X, y = small_rnn
    window, expected = np.append(X[-1, 1:, 0], y[-1]), []
    for _ in range(3):
        expected.append(rnn.predict(window[None, :, None])[0, 0])
        window = np.append(window[1:], expected[-1])
    np.testing.assert_allclose(rnn.forecast(3)[:, 0], expected, rtol=1e-12)
    np.testing.assert_array_equal(rnn.forecast(1, start=X[5]), rnn.predict(X[5:6]))
    np.testing.assert_array_equal(rnn.forecast(1, start=X[5, :, 0]), rnn.predict(X[5:6]))


def test_a_forecast_needs_outputs_that_are_inputs():
    X = np.random.default_rng(0).normal(size=(9, 4, 2))
    rnn = neural.RNN(3, epochs=1).fit(X, X[:, -1, :1])
    with pytest.raises(ValueError, match="2 features and 1 outputs"):
        rnn.forecast(3)


def test_scaling_makes_units_irrelevant(small_rnn):
    rnn, X, y = small_rnn
    kelvin = neural.RNN(hidden=6, epochs=30, seed=3).fit(64 * X + 256, 64 * y + 256)
    np.testing.assert_allclose(kelvin.predict(64 * X + 256), 64 * rnn.predict(X) + 256, rtol=1e-7)


# --- files ----------------------------------------------------------------------------------------


def trained():
    """Return a model of each kind with samples for it."""
    X, y = neural.windows(np.sin(np.arange(30.0)), length=5)
    xor = np.array(XOR)
    return {
        "RNN": (neural.RNN(4, epochs=2, truncate=3).fit(X, y), X),
        "MLPClassifier": (neural.MLPClassifier((3, 2), epochs=2).fit(xor, ["no", "yes", "yes", "no"]), xor),
        "MLPRegressor": (neural.MLPRegressor((), epochs=np.int64(2)).fit(xor, [[1.0], [2], [3], [4]]), xor),
    }


@pytest.mark.parametrize("name", ["RNN", "MLPClassifier", "MLPRegressor"])
def test_a_saved_model_predicts_the_same_bits(name, tmp_path):
    model, X = trained()[name]
    model.save(tmp_path / "model.npz")
    loaded = type(model).load(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.get_params() == model.get_params()
    assert os.listdir(tmp_path) == ["model.npz"]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    if name == "RNN":
        np.testing.assert_array_equal(loaded.forecast(4), model.forecast(4))
    # No pickles inside.
    with np.load(tmp_path / "model.npz", allow_pickle=False) as content:
        assert all(content[key].dtype.kind in "fiubU" for key in content.files)


def damage(path):
    """Return damaged and foreign versions of a model's file."""
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 255
    foreign, stripped = path.with_name("foreign.npz"), path.with_name("stripped.npz")
    np.savez(foreign, a=np.ones(3))
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(stripped, "w") as new:
        for item in old.namelist():
            if not item.startswith(("U", "coefs")):
                new.writestr(item, old.read(item))
    pickled = pickle.dumps({"a": 1})
    return [b"", b"not a model", good[:100], good[: len(good) // 2], bytes(flipped), foreign.read_bytes(), pickled]


@pytest.mark.parametrize("name", ["RNN", "MLPClassifier"])
def test_damaged_and_foreign_files_are_told(name, tmp_path):
    model, _ = trained()[name]
    path = tmp_path / "model.npz"
    model.save(path)
    for content in damage(path):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"model\.npz is no model that gridtrend saved, or it is damaged"):
            type(model).load(path)
    if name == "RNN":
        with pytest.raises(ValueError, match="or it is damaged"):
            neural.RNN.load(tmp_path / "stripped.npz")


def test_a_model_of_another_kind_is_named(tmp_path):
    model, _ = trained()["MLPRegressor"]
    model.save(tmp_path / "model.npz")
    with pytest.raises(
        ValueError, match=r"holds a model of the kind MLPRegressor: load it with gridtrend.neural.MLPReg"
    ):
        neural.RNN.load(tmp_path / "model.npz")


def test_a_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    model, X = trained()["RNN"]
    path = tmp_path / "model.npz"
    model.save(path)
    monkeypatch.setattr(np, "savez_compressed", lambda *args, **arrays: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.save(path)
    assert os.listdir(tmp_path) == ["model.npz"]
    np.testing.assert_array_equal(neural.RNN.load(path).predict(X), model.predict(X))


# --- windows, lags, scaling -----------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1, 3])
def test_windows_are_views_of_the_series(horizon):
    series = np.arange(20.0)
    X, y = neural.windows(series, 5, horizon)
    assert (X.shape, y.shape) == ((16 - horizon, 5, 1), (16 - horizon, 1))
    assert np.shares_memory(X, series)
    assert np.shares_memory(y, series)
    for i in range(len(X)):
        np.testing.assert_array_equal(X[i, :, 0], series[i : i + 5])
        assert y[i, 0] == series[i + 4 + horizon]


def test_windows_of_several_features_keep_them_last():
    series = np.arange(30.0).reshape(10, 3)
    X, y = neural.windows(series, 4)
    np.testing.assert_array_equal(X[2], series[2:6])
    np.testing.assert_array_equal(y[2], series[6])


def test_windows_of_labelled_arrays_bear_the_time_that_is_predicted():
    time = np.arange("2000-01", "2001-01", dtype="M8[M]").astype("M8[ns]")
    da = xr.DataArray(np.arange(12.0), {"time": time}, ("time",), "tas", {"units": "K"})
    X, y = neural.windows(da, 4)
    assert X.dims == ("time", "step", "feature")
    assert np.shares_memory(X.values, da.values)
    assert X.time.values[0] == y.time.values[0] == time[4]
    np.testing.assert_array_equal(X.values, neural.windows(da.values, 4)[0])
    two = xr.concat([da, da + 1], "member").transpose("member", "time")
    X, y = neural.windows(two, 4)
    assert X.shape == (8, 4, 2)
    np.testing.assert_array_equal(y.values, two.values.T[4:])


def test_windows_of_lazy_arrays_stay_lazy(no_compute):
    da = xr.DataArray(dask.array.arange(40.0, chunks=10), dims="time")
    with no_compute():
        X, y = neural.windows(da, 6)
    np.testing.assert_array_equal(X.compute(), neural.windows(np.arange(40.0), 6)[0])
    assert y.chunks is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones(10), 10), "the series has 10 steps, and windows of 10 with the value 1 later need at least 11"),
        ((np.ones(10), 0), "length=0 is not a number of steps"),
        ((np.ones(10), 2, 0), "horizon=0 is not a number of steps"),
        ((np.ones((9, 2, 2)), 3), r"\(9, 2, 2\), and \(time,\) or \(time, features\) is needed.*fit_per_cell"),
        ((xr.DataArray(np.ones(9), dims="x"), 3), "Name the dimension of time"),
    ],
    ids=["short", "length", "horizon", "grid", "dim"],
)
def test_windows_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        neural.windows(*arguments)


def test_lags_and_harmonics_are_those_of_the_definition():
    series = np.random.default_rng(0).normal(size=30)
    X, y = neural.lagged(series, lags=3, horizon=2, harmonics=2, period=12)
    for i in range(len(X)):
        t = i + 4
        angle = 2 * np.pi * t / 12
        waves = [np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)]
        np.testing.assert_allclose(X[i], [series[t - 2], series[t - 3], series[t - 4], *waves], atol=1e-14)
        assert y[i] == series[t]


def test_a_scaler_knows_training_samples_alone():
    training, test = np.array([[1.0, 7.0], [3.0, 7.0]]), np.array([[1000.0, -1000.0]])
    scaler = neural.Scaler(training)
    np.testing.assert_array_equal(scaler.transform(training), [[-1, 0], [1, 0]])
    np.testing.assert_array_equal(scaler.transform(test), [[998, -1007]])
    np.testing.assert_array_equal(scaler.inverse(scaler.transform(test)), test)


def test_what_is_tested_on_cannot_change_the_network(iris):
    X, y = iris
    model = neural.MLPClassifier(epochs=5).fit(X[::2], y[::2])
    before = model.predict_proba(X[::2])
    model.score(1000 * X[1::2], y[1::2])
    np.testing.assert_array_equal(model.predict_proba(X[::2]), before)
    np.testing.assert_allclose(model.x_scaler_.offset, X[::2].mean(axis=0), rtol=1e-14)


@pytest.mark.skipif(os.name != "posix", reason="files of this system have no modes")
def test_a_saved_model_has_the_mode_of_any_file(tmp_path):
    model = neural.RNN(2, epochs=1, seed=0).fit(np.ones((2, 3, 1)), np.ones((2, 1)))
    before = os.umask(0o022)
    try:
        model.save(tmp_path / "model")
        assert (tmp_path / "model").stat().st_mode & 0o777 == 0o644
        # One that was made private stays so.
        (tmp_path / "model").chmod(0o600)
        model.save(tmp_path / "model")
        assert (tmp_path / "model").stat().st_mode & 0o777 == 0o600
        os.umask(0o077)
        model.save(tmp_path / "another")
        assert (tmp_path / "another").stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "model"]
