"""Numbers that may be dates although no unit says so, recognised by their digits and steps."""

from collections.abc import Iterator

import numpy as np

from gridtrend.grid.datecodes import FORMATS, VAGUE, fields_of, plain

_OF_STEPS = {6: {"month", "months"}, 8: {"day", "days"}, 7: {"day", "days"}, 10: {"hour", "hours"}}
# Formats that are recognised without units: format, number of digits, first and last year.
_GUESSES = (
    ("%Y%m%d", 8, 1000, 2999),
    ("%Y%m%d", 7, 100, 999),
    ("%Y%m", 6, 1000, 2999),
    ("%Y%j", 7, 1500, 2300),
    ("%Y%m%d%H", 10, 1500, 2300),
    ("%Y%m%d%H%M", 12, 1500, 2300),
    ("%Y%m%d%H%M%S", 14, 1500, 2300),
)
# Years in which a number with the digits of a date is taken for one even if its end is no month or day.
_RECENT = (1800, 2199)


def written_as(values: np.ndarray, units: str, calendar: str, *, like_time: bool) -> tuple[str | None, str]:
    """The only format in which all numbers are dates, or None; and the doubt, if they look like dates but may be others.

    Parameters
    ----------
    values : ndarray
        None is missing.
    units, calendar : str
        Of the coordinate.
    like_time : bool
        Whether the coordinate is one of time by its name or attributes.
    """
    whole, units = np.floor(values), units.strip().lower()
    found, doubt = [], ""
    for form, width, first, last in _GUESSES:
        of_width = np.mean((whole >= 10.0 ** (width - 1)) & (whole < 10.0**width))
        if of_width < 0.5 or units not in VAGUE | _OF_STEPS.get(FORMATS[form], set()):
            continue
        valid, (year, month, _, _) = fields_of(values, form, calendar)
        valid &= (year >= first) & (year <= last)
        if valid.all():
            if like_time or _told_by_digits(month, width):
                found.append(form)
            elif width == 6 and values.size >= 3 and _recent(year):
                doubt = _either(form)
        elif like_time and values.size >= 3 and valid.mean() >= (0.5 if width > 7 else 0.8):
            odd = int((~valid).sum())
            doubt = f"all but {odd} of {valid.size} are dates written as {form}, and {plain(values[~valid][0])} is none"
    if len(found) > 1:
        return None, f"they may be dates written as {' or as '.join(found)}"
    if found:
        return (None, _TWO_DIGITS) if found == ["%Y%m"] and _centuries_apart(whole) else (found[0], "")
    rounded = values.dtype == np.float32 and units in VAGUE | _OF_STEPS[8] and (like_time or values.size >= 3)
    if (rounded or (like_time and units in VAGUE)) and (broken := _broken(values)):
        return None, broken
    if (
        units in VAGUE
        and values.size >= (3 if like_time else 12)
        and (whole == values).all()
        and (abs(whole) < 2.0**53).all()
    ):
        few_digits, early = _early(whole.astype("int64"), calendar, like_time=like_time)
        return (few_digits, "") if few_digits else (None, early or doubt)
    return None, doubt


_TWO_DIGITS = "their years may be of two digits, so that the century is not known"


def _either(*forms: str) -> str:
    named = [form.replace("%Y", "YYYY").replace("%m", "MM").replace("%d", "DD").replace("%j", "DDD") for form in forms]
    written = " or ".join(named)
    return f"they may be plain numbers, or dates written as {written}; say which by the units, {named[0]!r} or what they count"


def _told_by_digits(month: np.ndarray, width: int) -> bool:
    """Whether digits alone make dates of numbers that are not called times: several, and not one month each year."""
    return month.size >= 3 and (width >= 8 or (width == 6 and np.unique(month).size > 1))


def _recent(year: np.ndarray) -> bool:
    return bool(year.min() >= _RECENT[0] and year.max() <= _RECENT[1])


