"""CF names, units and attributes: pure functions on strings and dicts (CF-1.11)."""

import math
import re
import unicodedata
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from gridtrend.engine.output import Output
from gridtrend.grid.dialect import STEERING

_KELVINS = {"k", "kelvin", "degk", "deg_k", "degree_kelvin", "degrees_kelvin"}
_KELVIN_STEPS = _KELVINS | {
    "degc", "deg_c", "degree_c", "degrees_c", "celsius", "degree_celsius", "degrees_celsius", "deg c", "°c",
}  # fmt: skip
# Joiners of letters, of category Cf, are parts of words in some scripts.
_CONTROLS = tuple(category for category in STEERING if category != "Cf")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_FAHRENHEIT_STEPS = {"degf", "deg_f", "degree_f", "degrees_f", "fahrenheit", "degree_fahrenheit", "°f"}


def data_name(name: Hashable | None, attrs: Mapping[Hashable, Any]) -> str:
    """The name of a variable in the long names of its results."""
    long_name, standard = (attrs.get(key, "") for key in ("long_name", "standard_name"))
    for text in (long_name, standard.replace("_", " ") if isinstance(standard, str) else ""):
        if isinstance(text, str) and (text := _without(_CONTROLS, text)):
            return text
    return "the data" if name is None or name == "" else _without(_CONTROLS, str(name))


def unit_text(units: Any) -> str | None:
    r"""Units as text; files also have numbers (1), or values that are no unit, which give None.

    Characters that steer a terminal are removed; line breaks become spaces.

    Examples
    --------
    >>> unit_text("K"), unit_text(1), unit_text(np.array(["m"])), unit_text(np.nan), unit_text({"m": 1})
    ('K', '1', 'm', None, None)
    >>> unit_text("\x1bK\n"), unit_text(["K"]), unit_text(np.array([1, 2]))
    ('K', 'K', None)
    """
    if isinstance(units, np.ndarray | np.generic | list | tuple):
        # Several numbers or words are no unit.
        parts = units if isinstance(units, list | tuple) else np.ravel(units).tolist()
        return unit_text(parts[0]) if len(parts) == 1 else None
    if isinstance(units, bytes):
        units = units.decode(errors="replace")
    if isinstance(units, int | float) and not isinstance(units, bool) and math.isfinite(units):
        return f"{units:g}"
    return _without(STEERING, units) if isinstance(units, str) else None


def _without(categories: tuple[str, ...], text: str) -> str:
    """Text without colours of a terminal and characters of these Unicode categories; line breaks are spaces."""
    if all(unicodedata.category(character) not in categories for character in text):
        return text
    text = re.sub(r"\s", " ", _COLOURS.sub("", text))
    return "".join(character for character in text if unicodedata.category(character) not in categories).strip()


def slope_units(units: Any, per: str) -> str | None:
    """Units of a change per `per` of a quantity in `units`; None where that is not known.

    A degree Celsius more is a kelvin more, and kelvin has no offset to mistake.

    Examples
    --------
    >>> slope_units("degC", "year"), slope_units("1", "year"), slope_units("mm day-1", "step")
    ('K year-1', 'year-1', 'mm day-1')
    >>> slope_units("mm/day", "year"), slope_units("mm/day", "step")
    ('(mm/day) year-1', 'mm/day')
    """
    units = unit_text(units)
    if units is None:
        return None
    if units.lower() in _KELVIN_STEPS:
        units = "K"
    # A step or a unit that a coordinate does not name is a pure number.
    time = f"{per}-1" if per not in ("", "step") else ""
    if units in ("", "1"):
        return time or "1"
    if time and "/" in units:
        # Else it is not clear to every reader what is divided.
        units = f"({units})"
    return f"{units} {time}".strip()


def temperature_kind(units: Any, template: str) -> dict[str, str]:
    """`units_metadata` where units are of temperature: a difference is not a point on the scale (CF-1.11, 3.1.2)."""
    if (unit_text(units) or "").lower() not in _KELVIN_STEPS | _FAHRENHEIT_STEPS:
        return {}
    return {"units_metadata": f"temperature: {'difference' if template == '{slope}' else 'on_scale'}"}


def refuse_scale(attrs: Mapping[Any, Any]) -> None:
    """Refuse a quantity to be put in per cent of itself whose zero is arbitrary: temperatures in degC and degF."""
    units = unit_text(attrs.get("units")) or ""
    arbitrary = (_KELVIN_STEPS | _FAHRENHEIT_STEPS) - _KELVINS
    if units.lower() in arbitrary and "difference" not in str(attrs.get("units_metadata", "")):
        raise ValueError(
            f"per cent of a temperature in {units} mean nothing: its zero is arbitrary. Leave the trend in degrees, or convert "
            "to kelvin first."
        )


def output_attrs(output: Output, name: str, units: Any, per: str) -> dict[str, Any]:
    """Attributes of one result variable.

    Parameters
    ----------
    output : Output
        Its declaration.
    name : str
        What the input is called.
    units : str or None
        Units of the input; what is no unit counts as None.
    per : str
        Unit of time of slopes, as in `TimeAxis.unit`.
    """
    attrs: dict[str, Any] = {"long_name": output.long_name.format(data=name)}
    stored = {"{units}": unit_text(units), "{slope}": slope_units(units, per)}.get(str(output.units), output.units)
    if stored is not None:
        attrs["units"] = stored
    if output.units in ("{units}", "{slope}"):
        attrs |= temperature_kind(units, output.units)
    if output.units == "{slope}" and per in ("", "step"):
        attrs["comment"] = "change per step" if per == "step" else "change per unit of the coordinate"
    for key, value in output.attrs:
        # CF: flag values and ranges have the type of the variable.
        attrs[key] = np.array(value, output.dtype) if isinstance(value, tuple) else value
    return attrs
