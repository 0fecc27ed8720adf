"""Projections of the sphere to the plane: from longitude and latitude to x and y, and back.

Formulas are those of Snyder (1987, Map Projections: A Working Manual, doi:10.3133/pp1395), Robinson's table, and Savric, Patterson
and Jenny (2019, doi:10.1080/13658816.2018.1504949) for Equal Earth, on a sphere with a radius of one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np

Points = tuple[np.ndarray, np.ndarray]
NAMES = (
    "platecarree",
    "robinson",
    "mollweide",
    "equal-earth",
    "lambert",
    "north-polar",
    "south-polar",
)

# Robinson's table: length of the parallel and its distance from the equator, every 5 degrees of latitude.
ROBINSON_LENGTH = (
    *(1.0, 0.9986, 0.9954, 0.99, 0.9822, 0.973, 0.96, 0.9427, 0.9216, 0.8962),
    *(0.8679, 0.835, 0.7986, 0.7597, 0.7186, 0.6732, 0.6213, 0.5722, 0.5322),
)
ROBINSON_DISTANCE = (
    *(0.0, 0.062, 0.124, 0.186, 0.248, 0.31, 0.372, 0.434, 0.4958, 0.5571),
    *(0.6176, 0.6769, 0.7346, 0.7903, 0.8435, 0.8936, 0.9394, 0.9761, 1.0),
)
# Degrees beyond the area of use of a projection of pyproj that are drawn.
MARGIN = 10.0
EQUAL_EARTH = (1.340264, -0.081106, 0.000893, 0.003796)


@dataclass(frozen=True)
class Projection:
    """A way to draw the sphere.

    Parameters
    ----------
    name : str
    kind : {"degrees", "world", "polar", "conic", "foreign"}
        "degrees": x and y are longitude and latitude. "world": x is proportional to longitude at every latitude. "foreign":
        of pyproj or cartopy.
    longitude : float
        The central meridian, which is upright.
    forward, inverse : callable
        From degrees to x and y, and back. Longitudes beyond 180 degrees from the centre are drawn beyond the map's edge
        ("degrees", "world" and "conic"), or around the pole ("polar"). Outside of the sphere, `inverse` returns NaN.
    side : int
        1 or -1 for the pole around which meridians are straight lines; the other one lies at infinity.
    """

    name: str
    kind: Literal["degrees", "world", "polar", "conic", "foreign"]
    longitude: float
    forward: Callable[[Any, Any], Points] = field(repr=False)
    inverse: Callable[[Any, Any], Points] = field(repr=False)
    side: int = 0

    @property
    def has_seam(self) -> bool:
        """Whether the map ends 180 degrees east and west of its centre."""
        return self.kind in ("degrees", "world", "conic")

    @property
    def pole(self) -> int:
        """1 or -1 for the pole in the middle of the map; otherwise 0."""
        return self.side if self.kind == "polar" else 0


def projection(name: Any, longitude: float = 0.0, latitudes: tuple[float, float] = (30.0, 60.0)) -> Projection:
    """Return a projection by its name, or one of pyproj or cartopy.

    Parameters
    ----------
    name : str, pyproj.CRS or cartopy.crs.Projection
    longitude : float
        Central meridian.
    latitudes : tuple of float
        Standard parallels of "lambert".

    Raises
    ------
    ValueError
        For an unknown name.
    """
    plain = str(name).lower().replace("_", "-").replace(" ", "-") if isinstance(name, str) else ""
    plain = {"plate-carree": "platecarree", "equalearth": "equal-earth", "lambert-conformal": "lambert"}.get(
        plain, plain
    )
    if plain == "platecarree":
        return Projection(plain, "degrees", longitude, _same, _same)
    if plain in ("robinson", "mollweide", "equal-earth"):
        return _world(plain, longitude)
    if plain in ("north-polar", "south-polar"):
        return _polar(plain, longitude)
    if plain == "lambert":
        return _lambert(longitude, latitudes)
    return _foreign(name)


def _same(longitude: Any, latitude: Any) -> Points:
    return np.asarray(longitude, float), np.asarray(latitude, float)


def _on_earth(middle: float, away: np.ndarray, lat: np.ndarray) -> Points:
    """Longitudes and latitudes of what lies on the map; the edge itself does, whatever rounding does to it."""
    there = np.abs(away) <= 180 + 1e-9
    return np.where(there, middle + away, np.nan), np.where(there, lat, np.nan)


def _world(name: str, longitude: float) -> Projection:
    """Projections of the whole earth, whose parallels are straight and evenly divided."""
    shape = {"robinson": _robinson, "mollweide": _mollweide, "equal-earth": _equal_earth}[name]
    # Back by interpolation: the table is dense enough for half a pixel of the largest pictures.
    table = np.linspace(-90, 90, 7201)
    lengths, heights = shape(np.radians(table))

    def forward(lon: Any, lat: Any) -> Points:
        length, height = shape(np.radians(lat))
        return np.radians(np.subtract(lon, longitude)) * length, height + 0 * np.asarray(lon)

    def inverse(x: Any, y: Any) -> Points:
        lat = np.interp(y, heights, table, left=np.nan, right=np.nan)
        length = np.interp(lat, table, lengths)
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.degrees(np.asarray(x) / length)
        return _on_earth(longitude, away, lat)

    return Projection(name, "world", longitude, forward, inverse)


@cache
def _robinson_splines() -> tuple[Callable[[Any], np.ndarray], Callable[[Any], np.ndarray]]:
    from scipy.interpolate import CubicSpline

    nodes = np.radians(np.arange(-90, 91, 5))
    length = np.array(ROBINSON_LENGTH[:0:-1] + ROBINSON_LENGTH)
    distance = np.array([-d for d in ROBINSON_DISTANCE[:0:-1]] + list(ROBINSON_DISTANCE))
    return CubicSpline(nodes, length), CubicSpline(nodes, distance)


def _robinson(lat: np.ndarray) -> Points:
    length, distance = _robinson_splines()
    return 0.8487 * length(lat), 1.3523 * distance(lat)


def _mollweide(lat: np.ndarray) -> Points:
    """Snyder's equations 31-1 to 31-4."""
    lat = np.asarray(lat, float)
    target = np.pi * np.sin(lat)
    # Newton's steps converge slowly at the poles, where the start is already right.
    angle = np.sign(lat) * (np.pi / 2 - np.cbrt(3 * np.pi / 4 * (np.pi / 2 - np.abs(lat)) ** 2))
    angle = np.where(np.abs(lat) < 1.2, lat, angle)
    for _ in range(30):
        slope = 2 + 2 * np.cos(2 * angle)
        step = (2 * angle + np.sin(2 * angle) - target) / np.where(slope > 1e-12, slope, 1.0)
        angle = np.clip(angle - np.where(slope > 1e-12, step, 0.0), -np.pi / 2, np.pi / 2)
    return np.sqrt(8) / np.pi * np.cos(angle), np.sqrt(2) * np.sin(angle)


