"""Significance over a whole field: peers, chunks, missing cells, laziness, and false alarms."""

import dask
import numpy as np
import pytest
import scipy.stats
import xarray as xr

import gridtrend as gt
from tests.cases import assert_same

METHODS = ["bh", "by", "bky", "walker"]
every_method = pytest.mark.parametrize("method", METHODS)


def p_values(shape=(6, 7), seed=0, holes=0.2):
    rng = np.random.default_rng(seed)
    p = np.where(rng.random(shape) < 0.3, rng.random(shape) ** 6, rng.random(shape)).round(4)
    p[rng.random(shape) < holes] = np.nan
    return xr.DataArray(p, {"lat": np.arange(shape[0])}, ("lat", "lon"), "p_value", {"long_name": "p-value of rain"})


def slow(p, method, alpha):
    """Adjusted p-values by their definitions: the smallest level at which each test is rejected."""
    p = np.asarray(p, float)
    m = len(p)
    if method == "walker":
        return 1 - (1 - p) ** m
    ordered = np.sort(p)
    steps = [ordered[i] * m / (i + 1) for i in range(m)]
    adjusted = np.array([min(steps[i] for i in range(m) if ordered[i] >= value) for value in p])
    if method == "by":
        adjusted *= sum(1 / k for k in range(1, m + 1))
    if method == "bky":
        first = int((adjusted <= alpha / (1 + alpha)).sum())
        adjusted *= (1 + alpha) * (m - first) / m
    return np.minimum(adjusted, 1)


@every_method
def test_a_thousand_random_fields_have_the_answers_of_the_slow_version(method):
    rng = np.random.default_rng(1)
    for seed in range(250):
        p = p_values((3, int(rng.integers(1, 9))), seed)
        alpha = float(rng.choice([0.01, 0.05, 0.2]))
        result = gt.field_significance(p, method=method, alpha_global=alpha)
        valid = p.values[p.notnull().values]
        wanted = slow(valid, method, alpha)
        found = result.p_adjusted.values[p.notnull().values]
        np.testing.assert_allclose(found, wanted, 1e-12, 1e-15)
        assert result.n_tests == valid.size
        assert result.n_rejected == (wanted <= alpha).sum() == result.significant.sum()
        assert result.p_adjusted.isnull().equals(p.isnull().drop_vars([]))
        if method != "walker" and valid.size:
            assert result.threshold == max(valid[wanted <= alpha], default=0)


@pytest.mark.parametrize("method", ["bh", "by"])
@pytest.mark.parametrize("seed", range(20))
def test_false_discovery_rates_are_scipys(method, seed):
    p = p_values((20, 30), seed, holes=0)
    peer = scipy.stats.false_discovery_control(p.values.ravel(), method=method).reshape(p.shape)
    result = gt.field_significance(p, method=method)
    np.testing.assert_allclose(result.p_adjusted, peer, 1e-13)
    np.testing.assert_array_equal(result.significant, peer <= 0.05)


@pytest.mark.parametrize("seed", range(20))
def test_two_stages_are_those_of_statsmodels(seed):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = p_values((10, 12), seed, holes=0)
    rejected, adjusted, _, _ = multitest.multipletests(p.values.ravel(), 0.1, "fdr_tsbky")
    result = gt.field_significance(p, method="bky", alpha_fdr=0.1)
    np.testing.assert_array_equal(result.significant.values.ravel(), rejected)
    np.testing.assert_allclose(result.p_adjusted.values.ravel(), adjusted, 1e-12)


def test_the_fifteen_p_values_of_benjamini_and_hochberg_give_their_four():
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1,
    ]
    field = xr.DataArray(p, dims="test")
    result = gt.field_significance(field)
    assert result.n_rejected == 4
    assert result.threshold == 0.0095
    # Bonferroni's three are fewer; two stages find more (Benjamini, Krieger & Yekutieli 2006, section 2).
    assert gt.field_significance(field, method="walker").n_rejected == 3
    assert gt.field_significance(field, method="bky").n_rejected >= 4


@every_method
@pytest.mark.parametrize("chunks", [{"lat": 1, "lon": 1}, {"lat": 4, "lon": 3}, {"lat": 2}, {}], ids=str)
def test_chunks_change_nothing_and_are_kept(method, chunks, no_compute):
    p = p_values((9, 8))
    with no_compute():
        lazy = gt.field_significance(p.chunk(chunks), method=method)
    assert all(dask.is_dask_collection(da.data) for da in lazy.data_vars.values())
    assert lazy.significant.chunks == lazy.p_adjusted.chunks == p.chunk(chunks).chunks
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            assert_same(lazy.compute(), gt.field_significance(p, method=method))


