"""Tests of seasons, sites, variables and covariates are right: published answers, peers, and slow versions."""

import itertools
from datetime import timedelta

import numpy as np
import pymannkendall
import pytest
import scipy.stats.mstats
import xarray as xr

import gridtrend as gt
from gridtrend.engine.jit import entry
from gridtrend.trend.kernels.chi_square import chi_square_sf
from gridtrend.trend.kernels.exact_distribution import AUTO, EXACT, NORMAL, exact_test
from tests import reference, reference_groups
from tests.cases import assert_same
from tests.oracles import SERIES, TABLE

PYMANNKENDALL = {"p_value": "p", "z": "z", "tau": "Tau", "s": "s", "var_s": "var_s"}
CHI2 = ["chi2_trend", "chi2_homogeneity", "p_homogeneity"]
PYMANNKENDALL |= {"slope": "slope", "intercept": "intercept"}


def close(found, expected, rtol=1e-12, atol=0.0):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def monthly(y, start="2001-01", **options):
    y = np.asarray(y, float)
    months = xr.date_range(start, periods=len(y), freq="MS", **options)
    return xr.DataArray(y, {"time": months}, ("time", *"xyz"[: y.ndim - 1]))


def seasonal_oracle(name, start):
    entry = TABLE[name]
    return monthly(entry["y"], start), entry["expected"]


def hard_table(n, cells, seed):
    """Return series with noise, ties, many zeros, holes and steps."""
    rng = np.random.default_rng(seed)
    kinds = [
        lambda: rng.normal(size=n),
        lambda: rng.normal(size=n).round(0),
        lambda: rng.integers(0, 3, n).astype(float),
        lambda: np.where(rng.random(n) < 0.6, 0.0, rng.exponential(size=n)),
        lambda: np.arange(n) * 0.25 + rng.integers(0, 2, n),
        lambda: 273.15 + rng.normal(size=n).round(1),
    ]
    values = np.array([kinds[k % len(kinds)]() for k in range(cells)]).T
    values[rng.random((n, cells)) < rng.choice([0.0, 0.1, 0.5], cells)] = np.nan
    return values


def assert_cells(result, expected):
    """Each cell has its expected answers: counts exactly, the rest to rounding."""
    for name in result.data_vars:
        wanted = np.array([answer[name] for answer in expected], float)
        exact = name in ("n_valid", "trend")
        # What may be left of two large numbers, or of slopes up and down, is rounded as those are.
        atol = {"intercept": 1e-9, "chi2_homogeneity": 1e-11, "s": 1e-9}.get(
            name, 1e-13 if name in reference.LINES else 0.0
        )
        np.testing.assert_allclose(result[name].values.ravel(), wanted, 0 if exact else 1e-11, atol, err_msg=name)


# --- published answers ----------------------------------------------------------------------------


@pytest.mark.parametrize("period", ["month", 12])
def test_the_seasonal_example_of_the_epa_has_its_published_answers(period):
    da, expected = seasonal_oracle("epa_2009_seasonal", "1983-01")
    result = gt.seasonal_mann_kendall(da, period=period, tau="a")
    assert (float(result.s), float(result.var_s)) == (expected["s"], expected["var_s"])
    close([result.z, result.p_value, result.tau], [expected["z"], expected["p_value"], expected["tau"]])
    close(
        [result.slope, result.slope_lower, result.slope_upper],
        [expected["slope_per_year"], *expected["limits_gilbert"]],
    )
    close(result.chi2_homogeneity, expected["heterogeneity_chi2"], atol=1e-12)
    assert result.slope.attrs.get("comment") is None


def test_the_exact_seasonal_p_is_the_product_of_the_seasons_distributions():
    da, expected = seasonal_oracle("epa_2009_seasonal", "1983-01")
    for p_value in ("exact", "auto"):
        result = gt.seasonal_mann_kendall(da, p_value=p_value)
        # Eleven months in perfect order, and one tie: 2 / (3 6^11).
        close(result.p_value, 2 / (3 * 6**11), 1e-14)
        close(result.p_value, expected["p_value_exact"], 1e-14)


