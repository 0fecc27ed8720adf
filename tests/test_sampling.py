"""Regular sampling: steps, units and durations of time axes of all kinds."""

from datetime import timedelta

import numpy as np
import pytest
import xarray as xr

from gridtrend.spectral.sampling import regular
from gridtrend.spectral.windows import Windows


def record(times):
    return xr.DataArray(np.zeros(len(times)), {"time": times}, "time")


@pytest.mark.parametrize(
    ("freq", "calendar", "unit", "step"),
    [
        ("D", "standard", "day", 1.0),
        ("6h", "standard", "day", 0.25),
        ("10min", "standard", "hour", 1 / 6),
        ("5s", "standard", "second", 5.0),
        ("30D", "360_day", "year", 1 / 12),
        ("D", "noleap", "day", 1.0),
        ("YS", "noleap", "year", 1.0),
    ],
)
def test_steps_are_told_in_a_unit_that_suits_them(freq, calendar, unit, step):
    found = regular(record(xr.date_range("2001", periods=30, freq=freq, calendar=calendar)), "time")
    assert found.unit == unit
    assert found.step == pytest.approx(step, rel=1e-12)


def test_the_unit_can_be_chosen():
    found = regular(record(xr.date_range("2001", periods=30, freq="D")), "time", per="year")
    assert (found.unit, found.step) == ("year", pytest.approx(1 / 365.2425))
    assert regular(record(xr.date_range("2001", periods=30, freq="D")), "time", per="step").step == 1.0


@pytest.mark.parametrize(
    ("length", "samples"),
    [
        (30, 30),
        ("30D", 30),
        ("5Y", 1826),
        ("2 years", 730),
        ("1W", 7),
        ("6M", 183),
        ("36h", 2),
        (np.timedelta64(90, "D"), 90),
        (timedelta(days=3), 3),
    ],
)
def test_durations_are_samples(length, samples):
    found = regular(record(xr.date_range("2001", periods=30, freq="D")), "time")
    assert found.samples("window", length) == samples


@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
@pytest.mark.parametrize(("freq", "months"), [("MS", 1), ("QS", 3), ("YS", 12)])
def test_months_are_equal_by_the_calendar(freq, months, calendar):
    times = xr.date_range("2001-01-01", periods=40, freq=freq, calendar=calendar)
    found = regular(record(times), "time", sampling="calendar")
    assert (found.unit, found.step) == ("year", pytest.approx(months / 12, rel=1e-12))
    assert found.samples("window", "3Y") == 36 // months
    # Stamps may stand anywhere within their month.
    shifted = [time + timedelta(days=day % 20) for day, time in enumerate(times)]
    assert regular(record(shifted), "time", sampling="calendar").step == found.step


def test_times_between_and_beyond_samples_are_known():
    found = regular(record(xr.date_range("2001-01-01", periods=12, freq="MS")), "time", sampling="calendar")
    between, after = found.times(np.array([0.5, 12.0]))
    assert between == np.datetime64("2001-01-16T12")
    assert after == np.datetime64("2001-12-31")
    assert regular(xr.DataArray(np.zeros(5), dims="time"), "time").times(np.array([1.5])) == [1.5]


def test_numbers_are_times_too():
    years = record(np.arange(1950, 2000))
    years.time.attrs["units"] = "years"
    assert regular(years, "time").samples("window", "20Y") == 20
    plain = record(0.5 * np.arange(10))
    found = regular(plain, "time")
    assert (found.unit, found.step) == ("", 0.5)
    with pytest.raises(ValueError, match="'time' has no times to measure it with"):
        found.samples("window", "20Y")


def test_rounding_of_stored_times_is_forgiven_and_missing_steps_are_not():
    rounded = record((np.arange(50) / 24).astype("f4").astype("f8"))
    rounded.time.attrs["units"] = "days"
    assert regular(rounded, "time").samples("window", "1D") == 24
    with pytest.raises(
        ValueError, match=r"'time' is not sampled regularly.*factor of up to 2, for example after 2001-01-05\. A"
    ):
        regular(record(xr.date_range("2001", periods=9, freq="D").delete(5)), "time")
    months = xr.date_range("2001", periods=9, freq="MS").delete(5)
    with pytest.raises(ValueError, match=r"2 months follow 2001-05"):
        regular(record(months), "time", sampling="calendar")
    with pytest.raises(ValueError, match="has 1 samples"):
        regular(record(months[:1]), "time")


@pytest.mark.parametrize("boundary", ["valid", "zeros", "even"])
@pytest.mark.parametrize("chunks", [(100,), (30, 30, 40), (1, 2, 3, 94), (1,) * 100])
def test_every_window_belongs_to_one_chunk_with_all_its_samples(chunks, boundary):
    windows = Windows(100, 17, 5, boundary)
    parts = list(windows.parts(chunks, 3))
    assert [n for part in parts for n in range(part.start, part.stop)] == list(range(windows.count))
    series = np.arange(100.0)[None]
    for part in parts:
        assert part.start % 3 == 0
        for numbers, span in part.runs():
            rows = span.rows(series[:, part.span.first : part.span.last][:, span.first : span.last])
            for number in range(numbers.start, numbers.stop):
                start = (part.start + number) * 5
                found = rows[0, (number - numbers.start) * 5 :][:17]
                inside = min(17, 100 - start)
                np.testing.assert_array_equal(found[:inside], np.arange(start, start + inside))
                beyond = np.zeros(17 - inside) if boundary != "even" else 98.0 - np.arange(17 - inside)
                np.testing.assert_array_equal(found[inside:], beyond)
