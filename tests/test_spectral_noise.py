"""Red noise and coherence: no false alarms at low frequencies, none from single windows, and counts by cell."""

import dask
import numpy as np
import pytest
import scipy.signal
import xarray as xr

import gridtrend as gt
from gridtrend.spectral.red_noise_windows import frequencies_of, red_noise_in_windows


def noise(lag1, steps, cells, seed=0):
    """AR(1) noise in its stationary state, by its definition."""
    values = np.random.default_rng(seed).normal(size=(steps + 500, cells))
    return xr.DataArray(scipy.signal.lfilter([1], [1, -lag1], values, axis=0)[500:], dims=("time", "cell"))


def alarms(lag1, steps, cells, window, **options):
    """Share of cells above the level, at each frequency above zero."""
    found = gt.red_noise(noise(lag1, steps, cells), window=window, **options)
    return (found.power > found.level).mean("cell").values[1:]


@pytest.mark.parametrize(("lag1", "window"), [(0.9, 120), (0.95, 240), (0.7, 50)])
def test_red_noise_raises_no_false_alarm_at_low_frequencies(lag1, window):
    # 5 % asked, 7 % allowed, and three standard deviations of a share of 1,500 cells.
    rates = alarms(lag1, 1800, 1500, window)
    assert rates.max() < 0.07 + 3 * np.sqrt(0.07 * 0.93 / 1500)
    assert 0.03 < rates.mean() < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("detrend", ["constant", "linear"])
@pytest.mark.parametrize(
    ("lag1", "window", "steps"),
    [(0.9, 120, 1800), (0.95, 240, 1800), (0.7, 50, 1800), (0.0, 120, 1800), (0.5, 100, 900), (-0.4, 60, 1200)],
)
def test_red_noise_exceeds_its_level_in_at_most_7_percent_at_every_frequency(lag1, window, steps, detrend):
    rates = alarms(lag1, steps, 20_000, window, detrend=detrend)
    assert rates.max() < 0.07 + 3 * np.sqrt(0.07 * 0.93 / 20_000)
    assert 0.03 < rates.mean() < 0.06


@pytest.mark.parametrize("lag1", [0.0, 0.6, 0.9])
def test_the_lag1_autocorrelation_is_that_of_the_process(lag1):
    found = gt.red_noise(noise(lag1, 1800, 300), window=120).lag1
    assert float(found.mean()) == pytest.approx(lag1, abs=0.01)


@pytest.mark.parametrize("taper", ["hann", "boxcar", "hamming"])
@pytest.mark.parametrize("detrend", [None, "constant", "linear"])
def test_the_background_is_the_mean_power_of_windows_by_brute_force(taper, detrend):
    length, lag1 = 24, 0.83
    weights = scipy.signal.get_window(taper, length)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(length // 2 + 1), np.arange(length)) / length) * weights
    if detrend:
        waves = scipy.signal.detrend(waves.real, type=detrend) + 1j * scipy.signal.detrend(waves.imag, type=detrend)
    covariance = lag1 ** np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    power = np.einsum("ks,st,kt->k", waves, covariance, waves.conj()).real
    angle, double = frequencies_of(length)
    shape = power / (power * (1 + double)).sum()
    table = red_noise_in_windows(weights.tobytes(), detrend)
    place = table.place(np.array([(shape * (1 + double) * np.cos(angle)).sum()]))
    assert float(table.lag1(place)[0]) == pytest.approx(lag1, abs=1e-5)
    np.testing.assert_allclose(table.shape(place)[0], shape, rtol=1e-4, atol=1e-5 * shape.max())


def test_windows_that_tell_no_autocorrelation_are_refused():
    x = noise(0.5, 100, 1)
    with pytest.raises(ValueError, match=r"window=3 is too short for an autocorrelation.*at least 8 samples"):
        gt.red_noise(x, window=3, detrend="linear")
    assert np.isfinite(gt.red_noise(x, window=8, detrend="linear").lag1).all()


def test_the_sign_of_nan_does_not_depend_on_chunks():
    x = noise(0.5, 300, 37).copy()
    x[:, 5:30] = np.nan
    whole = gt.red_noise(x, window=30)
    parts = gt.red_noise(x.chunk(cell=7), window=30).compute(scheduler="synchronous")
    for name in ("power", "background", "level", "lag1"):
        np.testing.assert_array_equal(np.signbit(whole[name]), np.signbit(parts[name]), err_msg=name)


# --- coherence and counts -------------------------------------------------------------------------


def pair():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(240, 5))
    values[100:, 1] = np.nan
    values[70::80, 2] = np.nan
    values[:, 3] = np.inf
    values[130:, 4] = np.nan
    return xr.DataArray(values, dims=("time", "cell")), xr.DataArray(rng.normal(size=240), dims="time")


