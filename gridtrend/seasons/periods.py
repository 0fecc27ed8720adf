"""Years, months and seasons of a record: which steps each has, when it begins and ends, and how many steps it should have.

Months are counted through the years, 12 year + month - 1, in whatever calendar, so that a season is a number of months.
"""

import itertools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.calendars import with_year_zero
from gridtrend.grid.checks import is_whole
from gridtrend.grid.dialect import given
from gridtrend.grid.notices import warn_caller
from gridtrend.grid.refusals import Refusal

_INITIALS = "JFMAMJJASOND"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FULL_NAMES = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
# Steps that lie at least so many days apart, and each in a month of its own, are months.
_SHORTEST_MONTH = 27.0


@dataclass(frozen=True)
class Kind:
    """A period that comes again: every year, every month, or the same months of every year.

    Parameters
    ----------
    name : str
        As results call it.
    start : int
        Its first month, counted from January of the year in which it ends: 0 is January, -1 the December before.
    length : int
        Months.
    every : int
        Months from one to the next.
    """

    name: str
    start: int
    length: int
    every: int = 12

    def of_months(self, months: np.ndarray) -> np.ndarray:
        """Number of the period of each month: years, or months from year 0 on; -1 where it lies in none."""
        number, place = np.divmod(months - self.start, self.every)
        return np.where(place < self.length, number, -1)

    def first_month(self, number: int) -> int:
        """First month of a period."""
        return self.start + self.every * number


FREQUENCIES = {"year": Kind("year", 0, 12), "month": Kind("month", 0, 1, 1)}


def kinds_of(freq: Any, season: Any) -> list[Kind]:
    """What is wanted: one kind of period, or several seasons."""
    if not isinstance(freq, str) or freq not in FREQUENCIES:
        known = ", ".join(map(repr, FREQUENCIES))
        raise ValueError(
            f"{given('freq', freq)} is not known; use one of {known}, or season='JJA' for parts of the year."
        )
    if season is None:
        return [FREQUENCIES[freq]]
    if freq != "year":
        raise ValueError(
            f"{given('freq', freq)} and {given('season', season)} exclude each other: a season has one value a year. "
            "Leave one of them out."
        )
    kinds = [season_of(each) for each in (season if are_several(season) else [season])]
    names = [kind.name for kind in kinds]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{given('season', season)} names {'a season twice' if names else 'no season'}.")
    return kinds


def are_several(season: Any) -> bool:
    """Whether these are several seasons, and not the months of one."""
    if not isinstance(season, list | tuple | np.ndarray):
        return False
    return not len(season) or not all(is_whole(month, 1, 12) for month in season)


def season_of(season: Any) -> Kind:
    """A season as users write it: "DJF", "May-Oct", "July", 7, (12, 1, 2).

    Examples
    --------
    >>> season_of("djf")
    Kind(name='DJF', start=-1, length=3, every=12)
    >>> season_of("May-Oct").length, season_of([6, 7, 8]).name, season_of("Oct-Sep").start
    (6, 'JJA', -3)
    """
    months = _months(season)
    first, length = months[0], len(months)
    span = f"{MONTHS[first - 1]}-{MONTHS[months[-1] - 1]}"
    initials = "".join(_INITIALS[month - 1] for month in months)
    # One letter may stand for several months.
    name = MONTHS[first - 1] if length == 1 else span if length > 5 or _places(initials) != [first] else initials
    if isinstance(season, str) and season.strip().upper() == initials and length > 1:
        name = initials
    if length == 12:
        name = "annual" if first == 1 else span
    start = first - 1
    return Kind(name, start - 12 if start + length > 12 else start, length)


def _places(initials: str) -> list[int]:
    """First months of the runs of months that have these initials."""
    return [k + 1 for k in range(12) if (2 * _INITIALS)[k : k + len(initials)] == initials]