def _centuries_apart(whole: np.ndarray) -> bool:
    """Whether numbers YYYYMM are steps of ten years or more, and dates YYMMDD as well."""
    gaps = np.diff(np.unique(whole // 100))
    month, day = whole // 100 % 100, whole % 100
    return bool(gaps.size and gaps.min() >= 10 and (month >= 1).all() and (month <= 12).all() and (day >= 1).all())


def _early(whole: np.ndarray, calendar: str, *, like_time: bool) -> tuple[str | None, str]:
    """Dates of few digits: of years before 1000, of years of two digits, or of no year.

    Plain numbers end like dates too, if they are few or have equal steps. So numbers are dates where their steps are unequal
    as numbers and equal as dates (85011, 85012, 85101), and may be dates where each step is whole years (85007, 85107).
    """
    # np.unique would take a millisecond for 5,000 numbers, as long as their Mann-Kendall test.
    number = np.sort(whole)
    number = number[np.concatenate([[True], number[1:] > number[:-1]])] if number.size else number
    if number.size < 3 or number[0] < 1:
        return None, ""
    unequal, certain, possible = bool(np.ptp(np.diff(number))), [], []
    for form, year, position, tolerance in _readings(number, calendar):
        if unequal and np.ptp(np.diff(position)) <= tolerance:
            certain.append((form, year))
        elif like_time and (not unequal or number.size > 6 or year[-1] >= 1000):
            possible.append((form, year))
    found = certain or possible
    if not found:
        return None, _MONTHS_AND_DAYS if like_time and unequal and _without_a_year(number, calendar) else ""
    form, year = found[0]
    if len(found) == 1 and year[0] >= 100 and (certain or year[-1] >= 1000):
        return form, ""
    if certain and year[-1] < 100:
        return None, _TWO_DIGITS
    return None, _either(*(form for form, _ in found))


def _readings(number: np.ndarray, calendar: str) -> Iterator[tuple[str, np.ndarray, np.ndarray, float]]:
    """Formats in which all numbers are dates; their years, their positions in time, and how much equal steps may differ."""
    for form in ("%Y%m%d", "%Y%m", "%Y%j"):
        valid, (year, month, day, _) = fields_of(number, form, calendar)
        months = 12 * year + month
        # Within one month, or one year, dates are consecutive numbers as any others.
        apart = months if form == "%Y%m%d" else year
        if not valid.all() or year[-1] > 2999 or apart[0] == apart[-1]:
            continue
        if form == "%Y%m":
            yield form, year, months, 0.0
        elif form == "%Y%j":
            yield form, year, 365.2425 * year + number % 1000, 1.5
        else:
            yield form, year, 30.436875 * months + day, 4.0


_MONTHS_AND_DAYS = "they are months and days (%m%d) without a year"


def _without_a_year(number: np.ndarray, calendar: str) -> bool:
    """Whether numbers are MMDD: days of a year, in equal steps over more than one month."""
    # The year is one that has 29 February.
    valid, (_, month, day, _) = fields_of(number + 20_000_000, "%Y%m%d", calendar)
    equal = np.ptp(np.diff(30.436875 * month + day)) <= 4.0
    return bool(valid.all() and number[-1] < 1232 and month[0] != month[-1] and equal)


def _broken(values: np.ndarray) -> str:
    """Why numbers that have the size of dates are none: they were rounded, or have no day, or begin with the day."""
    whole = np.floor(values.astype(float))
    if not (whole >= 10_000).all() or not (whole < 3e13).all():
        return ""
    number = whole.astype("int64")
    digits = np.unique([len(str(value)) for value in number.tolist()])
    if digits.size == 1 and digits[0] in (8, 10, 12, 14):
        day = number // 10 ** (digits[0] - 8)
        near = [fields_of(day + shift, "%Y%m%d", "all_leap")[0] for shift in range(-2, 3)]
        recent = _recent(day // 10_000) or (digits[0] == 8 and values.size >= 3 and bool((day < 30_000_000).all()))
        if recent and np.any(near, axis=0).all():
            if values.dtype == np.float32:
                return "float32 has seven digits, so that dates of eight and more are rounded"
            exact = fields_of(number, "%Y%m%d", "standard")[0]
            odd = values[~exact] if digits[0] == 8 and not exact.all() else values
            return f"all look like dates written as YYYYMMDD, and {plain(odd[0])} is none"
    if values.size < 3:
        return ""
    for form, size in (("YYYY0000", 10_000), ("YYYY00", 100)):
        if (number % size == 0).all() and _recent(number // size) and np.unique(number).size > 1:
            return f"they may be years written as {form}; write them as YYYY, with the units 'years'"
    for form, size in (("DDMMYYYY", 1_000_000), ("MMYYYY", 10_000)):
        day, month = (
            (number // size, number // 10_000 % 100) if size > 10_000 else (np.ones_like(number), number // size)
        )
        valid = fields_of(20_000_000 + 100 * month + day, "%Y%m%d", "all_leap")[0]
        if valid.all() and _recent(number % 10_000) and np.ptp(number // 10_000):
            return f"they look like dates written as {form}; write them as YYYYMMDD"
    week, year = number % 100, number // 100
    if week.min() >= 1 and week.max() in (52, 53) and _recent(year) and np.ptp(year) and np.ptp(np.diff(number)):
        return "they look like weeks written as YYYYWW; give the date on which each week begins"
    return ""
