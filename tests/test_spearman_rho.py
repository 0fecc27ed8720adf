"""Spearman's rho with time against scipy, R, and all orders of a few values."""

import itertools

import numpy as np
import pytest
import scipy.stats
import xarray as xr

import gridtrend as gt
from tests.test_contract import hard_series

RAIN = [0.44, 1.18, 2.69, 2.08, 3.66, 1.72, 2.82, 0.72]
FROST = [9.0, 12.0, 4.0, 3.0, 0.0, 5.0, 2.0, 1.0, 8.0]
# R 4.2.2, cor.test(y, seq_along(y), method = "spearman", exact = TRUE): rho, and p of "two.sided", "greater", "less".
EXACT = [
    (RAIN, 0.28571428571428575, (0.50079365079365079, 0.2503968253968254, 0.76909722222222221)),
    ([3, 1, 2, 5, 4], 0.6, (0.35, 0.175, 0.8833333333333333)),
    (range(7), 1.0, (0.00039682539682539683, 0.00019841269841269841, 1.0)),
    (FROST, -0.45, (0.22981701940035273, 0.89373897707231043, 0.11490850970017637)),
    ([2, 1, 4, 3], 0.6, (0.41666666666666669, 0.20833333333333334, 0.83333333333333337)),
]


def record(values):
    return xr.DataArray(np.asarray(values, dtype=float), dims="time")


@pytest.mark.parametrize("alternative", ["two-sided", "increasing", "decreasing"])
@pytest.mark.parametrize("n", [5, 11, 60])
def test_fifty_hard_series_have_the_answers_of_scipy(n, alternative):
    da = hard_series(n, 150, seed=n)
    result = gt.spearman_rho(da, alternative=alternative, min_valid=3)
    theirs = {"two-sided": "two-sided", "increasing": "greater", "decreasing": "less"}[alternative]
    compared = 0
    for cell in range(da.sizes["cell"]):
        y = da.values[:, cell][~np.isnan(da.values[:, cell])]
        # Where all values are equal scipy gives NaN.
        if y.size > 2 and np.ptp(y) > 0:
            expected = scipy.stats.spearmanr(y, np.arange(y.size), alternative=theirs)
            found = float(result.rho[cell]), float(result.p_value[cell])
            np.testing.assert_allclose(found, (expected.statistic, expected.pvalue), 1e-9, 1e-12)
            compared += 1
    assert compared >= 50


@pytest.mark.parametrize(("y", "rho", "p_values"), EXACT)
def test_the_exact_p_values_of_few_values_are_those_of_r(y, rho, p_values):
    for alternative, p_value in zip(("two-sided", "increasing", "decreasing"), p_values, strict=True):
        result = gt.spearman_rho(record(y), p_value="auto", alternative=alternative)
        np.testing.assert_allclose((float(result.rho), float(result.p_value)), (rho, p_value), 1e-14)


@pytest.mark.parametrize("y", [[0, 0, 1, 0, 2, 1], [1, 1, 1, 2], [5, 5, 3, 3, 3, 1, 1], [0, 0, 0, 0, 7]])
@pytest.mark.parametrize("alternative", ["two-sided", "increasing", "decreasing"])
def test_with_ties_all_orders_of_the_values_are_counted(y, alternative):
    ranks = scipy.stats.rankdata(y)
    time = np.arange(len(y)) - (len(y) - 1) / 2
    sums = np.array([np.dot(order, time) for order in itertools.permutations(ranks)])
    sums, own = (np.abs(sums), abs(sums[0])) if alternative == "two-sided" else (sums, sums[0])
    far = sums <= own if alternative == "decreasing" else sums >= own
    result = gt.spearman_rho(record(y), p_value="auto", alternative=alternative)
    assert float(result.p_value) == pytest.approx(far.mean(), rel=1e-14)


def test_a_perfect_order_has_no_rounded_p_value():
    # t is infinite, and 1 - rho**2 would be a rounding error; next to it one exchange makes it finite.
    rising = gt.spearman_rho(record(range(50)))
    assert (float(rising.rho), float(rising.p_value), int(rising.trend)) == (1.0, 0.0, 1)
    exchanged = [1, 0, *range(2, 50)]
    expected = (
        scipy.stats.t.sf(np.sqrt(48 * (1 - 6 * 2 / (50 * 2499)) ** 2 / (1 - (1 - 12 / (50 * 2499)) ** 2)), 48) * 2
    )
    assert float(gt.spearman_rho(record(exchanged)).p_value) == pytest.approx(expected, rel=1e-9)


def test_the_approximation_begins_beyond_nine_values():
    values = record(np.random.default_rng(0).normal(size=10))
    assert float(gt.spearman_rho(values, p_value="auto").p_value) == float(gt.spearman_rho(values).p_value)
    assert float(gt.spearman_rho(values[:9], p_value="auto").p_value) != float(gt.spearman_rho(values[:9]).p_value)
