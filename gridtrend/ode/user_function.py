"""Preparation of a user's plain Python function for compilation inside a kernel.

Its calls of `math` and `numpy` functions are replaced by functions that run in SIMD lanes and take dual numbers, also in the
Python functions that it calls. Caches know it by the digest of `gridtrend.ode.free_variables`: the same function defined twice,
or sent to another process, is compiled once.
"""

import builtins
import linecache
import math
import re
import textwrap
import types
from typing import Any

import numpy as np
from numba.core import types as numba_types

from gridtrend.engine.jit import checked_lane
from gridtrend.ode.dual_numbers import BUILTINS, SUBSTITUTES
from gridtrend.ode.free_variables import Namespace, plain, surroundings

# numba also raises exceptions of other classes than its own for code that it refuses.
COMPILE_ERRORS = (Exception,)
SUBSET = (
    "Arithmetic, comparisons, if/else, loops over range, tuples, min, max, abs, functions of math and numpy on single "
    "numbers, and calls of Python functions written with the same are understood; arrays, lists of objects, strings, "
    "xarray and scipy are not"
)


def _with_substitutes(module: types.ModuleType) -> types.ModuleType:
    """A copy of a module with substitutes for the functions that have one."""
    copy = types.ModuleType(module.__name__)
    copy.__dict__.update(module.__dict__)
    for name, value in module.__dict__.items():
        if isinstance(value, types.BuiltinFunctionType | np.ufunc | types.FunctionType) or callable(value):
            try:
                copy.__dict__[name] = SUBSTITUTES.get(value, value)
            except TypeError:
                continue
    return copy


_MODULES = {math: _with_substitutes(math), np: _with_substitutes(np)}


def ready(function: Any) -> Any:
    """The function with substitutes for the functions that it calls, marked for compilation inside kernels."""
    return _ready(plain(function), {})


def _ready(function: Any, seen: dict[Any, Any]) -> Any:
    if function not in seen:
        # None while the functions that it calls are prepared: finding None there means that it calls itself.
        seen[function] = None
        names = {name: _substitute(value, seen) for name, value in surroundings(function).items()}
        free = function.__code__.co_freevars
        closure = tuple(types.CellType(names[name]) if name in names else types.CellType() for name in free)
        namespace = {"__builtins__": builtins, "__name__": function.__module__} | BUILTINS | names
        copy = types.FunctionType(function.__code__, namespace, function.__name__, function.__defaults__, closure)
        seen[function] = checked_lane(copy)
    if seen[function] is None:
        raise ValueError(f"{function.__name__!r} calls itself, which cannot be compiled here. Write a loop over range.")
    return seen[function]


def _substitute(value: Any, seen: dict[Any, Any]) -> Any:
    if isinstance(value, Namespace):
        copy = types.ModuleType(value.name)
        copy.__dict__.update({name: _substitute(member, seen) for name, member in value.members.items()})
        return copy
    if isinstance(value, types.ModuleType):
        return _MODULES.get(value, value)
    if isinstance(plain(value), types.FunctionType) and value not in SUBSTITUTES:
        return _ready(plain(value), seen)
    try:
        return SUBSTITUTES.get(value, value)
    except TypeError:
        return value


def explained(error: Exception, function: Any, name: str, known: str = "") -> str:
    """The error message for a function that numba cannot compile: line, numba's reason, and the supported subset of Python."""
    function = plain(function)
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    # numba names places as "at FILE (LINE)", innermost first.
    places = re.findall(r"(?:at|from) (\S+) \((\d+)\)", text)
    file, line = next((place for place in places if place[0] == function.__code__.co_filename), (None, None))
    number = int(line or function.__code__.co_firstlineno)
    source = linecache.getline(file or function.__code__.co_filename, number).strip()
    place = f"line {number}" + (f": {source}" if source else "")
    known = f" {known}." if known else ""
    if asked := re.search(r"Unknown attribute '(\w+)' of type (\w+)", text):
        attribute, kind = asked.groups()
        # Where there are no parameters, p is an empty tuple.
        kind = "p" if kind == "Tuple" else kind
        if kind.startswith(("float", "int", "bool")):
            return (
                f"{name}, line {number}, asks a number for .{attribute}: its arguments stand in the wrong order.{known}"
            )
        hint = (
            f" Names that begin with _ cannot be used: rename it, as in {attribute.lstrip('_')!r}."
            * attribute.startswith("_")
        )
        return f"{name}, line {number}, asks for {kind}.{attribute}, which {kind} does not have.{known}{hint}"
    return f"{name} cannot be compiled, {place}\n  {_reason(text)}\n{SUBSET}.{known}"


def _reason(text: str) -> str:
    """The relevant lines of numba's message: those between the innermost failure and the list of candidates."""
    message = text.split("Failed in nopython mode pipeline", 1)[-1].split("Failed in nopython mode pipeline")[-1]
    message = re.sub(r"^ \(step: [^)]*\)\n", "", message)
    message = re.split(r"There are \d+ candidate|During:|\nFile|. Raised from", message)[0]
    message = re.sub(r"Function\(<(?:built-in )?function (?:_function.<locals>.)?(\w+)[^>]*>\)", r"\1", message)
    return textwrap.shorten(message, 300) or "numba gives no reason"


def compiled_for(function: Any, arguments: tuple[Any, ...]) -> Any:
    """Compile a ready function for argument types, and give the type that it returns.

    Raises
    ------
    Exception
        Where it cannot be compiled; `explained` makes a message of it.
    """
    defaults = function.py_func.__defaults__ or ()
    left_out = function.py_func.__code__.co_argcount - len(arguments)
    arguments += tuple(numba_types.Omitted(value) for value in defaults[len(defaults) - left_out :])
    function.compile(arguments)
    return function.overloads[arguments].signature.return_type
