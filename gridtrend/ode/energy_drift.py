"""Drift of a conserved quantity during a run."""

import functools
import threading
from dataclasses import dataclass
from typing import Any

import cloudpickle
import numpy as np
import xarray as xr

from gridtrend.engine.jit import outermost
from gridtrend.engine.kernel import cells_first, cells_last
from gridtrend.grid.apply import map_cells
from gridtrend.ode import user_function
from gridtrend.ode.free_variables import digest
from gridtrend.ode.input_variables import variables
from gridtrend.ode.kernels.field import define, joined, record
from gridtrend.ode.kernels.signatures import count, is_collection, not_real, of_energy, of_user
from gridtrend.ode.problem import stacked
from gridtrend.ode.system import check_function

_LOOPS: dict[str, Any] = {}
_LOCK = threading.Lock()


def energy_drift(hamiltonian: Any, run: xr.Dataset, *, params: Any = None) -> xr.Dataset:
    """Difference of the energy of a run from its initial energy, in every cell.

    Parameters
    ----------
    hamiltonian : callable
        `hamiltonian(y, p)`, written like a right-hand side, gives one number that the equations keep constant.
    run : Dataset
        What `integrate` returned: its states, in their order, are `y`. Save every step (`save_at`) to miss nothing.
    params : Dataset or dict, optional
        The parameters that are `p`, as for `integrate`.

    Returns
    -------
    Dataset
        energy : float64, (t, ...)
        max_drift : float64
            Largest distance from the energy at the first saved time.
        end_drift : float64
            Energy at the last saved time minus that at the first.

        Lazy if `run` is.

    Raises
    ------
    ValueError
        If `hamiltonian` cannot be compiled or does not return one number.

    Notes
    -----
    Symplectic methods (implicit_midpoint, velocity_verlet) keep the drift bounded for all times; that of the others grows.
    Cost is one evaluation for each cell and saved time.

    References
    ----------
    Hairer, E., Lubich, C. & Wanner, G. (2006). Geometric Numerical Integration. Springer. doi:10.1007/3-540-30666-8

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> spring = lambda t, y, p: (y.v, -y.x)
    >>> start = xr.Dataset({"x": 1.0, "v": 0.0})
    >>> run = gt.ode.integrate(spring, start, (0.0, 50.0), method="implicit_midpoint", step=0.1, save_at=np.arange(51.0))
    >>> drift = gt.ode.energy_drift(lambda y, p: 0.5 * (y.x**2 + y.v**2), run)
    >>> bool(drift.max_drift < 1e-13)
    True
    """
    states, time = _saved_states(run)
    constants = variables("params", params)
    check_function(hamiltonian, "hamiltonian", "hamiltonian(y, p)", (2,))
    energy = Energy(hamiltonian, tuple(states), tuple(constants))
    energy.check()
    arrays = [*(array.drop_vars(time) for array in states.values()), *constants.values()]
    core = [[time]] * len(states) + [[]] * len(constants)
    (values,) = map_cells(energy, arrays, core, [[time]], [np.dtype("f8")], {})
    values = values.transpose(time, ...).assign_coords({time: run[time]})
    first = values.isel({time: 0}, drop=True)
    # Not xarray's maximum: dask refuses to take it where there are no cells.
    (drift,) = map_cells(
        functools.partial(np.max, axis=-1), [abs(values - first)], [[time]], [[]], [np.dtype("f8")], {}
    )
    return xr.Dataset({"energy": values, "max_drift": drift, "end_drift": values.isel({time: -1}, drop=True) - first})


def _saved_states(run: Any) -> tuple[dict[str, xr.DataArray], Any]:
    """The states of a run (variables with its dimension of times), and that dimension."""
    states = dict(run.data_vars) if isinstance(run, xr.Dataset) and {"status", "n_steps"} <= set(run) else {}
    states = {name: array for name, array in states.items() if name not in ("status", "n_steps") and array.ndim}
    times = [array.dims[0] for array in states.values() if array.dims[0] not in run.status.dims]
    if not times:
        kind = (
            f"a Dataset of {', '.join(map(repr, run)) or 'nothing'}"
            if isinstance(run, xr.Dataset)
            else type(run).__name__
        )
        raise TypeError(
            f"energy_drift needs a whole run, the Dataset that gridtrend.ode.integrate returned, with its times, status and "
            f"n_steps, and not {kind}."
        )
    return {str(name): array for name, array in states.items() if array.dims[0] == times[0]}, times[0]


@dataclass(frozen=True)
class Energy:
    """A user's function of states and parameters, as a function of blocks of cells."""

    function: Any
    states: tuple[str, ...]
    parameters: tuple[str, ...]

    def __reduce__(self) -> Any:
        return _unpickled, (cloudpickle.dumps(self.function), self.states, self.parameters)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return digest(self.function), self.states, self.parameters

    def check(self) -> None:
        """Refuse a function that does not compile to one number."""
        function = user_function.ready(self.function)
        try:
            returned = user_function.compiled_for(function, of_user(self.states, self.parameters)[1:])
        except user_function.COMPILE_ERRORS as error:
            raise ValueError(user_function.explained(error, self.function, "hamiltonian")) from None
        if is_collection(returned) or not_real(returned) or count(returned) != 1:
            raise ValueError(
                f"hamiltonian returns a value of type {returned}, and one real number is needed: the energy of one cell."
            )
        self.loop().compile(of_energy((3, 2, 2)))

    def loop(self) -> Any:
        """The loop over cells, compiled once in a process."""
        key = repr(self.__dask_tokenize__())
        with _LOCK:
            if key not in _LOOPS:
                _LOOPS[key] = self._build()
        return _LOOPS[key]

    def _build(self) -> Any:
        n, m = len(self.states), len(self.parameters)
        names = {"function": user_function.ready(self.function), "Y": record("y", self.states)}
        names["P"] = record("p", self.parameters)
        y, p = joined([f"y[{i}]" for i in range(n)]), joined([f"p[{i}]" for i in range(m)])
        value = define(f"def value(y, p):\n    return function(Y({y}), {f'P({p})' if m else '()'})\n", **names)
        load = define(f"def load(a, cell):\n    return ({joined([f'a[{i}, cell]' for i in range(n)])})\n")
        get = define(f"def get(a, cell):\n    return ({joined([f'a[{i}, cell]' for i in range(m)])})\n")

        @outermost
        def loop(y, p, out):  # type: ignore[no-untyped-def]
            for moment in range(out.shape[0]):
                now = y[:, moment]
                for cell in range(out.shape[1]):
                    out[moment, cell] = value(load(now, cell), get(p, cell))

        return loop

    def __call__(self, *blocks: Any) -> Any:
        """Energy of blocks of states (cells..., time) and parameters (cells...)."""
        n = len(self.states)
        shape = np.broadcast_shapes(*(b.shape[:-1] if i < n else b.shape for i, b in enumerate(blocks)))
        y = np.stack([cells_last(block, 1, shape, np.dtype("f8")) for block in blocks[:n]])
        p = stacked(blocks[n:], shape)
        out = np.empty(y.shape[1:])
        self.loop()(y, p, out)
        return cells_first(out, shape)


def _unpickled(function: bytes, *rest: Any) -> Energy:
    return Energy(cloudpickle.loads(function), *rest)
