"""What users pass to `integrate`, checked: states, parameters, forcing, and the right-hand side."""

import dis
import inspect
from collections.abc import Mapping
from typing import Any

import xarray as xr

from gridtrend.grid import userfunction
from gridtrend.ode.kernels import signatures
from gridtrend.ode.kernels.methods import METHODS
from gridtrend.ode.problem import System

# Jacobians are inverted without loops: compiling that for more states takes minutes.
MOST_STATES = 6


def variables(name: str, given: Any) -> dict[str, xr.DataArray]:
    """The variables of a Dataset or of a mapping as named arrays of real numbers."""
    if given is None:
        return {}
    if isinstance(given, xr.DataArray):
        if given.name is None:
            raise ValueError(f"{name} is a DataArray without a name. Name it: {name}={name}.rename('precipitation').")
        given = {given.name: given}
    if not isinstance(given, xr.Dataset | Mapping):
        raise TypeError(
            f"{name} must be an xarray.Dataset, or a dict of arrays and numbers, not {type(given).__name__}: "
            f"{name}=xarray.Dataset({{'name': value}})."
        )
    items = given.data_vars if isinstance(given, xr.Dataset) else given
    arrays = {
        str(key): value if isinstance(value, xr.DataArray) else xr.DataArray(value) for key, value in items.items()
    }
    for key, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"{name} {key!r} holds {array.dtype}, and real numbers are needed. Convert it with .astype(float)."
            )
    return arrays


def initial_state(y0: Any, state: str) -> dict[str, xr.DataArray]:
    """The states, from a Dataset or from a DataArray with a dimension of states."""
    if isinstance(y0, xr.DataArray):
        if state not in y0.dims:
            raise ValueError(
                f"y0 is a DataArray without a dimension {state!r}; its dimensions are {', '.join(map(repr, y0.dims))}. Name "
                "that of the states: state=..., or give a Dataset with one variable a state."
            )
        labels = y0[state].values if state in y0.coords else range(y0.sizes[state])
        return {f"{label}": y0.isel({state: i}, drop=True) for i, label in enumerate(labels)}
    states = variables("y0", y0)
    if not states:
        raise ValueError(
            "y0 holds no variables; give one for each state: xarray.Dataset({'theta': ..., 'omega': ...})."
        )
    return states


def make_system(
    rhs: Any,
    states: tuple[str, ...],
    parameters: tuple[str, ...],
    forcing: int,
    method: str,
    jacobian: Any = None,
    watched: tuple[int, ...] = (),
) -> System:
    """The system, once its right-hand side is known to compile and to fit."""
    if method not in METHODS:
        raise ValueError(f"method={method!r} is not known; use one of {', '.join(map(repr, METHODS))}.")
    for name, function in (("rhs", rhs), ("jacobian", jacobian)):
        if function is not None and not inspect.isfunction(getattr(function, "py_func", function)):
            raise TypeError(
                f"{name} must be a Python function of (t, y, p), not {type(function).__name__}: its code is compiled. "
                "Write a def or a lambda."
            )
    if METHODS[method].needs_jacobian and len(states) > MOST_STATES:
        raise ValueError(
            f"method={method!r} works with the Jacobian in registers and takes at most {MOST_STATES} states, and y0 has "
            f"{len(states)}. Use dopri5 or dop853, or, for a stiff column, few layers."
        )
    count = getattr(rhs, "py_func", rhs).__code__.co_argcount
    if count not in (3, 4):
        raise TypeError(
            f"rhs takes {count} arguments, and is called as rhs(t, y, p), or, where it writes its result to an array, as "
            "rhs(t, y, p, dy)."
        )
    _check_names(rhs, states, parameters)
    if method == "velocity_verlet":
        return _second_order(rhs, states, parameters, forcing, watched)
    system = System(rhs, states, parameters, forcing, "in place" if count == 4 else "rate", watched, jacobian)
    _check_compiles(system)
    return system


def _check_names(rhs: Any, states: tuple[str, ...], parameters: tuple[str, ...]) -> None:
    """Refuse `a, b = p` where the variables are b and a."""
    function = getattr(rhs, "py_func", rhs)
    arguments = function.__code__.co_varnames
    for argument, names, what in ((arguments[1], states, "y0"), (arguments[2], parameters, "params and forcing")):
        for unpacked in _unpacked(function.__code__, argument):
            if unpacked != names and sorted(unpacked) == sorted(names):
                raise ValueError(
                    f"rhs unpacks {argument} as {', '.join(unpacked)}, and the variables of {what} are, in order, "
                    f"{', '.join(names)}: the names do not match. Write {', '.join(names)} = {argument}, or "
                    f"{argument}.{names[0]} and so on, which needs no order."
                )


def _unpacked(code: Any, argument: str) -> list[tuple[str, ...]]:
    """Names of each `a, b = argument` in a function."""
    found = []
    instructions = list(dis.get_instructions(code))
    for i, instruction in enumerate(instructions[1:], 1):
        before = instructions[i - 1]
        if (
            instruction.opname == "UNPACK_SEQUENCE"
            and before.opname.startswith("LOAD_FAST")
            and before.argval == argument
        ):
            targets = instructions[i + 1 : i + 1 + int(instruction.arg or 0)]
            found.append(tuple(str(target.argval) for target in targets))
    return found