@every_method
def test_missing_cells_never_count(method):
    p = p_values((12, 12), holes=0.6)
    packed = xr.DataArray(p.values[p.notnull().values], dims="cell")
    whole, small = gt.field_significance(p, method=method), gt.field_significance(packed, method=method)
    for name in ("threshold", "n_tests", "n_rejected"):
        assert whole[name] == small[name]
    np.testing.assert_array_equal(whole.p_adjusted.values[p.notnull().values], small.p_adjusted)
    assert (whole.significant.values[p.isnull().values] == 0).all()


@every_method
def test_nothing_to_test_gives_nothing_without_a_word(method):
    for shape in ((3, 4), (0, 4)):
        result = gt.field_significance(xr.DataArray(np.full(shape, np.nan), dims=("lat", "lon")), method=method)
        assert result.significant.shape == shape
        assert not result.significant.any()
        assert result.n_tests == result.n_rejected == 0


def test_a_single_test_is_adjusted_for_nothing():
    for p in (xr.DataArray(0.03), xr.DataArray([0.03], dims="cell")):
        for method in ("bh", "by", "walker"):
            result = gt.field_significance(p, method=method)
            np.testing.assert_allclose(result.p_adjusted, 0.03, 1e-14)
            assert (result.significant == 1).all()


@pytest.mark.parametrize("lazy", [False, True])
def test_each_season_is_a_field_of_its_own_where_asked(lazy):
    p = xr.concat([p_values(seed=1), p_values(seed=2)], "season").transpose("lat", "season", "lon")
    result = gt.field_significance(p.chunk(lat=2, season=1) if lazy else p, ["lat", "lon"])
    assert result.threshold.dims == ("season",)
    for season in range(2):
        alone = gt.field_significance(p.isel(season=season))
        assert_same(result.isel(season=season).compute(), alone)
    assert gt.field_significance(p).n_tests == result.n_tests.sum()


def test_a_field_without_trends_is_a_false_alarm_in_one_of_twenty():
    rng = np.random.default_rng(3)
    p = xr.DataArray(rng.random((4000, 30)), dims=("field", "cell"))
    for method in METHODS:
        alarms = int((gt.field_significance(p, "cell", method=method).n_rejected > 0).sum())
        low, high = scipy.stats.binom(4000, 0.05).ppf([1e-4, 1 - 1e-4])
        assert alarms <= high, method
        assert alarms >= low or method in ("by", "bky"), method


def test_the_answer_says_what_it_is():
    result = gt.field_significance(p_values(), alpha_fdr=0.1)
    assert result.attrs["method"] == "Benjamini-Hochberg false discovery rate"
    assert (result.attrs["alpha_global"], result.attrs["alpha_fdr"], result.attrs["dimension"]) == (
        0.05,
        0.1,
        "lat lon",
    )
    assert result.significant.attrs["flag_values"].dtype == result.significant.dtype == np.int8
    assert "p-value of rain" in result.p_adjusted.attrs["long_name"]
    assert "lat" in result.coords


# --- permutations ---------------------------------------------------------------------------------


def waves(shape=(20, 6, 5), seed=0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape).round(1)
    values[:, 0] += 0.2 * np.arange(shape[0])[:, None]
    values[::3, 1, 1], values[:, 2, 2] = np.nan, np.nan
    time = (np.array("1990", "M8[Y]") + np.arange(shape[0])).astype("M8[ns]")
    return xr.DataArray(values, {"time": time}, ("time", "lat", "lon"), "rain")


def slow_permutations(da, permutations, seed):
    """Compare |z| of every cell with the largest of the field under each permutation, one after the other."""

    def size(values):
        field = xr.DataArray(values, dims=da.dims)
        return np.abs(gt.mann_kendall(field, slope=False, continuity=False).z.values)

    rng = np.random.default_rng(seed)
    largest = np.array([np.nanmax(size(da.values[rng.permutation(len(da))])) for _ in range(permutations)])
    found = size(da.values)
    p = (1 + (largest[:, None, None] >= found).sum(axis=0)) / (permutations + 1)
    return np.where(np.isnan(found), np.nan, p)


