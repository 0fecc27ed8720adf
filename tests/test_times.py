"""Ways to write the same times: what is read as dates, what stays numbers, and what is refused by name.

Expected dates are written out by hand, or made by pandas from their definition.
"""

import datetime
import re
import warnings

import cftime
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from click.testing import CliRunner

import gridtrend as gt
from gridtrend.cli.commands import cli
from gridtrend.grid.dates import with_dates
from gridtrend.grid.dialect import command_line
from gridtrend.grid.refusals import Refusal
from gridtrend.grid.timeaxis import period, time_axis

MONTHS = pd.date_range("1990-01-01", periods=24, freq="MS")
DAYS = pd.date_range("2000-02-20", periods=30)
YEARS = pd.date_range("1990-01-01", periods=12, freq="YS")
MIDDLES = MONTHS + (MONTHS.shift(1) - MONTHS) / 2
NOONS = DAYS + pd.Timedelta("12h")
BERLIN = pd.date_range("1990-01-01", periods=24, freq="MS", tz="Europe/Berlin")


def numbers(dates, form):
    return [int(date.strftime(form)) for date in dates]


def julian(dates):
    # 2000-01-01 12:00 is 2451545 (Meeus, Astronomical Algorithms, chapter 7).
    return 2451545 + (dates - pd.Timestamp("2000-01-01 12:00")) / pd.Timedelta("1D")


def objects(values):
    array = np.empty(len(values), object)
    array[:] = list(values)
    return array


