"""Mann-Kendall under serial correlation: published numbers, peers, and how often each method cries wolf."""

from contextlib import nullcontext

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from benchmarks.calibration import METHODS, noise, rejected
from gridtrend.engine.jit import entry
from gridtrend.trend.kernels import long_term_persistence
from tests import reference_serial
from tests.oracles import TABLE, oracle

PYMK = oracle("pymannkendall_360")
NEGATIVE = oracle("hamed_rao_negative_variance")


def series(y, **kwargs):
    return xr.DataArray(y, dims="time", **kwargs)


# --- published numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hamed_rao_all_lags", {"method": "hamed_rao"}),
        ("hamed_rao_lag3", {"method": "hamed_rao", "lag": 3}),
        ("yue_wang_all_lags", {"method": "yue_wang"}),
        ("yue_wang_lag1", {"method": "yue_wang", "lag": 1}),
        ("pre_whitening", {"method": "prewhitening"}),
        ("tfpw", {"method": "tfpw"}),
    ],
)
def test_compatibility_mode_gives_the_published_numbers_of_pymannkendall(name, options):
    expected = TABLE["series"]["pymannkendall_360"][name]
    result = gt.mann_kendall(series(PYMK.y), compat="pymannkendall", **options)
    for output, value in expected.items():
        np.testing.assert_allclose(result[output], value, rtol=1e-7, err_msg=output)
    np.testing.assert_allclose(result.slope, -0.006369426751592357, rtol=1e-12)
    np.testing.assert_allclose(result.intercept, 96.15286624203821, rtol=1e-12)


@pytest.mark.parametrize(
    ("method", "function"),
    [
        ("original", "original_test"),
        ("hamed_rao", "hamed_rao_modification_test"),
        ("yue_wang", "yue_wang_modification_test"),
        ("prewhitening", "pre_whitening_modification_test"),
        ("tfpw", "trend_free_pre_whitening_modification_test"),
    ],
)
def test_compatibility_mode_agrees_with_pymannkendall_to_the_digit(method, function):
    pymannkendall = pytest.importorskip("pymannkendall")
    y = noise(40, 30, 0.5).values.round(1)
    y[np.random.default_rng(3).random(y.shape) < 0.1] = np.nan
    result = gt.mann_kendall(xr.DataArray(y, dims=("time", "x")), method=method, compat="pymannkendall")
    names = {
        "p": "p_value",
        "z": "z",
        "Tau": "tau",
        "s": "s",
        "var_s": "var_s",
        "slope": "slope",
        "intercept": "intercept",
    }
    compared = 0
    for k in range(y.shape[1]):
        with np.errstate(invalid="ignore"):
            expected = getattr(pymannkendall, function)(y[:, k])
        if not np.isfinite(expected.p):
            # pymannkendall's variance came out negative: ours fell back.
            assert result.variance_fallback[k] == 1
            continue
        compared += 1
        for theirs, ours in names.items():
            np.testing.assert_allclose(result[ours][k], getattr(expected, theirs), rtol=1e-10, atol=1e-13, err_msg=ours)
    assert compared > 20


def test_checked_scores_of_a_real_cell(shared_data):
    with xr.open_dataset(shared_data("E1_north_america.nc")) as ds:
        da = ds["air_temperature"][:, 18, 24].load()
    entry = TABLE["air_temperature_e1"]
    names = {"hamed_rao": "hamed_rao", "prewhitening": "pre_whitening", "tfpw": "tfpw"}
    for method, name in names.items():
        result = gt.mann_kendall(da, method=method, lag="all" if method == "hamed_rao" else None)
        np.testing.assert_allclose(result.z, entry[name]["z"], rtol=1e-11, err_msg=method)


def test_three_prewhitenings_agree_with_their_authors_where_nothing_is_whitened():
    # mannkendall 1.1.1 for these dates; those of its documentation, 365 days apart, put two values into the year 2000,
    # which it counts as a tie in time.
    entry = TABLE["collaud_coen_3pw"]
    time = (np.array("2001", "M8[Y]") + np.arange(len(entry["y"]))).astype("M8[ns]")
    result = gt.mann_kendall(xr.DataArray(entry["y"], {"time": time}, "time"), method="3pw", alpha=0.1, per="day")
    np.testing.assert_allclose(result.p_value, 0.006275255208980202, rtol=1e-12)
    np.testing.assert_allclose(result.slope * 365.25, 0.18602546549835708, rtol=1e-9)
    # Their upper rank lacks the one that Gilbert adds; the lower is the same.
    np.testing.assert_allclose(result.slope_lower * 365.25, 0.1295910413987986, rtol=1e-6)
    assert result.r1 == 0


