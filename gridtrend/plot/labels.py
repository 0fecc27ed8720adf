"""Texts of a map: numbers of readable size, typographic units, titles, legend."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def readable(slope: xr.DataArray, per: str | None, period: tuple[str, str] | None) -> tuple[np.ndarray, str]:
    """Return slopes scaled to a readable size, and their label with the unit."""
    values, units = slope.values.astype(float), str(slope.attrs.get("units", ""))
    time = per or ("year" if units.endswith("year-1") else "")
    units = units.removesuffix(f"{time}-1").strip()
    years = _year(period[1]) - _year(period[0]) + 1 if period else np.inf
    if time == "year" and years >= 10:
        values, time = 10 * values, "decade"
    power = int(np.floor(np.log10(largest(values))))
    power = 0 if -2 <= power <= 3 else 3 * ((power + 1) // 3)
    scale = f"10{_superscript(power)}" if power else ""
    unit = " ".join(filter(None, [scale, typographic(units), time and f"per {time}"]))
    name, of, _ = str(slope.attrs.get("long_name", "")).partition(" of ")
    label = name if of else "Sen slope"
    return values / 10.0**power, f"{label} ({unit})" if unit else label


def largest(values: np.ndarray) -> float:
    """Return the magnitude that 98 % of the values do not exceed, or the largest if that is zero."""
    sizes = np.abs(values[np.isfinite(values)])
    return float(np.quantile(sizes, 0.98)) or float(sizes.max()) or 1.0


def typographic(units: str) -> str:
    """Return 'kg m⁻² s⁻¹' for 'kg m-2 s-1' and for 'kg m**-2 s**-1', '°C' for 'degC'."""
    units = re.sub(r"(?i)\b(deg(ree)?s?_?c|(deg(ree)?s?_?)?celsius)\b", "°C", units)
    power = r"(?<=[A-Za-z])(?<!\de)(?:\*\*|\^)?(-?\d+)"
    return "" if units == "1" else re.sub(power, lambda match: _superscript(match[1]), units)


def _superscript(number: int | str) -> str:
    return str(number).translate(SUPERSCRIPT)


def data_name(slope: xr.DataArray, prefix: str) -> str:
    """Return the name of the data."""
    _, _, name = str(slope.attrs.get("long_name", "")).partition(" of ")
    return (name or prefix).replace("_", " ").strip() or "the data"


def subtitle_of(attrs: dict[Any, Any], period: tuple[str, str] | None) -> str:
    """Return the period and the method, as in '1981–2010 · Mann-Kendall test'."""
    when = ""
    if period:
        first, last = map(_year, period)
        days = list(dict.fromkeys(time.rpartition(" ")[0] for time in period))
        when = f"{first}–{last}" if first < last else " to ".join(days if len(days) > 1 else period)
    method = str(attrs.get("method", "")).removesuffix(", original")
    return " · ".join(filter(None, [when, method]))


def _year(time: str) -> int:
    """Return the year of a time as `period_of` gives it."""
    return int(time.rpartition(" ")[0][:-6])


def plain(text: str) -> str:
    """Return text without control characters, which attributes of files may hold and no font has."""
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))


def significance(attrs: dict[Any, Any], tested: xr.DataArray, any_hatched: bool) -> str:
    """Return the meaning of hatching: `tested` holds the flags of single cells, or those of field significance."""
    none = "" if any_hatched else " (none)"
    if tested.name == "significant":
        level = f" at {100 * float(tested.attrs['alpha']):g} %" if "alpha" in tested.attrs else ""
        how = f" ({tested.attrs['method']}{level})" if "method" in tested.attrs else ""
        return f"hatched: not significant over the whole field{how}{none}"
    level = f" at {100 * float(attrs['alpha']):g} %" if "alpha" in attrs else ""
    side = attrs.get("alternative", "two-sided")
    sided = "" if side == "two-sided" else f", one-sided ({side})"
    return f"hatched: not significant{level}{sided}{none}"


def degrees(letters: str) -> Callable[[float, int], str]:
    """Return a formatter of longitudes (letters 'EW') or latitudes ('NS')."""

    def text(value: float, _: int) -> str:
        value = (value + 180) % 360 - 180
        return f"{abs(value):g}°" + ("" if value in (0, -180) else letters[int(value < 0)])

    return text
