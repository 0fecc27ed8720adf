"""Cycles of a regular axis against the calendar year: a number of steps near the year, but not the year, is refused."""

import numpy as np
import xarray as xr

from gridtrend.grid.calendars import EVEN_YEARS, YEAR_LENGTH
from gridtrend.grid.dialect import given
from gridtrend.grid.refusals import Refusal
from gridtrend.grid.timeaxis import TimeAxis
from gridtrend.grid.timeunits import GREGORIAN_YEAR

# A cycle that differs from the year by up to this share of it is meant to be the year.
NEAR = 0.1
_BEFORE_MONTH = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])


def in_whole_years(
    da: xr.DataArray, dim: str, ticks: TimeAxis, position: np.ndarray, step: float, count: int
) -> tuple[np.ndarray, float]:
    """Positions on a regular axis of dates, and their length in ticks, for cycles of `count` steps.

    Parameters
    ----------
    da : DataArray
        Its coordinate `dim` holds dates.
    dim : str
        A dimension of `da`.
    ticks : TimeAxis
        The coordinate in ticks, per year.
    position : ndarray of int
        Whole steps from the first one.
    step : float
        Length of a step in ticks.
    count : int
        Steps in a cycle.
    """
    year = ticks.per / step
    if year < 2 or not position.size:
        return position, step
    calendar = da[dim].dt.calendar
    in_day = year / YEAR_LENGTH.get(calendar, GREGORIAN_YEAR)
    if calendar not in EVEN_YEARS and round(in_day) >= 1 and _is_whole(in_day):
        return _in_years_of_365_days(da, dim, ticks, position, step, round(in_day), count)
    if _is_whole(year):
        _refuse_others(dim, _present(position, round(year)), round(year), count)
        return _among_present(position, round(year), count, step)
    # No number fits: the nearest one drifts least.
    if _near(count, year) and abs(count - year) > 0.5 + 1e-9:
        raise _not_the_year(dim, count, round(year), f"about {year:.1f} steps")
    return position, step


def _is_whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6 * number


def _near(count: int, year: float) -> bool:
    return abs(count - year) <= NEAR * year


def _in_years_of_365_days(
    da: xr.DataArray, dim: str, ticks: TimeAxis, position: np.ndarray, step: float, in_day: int, count: int
) -> tuple[np.ndarray, float]:
    """Positions by the day of a year of 365 days, for cycles that depend on the day of the year."""
    time = da[dim].dt
    year, month, day = (getattr(time, name).values.astype(np.int64) for name in ("year", "month", "day"))
    hours = time.hour.values + time.minute.values / 60 + time.second.values / 3600
    days = 365 * year + _BEFORE_MONTH[month - 1] + day
    first = int(np.argmin(position))
    equal = (days - days[first]) * in_day + np.rint((hours - hours[first]) / 24 * in_day).astype(np.int64)
    whole = 365 * in_day
    present = _present(equal, whole)
    if ((month == 2) & (day == 29)).any():
        if _near(count, whole) or count % whole == 0 or (present < whole and _near(count, present)):
            raise _leap_days(dim, count, in_day)
        return position, step
    _refuse_others(dim, present, whole, count)
    if count % whole == 0 or count == present or (whole % count == 0 and count > in_day):
        return _among_present(equal, whole, count, ticks.per / whole)
    return position, step


def _present(position: np.ndarray, whole: int) -> int:
    """How many steps of each year a record has, where years repeat them and leave others out; else all."""
    found = np.unique(position % whole).size
    return found if 2 <= found < (1 - NEAR) * whole and position.size >= 2 * found else whole


def _refuse_others(dim: str, present: int, whole: int, count: int) -> None:
    if _near(count, whole) and count != whole:
        raise _not_the_year(dim, count, whole, f"{whole} steps")
    if _near(count, present) and count not in (present, whole):
        raise _not_the_year(dim, count, whole, f"{whole} steps, of which it holds {present}")


def _among_present(position: np.ndarray, whole: int, count: int, step: float) -> tuple[np.ndarray, float]:
    """The same positions; where `count` is the number of steps that the record has of each year, those among these."""
    found, number = np.unique(position % whole, return_inverse=True)
    if not 2 <= found.size == count < whole or np.unique(found % count).size == np.gcd(count, whole):
        return position, step
    return position // whole * count + number, step * whole / count


def _not_the_year(dim: str, count: int, whole: int, steps: str) -> Refusal:
    return Refusal(
        f"{given('period', count)} does not fit {dim!r}: a year has {steps}.",
        f"Compare those of a year, period={whole}, or, if the cycle is not the year, drop the coordinate with "
        f"da.drop_vars({dim!r}).",
        f"Compare those of a year, --period {whole}",
    )


def _leap_days(dim: str, count: int, in_day: int) -> Refusal:
    return Refusal(
        f"{given('period', count)} does not fit {dim!r}: leap years have a 29 February, which shifts the days that follow.",
        f"Leave it out, with da.convert_calendar('noleap', {dim!r}), and compare period={365 * in_day}, or bring the "
        f"record to months: da.resample({dim}='MS').mean() and period='month'.",
        f"Leave it out, for example with `cdo del29feb`, and compare --period {365 * in_day}, or bring the record to "
        "months, for example with `cdo monmean`",
    )