def _months(season: Any) -> list[int]:
    if is_whole(season, 1, 12):
        return [int(season)]
    if (
        isinstance(season, list | tuple | np.ndarray)
        and len(season)
        and all(is_whole(month, 1, 12) for month in season)
    ):
        months = [int(month) for month in season]
        if len(months) <= 12 and all((b - a) % 12 == 1 for a, b in itertools.pairwise(months)):
            return months
        raise ValueError(f"{given('season', season)} are no months that follow one another, such as (12, 1, 2).")
    text = season.strip() if isinstance(season, str) else ""
    if text.lower() in ("annual", "ann", "year"):
        return list(range(1, 13))
    ends = [_month_named(word) for word in re.split(r"\s*[-–]\s*", text)]
    if text and len(ends) <= 2 and all(ends):
        first, last = ends[0], ends[-1]
        return [(first - 1 + k) % 12 + 1 for k in range((last - first) % 12 + 1)]
    places = _places(text.upper()) if 0 < len(text) <= 12 else []
    if len(places) == 1:
        return [(places[0] - 1 + k) % 12 + 1 for k in range(len(text))]
    why = "may be several months" if places else "names no months"
    raise ValueError(
        f"{given('season', season)} {why}; write the initials of months that follow one another, 'DJF' or 'JJAS', a span, "
        "'May-Oct', or numbers, (12, 1, 2)."
    )


def _month_named(word: str) -> int:
    """1 to 12; 0 for what is no month."""
    word = word.lower().rstrip(".")
    found = [k + 1 for k, name in enumerate(_FULL_NAMES) if word in (name, name[:3]) or (word == "sept" and k == 8)]
    return found[0] if found else 0


