"""The references must themselves be right: they are held to published numbers and to scipy."""

import math
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import scipy.stats
import xarray as xr

from tests import reference
from tests.oracles import EXACT_NULL, SEED, SERIES, TABLE

SCIPY_NAME = {"two-sided": "two-sided", "increasing": "greater", "decreasing": "less"}


def series_with(answer):
    return pytest.mark.parametrize("oracle", [o for o in SERIES if answer in o.expected], ids=str)


def tied_pair(rng, n, levels):
    return rng.integers(0, levels, n).astype(float), rng.integers(0, levels, n).astype(float)


@pytest.mark.parametrize("oracle", SERIES, ids=str)
def test_s_and_its_variance_are_exactly_the_published_ones(oracle):
    answer = reference.mann_kendall(oracle.y, oracle.t)
    for name in ("n_valid", "s", "var_s"):
        assert answer[name] == oracle.expected[name]


@pytest.mark.parametrize("oracle", SERIES, ids=str)
@pytest.mark.parametrize("name", ["z", "p_value", "slope"])
def test_significance_and_slope_are_the_published_ones(oracle, name):
    answer = reference.mann_kendall(oracle.y, oracle.t)
    assert answer[name] == pytest.approx(oracle.expected[name], rel=oracle.rtol, abs=0)


@series_with("p_value_no_continuity")
def test_p_without_continuity_is_the_published_one(oracle):
    p = reference.mann_kendall(oracle.y, continuity=False)["p_value"]
    assert p == pytest.approx(oracle.expected["p_value_no_continuity"], rel=1e-12, abs=0)


@pytest.mark.parametrize("variant", ["a", "b"])
@series_with("tau_b")
def test_tau_is_the_published_one(oracle, variant):
    tau = reference.mann_kendall(oracle.y, tau=variant)["tau"]
    assert tau == pytest.approx(oracle.expected[f"tau_{variant}"], rel=1e-12, abs=0)


@pytest.mark.parametrize("rule", ["conover", "joint"])
@series_with("intercept_joint")
def test_intercept_is_the_published_one(oracle, rule):
    line = reference.theil_sen(oracle.y, oracle.t, intercept=rule)
    assert line["intercept"] == pytest.approx(oracle.expected[f"intercept_{rule}"], rel=1e-12)


@pytest.mark.parametrize("ci", ["gilbert", "rounded"])
@series_with("limits_gilbert")
def test_limits_of_the_slope_are_the_published_ones(oracle, ci):
    line = reference.theil_sen(oracle.y, oracle.t, ci=ci)
    limits = [line["slope_lower"], line["slope_upper"]]
    assert limits == pytest.approx(oracle.expected[f"limits_{ci}"], rel=1e-12, abs=0)


@series_with("p_value_exact")
def test_exact_p_given_the_ties_is_the_published_one(oracle):
    p = reference.exact_p(reference.mann_kendall_s(oracle.y), reference.ties(oracle.y))
    assert p == pytest.approx(oracle.expected["p_value_exact"], rel=1e-12, abs=0)


@pytest.mark.parametrize(("n", "s", "tail"), EXACT_NULL)
def test_exact_tail_without_ties_is_kendalls_table(n, s, tail):
    assert float(reference.exact_tail(s, [1] * n)) == pytest.approx(tail, rel=1e-14)


def test_exact_tail_with_ties_counts_every_ordering():
    y = (1, 1, 2, 3, 3, 3)
    orderings = set(permutations(y))
    scores = Counter(reference.mann_kendall_s(np.array(o)) for o in orderings)
    counts = reference.inversion_counts(tuple(reference.ties(y)))
    untied = len(counts) - 1
    assert scores == {untied - 2 * k: count for k, count in enumerate(counts)}
    variance = sum(count * s * s for s, count in scores.items()) / len(orderings)
    assert variance == pytest.approx(float(reference.variance(y)), rel=1e-14)


