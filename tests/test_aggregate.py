"""`aggregate` against CDO's stored answers, counts by hand, and slow versions with NumPy and xarray."""

import json
import warnings

import dask
import dask.array
import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend.seasons.periods import season_of
from tests.cdo_answers import ANSWERS, records

CDO = json.loads(ANSWERS.read_text(encoding="utf-8"))
RECORDS = dict(records())
LOOSE = {"min_coverage": 0.0}
# Operators of CDO as calls.
CALLS = {
    "yearmean": {},
    "yearmax": {"how": "max"},
    "yearmin": {"how": "min"},
    "yearsum": {"how": "sum"},
    "yearstd": {"how": "std"},
    "monmean": {"freq": "month"},
    "summer_mean": {"season": "May-Oct"},
}
SEASONS = ["DJF", "MAM", "JJA", "SON"]


@pytest.mark.parametrize("calendar", RECORDS)
@pytest.mark.parametrize("operator", CALLS)
def test_years_and_months_are_those_of_cdo(calendar, operator):
    found = gt.aggregate(RECORDS[calendar], **CALLS[operator], **LOOSE)
    wanted = CDO[calendar][operator]
    np.testing.assert_allclose(found.values, wanted["values"], rtol=0, atol=1e-6)
    assert [str(date)[:4] for date in found.time.values] == [date[:4] for date in wanted["dates"]]


