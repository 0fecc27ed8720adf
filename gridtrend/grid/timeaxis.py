"""A time coordinate of any kind as the numbers that kernels compute with.

Kernels get whole multiples of the axis' own tick (the greatest common divisor of its steps) wherever the coordinate
is a date, so that differences of times are exact and slopes that are equal stay equal; the factor to the wanted unit
is applied to the finished slope.
"""

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.engine.output import Output
from gridtrend.grid.calendars import YEAR_LENGTH, time_text, with_year_zero
from gridtrend.grid.datecodes import VAGUE
from gridtrend.grid.dates import is_missing, like_time, mixed, of_one_calendar, with_dates
from gridtrend.grid.names import other_name
from gridtrend.grid.notices import warn_caller
from gridtrend.grid.refusals import Refusal, WrongKind
from gridtrend.grid.timeunits import DAYS, GREGORIAN_YEAR, UNITS, YEARS, known_days, time_unit

__all__ = ["UNITS", "TimeAxis", "described", "no_times", "period", "time_axis", "unknown_unit"]

# Doubles hold whole numbers up to this one.
_EXACT = 2**53


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
        Unit of time of slopes: one of `UNITS`, or "" for the unit of a coordinate that names none.
    origin : str
        Time of `values == 0`, where an intercept holds.
    order : ndarray of int or None
        Positions that sort the coordinate; None if it is sorted.
    steps : ndarray of int64, shape (n,)
        Number of ordinary steps from the first time, which lags are counted in. An ordinary step is the mean of those that
        round to one median step. Numbers are skipped where times are missing from the axis.
    """

    values: np.ndarray
    per: float
    unit: str
    origin: str
    order: np.ndarray | None
    steps: np.ndarray


def time_axis(da: xr.DataArray, dim: str, per: str = "auto", *, slopes: bool = False) -> TimeAxis:
    """The dimension `dim` of `da` as numbers, for slopes per `per`.

    Parameters
    ----------
    da : DataArray
        Its coordinate `dim` holds dates in any form (`with_dates`), durations or numbers; without one, steps are counted.
    dim : str
        A dimension of `da`.
    per : str
        One of `UNITS`, or "auto", the default everywhere: the year, or where there is none, the unit of a numeric
        coordinate that names no unit of time, or the step where there is no coordinate.
    slopes : bool
        Whether slopes follow: a warning says where they are per unit of a coordinate of time whose units are none of time.

    Returns
    -------
    TimeAxis

    Raises
    ------
    ValueError
        If `per` is unknown or needs a unit that the coordinate does not have, if times are missing or repeated, or if the
        coordinate holds dates that cannot be read. Without a coordinate "year" is a step too.
    TypeError
        If the coordinate is neither dates nor numbers.
    """
    per = time_unit(per)
    n = da.sizes[dim]
    # With per="step" only the order of times matters, so numbers that cannot be decoded are accepted.
    da = with_dates(da, dim, strict=per != "step")
    if dim not in da.coords:
        if per not in ("step", "auto", "year"):
            raise no_times(dim, per)
        return TimeAxis(np.arange(float(n)), 1.0, "step", f"the first step of {dim}", None, np.arange(n))
    coordinate = da[dim]
    ticks, days, origin, year = _ticks(coordinate, dim)
    order = None
    if n > 1 and not np.all(ticks[1:] > ticks[:-1]):
        order = np.argsort(ticks, kind="stable")
        ticks = ticks[order]
        _refuse_repeated(coordinate, dim, ticks, order)
    steps = _steps(ticks)
    if per == "step":
        return TimeAxis(np.arange(float(n)), 1.0, "step", f"the first step of {dim}", order, steps)
    if days is None:
        if per != "auto":
            raise unknown_unit(coordinate, dim, per)
        if slopes:
            _warn_of_units(coordinate, dim)
        return TimeAxis(ticks.astype(float), 1.0, "", origin, order, steps)
    per = "year" if per == "auto" else per
    if np.issubdtype(ticks.dtype, np.integer) and n > 1:
        tick = np.gcd.reduce(np.diff(ticks))
        ticks, days = (ticks - ticks[0]) // tick, days * tick
    length = DAYS[per] if per in DAYS else YEARS[per] * year
    return TimeAxis(ticks.astype(float), length / days, per, origin, order, steps)


def _middle(first: Any, last: Any) -> Any:
    if np.asarray(first).dtype.kind in "iu":
        return (int(first) + int(last)) / 2
    if isinstance(first, np.floating):
        # Differences of numbers near the largest overflow, and infinite ones have no middle.
        with np.errstate(over="ignore", invalid="ignore"):
            middle = first + (last - first) / 2
            return middle if np.isfinite(middle) else first / 2 + last / 2
    return first + (last - first) / 2


def period(da: xr.DataArray, dim: str) -> dict[str, xr.Variable]:
    """The coordinates that keep the period of a record once `dim` is gone: its middle, and first and last as bounds.

    They get another name where `dim` has the name of a result; `names.distinct` gives them their final names.
    """
    da = with_dates(da, dim, strict=False)
    if dim not in da.coords or da.sizes[dim] == 0:
        return {}
    values = da[dim].values
    # Objects have a first and a last one only if they are dates of one calendar.
    if values.dtype.kind == "O":
        if not of_one_calendar(values):
            return {}
    elif values.dtype.kind not in "Mmiuf":
        return {}
    first, last = values.min(), values.max()
    with with_year_zero() if values.dtype.kind == "O" else contextlib.nullcontext():
        middle = _middle(first, last)
    name = other_name(dim) if dim in Output.names else dim
    bounds = f"{name}_bnds"
    attrs, encoding = described(da[dim], bounds)
    ends = np.empty(2, dtype=values.dtype)
    ends[:] = first, last
    # The data may have a dimension or a coordinate "bnds" of their own.
    free = "bnds" not in da.coords and da.sizes.get("bnds", 2) == 2
    # `fastpath` skips a conversion by pandas, which takes a tenth of the time of a call for one cell. These values come from
    # a coordinate, so that they need no conversion.
    return {
        name: xr.Variable((), np.asarray(middle), attrs, encoding, fastpath=True),
        bounds: xr.Variable("bnds" if free else "period_bnds", ends, encoding=encoding, fastpath=True),
    }


def _steps(ticks: np.ndarray) -> np.ndarray:
    """Positions on a regular axis; months and years of unequal length are one step each."""
    if ticks.size < 2:
        return np.zeros(ticks.size, "int64")
    gaps = np.diff(ticks)
    median = np.median(gaps)
    ordinary = gaps[np.rint(gaps / median) == 1]
    # A gap longer than the record is cut to its length: no lag reaches across it either way.
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


def _ticks(coordinate: xr.DataArray, dim: str) -> tuple[np.ndarray, float | None, str, float]:
    """Numbers of a coordinate; days in one of them (None: unknown); what zero means; days in a year."""
    values = np.asarray(coordinate.values)
    kind = values.dtype.kind
    if kind in "Mm":
        if np.isnat(values).any():
            raise _missing(dim)
        unit, count = np.datetime_data(values.dtype)
        days = np.array(1, f"m8[{count}{unit}]") / np.timedelta64(1, "D")
        return values.astype("int64"), float(days), _first(values), GREGORIAN_YEAR
    if kind == "O":
        return _cftime_ticks(values, dim)
    if kind not in "iuf":
        raise WrongKind(
            f"coordinate {dim!r} holds {values.dtype}, neither dates nor numbers.",
            f"Convert it, for instance with da.assign_coords({dim}=pandas.to_datetime(da[{dim!r}])), or drop it and use "
            "per='step'.",
            "Follow another dimension with --dim",
        )
    if not np.isfinite(values).all():
        raise _missing(dim)
    known = known_days(str(coordinate.attrs.get("units", "")) or dim)
    low, high = (int(values.min()), int(values.max())) if kind in "iu" and values.size else (0, 0)
    if max(high, -low) > _EXACT and high - low < 2**63:
        # Differences of such numbers are exact only as integers.
        return (values - values.min()).astype("int64"), known, f"{dim} = {low}", GREGORIAN_YEAR
    return values.astype(float), known, f"{dim} = 0", GREGORIAN_YEAR


def _cftime_ticks(values: np.ndarray, dim: str) -> tuple[np.ndarray, float | None, str, float]:
    import cftime

    if values.size == 0:
        return np.empty(0, "int64"), 1.0, "", GREGORIAN_YEAR
    if any(is_missing(value) for value in values):
        raise _missing(dim)
    odd = next((value for value in values if not isinstance(value, cftime.datetime)), None)
    if odd is None:
        kinds = {(value.calendar, value.has_year_zero) for value in values}
        odd = next((value for value in values if value.calendar != values[0].calendar), None)
        if odd is None and len(kinds) > 1:
            odd = next(value for value in values if value.has_year_zero != values[0].has_year_zero)
    if odd is not None:
        raise mixed(dim, odd)
    first = min(values)
    unit = f"microseconds since {first.isoformat()}"
    with with_year_zero():
        ticks = cftime.date2num(values, unit, calendar=first.calendar, has_year_zero=first.has_year_zero)
    year = YEAR_LENGTH.get(first.calendar, GREGORIAN_YEAR)
    return np.asarray(ticks, "int64"), 1e-6 / 86400, _first(values), year


def no_times(dim: str, per: str) -> Refusal:
    """The refusal of a unit of time where there are no times."""
    return Refusal(
        "",
        f"per={per!r} needs times, and dimension {dim!r} has no coordinate. Give it one with da.assign_coords({dim}=...), "
        "or count steps with per='step'.",
        f"--per {per} needs times, and dimension {dim!r} has none: leave it out, or count steps with --per step",
    )


def unknown_unit(coordinate: xr.DataArray, dim: str, per: str) -> Refusal:
    """The refusal of a unit of time where the coordinate has none."""
    given_units = f" (units: {coordinate.attrs['units']!r})" if "units" in coordinate.attrs else ""
    none = f"needs a unit of time, and coordinate {dim!r} names none{given_units}"
    return Refusal(
        "",
        f"per={per!r} {none}. Set da[{dim!r}].attrs['units'] to 'years', 'days', ..., give dates, "
        f"da.assign_coords({dim}=...), or use per='step'.",
        f"--per {per} {none}: leave it out for slopes per unit of the coordinate, count steps with --per step, or write "
        f"the unit into the file, for example with `ncatted -a units,{dim},o,c,years FILE`",
    )


def slopes_per_unit(coordinate: xr.DataArray, dim: str) -> str:
    """What to say where slopes are per unit of a coordinate."""
    units = f" (units: {coordinate.attrs['units']!r})" if "units" in coordinate.attrs else ""
    return f"'{dim}' names no unit of time{units}: slopes are per unit of '{dim}', not per year"


def _warn_of_units(coordinate: xr.DataArray, dim: str) -> None:
    """Warn where a coordinate of time has units that are none of time: most are misspelt.

    A coordinate without units does not warn.
    """
    units = str(coordinate.attrs.get("units", "")).strip().lower()
    if units not in VAGUE and like_time(coordinate, dim):
        warn_caller(slopes_per_unit(coordinate, dim))


def _first(values: np.ndarray) -> str:
    return str(values.min()) if values.size else ""


def _missing(dim: str) -> Refusal:
    return Refusal(
        f"coordinate {dim!r} has missing values, and a trend needs to know when each value was taken.",
        f"Drop those steps with da.isel({dim}=da[{dim!r}].notnull()).",
        "Correct the times in the file, or leave those steps out with --select",
    )


def _refuse_repeated(coordinate: xr.DataArray, dim: str, ticks: np.ndarray, order: np.ndarray) -> None:
    repeated = np.flatnonzero(ticks[1:] == ticks[:-1])
    if repeated.size:
        example = time_text(coordinate.values[order[repeated[0]]])
        raise Refusal(
            f"coordinate {dim!r} repeats {repeated.size} of its {ticks.size} times, for example {example}: two values at "
            "one time have no slope between them.",
            f"Average them with da.groupby({dim!r}).mean(), or keep the first of each with da.drop_duplicates({dim!r}).",
            "Average them, or leave one of each out, before you come here",
        )
