"""Spans of dates as users write them, 1960:2010 or 1990-05, in the calendar of the record."""

import re
from typing import Any

import cftime
import numpy as np
import xarray as xr

from gridtrend.io.errors import InputError

# YYYY[-MM[-DD[THH[:MM[:SS]]]]], the year with a sign where it is not of four digits.
DATE = r"(?:\d{4}|[+-]\d{4,6})(?:-\d\d(?:-\d\d(?:[T ]\d\d(?::\d\d(?::\d\d)?)?)?)?)?"
PARTS = ("year", "month", "day", "hour", "minute", "second")
# How many of each part there may be, at most, in one of the part before.
SIZES = (1, 13, 32, 24, 60, 60)


def dates_within(coordinate: xr.DataArray, wanted: str) -> np.ndarray:
    """Positions of the dates within a span.

    Parameters
    ----------
    coordinate : DataArray of datetime64 or cftime
        Of one dimension.
    wanted : str
        A date to any precision ("1960", "1960-05", "1960-05-31T12"), which holds all steps within it, or two of them as
        FROM:TO, both included; one of the two may be left out.

    Raises
    ------
    InputError
        If that is no span of dates, or runs backwards.

    Examples
    --------
    >>> months = xr.DataArray(xr.date_range("1999-11", periods=5, freq="MS"), dims="time", name="time")
    >>> dates_within(months, "1999-12:2000-01"), dates_within(months, "2000"), dates_within(months, ":1999")
    (array([1, 2]), array([2, 3, 4]), array([0, 1]))
    """
    match = re.fullmatch(rf"(?P<only>{DATE})|(?P<low>{DATE})?\s*:\s*(?P<high>{DATE})?", wanted, re.ASCII)
    if match is None:
        commas = " A comma makes no list: name one date, or a range." if "," in wanted else ""
        raise InputError(
            f"cannot select '{wanted}' from '{coordinate.name}': write dates as 1960, 1960-05, 1960-05-31 or "
            f"1960-05-31T12:00, and a range as 1960:2010.{commas}"
        )
    low, high = (_parts(coordinate, match[end] or match["only"]) for end in ("low", "high"))
    shared = min(len(low), len(high))
    if low[:shared] > high[:shared]:
        raise InputError(
            f"cannot select '{wanted}' from '{coordinate.name}': it runs backwards; write {match['high']}:{match['low']}"
        )
    # NaN, where a date is missing, is neither above nor below.
    kept = _counted(coordinate, len(low)) >= _count(low)
    return np.flatnonzero(kept & (_counted(coordinate, len(high)) <= _count(high)) if high else kept)


def _parts(coordinate: xr.DataArray, text: str | None) -> list[int]:
    """Year, month, day, ... as far as they are given; nothing for an open end."""
    if not text:
        return []
    sign = -1 if text.startswith("-") else 1
    parts = [int(number) for number in re.findall(r"\d+", text)]
    parts[0] *= sign
    calendar = str(coordinate.dt.calendar)
    if not any(_exists(parts, name) for name in (calendar, "proleptic_gregorian")):
        raise InputError(
            f"cannot select '{text}' from '{coordinate.name}': there is no such date in the calendar of the record, "
            f"{calendar}"
        )
    return parts


def _exists(parts: list[int], calendar: str) -> bool:
    """Whether a calendar has a date; the last days of months, in other calendars, also end ranges."""
    try:
        cftime.datetime(*(parts + [1, 1][len(parts) - 1 :]), calendar=calendar, has_year_zero=True)
    except ValueError:
        return False
    return True


def _counted(coordinate: xr.DataArray, precision: int) -> np.ndarray:
    """Dates as numbers in their own order, of the parts that count."""
    parts = [getattr(coordinate.dt, part).values.astype(float) for part in PARTS[:precision]]
    return np.broadcast_to(_count(parts), coordinate.shape)


def _count(parts: list[Any]) -> Any:
    total: Any = 0.0
    for part, size in zip(parts, SIZES, strict=False):
        total = total * size + part
    return total
