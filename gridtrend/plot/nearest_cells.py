"""Cells that have a place each, and no neighbours in rows and columns: unstructured grids, HEALPix, and stations."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gridtrend.plot.frame import Frame

# Points are cells of a grid if the nearest neighbour is nearly as far as the sixth, in more than half of them.
EVEN = 0.6
FEWEST = 30


class NearestCells:
    """Which cell is nearest to places on the sphere.

    Parameters
    ----------
    longitude, latitude : ndarray, shape (cell,)
    """

    def __init__(self, longitude: np.ndarray, latitude: np.ndarray) -> None:
        from scipy.spatial import KDTree

        self.tree = KDTree(vectors(longitude, latitude))

    @cached_property
    def _distances(self) -> np.ndarray:
        """Distances of each cell to its first to sixth neighbour."""
        far, _ = self.tree.query(self.tree.data, k=min(7, self.tree.n))
        return np.asarray(far[:, 1:])

    @property
    def spacing(self) -> float:
        """Usual distance of a cell to its nearest neighbour, in radians; for stations, an estimate of what surrounds them."""
        return float(np.median(self._distances[:, 0]))

    @property
    def tile(self) -> bool:
        """Whether the cells cover an area, as those of grids do; stations do not."""
        if self.tree.n < FEWEST:
            return False
        near, far = self._distances[:, 0], self._distances[:, -1]
        return bool(np.median(near / np.where(far > 0, far, 1.0)) > EVEN)

    def picture(self, frame: Frame, width: int) -> tuple[np.ndarray, tuple[float, float, float, float]]:
        """Return the cell that each pixel shows, -1 for none, and the extent of the picture."""
        height = max(2, round(width * frame.shape))
        (x0, x1), (y0, y1) = frame.x, frame.y
        x = x0 + (np.arange(width) + 0.5) / width * (x1 - x0)
        y = y0 + (np.arange(height) + 0.5) / height * (y1 - y0)
        lon, lat = frame.projection.inverse(*np.meshgrid(x, y))
        known = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90)
        cell = np.full(lon.shape, -1)
        distance, nearest = self.tree.query(vectors(lon[known], lat[known]))
        # The corner of a square is 0.71 of a side away, that of the longest cells of HEALPix somewhat more.
        reach = 0.85 * self._distances[:, min(2, self._distances.shape[1] - 1)]
        cell[known] = np.where(distance <= reach[nearest], nearest, -1)
        return cell, (x0, x1, y0, y1)


def vectors(longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
    """Return unit vectors, shape (..., 3)."""
    lon, lat = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat) + 0 * lon], axis=-1)