@pytest.mark.parametrize("calendar", RECORDS)
@pytest.mark.parametrize(("operator", "how"), [("seasmean", "mean"), ("seassum", "sum")])
def test_seasons_are_those_of_cdo(calendar, operator, how):
    found = gt.aggregate(RECORDS[calendar], season=SEASONS, how=how, **LOOSE)
    # In the order of time, as CDO has them.
    rows = found.transpose("time", "season", "cell").values.reshape(-1, 2)
    rows = rows[np.isfinite(rows).all(1)]
    np.testing.assert_allclose(rows, CDO[calendar][operator]["values"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("calendar", RECORDS)
@pytest.mark.parametrize(("operator", "season"), [("timselmean_jjas", "JJAS"), ("timselmean_year", None)])
def test_means_of_months_are_those_of_cdo(calendar, operator, season):
    months = gt.aggregate(RECORDS[calendar], freq="month", **LOOSE)
    found = gt.aggregate(months, season=season, **LOOSE)
    np.testing.assert_allclose(found.values, CDO[calendar][operator]["values"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
def test_months_weighted_by_their_days_are_the_mean_of_the_days(calendar):
    # Where no day is missing, the mean of days and that of months by their days are one number.
    da = RECORDS[calendar]
    months = gt.aggregate(da, freq="month")
    for season in (None, "DJF", "JJAS"):
        found = gt.aggregate(months, season=season, weights="days", **LOOSE)
        np.testing.assert_allclose(found, gt.aggregate(da, season=season, **LOOSE), rtol=1e-13)
    assert found.attrs["cell_methods"] == "time: mean time: mean (comment: months weighted by their days)"


# --- seasons --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("season", "name", "start", "length"),
    [
        ("DJF", "DJF", -1, 3),
        ("jjas", "JJAS", 5, 4),
        ("NDJFM", "NDJFM", -2, 5),
        ("May-Oct", "May-Oct", 4, 6),
        ("october - september", "Oct-Sep", -3, 12),
        ("July", "Jul", 6, 1),
        (7, "Jul", 6, 1),
        (12, "Dec", 11, 1),
        ((12, 1, 2), "DJF", -1, 3),
        ([1, 2], "JF", 0, 2),
        ((3,), "Mar", 2, 1),
        ("annual", "annual", 0, 12),
        ("JFMAMJJASOND", "annual", 0, 12),
        ("Nov–Feb", "NDJF", -2, 4),
    ],
)
def test_seasons_are_read_as_people_write_them(season, name, start, length):
    kind = season_of(season)
    assert (kind.name, kind.start, kind.length) == (name, start, length)


@pytest.mark.parametrize(
    "season", ["XYZ", "", "J", "M", "DJX", "May-", 0, 13, (12, 2), (1, 1), 1.5, True, {"DJF": 1}, "JJAJ"]
)
def test_what_is_no_season_is_refused(season):
    with pytest.raises(ValueError, match=r"season=.*(initials|follow one another)"):
        gt.aggregate(RECORDS["standard"], season=season)


@pytest.mark.parametrize("season", [["DJF", "DJF"], [], ["JJA", (6, 7, 8)]])
def test_seasons_are_given_once(season):
    with pytest.raises(ValueError, match=r"season=.*(twice|no season)"):
        gt.aggregate(RECORDS["standard"], season=season)


def test_a_season_without_a_month_of_the_record_is_refused():
    summer = RECORDS["standard"].isel(time=slice(155, 240))
    with pytest.raises(ValueError, match=r"no step in the months of season 'DJF'.*season=\.\.\."):
        gt.aggregate(summer, season="DJF")


def test_a_winter_belongs_to_the_year_of_its_end():
    time = xr.date_range("2000-01-01", "2003-12-31")
    # Each day has the year in which its winter ends.
    da = xr.DataArray(time.year + (time.month == 12), {"time": time}, ("time",), "tas").astype(float)
    winters = gt.aggregate(da, season="DJF")
    assert winters.time.dt.year.values.tolist() == [2000, 2001, 2002, 2003, 2004]
    # January and February of 2000 are 60 of 91 days, December 2003 31 of 91.
    np.testing.assert_array_equal(winters.values, [np.nan, 2001, 2002, 2003, np.nan])
    assert str(winters.time_start.values[1])[:10] == "2000-12-01"
    assert str(winters.time_end.values[1])[:10] == "2001-03-01"
    both = gt.aggregate(da, season=["JJA", "DJF"])
    assert both.dims == ("season", "time")
    assert both.time.dt.year.values.tolist() == [2000, 2001, 2002, 2003, 2004]
    np.testing.assert_array_equal(both.sel(season="DJF"), winters)
    assert both.time_start.dims == ("season", "time")


def test_a_winter_that_is_missing_moves_no_other():
    # SeasonResampler of xarray (2025.8 to 2026.9) gives values after a missing season to the season before.
    time = xr.date_range("2000-01-01", "2005-12-31")
    da = xr.DataArray(time.year, {"time": time}, ("time",)).astype(float)
    gap = (time.year == 2002) & np.isin(time.month, [6, 7, 8])
    np.testing.assert_array_equal(gt.aggregate(da[~gap], season="JJA"), [2000, 2001, np.nan, 2003, 2004, 2005])
    np.testing.assert_array_equal(gt.aggregate(da[~gap], season="JJA", how="count"), [92, 92, 0, 92, 92, 92])


# --- coverage, counted by hand --------------------------------------------------------------------


def missing_days(da, count, *, dropped):
    """The first days of July 2001 left out, or missing."""
    first = int(np.flatnonzero((da.time.dt.year.values == 2001) & (da.time.dt.month.values == 7))[0])
    if dropped:
        return da.isel(time=np.r_[0:first, first + count : da.sizes["time"]])
    holed = da.copy(deep=True)
    holed[first : first + count] = np.nan
    return holed


@pytest.mark.parametrize("dropped", [True, False], ids=["steps", "values"])
@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
def test_missing_steps_and_missing_values_count_alike(calendar, dropped):
    da = RECORDS[calendar]
    days = 90 if calendar == "360_day" else 92
    most = int(days * 0.2)
    for count, there in ((most, True), (most + 1, False)):
        summer = gt.aggregate(missing_days(da, count, dropped=dropped), season="JJA")
        assert np.isfinite(summer.values).all(1).tolist() == [True, there, True]
    counts = gt.aggregate(missing_days(da, 20, dropped=dropped), season="JJA", how="count")
    assert counts.values[:, 0].tolist() == [days, days - 20, days]
    full = gt.aggregate(missing_days(da, 1, dropped=dropped), min_coverage=1.0)
    assert np.isfinite(full.values).all(1).tolist() == [True, False, True]


def test_a_leap_year_has_366_days():
    da = RECORDS["standard"]
    lengths = gt.aggregate(da, how="count").values[:, 0]
    assert lengths.tolist() == [366, 365, 365]
    # 292 of 366 days are 79.8 %, 293 are 80.05 %.
    for kept, there in ((292, False), (293, True)):
        assert bool(np.isfinite(gt.aggregate(da.isel(time=slice(0, kept)))).all()) is there


@pytest.mark.parametrize(
    ("freq", "expected"),
    [("6h", 1460), ("3D", 122), ("MS", 12), ("ME", 12), ("QS", 4), ("YS", 1), ("12h", 730), ("5D", 73)],
)
def test_a_whole_year_of_any_steps_is_whole(freq, expected):
    time = xr.date_range("2001-01-01", "2003-12-31T23:00", freq=freq)
    da = xr.DataArray(np.ones(time.size), {"time": time}, "time")
    assert gt.aggregate(da, min_coverage=1.0).notnull().all()
    assert gt.aggregate(da, how="count").values[0] == expected
    one_missing = da.copy()
    one_missing[0] = np.nan
    # A year of 365 days has 121 or 122 steps of three days: the least is enough.
    found = gt.aggregate(one_missing, min_coverage=1.0).isnull().values.tolist()
    assert found == [freq != "3D", False, False]


@pytest.mark.parametrize("days_of_month", [(1, 11, 21), (1, 6, 11, 16, 21, 26), (1, 16), (10, 20, 28)])
def test_steps_that_begin_anew_each_month_are_compared_with_the_fullest_year(days_of_month):
    days = [(y, m, d) for y in (2001, 2002, 2003) for m in range(1, 13) for d in days_of_month]
    dates = [np.datetime64(f"{y}-{m:02d}-{d:02d}", "ns") for y, m, d in days]
    da = xr.DataArray(np.ones(len(dates)), {"time": dates}, "time")
    assert gt.aggregate(da, min_coverage=1.0).notnull().all()
    assert gt.aggregate(da, season="JJA", min_coverage=1.0).notnull().all()
    assert gt.aggregate(da, freq="month", min_coverage=1.0).notnull().all()
    da[len(days_of_month) * 12] = np.nan
    assert gt.aggregate(da, min_coverage=1.0).isnull().values.tolist() == [False, True, False]


def test_composites_of_16_days_are_compared_with_the_fullest_year():
    sixteenth = np.arange(23) * np.timedelta64(16, "D")
    dates = np.concatenate([np.datetime64(f"{year}-01-01", "ns") + sixteenth for year in range(2001, 2005)])
    da = xr.DataArray(np.ones(92), {"time": dates}, "time")
    assert gt.aggregate(da, min_coverage=1.0).notnull().all()
    assert gt.aggregate(da, how="count").values.tolist() == [23.0] * 4
    assert gt.aggregate(da.isel(time=slice(0, 91)), min_coverage=1.0).isnull().values.tolist() == [False] * 3 + [True]


def test_a_record_of_summers_alone_has_whole_summers():
    da = RECORDS["standard"]
    summers = da.isel(time=np.isin(da.time.dt.month.values, [6, 7, 8]))
    np.testing.assert_array_equal(gt.aggregate(summers, season="JJA", min_coverage=1), gt.aggregate(da, season="JJA"))
    assert gt.aggregate(summers).isnull().all()


def test_a_single_step_covers_nothing_unless_nothing_need_be_covered():
    da = RECORDS["standard"].isel(time=[3])
    assert gt.aggregate(da).isnull().all()
    np.testing.assert_array_equal(gt.aggregate(da, **LOOSE), da)


def test_steps_longer_than_the_period_are_refused():
    time = xr.date_range("2001", periods=9, freq="YS")
    da = xr.DataArray(np.ones(9), {"time": time}, "time")
    assert gt.aggregate(da).identical(gt.aggregate(da))
    np.testing.assert_array_equal(gt.aggregate(da), da)
    for options in ({"freq": "month"}, {"season": "JFM"}):
        with pytest.raises(ValueError, match=r"steps of the record are 12 months long"):
            gt.aggregate(da, **options)


# --- reductions -----------------------------------------------------------------------------------


def holed(dtype=float):
    """A record with holes, infinite values and a year without any."""
    rng = np.random.default_rng(5)
    time = xr.date_range("2000-03-05", "2004-02-20")
    values = rng.normal(20, 8, (time.size, 3, 4)).round(1)
    values[rng.random(values.shape) < 0.3] = np.nan
    values[rng.random(values.shape) < 0.02] = np.inf
    values[time.year == 2002, 1, 2] = np.nan
    coords = {"time": time, "lat": [10.0, 20.0, 30.0], "lon": [0.0, 90.0, 180.0, 270.0]}
    return xr.DataArray(values.astype(dtype), coords, ("time", "lat", "lon"), "tas", {"units": "degC"})


SLOW = {
    "mean": np.mean,
    "sum": np.sum,
    "min": np.min,
    "max": np.max,
    "median": np.median,
    "std": np.std,
    "count": np.size,
    "p95": lambda v: np.quantile(v, 0.95),
    "p0": np.min,
    "p100": np.max,
    "p12.5": lambda v: np.quantile(v, 0.125),
    "count>25": lambda v: np.sum(v > 25),
    "count >= 25.5": lambda v: np.sum(v >= 25.5),
    "count<-1e0": lambda v: np.sum(v < -1),
    "count<=20 degC": lambda v: np.sum(v <= 20),
    "count>293.15 K": lambda v: np.sum(v > 293.15 - 273.15),
}


@pytest.mark.parametrize("how", SLOW)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_every_reduction_is_what_numpy_says(how, dtype):
    da = holed(dtype)
    found = gt.aggregate(da, how=how, **LOOSE)
    for i, year in enumerate(range(2000, 2005)):
        for lat in range(3):
            for lon in range(4):
                series = da.values[da.time.dt.year.values == year, lat, lon].astype(float)
                valid = series[np.isfinite(series)]
                wanted = SLOW[how](valid) if valid.size or how == "count" else np.nan
                np.testing.assert_allclose(found.values[i, lat, lon], wanted, rtol=1e-12, atol=1e-12)
    assert found.dtype == (dtype if how in ("min", "max") else float)


@pytest.mark.parametrize("dtype", ["u1", "i2", "i8", "bool"])
def test_whole_numbers_do_not_wrap(dtype):
    time = xr.date_range("2001-01-01", "2002-12-31")
    values = (np.arange(730) % 201).astype(dtype)
    da = xr.DataArray(values, {"time": time}, "time")
    for how in ("mean", "sum", "min", "max", "median"):
        np.testing.assert_array_equal(gt.aggregate(da, how=how), gt.aggregate(da.astype(float), how=how))


def test_means_of_single_precision_are_added_up_in_double_precision():
    time = xr.date_range("2001-01-01", "2001-12-31")
    values = (280 + np.random.default_rng(0).normal(size=365)).astype("f4")
    found = gt.aggregate(xr.DataArray(values, {"time": time}, "time")).item()
    assert found == pytest.approx(float(np.mean(values.astype(float))), rel=1e-15)


@pytest.mark.parametrize(
    "how", ["nonsense", "p101", "p", "count>", "count>x", "count=25", "percentile", None, 95, ["mean"]]
)
def test_an_unknown_reduction_is_refused(how):
    with pytest.raises(ValueError, match=r"how=.*'p95'.*'count>25'"):
        gt.aggregate(holed(), how=how)


@pytest.mark.parametrize("units", ["mm", "m s-1"])
def test_a_comparison_in_other_units_is_refused(units):
    with pytest.raises(ValueError, match=r"is in 'mm.*|is in 'm s-1'"):
        gt.aggregate(holed(), how=f"count>25 {units}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freq": "week"}, r"freq='week' is not known.*'year', 'month'"),
        ({"freq": "month", "season": "DJF"}, "exclude each other"),
        ({"min_coverage": 1.2}, r"min_coverage=1\.2 is no share"),
        ({"min_coverage": "all"}, r"min_coverage='all' is no share"),
        ({"weights": "area"}, r"weights='area' is not known"),
        ({"weights": "days"}, r"for records of months"),
        ({"weights": "days", "how": "sum"}, r"for means"),
        ({"dim": "level"}, r"no dimension 'level'"),
    ],
)
def test_senseless_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        gt.aggregate(holed(), **options)


