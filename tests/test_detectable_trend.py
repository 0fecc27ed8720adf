"""How long a record must be, held to simulation."""

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from benchmarks.calibration import noise
from gridtrend.trend import minimum_detectable_trend


@pytest.mark.parametrize("n", [20, 60])
@pytest.mark.parametrize("power", [0.5, 0.8])
def test_a_trend_that_large_is_found_that_often(n, power):
    trend = minimum_detectable_trend(n, power=power)
    da = noise(n, 2000, 0.0) + trend * xr.DataArray(np.arange(n), dims="time")
    found = float((gt.mann_kendall(da, slope=False).trend == 1).mean())
    # On the safe side: the variance of S is taken as that without a trend.
    assert power - 0.03 < found < power + 0.08


@pytest.mark.parametrize(("n", "r1"), [(5, 0.0), (6, 0.0), (8, 0.3), (10, 0.0), (15, 0.6)])
def test_short_records_have_a_trend_that_is_found_and_not_an_infinite_one(n, r1):
    # Of values that rise steadily all pairs rise, without any scatter: by simulation, with the variance of S known.
    trend = minimum_detectable_trend(n, r1=r1, power=0.9)
    assert np.isfinite(trend)
    series = noise(n, 4000, r1) + trend * xr.DataArray(np.arange(n), dims="time")
    s = gt.mann_kendall(series, slope=False, min_valid=n).s
    lag = np.arange(1.0, n)
    weight = 2 * (n - lag) * (n - lag - 1) * (n - lag - 2) / (n * (n - 1) * (n - 2))
    variance = n * (n - 1) * (2 * n + 5) / 18 * (1 + (weight * 6 / np.pi * np.arcsin(r1**lag / 2)).sum())
    assert float(((s - 1) / variance**0.5 > 1.959964).mean()) > 0.87


def test_persistence_and_noise_ask_for_larger_trends():
    calm, persistent = minimum_detectable_trend(40), minimum_detectable_trend(40, r1=0.5)
    assert 1.5 * calm < persistent < 2.0 * calm
    assert minimum_detectable_trend(40, noise=3.0) == pytest.approx(3.0 * calm)
    assert minimum_detectable_trend(80) < 0.5 * calm
    assert minimum_detectable_trend(40, alternative="increasing") < calm


def test_a_record_too_short_for_any_trend_says_so():
    assert minimum_detectable_trend(4) == np.inf


def test_fields_give_lazy_fields(no_compute):
    spread = xr.DataArray([[0.5, np.nan], [1.0, 2.0]], dims=("lat", "lon"), name="t2m", attrs={"units": "K"}).chunk(
        lat=1
    )
    with no_compute():
        result = minimum_detectable_trend(30, noise=spread, r1=xr.DataArray([0.0, 0.4], dims="lat").chunk(lat=1))
    values = result.compute()
    assert values.dims == ("lat", "lon")
    assert values.attrs["units"] == "K"
    assert np.isnan(values[0, 1])
    np.testing.assert_allclose(values[0, 0], 0.5 * minimum_detectable_trend(30))
    np.testing.assert_allclose(values[1, 1], minimum_detectable_trend(30, noise=2.0, r1=0.4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 3}, "whole number from 4 on"),
        ({"n": 30, "power": 0.04}, "not a probability above alpha"),
        ({"n": 30, "power": 1.0}, "not a probability above alpha"),
        ({"n": 30, "alpha": 0.0}, "between 0 and 1"),
        ({"n": 30, "alpha": 5e-324}, "between 0 and 1"),
        ({"n": "30"}, "whole number from 4 on"),
        ({"n": 30, "power": "0.9"}, "not a probability above alpha"),
        ({"n": 30, "r1": -1}, "between -1 and 1"),
        ({"n": 30, "r1": np.array([0.2, 1.5])}, "r1=1.5 .*between -1 and 1"),
        ({"n": 30, "noise": -1}, "not a standard deviation"),
        ({"n": 30, "noise": [1.0, np.inf]}, "not a standard deviation"),
        ({"n": 30, "noise": xr.DataArray([1.0, -2.0], dims="x")}, "not a standard deviation"),
    ],
)
def test_what_is_no_question_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        minimum_detectable_trend(**options)
