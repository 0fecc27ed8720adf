"""Maps of the earth: projections, coasts, seams and poles, colours and texts, measured on what is drawn."""

import itertools
import sys

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure
from matplotlib.text import Text

import gridtrend as gt
from gridtrend.plot import trend_map
from gridtrend.plot.coastlines import lines
from gridtrend.plot.labels import largest, typographic
from gridtrend.plot.projections import NAMES, projection


def wave(lat, lon):
    return 0.05 * np.sin(np.radians(2 * lat)) * np.cos(np.radians(2 * lon))


def result_of(slope, *, units="K year-1", name="air_temperature"):
    slope = slope.assign_attrs(units=units, long_name=f"Theil-Sen slope of {name}")
    trend = (np.sign(slope) * (abs(slope) > 0.02)).fillna(0).astype("int8")
    attrs = {"method": "Mann-Kendall test, original", "alpha": 0.05, "slope_per": "year"}
    return xr.Dataset({"slope": slope, "trend": trend}, attrs=attrs)


def regular(lat, lon, of=wave):
    values = of(lat[:, None], lon[None]) * np.ones((lat.size, lon.size))
    return xr.DataArray(values, {"lat": lat, "lon": lon}, ("lat", "lon"))


@pytest.fixture(scope="module")
def earth():
    return result_of(regular(np.arange(-87.5, 90, 5), np.arange(0.0, 360, 5)))


# ---- projections -----------------------------------------------------------------------------------------------------

# Computed with pyproj 3.7 (PROJ) on a sphere of radius 1, for these longitudes and latitudes.
PLACES = [(-170, -75), (-100, -42.3), (0, 0), (33.3, 12.5), (90, 61.7), (151.2, 84)]
OF_PROJ = {
    "robinson": [
        (-1.695214, -1.208415),
        (-1.348462, -0.708710),
        (0.000000, -0.000000),
        (0.489820, 0.209607),
        (1.047337, 1.019342),
        (1.302235, 1.311302),
    ],
    "mollweide": [
        (-1.130382, -1.281356),
        (-1.302603, -0.790956),
        (0.000000, 0.000000),
        (0.515568, 0.241584),
        (0.884596, 1.103399),
        (0.554230, 1.375197),
    ],
    "equal-earth": [
        (-1.648148, -1.253483),
        (-1.313051, -0.814494),
        (0.000000, 0.000000),
        (0.495047, 0.252173),
        (1.002224, 1.110756),
        (1.367828, 1.306713),
    ],
}


@pytest.mark.parametrize("name", OF_PROJ)
def test_projections_agree_with_proj(name):
    x, y = projection(name).forward(*np.transpose(PLACES))
    np.testing.assert_allclose(np.column_stack([x, y]), OF_PROJ[name], atol=2e-6)


def test_robinson_agrees_with_his_table():
    # Robinson (1974): lengths and distances of the parallels at 0, 45 and 90 degrees.
    x, y = projection("robinson").forward(np.full(3, 180.0), np.array([0.0, 45.0, 90.0]))
    np.testing.assert_allclose(x / (0.8487 * np.pi), [1.0, 0.8962, 0.5322], rtol=1e-12)
    np.testing.assert_allclose(y / 1.3523, [0.0, 0.5571, 1.0], rtol=1e-12)


def test_lambert_agrees_with_snyder():
    # Snyder (1987), numerical examples, p. 295: parallels 33 and 45, origin 23 N 96 W, point 35 N 75 W.
    conic = projection("lambert", -96.0, (33.0, 45.0))
    origin, point = (np.array(conic.forward(*place)) for place in ((-96.0, 23.0), (-75.0, 35.0)))
    np.testing.assert_allclose(point - origin, [0.2966785, 0.2462112], atol=5e-8)


def test_polar_stereographic_by_hand():
    # tan(45 degrees - half the latitude): the equator is at 2, 60 degrees at 2 tan 15 degrees.
    x, y = projection("north-polar").forward(np.array([0.0, 90.0]), np.array([0.0, 60.0]))
    np.testing.assert_allclose([x, y], [[0, 2 * np.tan(np.radians(15))], [-2, 0]], atol=1e-12)
    x, y = projection("south-polar").forward(90.0, -60.0)
    assert (x, y) == pytest.approx((2 * np.tan(np.radians(15)), 0))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("middle", [0.0, 180.0, -95.5])
