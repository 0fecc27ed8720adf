"""A time coordinate of any kind as the numbers that kernels compute with.

Kernels get whole multiples of the axis' own tick (the greatest common divisor of its steps) wherever the coordinate
is a date, so that differences of times are exact and slopes that are equal stay equal; the factor to the wanted unit
is applied to the finished slope.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.dialect import either, given

DAYS = {"second": 1 / 86400, "minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0}
YEARS = {"month": 1 / 12, "year": 1.0, "decade": 10.0, "century": 100.0}
UNITS = ("step", *DAYS, *YEARS)

# Days in a year of each CF calendar; a year of a record is a year of its own calendar.
_YEAR_LENGTH = {
    "julian": 365.25,
    "noleap": 365.0,
    "365_day": 365.0,
    "all_leap": 366.0,
    "366_day": 366.0,
    "360_day": 360.0,
}
_GREGORIAN_YEAR = 365.2425

# How coordinates without dates name their unit, as far as it is a unit of time.
_ALIASES = {
    "yr": "year",
    "a": "year",
    "hr": "hour",
    "h": "hour",
    "d": "day",
    "min": "minute",
    "s": "second",
    "sec": "second",
}


@dataclass(frozen=True)
class TimeAxis:
    """One dimension as numbers.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Strictly increasing.
    per : float
        Units of `values` in one `unit`: a slope per unit of `values` times this is the slope per `unit`.
    unit : str
        What slopes are per: one of `UNITS`, or "" for one unit of a coordinate that names none.
    origin : str
        What `values == 0` stands for, and so where an intercept holds.
    order : ndarray of int or None
        Positions that sort the coordinate, where it is not sorted.
    steps : ndarray of int64, shape (n,)
        The whole number of ordinary steps (the mean of those that round to one median step) from the first time: what
        lags are counted in. Where the axis itself leaves times out, it skips numbers.
    """

    values: np.ndarray
    per: float
    unit: str
    origin: str
    order: np.ndarray | None
    steps: np.ndarray


def time_axis(da: xr.DataArray, dim: str, per: str = "year") -> TimeAxis:
    """The dimension `dim` of `da` as numbers, for slopes per `per`.

    Parameters
    ----------
    da : DataArray
        Its coordinate `dim` holds datetime64, cftime dates, durations or numbers; without one, steps are counted.
    dim : str
        A dimension of `da`.
    per : str
        One of `UNITS`. "year", the default everywhere, gives way where there is no year: slopes are then per unit of a
        numeric coordinate that names no unit of time, or per step where there is no coordinate.

    Returns
    -------
    TimeAxis

    Raises
    ------
    ValueError
        If `per` is unknown or needs what the coordinate cannot tell, if times are missing or repeated, or if the
        coordinate holds encoded dates ("days since ...") that were not decoded.
    TypeError
        If the coordinate is neither dates nor numbers.
    """
    per = unit_named(per)
    n = da.sizes[dim]
    if dim not in da.coords:
        if per not in ("step", "year"):
            raise ValueError(
                f"{given('per', per)} needs times, and dimension {dim!r} has no coordinate. "
                + either(f"Give it one with da.assign_coords({dim}=...), or ask ", "Ask ")
                + f"for slopes per step with {given('per', 'step')}."
            )
        return TimeAxis(np.arange(float(n)), 1.0, "step", f"the first step of {dim}", None, np.arange(n))
    coordinate = da[dim]
    ticks, days, origin, year = _ticks(coordinate, dim, per)
    order = None
    if n > 1 and not np.all(ticks[1:] > ticks[:-1]):
        order = np.argsort(ticks, kind="stable")
        ticks = ticks[order]
        _refuse_repeated(coordinate, dim, ticks, order)
    steps = _steps(ticks)
    if per == "step":
        return TimeAxis(np.arange(float(n)), 1.0, "step", f"the first step of {dim}", order, steps)
    if days is None:
        if per != "year":
            raise ValueError(
                f"{given('per', per)} needs a unit of time, and coordinate {dim!r} names none"
                + (f" (units: {coordinate.attrs['units']!r}). " if "units" in coordinate.attrs else ". ")
                + either(f"Set da[{dim!r}].attrs['units'] to", "Set its units in the file to")
                + f" 'years', 'days', ..., or use {given('per', 'step')}."
            )
        return TimeAxis(ticks.astype(float), 1.0, "", origin, order, steps)
    if np.issubdtype(ticks.dtype, np.integer) and n > 1:
        tick = np.gcd.reduce(np.diff(ticks))
        ticks, days = (ticks - ticks[0]) // tick, days * tick
    length = DAYS[per] if per in DAYS else YEARS[per] * year
    return TimeAxis(ticks.astype(float), length / days, per, origin, order, steps)


def period(da: xr.DataArray, dim: str) -> dict[str, xr.Variable]:
    """The coordinates that keep the period of a record once `dim` is gone: its middle, and first and last as bounds."""
    if dim not in da.coords or da.sizes[dim] == 0:
        return {}
    values = da[dim].values
    dates = values.dtype.kind == "M" or hasattr(values[0], "calendar")
    if not dates and values.dtype.kind not in "miuf":
        return {}
    first, last = values.min(), values.max()
    middle = first + (last - first) / 2
    bounds = f"{dim}_bnds"
    attrs, encoding = described(da[dim], bounds)
    ends = np.empty(2, dtype=values.dtype)
    ends[:] = first, last
    return {
        dim: xr.Variable((), middle, attrs, encoding),
        bounds: xr.Variable("bnds", ends, encoding=encoding),
    }


def _steps(ticks: np.ndarray) -> np.ndarray:
    """Positions on a regular axis; months and years of unequal length are one step each."""
    if ticks.size < 2:
        return np.zeros(ticks.size, "int64")
    gaps = np.diff(ticks)
    median = np.median(gaps)
    ordinary = gaps[np.rint(gaps / median) == 1]
    # A gap longer than the record says no more than one as long: no lag reaches across it.
    gaps = np.clip(np.rint(gaps / (np.mean(ordinary) if ordinary.size else median)), 1, ticks.size).astype("int64")
    return np.concatenate([[0], np.cumsum(gaps)])


def described(coordinate: xr.DataArray, bounds: str) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Attributes and encoding of times that replace those of `coordinate`, and have bounds."""
    attrs = {key: value for key, value in coordinate.attrs.items() if key != "bounds"} | {"bounds": bounds}
    encoding = {key: coordinate.encoding[key] for key in ("units", "calendar") if key in coordinate.encoding}
    if coordinate.dtype.kind in "MO":
        attrs = {"standard_name": "time"} | attrs
        # A coordinate and its bounds are written in the same units, so these must be known.
        # Whole days would round the middle of a record that falls on noon.
        plain = {"units": "days since 1970-01-01", "calendar": coordinate.dt.calendar, "dtype": "float64"}
        encoding = plain | encoding
    return attrs, encoding


