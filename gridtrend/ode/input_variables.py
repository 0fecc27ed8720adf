"""Checks of the inputs of `integrate`: states, parameters, forcing and events."""

from collections.abc import Mapping
from typing import Any

import xarray as xr

from gridtrend.grid.dialect import quoted

Arrays = dict[str, xr.DataArray]


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
    arrays = {str(key): _array(name, key, value) for key, value in items.items()}
    if len(arrays) < len(items):
        raise ValueError(f"{name} has two variables of one name once names are text: {', '.join(map(repr, items))}.")
    return arrays


# How to convert other values to real numbers, by the kind of their dtype.
_REMEDIES = {
    "c": "Give the real and the imaginary part as a variable each.",
    "m": "Divide it by a unit of time: / numpy.timedelta64(1, 'D').",
    "M": "Give a time since another date, in a unit: (date - first) / numpy.timedelta64(1, 'D').",
}


def _array(name: str, key: Any, value: Any) -> xr.DataArray:
    """A value of a mapping as an array of real numbers; like xarray, it accepts a tuple (dims, values)."""
    try:
        array = value if isinstance(value, xr.DataArray) else xr.DataArray(_variable(value))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} {key!r} is no array: {quoted(error)}") from None
    if array.dtype.kind not in "biuf":
        found = next(iter(array.values.flat), None) if array.dtype == object and array.chunks is None else None
        what = f"{array.dtype}" + (f" ({type(found).__name__})" if found is not None else "")
        remedy = _REMEDIES.get(array.dtype.kind, "Convert it with .astype(float).")
        raise TypeError(f"{name} {key!r} holds {what}, and real numbers are needed. {remedy}")
    return array


def _variable(value: Any) -> Any:
    # A tuple means dimensions and values if its first element can be dimensions.
    named = isinstance(value, tuple) and len(value) in (2, 3, 4) and isinstance(value[0], str | tuple | list)
    return xr.Variable(*value) if named else value


def name_of(y0: xr.DataArray) -> str:
    """The name of the variable that holds the states of one DataArray."""
    return str(y0.name or "y")


def initial_state(y0: Any, state: str) -> dict[str, xr.DataArray]:
    """The states, from a Dataset or from a DataArray with a dimension of states."""
    if not isinstance(state, str):
        raise TypeError(f"state={state!r} is not the name of a dimension; give a word, such as state='state'.")
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


def check_events(
    events: Any, states: tuple[str, ...], taken: set[str]
) -> tuple[tuple[int, ...], dict[str, xr.DataArray]]:
    """The index of each event's state, and the levels by the names of the events."""
    watched, levels = [], {}
    if not isinstance(events if events is not None else {}, Mapping):
        raise TypeError(f"events is a {type(events).__name__}; give a dict: events={{'zero': ({states[0]!r}, 0.0)}}.")
    for name, event in (events or {}).items():
        if not (isinstance(event, tuple) and len(event) == 2 and event[0] in states):
            raise ValueError(
                f"event {name!r} is {event!r}; give a state and the level that it crosses: "
                f"events={{{name!r}: ({states[0]!r}, 0.0)}}. The states are {', '.join(states)}."
            )
        if str(name) in taken or str(name) in states:
            raise ValueError(f"{name!r} is an event and another variable at once; rename the event.")
        watched.append(states.index(event[0]))
        levels[str(name)] = _array("the level of event", name, event[1])
    return tuple(watched), levels


def check_names(outputs: list[str], time: str, forcing: Arrays, *groups: Arrays) -> list[Arrays]:
    """Refuse results whose names dimensions or coordinates have; a scalar time coordinate of an input is dropped."""
    if twice := [name for name in outputs if outputs.count(name) > 1]:
        raise ValueError(f"the result would have two variables {twice[0]!r}; rename the state or the event.")
    for group in groups:
        for name, array in group.items():
            if time in array.dims:
                raise ValueError(
                    f"{name!r} has a dimension {time!r}, which is that of the times of the result. Rename it: "
                    f".rename({{{time!r}: 'cell'}}); what changes in time is forcing=..."
                )
    kept = [{name: array.drop_vars(time, errors="ignore") for name, array in group.items()} for group in groups]
    arrays = [array for group in (*kept, forcing) for array in group.values()]
    taken = {str(name) for array in arrays for name in (*array.dims, *array.coords)} | {time}
    if clash := [name for name in outputs if name in taken]:
        raise ValueError(
            f"{clash[0]!r} is a variable of the result, and a dimension or coordinate of the inputs or the times of the "
            f"result. Rename one of the two: .rename({{{clash[0]!r}: '{clash[0]}_0'}}), or another name in y0 or events."
        )
    return kept
