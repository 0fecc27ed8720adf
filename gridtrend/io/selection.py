"""Cut a part out of a dataset: `time=1960:2010`, `lat=-30:30`, `level=850`."""

import re
from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.io.coordinates import find_dim, holds_dates
from gridtrend.io.dates import dates_within
from gridtrend.io.errors import InputError

CF_NAMES = {"lat": "latitude", "lon": "longitude", "lev": "vertical", "level": "vertical"}
# As people write it: no NaN, infinity or underscores, which Python reads too.
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
EASTWARD_UNITS = ("degrees_east", "degree_east", "degrees_E", "degree_E")


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
        other = " or ".join(map(str, coordinate.dims)) or "another coordinate"
        raise InputError(f"cannot select by '{key}', which has {coordinate.ndim} dimensions: select by {other}")
    if holds_dates(coordinate):
        positions = dates_within(coordinate, wanted)
    else:
        low, high = _limits(coordinate, wanted)
        if _is_longitude(coordinate):
            dataset, high = _turn(dataset, str(key), low, high)
            coordinate = dataset[key]
        positions = _within(coordinate, low, high)
    if np.size(positions) == 0:
        span = f"{coordinate.values.min()} to {coordinate.values.max()}"
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


def _limits(coordinate: xr.DataArray, wanted: str) -> tuple[float, float]:
    low, colon, high = (part.strip() for part in wanted.partition(":"))
    if not all(NUMBER.fullmatch(end) for end in (low, high) if end) or not (low or colon):
        raise InputError(
            f"cannot select '{wanted}' from '{coordinate.name}': write a number, or a range such as -30:30"
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


def _is_longitude(coordinate: xr.DataArray) -> bool:
    kind, units = (coordinate.attrs.get(key) for key in ("standard_name", "units"))
    return kind == "longitude" or units in EASTWARD_UNITS


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
