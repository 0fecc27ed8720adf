"""The projection that suits a grid, where the user names none."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridtrend.plot.cell_outlines import extent_of
from gridtrend.plot.map_grid import Grid
from gridtrend.plot.projections import Projection, projection

# Grids around the earth beyond this latitude are drawn from the pole; and regions beyond the next one.
POLAR, HIGH = 45.0, 65.0
# Wider regions of temperate latitudes on curvilinear grids are drawn on a cone, in degrees of latitude.
TEMPERATE = (20.0, 75.0)


def suitable_projection(grid: Grid, name: Any = None, longitude: float | None = None) -> Projection:
    """Return the projection to draw a geographic grid in.

    Parameters
    ----------
    grid : Grid
    name : str, pyproj.CRS or cartopy.crs.Projection, optional
        By default: Robinson for the whole earth, polar stereographic for what lies around a pole, Lambert conformal for
        curvilinear grids of temperate latitudes, plate carree for other regions.
    longitude : float, optional
        Central meridian. By default Greenwich for Robinson and its like, and the middle of the data for regions.
    """
    name = name if name is not None else _suitable(grid)
    south, north = float(np.nanmin(grid.y)), float(np.nanmax(grid.y))
    around = grid.around
    if longitude is None:
        longitude = 0.0
        plain = str(name).lower().replace("_", "").replace("-", "").replace(" ", "") == "platecarree"
        if not around or plain:
            longitude = _middle(grid)
    sixth = (north - south) / 6
    parallels = (south + sixth, north - sixth)
    # Neither the equator nor a pole is the middle of a cone.
    if abs(sum(parallels)) < 20 or max(map(abs, parallels)) > 85:
        hemisphere = -1 if south + north < 0 else 1
        parallels = (hemisphere * 30.0, hemisphere * 60.0)
    return projection(name, longitude, parallels)


def shape_of(grid: Grid, suitable: Projection | None) -> float:
    """Return about how high a map is over its width, before anything is drawn."""
    kind = suitable.kind if suitable is not None else "degrees"
    if kind == "world" and grid.around:
        return 0.52
    return 1.0 if kind == "polar" and grid.around else grid.shape


def _suitable(grid: Grid) -> str:
    south, north = float(np.nanmin(grid.y)), float(np.nanmax(grid.y))
    pole = "north-polar" if north > 0 else "south-polar"
    nearest = min(abs(south), abs(north)) if south * north > 0 else 0.0
    if grid.polar or (grid.around and nearest >= POLAR) or nearest >= HIGH:
        return pole
    if grid.around and south < -30 and north > 30:
        return "robinson"
    middle = abs(south + north) / 2
    if grid.x.ndim == 2 and not grid.around and TEMPERATE[0] < middle < TEMPERATE[1] and north - south < 70:
        return "lambert"
    return "platecarree"


def _middle(grid: Grid) -> float:
    """The central meridian of the cells."""
    if grid.outlines is not None and grid.outlines.west is not None:
        return grid.outlines.west + 180
    if grid.x.ndim == 1 and not grid.scattered:
        return float(grid.x[0] + grid.x[-1]) / 2
    places = grid.x[np.isfinite(grid.x)]
    west, around = extent_of(places)
    if around:
        return float(np.round(west + 180))
    east = (places - west) % 360
    return float(west + (east.min() + east.max()) / 2)