@dataclass(frozen=True)
class Steps:
    """The steps of a record in the order of time.

    Parameters
    ----------
    dates : ndarray, shape (n,)
        datetime64 or cftime.
    months : ndarray of int64, shape (n,)
    days : ndarray of float64, shape (n,)
        From the first step.
    calendar : str
    width : float
        Days of one step where bounds say so; else NaN.
    """

    dates: np.ndarray
    months: np.ndarray
    days: np.ndarray
    calendar: str
    width: float

    @property
    def apart(self) -> int:
        """Months from one step to the next of a record of months; 0 where steps are no months."""
        gaps = np.diff(self.months)
        wide = np.diff(self.days) >= _SHORTEST_MONTH
        if gaps.size:
            return int(np.median(gaps)) if gaps.min() > 0 and wide.all() else 0
        return round(self.width / 30.44) if self.width >= _SHORTEST_MONTH else 0

    def date(self, month: int) -> Any:
        """The first moment of a month, of the type of the record's dates."""
        if self.dates.dtype.kind == "M":
            return np.datetime64(month - 12 * 1970, "M").astype(self.dates.dtype)
        first = self.dates[0]
        return first.replace(year=month // 12, month=month % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0)

    def bounds(self, kind: Kind, numbers: np.ndarray) -> np.ndarray:
        """First and last moment of periods, shape (period, 2)."""
        firsts = [kind.first_month(number) for number in numbers.tolist()]
        with with_year_zero():
            dates = [[self.date(first), self.date(first + kind.length)] for first in firsts]
        ends = np.empty((len(firsts), 2), self.dates.dtype)
        ends[...] = dates
        return ends

    def expected(self, kind: Kind, numbers: np.ndarray) -> np.ndarray:
        """How many steps periods have by the calendar; NaN where the length of a step is not known.

        Steps of equal length are counted. Those that begin anew each month or year (dekads, composites of 16 days) are no
        equal parts of a period: as many are expected as the fullest period of the record has.
        """
        if self.apart:
            if self.apart > kind.every or self.apart > kind.length:
                raise _too_long(kind, f"{self.apart} months")
            return np.full(numbers.size, float(kind.length // self.apart))
        gaps = np.diff(self.days)
        step = self.width if np.isfinite(self.width) else float(np.median(gaps)) if gaps.size else np.nan
        if not step > 0:
            return np.full(numbers.size, np.nan)
        ends = self.bounds(kind, numbers)
        lengths = _in_days(ends[:, 1] - ends[:, 0])
        if step > 1.01 * lengths.max():
            raise _too_long(kind, f"{step:g} days")
        regular: np.ndarray = np.floor(lengths / step + 1e-6)
        multiples = gaps / step
        if np.all(np.abs(multiples - np.rint(multiples)) < 0.01) and np.all(multiples > 0.5):
            return regular
        present = kind.of_months(self.months)
        counts = np.array([np.count_nonzero(present == number) for number in numbers.tolist()])
        # Months of the year differ in length, and each is compared with itself.
        phase = numbers % (12 // kind.every)
        fullest = np.array([counts[phase == each].max() for each in phase.tolist()], float)
        # No more than the period has room for.
        least: np.ndarray = np.minimum(fullest, np.ceil(lengths / step))
        return least


def _too_long(kind: Kind, step: str) -> Refusal:
    return Refusal(
        f"the steps of the record are {step} long, and {kind.name!r} is shorter.",
        "Take a longer period, such as freq='year', or test the record as it is.",
        "Take a longer period, or leave --season and --aggregate out",
    )


def _in_days(durations: np.ndarray) -> np.ndarray:
    """Durations of either kind as days."""
    if durations.dtype.kind == "m":
        return np.asarray(durations / np.timedelta64(1, "D"), float)
    return np.array([duration.total_seconds() / 86400 for duration in durations.ravel()], float).reshape(
        durations.shape
    )


def steps_of(da: xr.DataArray, dim: str) -> Steps:
    """The steps of a record whose coordinate `dim` holds dates in the order of time.

    A step lies in the period that holds the middle of its bounds, where the record has these as coordinates.
    """
    dates, width = da[dim].values, np.nan
    start, end = (da.coords[name].values if name in da.coords else np.empty(0) for name in edge_names(dim))
    if start.shape == end.shape == dates.shape and start.dtype == end.dtype == dates.dtype:
        widths = _in_days(end - start)
        if (widths > 0).all():
            dates, width = start + (end - start) / 2, float(np.median(widths))
    placed = xr.DataArray(dates, dims=dim).dt
    if not np.isfinite(width):
        _warn_of_lost_bounds(da, dim, placed)
    months = 12 * placed.year.values.astype(np.int64) + placed.month.values.astype(np.int64) - 1
    days = _in_days(dates - dates[0]) if dates.size else np.empty(0)
    return Steps(dates, months, days, placed.calendar, width)


def _warn_of_lost_bounds(da: xr.DataArray, dim: str, placed: Any) -> None:
    """Warn where a midnight of the first of a month may be the end of the month before, and the bounds that say so are lost.

    Some climate models stamp each month at its end. A DataArray does not keep bounds, which are another variable.
    """
    bounds = da[dim].attrs.get("bounds")
    midnights = (placed.day == 1) & (placed.hour == 0) & (placed.minute == 0)
    if isinstance(bounds, str) and da.sizes[dim] and bool(midnights.all()):
        warn_caller(
            f"steps of {dim!r} are stamped at the first of a month, which may be the end of the month before; {bounds!r} says "
            f"which, and a DataArray does not hold it: each step is taken for the month of its stamp. From a Dataset with "
            f"{bounds!r}, ds.gridtrend.aggregate(...) reads it."
        )


def edge_names(dim: str) -> tuple[str, str]:
    """What the coordinates are called that hold beginnings and ends of steps."""
    return f"{dim}_start", f"{dim}_end"


def with_edges(ds: xr.Dataset, dim: str) -> xr.Dataset:
    """A Dataset whose bounds of times are coordinates that each variable keeps."""
    name = ds[dim].attrs.get("bounds") if dim in ds.coords else None
    if not isinstance(name, str) or name not in ds.variables or ds[name].ndim != 2 or ds[name].dims[0] != dim:
        return ds
    bounds = ds[name].variable
    if bounds.shape[1] != 2 or bounds.dtype != ds[dim].dtype:
        return ds
    edges = zip(edge_names(dim), (bounds[:, 0], bounds[:, 1]), strict=True)
    return ds.assign_coords({edge: values for edge, values in edges if edge not in ds.variables})
