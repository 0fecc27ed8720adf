"""Spectra on grids: chunks, laziness, missing values, coordinates, attributes, and what users are told."""

import pickle
import re
import sys

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.signal import get_window

import gridtrend as gt
from gridtrend.spectral import fft
from tests import reference_spectral as reference

# Each function with one set of options, as `call(x, y)`.
CALLS = {
    "sliding_fft": lambda x, y: gt.sliding_fft(x, window=30, hop=7),
    "sliding_fft_mirrored": lambda x, y: gt.sliding_fft(
        *(x,), window=31, hop=7, taper="hann", boundary="odd", detrend="linear", phase="center", nfft=64
    ),
    "sliding_fft_zeros": lambda x, y: gt.sliding_fft(x, window=30, hop=45, boundary="zeros", sides="twosided"),
    "spectrogram": lambda x, y: gt.spectrogram(x, window=30, hop=15, boundary="even"),
    "spectrogram_filled": lambda x, y: gt.spectrogram(x, window=30, hop=15, nan_policy="fill"),
    "welch": lambda x, y: gt.welch(x, window=30, hop=5),
    "welch_every_sample": lambda x, y: gt.welch(x, window=20, hop=1, taper="boxcar"),
    "welch_sliding": lambda x, y: gt.welch(x, window=256, hop=2),
    "cross_spectrum": lambda x, y: gt.cross_spectrum(x, y, window=30, hop=10),
    "coherence": lambda x, y: gt.coherence(x, y, window=30, hop=10, taper="hamming"),
    "coherence_with_series": lambda x, y: gt.coherence(x, y[:, 1, 1], window=30, hop=10),
    "band_power_direct": lambda x, y: gt.band_power(x, period=(9, 11), window=30, hop=10),
    "band_power": lambda x, y: gt.band_power(x, period=(2, 20), window=30, hop=10),
    "harmonic": lambda x, y: gt.harmonic(x, period=12.5, window=30, hop=10),
    "red_noise": lambda x, y: gt.red_noise(x, window=30, hop=10),
    "inverse": lambda x, y: gt.inverse_sliding_fft(gt.sliding_fft(x, window=30, hop=7, taper="hamming")),
}
CHUNKS = [
    {"time": -1, "lat": 2},
    {"time": 60, "lon": 3},
    {"time": 7},
    {"time": (1, 2, 197, 100), "lat": 1, "lon": 2},
]

# What each function returns, by name.
OUTPUTS = {
    "sliding_fft": {"spectrum"},
    "inverse_sliding_fft": {"series"},
    "spectrogram": {"power"},
    "welch": {"power"},
    "cross_spectrum": {"cross_power"},
    "coherence": {"coherence"},
    "band_power": {"band_power"},
    "harmonic": {"amplitude", "phase"},
    "red_noise": {"power", "background", "level", "lag1", "n_segments"},
}

