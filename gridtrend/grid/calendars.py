"""Calendars: their names, their lengths of years and months, and dates of them."""

import contextlib
import difflib
import warnings
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import numpy as np

from gridtrend.grid.refusals import Refusal

# Days in a year of each CF calendar; a year of a record is a year of its own calendar.
YEAR_LENGTH = {
    "standard": 365.2425,
    "gregorian": 365.2425,
    "proleptic_gregorian": 365.2425,
    "julian": 365.25,
    "noleap": 365.0,
    "365_day": 365.0,
    "all_leap": 366.0,
    "366_day": 366.0,
    "360_day": 360.0,
}
# Calendars in which all years have the same number of days.
EVEN_YEARS = {name: int(days) for name, days in YEAR_LENGTH.items() if days.is_integer()}
_SPELLINGS = {
    **dict.fromkeys(("360", "360day", "360_days", "360-day", "360 day"), "360_day"),
    **dict.fromkeys(("365", "365day", "365_days", "365-day", "no_leap", "no-leap", "365 day"), "noleap"),
    **dict.fromkeys(("366", "366day", "366_days", "366-day", "allleap", "366 day"), "all_leap"),
    "proleptic": "proleptic_gregorian",
    "gregorian_proleptic": "proleptic_gregorian",
    "": "standard",
}
# Calendars of the world: what datetime64 can hold, from the first day of the Gregorian calendar on.
_REAL = ("standard", "gregorian", "proleptic_gregorian")


@contextlib.contextmanager
def with_year_zero() -> Iterator[None]:
    """Let cftime compute with years 0 in calendars of the world, which CF does not have, without its warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*year zero convention")
        yield


def calendar_of(attrs: Mapping[Any, Any], name: str) -> str:
    """The calendar that attributes name, in the spelling of CF; refused where there is no such calendar."""
    given = str(attrs.get("calendar", "")).strip().lower()
    known = _SPELLINGS.get(given, given)
    if known in YEAR_LENGTH:
        return known
    alike = difflib.get_close_matches(given, YEAR_LENGTH, n=1)
    hint = f"did you mean {alike[0]!r}?" if alike else f"use one of {', '.join(map(repr, YEAR_LENGTH))}."
    raise Refusal(
        f"{name!r} has the calendar {given!r}, which does not exist: {hint}",
        f"Correct it, da[{name!r}].attrs['calendar'] = {(alike or ['standard'])[0]!r}, and decode it with "
        "xarray.decode_cf(ds), or count steps: per='step'.",
        f"Correct it, for example with `ncatted -a calendar,{name},o,c,{(alike or ['standard'])[0]} FILE`, or count "
        "steps: --per step",
    )


def real_dates(found: Any) -> np.ndarray:
    """Dates as datetime64 where they are of the calendar of the world, as xarray decodes them; else as cftime."""
    dates: np.ndarray = np.asarray(found, object)
    present = [date for date in dates if date is not None]
    if not all(date.calendar in _REAL for date in present):
        return dates
    early = 1582 if any(date.calendar != "proleptic_gregorian" for date in present) else 0
    if not all(early < date.year < 10_000 for date in present):
        return dates
    real = np.array(["NaT" if date is None else date.isoformat() for date in dates], "M8[us]")
    return in_nanoseconds(real)


def time_text(value: Any) -> str:
    """A time in its shortest form: dates at midnight without the time of day."""
    return np.datetime_as_string(value, unit="auto") if isinstance(value, np.datetime64) else str(value)


def in_nanoseconds(dates: np.ndarray) -> np.ndarray:
    """datetime64 as xarray has most dates, where nanoseconds reach far enough."""
    known = dates[~np.isnat(dates)]
    near = known.size == 0 or (known.min() > np.datetime64("1678-01-01") and known.max() < np.datetime64("2262-01-01"))
    return dates.astype("M8[ns]") if near else dates


def from_fields(year: np.ndarray, month: np.ndarray, day: np.ndarray, seconds: np.ndarray, calendar: str) -> np.ndarray:
    """Dates of years, months, days, and seconds within the day, all of which are valid (`valid_fields`)."""
    if calendar in _REAL and (calendar == "proleptic_gregorian" or not year.size or year.min() > 1582):
        days = (year - 1970).astype("M8[Y]").astype("M8[M]") + (month - 1).astype("m8[M]")
        found = days.astype("M8[us]") + (day - 1).astype("m8[D]") + np.rint(seconds * 1e6).astype("m8[us]")
        return in_nanoseconds(found)
    import cftime

    fields = zip(year.tolist(), month.tolist(), day.tolist(), seconds.tolist(), strict=True)
    with with_year_zero():
        return np.array(
            [cftime.datetime(y, m, d, calendar=calendar) + timedelta(seconds=s) for y, m, d, s in fields], object
        )


def valid_fields(year: np.ndarray, month: np.ndarray, day: np.ndarray, calendar: str) -> np.ndarray:
    """Whether there are such days."""
    months = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    if calendar == "360_day":
        months[1:] = 30
    length = months[np.clip(month, 0, 12)]
    if calendar == "julian":
        leap = year % 4 == 0
    elif calendar in _REAL:
        leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    else:
        leap = np.full(year.shape, calendar in ("all_leap", "366_day"))
    length = length + ((month == 2) & leap & (calendar != "360_day"))
    valid: np.ndarray = (month >= 1) & (month <= 12) & (day >= 1) & (day <= length)
    return valid