# What functions return, by their digests and arguments: no function is compiled twice to be checked.
_RETURNED: dict[tuple[Any, ...], Any] = {}


def _returned(rhs: Any, states: tuple[str, ...], parameters: tuple[str, ...], velocities: int = 0) -> Any:
    key = userfunction.digest(rhs), states, parameters, velocities
    if key not in _RETURNED:
        arguments = signatures.of_user(states, parameters, velocities)
        _RETURNED[key] = userfunction.compiled_for(userfunction.ready(rhs), arguments)
    return _RETURNED[key]


def _check_compiles(system: System) -> None:
    n = len(system.states)
    try:
        if system.form == "in place":
            if (key := (system.digest,)) not in _RETURNED:
                q = len(system.parameters) + len(system.watched) + system.forcing + 1
                _RETURNED[key] = userfunction.compiled_for(system.field(), signatures.of_field(n, q))
            return
        returned = _returned(system.rhs, system.states, system.parameters)
    except userfunction.COMPILE_ERRORS as error:
        raise ValueError(_in_words(error, system)) from None
    _check_count(returned, n, f"y0 has {n} state{'s' * (n > 1)}: {', '.join(system.states)}")


def _in_words(error: Exception, system: System) -> str:
    known = f"y is ({', '.join(system.states)}), p is ({', '.join(system.parameters)})"
    return f"{userfunction.explained(error, system.rhs, 'rhs')}\nHere {known}."


def _check_count(returned: Any, n: int, states: str) -> None:
    if signatures.is_collection(returned):
        raise ValueError(
            f"rhs returns a list or an array, and {states}. Return a tuple of numbers, without brackets: return a, b; "
            "or write them into a fourth argument: def rhs(t, y, p, dy): dy[0] = a."
        )
    found = signatures.count(returned)
    if found == 0:
        raise ValueError(f"rhs returns nothing, and {states}. Return the rate of change of each, in that order.")
    if found != n:
        raise ValueError(
            f"rhs returns {found} value{'s' * (found > 1)}, and {states}. Return the rate of change of each, in that order."
        )


def _second_order(rhs: Any, states: tuple[str, ...], parameters: tuple[str, ...], *rest: Any) -> System:
    """A system for velocity-Verlet: `rhs` gives accelerations from positions, or rates of change that hide them.

    Velocities are of a type that can be returned and nothing else, so that a force that uses one does not compile.
    """
    n, half = len(states), len(states) // 2
    if n % 2:
        raise ValueError(
            f"velocity_verlet needs a velocity for each position, and y0 has {n} states: {', '.join(states)}. Give the "
            "positions, then their velocities."
        )
    acceleration = System(rhs, states, parameters, rest[0], "acceleration", rest[1])
    if (acceleration.digest, "hides") in _RETURNED:
        return System(rhs, states, parameters, rest[0], "rate", rest[1])
    try:
        returned = _returned(rhs, states[:half], parameters)
        _check_count(returned, half, f"there are {half} positions: {', '.join(states[:half])}")
        return acceleration
    except userfunction.COMPILE_ERRORS as error:
        reason = error
    except ValueError:
        reason = None
    try:
        _returned(rhs, states, parameters)
    except userfunction.COMPILE_ERRORS:
        raise ValueError(_in_words(reason or ValueError(""), acceleration)) from None
    try:
        returned = _returned(rhs, states, parameters, half)
        if signatures.hands_on_velocities(returned, half):
            _RETURNED[acceleration.digest, "hides"] = returned
            return System(rhs, states, parameters, rest[0], "rate", rest[1])
    except userfunction.COMPILE_ERRORS:
        pass
    raise ValueError(
        f"velocity_verlet does not fit this rhs: a force must not depend on velocities ({', '.join(states[half:])}), and "
        f"positions ({', '.join(states[:half])}) must change by exactly them, for only then are its steps reversible and its "
        "energy bounded. With friction or rotation use implicit_midpoint or dopri5; else give acceleration(t, q, p), which "
        f"returns {half} value{'s' * (half > 1)} from the positions alone."
    )


def check_events(
    events: Any, states: tuple[str, ...], taken: set[str]
) -> tuple[tuple[int, ...], dict[str, xr.DataArray]]:
    """The place of each event's state, and the levels by the events' names."""
    watched, levels = [], {}
    for name, event in (events or {}).items():
        if not (isinstance(event, tuple) and len(event) == 2 and event[0] in states):
            raise ValueError(
                f"event {name!r} is {event!r}; give a state and the level that it crosses: "
                f"events={{{name!r}: ({states[0]!r}, 0.0)}}. The states are {', '.join(states)}."
            )
        if name in taken or name in states:
            raise ValueError(f"{name!r} is an event and another variable at once; rename the event.")
        watched.append(states.index(event[0]))
        levels[name] = event[1] if isinstance(event[1], xr.DataArray) else xr.DataArray(float(event[1]))
    return tuple(watched), levels