def test_the_temperature_of_nottingham_has_its_published_answers():
    da, expected = seasonal_oracle("nottem", "1920-01")
    result = gt.seasonal_mann_kendall(da)
    assert (float(result.s), float(result.var_s)) == (expected["s"], expected["var_s"])
    close([result.z, result.p_value], [expected["z"], expected["p_value"]])
    close(result.slope, expected["seasonal_slope"])
    chi2 = expected["van_belle_hughes"]
    close([result.chi2_trend, result.chi2_homogeneity], [chi2["trend"], chi2["homogeneity"]])
    close(result.chi2_trend + result.chi2_homogeneity, chi2["total"])
    for month, s in enumerate(expected["s_seasons"]):
        assert int(gt.mann_kendall(da[month::12], slope=False).s) == s


def test_seasons_that_depend_on_each_other_have_the_published_variance():
    da, expected = seasonal_oracle("nottem", "1920-01")
    with_step = gt.seasonal_mann_kendall(da, correlated=True)
    without = gt.seasonal_mann_kendall(da, correlated=True, continuity=False)
    close(with_step.var_s, expected["hirsch_slack_var_s"])
    close(with_step.z, expected["hirsch_slack_z"])
    close(without.z, expected["hirsch_slack_z_no_continuity"])
    close(without.p_value, expected["hirsch_slack_p_value_no_continuity"])


@pytest.mark.parametrize("oracle", [o for o in SERIES if "p_value_exact" in o.expected], ids=str)
def test_exact_p_given_the_ties_is_the_published_one(oracle):
    options = {"t": oracle.t, "alpha": 0.05, "continuity": 1.0, "alternative": 0, "min_valid": 1}
    for method in (EXACT, AUTO):
        p, _ = exact_test(oracle.y, p_method=method, **options)
        close(p, oracle.expected["p_value_exact"], 1e-10)
    close(exact_test(oracle.y, p_method=NORMAL, **options)[0], oracle.expected["p_value"], 1e-12)


def test_a_real_cell_of_precipitation_has_its_checked_seasonal_answers(shared_data):
    entry = TABLE["precipitation_era5_land"]
    y, x = entry["cell"]
    with xr.open_dataset(shared_data(entry["file"])) as file:
        result = gt.seasonal_mann_kendall(file[entry["variable"]], period=entry["period"])[
            {"latitude": y, "longitude": x}
        ]
        whole = gt.seasonal_mann_kendall(file[entry["variable"]].chunk(latitude=2))
    for name, value in entry["expected"].items():
        assert float(result[name]) == pytest.approx(value, rel=1e-6), name
    assert_same(whole[{"latitude": y, "longitude": x}].compute(), result)
    assert result.slope.attrs["units"] == "m year-1"


# --- pymannkendall and scipy ----------------------------------------------------------------------


def assert_peer(result, peer):
    for ours, theirs in PYMANNKENDALL.items():
        close(result[ours], getattr(peer, theirs), 1e-11, 1e-14)


@pytest.mark.parametrize("correlated", [False, True])
def test_compatible_seasonal_tests_of_its_own_series_are_pymannkendalls(correlated):
    y = TABLE["series"]["pymannkendall_360"]["y"]
    y = np.array([np.nan if v is None else v for v in y], float)
    peer = pymannkendall.correlated_seasonal_test if correlated else pymannkendall.seasonal_test
    da = xr.DataArray(y, dims="time")
    assert_peer(gt.seasonal_mann_kendall(da, period=12, correlated=correlated, compat="pymannkendall"), peer(y, 12))
    # As its own tests have it.
    published = (-333, 31427.6667, 0.0603264154) if correlated else (-399, 34702.3333, 0.032638346)
    result = gt.seasonal_mann_kendall(da, period=12, correlated=correlated, compat="pymannkendall")
    close([result.s, result.var_s, result.p_value], published, 1e-7)


def test_compatible_tests_of_its_own_table_are_pymannkendalls():
    entry = TABLE["pymannkendall_80x2"]
    y = np.array(entry["y"], float)
    da = xr.DataArray(y, dims=("time", "site"))
    regional = gt.regional_mann_kendall(da, compat="pymannkendall")
    both = gt.multivariate_mann_kendall(da, over="site", slope=True, compat="pymannkendall")
    partial = gt.partial_mann_kendall(da[:, 0], da[:, 1], compat="pymannkendall")
    assert_peer(regional, pymannkendall.regional_test(y))
    assert_peer(both, pymannkendall.correlated_multivariate_test(y))
    assert_peer(partial, pymannkendall.partial_test(y))
    for result, name in (
        (regional, "regional"),
        (both, "correlated_multivariate"),
        (partial, "partial_col0_given_col1"),
    ):
        for output, value in entry[name].items():
            close(result[output], value, 1e-6)