@pytest.mark.parametrize("coordinate", [None, np.arange(1462.0), "repeated", "missing"])
def test_years_need_dates(coordinate):
    da = holed()
    if coordinate is None:
        da = da.drop_vars("time")
    elif isinstance(coordinate, str):
        times = da.time.values.copy()
        times[5] = times[6] if coordinate == "repeated" else np.datetime64("NaT")
        da = da.assign_coords(time=times)
    else:
        da = da.isel(time=slice(0, coordinate.size)).assign_coords(time=coordinate[: da.sizes["time"]])
    with pytest.raises(ValueError, match=r"need dates|repeats|missing values"):
        gt.aggregate(da)


def test_dates_of_all_forms_are_read():
    da = gt.aggregate(holed(), freq="month", **LOOSE)
    plain = gt.aggregate(da, **LOOSE)
    months = da.time.dt.strftime("%Y%m").values
    bare = da.drop_vars(["time_start", "time_end"])
    for times in (months.astype(int), [f"{m[:4]}-{m[4:]}-15" for m in months], da.time.to_index().to_period("M")):
        np.testing.assert_array_equal(gt.aggregate(bare.assign_coords(time=times), **LOOSE), plain)


def test_bounds_say_where_steps_lie():
    # Months that are dated at their end, as CESM does: the first of the month that follows.
    starts = xr.date_range("2001-01-01", periods=24, freq="MS")
    ends = xr.date_range("2001-02-01", periods=24, freq="MS")
    values = xr.DataArray(starts.month * 1.0, {"time": ends}, ("time",), "tas")
    ds = values.to_dataset().assign(time_bnds=(("time", "nv"), np.stack([starts.values, ends.values], 1)))
    ds.time.attrs["bounds"] = "time_bnds"
    found = ds.gridtrend.aggregate(season="JJA")
    assert found["tas"].values.tolist() == [7.0, 7.0]
    # Without them, May would be taken for June.
    assert gt.aggregate(ds.tas.drop_attrs(), season="JJA").values.tolist() == [6.0, 6.0]


