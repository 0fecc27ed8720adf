"""Coasts and borders of Natural Earth at 1:110 and 1:50 million, stored in the package.

Natural Earth is in the public domain (https://www.naturalearthdata.com); `.ci/coastlines.py` makes the arrays.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np

# Straight lines between two points are curved on most maps: no piece is longer than this, in degrees.
LONGEST = 2.0


@cache
def lines(kind: Literal["coasts", "borders"], scale: Literal[110, 50]) -> tuple[np.ndarray, ...]:
    """Return lines of longitude and latitude, each of shape (point, 2).

    Longitudes run on across the date line instead of jumping, so that some exceed 180.
    """
    with files("gridtrend.plot").joinpath("coastlines.npz").open("rb") as file, np.load(file) as stored:
        # Stored as differences of int16: the sum wraps around as the differences did.
        points = np.cumsum(stored[f"{kind}_{scale}"], axis=1, dtype=np.int16).T / 100
        ends = np.cumsum(stored[f"{kind}_{scale}_sizes"], dtype=int)
    return tuple(_dense(line) for line in np.split(points, ends[:-1]))


def _dense(line: np.ndarray) -> np.ndarray:
    """Return a line without jumps of longitude and without long pieces."""
    line = np.column_stack([np.unwrap(line[:, 0], period=360), line[:, 1]])
    pieces = np.ceil(np.abs(np.diff(line, axis=0)).max(axis=1) / LONGEST).clip(1).astype(int)
    if (pieces == 1).all():
        return line
    at = np.concatenate([[0], np.cumsum(pieces)])
    steps = np.arange(at[-1] + 1)
    return np.column_stack([np.interp(steps, at, coordinate) for coordinate in line.T])
