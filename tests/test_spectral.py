"""Spectra against scipy, NumPy and what is known exactly."""

import sys

import numpy as np
import pytest
import scipy.signal
import xarray as xr
from scipy.signal import ShortTimeFFT, get_window

import gridtrend as gt
from gridtrend.spectral import fft
from gridtrend.spectral.tapers import effective_segments, noise_bandwidth, taper_weights
from tests import reference_spectral as reference

RTOL = 1e-12
TAPERS = ["boxcar", "hann", "hamming", "blackmanharris", ("tukey", 0.25), ("kaiser", 8.0)]


def series(n, seed=0, complex_=False, trend=0.01):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=n) + trend * np.arange(n) + 5.0
    return xr.DataArray(values + 1j * rng.normal(size=n) if complex_ else values, dims="time")


def assert_close(found, expected, rtol=RTOL):
    """Equal to `rtol` of the largest value, missing in the same places."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    scale = np.nanmax(np.abs(expected))
    np.testing.assert_allclose(np.nan_to_num(found) / scale, np.nan_to_num(expected) / scale, rtol=0, atol=rtol)


@pytest.fixture(params=["ducc0", "scipy"])
def library(request, monkeypatch):
    """Run a test with each library of transforms."""
    fft.transform.cache_clear()
    if request.param == "scipy":
        monkeypatch.setitem(sys.modules, "ducc0.fft", None)
    else:
        pytest.importorskip("ducc0")
    yield request.param
    fft.transform.cache_clear()


# --- the question that it began with --------------------------------------------------------------


def test_every_window_of_the_question_is_in_its_column(library):
    x = series(43_200).values
    found = gt.sliding_fft(xr.DataArray(x, dims="time"), window=600, hop=60, sides="twosided")
    assert found.shape == (600, 711)
    for j in range(711):
        assert_close(found.values[:, j], np.fft.fft(x[60 * j : 60 * j + 600]))


def test_windows_that_are_not_full_are_completed_with_zeros_on_request(library):
    x = series(43_200).values
    found = gt.sliding_fft(xr.DataArray(x, dims="time"), window=600, hop=60, sides="twosided", boundary="zeros")
    assert found.shape == (600, 720)
    for j in range(720):
        assert_close(found.values[:, j], np.fft.fft(x[60 * j : 60 * j + 600], 600))


# --- scipy's conventions --------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", [None, "spectrum", "density"])
@pytest.mark.parametrize(("window", "hop", "nfft"), [(60, 12, None), (97, 97, None), (45, 7, 100)])
@pytest.mark.parametrize("taper", TAPERS, ids=str)
def test_transforms_are_those_of_short_time_fft(taper, window, hop, nfft, scaling):
    x = series(700)
    weights = get_window(taper, window)
    peer = ShortTimeFFT(
        *(weights, hop, 1.0),
        mfft=nfft,
        scale_to={"spectrum": "magnitude", "density": "psd", None: None}[scaling],
        phase_shift=0,
        fft_mode="twosided",
    )
    # Its windows are counted by their middle: these are the first that is full, and so on.
    count = (700 - window) // hop + 1
    expected = peer.stft(x.values, 0, count, k_offset=window // 2)
    options = {"window": window, "hop": hop, "nfft": nfft, "taper": taper, "scaling": scaling, "phase": "center"}
    found = gt.sliding_fft(x, sides="twosided", **options)
    assert_close(found, expected)
    np.testing.assert_allclose(found.frequency, peer.f, rtol=RTOL)
    assert_close(gt.sliding_fft(x, **options), expected[: (nfft or window) // 2 + 1])


@pytest.mark.parametrize("boundary", ["zeros", "even", "odd"])
def test_what_lies_beyond_the_end_is_as_short_time_fft_pads(boundary):
    x = series(500)
    peer = ShortTimeFFT(get_window("hann", 60), 12, 1.0, phase_shift=None, fft_mode="onesided")
    expected = peer.stft(x.values, 0, 42, k_offset=30, padding=boundary)
    assert_close(gt.sliding_fft(x, window=60, hop=12, taper="hann", boundary=boundary), expected)


@pytest.mark.parametrize("boundary", ["valid", "zeros", "even", "odd"])
@pytest.mark.parametrize("detrend", [None, "constant", "linear"])
@pytest.mark.parametrize(("window", "hop"), [(60, 12), (101, 1), (50, 300), (400, 77), (1, 3), (2, 1)])
def test_transforms_are_those_of_each_window_by_itself(window, hop, detrend, boundary, library):
    x = series(410)
    taper = get_window("hamming", window)
    expected = reference.sliding_fft(x.values, window, hop, taper=taper, detrend=detrend, boundary=boundary)
    found = gt.sliding_fft(
        *(x,), window=window, hop=hop, taper="hamming", detrend=detrend, boundary=boundary, sides="twosided"
    )
    # Detrended windows of one or two samples are zero: only the data tell what is small.
    scale = np.abs(x.values).max() * window
    assert found.shape == expected.shape
    assert np.abs(found.values - expected).max() < RTOL * scale


@pytest.mark.parametrize("scaling", ["spectrum", "density"])
@pytest.mark.parametrize("detrend", [None, "constant", "linear"])
@pytest.mark.parametrize(("window", "overlap", "nfft"), [(60, 30, None), (61, 51, None), (97, 0, 128), (512, 400, 512)])
@pytest.mark.parametrize("sides", ["onesided", "twosided"])
def test_power_is_that_of_scipy(sides, window, overlap, nfft, detrend, scaling):
    x, y = series(1500, 1), series(1500, 2)
    y = y + 0.5 * x
    options = {
        "window": "hann",
        "nperseg": window,
        "noverlap": overlap,
        "nfft": nfft,
        "detrend": detrend or False,
        "return_onesided": sides == "onesided",
    }
    own = {"window": window, "hop": window - overlap, "nfft": nfft, "detrend": detrend, "sides": sides}
    frequency, expected = scipy.signal.welch(x.values, **options, scaling=scaling)
    found = gt.welch(x, **own, scaling=scaling)
    assert_close(found, expected)
    np.testing.assert_allclose(found.frequency, frequency, rtol=RTOL)
    expected = scipy.signal.csd(x.values, y.values, **options, scaling=scaling)[1]
    assert_close(gt.cross_spectrum(x, y, **own, scaling=scaling), expected)
    expected = scipy.signal.spectrogram(x.values, **options, scaling=scaling, mode="psd")[2]
    assert_close(gt.spectrogram(x, **own, scaling=scaling), expected)


@pytest.mark.parametrize(("window", "hop", "detrend"), [(256, 1, "constant"), (257, 6, None), (300, 3, "constant")])
@pytest.mark.parametrize("taper", ["boxcar", "hann", "blackmanharris", "flattop", ("tukey", 0.25)], ids=str)
def test_windows_that_move_by_a_few_samples_have_the_power_of_scipy(taper, window, hop, detrend):
    x = series(2500) + 280
    options = {"window": taper, "nperseg": window, "noverlap": window - hop, "detrend": detrend or False}
    expected = scipy.signal.welch(x.values, **options)[1]
    assert_close(gt.welch(x, window=window, hop=hop, taper=taper, detrend=detrend), expected)


@pytest.mark.parametrize("taper", TAPERS, ids=str)
@pytest.mark.parametrize("window", [64, 61])
def test_coherence_is_that_of_scipy(window, taper):
    x, y = series(1500, 1, trend=0), series(1500, 2, trend=0)
    y = y + x
    options = {"window": taper, "nperseg": window, "noverlap": window // 2, "detrend": "constant"}
    expected = scipy.signal.coherence(x.values, y.values, **options)[1]
    found = gt.coherence(x, y, window=window, hop=window - window // 2, taper=taper)
    # At frequency zero the data are detrended: a ratio of roundings.
    assert_close(found[1:], expected[1:], RTOL)


def test_complex_data_have_two_sides():
    x, y = series(900, 1, complex_=True), series(900, 2, complex_=True)
    own = {"window": 100, "hop": 50, "sides": "twosided"}
    options = {"nperseg": 100, "return_onesided": False}
    assert_close(gt.welch(x, **own), scipy.signal.welch(x.values, **options)[1])
    assert_close(gt.cross_spectrum(x, y, **own), scipy.signal.csd(x.values, y.values, **options)[1])
    expected = reference.sliding_fft(x.values, 100, 50)
    assert_close(gt.sliding_fft(x, window=100, hop=50, sides="twosided"), expected)


# --- what is known exactly ------------------------------------------------------------------------


@pytest.mark.parametrize("window", [600, 601, 128])
def test_power_of_windows_that_do_not_overlap_is_the_mean_square(window):
    x = series(6010)
    power = gt.spectrogram(x, window=window, hop=window, taper="boxcar", detrend=None)
    mean_squares = (x.values[: 6010 // window * window].reshape(-1, window) ** 2).mean(axis=1)
    np.testing.assert_allclose((power.sum("frequency") / window).values, mean_squares, rtol=RTOL)


@pytest.mark.parametrize(
    ("taper", "bandwidth"),
    [
        *(("boxcar", 1.0), ("hann", 1.5), ("hamming", 1.362826)),
        *(("blackmanharris", 2.004353), (("tukey", 0.25), 1.102041)),
    ],
)
def test_noise_bandwidths_are_the_tabulated_ones(taper, bandwidth):
    weights = taper_weights(taper, 600)
    assert noise_bandwidth(np.ones(600) if weights is None else weights) == pytest.approx(bandwidth, abs=2e-6)
    found = gt.welch(series(1200), window=600, taper=taper)
    assert found.attrs["equivalent_noise_bandwidth"] == pytest.approx(bandwidth, abs=2e-6)


@pytest.mark.parametrize("hop", [600, 300, 150, 60])
def test_effective_segments_are_those_of_welch(hop):
    # His formula, one pair of windows at a time.
    weights, count = get_window("hann", 600), 40
    padded = np.zeros((count, 40 * 600 + 600))
    for k in range(count):
        padded[k, k * hop : k * hop + 600] = weights
    correlation = (padded @ padded.T / (weights**2).sum()) ** 2
    assert effective_segments(weights, hop, count) == pytest.approx(count**2 / correlation.sum(), rel=1e-12)


def test_a_line_has_its_power_and_noise_its_variance():
    t = np.arange(43_200)
    line = xr.DataArray(2.5 * np.cos(2 * np.pi * t / 12 + 0.3), dims="time")
    peak = gt.welch(line, window=600, hop=60, scaling="spectrum").sel(frequency=1 / 12)
    assert float(peak) == pytest.approx(3.125, rel=1e-13)
    noise = series(43_200, trend=0)
    power = gt.welch(noise, window=600, hop=60)
    assert float(power.sum() / 600) == pytest.approx(float(noise.var()), rel=0.01)


def test_a_signal_with_as_much_noise_has_half_the_coherence():
    signal, noise = series(43_200, 1, trend=0), series(43_200, 2, trend=0)
    found = gt.coherence(signal, signal + noise, window=600, hop=60)
    assert float(found.mean()) == pytest.approx(0.5, abs=0.01)
    other = gt.coherence(signal, noise, window=600, hop=60)
    assert float((other > other.attrs["significance_level"]).mean()) == pytest.approx(0.05, abs=0.04)


@pytest.mark.parametrize("library", ["ducc0", "scipy"], indirect=True)
@pytest.mark.parametrize("sides", ["onesided", "twosided"])
@pytest.mark.parametrize("scaling", [None, "spectrum", "density"])
@pytest.mark.parametrize(
    ("taper", "window", "hop", "nfft"),
    [("boxcar", 60, 60, None), ("hamming", 61, 20, 128), ("hann", 60, 15, None), (("tukey", 0.25), 64, 40, None)],
)
def test_the_inverse_gives_the_series_back(taper, window, hop, nfft, scaling, sides, library):
    x = series(1000)
    options = {"window": window, "hop": hop, "nfft": nfft, "taper": taper, "scaling": scaling, "sides": sides}
    for more in ({"boundary": "zeros"}, {"phase": "center"}):
        back = gt.inverse_sliding_fft(gt.sliding_fft(x, **options, **more)).real
        known = np.isfinite(back.values)
        assert known[window : 1000 - 2 * window].all()
        assert np.abs(back.values - x.values)[known].max() < RTOL * np.abs(x.values).max()


def test_the_inverse_takes_a_taper_of_numbers_again_and_knows_the_times():
    time = xr.date_range("2001", periods=400, freq="6h")
    x = series(400).assign_coords(time=time).assign_attrs(units="K")
    weights = np.linspace(0.5, 1.5, 40)
    spectrum = gt.sliding_fft(x, window=40, hop=20, taper=weights)
    with pytest.raises(ValueError, match="give it again"):
        gt.inverse_sliding_fft(spectrum)
    back = gt.inverse_sliding_fft(spectrum, taper=weights)
    xr.testing.assert_allclose(back.drop_attrs(), x.drop_attrs(), rtol=1e-12)
    assert back.attrs["units"] == "K"


def test_the_inverse_is_refused_where_there_is_none():
    x = series(400)
    with pytest.raises(ValueError, match="leaves 20 between windows"):
        gt.inverse_sliding_fft(gt.sliding_fft(x, window=40, hop=60))
    with pytest.raises(ValueError, match="hides 1 of every 40"):
        gt.inverse_sliding_fft(gt.sliding_fft(x, window=40, hop=40, taper="hann"))
    with pytest.raises(ValueError, match="detrend=None"):
        gt.inverse_sliding_fft(gt.sliding_fft(x, window=40, hop=20, detrend="constant"))
    with pytest.raises(ValueError, match="without the attributes"):
        gt.inverse_sliding_fft(gt.sliding_fft(x, window=40, hop=20).drop_attrs())
    with pytest.raises(ValueError, match="21 of 21 frequencies and 5 of 19 windows"):
        gt.inverse_sliding_fft(gt.sliding_fft(x, window=40, hop=20).isel(time=slice(3, 8)))


# --- bands and waves ------------------------------------------------------------------------------


def test_the_annual_cycle_has_its_amplitude_and_its_drift():
    t = np.arange(2400)
    x = xr.DataArray(2.5 * np.cos(2 * np.pi * t / 12 + 0.7 + 1e-3 * t), dims="time")
    steady = xr.DataArray(2.5 * np.cos(2 * np.pi * t / 12 + 0.7), dims="time")
    found = gt.harmonic(steady, period=12, window=120, hop=12)
    np.testing.assert_allclose(found.amplitude, 2.5, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.phase, 0.7, rtol=0, atol=1e-11)
    drift = gt.harmonic(x, period=12, window=120, hop=12).phase.polyfit("time", 1).polyfit_coefficients
    assert float(drift.sel(degree=1)) == pytest.approx(1e-3, rel=0.01)
    # The same from the transform: its phase is counted from the start of each window.
    spectrum = gt.sliding_fft(steady, window=120, hop=7).isel(frequency=10)
    np.testing.assert_allclose(2 * np.abs(spectrum) / 120, 2.5, rtol=1e-13)
    expected = np.exp(1j * (0.7 + 2 * np.pi * 7 * np.arange(spectrum.sizes["time"]) / 12))
    np.testing.assert_allclose(spectrum / np.abs(spectrum), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("detrend", "degree"), [(None, -1), ("constant", 0), ("linear", 1)])
@pytest.mark.parametrize(("period", "window"), [(12, 120), (11.3, 100), (29.53, 59)])
def test_waves_are_those_of_least_squares(period, window, detrend, degree):
    x = series(500)
    found = gt.harmonic(x, period=period, window=window, hop=17, detrend=detrend)
    expected = [
        reference.wave(one, period, 17 * j, degree) for j, one in enumerate(reference.windows(x.values, window, 17))
    ]
    np.testing.assert_allclose(found.amplitude, np.array(expected)[:, 0], rtol=1e-9)
    turn = np.exp(1j * (found.phase.values - np.array(expected)[:, 1]))
    np.testing.assert_allclose(turn, 1, rtol=0, atol=1e-8)


@pytest.mark.parametrize("detrend", [None, "constant", "linear"])
@pytest.mark.parametrize("band", [(10, 10.5), (9, 12), (3, 60), (2, 1000)])
def test_band_power_is_the_integral_of_the_density(band, detrend):
    # Few frequencies are summed directly, many by a transform: both must agree with the density.
    x = series(600)
    taper = get_window("hann", 90)
    density = reference.power(x.values, 90, 7, taper=taper, detrend=detrend)
    frequency = np.fft.rfftfreq(90)
    inside = (frequency >= 1 / band[1] - 1e-12) & (frequency <= 1 / band[0] + 1e-12)
    if not inside.any():
        pytest.skip("no frequency lies in the band")
    found = gt.band_power(x, period=band, window=90, hop=7, detrend=detrend)
    assert found.attrs["frequencies"] == inside.sum()
    np.testing.assert_allclose(found, density[inside].sum(axis=0) / 90, rtol=1e-10)
    xr.testing.assert_equal(
        found, gt.band_power(x, frequency=(1 / band[1], 1 / band[0]), window=90, hop=7, detrend=detrend)
    )


# --- significance ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lag1", "hop", "alpha"), [(0.0, 250, 0.05), (0.7, 250, 0.05), (0.7, 50, 0.01), (-0.4, 125, 0.1)]
)
def test_red_noise_exceeds_its_level_as_often_as_it_should(lag1, hop, alpha):
    noise = np.random.default_rng(3).normal(size=(20_000, 8))
    red = xr.DataArray(scipy.signal.lfilter([1], [1, -lag1], noise, axis=0)[200:], dims=("time", "cell"))
    found = gt.red_noise(red, window=500, hop=hop, alpha=alpha)
    np.testing.assert_allclose(found.lag1, lag1, rtol=0, atol=0.03)
    inside = slice(3, -1)
    share = float((found.power > found.level).isel(frequency=inside).mean())
    assert share == pytest.approx(alpha, abs=0.4 * alpha)
    theory = 2 / np.abs(1 - lag1 * np.exp(-2j * np.pi * found.frequency)) ** 2
    ratio = (found.background / theory).isel(frequency=inside)
    np.testing.assert_allclose(ratio.mean("cell"), 1, rtol=0.05)


def test_a_line_stands_out_of_red_noise():
    rng = np.random.default_rng(0)
    red = scipy.signal.lfilter([1], [1, -0.6], rng.normal(size=12_000))
    x = xr.DataArray(red + 0.4 * np.sin(2 * np.pi * np.arange(12_000) / 20), dims="time")
    found = gt.red_noise(x, window=400, alpha=1e-4)
    above = found.frequency[(found.power > found.level).values]
    assert set(above.values.round(4)) == {0.05}
    assert int(found.n_segments) == 59
    assert found.attrs["effective_segments"] == pytest.approx(
        float(effective_segments(get_window("hann", 400), 200, 59))
    )