# --- attributes -----------------------------------------------------------------------------------


def test_attributes_say_what_was_done():
    da = holed().assign_attrs(standard_name="air_temperature", cell_methods="time: mean", valid_min=-50.0)
    mean = gt.aggregate(da, season="JJA", how="max")
    assert mean.attrs["cell_methods"] == "time: mean time: maximum"
    assert mean.attrs["units"] == "degC"
    assert "valid_min" not in mean.attrs
    assert mean.attrs["min_coverage"] == 0.8
    assert mean.season.item() == "JJA"
    assert gt.aggregate(da, how="std").attrs["units"] == "K"
    count = gt.aggregate(da, how="count>25")
    assert count.attrs["units"] == "1"
    assert "standard_name" not in count.attrs
    assert count.attrs["long_name"] == "number of steps of air temperature > 25 degC"
    assert gt.aggregate(da, how="p95").attrs["long_name"] == "95th percentile of air temperature"


def test_time_is_the_middle_of_the_period_between_its_bounds():
    found = gt.aggregate(holed())
    assert str(found.time.values[1]) == "2001-07-02T12:00:00.000000000"[: len(str(found.time.values[1]))]
    assert (found.time_end.values - found.time_start.values == np.timedelta64(365, "D"))[1]
    year = gt.aggregate(RECORDS["360_day"])
    assert str(year.time.values[0]) == "2000-07-01 00:00:00"
    assert type(year.time.values[0]) is type(RECORDS["360_day"].time.values[0])


