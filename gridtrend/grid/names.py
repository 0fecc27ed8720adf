"""Coordinates and dimensions of the data that have the name of a result: the result keeps its name.

Depth is called `z` in many files, and so is a standardised score. Such a coordinate is renamed before the computation, and
renamed back if the final result has no variable of that name.
"""

import functools
import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar, cast

import xarray as xr

from gridtrend.engine.output import Output
from gridtrend.grid.notices import warn_caller

Function = TypeVar("Function", bound=Callable[..., Any])
# Arguments that name dimensions which the result does not have.
CONSUMED = ("dim", "over")


def distinct(*further: str, keeps: bool = False) -> Callable[[Function], Function]:
    """Make a decorator for public functions: no name of a result clashes with a coordinate or dimension of the arguments.

    Parameters
    ----------
    *further : str
        Names in results other than those of declared outputs.
    keeps : bool
        Whether the dimensions that `dim` names are dimensions of the results.

    Returns
    -------
    callable
        A decorator. It looks at arguments that are DataArrays or Datasets, alone or in mappings. The decorated function
        has an attribute `prefixed`, which takes a prefix for the names of results, then the arguments.
    """

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)

        def run(prefix: str, args: Any, kwargs: Any) -> Any:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError:
                return function(*args, **kwargs)
            arguments = bound.arguments
            defaults = {name: parameter.default for name, parameter in signature.parameters.items()}
            given = [value for name in CONSUMED for value in _listed(arguments.get(name, defaults.get(name)))]
            used = _names(arguments.values())
            taken = {name: other_name(name, used) for name in used & (Output.names | set(further))}
            # A consumed dimension keeps its name, which may be its unit. The result has its period only, see `period`.
            aside = {old: new for old, new in taken.items() if keeps or old not in given}
            for name, value in arguments.items():
                arguments[name] = _renamed(value, aside, by_name=keeps and name in CONSUMED)
            try:
                result = function(*bound.args, **bound.kwargs)
            except (TypeError, ValueError) as error:
                _say_in_own_names(error, aside)
                raise
            return _published(result, taken, prefix)

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return run("", args, kwargs)

        wrapper.prefixed = lambda prefix, *args, **kwargs: run(prefix, args, kwargs)  # type: ignore[attr-defined]
        return cast(Function, wrapper)

    return decorate


def refuse_taken(results: Iterable[Hashable], dims: Iterable[Hashable], *arrays: xr.DataArray) -> None:
    """Refuse coordinates and dimensions that have the name of a result or of a new dimension, before computing.

    Parameters
    ----------
    results : iterable of str
        Names of results.
    dims : iterable of str
        Dimensions that results have in addition to those of the arrays. They replace scalar coordinates of their name.
    *arrays : DataArray
    """
    used = {name for array in arrays for name in array.dims}
    scalars = {name for array in arrays for name, coord in array.coords.items() if not coord.dims}
    used |= {name for array in arrays for name in array.coords} - scalars
    for name in (*results, *dims):
        if name in used or (name in scalars and name not in dims):
            raise ValueError(
                f"the data have a coordinate or dimension {name!r}, and so has the result; rename it beforehand: "
                f".rename({{{name!r}: {other_name(name)!r}}})."
            )


def other_name(name: Hashable, used: Iterable[Hashable] = ()) -> str:
    """The new name of a coordinate or dimension whose name a result has."""
    other = f"{name}_coordinate"
    while other in used:
        other += "_"
    return other


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _names(values: Iterable[Any]) -> set[Hashable]:
    """Names of the coordinates and dimensions of all arrays among the values."""
    found: set[Hashable] = set()
    for value in values:
        if isinstance(value, xr.DataArray | xr.Dataset):
            found |= {*value.coords, *value.dims}
        elif isinstance(value, Mapping):
            found |= _names(value.values())
    return found


def _renamed(value: Any, aside: Mapping[Hashable, str], by_name: bool) -> Any:
    if not aside:
        return value
    if isinstance(value, xr.DataArray | xr.Dataset):
        own = {*value.coords, *value.dims}
        return value.rename({old: new for old, new in aside.items() if old in own})
    if isinstance(value, Mapping):
        return {name: _renamed(each, aside, False) for name, each in value.items()}
    if by_name and value is not None:
        return [aside.get(name, name) for name in value] if isinstance(value, list | tuple) else aside.get(value, value)
    return value


def _say_in_own_names(error: Exception, aside: Mapping[Hashable, str]) -> None:
    """Write the names that the user gave into a message."""
    if aside and error.args and isinstance(error.args[0], str):
        error.args = (_in_own_names(error.args[0], aside), *error.args[1:])


def _in_own_names(text: str, aside: Mapping[Hashable, str]) -> str:
    for old, new in aside.items():
        text = text.replace(new, str(old))
    return text


def _published(result: Any, taken: Mapping[Hashable, str], prefix: str) -> Any:
    """The result under its final names: `prefix` before those of results, and coordinates called as in the data."""
    if not isinstance(result, xr.DataArray | xr.Dataset):
        return result
    outputs = {name: f"{prefix}{name}" for name in result.data_vars} if isinstance(result, xr.Dataset) else {}
    results = set(outputs.values())
    here = {*result.coords, *result.dims}
    back = {new: old for old, new in taken.items() if new in here and old not in results | here}
    # Bounds of a period are named after it.
    back |= {f"{new}_bnds": f"{old}_bnds" for new, old in back.items() if f"{new}_bnds" in here}
    clashing = {name: other_name(name, here) for name in here & results}
    renamed = {old: new for old, new in taken.items() if new in here and new not in back} | clashing
    if names := back | clashing | (outputs if prefix else {}):
        result = result.rename(names)
    if prefix:
        _link(result, prefix)
    if back:
        own = {old: new for new, old in back.items()}
        result.attrs = _attrs_in_own_names(result.attrs, own)
        for name in own:
            if name in result.coords:
                result[name].attrs = _attrs_in_own_names(result[name].attrs, own)
    if renamed:
        what = ", ".join(f"{old!r} is now {new!r}" for old, new in sorted(renamed.items(), key=str))
        warn_caller(
            f"coordinates or dimensions of the data are called like results, which keep their names: {what}. To have "
            "another name, rename them beforehand."
        )
    return result


def named_as_in(result: xr.Dataset, source: xr.Dataset) -> xr.Dataset:
    """The source of a result, its coordinates and dimensions called as they are in the result."""
    there = {*result.coords, *result.dims}
    own = {*source.coords, *source.dims}
    return source.rename({old: new for old in own - there if (new := other_name(old, own)) in there})


def with_prefix(result: xr.Dataset, prefix: str) -> xr.Dataset:
    """Results under names that begin with `prefix`."""
    published: xr.Dataset = _published(result, {}, prefix)
    return published


def _link(result: xr.Dataset, prefix: str) -> None:
    for da in result.data_vars.values():
        if linked := da.attrs.get("ancillary_variables"):
            da.attrs["ancillary_variables"] = " ".join(f"{prefix}{name}" for name in linked.split())


def _attrs_in_own_names(attrs: Mapping[Any, Any], aside: Mapping[Hashable, str]) -> dict[Any, Any]:
    return {key: _in_own_names(value, aside) if isinstance(value, str) else value for key, value in attrs.items()}
