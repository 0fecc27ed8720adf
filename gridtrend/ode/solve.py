"""Initial value problems on every cell of a grid."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.apply import map_cells, version
from gridtrend.ode.inputs import check_events, initial_state, make_system, variables
from gridtrend.ode.kernels.methods import METHODS
from gridtrend.ode.problem import Problem
from gridtrend.ode.schedule import Clock, Schedule, make_clock, make_schedule

STATUS = (
    "done missing_input state_not_finite newton_did_not_converge too_many_steps step_too_small not_linear"
)


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
    max_steps: int = 100_000,
    jacobian: Any = None,
    events: Any = None,
    per: str = "day",
    state: str = "state",
) -> xr.Dataset:
    """TODO."""
    states = initial_state(y0, state)
    constants, series = variables("params", params), variables("forcing", forcing)
    if twice := set(constants) & set(series):
        raise ValueError(f"{sorted(twice)[0]!r} is a parameter and forcing at once; rename one of them.")
    watched, levels = check_events(events, tuple(states), {*constants, *series, "status", "n_steps"})
    system = make_system(rhs, tuple(states), (*constants, *series), len(series), method, jacobian, watched)
    step = _check_step(method, step)
    _check_positive(rtol=rtol, atol=atol, max_steps=max_steps)
    clock = make_clock(series, per)
    schedule = make_schedule(clock, t, save_at, step, interpolation)
    problem = Problem(
        system, method, schedule.stops, schedule.knot, schedule.moments, schedule.counts, schedule.knots,
        interpolation == "linear", step or 0.0, rtol, atol, max_steps,
    )  # fmt: skip
    arrays = [*states.values(), *constants.values(), *levels.values(), *_needed(series, clock, schedule)]
    core = [[]] * (len(states) + len(constants) + len(levels)) + [[clock.dim]] * len(series)
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


# What the times are called until the times of the forcing are gone.
_SAVED = "__saved__"


def _check_step(method: str, step: float | None) -> float | None:
    if step is None and not METHODS[method].adaptive:
        raise ValueError(f"method={method!r} takes steps of fixed length: give it, such as step=0.01.")
    if step is not None and not (np.isscalar(step) and 0 < float(step) < np.inf):
        raise ValueError(f"step={step!r} is not a length of time; give a number above 0, in the unit of t.")
    return None if step is None else float(step)


def _check_positive(**options: float) -> None:
    for name, value in options.items():
        if not value > 0:
            raise ValueError(f"{name}={value!r} must be above 0.")


def _needed(series: dict[str, xr.DataArray], clock: Clock, schedule: Schedule) -> list[xr.DataArray]:
    """The steps of the forcing that a run uses, in order of time, without their coordinate."""
    order = clock.order if clock.order is not None else np.arange(clock.knots.size)
    chosen = order[schedule.first_knot : schedule.first_knot + schedule.knots.size]
    whole = chosen.size == clock.knots.size and clock.order is None
    return [
        (array if whole else array.isel({clock.dim: chosen})).drop_vars(clock.dim) for array in series.values()
    ]


def _dataset(states: dict[str, xr.DataArray], events: list[str], results: Any, clock: Clock, schedule: Schedule) -> xr.Dataset:
    n = len(states)
    status, n_steps, *crossed = results[n:]
    data = {}
    for (name, initial), value in zip(states.items(), results[:n], strict=True):
        value = value.rename({_SAVED: clock.dim}).transpose(clock.dim, ...)
        data[name] = value.assign_attrs(initial.attrs)
    meanings = STATUS.split()
    data["status"] = status.assign_attrs(
        long_name="how the integration ended",
        flag_values=np.arange(len(meanings), dtype=np.int8),
        flag_meanings=" ".join(meanings),
    )
    data["n_steps"] = n_steps.assign_attrs(long_name="number of steps", units="1")
    for name, times in zip(events, crossed, strict=True):
        data[name] = times.assign_attrs(long_name=f"first time of {name.replace('_', ' ')}", **clock.unit_attrs())
    return xr.Dataset(data).assign_coords({clock.dim: clock.labels(schedule.saved)})


def _gathered(result: xr.Dataset, y0: xr.DataArray, names: list[str], state: str) -> xr.Dataset:
    """States of one DataArray together again."""
    parts = [result[name].drop_attrs() for name in names]
    name = str(y0.name or "y")
    whole = xr.concat(parts, state).transpose(parts[0].dims[0], state, ...).assign_attrs(y0.attrs)
    if state in y0.coords:
        whole = whole.assign_coords({state: y0[state]})
    return result.drop_vars(names).assign({name: whole})


def _attributes(method: str, step: float | None, rtol: float, atol: float) -> dict[str, Any]:
    how = {"rtol": rtol, "atol": atol} if METHODS[method].adaptive else {"step": step}
    return {"method": method, **how, "gridtrend_version": version()}
