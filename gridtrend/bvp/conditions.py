"""Conditions at the two ends, converted to rows of coefficients."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr

Value = xr.DataArray | complex
Coefficients = Mapping[str, Value]
Condition = Mapping[str, Value] | Sequence[tuple[Coefficients, Value]]
Coupled = str | Sequence[tuple[Mapping[str, Coefficients], Value]]

PERIODIC = "periodic"


@dataclass(frozen=True)
class Row:
    """One condition: the sum of coefficients times states at one end is a value."""

    coefficients: Coefficients
    value: Value


@dataclass(frozen=True)
class Ends:
    """All conditions of a problem.

    A condition that couples the ends, L y(left) + R y(right) = value, gets an additional constant state z that carries it from
    left to right: z' = 0, z(left) = L y(left), R y(right) + z(right) = value. The problem then has separated conditions only,
    for which elimination with pivoting is stable.
    """

    states: tuple[str, ...]
    carriers: tuple[str, ...]
    left: tuple[Row, ...]
    right: tuple[Row, ...]


def ends(
    states: Sequence[str],
    left: Condition | None,
    right: Condition | None,
    coupled: Coupled | None,
    strangers: Sequence[str] = (),
) -> Ends:
    """Conditions as rows; `strangers` are states that no equation names.

    Raises
    ------
    TypeError
        If a condition is not written as documented.
    ValueError
        If a condition names an unknown state or end, or if there are not as many conditions as states.
    """
    at_left, at_right = list(_rows(left, "left")), list(_rows(right, "right"))
    pairs = list(_coupled(states, coupled))
    n_found = len(at_left) + len(at_right) + len(pairs)
    if n_found != len(states):
        stranger = ""
        if strangers:
            stranger = (
                f" {strangers[0]!r} occurs only in conditions, and in no equation (A, q): correct the name, or give it an "
                f'equation, such as q={{"{strangers[0]}": 0.0}} for a constant.'
            )
        raise ValueError(
            f"{len(states)} states ({', '.join(states)}) need {len(states)} conditions, and {n_found} are given "
            f"({len(at_left)} at the left, {len(at_right)} at the right, {len(pairs)} that couple both).{stranger}"
        )
    for row in [*at_left, *at_right, *(row for pair in pairs for row in pair)]:
        for name in row.coefficients:
            if name not in states:
                raise ValueError(f"a condition names {name!r}, and the states are {', '.join(states)}.")
    carriers = tuple(f"carried {i}" for i in range(len(pairs)))
    for carrier, (near, far) in zip(carriers, pairs, strict=True):
        at_left.append(Row({**near.coefficients, carrier: -1.0}, 0.0))
        at_right.append(Row({**far.coefficients, carrier: 1.0}, far.value))
    return Ends(tuple(states), carriers, tuple(at_left), tuple(at_right))


def names(left: Condition | None, right: Condition | None) -> Iterable[str]:
    """States that the separated conditions name, in order."""
    for row in [*_rows(left, "left"), *_rows(right, "right")]:
        yield from row.coefficients


def _rows(condition: Any, end: str) -> Iterable[Row]:
    """`{"y": 1.0}` prescribes states; a list of `({"y": 2.0, "z": 1.0}, 3.0)` prescribes combinations of them."""
    if condition is None:
        return
    if isinstance(condition, Mapping):
        for name, value in condition.items():
            if not isinstance(name, str):
                raise TypeError(f"{end} names the state {name!r}; names are strings, such as 'y1'.")
            yield Row({name: 1.0}, value)
        return
    example = f'{end}=[({{"y1": 2.0, "y2": 1.0}}, 3.0)] for 2 y1 + y2 = 3'
    if isinstance(condition, str) or not isinstance(condition, Sequence):
        raise TypeError(f"{end} is a dict of states and values, or a list of pairs such as {example}.")
    for item in condition:
        if isinstance(item, Mapping):
            yield from _rows(item, end)
        elif isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], Mapping):
            yield Row(*item)
        else:
            raise TypeError(f"a condition at the {end} is a pair of coefficients and value, such as {example}.")


def _coupled(states: Sequence[str], coupled: Any) -> Iterable[tuple[Row, Row]]:
    if coupled is None:
        return
    if coupled == PERIODIC:
        for name in states:
            yield Row({name: 1.0}, 0.0), Row({name: -1.0}, 0.0)
        return
    example = 'coupled=[({"left": {"y1": 1.0}, "right": {"y1": -1.0}}, 0.0)] for y1(left) - y1(right) = 0'
    if isinstance(coupled, str) or not isinstance(coupled, Sequence):
        raise TypeError(f'coupled is "periodic" or a list of pairs such as {example}.')
    for item in coupled:
        if not (isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], Mapping)):
            raise TypeError(f"a condition that couples the ends is a pair such as {example}.")
        if unknown := set(item[0]) - {"left", "right"}:
            raise ValueError(f"a coupled condition has the ends 'left' and 'right', not {unknown.pop()!r}: {example}.")
        if not all(isinstance(each, Mapping) for each in item[0].values()):
            raise TypeError(f"the ends of a coupled condition are dicts of states and coefficients, such as {example}.")
        yield Row(item[0].get("left", {}), 0.0), Row(item[0].get("right", {}), item[1])