@pytest.mark.filterwarnings("ignore:All-NaN:RuntimeWarning")
def test_compatible_results_are_pymannkendalls_on_random_series_with_ties_and_holes():
    rng = np.random.default_rng(4)
    y = rng.normal(size=(90, 40)).round(1)
    y[rng.random(y.shape) < 0.04] = np.nan
    covariate = (y + rng.normal(size=y.shape)).round(0)
    da, other = xr.DataArray(y, dims=("time", "x")), xr.DataArray(covariate, dims=("time", "x"))
    for correlated, peer in ((False, pymannkendall.seasonal_test), (True, pymannkendall.correlated_seasonal_test)):
        result = gt.seasonal_mann_kendall(da, period=4, correlated=correlated, compat="pymannkendall")
        for x in range(40):
            assert_peer(result.isel(x=x), peer(y[:, x], 4))
    sites = xr.concat([da, other], "site")
    regional = gt.regional_mann_kendall(sites, over="site", compat="pymannkendall")
    together = gt.regional_mann_kendall(sites, over="site", correlated=True, compat="pymannkendall")
    partial = gt.partial_mann_kendall(da, other, compat="pymannkendall")
    for x in range(40):
        table = np.stack([y[:, x], covariate[:, x]], axis=1)
        assert_peer(regional.isel(x=x), pymannkendall.regional_test(table))
        assert_peer(together.isel(x=x), pymannkendall.correlated_multivariate_test(table))
        assert_peer(partial.isel(x=x), pymannkendall.partial_test(table))


def test_correlated_seasons_with_missing_months_have_scipys_p():
    rng = np.random.default_rng(5)
    y = rng.normal(size=(25, 12, 30)).round(1) + 0.02 * np.arange(25)[:, None, None]
    y[rng.random(y.shape) < 0.1] = np.nan
    result = gt.seasonal_mann_kendall(monthly(y.reshape(300, 30)), correlated=True)
    for x in range(30):
        peer = scipy.stats.mstats.kendalltau_seasonal(np.ma.masked_invalid(y[:, :, x]))
        close(result.p_value[x], peer["global p-value (dep)"], 1e-10)
        close(result.tau[x], peer["global tau (alt)"], 1e-10)


def test_a_missing_month_does_not_take_its_year_along():
    da, _ = seasonal_oracle("nottem", "1920-01")
    holed = da.copy()
    holed[30] = np.nan
    result, listwise = (gt.seasonal_mann_kendall(holed, correlated=True, compat=c) for c in (None, "pymannkendall"))
    assert int(result.n_valid) == 239
    assert int(listwise.n_valid) == 228
    without = int(gt.mann_kendall(da[6::12], slope=False).s) - int(gt.mann_kendall(holed[6::12], slope=False).s)
    assert int(result.s) == 224 - without


# --- slow versions --------------------------------------------------------------------------------

OPTIONS = {
    "default": {},
    "correlated": {"correlated": True, "continuity": False},
    "exact": {"p_value": "exact", "tau": "a", "ci": "rounded", "intercept": "joint"},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_thousand_random_records_have_the_seasonal_answers_of_the_slow_version(options):
    for n, period, cells in ((23, 4, 400), (24, 3, 300), (17, 6, 300)):
        y = hard_table(n, cells, seed=n)
        result = gt.seasonal_mann_kendall(xr.DataArray(y, dims=("time", "x")), period=period, per="step", **options)
        answers = [
            reference_groups.seasonal_mann_kendall(y[:, x], np.arange(float(n)), period=period, **options)
            for x in range(cells)
        ]
        assert_cells(result, answers)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_thousand_random_regions_have_the_answers_of_the_slow_version(options):
    t = np.sort(np.random.default_rng(0).choice(80, 9, replace=False)) / 4.0
    y = np.stack([hard_table(9, 1000, seed=k) for k in range(3)], axis=1)
    da = xr.DataArray(y, {"time": t}, ("time", "site", "x"))
    result = gt.regional_mann_kendall(da, over="site", **options)
    assert_cells(result, [reference_groups.regional_mann_kendall(y[:, :, x], t, **options) for x in range(1000)])
    several = gt.multivariate_mann_kendall(da, over="site", slope=True, **{"correlated": False} | options)
    assert_same(several, result)


def test_a_thousand_random_pairs_have_the_partial_answers_of_the_slow_version():
    x, y = hard_table(19, 1000, seed=1), np.roll(hard_table(19, 1000, seed=2), 2, axis=1)
    result = gt.partial_mann_kendall(xr.DataArray(x, dims=("time", "x")), xr.DataArray(y, dims=("time", "x")))
    answers = [reference_groups.partial_mann_kendall(x[:, k], y[:, k]) for k in range(1000)]
    assert_cells(result, answers)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 12, 30, 46])
