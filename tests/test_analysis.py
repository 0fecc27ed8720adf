"""`analyze` is its steps, one after the other; published figures; what each step refuses."""

import itertools

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from tests.test_record_contract import make_months


def same(found, expected, names):
    for name in names:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def test_the_sentence_is_its_steps():
    months = make_months()
    found = months.gridtrend(season=["DJF", "JJA"], fdr=0.1, min_coverage=0.5)
    seasons = gt.aggregate(months, season=["DJF", "JJA"], min_coverage=0.5)
    test = gt.mann_kendall(seasons, per="decade")
    same(found, test, test.data_vars)
    field = gt.field_significance(test.p_value, ["lat", "lon"], alpha_global=0.1)
    same(found, field, ["significant", "p_adjusted"])
    assert found.season.values.tolist() == ["DJF", "JJA"]
    assert found.slope.attrs["units"] == "K decade-1"
    assert found.attrs["aggregated"] == "freq=year, season=['DJF', 'JJA'], how=mean, min_coverage=0.5"


def test_each_option_is_a_step():
    months = make_months()
    loose = {"min_coverage": 0.5}
    years = gt.aggregate(months, **loose)
    same(
        gt.analyze(months, test="theil_sen", alpha=0.3, per="year", **loose),
        gt.theil_sen(years, alpha=0.3),
        ["slope_lower"],
    )
    hot = gt.analyze(months, test="linear_trend", how="max", **loose)
    same(hot, gt.linear_trend(gt.aggregate(months, how="max", **loose), per="decade"), ["slope", "p_value"])
    series = gt.analyze(months, area_mean=True, region="0:90,0:360", **loose)
    same(series, gt.mann_kendall(gt.area_mean(years, region="0:90,0:360"), per="decade"), ["slope", "p_value"])
    part = gt.analyze(months, region="0:90,0:360", **loose)
    assert part.slope.notnull().any("lon").values.tolist() == [True, True, False, False]
    anomalies = gt.aggregate(gt.anomalies(months, base=("2000", "2003")), **loose)
    same(gt.analyze(months, base=("2000", "2003"), **loose), gt.mann_kendall(anomalies, per="decade"), ["slope", "s"])
    asked = gt.analyze(months.clip(min=1), relative_to=("2000", "2003"), **loose)
    positive = gt.aggregate(months.clip(min=1), **loose)
    wanted = asked.slope / positive.sel(time=slice("2000", "2003")).mean("time") * 100
    np.testing.assert_allclose(asked.slope_percent, wanted, rtol=1e-12)
    assert asked.slope_percent.attrs["units"] == "% decade-1"
    assert gt.analyze(months, test="pettitt", **loose).p_value.dims == ("lat", "lon")


def test_a_dataset_is_analyzed_variable_by_variable():
    months = make_months()
    found = xr.Dataset({"tas": months, "pr": months + 1}).gridtrend(season="JJA", min_coverage=0.5)
    same(found.rename(tas_slope="slope"), months.gridtrend(season="JJA", min_coverage=0.5), ["slope"])
    assert "pr_p_value" in found


def test_yearly_values_and_records_without_dates_are_taken_as_they_are(grid):
    same(grid.gridtrend(per="year"), gt.mann_kendall(grid), ["slope", "p_value"])
    bare = grid.drop_vars("time")
    same(bare.gridtrend(per="step"), gt.mann_kendall(bare), ["slope"])
    assert "aggregated" not in grid.gridtrend().attrs


@pytest.mark.parametrize(("last", "base", "percent"), [(2014, (1981, 2010), -13.3), (2012, ("1979", "2000"), -12.9)])
def test_september_sea_ice_is_lost_as_published(shared_data, last, base, percent):
    # NSIDC, monthly analyses of September 2014 (of 1981-2010) and, of the mean of 1979-2000, of 2012.
    rows = np.genfromtxt(shared_data("proof/SeaIce.csv"), delimiter=",", names=True)
    ice = xr.DataArray(rows["Extent"], {"Year": rows["Year"].astype(int)}, "Year", "extent", {"units": "1e6 km2"})
    found = ice.sel(Year=slice(None, last)).gridtrend(dim="Year", test="linear_trend", relative_to=base)
    assert round(float(found.slope_percent), 1) == percent
    assert found.slope_percent.attrs["units"] == "% decade-1"