def test_the_way_back_is_the_way_there(name, middle):
    rng = np.random.default_rng(0)
    lon, lat = middle + rng.uniform(-179, 179, 500), rng.uniform(-75, 85, 500)
    there = projection(name, middle)
    back = there.inverse(*there.forward(lon, lat))
    np.testing.assert_allclose((back[0] - lon + 180) % 360 - 180, 0, atol=1e-3)
    np.testing.assert_allclose(back[1], lat, atol=1e-3)


def test_projections_of_pyproj():
    pytest.importorskip("pyproj")
    foreign = projection("+proj=moll +R=1")
    np.testing.assert_allclose(foreign.forward(30.0, 40.0), projection("mollweide").forward(30.0, 40.0), atol=1e-9)


def test_an_unknown_projection_is_refused_with_what_is_known(earth, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyproj", None)
    with pytest.raises(
        ValueError, match=r"unknown projection 'robin': choose one of platecarree, robinson.*install pyproj"
    ):
        trend_map(earth, projection="robin")


@pytest.mark.parametrize(
    ("lat", "lon", "kind"),
    [
        (np.arange(-87.5, 90, 5), np.arange(0.0, 360, 5), "world"),
        (np.arange(-87.5, 90, 5), np.arange(-177.5, 180, 5), "world"),
        (np.arange(62.0, 90, 2), np.arange(0.0, 360, 5), "polar"),
        (np.arange(-89.0, -50, 2), np.arange(-180.0, 180, 5), "polar"),
        (np.arange(30.0, 60, 2), np.arange(-120.0, -60, 2), "flat"),
        (np.arange(-29.0, 30, 2), np.arange(0.0, 360, 5), "flat"),
    ],
)
def test_the_extent_chooses_the_projection(lat, lon, kind):
    figure = trend_map(result_of(regular(lat, lon)), dpi=50)
    axes = figure.axes[0]
    edge = [patch for patch in axes.patches if patch.get_gid() == "edge"]
    assert bool(edge) == (kind != "flat")
    if edge:
        wide, high = np.ptp(edge[0].get_path().vertices, axis=0)
        # Robinson: 2 pi 0.8487 by 2 * 1.3523.
        assert wide / high == pytest.approx({"world": np.pi * 0.8487 / 1.3523, "polar": 1.0}[kind], rel=1e-3)


# ---- coasts ----------------------------------------------------------------------------------------------------------

# By hand, from an atlas: longitude and latitude of capes.
CAPES = {
    "Cape of Good Hope": (18.47, -34.36),
    "Cape Horn region": (-67.3, -55.9),
    "Gibraltar": (-5.6, 36.0),
    "Cabo da Roca": (-9.5, 38.78),
    "Cape York": (142.53, -10.69),
    "Ras Hafun": (51.41, 10.44),
    "Cape Comorin": (77.55, 8.08),
    "Key Biscayne": (-80.2, 25.7),
    "Land's End": (-5.7, 50.07),
    "North Cape": (25.78, 71.17),
}


def points_of(coasts):
    """Points on the drawn lines: ten on each straight piece."""
    along = np.linspace(0, 1, 11)[:, None, None]
    pieces = [(1 - along) * part[:-1] + along * part[1:] for part in coasts.get_segments()]
    return np.concatenate([piece.reshape(-1, 2) for piece in pieces])


@pytest.mark.parametrize("scale", [110, 50])
@pytest.mark.parametrize("cape", CAPES)
def test_stored_coasts_pass_capes(scale, cape):
    lon, lat = CAPES[cape]
    points = np.concatenate(lines("coasts", scale))
    away = np.hypot(((points[:, 0] - lon + 180) % 360 - 180) * np.cos(np.radians(lat)), points[:, 1] - lat)
    assert away.min() < (1.0 if scale == 110 else 0.5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("middle", [0.0, 180.0])
def test_drawn_coasts_pass_capes_in_every_projection(earth, name, middle):
    figure = trend_map(earth, projection=name, central_longitude=middle, dpi=50)
    axes = figure.axes[0]
    (coasts,) = (c for c in axes.collections if c.get_gid() == "coastlines")
    there = projection(name, middle, (30, 60))
    drawn = points_of(coasts)
    lon, lat = there.inverse(*drawn.T)
    seen = 0
    for place in CAPES.values():
        x, y = there.forward((place[0] - middle + 180) % 360 - 180 + middle, place[1])
        if not (axes.get_xlim()[0] < x < axes.get_xlim()[1] and axes.get_ylim()[0] < y < axes.get_ylim()[1]):
            continue
        seen += 1
        away = np.hypot(((lon - place[0] + 180) % 360 - 180) * np.cos(np.radians(place[1])), lat - place[1])
        assert np.nanmin(away) < 0.7
    assert seen >= 3


def test_regional_maps_have_finer_coasts_within_half_a_degree():
    figure = trend_map(result_of(regular(np.arange(30.0, 60), np.arange(-15.0, 30))), dpi=50, borders=True)
    (coasts,) = (c for c in figure.axes[0].collections if c.get_gid() == "coastlines")
    assert [c for c in figure.axes[0].collections if c.get_gid() == "borders"]
    drawn = points_of(coasts)
    for name in ("Gibraltar", "Cabo da Roca", "Land's End"):
        assert np.hypot(*(drawn - CAPES[name]).T).min() < 0.5


def test_no_coast_jumps_across_the_map(earth):
    for name, middle in itertools.product(("robinson", "platecarree", "north-polar"), (0.0, 180.0)):
        figure = trend_map(earth, projection=name, central_longitude=middle, dpi=50)
        (coasts,) = (c for c in figure.axes[0].collections if c.get_gid() == "coastlines")
        wide = np.ptp(figure.axes[0].get_xlim())
        longest = max(np.hypot(*np.diff(part, axis=0).T).max() for part in coasts.get_segments() if len(part) > 1)
        assert longest < 0.1 * wide


# ---- seams, poles and colours ----------------------------------------------------------------------------------------


def pixels_of(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255


def colour_at(figure, picture, x, y):
    """The colour of a place of the first map."""
    column, row = figure.axes[0].transData.transform((x, y))
    return picture[int(picture.shape[0] - row), int(column)]


def bare(result, **options):
    options = {"coastlines": False, "significance": None, "dpi": 200} | options
    figure = trend_map(result, **options)
    for drawn in (*figure.axes[0].collections, *figure.axes[0].patches):
        if drawn.get_gid() in ("graticule", "edge"):
            drawn.set_visible(False)
    return figure


GRIDS = {
    "0 to 360": np.arange(0.0, 360, 5),
    "0.5 to 359.5": np.arange(2.5, 360, 5),
    "-180 to 180": np.arange(-177.5, 180, 5),
    "cyclic": np.arange(0.0, 361, 5),
    "coarse": np.arange(0.0, 360, 30),
    "descending": np.arange(355.0, -1, -5),
}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("name", ["platecarree", "robinson", "mollweide", "equal-earth", "north-polar", "south-polar"])
def test_colours_of_places_are_those_of_the_colour_bar_without_a_seam_or_a_hole(grid, name):
    """Every place shows the colour of the cell that holds it: also at 0/360, at 180, and at the poles."""
    step = 30 if grid == "coarse" else 5
    lat, lon = np.arange(-90 + step / 2, 90, step), GRIDS[grid]
    slope = regular(lat, lon, lambda y, x: 0.05 * np.sin(np.radians(y + 40)) * np.cos(np.radians(x)))
    for middle in {"platecarree": (180.0,), "robinson": (0.0, 180.0)}.get(name, (0.0,)):
        figure = bare(result_of(slope), projection=name, central_longitude=middle)
        picture = pixels_of(figure)
        mappable = figure.axes[0].collections[0]
        there = projection(name, middle)
        # Off the edges of cells, where a pixel could show either side.
        east = [-178.2, -1.1, -0.9, 0.9, 1.1, 178.2, 91.0, -91.0]
        north = {"north-polar": [71.0, 51.0, 21.0], "south-polar": [-71.0, -51.0, -21.0]}.get(
            name, [86.5, 51.0, 1.0, -86.5]
        )
        for x, y in itertools.product(east, north):
            away = np.abs((lon - x + 180) % 360 - 180)
            cell = slope.values[np.abs(lat - y).argmin(), away.argmin()]
            # Nor at the ends of short parallels, where a degree is less than a pixel.
            if name != "platecarree" and abs(y) > 80 and abs(abs((x - middle + 180) % 360 - 180) - 180) < 2:
                continue
            # Nor next to the side of a cell.
            if np.diff(np.sort(np.unique(np.round(away, 6)))[:2])[0] < (3.5 if abs(y) > 80 else 0.5):
                continue
            place = there.forward((x - middle + 180) % 360 - 180 + middle, y)
            expected = mappable.cmap(mappable.norm(10 * cell))[:3]
            np.testing.assert_allclose(colour_at(figure, picture, *place), expected, atol=0.02, err_msg=f"{x} {y}")
        if name.endswith("polar"):
            around = slope.values[-1 if name.startswith("north") else 0]
            known = mappable.cmap(mappable.norm(10 * around))[:, :3]
            assert np.abs(known - colour_at(figure, picture, 0.0, 0.0)).max(axis=1).min() < 0.02


def test_gaussian_latitudes_reach_the_pole():
    # 64 latitudes of T42: the last row ends at 89.3 degrees.
    lat = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(64)[0]))
    figure = bare(result_of(regular(lat, np.arange(0.0, 360, 2.8125))), projection="north-polar")
    corners = figure.axes[0].collections[0].get_coordinates()
    assert np.hypot(*corners.reshape(-1, 2).T).min() == pytest.approx(0, abs=1e-12)


def test_a_regional_grid_is_not_stretched_over_the_gap():
    lat, lon = np.arange(-60.0, 61, 5), np.arange(100.0, 281, 5)
    figure = bare(result_of(regular(lat, lon)), projection="mollweide", central_longitude=180.0)
    assert np.ptp(figure.axes[0].get_xlim()) < 0.7 * 2 * np.sqrt(8)
    across = bare(result_of(regular(lat, lon)), projection="mollweide", central_longitude=0.0)
    shown = np.ma.filled(across.axes[0].collections[0].get_array(), np.nan)
    # The cells from 100 to 180 and from -180 to -80; between them, nothing.
    assert np.isnan(shown).all(axis=0).sum() > 0


# ---- unstructured grids ----------------------------------------------------------------------------------------------


def healpix(nside):
    """Latitudes and longitudes of the pixels' centres in ring order: Gorski et al. (2005), equations 4 to 9."""
    height, angle = [], []
    for ring in range(1, 4 * nside):
        edge = min(ring, 4 * nside - ring)
        if edge < nside:
            count, z, shift = 4 * edge, np.sign(2 * nside - ring) * (1 - edge**2 / (3 * nside**2)), 0.5
        else:
            count, z, shift = 4 * nside, 4 / 3 - 2 * ring / (3 * nside), ((ring - nside + 1) % 2) / 2
        height += [z] * count
        angle += list((np.arange(count) + shift) * 360 / count)
    return np.degrees(np.arcsin(height)), np.array(angle)


def scattered(lat, lon, dim="cell", of=wave):
    coords = {"lat": (dim, lat, {"units": "degrees_north"}), "lon": (dim, lon, {"units": "degrees_east"})}
    return xr.DataArray(of(lat, lon), coords, (dim,))


@pytest.mark.parametrize("name", ["robinson", "north-polar", "platecarree"])
@pytest.mark.parametrize("order", ["ring", "mixed"])
def test_healpix_cells_cover_the_earth(name, order):
    lat, lon = healpix(8)
    if order == "mixed":
        mixed = np.random.default_rng(0).permutation(lat.size)
        lat, lon = lat[mixed], lon[mixed]
    slope = scattered(lat, lon)
    figure = bare(result_of(slope), projection=name)
    picture, (image,) = pixels_of(figure), figure.axes[0].images
    there = projection(name, 180.0 if name == "platecarree" else 0.0)
    vectors = np.stack(
        [np.cos(np.radians(lat)) * f(np.radians(lon)) for f in (np.cos, np.sin)] + [np.sin(np.radians(lat))]
    )
    rng, seen = np.random.default_rng(1), 0
    for y, x in zip(np.degrees(np.arcsin(rng.uniform(-0.9, 0.95, 60))), rng.uniform(-178, 178, 60), strict=True):
        if name == "north-polar" and y < 3:
            continue
        point = np.array([np.cos(np.radians(y)) * f(np.radians(x)) for f in (np.cos, np.sin)] + [np.sin(np.radians(y))])
        best = np.argsort(-(point @ vectors))[:2]
        # Near the edge of two cells a pixel can show either.
        if (point @ vectors)[best[0]] - (point @ vectors)[best[1]] < 2e-3:
            continue
        seen += 1
        place = there.forward((x - there.longitude + 180) % 360 - 180 + there.longitude, y)
        expected = image.cmap(image.norm(10 * slope.values[best[0]]))[:3]
        np.testing.assert_allclose(colour_at(figure, picture, *place), expected, atol=0.02)
    assert seen > 15


def test_stations_are_points_with_white_centres_where_not_significant():
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(25, 49, 80), rng.uniform(-124, -70, 80)
    slope = scattered(lat, lon % 360, "station")
    figure = trend_map(result_of(slope), dpi=50)
    points = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_allclose(np.sort((points[:, 0] + 180) % 360 - 180), np.sort(lon))
    (rings,) = (c for c in figure.axes[0].collections if c.get_gid() == "not significant")
    assert len(rings.get_offsets()) == int((abs(slope) <= 0.02).sum())
    assert "white centre: not significant at 5 %" in figure.legends[0].get_texts()[0].get_text()


def test_cells_without_places_are_left_out_of_lists():
    lat, lon = healpix(4)
    lat[5] = np.nan
    with pytest.warns(UserWarning, match="1 cells have no latitude or longitude"):
        trend_map(result_of(scattered(lat, lon).fillna(0.01)), dpi=50)


# ---- colours, units and marks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 5), (6, 7), (36, 72), (100, 100)])
@pytest.mark.parametrize("where", ["high", "low", "both"])
def test_a_spike_does_not_move_the_colour_limits(shape, where):
    rng = np.random.default_rng(shape[0])
    values = rng.normal(size=shape)
    spiked = values.copy()
    spiked.flat[np.abs(values).argmin()] = -1e3 if where == "low" else 1e3
    if where == "both":
        spiked.flat[np.abs(values).argsort(axis=None)[1]] = -1e3
    # By hand: the largest of the others, which 98 % of normal values do not exceed, is about 2.3.
    assert largest(spiked) == pytest.approx(largest(values), rel=0.05)
    lat, lon = np.linspace(-60, 60, shape[0]), np.linspace(0, 300, shape[1])
    limits = []
    for field in (values, spiked):
        slope = xr.DataArray(field, {"lat": lat, "lon": lon}, ("lat", "lon"))
        mappable = trend_map(result_of(slope), dpi=40).axes[0].collections[0]
        limits.append(mappable.norm.boundaries[-1])
    assert limits[1] == pytest.approx(limits[0], rel=0.05)
    assert mappable.norm.extend == "both"


def test_many_zeros_and_skewed_values_are_no_outliers():
    values = np.zeros(1000)
    values[:60] = np.linspace(0.5, 1, 60)
    assert largest(values) > 0.6
    skewed = np.random.default_rng(0).exponential(size=5000)
    # The 98 % quantile of the exponential distribution is -ln 0.02.
    assert largest(skewed) == pytest.approx(-np.log(0.02), rel=0.06)


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ("mm day-1", "mm per day"),
        ("%", "%"),
        ("kg m-2 s-1", "kg m⁻² s⁻¹"),
        ("m s-1", "m s⁻¹"),
        ("days month-1", "days per month"),
    ],
)
def test_units_as_people_write_them(units, said):
    assert typographic(units) == said


