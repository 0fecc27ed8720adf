"""Maps: what is drawn is what the result says."""

import builtins
import functools
import socket
import sys

import numpy as np
import pytest
import xarray as xr

matplotlib = pytest.importorskip("matplotlib")

import itertools

from matplotlib.figure import Figure
from matplotlib.image import imread

import gridtrend
from gridtrend.plot import trend_map

# On this map, x and y are longitude and latitude.
flat_map = functools.partial(trend_map, projection="platecarree")


def make_result(slope, trend=None, *, units="K year-1", period=("1981-01-01", "2010-12-31"), **attrs):
    """A result of the form that mann_kendall gives, on a grid given by the coordinates of `slope`."""
    slope = slope.assign_attrs(long_name="Theil-Sen slope of air_temperature", units=units)
    result = xr.Dataset({"slope": slope}, attrs={"method": "Theil-Sen slope", "slope_per": "year", **attrs})
    if trend is not None:
        result["trend"] = trend.astype("int8")
        result.attrs |= {"method": "Mann-Kendall test, original", "alpha": 0.05, **attrs}
    if period:
        result.coords["time_bnds"] = ("bnds", np.array(period, "datetime64[ns]"))
    return result


@pytest.fixture
def slope():
    """Slopes from -0.05 to 0.05 on a global grid with descending latitude, longitude 0 to 360."""
    lat, lon = np.arange(87.5, -90, -5), np.arange(0.0, 360, 10)
    values = 0.05 * np.sin(np.radians(lat))[:, None] * np.cos(np.radians(lon))
    return xr.DataArray(values, {"lat": lat, "lon": lon}, ("lat", "lon"))


@pytest.fixture
def result(slope):
    """Significant where the slope is beyond 0.02, missing in a corner."""
    holed = slope.where((slope.lat < 60) | (slope.lon < 300))
    return make_result(holed, xr.where(abs(holed) > 0.02, np.sign(holed), 0))


def mesh_of(figure):
    return figure.axes[0].collections[0]


def levels_of(figure):
    return np.asarray(mesh_of(figure).colorbar.get_ticks())


def label_of(figure):
    return figure.axes[1].get_xlabel() or figure.axes[1].get_ylabel()


