"""Where each step of a record stands in its cycle: calendar months and seasons, steps, and composites of a year."""

import math
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.calendars import YEAR_LENGTH
from gridtrend.grid.checks import choose
from gridtrend.grid.dates import are_dates, of_one_calendar
from gridtrend.grid.dialect import given
from gridtrend.grid.refusals import Refusal
from gridtrend.grid.timeaxis import TimeAxis
from gridtrend.grid.timeunits import GREGORIAN_YEAR
from gridtrend.trend.whole_years import in_whole_years

# Slots of a year, and the call that brings a record to one value a slot.
CALENDARS = {"month": (12, "MS"), "season": (4, "QS-DEC")}
# A step is one of the axis if at least this share of the gaps is as short.
OFTEN = 0.1
# An axis with more steps than this for each value is not a regular one that misses some.
SPARSE = 20
# Multiples of a step, to the rounding of stored times.
_TOLERANCE = 1e-3


def calendar_slots(da: xr.DataArray, dim: str, period: str) -> tuple[int, np.ndarray]:
    """Number of slots in a year, and each step's slot, counted through the years."""
    choose("period", period, {name: count for name, (count, _) in CALENDARS.items()})
    count, frequency = CALENDARS[period]
    months = calendar_months(da, dim)
    if months is None:
        raise Refusal(
            f"{given('period', period)} needs dates, and {dim!r} has none.",
            f"Give it some with da.assign_coords({dim}=...), or say how many steps make a cycle, as in period=12.",
            "Say how many steps make a cycle, as in --period 12",
        )
    # December belongs to the winter that ends in the next year.
    slot = months if period == "month" else (months + 1) // 3
    repeated = slot.size - np.unique(slot).size
    if repeated:
        n = phases_of_a_year(da, dim)
        raise Refusal(
            f"{given('period', period)} compares one value a {period} and year, and {repeated} of {slot.size} values share "
            "theirs with another.",
            f"Bring the record there first, with da.resample({dim}={frequency!r}).mean() or .sum()"
            + (f", or compare composites of the year, period={n}." if n else "."),
            f"Bring the record to one value a {period} first, for example with `cdo {_CDO[period]}`"
            + (f", or compare composites of the year, --period {n}" if n else ""),
        )
    return count, slot


_CDO = {"month": "monmean", "season": "seasmean"}


