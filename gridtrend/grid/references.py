"""The reference dates of units, as people write them: "1850-01-01", "1850", "19900101T06", "01-JAN-1950 00:00:00"."""

import re
from datetime import timedelta
from typing import Any

import numpy as np

from gridtrend.grid.calendars import valid_fields, with_year_zero

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DATES = (
    # The year first, as CF and UDUNITS have it; one or two digits are a year of the first century.
    r"(?P<year>[+-]?\d{1,4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})",
    r"(?P<year>\d{3,4})(?P<mark>[/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
    r"(?P<year>[+-]?\d{3,4})[-/](?P<month>\d{1,2})",
    r"(?P<year>[+-]?\d{1,4})",
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
    r"(?P<year>[12]\d{3})(?P<month>\d\d)",
    r"(?P<year>\d{4})-?(?P<ordinal>\d{3})",
    rf"(?P<day>\d{{1,2}})[-/ ]?{_MONTH}[-/, ]+(?P<year>\d{{4}})",
    rf"{_MONTH} +(?P<day>\d{{1,2}}),? +(?P<year>\d{{4}})",
    rf"(?P<year>\d{{4}})[-/ ]{_MONTH}[-/ ](?P<day>\d{{1,2}})",
    rf"{_MONTH}[-/, ]+(?P<year>\d{{4}})",
    r"(?P<one>\d{1,2})(?P<mark>[-/.])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4})",
)
_CLOCK = (
    r"(?:(?:[ _,]+|[ _]*T[ _]*)(?P<hour>\d{1,2})"
    r"(?::?(?P<minute>(?<=:)\d{1,2}|\d\d)(?::?(?P<second>(?<=:)\d{1,2}(?:\.\d*)?|\d\d(?:\.\d*)?))?)?"
    r"(?: *(?P<zone>[+-]\d{1,2}(?::?\d\d)?|(?<= )0?0:?00))?)?(?: *(?:z|utc?|gmt))?"
)
_PATTERNS = [re.compile(date + _CLOCK, re.IGNORECASE) for date in _DATES]


class Undecodable(Exception):
    """Why numbers are no dates; those who know the coordinate make a sentence of it."""


def reference_date(text: str, calendar: str) -> Any:
    """A reference as a cftime date, in UTC; `Undecodable` says why it is none, or which two it may be.

    Examples
    --------
    >>> reference_date("1850", "noleap").isoformat(), reference_date("1-JAN-1950 06:30", "standard").isoformat()
    ('1850-01-01T00:00:00', '1950-01-01T06:30:00')
    """
    import cftime

    match = next((found for pattern in _PATTERNS if (found := pattern.fullmatch(text.strip()))), None)
    if match is None:
        raise Undecodable(f"{text!r} is not written as a date such as 1990-01-31 or 1990-01-31T12:00")
    parts = match.groupdict()
    if parts["hour"] and ":" not in text and not (parts.get("day") or parts.get("two")):
        raise Undecodable(f"{text!r} has an hour and no day")
    year, month, day = _day(text, parts, calendar)
    hour, minute, second = (float(parts[key] or 0) for key in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second >= 60:
        raise Undecodable(f"{text!r} has no time of a day: hours run from 0 to 23, minutes and seconds from 0 to 59")
    clock = timedelta(hours=hour, minutes=minute, seconds=second) - timedelta(minutes=_minutes(parts["zone"] or "0"))
    with with_year_zero():
        try:
            return cftime.datetime(year, month, day, calendar=calendar) + clock
        except ValueError:
            raise _no_day(text, calendar) from None


def _day(text: str, parts: dict[str, Any], calendar: str) -> tuple[int, int, int]:
    year = int(parts["year"])
    if year == 0 and calendar in ("standard", "gregorian", "julian"):
        raise Undecodable("this calendar has no year 0")
    if parts.get("one"):
        return _of_two(text, year, int(parts["one"]), int(parts["two"]), calendar)
    if parts.get("ordinal"):
        return _of_ordinal(text, year, int(parts["ordinal"]), calendar)
    month, day = int(parts.get("month") or 1), int(parts.get("day") or 1)
    if parts.get("name"):
        month = 1 + _NAMES.index(parts["name"].lower()[:3])
    if not 1 <= month <= 12:
        raise Undecodable(f"{text!r} has no month of a year")
    if not _exists(year, month, day, calendar):
        raise _no_day(text, calendar)
    return year, month, day


def _of_two(text: str, year: int, one: int, two: int, calendar: str) -> tuple[int, int, int]:
    """A day and a month in an order that only the numbers may say."""
    found = [(month, day) for day, month in {(one, two), (two, one)} if _exists(year, month, day, calendar)]
    if not found:
        raise _no_day(text, calendar)
    if len(found) > 1:
        either = " or ".join(f"{year:04d}-{month:02d}-{day:02d}" for month, day in sorted(found))
        raise Undecodable(f"{text!r} may be {either}; write the one that is meant")
    return year, *found[0]


def _of_ordinal(text: str, year: int, ordinal: int, calendar: str) -> tuple[int, int, int]:
    """The n-th day of a year, as ISO 8601 has it."""
    for month in range(1, 13):
        length = next(day for day in (31, 30, 29, 28) if _exists(year, month, day, calendar))
        if 1 <= ordinal <= length:
            return year, month, ordinal
        ordinal -= length
    raise _no_day(text, calendar)


def _exists(year: int, month: int, day: int, calendar: str) -> bool:
    return bool(valid_fields(np.array([year]), np.array([month]), np.array([day]), calendar)[0])


def _no_day(text: str, calendar: str) -> Undecodable:
    return Undecodable(f"{text!r} is no date of the {calendar} calendar")


def _minutes(zone: str) -> int:
    """Minutes that a zone is ahead of UTC."""
    if zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "0")
    return (1 if zone[0] == "+" else -1) * (60 * int(hours) + int(minutes))
