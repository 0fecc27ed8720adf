"""One right-hand side with one method: a picklable description, compiled once in each process."""

import threading
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from gridtrend.engine.kernel import cells_first, cells_last, machine_code
from gridtrend.engine.notice import running
from gridtrend.ode import user_function
from gridtrend.ode.kernels import methods
from gridtrend.ode.kernels.adaptive import Steps
from gridtrend.ode.kernels.methods import METHODS
from gridtrend.ode.kernels.signatures import of_loop
from gridtrend.ode.kernels.tile_cells import MISSING
from gridtrend.ode.system import System

_LOOPS: dict[tuple[Any, ...], Any] = {}
_LOCK = threading.RLock()
# Modules that a loop is compiled from; the digest of the user's function is part of the loop's name.
_SOURCES = (methods.__name__, user_function.__name__)


@dataclass(frozen=True)
class Problem:
    """A system with a method and its schedule: a function of blocks of cells.

    Parameters
    ----------
    system : System
    method : str
        A key of `METHODS`.
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
        y0 = stacked(constant[:n], shape)
        p = stacked(constant[n:], shape)
        forcing = _series(blocks[len(constant) :], shape)
        with np.errstate(invalid="ignore", over="ignore"):
            valid = np.isfinite(y0).all(axis=0) & np.isfinite(p).all(axis=0)
            for series in forcing:
                # One missing value makes the sum missing.
                valid &= np.isfinite(series.sum(axis=0))
        moments = int(self.moments.max()) + 1
        out = np.full((n, moments, valid.size), np.nan, dtype)
        status = np.where(valid, 0, MISSING).astype(np.int8)
        n_steps = np.zeros(valid.size, np.int32)
        crossed = np.full((len(self.system.watched), valid.size), np.nan)
        for place, level, time in zip(self.system.watched, p[p.shape[0] - len(crossed) :], crossed, strict=True):
            # A state that starts on its level has reached it.
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
                with running("gridtrend.ode.integrate.integrate"):
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


def stacked(blocks: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Blocks of cells as the rows of one array."""
    rows = np.empty((len(blocks), int(np.prod(shape))))
    for row, block in zip(rows, blocks, strict=True):
        row.reshape(shape)[...] = block
    return rows