def windows_by_hand(x, y, window, hop):
    """Windows in which both are complete, cell by cell."""
    valid = np.isfinite(x.values) & np.isfinite(y.values)[:, None]
    return [sum(valid[s : s + window, c].all() for s in range(0, 241 - window, hop)) for c in range(x.shape[1])]


def test_coherence_is_missing_below_two_windows_and_counts_them():
    x, y = pair()
    found = gt.coherence(x, y, window=80, hop=40)
    counts = windows_by_hand(x, y, 80, 40)
    assert counts[:2] == [5, 1]
    assert found.n_segments.values.tolist() == counts
    assert found.n_segments.dtype == np.int32
    np.testing.assert_array_equal(np.isnan(found).all("frequency"), np.array(counts) < 2)
    # Of two windows it is a number, here that of scipy.
    theirs = scipy.signal.coherence(x.values[:130, 4], y.values[:130], nperseg=80, noverlap=40)[1]
    np.testing.assert_allclose(found[:, 4], theirs, rtol=1e-10)


@pytest.mark.parametrize("name", ["welch", "cross_spectrum", "coherence"])
def test_means_count_their_windows_lazily(name, no_compute):
    x, y = pair()
    fields = (x,) if name == "welch" else (x, y)
    options = {"window": 30, "hop": 10}
    expected = getattr(gt, name)(*fields, **options)
    with no_compute():
        lazy = getattr(gt, name)(*(field.chunk(time=50) for field in fields), **options)
    assert dask.is_dask_collection(lazy.n_segments.data)
    assert lazy.n_segments.compute().values.tolist() == windows_by_hand(x, y, 30, 10)
    xr.testing.assert_identical(lazy.compute(), expected)


def test_each_variable_of_a_dataset_has_its_own_count():
    x, _ = pair()
    found = xr.Dataset({"a": x, "b": x.fillna(0.0)}).gridtrend.welch(window=80, hop=40)
    assert found.a_n_segments.values.tolist() == [5, 1, 0, 0, 2]
    assert found.b_n_segments.values.tolist() == [5, 5, 5, 0, 5]


def test_coherence_of_a_record_of_one_window_is_refused():
    x, y = pair()
    for options in ({"window": 240}, {"window": 200, "hop": 100}):
        with pytest.raises(ValueError, match=r"holds one window .* coherence of one window is 1.*window=60, hop=30"):
            gt.coherence(x, y, **options)


# --- numbers that are too large -------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e300, -1e200, 1.7e308])
@pytest.mark.parametrize(
    "call",
    [
        lambda x: gt.spectrogram(x, window=30),
        lambda x: gt.welch(x, window=30, hop=3),
        lambda x: gt.coherence(x, x, window=30),
        lambda x: gt.red_noise(x, window=30).level,
        lambda x: gt.band_power(x, window=30, period=(9, 11)),
        lambda x: gt.harmonic(x, window=30, period=7).amplitude,
        lambda x: gt.inverse_sliding_fft(gt.sliding_fft(x, window=30, taper="hamming")),
    ],
)
def test_numbers_whose_squares_overflow_raise_no_warning(call, size):
    x = noise(0.0, 300, 4)
    x = x / np.abs(x).max() * size
    call(x)
    call(x.chunk(time=100)).compute(scheduler="synchronous")
