"""Options that are one of several words."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, overload

from gridtrend.grid.dialect import given

Choice = TypeVar("Choice")


@overload
def choose(name: str, value: Any, known: Mapping[Any, Choice]) -> Choice: ...
@overload
def choose(name: str, value: Any, known: Sequence[Choice]) -> Choice: ...
def choose(name: str, value: Any, known: Any) -> Any:
    """One of several words, or what it stands for; anything else is refused, whatever its type.

    Parameters
    ----------
    name : str
        Of the argument.
    value : object
        What was given; None only where it is known.
    known : mapping or sequence
        The words, with what they stand for, or alone.

    Examples
    --------
    >>> choose("order", "down", {"up": 1, "down": -1}), choose("sides", "onesided", ("onesided", "twosided"))
    (-1, 'onesided')
    """
    if not (value is None or isinstance(value, str)) or value not in known:
        raise ValueError(f"{given(name, value)} is not known; use one of {', '.join(map(repr, known))}.")
    return known[value] if isinstance(known, Mapping) else value
