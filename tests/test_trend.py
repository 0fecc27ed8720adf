"""The trend functions are right: published answers, scipy, pymannkendall, and the defects of others."""

import itertools
import math
from statistics import NormalDist

import numpy as np
import pymannkendall
import pytest
import scipy.stats
import xarray as xr

import gridtrend as gt
from gridtrend.trend.kernels.slope_search_lanes import SHORT
from tests import reference
from tests.oracles import EXACT_NULL, SEED, SERIES

ALTERNATIVES = {"two-sided": "two-sided", "increasing": "greater", "decreasing": "less"}
SHAPE = (145, 192)


def record(y, t=None):
    y = np.asarray(y)
    coords = {} if t is None else {"time": np.asarray(t)}
    return xr.DataArray(y, coords, ("time", *"xyz"[: y.ndim - 1]))


def close(found, expected, rtol=1e-12):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=0)


# --- published answers ----------------------------------------------------------------------------


def series_with(answer):
    return pytest.mark.parametrize("oracle", [o for o in SERIES if answer in o.expected], ids=str)


every_oracle = pytest.mark.parametrize("oracle", SERIES, ids=str)


@every_oracle
def test_the_test_has_its_published_answers(oracle):
    result = gt.mann_kendall(record(oracle.y, oracle.t))
    for name in ("s", "var_s", "n_valid"):
        assert float(result[name]) == oracle.expected[name]
    for name in ("z", "p_value", "slope"):
        close(result[name], oracle.expected[name], oracle.rtol)


@series_with("p_value_no_continuity")
def test_p_without_continuity_is_the_published_one(oracle):
    result = gt.mann_kendall(record(oracle.y, oracle.t), continuity=False, slope=False)
    close(result.p_value, oracle.expected["p_value_no_continuity"])


@series_with("p_value_exact")
def test_the_exact_p_is_the_published_one(oracle):
    result = gt.mann_kendall(record(oracle.y, oracle.t), p_value="exact", slope=False)
    close(result.p_value, oracle.expected["p_value_exact"])


@series_with("tau_b")
@pytest.mark.parametrize("variant", ["a", "b"])
def test_tau_is_the_published_one(oracle, variant):
    result = gt.mann_kendall(record(oracle.y, oracle.t), tau=variant, slope=False)
    close(result.tau, oracle.expected[f"tau_{variant}"])


@series_with("intercept_joint")
@pytest.mark.parametrize("rule", ["conover", "joint"])
@pytest.mark.parametrize("function", [gt.mann_kendall, gt.theil_sen])
def test_the_intercept_is_the_published_one(oracle, rule, function):
    result = function(record(oracle.y, oracle.t), intercept=rule)
    np.testing.assert_allclose(result.intercept, oracle.expected[f"intercept_{rule}"], 1e-12, 1e-12)


@series_with("limits_gilbert")
@pytest.mark.parametrize("ci", ["gilbert", "rounded"])
@pytest.mark.parametrize("function", [gt.mann_kendall, gt.theil_sen])
def test_the_limits_are_the_published_ones(oracle, ci, function):
    result = function(record(oracle.y, oracle.t), ci=ci)
    close([result.slope_lower, result.slope_upper], oracle.expected[f"limits_{ci}"])


@every_oracle
def test_published_series_are_answered_in_every_cell_of_a_grid(oracle):
    together = gt.mann_kendall(record(np.tile(oracle.y[:, None], 37), oracle.t))
    alone = gt.mann_kendall(record(oracle.y, oracle.t))
    for name in alone.data_vars:
        np.testing.assert_array_equal(together[name].values, np.full(37, alone[name].values))


@pytest.mark.parametrize("chunks", [None, {"x": 29}, {"x": 50, "y": 64}], ids=str)
def test_the_rainfall_of_the_question_is_answered_in_all_its_cells(chunks):
    # Wilks, table A.2, in every cell of the grid of the question that started the project.
    field = np.empty((50, *SHAPE))
    field[:] = SEED.y[:, None, None]
    da = record(field)
    result = gt.mann_kendall(da if chunks is None else da.chunk(chunks)).compute()
    expected = {"s": -58, "var_s": 14284, "n_valid": 50, "trend": 0}
    for name, value in expected.items():
        assert (result[name] == value).all()
    close(result.p_value, np.full(SHAPE, 0.6334156490930432))
    close(result.tau, np.full(SHAPE, -0.047482798276503806))
    close(result.slope, np.full(SHAPE, -0.004285714285714289))
    close(result.slope_lower, np.full(SHAPE, SEED.expected["limits_gilbert"][0]))
    close(result.slope_upper, np.full(SHAPE, SEED.expected["limits_gilbert"][1]))


