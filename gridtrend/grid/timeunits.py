"""Units of time: what slopes may be per, and what coordinates call them."""

import re
from typing import Any

from gridtrend.grid.dialect import given

DAYS = {"second": 1 / 86400, "minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0}
YEARS = {"month": 1 / 12, "year": 1.0, "decade": 10.0, "century": 100.0}
UNITS = ("step", *DAYS, *YEARS)
GREGORIAN_YEAR = 365.2425

# How coordinates name their unit, as far as it is a unit of time.
_ALIASES = {
    "yr": "year",
    "a": "year",
    "centurie": "century",
    "mon": "month",
    "wk": "week",
    "hr": "hour",
    "h": "hour",
    "d": "day",
    "min": "minute",
    "s": "second",
    "sec": "second",
}
# Units that coordinates have and slopes do not.
_SHORT = {
    "millisecond": 1e-3,
    "msec": 1e-3,
    "ms": 1e-3,
    "microsecond": 1e-6,
    "us": 1e-6,
    "nanosecond": 1e-9,
    "ns": 1e-9,
}
_LONG = {
    "quarter": 0.25,
    "millennium": 1e3,
    "millennia": 1e3,
    "kiloyear": 1e3,
    "ka": 1e3,
    "kyr": 1e3,
    "myr": 1e6,
    "gyr": 1e9,
}
# In small letters these are no years.
_LONG_CAPITAL = {"Ma": 1e6, "Ga": 1e9}
# "6 hours", "1000 years".
_MULTIPLE = re.compile(r"(\d+(?:\.\d+)?(?:e\+?\d+)?)[ _]*([a-z].*)", re.IGNORECASE)
# Years that are counted from the birth of Christ: "decimal year", "year A.D.", "YYYY", "year as %Y.%f".
_YEARS = re.compile(
    r"((decimal|fractional|calendar|gregorian|common|julian)[ _])?(years?|yrs?)([ _(]*(a\.?d\.?|b?\.?c\.?e\.?|anno domini)\)?)?"
    r"|a\.?d\.?|c\.?e\.?|yyyy|(years? as )?%y(\.%f)?"
)
# Years before the present: they run backwards.
_BACKWARDS = re.compile(r"\b((y|yr|ka|kyr|ma|myr)?b\.?p|b\.p\.|[kmg]ya|b2k|bce?|before|ago)\b")


def unit_named(name: Any) -> str:
    """One of `UNITS`, in the singular or plural."""
    unit = name.lower() if isinstance(name, str) else ""
    unit = unit if unit in UNITS else unit.removesuffix("s")
    if unit not in UNITS:
        raise ValueError(f"{given('per', name)} is not a unit of time; use one of {', '.join(map(repr, UNITS))}.")
    return unit


def time_unit(per: Any) -> str:
    """What slopes are per: one of `UNITS`, or "auto"."""
    return "auto" if isinstance(per, str) and per == "auto" else unit_named(per)


def known_days(name: str) -> float | None:
    """Days in a unit of time that a coordinate names in its units, or by what it is called ("year").

    Examples
    --------
    >>> known_days("hours"), known_days("year A.D."), known_days("6 hours"), known_days("m")
    (0.041666666666666664, 365.2425, 0.25, None)
    """
    if name.strip() in _LONG_CAPITAL:
        return _LONG_CAPITAL[name.strip()] * GREGORIAN_YEAR
    unit = name.strip().lower()
    if backwards(unit):
        return None
    if multiple := _MULTIPLE.fullmatch(name.strip()):
        days = known_days(multiple[2])
        return None if days is None else float(multiple[1]) * days or None
    if _YEARS.fullmatch(unit):
        return GREGORIAN_YEAR
    unit = _ALIASES.get(unit, unit)
    unit = unit if unit in {*DAYS, *YEARS, *_SHORT, *_LONG} else unit.removesuffix("s")
    unit = _ALIASES.get(unit, unit)
    if unit in _SHORT:
        return _SHORT[unit] * DAYS["second"]
    if unit in _LONG:
        return _LONG[unit] * GREGORIAN_YEAR
    return DAYS.get(unit) or (YEARS[unit] * GREGORIAN_YEAR if unit in YEARS else None)


def backwards(units: str) -> bool:
    """Whether units count backwards from the present, as "years BP" does."""
    return _BACKWARDS.search(units.strip().lower()) is not None and "since" not in units.lower()
