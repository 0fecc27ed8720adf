"""Areas of the cells on the map: longitude and latitude of their corners, projected, without a seam or a hole at a pole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gridtrend.plot.cell_outlines import outlines
from gridtrend.plot.map_grid import Grid
from gridtrend.plot.projections import Projection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

# Sides of cells are straight lines; longer ones are divided, for they are curved on most maps. In degrees.
LONGEST = 1.25
# Of the other hemisphere, maps of a pole and of a cone show nothing beyond this latitude.
FARTHEST = -30.0


@dataclass(frozen=True)
class Areas:
    """Four-sided areas in the plane of the map.

    Parameters
    ----------
    corners : ndarray, shape (area, 4, 2)
    cell : ndarray of int, shape (area,)
        The cell of the flattened field that each area shows. A cell at the edge of the map can occur twice, a large one is divided.
    sides : tuple of ndarray, shape (y + 1, x + 1), optional
        x and y of the corners where areas lie in rows and columns.
    """

    corners: np.ndarray
    cell: np.ndarray
    sides: tuple[np.ndarray, np.ndarray] | None = None

    def draw(self, ax: Axes, values: np.ndarray, **colours: Any) -> QuadMesh:
        """Draw the areas in colours (`cmap` and `norm`)."""
        shown = np.asarray(values, float).ravel()[self.cell]
        # Columns between the ends of a grid that does not go round the earth show no cell.
        shown = np.where(self.cell < 0, np.nan, shown)
        if self.sides is not None:
            x, y = self.sides
            shown = shown.reshape(x.shape[0] - 1, x.shape[1] - 1)
            return ax.pcolormesh(x, y, shown, shading="flat", rasterized=True, **colours)
        # One mesh with a single column: every second area is a cell, and those between are transparent. It is drawn far
        # faster than polygons.
        sides = np.stack([self.corners[:, [0, 1]], self.corners[:, [3, 2]]], axis=1).reshape(-1, 2, 2)
        shown = np.repeat(shown, 2)[:-1, None]
        opaque = (np.arange(shown.size) % 2 == 0).astype(float)[:, None]
        return ax.pcolormesh(*sides.transpose(2, 0, 1), shown, alpha=opaque, shading="flat", rasterized=True, **colours)


def cell_areas(grid: Grid, projection: Projection | None) -> Areas:
    """Return the areas of a grid; without a projection, on its own axes."""
    if projection is None:
        return _in_rows(*_crossed(_edges(grid.x), _edges(grid.y)), np.arange(grid.x.size * grid.y.size))
    if grid.x.ndim == 2:
        return _curvilinear(grid, projection)
    lat, rows = _latitudes(grid, projection)
    lon, columns = _longitudes(grid, projection)
    cell = np.where(columns < 0, -1, rows[:, None] * grid.x.size + columns).ravel()
    x, y = projection.forward(*np.meshgrid(lon, lat))
    areas = _in_rows(x, y, cell)
    return areas if projection.kind != "foreign" else _unbroken(areas.corners, cell)


def _curvilinear(grid: Grid, projection: Projection) -> Areas:
    if grid.outlines is None and projection.kind == "degrees":
        x, y = (_edges(_edges(centres, 0), 1) for centres in (grid.x, grid.y))
        return _in_rows(x, y, np.arange(grid.x.size))
    west = projection.longitude - 180 if projection.has_seam and grid.around else None
    areas = grid.outlines
    if areas is None or west != areas.west:
        areas = outlines(grid.x, grid.y, west)
    corners, cell = areas.corners, areas.cell
    side = projection.side
    if side:
        seen = (side * corners[..., 1] > FARTHEST).all(axis=1)
        corners, cell = corners[seen], cell[seen]
    if projection.has_seam and west is None:
        turns = np.round((corners[..., 0].mean(axis=1) - projection.longitude) / 360)
        corners = corners - np.stack([360 * turns, 0 * turns], axis=1)[:, None]
    corners = np.stack(projection.forward(corners[..., 0], corners[..., 1]), axis=2)
    return _unbroken(corners, cell) if projection.kind == "foreign" else Areas(corners, cell)


def _unbroken(corners: np.ndarray, cell: np.ndarray) -> Areas:
    """Areas that lie in one piece: of other projections it is not known where they are cut."""
    sizes = np.ptp(corners, axis=1).max(axis=1)
    whole = np.nanmax(np.ptp(corners[np.isfinite(sizes)].reshape(-1, 2), axis=0)) if np.isfinite(sizes).any() else 1.0
    sound = (sizes < 0.2 * whole) & (cell >= 0)
    return Areas(corners[sound], cell[sound])


def _in_rows(x: np.ndarray, y: np.ndarray, cell: np.ndarray) -> Areas:
    corner = np.stack([x, y], axis=2)
    around = [corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]]
    return Areas(np.stack(around, axis=2).reshape(-1, 4, 2), cell, (x, y))


def _crossed(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    across, up = np.meshgrid(x, y)
    return across, up


def _edges(centres: np.ndarray, axis: int = 0) -> np.ndarray:
    """Places half way between neighbours, and as far beyond the first and the last."""
    first, second = (centres.take([k], axis) for k in (0, 1))
    last, before = (centres.take([k], axis) for k in (-1, -2))
    size = centres.shape[axis]
    middle = (centres.take(range(size - 1), axis) + centres.take(range(1, size), axis)) / 2
    return np.concatenate([1.5 * first - 0.5 * second, middle, 1.5 * last - 0.5 * before], axis)


def _latitudes(grid: Grid, projection: Projection) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the rows, and which row each of them shows."""
    edges = _edges(grid.y)
    steps = np.abs(np.diff(edges))
    edges = edges.clip(-90, 90)
    for k, step in ((0, steps[0]), (-1, steps[-1])):
        # Models' last rows end shortly before the pole, which has no row of its own.
        if grid.around and abs(edges[k]) < 90 <= abs(edges[k]) + step / 2 + 1e-9:
            edges[k] = np.copysign(90.0, edges[k])
    rows = np.arange(grid.y.size)
    if side := projection.side:
        seen = np.minimum(side * edges[:-1], side * edges[1:]) > FARTHEST
        kept = np.flatnonzero(seen)
        rows, edges = rows[kept], edges[kept[0] : kept[-1] + 2]
    return _divided(edges, rows, projection)