def permutation(n, score):
    """Return an order of n values with a given S, by insertions."""
    inversions, order = (n * (n - 1) // 2 - score) // 2, []
    for value in range(n):
        moves = min(value, inversions)
        order.insert(value - moves, value)
        inversions -= moves
    assert inversions == 0
    return np.array(order, float)


@pytest.mark.parametrize(("n", "s", "tail"), EXACT_NULL)
def test_the_exact_p_of_kendall_is_that_of_his_table(n, s, tail):
    y = permutation(n, s)
    assert reference.mann_kendall_s(y) == s
    result = gt.kendall_tau(record(np.arange(n)), record(y), p_value="exact", alternative="increasing")
    close(result.p_value, tail, 1e-13)


# --- scipy and pymannkendall ----------------------------------------------------------------------


def tied_fields(n, cells, seed):
    """Return two fields with ties in both, in one, or in none, by turns."""
    rng = np.random.default_rng(seed)
    levels = [(3, 3), (3, None), (None, 4), (None, None), (2, 30), (10, 2)]
    x, y = np.empty((n, cells)), np.empty((n, cells))
    for cell, (a, b) in zip(range(cells), itertools.cycle(levels)):
        x[:, cell] = rng.permutation(n) if a is None else rng.integers(0, a, n)
        y[:, cell] = rng.permutation(n) if b is None else rng.integers(0, b, n)
    return x, y


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("p_value", ["asymptotic", "exact", "auto"])
@pytest.mark.parametrize("variant", ["b", "c"])
@pytest.mark.parametrize("n", [5, 20, 33, 34, 60])
def test_kendall_tau_is_scipys(n, variant, p_value, alternative):
    x, y = tied_fields(n, 60, seed=n)
    result = gt.kendall_tau(record(x), record(y), variant=variant, p_value=p_value, alternative=alternative)
    for cell in range(60):
        tied = any(np.unique(a[:, cell]).size < n for a in (x, y))
        if p_value == "exact" and tied:
            assert np.isnan(result.p_value[cell])
            continue
        peer = scipy.stats.kendalltau(
            x[:, cell],
            y[:, cell],
            variant=variant,
            method=p_value,
            alternative=ALTERNATIVES[alternative],
        )
        np.testing.assert_allclose(result.tau[cell], peer.statistic, 1e-13, 1e-15)
        close(result.p_value[cell], peer.pvalue)


def test_kendall_tau_of_long_series_is_scipys():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(SHORT + 500, 6)).round(1)
    y = (0.1 * x + rng.normal(size=x.shape)).round(2)
    result = gt.kendall_tau(record(x), record(y))
    for cell in range(6):
        peer = scipy.stats.kendalltau(x[:, cell], y[:, cell])
        close([result.tau[cell], result.p_value[cell]], list(peer))


@pytest.mark.parametrize("n", [SHORT, 20_000])
def test_perfect_agreement_of_long_series_is_told_at_once(n):
    x = record(np.random.default_rng(0).permutation(n).astype(float))
    result = gt.kendall_tau(x, x)
    close(result.tau, 1.0, 1e-15)
    assert float(result.p_value) == 0


@pytest.mark.parametrize("n", [40, 50])
@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_nearly_perfect_agreement_has_scipys_exact_p(n, alternative):
    orders = [np.arange(n), np.arange(n)[::-1], np.arange(n), np.arange(n)[::-1]]
    y = np.array(orders, float).T
    y[[3, 4], 2:] = y[[4, 3], 2:]
    result = gt.kendall_tau(record(y), record(np.arange(n)), alternative=alternative)
    for cell in range(4):
        peer = scipy.stats.kendalltau(y[:, cell], np.arange(n), alternative=ALTERNATIVES[alternative])
        close(result.p_value[cell], peer.pvalue)


