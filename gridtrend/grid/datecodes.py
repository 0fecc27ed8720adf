"""Dates that are written as the digits of a number: 19900131, 199001, "day as %Y%m%d.%f"; and Julian days."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gridtrend.grid.calendars import from_fields, in_nanoseconds, valid_fields

# Digits after those of the year, and how many a whole number has.
FORMATS = {
    "%Y%m%d": 8,
    "%Y%m": 6,
    "%Y%j": 7,
    "%Y%m%d%H": 10,
    "%Y%m%d%H%M": 12,
    "%Y%m%d%H%M%S": 14,
}
# Units that say no more than the digits do.
VAGUE = {"", "1", "-", "none", "no units", "unitless", "dimensionless", "n/a", "date", "time", "calendar date"}
# A date that is spelled letter by letter, and the words that may stand around it: "YYYY-MM-DD", "date (YYYYMMDD)".
_LETTERS = "ccyy|yyyy|yy|mmm|mon|mm|doy|ddd|dd|jjj|jj|hh24|hh|mi|ss|ww"
_SPELLED = re.compile(rf"(?<![a-z])(?:{_LETTERS})(?:[-/_:. t]?(?:{_LETTERS}))*(?![a-z])")
_READ = re.compile(r"(?:yyyy|ccyy)(?:(?P<j>ddd|jjj|doy)|mm(?:dd(?:hh(?:24)?(?:m[mi](?:ss)?)?)?)?)?")


def format_in(units: str) -> str | None:
    """The format that units name: "day as %Y%m%d.%f", "YYYYMM"; None where they name none.

    Examples
    --------
    >>> format_in("day as %Y%m%d.%f"), format_in("YYYYMM"), format_in("days")
    ('%Y%m%d.%f', '%Y%m', None)
    >>> format_in("YYYY-MM-DD hh:mm"), format_in("YYYYDDD"), format_in("DDMMYYYY"), format_in("mm")
    ('%Y%m%d%H%M', '%Y%j', 'DDMMYYYY', None)
    """
    text = re.sub(r"^.*\bas\s+(?=%|yyyy)", "", units.strip(), flags=re.IGNORECASE)
    if re.search("%[Yy]", text) or " as %" in units:
        return re.sub("(?<=[A-Za-z])[-/_: T]+(?=%)", "", text)
    fraction = re.search(r"\.[fd]+\)?$", text.lower())
    spelled = _SPELLED.search(text.lower()[: fraction.start()] if fraction else text.lower())
    if spelled is None or not ("yy" in spelled[0] or len(set(spelled[0]) & set("mdhsjw")) > 1):
        return None
    letters = re.sub("[-/_:. t]", "", spelled[0])
    match = _READ.fullmatch(letters)
    if match is None:
        return spelled[0].upper()
    size = len(letters.replace("hh24", "hh"))
    form = "%Y%j" if match["j"] else {4: "%Y"}.get(size) or next(f for f, digits in FORMATS.items() if digits == size)
    return form + (".%f" if fraction else "")


def decode_format(values: np.ndarray, form: str, calendar: str) -> tuple[np.ndarray | None, str]:
    """Dates of numbers written as `form`; where there are none, why not."""
    stem = form.removesuffix(".%f")
    if stem not in FORMATS:
        return None, f"{form!r} is not a format that is known here, as YYYYMMDD and YYYYMM are"
    if values.dtype == np.float32 and FORMATS[stem] > 7:
        return None, "float32 has seven digits, so that the days are rounded"
    valid, fields = fields_of(values, stem, calendar)
    if not valid.all():
        return None, f"{plain(values[~valid][0])} is no date of the {calendar} calendar"
    return from_fields(*fields, calendar), ""


def fields_of(
    values: np.ndarray, form: str, calendar: str
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Whether each number is a date written as `form`; year, month, day, and seconds within the day."""
    known = np.isfinite(values.astype(float)) & (np.abs(values.astype(float)) < 1e15)
    whole = np.where(known, np.floor(values), 0).astype("int64")
    rest = np.where(known, values - np.floor(values), 0.0).astype(float)
    seconds = np.zeros(whole.shape)
    valid = known.copy()
    for code, size in (("%S", 1), ("%M", 60), ("%H", 3600)):
        if code in form:
            whole, part = np.divmod(whole, 100)
            valid &= part < (24 if code == "%H" else 60)
            seconds += part * size
    if form == "%Y%m":
        year, month = np.divmod(whole, 100)
        day = np.ones_like(year)
        # A fraction is one of the month, whose length a fraction of its days has.
        length = _month_length(year, np.clip(month, 1, 12), calendar)
        seconds += np.rint(rest * length * 86400)
        day, seconds = day + (seconds // 86400).astype("int64"), seconds % 86400
    elif form == "%Y%j":
        year, of_year = np.divmod(whole, 1000)
        month, day = _of_year(year, of_year, calendar)
        valid &= rest == 0
    else:
        rest_of, day = np.divmod(whole, 100)
        year, month = np.divmod(rest_of, 100)
        # Doubles of this size know the day to a third of a millisecond.
        seconds += np.rint(rest * 86400) if "%H" not in form else 0.0
        valid &= (rest == 0) | ("%H" not in form)
    valid &= (year >= 1) & (year <= 9999) & valid_fields(year, month, day, calendar)
    return valid, (year, month, day, seconds)


def _month_length(year: np.ndarray, month: np.ndarray, calendar: str) -> np.ndarray:
    length = np.full(year.shape, 28)
    for day in (29, 30, 31):
        length += valid_fields(year, month, np.full(year.shape, day), calendar)
    return length


def _of_year(year: np.ndarray, of_year: np.ndarray, calendar: str) -> tuple[np.ndarray, np.ndarray]:
    """Month and day of the n-th day of a year; month 13 where there is none."""
    month, day = np.ones_like(year), of_year.copy()
    for number in range(1, 13):
        length = _month_length(year, np.full_like(year, number), calendar)
        later = (month == number) & (day > length)
        day = np.where(later, day - length, day)
        month = month + later
    return month, day


def is_julian(units: str, attrs: Mapping[Any, Any]) -> bool:
    """Whether a coordinate counts Julian days."""
    text = f"{units} {attrs.get('standard_name', '')} {attrs.get('long_name', '')}".lower().replace("_", " ")
    of_day = units.strip().lower() in VAGUE | {"day", "days", "d"} or "jul" in units.lower()
    return units.strip().lower() in ("jd", "mjd") or (of_day and re.search(r"\bjulian (day|date)", text) is not None)


def decode_julian(values: np.ndarray, modified: bool) -> np.ndarray | None:
    """Dates of Julian days, which begin at noon; None where the numbers are none, as days of the year are not."""
    days = values.astype(float) - (40587.0 if modified else 2440587.5)
    known = days[np.isfinite(days)]
    # From the first day of the Gregorian calendar to the year 2999.
    if known.size and (known.min() < -141427.0 or known.max() > 376200.0):
        return None
    # Doubles of this size know the time to 0.04 ms.
    milliseconds = np.rint(np.where(np.isfinite(days), days, 0) * 86_400_000).astype("m8[ms]")
    dates = (np.datetime64("1970-01-01", "ms") + milliseconds).astype("M8[us]")
    dates[~np.isfinite(days)] = np.datetime64("NaT")
    return in_nanoseconds(dates)


def plain(value: Any) -> str:
    """A number with the digits that a double holds."""
    return f"{value:.15g}"