def _equal_earth(lat: np.ndarray) -> Points:
    first, second, third, fourth = EQUAL_EARTH
    angle = np.arcsin(np.sqrt(3) / 2 * np.sin(lat))
    two, six = angle**2, angle**6
    height = angle * (first + second * two + six * (third + fourth * two))
    slope = first + 3 * second * two + six * (7 * third + 9 * fourth * two)
    return 2 * np.sqrt(3) / 3 * np.cos(angle) / slope, height


def _polar(name: str, longitude: float) -> Projection:
    """Snyder's equations 21-5 to 21-12 (stereographic, from a pole)."""
    side = 1 if name == "north-polar" else -1

    def forward(lon: Any, lat: Any) -> Points:
        angle = np.radians(np.subtract(lon, longitude))
        # The other pole lies at infinity: what is near it, is far outside of any map.
        distance = 2 * np.tan(np.pi / 4 - np.radians(np.clip(side * np.asarray(lat, float), -89, 90)) / 2)
        return distance * np.sin(angle), -side * distance * np.cos(angle)

    def inverse(x: Any, y: Any) -> Points:
        lat = side * (90 - 2 * np.degrees(np.arctan(np.hypot(x, y) / 2)))
        return longitude + np.degrees(np.arctan2(x, -side * np.asarray(y))), lat

    return Projection(name, "polar", longitude, forward, inverse, side)


