"""Slopes of series that the search in lanes gives up: all are listed, so that the median is exact."""

import numpy as np
import pytest

from gridtrend.trend.kernels.parameters import Line
from gridtrend.trend.kernels.theil_sen import CONOVER, GILBERT, theil_sen


def resisting(n, kind, rng):
    """Series of 20 cells whose slopes repeat, or lie on both sides of zero about the median."""
    if kind == "steps":
        return np.floor(np.arange(n)[:, None] * 0.1) * 0.1 + 0.1 * rng.integers(0, 2, (n, 20))
    if kind == "straight":
        return 0.1 * np.arange(n)[:, None] + np.where(rng.random((n, 20)) < 0.02, 1.0, 0.0)
    if kind == "outlier":
        y = rng.normal(size=(n, 20))
        y[n // 2] = 1e30
        return y
    return np.where(rng.random((n, 20)) < 0.5, 0.0, rng.gamma(0.5, 3.0, (n, 20)))


def by_numpy(y):
    """The median of all slopes, from a list of them."""
    i, j = np.triu_indices(len(y), 1)
    return np.median((y[j] - y[i]) / (j - i))


@pytest.mark.parametrize("kind", ["steps", "straight", "outlier", "dry"])
@pytest.mark.parametrize("n", [90, 240, 379])
def test_slopes_of_series_that_resist_are_those_of_numpy(n, kind):
    rng = np.random.default_rng(n)
    y = resisting(n, kind, rng)
    t = np.arange(float(n))
    numbers = {"min_valid": 2, "per": 1.0, "quantile": 1.96, "intercept_method": CONOVER, "ci": GILBERT}
    assert set(numbers) == {"min_valid", *Line._fields}
    slope = theil_sen(y.T, t=t, **numbers)[0]
    np.testing.assert_array_equal(slope, [by_numpy(y[:, k]) for k in range(20)])
