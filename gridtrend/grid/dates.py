"""Times in all forms as dates, if only one reading is possible; docs/times.md has the table.

Times that cannot be read are refused by name. Numbers that are no dates (durations, years, positions) are kept.
"""

import functools
import re
from collections.abc import Hashable
from datetime import date, datetime
from typing import Any, TypeVar

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import xarray as xr

from gridtrend.grid.calendars import calendar_of, from_fields, in_nanoseconds, valid_fields
from gridtrend.grid.datecodes import decode_format, decode_julian, format_in, is_julian
from gridtrend.grid.guesses import written_as
from gridtrend.grid.references import Undecodable
from gridtrend.grid.refusals import Refusal, WrongKind
from gridtrend.grid.since import decode_since, is_reference
from gridtrend.grid.timeunits import backwards, known_days

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)

NAMES = {
    "time",
    "t",
    "date",
    "year",
    "month",
    "day",
    "times",
    "datetime",
    "valid_time",
    "time_counter",
    "tstep",
    "epoch",
}
_SPATIAL = {"x", "y", "z", "lat", "lon", "latitude", "longitude", "lev", "level", "plev", "depth", "height", "altitude"}
_SPATIAL |= {"cell", "station", "site", "ncells", "nmesh", "member", "realization", "ensemble", "band", "id", "point"}
_TEXT = re.compile(
    r"(\d{4})(?:-?(\d\d)(?:-?(\d\d))?)?(?:[T_ ]+(\d\d)(?::?(\d\d)(?::?(\d\d(?:\.\d+)?))?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.IGNORECASE,
)
# Numbers in this range are years if only the name of the coordinate says that they are times.
_YEARS = (1000, 2999)


def with_dates(data: Labelled, dim: Hashable, *, strict: bool = True) -> Labelled:
    """`data` with the coordinate `dim` as dates, if it holds any or another coordinate along it does.

    Parameters
    ----------
    data : DataArray or Dataset
    dim : str
        A dimension of it.
    strict : bool
        Whether dates that cannot be read are refused; otherwise they stay as they are.

    Raises
    ------
    Refusal
        If the coordinate holds dates that cannot be read, or in more than one way.
    WrongKind
        If it holds neither dates nor numbers.
    """
    if dim not in data.coords:
        return _with_dates_aside(data, dim)
    variable = data.coords[dim].variable
    try:
        found = decoded(variable, str(dim))
    except Refusal:
        # Times that run backwards have the wrong order as well.
        if strict or backwards(str(variable.attrs.get("units", ""))):
            raise
        return data
    if found is not variable:
        return data.assign_coords({dim: found})
    bare = variable.dtype.kind in "iuf" and known_days(str(variable.attrs.get("units", "")) or str(dim)) is None
    return _with_dates_aside(data, dim) if bare else data


def are_dates(variable: Any) -> bool:
    """Whether values are datetime64 or cftime."""
    if isinstance(variable.dtype, np.dtype) and variable.dtype.kind == "O" and variable.size:
        return hasattr(variable.values.flat[0], "calendar")
    return isinstance(variable.dtype, np.dtype) and variable.dtype.kind == "M"


def of_one_calendar(values: np.ndarray) -> bool:
    """Whether objects are all dates of one calendar, so that they have an order."""
    kinds = {(getattr(value, "calendar", None), getattr(value, "has_year_zero", None)) for value in values.flat}
    return len(kinds) == 1 and (None, None) not in kinds


def _with_dates_aside(data: Labelled, dim: Hashable) -> Labelled:
    """Use the dates of a coordinate of another name, such as XTIME(Time) and time_centered(time_counter)."""
    found = {}
    for name, coordinate in data.coords.variables.items():
        if name != dim and coordinate.dims == (dim,) and (coordinate.dtype.kind in "MO" or like_time(coordinate, name)):
            try:
                variable = decoded(coordinate, str(name))
            except Refusal:
                continue
            if are_dates(variable):
                found[name] = variable
    named = [name for name, variable in found.items() if variable.attrs.get("standard_name") == "time"]
    if dim in data.coords and len(found) > 1 and len(named) != 1:
        return data
    chosen = (named or list(found))[:1]
    return data.assign_coords({dim: found[chosen[0]]}) if chosen else data


