"""Cycles of the year on regular axes and of a part of the year: scores by brute force over the phases, or a refusal."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend.grid.dialect import command_line
from tests.test_phases import COMPOSITES, FIRST, on

YEARS = 8


def noise(time, seed=0):
    values = np.random.default_rng(seed).normal(size=len(time))
    return xr.DataArray(values, {"time": ("time", np.asarray(time))}, "time")


def regular(days, count, calendar):
    return xr.date_range("2001-01-01", periods=count, freq=f"{days}D", calendar=calendar, use_cftime=True)


def score(da, phase):
    """S by brute force: signs of all differences between values of one phase."""
    groups = [da.values[phase == p] for p in np.unique(phase)]
    return sum(np.sign(b - a) for group in groups for i, a in enumerate(group) for b in group[i + 1 :])


def test_of(da, period):
    return float(gt.seasonal_mann_kendall(da, period=period).s)


test_of.__test__ = False


@pytest.mark.parametrize(
    ("calendar", "days", "fits", "others"),
    [
        ("360_day", 8, 45, (44, 46)),
        ("360_day", 10, 36, (35, 37)),
        ("360_day", 5, 72, (73, 71)),
        ("360_day", 1, 360, (365, 366)),
        ("noleap", 1, 365, (366, 360, 364)),
        ("noleap", 5, 73, (72,)),
        ("all_leap", 1, 366, (365,)),
        ("all_leap", 6, 61, (60, 62)),
    ],
)
def test_a_number_near_the_year_but_not_the_year_is_refused(calendar, days, fits, others):
    da = noise(regular(days, YEARS * fits, calendar))
    assert test_of(da, fits) == score(da, np.arange(da.size) % fits)
    for other in others:
        with pytest.raises(
            ValueError, match=f"period={other} does not fit 'time'.*{fits} steps.*period={fits}.*drop_v"
        ):
            gt.seasonal_mann_kendall(da, period=other)
        with command_line(), pytest.raises(ValueError, match=f"--period {other} does not fit.*--period {fits}$"):
            gt.seasonal_mann_kendall(da, period=other)
        plain = da.drop_vars("time")
        assert test_of(plain, other) == score(da, np.arange(da.size) % other)


@pytest.mark.parametrize(
    ("freq", "period"), [("1D", 365), ("1D", 366), ("1D", 364), ("1D", 730), ("6h", 1460), ("6h", 1461)]
)
def test_leap_days_that_shift_the_year_are_refused_and_the_call_of_the_message_is_right(freq, period):
    da = noise(pd.date_range("2001-01-01", "2008-12-31 23:00", freq=freq))
    whole = 365 * (1 if freq == "1D" else 4)
    with pytest.raises(ValueError, match=rf"period={period} .*convert_calendar\('noleap', 'time'\).*period={whole},"):
        gt.seasonal_mann_kendall(da, period=period)
    with command_line(), pytest.raises(ValueError, match=f"--period {period} .*cdo del29feb.*--period {whole}, or"):
        gt.seasonal_mann_kendall(da, period=period)
    kept = da.convert_calendar("noleap", "time")
    assert test_of(kept, whole) == score(kept, np.arange(kept.size) % whole)


def test_days_without_leap_days_are_compared_by_the_day_of_the_year_and_weeks_by_the_weekday():
    time = pd.date_range("2001-01-01", "2008-12-31")
    time = time[(time.month != 2) | (time.day != 29)]
    day = time.strftime("%m%d").to_numpy()
    for part in (
        np.ones(time.size, bool),
        time.month.isin([6, 7, 8]),
        np.random.default_rng(1).random(time.size) > 0.4,
    ):
        da = noise(time[part])
        assert test_of(da, 365) == test_of(da[::-1], 365) == score(da, day[part])
        assert test_of(da, 7) == score(da, time[part].day_of_week)
        with pytest.raises(ValueError, match=r"period=366 does not fit 'time'.*period=365"):
            gt.seasonal_mann_kendall(da, period=366)
    summer = time.month.isin([6, 7, 8])
    da = noise(time[summer])
    assert test_of(da, 92) == score(da, day[summer])
    with pytest.raises(ValueError, match="period=90 does not fit 'time': a year has 365 steps, of which it holds 92"):
        gt.seasonal_mann_kendall(da, period=90)


def test_days_of_a_year_are_a_year_apart():
    time = pd.date_range("2001-01-01", "2012-12-31")
    time = time[(time.month != 2) | (time.day != 29)]
    da = xr.DataArray(3.0 * (time.year - 2001), {"time": time}, "time")
    assert float(gt.seasonal_mann_kendall(da, period=365).slope) == pytest.approx(3.0, rel=1e-12)


def test_a_winter_with_leap_days_is_refused():
    time = pd.date_range("2001-01-01", "2008-12-31")
    da = noise(time[time.month <= 3])
    for period in (90, 91, 365):
        with pytest.raises(ValueError, match=f"period={period} does not fit 'time'.*29 February"):
            gt.seasonal_mann_kendall(da, period=period)


@pytest.mark.parametrize(
    ("freq", "period"), [("1D", 7), ("1D", 30), ("MS", 12), ("MS", 6), ("MS", 24), ("QS", 4), ("h", 24), ("7D", 52)]
)
def test_cycles_that_are_not_near_the_year_stay(freq, period):
    da = noise(pd.date_range("2001-01-01", periods=600, freq=freq))
    assert test_of(da, period) == score(da, np.arange(da.size) % period)


@pytest.mark.parametrize(("freq", "period", "fits"), [("MS", 13, 12), ("MS", 11, 12), ("7D", 53, 52), ("8D", 45, 46)])
def test_months_and_weeks_near_the_year_are_refused(freq, period, fits):
    with pytest.raises(ValueError, match=f"period={period} does not fit 'time'.*period={fits}"):
        gt.seasonal_mann_kendall(noise(pd.date_range("2001-01-01", periods=300, freq=freq)), period=period)


@pytest.mark.parametrize("months", [[4, 5, 6, 7, 8], [1, 5, 6, 7], [12, 1, 2]])
def test_some_months_of_each_year_are_compared_by_month(months):
    time = pd.date_range("2001-01-01", periods=96, freq="MS")
    da = noise(time[time.month.isin(months)])
    expected = score(da, da.time.dt.month.values)
    assert test_of(da, len(months)) == test_of(da, 12) == float(gt.seasonal_mann_kendall(da).s) == expected


SEASONAL = COMPOSITES | {
    "quarters of months": (on(1, 8, 15, 22), 48),
    "8 days of 360": (lambda year: list(xr.date_range(f"{year}-01-01", periods=45, freq="8D", calendar="360_day")), 45),
}


@pytest.mark.parametrize("kind", [kind for kind, (_, count) in SEASONAL.items() if count > 20])
@pytest.mark.parametrize(("start", "stop"), [(1 / 3, 2 / 3), (0.3, 0.9), (0.4, 0.6), (0.0, 0.3)])
def test_a_growing_season_has_the_steps_of_the_whole_year_and_its_own(kind, start, stop):
    steps, count = SEASONAL[kind]
    part = slice(int(start * count), int(stop * count))
    size = part.stop - part.start
    da = noise([step for year in range(FIRST, FIRST + YEARS) for step in steps(year)[part]])
    phase = np.tile(np.arange(size), YEARS)
    assert test_of(da, count) == test_of(da, size) == score(da, phase)
    # Values that are left out shift none.
    kept = np.random.default_rng(2).random(da.size) > 0.2
    assert test_of(da[kept], count) == score(da[kept], phase[kept])


@pytest.mark.parametrize("kind", ["quarters of months", "16 days", "8 days of 360"])
def test_a_whole_year_keeps_its_number(kind):
    steps, count = SEASONAL[kind]
    da = noise([step for year in range(FIRST, FIRST + YEARS) for step in steps(year)])
    assert test_of(da, count) == score(da, np.tile(np.arange(count), YEARS))
    with pytest.raises(ValueError, match=f"period={count + 1} does not fit 'time'.*period={count}"):
        gt.seasonal_mann_kendall(da, period=count + 1)
