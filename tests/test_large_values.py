"""Values near the largest double: what does not depend on the unit is that of the same values times 2**-300."""

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt

TIME = xr.date_range("2001-01-01", periods=24, freq="YS")
LARGE = {
    "alternating": np.tile([1.7e308, -1.7e308], 12),
    "scattered": 1.7e308 * np.random.default_rng(0).uniform(-1, 1, 24),
    "step": np.where(np.arange(24) < 12, 1.6e308, 1.7e308),
    "falling": 1.7e308 * np.linspace(1, -1, 24) * np.random.default_rng(1).uniform(0.9, 1, 24),
}
TESTS = {
    "pettitt": gt.pettitt,
    "snht": gt.snht,
    "buishand": gt.buishand,
    "buishand u": lambda da: gt.buishand(da, statistic="u"),
    "theil_sen": lambda da: gt.theil_sen(da, per="day"),
    "siegel": lambda da: gt.siegel_slope(da, per="day"),
    "spearman": gt.spearman_rho,
    "cox_stuart": gt.cox_stuart,
    "quantile": lambda da: gt.quantile_trend(da, q=0.25, per="day"),
    "seasonal": lambda da: gt.seasonal_mann_kendall(da, period=2, per="day"),
    "linear": lambda da: gt.linear_trend(da, per="day"),
    **{
        method: lambda da, method=method: gt.mann_kendall(da, method=method, per="day")
        for method in ("original", "hamed_rao", "yue_wang", "block_bootstrap", "ltp")
    },
}
# Powers of two round nothing.
UNIT = 2.0**-300


@pytest.mark.parametrize("values", LARGE)
@pytest.mark.parametrize("test", TESTS)
def test_nothing_overflows_that_is_finite(test, values):
    large, small = (TESTS[test](xr.DataArray(LARGE[values] * unit, {"time": TIME}, "time")) for unit in (1.0, UNIT))
    for name in large:
        scaled = name.startswith(("slope", "intercept", "stderr", "mean_"))
        got, expected = large[name].values, small[name].values
        if got.dtype.kind == "f":
            np.testing.assert_allclose(got * UNIT if scaled else got, expected, rtol=1e-9, err_msg=name)
        else:
            assert got == expected, name


def test_means_of_parts_are_those_by_hand():
    # By hand: a level of 1.7e308 that falls to -1.7e308.
    y = np.repeat([1.7e308, -1.7e308], 12)
    result = gt.pettitt(xr.DataArray(y, dims="time"))
    assert (float(result.mean_before), float(result.mean_after)) == (1.7e308, -1.7e308)


def test_the_line_of_two_levels_is_that_by_hand():
    # By hand: y = 1.7e308 (1 - t) at t = 0, 1, 2.
    y = xr.DataArray(np.array([1.7e308, 0.0, -1.7e308]), dims="time")
    result = gt.linear_trend(y, min_valid=3)
    assert float(result.slope) == pytest.approx(-1.7e308, rel=1e-14)
    assert float(result.intercept) == pytest.approx(1.7e308, rel=1e-14)


@pytest.mark.parametrize("method", ["prewhitening", "tfpw", "3pw", "vctfpw"])
def test_whitened_values_that_no_number_holds_are_missing_and_others_are_not(method):
    def tested(values):
        return gt.mann_kendall(xr.DataArray(values, {"time": TIME}, "time"), method=method, per="day")

    assert np.isnan(tested(LARGE["alternating"]).p_value)
    large, small = tested(LARGE["step"]), tested(LARGE["step"] * UNIT)
    assert (large.s, large.r1, large.p_value) == (small.s, small.r1, small.p_value)
