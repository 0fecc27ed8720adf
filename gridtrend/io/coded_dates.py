"""Variables that repeat the dates of a record as numbers: 19800101, seconds of the day, or year, month and day apart."""

import re

import numpy as np
import xarray as xr

from gridtrend.grid import dates

# Dates and times of day that models and data centres write as plain numbers beside the time axis.
DATE_NAME = re.compile(
    r"dates?|date_?sec|date_?written|time_?written|n?b?date|nbsec|n[cds]cur|nsteph|mdcur|mscur|"
    r"yyyy(_?mm(_?dd(_?hh)?)?)?|years?|months?|days?|hours?|minutes?|seconds?|doy|day_?of_?year|julian_?day",
    re.IGNORECASE,
)
DATE_FORMAT = re.compile(r"%Y%m|YYYY-?MM", re.IGNORECASE)
# Fields are looked into where their name or description has such a word.
WORD = re.compile(r"date|time|stamp|calendar|year|yyyy|month|day|hour|minute|second|sec\b", re.IGNORECASE)
FIELDS = ("year", "month", "day", "hour", "minute", "second", "dayofyear")
# A dimension of at most so many places may hold year, month, day, ... side by side.
PARTS = 12


def holds_coded_dates(array: xr.DataArray, dim: str) -> bool:
    """Whether numbers along `dim` are dates, by their name, their attributes or their values."""
    if array.dtype.kind not in "iufb" or dim not in array.dims or not array.size:
        return False
    units, described = str(array.attrs.get("units", "")), str(array.attrs.get("long_name", ""))
    by_name, by_format = DATE_NAME.fullmatch(str(array.name)), DATE_FORMAT.search(f"{units} {described}")
    if array.ndim == 1:
        return bool(by_name or by_format) or _are_dates(np.asarray(array.values, float))
    if not (by_format or WORD.search(f"{array.name} {described}")):
        return False
    values, time = _some(array, dim)
    repeated = [_are_dates(series) or _is_field(series, time) for series in values.T]
    # Nothing but zeros may be hours, and may be the absence of snow.
    return all(repeated) and bool(by_name or np.ptp(values, axis=0).any())


def _are_dates(values: np.ndarray) -> bool:
    """Whether numbers are rising dates such as 198001 or 19800131."""
    months = values // 100 if np.all(values >= 10_000_000) else values
    days = values % 100 if months is not values else np.ones(1)
    return bool(
        values.size > 3
        and np.all(np.diff(values) >= 0)
        and np.all((months >= 100_000) & (months < 300_000) & (months % 1 == 0))
        and np.all((months % 100 >= 1) & (months % 100 <= 12) & (days.min() >= 1) & (days.max() < 32))
        and values[-1] > values[0]
    )


def _some(array: xr.DataArray, dim: str) -> tuple[np.ndarray, xr.DataArray | None]:
    """A few steps of a few cells, shape (step, cell), and the dates of these steps."""
    size = array.sizes[dim]
    steps = np.unique(np.clip([0, 1, 2, size // 3, size // 2, size - 2, size - 1], 0, size - 1))
    places = {
        name: np.arange(n) if n <= PARTS else np.array([0, n // 2, n - 1])
        for name, n in array.sizes.items()
        if name != dim
    }
    some = array.isel({dim: steps, **places}).transpose(dim, ...)
    time = array[dim].isel({dim: steps}) if dim in array.coords else None
    return np.asarray(some.values, float).reshape(steps.size, -1), time


def _is_field(series: np.ndarray, time: xr.DataArray | None) -> bool:
    """Whether numbers are the years, the months, ... or the seconds of the day of dates."""
    if time is None or not dates.are_dates(time):
        return False
    fields = [getattr(time.dt, name).values for name in FIELDS]
    hour, minute, second = fields[3:6]
    return any(np.array_equal(series, field) for field in (*fields, 3600 * hour + 60 * minute + second))