def _lambert(longitude: float, latitudes: tuple[float, float]) -> Projection:
    """Snyder's equations 14-15 to 15-3 (Lambert conformal conic), with the origin half way between the parallels."""
    first, second = np.radians(latitudes)
    south = -1.0 if first + second < 0 else 1.0
    first, second = sorted((south * first, south * second))

    def cotangent(lat: Any) -> Any:
        return np.tan(np.pi / 4 + lat / 2)

    cone = float(np.sin(first))
    if second - first > 1e-6:
        cone = float(np.log(np.cos(first) / np.cos(second)) / np.log(cotangent(second) / cotangent(first)))
    scale = np.cos(first) * cotangent(first) ** cone / cone
    origin = scale / cotangent((first + second) / 2) ** cone

    def forward(lon: Any, lat: Any) -> Points:
        # The other pole lies at infinity.
        distance = scale / cotangent(np.radians(np.clip(south * np.asarray(lat, float), -80, 90))) ** cone
        angle = cone * np.radians(np.subtract(lon, longitude))
        return distance * np.sin(angle), south * (origin - distance * np.cos(angle))

    def inverse(x: Any, y: Any) -> Points:
        height = origin - south * np.asarray(y)
        away = np.degrees(np.arctan2(x, height)) / cone
        with np.errstate(divide="ignore"):
            lat = 2 * np.degrees(np.arctan((scale / np.hypot(x, height)) ** (1 / cone))) - 90
        return _on_earth(longitude, away, south * lat)

    return Projection("lambert", "conic", longitude, forward, inverse, int(south))


def _foreign(name: Any) -> Projection:
    """Return a projection of pyproj or cartopy, whose projections are pyproj's."""
    try:
        from pyproj import CRS, Transformer
        from pyproj.exceptions import CRSError
    except ImportError:
        raise ValueError(
            f"unknown projection {name!r}: choose one of {', '.join(NAMES)}, or install pyproj for its projections"
        ) from None
    try:
        target = CRS.from_user_input(name)
    except CRSError:
        raise ValueError(
            f"unknown projection {name!r}: choose one of {', '.join(NAMES)}, or what pyproj.CRS() accepts"
        ) from None
    if target.is_geographic:
        return projection("platecarree")
    there = Transformer.from_crs(target.geodetic_crs, target, always_xy=True)
    middle = next((p.value for p in target.coordinate_operation.params if "ongitude of" in p.name), 0.0)

    use = target.area_of_use
    south, north = (use.south, use.north) if use else (-90.0, 90.0)

    def turned(x: Any, y: Any, direction: str) -> Points:
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        if direction == "FORWARD":
            # Whole turns are no places of their own there.
            x = (x + 180 - middle) % 360 - 180 + middle
            # Far from the area that it is made for, a projection can run to infinity.
            y = np.where((y >= south - MARGIN) & (y <= north + MARGIN), y, np.nan)
        x, y = there.transform(x, y, direction=direction)
        known = np.isfinite(x) & np.isfinite(y)
        return np.where(known, x, np.nan), np.where(known, y, np.nan)

    return Projection(
        str(target.name),
        "foreign",
        float(middle),
        lambda lon, lat: turned(lon, lat, "FORWARD"),
        lambda x, y: turned(x, y, "INVERSE"),
    )
