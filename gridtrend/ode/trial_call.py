"""One call of a user's function in plain Python before it is compiled, for better error messages.

It finds an index beyond an array, an entry that is never written, or a list in place of a tuple, and names the user's own line.
Functions that run only when compiled, or fail for a reason that depends on values, are left to the compiler.
"""

import dis
import linecache
import numbers
import traceback
import types
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.ode.free_variables import codes, plain, surroundings
from gridtrend.ode.kernels.field import record

# Result of a function that does not run in plain Python.
UNKNOWN = object()


@dataclass(frozen=True)
class Cell:
    """Time, states and parameters to call a function with.

    Parameters
    ----------
    t : float
    y, p : tuple of float
    real : bool
        Whether they are the values of a cell of the grid at the start; otherwise they are made up, because values are lazy.
    """

    t: float
    y: tuple[float, ...]
    p: tuple[float, ...]
    real: bool


def first_cell(t: float, states: list[xr.DataArray], parameters: list[xr.DataArray]) -> Cell:
    """The first cell of the grid at the start, or made-up values where arrays are lazy or that cell is missing."""
    values = [_first(array) for array in (*states, *parameters)]
    real = all(np.isfinite(values))
    values = values if real else [1.0] * len(values)
    return Cell(t, tuple(values[: len(states)]), tuple(values[len(states) :]), real)


def _first(array: xr.DataArray) -> float:
    if array.chunks is not None or array.size == 0:
        return np.nan
    return float(array.isel(dict.fromkeys(array.dims, 0)).values)


class _Rates(np.ndarray[Any, Any]):
    """An array that records which of its entries were assigned."""

    written: Any = None

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if self.written is not None:
            self.written[key] = True


def call(
    function: Any, name: str, cell: Cell, states: tuple[str, ...], parameters: tuple[str, ...], in_place: bool = False
) -> Any:
    """The result of a function of (t, y, p) or (t, y, p, dy), or UNKNOWN.

    Raises
    ------
    ValueError
        If it reads or writes beyond an array, or if it writes only some of the entries of `dy` for all values.
    """
    n = len(states)
    if not in_place:
        return _called(function, name, cell, states, record("y", states)(*map(np.float64, cell.y[:n])), parameters)
    ends = []
    written = np.zeros(n, bool)
    for start in (0.0, np.nan):
        dy = np.full(n, start).view(_Rates)
        dy.written = written
        returned = _called(function, name, cell, states, np.array(cell.y), parameters, dy)
        if returned is not None:
            return returned
        ends.append(np.asarray(dy))
    # An entry that was written through a view of `dy` is recognised only by its changed value.
    written |= (ends[0] != 0.0) | ~np.isnan(ends[1])
    if not written.all() and not _branches(plain(function)):
        names = ", ".join(f"dy[{i}] ({states[i]})" for i in np.flatnonzero(~written))
        raise ValueError(
            f"{name} never writes {names}. Write the rate of change of every state; that of one that rests is 0.0."
        )
    return None


def _called(
    function: Any, name: str, cell: Cell, states: tuple[str, ...], y: Any, parameters: tuple[str, ...], *dy: Any
) -> Any:
    p = record("p", parameters)(*map(np.float64, cell.p)) if parameters else ()
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return plain(function)(np.float64(cell.t), y, p, *dy)
    except IndexError as error:
        if not cell.real:
            return UNKNOWN
        places = traceback.extract_tb(error.__traceback__)
        place = [place for place in places if place.filename != __file__][-1]
        line = linecache.getline(place.filename, place.lineno or 0).strip()
        what = f"y and dy have {len(states)}" if dy else f"y has {len(states)}"
        raise ValueError(
            f"{name} reaches beyond an array at t={cell.t:.12g}, line {place.lineno}{f': {line}' if line else ''}\n"
            f"  {str(error) or 'index out of range'}\n{what} element{'s' * (len(states) > 1)}, counted from 0. Keep indices "
            "within the array, such as min(max(i, 0), len(a) - 1)."
        ) from None
    except Exception:  # noqa: BLE001
        # A division by zero, a value outside of a function's domain, or a function that only compiled code supports.
        return UNKNOWN


def _branches(function: Any) -> bool:
    """Whether values decide which entries a function writes: by a branch or an index, in it or in a function that it calls."""
    for code in codes(function.__code__):
        if {"int", "round"} & set(code.co_names):
            return True
        if any("JUMP" in item.opname and "_IF_" in item.opname for item in dis.get_instructions(code)):
            return True
    helpers = [plain(value) for value in surroundings(function).values()]
    return any(_branches(helper) for helper in helpers if isinstance(helper, types.FunctionType) and helper != function)


def objection(returned: Any) -> str:
    """What is wrong with the result of a right-hand side; "" for a real number or a tuple of them."""
    if returned is UNKNOWN or _is_real(returned):
        return ""
    if returned is None:
        return "nothing"
    if isinstance(returned, list | np.ndarray):
        return "a list or an array"
    if isinstance(returned, tuple):
        wrong = [(i, value) for i, value in enumerate(returned) if not _is_real(value)]
        return f"{_kind(wrong[0][1])} as value {wrong[0][0] + 1} of {len(returned)}" if wrong else ""
    return _kind(returned)


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}" if value is not None else "None"


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real | np.bool_) or (isinstance(value, np.number) and value.dtype.kind in "iuf")
