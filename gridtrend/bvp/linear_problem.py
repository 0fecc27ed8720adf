"""Linear problems on plain arrays: a block of cells in, its solution out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridtrend.bvp.kernels.deferred_correction import MISSING
from gridtrend.bvp.kernels.solve_linear import Sizes
from gridtrend.bvp.kernels.solve_linear import solve_linear as kernel
from gridtrend.bvp.mesh import Mesh, Rule

Array = np.ndarray[Any, Any]

# Sweeps of deferred correction of each order; order 0 is the box scheme without an error estimate.
SWEEPS = {0: -1, 2: 0, 4: 2, 6: 4}


@dataclass(frozen=True)
class Slot:
    """A coefficient of a problem: the array of this number, or a constant."""

    array: int | None = None
    constant: complex = 0.0
    has_nodes: bool = False

    def value(self, arrays: Sequence[Array]) -> Array:
        """The coefficient as an array whose last dimension is the nodes, or has size 1."""
        if self.array is None:
            return np.asarray(self.constant)[None]
        return arrays[self.array] if self.has_nodes else arrays[self.array][..., None]


@dataclass(frozen=True)
class LinearSystem:
    """Real equations y' = A y + q with `n_left` conditions at the left and the others at the right.

    The first `n_seen` states are the user's, the others carry conditions that couple the ends.

    `entries` of A by (row, column) and `sources` of q by row are arrays of shape (..., nodes) or (..., 1). `rows` are the
    coefficients of the conditions, left ones first, with one entry for each state; `values` are their right-hand sides. `parts`
    states make one of the user's: 2 where those are complex.
    """

    n: int
    n_seen: int
    n_left: int
    entries: dict[tuple[int, int], Array]
    sources: dict[int, Array]
    rows: list[list[Array]]
    values: list[Array]
    parts: int = 1

    def real(self) -> "LinearSystem":
        """The same equations in real and imaginary parts: state s becomes the states 2 s and 2 s + 1."""
        entries, sources = {}, {}
        for (row, col), a in self.entries.items():
            for i, j, part in _parts(a):
                entries[2 * row + i, 2 * col + j] = part
        for row, q in self.sources.items():
            sources[2 * row], sources[2 * row + 1] = q.real, q.imag
        rows: list[list[Array]] = []
        values: list[Array] = []
        for coefficients, value in zip(self.rows, self.values, strict=True):
            pair: list[list[Array]] = [[], []]
            for a in coefficients:
                for i, _, part in _parts(a):
                    pair[i].append(part)
            rows += pair
            values += [value.real, value.imag]
        return LinearSystem(2 * self.n, 2 * self.n_seen, 2 * self.n_left, entries, sources, rows, values, parts=2)


def _parts(a: Array) -> tuple[tuple[int, int, Array], ...]:
    return (0, 0, a.real), (0, 1, -a.imag), (1, 0, a.imag), (1, 1, a.real)


@dataclass(frozen=True)
class LinearProblem:
    """A linear problem without its arrays; a call with a block of each array solves all cells of the block.

    Parameters
    ----------
    mesh, order
        The nodes, and the order of accuracy.
    n_states : int
        States to return; the states that carry coupled conditions follow them.
    n, n_left : int
        All states, and conditions at the left.
    entries, sources, rows, values
        As in `LinearSystem`, with a `Slot` for each array.
    is_complex : bool
        Whether states are complex.
    trim : bool
        Whether the mesh of a cell ends where its coefficients do.
    """

    mesh: Mesh
    order: int
    n_states: int
    n: int
    n_left: int
    entries: tuple[tuple[tuple[int, int], Slot], ...]
    sources: tuple[tuple[int, Slot], ...]
    rows: tuple[tuple[Slot, ...], ...]
    values: tuple[Slot, ...]
    is_complex: bool = False
    trim: bool = False

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """States of shape (..., nodes), then error and residual (..., state), and status (...)."""
        with np.errstate(all="ignore"):
            system = LinearSystem(
                self.n,
                self.n_states,
                self.n_left,
                {at: slot.value(arrays) for at, slot in self.entries},
                {at: slot.value(arrays) for at, slot in self.sources},
                [[slot.value(arrays) for slot in row] for row in self.rows],
                [slot.value(arrays) for slot in self.values],
            )
            system = system.real() if self.is_complex else system
            cells = Cells.of(system, self.trim)
            y, error, residual, status = self._solve(system, cells)
        error, residual = (cells.restore(part) for part in (error, residual))
        if self.is_complex:
            y = [real + 1j * imaginary for real, imaginary in zip(y[0::2], y[1::2], strict=True)]
            error, residual = (np.hypot(part[0::2], part[1::2]) for part in (error, residual))
        states = [np.moveaxis(cells.restore(state), 0, -1) for state in y[: self.n_states]]
        others = [np.moveaxis(part[: self.n_states], 0, -1) for part in (error, residual)]
        return (*states, *others, cells.restore(status))

    def _solve(self, system: LinearSystem, cells: "Cells") -> "Solution":
        tables = Tables.of(system, cells, self.mesh.x.size)
        if not self.trim:
            return run(system, tables, self.mesh, self.order)
        return run_trimmed(system, tables, self.mesh, self.order)


@dataclass(frozen=True)
class Cells:
    """How the dimensions of a block become cells, and right-hand sides that share the matrix of a cell."""

    shape: tuple[int, ...]
    sides: tuple[int, ...]

    @classmethod
    def of(cls, system: LinearSystem, trim: bool) -> "Cells":
        """Dimensions along which no matrix varies are right-hand sides, unless all dimensions are."""
        matrix = [*system.entries.values(), *(a for row in system.rows for a in row)]
        others = [*system.sources.values(), *system.values]
        ours = np.broadcast_shapes(*(a.shape[:-1] for a in matrix))
        shape = np.broadcast_shapes(ours, *(a.shape[:-1] for a in others))
        ours = (1,) * (len(shape) - len(ours)) + ours
        sides = tuple(i for i, size in enumerate(ours) if size == 1 < shape[i])
        # One matrix for all cells: the cells fill the lanes, and the kernel recognises the strides of zero.
        return cls(shape, () if trim or math.prod(ours) == 1 else sides)

    @property
    def order(self) -> tuple[int, ...]:
        """Dimensions in the order of the laid-out arrays: sides, then cells."""
        return (*self.sides, *(i for i in range(len(self.shape)) if i not in self.sides))

    @property
    def n_sides(self) -> int:
        """Number of right-hand sides of each cell."""
        return math.prod(self.shape[i] for i in self.sides)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return math.prod(self.shape[i] for i in range(len(self.shape)) if i not in self.sides)

    def lay_out(self, array: Array, n_nodes: int) -> Array:
        """(..., nodes) to (nodes, side, cell): a view where the strides allow it."""
        array = np.broadcast_to(array.astype(np.float64, copy=False), (*self.shape, n_nodes))
        array = np.moveaxis(array, -1, 0).transpose(0, *(i + 1 for i in self.order))
        return array.reshape(n_nodes, self.n_sides, self.n_cells)

    def restore(self, array: Array) -> Array:
        """(..., side, cell) to (..., *dimensions of the block), as a view."""
        ahead = array.shape[:-2]
        array = array.reshape((*ahead, *(self.shape[i] for i in self.order)))
        places = [len(ahead) + self.order.index(i) for i in range(len(self.shape))]
        return array.transpose((*range(len(ahead)), *places))


@dataclass(frozen=True)
class Tables:
    """Arrays of a system laid out as (nodes, side, cell): matrix, sources, and conditions of one node."""

    entries: list[Array]
    sources: list[Array]
    ends: list[Array]

    @classmethod
    def of(cls, system: LinearSystem, cells: Cells, n_nodes: int) -> "Tables":
        """Lay out all arrays; two states get all four entries, because their kernel needs them (`kernels.two_states`)."""
        zero = np.zeros(1)
        ends = [*(a for row in system.rows for a in row), *system.values]
        return cls(
            [cells.lay_out(system.entries.get(at, zero), n_nodes) for at in places(system)],
            [cells.lay_out(system.sources.get(s, zero), n_nodes) for s in source_places(system)],
            [cells.lay_out(a, 1) for a in ends],
        )

    def part(self, nodes: slice, chosen: Array) -> "Tables":
        """Some nodes of some cells, copied."""
        return Tables(
            [a[nodes][..., chosen] for a in self.entries],
            [a[nodes][..., chosen] for a in self.sources],
            [a[..., chosen] for a in self.ends],
        )


def places(system: LinearSystem) -> list[tuple[int, int]]:
    """Stored entries of the matrix, row by row."""
    return [(r, c) for r in range(2) for c in range(2)] if system.n == 2 else sorted(system.entries)


def source_places(system: LinearSystem) -> list[int]:
    """Stored rows of q."""
    return [0, 1] if system.n == 2 else sorted(system.sources)


# States (nodes, side, cell), error and residual (state, side, cell), status (side, cell).
Solution = tuple[list[Array], Array, Array, Array]


def run(system: LinearSystem, tables: Tables, mesh: Mesh, order: int, box: Rule | None = None) -> Solution:
    """Solve all cells on one mesh.

    Parameters
    ----------
    system : LinearSystem
        Which entries and sources there are.
    tables : Tables
        Their values.
    mesh : Mesh
        The nodes.
    order : int
        2, 4 or 6; 0 solves the box scheme without corrections and error estimate.
    box : Rule, optional
        Rule that integrates the sources over each interval; by default the trapezoidal rule.

    Returns
    -------
    y : list of (nodes, side, cell), one a state
    error, residual : (state, side, cell)
    status : (side, cell), int8
    """
    at = np.array(places(system), np.int64).reshape(-1, 2)
    _, n_sides, n_cells = tables.ends[0].shape
    # One array for each state, so that dropping a state frees its memory.
    y = [np.empty((mesh.x.size, n_sides, n_cells)) for _ in range(system.n)]
    error, residual = np.zeros((2, system.n, n_sides, n_cells))
    status = np.zeros((n_sides, n_cells), np.int8)
    following = mesh.next_rule(order) if order else None
    kernel.fill(
        np.float64,
        *(_addresses(group) for group in (tables.entries, tables.sources, tables.ends, y)),
        np.ascontiguousarray(mesh.x),
        np.searchsorted(at[:, 0], np.arange(system.n + 1)),
        np.ascontiguousarray(at[:, 1]),
        np.array(source_places(system), np.int64),
        *(box or mesh.rule(2)),
        *mesh.rule(max(order, 2)),
        *(following or mesh.rule(2)),
        Sizes(system.n, system.n_seen, system.n_left, system.parts, SWEEPS[order]),
        (error, residual, status),
    )
    if order and following is None:
        error[:] = np.nan
    return y, error, residual, status


def run_trimmed(system: LinearSystem, tables: Tables, mesh: Mesh, order: int) -> Solution:
    """Solve cells whose coefficients are missing at one or both ends, each on its valid nodes."""
    n_cells = tables.ends[0].shape[2]
    y = [np.full((mesh.x.size, 1, n_cells), np.nan) for _ in range(system.n)]
    error, residual = np.full((2, system.n, 1, n_cells), np.nan)
    status = np.full((1, n_cells), MISSING, np.int8)
    valid = np.ones((mesh.x.size, n_cells), bool)
    for array in (*tables.entries, *tables.sources):
        valid &= np.isfinite(array[:, 0])
    start, stop = valid.argmax(0), mesh.x.size - valid[::-1].argmax(0)
    # A column with a gap between valid nodes is missing.
    whole = valid.sum(0) == stop - start
    for first, last in sorted(set(zip(start[whole].tolist(), stop[whole].tolist(), strict=True))):
        part = mesh.part(first, last)
        if part.smallest_piece >= order:
            chosen = np.flatnonzero(whole & (start == first) & (stop == last))
            found = run(system, tables.part(slice(first, last), chosen), part, order)
            for whole_state, state in zip(y, found[0], strict=True):
                whole_state[first:last, :, chosen] = state
            error[..., chosen], residual[..., chosen], status[..., chosen] = found[1:]
    return y, error, residual, status


def _addresses(arrays: list[Array]) -> Array:
    """Table of address and strides of each array; NumPy may give a dimension of size 1 any stride, here it is 0."""
    rows = [
        (a.ctypes.data, *(stride if size > 1 else 0 for stride, size in zip(a.strides, a.shape, strict=True)))
        for a in arrays
    ]
    return np.array(rows, np.int64).reshape(-1, 4)
