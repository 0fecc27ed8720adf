"""Texts of a map: numbers of readable size, typographic units, titles, legend."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

# Values beyond the upper quartile by so many distances between the quartiles are outliers.
FAR = 6.0
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def readable(
    slopes: Sequence[xr.DataArray], per: str | None, period: tuple[str, str] | None
) -> tuple[list[np.ndarray], str]:
    """Return slopes of one unit, scaled to a readable size, and their label with the unit."""
    values, units = [slope.values.astype(float) for slope in slopes], str(slopes[0].attrs.get("units", ""))
    time = per or ("year" if units.endswith("year-1") else "")
    units = units.removesuffix(f"{time}-1").strip()
    years = _year(period[1]) - _year(period[0]) + 1 if period else np.inf
    if time == "year" and years >= 10:
        values, time = [10 * value for value in values], "decade"
    power = int(np.floor(np.log10(largest(np.concatenate([value.ravel() for value in values])))))
    power = 0 if -2 <= power <= 3 else 3 * ((power + 1) // 3)
    scale = f"10{_superscript(power)}" if power else ""
    unit = " ".join(filter(None, [scale, typographic(units), time and f"per {time}"]))
    names = {str(slope.attrs.get("long_name", "")).partition(" of ")[::2] for slope in slopes}
    label = (
        next(name if of else "Sen slope" for name, of in names)
        if len({name for name, _ in names}) == 1
        else "Sen slope"
    )
    return [value / 10.0**power for value in values], f"{label} ({unit})" if unit else label


def largest(values: np.ndarray) -> float:
    """Return the magnitude that 98 % of the values do not exceed, or the largest if that is zero.

    Values far beyond the others, such as those of a broken sensor, do not count: in a field of few cells one of them would be
    more than 2 %.
    """
    sizes = np.abs(values[np.isfinite(values)])
    if not (sizes > 0).any():
        return 1.0
    quarter, most = np.quantile(sizes[sizes > 0], [0.25, 0.75])
    sound = sizes[sizes <= most + FAR * max(most - quarter, 0.05 * most)]
    return float(np.quantile(sound, 0.98)) or float(sound.max()) or float(sizes.max())


def typographic(units: str) -> str:
    """Return 'kg m⁻² s⁻¹' for 'kg m-2 s-1' and for 'kg m**-2 s**-1', '°C' for 'degC'."""
    units = re.sub(r"(?i)\b(deg(ree)?s?_?c|(deg(ree)?s?_?)?celsius)\b", "°C", units)
    units = re.sub(r"(?<=[\w%]) (second|minute|hour|day|month)s?(\*\*|\^)?-1$", r" per \1", units)
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


def degrees(letters: str) -> Callable[[float, int], str]:
    """Return a formatter of longitudes (letters 'EW') or latitudes ('NS')."""

    def text(value: float, _: int) -> str:
        value = (value + 180) % 360 - 180
        return f"{abs(value):g}°" + ("" if value in (0, -180) else letters[int(value < 0)])

    return text