# --- anomalies, detrend, fitted -------------------------------------------------------------------


@pytest.mark.parametrize("by", ["month", "day", "season"])
@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
def test_anomalies_are_what_xarray_says_and_0_for_a_climatology(by, calendar):
    time = xr.date_range("2000-01-01", "2003-12-30", calendar=calendar, use_cftime=calendar != "standard")
    rng = np.random.default_rng(0)
    da = xr.DataArray(rng.normal(5, 1, (time.size, 3)), {"time": time}, ("time", "x"), "pr", {"units": "mm"})
    # A year of numbers that comes again.
    key = {"month": da.time.dt.month, "day": da.time.dt.strftime("%m-%d"), "season": da.time.dt.season}[by]
    again = da.copy(data=rng.random((1000, 3))[np.unique(key.values, return_inverse=True)[1]])
    assert (gt.anomalies(again, by=by) == 0).all()
    assert (gt.anomalies(again.chunk(time=100), by=by, base=("2000", "2001")) == 0).all()
    base = da.sel(time=slice("2000", "2001"))
    groups = da.groupby(key.rename("key")), base.groupby(key.sel(time=base.time).rename("key"))
    wanted = groups[0] - groups[1].mean()
    np.testing.assert_allclose(gt.anomalies(da, by=by, base=("2000", "2001")), wanted, atol=1e-13)
    percent = 100 * (groups[0] / groups[1].mean() - 1)
    np.testing.assert_allclose(
        gt.anomalies(da, by=by, base="2000:2001", relative=True), percent, rtol=1e-10, atol=1e-10
    )
    if by != "day":
        scaled = wanted.groupby(key.rename("key")) / groups[1].std()
        np.testing.assert_allclose(gt.anomalies(da, by=by, base=(2000, 2001), standardize=True), scaled, atol=1e-11)


@pytest.mark.parametrize("keep_mean", [True, False])
@pytest.mark.parametrize(("method", "test"), [("theil_sen", gt.theil_sen), ("linear", gt.linear_trend)])
def test_a_detrended_record_has_no_slope(method, test, keep_mean, holed_grid):
    shuffled = holed_grid.isel(time=np.random.default_rng(1).permutation(40))
    for da in (holed_grid, shuffled):
        flat = gt.detrend(da, method=method, keep_mean=keep_mean)
        assert float(abs(test(flat).slope).max()) < 1e-12
        np.testing.assert_array_equal(flat.isnull(), da.isnull())
        if keep_mean:
            np.testing.assert_allclose(flat.mean("time"), da.mean("time"), atol=1e-12)
        else:
            line = gt.fitted(test(da), da)
            np.testing.assert_allclose(flat, da - line, atol=1e-12)


@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
def test_the_line_goes_through_what_theil_sen_says(calendar):
    time = xr.date_range("2000-01-01", periods=9, freq="YS", calendar=calendar, use_cftime=calendar != "standard")
    values = np.random.default_rng(0).normal(size=9)
    da = xr.DataArray(values, {"time": time}, "time")
    # Days of eight years, and of a year.
    span, year = {"standard": (2922, 365.2425), "noleap": (2920, 365), "360_day": (2880, 360)}[calendar]
    for per, days in (("year", year), ("decade", 10 * year), ("day", 1)):
        result = gt.theil_sen(da, per=per)
        line = gt.fitted(result, da)
        assert float(line[0]) == float(result.intercept)
        np.testing.assert_allclose(line[-1] - line[0], result.slope * span / days, rtol=1e-12)
        # Conover's intercept: the line goes through the medians.
        assert float(line.median()) == pytest.approx(float(da.median()), abs=1e-12)
    assert gt.fitted(gt.mann_kendall(da), da).identical(gt.fitted(gt.theil_sen(da), da))
    assert gt.theil_sen(da).gridtrend.fitted(da).identical(da.gridtrend.fitted(gt.theil_sen(da)))


def test_a_line_of_another_record_is_refused(grid):
    with pytest.raises(ValueError, match="give the record that the result is of"):
        gt.fitted(gt.theil_sen(grid), grid[5:])
    with pytest.raises(ValueError, match="no line"):
        gt.fitted(gt.mann_kendall(grid, slope=False), grid)


