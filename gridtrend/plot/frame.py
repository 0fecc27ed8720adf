"""What surrounds and overlays the cells of a map: its edge, graticule, labels of degrees, coasts and borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gridtrend.plot import coastlines
from gridtrend.plot.axes import inches
from gridtrend.plot.labels import degrees
from gridtrend.plot.projections import Projection

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

# Order of drawing, above cells and hatching.
GRATICULE, COAST, EDGE = 2.2, 2.4, 2.6
LABEL = "degrees"
# Details of coasts that are drawn, in points.
FINEST = 0.2
STEPS = np.array([0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30, 45, 60])


@dataclass(frozen=True)
class Frame:
    """The part of the plane that a map shows.

    Parameters
    ----------
    projection : Projection
    x, y : tuple of float
        Limits of the axes.
    edge : ndarray, shape (point, 2), optional
        The edge of the map where it is not the rectangle of the axes.
    around : bool
        Whether all longitudes are shown.
    """

    projection: Projection
    x: tuple[float, float]
    y: tuple[float, float]
    edge: np.ndarray | None
    around: bool

    @property
    def shape(self) -> float:
        """Height over width."""
        return (self.y[1] - self.y[0]) / (self.x[1] - self.x[0])

    def draw(self, ax: Axes, size: float) -> None:
        """Give the axes limits, edge, graticule and labels of `size` points."""
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        ax.set_xlim(self.x)
        ax.set_ylim(self.y)
        ax.set_aspect("equal", adjustable="box")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_linewidth(0.6)
        if self.edge is not None:
            ax.spines[:].set_visible(False)
            path = Path(self.edge, closed=True)
            ground = PathPatch(path, facecolor=ax.get_facecolor(), linewidth=0, zorder=-1)
            ax.set_facecolor("none")
            ax.add_artist(ground)
            line = PathPatch(path, fill=False, edgecolor="0.2", linewidth=0.7, zorder=EDGE, gid="edge", clip_on=False)
            ax.add_artist(line)
        self._graticule(ax, size)

    def clip(self, ax: Axes, artist: Artist) -> None:
        """Cut what is drawn at the edge of the map."""
        from matplotlib.path import Path

        if self.edge is not None:
            artist.set_clip_path(Path(self.edge, closed=True), transform=ax.transData)

    def _graticule(self, ax: Axes, size: float) -> None:
        from matplotlib.collections import LineCollection

        meridians, parallels = self._degrees()
        middle = self.projection.longitude
        east = np.linspace(-180, 180, 361) if self.projection.has_seam else np.linspace(-180, 180, 721)
        lines = [self.projection.forward(lon + 0 * LATITUDES, LATITUDES) for lon in meridians]
        lines += [self.projection.forward(middle + east, lat + 0 * east) for lat in parallels]
        drawn = LineCollection(
            [_whole(np.column_stack(line), self) for line in lines],
            colors="0.35",
            alpha=0.45,
            linewidths=0.35,
            zorder=GRATICULE,
            gid="graticule",
        )
        drawn.set_in_layout(False)
        ax.add_collection(drawn, autolim=False)
        self.clip(ax, drawn)
        for x, y, text, (right, up) in self._labels(meridians, parallels):
            ax.annotate(
                text,
                xy=(x, y),
                xytext=(4.5 * right, 4.5 * up),
                textcoords="offset points",
                ha={-1: "right", 0: "center", 1: "left"}[int(np.round(right))],
                va={-1: "top", 0: "center", 1: "bottom"}[int(np.round(up))],
                fontsize=size,
                color="0.25",
                gid=LABEL,
                annotation_clip=False,
            )

    def _degrees(self) -> tuple[np.ndarray, np.ndarray]:
        """Meridians and parallels of the graticule."""
        west, east, south, north = self._extent()
        if self.projection.kind == "world" and self.edge is not None:
            return self.projection.longitude + np.arange(-120.0, 121, 60), np.arange(-60.0, 61, 30)
        wide = STEPS[np.searchsorted(STEPS, (east - west) / (12 if self.projection.kind == "polar" else 6)).clip(0, 11)]
        high = STEPS[np.searchsorted(STEPS, (north - south) / 5).clip(0, 11)]
        # A hair inside of the limits: the last parallel is not the edge.
        meridians = np.arange(np.ceil(west / wide), np.floor((east - 1e-6) / wide) + 1) * wide
        parallels = np.arange(np.ceil((south + 1e-6) / high), np.floor((north - 1e-6) / high) + 1) * high
        return meridians, parallels

    def _extent(self) -> tuple[float, float, float, float]:
        """West, east, south and north of what is shown."""
        x, y = np.meshgrid(np.linspace(*self.x, 60), np.linspace(*self.y, 60))
        lon, lat = self.projection.inverse(x, y)
        known = np.isfinite(lon) & np.isfinite(lat)
        if self.edge is not None and self.projection.pole:
            known &= np.hypot(x, y) <= self.x[1]
        middle = self.projection.longitude
        if not known.any():
            return middle - 180, middle + 180, -90.0, 90.0
        lon, lat = (lon[known] - middle + 180) % 360 - 180 + middle, lat[known]
        return float(lon.min()), float(lon.max()), float(lat.min()), float(lat.max())

    def _labels(self, meridians: np.ndarray, parallels: np.ndarray) -> Any:
        """Yield place, text and direction of the label of each line of the graticule."""
        easts, norths = degrees("EW"), degrees("NS")
        forward, middle = self.projection.forward, self.projection.longitude
        if self.edge is not None and self.projection.kind == "world":
            for lat in parallels:
                yield *forward(middle - 180, lat), norths(lat, 0), (-1, 0)
            if forward(middle + 180, -90.0)[0] > 0.5:
                # Those named first stay on small maps.
                for lon in meridians[[2, 0, 4, 1, 3]]:
                    yield *forward(lon, -90.0), easts(lon, 0), (0, -1)
            return
        if self.edge is not None and self.projection.pole:
            for lon in meridians[:-1] if np.isclose(meridians[-1] - meridians[0], 360) else meridians:
                x, y = forward(lon, 0.0)
                away = np.array([x, y]) / np.hypot(x, y)
                yield *(away * self.x[1]), easts(lon, 0), tuple(away)
            return
        for lon in meridians:
            x, y = forward(lon + 0 * LATITUDES, LATITUDES)
            if (at := _crossing(y, x, self.y[0], self.x)) is not None:
                yield at, self.y[0], easts(lon, 0), (0, -1)
        for lat in parallels:
            x, y = forward(middle + np.linspace(-180, 180, 1441), lat + np.zeros(1441))
            if (at := _crossing(x, y, self.x[0], self.y)) is not None:
                yield self.x[0], at, norths(lat, 0), (-1, 0)

    def coasts(self, ax: Axes, *, coasts: bool, borders: bool) -> None:
        """Draw coasts and borders, of a scale that suits what the map shows."""
        west, east, south, north = self._extent()
        scale: Literal[110, 50] = 110 if max(east - west, 2 * (north - south)) > 120 else 50
        if coasts:
            self._lines(ax, "coasts", scale, colors="0.1", linewidths=0.55)
        if borders:
            self._lines(ax, "borders", scale, colors="0.35", linewidths=0.35)

    def _lines(self, ax: Axes, kind: Literal["coasts", "borders"], scale: Literal[110, 50], **style: Any) -> None:
        from matplotlib.collections import LineCollection

        places = []
        turns = (-360, 0, 360) if self.projection.has_seam else (0,)
        for line in coastlines.lines(kind, scale):
            away = line[:, 0] - self.projection.longitude
            away -= 360 * np.round(away.mean() / 360)
            west, east = away.min(), away.max()
            places += [
                np.column_stack([away + turn, line[:, 1]])
                for turn in turns
                if west + turn <= 180 and east + turn >= -180
            ]
        away, latitude = np.concatenate(places).T
        points = np.column_stack(self.projection.forward(self.projection.longitude + away, latitude))
        ends = np.cumsum([len(place) for place in places])
        finest = FINEST / 72 / inches(ax, self.shape)[0] * (self.x[1] - self.x[0])
        shown = [_thinned(part, finest) for line in np.split(points, ends[:-1]) for part in _visible(line, self)]
        drawn = LineCollection(shown, zorder=COAST, gid="coastlines" if kind == "coasts" else kind, **style)
        drawn.set_in_layout(False)
        ax.add_collection(drawn, autolim=False)
        self.clip(ax, drawn)


LATITUDES = np.linspace(-90, 90, 361)


def _visible(points: np.ndarray, frame: Frame) -> list[np.ndarray]:
    """Parts of a line that are near what the axes show, without jumps of foreign projections."""
    wide, high = frame.x[1] - frame.x[0], frame.y[1] - frame.y[0]
    inside = (np.abs(points[:, 0] - np.mean(frame.x)) < 0.55 * wide) & (
        np.abs(points[:, 1] - np.mean(frame.y)) < 0.55 * high
    )
    if not inside.any():
        return []
    near = inside.copy()
    near[1:] |= inside[:-1]
    near[:-1] |= inside[1:]
    points = np.where(near[:, None], points, np.nan)
    broken = np.flatnonzero(
        np.isnan(points[:, 0]) | (np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T) > wide / 4)
    )
    parts = np.split(points, broken)
    return [part[np.isfinite(part[:, 0])] for part in parts if np.isfinite(part[:, 0]).sum() > 1]


def _thinned(points: np.ndarray, finest: float) -> np.ndarray:
    """A line without points that lie nearly on the chord of their neighbours, which only make files large."""
    for _ in range(3):
        if len(points) < 4:
            break
        before, here, after = points[:-2:2], points[1:-1:2], points[2::2]
        before, here = before[: len(after)], here[: len(after)]
        chord, away = after - before, here - before
        part = np.clip((away * chord).sum(axis=1) / np.maximum((chord**2).sum(axis=1), 1e-30), 0, 1)
        kept = np.ones(len(points), bool)
        kept[1:-1:2] = np.hypot(*(away - part[:, None] * chord).T) > finest
        points = points[kept]
    return points


def _whole(points: np.ndarray, frame: Frame) -> np.ndarray:
    """A line of the graticule with gaps (NaN) where it jumps or where it has no place."""
    jump = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T) > (frame.x[1] - frame.x[0]) / 4
    return np.where(jump[:, None], np.nan, points)


def _crossing(along: np.ndarray, across: np.ndarray, level: float, limits: tuple[float, float]) -> float | None:
    """Where a line crosses an edge of the axes, within its limits."""
    side = along - level
    for k in np.flatnonzero(side[:-1] * side[1:] <= 0):
        if np.isfinite(side[k : k + 2]).all() and side[k] != side[k + 1]:
            at = across[k] + (across[k + 1] - across[k]) * side[k] / (side[k] - side[k + 1])
            if limits[0] <= at <= limits[1]:
                return float(at)
    return None


def frame(projection: Projection, longitude: np.ndarray, latitude: np.ndarray, *, around: bool) -> Frame:
    """Return what a map shows of cells with these corners: the earth, the cap around a pole, or the region of the data."""
    middle = projection.longitude
    if projection.kind == "world" and around:
        side = np.linspace(-90, 90, 181)
        right, left = (np.column_stack(projection.forward(middle + turn + 0 * side, side)) for turn in (180, -180))
        edge = np.concatenate([right, left[::-1], right[:1]])
        (x0, y0), (x1, y1) = edge.min(axis=0), edge.max(axis=0)
        # Half of the line of the edge lies outside.
        return Frame(projection, (1.004 * x0, 1.004 * x1), (1.006 * y0, 1.006 * y1), edge, True)
    if projection.pole and around:
        last = np.clip(np.floor(np.nanmin(projection.pole * latitude) + 1e-6), 0, 85)
        radius = float(projection.forward(middle, projection.pole * last)[1].item())
        turn = np.linspace(0, 2 * np.pi, 361)
        edge = abs(radius) * np.column_stack([np.cos(turn), np.sin(turn)])
        limits = (-1.006 * abs(radius), 1.006 * abs(radius))
        return Frame(projection, limits, limits, edge, True)
    if projection.has_seam:
        longitude = middle + (longitude - middle + 180) % 360 - 180
    if projection.side:
        latitude = np.where(projection.side * latitude > -30, latitude, np.nan)
    x, y = projection.forward(longitude, latitude)
    x0, x1, y0, y1 = (float(f(v)) for v in (x, y) for f in (np.nanmin, np.nanmax))
    margin = 0.02 * max(x1 - x0, y1 - y0)
    return Frame(projection, (x0 - margin, x1 + margin), (y0 - margin, y1 + margin), None, around)