def legend_of(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def texts_of(figure):
    return [text.get_text() for text in figure.texts]


def hatched_cells(figure, x, y):
    """Which cells of a regular grid the hatching covers, seen from the outline that was drawn."""
    (patch,) = (p for p in figure.axes[0].patches if p.get_gid() == "not significant")
    centres = patch.get_path().vertices.reshape(-1, 5, 2)[:, :4].mean(axis=1)
    rows, columns = (
        np.abs(np.asarray(axis)[:, None] - centre).argmin(axis=0)
        for axis, centre in ((y, centres[:, 1]), (x, centres[:, 0]))
    )
    found = np.zeros((len(y), len(x)), dtype=bool)
    found[rows, columns] = True
    return found


def tick_texts(axis):
    return {text.get_text() for text in axis.get_ticklabels()}


def test_colour_limits_are_symmetric_about_zero_and_round(slope):
    lopsided = make_result(slope + 0.04)
    levels = levels_of(trend_map(lopsided))
    np.testing.assert_allclose(levels, -levels[::-1], atol=1e-15)
    assert levels[-1] >= 0.85
    assert 0 in levels
    np.testing.assert_allclose(np.diff(levels), 0.2)


def test_opposite_slopes_have_mirrored_colours(result):
    mesh = mesh_of(trend_map(result, cmap="RdBu_r"))
    cool, warm = mesh.cmap(mesh.norm([-0.01, 0.01]))
    assert cool[2] > cool[0]
    assert warm[0] > warm[2]


def test_one_wild_cell_does_not_set_the_limits_and_arrows_say_so(slope):
    wild = slope.copy()
    wild[3, 4] = 1e6
    figure = trend_map(make_result(wild))
    assert levels_of(figure)[-1] <= 1
    assert mesh_of(figure).norm.extend == "both"
    assert mesh_of(trend_map(make_result(slope * 0 + 0.5))).norm.extend == "neither"


def test_slope_per_year_is_shown_per_decade_if_the_record_is_long_enough(slope):
    figure = flat_map(make_result(slope))
    assert label_of(figure) == "Theil-Sen slope (K per decade)"
    drawn = mesh_of(figure).get_array().reshape(slope.shape)
    np.testing.assert_allclose(drawn, 10 * slope.values)

    short = flat_map(make_result(slope, period=("2011-01-01", "2016-12-31")))
    assert label_of(short) == "Theil-Sen slope (K per year)"
    np.testing.assert_allclose(mesh_of(short).get_array().reshape(slope.shape), slope.values)


@pytest.mark.parametrize(
    ("factor", "units", "label"),
    [
        (1e-9, "kg m-2 s-1 year-1", "10⁻⁹ kg m⁻² s⁻¹ per decade"),
        (1e-3, "K year-1", "10⁻³ K per decade"),
        (1e5, "J m**-2 year-1", "10³ J m⁻² per decade"),
        (1, "degC year-1", "°C per decade"),
        (1, "1e-3 year-1", "1e-3 per decade"),
        (1, "year-1", "per decade"),
        (1, "", "per decade"),
    ],
)
def test_label_says_unit_and_scale(slope, factor, units, label):
    figure = trend_map(make_result(slope * factor, units=units))
    assert label_of(figure) == f"Theil-Sen slope ({label})"
    largest = np.abs(mesh_of(figure).get_array()).max()
    assert 0.01 < largest < 10_000


def test_slope_per_step_stays_per_step(slope):
    figure = trend_map(make_result(slope, units="K", slope_per="step"))
    assert label_of(figure) == "Theil-Sen slope (K per step)"


def test_exactly_the_cells_that_are_not_significant_are_hatched(result):
    expected = result["slope"].notnull() & (result["trend"] == 0)
    assert 0 < int(expected.sum()) < expected.size
    hatched = hatched_cells(flat_map(result), result["lon"], result["lat"])
    np.testing.assert_array_equal(hatched, expected)


def test_hatching_shows_in_the_picture(result, tmp_path):
    plain, hatched = tmp_path / "plain.png", tmp_path / "hatched.png"
    trend_map(result.assign(trend=xr.ones_like(result["trend"])), path=plain)
    trend_map(result.assign(trend=xr.zeros_like(result["trend"])), path=hatched)
    dark = [(imread(path)[..., :3].max(axis=2) < 0.5).sum() for path in (plain, hatched)]
    assert dark[1] > 2 * dark[0]


def test_legend_says_what_hatching_and_grey_mean(result):
    known = result.slope.notnull()
    share = 100 * float((known & (result.trend == 0)).sum() / known.sum())
    assert legend_of(trend_map(result)) == [
        f"hatched: not significant at 5 % ({share:.0f} % of cells)",
        "grey: no trend, too few values",
    ]


def test_legend_says_level_and_side_of_the_test_and_if_nothing_is_hatched(slope):
    result = make_result(slope, np.sign(slope), alpha=0.001, alternative="greater")
    expected = "hatched: not significant at 0.1 %, one-sided (greater) (none)"
    assert legend_of(trend_map(result)) == [expected]


def test_where_the_whole_field_was_tested_that_decides_and_the_legend_says_so(result):
    stands_out = xr.zeros_like(result["trend"])
    stands_out[1, 2] = 1
    stands_out.attrs = {"method": "Walker test", "alpha": 0.1}
    figure = flat_map(result.assign(significant=stands_out))
    hatched = hatched_cells(figure, result["lon"], result["lat"])
    np.testing.assert_array_equal(hatched, result["slope"].notnull() & (stands_out == 0))
    said = "hatched: not significant over the whole field (Walker test at 10 %) (above 99 % of cells)"
    assert said in legend_of(figure)


def test_a_long_legend_stands_in_lines_of_its_own(result):
    stands_out = xr.zeros_like(result["trend"])
    stands_out.attrs = {"method": "Benjamini-Hochberg false discovery rate", "alpha": 0.1}
    (legend,) = trend_map(result.assign(significant=stands_out)).legends
    assert len(legend.get_texts()) == 2
    assert legend._ncols == 1


def test_without_a_test_nothing_is_hatched(slope):
    figure = trend_map(make_result(slope))
    assert legend_of(figure) == []
    assert not [p for p in figure.axes[0].patches if p.get_gid() == "not significant"]


def test_missing_cells_are_light_grey(result):
    mesh = mesh_of(flat_map(result))
    drawn = mesh.get_array().reshape(result["slope"].shape)
    np.testing.assert_array_equal(np.ma.getmaskarray(drawn), result["slope"].isnull())
    red, green, blue, _ = mesh.cmap(np.ma.masked)
    assert red == green == blue == pytest.approx(0.82)


def test_water_is_drawn_brown_to_green(slope):
    wet, warm = (trend_map(make_result(slope, units=u)) for u in ("mm year-1", "K year-1"))
    assert not np.allclose(mesh_of(wet).cmap(0), mesh_of(warm).cmap(0))
    forced = trend_map(make_result(slope, units="mm year-1"), cmap="RdBu_r")
    np.testing.assert_allclose(mesh_of(forced).cmap(0), mesh_of(warm).cmap(0))


def test_a_global_grid_has_degree_labels_and_no_gap(result):
    figure = flat_map(result)
    axes = figure.axes[0]
    figure.canvas.draw()
    assert {"0°", "60°E", "180°", "120°W"} <= tick_texts(axes.xaxis)
    assert {"60°S", "0°", "60°N"} <= tick_texts(axes.yaxis)
    assert np.ptp(axes.get_xlim()) == pytest.approx(360)
    assert axes.get_ylim() == (-90, 90)
    corners = mesh_of(figure).get_coordinates()
    assert corners[0, 0, 1] > corners[-1, 0, 1]


def test_longitudes_that_cross_greenwich_are_drawn_side_by_side():
    lat, lon = np.arange(40.0, 50), np.array([350.0, 355, 0, 5])
    slope = xr.DataArray(np.ones((10, 4)), {"lat": lat, "lon": lon}, ("lat", "lon"))
    figure = trend_map(make_result(slope))
    figure.canvas.draw()
    assert figure.axes[0].get_xlim() == pytest.approx((-12.5, 7.5))
    assert {"10°W", "0°", "5°E"} <= tick_texts(figure.axes[0].xaxis)


def test_dimension_order_of_the_result_does_not_matter(result):
    there, back = (mesh_of(trend_map(r)) for r in (result, result.transpose("lon", "lat", ...)))
    np.testing.assert_array_equal(there.get_array(), back.get_array())


def test_coordinates_are_found_by_their_attributes(slope):
    odd = slope.rename(lat="a", lon="b").transpose("b", "a")
    odd["a"].attrs["units"], odd["b"].attrs["standard_name"] = "degrees_north", "longitude"
    figure = flat_map(make_result(odd))
    assert np.ptp(figure.axes[0].get_xlim()) == pytest.approx(360)


def curvilinear(longitude):
    y, x = np.mgrid[0:12, 0:20]
    coords = {"lat": (("y", "x"), 50.0 + y + 0.1 * x), "lon": (("y", "x"), longitude(x, y) % 360)}
    return xr.DataArray(np.sin(x / 5.0) * 0.02, coords, ("y", "x"))


def test_two_dimensional_coordinates_place_the_cells():
    slope = curvilinear(lambda x, y: 350.0 + x - 0.2 * y)
    result = make_result(slope, xr.zeros_like(slope))
    figure = flat_map(result)
    corners = mesh_of(figure).get_coordinates()
    assert corners.shape == (13, 21, 2)
    assert corners[..., 0].min() == pytest.approx(-12.8)
    assert corners[..., 0].max() == pytest.approx(9.6)
    (patch,) = (p for p in figure.axes[0].patches if p.get_gid() == "not significant")
    assert len(patch.get_path().vertices) == 5 * slope.size


def test_a_grid_over_the_pole_is_drawn_from_above_it():
    x = y = np.linspace(-3e6, 3e6, 25)
    lon = np.degrees(np.arctan2(x[None, :], -y[:, None]))
    lat = 90 - np.hypot(x[None, :], y[:, None]) / 111e3
    coords = {"lat": (("y", "x"), lat), "lon": (("y", "x"), lon)}
    figure = trend_map(make_result(xr.DataArray(lat / 1000, coords, ("y", "x"))))
    axes = figure.axes[0]
    assert axes.get_aspect() == 1
    # By hand: on this map, north is where the file has it, and the pole is in the middle of the only cell that has it.
    corners = mesh_of(figure).get_coordinates().reshape(-1, 2, 2)
    values = np.ma.filled(mesh_of(figure).get_array(), np.nan).ravel()
    sides = np.concatenate([corners[:-1], corners[1:]], axis=1)[::2]
    at_pole = (np.hypot(*np.moveaxis(sides, 2, 0)) < 1e-9).any(axis=1)
    # The cell of the pole is drawn in pieces, from each side to the pole.
    assert at_pole.sum() >= 4
    assert np.abs(sides[at_pole]).max() < 0.03
    assert values[::2][at_pole] == pytest.approx(np.full(at_pole.sum(), 0.9), rel=0.01)
    (edge,) = (p for p in axes.patches if p.get_gid() == "edge")
    # The grid's corners lie at 51.8 N.
    assert np.hypot(*edge.get_path().vertices.T) == pytest.approx(
        np.full(361, 2 * np.tan(np.radians(90 - 50) / 2)), rel=0.03
    )


@pytest.mark.parametrize(
    ("lat", "lon"),
    [
        ([20.0, -60, 60, -20], [0.0, 90, 180, 270]),
        ([60.0, 20, -20, -60], [0.0, 180, 90, 270]),
        ([-60.0, 60, -20, 20], [270.0, 90, 0, 180]),
    ],
)
def test_unsorted_coordinates_are_drawn_in_their_order(lat, lon):
    values = 100 * np.array(lat)[:, None] + np.array(lon)
    slope = xr.DataArray(values, {"lat": lat, "lon": lon}, ("lat", "lon"))
    mesh = mesh_of(flat_map(make_result(slope, slope.transpose("lon", "lat")), title=""))
    corners, drawn = mesh.get_coordinates(), mesh.get_array().reshape(4, 4)
    middle = (corners[:-1, :-1] + corners[1:, 1:]) / 2
    assert len(set(np.sign(np.diff(corners[:, 0, 1])))) == len(set(np.sign(np.diff(corners[0, :, 0])))) == 1
    # Each cell holds the value that its place was given; it is shown in 1000 per decade.
    for place, value in zip(middle.reshape(-1, 2), drawn.ravel(), strict=True):
        nearest = min(lat, key=lambda each: abs(each - place[1]))
        assert 1000 * value == pytest.approx(10 * (100 * nearest + place[0] % 360), abs=200)


@pytest.mark.parametrize(("name", "bad"), [("lat", np.nan), ("lat", np.inf), ("lon", np.nan)])
def test_cells_without_a_place_are_left_out_and_told(slope, name, bad):
    result = make_result(slope, xr.zeros_like(slope))
    places = result[name].values.copy()
    places[3] = bad
    with pytest.warns(
        UserWarning, match=f"'{name}' is missing at 1 of {places.size} places: cells there are not drawn"
    ):
        figure = trend_map(result.assign_coords({name: places}))
    assert mesh_of(figure).get_array().size == slope.size * (places.size - 1) // places.size
    assert np.isfinite(figure.get_size_inches()).all()


def test_coordinates_that_place_nothing_give_way_to_the_index(slope):
    with pytest.warns(UserWarning, match="'lat' is missing at 36 of 36 places"):
        axes = trend_map(make_result(slope.assign_coords(lat=np.full(36, np.nan)))).axes[0]
    assert axes.get_ylabel() == "lat (index)"


def section(values, attrs, *, name="lev", dims=None):
    dims = dims or (name, "lat")
    shape = [len(values) if dim == name else 4 for dim in dims]
    coords = {name: (name, np.array(values, float), attrs), "lat": [-60.0, -20, 20, 60]}
    return make_result(xr.DataArray(np.ones(shape), coords, dims))


@pytest.mark.parametrize(
    ("values", "attrs", "label", "bottom", "top"),
    [
        ([100000, 85000, 50000, 1000], {"units": "Pa", "positive": "down"}, "lev (hPa)", 1075, 0),
        ([1000, 5000, 85000, 100000], {"units": "Pa", "standard_name": "air_pressure"}, "lev (hPa)", 1075, 0),
        ([10, 500, 1000], {"units": "mbar"}, "lev (hPa)", 1250, 0),
        ([5, 15, 100], {"units": "m", "standard_name": "depth"}, "lev (m)", 142.5, 0),
        ([5, 15, 100], {"units": "m", "axis": "Z", "positive": "down"}, "lev (m)", 142.5, 0),
        ([-100, -15, -5], {"units": "m", "positive": "up"}, "lev (m)", -142.5, 0),
        ([2, 100, 1000], {"units": "m", "standard_name": "height", "axis": "Z"}, "lev (m)", 0, 1450),
        ([0.2, 0.6, 1.0], {"units": "1", "positive": "down"}, "lev", 1.2, 0),
    ],
)
def test_sections_stand_upright(values, attrs, label, bottom, top):
    # Limits by hand: half a step beyond the last centres, and not below nothing.
    for dims in (("lev", "lat"), ("lat", "lev")):
        axes = trend_map(section(values, attrs, dims=dims)).axes[0]
        assert axes.get_ylabel() == label
        assert axes.get_xlabel() == "lat"
        assert axes.get_ylim() == pytest.approx((bottom, top), abs=1e-9)


def test_depth_is_known_by_its_name():
    axes = trend_map(section([5, 15, 100], {}, name="depth")).axes[0]
    assert axes.get_ylim() == pytest.approx((142.5, 0))


@pytest.mark.parametrize("step", [0.5, 1, 2, 5])
def test_numbers_of_the_colour_bar_do_not_touch_on_strips(step):
    for lat, lon in ((np.arange(-5, 5.1, 1), np.arange(0.0, 360, 5)), (np.arange(-60, 60.1, 2), np.arange(0.0, 10, 2))):
        values = np.random.default_rng(0).normal(size=(lat.size, lon.size)) * step / 100
        figure = trend_map(make_result(xr.DataArray(values, {"lat": lat, "lon": lon}, ("lat", "lon"))))
        figure.canvas.draw()
        bar = figure.axes[1]
        axis = bar.xaxis if bar.get_xlabel() else bar.yaxis
        boxes = [label.get_window_extent() for label in axis.get_ticklabels() if label.get_text()]
        assert len(boxes) >= 3
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
        page = figure.bbox
        assert bar.get_tightbbox().y0 >= page.y0 - 1


def test_a_heading_is_drawn_as_it_is_written(slope):
    figure = trend_map(make_result(slope), title="cost in $ and $^ of x_1\x1b[2J\u202e")
    figure.canvas.draw()
    assert texts_of(figure)[0] == "cost in $ and $^ of x_1[2J"


def test_a_significant_slope_of_zero_is_explained(slope):
    flat = xr.zeros_like(slope)
    assert "white: significant, slope 0" in legend_of(trend_map(make_result(flat, xr.ones_like(flat))))
    assert "white: significant, slope 0" not in legend_of(trend_map(make_result(flat, flat)))


def test_heading_names_data_period_and_test(result):
    texts = texts_of(trend_map(result))
    assert texts == ["Trend in air temperature", "1981–2010 · Mann-Kendall test"]
    assert texts_of(trend_map(result, title="Mine"))[0] == "Mine"
    assert "".join(texts_of(trend_map(result, title=""))).strip() == ""


def test_heading_of_a_short_record_gives_days(slope):
    result = make_result(slope, period=("2095-01-01", "2095-12-31"))
    assert texts_of(trend_map(result))[1] == "2095-01-01 to 2095-12-31 · Theil-Sen slope"


def test_heading_of_a_record_within_a_day_gives_times(slope):
    result = make_result(slope, period=("2009-09-09T03:00", "2009-09-09T21:30"))
    assert texts_of(trend_map(result))[1] == "2009-09-09 03:00 to 2009-09-09 21:30 · Theil-Sen slope"


def test_heading_of_a_360_day_calendar(slope):
    result = make_result(slope, period=None)
    ends = xr.date_range("1860-06-01", periods=240, freq="360D", calendar="360_day", use_cftime=True)
    result.coords["time_bnds"] = ("bnds", ends.values[[0, -1]])
    assert texts_of(trend_map(result))[1] == "1860–2099 · Theil-Sen slope"


def test_variable_chooses_among_several(slope):
    both = xr.Dataset({"tas_slope": slope, "pr_tot_slope": 2 * slope})
    for name in ("pr_tot", "pr_tot_slope"):
        drawn = mesh_of(flat_map(both, variable=name)).get_array()
        np.testing.assert_allclose(drawn.ravel(), 2 * slope.values.ravel())
    with pytest.raises(ValueError, match=r"variable=, one of \['tas', 'pr_tot'\]"):
        flat_map(both)
    with pytest.raises(ValueError, match="no trend of 'huss'"):
        flat_map(both, variable="huss")


def test_lazy_results_are_drawn_and_left_lazy(result):
    dask_array = pytest.importorskip("dask.array")
    lazy = result.chunk({"lat": 6})
    drawn, expected = mesh_of(trend_map(lazy)), mesh_of(trend_map(result))
    np.testing.assert_array_equal(drawn.get_array(), expected.get_array())
    assert isinstance(lazy["slope"].data, dask_array.Array)


def test_a_result_read_back_from_a_file_gives_the_same_map(result, tmp_path):
    result["trend"].encoding["_FillValue"] = np.int8(-128)
    result.to_netcdf(tmp_path / "result.nc")
    with xr.open_dataset(tmp_path / "result.nc") as again:
        figure = flat_map(again)
    assert texts_of(figure) == texts_of(flat_map(result))
    expected = result["slope"].notnull() & (result["trend"] == 0)
    np.testing.assert_array_equal(hatched_cells(figure, result["lon"], result["lat"]), expected)


def test_dimensions_of_one_are_dropped(result):
    expanded = result.expand_dims(height=[2.0], member=["r1"])
    drawn = mesh_of(flat_map(expanded)).get_array()
    np.testing.assert_array_equal(drawn, mesh_of(flat_map(result)).get_array())


def test_further_dimensions_are_an_error_that_says_how_to_select(slope):
    levels = make_result(slope.expand_dims(level=[850.0, 500.0]).transpose("lat", "level", "lon"))
    with pytest.raises(ValueError, match=r"trend_map\(result\.sel\(level=850\.0\)\)"):
        trend_map(levels)
    trend_map(levels.sel(level=850.0))
    members = make_result(xr.concat([slope, slope], "member"))
    with pytest.raises(ValueError, match=r"trend_map\(result\.isel\(member=0\)\)"):
        trend_map(members)
    trend_map(members.isel(member=0))


def test_results_without_two_dimensions_are_an_error(slope):
    with pytest.raises(ValueError, match=r"one dimension, 'lat'.*result\['slope'\]\.plot\(\)"):
        trend_map(make_result(slope.isel(lon=0)))
    with pytest.raises(ValueError, match=r"single number.*result\['slope'\]\.item\(\)"):
        trend_map(make_result(slope.isel(lon=0, lat=0)))


def test_wrong_input_is_told_what_to_do(slope):
    with pytest.raises(TypeError, match=r"not a DataArray: call trend_map\(gt\.mann_kendall"):
        trend_map(slope)
    with pytest.raises(ValueError, match=r"no slope to map.*slope=True"):
        trend_map(xr.Dataset({"tau": slope}))
    with pytest.raises(ValueError, match="no cell of 'slope' has a value"):
        trend_map(make_result(slope * np.nan))


def test_slopes_of_exactly_zero_have_the_neutral_colour(slope):
    zeros = slope.where(slope.lat > 0, 0.0)
    mesh = mesh_of(trend_map(make_result(zeros)))
    pale = mesh.cmap(mesh.norm([0.0, 0.001, -0.001]))
    np.testing.assert_allclose(pale[0, :3], 0.967, atol=0.01)
    assert len({tuple(colour) for colour in pale}) == 3
    levels = levels_of(trend_map(make_result(slope * 0)))
    assert levels[0] == -levels[-1] < 0


def test_the_file_has_the_size_of_the_figure_and_replaces_an_old_one(result, tmp_path):
    path = tmp_path / "map.png"
    path.write_text("old")
    figure = trend_map(result, path=path, dpi=80)
    height, width, _ = imread(path).shape
    assert (width, height) == tuple((figure.get_size_inches() * 80).astype(int))
    assert width == 560
    assert 0.4 < height / width < 0.8
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_write_keeps_the_old_file(result, tmp_path):
    path = tmp_path / "map.xyz"
    path.write_text("old")
    with pytest.raises(ValueError, match="xyz"):
        trend_map(result, path=path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError):
        trend_map(result, path=tmp_path / "nowhere" / "map.png")


def test_axes_that_are_given_are_drawn_in(result):
    figure = Figure(layout="compressed")
    left, right = figure.subplots(1, 2)
    assert trend_map(result, ax=right) is figure
    assert right.collections
    assert not left.collections


def test_a_cartopy_projection_is_refused_with_the_way_out(result):
    class Projected:
        projection = "Robinson"

    with pytest.raises(TypeError, match="leave ax out"):
        trend_map(result, ax=Projected())


def test_settings_and_pyplot_are_left_alone(result, tmp_path):
    import matplotlib.pyplot as plt

    before, figures = dict(matplotlib.rcParams), plt.get_fignums()
    given = result.copy(deep=True)
    trend_map(result, path=tmp_path / "map.png")
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == figures
    xr.testing.assert_identical(result, given)


def test_matplotlib_missing_is_an_error_that_names_the_extra(result, monkeypatch):
    original = builtins.__import__

    def without_matplotlib(name, *args, **kwargs):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(ImportError, match=r"pip install 'gridtrend\[plot\]'"):
        trend_map(result)


def coastlines_of(figure):
    return [c for c in figure.axes[0].collections if c.get_gid() == "coastlines"]


def test_coastlines_need_neither_cartopy_nor_the_network(result, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in ("cartopy", "pyproj"):
        monkeypatch.setitem(sys.modules, name, None)
    assert len(coastlines_of(trend_map(result))) == 1
    assert coastlines_of(trend_map(result, coastlines=False)) == []


REAL = [
    ("E1_north_america.nc", "air_temperature", "1860–2099"),
    ("TREFHT.B06.69.atm.1890-1999ANN.nc", "TREFHT", "1890–1999"),
    ("ersstv5_201001-202008.nc", "sst", "2010–2020"),
    ("NRCAN_SECan_1981-2010.nc", "max_n_day_precipitation_amount_n_5", "1981–2010"),
    ("era5_land_monthly_prcp_1981-2018.nc", "tp", "1981–2018"),
    ("snw_day_CanESM5_1991-2010.nc", "snw", "1991–2010"),
]


# Monthly and daily records have an annual cycle, of which their user is warned.
@pytest.mark.filterwarnings("ignore::gridtrend.trend.cycle.CycleWarning")
@pytest.mark.parametrize(("name", "variable", "period"), REAL)
def test_results_of_real_files_are_drawn(name, variable, period, tmp_path, shared_data):
    with xr.open_dataset(shared_data(name), decode_timedelta=False) as file:
        result = gridtrend.mann_kendall(file[variable])
        figure = flat_map(result, path=tmp_path / "map.png")
    assert texts_of(figure)[1] == f"{period} · Mann-Kendall test"
    assert "per decade)" in label_of(figure)
    y, x = (result[dim] for dim in result["slope"].dims)
    expected = result["slope"].notnull() & (result["trend"] == 0)
    np.testing.assert_array_equal(hatched_cells(figure, x - 360 * (x.min() > 270), y), expected)
