"""Spans of dates in --select: every part is read, in every calendar, or the whole is refused."""

import numpy as np
import pytest
import xarray as xr

from gridtrend import io

CALENDARS = ("proleptic_gregorian", "standard", "noleap", "360_day", "julian")


def months(first, periods, calendar="proleptic_gregorian", freq="MS"):
    use_cftime = calendar != "proleptic_gregorian"
    times = xr.date_range(first, periods=periods, freq=freq, calendar=calendar, use_cftime=use_cftime)
    return xr.Dataset({"tas": ("time", np.arange(periods))}, {"time": times})


# Counted by hand: months of 1985-01 to 2004-12, which are numbered from 0.
SPANS = [
    ("1990", 60, 72),
    ("1990:1991", 60, 84),
    ("1990-05", 64, 65),
    ("1990-05:1990-07", 64, 67),
    ("1990-05:1990", 64, 72),
    ("1990 : 1991-01-01", 60, 73),
    ("1989-12-02:1990-02", 60, 62),
    (":1985-03", 0, 3),
    ("2004-11:", 238, 240),
    (":", 0, 240),
    ("1990-12-31:1991-02-28", 72, 74),
    ("1990-01-01T00:1990-01-01T00:00:00", 60, 61),
    ("1990-01-01T00:00", 60, 61),
]


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize(("wanted", "start", "stop"), SPANS)
def test_a_span_holds_the_months_counted_by_hand(calendar, wanted, start, stop):
    found = io.select(months("1985", 240, calendar), "time", wanted).tas
    assert np.atleast_1d(found).tolist() == list(range(start, stop))


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize(
    "wanted",
    [
        *("1990,2000", "1990.5:2000", "1990/2000", "1990:2000:2", "2000-13", "2000-00", "2000-1", "199001", "19900101"),
        *("2000-02-32", "2000-01-01T24", "2000-01-01T00:60", "2000-01-01Z", "90", "2000-01:2001-13", "January 2000"),
        *("1990-", "1990:2000,2001", "nan", "NaT", "now", "2000-01-01T", "1e3", "２０００"),
    ],
)
def test_what_is_no_date_is_refused_as_a_whole(calendar, wanted):
    with pytest.raises(io.InputError, match=r"cannot select '.*' from 'time': ") as caught:
        io.select(months("1985", 240, calendar), "time", wanted)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("calendar", CALENDARS)
@pytest.mark.parametrize("wanted", ["2000:1990", "1990-05:1990-04", "1990-05-02T12:1990-05-02T11"])
def test_a_range_that_runs_backwards_is_refused_with_the_one_that_does_not(calendar, wanted):
    with pytest.raises(io.InputError, match="runs backwards; write 1990"):
        io.select(months("1985", 240, calendar), "time", wanted)


def test_days_that_a_calendar_does_not_have():
    # 30 February is a day of the 360-day calendar alone; the 31st of other calendars may end a range of it.
    days = months("2000-01-01", 90, "360_day", "D")
    assert io.select(days, "time", "2000-02-30").tas == 59
    assert io.select(days, "time", "2000-01-30:2000-01-31").tas.size == 1
    for calendar, day in (("noleap", "2000-02-30"), ("standard", "2001-02-29"), ("noleap", "2001-02-29")):
        with pytest.raises(io.InputError, match=f"no such date in the calendar of the record, {calendar}"):
            io.select(months("2000-01-01", 90, calendar, "D"), "time", day)


def test_hours_seconds_and_early_years():
    hours = months("2009-09-09", 48, freq="h")
    assert io.select(hours, "time", "2009-09-09T05").tas == 5
    assert io.select(hours, "time", "2009-09-09T05:2009-09-10T05").tas.values.tolist() == list(range(5, 30))
    assert io.select(hours, "time", "2009-09-09T05:30:2009-09-09T07:00:00").tas.values.tolist() == [6, 7]
    early = months("0001-01-01", 24, "standard")
    assert io.select(early, "time", "0002").tas.values.tolist() == list(range(12, 24))


def test_the_order_of_the_file_does_not_matter():
    backwards = months("1985", 240).isel(time=slice(None, None, -1))
    assert io.select(backwards, "time", "1990-05:1990-07").tas.values.tolist() == [66, 65, 64]


@pytest.mark.parametrize("wanted", ["nan", "1_000", "inf", "850,500", "0:10:2", "", ":nan", "1e", "0x10"])
def test_numbers_are_read_as_a_whole_too(wanted):
    levels = xr.Dataset(coords={"level": [1000.0, 850.0, 500.0]})
    with pytest.raises(io.InputError, match="write a number, or a range such as -30:30"):
        io.select(levels, "level", wanted)
