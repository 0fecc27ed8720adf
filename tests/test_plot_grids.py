"""Curvilinear grids: each cell is drawn where it lies, as brute force on the sphere finds it."""

import functools

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from matplotlib.path import Path as Outline

import gridtrend as gt
from gridtrend.plot import band_power_map
from gridtrend.plot import trend_map as map_of

trend_map = functools.partial(map_of, projection="platecarree")

ROWS, COLUMNS = 40, 60


def tripolar(west):
    """Centres of a grid like those of ocean models: two poles at 65 N on land, the third at the South Pole.

    Circles of latitude to 65 N; beyond, in the plane of the pole, they are pressed to the line between two points.
    """
    longitude = 73.0 + 360 * (np.arange(COLUMNS) + 0.5) / COLUMNS
    lat, lon = np.meshgrid(np.linspace(-78, 65, ROWS - 10), longitude, indexing="ij")
    angle = np.radians(longitude - 73.0)
    radius = np.tan(np.radians(90 - 65) / 2)
    x = radius * np.cos(angle) * np.ones((10, 1))
    y = radius * np.sin(angle) * (1 - np.linspace(0.1, 0.98, 10))[:, None]
    lat = np.concatenate([lat, 90 - 2 * np.degrees(np.arctan(np.hypot(x, y)))])
    lon = np.concatenate([lon, 73.0 + np.degrees(np.arctan2(y, x))])
    return lat, west + (lon - west) % 360


def make_result(lat, lon, slope=None, names=("nav_lat", "nav_lon"), tested=True):
    """What mann_kendall gives on such a grid; by default every cell has its own slope."""
    slope = np.arange(lat.size, dtype=float).reshape(lat.shape) if slope is None else slope
    result = xr.Dataset({"slope": (("j", "i"), slope, {"units": "K year-1", "long_name": "Theil-Sen slope of sst"})})
    if tested:
        result["trend"] = result.slope.notnull().astype("int8")
    result.attrs |= {"alpha": 0.05, "slope_per": "year"}
    units = ("degrees_north", "degrees_east")
    return result.assign_coords(
        {
            name: (("j", "i"), values, {"units": unit})
            for name, values, unit in zip(names, (lat, lon), units, strict=True)
        }
    )


def areas_of(figure):
    """Corners of the areas that are drawn, and the values that they show."""
    mesh = figure.axes[0].collections[0]
    corner, shown = mesh.get_coordinates(), np.ma.filled(mesh.get_array(), np.nan)
    around = [corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]]
    seen = np.broadcast_to(1.0 if mesh.get_alpha() is None else mesh.get_alpha(), shown.shape).astype(bool)
    return np.stack(around, axis=2)[seen], shown[seen]


def nearest(lat, lon, point):
    """The cells by their distance on the sphere from a point."""
    (x, y), lat, lon = np.radians(point), np.radians(lat), np.radians(lon)
    near = np.sin(lat) * np.sin(y) + np.cos(lat) * np.cos(y) * np.cos(lon - x)
    return np.argsort(-np.where(np.isnan(near), -2, near), axis=None)


@pytest.mark.parametrize("west", [-180.0, 0.0, -280.0])
def test_every_place_of_the_world_shows_one_cell_near_it(west):
    lat, lon = tripolar(west)
    figure = trend_map(make_result(lat, lon))
    axes = figure.axes[0]
    # Where the longitudes of the file begin, the map does.
    assert axes.get_xlim() == (west, west + 360)
    assert axes.get_xlabel() == ""
    corners, shown = areas_of(figure)
    # Slopes are shown in another unit: that of the last cell tells which.
    shown = shown / np.nanmax(shown) * (lat.size - 1)
    rng, low, high = np.random.default_rng(0), corners.min(axis=1), corners.max(axis=1)
    for point in np.column_stack([west + rng.uniform(0, 360, 300), rng.uniform(-78, 88, 300)]):
        # Few cells have a box that holds the point; the outlines of all would take a minute.
        boxes = np.flatnonzero(((low <= point) & (point <= high)).all(axis=1))
        covering = [k for k in boxes.tolist() if Outline(corners[k]).contains_point(point)]
        # Beyond the edges of the bipolar cap, cells overlap a little or leave a slit.
        assert 1 <= len(covering) <= 2 if point[1] < 64 else len(covering) <= 3
        for k in covering:
            assert round(shown[k]) in nearest(lat, lon, point)[:8]


def test_the_edges_of_the_map_cut_cells_which_are_there_twice():
    lat, lon = tripolar(-180.0)
    corners, _ = areas_of(trend_map(make_result(lat, lon)))
    assert lat.size < len(corners) < 1.1 * lat.size
    assert np.ptp(corners[..., 0], axis=1).max() < 180


