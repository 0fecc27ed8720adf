"""Nonlinear problems on plain arrays: Newton's method on the box scheme, then iterated deferred correction."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridtrend.bvp.dual_arrays import Dual, independent
from gridtrend.bvp.kernels.deferred_correction import (
    DOUBTFUL,
    HARMLESS,
    LARGE,
    MISSING,
    NOISE,
    ROUNDING,
    SINGULAR,
    SOLVED,
    UNCONVERGED,
    UNCORRECTED,
)
from gridtrend.bvp.kernels.solve_linear import MOST_SWEEPS
from gridtrend.bvp.linear_problem import SWEEPS, Array, LinearSystem, Slot, Tables, run
from gridtrend.bvp.mesh import Mesh, Rule
from gridtrend.bvp.right_hand_side import RightHandSide, derivatives

# Number of cells that are iterated together: it limits the memory of an iteration for chunks of any size.
TOGETHER = 1024
# The iteration ends when Newton's updates are below this, relative to the states.
CONVERGED = 1e-12
SHORTEST_STEP = 1 / 256


@dataclass(frozen=True)
class NonlinearProblem:
    """A nonlinear problem without its arrays; a call with a block of each array solves all cells of the block.

    As `LinearProblem`, with coefficients and first guesses by name.
    """

    f: RightHandSide
    mesh: Mesh
    order: int
    states: tuple[str, ...]
    n: int
    n_left: int
    coefficients: tuple[tuple[str, Slot], ...]
    guess: tuple[Slot, ...]
    rows: tuple[tuple[Slot, ...], ...]
    values: tuple[Slot, ...]
    max_iterations: int

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        """States of shape (..., nodes), then error and residual (..., state), and status (...)."""
        coefficients = {name: slot.value(arrays) for name, slot in self.coefficients}
        guess = [slot.value(arrays) for slot in self.guess]
        rows = [[slot.value(arrays) for slot in row] for row in self.rows]
        values = [slot.value(arrays) for slot in self.values]
        every = [*coefficients.values(), *guess, *(a for row in rows for a in row), *values]
        shape = np.broadcast_shapes(*(a.shape[:-1] for a in every))
        n_cells, n_nodes = math.prod(shape), self.mesh.x.size

        def flat(array: Array, nodes: int) -> Array:
            return np.broadcast_to(array, (*shape, nodes)).reshape(n_cells, nodes).T

        y = np.empty((len(self.states), n_nodes, n_cells))
        error, residual = np.empty((2, len(self.states), n_cells))
        status = np.empty(n_cells, np.int8)
        for start in range(0, n_cells, TOGETHER):
            some = slice(start, start + TOGETHER)
            cells = Iteration(
                self,
                {name: flat(a, n_nodes)[:, some].astype(float) for name, a in coefficients.items()},
                [[flat(a, 1)[:, some].astype(float) for a in row] for row in rows],
                [flat(a, 1)[:, some].astype(float) for a in values],
                np.array([flat(a, n_nodes)[:, some] for a in guess], float),
            )
            with np.errstate(all="ignore"):
                y[..., some], error[:, some], residual[:, some], status[some] = cells.solve()
        states = [state.T.reshape(*shape, n_nodes) for state in y]
        return (
            *states,
            *(part.T.reshape(*shape, len(self.states)) for part in (error, residual)),
            status.reshape(shape),
        )


class Iteration:
    """State of the iteration for some cells of a nonlinear problem; `y` is (state, nodes, cell)."""

    def __init__(
        self,
        problem: NonlinearProblem,
        coefficients: dict[str, Array],
        rows: list[list[Array]],
        values: list[Array],
        guess: Array,
    ):
        self.problem, self.coefficients, self.rows, self.values = problem, coefficients, rows, values
        self.n_seen = len(problem.states)
        carriers = np.zeros((problem.n - self.n_seen, *guess.shape[1:]))
        self.y = np.concatenate([guess, carriers])
        self.status = np.zeros(guess.shape[2], np.int8)
        n = problem.n
        self.system = LinearSystem(
            n, self.n_seen, problem.n_left, {(r, c): carriers for r in range(n) for c in range(n)},
            dict.fromkeys(range(n), carriers), [], [],
        )  # fmt: skip
        intervals = np.arange(problem.mesh.x.size - 1)
        # The elimination receives each defect as a source at the left node of its interval: this rule returns it unchanged.
        self.as_given: Rule = (np.tile([1.0, 0.0], (intervals.size, 1)), intervals)

    def solve(self) -> tuple[Array, ...]:
        """States, error, residual and status."""
        mesh, order = self.problem.mesh, self.problem.order
        ends = (*(a for row in self.rows for a in row), *self.values)
        given = (*self.coefficients.values(), *self.y[: self.n_seen], *ends)
        missing = ~np.all([np.isfinite(a).all(0) for a in given], axis=0)
        self.status[missing] = MISSING
        self._newton(mesh.rule(2))
        first = self.y.copy()
        every = np.arange(self.status.size)
        following = mesh.next_rule(order)
        if order > 2:
            self._correct(mesh.rule(order), following or mesh.rule(2))
        d, defect = self._update(self.y, every, following or mesh.rule(2))
        error = np.abs(d).max(1) if following else np.full(d.shape[::2], np.nan)
        if order > 2:
            changed, size = self._relative(self.y - first, self.y), self._relative(d, self.y)
            self.status[(self.status < DOUBTFUL) & (size > 0.5 * changed) & (size > HARMLESS)] = DOUBTFUL
        self._doubt(error, np.minimum(np.abs(first).max(1), np.abs(self.y).max(1)))
        failed = self.status >= UNCONVERGED
        for part in (self.y, error, defect):
            part[..., failed] = np.nan
        return self.y[: self.n_seen], error[: self.n_seen], defect[: self.n_seen], self.status

    def _doubt(self, error: Array, scale: Array) -> None:
        """Flag cells where the estimated error is a large part of the solution, as for linear problems."""
        large = (error > LARGE * scale)[: self.n_seen].any(0)
        some = np.flatnonzero((self.status == SOLVED) & large)
        if not some.size:
            return
        y, x = self.y[..., some], self.problem.mesh.x
        f, _ = self._derivatives(y, some, jacobian=False)
        through = np.abs(y).max(1) + np.trapezoid(np.abs(f), x[None, :, None], axis=1)
        error, scale = error[:, some], scale[:, some]
        doubtful = ((error > LARGE * scale) & (error > NOISE * through))[: self.n_seen].any(0)
        self.status[some[doubtful]] = DOUBTFUL

    def _derivatives(self, y: Array, some: Array, *, jacobian: bool) -> tuple[Array, dict[tuple[int, int], Array]]:
        """f, and its derivatives by state, of the cells `some`."""
        states = self.problem.states
        duals: list[Any] = independent(list(y[: self.n_seen])) if jacobian else list(y[: self.n_seen])
        found = derivatives(self.problem.f, states, duals, {name: a[:, some] for name, a in self.coefficients.items()})
        f, zero = np.zeros_like(y), np.zeros(y.shape[1:])
        slopes: dict[tuple[int, int], Array] = dict.fromkeys(self.system.entries, zero)
        for r, state in enumerate(states):
            derivative = found[state]
            f[r] = derivative.value if isinstance(derivative, Dual) else derivative
            for c, part in enumerate(derivative.parts if isinstance(derivative, Dual) else []):
                if part is not None:
                    slopes[r, c] = np.broadcast_to(np.asarray(part, float), zero.shape)
        return f, slopes

    def _defect(self, y: Array, f: Array, rule: Rule) -> Array:
        weights, first = rule
        integral = sum(weights[:, k, None] * f[:, first + k] for k in range(weights.shape[1]))
        return np.asarray(integral - np.diff(y, axis=1))

    def _ends(self, y: Array, some: Array) -> list[Array]:
        """Residuals of the conditions."""
        at = [0] * self.system.n_left + [-1] * (self.system.n - self.system.n_left)
        return [
            value[:, some] - sum(a[:, some] * y[s, end] for s, a in enumerate(row))
            for row, value, end in zip(self.rows, self.values, at, strict=True)
        ]

    def _step(self, slopes: dict[tuple[int, int], Array], defect: Array, residuals: list[Array], some: Array) -> Array:
        """The update that removes defects and the residuals of the conditions, to first order."""
        blank = np.zeros((self.system.n, 1, some.size))
        g = np.concatenate([defect, blank], axis=1)
        coefficients = [a[:, some] for row in self.rows for a in row]
        tables = Tables(
            [slopes[at][:, None] for at in sorted(slopes)],
            [np.ascontiguousarray(part)[:, None] for part in g],
            [np.ascontiguousarray(a)[:, None] for a in (*coefficients, *residuals)],
        )
        return np.array([state[:, 0] for state in run(self.system, tables, self.problem.mesh, 0, self.as_given)[0]])

    def _update(self, y: Array, some: Array, rule: Rule) -> tuple[Array, Array]:
        """The update for a rule, and the largest defects by state."""
        f, slopes = self._derivatives(y, some, jacobian=True)
        defect = self._defect(y, f, rule)
        return self._step(slopes, defect, self._ends(y, some), some), np.abs(defect).max(1)

    def _relative(self, d: Array, y: Array) -> Array:
        """Mean update of each cell over the nodes, relative to the largest value of its state; the largest of all states."""
        size = np.abs(d[: self.n_seen]).mean(1)
        scale = np.maximum(np.abs(y[: self.n_seen]), np.abs((y + d)[: self.n_seen])).max(1)
        return np.asarray(np.where(size > 0, size / scale, 0.0 * size).max(0))

    def _newton(self, rule: Rule) -> None:
        """Newton's method with damping: a step is halved until the next update is smaller (Deuflhard 1974)."""
        active = np.flatnonzero(self.status == 0)
        for _ in range(self.problem.max_iterations):
            if not active.size:
                return
            y = self.y[..., active]
            f, slopes = self._derivatives(y, active, jacobian=True)
            d = self._step(slopes, self._defect(y, f, rule), self._ends(y, active), active)
            size = self._relative(d, y)
            length = self._length(y, d, size, slopes, rule, active)
            self.y[..., active] = y + length * d
            # No update although the equations are finite: singular. Otherwise they have overflowed.
            known = np.isfinite(f).all((0, 1)) & np.all([np.isfinite(a).all(0) for a in slopes.values()], axis=0)
            self.status[active[~np.isfinite(size)]] = np.where(known, SINGULAR, UNCONVERGED)[~np.isfinite(size)]
            self.status[active[length == 0.0]] = np.maximum(self.status[active[length == 0.0]], UNCONVERGED)
            active = active[(size > CONVERGED) & (length > 0.0)]
        self.status[active] = UNCONVERGED

    def _length(self, y: Array, d: Array, size: Array, slopes: Any, rule: Rule, active: Array) -> Array:
        """The fraction of a step to take in each cell; 0 where no fraction above SHORTEST_STEP reduces the next update."""
        length = np.ones(active.size)
        trying = np.flatnonzero(size > 1e-3)
        while trying.size:
            some = active[trying]
            new = y[..., trying] + length[trying] * d[..., trying]
            f, _ = self._derivatives(new, some, jacobian=False)
            old = {at: a[:, trying] for at, a in slopes.items()}
            after = self._step(old, self._defect(new, f, rule), self._ends(new, some), some)
            ahead = np.abs(after[: self.n_seen]).max(1) / np.abs(d[: self.n_seen][..., trying]).max(1)
            good = np.nanmax(np.where(np.isfinite(after).all((0, 1)), ahead, np.inf), axis=0) <= 1 - length[trying] / 4
            trying = trying[~good]
            length[trying] /= 2
            lost = length[trying] < SHORTEST_STEP
            length[trying[lost]] = 0.0
            trying = trying[~lost]
        return length

    def _correct(self, rule: Rule, following: Rule) -> None:
        """Sweeps of deferred correction, with the same checks as for linear problems."""
        active, first = np.flatnonzero(self.status == 0), self.y.copy()
        last = np.full(self.status.size, np.inf)
        at_first = last.copy()
        for sweep in range(MOST_SWEEPS):
            y = self.y[..., active]
            d, _ = self._update(y, active, rule)
            size = self._relative(d, y)
            if sweep == 0:
                at_first[active] = size
            shrinks = size < last[active]
            ratio = np.where(shrinks, size / last[active], 1.0)
            back = active[~shrinks & ~((size <= HARMLESS) | (size <= 0.5 * at_first[active]))]
            self.status[back] = UNCORRECTED
            self.y[..., back] = first[..., back]
            self.y[..., active[shrinks]] += d[..., shrinks]
            last[active] = size
            more = shrinks & (size > ROUNDING) & ((sweep == 0) | (size * ratio > 0.01 * ROUNDING))
            active, ratio = active[more], ratio[more]
            if active.size and sweep + 1 >= SWEEPS[self.problem.order]:
                y = self.y[..., active]
                ahead = self._relative(self._update(y, active, following)[0], y)
                active = active[(ratio < 0.5) & (last[active] * ratio / (1 - ratio) > 0.1 * ahead)]
            if not active.size:
                return