def test_percent_per_decade(earth):
    percent = result_of(earth.slope * 100, units="% year-1", name="precipitation")
    assert trend_map(percent, dpi=50).axes[1].get_xlabel() == "Theil-Sen slope (% per decade)"


def test_dots_lie_on_significant_cells_and_are_evenly_spread(earth):
    for step in (2, 5):
        result = result_of(regular(np.arange(-90 + step / 2, 90, step), np.arange(0.0, 360, step)))
        figure = trend_map(result, significance="stippling", dpi=100)
        (dots,) = (line for line in figure.axes[0].lines if line.get_gid() == "significant")
        lon, lat = projection("robinson").inverse(*dots.get_data())
        marked = result.trend.sel(
            lat=xr.DataArray(lat, dims="dot"), lon=xr.DataArray(lon % 360, dims="dot"), method="nearest"
        )
        assert (marked != 0).all()
        paper = figure.axes[0].transData.transform(np.column_stack(dots.get_data())) / figure.dpi
        near = np.sort(np.hypot(*(paper[:, None] - paper[None]).transpose(2, 0, 1)), axis=1)[:, 1]
        assert np.median(near) > 0.035
        assert 500 < len(paper) < 6000
        assert figure.legends[0].get_texts()[0].get_text().startswith("dots: significant at 5 % (")


