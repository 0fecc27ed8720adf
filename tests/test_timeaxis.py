"""Times of every kind become numbers, and slopes are per real time."""

import cftime
import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend.grid.timeaxis import UNITS, period, time_axis

YEAR_LENGTH = {
    "standard": 365.2425,
    "gregorian": 365.2425,
    "proleptic_gregorian": 365.2425,
    "julian": 365.25,
    "noleap": 365.0,
    "365_day": 365.0,
    "all_leap": 366.0,
    "366_day": 366.0,
    "360_day": 360.0,
}
DAYS = {"second": 1 / 86400, "minute": 1 / 1440, "hour": 1 / 24, "day": 1, "week": 7}
YEARS = {"month": 1 / 12, "year": 1, "decade": 10, "century": 100}
FREQUENCIES = {"daily": "D", "monthly": "MS", "annual": "YS"}


def record(time, values=None, **attrs):
    time = xr.DataArray(time, dims="time", attrs=attrs)
    values = np.zeros(time.size) if values is None else values
    return xr.DataArray(values, {"time": time}, "time", "y", {"units": "m"})


def dates(calendar="standard", n=30, frequency="MS", start="1999-11-01"):
    return xr.date_range(start, periods=n, freq=frequency, calendar=calendar, use_cftime=True)


def slope(da, per="year", **options):
    return float(gt.theil_sen(da, per=per, **options).slope)


# --- dates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("per", [*DAYS, *YEARS])
def test_a_linear_record_has_its_slope_in_every_unit(resolution, per):
    time = np.array("2001-02-01", "datetime64[D]") + np.array([0, 1, 3, 4, 10, 90, 400])
    days = (time - time[0]).astype(float)
    length = DAYS[per] if per in DAYS else YEARS[per] * YEAR_LENGTH["standard"]
    da = record(time.astype(f"datetime64[{resolution}]"), 2.5 * days + 7)
    assert da.time.dtype == f"datetime64[{resolution}]"
    result = gt.theil_sen(da, per=per)
    for name in ("slope", "slope_lower", "slope_upper"):
        assert float(result[name]) == pytest.approx(2.5 * length, rel=1e-14)
    assert float(result.intercept) == 7
    assert result.slope.attrs["units"] == f"m {per}-1"


@pytest.mark.parametrize("calendar", YEAR_LENGTH)
@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_a_year_of_each_calendar_has_its_own_length(calendar, frequency):
    time = dates(calendar, frequency=FREQUENCIES[frequency])
    days = np.array([(date - time[0]).total_seconds() for date in time]) / 86400
    da = record(time, 0.5 * days)
    assert slope(da) == pytest.approx(0.5 * YEAR_LENGTH[calendar], rel=1e-14)
    assert slope(da, "month") == pytest.approx(0.5 * YEAR_LENGTH[calendar] / 12, rel=1e-14)
    assert slope(da, "day") == pytest.approx(0.5, rel=1e-14)


@pytest.mark.parametrize("calendar", ["360_day", "noleap"])
def test_one_unit_a_year_is_exactly_one_in_years_of_equal_length(calendar):
    da = record(dates(calendar, n=240, frequency="YS", start="1860-06-01"), np.arange(240.0))
    axis = time_axis(da, "time")
    assert axis.values.tolist() == list(range(240))
    assert axis.per == 1
    assert slope(da) == 1


def test_cftime_and_datetime64_of_the_same_dates_agree_to_the_bit():
    rng = np.random.default_rng(0)
    time = dates("proleptic_gregorian", n=60)
    y = rng.normal(size=60)
    other = record(np.array([date.isoformat() for date in time], "datetime64[ns]"), y)
    found, expected = gt.mann_kendall(record(time, y)), gt.mann_kendall(other)
    for name in expected.data_vars:
        np.testing.assert_array_equal(found[name].values, expected[name].values, err_msg=name)


def test_months_of_unequal_length_are_not_taken_as_equal():
    time = xr.date_range("2001-01-01", periods=3, freq="MS")
    axis = time_axis(record(time), "time")
    assert axis.values.tolist() == [0, 31, 59]
    assert axis.per == 365.2425


def test_times_are_whole_multiples_of_their_own_tick():
    time = np.array("1950-01-01T06", "datetime64[ns]") + 6 * np.arange(5) * np.timedelta64(1, "h")
    axis = time_axis(record(time), "time", "day")
    assert axis.values.tolist() == [0, 1, 2, 3, 4]
    assert axis.per == 4


@pytest.mark.parametrize("year", [1, 850, 1582, 2500, 9000])
@pytest.mark.parametrize("calendar", ["standard", "proleptic_gregorian", "noleap", "360_day"])
def test_years_far_away_are_no_special_years(calendar, year):
    time = [cftime.datetime(year + k, 7, 1, 12, calendar=calendar) for k in range(40)]
    days = np.array([(date - time[0]).total_seconds() for date in time]) / 86400
    assert slope(record(time, days), "day") == pytest.approx(1, rel=1e-14)


def test_a_model_year_of_zero_is_a_year():
    time = [cftime.datetime(k, 1, 1, calendar="noleap", has_year_zero=True) for k in range(20)]
    assert slope(record(time, np.arange(20.0))) == 1