# --- per cent -------------------------------------------------------------------------------------


def test_per_cent_are_undefined_where_the_base_is_0_or_of_both_signs():
    years = {"year": np.arange(2001, 2006)}
    values = np.array(
        [[1, 2, 3, 4, 5], [-2, -1, 0, 1, 2], [0, 0, 0, 0, 0], [-1, -2, -3, -4, -5], [-3, 2, 5, 6, 7]], float
    ).T
    da = xr.DataArray(values, years, ("year", "x"), "pr", {"units": "mm"})
    found = gt.as_percent(gt.theil_sen(da, "year"), da, "year")
    # By hand: 1 of a mean of 3; of both signs; 0; -1 of -3, which falls; of both signs.
    np.testing.assert_allclose(found.slope_percent, [100 / 3, np.nan, np.nan, -100 / 3, np.nan])
    assert found.slope_percent.attrs["units"] == "% year-1"
    result = gt.theil_sen(da, "year")
    np.testing.assert_allclose(gt.as_percent(result, 4.0).slope_percent[0], 25.0)
    np.testing.assert_allclose(gt.as_percent(result, da[1]).slope_percent[0], 50.0)
    # The line is 0 at the year 0 of a numeric axis, 1 at the first of dates.
    dated = da.rename(year="time").assign_coords(time=xr.date_range("2001", periods=5, freq="YS"))
    np.testing.assert_allclose(gt.as_percent(gt.theil_sen(dated), "start").slope_percent[0], 100.0, rtol=1e-3)


# --- areas ----------------------------------------------------------------------------------------


def globe():
    rng = np.random.default_rng(0)
    coords = {
        "time": xr.date_range("2000", periods=4, freq="YS"),
        "lat": np.arange(-75.0, 90, 30),
        "lon": np.arange(0.0, 360, 60),
    }
    return xr.DataArray(rng.normal(size=(4, 6, 6)), coords, ("time", "lat", "lon"), "tas", {"units": "K"})


def by_hand(da, inside):
    """Weighted sums, a cell at a time."""
    sums, sizes = np.zeros(da.sizes["time"]), 0.0
    for i, j in itertools.product(range(6), range(6)):
        if inside(float(da.lat[i]), float(da.lon[j])):
            size = np.cos(np.deg2rad(float(da.lat[i])))
            sums, sizes = sums + size * da.values[:, i, j], sizes + size
    return sums / sizes


@pytest.mark.parametrize(
    ("region", "inside"),
    [
        (None, lambda lat, lon: True),
        ("0:90,-180:180", lambda lat, lon: lat > 0),
        ((0, 90, 300, 60), lambda lat, lon: lat > 0 and lon in (300, 0, 60)),
        ((0, 90, -60, 60), lambda lat, lon: lat > 0 and lon in (300, 0, 60)),
        ({"lat": (-60, 0)}, lambda lat, lon: lat in (-45, -15)),
        ({"lon": (100, 200)}, lambda lat, lon: lon in (120, 180)),
        ("-90:90,0:360", lambda lat, lon: True),
    ],
)
def test_means_of_areas_are_what_a_hand_computes(region, inside):
    da = globe()
    np.testing.assert_allclose(gt.area_mean(da, region=region), by_hand(da, inside), rtol=1e-12)
    west = da.assign_coords(lon=(da.lon + 180) % 360 - 180).sortby("lon")
    np.testing.assert_allclose(gt.area_mean(west, region=region), by_hand(da, inside), rtol=1e-12)


def test_masks_and_sizes_are_weights(tmp_path):
    da = globe()
    mask = xr.DataArray(np.arange(36).reshape(6, 6) % 3 == 0, da[0].drop_vars("time").coords, ("lat", "lon"), "mask")
    wanted = by_hand(da, lambda lat, lon: bool(mask.sel(lat=lat, lon=lon)))
    np.testing.assert_allclose(gt.area_mean(da, region=mask), wanted, rtol=1e-12)
    mask.astype("i1").to_netcdf(tmp_path / "mask.nc")
    np.testing.assert_allclose(gt.area_mean(da, region=tmp_path / "mask.nc"), wanted, rtol=1e-12)
    area = xr.DataArray(np.random.default_rng(1).random((6, 6)), dims=("lat", "lon"))
    found = gt.area_mean(da.assign_coords(areacella=area).assign_attrs(cell_measures="area: areacella"))
    np.testing.assert_allclose(found, da.weighted(area).mean(("lat", "lon")), rtol=1e-12)
    assert found.attrs["weights"] == "cell_measures: areacella"
    np.testing.assert_allclose(gt.area_mean(da, weights=area), found)