# ---- texts -----------------------------------------------------------------------------------------------------------

PROJECTIONS = ["platecarree", "robinson", "mollweide", "north-polar", "lambert"]
SIZES = [None, (3.2, 2.4), *(pytest.param(size, marks=pytest.mark.slow) for size in ((12.0, 3.0), (3.0, 7.0)))]
NAMES_AND_UNITS = [
    ("tas", "K year-1"),
    (
        "near_surface_air_temperature_of_the_coldest_month_relative_to_the_annual_mean_at_each_place",
        "1e-3 kg m-2 s-1 K-1 year-1",
    ),
]


def boxes_of(figure):
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    ticks = {t for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for t in axis.get_ticklabels(which="both")}
    drawn = {
        t
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for tick in axis._update_ticks()
        for t in (tick.label1,)
    }
    texts = [text for text in texts if text not in ticks or text in drawn]
    return [
        (text.get_text(), text.get_window_extent(renderer))
        for text in texts
        if text.get_window_extent(renderer).width > 0
    ]


def check_texts(figure):
    boxes, page = boxes_of(figure), figure.bbox
    for text, box in boxes:
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1
        assert inside, (text, box, page)
    for (one, a), (two, b) in itertools.combinations(boxes, 2):
        overlap = min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5
        assert not overlap, (one, two)