def test_a_negative_variance_falls_back_to_a_positive_one_and_says_so():
    result = gt.mann_kendall(series(NEGATIVE.y), method="hamed_rao", lag="all")
    assert result.variance_fallback == 1
    assert result.var_s > 0
    assert 0 < result.p_value < 1
    compat = gt.mann_kendall(series(NEGATIVE.y), method="hamed_rao", compat="pymannkendall")
    assert compat.variance_fallback == 1


# --- gaps, resampling, persistence ----------------------------------------------------------------


def test_gaps_are_not_closed():
    y = noise(60, 1, 0.7).values[:, 0]
    y[1::2] = np.nan
    # Every second value is missing: no pair is one step apart, so there is nothing to whiten.
    result = gt.mann_kendall(series(y), method="prewhitening")
    assert result.r1 == 0
    assert result.p_value == gt.mann_kendall(series(y)).p_value
    closed = gt.mann_kendall(series(y), method="prewhitening", compat="pymannkendall")
    assert closed.r1 > 0.2


def test_years_left_out_of_the_axis_are_gaps_like_missing_values():
    y = noise(50, 1, 0.6).values[:, 0]
    time = (np.array("1950", "M8[Y]") + np.arange(50)).astype("M8[ns]")
    whole = xr.DataArray(y, {"time": time}, "time")
    hidden = whole.where(~np.isin(np.arange(50), [7, 20, 21, 33]))
    for method in ("hamed_rao", "yue_wang", "3pw", "block_bootstrap", "ltp"):
        masked, dropped = (gt.mann_kendall(da, method=method) for da in (hidden, hidden.dropna("time")))
        for name in masked.data_vars:
            np.testing.assert_allclose(dropped[name], masked[name], rtol=1e-9, err_msg=f"{method} {name}")


def test_replicates_depend_on_the_seed_and_on_nothing_else():
    da = noise(40, 6, 0.3).chunk(series=1)
    first = gt.mann_kendall(da, method="block_bootstrap", resamples=200).compute()
    again = gt.mann_kendall(da.compute()[:, ::-1], method="block_bootstrap", resamples=200)[
        {"series": slice(None, None, -1)}
    ]
    xr.testing.assert_identical(first.drop_attrs(), again.drop_attrs())
    other = gt.mann_kendall(da, method="block_bootstrap", resamples=200, seed=1).compute()
    assert (first.p_value != other.p_value).any()


def test_replicates_of_independent_values_have_the_variance_of_theory():
    result = gt.mann_kendall(noise(50, 40, 0.0), method="block_bootstrap", lag=0, resamples=2000)
    np.testing.assert_allclose(result.variance_factor.mean(), 1.0, atol=0.02)


@entry
def growth_of_variance(n, hurst, table):
    return long_term_persistence.growth_of_variance(n, hurst, table)


@pytest.mark.parametrize("n", [8, 16, 46, 64])
@pytest.mark.parametrize("hurst", [0.6, 0.75, 0.9])
def test_the_variance_of_scaling_noise_is_that_of_all_pairs_of_pairs(n, hurst):
    independent = n * (n - 1) * (2 * n + 5) / 18
    found = np.exp(growth_of_variance(n, hurst, long_term_persistence.growth_table())) * independent
    np.testing.assert_allclose(found, reference_serial.variance_of_noise(n, hurst), rtol=2e-3)


def test_the_hurst_exponent_of_scaling_noise_is_found():
    rng = np.random.default_rng(0)
    lags = np.abs(np.subtract.outer(np.arange(120), np.arange(120)))
    root = np.linalg.cholesky(reference_serial.noise_correlation(lags, 0.8))
    result = gt.mann_kendall(xr.DataArray(root @ rng.normal(size=(120, 60)), dims=("time", "x")), method="ltp")
    # Taking the trend out takes some of the persistence with it: the bias that Hamed's eq. 24 corrects for.
    assert 0.7 < float(result.hurst.mean()) < 0.85
    assert (result.variance_factor > 2).mean() > 0.9


# --- calibration ----------------------------------------------------------------------------------

COUNT = 1000
# Four standard errors of a share of 5 %: the seed is fixed, so that this fails only when a method changes.
LUCK = 4 * np.sqrt(0.05 * 0.95 / COUNT)


@pytest.mark.parametrize("name", [name for name in METHODS if "exact" not in name])
def test_white_noise_is_rarely_taken_for_a_trend(name):
    options = METHODS[name] | ({"resamples": 200} if name == "block_bootstrap" else {})
    with pytest.warns(UserWarning, match="no consistent") if name == "yue_wang, lag='all'" else nullcontext():
        assert rejected(noise(60, COUNT, 0.0), options) < 0.06 + LUCK


