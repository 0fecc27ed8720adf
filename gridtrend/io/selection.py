"""Select a part of a dataset: `time=1960:2010`, `lat=-30:30`, `level=850`."""

import difflib
import re
from collections.abc import Hashable
from typing import Any

import cftime
import numpy as np
import xarray as xr

from gridtrend.grid.calendars import time_text
from gridtrend.io.coordinates import find_dim, holds_dates, is_longitude, is_place
from gridtrend.io.errors import InputError

CF_NAMES = {"lat": "latitude", "lon": "longitude", "lev": "vertical", "level": "vertical"}
# A number without NaN, infinity and underscores, which `float` accepts.
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
# YYYY[-MM[-DD[THH[:MM[:SS]]]]]; a year that has not four digits has a sign.
DATE = r"(?:\d{4}|[+-]\d{4,6})(?:-\d\d(?:-\d\d(?:[T ]\d\d(?::\d\d(?::\d\d)?)?)?)?)?"
DATE_PARTS = ("year", "month", "day", "hour", "minute", "second")
# An upper bound of each part, to make one number of all parts.
PART_SIZES = (1, 13, 32, 24, 60, 60)


def select(dataset: xr.Dataset, name: str, wanted: str) -> xr.Dataset:
    """Keep a part of a dataset.

    Parameters
    ----------
    dataset : Dataset
        What to cut.
    name : str
        A coordinate or dimension, by its own name or by its role: time, lat, lon, level.
    wanted : str
        One value ("850"), or a range with both ends in it ("1960:2010", "-30:30", ":0") whatever the order in the
        file. Longitudes run eastwards from the first to the second, and are turned by 360 degrees where needed. Dates
        are written as YYYY[-MM[-DD[THH[:MM[:SS]]]]] and run from the earlier to the later.
        Where the coordinate holds text, one label ("r1i1p1f1"), or several with commas between them ("Amos,Vancouver").

    Returns
    -------
    Dataset
        One value leaves a scalar coordinate, except that a date ("1960") keeps all steps within it.

    Raises
    ------
    InputError
        If the coordinate is not there, `wanted` is no number or date as a whole, or nothing would be left.

    Examples
    --------
    >>> field = xr.Dataset(coords={"lat": [60.0, 30.0, 0.0, -30.0]})
    >>> select(field, "lat", "-10:30").lat.values
    array([30.,  0.])
    """
    key = _find_coordinate(dataset, name)
    coordinate = dataset[key]
    if coordinate.ndim != 1:
        raise InputError(f"cannot select by '{key}', {_why_not(dataset, coordinate)}")
    if _holds_text(coordinate):
        return dataset.isel({coordinate.dims[0]: _labelled(coordinate, wanted)})
    if holds_dates(coordinate):
        positions = dates_within(coordinate, wanted)
    else:
        low, high = _limits(coordinate, wanted)
        if is_longitude(coordinate):
            dataset, high = _turn(dataset, str(key), low, high)
            coordinate = dataset[key]
        positions = _within(coordinate, low, high)
    if np.size(positions) == 0:
        span = f"{time_text(coordinate.values.min())} to {time_text(coordinate.values.max())}"
        raise InputError(f"'{name}={wanted}' selects nothing: '{key}' runs from {span}")
    return dataset.isel({coordinate.dims[0]: _as_slice(positions)})


def _find_coordinate(dataset: xr.Dataset, name: str) -> Hashable:
    if name in dataset.coords or name in dataset.dims:
        return name
    if name.lower() == "time":
        return find_dim(dataset)
    import cf_xarray  # noqa: F401  (takes 0.2 s, and is rarely needed)

    role = CF_NAMES.get(name.lower(), name)
    found = dataset.cf.coordinates.get(role) or dataset.cf.guess_coord_axis().cf.coordinates.get(role, [])
    if len(found) == 1:
        return str(found[0])
    known = ", ".join(dict.fromkeys([*map(str, dataset.coords), *map(str, dataset.dims)]))
    problem = f"'{name}' may mean {' or '.join(found)}" if found else f"there is no coordinate '{name}'"
    raise InputError(f"cannot select: {problem}. Use one of {known}")