@pytest.mark.parametrize("alternative", ["two-sided", "increasing", "decreasing"])
def test_exact_p_is_the_rational_number_it_stands_for(n, alternative):
    rng = np.random.default_rng(n)
    code = {"two-sided": 0, "increasing": 1, "decreasing": -1}[alternative]
    y = np.array([rng.integers(0, levels, n) + k * np.arange(n) for levels in (2, 5, 99) for k in (0, 0, 1, -1)], float)
    options = {"t": np.arange(float(n)), "alpha": 0.05, "continuity": 1.0, "min_valid": 1, "p_method": EXACT}
    p, trend = exact_test(y, alternative=code, **options)
    wanted = [reference.exact_p(reference.mann_kendall_s(one), reference.ties(one), alternative) for one in y]
    close(p, wanted, 1e-12)
    assert ((trend != 0) <= (p < 0.05)).all()
    if n == 30:
        assert 0 < p.min() < 1e-9


def test_auto_is_exact_for_small_samples_and_normal_beyond():
    y = monthly(np.random.default_rng(0).normal(size=(240, 5)))
    few, many = y[:120], y
    exact, normal, auto = (gt.seasonal_mann_kendall(few, p_value=p, slope=False) for p in ("exact", "normal", "auto"))
    assert auto.p_value.equals(exact.p_value)
    assert not auto.p_value.equals(normal.p_value)
    close(auto.p_value, normal.p_value, 0.05)
    normal, auto = (gt.seasonal_mann_kendall(many, p_value=p, slope=False) for p in ("normal", "auto"))
    assert auto.p_value.equals(normal.p_value)


def test_exact_p_of_groups_that_depend_on_each_other_is_refused():
    y = monthly(np.arange(48.0))
    with pytest.raises(ValueError, match=r"correlated=True.*p_value='normal'"):
        gt.seasonal_mann_kendall(y, correlated=True, p_value="exact")
    assert gt.seasonal_mann_kendall(y, correlated=True, p_value="auto").p_value.notnull()


@entry
def _tails(x, freedom, out):
    for i in range(x.size):
        out[i] = chi_square_sf(x[i], freedom)


@pytest.mark.parametrize("freedom", [1, 2, 3, 11, 12, 51, 364, 9999])
def test_the_tail_of_chi_square_is_scipys(freedom):
    x = np.concatenate([[0.0, 1e-8], np.linspace(0.05, 4, 60) * freedom])
    found = np.empty_like(x)
    _tails(x, freedom, found)
    wanted = scipy.stats.chi2.sf(x, freedom)
    usual = wanted > 1e-250
    close(found[usual], wanted[usual], 1e-10)


# --- slopes that many pairs share -----------------------------------------------------------------

SHARED = {
    "continuous": lambda rng, shape: rng.normal(size=shape),
    "tenths_of_kelvin": lambda rng, shape: 273.15 + rng.normal(size=shape).round(1),
    "whole_days": lambda rng, shape: rng.integers(0, 4, shape).astype(float),
    "mostly_zero": lambda rng, shape: np.where(rng.random(shape) < 0.8, 0.0, rng.exponential(size=shape)),
    "outliers": lambda rng, shape: rng.standard_cauchy(shape) ** 3,
    "rising": lambda rng, shape: 0.5 * np.arange(shape[0])[:, None] + rng.integers(0, 2, shape),
    "perfect": lambda rng, shape: 0.3 * np.arange(shape[0])[:, None] + np.zeros(shape),
}