@pytest.mark.parametrize("n", [20, 25, 40, 60])
@pytest.mark.parametrize(
    "options", [{"method": "hamed_rao"}, {"method": "yue_wang"}, {"method": "hamed_rao", "lag": "all"}]
)
def test_white_noise_is_never_beyond_doubt(n, options):
    # One in 10,000 is right; a variance factor just above 0 made it 10 to 120.
    result = gt.mann_kendall(noise(n, 20_000, 0.0), slope=False, **options)
    assert (result.p_value < 1e-4).mean() < 5e-4
    assert result.p_value.min() > 1e-8


@pytest.mark.parametrize("method", ["hamed_rao", "yue_wang"])
def test_the_least_variance_factor_has_no_cliff(method):
    # An alternation as large as the noise brings 1 + 2 r1 to 0, and a little more of it below.
    n, shares = 400, np.linspace(0.5, 1.5, 801)
    step = np.arange(n)
    y = np.random.default_rng(1).normal(size=n) + 0.0004 * step
    wave = np.where(step % 2, 1.0, -1.0)
    da = xr.DataArray(y[:, None] + shares * wave[:, None], dims=("time", "x"))
    # pymannkendall's sum passes 0 in this range: just above it p falls to nothing, just below it falls back.
    theirs = gt.mann_kendall(da, method=method, lag=1, compat="pymannkendall")
    assert 0 < theirs.variance_factor.min() < 0.01
    assert 0 < theirs.variance_fallback.sum() < shares.size
    result = gt.mann_kendall(da, method=method, lag=1)
    # 800 steps of 0.00125: from one to the next S and the ranks change by a few pairs of 79,800.
    for name, least, jump in (("variance_factor", 0.1, 0.005), ("p_value", 1e-3, 0.005)):
        assert result[name].min() > least, name
        assert np.abs(np.diff(result[name].values)).max() < jump, name
    assert np.ptp(result.p_value.values) > 0.05


def test_the_least_variance_factor_is_at_most_that_of_independent_values():
    # Every second value and a few between: the full sum of an AR(1) process of negative r1 exceeds 1.
    rng = np.random.default_rng(5)
    values = rng.normal(size=(41, 2000))
    values[1::2][rng.random((20, 2000)) < 0.8] = np.nan
    da = xr.DataArray(values, dims=("time", "x"))
    for method, lag in (("hamed_rao", "all"), ("yue_wang", 2), ("yue_wang", 5)):
        result = gt.mann_kendall(da, method=method, lag=lag)
        least = result.variance_factor.values[result.variance_fallback.values == 1]
        assert least.size > 100
        assert least.max() <= 1


@pytest.mark.parametrize("values", [[1.0, 3.0], [-0.7, 0.4], [-1.3, 0.4]])
@pytest.mark.parametrize("compat", [None, "pymannkendall"])
def test_a_series_of_two_has_no_lag_to_correct_for(values, compat):
    # By hand: one increasing pair, S = 1 of variance 1; no three values exist, so Hamed and Rao's sum is empty.
    # Rounding leaves the last two an r1 of -1/2, which a narrow band takes for real.
    result = gt.mann_kendall(series(values), method="hamed_rao", lag="all", alpha=0.99, min_valid=1, compat=compat)
    assert (result.s, result.variance_factor, result.var_s) == (1, 1, 1)


def test_short_series_are_no_surer_by_resampling_than_over_all_their_orders():
    # By hand: 2 of 4! orders are as extreme as a steady rise, 2 of 3!, 2 of 5!.
    for values, exact in (([1, 2, 3, 4], 2 / 24), ([1, 2, 3.5], 2 / 6), ([9, 7, 4, 2, 1], 2 / 120)):
        result = gt.mann_kendall(series(values), method="block_bootstrap", min_valid=3)
        assert result.p_value >= exact * (1 - 1e-12)
        assert result.trend == 0 or exact < 0.05
    # One-sided, and with a gap that leaves four values: 1 of 24.
    result = gt.mann_kendall(series([1, 2, np.nan, 3, 4]), method="block_bootstrap", alternative="increasing")
    np.testing.assert_allclose(result.p_value, 1 / 24, rtol=1e-12)


@pytest.mark.parametrize("method", ["yue_wang", "hamed_rao", "prewhitening", "tfpw", "vctfpw", "3pw"])
def test_autocorrelation_is_that_of_any_order_of_magnitude(method):
    # The answer at the scale of 1, which the peers' own tests hold.
    da = noise(30, 16, 0.7)
    plain = gt.mann_kendall(da, method=method)
    for exponent in (-550, -1000, 520, 900):
        scaled = gt.mann_kendall(da * 2.0**exponent, method=method)
        for name in {"p_value", "s", "r1", "variance_factor"} & set(plain):
            np.testing.assert_allclose(scaled[name], plain[name], rtol=1e-9, err_msg=f"{name} at 2**{exponent}")
        np.testing.assert_allclose(scaled.slope * 2.0**-exponent, plain.slope, rtol=1e-9)


