"""Names that a user's function uses from outside, their values, and a digest of the function with them.

Compiled code contains these values as constants. The digest identifies compiled code in caches, so it includes them: a function
whose table has changed is another function, in this process and in the next.
"""

import dataclasses
import dis
import enum
import functools
import hashlib
import math
import random
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

Chains = dict[str, set[tuple[str, ...]]]
# Modules whose functions numba knows; no value in them changes.
KNOWN_MODULES = (math, np)
_PACKAGES = ("builtins", "math", "cmath", "operator", "numpy", "numba")


class _UnknownValueError(Exception):
    """A value that compiled code cannot contain, with its name and a description."""


@dataclasses.dataclass(frozen=True)
class Namespace:
    """A module, class or object of which a function uses only attributes, reduced to those attributes."""

    name: str
    members: dict[str, Any]


def plain(function: Any) -> Any:
    """The Python function behind one that numba has compiled already."""
    return getattr(getattr(function, "_dispatcher", function), "py_func", function)


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A function's code, and that of its inner functions."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


def _chains(code: types.CodeType, *loads: str) -> Chains:
    """Names that a function loads from outside, each with its chains of attributes; () where the value itself is used."""
    found: Chains = {}
    for part in codes(code):
        instructions = [item for item in dis.get_instructions(part) if item.opname != "EXTENDED_ARG"]
        for place, item in enumerate(instructions):
            if item.opname.startswith(loads):
                chain = []
                for later in instructions[place + 1 :]:
                    if later.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
                        break
                    chain.append(str(later.argval))
                found.setdefault(str(item.argval), set()).add(tuple(chain))
    return found


def surroundings(function: Any) -> dict[str, Any]:
    """Values that a function uses from outside: globals and variables of enclosing functions."""
    code = function.__code__
    names: dict[str, Any] = {}
    for name, chains in _chains(code, "LOAD_GLOBAL", "LOAD_NAME").items():
        if name in function.__globals__:
            names[name] = _used(function.__globals__[name], name, chains, code)
    free = _chains(code, "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_CLOSURE")
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:
            # Not assigned yet, as in a recursive function.
            continue
        names[name] = _used(value, name, free.get(name, {()}) - {()} or {()}, code)
    return names


def _used(value: Any, name: str, chains: set[tuple[str, ...]], code: types.CodeType) -> Any:
    """A value, or for modules and the like a `Namespace` of the attributes that the function uses."""
    module = isinstance(value, types.ModuleType)
    if value is random or value is np.random or (value is np and any(chain[:1] == ("random",) for chain in chains)):
        raise ValueError(
            f"{code.co_name!r} draws random numbers, and its results would depend on the order of cells. Draw them before, "
            "and give them as params or forcing."
        )
    if value in KNOWN_MODULES if module else not _is_namespace(value):
        return value
    if () in chains:
        if not module:
            return value
        # The function uses the module under another name: any attribute name in its code may belong to it.
        chains = (chains - {()}) | {(attribute,) for part in codes(code) for attribute in part.co_names}
    members: dict[str, set[tuple[str, ...]]] = {}
    for first, *rest in chains:
        members.setdefault(first, set()).add(tuple(rest))
    found = {
        member: _used(getattr(value, member), f"{name}.{member}", rest, code)
        for member, rest in members.items()
        if hasattr(value, member)
    }
    return Namespace(getattr(value, "__name__", name), found)


def _is_namespace(value: Any) -> bool:
    """Whether the attributes of a value represent it; numba handles those of numbers and tuples itself."""
    if isinstance(value, type):
        return value.__module__.split(".")[0] not in _PACKAGES
    return isinstance(value, types.SimpleNamespace) or (
        dataclasses.is_dataclass(value) and not isinstance(value, tuple | enum.Enum)
    )