def test_durations_are_times():
    time = np.arange(10) * np.timedelta64(12, "h")
    assert slope(record(time.astype("m8[ns]"), np.arange(10.0)), "day") == 2


# --- numbers and steps ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "per", "expected"),
    [
        ("years", "year", 1.0),
        ("year", "decade", 10.0),
        ("yr", "century", 100.0),
        ("a", "month", 1 / 12),
        ("days", "day", 1.0),
        ("d", "week", 7.0),
        ("days", "year", 365.2425),
        ("hours", "day", 24.0),
        ("h", "hour", 1.0),
        ("minutes", "hour", 60.0),
        ("s", "day", 86400.0),
        ("Seconds", "minute", 60.0),
        ("months", "year", 12.0),
    ],
)
def test_numbers_in_a_unit_of_time_are_times(units, per, expected):
    da = record(np.array([0.5, 1.5, 4.0, 5.0, 9.5]), units=units)
    da.values[:] = 3 * da.time - 1
    result = gt.theil_sen(da, per=per)
    assert float(result.slope) == pytest.approx(3 * expected, rel=1e-14)
    assert float(result.intercept) == pytest.approx(-1, rel=1e-14)
    assert result.slope.attrs["units"] == f"m {per}-1"


@pytest.mark.parametrize("dtype", ["i2", "u1", "i8", "f4", "f8"])
def test_a_coordinate_called_year_holds_years(dtype):
    years = np.array([0, 1, 3, 4, 8, 200]).astype(dtype)
    da = xr.DataArray(0.5 * years, {"year": years}, "year")
    result = gt.theil_sen(da, "year", per="decade")
    assert float(result.slope) == pytest.approx(5, rel=1e-14)
    assert result.year.values == 100
    assert result.year_bnds.values.tolist() == [0, 200]


def test_numbers_without_a_unit_give_slopes_per_unit_of_the_coordinate():
    da = record(np.array([1.0, 2, 4, 8, 16]), 3 * np.array([1.0, 2, 4, 8, 16]))
    result = gt.theil_sen(da)
    assert float(result.slope) == 3
    assert result.slope.attrs["units"] == "m"
    assert result.slope.attrs["comment"] == "change per unit of the coordinate"


def test_numbers_of_another_quantity_are_no_times():
    da = xr.DataArray(np.arange(5.0), {"depth": ("depth", np.arange(5.0), {"units": "m"})}, "depth")
    assert float(gt.theil_sen(da, "depth").slope) == 1
    with pytest.raises(ValueError, match=r"per='day' needs a unit of time.*'m'.*attrs\['units'\]"):
        gt.theil_sen(da, "depth", per="day")


@pytest.mark.parametrize("per", ["year", "step"])
def test_without_a_coordinate_steps_are_counted(per):
    da = xr.DataArray(2 * np.arange(9.0), dims="time", attrs={"units": "m"})
    result = gt.theil_sen(da, per=per)
    assert float(result.slope) == 2
    assert result.slope.attrs["units"] == "m"
    assert result.slope.attrs["comment"] == "change per step"
    assert "time" not in result.coords


def test_without_a_coordinate_other_units_are_refused():
    with pytest.raises(ValueError, match=r"per='day' needs times.*assign_coords\(time=.*per='step'"):
        gt.theil_sen(xr.DataArray(np.arange(9.0), dims="time"), per="day")


def test_steps_are_steps_however_long():
    time = np.array(["2001-01-01", "2001-01-02", "2010-01-01", "2030-01-01"], "M8[ns]")
    result = gt.theil_sen(record(time, np.arange(4.0)), per="step")
    assert float(result.slope) == 1
    assert result.slope.attrs["units"] == "m"


def test_a_missing_value_keeps_its_step():
    y = np.arange(10.0)
    y[[3, 4, 5]] = np.nan
    assert slope(xr.DataArray(y, dims="time")) == 1


# --- spelling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("per", [unit for unit in UNITS if unit != "century"])
def test_units_may_be_plural_and_capital(per):
    da = record(dates(), np.arange(30.0))
    for spelling in (per + "s", per.upper(), per.title()):
        assert gt.theil_sen(da, per=spelling).equals(gt.theil_sen(da, per=per))


@pytest.mark.parametrize("per", ["", "s", "fortnight", "years ago", "yearss", None, 1])
def test_an_unknown_unit_is_refused_with_the_known_ones(per):
    with pytest.raises(ValueError, match=r"per=.* is not a unit of time; use one of 'step', .*'decade'"):
        gt.theil_sen(record(dates()), per=per)


# --- order and gaps -------------------------------------------------------------------------------


