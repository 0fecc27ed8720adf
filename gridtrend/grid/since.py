"""Numbers that count from a date: "days since 1850-01-01", "months since 1960-01-01"."""

import math
import re
from datetime import timedelta
from typing import Any

import numpy as np

from gridtrend.grid.calendars import EVEN_YEARS, real_dates, with_year_zero
from gridtrend.grid.references import Undecodable, reference_date

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
# UDUNITS has all these words; all but the first also name events: "days after planting".
_SINCE = re.compile(
    r"\s*([a-z_]+?)s?[\s_]*(?:since[\s_:]*|[\s_](?:from|after|ref)[\s_:]+(?=[+-]?\d)|@[\s_]*(?=[+-]?\d))(.*?)\s*",
    re.IGNORECASE,
)
# No record reaches so far; what does is a fill value.
_MOST_DAYS = 366e6
_PLAIN = re.compile(r"[a-z]+ since [+-]?\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?", re.IGNORECASE)


def is_reference(units: str) -> bool:
    """Whether units count from a reference date.

    Examples
    --------
    >>> is_reference("Days since 2000-01-01"), is_reference("days from 2000-01-01"), is_reference("hours")
    (True, True, False)
    """
    return _SINCE.fullmatch(units) is not None or re.search(r"\bsince\b", units, re.IGNORECASE) is not None


def is_plain_reference(units: str) -> bool:
    """Whether every reader of units finds the same date in them."""
    return _PLAIN.fullmatch(units) is not None


def decode_since(values: np.ndarray, units: str, calendar: str) -> np.ndarray:
    """Dates of numbers in `units`; `Undecodable` says why there are none. Missing numbers are missing dates."""
    found = _SINCE.fullmatch(units)
    if not found:
        raise Undecodable("units are a unit of time, 'since', and a date")
    unit, reference = found.group(1).lower(), reference_date(found.group(2), calendar)
    with with_year_zero():
        try:
            if unit in _MONTHS:
                return _by_the_calendar(values, unit, reference, calendar)
            return real_dates(_date(values, unit, reference, calendar))
        except (ValueError, OverflowError):
            raise Undecodable("its values reach beyond the dates that the calendar has") from None


def _date(values: Any, unit: str, reference: Any, calendar: str) -> Any:
    """Cftime dates; missing where a number is."""
    import cftime

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
    since = f"{unit}s since {reference.isoformat()}"
    dates = cftime.num2date(numbers, since, calendar, only_use_cftime_datetimes=True)
    if missing.any():
        dates = np.array(dates, object)
        dates[missing] = None
    return dates


def _by_the_calendar(values: np.ndarray, unit: str, reference: Any, calendar: str) -> np.ndarray:
    """Months and years as a calendar has them: the same day of another month."""
    size = _MONTHS[unit]
    known = values[np.isfinite(values.astype(float))].astype(float)
    fractions = known - np.floor(known + 1e-6)
    even = calendar == "360_day" or (size % 12 == 0 and calendar in EVEN_YEARS)
    if even and known.size and np.ptp(fractions) > 1e-6:
        # Months or years of equal length have fractions.
        days = np.round(values.astype(float) * EVEN_YEARS[calendar] * size / 12, 6)
        return real_dates(_date(days, "day", reference, calendar))
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