# Name of the coordinate, values, attributes: dates.
READ = {
    "datetime64": ("time", MONTHS, {}, MONTHS),
    "days since, not decoded": ("time", np.arange(30.0), {"units": "days since 2000-02-20"}, DAYS),
    "Days Since": ("time", np.arange(30), {"units": "Days Since 2000-02-20"}, DAYS),
    "hours since, a zone": ("time", 24 * np.arange(30), {"units": "hours since 2000-02-20T02:00:00+02:00"}, DAYS),
    "weeks since": ("time", np.arange(30) / 7, {"units": "weeks since 2000-02-20"}, DAYS),
    "months since": ("time", np.arange(24), {"units": "months since 1990-01-01"}, MONTHS),
    "months since, middles": ("T", np.arange(24) + 0.5, {"units": "months since 1990-01-01"}, MIDDLES),
    "months since the 31st": (
        "time",
        np.arange(3),
        {"units": "months since 1999-12-31"},
        pd.DatetimeIndex(["1999-12-31", "2000-01-31", "2000-02-29"]),
    ),
    "years since": ("time", np.arange(12.0), {"units": "years since 1990-01-01"}, YEARS),
    "common years since": ("time", np.arange(12), {"units": "common_years since 1990-01-01"}, YEARS),
    "decades since": (
        "time",
        np.arange(3),
        {"units": "decades since 1990-01-01"},
        pd.DatetimeIndex(["1990-01-01", "2000-01-01", "2010-01-01"]),
    ),
    "CDO, absolute": ("time", np.array(numbers(NOONS, "%Y%m%d")) + 0.5, {"units": "day as %Y%m%d.%f"}, NOONS),
    "CDO, months": ("time", numbers(MONTHS, "%Y%m"), {"units": "month as %Y%m.%f"}, MONTHS),
    "CDO, middles of months": ("time", np.array(numbers(MONTHS, "%Y%m")) + 0.5, {"units": "month as %Y%m.%f"}, MIDDLES),
    "CDO, before 1000": (
        "time",
        [8500101.0, 8510101.0],
        {"units": "day as %Y%m%d.%f", "calendar": "proleptic_gregorian"},
        np.array(["0850-01-01", "0851-01-01"], "M8[us]"),
    ),
    "YYYYMMDD": ("time", numbers(DAYS, "%Y%m%d"), {}, DAYS),
    "YYYYMMDD as doubles": ("time", np.array(numbers(DAYS, "%Y%m%d"), float), {"units": "1"}, DAYS),
    "YYYYMMDD as uint32": ("date", np.array(numbers(DAYS, "%Y%m%d"), "u4"), {}, DAYS),
    "YYYYMMDD by its digits alone": ("n", numbers(DAYS, "%Y%m%d"), {}, DAYS),
    "YYYYMMDD that says days": ("time", numbers(DAYS, "%Y%m%d"), {"units": "days"}, DAYS),
    "YYYYMMDD by its units": ("x", numbers(YEARS, "%Y%m%d"), {"units": "YYYYMMDD"}, YEARS),
    "YYYYMMDDHH": ("time", numbers(NOONS, "%Y%m%d%H"), {}, NOONS),
    "YYYYMMDDhhmmss": ("time", numbers(NOONS, "%Y%m%d%H%M%S"), {}, NOONS),
    "YYYYMM": ("time", numbers(MONTHS, "%Y%m"), {}, MONTHS),
    "YYYYMM as float32": ("yyyymm", np.array(numbers(MONTHS, "%Y%m"), "f4"), {"units": "YYYYMM"}, MONTHS),
    "YYYYDDD": ("time", numbers(DAYS, "%Y%j"), {}, DAYS),
    "YYYYDDD by its units": ("x", numbers(DAYS, "%Y%j"), {"units": "YYYYDDD"}, DAYS),
    "YYYY-MM-DD": ("time", numbers(DAYS, "%Y%m%d"), {"units": "YYYY-MM-DD"}, DAYS),
    "a format and a word": ("time", numbers(DAYS, "%Y%m%d"), {"units": "date (YYYY/MM/DD)"}, DAYS),
    "%Y-%m-%d": ("time", numbers(DAYS, "%Y%m%d"), {"units": "%Y-%m-%d"}, DAYS),
    "YYYY-MM-DD hh:mm:ss": ("time", numbers(NOONS, "%Y%m%d%H%M%S"), {"units": "YYYY-MM-DD hh:mm:ss"}, NOONS),
    "Julian days": ("time", julian(NOONS), {"units": "julian day"}, NOONS),
    "Julian dates": ("time", julian(MIDDLES), {"units": "days", "long_name": "Julian Date"}, MIDDLES),
    "modified Julian days": ("time", julian(DAYS) - 2400000.5, {"units": "modified julian day"}, DAYS),
    "ISO text": ("time", [str(date.date()) for date in DAYS], {}, DAYS),
    "ISO text with times, UTC": ("time", [date.strftime("%Y-%m-%dT%H:%M:%SZ") for date in NOONS], {}, NOONS),
    "WRF's Times": ("Time", [date.strftime("%Y-%m-%d_%H:%M:%S") for date in NOONS], {}, NOONS),
    "bytes": ("time", np.array([date.strftime("%Y%m%d").encode() for date in DAYS]), {}, DAYS),
    "text YYYY-MM": ("time", [date.strftime("%Y-%m") for date in MONTHS], {}, MONTHS),
    "datetime.date": ("time", objects([date.date() for date in DAYS]), {}, DAYS),
    "datetime with a zone": (
        "time",
        objects([date.to_pydatetime().replace(tzinfo=datetime.UTC) for date in NOONS]),
        {},
        NOONS,
    ),
    "Period": ("time", pd.period_range("1990-01", periods=24, freq="M"), {}, MONTHS),
    "objects of Period": ("time", objects(pd.period_range("1990-01", periods=24, freq="M")), {}, MONTHS),
    # Midnight in Berlin is another month in UTC.
    "pandas with a zone": ("time", BERLIN, {}, MONTHS),
    "dates aside": ("time_counter", np.zeros(24), {"dates": MIDDLES}, MIDDLES),
}

