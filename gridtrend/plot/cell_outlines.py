"""Outlines of the cells of a curvilinear grid, also across the date line, at a pole, and next to cells without coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Steps from a cell to its eight neighbours.
AROUND = [(j, i) for j in (-1, 0, 1) for i in (-1, 0, 1) if (j, i) != (0, 0)]
# A grid is global if no gap between its longitudes is wider than this.
WIDEST_GAP = 20.0


@dataclass(frozen=True)
class Outlines:
    """Four-sided areas on longitude and latitude.

    Parameters
    ----------
    corners : ndarray, shape (area, 4, 2)
    cell : ndarray of int, shape (area,)
        The cell of the flattened field that each area shows. Cells cut by the edge of a global map occur twice.
    west : float, optional
        Western edge of the map, if it is global.
    polar : bool
        Whether a pole lies in a cell.
    """

    corners: np.ndarray
    cell: np.ndarray
    west: float | None
    polar: bool


def outlines(longitude: np.ndarray, latitude: np.ndarray, edge: float | None = None) -> Outlines:
    """Areas around the centres of cells, which meet halfway between neighbours.

    Parameters
    ----------
    longitude, latitude : ndarray, shape (y, x)
        Degrees; cells without a place have none.
    edge : float, optional
        Western edge of a map of the whole earth. By default global grids get one that suits the longitudes.
    """
    placed = np.isfinite(longitude) & np.isfinite(latitude)
    west, around = extent_of(longitude[placed]) if edge is None else (edge, True)
    middle = west + (longitude[placed] - west) % 360
    # Midpoints of unit vectors: these have no jump at the date line and no poles.
    vectors = _corners(_vectors(longitude, latitude))
    corner = np.stack([vectors[:-1, :-1], vectors[:-1, 1:], vectors[1:, 1:], vectors[1:, :-1]], axis=2)[placed]
    lat = np.degrees(np.arctan2(corner[..., 2], np.hypot(corner[..., 0], corner[..., 1])))
    lon = np.degrees(np.arctan2(corner[..., 1], corner[..., 0]))
    polar = np.abs(_nearest_turn(np.roll(lon, -1, axis=1) - lon).sum(axis=1)) > 180
    lon = middle[:, None] + _nearest_turn(lon - middle[:, None])
    corners, cell = np.stack([lon, lat], axis=2), np.flatnonzero(placed)
    if around:
        corners = np.concatenate([corners[~polar], _sectors(corners[polar])])
        cell = np.concatenate([cell[~polar], np.repeat(cell[polar], 4)])
        east, before = corners[..., 0].max(axis=1) > west + 360, corners[..., 0].min(axis=1) < west
        corners = np.concatenate([corners, corners[east] - (360, 0), corners[before] + (360, 0)])
        cell = np.concatenate([cell, cell[east], cell[before]])
    return Outlines(corners, cell, west if around else None, bool(polar.any()))


def extent_of(longitude: np.ndarray) -> tuple[float, bool]:
    """Western edge of a map of these places, and whether it is global."""
    ordered = np.unique(longitude % 360)
    gaps = np.diff(ordered, append=ordered[0] + 360)
    widest = int(gaps.argmax())
    if gaps[widest] <= WIDEST_GAP:
        return float(10 * np.floor(longitude.min() / 10)), True
    west = ordered[widest] + gaps[widest] / 2
    mean = (west + (longitude - west) % 360).mean()
    # Most longitudes are then in -90..270.
    return float(west - 360 * np.floor((mean + 90) / 360)), False


def _vectors(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    lon, lat = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat) + 0 * lon], axis=-1)


def _corners(centres: np.ndarray) -> np.ndarray:
    """Means of the four centres around each corner, shape (y + 1, x + 1, 3); beyond an edge they are continued."""
    centres = np.pad(centres, [(2, 2), (2, 2), (0, 0)], constant_values=np.nan)
    total, count = np.zeros_like(centres), np.zeros(centres.shape[:2])
    for j, i in AROUND:
        near, far = (np.roll(centres, (k * j, k * i), (0, 1)) for k in (1, 2))
        # The point at the same distance beyond, on the great circle.
        ahead = 2 * (near * far).sum(axis=-1, keepdims=True) * near - far
        known = np.isfinite(ahead[..., 0])
        total += np.where(known[..., None], ahead, 0.0)
        count += known
    with np.errstate(invalid="ignore"):
        ahead = total / count[..., None]
    centres = np.where(np.isnan(centres), ahead, centres)[1:-1, 1:-1]
    four = np.stack([centres[:-1, :-1], centres[:-1, 1:], centres[1:, 1:], centres[1:, :-1]])
    known = np.isfinite(four)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, four, 0.0).sum(axis=0) / known.sum(axis=0))


def _nearest_turn(angle: np.ndarray) -> np.ndarray:
    """The same angle in -180..180."""
    return np.asarray((angle + 180) % 360 - 180)


def _sectors(corners: np.ndarray) -> np.ndarray:
    """Cells around a pole as four areas each, from a side to the pole."""
    first = corners
    second = np.roll(corners, -1, axis=1)
    second[..., 0] = first[..., 0] + _nearest_turn(second[..., 0] - first[..., 0])
    pole = np.copysign(90.0, corners[..., 1].mean(axis=1, keepdims=True)) * np.ones((1, 4))
    top = [np.stack([side[..., 0], pole], axis=2) for side in (second, first)]
    return np.stack([first, second, *top], axis=2).reshape(-1, 4, 2)
