"""Positions of the cells: latitude and longitude, or the axes of the grid itself."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import xarray as xr

from gridtrend.grid.places import latitude_longitude
from gridtrend.plot.cell_outlines import Outlines, extent_of, outlines
from gridtrend.plot.nearest_cells import NearestCells

# Units and names of coordinates that are drawn downwards in vertical sections.
PRESSURE = {"Pa": 0.01, "pascal": 0.01, "hPa": 1.0, "mbar": 1.0, "mb": 1.0, "millibar": 1.0, "millibars": 1.0}
DOWNWARD = ("air_pressure", "depth", "plev", "pressure")


@dataclass(frozen=True)
class Grid:
    """Centres of the cells (both 1-D or both 2-D), and properties of the axes."""

    dims: tuple[Any, ...]
    x: np.ndarray
    y: np.ndarray
    labels: tuple[str, str] = ("", "")
    geographic: bool = False
    # Indices of the drawn cells, sorted by position, where that is not the order of the data.
    order: Mapping[Any, np.ndarray] = field(default_factory=dict)
    # Whether y is height, depth or pressure, and whether it grows downwards.
    vertical: bool = False
    downward: bool = False
    # Outlines of cells that are not adjacent in longitude and latitude.
    outlines: Outlines | None = None
    # Whether each cell has a place of its own, as in lists of stations and on unstructured grids.
    scattered: bool = False

    def arrange(self, data: Any) -> Any:
        """Return a DataArray or Dataset with its cells in the order in which they are drawn."""
        return data.isel(self.order).transpose(*self.dims, ...)

    @cached_property
    def nearest(self) -> NearestCells:
        """Which cell is nearest to a place, for cells that each have a place of their own."""
        return NearestCells(self.x, self.y)

    @property
    def around(self) -> bool:
        """Whether cells lie at all longitudes."""
        if not self.geographic:
            return False
        if self.outlines is not None:
            return self.outlines.west is not None
        if self.scattered:
            return extent_of(self.x[np.isfinite(self.x)])[1]
        if self.x.ndim == 2:
            return False
        return bool(np.ptp(self.x) + np.abs(np.diff(self.x)).max() > 359.9)

    @property
    def polar(self) -> bool:
        """Whether the cells of a curvilinear grid of one hemisphere surround the pole."""
        return self.outlines is not None and self.outlines.polar and np.nanmin(self.y) * np.nanmax(self.y) > 0

    @property
    def aspect(self) -> float | Literal["auto"]:
        """Length of a unit of y over that of a unit of x."""
        if self.geographic:
            middle = (np.nanmin(self.y) + np.nanmax(self.y)) / 2
            return float(1 / np.cos(np.radians(np.clip(middle, -75, 75))))
        unit_x, unit_y = (label.partition("(")[2] for label in self.labels)
        return 1.0 if unit_x == unit_y and not self.vertical else "auto"

    @property
    def proportion(self) -> float:
        """Height of the map over its width."""
        if self.aspect == "auto":
            return 0.6
        if self.outlines is not None:
            lowest, highest = (edge(self.outlines.corners, axis=(0, 1)) for edge in (np.min, np.max))
            width = highest[0] - lowest[0] if self.outlines.west is None else 360.0
            return float(self.aspect * (highest[1] - lowest[1]) / width)
        return float(self.aspect * np.ptp(self.y) / np.ptp(self.x))

    @property
    def shape(self) -> float:
        """Height over width of the space for the map in the figure."""
        return float(np.clip(self.proportion, 0.15, 4))

    @property
    def high(self) -> bool:
        """Whether the colour bar is at the side."""
        return self.shape > 0.8


def place(slope: xr.DataArray) -> Grid:
    """Return the positions of the cells, on latitude and longitude if there are any."""
    lat, lon = latitude_longitude(slope)
    if lat is not None and lon is not None and all(slope[name].dtype.kind in "iuf" for name in (lat, lon)):
        y, x = slope[lat].astype(float), slope[lon].astype(float)
        if y.ndim == x.ndim == 1 and y.dims != x.dims and _is_finite(y) and _is_finite(x):
            (ys, rows), (xs, columns) = _sorted(y), _sorted(x, _unbroken)
            if len(np.unique(ys)) > 1 and len(np.unique(xs)) > 1:
                order = _unlike_data(y.dims + x.dims, (rows, columns), slope)
                return Grid(y.dims + x.dims, xs, ys, geographic=True, order=order)
        if y.dims == x.dims == slope.dims and slope.ndim == 1:
            return _scattered(slope, x.values, y.values)
        if set(y.dims) == set(x.dims) == set(slope.dims) and min(slope.shape) > 1:
            y, x = y.transpose(*slope.dims), x.transpose(*slope.dims)
            if (grid := _curvilinear(slope, x.values, y.values)) is not None:
                return grid
    dims, axes = slope.dims, slope.cf.guess_coord_axis().cf.axes
    upright = _vertical(slope, dims, axes.get("Z", []))
    if dims[1] == upright or (dims[0] in axes.get("X", []) and dims[0] != upright):
        dims = dims[::-1]
    (ys, y_label, rows), (xs, x_label, columns) = (_own_axis(slope, dim, upright) for dim in dims)
    order = _unlike_data(dims, (rows, columns), slope)
    downward = upright is not None and _counts_downwards(slope[upright])
    return Grid(dims, xs, ys, (x_label, y_label), order=order, vertical=upright is not None, downward=downward)


def _curvilinear(slope: xr.DataArray, longitude: np.ndarray, latitude: np.ndarray) -> Grid | None:
    """Cells with a 2-D longitude and latitude; None for a grid that is drawn better on its own axes."""
    placed = _placed(slope, longitude, latitude)
    if np.unique(longitude[placed]).size < 2 or np.unique(latitude[placed]).size < 2:
        return None
    if np.isfinite(longitude + latitude).all():
        unbroken = _unbroken(longitude)
        if np.ptp(unbroken) < 360 and _side_by_side(unbroken) and _side_by_side(latitude):
            return Grid(slope.dims, unbroken, latitude, geographic=True)
    if lost := int((~placed & slope.notnull().values).sum()):
        warnings.warn(f"{lost} cells have no latitude or longitude and are not drawn", stacklevel=5)
    longitude, latitude = np.where(placed, longitude, np.nan), np.where(placed, latitude, np.nan)
    return Grid(slope.dims, longitude, latitude, geographic=True, outlines=outlines(longitude, latitude))


def is_scattered(slope: xr.DataArray) -> bool:
    """Whether the cells of a field of one dimension have a latitude and a longitude each."""
    lat, lon = latitude_longitude(slope)
    numbers = lat is not None and lon is not None and all(slope[name].dtype.kind in "iuf" for name in (lat, lon))
    return numbers and slope.ndim == 1 and slope.size > 1 and slope[lat].dims == slope[lon].dims == slope.dims


def _scattered(slope: xr.DataArray, longitude: np.ndarray, latitude: np.ndarray) -> Grid:
    """Stations and unstructured grids."""
    placed = np.isfinite(longitude) & np.isfinite(latitude) & (np.abs(latitude) <= 90.001)
    if lost := int((~placed & slope.notnull().values).sum()):
        warnings.warn(f"{lost} cells have no latitude or longitude and are not drawn", stacklevel=4)
    there = np.flatnonzero(placed)
    west, around = extent_of(longitude[there])
    longitude = longitude if around else west + (longitude - west) % 360
    order = {} if placed.all() else {slope.dims[0]: there}
    return Grid(slope.dims, longitude[there], latitude[there], geographic=True, order=order, scattered=True)


def _side_by_side(places: np.ndarray) -> bool:
    """Whether positions are monotonic along each axis, without a jump."""
    steps = [np.diff(places, axis=axis) for axis in (0, 1)]
    return all((np.abs(step) < 90).all() and ((step >= 0).all() or (step <= 0).all()) for step in steps)


def _placed(slope: xr.DataArray, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Which cells have a position; models without land cells give all of them the same one, mostly 0."""
    placed: np.ndarray = np.isfinite(longitude) & np.isfinite(latitude) & (np.abs(latitude) <= 90.001)
    empty = slope.isnull().values
    for axis in (0, 1):
        same = (np.diff(longitude, axis=axis) == 0) & (np.diff(latitude, axis=axis) == 0)
        before = np.concatenate([same, np.zeros_like(same.take([0], axis))], axis)
        after = np.concatenate([np.zeros_like(same.take([0], axis)), same], axis)
        placed &= ~(empty & (before | after))
    return placed