@pytest.mark.parametrize("name", PROJECTIONS)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("long_name", "units"), NAMES_AND_UNITS, ids=["short", "long"])
def test_no_text_lies_on_another_or_leaves_the_figure(earth, name, size, long_name, units):
    result = result_of(earth.slope.where(earth.lat < 70), units=units, name=long_name)
    figure = trend_map(result, projection=name, figsize=size, dpi=80)
    check_texts(figure)
    # The map is not squeezed out by the texts.
    box = figure.axes[0].get_window_extent()
    assert max(box.width / figure.bbox.width, box.height / figure.bbox.height) > 0.4


def test_texts_of_panels_and_slides(earth):
    seasons = xr.concat([earth] * 4, xr.Variable("season", ["DJF", "MAM", "JJA", "SON"]))
    for options in ({}, {"theme": "slides"}, {"figsize": (5, 5), "projection": "south-polar"}):
        check_texts(trend_map(seasons.assign_attrs(earth.attrs), panels="season", dpi=80, **options))


# ---- panels ----------------------------------------------------------------------------------------------------------


def test_panels_along_a_dimension_share_one_colour_bar(earth, tmp_path):
    factors = xr.DataArray([1.0, 2.0, -1.0, 0.5], {"season": ["DJF", "MAM", "JJA", "SON"]}, "season")
    seasons = earth.assign(slope=(earth.slope * factors).assign_attrs(earth.slope.attrs))
    figure = trend_map(seasons, panels="season", significance="stippling", path=tmp_path / "fig.pdf")
    assert len(figure.axes) == 5
    meshes = [ax.collections[0] for ax in figure.axes[:4]]
    assert len({mesh.norm.boundaries[-1] for mesh in meshes}) == 1
    said = [text.get_text() for text in figure.texts]
    assert {"DJF", "MAM", "JJA", "SON"} <= set(said)
    assert (tmp_path / "fig.pdf").stat().st_size < 1_000_000
    with pytest.raises(ValueError, match="panels='season'"):
        trend_map(seasons)