def test_pymannkendall_whitens_a_series_without_autocorrelation_too():
    # pymannkendall 1.4.3 and modifiedmk 1.6 (pwmk): the first value is gone although r1 is exactly 0.
    result = gt.mann_kendall(series([0, 0, 2, 1, 2]), method="prewhitening", compat="pymannkendall")
    assert (float(result.s), float(result.r1)) == (3, 0)
    np.testing.assert_allclose(result.var_s, 23 / 3)


@pytest.mark.parametrize("name", ["hamed_rao", "yue_wang", "prewhitening", "vctfpw", "3pw"])
def test_persistence_misleads_the_corrected_tests_less(name):
    da = noise(120, COUNT, 0.6)
    assert rejected(da, METHODS[name]) < 0.5 * rejected(da, {})


def test_a_trend_is_found():
    da = noise(60, 200, 0.2) + xr.DataArray(np.linspace(0, 4, 60), dims="time")
    for name in ("hamed_rao", "prewhitening", "3pw", "ltp"):
        assert rejected(da, METHODS[name]) > 0.6, name


def test_ten_thousand_series_of_white_noise_have_no_missing_answer():
    for lag in (None, "all"):
        result = gt.mann_kendall(noise(30, 10_000, 0.0), method="hamed_rao", lag=lag, slope=False)
        assert result.p_value.notnull().all()
        assert (result.var_s > 0).all()


# --- what is asked for ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "mmk"}, "method='mmk' is not known; use one of 'original', 'hamed_rao'"),
        ({"method": "tfpw", "lag": 1}, "takes no lag"),
        ({"method": "hamed_rao", "lag": 0}, "whole number from 1 on, or 'all'"),
        ({"method": "yue_wang", "lag": "every"}, "whole number from 1 on, or 'all'"),
        ({"method": "block_bootstrap", "resamples": 0}, "such as 2000"),
        ({"method": "block_bootstrap", "seed": -1}, "from 0 to 2"),
        ({"method": "hamed_rao", "p_value": "exact"}, "needs independent values"),
        ({"method": "3pw", "compat": "pymannkendall"}, "does not exist in pymannkendall"),
        ({"compat": "R"}, "compat='R' is not known; use one of None, 'pymannkendall'"),
    ],
)
def test_what_does_not_go_together_is_refused_with_what_does(options, message):
    with pytest.raises(ValueError, match=message):
        gt.mann_kendall(noise(20, 2, 0.0), **options)


def test_without_slope_the_test_is_the_same():
    da = noise(40, 20, 0.4)
    for method in ("hamed_rao", "3pw", "ltp"):
        whole, short = gt.mann_kendall(da, method=method), gt.mann_kendall(da, method=method, slope=False)
        assert "slope" not in short
        for name in short.data_vars:
            np.testing.assert_array_equal(short[name], whole[name], err_msg=name)


def test_attributes_say_what_was_done():
    attrs = gt.mann_kendall(noise(30, 2, 0.0), method="block_bootstrap", resamples=50, seed=3, lag=2).attrs
    assert attrs["method"] == "Mann-Kendall test, block_bootstrap"
    assert (attrs["lag"], attrs["resamples"], attrs["seed"], attrs["p_value"]) == (2, 50, 3, "resampled")
    assert gt.mann_kendall(noise(30, 2, 0.0), method="3pw").attrs["slope_of"] == "whitened series"


@pytest.mark.parametrize("method", ["prewhitening", "3pw"])
def test_results_of_whitened_series_are_named_after_the_data(method):
    da = noise(30, 2, 0.5).rename("tas").assign_attrs(units="K")
    for name, result in gt.mann_kendall(da, method=method).data_vars.items():
        assert "tas" in result.attrs["long_name"], name
        assert "whitened" not in result.attrs["long_name"], name


def test_steps_skip_what_the_axis_leaves_out():
    from gridtrend.grid.timeaxis import time_axis

    months = np.array("2000-01", "M8[M]") + np.array([0, 1, 2, 4, 5, 14, 15])
    da = xr.DataArray(np.zeros(7), {"time": months.astype("M8[ns]")}, "time")
    assert time_axis(da, "time").steps.tolist() == [0, 1, 2, 4, 5, 12, 13]
    assert time_axis(da, "time", "step").steps.tolist() == [0, 1, 2, 4, 5, 12, 13]
