"""Position of a record in a cycle, counted in steps from the first step of the training."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

# Steps are whole numbers of ordinary steps from the origin, as far as dates are evenly spaced.
_ROOM = 0.1
_SECONDS = 86_400.0


def origin(da: xr.DataArray, dim: str) -> dict[str, Any]:
    """Attributes that keep the first step of a record, and how long steps are, through any file."""
    if dim not in da.coords:
        return {"origin": 0.0, "origin_step": 1.0, "origin_calendar": ""}
    coordinate = da[dim].sortby(dim)
    first = coordinate.values[0]
    if _is_dates(coordinate):
        said = np.datetime_as_string(first) if coordinate.dtype.kind == "M" else first.isoformat()
        months = _months_in_a_step(coordinate)
        step = f"{months} months" if months else float(np.median(np.diff(_days(coordinate, str(said)))))
        return {"origin": str(said), "origin_step": step, "origin_calendar": coordinate.dt.calendar}
    values = coordinate.values.astype(float)
    step = float(np.median(np.diff(values))) if values.size > 1 else 1.0
    return {"origin": float(values[0]), "origin_step": step, "origin_calendar": ""}


def steps_from_origin(da: xr.DataArray, dim: str, attrs: Mapping[str, Any]) -> int:
    """How many steps the first of this record lies after the first of the training.

    Raises
    ------
    ValueError
        If the coordinate does not determine it.
    """
    if "origin" not in attrs:
        raise ValueError(
            "the model does not say at which step of its cycle the training began, and harmonics with period=... need it. "
            "Train it again with gridtrend.neural.fit_per_cell."
        )
    if dim not in da.coords:
        raise ValueError(
            f"harmonics with period=... count steps from the first one of the training ({_said(attrs)}), and {dim!r} has no "
            f"coordinate that tells where these data begin. Give it one: da.assign_coords({dim}=...)"
            + ("." if isinstance(attrs["origin"], str) else ", counted from that step.")
        )
    coordinate = da[dim].sortby(dim)
    if _is_dates(coordinate) != isinstance(attrs["origin"], str):
        kind = "dates" if _is_dates(coordinate) else "numbers"
        raise ValueError(
            f"coordinate {dim!r} holds {kind}, and the training began at {_said(attrs)}: the position of these data in the cycle "
            "cannot be known. Give both the same kind of coordinate."
        )
    number = _steps(coordinate, attrs)
    if number is None or abs(number - round(number)) > _ROOM:
        raise ValueError(
            f"coordinate {dim!r} begins at {coordinate.values[0]} and does not go on with the steps of the training, which "
            f"began at {_said(attrs)} with steps of {_step_said(attrs)}. Bring the data to the same steps, for instance with "
            f"da.resample or da.interp."
        )
    return round(number)


def _steps(coordinate: xr.DataArray, attrs: Mapping[str, Any]) -> float | None:
    """Steps from the origin, of the length that those of the training have; None if they have another."""
    first, step = attrs["origin"], attrs["origin_step"]
    if isinstance(step, str):
        months = int(step.split()[0])
        if coordinate.size > 1 and _months_in_a_step(coordinate) != months:
            return None
        year, month = str(first).removeprefix("-").split("-")[:2]
        sign = -1 if str(first).startswith("-") else 1
        begin = coordinate[0].dt
        return float(12 * (int(begin.year) - sign * int(year)) + int(begin.month) - int(month)) / months
    if isinstance(first, str):
        if not _same_calendar(coordinate.dt.calendar, attrs["origin_calendar"]):
            return None
        values = _days(coordinate, first)
    else:
        values = coordinate.values.astype(float) - float(first)
    if values.size > 1 and not np.isclose(np.median(np.diff(values)), float(step), rtol=1e-3):
        return None
    # Missing, infinite and equal coordinates are at no step.
    number = float(values[0] / float(step)) if step else math.nan
    return number if math.isfinite(number) else None


def _days(coordinate: xr.DataArray, since: str) -> np.ndarray:
    """Dates as days since a date."""
    if coordinate.dtype.kind == "M":
        return np.asarray((coordinate.values - np.datetime64(since)) / np.timedelta64(1, "s")) / _SECONDS
    import cftime

    calendar = coordinate.dt.calendar
    return np.asarray(cftime.date2num(coordinate.values, f"days since {since}", calendar=calendar), float)


def _months_in_a_step(coordinate: xr.DataArray) -> int:
    """Calendar months from each date to the next; 0 where they are not so many each time."""
    steps = np.diff(12 * coordinate.dt.year.values + coordinate.dt.month.values)
    return int(steps[0]) if steps.size and steps[0] > 0 and (steps == steps[0]).all() else 0


def _is_dates(coordinate: xr.DataArray) -> bool:
    return coordinate.dtype.kind in "MO"


def _same_calendar(one: str, other: str) -> bool:
    gregorian = {"standard", "gregorian", "proleptic_gregorian"}
    return one == other or {one, other} <= gregorian


def _said(attrs: Mapping[str, Any]) -> str:
    first = attrs["origin"]
    return first.removesuffix("T00:00:00.000000000") if isinstance(first, str) else f"{first:g}"


def _step_said(attrs: Mapping[str, Any]) -> str:
    step = attrs["origin_step"]
    return step if isinstance(step, str) else f"{step:g}" + (" days" if isinstance(attrs["origin"], str) else "")
