"""A regular time axis: its step, its unit, and the time of its n-th sample.

Frequencies need equal steps. Months differ in length; they count as equal with `sampling="calendar"`.
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.calendars import time_text
from gridtrend.grid.checks import LARGEST_WHOLE, choose, is_number
from gridtrend.grid.dates import with_dates
from gridtrend.grid.dialect import either, given
from gridtrend.grid.refusals import Refusal
from gridtrend.grid.timeaxis import no_times, time_axis, unknown_unit
from gridtrend.grid.timeunits import DAYS, YEARS, unit_named

Duration = int | str | np.timedelta64 | timedelta

SAMPLINGS = ("regular", "calendar")
# Relative tolerance of steps: times that were stored as floating point numbers have rounding errors.
_TOLERANCE = 1e-3
# Abbreviations of units in pandas and ISO 8601; `unit_named` knows their full names.
_LETTERS = {"Y": "year", "YR": "year", "A": "year", "M": "month", "W": "week", "D": "day", "H": "hour", "S": "second"}
_LETTERS |= {"MIN": "minute", "SEC": "second", "HR": "hour"}
# Frequencies of pandas: start or end of a month or year.
_LETTERS |= {"MS": "month", "ME": "month", "YS": "year", "YE": "year", "AS": "year"}


@dataclass(frozen=True)
class Sampling:
    """One dimension, sampled at equal steps.

    Parameters
    ----------
    dim : str
    size : int
        Number of samples.
    step : float
        Time between two of them, in `unit`.
    unit : str
        A unit of time; "step" where there is no coordinate, "" for the unit of a coordinate without units.
    per_day, per_year : float
        Samples in a day and in a year of the record's calendar; NaN where that is not known.
    coordinate : DataArray or None
        The times, sorted.
    order : ndarray of int or None
        Positions that sort the record, where it is not sorted.
    kind : {"regular", "calendar", "steps"}
        What is equal: steps in time, or in calendar months; or there are no times.
    """

    dim: str
    size: int
    step: float
    unit: str
    per_day: float
    per_year: float
    coordinate: xr.DataArray | None
    order: np.ndarray | None
    kind: str

    def samples(self, name: str, length: Duration) -> int:
        """A length of time as a whole number of samples, at least 1; `name` is that of the argument."""
        number = self.steps(name, length)
        if not isinstance(length, (str, np.timedelta64, timedelta)) and number != int(number):
            raise ValueError(
                f"{given(name, length)} is not a number of samples; give a whole number, or a duration: '30D'."
            )
        if round(number) < 1:
            raise ValueError(f"{given(name, length)} is less than one sample; give at least 1, or a duration: '30D'.")
        return round(number)

    def steps(self, name: str, length: Duration | float) -> float:
        """A length of time in steps, not rounded: numbers are steps already."""
        if isinstance(length, (np.timedelta64, timedelta)):
            days = _days(name, length)
            return days * self._known(name, length, self.per_day)
        if not isinstance(length, str):
            known = is_number(length)
            if not known or not abs(length) <= LARGEST_WHOLE:
                said = f" ({type(length).__name__})" if not known else ""
                raise ValueError(
                    f"{given(name, length)}{said} is not a length; give a number of samples, or a duration: '30D', '5Y'."
                )
            return float(length)
        number, unit = _parse(name, length)
        per_day, per_year = (self._known(name, length, each) for each in (self.per_day, self.per_year))
        return number * (DAYS[unit] * per_day if unit in DAYS else YEARS[unit] * per_year)

    def _known(self, name: str, length: Any, samples: float) -> float:
        if np.isnan(samples):
            raise ValueError(
                f"{given(name, length)} is a duration, and {self.dim!r} has no times to measure it with. Give a number "
                + either(f"of samples, or times: da.assign_coords({self.dim}=...).", "of samples.")
            )
        return samples

    def times(self, positions: np.ndarray) -> np.ndarray | None:
        """Times at positions, which may lie between samples or beyond the record; None if unknown."""
        if self.coordinate is None:
            return positions if self.unit == "step" else None
        values = self.coordinate.values
        whole = np.clip(np.floor(positions).astype(int), 0, self.size - 1)
        rest = positions - whole
        # Between two samples use their distance (months differ); beyond the record, that of its last two samples.
        before = np.minimum(whole, self.size - 2)
        gap = values[before + 1] - values[before]
        if values.dtype.kind in "iuf":
            return np.asarray(values[whole] + rest * gap)
        if values.dtype.kind == "O":
            return np.array(
                [v + timedelta(seconds=r * g.total_seconds()) for v, r, g in zip(values[whole], rest, gap, strict=True)]
            )
        return np.asarray(values[whole] + (rest * gap.astype(float)).round().astype(gap.dtype))


def regular(da: xr.DataArray, dim: str, *, sampling: str = "regular", per: str | None = None) -> Sampling:
    """The sampling of `dim`; refused if it is not regular.

    Parameters
    ----------
    da : DataArray
    dim : str
        A dimension of `da`, with or without a coordinate; unsorted times are sorted by `Sampling.order`.
    sampling : {"regular", "calendar"}
        Whether steps must be equal in time, or in calendar months (stamps anywhere within each).
    per : str, optional
        Unit of time of frequencies. By default the year for steps longer than ten days, the day down to an hour, the
        hour down to a minute, or the second.

    Raises
    ------
    ValueError
        If there are fewer than two samples, if steps are not equal, or if a unit of time is asked for and unknown.
    """
    choose("sampling", sampling, SAMPLINGS)
    size = da.sizes[dim]
    if size < 2:
        raise ValueError(f"dimension {dim!r} has {size} samples, and a frequency needs several.")
    da = with_dates(da, dim)
    axis = time_axis(da, dim)
    coordinate = None
    if dim in da.coords:
        coordinate = da[dim] if axis.order is None else da[dim].isel({dim: axis.order})
    if axis.unit in ("", "step"):
        # Compared as a word: an array is no word, and equals nothing.
        if per is not None and not (isinstance(per, str) and per == "step"):
            unit = unit_named(per)
            raise no_times(dim, unit) if coordinate is None else unknown_unit(coordinate, dim, unit)
        step = _equal_step(axis.values, dim, coordinate, np.nan)
        kind = "steps" if coordinate is None else "regular"
        return Sampling(dim, size, step, axis.unit, np.nan, np.nan, coordinate, axis.order, kind)
    per_year, per_day = axis.per, time_axis(da, dim, "day").per
    dates = coordinate is not None and coordinate.dtype.kind in "MO"
    if sampling == "calendar" and coordinate is not None and dates:
        months = _equal_months(coordinate, dim)
        per_day *= 12 / months / per_year
        per_year = 12 / months
    else:
        step = _equal_step(axis.values, dim, coordinate, 1 / per_day if dates else np.nan)
        per_day, per_year = per_day / step, per_year / step
    unit = _readable_unit(1 / per_day) if per is None else unit_named(per)
    step = 1.0
    if unit != "step":
        step = float(1 / (DAYS[unit] * per_day if unit in DAYS else YEARS[unit] * per_year))
    kind = sampling if dates else "regular"
    return Sampling(dim, size, step, unit, per_day, per_year, coordinate, axis.order, kind)


def _readable_unit(days: float) -> str:
    for unit, least in (("year", 10.0), ("day", DAYS["hour"]), ("hour", DAYS["minute"])):
        if days > least * (1 - _TOLERANCE):
            return unit
    return "second"


def _equal_step(values: np.ndarray, dim: Hashable, coordinate: xr.DataArray | None, days: float) -> float:
    """The common step of values in units of `days` days; refused if steps differ."""
    step = (values[-1] - values[0]) / (values.size - 1)
    if step < np.finfo(float).tiny:
        raise ValueError(
            f"coordinate {dim!r} has steps of {step:g}, and frequencies of such steps are larger than any number. Count in a "
            f"smaller unit: da.assign_coords({dim}=...)."
        )
    off = np.abs(values - values[0] - step * np.arange(values.size))
    if off.max() > _TOLERANCE * step:
        gaps = np.diff(values)
        usual = np.median(gaps)
        place = int(np.argmax(np.abs(gaps - usual)))
        where = "" if coordinate is None else f", for example after {time_text(coordinate.values[place])}"
        problem = (
            f"coordinate {dim!r} is not sampled regularly: its steps differ by {_difference(gaps)}{where}. "
            "A spectrum needs equal steps:"
        )
        if usual * days >= 27:
            raise Refusal(
                problem,
                "for steps of calendar months or years say sampling='calendar'; for missing steps fill the axis, "
                f"da.resample({dim}='MS').asfreq().",
                "for steps of calendar months or years say --sampling calendar; fill in missing steps before",
            )
        if not gaps.max() > 1.5 * usual:
            raise Refusal(
                problem,
                "composites that restart each year have none. Interpolate them, "
                f"da.interp({dim}=xarray.date_range(...)), or take monthly means, da.resample({dim}='MS').mean(), and say "
                "sampling='calendar'.",
                "composites that restart each year have none. Take monthly means, for example with `cdo monmean`, and "
                "say --sampling calendar",
            )
        raise Refusal(
            problem,
            f"for missing steps fill the axis, da.resample({dim}='1D').asfreq() or da.reindex({dim}=...).",
            "fill in missing steps before, for example with `cdo settaxis` on complete files",
        )
    return float(step)


def _difference(gaps: np.ndarray) -> str:
    ratio = float(gaps.max() / gaps.min())
    return f"a factor of up to {ratio:.3g}" if ratio >= 1.01 else f"up to {100 * (ratio - 1):.2g} %"


def _days(name: str, length: np.timedelta64 | timedelta) -> float:
    """A fixed length of time in days."""
    length = np.timedelta64(length)
    if np.isnat(length) or np.datetime_data(length.dtype)[0] in ("Y", "M", "generic"):
        raise ValueError(
            f"{name}={length!r} is not a fixed length of time; write it as a duration: '5Y', '18M', '30D'."
        )
    return float(length / np.timedelta64(1, "D"))


def _equal_months(coordinate: xr.DataArray, dim: Hashable) -> int:
    months = 12 * coordinate.dt.year.values + coordinate.dt.month.values
    steps = np.diff(months)
    if not (steps > 0).all():
        place = int(np.argmax(steps <= 0))
        raise Refusal(
            f"coordinate {dim!r} has several samples in a month, such as {coordinate.values[place]} and "
            f"{coordinate.values[place + 1]}, and months are what counts as equal here.",
            f"Leave sampling='regular' for steps shorter than a month, or take monthly means, "
            f"da.resample({dim}='MS').mean().",
            "Leave --sampling out for steps shorter than a month, or take monthly means, for example with `cdo monmean`",
        )
    if not (steps == steps[0]).all():
        place = int(np.argmax(steps != steps[0]))
        raise Refusal(
            f"coordinate {dim!r} is not sampled by the calendar: {steps[place]} months follow "
            f"{coordinate.values[place]}, {steps[0]} the first sample.",
            f"Fill it with da.resample({dim}='MS').asfreq(), or leave sampling='regular' for steps shorter than a month.",
            "Fill in the missing months before, or leave --sampling out for steps shorter than a month",
        )
    return int(steps[0])


def _parse(name: str, text: str) -> tuple[float, str]:
    # "YS-JAN" is how pandas writes a year that starts in January.
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]+)(?:-[A-Z]{3})?\s*", text)
    if match:
        number, unit = match.groups()
        # Lower case has another meaning: m is minutes, and ms milliseconds, which are refused.
        unit = {"m": "minute", "ms": "ms"}.get(unit) or _LETTERS.get(unit.upper(), unit)
        unit = unit.lower() if unit.lower() in DAYS or unit.lower() in YEARS else unit.lower().removesuffix("s")
        if unit in DAYS or unit in YEARS:
            return float(number), unit
    raise ValueError(
        f"{given(name, text)} is not a duration; write a number and a unit, such as '5Y', '18 months' or '30D'."
    )