def _sorted(coordinate: xr.DataArray, turn: Any = np.asarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorted coordinates of an axis, and the indices of their cells; missing coordinates are left out."""
    positions = np.flatnonzero(np.isfinite(coordinate.values))
    if lost := coordinate.size - positions.size:
        warnings.warn(
            f"'{coordinate.name}' is missing at {lost} of {coordinate.size} places: cells there are not drawn",
            stacklevel=4,
        )
    values = turn(coordinate.values[positions])
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all():
        return values, positions
    order = np.argsort(values, kind="stable")
    return values[order], positions[order]


def _unlike_data(dims: Any, positions: Any, slope: xr.DataArray) -> dict[Any, np.ndarray]:
    """Indices along those axes on which cells are drawn in another order than in the data, or only some of them."""
    return {
        dim: there
        for dim, there in zip(dims, positions, strict=True)
        if there.size != slope.sizes[dim] or (np.diff(there) != 1).any()
    }


def _is_finite(coordinate: xr.DataArray) -> bool:
    """Whether cells can be placed by a coordinate: all numbers, none missing."""
    return coordinate.dtype.kind in "iuf" and bool(np.isfinite(coordinate).all())


def _unbroken(longitude: np.ndarray) -> np.ndarray:
    """Return longitudes without the jump at the date line or at Greenwich, most in -90..270."""
    for axis in range(longitude.ndim):
        longitude = np.unwrap(longitude, period=360, axis=axis)
    return np.asarray(longitude - 360 * np.floor((longitude.mean() + 90) / 360)) if longitude.size else longitude


def _vertical(slope: xr.DataArray, dims: Any, guessed: Any) -> Any:
    """Return the dimension of height, depth or pressure, if there is one."""
    for dim in dims:
        if dim in slope.coords and slope[dim].dtype.kind in "iuf":
            attrs = slope[dim].attrs
            if dim in guessed or attrs.get("positive") or str(attrs.get("units")) in PRESSURE:
                return dim
    return None


def _counts_downwards(coordinate: xr.DataArray) -> bool:
    attrs = coordinate.attrs
    if attrs.get("positive") in ("up", "down"):
        return bool(attrs["positive"] == "down")
    named = str(attrs.get("standard_name", coordinate.name)).lower() in DOWNWARD
    return (named or str(attrs.get("units")) in PRESSURE) and bool((coordinate >= 0).any())


def _own_axis(slope: xr.DataArray, dim: Any, upright: Any) -> tuple[np.ndarray, str, np.ndarray]:
    if dim in slope.coords and slope[dim].dtype.kind in "iuf":
        values, positions = _sorted(slope[dim].astype(float))
        if len(np.unique(values)) > 1:
            return *_readable(values, dim, str(slope[dim].attrs.get("units", "")), dim == upright), positions
    places = np.arange(slope.sizes[dim])
    return places.astype(float), f"{dim} (index)", places


def _readable(values: np.ndarray, dim: Any, units: str, upright: bool) -> tuple[np.ndarray, str]:
    """Return coordinates in units of readable size, and the label of their axis."""
    if units in ("m", "metre", "meter", "metres", "meters") and np.abs(values).max() >= 10_000:
        values, units = values / 1000, "km"
    if upright and units in PRESSURE:
        values, units = values * PRESSURE[units], "hPa"
    return values, f"{dim} ({units})" if units and units != "1" else str(dim)