@pytest.mark.parametrize("kind", SHARED)
@pytest.mark.parametrize("holes", [0.0, 0.3])
def test_slopes_of_many_pairs_are_exact_order_statistics(kind, holes):
    rng = np.random.default_rng(7)
    y = SHARED[kind](rng, (40, 12 * 20)).reshape(480, 20)
    y[rng.random(y.shape) < holes] = np.nan
    result = gt.regional_mann_kendall(
        xr.DataArray(y.reshape(40, 12, 20), dims=("time", "site", "x")), over="site", alpha=0.01
    )
    for x in range(20):
        table = y.reshape(40, 12, 20)[:, :, x]
        parts = [c[np.isfinite(c)] for c in table.T]
        slopes = [reference.sen_slopes(c, np.flatnonzero(np.isfinite(k))) for c, k in zip(parts, table.T, strict=True)]
        slopes = np.sort(np.concatenate(slopes))
        var_s = sum(reference.variance(c) for c in parts)
        wanted = [np.median(slopes), *reference.sen_limits(slopes, var_s, 0.01)]
        found = [float(result[name][x]) for name in ("slope", "slope_lower", "slope_upper")]
        close(found, wanted, 1e-9, 1e-15)


# --- seasons and their times ----------------------------------------------------------------------


def test_winter_takes_the_december_before():
    rng = np.random.default_rng(1)
    da = monthly(rng.normal(size=241), "1980-12").resample(time="QS-DEC").mean()
    result = gt.seasonal_mann_kendall(da, period="season")
    by_hand = [gt.mann_kendall(da.isel(time=da.time.dt.month == month), slope=False) for month in (12, 3, 6, 9)]
    assert float(result.s) == sum(float(one.s) for one in by_hand)
    close(result.var_s, sum(float(one.var_s) for one in by_hand))


@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
@pytest.mark.parametrize("offset", [0, 14])
def test_a_month_is_a_month_in_every_calendar(calendar, offset):
    rng = np.random.default_rng(2)
    y = rng.normal(size=120) + np.arange(120) // 12 * 0.25
    plain = gt.seasonal_mann_kendall(monthly(y))
    da = monthly(y, "1901-01", calendar=calendar, use_cftime=True)
    shifted = da.assign_coords(time=da.time.to_index() + timedelta(days=offset))
    for period in ("month", 12):
        result = gt.seasonal_mann_kendall(shifted, period=period)
        assert_same(result, plain)
        close(gt.seasonal_mann_kendall(shifted, period=period, per="decade").slope, 10 * plain.slope)


@pytest.mark.parametrize("period", ["month", 12])
def test_missing_steps_of_the_axis_do_not_shift_the_seasons(period):
    y = monthly(np.random.default_rng(3).normal(size=(96, 5)))
    gaps = y.where(y.time.dt.month != 5)
    gaps[40:55] = np.nan
    kept = gaps[np.isfinite(gaps[:, 0]).values]
    assert kept.sizes["time"] < 90
    assert_same(gt.seasonal_mann_kendall(kept, period=period), gt.seasonal_mann_kendall(gaps, period=period))
    assert_same(gt.seasonal_mann_kendall(kept[::-1], period=period), gt.seasonal_mann_kendall(gaps, period=period))