def test_a_large_panel_is_a_small_file(tmp_path):
    lat, lon = np.linspace(-90, 90, 73), np.arange(0.0, 360, 2.5)
    noise = np.random.default_rng(0).normal(size=(4, 73, 144)) * 0.02
    slope = xr.DataArray(noise, {"member": range(4), "lat": lat, "lon": lon}, ("member", "lat", "lon"))
    for how, suffix in (("stippling", "pdf"), ("stippling", "svg"), ("hatching", "pdf")):
        path = tmp_path / f"{how}.{suffix}"
        trend_map(result_of(slope), panels="member", significance=how, path=path)
        assert path.stat().st_size < 1_000_000
    assert b"/Subtype /Image" in (tmp_path / "stippling.pdf").read_bytes()


def test_panels_of_variables_and_of_results(earth):
    both = xr.Dataset(
        {"tas_slope": earth.slope, "tos_slope": 2 * earth.slope.assign_attrs(earth.slope.attrs)}, attrs=earth.attrs
    )
    both["tos_slope"].attrs = earth.slope.attrs
    assert len(trend_map(both, panels=["tas", "tos"], dpi=50).axes) == 3
    figure = trend_map({"all": earth, "original": earth}, dpi=50)
    assert {"all", "original"} <= {text.get_text() for text in figure.texts}
    both["tos_slope"].attrs["units"] = "mm year-1"
    with pytest.raises(ValueError, match=r"need one unit.*tas \(K year-1\), tos \(mm year-1\)"):
        trend_map(both, panels=["tas", "tos"])
    with pytest.raises(ValueError, match="2 maps do not fit in one Axes"):
        trend_map({"a": earth, "b": earth}, ax=Figure().add_subplot())


