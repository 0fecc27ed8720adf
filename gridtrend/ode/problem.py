"""One right-hand side with one method: a description that travels to workers, and is compiled once in each."""

import threading
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import cloudpickle
import numpy as np

from gridtrend.engine.kernel import cells_first, cells_last, machine_code
from gridtrend.engine.notice import running
from gridtrend.ode import userfunction
from gridtrend.ode.kernels import field as fields
from gridtrend.ode.kernels import methods
from gridtrend.ode.kernels.adaptive import Steps
from gridtrend.ode.kernels.methods import METHODS, Parts
from gridtrend.ode.kernels.signatures import of_loop
from gridtrend.ode.kernels.tile import MISSING
from gridtrend.ode.surroundings import digest

_LOOPS: dict[tuple[Any, ...], Any] = {}
_LOCK = threading.RLock()
# What a loop is compiled from in addition to the user's function, whose digest is part of the loop's name.
_SOURCES = (methods.__name__, userfunction.__name__)


@dataclass(frozen=True)
class System:
    """What is integrated.

    Parameters
    ----------
    rhs : callable
        As the user wrote it.
    states, parameters : tuple of str
        Names of the elements of `y` and `p`.
    forcing : int
        How many of the last parameters change in time.
    form : {"rate", "in place", "acceleration"}
        What `rhs` is: `rhs(t, y, p)` that returns the rates of change of all states, the same that writes them to its
        fourth argument, or one that takes the first half of the states and returns the accelerations.
    watched : tuple of int
        The state of each event; the levels that it watches for follow the constant parameters.
    jacobian : callable, optional
        The user's `jacobian(t, y, p)`.
    """

    rhs: Any
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    forcing: int
    form: str
    watched: tuple[int, ...] = ()
    jacobian: Any = None
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        parts = [digest(f) for f in (self.rhs, self.jacobian) if f is not None]
        key = repr((parts, self.states, self.parameters, self.forcing, self.form, self.watched))
        object.__setattr__(self, "digest", key)

    def check_unchanged(self) -> None:
        """Refuse to compile other values than those that the system is known by."""
        if replace(self).digest != self.digest:
            raise ValueError(
                "a value that rhs or jacobian uses from outside was changed between the call of integrate and the computation "
                "of its lazy result. Compute first, or make a copy of what changes."
            )

    def __reduce__(self) -> Any:
        functions = cloudpickle.dumps((self.rhs, self.jacobian))
        rest = ("states", "parameters", "forcing", "form", "watched")
        return _unpickled, (functions, {name: getattr(self, name) for name in rest})

    @property
    def positions(self) -> tuple[str, ...]:
        """The states that `rhs` takes."""
        return self.states[: len(self.states) // 2] if self.form == "acceleration" else self.states

    def field(self) -> Any:
        """The right-hand side as a compiled function of t, y and q."""
        rhs = userfunction.ready(self.rhs)
        in_place = self.form == "in place"
        return fields.field(rhs, self.positions, self.parameters, self.forcing, len(self.watched), in_place)

    def parts(self, method: str) -> Parts:
        """What a method is built from."""
        field, n, form = self.field(), len(self.states), self.form
        if form == "acceleration" and not METHODS[method].takes_acceleration:
            field, form = fields.with_velocities(field, n), "rate"
        if self.jacobian is None:
            jacobian = fields.jacobian(field, n)
        else:
            given = userfunction.ready(self.jacobian)
            jacobian = fields.given_jacobian(given, self.states, self.parameters, self.forcing, len(self.watched))
        constant = len(self.parameters) - self.forcing + len(self.watched)
        nq = constant + 2 * self.forcing + 1
        return Parts(form, field, jacobian, fields.time_slope(field, n), n, constant, nq, self.watched)


def _unpickled(functions: bytes, rest: dict[str, Any]) -> System:
    rhs, jacobian = cloudpickle.loads(functions)
    return System(rhs, jacobian=jacobian, **rest)


@dataclass(frozen=True)
class Problem:
    """A system with a method and its schedule: a function of blocks of cells.

    Parameters
    ----------
    system : System
    method : str
        One of `METHODS`.
    stops : ndarray of float64
        Times that steps must not cross: start, end, times to save, and times of the forcing in between.
    knot : ndarray of int64
        For each segment between stops, the place of the forcing that holds at its start.
    moments : ndarray of int64
        For each stop, its place among the times to save, or -1.
    counts : ndarray of int64
        Fixed steps in each segment.
    knots : ndarray of float64
        Times of the forcing.
    linear : bool
        Whether forcing changes linearly between its times, instead of at them.
    first_step, max_step, rtol, atol, max_steps : float
        For methods that choose their steps; 0 leaves the first to them.
    """

    system: System
    method: str
    stops: Any
    knot: Any
    moments: Any
    counts: Any
    knots: Any
    linear: bool
    first_step: float
    max_step: float
    rtol: float
    atol: float
    max_steps: int

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        arrays = (self.stops, self.knot, self.moments, self.counts, self.knots)
        rest = (self.method, self.linear, self.first_step, self.max_step, self.rtol, self.atol, self.max_steps)
        return self.system.digest, *(array.tobytes() for array in arrays), *rest

    def __call__(self, *blocks: Any) -> tuple[Any, ...]:
        """Integrate blocks: states and parameters of shape (cells...), forcing of shape (cells..., time).

        Returns
        -------
        tuple of ndarray
            States of shape (cells..., times), status, number of steps, and the time of each event.
        """
        n, n_forcing = len(self.system.states), self.system.forcing
        shape = np.broadcast_shapes(
            *(block.shape[: -1 if i >= len(blocks) - n_forcing else None] for i, block in enumerate(blocks))
        )
        dtype = _floating(blocks[:n])
        constant = blocks[: len(blocks) - n_forcing]
        y0 = _stacked(constant[:n], shape)
        p = _stacked(constant[n:], shape)
        forcing = _series(blocks[len(constant) :], shape)
        with np.errstate(invalid="ignore", over="ignore"):
            valid = np.isfinite(y0).all(axis=0) & np.isfinite(p).all(axis=0)
            for series in forcing:
                # One value that is missing makes the sum missing.
                valid &= np.isfinite(series.sum(axis=0))
        moments = int(self.moments.max()) + 1
        out = np.full((n, moments, valid.size), np.nan, dtype)
        status = np.where(valid, 0, MISSING).astype(np.int8)
        n_steps = np.zeros(valid.size, np.int32)
        crossed = np.full((len(self.system.watched), valid.size), np.nan)
        for place, level, time in zip(self.system.watched, p[p.shape[0] - len(crossed) :], crossed, strict=True):
            # What starts on its level has reached it.
            time[valid & (y0[place] == level)] = self.stops[0]
        cells = np.flatnonzero(valid)
        if cells.size:
            self._run(dtype, y0, p, forcing or _NONE, cells, out, status, n_steps, crossed)
        times = (time.reshape(shape) for time in crossed)
        return *(cells_first(state, shape) for state in out), status.reshape(shape), n_steps.reshape(shape), *times

    def _run(self, dtype: Any, y0: Any, p: Any, forcing: Any, cells: Any, *results: Any) -> None:
        schedule = (self.knots, self.linear, self.stops, self.knot, self.moments)
        if self.method == "linear":
            options: tuple[Any, ...] = ()
        elif METHODS[self.method].adaptive:
            options = (Steps(self.first_step, self.max_step, self.rtol, self.atol, self.max_steps),)
        else:
            options = (self.counts, self.atol)
        arguments = (y0, p, forcing, *schedule, *options, cells, *results)
        self.compiled((dtype, forcing[0].dtype), arguments)(*arguments)

    def compiled(self, dtypes: Any, arguments: tuple[Any, ...]) -> Any:
        """The loop over cells as machine code, compiled (or read from disk) at the first call in a process."""
        key = (self.system.digest, self.method, *dtypes)
        with _LOCK:
            if key not in _LOOPS:
                self.system.check_unchanged()
                loop = METHODS[self.method].build(self.system.parts(self.method))
                name = f"ode.{self.method}.{sha256(repr(key).encode()).hexdigest()[:24]}"
                with running("gridtrend.ode.solve.integrate"):
                    _LOOPS[key] = machine_code(loop, of_loop(arguments), name, *_SOURCES)
        return _LOOPS[key]


_NONE = (np.zeros((1, 1)),)


def _floating(blocks: tuple[Any, ...]) -> Any:
    """float32 where all blocks are, else float64."""
    single = np.result_type(np.float32, *(block.dtype for block in blocks)) == np.float32
    return np.dtype(np.float32 if single else np.float64)


def _series(blocks: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Forcing of shape (time, cell), as views where they can be."""
    return tuple(cells_last(block, 1, shape, _floating(blocks)) for block in blocks)


def _stacked(blocks: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Blocks of cells as the rows of one array."""
    rows = np.empty((len(blocks), int(np.prod(shape))))
    for row, block in zip(rows, blocks, strict=True):
        row.reshape(shape)[...] = block
    return rows