def _why_not(dataset: xr.Dataset, coordinate: xr.DataArray) -> str:
    if not coordinate.ndim:
        return f"which is a single value here: {coordinate.values.item()}"
    dims = [str(dim) for dim in coordinate.dims]
    if not is_place(coordinate):
        return f"which has {coordinate.ndim} dimensions: select by {' or '.join(dims)}"
    how = " ".join(f"--select {dim}=FROM:TO" for dim in dims)
    numbered = "" if all(dim in dataset.coords for dim in dims) else ", counted from 0"
    return (
        f"which has {coordinate.ndim} dimensions on this curvilinear grid ({', '.join(dims)}): cut along these "
        f"({how}{numbered}), or regrid the record first, for example with `cdo remapbil`"
    )


def _holds_text(coordinate: xr.DataArray) -> bool:
    if coordinate.dtype.kind == "O":
        return all(isinstance(value, str | bytes) for value in coordinate.values)
    return coordinate.dtype.kind in "UST"


def _labelled(coordinate: xr.DataArray, wanted: str) -> Any:
    """Position of a label; positions, in the order asked for, of several with commas between them."""
    labels = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in coordinate.values]
    stripped = [label.strip() for label in labels]
    # A label may have a comma or spaces of its own.
    asked = [wanted] if wanted.strip() in stripped else [part.strip() for part in wanted.split(",")]
    positions = []
    for label in asked:
        found = [k for k, known in enumerate(stripped) if known == label.strip()]
        if not found:
            raise InputError(f"'{coordinate.name}' has no label '{label}'{_alike(label, stripped)}")
        if len(found) > 1:
            raise InputError(f"'{coordinate.name}' holds the label '{label}' {len(found)} times: they must differ")
        positions += found
    return positions[0] if len(asked) == 1 else positions


def _alike(label: str, known: list[str]) -> str:
    near = difflib.get_close_matches(label, known, n=1) or [k for k in known if k.lower() == label.lower()]
    listing = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
    return f": did you mean '{near[0]}'?" if near else f": it has {listing}"


def _limits(coordinate: xr.DataArray, wanted: str) -> tuple[float, float]:
    low, colon, high = (part.strip() for part in wanted.partition(":"))
    if not all(NUMBER.fullmatch(end) for end in (low, high) if end) or not (low or colon):
        raise InputError(
            f"cannot select '{wanted}' from '{coordinate.name}': write a number, or a range such as -30:30"
        )
    for end in (low, high):
        if end and not np.isfinite(float(end)):
            raise InputError(
                f"cannot select '{wanted}' from '{coordinate.name}': {end} is beyond the numbers that there are"
            )
    first = float(low) if low else -np.inf
    return first, first if not colon else float(high) if high else np.inf


def _within(coordinate: xr.DataArray, low: float, high: float) -> Any:
    if coordinate.dtype.kind not in "iuf":
        raise InputError(f"cannot select by '{coordinate.name}': it holds {coordinate.dtype}, not numbers or dates")
    values = coordinate.values.astype(float)
    if low != high:
        return np.flatnonzero((values >= min(low, high)) & (values <= max(low, high)))
    position = int(np.argmin(np.abs(values - low)))
    if not np.isclose(values[position], low, rtol=1e-6, atol=1e-9):
        raise InputError(f"'{coordinate.name}' has no value {low:g}: the nearest is {values[position]:g}")
    return position


def _turn(dataset: xr.Dataset, name: str, low: float, high: float) -> tuple[xr.Dataset, float]:
    """Count longitudes from `low` eastwards, where the range leaves those of the file."""
    if high < low:
        high += 360
    old = dataset[name]
    if not np.isfinite(low + high) or (old.min() <= low and high <= old.max()):
        return dataset, high
    shift = 360 * np.ceil((low - old.variable) / 360).astype(old.dtype)
    turned = {name: (old + shift).assign_attrs(old.attrs)}
    bounds = str(old.attrs.get("bounds"))
    if bounds in dataset:
        turned[bounds] = (dataset[bounds] + shift).assign_attrs(dataset[bounds].attrs)
    return dataset.assign(turned).sortby(name), high