# References: what they are is written in ISO 8601 by hand; UDUNITS-2 has "from", "after", "ref" and "@" for "since".
REFERENCES = {
    "years since 1850": "1850-01-01",
    "months since 1990": "1990-01-01",
    "months since 1990-03": "1990-03-01",
    "decades since 1850": "1850-01-01",
    "common_years since 1850": "1850-01-01",
    "weeks since 1990": "1990-01-01",
    "months since 199003": "1990-03-01",
    "months since 19900301": "1990-03-01",
    "days since 1990032": "1990-02-01",
    "days since 1990-032": "1990-02-01",
    "days since 1850": "1850-01-01",
    "days since 19900301T0630": "1990-03-01T06:30",
    "hours since 1990-1-1 6": "1990-01-01T06",
    "days since 1990-01-01 12": "1990-01-01T12",
    "days since 1990-01-01 1230": "1990-01-01T12:30",
    "days since 1990-01-01 00:00:0.0 0:00": "1990-01-01",
    "days since 1990-01-01 00:00 -6": "1990-01-01T06",
    "days since 1990-01-01T00:00:00+05:30": "1989-12-31T18:30",
    "days since 1990/02/03": "1990-02-03",
    "days since 13/02/1990": "1990-02-13",
    "days since 02/13/1990": "1990-02-13",
    "hours since 15-JAN-1901 00:00:00": "1901-01-15",
    "days since 3 February 1990": "1990-02-03",
    "days since Feb 3, 1990": "1990-02-03",
    "days from 1990-02-03": "1990-02-03",
    "days after 1990-02-03": "1990-02-03",
    "days ref 1990-02-03": "1990-02-03",
    "days @ 1990-02-03": "1990-02-03",
    "days since: 1990-02-03": "1990-02-03",
    "days_since_1990-02-03": "1990-02-03",
}

CFTIME = {
    "calendar 360": ([0, 30, 59], "days since 2000-01-01", "360", "360_day", [(1, 1), (2, 1), (2, 30)]),
    "months of 360 days": ([0.5, 1.1], "months since 2000-01-01", "360_day", "360_day", [(1, 16), (2, 4)]),
    "years without leap days": ([0.0, 0.2], "years since 2000-01-01", "noleap", "noleap", [(1, 1), (3, 15)]),
    "NOLEAP": ([58, 59], "days since 2000-01-01", "NOLEAP", "noleap", [(2, 28), (3, 1)]),
    "YYYYMMDD": ([20000229, 20000230], "day as %Y%m%d.%f", "360_day", "360_day", [(2, 29), (2, 30)]),
}

# Name, values, attributes: what slopes are per, or what the refusal says.
NUMBERS = {
    "YYYY": ("time", np.arange(1950, 1990), {}, "year"),
    "text YYYY": ("time", [str(year) for year in range(1950, 1990)], {}, "year"),
    "year": ("year", np.arange(5), {}, "year"),
    "decimal year": ("time", 1950 + np.arange(48) / 12, {"units": "decimal year"}, "year"),
    "year A.D.": ("time", 1950 + np.arange(48) / 12, {"units": "year A.D."}, "year"),
    "year as %Y.%f": ("time", 1950 + np.arange(48) / 12, {"units": "year as %Y.%f"}, "year"),
    "units YYYY": ("time", np.arange(1950, 1990), {"units": "YYYY"}, "year"),
    "durations": ("time", np.arange(5) * np.timedelta64(1, "D"), {}, "year"),
    "days of a year": ("time", np.arange(1, 300), {"units": "julian day"}, "year"),
    "milliseconds": ("time", np.arange(5.0), {"units": "ms"}, "year"),
    "counts": ("time", np.arange(40), {}, ""),
    "counts like years in another place": ("x", np.arange(2000, 2040), {}, ""),
    "six digits that are no months": ("time", np.arange(200000, 200200), {}, ""),
    "metres like months": ("x", 200010 + 100 * np.arange(8), {}, ""),
    "pascals like months": ("plev", np.array([100001, 100002, 100003]), {"units": "Pa"}, ""),
    "stations like months": ("station", np.array([200101, 200102, 200103]), {}, ""),
    "counts of a size that dates have": ("time", np.arange(85001, 85041), {}, ""),
    "counts that end like months": ("time", np.arange(101, 113), {}, ""),
    "counts of a hundred": ("time", np.arange(0, 4000, 100), {}, ""),
    "powers": ("time", 2 ** np.arange(1, 20), {}, ""),
    "middles of months": ("time", 30 * np.arange(24) + 15.5, {}, ""),
    "days without units, of months": ("time", np.cumsum([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] * 5), {}, ""),
    "modified Julian days without units": ("time", np.arange(53005, 53400), {}, ""),
    "days since the year 1": ("time", np.arange(711858, 712258), {}, ""),
    "seconds": ("time", 86400.0 * np.arange(30) + 1e9, {}, ""),
    "seconds as float32": ("time", np.float32(3600) * np.arange(5000, 5050, dtype="f4"), {}, ""),
    "millimetres": ("x", np.arange(5.0), {"units": "mm"}, ""),
    "YYYY A.D.": ("time", np.arange(1990, 2000), {"units": "YYYY A.D."}, "year"),
}
LONG = {"ka": 1e3, "kyr": 1e3, "Ma": 1e6, "Myr": 1e6, "millennia": 1e3, "10 years": 10, "6 hours": 6 / (24 * 365.2425)}