def like_time(variable: Any, name: Hashable) -> bool:
    """Whether a coordinate is one of time, by its name or its attributes."""
    attrs, words = variable.attrs, str(name).lower()
    if str(attrs.get("axis", "T")).upper() != "T" or attrs.get("standard_name", "time") != "time":
        return False
    stated = "axis" in attrs or "standard_name" in attrs
    return stated or words in NAMES or re.search(r"time|date|yyyy|year|month", words) is not None


def decoded(variable: xr.Variable, name: str) -> xr.Variable:
    """A coordinate as dates where it holds any; itself where it does not."""
    if (
        variable.ndim != 1
        or not variable.size
        or (isinstance(variable.dtype, np.dtype) and variable.dtype.kind in "Mm")
    ):
        return variable
    if not isinstance(variable.dtype, np.dtype):
        return _of_index(variable, name)
    values = np.asarray(variable.values)
    if values.dtype.kind in "OUS":
        return _of_objects(variable, values, name)
    if values.dtype.kind not in "iuf":
        return variable
    try:
        key = (
            variable.dims,
            values.dtype.str,
            values.tobytes(),
            *(tuple(each.items()) for each in (variable.attrs, variable.encoding)),
        )
        found = _remembered(name, *key)
    except TypeError:
        # Attributes that are arrays or lists cannot be part of a key.
        return _of_numbers(variable, values, name)
    # A copy of the array, since the caller may change it.
    return variable if found is None else found.copy(data=found.values.copy())


@functools.lru_cache(maxsize=8)
def _remembered(name: str, dims: Any, dtype: str, numbers: bytes, attrs: Any, encoding: Any) -> xr.Variable | None:
    """Numbers as dates; None where they hold none.

    One call decodes its times three times, and calls in a loop have the same times. Decoding 5,000 numbers takes a
    millisecond, as long as their Mann-Kendall test.
    """
    variable = xr.Variable(dims, np.frombuffer(numbers, dtype), dict(attrs), dict(encoding))
    found = _of_numbers(variable, np.asarray(variable.values), name)
    return None if found is variable else found


def _as_dates(variable: xr.Variable, dates: Any, encoding: dict[str, Any] | None = None) -> xr.Variable:
    attrs = {key: value for key, value in variable.attrs.items() if key not in ("units", "calendar")}
    if not isinstance(dates, np.ndarray):
        dates = np.asarray(dates)
    return xr.Variable(variable.dims, dates, attrs, encoding or {})


def _in(variable: xr.Variable, values: np.ndarray, units: str) -> xr.Variable:
    """Numbers in a unit of time."""
    return xr.Variable(variable.dims, values, {**variable.attrs, "units": units}, variable.encoding)


# --- numbers --------------------------------------------------------------------------------------


def _of_numbers(variable: xr.Variable, values: np.ndarray, name: str) -> xr.Variable:
    units = str(variable.attrs.get("units", ""))
    if is_reference(units):
        calendar = calendar_of(variable.attrs, name)
        try:
            dates = decode_since(values, units, calendar)
        except Undecodable as error:
            raise _no_dates(name, units, error) from None
        # netCDF writers know only these units.
        common = re.match(r"\s*(days?|hours?|minutes?|seconds?) since", units)
        return _as_dates(variable, dates, {"units": units, "calendar": calendar} if common else {})
    if backwards(units):
        raise Refusal(
            f"{name!r} counts {units!r}, which runs backwards: the sign of every slope would be that of time reversed.",
            f"Count forwards, da.assign_coords({name}=1950 - da[{name!r}]), with the units 'years'.",
            f"Count forwards, for example with `ncap2 -s '{name}=1950-{name}'` and the units 'years'",
        )
    known = np.isfinite(values.astype(float))
    if not known.any():
        return variable
    form, julian = format_in(units), is_julian(units, variable.attrs)
    if julian:
        days = decode_julian(values, "modified" in str(variable.attrs).lower() or units.strip().lower() == "mjd")
        if days is None and not _days_of_a_year(values[known]):
            raise _no_dates(name, units, "Julian days since the year 1582 are numbers from 2299161 on")
        return _as_dates(variable, days) if days is not None else _in(variable, values, "days")
    like = like_time(variable, name)
    if form is None and (like or _may_be_time(variable, name)):
        calendar = calendar_of(variable.attrs, name)
        form, doubt = written_as(values[known], units, calendar, like_time=like)
        if doubt:
            raise _no_dates(name, units, doubt)
        if form is None and like and not units and _are_years(values[known]):
            return _in(variable, values, "years")
    if form in ("%Y", "%Y.%f"):
        return variable if known_days(units) else _in(variable, values, "years")
    if form is None:
        return variable
    calendar = calendar_of(variable.attrs, name)
    some, reason = decode_format(values[known], form, calendar)
    if some is None:
        raise _no_dates(name, units, reason)
    everything = np.full(values.shape, np.datetime64("NaT") if some.dtype.kind == "M" else None, some.dtype)
    everything[known] = some
    return _as_dates(
        variable, everything, {} if calendar == "standard" else {"calendar": calendar, "units": _REFERENCE}
    )