@pytest.mark.parametrize("filled", [np.nan, 0.0, 1e20])
def test_land_without_places_is_left_out_in_silence(filled):
    lat, lon = tripolar(-180.0)
    land = (np.abs(lon - 20) < 20) & (np.abs(lat) < 30)
    slope = np.where(land, np.nan, 1.0)
    figure = trend_map(make_result(np.where(land, filled, lat), np.where(land, filled, lon), slope))
    corners, shown = areas_of(figure)
    assert np.isfinite(shown).all()
    # What is on land is as grey as a cell without a value; it is not smeared over the map.
    assert figure.axes[0].get_facecolor()[:3] == pytest.approx((0.82,) * 3)
    inside = [loop for loop in corners if abs(loop[:, 0].mean() - 20) < 12 and abs(loop[:, 1].mean()) < 24]
    assert inside == []
    # The cells beside it keep their size: half way to where their neighbours would be.
    beside = corners[(np.abs(corners[..., 1].mean(axis=1)) < 20)]
    np.testing.assert_allclose(np.ptp(beside[..., 0], axis=1), 360 / COLUMNS, rtol=0.02)


def test_cells_with_a_value_and_no_place_are_told():
    y, x = np.mgrid[0:12, 0:20]
    lat, lon = 50.0 + y + 0.1 * x, 10.0 + x
    lon[0, 0] = np.nan
    with pytest.warns(UserWarning, match="1 cells have no latitude or longitude and are not drawn"):
        figure = trend_map(make_result(lat, lon))
    corners, shown = areas_of(figure)
    assert shown.size == 239
    assert figure.axes[0].get_xlabel() == ""
    # By hand: half a degree around the centres.
    assert corners[..., 0].min() == pytest.approx(9.5, abs=0.1)
    assert corners[..., 0].max() == pytest.approx(29.5, abs=0.1)
    assert np.isfinite(figure.get_size_inches()).all()


@pytest.mark.parametrize("names", [("nav_lat", "nav_lon"), ("XLAT", "XLONG"), ("TLAT", "TLONG"), ("a", "b")])
@pytest.mark.parametrize("draw", ["trend", "band"])
def test_names_of_models_are_known(names, draw):
    lat, lon = tripolar(0.0)
    result = make_result(lat, lon, names=names)
    # Corners of the cells, which models write too.
    result = result.assign_coords({f"z_{names[0]}_u": result[names[0]] + 1, f"z_{names[1]}_u": result[names[1]] + 1})
    figure = (
        trend_map(result)
        if draw == "trend"
        else band_power_map(result.slope.expand_dims(time=2) + 1, projection="platecarree")
    )
    assert figure.axes[0].get_xlim() == (0, 360)
    corners, _ = areas_of(figure)
    centre = corners[: lat.size // 2].mean(axis=1)
    np.testing.assert_allclose(centre[:, 1], lat.ravel()[: lat.size // 2], atol=0.2)


def test_hatching_lies_on_the_cells_that_it_marks():
    lat, lon = tripolar(-180.0)
    result = make_result(lat, lon)
    result["trend"] = result.trend.where(result.slope != 777, 0)
    (patch,) = (p for p in trend_map(result).axes[0].patches if p.get_gid() == "not significant")
    (loop,) = patch.get_path().vertices.reshape(-1, 5, 2)
    assert nearest(lat, lon, loop[:4].mean(axis=0))[0] == 777


def test_a_grid_of_one_row_or_one_place_is_drawn_on_its_index():
    lat, lon = np.zeros((3, 4)), np.zeros((3, 4))
    axes = trend_map(make_result(lat, lon)).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("i (index)", "j (index)")
    axes = trend_map(make_result(np.full((3, 4), np.nan), lat)).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("i (index)", "j (index)")


def test_a_record_on_a_tripolar_grid_keeps_its_places_to_the_map():
    lat, lon = tripolar(-180.0)
    lat, lon = lat[::4, ::3], lon[::4, ::3]
    years = xr.date_range("1990", periods=12, freq="YS")
    values = np.random.default_rng(0).normal(size=(12, *lat.shape))
    coords = {"time": years, "nav_lat": (("y", "x"), lat), "nav_lon": (("y", "x"), lon)}
    sst = xr.DataArray(values, coords, ("time", "y", "x"), "sst", {"units": "degC"})
    assert trend_map(gt.mann_kendall(sst)).axes[0].get_xlim() == (-180, 180)
