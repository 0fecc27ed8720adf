"""Composites that begin anew each January: `period=N` compares the phases that it names.

Expected scores are those of pymannkendall, which takes values in order of their position, and of records without times.
"""

import datetime

import cftime
import numpy as np
import pandas as pd
import pymannkendall
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend.grid.dialect import command_line

FIRST = 2003


def every(days, calendar=None, length=365):
    """Return steps of some days from each 1 January."""
    if calendar:
        return lambda year: [
            cftime.datetime(year, 1, 1, calendar=calendar) + datetime.timedelta(days=k) for k in range(0, length, days)
        ]
    return lambda year: list(pd.date_range(f"{year}-01-01", f"{year}-12-31", freq=f"{days}D"))


def on(*days):
    """Return these days of each month."""
    return lambda year: [pd.Timestamp(year, month, day) for month in range(1, 13) for day in days]


def pentads(year):
    """Return the 73 pentads of the calendar, of which one takes in the 29 February."""
    leap = pd.Timestamp(year, 1, 1).is_leap_year
    return [pd.Timestamp(year, 1, 1) + pd.Timedelta(days=5 * k + (leap and k > 11)) for k in range(73)]


def middles(year):
    starts = every(16)(year)
    ends = [*starts[1:], pd.Timestamp(year + 1, 1, 1)]
    return [start + (end - start) / 2 for start, end in zip(starts, ends, strict=True)]


def ends(year):
    """Return the ends of composites: that of the last is New Year's midnight."""
    return [*every(16)(year)[1:], pd.Timestamp(year + 1, 1, 1)]


COMPOSITES = {
    "16 days": (every(16), 23),
    "8 days": (every(8), 46),
    "4 days": (every(4, "noleap"), 92),
    "dekads": (on(1, 11, 21), 36),
    "ends of dekads": (on(10, 20, 28), 36),
    "half-months": (on(1, 16), 24),
    "middles of half-months": (on(8, 23), 24),
    "pentads": (pentads, 73),
    "weeks": (every(7), 53),
    "52 weeks": (lambda year: every(7)(year)[:52], 52),
    "middles of 16 days": (middles, 23),
    "ends of 16 days": (ends, 23),
    "16 days, noleap": (every(16, "noleap"), 23),
    "8 days, julian": (every(8, "julian"), 46),
    "16 days, 360_day": (every(16, "360_day", 360), 23),
    "144 days, 360_day": (every(144, "360_day", 360), 3),
    "16 days, all_leap": (every(16, "all_leap", 366), 23),
}


def record(steps, count, years, seed=0, trend=0.003):
    rng = np.random.default_rng(seed)
    time = [step for year in range(FIRST, FIRST + years) for step in steps(year)]
    assert len(time) == count * years
    cycle = 0.2 * np.sin(2 * np.pi * np.tile(np.arange(count), years) / count)
    values = 0.4 + cycle + trend * np.repeat(np.arange(years), count) + rng.normal(0, 0.02, count * years)
    return xr.DataArray(values, {"time": ("time", time)}, "time")


@pytest.mark.parametrize("kind", COMPOSITES)
@pytest.mark.parametrize("years", [3, 12])
def test_composites_are_compared_with_those_of_the_same_place_in_the_year(kind, years):
    steps, count = COMPOSITES[kind]
    da = record(steps, count, years)
    result = gt.seasonal_mann_kendall(da, period=count)
    assert result.s == pymannkendall.seasonal_test(da.values, period=count).s
    plain = gt.seasonal_mann_kendall(da.drop_vars("time"), period=count)
    assert float(result.var_s) == float(plain.var_s)
    # A phase of one year is a year after the same phase of another.
    assert float(result.slope) == pytest.approx(float(plain.slope), rel=1e-12)
    assert result.slope.attrs.get("slope_per", result.attrs["slope_per"]) == "year"