_REFERENCE = "days since 1970-01-01"


def _may_be_time(variable: xr.Variable, name: str) -> bool:
    attrs = variable.attrs
    return name.lower() not in _SPATIAL and not {"axis", "standard_name", "positive"} & set(attrs)


def _are_years(values: np.ndarray) -> bool:
    return bool((values == np.floor(values)).all() and values.min() >= _YEARS[0] and values.max() <= _YEARS[1])


def _days_of_a_year(values: np.ndarray) -> bool:
    return bool(values.min() >= 0 and values.max() < 367)


def _no_dates(name: str, units: str, reason: object) -> Refusal:
    counts = (
        f"counts {units!r}, which is no calendar date" if is_reference(units) else "holds dates that cannot be read"
    )
    return Refusal(
        f"{name!r} {counts}: {reason}.",
        f"Correct its units or calendar and decode it with xarray.decode_cf(ds), give dates, "
        f"da.assign_coords({name}=...), or count steps: per='step'.",
        "Correct the units, the calendar or the values in the file, or count steps: --per step",
    )


# --- text -----------------------------------------------------------------------------------------


def _of_text(variable: xr.Variable, texts: list[str], name: str) -> xr.Variable:
    matches = [_TEXT.fullmatch(text.strip()) for text in texts]
    odd = next((text for text, match in zip(texts, matches, strict=True) if match is None), None)
    if odd is not None or not (like_time(variable, name) or all(len(text.strip()) >= 10 for text in texts)):
        raise WrongKind(
            f"{name!r} holds text such as {odd or texts[0]!r}, neither dates nor numbers.",
            f"Convert it, for instance with da.assign_coords({name}=pandas.to_datetime(da[{name!r}], format=...)), or drop "
            "it and use per='step'.",
            "Times as text are read where they are written as 2000-01-31, 2000-01-31T12:00:00 or 20000131; write them so, "
            "or as numbers with units such as 'days since 2000-01-01'",
        )
    fields = np.array([_numbers(match) for match in matches if match], float)
    if all(match and match.group(2) is None for match in matches):
        return _in(variable, fields[:, 0].astype("int64"), "years")
    calendar = calendar_of(variable.attrs, name)
    year, month, day = (fields[:, k].astype("int64") for k in range(3))
    valid = valid_fields(year, month, day, calendar) & (fields[:, 3] < 86400.0 + 1)
    if not valid.all():
        raise _no_dates(name, "", f"{texts[int(np.argmin(valid))]!r} is no date of the {calendar} calendar")
    dates = from_fields(year, month, day, fields[:, 3], calendar)
    zones = [match.group(7) for match in matches if match]
    if any(zones):
        if not all(zones) or dates.dtype.kind != "M":
            raise _no_dates(name, "", "some have a time zone, and some have none")
        dates = _without_zones(dates, np.array([_offset(zone) for zone in zones], "m8[s]"))
    return _as_dates(variable, dates)


def _numbers(match: re.Match[str]) -> tuple[float, float, float, float]:
    year, month, day, hour, minute, second, _ = match.groups()
    seconds = 3600.0 * float(hour or 0) + 60.0 * float(minute or 0) + float(second or 0)
    return float(year), float(month or 1), float(day or 1), seconds


