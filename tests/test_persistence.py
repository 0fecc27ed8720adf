"""Limits, slopes and p-values of the Mann-Kendall test under persistence: R's answers, and what limits promise."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from benchmarks.calibration import noise
from gridtrend.trend.serial_correlation import LIMITS_FROM, METHODS

R = json.loads((Path(__file__).parent / "oracles_of_r.json").read_text(encoding="utf-8"))["cases"]
# The limits of "3pw" belong to the slope of another series than its p-value does.
JUDGED = [name for name in METHODS if name != "3pw"]


def series(y):
    return xr.DataArray(y, dims="time")


def with_trend(n, count, r1, slope, seed=1):
    return noise(n, count, r1, seed) + slope * xr.DataArray(np.arange(n), dims="time")


@pytest.mark.parametrize("case", R, ids=lambda case: str(len(case["y"])))
def test_the_iteration_of_zyp_gives_its_numbers(case):
    wanted = case["zyp"]
    found = gt.mann_kendall(series(case["y"]), method="wang_swail", bias_correction=False, ci="rounded")
    for ours, theirs in (("slope", "slope"), ("slope_lower", "lower"), ("tau", "tau"), ("p_value", "p_value")):
        np.testing.assert_allclose(found[ours], wanted[theirs], rtol=1e-9, atol=1e-12, err_msg=ours)
    # It reports the autocorrelation of the round before the last, and whitens by that of the last.
    np.testing.assert_allclose(found.r1, wanted["r1"] if wanted["rounds"] > 1 else 0.0, atol=1.1e-4)


@pytest.mark.parametrize("case", R, ids=lambda case: str(len(case["y"])))
def test_the_sum_over_all_lags_is_that_of_modifiedmk_but_for_its_weights(case):
    wanted, n = case["mmky1lag"], len(case["y"])
    found = gt.mann_kendall(series(case["y"]), method="ar1", bias_correction=False)
    assert found.s == wanted["s"]
    np.testing.assert_allclose(found.slope, wanted["slope"], rtol=1e-12, atol=1e-15)
    r1, lag = float(found.r1), np.arange(1, n)
    # It multiplies every lag by 1 - 1/n, the weight of the first.
    np.testing.assert_allclose(1 + 2 * (1 - 1 / n) * (r1**lag).sum(), wanted["factor"], rtol=1e-9)
    if r1 >= 0:
        np.testing.assert_allclose(found.variance_factor, 1 + 2 * ((1 - lag / n) * r1**lag).sum(), rtol=1e-9)
        assert found.variance_fallback == 0


def test_an_iteration_that_never_settles_has_one_answer_all_the_same():
    # With gaps and irregular times zyp's steps wander; a unit in the last place must not change where they end.
    rng = np.random.default_rng(3)
    time = np.cumsum(rng.choice([0.25, 1.0, 2.0, 3.0], 40))
    values = rng.normal(size=(40, 300)).round(1)
    values[rng.random(values.shape) < 0.2] = np.nan
    da = xr.DataArray(values, {"time": time}, ("time", "x"))
    first, again = (gt.mann_kendall(field, method="wang_swail") for field in (da, da * (1 + 2**-52)))
    np.testing.assert_allclose(again.slope, first.slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("method", JUDGED)
@pytest.mark.parametrize(("n", "r1", "slope"), [(30, 0.0, 0.0), (60, 0.4, 0.0), (60, 0.6, 0.02)])
def test_limits_exclude_zero_where_the_test_rejects(method, n, r1, slope):
    count, options = (150, {"resamples": 400}) if method == "block_bootstrap" else (400, {})
    result = gt.mann_kendall(with_trend(n, 150 if method == "ltp" else count, r1, slope), method=method, **options)
    excluded = (result.slope_lower > 0) | (result.slope_upper < 0)
    assert float((excluded != (result.trend != 0)).mean()) <= 0.01
    assert bool(((result.slope_lower <= result.slope) & (result.slope <= result.slope_upper)).all())


@pytest.mark.parametrize("method", ["ar1", "wang_swail", "prewhitening", "ltp"])
@pytest.mark.parametrize(("n", "r1"), [(60, 0.0), (60, 0.4), (60, 0.6), (120, 0.4)])
def test_limits_hold_the_true_slope(method, n, r1):
    if method == "ltp" and n > 60:
        pytest.skip("the likelihood of each cell takes long")
    count = 400 if method == "ltp" else 2000
    result = gt.mann_kendall(with_trend(n, count, r1, 0.02), method=method)
    covered = float(((result.slope_lower <= 0.02) & (result.slope_upper >= 0.02)).mean())
    # 95 % but for two standard errors, and for what autocorrelation costs that is estimated from few values.
    luck = 2 * (0.95 * 0.05 / count) ** 0.5
    assert covered > (0.92 if r1 < 0.5 else 0.90) - luck
    assert abs(float(result.slope.mean()) / 0.02 - 1) < 0.04


def test_the_advised_method_keeps_its_level_and_finds_trends():
    false = gt.mann_kendall(noise(60, 4000, 0.6), method="ar1", slope=False).trend != 0
    assert float(false.mean()) < 0.07
    # Of 2 standard deviations over the record the test that knows r finds 61 % (exact variance of S).
    found = gt.mann_kendall(with_trend(60, 4000, 0.6, 2 / 59), method="ar1", slope=False).trend == 1
    assert float(found.mean()) > 0.8 * 0.61


@pytest.mark.parametrize("n", [15, 25, 60])
def test_white_noise_is_never_beyond_doubt_for_the_advised_method(n):
    result = gt.mann_kendall(noise(n, 50_000, 0.0), method="ar1", slope=False)
    assert result.p_value.min() > 1e-7
    # One in 10,000 is right; var S of 15 values is estimated too.
    assert (result.p_value < 1e-4).mean() < 5e-4


def test_the_variance_of_an_alternation_has_no_cliff():
    step = np.arange(200)
    wave, trend = np.where(step % 2, 1.0, -1.0), 0.002 * step
    y = noise(200, 1, 0.3).values[:, 0]
    da = xr.DataArray((y + trend)[:, None] + np.linspace(0, 2, 400) * wave[:, None], dims=("time", "x"))
    result = gt.mann_kendall(da, method="ar1")
    assert 0 < float(result.variance_fallback.mean()) < 1
    assert np.abs(np.diff(result.variance_factor)).max() < 0.05
    assert result.variance_factor.min() > 0.05


def test_results_say_what_their_limits_come_from():
    da = noise(20, 3, 0.3)
    for method, origin in LIMITS_FROM.items():
        options = {"resamples": 50} if method == "block_bootstrap" else {}
        assert gt.mann_kendall(da, method=method, **options).attrs["confidence_limits"] == f"gilbert, {origin}"
    assert gt.mann_kendall(da).attrs["confidence_limits"] == "gilbert"
    assert gt.mann_kendall(da, method="ar1", ci=None).attrs["confidence_limits"] == "none"
    assert gt.mann_kendall(da, method="ar1", ci="rounded").attrs["confidence_limits"] == "rounded, corrected variance"


def test_half_the_alpha_makes_limits_of_a_one_sided_test():
    da = with_trend(60, 400, 0.4, 0.015)
    one_sided = gt.mann_kendall(da, method="ar1", alternative="increasing", alpha=0.05).trend == 1
    limits = gt.mann_kendall(da, method="ar1", alpha=0.10)
    assert float(((limits.slope_lower > 0) != one_sided).mean()) <= 0.01


def test_the_bias_correction_belongs_to_two_methods():
    with pytest.raises(ValueError, match="method='hamed_rao' knows no correction of bias"):
        gt.mann_kendall(noise(20, 2, 0.0), method="hamed_rao", bias_correction=False)
    with pytest.raises((TypeError, ValueError), match="bias_correction"):
        gt.mann_kendall(noise(20, 2, 0.0), method="ar1", bias_correction="yes")


def test_limits_under_long_memory_have_the_ranks_of_its_variance():
    # By hand: var S is multiplied by the factor of the Hurst exponent, and the ranks of Gilbert follow from it.
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.normal(size=98)) * 0.3 - 0.02 * np.arange(98)
    result = gt.mann_kendall(series(values), method="ltp")
    earlier, later = np.triu_indices(98, 1)
    slopes = np.sort((values[later] - values[earlier]) / (later - earlier))
    half = 1.959963984540054 * float(result.var_s) ** 0.5
    for name, rank in (("slope_lower", (slopes.size - half) / 2), ("slope_upper", (slopes.size + half) / 2 + 1)):
        np.testing.assert_allclose(result[name], np.interp(rank, np.arange(1, slopes.size + 1), slopes), rtol=1e-9)


# --- tails of the resampled scores ----------------------------------------------------------------


def test_five_strong_cells_are_found_among_noise_by_resampling():
    da = noise(40, 2000, 0.0).copy()
    da[:, :5] += 10 / 40 * xr.DataArray(np.arange(40), dims="time")
    p = gt.mann_kendall(da, method="block_bootstrap", resamples=500, slope=False).p_value
    significant = gt.field_significance(p).significant
    assert significant[:5].all()
    assert significant[5:].sum() <= 2


def test_the_normal_tail_is_that_of_many_more_replicates():
    da = with_trend(40, 60, 0.0, 0.045)
    few = gt.mann_kendall(da, method="block_bootstrap", resamples=500, slope=False, lag=0).p_value
    many = gt.mann_kendall(da, method="block_bootstrap", resamples=60_000, slope=False, lag=0, seed=1).p_value
    # Known to a tenth by the 100 replicates beyond, and far below the 1/501 of the few.
    known = ((many > 100 / 60_000) & (many < 20 / 500)).values
    assert known.sum() >= 5
    ratio = np.log(few.values[known] / many.values[known])
    assert np.abs(ratio).max() < np.log(3)
    assert abs(ratio.mean()) < np.log(1.6)
