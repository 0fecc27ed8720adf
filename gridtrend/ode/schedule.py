"""The times of a run: start and end, times to save, times of the forcing, and fixed steps between them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.checks import MOST_COUNTED, check_chunks, choose
from gridtrend.grid.dates import with_dates
from gridtrend.grid.dialect import quoted
from gridtrend.grid.timeaxis import time_axis

INTERPOLATIONS = ("previous", "linear")


@dataclass(frozen=True)
class Clock:
    """Conversion between the user's times and numbers.

    Parameters
    ----------
    dim : str
        Dimension of the results' times.
    coordinate : DataArray or None
        The forcing's times, where there is forcing.
    knots : ndarray of float64
        The same times as numbers: in units of `per` since the first, or unchanged if they are numbers.
    order : ndarray of int or None
        Positions that sort them.
    unit : str
        The unit of time of the right-hand side; "" where it is not known.
    """

    dim: str
    coordinate: xr.DataArray | None
    knots: Any
    order: Any
    unit: str

    @property
    def dates(self) -> bool:
        """Whether times are dates."""
        return self.coordinate is not None and self.coordinate.dtype.kind in "MO"

    def numbers(self, name: str, values: Any) -> Any:
        """Times as numbers."""
        values = np.atleast_1d(np.asarray(getattr(values, "values", values)))
        if values.dtype.kind in "iuf":
            if not np.isfinite(values).all():
                raise ValueError(f"{name} holds missing or infinite times; give finite ones.")
            return values.astype(float)
        if not self.dates:
            raise TypeError(
                f"{name} holds {values.dtype} values, and times are plain numbers here. Dates are understood where forcing "
                f"has them; else give numbers, such as {name}=(0.0, 10.0), in the unit of time of your function."
            )
        assert self.coordinate is not None
        try:
            numbers = self._date_numbers(values)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{name} holds {values.tolist()}, which are no dates: {quoted(error)}. Write them as '2001-01-31'."
            ) from None
        if not np.isfinite(numbers).all():
            raise ValueError(f"{name} holds missing dates; give dates that are known.")
        return numbers

    def _date_numbers(self, values: Any) -> Any:
        assert self.coordinate is not None
        if self.coordinate.dtype.kind == "M":
            dates = values.astype("M8[ns]")
            first = self.coordinate.values.astype("M8[ns]").min()
            ticks = (self.coordinate.values.astype("M8[ns]").max() - first) / np.timedelta64(1, "s")
            return (dates - first) / np.timedelta64(1, "s") * (self.knots[-1] / ticks if ticks else 1.0)
        return self._cftime_numbers(values)

    def labels(self, numbers: Any) -> Any:
        """Numbers as times of the result: dates where the forcing has dates."""
        if self.coordinate is None:
            return numbers
        attrs = self.coordinate.attrs
        if not self.dates:
            return xr.Variable(self.dim, numbers, attrs)
        values = self.coordinate.values if self.order is None else self.coordinate.values[self.order]
        first, span = values[0], values[-1] - values[0]
        # Times that occur in the forcing are returned exactly, without rounding.
        place = np.minimum(np.searchsorted(self.knots, numbers), self.knots.size - 1)
        known = np.isclose(self.knots[place], numbers, rtol=1e-14, atol=0)
        scaled = [
            values[i] if same else first + span * (number / self.knots[-1])
            for i, same, number in zip(place, known, numbers, strict=True)
        ]
        return xr.Variable(self.dim, np.array(scaled, dtype=values.dtype), attrs)

    def unit_attrs(self) -> dict[str, str]:
        """Attributes of times that remain numbers in the result."""
        if self.dates and self.coordinate is not None:
            first = self.coordinate.values.min()
            calendar = getattr(first, "calendar", "proleptic_gregorian")
            return {"units": f"{self.unit}s since {str(first)[:19].replace('T', ' ')}", "calendar": calendar}
        return {}

    def _cftime_numbers(self, values: Any) -> Any:
        import cftime

        assert self.coordinate is not None
        first, last = min(self.coordinate.values), max(self.coordinate.values)
        if values.dtype.kind in "US":
            parse = type(first).strptime
            values = np.array([parse(str(value)[:10], "%Y-%m-%d", calendar=first.calendar) for value in values])
        unit = f"seconds since {first.isoformat()}"
        span = cftime.date2num(last, unit, calendar=first.calendar)
        return np.asarray(cftime.date2num(values, unit, calendar=first.calendar), float) * self.knots[-1] / span


def make_clock(forcing: dict[str, xr.DataArray], per: str) -> Clock:
    """The clock of a run: that of its forcing, or plain numbers in a dimension `t`."""
    if not forcing:
        return Clock("t", None, np.empty(0), None, "")
    first = next(iter(forcing.values()))
    dim = "time" if "time" in first.dims else str(first.dims[0])
    for name, array in forcing.items():
        if dim not in array.dims:
            raise ValueError(
                f"forcing {name!r} has no dimension {dim!r}; what does not change in time is a parameter: params=..."
            )
        if dim not in array.coords:
            raise ValueError(
                f"forcing {name!r} has no times along {dim!r}. Give them with "
                f"forcing.assign_coords({dim}=...), in the unit of time of your function."
            )
        check_chunks(array, dim)
        if not array[dim].equals(first[dim]):
            raise ValueError(
                f"forcing {name!r} has other times than {next(iter(forcing))!r}; interpolate one to the other."
            )
    if first.sizes[dim] < 2:
        found = "no times" if not first.sizes[dim] else f"a single time, {str(first[dim].values[0])[:19]}"
        raise ValueError(
            f"forcing {str(first.name or next(iter(forcing)))!r} has {found} along {dim!r}, and two are needed to say for how "
            "long its values hold. What does not change in time is a parameter: params=..."
        )
    first = with_dates(first, dim)
    coordinate = first[dim]
    dates = coordinate.dtype.kind in "MO"
    axis = time_axis(first, dim, per if dates else "auto")
    return Clock(dim, coordinate, axis.values / (axis.per if dates else 1.0), axis.order, axis.unit)


@dataclass(frozen=True)
class Schedule:
    """Stops and the data of each segment between them, as in `Problem`, and the times to save."""

    stops: Any
    knot: Any
    moments: Any
    counts: Any
    knots: Any
    first_knot: int
    saved: Any


def make_schedule(clock: Clock, t: Any, save_at: Any, step: float | None, interpolation: str) -> Schedule:
    """Lay out a run from `t[0]` to `t[1]`."""
    choose("interpolation", interpolation, INTERPOLATIONS)
    start, end = _span(clock, t)
    saved = _moments(clock.numbers("save_at", save_at), start, end) if save_at is not None else np.array([end])
    knots, first_knot = _needed_knots(clock, start, end, interpolation)
    inner = knots[(knots > start) & (knots < end)]
    stops = np.unique(np.concatenate([[start, end], saved, inner]))
    moments = np.searchsorted(saved, stops)
    moments[(moments == saved.size) | (saved[np.minimum(moments, saved.size - 1)] != stops)] = -1
    knot = np.maximum(np.searchsorted(knots, stops[:-1], side="right") - 1, 0)
    if interpolation == "linear" and knots.size:
        knot = np.minimum(knot, knots.size - 2)
    # A step that is longer than a segment by a rounding error takes one step.
    with np.errstate(over="ignore"):
        counts = np.ceil(np.diff(stops) / (step or np.inf) * (1 - 1e-9)).clip(1)
    if not counts.sum() <= MOST_COUNTED:
        least = (end - start) / MOST_COUNTED
        raise ValueError(
            f"step={step!r} makes {counts.sum():.3g} steps from {start:g} to {end:g}, and {MOST_COUNTED:,} can be counted; "
            f"give one of at least {least:.2g}, and better a method that chooses its steps, such as method='dopri5'."
        )
    knot, moments, counts = (np.asarray(array, np.int64) for array in (knot, moments, counts))
    return Schedule(stops, knot, moments, counts, knots, first_knot, saved)


def _span(clock: Clock, t: Any) -> tuple[float, float]:
    if t is None and clock.coordinate is not None:
        return float(clock.knots[0]), float(clock.knots[-1])
    if t is None or np.size(t) != 2:
        raise ValueError(
            f"t={t!r} is not a start and an end; give two times, such as t=(0.0, 10.0), and times to save as save_at."
        )
    start, end = clock.numbers("t", t)
    if not start < end:
        shown = _shown(start), _shown(end)
        backward = f"t=(-{shown[0]}, -{shown[1]})".replace("--", "").replace("(-0,", "(0,").replace(" -0)", " 0)")
        advice = (
            f"To go back in time, put s = -t: {backward} with a right-hand side that gives -rhs(-s, y, p). To go forward, "
            f"t=({t[1]!r}, {t[0]!r})."
            if start > end
            else "The end must lie after the start."
        )
        raise ValueError(f"t={t!r} does not increase. {advice}")
    return float(start), float(end)


# Times that differ by less than this, relative to the larger of start and end, differ by rounding, as 3 * 0.1 and 0.3 do.
_SAME = 1e-13


def _moments(saved: Any, start: float, end: float) -> Any:
    """Times to save, checked; those outside of start and end by a rounding error are moved to them."""
    if saved.ndim != 1:
        raise ValueError(f"save_at has {saved.ndim} dimensions; give a list of times.")
    if saved.size == 0:
        raise ValueError("save_at is empty; leave it out to keep the state at the end alone.")
    same = _SAME * max(abs(start), abs(end))
    saved = np.where((saved < start) & (saved >= start - same), start, saved)
    saved = np.where((saved > end) & (saved <= end + same), end, saved)
    if np.any(np.diff(saved) <= 0):
        place = int(np.flatnonzero(np.diff(saved) <= 0)[0])
        raise ValueError(
            f"save_at does not increase: {_shown(saved[place])} is followed by {_shown(saved[place + 1])}. Sort it: "
            "numpy.unique(save_at)."
        )
    if saved[0] < start or saved[-1] > end:
        raise ValueError(
            f"save_at reaches from {_shown(saved[0])} to {_shown(saved[-1])}, beyond t=({_shown(start)}, {_shown(end)}). Widen "
            "t, or keep the times that lie within it."
        )
    return saved


def _shown(time: Any) -> str:
    """A time with all its digits."""
    return repr(float(time)).removesuffix(".0")


def _needed_knots(clock: Clock, start: float, end: float, interpolation: str) -> tuple[Any, int]:
    """The times of the forcing that a run uses, and the index of the first."""
    knots = clock.knots
    if not knots.size:
        return knots, 0
    # With "previous", the last value is valid for one more interval of the last length.
    reach = knots[-1] if interpolation == "linear" or knots.size == 1 else 2 * knots[-1] - knots[-2]
    if start < knots[0] or end > reach * (1 + 1e-12 * np.sign(reach)):
        raise ValueError(
            f"forcing covers {_shown(knots[0])} to {_shown(reach)}{f' {clock.unit}s' if clock.unit else ''}, and t asks for "
            f"{_shown(start)} to {_shown(end)}. Shorten t, extend the forcing, or, where it repeats, pad it with forcing.pad(...)."
        )
    first = int(np.searchsorted(knots, start, side="right")) - 1
    last = int(np.searchsorted(knots, end, side="left"))
    return knots[first : max(last + 1, first + 2)], first
