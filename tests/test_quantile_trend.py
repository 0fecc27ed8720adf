"""Quantile regression slopes and their limits against linear programming, R's quantreg, and by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import linprog

import gridtrend as gt
from tests.reference_quantile_trend import loss, quantile_trend
from tests.test_contract import hard_series

# R 4.2.2, quantreg 5.94: slope, "lower bound" and "Upper Bound" for tau = 0.1, 0.5, 0.9 of
# rq.fit.br(cbind(1, t), y, tau, alpha = 0.05, ci = TRUE, iid = TRUE, interp = FALSE, tcrit = TRUE). None where it is infinite.
# Of 186 series 14 of 1,116 limits, and 3 of 558 slopes, differ: where more than two values lie on a line, quantreg stops
# at a limit that another order of the ties would not give, and where several lines are best, it returns one of them. There
# the fractions of `reference_quantile_trend` decide. These are the first 18 short, middle and long series without such.
QUANTREG = json.loads(Path(__file__).with_name("quantreg.json").read_text(encoding="utf-8"))
LINES = ("slope", "slope_lower", "slope_upper")


def record(y, t=None):
    return xr.DataArray(np.asarray(y, dtype=float), {"time": np.arange(len(y)) * 1.0 if t is None else t}, "time")


def by_linear_programming(y, t, q):
    """Slope and intercept of a line of least loss."""
    n, unit = y.size, np.abs(y).max() or 1.0
    costs = np.concatenate([[0.0, 0.0], np.full(n, q), np.full(n, 1.0 - q)])
    lines = np.column_stack([t, np.ones(n), np.eye(n), -np.eye(n)])
    bounds = [(None, None)] * 2 + [(0.0, None)] * (2 * n)
    return linprog(costs, A_eq=lines, b_eq=y / unit, bounds=bounds, method="highs-ds").x[:2] * unit


@pytest.mark.parametrize("q", [0.1, 0.37, 0.5, 0.9])
@pytest.mark.parametrize("n", [5, 13, 40])
def test_no_line_has_a_smaller_loss_than_ours_on_fifty_hard_series(n, q):
    da = hard_series(n, 120, seed=n)
    t, result = da.time.values, gt.quantile_trend(da, q=q, min_valid=3)
    compared = alike = 0
    for cell in range(da.sizes["cell"]):
        y = da.values[:, cell]
        valid = np.isfinite(y)
        if valid.sum() < 3:
            continue
        slope, intercept = by_linear_programming(y[valid], t[valid], q)
        own, theirs = float(result.slope[cell]), loss(y[valid], t[valid], q, slope, intercept)
        rounding = 1e-9 * np.ptp(y[valid])
        assert loss(y[valid], t[valid], q, own, float(result.intercept[cell])) <= theirs * (1 + 1e-9) + rounding
        alike += abs(own - slope) <= 1e-9 * max(abs(own), np.ptp(y[valid]) / np.ptp(t))
        compared += 1
    assert compared >= 50
    # The others have several best lines.
    assert alike >= 0.9 * compared or q * 10 % 5 == 0


def test_slopes_and_limits_are_those_of_quantreg():
    assert len(QUANTREG) == 54
    for row in QUANTREG:
        result = gt.quantile_trend(record(row["y"], row["t"]))
        found = np.stack([result[name].values for name in LINES], axis=1)
        np.testing.assert_allclose(found, np.array(row["lines"], dtype=float), 1e-9, 1e-15)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.95])
def test_the_median_of_least_absolute_deviations_is_that_of_statsmodels(q):
    regression = pytest.importorskip("statsmodels.regression.quantile_regression")
    rng = np.random.default_rng(5)
    t = np.arange(61.0)
    y = 0.3 * t + rng.normal(size=61) * (1 + t / 20)
    theirs = regression.QuantReg(y, np.column_stack([np.ones(61), t])).fit(q, max_iter=20_000, p_tol=1e-12).params
    result = gt.quantile_trend(record(y), q=q)
    # Iterated, to about six digits.
    np.testing.assert_allclose((float(result.intercept), float(result.slope)), theirs, 1e-5, 1e-5)


@pytest.mark.parametrize(
    ("y", "q", "slope", "intercept"),
    [
        # Two pairs: all lines between both have the same loss; the middle is taken, of the slopes and then of the levels.
        ([0.0, 2.0, 2.0, 0.0], 0.5, 0.0, 1.0),
        ([0.0, 1.0, 1.0], 0.5, 0.5, 0.0),
        ([0.0, 0.0, 5.0, 0.0, 0.0, 0.0], 0.5, 0.0, 0.0),
        # The upper hull: two values of five above no line.
        ([0.0, 3.0, 1.0, 2.0, 6.0], 0.9, 1.0, 2.0),
    ],
)
def test_lines_by_hand(y, q, slope, intercept):
    result = gt.quantile_trend(record(y), q=q, min_valid=3)
    assert (float(result.slope), float(result.intercept)) == pytest.approx((slope, intercept), abs=1e-15)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.75])
def test_an_exact_line_is_found_whatever_the_quantile(q):
    result = gt.quantile_trend(record(7.0 - 0.25 * np.arange(50)), q=q)
    assert [float(result[name]) for name in ("slope", "intercept")] == [-0.25, 7.0]
    assert int(result.trend) == -1
    assert float(result.slope_lower) == float(result.slope_upper) == -0.25


@pytest.mark.parametrize("far", [1e34, -9.97e36, 1e300])
def test_a_forgotten_fill_value_takes_no_digits(far):
    # The line depends only on which side of it a value lies.
    y = np.random.default_rng(0).normal(size=40)
    near = y.copy()
    y[7], near[7] = far, np.sign(far) * 100.0
    found, expected = (gt.quantile_trend(record(values)) for values in (y, near))
    for name in ("slope", "intercept", "p_value"):
        np.testing.assert_allclose(found[name], expected[name], 1e-12, err_msg=name)


@pytest.mark.parametrize("shift", [0.0, 1e9, -1e6])
@pytest.mark.parametrize("unit", [1e-300, 2.0**-40, 1.0, 1e297])
def test_any_size_of_values_gives_the_same_line(unit, shift):
    rng = np.random.default_rng(2)
    steps = rng.integers(-50, 50, 30) / 8.0
    plain, moved = gt.quantile_trend(record(steps)), gt.quantile_trend(record((steps + shift) * unit))
    for name in LINES:
        np.testing.assert_allclose(moved[name], plain[name] * unit, 1e-6 if shift and unit != 2.0**-40 else 1e-12)
    np.testing.assert_array_equal(moved.trend, plain.trend)


def test_values_near_the_largest_double_do_not_overflow():
    y = 1.7e308 * np.random.default_rng(0).uniform(-1, 1, 24)
    large, small = gt.quantile_trend(record(y)), gt.quantile_trend(record(y * 2.0**-300))
    for name in (*LINES, "intercept", "p_value"):
        unit = 1.0 if name == "p_value" else 2.0**-300
        np.testing.assert_allclose(large[name] * unit, small[name], 1e-9, err_msg=name)


def test_whole_numbers_beyond_float64_keep_their_differences():
    y = np.random.default_rng(1).integers(0, 100, 30)
    da = xr.DataArray(2**60 + y, dims="time")
    found, expected = gt.quantile_trend(da), gt.quantile_trend(record(y))
    np.testing.assert_allclose(found.slope, expected.slope, 1e-12)
    np.testing.assert_allclose(found.intercept, expected.intercept + 2.0**60, 1e-15)


def test_limits_exclude_zero_where_the_test_rejects():
    da = hard_series(40, 300, seed=11)
    for alpha in (0.05, 0.3):
        result = gt.quantile_trend(da, alpha=alpha)
        excluded = (result.slope_lower > 0) | (result.slope_upper < 0)
        np.testing.assert_array_equal(excluded, result.p_value < alpha)
        np.testing.assert_array_equal(result.trend != 0, excluded)
        inside = (result.slope_lower <= result.slope) & (result.slope <= result.slope_upper)
        assert bool((inside | result.slope_lower.isnull() | result.slope_upper.isnull()).all())


def test_mirrored_values_have_mirrored_quantiles():
    da = hard_series(21, 100, seed=6)
    found, mirrored = gt.quantile_trend(da, q=[0.2, 0.5]), gt.quantile_trend(-da, q=[0.8, 0.5])
    np.testing.assert_allclose(found.slope, -mirrored.slope, 1e-12)
    np.testing.assert_allclose(found.slope_lower, -mirrored.slope_upper, 1e-12)


@pytest.mark.parametrize("lazy", [False, True])
def test_several_quantiles_are_a_dimension(lazy, grid, no_compute):
    da = grid.chunk({"time": -1, "lat": 2}) if lazy else grid
    with no_compute():
        result = gt.quantile_trend(da, q=[0.9, 0.1])
    assert result.slope.dims == ("quantile", "lat", "lon")
    assert result.n_valid.dims == ("lat", "lon")
    assert result["quantile"].values.tolist() == [0.9, 0.1]
    assert result["quantile"].attrs == {"long_name": "quantile", "units": "1"}
    assert (result.slope.chunks is not None) == lazy
    for q in (0.1, 0.9):
        xr.testing.assert_identical(result.sel(quantile=q).compute(), gt.quantile_trend(grid, q=q))
    assert result.slope.attrs["units"] == "K year-1"


def test_the_quantiles_of_the_accessor_and_of_a_dataset(grid):
    expected = gt.quantile_trend(grid)
    xr.testing.assert_identical(grid.gridtrend.quantile_trend(), expected)
    assert grid.to_dataset().gridtrend.quantile_trend()["tas_slope"].equals(expected.slope)


def test_a_coordinate_called_quantile_keeps_out_of_the_way():
    da = record(np.random.default_rng(0).normal(size=20)).assign_coords(quantile=0.5)
    with pytest.warns(UserWarning, match="quantile"):
        result = gt.quantile_trend(da, q=[0.1, 0.9])
    assert result["quantile"].values.tolist() == [0.1, 0.9]
    assert float(result["quantile_coordinate"]) == 0.5


@pytest.mark.parametrize(
    "q", [0, 1, 0.0, 1.0, -0.5, 10, 90, float("nan"), "0.5", None, True, [0.5, "0.9"], [[0.1, 0.9]]]
)
def test_what_is_no_quantile_is_refused(q):
    with pytest.raises(ValueError, match=r"q=.* is not a quantile; give numbers between 0 and 1, such as q=\[0\.1"):
        gt.quantile_trend(record(range(9)), q=q)


@pytest.mark.parametrize(("q", "why"), [([], "no quantile"), ([0.5, 0.1, 0.5], "the same quantile twice")])
def test_each_quantile_is_wanted_once(q, why):
    with pytest.raises(ValueError, match=f"has {why}; give each once"):
        gt.quantile_trend(record(range(9)), q=q)


@pytest.mark.parametrize("q", [(0.1, 0.9), np.array([0.1, 0.9]), np.array([0.1, 0.9], "f4").astype("f8").round(3)])
def test_quantiles_come_in_any_sequence(q):
    y = record(np.random.default_rng(0).normal(size=20))
    xr.testing.assert_identical(gt.quantile_trend(y, q=q), gt.quantile_trend(y, q=[0.1, 0.9]))


def test_a_tenth_of_ten_values_is_one_value():
    # In binary 0.1 * 10 and 0.7 * 10 are not all whole numbers: they are here, as in the reference.
    da = hard_series(10, 100, seed=3)
    for q in (0.1, 0.3, 0.7):
        result = gt.quantile_trend(da, q=q)
        expected = [quantile_trend(da.values[:, cell], da.time.values, q=q)["slope"] for cell in range(100)]
        np.testing.assert_allclose(result.slope, expected, 1e-9)


def test_only_equal_values_are_ties_of_the_test():
    # 0.1 + 0.2 is next to 0.3, and lies on the other side of the lower quarter.
    y = [0.3, 0.55, 2.6, 0.55, 0.1 + 0.2, -0.25, -1.6, 0.9]
    near, apart = gt.quantile_trend(record(y), q=0.5), gt.quantile_trend(record([*y[:4], 0.31, *y[5:]]), q=0.5)
    assert float(near.p_value) == float(apart.p_value)
    for q in (0.25, 0.375, 0.5):
        expected = quantile_trend(y, np.arange(8.0), q=q)["p_value"]
        assert float(gt.quantile_trend(record(y), q=q).p_value) == pytest.approx(expected, rel=1e-12)