def _offset(zone: str) -> int:
    if zone[0] not in "+-":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    return (1 if zone[0] == "+" else -1) * (3600 * hours + 60 * minutes)


# --- objects --------------------------------------------------------------------------------------


def _of_index(variable: xr.Variable, name: str) -> xr.Variable:
    """Dates of types that only pandas has: with time zones, and periods."""
    index = variable.to_index()
    if isinstance(index, pd.PeriodIndex):
        return _as_dates(variable, index.to_timestamp().values)
    if isinstance(index, pd.DatetimeIndex) and index.tz is not None:
        wall = index.tz_localize(None).values
        return _as_dates(variable, _without_zones(wall, wall - index.tz_convert(None).values))
    plain = xr.Variable(variable.dims, np.asarray(index), variable.attrs)
    return decoded(plain, name)


def _without_zones(wall: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Times without zones: local time if its offset is constant or all are midnight, which keeps months; else UTC."""
    whole = (wall == wall.astype("M8[D]")).all()
    return in_nanoseconds(wall if whole or (offsets == offsets[0]).all() else wall - offsets)


def _of_objects(variable: xr.Variable, values: np.ndarray, name: str) -> xr.Variable:
    first = next((value for value in values if not is_missing(value)), None)
    if first is None or hasattr(first, "calendar"):
        return variable
    if isinstance(first, tuple | pd.Interval):
        what, fix = (
            ("several levels", f"Keep one of them: da.reset_index({name!r}).assign_coords({name}=da[LEVEL].values)")
            if isinstance(first, tuple)
            else (
                "intervals",
                f"Take their middles: da.assign_coords({name}=[each.mid for each in da[{name!r}].values])",
            )
        )
        raise WrongKind(
            f"{name!r} holds {what}, such as {first!r}, neither dates nor numbers.",
            f"{fix}, or drop it and use per='step'.",
            "Give one time for each step",
        )
    kinds: tuple[type, ...] = next((kinds for kinds in _KINDS if isinstance(first, kinds)), ())
    odd = next((value for value in values if not isinstance(value, kinds) and not is_missing(value)), None)
    if odd is not None:
        raise mixed(name, odd)
    if kinds == (str, bytes):
        return _of_text(variable, [v.decode("latin-1") if isinstance(v, bytes) else str(v) for v in values], name)
    if kinds == (int, float, np.number):
        return decoded(xr.Variable(variable.dims, values.astype(float), variable.attrs), name)
    try:
        if kinds == (pd.Period,):
            return _as_dates(variable, pd.PeriodIndex(values).to_timestamp().values)
        zoned = [getattr(value, "tzinfo", None) is not None for value in values if not is_missing(value)]
        if not any(zoned):
            return _as_dates(variable, in_nanoseconds(np.array([_plain_date(v) for v in values], "M8[us]")))
        if not all(zoned) or len(zoned) < values.size:
            raise ValueError("some have a time zone, and some have none")
        wall = np.array([value.replace(tzinfo=None) for value in values], "M8[us]")
        return _as_dates(variable, _without_zones(wall, np.array([v.utcoffset() for v in values], "m8[us]")))
    except (ValueError, OverflowError) as error:
        raise _no_dates(name, "", error) from None


# `datetime` is a `date`, and `Timestamp` a `datetime`.
_KINDS: tuple[tuple[type, ...], ...] = ((pd.Period,), (date, np.datetime64), (str, bytes), (int, float, np.number))


def _plain_date(value: Any) -> Any:
    if is_missing(value):
        return "NaT"
    return value if isinstance(value, (np.datetime64, datetime)) else value.isoformat()


def is_missing(value: Any) -> bool:
    """Whether an object is a missing date."""
    return value is None or value is pd.NaT or (isinstance(value, (float, np.datetime64)) and bool(pd.isna(value)))


def mixed(name: str, odd: Any) -> WrongKind:
    """The refusal of objects of several kinds."""
    return WrongKind(
        f"{name!r} holds objects that are not all dates, such as {odd!r} ({type(odd).__module__}.{type(odd).__name__}).",
        f"Use one kind of dates and one calendar: decode it with xarray.decode_cf(ds), give "
        f"da.assign_coords({name}=...), or drop it and use per='step'.",
        "Use one kind of dates and one calendar in all files",
    )
