"""What a function can reach, by the names in its code: which kernels public functions need, without a list of them."""

import functools
import importlib
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

# More names than these say less than one.
_MOST_NAMES = 4
_PACKAGE = __name__.partition(".")[0]
_ENGINE = f"{_PACKAGE}.engine."


def reached(function: Any) -> dict[int, Any]:
    """Values of this package that a function can use, directly or through other functions, itself included, by their `id`.

    A function can use what its code names: globals, attributes of modules, and what tables and classes hold. So a few may
    be found that it never calls, and none is missed but those that are looked up by a name made at run time. What stands
    in a folder `kernels` is compiled, and not looked into.
    """
    found: dict[int, Any] = {}
    waiting: list[Any] = [function]
    while waiting:
        value = waiting.pop()
        if id(value) not in found and (_is_ours(value) or isinstance(value, Mapping | list | tuple)):
            found[id(value)] = value
            waiting += _within(value)
    return found


def _within(value: Any) -> Iterator[Any]:
    """What a value names or holds."""
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value
    elif ".kernels." in _module(value) or isinstance(value, types.ModuleType) or _module(value).startswith(_ENGINE):
        # The engine keeps tables of all that has been compiled, whoever needed it.
        return
    elif isinstance(value, types.FunctionType):
        yield getattr(value, "__wrapped__", None)
        yield from _named(value.__code__, value.__globals__)
    elif isinstance(value, type):
        for base in value.__mro__:
            yield from vars(base).values() if _is_ours(base) else ()
    elif isinstance(value, property | functools.cached_property | staticmethod | classmethod):
        yield getattr(value, "fget", None) or getattr(value, "func", None) or getattr(value, "__func__", None)
    else:
        # An entry of a table.
        yield type(value)
        yield from getattr(value, "__dict__", {}).values()


def _module(value: Any) -> str:
    """Name of the module that a value stands in, or of the module that it is."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    inner = getattr(value, "fget", None) or getattr(value, "func", None) or value
    return str(getattr(inner, "__module__", None) or "")


def _is_ours(value: Any) -> bool:
    return _module(value).partition(".")[0] == _PACKAGE


def _named(code: types.CodeType, names: Mapping[str, Any]) -> Iterator[Any]:
    """Values that code names: globals, what it imports, and attributes of modules among both."""
    parts = [code]
    for part in parts:
        parts += [constant for constant in part.co_consts if isinstance(constant, types.CodeType)]
    mentioned = {name for part in parts for name in part.co_names}
    values = [names[name] for name in mentioned if name in names]
    values += [importlib.import_module(name) for name in mentioned if name.startswith(f"{_PACKAGE}.")]
    for value in values:
        if isinstance(value, types.ModuleType) and _is_ours(value):
            yield from (vars(value)[name] for name in mentioned if name in vars(value))
        else:
            yield value


def public_name(dotted: str) -> str:
    """What users call a kernel: the public functions that need it, or its own name where these are many.

    Parameters
    ----------
    dotted : str
        Its name, such as "gridtrend.trend.kernels.mann_kendall.mann_kendall_slope".
    """
    users = {}
    # Whoever needs a kernel has been imported.
    for module in [module for name, module in sys.modules.items() if name.count(".") == 1 and _is_ours(module)]:
        for name in getattr(module, "__all__", ()):
            within = reached(function := vars(module).get(name))
            if any(f"{_module(value)}.{getattr(value, '__qualname__', '')}" == dotted for value in within.values()):
                users[name] = function, within
    # Not those that need it for the sake of another.
    nearest = sorted(
        name
        for name, (function, within) in users.items()
        if not any(id(other) in within for other, _ in users.values() if other is not function)
    )
    return ", ".join(nearest) if 0 < len(nearest) <= _MOST_NAMES else dotted.rpartition(".")[2]
