"""The nodes that a problem is given on, and quadrature through neighbouring nodes.

Nothing is evaluated between nodes, and no node is added, moved or dropped. The integral over an interval is that of the
polynomial through the values at 2, 4, 6 or more neighbouring nodes; its weights depend only on the mesh.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

# Weights magnify rounding and noise of the coefficients by up to the sum of their magnitudes divided by the step. Where steps
# differ by many orders of magnitude, that sum becomes huge, and a rule with fewer nodes is more accurate.
MOST_MAGNIFIED = 1e7
# Gauss's rule with 5 points is exact for polynomials through up to 10 nodes.
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(5)

Rule = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Mesh:
    """Increasing nodes, in pieces that no stencil crosses.

    Parameters
    ----------
    x : ndarray of float64
        The nodes. A node that occurs twice is an interface, with coefficients of both sides.
    pieces : tuple of (start, stop)
        Ranges of nodes; pieces that meet in a single node share it.
    """

    x: Any
    pieces: tuple[tuple[int, int], ...]

    def part(self, start: int, stop: int) -> "Mesh":
        """The mesh of nodes `start` to `stop` alone."""
        pieces = [(max(a, start) - start, min(b, stop) - start) for a, b in self.pieces]
        return Mesh(self.x[start:stop], tuple((a, b) for a, b in pieces if b - a > 1 or (a, b) == (0, stop - start)))

    @cached_property
    def smallest_piece(self) -> int:
        """Number of nodes of the smallest piece."""
        return min((b - a for a, b in self.pieces), default=0)

    def rule(self, size: int) -> Rule:
        """Quadrature over each interval through `size` nodes of its piece, or as many as that has.

        Returns
        -------
        weights : ndarray of shape (intervals, size)
        first : ndarray of int64
            The integral over interval i is the sum of weights[i, k] f[first[i] + k].
        """
        weights = np.zeros((self.x.size - 1, size))
        first = np.zeros(self.x.size - 1, np.int64)
        for start, stop in self.pieces:
            if stop - start > 1:
                self._fill(weights, first, start, stop, min(size, stop - start))
        # A row of weights may reach beyond the last node: shift its start and its weights.
        excess = np.maximum(first + size - self.x.size, 0)
        for i in np.flatnonzero(excess):
            weights[i] = np.roll(weights[i], excess[i])
        return weights, first - excess

    def _fill(self, weights: Any, first: Any, start: int, stop: int, size: int) -> None:
        todo = np.arange(start, stop - 1)
        while todo.size:
            at = np.clip(todo - size // 2 + 1, start, stop - size)
            found = _weights(self.x, todo, at, size)
            length = self.x[todo + 1] - self.x[todo]
            good = np.abs(found).sum(1) <= MOST_MAGNIFIED * length if size > 2 else np.ones(todo.size, bool)
            weights[todo[good], :size] = found[good]
            first[todo[good]] = at[good]
            todo, size = todo[~good], size - 1

    def next_rule(self, order: int) -> Rule | None:
        """The rule that estimates the error of a solution of some order; None where there are too few nodes."""
        size = min(order + 2, self.smallest_piece)
        if size <= order:
            # Too few nodes for a higher order: the distance to the next lower order is an upper bound of the error.
            size = order - 2
        return self.rule(size) if size >= 2 else None

    def lowered(self, order: int) -> int:
        """Number of intervals whose rule has fewer nodes than the order needs."""
        weights, _ = self.rule(order)
        step = np.diff(self.x) > 0
        return int(np.sum((weights[step] != 0.0).sum(1) < order)) if order > 2 else 0


def _weights(x: Any, intervals: Any, first: Any, size: int) -> Any:
    """Integrals over intervals of Lagrange's polynomials through `size` nodes from `first` on, exact except for rounding."""
    nodes = x[first[:, None] + np.arange(size)]
    left, length = x[intervals], x[intervals + 1] - x[intervals]
    points = left[:, None] + 0.5 * (_POINTS + 1.0) * length[:, None]
    result = np.empty((intervals.size, size))
    for k in range(size):
        basis = np.ones_like(points)
        for j in range(size):
            if j != k:
                basis *= (points - nodes[:, j, None]) / (nodes[:, k] - nodes[:, j])[:, None]
        result[:, k] = 0.5 * length * (basis @ _WEIGHTS)
    return result