def test_a_record_is_tested_and_drawn_in_one_sentence(tmp_path):
    rng = np.random.default_rng(0)
    years = xr.date_range("1990", periods=20, freq="YS")
    trend = 0.1 * np.arange(20)[:, None, None] * (np.arange(12) < 4)
    record = xr.DataArray(
        rng.normal(size=(20, 8, 12)) + trend,
        {"time": years, "lat": np.arange(30.0, 46, 2), "lon": np.arange(0.0, 24, 2)},
        ("time", "lat", "lon"),
        "tas",
        {"units": "K"},
    )
    figure = trend_map(record, fdr=0.1, path=tmp_path / "a.png", dpi=50)
    result = gt.mann_kendall(record)
    expected = gt.field_significance(result.p_value, alpha_fdr=0.1).significant
    share = 100 * float((expected == 0).mean())
    said = figure.legends[0].get_texts()[0].get_text().replace("\n", " ")
    assert said.startswith(
        "hatched: not significant over the whole field (Benjamini-Hochberg false discovery rate at 10 %)"
    )
    assert said.endswith(f"({share:.0f} % of cells)")
    with pytest.raises(ValueError, match="has no 'p_value'"):
        trend_map(gt.theil_sen(record), fdr=0.1)


def test_wrong_choices_are_named(earth):
    with pytest.raises(ValueError, match="significance must be 'hatching', 'stippling' or None, not 'dots'"):
        trend_map(earth, significance="dots")
    with pytest.raises(ValueError, match="theme must be one of 'paper', 'slides'"):
        trend_map(earth, theme="dark")


def test_the_limit_can_be_given(earth):
    figure = trend_map(earth, limit=2.0, dpi=50)
    assert figure.axes[0].collections[0].norm.boundaries[-1] == 2.0