def _longitudes(grid: Grid, projection: Projection) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the columns from west to east, and which column each of them shows; -1 for none."""
    edges, columns = _edges(grid.x), np.arange(grid.x.size)
    if projection.kind == "degrees" and not grid.around:
        return edges, columns
    west, east = np.minimum(edges[:-1], edges[1:]), np.maximum(edges[:-1], edges[1:])
    if np.ptp(edges) > 360.001:
        # Files may repeat the first meridian after the last.
        _, kept = np.unique(np.round(((west + east) / 2 - (west + east).min() / 2) % 360, 6), return_index=True)
        west, east, columns = west[kept], east[kept], columns[kept]
    if projection.has_seam:
        edge = projection.longitude - 180
        turn = 360 * np.floor(((west + east) / 2 - edge + 1e-9) / 360)
        west, east = west - turn, east - turn
        over, under = east > edge + 360 + 1e-6, west < edge - 1e-6
        west, east, columns = (
            np.concatenate([a, a[over] + shift, a[under] - shift])
            for a, shift in ((west, -360), (east, -360), (columns, 0))
        )
    order = np.argsort(west, kind="stable")
    west, east, columns = west[order], east[order], columns[order]
    bounds, shown = [float(west[0])], list[int]()
    for w, e, column in zip(west, east, columns, strict=True):
        if w > bounds[-1] + 1e-6:
            bounds.append(float(w))
            shown.append(-1)
        bounds.append(float(e))
        shown.append(int(column))
    return _divided(np.array(bounds), np.array(shown), projection)


def _divided(edges: np.ndarray, shown: np.ndarray, projection: Projection) -> tuple[np.ndarray, np.ndarray]:
    """Divide what is so large that its sides would be curved."""
    if projection.kind == "degrees":
        return edges, shown
    parts = np.ceil(np.abs(np.diff(edges)) / LONGEST - 1e-6).clip(1).astype(int)
    at = np.concatenate([[0], np.cumsum(parts)])
    return np.interp(np.arange(at[-1] + 1), at, edges), np.repeat(shown, parts)