def mesh_of(arrays: Sequence[xr.DataArray], dim: str, breaks: Sequence[float] | None, order: int) -> Mesh:
    """The mesh along the coordinate `dim` of the first array that has it.

    Raises
    ------
    TypeError
        If the coordinate is not of real numbers.
    ValueError
        If there is no coordinate, if it does not increase, if a break is no node, or if there are too few nodes.
    """
    found = next((array for array in arrays if dim in array.dims), None)
    if found is None:
        raise ValueError(
            f"no coefficient has the dimension {dim!r}, so there is no mesh. Give a constant coefficient as a profile: "
            f"xarray.DataArray(numpy.full(x.size, value), {{{dim!r}: x}}, {dim!r})."
        )
    if dim not in found.coords:
        raise ValueError(
            f"dimension {dim!r} has no coordinate, and the positions of the nodes are needed. "
            f"Name them: da.assign_coords({dim}=[...])."
        )
    values = found.coords[dim].values
    if values.dtype.kind not in "iuf":
        raise TypeError(f"coordinate {dim!r} holds {values.dtype}; nodes are real numbers, such as metres.")
    x = values.astype(float)
    if x.size < order:
        raise ValueError(
            f"order {order} needs {order} nodes, and dimension {dim!r} has {x.size} nodes. Ask for a lower order: order=2 "
            "needs two."
        )
    breaks = _numbers(breaks)
    _check_order(x, dim, breaks)
    mesh = Mesh(x, _pieces(x, dim, breaks))
    if mesh.smallest_piece < order:
        where = f"between breaks, {mesh.smallest_piece} nodes" if breaks is not None else f"{x.size} nodes"
        raise ValueError(
            f"order {order} needs {order} nodes, and dimension {dim!r} has {where}. "
            "Ask for a lower order: order=2 needs two."
        )
    return mesh


def _numbers(breaks: Sequence[float] | None) -> list[float] | None:
    if breaks is None:
        return None
    found = np.asarray(breaks)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iuf"):
        raise ValueError(f"breaks={breaks!r} is no list of nodes; give numbers, such as breaks=[0.5].")
    return [float(each) for each in found]


def _check_order(x: Any, dim: str, breaks: Sequence[float] | None) -> None:
    if not np.isfinite(x).all():
        raise ValueError(f"coordinate {dim!r} holds values that are not finite. Drop those nodes: da.dropna({dim!r}).")
    steps = np.diff(x)
    if x.size > 1 and (steps < 0).all():
        raise ValueError(
            f"coordinate {dim!r} decreases from {x[0]:g} to {x[-1]:g}; 'left' is its smallest node. "
            f"Sort the data: ds.sortby({dim!r})."
        )
    if (steps < 0).any():
        i = int(np.argmax(steps < 0))
        raise ValueError(
            f"coordinate {dim!r} goes back from {x[i]:g} to {x[i + 1]:g} at node {i + 1}, and nodes must increase. "
            f"Sort the data: ds.sortby({dim!r})."
        )
    known = np.asarray([] if breaks is None else breaks, float)
    for i in np.flatnonzero(steps == 0).tolist():
        if x[i] not in known:
            raise ValueError(
                f"coordinate {dim!r} has the node {x[i]:.17g} twice. An interface with two values of a coefficient is "
                f"declared with breaks=[{x[i]:g}]; otherwise drop one: da.drop_duplicates({dim!r})."
            )


def _pieces(x: Any, dim: str, breaks: Sequence[float] | None) -> tuple[tuple[int, int], ...]:
    start, pieces = 0, []
    for value in sorted(set(np.asarray([] if breaks is None else breaks, float).tolist())):
        at = np.flatnonzero(x == value)
        if at.size == 0:
            nearest = x[np.argmin(np.abs(x - value))]
            raise ValueError(f"break {value:g} is no node of {dim!r}; the nearest is {nearest:.17g}. Breaks are nodes.")
        if at.size > 2 or at[0] == 0 or at[-1] == x.size - 1:
            raise ValueError(f"break {value:g} must be a node inside {dim!r}, standing once or twice.")
        pieces.append((start, int(at[0]) + 1))
        start = int(at[-1])
    return (*pieces, (start, x.size))