# --- chunks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "chunks"),
    [
        *((how, {"time": 365}) for how in ("mean", "max", "std", "median", "p90", "count", "count>25")),
        *((how, {"time": 50, "lat": 1}) for how in ("mean", "sum", "min", "p90")),
        *((how, {"time": -1, "lon": 3}) for how in ("mean", "median")),
        *((how, {"time": (700, 1, 747)}) for how in ("std", "median")),
        # Files of one day each.
        ("mean", {"time": 1}),
        ("p90", {"time": 1}),
    ],
    ids=str,
)
@pytest.mark.parametrize("season", [None, "DJF", ["DJF", "JJA"]], ids=str)
def test_chunks_change_no_bit(how, chunks, season, no_compute):
    da = holed("f4")
    with no_compute():
        lazy = gt.aggregate(da.chunk(chunks), how=how, season=season)
    assert dask.is_dask_collection(lazy.data)
    assert len(lazy.chunksizes["time"]) == 1
    with dask.config.set(scheduler="threads"):
        xr.testing.assert_identical(lazy.compute(), gt.aggregate(da, how=how, season=season))


@pytest.mark.parametrize("dims", [("time", "lat", "lon"), ("lat", "lon", "time"), ("lon", "time", "lat")])
def test_dimensions_come_in_any_order(dims):
    da = holed()
    found = gt.aggregate(da.transpose(*dims))
    assert found.dims == dims
    np.testing.assert_array_equal(found.transpose("time", "lat", "lon"), gt.aggregate(da))
    one = gt.aggregate(da.isel(lat=1, lon=2))
    np.testing.assert_array_equal(one, gt.aggregate(da)[:, 1, 2])


