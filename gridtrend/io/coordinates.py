"""What the coordinates and variables of a dataset are, by CF metadata, names or values: time, places, fields, coded dates."""

import difflib
import re
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid import dates
from gridtrend.grid.dialect import either
from gridtrend.grid.refusals import Refusal
from gridtrend.grid.since import is_reference
from gridtrend.io.attributes import NAMES
from gridtrend.io.errors import InputError
from gridtrend.io.missing import refuse_unwritten

TIME_NAMES = {"time", "t", "date", "year"}
# Attributes by which one variable names others that describe it.
DESCRIBING = tuple(key for key in NAMES if key != "coordinates")
BOUNDS_NAME = re.compile(r"(^|_)(bnds?|bounds?|vertices|edges)$", re.IGNORECASE)
LATITUDE_UNITS = {"degrees_north", "degree_north", "degree_N", "degrees_N", "degreeN", "degreesN"}
LONGITUDE_UNITS = {"degrees_east", "degree_east", "degree_E", "degrees_E", "degreeE", "degreesE"}
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


def holds_dates(coordinate: xr.DataArray | xr.Variable) -> bool:
    """Whether values are datetime64 or cftime."""
    return dates.are_dates(coordinate)


def find_dim(dataset: xr.Dataset, dim: str | None = None) -> str:
    """Name of the dimension along which to look for trends: the one asked for, or that of time."""
    listing = ", ".join(f"{name} ({size})" for name, size in dataset.sizes.items())
    if dim is not None:
        if dim not in dataset.sizes:
            raise InputError(f"there is no dimension '{dim}': the dimensions are {listing}")
        return dim
    found = [str(name) for name in dataset.dims if is_time(dataset, name)] or _time_by_cf(dataset)
    if len(found) > 1:
        found = [name for name in found if name.lower() == "time"] or found
    if len(found) == 1:
        return found[0]
    problem = f"there are several time dimensions ({', '.join(found)})" if found else "there is no time dimension"
    raise InputError(f"{problem} among {listing}: name the one to use with {either('dim=...', '--dim')}")


def is_time(dataset: xr.Dataset, name: Hashable) -> bool:
    """Whether a dimension is one of time, by the attributes, the values or the name of its coordinate."""
    if name not in dataset.coords:
        return str(name).lower() in TIME_NAMES
    coordinate = dataset[name]
    return (
        coordinate.attrs.get("axis") == "T"
        or coordinate.attrs.get("standard_name") == "time"
        or is_reference(str(coordinate.attrs.get("units", "")))
        or str(name).lower() in TIME_NAMES
        or holds_dates(coordinate)
    )


def _time_by_cf(dataset: xr.Dataset) -> list[str]:
    """Dimensions of 1-D coordinates of another name that hold dates, then whatever cf-xarray recognises."""
    aside = {str(c.dims[0]) for c in dataset.coords.values() if c.ndim == 1 and holds_dates(c)}
    if aside:
        return sorted(aside)
    import cf_xarray  # noqa: F401  (takes 0.2 s, and is rarely needed)

    names = [*dataset.cf.axes.get("T", []), *dataset.cf.coordinates.get("time", [])]
    return sorted({str(dataset[name].dims[0]) for name in names if dataset[name].ndim == 1})


def decode_dates(dataset: xr.Dataset) -> xr.Dataset:
    """Read dates that xarray leaves as numbers or text: 19900131, "day as %Y%m%d.%f", WRF's Times; see docs/times.md."""
    found = {}
    for name, variable in dataset.variables.items():
        text = variable.dtype.kind in "SUO" and dates.like_time(variable, name)
        if variable.ndim == 1 and (name in dataset.coords or text) and not holds_dates(variable):
            try:
                decoded = dates.decoded(variable, str(name))
            except Refusal:
                # Said where it is needed as a time.
                continue
            if decoded is not variable:
                found[name] = decoded
    return dataset.assign_coords(found) if found else dataset


def index_by_time(dataset: xr.Dataset, dim: str) -> xr.Dataset:
    """Give `dim` the dates of a coordinate of another name, such as XTIME(Time), where it has none itself."""
    return dates.with_dates(dataset, dim, strict=False)


def find_variables(dataset: xr.Dataset, dim: str, names: Sequence[str] = ()) -> list[str]:
    """Names of the variables to analyse: those asked for, or every field of numbers along `dim`.

    Bounds and other variables that only describe a variable are left out; so are plain series where there are grids.
    """
    if names:
        for name in dict.fromkeys(names):
            _require_suitable(dataset, dim, name)
            refuse_unwritten(dataset[name])
        return list(dict.fromkeys(names))
    describing = described_by(dataset)
    suitable = [
        str(name)
        for name, array in dataset.data_vars.items()
        if not (_unsuitable(array, dim) or name in describing or holds_coded_dates(array, dim))
    ]
    fields = [name for name in suitable if dataset[name].ndim > 1] or suitable
    if not fields:
        reasons = "; ".join(f"'{n}' {_unanalysed(a, dim)}" for n, a in dataset.data_vars.items())
        raise InputError(f"there is no variable of numbers along '{dim}': {reasons or 'there are none at all'}")
    for name in fields:
        refuse_unwritten(dataset[name])
    return fields


