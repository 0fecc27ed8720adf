"""Find the time dimension and the variables of a dataset, by CF metadata or by name."""

import difflib
import re
from collections.abc import Hashable, Sequence

import xarray as xr

from gridtrend.grid import dates
from gridtrend.grid.dialect import either
from gridtrend.grid.refusals import Refusal
from gridtrend.grid.since import is_reference
from gridtrend.io.attributes import NAMES
from gridtrend.io.coded_dates import holds_coded_dates
from gridtrend.io.errors import InputError
from gridtrend.io.missing import refuse_unwritten

TIME_NAMES = {"time", "t", "date", "year"}
# Attributes by which one variable names others that describe it.
DESCRIBING = tuple(key for key in NAMES if key != "coordinates")
BOUNDS_NAME = re.compile(r"(^|_)(bnds?|bounds?|vertices|edges)$", re.IGNORECASE)


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