@pytest.mark.parametrize("kind", COMPOSITES)
def test_missing_composites_and_missing_values_shift_nothing(kind):
    steps, count = COMPOSITES[kind]
    da = record(steps, count, 12, seed=1)
    rng = np.random.default_rng(2)
    holed = da.where(rng.random(da.size) > 0.3)
    expected = gt.seasonal_mann_kendall(holed.drop_vars("time"), period=count)
    for gaps in (holed, holed.dropna("time"), holed.dropna("time")[::-1], holed[5:].dropna("time")):
        result = gt.seasonal_mann_kendall(gaps, period=count)
        whole = gaps.sizes["time"] in (da.size, int(holed.count()))
        assert not whole or (result.s, result.var_s) == (expected.s, expected.var_s)
        assert result.n_valid == int(gaps.count())


def test_a_phase_that_no_year_has_leaves_its_place_free():
    da = record(every(16), 23, 10)
    part = da.where(da.time.dt.dayofyear != 49, drop=True)
    result = gt.seasonal_mann_kendall(part, period=23)
    assert result.s == pymannkendall.seasonal_test(part.values, period=22).s


def test_half_of_the_composites_of_a_noisy_record_without_trend_are_not_significant():
    p = [
        float(gt.seasonal_mann_kendall(record(on(1, 11, 21), 36, 12, seed, 0.0), period=36).p_value)
        for seed in range(20)
    ]
    # Of 20 uniform p-values, fewer than 6 are below 0.1 with probability 0.99.
    assert sum(value < 0.1 for value in p) < 6


@pytest.mark.parametrize("period", [2, 12, 22, 24, 46, 365])
def test_another_number_of_steps_is_refused_with_the_number_that_fits(period):
    with pytest.raises(ValueError, match=f"period={period} does not fit 'time'.*with 23 steps.*period=23"):
        gt.seasonal_mann_kendall(record(every(16), 23, 5), period=period)
    with command_line(), pytest.raises(ValueError, match=f"--period {period} does not fit 'time'.*--period 23"):
        gt.seasonal_mann_kendall(record(every(16), 23, 5), period=period)


def test_composites_in_months_are_refused_with_their_number():
    with pytest.raises(ValueError, match=r"period='month' compares.*da\.resample\(time='MS'\).*period=36"):
        gt.seasonal_mann_kendall(record(on(1, 11, 21), 36, 5))


def test_steps_of_a_regular_axis_stay_steps():
    # 8-day steps that go on through the years, with gaps, and days with a cycle of a week.
    for freq, period in (("8D", 46), ("16D", 23), ("1D", 7), ("6h", 4)):
        time = pd.date_range("2001-01-01", periods=300, freq=freq)
        y = xr.DataArray(np.random.default_rng(5).normal(size=300), {"time": time}, "time")
        assert gt.seasonal_mann_kendall(y, period=period).s == pymannkendall.seasonal_test(y.values, period=period).s
        holed = y.where(np.random.default_rng(6).random(300) > 0.6)
        expected = gt.seasonal_mann_kendall(holed.drop_vars("time"), period=period)
        assert gt.seasonal_mann_kendall(holed.dropna("time"), period=period).s == expected.s


def test_days_of_a_record_without_leap_days_are_days_of_the_year():
    time = pd.date_range("2001-01-01", "2012-12-31")
    time = time[(time.month != 2) | (time.day != 29)]
    rng = np.random.default_rng(7)
    y = xr.DataArray(rng.normal(size=time.size) + np.tile(np.arange(365) / 10, 12), {"time": time}, "time")
    assert gt.seasonal_mann_kendall(y, period=365).s == pymannkendall.seasonal_test(y.values, period=365).s
    holed = y.where(rng.random(time.size) > 0.2)
    expected = gt.seasonal_mann_kendall(holed.drop_vars("time"), period=365)
    assert gt.seasonal_mann_kendall(holed.dropna("time"), period=365).s == expected.s