def test_permutations_are_those_of_the_slow_version():
    da = waves()
    result = gt.field_significance(da, method="maxt", permutations=99, seed=5)
    expected = slow_permutations(da, 99, 5)
    np.testing.assert_array_equal(result.p_adjusted, expected)
    np.testing.assert_array_equal(result.significant, expected <= 0.05)
    z = np.abs(gt.mann_kendall(da, slope=False, continuity=False).z)
    np.testing.assert_array_equal(result.significant, z > result.threshold)
    assert result.significant[0].all()
    assert result.n_tests == 29
    assert result.n_rejected == result.significant.sum()


@pytest.mark.parametrize("chunks", [{"lat": 2, "lon": 2}, {"lat": 1}, {}], ids=str)
@pytest.mark.parametrize("unsorted", [False, True])
def test_permutations_do_not_depend_on_chunks_or_on_the_order_of_the_file(chunks, unsorted, no_compute):
    da = waves()
    lazy = da[::-1] if unsorted else da
    with no_compute():
        lazy = gt.field_significance(lazy.chunk({"time": -1} | chunks), method="maxt", permutations=50)
    assert dask.is_dask_collection(lazy.significant.data)
    with dask.config.set(scheduler="threads"):
        assert_same(lazy.compute(), gt.field_significance(da, method="maxt", permutations=50))


def test_permutations_keep_a_field_of_identical_cells_at_its_level():
    # A hundred times the same series is one test, not a hundred.
    rng = np.random.default_rng(9)
    alarms = 0
    for _ in range(100):
        da = xr.DataArray(np.repeat(rng.normal(size=(15, 1)), 20, axis=1), dims=("time", "cell"))
        alarms += int(gt.field_significance(da, method="maxt", permutations=39).n_rejected > 0)
    assert 0 < alarms <= scipy.stats.binom(100, 0.05).ppf(1 - 1e-4)


def test_a_single_series_and_another_dimension_may_be_permuted():
    da = waves()[:, 0, 0].rename(time="year")
    result = gt.field_significance(da, "year", method="maxt", permutations=200)
    assert result.significant == 1
    assert result.attrs["dimension"] == "year"


# --- refusals, accessor ---------------------------------------------------------------------------


def test_what_is_no_p_value_is_refused_with_the_way_to_make_them():
    with pytest.raises(ValueError, match=r"values from .* are not p-values.*mann_kendall\(da\)\.p_value"):
        gt.field_significance(waves())
    with pytest.raises(TypeError, match=r"xarray\.DataArray"):
        gt.field_significance(np.ones(3))
    with pytest.raises(ValueError, match="no dimension 'season'"):
        gt.field_significance(p_values(), "season")
    with pytest.raises(ValueError, match=r"method='bonferroni' is not known; use one of 'bh', 'by'"):
        gt.field_significance(p_values(), method="bonferroni")
    for name in ("alpha_global", "alpha_fdr"):
        with pytest.raises(ValueError, match=r"alpha=5 is not a significance level"):
            gt.field_significance(p_values(), **{name: 5})


def test_senseless_permutations_are_refused():
    with pytest.raises(ValueError, match=r"permutations=10 cannot show significance at 0.05; .* at least 20"):
        gt.field_significance(waves(), method="maxt", permutations=10)
    with pytest.raises(ValueError, match="seed=-1 is not a seed"):
        gt.field_significance(waves(), method="maxt", seed=-1)
    with pytest.raises(ValueError, match="not one dimension to permute"):
        gt.field_significance(waves(), ["lat", "lon"], method="maxt")
    with pytest.raises(ValueError, match="'time' is split over 4 dask chunks"):
        gt.field_significance(waves().chunk(time=5), method="maxt")


def test_a_dataset_of_results_has_all_its_p_values_tested():
    da = waves()
    alone = da.gridtrend.mann_kendall(slope=False)
    expected = gt.field_significance(alone.p_value)
    assert_same(alone.gridtrend.field_significance(), expected)
    both = xr.Dataset({"rain": da, "snow": 2 * da}).gridtrend.mann_kendall(slope=False).gridtrend.field_significance()
    assert_same(both[[f"snow_{name}" for name in expected]], expected.rename({n: f"snow_{n}" for n in expected}))
    assert both.snow_significant.attrs["ancillary_variables"] == "snow_p_adjusted"
    data = xr.Dataset({"rain": da}).gridtrend.field_significance(method="maxt", permutations=20)
    assert "rain_significant" in data
    with pytest.raises(ValueError, match="holds no p_value, only rain"):
        xr.Dataset({"rain": da}).gridtrend.field_significance()