def positions(da: xr.DataArray, dim: str, ticks: TimeAxis, count: int) -> tuple[np.ndarray, float]:
    """Each step's position, counted through cycles of `count`, and the length of one position in ticks."""
    months = calendar_months(da, dim)
    if months is not None and _monthly(da, dim, months):
        order = slice(None) if ticks.order is None else ticks.order
        apart = int(np.gcd.reduce(np.diff(months[order]))) if months.size > 1 else 1
        return in_whole_years(da, dim, ticks, (months - months.min()) // apart, apart * ticks.per / 12, count)
    gaps = np.diff(ticks.values)
    usual = float(np.median(gaps)) if gaps.size else 1.0
    step = usual if _are_multiples(gaps, usual) else None
    if step is None and months is not None and (slots := year_slots(da, dim, count)) is not None:
        return slots, ticks.per / count
    if step is None:
        step = _common_step(gaps)
        seen, ordinary = (np.mean(np.isclose(gaps, size, rtol=_TOLERANCE)) for size in (step, usual))
        sparse = ticks.values[-1] - ticks.values[0] >= SPARSE * ticks.values.size * step
        # Where most steps are alike and others do not fit, their common measure is no step of anything.
        if sparse or (ordinary >= 0.5 and seen < OFTEN):
            raise _no_step(da, dim, count)
    position = np.empty(ticks.values.size, np.int64)
    position[slice(None) if ticks.order is None else ticks.order] = np.rint((ticks.values - ticks.values[:1]) / step)
    return (position, step) if months is None else in_whole_years(da, dim, ticks, position, step, count)


def _are_multiples(gaps: np.ndarray, step: float) -> bool:
    return bool(np.all(np.abs(gaps / step - np.rint(gaps / step)) < _TOLERANCE) and np.all(gaps > 0.5 * step))


def year_slots(da: xr.DataArray, dim: str, count: int) -> np.ndarray | None:
    """Slots, counted through the years, of a record with at most `count` phases in each year; None where it has others.

    A phase is where the days of the year of many steps lie together: within a quarter of a phase of each other, or, as
    leap years shift what follows February, within a day.
    """
    day, year = _days_of_the_year(da, dim)
    days = YEAR_LENGTH.get(da[dim].dt.calendar, GREGORIAN_YEAR)
    length = days / count
    # The steps of a part of the year lie closer than its number of steps says.
    usual = float(np.median(np.diff(np.unique(days * year + day)))) if day.size > 1 else length
    label, centres, wrapped = _clusters(day, year, days, min(length, usual))
    if label is None or len(centres) > count or len(centres) < 2:
        return None
    numbers = np.arange(len(centres))
    if len(centres) < count:
        # Phases that no year has leave their places free.
        places = centres / length
        offset = np.angle(np.mean(np.exp(2j * np.pi * places))) / (2 * np.pi)
        numbers = np.rint(places - offset).astype(int)
        # A part of the year, such as a growing season, has the steps of the whole year.
        dense = 2 * len(centres) > count or np.median(np.diff(numbers)) == 1
        fits = dense and np.abs(places - offset - numbers).max() < 0.45
        if not fits or np.unique(numbers).size < numbers.size or numbers.max() - numbers.min() >= count:
            return None
    slots: np.ndarray = (year + wrapped) * count + numbers[label] - numbers.min()
    return None if np.unique(slots).size < slots.size else slots


def _reach(length: float) -> float:
    """How far days of the year of one phase lie apart at most."""
    return max(0.25 * length, 1.01) if length >= 3 else 0.25 * length


def _days_of_the_year(da: xr.DataArray, dim: str) -> tuple[np.ndarray, np.ndarray]:
    time = da[dim].dt
    day = time.dayofyear.values - 1.0 + time.hour.values / 24.0 + time.minute.values / 1440.0
    return day, time.year.values.astype(np.int64)


def _clusters(day: np.ndarray, year: np.ndarray, days: float, length: float) -> tuple[Any, np.ndarray, np.ndarray]:
    """Number of the phase of each day of the year, their centres, and whether a step belongs to the next year's first."""
    reach = _reach(length)
    distinct = np.unique(day)
    cuts = np.flatnonzero(np.diff(distinct) > reach)
    first, last = distinct[np.concatenate([[0], cuts + 1])], distinct[np.concatenate([cuts, [distinct.size - 1]])]
    label = np.searchsorted(first, day, side="right") - 1
    at_end = label == first.size - 1
    wrapped = np.zeros(day.size, np.int64)
    if first.size > 1 and first[0] + days - last[-1] <= reach and not np.isin(year[at_end] + 1, year[label == 0]).any():
        # One phase around New Year: no year has both.
        wrapped[at_end] = 1
        label = np.where(at_end, 0, label)
        first[0] = first[-1] - days
        first, last = first[:-1], last[:-1]
    if (last - first > max(0.5 * length, reach)).any():
        return None, first, wrapped
    return label, (first + last) / 2, wrapped


def phases_of_a_year(da: xr.DataArray, dim: str) -> int:
    """How many composites make a year of the record; 0 where they do not begin anew each year."""
    day, year = _days_of_the_year(da, dim)
    years = np.unique(year).size
    if years < 2 or day.size / years < 2:
        return 0
    gaps = np.diff(np.unique(day))
    for count in sorted({int(np.unique(day[year == y]).size) for y in np.unique(year).tolist()}, reverse=True):
        if 2 <= count <= 183 and year_slots(da, dim, count) is not None and gaps.size:
            return count
    return 0


def _no_step(da: xr.DataArray, dim: str, count: int) -> Refusal:
    n = phases_of_a_year(da, dim) if calendar_months(da, dim) is not None else 0
    if n:
        return Refusal(
            f"{given('period', count)} does not fit {dim!r}, which begins anew each year with {n} steps.",
            f"Compare those, period={n}, or calendar months: da.resample({dim}='MS').mean() and period='month'.",
            f"Compare those, --period {n}, or bring the record to months first, for example with `cdo monmean`",
        )
    return Refusal(
        f"{given('period', count)} counts steps of a regular axis, and those of {dim!r} have no step in common.",
        f"Use period='month' or 'season', or drop the coordinate with da.drop_vars({dim!r}) to count values instead.",
        "Use --period month or season",
    )


def calendar_months(da: xr.DataArray, dim: str) -> np.ndarray | None:
    """Calendar month of each step, counted from January of the year 0; None where the coordinate has no dates."""
    coordinate = da.coords[dim].variable
    if not are_dates(coordinate) or (coordinate.dtype.kind == "O" and not of_one_calendar(coordinate.values)):
        return None
    if coordinate.dtype.kind == "M":
        # NumPy counts months from 1970. xarray takes a millisecond, as long as a test of a thousand cells.
        return np.asarray(coordinate.values).astype("M8[M]").astype(np.int64) + 12 * 1970
    # Missing dates get a meaningless month; callers that need all months check for missing dates.
    with np.errstate(invalid="ignore"):
        return 12 * da[dim].dt.year.values.astype(np.int64) + da[dim].dt.month.values.astype(np.int64) - 1


def _monthly(da: xr.DataArray, dim: str, months: np.ndarray) -> bool:
    """Whether no two values share a month, and all stand in the same part of theirs."""
    day = da[dim].dt.day.values
    return months.size > 0 and np.unique(months).size == months.size and day.max() - day.min() <= 3


def _common_step(differences: np.ndarray) -> float:
    """The largest step of which all differences are multiples, to rounding."""
    step = 0.0
    for difference in np.unique(differences):
        larger, smaller = float(difference), step
        while smaller > 1e-4 * differences.min():
            larger, smaller = smaller, abs(math.remainder(larger, smaller))
        step = larger
    return step or 1.0
