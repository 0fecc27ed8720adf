"""Ways to write the same times: what is read as dates, what stays numbers, and what is refused by name.

Expected dates are written out by hand, or made by pandas from their definition.
"""

import datetime
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
}
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
    ],
)
def test_the_command_line_says_what_it_cannot_know_in_its_own_words(tmp_path, attrs, arguments, code, said):
    path, out = files(tmp_path, "time", np.arange(24), attrs)
    outcome = CliRunner().invoke(cli, ["trend", path, out, "--no-slope", *arguments])
    assert outcome.exit_code == code, outcome.output
    assert said in outcome.output
    assert "per=" not in outcome.output
    assert "da." not in outcome.output
