"""The test of Cox and Stuart against published numbers, R's trend and scipy."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr

import gridtrend as gt
from tests.oracles import oracle
from tests.test_contract import hard_series

# Examples of `trend::cs.test`: Schoenwiese (1992, p. 114), z = -0.5, and Sachs (1997, p. 486-487), z = 2.1.
FROST = [9, 12, 4, 3, 0, 4, 2, 1, 4, 2, 9, 7]
SACHS = [5, 6, 2, 3, 5, 6, 4, 3, 7, 8, 9, 7, 5, 3, 4, 7, 3, 5, 6, 7, 8, 9]


def record(values):
    return xr.DataArray(np.asarray(values, dtype=float), dims="time")


def cs_test(x):
    """z and p of `cs.test` of R's trend 1.1.6, transcribed."""
    n = len(x)
    third = -(-n // 3)
    u = x[n - third :] - x[:third]
    count = max((u > 0).sum(), (u < 0).sum())
    z = abs(count - n / 6) / np.sqrt(n / 12) if n > 30 else (abs(count - n / 6) - 0.5) / np.sqrt(n / 12)
    return z, 2 * min(0.5, scipy.stats.norm.sf(abs(z)))


# z and p by R 4.2.2, from the body of cs.test.
@pytest.mark.parametrize(
    ("y", "z", "p_value"), [(FROST, -0.5, 0.61707507745197387), (SACHS, 2.0925553466486568, 0.036388866200708497)]
)
def test_the_formula_of_sachs_gives_the_published_numbers(y, z, p_value):
    result = gt.cox_stuart(record(y), p_value="sachs")
    np.testing.assert_allclose((float(result.z), float(result.p_value)), (z, p_value), 1e-14)


def test_the_nile_falls():
    # R: z = 4.2723919920032296, p = 1.9338723101124958e-05; here z has the sign of the trend.
    result = gt.cox_stuart(record(oracle("nile").y), p_value="sachs")
    np.testing.assert_allclose(
        (float(result.z), float(result.p_value)), (-4.27239199200323, 1.9338723101125e-05), 1e-13
    )
    assert int(result.trend) == -1


@pytest.mark.parametrize("n", [5, 30, 31, 60])
def test_fifty_hard_series_have_the_answers_of_r(n):
    da = hard_series(n, 150, seed=n)
    result = gt.cox_stuart(da, p_value="sachs", min_valid=3)
    compared = 0
    for cell in range(da.sizes["cell"]):
        y = da.values[:, cell][~np.isnan(da.values[:, cell])]
        if y.size > 2 and int(result.n_pairs[cell]) > 0:
            found = abs(float(result.z[cell])), float(result.p_value[cell])
            z, p = cs_test(y)
            np.testing.assert_allclose(found, (abs(z), p), 1e-12, 1e-15)
            compared += 1
    assert compared >= 50


@pytest.mark.parametrize("pairs", ["thirds", "halves"])
@pytest.mark.parametrize("alternative", ["two-sided", "increasing", "decreasing"])
def test_the_exact_p_value_is_that_of_scipys_sign_test(pairs, alternative):
    theirs = {"two-sided": "two-sided", "increasing": "greater", "decreasing": "less"}[alternative]
    for n in (4, 9, 40, 301):
        da = hard_series(n, 30, seed=n)
        result = gt.cox_stuart(da, pairs=pairs, alternative=alternative)
        for cell in range(30):
            y = da.values[:, cell][~np.isnan(da.values[:, cell])]
            apart = -(-y.size // 3) if pairs == "thirds" else y.size // 2
            u = y[y.size - apart :] - y[:apart]
            if y.size >= 4 and (u != 0).any():
                expected = scipy.stats.binomtest(int((u > 0).sum()), int((u != 0).sum()), alternative=theirs).pvalue
                assert float(result.p_value[cell]) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n", [999, 9_000, 30_000])
def test_probabilities_of_thousands_of_pairs_are_exact(n):
    # Far in the tail, where logarithms of factorials lose digits, and where 2**-m is no number.
    y = np.zeros(n)
    rises = n // 3 * 9 // 16
    y[-(n // 3) :] = np.where(np.arange(n // 3) < rises, 1.0, -1.0)
    found = float(gt.cox_stuart(record(y), alternative="increasing").p_value)
    assert found == pytest.approx(scipy.stats.binom.sf(rises - 1, n // 3, 0.5), rel=1e-9)


def test_nothing_but_ties_is_no_trend():
    # R's formula finds one here: 0 to 1 pairs of 20 that differ, where it expects 10.
    y = np.zeros(60)
    y[-1] = 1.0
    assert float(gt.cox_stuart(record(y), p_value="sachs").p_value) < 1e-3
    for p_value in ("exact", "normal"):
        result = gt.cox_stuart(record(y), p_value=p_value)
        assert (float(result.s), int(result.n_pairs), float(result.p_value), int(result.trend)) == (1.0, 1, 1.0, 0)


def test_the_formula_of_sachs_is_for_thirds():
    with pytest.raises(ValueError, match=r"'sachs' is a formula for thirds, .*use p_value='exact'"):
        gt.cox_stuart(record(SACHS), pairs="halves", p_value="sachs")
    with pytest.raises(ValueError, match="pairs='quarters' is not known; use one of 'thirds', 'halves'"):
        gt.cox_stuart(record(SACHS), pairs="quarters")