def described_by(dataset: xr.Dataset) -> set[str]:
    """Names of variables that only describe others: bounds, grid mappings, cell measures, quality flags."""
    named = {
        word.rstrip(":")
        for variable in dataset.variables.values()
        for key in DESCRIBING
        for word in str(variable.attrs.get(key, "")).split()
    }
    return named | {str(name) for name in dataset.variables if BOUNDS_NAME.search(str(name))}


def _unanalysed(array: xr.DataArray, dim: str) -> str:
    """Why a variable is not analysed by default."""
    if reason := _unsuitable(array, dim):
        return reason
    return "holds coded dates" if holds_coded_dates(array, dim) else "only describes others"


def _unsuitable(array: xr.DataArray, dim: str) -> str:
    """Why no trend can be found in a variable; empty if one can."""
    if dim not in array.dims:
        return f"does not change along '{dim}' (its dimensions: {', '.join(map(str, array.dims)) or 'none'})"
    if twice := sorted({str(name) for name in array.dims if array.dims.count(name) > 1}):
        return f"has the dimension '{twice[0]}' twice, as a matrix has, and cells need different ones"
    if array.dtype.kind in "iufb":
        return ""
    if array.dtype.kind == "c" or array.dtype.names in (("r", "i"), ("real", "imag")):
        return "holds complex numbers: store their real and imaginary parts, or their modulus, as variables"
    if array.dtype.names:
        return f"holds records of {', '.join(array.dtype.names)}, not numbers"
    if holds_dates(array):
        return "holds dates"
    return f"holds {'durations' if array.dtype.kind == 'm' else 'text or objects'}, not numbers"


def _require_suitable(dataset: xr.Dataset, dim: str, name: str) -> None:
    if name not in dataset.variables:
        everything, describing = list(map(str, dataset.data_vars)), described_by(dataset)
        suitable = [n for n in everything if n not in describing and not _unsuitable(dataset[n], dim)]
        known = suitable or everything
        alike = difflib.get_close_matches(name, known, n=1)
        hint = f": did you mean '{alike[0]}'?" if alike else ""
        raise InputError(f"there is no variable '{name}' among {', '.join(known) or 'none'}{hint}")
    if reason := _unsuitable(dataset[name], dim):
        raise InputError(f"variable '{name}' {reason}: a trend needs numbers along '{dim}'")


def is_longitude(variable: xr.DataArray | xr.Variable) -> bool:
    """Whether attributes say that these are longitudes."""
    return _says(variable, "longitude", LONGITUDE_UNITS)


def is_place(variable: xr.DataArray | xr.Variable) -> bool:
    """Whether attributes say that these are latitudes or longitudes."""
    return is_longitude(variable) or _says(variable, "latitude", LATITUDE_UNITS)


def _says(variable: xr.DataArray | xr.Variable, kind: str, units: set[str]) -> bool:
    name = variable.attrs.get("standard_name")
    # Rotated grids have units "degrees"; data in degrees north have another standard name.
    if name is not None:
        return bool(name == kind)
    return str(variable.attrs.get("units", "")) in units and variable.dtype.kind in "iuf"


def with_places(dataset: xr.Dataset) -> xr.Dataset:
    """Make latitudes and longitudes coordinates that no variable names as such, as on grids of two dimensions.

    They describe the cells of other variables: what spans a dimension that no other variable has is data.
    """
    bounds = described_by(dataset)
    found = {
        str(name): set(variable.dims)
        for name, variable in dataset.data_vars.variables.items()
        if is_place(variable) and name not in bounds
    }
    others: set[Any] = {
        dim
        for name, variable in dataset.data_vars.variables.items()
        if name not in found and name not in bounds and variable.ndim > 1
        for dim in variable.dims
    }
    times = {dim for dim in dataset.dims if is_time(dataset, dim)}
    return dataset.set_coords([name for name, dims in found.items() if dims <= others - times])


def at_one_step(dataset: xr.Dataset, dim: str) -> xr.Dataset:
    """Keep one step of latitudes and longitudes that are the same at the first, the middle and the last one.

    WRF writes XLAT(Time, y, x): its cells stay where they are. Whatever moves is left as it is.
    """
    still = {
        name: variable.isel({dim: 0})
        for name, variable in dataset.variables.items()
        if variable.ndim > 1 and dim in variable.dims and is_place(variable) and _stays(variable, dim)
    }
    return dataset.drop_vars(list(still)).assign_coords(still) if still else dataset


def _stays(variable: xr.Variable, dim: str) -> bool:
    n = variable.sizes[dim]
    if not n:
        return False
    first, *others = (variable.isel({dim: k}).values for k in dict.fromkeys((0, n // 2, n - 1)))
    return all(np.array_equal(first, other, equal_nan=True) for other in others)


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