def unit_named(name: str) -> str:
    """One of `UNITS`, in the singular or plural."""
    unit = str(name).lower()
    unit = unit if unit in UNITS else unit.removesuffix("s")
    if unit not in UNITS:
        raise ValueError(f"{given('per', name)} is not a unit of time; use one of {', '.join(map(repr, UNITS))}.")
    return unit


def _ticks(coordinate: xr.DataArray, dim: str, per: str) -> tuple[np.ndarray, float | None, str, float]:
    """Numbers of a coordinate; days in one of them (None: unknown); what zero means; days in a year."""
    values = coordinate.values
    kind = values.dtype.kind
    if kind in "Mm":
        if np.isnat(values).any():
            raise ValueError(_missing(dim))
        unit, count = np.datetime_data(values.dtype)
        days = np.array(1, f"m8[{count}{unit}]") / np.timedelta64(1, "D")
        return values.astype("int64"), float(days), _first(values), _GREGORIAN_YEAR
    if kind == "O":
        return _cftime_ticks(values, dim)
    if kind not in "iuf":
        raise TypeError(
            f"coordinate {dim!r} holds {values.dtype}, neither dates nor numbers. "
            + either(
                f"Convert it, for instance with da.assign_coords({dim}=pandas.to_datetime(da[{dim!r}])), or drop it and "
                "use per='step'.",
                "Convert it in the file to numbers with units such as 'days since 2000-01-01'.",
            )
        )
    if not np.isfinite(values).all():
        raise ValueError(_missing(dim))
    units = str(coordinate.attrs.get("units", ""))
    if " since " in units and per != "step":
        raise ValueError(
            f"coordinate {dim!r} holds numbers in {units!r} that were not decoded to dates. "
            + either(
                "Decode them with xarray.decode_cf(ds), or, where the reference date makes that impossible, use ",
                "Correct the units in the file, or use ",
            )
            + f"{given('per', 'step')}."
        )
    return values.astype(float), _known_days(units or dim), f"{dim} = 0", _GREGORIAN_YEAR


def _cftime_ticks(values: np.ndarray, dim: str) -> tuple[np.ndarray, float | None, str, float]:
    import cftime

    if not all(isinstance(value, cftime.datetime) for value in values):
        raise TypeError(
            f"coordinate {dim!r} holds objects that are not all dates, such as {values[0]!r}. "
            + either(
                "Decode it with xarray.decode_cf(ds), or drop it and use per='step'.",
                "Convert it in the file to numbers with units such as 'days since 2000-01-01'.",
            )
        )
    if values.size == 0:
        return np.empty(0, "int64"), 1.0, "", _GREGORIAN_YEAR
    first = min(values)
    ticks = cftime.date2num(values, f"microseconds since {first.isoformat()}", calendar=first.calendar)
    year = _YEAR_LENGTH.get(first.calendar, _GREGORIAN_YEAR)
    return np.asarray(ticks, "int64"), 1e-6 / 86400, _first(values), year


def _known_days(name: str) -> float | None:
    """Days in a unit of time that a coordinate names in its units, or by what it is called ("year")."""
    name = _ALIASES.get(name.strip().lower(), name.strip().lower())
    name = name if name in DAYS or name in YEARS else name.removesuffix("s")
    return DAYS.get(name) or (YEARS[name] * _GREGORIAN_YEAR if name in YEARS else None)


def _first(values: np.ndarray) -> str:
    return str(values.min()) if values.size else ""


def _missing(dim: str) -> str:
    return f"coordinate {dim!r} has missing values, and a trend needs to know when each value was taken. " + either(
        f"Drop those steps with da.isel({dim}=da[{dim!r}].notnull()).",
        "Correct them in the file, or select the steps that have times with --select.",
    )


def _refuse_repeated(coordinate: xr.DataArray, dim: str, ticks: np.ndarray, order: np.ndarray) -> None:
    repeated = np.flatnonzero(ticks[1:] == ticks[:-1])
    if repeated.size:
        example = coordinate.values[order[repeated[0]]]
        raise ValueError(
            f"coordinate {dim!r} repeats {repeated.size} of its {ticks.size} times, {example} for one: two values at "
            "one time have no slope between them. "
            + either(
                f"Average them with da.groupby({dim!r}).mean(), or keep the first of each with "
                f"da.drop_duplicates({dim!r}).",
                "Keep one value of each time in the file, or select a part without them with --select.",
            )
        )
