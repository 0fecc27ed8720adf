"""CF names, units and attributes: pure functions on strings and dicts (CF-1.11)."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from gridtrend.grid.kernel import Output

_KELVIN_STEPS = {
    "k", "kelvin", "degk", "deg_k", "degree_kelvin", "degrees_kelvin",
    "degc", "deg_c", "degree_c", "degrees_c", "celsius", "degree_celsius", "degrees_celsius", "deg c", "°c",
}  # fmt: skip
_FAHRENHEIT_STEPS = {"degf", "deg_f", "degree_f", "degrees_f", "fahrenheit", "degree_fahrenheit", "°f"}


def data_name(name: Hashable | None, attrs: Mapping[Hashable, Any]) -> str:
    """What to call a variable in the long names of its results."""
    standard = str(attrs.get("standard_name", "")).replace("_", " ")
    return str(attrs.get("long_name") or standard or name or "the data")


def slope_units(units: str | None, per: str) -> str | None:
    """Units of a change per `per` of a quantity in `units`; None where that is not known.

    A degree Celsius more is a kelvin more, and kelvin has no offset to mistake.

    Examples
    --------
    >>> slope_units("degC", "year"), slope_units("1", "year"), slope_units("mm day-1", "step")
    ('K year-1', 'year-1', 'mm day-1')
    """
    if units is None:
        return None
    if units.lower() in _KELVIN_STEPS:
        units = "K"
    # A step or a unit that a coordinate does not name is a pure number.
    time = f"{per}-1" if per not in ("", "step") else ""
    if units in ("", "1"):
        return time or "1"
    return f"{units} {time}".strip()


def temperature_kind(units: str | None, template: str) -> dict[str, str]:
    """`units_metadata` where units are of temperature: a difference is not a point on the scale (CF-1.11, 3.1.2)."""
    if units is None or units.lower() not in _KELVIN_STEPS | _FAHRENHEIT_STEPS:
        return {}
    return {"units_metadata": f"temperature: {'difference' if template == '{slope}' else 'on_scale'}"}


def output_attrs(output: Output, name: str, units: str | None, per: str) -> dict[str, Any]:
    """Attributes of one result variable.

    Parameters
    ----------
    output : Output
        Its declaration.
    name : str
        What the input is called.
    units : str or None
        Units of the input.
    per : str
        Unit of time of slopes, as in `TimeAxis.unit`.
    """
    attrs: dict[str, Any] = {"long_name": output.long_name.format(data=name)}
    stored = {"{units}": units, "{slope}": slope_units(units, per)}.get(str(output.units), output.units)
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
