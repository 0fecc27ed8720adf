"""Checks of options, which name the option in their errors."""

import math
from typing import Any

from gridtrend.grid.checks import is_number, is_whole


def check_number(name: str, value: Any) -> float:
    """A real number."""
    if not is_number(value):
        raise ValueError(f"{name}={value!r} is not a number.")
    return float(value)


def check_whole(name: str, value: Any) -> int:
    """A whole number from 0 on."""
    if not is_whole(value, 0):
        raise ValueError(f"{name}={value!r} is not a count; give a whole number.")
    return int(value)


def check_positive(name: str, value: Any) -> int:
    """A number of steps, at least 1."""
    if check_whole(name, value) < 1:
        raise ValueError(f"{name}={value!r} is not a number of steps; give a whole number from 1 on.")
    return int(value)


def check_penalty(l2: Any) -> float:
    """A penalty of large weights."""
    if not 0 <= check_number("l2", l2) < math.inf:
        raise ValueError(f"l2={l2!r} is not a penalty; give a number from 0 on.")
    return float(l2)


def check_pair(name: str, value: Any, parts: str) -> tuple[Any, Any]:
    """Two things that belong together."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"{name} is a pair, {name}=({parts}), not {type(value).__name__}.")
    return value[0], value[1]
