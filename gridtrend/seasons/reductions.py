"""What becomes of the steps of a period: mean, sum, extremes, quantiles, counts, one step after the other.

Each reduction is a state that takes rows of values, shape (step, ...), and gives one value for each cell. Rows are taken in the
order of time, so that results do not depend on how time is split into chunks.
"""

import operator
import re
from typing import Any, NamedTuple

import numpy as np

from gridtrend.grid.cf import slope_units, unit_text
from gridtrend.grid.dialect import given


class State:
    """Values of one period so far; `n` counts valid ones."""

    def __init__(self, shape: tuple[int, ...], dtype: Any, parameter: Any):
        self.n = np.zeros(shape, np.int32)
        self.parameter = parameter
        self._begin(shape, np.dtype(dtype))

    def _begin(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Make room."""

    def take(self, rows: np.ndarray, weights: np.ndarray | None) -> None:
        """Take further steps."""
        for k, row in enumerate(rows):
            valid = np.isfinite(row)
            self.n += valid
            self._add(row, valid, 1.0 if weights is None else float(weights[k]))

    def _add(self, row: np.ndarray, valid: np.ndarray, weight: float) -> None:
        """Take one step."""

    def value(self) -> np.ndarray:
        """One value for each cell; anything where `n` is 0."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self._value()

    def _value(self) -> np.ndarray:
        return self.n.astype(float)


class Sum(State):
    """The sum of all valid values."""

    def _begin(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.total = np.zeros(shape)

    def _add(self, row: np.ndarray, valid: np.ndarray, weight: float) -> None:
        np.add(self.total, row, out=self.total, where=valid)

    def _value(self) -> np.ndarray:
        return self.total


class Mean(State):
    """The mean, by weights of the steps.

    Values are counted from the first one: the mean of equal values is that value to the bit, however many they are. Else
    years of 365 and 366 days would differ by rounding, and the test of a constant cell would see that.
    """

    def _begin(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.first, self.total, self.weight = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.begun = False

    def _add(self, row: np.ndarray, valid: np.ndarray, weight: float) -> None:
        if not self.begun:
            np.copyto(self.first, row, where=valid & (self.n == 1))
            self.begun = bool((self.n > 0).all())
        off = np.subtract(row, self.first, dtype=float)
        np.add(self.total, off if weight == 1.0 else off * weight, out=self.total, where=valid)
        np.add(self.weight, weight, out=self.weight, where=valid)

    def _value(self) -> np.ndarray:
        return np.asarray(self.first + self.total / self.weight)


class Least(State):
    """The smallest value, of the type of floating data."""

    choose: np.ufunc = np.fmin

    def _begin(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.extreme = np.full(shape, np.nan, dtype.newbyteorder("=") if dtype.kind == "f" else float)

    def _add(self, row: np.ndarray, valid: np.ndarray, weight: float) -> None:
        type(self).choose(self.extreme, row, out=self.extreme, where=valid)

    def _value(self) -> np.ndarray:
        return self.extreme


class Largest(Least):
    """The largest value."""

    choose = np.fmax


class Spread(State):
    """The standard deviation about the mean (divided by n), in one pass (Welford 1962, doi:10.1080/00401706.1962.10490022)."""

    def _begin(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.mean, self.squares = np.zeros(shape), np.zeros(shape)

    def _add(self, row: np.ndarray, valid: np.ndarray, weight: float) -> None:
        off = np.where(valid, row - self.mean, 0.0)
        self.mean += off / np.maximum(self.n, 1)
        self.squares += off * np.where(valid, row - self.mean, 0.0)

    def _value(self) -> np.ndarray:
        return np.sqrt(self.squares / self.n)


class Exceedances(State):
    """How many values compare to a number as they should."""

    def _begin(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.total = np.zeros(shape, np.int32)

    def _add(self, row: np.ndarray, valid: np.ndarray, weight: float) -> None:
        sign, bound = self.parameter
        self.total += valid & COMPARISONS[sign](row, bound)

    def _value(self) -> np.ndarray:
        return self.total.astype(float)


class Quantile(State):
    """A quantile, linear between two values as in `numpy.quantile`; all values of the period are kept until it ends."""

    def _begin(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.kept: list[np.ndarray] = []

    def take(self, rows: np.ndarray, weights: np.ndarray | None) -> None:
        """Keep further steps."""
        kept = np.array(rows, rows.dtype.newbyteorder("=") if rows.dtype.kind == "f" else float)
        kept[~np.isfinite(kept)] = np.nan
        self.kept = [*self.kept, kept]
        self.n += np.isfinite(kept).sum(0, dtype=np.int32)

    def _value(self) -> np.ndarray:
        # Missing values come last.
        ordered = np.sort(np.concatenate(self.kept), axis=0)
        place = self.parameter * np.maximum(self.n - 1, 0)
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, np.maximum(self.n - 1, 0))
        low, high = (np.take_along_axis(ordered, at[None], 0)[0].astype(float) for at in (below, above))
        return np.asarray(low + (high - low) * (place - below))


COMPARISONS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq}
_COMPARISON = re.compile(r"count\s*(>=|<=|>|<|==)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*)")
_PERCENTILE = re.compile(r"p(\d{1,3}(?:\.\d+)?)")


class How(NamedTuple):
    """A reduction by its name, which pickles as names and numbers."""

    name: str
    parameter: Any = None

    def state(self, shape: tuple[int, ...], dtype: Any) -> State:
        """A state without values."""
        return STATES[self.name](shape, dtype, self.parameter)

    def dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The type of results."""
        return dtype.newbyteorder("=") if self.name in ("min", "max") and dtype.kind == "f" else np.dtype(float)

    @property
    def keeps_all(self) -> bool:
        """Whether all values of a period are needed at once."""
        return STATES[self.name] is Quantile


STATES: dict[str, type[State]] = {
    "mean": Mean,
    "sum": Sum,
    "min": Least,
    "max": Largest,
    "median": Quantile,
    "std": Spread,
    "count": State,
    "percentile": Quantile,
    "comparison": Exceedances,
}
# As CF calls them.
_METHODS = {
    "mean": "mean",
    "sum": "sum",
    "min": "minimum",
    "max": "maximum",
    "median": "median",
    "std": "standard_deviation",
}


def reduction(how: Any, units: Any) -> How:
    """The reduction that a user names, for data of these units."""
    text = how.strip() if isinstance(how, str) else ""
    if text == "median":
        return How("median", 0.5)
    if text in _METHODS or text == "count":
        return How(text)
    if match := _PERCENTILE.fullmatch(text):
        share = float(match[1]) / 100
        if share <= 1:
            return How("percentile", share)
    if match := _COMPARISON.fullmatch(text):
        return How("comparison", (match[1], _in_units_of_data(float(match[2]), match[3].strip(), units, how)))
    known = ", ".join(map(repr, [*_METHODS, "count"]))
    raise ValueError(
        f"{given('how', how)} is not known; use one of {known}, a percentile such as 'p95', or a comparison such as "
        "'count>25', the number of steps above 25."
    )


_CELSIUS = {"degc", "deg_c", "celsius", "degree_celsius", "degrees_celsius", "°c", "degree_c", "degrees_c"}
_KELVIN = {"k", "kelvin", "degk", "degree_kelvin", "degrees_kelvin"}


def _in_units_of_data(number: float, wanted: str, units: Any, how: str) -> float:
    """A number in units of the data; of other units, only those of temperature are known."""
    own = unit_text(units) or ""
    kinds = [{"celsius": unit in _CELSIUS, "kelvin": unit in _KELVIN} for unit in (wanted.lower(), own.lower())]
    if not wanted or wanted == own or (any(kinds[0].values()) and kinds[0] == kinds[1]):
        return number
    if kinds[0]["celsius"] and kinds[1]["kelvin"]:
        return number + 273.15
    if kinds[0]["kelvin"] and kinds[1]["celsius"]:
        return number - 273.15
    raise ValueError(
        f"{given('how', how)} is in {wanted!r}, and the data are in {own or 'no units'!r}. Give the number in the units of the "
        f"data, without naming them: {given('how', how.removesuffix(wanted).strip())}."
    )


def described(attrs: dict[Any, Any], name: str, how: How, dim: str, weighted: bool) -> dict[Any, Any]:
    """CF attributes of an aggregated record.

    Parameters
    ----------
    attrs : dict
        Those of the record.
    name : str
        What it is called.
    how : How
    dim : str
    weighted : bool
        Whether months were weighted by their days.
    """
    result = {key: value for key, value in attrs.items() if key not in ("valid_min", "valid_max", "valid_range")}
    if how.name in _METHODS:
        note = " (comment: months weighted by their days)" if weighted else ""
        before = f"{attrs['cell_methods']} " if isinstance(attrs.get("cell_methods"), str) else ""
        result["cell_methods"] = f"{before}{dim}: {_METHODS[how.name]}{note}"
    if how.name == "std" and (found := slope_units(attrs.get("units"), "step")):
        result["units"] = found
    if how.name == "percentile":
        result["long_name"] = f"{100 * how.parameter:g}th percentile of {name}"
    if how.name in ("count", "comparison"):
        result = {key: attrs[key] for key in ("grid_mapping", "coordinates") if key in attrs}
        what = "valid values" if how.name == "count" else "steps"
        beyond = (
            "" if how.name == "count" else f" {how.parameter[0]} {how.parameter[1]:g} {attrs.get('units', '')}".rstrip()
        )
        result |= {"long_name": f"number of {what} of {name}{beyond}", "units": "1"}
    return result