def test_slopes_are_per_true_time_whatever_the_step():
    t = np.arange(60)
    y = 0.5 * (t // 6) + np.tile([0.0, 5, 9, 4, 2, 1], 10)
    expected = {
        "cycle": (xr.DataArray(y, dims="time"), 0.5, "change per cycle of 6 steps"),
        "step": (xr.DataArray(y, dims="time"), 0.5 / 6, "change per step"),
        "day": (
            xr.DataArray(y, {"time": np.datetime64("2001-01-01", "ns") + t * np.timedelta64(6, "h")}, "time"),
            1 / 3,
            None,
        ),
        "auto": (xr.DataArray(y, {"time": 1990 + t / 6}, "time"), 0.5, "change per unit of the coordinate"),
    }
    for per, (da, slope, comment) in expected.items():
        result = gt.seasonal_mann_kendall(da, period=6, per=per)
        close(result.slope, slope)
        assert result.slope.attrs.get("comment") == comment
    close(gt.seasonal_mann_kendall(expected["step"][0], period=6).slope, 0.5)
    close(
        gt.seasonal_mann_kendall(expected["auto"][0], period=6).intercept, np.median(y) - 0.5 * np.median(1990 + t / 6)
    )


def test_two_values_in_one_month_are_refused_with_the_call_that_fixes_it():
    da = xr.DataArray(np.arange(60.0), {"time": xr.date_range("2001-01-01", periods=60)}, "time")
    with pytest.raises(ValueError, match=r"57 of 60 values share.*da\.resample\(time='MS'\)"):
        gt.seasonal_mann_kendall(da)
    assert gt.seasonal_mann_kendall(da.resample(time="MS").mean(), min_valid=1).n_valid == 3
    with pytest.raises(ValueError, match=r"da\.resample\(time='QS-DEC'\)"):
        gt.seasonal_mann_kendall(monthly(np.arange(24.0)), period="season")


@pytest.mark.parametrize("period", [0, -3, 2.5, True])
def test_a_senseless_period_is_refused(period):
    with pytest.raises(ValueError, match=r"period=.*whole number"):
        gt.seasonal_mann_kendall(monthly(np.arange(24.0)), period=period)


def test_periods_that_the_times_cannot_tell_are_refused():
    da = xr.DataArray(np.arange(24.0), dims="time")
    with pytest.raises(ValueError, match=r"period='month' needs dates.*period=12"):
        gt.seasonal_mann_kendall(da)
    with pytest.raises(ValueError, match="period='week' is not known; use one of 'month', 'season'"):
        gt.seasonal_mann_kendall(monthly(np.arange(24.0)), period="week")
    irregular = da.assign_coords(time=np.sort(np.random.default_rng(0).random(24)))
    with pytest.raises(ValueError, match=r"no step in common.*da\.drop_vars\('time'\)"):
        gt.seasonal_mann_kendall(irregular, period=12)
    assert gt.seasonal_mann_kendall(irregular.drop_vars("time"), period=12).n_valid == 24


# --- sites and variables --------------------------------------------------------------------------


def test_sites_may_be_any_dimensions(make_grid):
    da = make_grid(decimals=1, holes=0.1)
    everything = gt.regional_mann_kendall(da)
    assert everything.slope.shape == ()
    assert everything.drop_vars(CHI2).equals(gt.regional_mann_kendall(da, over=["lon", "lat"]).drop_vars(CHI2))
    zonal = gt.regional_mann_kendall(da, over="lon")
    assert zonal.slope.dims == ("lat",)
    assert_same(zonal.isel(lat=2), gt.regional_mann_kendall(da[:, 2]))
    assert everything.attrs["over"] == "lat lon"
    assert gt.regional_mann_kendall(da[:, 0, 0]).s == gt.mann_kendall(da[:, 0, 0]).s
    reversed_ = da[::-1]
    assert_same(gt.regional_mann_kendall(reversed_, over="lon"), zonal)


def test_split_sites_are_refused_with_the_call_that_fixes_it(grid):
    with pytest.raises(ValueError, match=r"'lon' is split.*da\.chunk\(\{'time': -1, 'lon': -1\}\)"):
        gt.regional_mann_kendall(grid.chunk(lon=3), over="lon")
    lazy = gt.regional_mann_kendall(grid.chunk(lat=2), over="lon")
    assert_same(lazy.compute(), gt.regional_mann_kendall(grid, over="lon"))


@pytest.mark.parametrize("over", ["level", ["lat", "time"], ["lat", "lat"]])
def test_sites_that_do_not_exist_are_refused_with_those_that_do(grid, over):
    with pytest.raises(ValueError, match="dimensions other than 'time' are 'lat', 'lon'"):
        gt.regional_mann_kendall(grid, over=over)


def test_variables_of_a_dataset_are_tested_together(make_grid, no_compute):
    a, b = make_grid(seed=1), make_grid(seed=2, decimals=0, holes=0.1)
    ds = xr.Dataset({"a": a, "b": b, "mask": a[0], "station": ("time", ["x"] * 40)})
    result = gt.multivariate_mann_kendall(ds)
    assert_same(ds.gridtrend.multivariate_mann_kendall(), result)
    stacked = xr.concat([a, b], "kind")
    assert_same(stacked.gridtrend.multivariate_mann_kendall(over="kind"), result)
    assert "slope" not in result
    answer = reference_groups.regional_mann_kendall(np.stack([a[:, 1, 2], b[:, 1, 2]], 1), correlated=True, slope=False)
    assert float(result.var_s[1, 2]) == answer["var_s"]
    shared = gt.multivariate_mann_kendall(ds, slope=True)
    assert shared.slope.attrs["units"] == "K year-1"
    assert "a and b" in shared.slope.attrs["long_name"]
    ds["b"].attrs["units"] = "mm"
    assert "units" not in gt.multivariate_mann_kendall(ds, slope=True).slope.attrs
    with no_compute():
        lazy = gt.multivariate_mann_kendall(ds.chunk(lat=2))
    assert_same(lazy.compute(), result)


def test_datasets_without_variables_are_refused(grid):
    with pytest.raises(ValueError, match="no numeric variable of the Dataset has the dimension 'year'"):
        gt.multivariate_mann_kendall(grid.to_dataset(), "year")
    with pytest.raises(ValueError, match="has a dimension 'lat' already"):
        gt.multivariate_mann_kendall(grid.to_dataset(), over="lat")
    with pytest.raises(TypeError, match=r"xarray\.DataArray"):
        gt.multivariate_mann_kendall(grid.values)


def test_a_slope_that_is_not_asked_for_is_left_out_and_nothing_else_changes(grid):
    for function, others in ((gt.regional_mann_kendall, ()), (gt.partial_mann_kendall, (grid[:, 0, 0],))):
        full, test = function(grid, *others), function(grid, *others, slope=False)
        assert set(full.data_vars) - set(test.data_vars) == set(reference.LINES)
        assert all(test[name].equals(full[name]) for name in test.data_vars)
        assert "slope_per" not in test.attrs


# --- covariates -----------------------------------------------------------------------------------


def test_a_series_that_is_its_own_covariate_has_nothing_left(grid):
    result = gt.partial_mann_kendall(grid, grid)
    assert (result.s == 0).all()
    assert (result.var_s == 0).all()
    assert (result.p_value == 1).all()
    close(result.rho, np.ones((5, 7)))


def test_a_constant_covariate_changes_nothing(holed_grid):
    constant = xr.DataArray(np.full(40, 3.0), dims="time")
    partial, plain = gt.partial_mann_kendall(holed_grid, constant), gt.mann_kendall(holed_grid, continuity=False)
    assert_same(partial[list(plain.data_vars)], plain)


def test_a_covariate_that_explains_a_trend_takes_it_away():
    rng = np.random.default_rng(0)
    wet = np.arange(60)[:, None] / 20 + rng.normal(size=(60, 200))
    load = wet + 0.3 * rng.normal(size=(60, 200))
    field, covariate = (xr.DataArray(a, dims=("time", "x")) for a in (load, wet))
    plain, partial = gt.mann_kendall(field, slope=False), gt.partial_mann_kendall(field, covariate, slope=False)
    assert (plain.trend != 0).mean() > 0.9
    assert (partial.trend != 0).mean() < 0.1


def test_a_step_counts_where_both_are_valid():
    rng = np.random.default_rng(1)
    x, y = xr.DataArray(rng.normal(size=(2, 30, 20)), dims=("both", "time", "x"))
    y = y.where(rng.random((30, 20)) > 0.2)
    result, masked = gt.partial_mann_kendall(x, y), gt.partial_mann_kendall(x.where(y.notnull()), y)
    assert_same(result, masked)
    assert (result.n_valid == y.notnull().sum("time")).all()
    with pytest.raises(ValueError, match="exact"):
        gt.partial_mann_kendall(monthly(np.arange(24.0)), monthly(np.arange(24.0), "2002-01"))


def test_every_method_is_found_on_the_accessor(make_grid):
    da = make_grid()
    methods = itertools.product(["seasonal_mann_kendall"], [{"period": 2}])
    for name, options in [*methods, ("regional_mann_kendall", {"over": "lon"})]:
        assert_same(getattr(da.gridtrend, name)(**options), getattr(gt, name)(da, **options))
