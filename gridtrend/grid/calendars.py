"""Calendars, and dates that are counted from a reference: "days since 1850-01-01", "months since 1960-01-01"."""

import contextlib
import difflib
import math
import re
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
_EVEN = {"noleap": 365, "365_day": 365, "all_leap": 366, "366_day": 366, "360_day": 360}
_MONTHS = {
    "month": 1,
    "mon": 1,
    "year": 12,
    "yr": 12,
    "common_year": 12,
    "decade": 120,
    "century": 1200,
    "centurie": 1200,
}
_SHORT = {"d": "day", "h": "hour", "hr": "hour", "min": "minute", "s": "second", "sec": "second", "wk": "week"}
_SHORT |= {"msec": "millisecond", "m": "millisecond", "u": "microsecond", "usec": "microsecond", "n": "nanosecond"}
_PER_DAY = {"day": 1.0, "hour": 24.0, "minute": 1440.0, "second": 86400.0, "millisecond": 864e5, "microsecond": 864e8}
_SINCE = re.compile(r"\s*([a-z_]+?)s?[\s_]+since[\s_]+(.+?)\s*", re.IGNORECASE)
# No record reaches so far; what does is a fill value.
_MOST_DAYS = 366e6


class Undecodable(Exception):
    """Why numbers are no dates; those who know the coordinate make a sentence of it."""


@contextlib.contextmanager
def with_year_zero() -> Iterator[None]:
    """Let cftime compute with years 0 in calendars of the world, which CF does not have, without its warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*year zero convention")
        yield


def is_reference(units: str) -> bool:
    """Whether units count from a reference date.

    Examples
    --------
    >>> is_reference("Days since 2000-01-01"), is_reference("hours")
    (True, False)
    """
    return re.search(r"[\s_]since([\s_]|$)", units, re.IGNORECASE) is not None


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


def decode_since(values: np.ndarray, units: str, calendar: str) -> np.ndarray:
    """Dates of numbers in `units`; `Undecodable` says why there are none. Missing numbers are missing dates."""
    found = _SINCE.fullmatch(units)
    if not found:
        raise Undecodable("units are a unit of time, 'since', and a date")
    unit, reference = found.group(1).lower(), found.group(2)
    try:
        if unit in _MONTHS:
            return _by_the_calendar(values, unit, _date(0, "day", reference, calendar), calendar)
        return real_dates(_date(values, unit, reference, calendar))
    except (ValueError, OverflowError) as error:
        raise Undecodable(str(error).splitlines()[0].rstrip(".")) from None


def _date(values: Any, unit: str, reference: str, calendar: str) -> Any:
    """Cftime dates; missing where a number is."""
    import cftime

    values = np.asarray(values)
    unit = _SHORT.get(unit, unit)
    if unit == "week":
        values, unit = values * 7, "day"
    elif unit == "nanosecond":
        values, unit = values // 1000 if values.dtype.kind in "iu" else values / 1000, "microsecond"
    if unit not in _PER_DAY:
        raise Undecodable(f"{unit!r} is no unit of time that dates are counted in")
    missing = ~np.isfinite(values.astype(float))
    sizes = np.where(missing, 0.0, np.abs(values.astype(float)) / _PER_DAY[unit])
    if sizes.size and sizes.max() > _MOST_DAYS:
        raise Undecodable(f"it holds {values.flat[int(np.argmax(sizes))]:g}, which is not a date but a fill value")
    numbers = values if not missing.any() else np.where(missing, 0, values)
    dates = cftime.num2date(numbers, f"{unit}s since {reference}", calendar, only_use_cftime_datetimes=True)
    if missing.any():
        dates = np.array(dates, object)
        dates[missing] = None
    return dates


def _by_the_calendar(values: np.ndarray, unit: str, reference: Any, calendar: str) -> np.ndarray:
    """Months and years as a calendar has them: the same day of another month."""
    size = _MONTHS[unit]
    known = values[np.isfinite(values.astype(float))].astype(float)
    fractions = known - np.floor(known + 1e-6)
    even = calendar == "360_day" or (size % 12 == 0 and calendar in _EVEN)
    if even and known.size and np.ptp(fractions) > 1e-6:
        # Months or years of equal length have fractions.
        days = np.round(values.astype(float) * _EVEN[calendar] * size / 12, 6)
        return real_dates(_date(days, "day", reference.isoformat(), calendar))
    if known.size and np.ptp(fractions) > 1e-3:
        odd = known[int(np.argmax(np.abs(fractions - np.median(fractions))))]
        raise Undecodable(f"{odd:.6g} is a fraction of a {unit.replace('_', ' ')}, and those differ in length")
    rest = float(np.median(fractions)) if known.size else 0.0
    rest = 0.0 if rest < 1e-5 else rest
    dates = [
        None if not np.isfinite(value) else _anniversary(reference, size, math.floor(value + 1e-6), rest)
        for value in values.astype(float).tolist()
    ]
    return real_dates(np.array(dates, object))


def _anniversary(reference: Any, size: int, count: int, rest: float) -> Any:
    start = _months_later(reference, size * count)
    if not rest:
        return start
    seconds = round((_months_later(reference, size * (count + 1)) - start).total_seconds() * rest)
    return start + timedelta(seconds=seconds)


def _months_later(date: Any, months: int) -> Any:
    """The same day of a later month, or the last of that month where it is shorter."""
    year, month = divmod(12 * date.year + date.month - 1 + months, 12)
    first = date.replace(year=year, month=month + 1, day=1)
    return first.replace(day=min(date.day, first.daysinmonth))


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

    return np.array(
        [
            cftime.datetime(y, m, d, calendar=calendar) + timedelta(seconds=s)
            for y, m, d, s in zip(year.tolist(), month.tolist(), day.tolist(), seconds.tolist(), strict=True)
        ],
        object,
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