REFUSED = {
    "a misspelt calendar": (
        np.arange(5.0),
        {"units": "days since 1980-01-01", "calendar": "gregorean"},
        "did you mean 'gregorian'",
    ),
    "a calendar of nowhere": (
        np.arange(5.0),
        {"units": "days since 1980-01-01", "calendar": "mars"},
        "calendar 'mars'.*does not exist",
    ),
    "no reference": (np.arange(5.0), {"units": "days since epoch"}, "no calendar date: .*epoch"),
    "month 13": (np.arange(5.0), {"units": "days since 2000-13-01"}, "month"),
    "a fill value": ([0.0, 1.0, 1e300], {"units": "days since 2000-01-01"}, r"1e\+300"),
    "another fill value": ([0.0, 1.0, 9.96921e36], {"units": "hours since 2000-01-01"}, r"9.96921e\+36"),
    "months in fractions": ([0.0, 0.3, 1.1], {"units": "months since 1990-01-01"}, "fraction of a month"),
    "years in fractions": ([0.0, 0.25, 0.5], {"units": "years since 1990-01-01"}, "fraction of a year"),
    "another unit": ([0.0, 1.0], {"units": "fortnights since 1990-01-01"}, "fortnight"),
    "an unknown format": ([101990, 111990], {"units": "day as %m%Y"}, "%m%Y"),
    "no such day": ([19900101, 19900230], {"units": "day as %Y%m%d.%f"}, "19900230 is no date of the standard"),
    "single precision": (np.float32([19900101, 19900201]), {"units": "day as %Y%m%d"}, "float32"),
    "a fill value among dates": ([19900101, 19900201, 19900301, 99999999], {}, "99999999 is none"),
    "month 13 among months": ([*numbers(MONTHS[:12], "%Y%m"), 199013], {}, "199013 is none"),
    "a day first or a month": (np.arange(3.0), {"units": "days since 02/03/1990"}, "1990-02-03 or 1990-03-02"),
    "a day first, with hyphens": (np.arange(3.0), {"units": "days since 01-02-1990"}, "1990-01-02 or 1990-02-01"),
    "a year of two digits": (np.arange(3.0), {"units": "days since 02/03/90"}, "not written as a date"),
    "hour 24": (np.arange(3.0), {"units": "days since 1990-01-01T24:00"}, "hours run from 0 to 23"),
    "31 February": (np.arange(3.0), {"units": "months since 1990-02-31"}, "no date of the standard calendar"),
    "year 0": (np.arange(3.0), {"units": "years since 0"}, "no year 0"),
    "no date": (np.arange(3.0), {"units": "days since 1990.5"}, "not written as a date"),
    "no unit": (np.arange(3.0), {"units": "since 1990-01-01"}, "units are a unit of time"),
    "annual YYYYMM before 1000": (np.arange(850, 860) * 100 + 7, {}, "plain numbers, or dates written as YYYYMM"),
    "annual YYYYMMDD of years 1 to 10": (np.arange(1, 11) * 10000 + 701, {}, "plain numbers, or dates"),
    "YYMM": (100 * (90 + np.arange(24) // 12) + np.arange(24) % 12 + 1, {}, "two digits"),
    "YYMMDD": (numbers(pd.date_range("1990-01-20", periods=30), "%y%m%d"), {}, "two digits"),
    "YYMMDD that may be YYYYMM": ([100701, 110701, 120701], {}, "two digits"),
    "YYDDD": (numbers(pd.date_range("1990-11-01", periods=100), "%y%j"), {}, "two digits"),
    "MMDD": (numbers(DAYS, "%m%d"), {}, "without a year"),
    "DDMMYYYY": (numbers(DAYS, "%d%m%Y"), {}, "DDMMYYYY"),
    "MMYYYY": (numbers(MONTHS, "%m%Y"), {}, "MMYYYY"),
    "YYYYWW": (numbers(pd.date_range("1990-01-01", periods=120, freq="7D"), "%G%V"), {}, "weeks"),
    "YYYY0000": (10000 * np.arange(1990, 2000), {}, "YYYY0000"),
    "YYYYMM00": (10000 * np.arange(1990, 2000) + 700, {}, "19900700 is none"),
    "float32, without units": (np.float32(np.arange(1990, 2000) * 10000 + 701), {}, "float32 has seven digits"),
    "float32, days": (np.array(numbers(DAYS[::4], "%Y%m%d"), "f4"), {"units": "days"}, "float32 has seven digits"),
    "float32, hours": (np.array(numbers(NOONS[::4], "%Y%m%d%H"), "f4"), {}, "float32 has seven digits"),
    "float32 as doubles": (np.float64(np.float32(np.arange(1990, 2000) * 10000 + 701)), {}, "YYYYMMDD"),
    "units YYMMDD": (numbers(DAYS, "%y%m%d"), {"units": "YYMMDD"}, "'YYMMDD' is not a format"),
    "units DDMMYYYY": (numbers(DAYS, "%d%m%Y"), {"units": "DD/MM/YYYY"}, "'DD/MM/YYYY' is not a format"),
    "units YYYYWW": (np.arange(199001, 199010), {"units": "YYYYWW"}, "'YYYYWW' is not a format"),
    "units %y%m%d": (numbers(DAYS, "%y%m%d"), {"units": "%y%m%d"}, "not a format"),
    "years BP, in one word": ([100.0, 200.0], {"units": "kyrBP"}, "backwards"),
    "years BP": ([100.0, 200.0], {"units": "years BP"}, "backwards"),
    "ka before present": ([1.0, 2.0], {"units": "ka before present"}, "backwards"),
    "no Julian day": ([0.0, 500.0], {"units": "julian day"}, "Julian"),
    "text": (["Jan 1990", "Feb 1990"], {}, "'Jan 1990', neither dates nor numbers"),
    "a day of no calendar": (["2000-02-29", "2000-02-30"], {}, "'2000-02-30' is no date"),
    "a zone here and there": (["2000-01-01T00:00Z", "2000-01-02T00:00"], {}, "time zone"),
    "kinds": (objects([cftime.datetime(2000, 1, 1), pd.Timestamp("2001")]), {}, "Timestamp"),
    "calendars": (
        objects([cftime.datetime(2000, 1, 1), cftime.datetime(2001, 1, 1, calendar="noleap")]),
        {},
        "NoLeap|noleap",
    ),
}


def record(name, values, attrs, y=None):
    aside = {} if "dates" not in attrs else {"time_centered": (name, attrs["dates"], {"standard_name": "time"})}
    attrs = {key: value for key, value in attrs.items() if key != "dates"}
    time = xr.DataArray(values, dims=name, attrs=attrs)
    y = np.arange(float(time.size)) if y is None else y
    return xr.DataArray(y, {name: time, **aside}, name, "y", {"units": "K"})


@pytest.mark.parametrize("way", READ)
def test_dates_are_read_however_they_are_written(way):
    name, values, attrs, expected = READ[way]
    da = record(name, values, attrs)
    found = with_dates(da, name)[name]
    assert found.dtype.kind == "M"
    np.testing.assert_array_equal(found.values.astype("M8[ms]"), np.asarray(expected).astype("M8[ms]"))
    plain = time_axis(record("time", expected, {}), "time")
    axis = time_axis(da, name)
    np.testing.assert_allclose(axis.values / axis.per, plain.values / plain.per, rtol=1e-12)
    assert axis.unit == "year"
    assert da[name].identical(record(name, values, attrs)[name])


@pytest.mark.parametrize("way", CFTIME)
def test_dates_of_models_are_read(way):
    values, units, given, calendar, expected = CFTIME[way]
    found = with_dates(record("time", np.array(values), {"units": units, "calendar": given}), "time").time
    assert found.dt.calendar == calendar
    assert [(date.month, date.day) for date in found.values] == expected


@pytest.mark.parametrize("way", NUMBERS)
def test_numbers_that_are_no_dates_stay_numbers(way):
    name, values, attrs, unit = NUMBERS[way]
    da = record(name, values, attrs)
    assert time_axis(da, name).unit == unit
    if unit == "":
        for per in ("year", "decade"):
            with pytest.raises(ValueError, match=f"per='{per}' needs a unit of time"):
                time_axis(da, name, per)


@pytest.mark.parametrize("way", REFUSED)
def test_dates_that_cannot_be_read_are_refused_by_name(way):
    values, attrs, reason = REFUSED[way]
    da = record("time", values, attrs)
    with pytest.raises(Refusal, match=reason) as refusal:
        time_axis(da, "time")
    assert "'time'" in str(refusal.value)
    with command_line(), pytest.raises(Refusal, match=reason) as refusal:
        time_axis(da, "time")
    assert "per=" not in str(refusal.value)
    assert "da." not in str(refusal.value)
    if np.asarray(values).dtype.kind in "if" and "backwards" not in reason:
        assert time_axis(da, "time", "step").unit == "step"


@pytest.mark.parametrize("units", REFERENCES)
def test_references_are_read_as_they_are_meant(units):
    found = with_dates(record("time", np.arange(3), {"units": units}), "time").time
    assert found.values[0] == np.datetime64(REFERENCES[units])
    for calendar in ("noleap", "360_day"):
        attrs = {"units": units, "calendar": calendar}
        first = with_dates(record("time", np.arange(3), attrs), "time").time.values[0]
        # A year of 360 days has its 32nd day on 2 February, and a day before 1 January is 30 December.
        if "032" not in units and "05:30" not in units:
            assert first.isoformat() == str(np.datetime64(REFERENCES[units], "s"))


@pytest.mark.parametrize(
    ("first", "calendar"), [(850, "standard"), (850, "noleap"), (100, "360_day"), (998, "proleptic_gregorian")]
)
def test_months_of_early_years_are_dates(first, calendar):
    # Three years: the 37th month is January of the fourth.
    values = 100 * (first + np.arange(37) // 12) + np.arange(37) % 12 + 1
    for name in ("time", "n"):
        found = with_dates(record(name, values, {"calendar": calendar}), name)[name]
        assert found.dt.year.values[[0, -1]].tolist() == [first, first + 3]
        assert found.dt.month.values.tolist() == [*list(range(1, 13)) * 3, 1]
    with_years = np.arange(850, 1850) * 100 + 7
    assert with_dates(record("time", with_years, {}), "time").time.dt.year.values.tolist() == list(range(850, 1850))


@pytest.mark.parametrize("units", LONG)
def test_units_of_many_years_are_converted(units):
    da = record("time", np.arange(8.0), {"units": units})
    found = gt.theil_sen(da).slope
    assert float(found) == pytest.approx(1 / LONG[units], rel=1e-12)
    assert found.attrs["units"] == "K year-1"


@pytest.mark.parametrize("test", [gt.mann_kendall, gt.theil_sen, gt.linear_trend, gt.regional_mann_kendall])
def test_units_of_no_time_are_said_once(test):
    da = record("time", np.arange(9), {"units": "widgets"}).expand_dims(x=2)
    with pytest.warns(UserWarning, match="'time' names no unit of time .*'widgets'.*per unit of 'time'") as caught:
        test(da)
    assert len(caught) == 1
    for attrs, name, options in (
        ({}, "time", {}),
        ({"units": "m"}, "depth", {}),
        ({"units": "m"}, "time", {"per": "step"}),
    ):
        test(record(name, np.arange(9), attrs).expand_dims(x=2), name, **options)


def test_units_of_no_time_are_said_once_by_whitening_tests():
    da = record("time", np.arange(30), {"units": "widgets"}, np.random.default_rng(0).normal(size=30))
    with pytest.warns(UserWarning, match="widgets") as caught:
        gt.mann_kendall(da, method="3pw")
    assert len(caught) == 1


def test_seasons_of_months_whose_numbers_end_like_dates():
    da = record("time", np.arange(101, 3101, 100), {"units": "months"})
    assert float(gt.seasonal_mann_kendall(da, period=3).slope) == pytest.approx(12 / 100, rel=1e-12)


def test_days_before_christ_warn_of_nothing():
    # The first day of the Julian period: cftime's own sentence is about CF.
    da = record("time", np.arange(30), {"units": "days since -4713-01-01 12:00"})
    found = gt.mann_kendall(da)
    assert float(found.slope) == pytest.approx(365.2425, rel=1e-12)
    assert found.time.dt.year == -4713


@pytest.mark.parametrize("calendar", ["standard", "julian", "proleptic_gregorian", "noleap"])
def test_a_year_zero_is_a_year(calendar):
    with warnings.catch_warnings():
        # cftime's own, about dates that CF does not have.
        warnings.simplefilter("ignore")
        years = [cftime.datetime(year, 1, 1, calendar=calendar, has_year_zero=True) for year in range(-3, 4)]
    da = record("time", years, {})
    axis = time_axis(da, "time")
    # The year 0 is a leap year of all these calendars but one.
    leap = 0 if calendar == "noleap" else 1
    days = axis.values * (axis.values[-1] and (years[-1] - years[0]).days / axis.values[-1])
    assert np.diff(days).round(9).tolist() == [365, 365, 365, 365 + leap, 365, 365]
    assert period(da, "time")["time"].values.item().year in (-1, 0)
    assert gt.mann_kendall(da).s == 21
    assert gt.pettitt(da).change_time.attrs["calendar"] == calendar


@pytest.mark.parametrize(
    "values",
    [
        2**60 + np.arange(10),
        -(2**60) + np.arange(10),
        np.array([2**63 + k for k in range(10)], "u8"),
        2**53 + np.arange(10),
    ],
    ids=["int64", "negative", "uint64", "just beyond"],
)
def test_whole_numbers_beyond_the_doubles_keep_their_steps(values):
    for attrs, per in (({}, "auto"), ({"units": "ns"}, "second")):
        axis = time_axis(record("time", values, attrs), "time", per)
        assert axis.values.tolist() == list(range(10))
        assert axis.origin == f"time = {values[0]}"
    assert gt.seasonal_mann_kendall(record("time", values, {}), period=2).n_valid == 10


def test_missing_durations_are_refused():
    with pytest.raises(ValueError, match="missing values"):
        time_axis(record("time", np.array([1, "NaT", 3], "m8[D]"), {}), "time")


def files(tmp_path, name, values, attrs, **coords):
    y = np.arange(24)[:, None, None] / 120 * np.ones((24, 2, 3))
    ds = xr.Dataset({"tas": ((name, "lat", "lon"), y, {"units": "K"})}, {name: (name, values, attrs), **coords})
    ds.to_netcdf(tmp_path / "in.nc")
    return str(tmp_path / "in.nc"), str(tmp_path / "out.nc")


@pytest.mark.parametrize(
    ("values", "attrs"),
    [
        (numbers(MONTHS, "%Y%m"), {}),
        (np.array(numbers(MONTHS, "%Y%m%d"), float), {"units": "day as %Y%m%d.%f"}),
        (np.arange(24), {"units": "months since 1990-01-01"}),
        ([date.strftime("%Y-%m-%d_%H:%M:%S") for date in MONTHS], {}),
    ],
    ids=["YYYYMM", "CDO", "months", "text"],
)
def test_the_command_line_opens_the_same_dates(tmp_path, values, attrs):
    path, out = files(tmp_path, "time", values, attrs)
    outcome = CliRunner().invoke(cli, ["trend", path, out, "--per", "year"])
    assert outcome.exit_code == 0, outcome.output
    assert "24 steps from 1990-01-01 to 1991-12-01" in outcome.output
    expected = gt.theil_sen(record("time", MONTHS, {}, np.arange(24) / 120)).slope
    with xr.open_dataset(out, decode_timedelta=False) as result:
        assert result.slope.attrs["units"] == "K year-1"
        np.testing.assert_allclose(result.slope, expected, rtol=1e-12)


def test_nemo_files_are_joined_by_their_dates(tmp_path):
    for k in range(2):
        dates = ("time_counter", MONTHS[12 * k : 12 * k + 12], {"standard_name": "time"})
        y = (("time_counter", "x"), np.arange(12.0)[:, None] + 12 * k + np.zeros(3))
        ds = xr.Dataset({"sst": y}, {"time_counter": np.zeros(12), "time_centered": dates})
        ds.to_netcdf(tmp_path / f"nemo{1 - k}.nc")
    sst = gt.open_grid(str(tmp_path / "nemo*.nc"))
    assert (sst.time_counter.values == MONTHS.values).all()
    assert sst[:, 0].values.tolist() == list(range(24))


@pytest.mark.parametrize(
    ("attrs", "arguments", "code", "said"),
    [
        ({"units": "widgets"}, [], 0, "note: 'time' names no unit of time (units: 'widgets'): slopes are per unit of"),
        ({"units": "widgets"}, ["--per", "year"], 1, "--per year needs a unit of time"),
        ({"units": "widgets"}, ["--per", "decade"], 1, "--per decade needs a unit of time"),
        ({"units": "days since 1990-01-01", "calendar": "gregorean"}, [], 1, "did you mean 'gregorian'"),
        ({"units": "years BP"}, [], 1, "backwards"),
        ({"units": "days since initialization"}, [], 1, "'initialization' is not written as a date"),
        ({"units": "seasons since 1990-01-01"}, [], 1, "'season' is no unit of time"),
        ({"units": "days since 02/03/1990"}, [], 1, "1990-02-03 or 1990-03-02"),
        ({"units": "years since 1850"}, [], 0, "24 steps from 1850-01-01 to 1873-01-01"),
        ({"units": "days since 1990-01-01 12"}, [], 0, "from 1990-01-01 to 1990-01-24"),
        ({"units": "days since -4713-01-01 12:00"}, [], 0, "from -4713-01-01 to -4713-01-24"),
        ({"units": "days since 1990-01-01"}, ["--select", "lat=1e400"], 1, "1e400 is beyond the numbers"),
    ],
)
def test_the_command_line_says_what_it_cannot_know_in_its_own_words(tmp_path, attrs, arguments, code, said):
    path, out = files(tmp_path, "time", np.arange(24), attrs)
    outcome = CliRunner().invoke(cli, ["trend", path, out, "--no-slope", *arguments])
    assert outcome.exit_code == code, outcome.output
    assert said in outcome.output
    assert len(outcome.output.strip().splitlines()) == 1 + ("note:" in outcome.output)
    assert "per=" not in outcome.output
    assert "da." not in outcome.output


def test_the_command_line_says_once_which_times_it_cannot_use(tmp_path):
    path, out = files(tmp_path, "time", np.arange(24), {"units": "days since 2000-13-01"})
    outcome = CliRunner().invoke(cli, ["info", path])
    assert outcome.output.count("2000-13-01' has no month of a year") == 1
    assert "slopes are per unit" not in outcome.output
    path, out = files(tmp_path, "time", [0, 365, 365, *range(730, 751)], {"units": "days since 1990-01-01"})
    outcome = CliRunner().invoke(cli, ["trend", path, out])
    assert "repeats 1 of its 24 times, for example 1991-01-01" in outcome.output


@pytest.mark.parametrize("largest", [np.inf, 1e300, 2.0**63])
def test_numbers_beyond_all_dates_are_looked_at_without_a_warning(largest):
    da = xr.DataArray(np.arange(14.0), {"time": np.r_[np.arange(101.0, 114.0), largest]}, "time")
    assert gt.kendall_tau(da, da).tau == 1.0


@pytest.mark.parametrize(
    ("index", "fix"),
    [
        (pd.MultiIndex.from_arrays([range(2000, 2005), list("abcde")], names=["year", "site"]), "reset_index"),
        (pd.IntervalIndex.from_breaks(range(2000, 2006)), "each.mid"),
    ],
)
def test_indexes_of_tuples_and_intervals_are_refused_with_a_call_that_works(index, fix):
    coords = {"time": index}
    if isinstance(index, pd.MultiIndex):
        coords = xr.Coordinates.from_pandas_multiindex(index, "time")
    da = xr.DataArray(np.arange(5.0), coords, "time")
    with pytest.raises(TypeError, match=fix) as refused:
        gt.theil_sen(da)
    call = re.search(r"da\.\w.*?(?=, or drop)", str(refused.value))[0].replace("LEVEL", "'year'")
    # By hand: the values rise by 1 each year.
    assert float(gt.theil_sen(eval(call)).slope) == 1.0