def _as_slice(positions: Any) -> Any:
    """Neighbouring positions as a slice, which backends read in one go."""
    if np.ndim(positions) == 1 and (np.diff(positions) == 1).all():
        return slice(int(positions[0]), int(positions[-1]) + 1)
    return positions


def dates_within(coordinate: xr.DataArray, wanted: str) -> np.ndarray:
    """Positions of the dates within a span.

    Parameters
    ----------
    coordinate : DataArray of datetime64 or cftime
        Of one dimension.
    wanted : str
        A date to any precision ("1960", "1960-05", "1960-05-31T12"), which holds all steps within it, or two of them as
        FROM:TO, both included; one of the two may be left out.

    Raises
    ------
    InputError
        If that is no span of dates, or runs backwards.

    Examples
    --------
    >>> months = xr.DataArray(xr.date_range("1999-11", periods=5, freq="MS"), dims="time", name="time")
    >>> dates_within(months, "1999-12:2000-01"), dates_within(months, "2000"), dates_within(months, ":1999")
    (array([1, 2]), array([2, 3, 4]), array([0, 1]))
    """
    match = re.fullmatch(rf"(?P<only>{DATE})|(?P<low>{DATE})?\s*:\s*(?P<high>{DATE})?", wanted, re.ASCII)
    if match is None:
        commas = " A comma makes no list: name one date, or a range." if "," in wanted else ""
        raise InputError(
            f"cannot select '{wanted}' from '{coordinate.name}': write dates as 1960, 1960-05, 1960-05-31 or "
            f"1960-05-31T12:00, and a range as 1960:2010.{commas}"
        )
    low, high = (_date_parts(coordinate, match[end] or match["only"]) for end in ("low", "high"))
    shared = min(len(low), len(high))
    if low[:shared] > high[:shared]:
        raise InputError(
            f"cannot select '{wanted}' from '{coordinate.name}': it runs backwards; write {match['high']}:{match['low']}"
        )
    # NaN, where a date is missing, is neither above nor below.
    kept = _counted(coordinate, len(low)) >= _count(low)
    return np.flatnonzero(kept & (_counted(coordinate, len(high)) <= _count(high)) if high else kept)


def _date_parts(coordinate: xr.DataArray, text: str | None) -> list[int]:
    """Year, month, day, ... as far as they are given; nothing for an open end."""
    if not text:
        return []
    sign = -1 if text.startswith("-") else 1
    parts = [int(number) for number in re.findall(r"\d+", text)]
    parts[0] *= sign
    calendar = str(coordinate.dt.calendar)
    if not any(_is_date(parts, name) for name in (calendar, "proleptic_gregorian")):
        raise InputError(
            f"cannot select '{text}' from '{coordinate.name}': there is no such date in the calendar of the record, "
            f"{calendar}"
        )
    return parts


def _is_date(parts: list[int], calendar: str) -> bool:
    """Whether a calendar has a date; the last days of months, in other calendars, also end ranges."""
    try:
        cftime.datetime(*(parts + [1, 1][len(parts) - 1 :]), calendar=calendar, has_year_zero=True)
    except ValueError:
        return False
    return True


def _counted(coordinate: xr.DataArray, precision: int) -> np.ndarray:
    """Dates as numbers in their own order, of the parts that count."""
    parts = [getattr(coordinate.dt, part).values.astype(float) for part in DATE_PARTS[:precision]]
    return np.broadcast_to(_count(parts), coordinate.shape)


def _count(parts: list[Any]) -> Any:
    total: Any = 0.0
    for part, size in zip(parts, PART_SIZES, strict=False):
        total = total * size + part
    return total