@pytest.mark.parametrize("calendar", [None, "360_day"])
@pytest.mark.parametrize("per", ["year", "step"])
def test_unsorted_times_are_sorted(calendar, per):
    time = dates(calendar) if calendar else np.array("2001", "M8[M]").astype("M8[ns]")
    time = np.array(time) if calendar else time + np.timedelta64(1, "D") * np.arange(30) ** 2
    da = record(time, np.random.default_rng(3).normal(size=30))
    order = np.random.default_rng(4).permutation(30)
    expected = gt.mann_kendall(da, per=per)
    assert gt.mann_kendall(da.isel(time=order), per=per).identical(expected)
    assert gt.mann_kendall(da[::-1], per=per).identical(expected)
    lazy = da.isel(time=order).chunk({"time": -1})
    assert gt.mann_kendall(lazy, per=per).compute().identical(expected)


REPEATED = {
    "dates": np.array(["2001-01-01", "2002-01-01", "2001-01-01", "2004-01-01"], "M8[ns]"),
    "cftime": [cftime.datetime(y, 1, 1, calendar="360_day") for y in (2001, 2002, 2001, 2004)],
    "numbers": np.array([2001.0, 2002.0, 2001.0, 2004.0]),
}


@pytest.mark.parametrize("kind", REPEATED)
@pytest.mark.parametrize("per", ["year", "step"])
def test_repeated_times_are_refused_with_two_ways_out(kind, per):
    with pytest.raises(ValueError, match=r"repeats 1 of its 4 times, for example 2001.*groupby.*drop_duplicates"):
        gt.mann_kendall(record(REPEATED[kind]), per=per)


@pytest.mark.parametrize("per", ["year", "step"])
@pytest.mark.parametrize(
    "time", [np.array(["2001", "NaT", "2003"], "M8[ns]"), [2001.0, np.nan, 2003.0], [0.0, 1.0, np.inf]]
)
def test_missing_times_are_refused_with_the_call_that_drops_them(time, per):
    da = record(time, np.arange(3.0))
    fix = "da.isel(time=da['time'].notnull())"
    with pytest.raises(ValueError, match="missing values") as refusal:
        gt.theil_sen(da, per=per)
    assert fix in str(refusal.value)
    if np.isinf(da.time.values.astype(float)).any():
        return
    gt.theil_sen(eval(fix, {"da": da}), per=per)


@pytest.mark.parametrize("units", ["days since 0000-00-00", "fortnights since 1950-01-01"])
def test_dates_that_were_not_decoded_are_refused_unless_per_step(units):
    da = record(np.arange(5.0), np.arange(5.0), units=units)
    with pytest.raises(ValueError, match=rf"{units}.*decode_cf.*per='step'"):
        gt.theil_sen(da)
    assert slope(da, "step") == 1


@pytest.mark.parametrize("per", ["year", "step"])
@pytest.mark.parametrize("labels", [["a", "b", "c"], [True, False, True], [1j, 2j, 3j]])
def test_labels_are_no_times(labels, per):
    with pytest.raises(TypeError, match=r"neither dates nor numbers|not all dates"):
        gt.theil_sen(record(labels, np.arange(3.0)), per=per)


def test_objects_that_are_not_all_dates_are_refused():
    time = np.array([cftime.datetime(2001, 1, 1), "soon", 3], object)
    with pytest.raises(TypeError, match=r"not all dates, such as .*decode_cf"):
        gt.theil_sen(record(time))


@pytest.mark.parametrize("labels", [["a", "b", "c"], np.array(["a", "b", "c"], object), [1, 1, 2]])
def test_a_correlation_needs_no_times(labels):
    da = xr.DataArray([1.0, 3.0, 2.0], {"station": ("station", labels)}, "station")
    assert float(gt.kendall_tau(da, da, "station").tau) == 1


# --- what holds where -----------------------------------------------------------------------------


def test_an_intercept_holds_at_the_first_date():
    da = record(dates("noleap", frequency="YS"), 5 + np.arange(30.0))
    for turned in (da, da[::-1]):
        result = gt.theil_sen(turned)
        assert float(result.intercept) == 5
        assert "1999" in result.attrs["intercept"] or "2000" in result.attrs["intercept"]


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("kind", ["dates", "cftime", "numbers", "none"])
def test_the_shortest_axes_are_axes(n, kind):
    time = {"dates": dates().to_datetimeindex(time_unit="ns"), "cftime": dates(), "numbers": np.arange(30)}
    da = record(time.get(kind, np.arange(30)), np.arange(30.0)).isel(time=slice(n))
    da = da.drop_vars("time") if kind == "none" else da
    result = gt.theil_sen(da)
    assert int(result.n_valid) == n
    assert np.isfinite(result.slope) == (n == 2)


def test_a_period_is_its_middle_and_its_ends():
    time = dates("360_day", frequency="YS", n=3)
    found = period(record(time), "time")
    assert found["time"].values.item() == time[1]
    assert found["time_bnds"].values.tolist() == [time[0], time[2]]
    assert found["time"].attrs["bounds"] == "time_bnds"


def test_a_period_keeps_how_its_times_were_stored():
    da = record(dates("noleap"))
    da.time.encoding = {"units": "days since 1850-01-01", "calendar": "noleap", "chunksizes": (1,)}
    # As fractions: the middle of a record may fall on noon.
    encoding = {"units": "days since 1850-01-01", "calendar": "noleap", "dtype": "float64"}
    assert all(v.encoding == encoding for v in period(da, "time").values())
