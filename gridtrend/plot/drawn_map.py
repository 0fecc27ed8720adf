"""One map in its axes: cells in colours, what surrounds them, and marks of significance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gridtrend.plot.axes import finish
from gridtrend.plot.cells import Areas, cell_areas
from gridtrend.plot.frame import Frame, frame
from gridtrend.plot.map_grid import Grid
from gridtrend.plot.projections import Projection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Dots are at least so far apart, in inches, and the picture of an unstructured grid has so many pixels in a row.
DOTS = 0.07
PIXELS = 1400
# Above this number of cells hatching is drawn as pixels, as the cells are: as lines it would be most of a file.
MOST_LINES = 1500
MARKS = 1.5


@dataclass(frozen=True)
class Look:
    """How a map is drawn: colours, sizes and lines.

    Parameters
    ----------
    cmap, norm
        Of matplotlib.
    size : float
        Size of the labels in points.
    coastlines, borders : bool
    """

    cmap: Any
    norm: Any
    size: float = 8.0
    coastlines: bool = True
    borders: bool = False


class DrawnMap:
    """A map that has been drawn.

    Parameters
    ----------
    ax : Axes
    grid : Grid
    values : ndarray
        In the order of the grid.
    projection : Projection or None
        None for grids without longitude and latitude.
    look : Look
    """

    def __init__(self, ax: Axes, grid: Grid, values: np.ndarray, projection: Projection | None, look: Look) -> None:
        self.ax, self.grid, self.projection = ax, grid, projection
        self.areas: Areas | None = None
        self.cells: np.ndarray | None = None
        self.frame: Frame | None = None
        colours = {"cmap": look.cmap, "norm": look.norm}
        if grid.scattered and projection is not None:
            self._draw_scattered(np.asarray(values, float), projection, colours)
        else:
            self.areas = cell_areas(grid, projection)
            if projection is not None and projection.kind != "degrees":
                self.frame = frame(projection, *self._corners(), around=grid.around)
            if grid.outlines is not None and grid.around and not grid.polar:
                # On a map of the earth, areas without cells are land that the grid leaves out.
                ax.set_facecolor(look.cmap.get_bad())
            self.mappable: Any = self.areas.draw(ax, values, **colours)
        # Layouts need the texts alone: the extent of coasts takes long to find.
        self.mappable.set_in_layout(False)
        if self.frame is not None and projection is not None and projection.kind != "degrees":
            self.frame.clip(ax, self.mappable)
            self.frame.draw(ax, look.size)
            self.frame.coasts(ax, coasts=look.coastlines, borders=look.borders)
        else:
            finish(ax, grid, projection, look.size)
            if projection is not None:
                flat = Frame(projection, ax.get_xlim(), ax.get_ylim(), None, grid.around)
                flat.coasts(ax, coasts=look.coastlines, borders=look.borders)

    @property
    def shape(self) -> float:
        """Height over width of the axes."""
        aspect = self.ax.get_aspect()
        if aspect == "auto":
            return self.grid.shape
        (x0, x1), (y0, y1) = self.ax.get_xlim(), self.ax.get_ylim()
        return float(np.clip(float(aspect) * abs((y1 - y0) / (x1 - x0)), 0.12, 4))

    def _corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Longitudes and latitudes of corners of the cells."""
        if self.grid.outlines is not None:
            corners = self.grid.outlines.corners
            return corners[..., 0].ravel(), corners[..., 1].ravel()
        flat = cell_areas(self.grid, Projection("", "degrees", 0.0, lambda x, y: (x, y), lambda x, y: (x, y)))
        return flat.corners[..., 0].ravel(), flat.corners[..., 1].ravel().clip(-90, 90)

    def _draw_scattered(self, values: np.ndarray, projection: Projection, colours: dict[str, Any]) -> None:
        lon, lat = self.grid.x, self.grid.y
        nearest = self.grid.nearest
        around = self.grid.around
        beyond = np.degrees(nearest.spacing)
        corners = (
            np.concatenate([lon - beyond, lon + beyond]),
            np.concatenate([lat - beyond, lat + beyond]).clip(-90, 90),
        )
        near = frame(projection, *corners, around=around)
        if projection.kind == "degrees" and around:
            west = projection.longitude - 180
            near = replace(near, x=(west, west + 360))
        self.frame = near
        if nearest.tile:
            cells, extent = nearest.picture(near, PIXELS if near.shape < 1 else round(PIXELS / near.shape))
            shown = np.where(cells < 0, np.nan, values[cells])
            alpha = (cells >= 0).astype(float)
            self.cells = cells
            self.mappable = self.ax.imshow(
                shown, origin="lower", extent=extent, interpolation="nearest", aspect="auto", alpha=alpha, **colours
            )
        else:
            x, y = self.places()
            size = float(np.clip(3000 / lon.size, 8, 40))
            self.mappable = self.ax.scatter(
                x, y, c=values, s=size, linewidths=0.6, edgecolors="0.3", zorder=2.8, **colours
            )
            missing = np.isnan(values)
            self.ax.scatter(
                x[missing], y[missing], s=size, color=[colours["cmap"].get_bad()], linewidths=0.3, edgecolors="0.5"
            )
        self.ax.set_xlim(near.x)
        self.ax.set_ylim(near.y)

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of the centre of each cell on the map."""
        lon, lat = self.grid.x, self.grid.y
        if lon.ndim == 1 and not self.grid.scattered:
            lon, lat = np.meshgrid(lon, lat)
        lon, lat = lon.ravel(), lat.ravel()
        if self.projection is None:
            return lon, lat
        if self.projection.has_seam:
            lon = self.projection.longitude + (lon - self.projection.longitude + 180) % 360 - 180
        return self.projection.forward(lon, lat)

    def hatch(self, marked: np.ndarray, style: dict[str, Any]) -> None:
        """Hatch cells."""
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        if self.areas is None:
            self._hatch_scattered(marked.ravel(), style)
            return
        chosen = (self.areas.cell >= 0) & marked.ravel()[self.areas.cell]
        loops = self.areas.corners[chosen][:, [0, 1, 2, 3, 0]]
        steps = [Path.MOVETO, *3 * [Path.LINETO], Path.CLOSEPOLY]
        # One patch for all cells, unknown to limits and layout: far faster than one for each.
        patch = PathPatch(
            Path(loops.reshape(-1, 2), np.tile(steps, len(loops))),
            transform=self.mappable.get_transform(),
            gid="not significant",
            in_layout=False,
            zorder=MARKS,
            rasterized=len(loops) > MOST_LINES,
            **style,
        )
        patch.set_hatch_linewidth(0.4)
        self.ax.add_artist(patch)
        if self.frame is not None:
            self.frame.clip(self.ax, patch)

    def _hatch_scattered(self, marked: np.ndarray, style: dict[str, Any]) -> None:
        if self.cells is None:
            # Stations that are not significant become rings.
            x, y = (places[marked] for places in self.places())
            size = float(self.mappable.get_sizes()[0])
            self.ax.scatter(x, y, s=0.3 * size, color="white", linewidths=0, zorder=2.9, gid="not significant")
            return
        (x0, x1), (y0, y1) = self.ax.get_xlim(), self.ax.get_ylim()
        shape = self.cells.shape
        shown = ((self.cells >= 0) & marked[self.cells]).astype(float)
        x = x0 + (np.arange(shape[1]) + 0.5) / shape[1] * (x1 - x0)
        y = y0 + (np.arange(shape[0]) + 0.5) / shape[0] * (y1 - y0)
        filled = self.ax.contourf(x, y, shown, levels=[0.5, 1.5], colors="none", hatches=[style["hatch"]], zorder=MARKS)
        filled.set(gid="not significant", in_layout=False, edgecolor=style["edgecolor"], linewidth=0, rasterized=True)
        filled.set_hatch_linewidth(0.4)
        if self.frame is not None:
            self.frame.clip(self.ax, filled)

    def dot(self, marked: np.ndarray, inches: float, size: float) -> None:
        """Draw dots on cells; where cells are small, on some of them, evenly spread over the map `inches` wide."""
        x, y = self.places()
        (x0, x1), (y0, y1) = sorted(self.ax.get_xlim()), sorted(self.ax.get_ylim())
        across = (x1 - x0) / (inches / DOTS)
        up = (y1 - y0) / (inches * self.shape / DOTS)
        # Of all cells in a square of the paper the one nearest to its middle is looked at.
        with np.errstate(invalid="ignore"):
            column, row = np.floor((x - x0) / across), np.floor((y - y0) / up)
            away = np.hypot((x - x0) / across - column - 0.5, (y - y0) / up - row - 0.5)
            known = np.isfinite(away) & (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
        there = np.flatnonzero(known)
        there = there[np.argsort(away[there], kind="stable")]
        square = np.column_stack([column[there], row[there]])
        _, first = np.unique(square, axis=0, return_index=True)
        chosen = there[first]
        chosen = chosen[marked.ravel()[chosen]]
        (line,) = self.ax.plot(
            *(x[chosen], y[chosen]), linestyle="none", marker="o", markersize=size, markeredgewidth=0, color="0.1"
        )
        line.set(zorder=MARKS, gid="significant", in_layout=False)
        if self.frame is not None:
            self.frame.clip(self.ax, line)