every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@pytest.fixture
def field():
    """Daily values with a cell without any, one with a gap, and one with an infinite value."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 3, 4))
    values[:, 0, 0] = np.nan
    values[100:130, 1, 1] = np.nan
    values[250, 2, 3] = np.inf
    coords = {"time": xr.date_range("2001", periods=300, freq="D"), "lat": [10.0, 20, 30], "lon": [0.0, 1, 2, 3]}
    return xr.DataArray(values, coords, ("time", "lat", "lon"), "tas", {"units": "K", "long_name": "temperature"})


@pytest.fixture
def other(field):
    return (
        (field.fillna(0) + np.random.default_rng(1).normal(size=field.shape))
        .rename("pr")
        .assign_attrs(units="mm day-1")
    )


# --- chunks and laziness --------------------------------------------------------------------------


@every_call
@pytest.mark.parametrize("chunks", CHUNKS, ids=str)
def test_chunks_do_not_change_a_bit_and_nothing_is_computed_early(call, chunks, field, other, no_compute):
    expected = call(field, other)
    with no_compute():
        lazy = call(field.chunk(chunks), other.chunk(chunks))
    assert dask.is_dask_collection(lazy)
    found = lazy.compute(scheduler="threads")
    xr.testing.assert_identical(found, expected)
    if isinstance(expected, xr.DataArray):
        assert lazy.dtype == found.dtype == expected.dtype


@every_call
def test_graphs_pickle_and_are_the_same_for_the_same_call(call, field, other):
    once, again = (call(field.chunk(time=50), other.chunk(time=50)) for _ in range(2))
    assert dict(once.__dask_graph__()).keys() == dict(again.__dask_graph__()).keys()
    xr.testing.assert_identical(pickle.loads(pickle.dumps(once)).compute(), call(field, other))


@every_call
@pytest.mark.parametrize("dims", ["lat lon time", "lon time lat"])
def test_the_order_of_dimensions_does_not_matter(call, dims, field, other):
    expected = call(field, other)
    found = call(field.transpose(*dims.split()), other)
    kept = [dim for dim in dims.split() if dim != "time"]
    names = found.dims if isinstance(found, xr.DataArray) else next(iter(found.data_vars.values())).dims
    assert [dim for dim in names if dim in kept] == kept
    like = expected if isinstance(expected, xr.DataArray) else next(iter(expected.data_vars.values()))
    xr.testing.assert_identical(found.transpose(*like.dims), expected.transpose(*like.dims))


@every_call
def test_each_cell_equals_its_own_call(call, field, other):
    together = call(field, other)
    if "lat" in together.dims:
        for i, j in ((0, 0), (0, 1), (1, 1), (2, 3)):
            alone = call(field[:, i, j], xr.concat([other], "more").isel(more=0) if other.ndim < 3 else other)
            xr.testing.assert_equal(
                alone.isel(lat=i, lon=j) if "lat" in alone.dims else alone, together.isel(lat=i, lon=j)
            )


def test_many_cells_fill_tiles_and_batches_rightly():
    x = np.random.default_rng(0).normal(size=(200, 101))
    da = xr.DataArray(x, dims=("time", "cell"))
    expected = np.stack([reference.sliding_fft(one, 24, 5, one_sided=True) for one in x.T], axis=-1)
    found = gt.sliding_fft(da, window=24, hop=5)
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-12)
    power = gt.welch(da, window=24, hop=5, detrend=None)
    density = [reference.power(one, 24, 5, taper=get_window("hann", 24)).mean(axis=1) for one in x.T]
    np.testing.assert_allclose(power.values, np.array(density).T, rtol=1e-12)


def test_both_libraries_give_the_same_numbers(field, monkeypatch):
    pytest.importorskip("ducc0")
    fft.transform.cache_clear()
    with_ducc = gt.welch(field, window=60, hop=10)
    fft.transform.cache_clear()
    monkeypatch.setitem(sys.modules, "ducc0.fft", None)
    with_scipy = gt.welch(field, window=60, hop=10)
    fft.transform.cache_clear()
    np.testing.assert_allclose(with_ducc, with_scipy, rtol=1e-13)


def test_single_precision_stays_so_through_time_and_is_computed_in_double(field):
    single = field.astype("f4")
    assert gt.sliding_fft(single, window=30).dtype == np.complex64
    assert gt.spectrogram(single, window=30).dtype == np.float32
    assert gt.welch(single, window=30).dtype == np.float64
    xr.testing.assert_identical(gt.welch(single, window=30), gt.welch(single.astype(float), window=30))
    whole = (100 * field.where(np.isfinite(field), 0)).round()
    xr.testing.assert_identical(gt.spectrogram(whole.astype("i2"), window=30), gt.spectrogram(whole, window=30))


@every_call
def test_results_bear_the_names_that_are_documented(call, field, other):
    found = call(field, other)
    names = {found.name} if isinstance(found, xr.DataArray) else set(found.data_vars)
    assert names in OUTPUTS.values()


# --- missing values -------------------------------------------------------------------------------


def test_windows_with_missing_values_are_missing(field):
    found = gt.sliding_fft(field, window=30, hop=7)
    expected = reference.sliding_fft(field.values[:, 1, 1], 30, 7, one_sided=True)
    assert 0 < np.isnan(expected[0]).sum() < expected.shape[1]
    np.testing.assert_allclose(found[:, :, 1, 1].values, expected, rtol=0, atol=1e-12)
    assert found[:, :, 0, 0].isnull().all()
    assert np.isnan(found[:, :, 0, 0].imag).all()


def test_means_are_over_the_windows_that_are_complete(field):
    found = gt.red_noise(field, window=30, hop=7)
    taper = get_window("hann", 30)
    density = reference.power(field.values[:, 1, 1], 30, 7, taper=taper, detrend="constant")
    np.testing.assert_allclose(found.power[:, 1, 1].values, np.nanmean(density, axis=1), rtol=1e-12)
    assert int(found.n_segments[1, 1]) == np.isfinite(density[0]).sum()
    assert int(found.n_segments[0, 0]) == 0
    assert found.level[:, 0, 0].isnull().all()


def test_filling_takes_the_mean_of_the_window(field):
    found = gt.sliding_fft(field, window=30, hop=30, nan_policy="fill")
    values = field.values[240:270, 2, 3].copy()
    values[10] = np.delete(values, 10).mean()
    np.testing.assert_allclose(found[:, 8, 2, 3].values, np.fft.rfft(values), rtol=0, atol=1e-12)
    # Where nothing is known there is nothing to fill with.
    assert found[:, :, 0, 0].isnull().all()


def test_missing_values_raise_on_request_once_they_are_seen(field):
    with pytest.raises(ValueError, match="there are missing values"):
        gt.welch(field, window=30, nan_policy="raise")
    lazy = gt.welch(field.chunk(time=50), window=30, nan_policy="raise")
    with pytest.raises(ValueError, match="interpolate_na"):
        lazy.compute()
    complete = gt.welch(field[:, 2, 1], window=30, nan_policy="raise")
    xr.testing.assert_equal(complete, gt.welch(field[:, 2, 1], window=30))


@pytest.mark.parametrize("boundary", ["even", "odd"])
def test_a_hole_before_the_end_is_mirrored_too(boundary):
    x = np.random.default_rng(0).normal(size=100)
    x[92] = np.nan
    found = gt.sliding_fft(xr.DataArray(x, dims="time"), window=20, hop=5, boundary=boundary)
    expected = reference.sliding_fft(x, 20, 5, boundary=boundary, one_sided=True)
    np.testing.assert_array_equal(np.isnan(found.values), np.isnan(expected))


# --- coordinates and attributes -------------------------------------------------------------------


def test_columns_are_named_by_frequency_and_time(field):
    found = gt.sliding_fft(field, window="30D", hop="15D")
    assert found.dims == ("frequency", "time", "lat", "lon")
    assert found.frequency.attrs["units"] == "day-1"
    np.testing.assert_allclose(found.frequency, np.arange(16) / 30)
    assert found.time.values[0] == np.datetime64("2001-01-15T12")
    assert found.window_start.values[1] == np.datetime64("2001-01-16")
    assert found.window_end.values[1] == np.datetime64("2001-02-14")
    assert found.attrs["window"] == 30
    assert found.attrs["hop"] == 15
    assert found.attrs["taper"] == "boxcar"
    assert found.attrs["units"] == "K"
    assert "temperature" in found.attrs["long_name"]
    xr.testing.assert_equal(found.lat, field.lat)


def test_months_count_as_equal_on_request():
    time = xr.date_range("1950-01-16", periods=600, freq="MS")
    x = xr.DataArray(np.cos(2 * np.pi * np.arange(600) / 48), {"time": time}, "time", attrs={"units": "degC"})
    with pytest.raises(ValueError, match=r"'time' is not sampled regularly.*sampling='calendar'"):
        gt.welch(x, window="20Y")
    found = gt.welch(x, window="20Y", sampling="calendar")
    assert found.attrs["window"] == 240
    assert float(found.idxmax()) == pytest.approx(0.25)
    assert found.frequency.attrs["units"] == "year-1"
    assert found.attrs["units"] == "K2 year"


@pytest.mark.parametrize(
    ("units", "expected"),
    [("K", "K2 day"), ("1", "day"), ("mm day-1", "(mm day-1)2 day"), ("degC", "K2 day"), (None, None)],
)
def test_densities_have_units(units, expected, field):
    field.attrs = {} if units is None else {"units": units}
    assert gt.welch(field, window=30).attrs.get("units") == expected


def test_a_record_without_times_is_counted_in_steps():
    found = gt.spectrogram(xr.DataArray(np.arange(100.0), dims="t"), "t", window=10, hop=10)
    np.testing.assert_array_equal(found.t, 4.5 + 10 * np.arange(10))
    assert found.frequency.attrs["units"] == "1"


def test_unsorted_times_are_sorted(field):
    order = np.random.default_rng(0).permutation(300)
    xr.testing.assert_identical(gt.welch(field[order], window=30), gt.welch(field, window=30))


def test_the_attributes_of_the_input_stay_as_they_were(field):
    before = field.copy(deep=True)
    result = gt.spectrogram(field, window=30)
    for variable in result.variable, *(coordinate.variable for coordinate in result.coords.values()):
        variable.attrs["mark"] = "mine"
    xr.testing.assert_identical(field, before)


def test_accessors_give_the_same(field, other):
    xr.testing.assert_identical(field.gridtrend.welch(window=30), gt.welch(field, window=30))
    both = xr.Dataset({"tas": field, "pr": other})
    found = both.gridtrend.spectrogram(window=30)
    xr.testing.assert_equal(found["pr_power"], gt.spectrogram(other, window=30).rename("pr_power"))
    assert set(both.gridtrend.harmonic(period=12, window=30).data_vars) == {
        *("tas_amplitude", "tas_phase", "pr_amplitude", "pr_phase")
    }


# --- what users are told --------------------------------------------------------------------------

WRONG = [
    ({"window": 301}, "window=301 is 301 samples long, and 'time' has 300"),
    ({"window": "2Y"}, r"window='2Y' is 730 samples long"),
    ({"window": 30, "hop": 0}, "hop=0 is less than one sample; give at least 1"),
    ({"window": 30, "hop": "1h"}, "hop='1h' is less than one sample"),
    ({"window": 30.5}, "window=30.5 is not a number of samples"),
    ({"window": "30 parsecs"}, "window='30 parsecs' is not a duration; write"),
    ({"window": 30, "taper": "hunn"}, r"taper='hunn' is not known .* Use 'boxcar', 'hann'"),
    ({"window": 30, "taper": np.ones(29)}, "array of shape .29,.* give 30 finite real weights"),
    ({"window": 30, "taper": np.zeros(30)}, "taper is zero everywhere"),
    ({"window": 30, "detrend": "cubic"}, "detrend='cubic' is not known; use one of None, 'constant'"),
    ({"window": 30, "nan_policy": "omit"}, "nan_policy='omit' is not known; use one of 'propagate'"),
    ({"window": 30, "sides": "both"}, "sides='both' is not known"),
    ({"window": 30, "boundary": "wrap"}, "boundary='wrap' is not known"),
    ({"window": 30, "scaling": "psd"}, "scaling='psd' is not known"),
    ({"window": 30, "nfft": 20}, "nfft=20 is less than the window of 30 samples"),
    ({"window": 30, "sampling": "monthly"}, "sampling='monthly' is not known"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_told_with_the_way_out(options, message, field):
    with pytest.raises(ValueError, match=message):
        gt.sliding_fft(field, **options)


def test_complex_data_are_refused_where_they_make_no_sense(field):
    with pytest.raises(ValueError, match="say sides='twosided'"):
        gt.sliding_fft(field * 1j, window=30)
    with pytest.raises(TypeError, match=r"take one part: da\.real"):
        gt.harmonic(field * 1j, period=12, window=30)


def test_irregular_times_are_refused_by_name(field):
    with pytest.raises(ValueError, match=r"'time' is not sampled regularly.*reindex"):
        gt.welch(field.isel(time=[*range(50), *range(60, 300)]), window=30)


def test_bands_without_a_frequency_are_refused_with_those_there_are(field):
    with pytest.raises(ValueError, match=r"no frequency lies between 0\.0005.* day-1.*one every 0\.0333333"):
        gt.band_power(field, period=("523D", "5Y"), window=30)
    with pytest.raises(ValueError, match="one of the two"):
        gt.band_power(field, window=30)
    with pytest.raises(ValueError, match="period=400 is 400 samples long"):
        gt.harmonic(field, period=400, window=30)


def test_fields_that_do_not_match_are_refused(field, other):
    with pytest.raises(ValueError, match="do not have the same coordinates"):
        gt.coherence(field, other.assign_coords(lat=[1.0, 2, 3]), window=30)


def test_a_dataset_and_a_missing_dimension_are_refused(field):
    with pytest.raises(TypeError, match="not a Dataset"):
        gt.welch(field.to_dataset(), window=30)
    with pytest.raises(ValueError, match="no dimension 'year'"):
        gt.welch(field, "year", window=30)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: gt.welch(x, window=30, hop=500), "hop=500 is 500 samples long, and 'time' has 300"),
        (lambda x: gt.welch(x, window=30, hop="5Y"), "hop='5Y' is 1826 samples long"),
        (lambda x: gt.band_power(x, window=60, period=("50D", "10D")), r"wrong way round; write \(shortest, longest\)"),
        (lambda x: gt.band_power(x, window=60, frequency=(0.1, 0.02)), r"frequency=\(0\.02, 0\.1\)"),
        (lambda x: gt.welch(x, window=30, taper="tukey:9"), "'tukey' is a share of the window, from 0 to 1"),
        (lambda x: gt.welch(x, window=30, taper=("tukey", -1.0)), "a share of the window, from 0 to 1"),
        (lambda x: gt.welch(x, window=30, taper="gaussian:0"), "no weights that are finite"),
        (lambda x: gt.welch(x, window=pd.DateOffset(months=3)), r"\(DateOffset\) is not a length.*'5Y'"),
        (lambda x: gt.welch(x, window=np.timedelta64(2, "M")), "not a fixed length of time"),
        (lambda x: gt.welch(x, window="60ms"), "'60ms' is not a duration"),
        (lambda x: gt.welch(x, window=True), r"window=True \(bool\) is not a length"),
        (lambda x: gt.welch(x, window=30, nfft="x"), "nfft='x' is less than the window"),
        (lambda x: gt.red_noise(x, window=30, alpha=None), "alpha=None is not a significance level"),
        (lambda x: gt.welch(x.rename(lat="n_segments"), window=30), "dimension 'n_segments' already; rename it"),
        (lambda x: gt.welch(x.assign_coords(frequency=1.0), window=30), "coordinate 'frequency' already; rename it"),
    ],
)
def test_options_out_of_range_are_refused_with_the_way_out(call, message, field):
    with pytest.raises(ValueError, match=message):
        call(field)


def test_tapers_with_parameters_are_written_in_either_way(field):
    one, other = (gt.welch(field, window=30, taper=taper) for taper in ("tukey:0.25", ("tukey", 0.25)))
    xr.testing.assert_identical(one, other)
    spectrum = gt.sliding_fft(field, window=30, hop=10, taper="kaiser:8")
    np.testing.assert_allclose(gt.inverse_sliding_fft(spectrum)[5:-5, 0, 1], field[5:-5, 0, 1], rtol=1e-9)


@pytest.mark.parametrize(("frequency", "samples"), [("2YS", 24), ("24MS", 24), ("1YE-DEC", 12), ("60ME", 60)])
def test_frequencies_of_pandas_are_durations(frequency, samples):
    time = xr.date_range("1900", periods=240, freq="MS")
    monthly = xr.DataArray(np.random.default_rng(0).normal(size=240), {"time": time}, "time")
    assert gt.welch(monthly, window=frequency, sampling="calendar").attrs["window"] == samples


def test_steps_that_differ_a_little_are_told_by_how_much(field):
    drift = field.drop_vars("time").assign_coords(time=np.arange(300) + 0.004 * (np.arange(300) == 150))
    with pytest.raises(ValueError, match=r"its steps differ by up to 0\.8 %"):
        gt.welch(drift, window=30)
    composites = field.assign_coords(time=xr.date_range("2001", periods=300, freq="16D"))
    with pytest.raises(ValueError, match=r"several samples in a month, .* Leave sampling='regular' for steps shorter"):
        gt.welch(composites, window=30, sampling="calendar")


@pytest.mark.parametrize(("window", "hop"), [(8, 8), (9, 9), (16, 16), (30, 30), (2, 2)])
def test_the_hop_that_is_proposed_has_an_inverse(window, hop, field):
    with pytest.raises(ValueError, match=r"such as hop=(\d+)") as told:
        gt.inverse_sliding_fft(gt.sliding_fft(field, window=window, hop=hop, taper="hann"))
    fits = int(re.search(r"such as hop=(\d+)", str(told.value))[1])
    assert fits < hop
    gt.inverse_sliding_fft(gt.sliding_fft(field, window=window, hop=fits, taper="hann"))


@pytest.mark.parametrize("sides", ["onesided", "twosided"])
def test_single_precision_comes_back_in_single_precision(sides, field):
    single = field[:, 0, 1].astype(np.float32)
    for x in (single, single.chunk(time=50)):
        back = gt.inverse_sliding_fft(gt.sliding_fft(x, window=30, hop=10, taper="hamming", sides=sides))
        assert back.dtype == back.compute().dtype == (np.float32 if sides == "onesided" else np.complex64)
        np.testing.assert_allclose(back.compute().real, single, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "call"),
    [
        (np.ones(43_200), r"dims='time'\)"),
        ([1.0] * 50, r"dims='time'\)"),
        (np.ones((50, 2)), r"dims=\('time', 'cell'\)"),
        (np.ones((50, 2, 2)), r"dims=\('time', 'lat', 'lon'\)"),
        (np.ones((50, 2, 2, 2)), r"dims=\('time', 'lat', 'lon', 'dim_3'\)"),
    ],
)
def test_plain_arrays_are_told_as_many_dimensions_as_they_have(values, call):
    for function in (gt.welch, gt.mann_kendall):
        options = {"window": 8} if function is gt.welch else {}
        with pytest.raises(TypeError, match=call):
            function(values, **options)


def test_a_lag_beyond_the_record_is_refused(field):
    with pytest.raises(ValueError, match="lag=300 is as long as the record of 300 steps"):
        gt.mann_kendall(field, method="hamed_rao", lag=300)
