"""Values of options, each of which is read as a whole or refused: no part of it is ignored."""

import math
from collections.abc import Sequence
from typing import Any

import click

CORRECTIONS = ("bh", "by", "bky", "walker")
CALENDARS = ("month", "season")


class Level(click.FloatRange):
    """A probability between 0 and 1, both excluded."""

    def __init__(self) -> None:
        super().__init__(0, 1, min_open=True, max_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Refuse NaN too, which compares with nothing."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 < number < 1:
            self.fail(f"'{value}' is not a number between 0 and 1, such as 0.05", param, ctx)
        return number


class Count(click.IntRange):
    """A whole number that is not too small."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Say what is wanted."""
        number = value if isinstance(value, int) else whole_number(str(value))
        if number is None or number < (self.min or 0):
            self.fail(f"'{value}' is not a whole number from {self.min} on", param, ctx)
        return number


def whole_number(text: str) -> int | None:
    """The number that a text of digits stands for; None for any other text, and for numbers beyond 9 digits."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text.lstrip("0")) <= 9 else None


def lag(context: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
    """A number of lags, or all."""
    if value is None or value == "all":
        return value
    number = whole_number(value)
    if number is None:
        raise click.BadParameter(f"'{value}' is neither a whole number of steps nor 'all'")
    return number


def period(context: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
    """What a year consists of: months, seasons, or a number of steps."""
    if value is None or value in CALENDARS:
        return value
    number = whole_number(value)
    if not number:
        raise click.BadParameter(
            f"'{value}' is not known; use one of 'month', 'season', or a number of steps from 1 on"
        )
    return number


def field_test(context: click.Context, parameter: click.Parameter, value: str | None) -> dict[str, Any]:
    """Arguments of `field_significance` for METHOD[:ALPHA]."""
    if value is None:
        return {}
    method, colon, level = value.partition(":")
    if method not in CORRECTIONS:
        raise click.BadParameter(f"'{method}' is not one of {', '.join(CORRECTIONS)}")
    return {"method": method, "alpha_global": Level()(level if colon else "0.05", parameter, context)}


def length(context: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
    """A number of samples, or a duration such as 20Y, which is read when the record is known."""
    if value is None:
        return None
    number = whole_number(value)
    if number == 0 or not value.strip():
        raise click.BadParameter(f"'{value}' is no length: give a number of samples, or a duration such as 20Y")
    return value.strip() if number is None else number


def band(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[Any, Any] | None:
    """Shortest and longest period."""
    if value is None:
        return None
    ends = [part.strip() for part in value.split(":")]
    if len(ends) != 2 or not all(ends):
        raise click.BadParameter(f"'{value}' is not SHORTEST:LONGEST, as in 2Y:7Y")
    first, last = (length(context, parameter, end) for end in ends)
    return first, last


def taper(context: click.Context, parameter: click.Parameter, value: str) -> Any:
    """A name, or a name and its parameters: tukey:0.25."""
    name, *parameters = value.split(":")
    try:
        numbers = [float(each) for each in parameters]
    except ValueError:
        numbers = [math.nan]
    if not (name and all(map(math.isfinite, numbers))):
        raise click.BadParameter(f"'{value}' is not NAME or NAME:NUMBER, as in hann or tukey:0.25")
    return (name, *numbers) if numbers else name


def selections(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of a name and what is wanted of it."""
    pairs = []
    for value in values:
        name, _, wanted = (part.strip() for part in value.partition("="))
        if not (name and wanted):
            raise click.BadParameter(f"'{value}' is not NAME=VALUE or NAME=FROM:TO, as in time=1960:2010")
        pairs.append((name, wanted))
    return pairs
