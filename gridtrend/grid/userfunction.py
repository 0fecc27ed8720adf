"""A user's plain Python function, made ready for compilation inside a kernel.

Its calls of `math` and `numpy` functions are replaced by those that run in SIMD lanes and take dual numbers, the Python
functions that it calls are treated likewise, and a digest of all that it does stands for it in caches: the same function
defined twice, or sent to another process, is compiled once.
"""

import builtins
import hashlib
import linecache
import math
import re
import textwrap
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba.core.errors import NumbaError, UnsupportedBytecodeError

from gridtrend.grid.dual import SUBSTITUTES
from gridtrend.grid.kernel import checked_lane

COMPILE_ERRORS = (NumbaError, UnsupportedBytecodeError)
SUBSET = (
    "Arithmetic, comparisons, if/else, loops over range, tuples, min, max, abs, functions of math and numpy on single "
    "numbers, and calls of Python functions written with the same are understood; arrays, lists of objects, strings, "
    "xarray and scipy are not"
)


def _stand_in(module: types.ModuleType) -> types.ModuleType:
    """A module with substitutes for the functions that have one."""
    copy = types.ModuleType(module.__name__)
    copy.__dict__.update(module.__dict__)
    for name, value in module.__dict__.items():
        if isinstance(value, types.BuiltinFunctionType | np.ufunc | types.FunctionType) or callable(value):
            try:
                copy.__dict__[name] = SUBSTITUTES.get(value, value)
            except TypeError:
                continue
    return copy


_MODULES = {math: _stand_in(math), np: _stand_in(np)}


def _plain(function: Any) -> Any:
    """The Python function behind one that numba has compiled already."""
    return getattr(function, "py_func", function)


def _names(code: types.CodeType) -> Iterator[str]:
    """Names of globals and attributes that a function uses, its inner functions included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def surroundings(function: Any) -> dict[str, Any]:
    """What a function uses that is defined outside of it: globals and variables of enclosing functions."""
    names = {name: function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            names[name] = cell.cell_contents
        except ValueError:
            # Not yet assigned, as in a function that calls itself.
            continue
    return names


def ready(function: Any, _seen: dict[Any, Any] | None = None) -> Any:
    """The function compiled for use in kernels: with substitutes for what it calls."""
    function = _plain(function)
    seen = {} if _seen is None else _seen
    if function not in seen:
        used = set(_names(function.__code__))
        names = {name: _substitute(value, used, seen) for name, value in surroundings(function).items()}
        free = function.__code__.co_freevars
        closure = tuple(types.CellType(names[name]) for name in free) if free else None
        namespace = {"__builtins__": builtins, "__name__": function.__module__} | names
        copy = types.FunctionType(function.__code__, namespace, function.__name__, function.__defaults__, closure)
        seen[function] = checked_lane(copy)
    return seen[function]


def _substitute(value: Any, used: set[str], seen: dict[Any, Any]) -> Any:
    if isinstance(value, types.ModuleType):
        return _MODULES[value] if value in _MODULES else _with_substitutes(value, used, seen)
    if isinstance(_plain(value), types.FunctionType) and value not in SUBSTITUTES:
        return ready(value, seen)
    try:
        return SUBSTITUTES.get(value, value)
    except TypeError:
        return value


def _with_substitutes(module: types.ModuleType, used: set[str], seen: dict[Any, Any]) -> types.ModuleType:
    """A user's module with what a function may use of it."""
    copy = types.ModuleType(module.__name__)
    copy.__dict__.update({name: _substitute(value, used, seen) for name, value in _members(module, used).items()})
    return copy


def _members(module: types.ModuleType, used: set[str]) -> dict[str, Any]:
    """What of a module a function may use: other modules in it are left alone."""
    found = {name: getattr(module, name) for name in used if hasattr(module, name)}
    return {name: value for name, value in found.items() if not isinstance(value, types.ModuleType)}


def digest(function: Any) -> str:
    """A name for all that a function does: its code and, by value, what it uses from outside."""
    result = hashlib.sha256()
    for part in _parts(_plain(function), set()):
        result.update(part.encode() + b"\0")
    return result.hexdigest()


def _parts(function: Any, seen: set[Any]) -> Iterator[str]:
    if function in seen:
        return
    seen.add(function)
    yield from _code_parts(function.__code__)
    yield repr(function.__defaults__)
    for name, value in sorted(surroundings(function).items()):
        yield name
        yield from _value_parts(value, set(_names(function.__code__)), seen)


def _value_parts(value: Any, used: set[str], seen: set[Any]) -> Iterator[str]:
    if isinstance(value, types.ModuleType):
        yield value.__name__
        for name, member in sorted(_members(value, used).items() if value not in _MODULES else ()):
            yield name
            yield from _value_parts(member, used, seen)
    elif isinstance(_plain(value), types.FunctionType) and value not in SUBSTITUTES:
        yield from _parts(_plain(value), seen)
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype}{value.shape}{value.tobytes().hex()}"
    else:
        yield getattr(value, "__name__", repr(value))


def _code_parts(code: types.CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_argcount))
    for constant in code.co_consts:
        yield from _code_parts(constant) if isinstance(constant, types.CodeType) else (repr(constant),)


def explained(error: Exception, function: Any, name: str) -> str:
    """What in a user's function numba cannot compile: the line, and the reason in numba's words."""
    function = _plain(function)
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    # numba names places as "at FILE (LINE)", innermost first.
    places = re.findall(r"(?:at|from) (\S+) \((\d+)\)", text)
    file, line = next((place for place in places if place[0] == function.__code__.co_filename), (None, None))
    number = int(line or function.__code__.co_firstlineno)
    source = linecache.getline(file or function.__code__.co_filename, number).strip()
    place = f"line {number}" + (f": {source}" if source else "")
    return f"{name} cannot be compiled, {place}\n  {_reason(text)}\n{SUBSET}."


def _reason(text: str) -> str:
    """The telling lines of numba's message: those between the innermost failure and the list of candidates."""
    message = text.split("Failed in nopython mode pipeline", 1)[-1].split("Failed in nopython mode pipeline")[-1]
    message = re.sub(r"^ \(step: [^)]*\)\n", "", message)
    message = re.split(r"There are \d+ candidate|During:|\nFile|. Raised from", message)[0]
    message = re.sub(r"Function\(<(?:built-in )?function (?:_function.<locals>.)?(\w+)[^>]*>\)", r"\1", message)
    return textwrap.shorten(message, 300) or "numba gives no reason"


def compiled_for(function: Any, arguments: tuple[Any, ...]) -> Any:
    """Compile a ready function for argument types, and give the type that it returns.

    Raises
    ------
    numba.core.errors.NumbaError, numba.core.errors.UnsupportedBytecodeError
        Where it cannot be compiled; `explained` puts that into words.
    """
    function.compile(arguments)
    return function.overloads[arguments].signature.return_type
