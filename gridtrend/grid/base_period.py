"""A period that others are compared with, such as 1961 to 1990: which steps of a record lie in it."""

import re
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.calendars import time_text
from gridtrend.grid.checks import is_number
from gridtrend.grid.dates import are_dates, with_dates
from gridtrend.grid.dialect import given
from gridtrend.grid.refusals import Refusal
from gridtrend.grid.timeunits import GREGORIAN_YEAR, known_days

_END = re.compile(r"(\d{1,4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:[T ].*)?")


def steps_of_base(da: xr.DataArray, dim: str, base: Any, name: str = "base") -> np.ndarray:
    """Positions of the steps of `da` from the first to the last moment of `base`.

    Parameters
    ----------
    da : DataArray
        Its coordinate `dim` holds dates in any form, or years.
    dim : str
    base : pair, or text "1961:1990"
        First and last year, month or day, both included: ("1961", "1990"), (1961, 1990), ("1961-12", "1990-11"), or dates.
    name : str
        Of the argument.

    Raises
    ------
    ValueError
        If `base` is no such pair, or reaches beyond the record.
    """
    ends = base.split(":") if isinstance(base, str) else base
    if not isinstance(ends, list | tuple | np.ndarray) or len(ends) != 2:
        raise _no_period(name, base)
    first, last = (_fields(end, name, base) for end in ends)
    da = with_dates(da, dim)
    if dim not in da.coords:
        raise _no_years(dim, name, base)
    years, days = _moments(da[dim], dim, name, base)
    # What is not named is the first, or the last.
    low = first[0] * 10_000 + (first[1] or 0) * 100 + (first[2] or 0)
    high = last[0] * 10_000 + (last[1] or 99) * 100 + (last[2] or 99)
    if low > high:
        raise ValueError(f"{given(name, base)} ends before it begins.")
    inside = np.flatnonzero((days >= low) & (days <= high))
    begins, stops = years.min(), years.max()
    if not inside.size or first[0] < begins or last[0] > stops:
        there = f"{time_text(da[dim].values.min())} to {time_text(da[dim].values.max())}"
        better = (str(max(first[0], begins)), str(min(last[0], stops)))
        better = better if better[0] <= better[1] else (str(begins), str(stops))
        raise Refusal(
            f"{given(name, base)} lies {'partly ' if inside.size else ''}outside the record, which holds {there}.",
            f"Choose a period that it holds, such as {name}={better!r}.",
            f"Choose a period that it holds, such as {':'.join(better)}",
        )
    return inside


def _fields(end: Any, name: str, base: Any) -> tuple[int, int | None, int | None]:
    """Year, month and day, as far as they are named."""
    if is_number(end) and end == int(end):
        return int(end), None, None
    if isinstance(end, np.datetime64) and not np.isnat(end):
        end = str(end.astype("M8[D]"))
    if hasattr(end, "year") and hasattr(end, "month"):
        return int(end.year), int(end.month), int(end.day)
    match = _END.fullmatch(end.strip()) if isinstance(end, str) else None
    if match is None:
        raise _no_period(name, base)
    year, month, day = (None if field is None else int(field) for field in match.groups())
    assert year is not None
    return year, month, day


def _moments(coordinate: xr.DataArray, dim: str, name: str, base: Any) -> tuple[np.ndarray, np.ndarray]:
    """The year of each step, and its date as the number YYYYMMDD."""
    if are_dates(coordinate.variable):
        parts = (getattr(coordinate.dt, part).values.astype(np.int64) for part in ("year", "month", "day"))
        years, months, days = parts
        return years, years * 10_000 + months * 100 + days
    if coordinate.dtype.kind in "iuf" and known_days(str(coordinate.attrs.get("units", "")) or dim) == GREGORIAN_YEAR:
        years = np.floor(coordinate.values).astype(np.int64)
        # Decimal years have months that nobody asked for.
        return years, years * 10_000 + 101
    raise _no_years(dim, name, base)


def _no_years(dim: str, name: str, base: Any) -> Refusal:
    return Refusal(
        f"{given(name, base)} needs dates or years, and {dim!r} has none.",
        f"Give them, da.assign_coords({dim}=...).",
        "Write units such as 'days since 1961-01-01' or 'years' into the file",
    )


def _no_period(name: str, base: Any) -> ValueError:
    return ValueError(
        f"{given(name, base)} is no period; give its first and last year, {name}=('1961', '1990'), or months or days, "
        "('1961-12', '1990-11')."
    )