def test_time_may_stand_in_any_order():
    da = holed()
    order = np.random.default_rng(0).permutation(da.sizes["time"])
    xr.testing.assert_identical(gt.aggregate(da.isel(time=order)), gt.aggregate(da))
    np.testing.assert_array_equal(gt.aggregate(da.chunk(time=300).isel(time=slice(None, None, -1))), gt.aggregate(da))


def test_the_graph_has_a_task_or_two_for_each_chunk():
    time = xr.date_range("1961-01-01", "2000-12-31")
    zeros = dask.array.zeros((time.size, 18, 36), chunks=(366, 18, 36), dtype="f4")
    da = xr.DataArray(zeros, {"time": time}, ("time", "lat", "lon"))
    chunks = zeros.numblocks[0]
    for options in ({}, {"freq": "month"}):
        assert len(dict(gt.aggregate(da, **options).__dask_graph__())) <= 2 * chunks + 2
    assert len(dict(gt.aggregate(da, season="DJF").__dask_graph__())) <= 4 * chunks + 2


def test_quantiles_of_wide_fields_are_taken_in_narrow_chunks():
    time = xr.date_range("2001-01-01", "2002-12-31")
    da = xr.DataArray(dask.array.zeros((730, 100, 200), chunks=(1, 100, 200)), {"time": time}, ("time", "lat", "lon"))
    with dask.config.set({"array.chunk-size": "10MB"}):
        found = gt.aggregate(da, how="median")
    assert max(found.chunksizes["lon"]) * 100 * 365 * 8 <= 10e6


def test_the_input_is_only_read():
    da = holed()
    da.values.setflags(write=False)
    before = da.copy(deep=True)
    gt.aggregate(da, season=["DJF", "JJA"], how="p90")
    assert da.identical(before)


def test_no_cells_give_no_values():
    empty = holed().isel(lat=slice(0, 0))
    assert gt.aggregate(empty).shape == (5, 0, 4)
    assert gt.aggregate(empty.chunk(time=100)).compute().shape == (5, 0, 4)


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="no steps"):
        gt.aggregate(holed().isel(time=slice(0, 0)))


def test_the_result_goes_to_a_test_and_to_a_file(tmp_path):
    found = gt.aggregate(holed(), season=["DJF", "JJA"], **LOOSE)
    assert gt.mann_kendall(found).slope.dims == ("season", "lat", "lon")
    found.to_netcdf(tmp_path / "years.nc")
    with xr.open_dataarray(tmp_path / "years.nc") as read:
        np.testing.assert_array_equal(read, found)


def test_months_stamped_at_their_end_without_their_bounds_are_spoken_of():
    ends = xr.date_range("2000-02-01", periods=24, freq="MS")
    starts = xr.date_range("2000-01-01", periods=24, freq="MS")
    bounds = xr.DataArray(np.stack([starts, ends], 1), dims=("time", "bnds"))
    values = xr.DataArray(np.repeat([1.0, 2.0], 12), {"time": ("time", ends, {"bounds": "time_bnds"})}, "time")
    ds = xr.Dataset({"tas": values, "time_bnds": bounds})
    with pytest.warns(UserWarning, match="end of the month before; 'time_bnds' says which"):
        gt.aggregate(ds.tas)
    # By hand: 12 ones in the year 2000, 12 twos in 2001.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ds.gridtrend.aggregate().tas.values.tolist() == [1.0, 2.0]