def test_missing_cells_do_not_move_a_mean_unseen():
    da = globe().copy()
    da[:, 4:, :2] = np.nan
    # Land, missing at all steps, is not counted.
    assert gt.area_mean(da).notnull().all()
    da[2, 2:4] = np.nan
    assert gt.area_mean(da).isnull().values.tolist() == [False, False, True, False]
    assert gt.area_mean(da, min_coverage=0).notnull().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda da: da.gridtrend(season="DJX"), "initials of months"),
        (lambda da: da.isel(time=slice(2, 5)).gridtrend(season="DJF"), "no step in the months of season 'DJF'"),
        (lambda da: gt.anomalies(da, base=("1961", "1990")), r"outside the record.*base=\('1999', '2005'\)"),
        (lambda da: gt.anomalies(da, base=("1990", "2003")), r"partly outside the record.*base=\('1999', '2003'\)"),
        (lambda da: gt.anomalies(da, base="1990"), "is no period"),
        (lambda da: gt.anomalies(da, base=("2003", "2001")), "ends before it begins"),
        (lambda da: gt.anomalies(da, by="hour"), "by='hour' is not known"),
        (lambda da: gt.anomalies(da, relative=True, standardize=True), "exclude each other"),
        (lambda da: gt.anomalies(da.assign_attrs(units="degC"), relative=True), "zero is arbitrary"),
        (lambda da: da.assign_attrs(units="degC").gridtrend(relative_to=("2000", "2003")), "zero is arbitrary"),
        (lambda da: da.gridtrend(relative_to=("1961", "1990")), "relative_to=.*outside the record"),
        (lambda da: gt.area_mean(da, region="88:90,0:360"), "has no cell of the record"),
        (lambda da: gt.area_mean(da, region="north"), "No such file|is no region"),
        (lambda da: gt.area_mean(da, region=(90, 0, 0, 360)), "is no region"),
        (lambda da: gt.area_mean(da, region=da[0].isnull() & False), "no cell of the record lies in the mask"),
        (lambda da: gt.area_mean(da.drop_vars("lat")), "weights=area"),
        (lambda da: da.gridtrend(area_mean=True, fdr=0.1), "leaves one series"),
        (lambda da: da.gridtrend(test="theil_sen", fdr=0.1), "needs p-values"),
        (lambda da: da.gridtrend(test="kendall"), "test='kendall' is not known"),
        (lambda da: gt.detrend(da, method="quadratic"), "method='quadratic' is not known"),
    ],
)
def test_each_step_refuses_what_would_be_wrong(call, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        call(make_months())


def test_the_record_is_reduced_once_and_as_it_was_only_for_a_base_of_per_cent(monkeypatch):
    months = xr.date_range("2000-01", periods=120, freq="MS")
    da = xr.DataArray(np.arange(120.0) + 1, {"time": months}, "time")
    aggregate, calls = gt.seasons.aggregate, []
    monkeypatch.setattr(gt.seasons, "aggregate", lambda *a, **k: calls.append(1) or aggregate(*a, **k))
    gt.analyze(da, base=("2000", "2004"))
    assert len(calls) == 1
    gt.analyze(da, base=("2000", "2004"), relative_to=("2000", "2004"))
    assert len(calls) == 3


@pytest.mark.parametrize("fdr", [0, 1, 2, "x", None])
def test_a_rate_of_false_discoveries_lies_between_0_and_1(fdr):
    months = xr.date_range("2000-01", periods=120, freq="MS")
    da = xr.DataArray(np.random.default_rng(0).normal(size=(120, 3)), {"time": months}, ("time", "cell"))
    if fdr is None:
        assert "significant" not in gt.analyze(da, fdr=fdr)
        return
    with pytest.raises(ValueError, match=r"fdr=.* is not a rate of false discoveries"):
        gt.analyze(da, fdr=fdr)