def digest(function: Any) -> str:
    """A hash of a function: its code and the values that it uses from outside.

    Raises
    ------
    ValueError
        If it uses something whose value cannot be known, or cannot be compiled.
    """
    result = hashlib.sha256()
    try:
        for part in _function(plain(function), {}):
            result.update(part.encode() + b"\0")
    except _UnknownValueError as error:
        raise ValueError(f"the function {plain(function).__name__!r} uses {error}") from None
    return result.hexdigest()


def _function(function: Any, seen: dict[Any, int]) -> Iterator[str]:
    if function in seen:
        yield f"function {seen[function]}"
        return
    seen[function] = len(seen)
    yield from _code(function.__code__)
    for defaults in (function.__defaults__ or (), tuple(sorted((function.__kwdefaults__ or {}).items()))):
        yield from _value(defaults, "a default value", seen)
    for name, value in sorted(surroundings(function).items()):
        yield name
        yield from _value(value, name, seen)


def _code(code: types.CodeType) -> Iterator[str]:
    yield code.co_code.hex() + getattr(code, "co_exceptiontable", b"").hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars))
    yield repr((code.co_argcount, code.co_kwonlyargcount, code.co_flags))
    for constant in code.co_consts:
        yield from _code(constant) if isinstance(constant, types.CodeType) else (repr(constant),)


def _value(value: Any, name: str, seen: dict[Any, int]) -> Iterator[str]:
    if isinstance(value, Namespace):
        yield value.name
        for member, item in sorted(value.members.items()):
            yield member
            yield from _value(item, f"{name}.{member}", seen)
    elif isinstance(value, types.ModuleType):
        yield value.__name__
    elif isinstance(plain(value), types.FunctionType):
        yield from _function(plain(value), seen)
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject and not isinstance(value, np.ma.MaskedArray):
        yield f"{value.dtype.descr}{value.shape}"
        yield hashlib.sha256(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data).hexdigest()
    elif isinstance(value, np.generic) and not value.dtype.hasobject:
        yield f"{value.dtype.descr}{value.tobytes().hex()}"
    elif isinstance(value, enum.Enum):
        yield f"{type(value).__qualname__}.{value.name}"
        yield from _value(value.value, name, seen)
    elif isinstance(value, tuple):
        yield f"{type(value).__name__}{getattr(value, '_fields', '')}{len(value)}"
        for item in value:
            yield from _value(item, name, seen)
    elif value is None or isinstance(value, bool | int | float | complex | str | bytes | slice | range):
        yield f"{type(value).__name__}{value!r}"
    else:
        yield _name(value, name)


def _name(value: Any, name: str) -> str:
    """The name of a value that its name identifies: functions and classes of NumPy and Python, and named tuples."""
    if isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields"):
        return f"{value.__name__}{value._fields}"
    # Methods of an object depend on its state, as random generators do.
    owner = getattr(value, "__self__", None)
    bound = owner is not None and not isinstance(owner, types.ModuleType | type)
    package = str(getattr(value, "__module__", "") or type(value).__module__).split(".")[0]
    if package in _PACKAGES and callable(value) and not bound:
        return f"{package}.{getattr(value, '__qualname__', getattr(value, '__name__', repr(value)))}"
    raise _UnknownValueError(f"{name!r}, {_described(value)}")


def _described(value: Any) -> str:
    if isinstance(value, functools.partial):
        return "a functools.partial, which cannot be compiled. Write a def that calls the function."
    if isinstance(value, type):
        return f"the class {value.__qualname__} of {value.__module__}, which cannot be compiled."
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    if isinstance(value, list | set | dict):
        return f"a {kind}, which cannot be compiled. Make it a tuple, a numpy array or plain numbers."
    if type(value).__module__.startswith(("xarray", "pandas")):
        return f"a {kind}, which cannot be compiled. Give it as params or forcing, or take its .values outside of the function."
    return (
        f"a {kind}, whose value cannot be compiled in. Numbers, tuples, numpy arrays and Python functions can, and modules "
        "and classes that hold them."
    )