def test_limits_beyond_the_outermost_slopes_do_not_exist():
    line = reference.theil_sen([1.0, 3.0, 2.0, 5.0], alpha=0.001)
    assert math.isnan(line["slope_lower"])
    assert math.isnan(line["slope_upper"])
    assert math.isfinite(line["slope"])


@pytest.mark.parametrize("alternative", SCIPY_NAME)
@pytest.mark.parametrize("method", ["asymptotic", "exact", "auto"])
@pytest.mark.parametrize(("n", "levels"), [(3, 2), (7, 3), (12, 12), (40, 5), (60, 1000)])
def test_kendall_tau_is_scipys(n, levels, method, alternative):
    rng = np.random.default_rng(n)
    for _ in range(10):
        x, y = tied_pair(rng, n, levels)
        if method == "exact":
            x, y = x.argsort(stable=True).argsort(), y.argsort(stable=True).argsort()
        for variant in "bc":
            peer = scipy.stats.kendalltau(x, y, variant=variant, method=method, alternative=SCIPY_NAME[alternative])
            ours = reference.kendall_tau(x, y, variant=variant, p_value=method, alternative=alternative)
            assert ours["tau"] == pytest.approx(peer.statistic, rel=1e-14, nan_ok=True)
            assert ours["p_value"] == pytest.approx(peer.pvalue, rel=1e-12, abs=0, nan_ok=True)


def test_kendall_tau_with_time_is_the_mann_kendall_test():
    time, y = np.arange(SEED.y.size), SEED.y
    assert reference.kendall_s(time, y) == reference.mann_kendall_s(y)
    assert reference.kendall_variance(time, y) == reference.variance(y)
    for variant in "ab":
        assert reference.kendall_variant(time, y, variant) == reference.mann_kendall_tau(y, variant)


@pytest.mark.parametrize(("rule", "scipys"), [("conover", "separate"), ("joint", "joint")])
@pytest.mark.parametrize("seed", range(5))
def test_sens_line_is_scipys_on_irregular_times(rule, scipys, seed):
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(1950, 2020, 45))
    y = rng.normal(size=45).round(1)
    y[rng.random(45) < 0.2] = np.nan
    keep = np.isfinite(y)
    peer = scipy.stats.theilslopes(y[keep], t[keep], alpha=0.95, method=scipys)
    ours = reference.theil_sen(y, t, intercept=rule, ci="rounded")
    found = [ours[name] for name in reference.LINES]
    assert found == pytest.approx(list(peer), rel=1e-12)


def test_one_sided_p_values_share_the_two_sided_one():
    two, up, down = (reference.mann_kendall(SEED.y, alternative=a)["p_value"] for a in SCIPY_NAME)
    assert min(up, down) == pytest.approx(two / 2, rel=1e-15)
    assert up + down == pytest.approx(1, rel=1e-15)


def test_awkward_series_have_defined_answers(awkward_series):
    answer = reference.mann_kendall(awkward_series)
    enough = answer["n_valid"] >= 4
    assert answer["n_valid"] == np.isfinite(awkward_series).sum()
    assert math.isfinite(answer["p_value"]) == enough
    assert math.isfinite(answer["slope"]) == enough


def test_constant_series_have_no_trend_and_no_doubt():
    answer = reference.mann_kendall([7.25] * 12)
    expected = {"tau": 0, "s": 0, "var_s": 0, "z": 0, "p_value": 1, "slope": 0, "trend": 0}
    assert {name: answer[name] for name in expected} == expected


def test_a_cell_of_a_real_file_has_its_checked_answers(shared_data):
    entry = TABLE["air_temperature_e1"]
    y, x = entry["cell"]
    with xr.open_dataset(shared_data(entry["file"]), decode_times=False) as file:
        answer = reference.mann_kendall(file[entry["variable"]].values[:, y, x], ci="rounded")
    expected = dict(entry["expected"])
    limits = expected.pop("limits_rounded")
    assert answer["s"] == expected["s"]
    assert [answer["slope_lower"], answer["slope_upper"]] == pytest.approx(limits, rel=1e-6)
    for output, value in expected.items():
        assert answer[output] == pytest.approx(value, rel=1e-6, abs=0)