@pytest.mark.parametrize(("rule", "scipys"), [("conover", "separate"), ("joint", "joint")])
@pytest.mark.parametrize("kind", ["smooth", "tied"])
def test_the_line_is_scipys_on_irregular_holed_times(rule, scipys, kind):
    rng = np.random.default_rng(12)
    t = np.sort(rng.uniform(1950, 2020, 55))
    y = rng.normal(size=(55, 200)) + 0.03 * (t - 1950)[:, None]
    y = y if kind == "smooth" else y.round(0)
    y[rng.random(y.shape) < 0.2] = np.nan
    result = gt.theil_sen(record(y, t), intercept=rule, ci="rounded")
    for cell in range(200):
        keep = np.isfinite(y[:, cell])
        peer = scipy.stats.theilslopes(y[keep, cell], t[keep], alpha=0.95, method=scipys)
        ours = [float(result[name][cell]) for name in reference.LINES]
        np.testing.assert_allclose(ours, list(peer), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", [10, 46, 120])
@pytest.mark.parametrize("decimals", [None, 1, 0])
def test_complete_series_have_pymannkendalls_answers(n, decimals):
    rng = np.random.default_rng(n)
    y = rng.normal(size=(n, 60)) + 0.01 * np.arange(n)[:, None]
    y = y if decimals is None else y.round(decimals)
    result = gt.mann_kendall(record(y))
    for cell in range(60):
        peer = pymannkendall.original_test(y[:, cell])
        assert float(result.s[cell]) == peer.s
        close(
            [result[name][cell] for name in ("var_s", "z", "slope")],
            [peer.var_s, peer.z, peer.slope],
        )
        # Its p is a difference from one: good to the last digits of one.
        np.testing.assert_allclose(result.p_value[cell], peer.p, atol=1e-15, rtol=1e-12)
        assert bool(result.trend[cell] != 0) == peer.h


def test_tau_with_time_is_the_kendall_correlation_with_time():
    rng = np.random.default_rng(7)
    y = record(rng.normal(size=(40, 100)).round(0))
    test, correlation = gt.mann_kendall(y, continuity=False), gt.kendall_tau(y, record(np.arange(40)))
    close(test.tau, correlation.tau)
    close(test.p_value, correlation.p_value, 1e-11)


# --- hard lines -----------------------------------------------------------------------------------


def assert_line(result, y, t, alpha=0.05, ci="gilbert"):
    """Slope and limits of one cell are the order statistics of all slopes, to rounding."""
    slopes = reference.sen_slopes(y, t)
    spread = -NormalDist().inv_cdf(alpha / 2) * math.sqrt(reference.variance(y))
    n = len(slopes)
    ranks = {"slope": (n + 1) / 2, "slope_lower": (n - spread) / 2, "slope_upper": (n + spread) / 2 + 1}
    for name, rank in ranks.items():
        found, wanted = float(result[name]), reference.order_statistic(slopes, rank)
        if math.isnan(wanted):
            assert math.isnan(found), name
            continue
        # Between two ranks, rounding is that of the larger slope, and of the rank itself.
        low, high = slopes[math.floor(rank) - 1], slopes[math.ceil(rank) - 1]
        tolerance = 1e-13 * max(abs(low), abs(high)) + 1e-15 * rank * (high - low)
        assert abs(found - wanted) <= tolerance, f"{name}: {found}, not {wanted}"


HARD = {
    "outlier": lambda rng, n: np.append(rng.normal(size=n - 1), 1e9),
    "huge_offset": lambda rng, n: 1e12 + rng.integers(0, 50, n).astype(float),
    "tiny": lambda rng, n: 1e-290 * rng.normal(size=n),
    "huge": lambda rng, n: 1e290 * rng.normal(size=n),
    "one_jump": lambda rng, n: (np.arange(n) > n // 3).astype(float),
    "perfect_line": lambda rng, n: 3.0 * np.arange(n) + 1,
    "almost_a_line": lambda rng, n: np.arange(n) + (rng.random(n) < 0.02),
    "saw": lambda rng, n: (np.arange(n) % 7).astype(float),
    "two_lines": lambda rng, n: np.where(np.arange(n) % 2, 0.5, -0.25) * np.arange(n),
    "exponential": lambda rng, n: np.exp(np.linspace(0, 20, n)),
    "steep_exponential": lambda rng, n: np.exp(np.linspace(0, 300, n)),
    "fill_value": lambda rng, n: np.where(rng.random(n) < 0.1, 1e20, 280 + rng.normal(size=n)),
    "mostly_zero": lambda rng, n: np.where(rng.random(n) < 0.9, 0.0, rng.normal(size=n)),
    "pinned": lambda rng, n: np.maximum(rng.normal(size=n), 0.3),
    "whole_numbers": lambda rng, n: np.round(0.3 * np.arange(n) + rng.normal(size=n)),
    "random_walk": lambda rng, n: rng.integers(-1, 2, n).cumsum().astype(float),
    "near_zero_slopes": lambda rng, n: 1e-9 * rng.normal(size=n) + (rng.random(n) < 0.1),
    "reversed_cubes": lambda rng, n: -(np.linspace(-1, 1, n) ** 3),
}


@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("n", [12, 13, 14, 30, 66, 100, 150, SHORT - 1, SHORT + 1])
@pytest.mark.parametrize("spacing", ["even", "uneven"])
def test_slopes_of_hard_series_are_exact_order_statistics(kind, n, spacing):
    rng = np.random.default_rng(n)
    y = np.array([HARD[kind](rng, n) for _ in range(4)]).T
    t = np.arange(n) if spacing == "even" else np.sort(rng.choice(50 * n, n, replace=False))
    t = t.astype(float)
    for alpha in (0.05, 1e-4):
        result = gt.theil_sen(record(y, t), alpha=alpha)
        for cell in range(4):
            assert_line(result.isel(x=cell), y[:, cell], t, alpha)


def test_one_late_value_far_away_does_not_blur_the_times():
    rng = np.random.default_rng(0)
    t = np.append(np.arange(59.0), 1e7)
    y = rng.normal(size=(60, 40))
    result = gt.theil_sen(record(y, t))
    for cell in range(40):
        assert_line(result.isel(x=cell), y[:, cell], t)


# --- what others get wrong ------------------------------------------------------------------------


def test_threads_do_not_mix_cells():
    # A class that keeps the state of one cell on itself gave a quarter of these wrong.
    rng = np.random.default_rng(1)
    da = record(rng.normal(size=(60, 24, 24)))
    lazy = gt.mann_kendall(da.chunk({"x": 4, "y": 4}))
    expected = gt.mann_kendall(da)
    for _ in range(5):
        assert lazy.compute(scheduler="threads", num_workers=16).equals(expected)


def test_small_numbers_are_not_rounded_into_ties():
    # Rounding at 1e-5 makes all of this precipitation in kg m-2 s-1 equal.
    rain = np.random.default_rng(2).gamma(1.0, 1e-6, (50, 20))
    small, large = gt.mann_kendall(record(rain)), gt.mann_kendall(record(rain * 2.0**20))
    for name in ("s", "var_s", "z", "p_value"):
        np.testing.assert_array_equal(small[name], large[name])
    assert (small.var_s == 50 * 49 * 105 / 18).all()


def test_a_warmer_scale_changes_no_p():
    celsius = np.random.default_rng(3).integers(-300, 300, (50, 20)) / 16
    plain, kelvin = gt.mann_kendall(record(celsius)), gt.mann_kendall(record(celsius + 273.125))
    np.testing.assert_array_equal(plain.p_value, kelvin.p_value)
    close(kelvin.slope, plain.slope)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2"])
def test_differences_of_small_integers_do_not_wrap(dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    high = min(high, 2**52)
    y = np.array([high, high // 2, high // 4, low, 0, 1], dtype)
    result, expected = gt.mann_kendall(record(y)), gt.mann_kendall(record(y.astype(float)))
    assert result.equals(expected)
    assert float(gt.mann_kendall(record(np.sort(y))).s) == 15 - (np.unique(y).size < 6)
    assert float(gt.mann_kendall(record(np.sort(y))).slope) > 0


def test_a_cell_of_nothing_is_neither_an_error_nor_a_result():
    da = record(np.full((30, 2), np.nan))
    da[:, 1] = np.arange(30)
    result = gt.mann_kendall(da)
    assert np.isnan(result.p_value[0])
    assert result.n_valid.values.tolist() == [0, 30]
    assert result.trend.values.tolist() == [0, 1]
    assert float(result.slope[1]) == 1


@pytest.mark.parametrize("function", [gt.mann_kendall, gt.theil_sen])
def test_a_slope_across_a_gap_uses_the_true_times(function):
    y = 0.5 * np.arange(40.0)
    y[[3, 4, 5, 6, 20, 21, 33]] = np.nan
    noisy = y + np.random.default_rng(0).normal(size=40)
    assert float(function(record(y)).slope) == 0.5
    keep = np.isfinite(y)
    close(function(record(noisy)).slope, scipy.stats.theilslopes(noisy[keep], np.flatnonzero(keep))[0])


@pytest.mark.parametrize("n", [20, 100, 400])
def test_p_does_not_vanish_beyond_z_of_eight(n):
    result = gt.mann_kendall(record(np.arange(n)))
    z = float(result.z)
    assert z > 5
    assert float(result.p_value) > 0
    close(result.p_value, 2 * scipy.stats.norm.sf(z))
    falling = gt.mann_kendall(record(-np.arange(n)), alternative="decreasing")
    close(falling.p_value, scipy.stats.norm.sf(z))


def test_alpha_is_honoured_in_flags_and_limits():
    y = record(np.random.default_rng(5).normal(size=(40, 400)) + 0.02 * np.arange(40)[:, None])
    previous = None
    for alpha in (0.001, 0.01, 0.05, 0.2, 0.5):
        result = gt.mann_kendall(y, alpha=alpha)
        np.testing.assert_array_equal(result.trend != 0, result.p_value < alpha)
        np.testing.assert_array_equal(result.trend, np.sign(result.s) * (result.p_value < alpha))
        assert result.attrs["alpha"] == result.trend.attrs["alpha"] == alpha
        width = result.slope_upper - result.slope_lower
        assert previous is None or bool((width < previous).all())
        previous = width


@pytest.mark.parametrize("alternative", ["increasing", "decreasing"])
@pytest.mark.parametrize("alpha", [0.05, 0.7])
def test_a_one_sided_flag_points_one_way(alternative, alpha):
    y = record(np.random.default_rng(5).integers(0, 3, (8, 400)))
    trend = gt.mann_kendall(y, alpha=alpha, alternative=alternative, slope=False).trend
    assert set(np.unique(trend)) <= ({0, 1} if alternative == "increasing" else {0, -1})


@pytest.mark.parametrize("n", [2, 3, 6, 7, 10, 11, 14, 15])
def test_the_median_of_an_odd_number_of_slopes_is_the_middle_one(n):
    y = np.random.default_rng(n).normal(size=(n, 50))
    slopes = [reference.sen_slopes(y[:, cell], np.arange(n)) for cell in range(50)]
    close(gt.theil_sen(record(y)).slope, [np.median(one) for one in slopes])
    if n * (n - 1) // 2 % 2:
        assert all(float(s) in one for s, one in zip(gt.theil_sen(record(y)).slope, slopes, strict=True))


def test_pairs_beyond_the_range_of_32_bits_are_counted():
    n = 70_000
    rising = gt.mann_kendall(record(np.arange(n, dtype=float) * 0.25))
    assert int(rising.s) == n * (n - 1) // 2
    assert float(rising.var_s) == n * (n - 1) * (2 * n + 5) / 18
    assert float(rising.tau) == 1
    assert float(rising.slope) == 0.25
    wave = np.sin(np.arange(n) / 1000.0)
    assert abs(int(gt.mann_kendall(record(wave), slope=False).s)) < n * (n - 1) // 2


def test_ties_of_long_series_are_counted_beyond_32_bits():
    n = 70_000
    result = gt.mann_kendall(record(np.arange(n) % 2), slope=False)
    ties = 2 * (n // 2) * (n // 2 - 1) * (n + 5)
    assert float(result.var_s) == (n * (n - 1) * (2 * n + 5) - ties) / 18


def test_ties_lower_the_variance():
    plain = gt.mann_kendall(record([1.0, 2, 3, 4, 5, 6]))
    tied = gt.mann_kendall(record([1.0, 2, 2, 2, 5, 6]))
    assert float(plain.var_s) == 6 * 5 * 17 / 18
    assert float(tied.var_s) == (6 * 5 * 17 - 3 * 2 * 11) / 18


@pytest.mark.parametrize("shape", [(30, 1, 1), (30, 1), (30, 1, 7), (30, 7, 1)])
def test_dimensions_of_size_one_are_neither_dropped_nor_fatal(shape):
    result = gt.mann_kendall(record(np.random.default_rng(0).normal(size=shape)))
    assert result.slope.shape == shape[1:]
    assert result.slope.notnull().all()


def test_a_constant_series_has_no_trend_and_no_doubt():
    result = gt.mann_kendall(record(np.full((20, 3), 271.35, "f4")))
    for name, value in {"s": 0, "var_s": 0, "z": 0, "p_value": 1, "tau": 0, "slope": 0}.items():
        assert (result[name] == value).all(), name
    close(result.intercept, np.full(3, np.float32(271.35)))
    assert (result.trend == 0).all()


def test_a_constant_series_correlates_with_nothing():
    result = gt.kendall_tau(record(np.full(20, 3.0)), record(np.arange(20.0)))
    assert np.isnan(result.tau)
    assert np.isnan(result.p_value)
    assert int(result.n_valid) == 20


def test_series_that_do_not_belong_together_are_refused():
    x = record(np.arange(20.0), np.arange(1950, 1970))
    y = record(np.arange(20.0), np.arange(1951, 1971))
    with pytest.raises(ValueError, match="exact"):
        gt.kendall_tau(x, y)
    with pytest.raises(ValueError, match=r"have 20 and 19 steps along 'time'.*xarray\.align\(x, y\)"):
        gt.kendall_tau(record(np.arange(20.0)), record(np.arange(19.0)))


def test_the_second_input_is_checked_as_the_first():
    x = record(np.arange(20.0))
    with pytest.raises(ValueError, match="no dimension 'time'"):
        gt.kendall_tau(x, x.rename(time="year"))
    with pytest.raises(TypeError, match=r"xarray\.DataArray"):
        gt.kendall_tau(x, x.values)
    with pytest.raises(ValueError, match="split over 2 dask chunks"):
        gt.kendall_tau(x, x.chunk({"time": 10}))


def test_a_step_counts_where_both_fields_are_valid():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30, 20))
    x[rng.random(x.shape) < 0.2] = np.nan
    y[rng.random(y.shape) < 0.2] = np.inf
    result = gt.kendall_tau(record(x), record(y))
    for cell in range(20):
        both = np.isfinite(x[:, cell]) & np.isfinite(y[:, cell])
        peer = scipy.stats.kendalltau(x[both, cell], y[both, cell])
        assert int(result.n_valid[cell]) == both.sum()
        close([result.tau[cell], result.p_value[cell]], list(peer))


def test_fields_and_series_are_broadcast_both_ways():
    rng = np.random.default_rng(0)
    field, series = record(rng.normal(size=(30, 4, 5))), record(rng.normal(size=30))
    other = xr.DataArray(rng.normal(size=(3, 30)), dims=("mode", "time"))
    assert gt.kendall_tau(field, series).tau.dims == ("x", "y")
    np.testing.assert_array_equal(gt.kendall_tau(series, field).tau, gt.kendall_tau(field, series).tau)
    result = gt.kendall_tau(field, other)
    assert result.tau.dims == ("x", "y", "mode")
    for mode in range(3):
        assert result.isel(mode=mode).equals(gt.kendall_tau(field, other[mode]))
    lazy = gt.kendall_tau(field.chunk({"x": 1}), other)
    assert lazy.tau.chunks is not None
    assert lazy.compute().equals(result)


@pytest.mark.parametrize("function", [gt.mann_kendall, gt.theil_sen])
def test_limits_that_are_not_asked_for_are_left_out_and_nothing_else_changes(function):
    y = record(np.random.default_rng(0).normal(size=(80, 20)))
    result, full = function(y, ci=None), function(y)
    assert set(full.data_vars) - set(result.data_vars) == {"slope_lower", "slope_upper"}
    assert all(result[name].equals(full[name]) for name in result.data_vars)
    assert "slope_lower" not in result.slope.attrs["ancillary_variables"]


# --- repeated medians -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 20, 101, 400])
def test_repeated_medians_are_those_of_scipy(n):
    rng = np.random.default_rng(n)
    t = np.sort(rng.choice(9 * n, n, replace=False)).astype(float)
    y = rng.normal(size=(n, 30)).round(1)
    y[rng.random(y.shape) < 0.1] = np.nan
    result = gt.siegel_slope(record(y, t))
    for cell in range(30):
        keep = np.isfinite(y[:, cell])
        if keep.sum() < 2:
            continue
        peer = scipy.stats.siegelslopes(y[keep, cell], t[keep])
        close([result.slope[cell], result.intercept[cell]], [peer.slope, peer.intercept], 1e-11)


def test_repeated_median_of_the_seed_series_is_the_published_one():
    result = gt.siegel_slope(record(SEED.y, SEED.t))
    np.testing.assert_allclose([result.slope, result.intercept], [-0.0122373, 2.0950181], atol=5e-8)


@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("n", [30, 101, 400])
def test_repeated_medians_of_hard_series_are_exact(kind, n):
    rng = np.random.default_rng(n)
    y = HARD[kind](rng, n)
    found, wanted = gt.siegel_slope(record(y)).slope, reference.siegel_slope(y)["slope"]
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=0)
