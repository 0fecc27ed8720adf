"""Initial value problems on every cell of a grid."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.apply import map_cells, package_version
from gridtrend.grid.checks import is_number
from gridtrend.grid.timeunits import unit_named
from gridtrend.ode.input_variables import check_events, check_names, initial_state, name_of, variables
from gridtrend.ode.kernels.methods import METHODS
from gridtrend.ode.problem import Problem
from gridtrend.ode.schedule import Clock, Schedule, make_clock, make_schedule
from gridtrend.ode.system import make_system
from gridtrend.ode.trial_call import first_cell

STATUS = "done missing_input state_not_finite newton_did_not_converge too_many_steps step_too_small not_linear"


def integrate(
    rhs: Any,
    y0: Any,
    t: Any = None,
    *,
    params: Any = None,
    forcing: Any = None,
    interpolation: str = "previous",
    method: str = "dopri5",
    step: float | None = None,
    save_at: Any = None,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    max_step: float | None = None,
    max_steps: int = 100_000,
    jacobian: Any = None,
    events: Any = None,
    per: str = "day",
    state: str = "state",
) -> xr.Dataset:
    """Solve an initial value problem in every cell of a grid.

    Parameters
    ----------
    rhs : callable
        `rhs(t, y, p)` gives the rates of change of the states, a tuple in the order of `y0`; written in plain Python, it is
        compiled. `y` and `p` hold one number for each variable of `y0` and of `params` and `forcing`, by place, by
        unpacking or by name (`p.g_over_l`). For many states write `rhs(t, y, p, dy)`, which fills the array `dy`, zero
        before each call, and returns nothing. Further arguments with defaults are constants. For velocity_verlet also
        `acceleration(t, q, p)`, from positions alone. It is called once in plain Python before it is compiled.
    y0 : Dataset or DataArray
        The states at t[0]: a variable each, numpy- or dask-backed, on any dimensions; or an array with a dimension `state`.
        Cells with a missing value, here or in `params` or `forcing`, cost nothing and stay missing.
    t : (start, end)
        Numbers in the unit of time of `rhs`; dates where forcing has dates. By default the whole of the forcing.
    params : Dataset or dict, optional
        Numbers and arrays that are broadcast against the states.
    forcing : Dataset, dict or named DataArray, optional
        Arrays with times, in one dask chunk along them. Steps end at these times, so that no method loses its order.
    interpolation : {"previous", "linear"}
        Forcing holds until its next time, or changes linearly between.
    method : str
        Fixed steps: explicit_euler (order 1), implicit_euler (1), implicit_midpoint (2), velocity_verlet (2), rk4 (4).
        Each cell its own: dopri5 (5), dop853 (8), and rosenbrock (4) for stiff systems. linear: exact, for rates of change
        that are linear in the states, with coefficients that are constant between times of the forcing.
    step : float, optional
        Length of fixed steps (shortened to fit between times to save); or the first that an adaptive method tries.
    save_at : array, optional
        Times to keep, increasing, within `t`. By default the end alone.
    rtol, atol : float
        Error that adaptive methods tolerate in a step: atol + rtol * abs(y).
    max_step : float, optional
        The longest step of an adaptive method. A change of `rhs` in time that is shorter than a step, such as a pulse, can
        be stepped over unseen: give its length here, or its edges as times to save, or give it as forcing.
    max_steps : int
        Tries after which an adaptive method gives a cell up.
    jacobian : callable, optional
        `jacobian(t, y, p)` gives the derivatives of the rates, a tuple of rows. By default they are found by dual numbers.
    events : dict, optional
        `{name: (state, level)}`: the first time that the state reaches the level, as a further variable; t[0] where it starts
        there. A level may be an array. Not for linear.
    per : str
        Unit of time of `rhs` where forcing has dates: "day", "year", ...
    state : str
        Name of the dimension of states, where `y0` is a DataArray.

    Returns
    -------
    Dataset
        The states, of shape (t, ...), in float32 where all of `y0` is; with forcing the dimension of time is that of the
        forcing.
        status : int8
            0 done, 1 missing input, 2 state not finite, 3 Newton's method did not converge, 4 too many steps, 5 step too
            small, 6 not linear. From where a cell fails on, its states are missing. Where `rhs` reaches beyond an array that
            it indexes, or raises an exception, its result is NaN, so that the cell fails.
        n_steps : int32

        Lazy if any input is.

    Raises
    ------
    TypeError
        If an input is of the wrong kind.
    ValueError
        If `rhs` cannot be compiled, returns the wrong number of values or unpacks names in another order than theirs; if
        times do not increase, lie outside of `t`, or are not covered by forcing; if `step` is missing or not above 0; if a
        result would have the name of a dimension or coordinate; if a table that `rhs` uses changes before a lazy result is
        computed.

    Notes
    -----
    All is computed in float64, 64 cells side by side in SIMD lanes: `sin`, `exp`, `tanh` and others of `math` and `numpy` are
    replaced by branch-free ones (`gridtrend.engine.elementary`, a few units in the last place). Results do not depend on
    chunks, threads or neighbours, to the bit; machines with and without fused multiply-add differ by rounding.

    Events are found by the method itself, with shorter steps from the start of a step, and are as accurate as the states are.
    Each step is searched in parts (4 for dop853, 2 for dopri5, rk4 and rosenbrock, 1 for others), in each of which a state
    may cross once, or turn once: what crosses and returns more often within a part can be missed, as can what comes and goes
    within a step without a turn of its slope at both ends; `max_step` or a shorter `step` finds it. A state that turns at the
    level within the tolerances (rounding, for fixed steps) touches it, and that counts. A run with events costs 2 to 5 times
    as much.

    Cost is O(cells * steps * states); O(states**3) a step for implicit methods. What is compiled is kept on disk for the
    next process.

    References
    ----------
    Hairer, E., Norsett, S. P. & Wanner, G. (1993). Solving Ordinary Differential Equations I. Springer.
    doi:10.1007/978-3-540-78862-1

    Hairer, E. & Wanner, G. (1996). Solving Ordinary Differential Equations II. Springer. doi:10.1007/978-3-642-05221-7

    Examples
    --------
    >>> import math
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> def pendulum(t, y, p):
    ...     theta, omega = y
    ...     return omega, -p.g_over_l * math.sin(theta)
    >>> start = xr.Dataset({"theta": ("lat", [0.1, 0.2]), "omega": ("lat", [0.0, 0.0])})
    >>> run = gt.ode.integrate(pendulum, start, (0.0, 10.0), params={"g_over_l": 9.81}, method="dop853", rtol=1e-10)
    >>> run.theta.dims, run.theta.values.round(6).tolist()
    (('t', 'lat'), [[0.099345, 0.197009]])
    """
    states = initial_state(y0, state)
    constants, series = variables("params", params), variables("forcing", forcing)
    if twice := set(constants) & set(series):
        raise ValueError(f"{min(twice)!r} is a parameter and forcing at once; rename one of them.")
    watched, levels = check_events(events, tuple(states), {*constants, *series, "status", "n_steps"})
    step, max_step = _check_steps(method, step, max_step, bool(watched))
    _check_positive(rtol=rtol, atol=atol, max_steps=max_steps)
    clock = make_clock(series, unit_named(per))
    schedule = make_schedule(clock, t, save_at, step, interpolation)
    names = [*levels, "status", "n_steps"] + ([name_of(y0)] if isinstance(y0, xr.DataArray) else [])
    names += [name for name in states if name not in names or not isinstance(y0, xr.DataArray)]
    states, constants, levels = check_names(names, clock.dim, series, states, constants, levels)
    needed = _needed(series, clock, schedule)
    at_start = [array.isel({clock.dim: schedule.knot[0]}) for array in needed]
    cell = first_cell(float(schedule.stops[0]), [*states.values()], [*constants.values(), *at_start])
    system = make_system(rhs, tuple(states), (*constants, *series), len(series), method, cell, jacobian, watched)
    problem = Problem(
        system, method, schedule.stops, schedule.knot, schedule.moments, schedule.counts, schedule.knots,
        interpolation == "linear", float(step or 0.0), max_step, float(rtol), float(atol), int(max_steps),
    )  # fmt: skip
    arrays = [*states.values(), *constants.values(), *levels.values(), *needed]
    core: list[list[str]] = [[]] * (len(states) + len(constants) + len(levels)) + [[clock.dim]] * len(series)
    dtype = np.result_type(np.float32, *(array.dtype for array in states.values()))
    results = map_cells(
        problem,
        arrays,
        core,
        [[_SAVED]] * len(states) + [[], []] + [[]] * len(levels),
        [dtype] * len(states) + [np.dtype("i1"), np.dtype("i4")] + [np.dtype("f8")] * len(levels),
        {_SAVED: schedule.saved.size},
    )
    result = _dataset(states, list(levels), results, clock, schedule)
    if isinstance(y0, xr.DataArray):
        result = _gathered(result, y0, list(states), state)
    return result.assign_attrs(_attributes(method, step, rtol, atol))


# Temporary name of the output-time dimension, until the dimension of the forcing is gone.
_SAVED = "__saved__"


def _check_steps(method: Any, step: Any, max_step: Any, watching: bool) -> tuple[Any, float]:
    check_method(method)
    if method == "linear" and watching:
        raise ValueError(
            "method='linear' takes no steps, and looks for no events between the times to save. Leave events out, or take "
            "dopri5 or dop853, which find them."
        )
    if step is None and not METHODS[method].adaptive:
        raise ValueError(f"method={method!r} takes steps of fixed length: give it, such as step=0.01.")
    if step is not None and not (is_number(step) and 0 < step < np.inf):
        raise ValueError(f"step={step!r} is not a length of time; give a number above 0, in the unit of t.")
    if max_step is None:
        return step, np.inf
    if not (is_number(max_step) and 0 < max_step < np.inf):
        raise ValueError(f"max_step={max_step!r} is not a length of time; give a number above 0, in the unit of t.")
    if method == "linear" or not METHODS[method].adaptive:
        instead = "it takes none" if method == "linear" else "its length is step=..."
        raise ValueError(
            f"max_step limits steps of dopri5, dop853 and rosenbrock; method={method!r} has no use for it: {instead}."
        )
    return step, float(max_step)


def check_method(method: Any) -> None:
    """Refuse a method that is not known."""
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"method={method!r} is not known; use one of {', '.join(map(repr, METHODS))}.")


def _check_positive(**options: Any) -> None:
    for name, value in options.items():
        if not is_number(value) or not 0 < value < np.inf:
            raise ValueError(f"{name}={value!r} must be one number above 0.")


def _needed(series: dict[str, xr.DataArray], clock: Clock, schedule: Schedule) -> list[xr.DataArray]:
    """The time steps of the forcing that a run uses, sorted, without their coordinate."""
    order = clock.order if clock.order is not None else np.arange(clock.knots.size)
    chosen = order[schedule.first_knot : schedule.first_knot + schedule.knots.size]
    whole = chosen.size == clock.knots.size and clock.order is None
    return [(array if whole else array.isel({clock.dim: chosen})).drop_vars(clock.dim) for array in series.values()]


def _dataset(
    states: dict[str, xr.DataArray], events: list[str], results: Any, clock: Clock, schedule: Schedule
) -> xr.Dataset:
    n = len(states)
    status, n_steps, *crossed = (result.variable for result in results[n:])
    data = {}
    for (name, initial), result in zip(states.items(), results[:n], strict=True):
        value = result.variable
        dims = {dim: clock.dim if dim == _SAVED else dim for dim in value.dims}
        data[name] = xr.Variable(dims.values(), value.data, initial.attrs).transpose(clock.dim, ...)
    meanings = STATUS.split()
    status.attrs = {
        "long_name": "how the integration ended",
        "flag_values": np.arange(len(meanings), dtype=np.int8),
        "flag_meanings": " ".join(meanings),
    }
    n_steps.attrs = {"long_name": "number of steps", "units": "1"}
    data |= {"status": status, "n_steps": n_steps}
    for name, times in zip(events, crossed, strict=True):
        times.attrs = {"long_name": f"first time of {name.replace('_', ' ')}", **clock.unit_attrs()}
        data[name] = times
    # Variables instead of DataArrays: all have the same coordinates, and need no alignment.
    coords = results[0].coords.merge({clock.dim: clock.labels(schedule.saved)}).coords
    return xr.Dataset(data, coords)


def _gathered(result: xr.Dataset, y0: xr.DataArray, names: list[str], state: str) -> xr.Dataset:
    """States that came as one DataArray, joined into one again."""
    parts = [result[name].drop_attrs() for name in names]
    name = name_of(y0)
    whole = xr.concat(parts, state).transpose(parts[0].dims[0], state, ...).assign_attrs(y0.attrs)
    if state in y0.coords:
        whole = whole.assign_coords({state: y0[state]})
    return result.drop_vars(names).assign({name: whole})


def _attributes(method: str, step: float | None, rtol: float, atol: float) -> dict[str, Any]:
    how = {"rtol": rtol, "atol": atol} if METHODS[method].adaptive else {"step": step}
    return {"method": method, **how, "gridtrend_version": package_version()}
