"""Where the cells are: latitude and longitude, or the axes of the grid itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr


def coordinates(slope: xr.DataArray) -> tuple[str | None, str | None]:
    """Return the names of latitude and longitude, found by CF attributes or by name."""
    import cf_xarray  # noqa: F401

    scalars = [n for n, c in slope.coords.items() if not c.ndim]
    named = slope.drop_vars(scalars).cf.guess_coord_axis().cf.coordinates
    return named.get("latitude", [None])[0], named.get("longitude", [None])[0]


@dataclass(frozen=True)
class Grid:
    """Centres of the cells (both 1-D or both 2-D), and how the axes show them."""

    dims: tuple[Any, ...]
    x: np.ndarray
    y: np.ndarray
    labels: tuple[str, str] = ("", "")
    geographic: bool = False

    @property
    def aspect(self) -> float | Literal["auto"]:
        """Length of a unit of y over that of a unit of x."""
        if self.geographic:
            middle = (self.y.min() + self.y.max()) / 2
            return float(1 / np.cos(np.radians(np.clip(middle, -75, 75))))
        unit_x, unit_y = (label.partition("(")[2] for label in self.labels)
        return 1.0 if unit_x == unit_y else "auto"

    @property
    def shape(self) -> float:
        """Height of the map over its width."""
        if self.aspect == "auto":
            return 0.6
        return float(np.clip(self.aspect * np.ptp(self.y) / np.ptp(self.x), 0.15, 4))

    @property
    def high(self) -> bool:
        """Whether the colour bar goes to the side."""
        return self.shape > 0.8


def place(slope: xr.DataArray) -> Grid:
    """Return where the cells lie, on latitude and longitude if there are any."""
    lat, lon = coordinates(slope)
    if lat is not None and lon is not None and all(_is_finite(slope[name]) for name in (lat, lon)):
        y, x = slope[lat].astype(float), slope[lon].astype(float)
        if y.ndim == x.ndim == 1 and y.dims != x.dims:
            return Grid(y.dims + x.dims, _unbroken(x.values), y.values, geographic=True)
        if y.ndim == x.ndim == 2:
            y, x = y.transpose(*slope.dims), x.transpose(*slope.dims)
            longitude = _unbroken(x.values)
            jump = max(np.abs(np.diff(longitude, axis=axis)).max() for axis in (0, 1))
            if jump < 90:
                return Grid(y.dims, longitude, y.values, geographic=True)
    dims = slope.dims
    if dims[0] in slope.cf.guess_coord_axis().cf.axes.get("X", []):
        dims = dims[::-1]
    (y_values, y_label), (x_values, x_label) = (_own_axis(slope, dim) for dim in dims)
    return Grid(dims, x_values, y_values, (x_label, y_label))


def _is_finite(coordinate: xr.DataArray) -> bool:
    """Whether cells can be placed by a coordinate: all numbers, none missing."""
    return coordinate.dtype.kind in "iuf" and bool(np.isfinite(coordinate).all())


def _unbroken(longitude: np.ndarray) -> np.ndarray:
    """Return longitudes without the jump at the date line or at Greenwich, most in -90..270."""
    for axis in range(longitude.ndim):
        longitude = np.unwrap(longitude, period=360, axis=axis)
    return np.asarray(longitude - 360 * np.floor((longitude.mean() + 90) / 360))


def _own_axis(slope: xr.DataArray, dim: Any) -> tuple[np.ndarray, str]:
    if dim not in slope.coords or not _is_finite(slope[dim]):
        return np.arange(slope.sizes[dim], dtype=float), f"{dim} (index)"
    values, units = slope[dim].values.astype(float), slope[dim].attrs.get("units", "")
    if units in ("m", "metre", "meter", "metres", "meters") and np.abs(values).max() >= 10_000:
        values, units = values / 1000, "km"
    return values, f"{dim} ({units})" if units else str(dim)
