"""Colours of trends: round limits that outliers do not decide, white at zero, and the colour bar."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from gridtrend.plot.labels import largest
from gridtrend.plot.text_size import width

if TYPE_CHECKING:
    from matplotlib.colors import BoundaryNorm, Colormap

# The grey of cells without a result.
MISSING = "0.82"
WATER = re.compile(r"(?i)precip|rain|snow|runoff|moisture|humidity|evapo|^kg m(\*\*|\^)?-2|^mm\b")


def suitable_colours(slope: xr.DataArray) -> str:
    """Return the name of the colour map that suits a variable."""
    water = any(WATER.search(str(slope.attrs.get(key, ""))) for key in ("long_name", "units"))
    return "BrBG" if water else "RdBu_r"


def round_levels(values: np.ndarray, limit: float | None = None) -> np.ndarray:
    """Return round limits of the colours, symmetric about zero, which is one of them."""
    from matplotlib.ticker import MaxNLocator

    limit = largest(values) if limit is None else abs(limit)
    steps = MaxNLocator(12, steps=[1, 2, 2.5, 5, 10], symmetric=True)
    return np.asarray(steps.tick_values(-limit, limit))


def diverging(values: np.ndarray, levels: np.ndarray, name: str) -> tuple[Colormap, BoundaryNorm]:
    """Return colours for values between and beyond levels."""
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm, ListedColormap

    # Without the darkest colours, on which hatching would not be visible.
    shades = ListedColormap(colormaps[name](np.linspace(0.1, 0.9, 256))).with_extremes(bad=MISSING)
    # Slopes of exactly 0, frequent for data with ties, get their own colour, white.
    zero = 1e-6 * levels[-1]
    limits = np.union1d(levels[levels != 0], [-zero, zero])
    # Both arrows or none: with one, zero would not be in the middle of the colours.
    beyond = np.nanmax(np.abs(values)) > levels[-1]
    return shades, BoundaryNorm(limits, shades.N, extend="both" if beyond else "neither")


def colour_bar(
    mappable: Any, label: str, levels: np.ndarray, inches: float, high: bool, size: float, draw: Callable[..., Any]
) -> None:
    """Draw a colour bar that is `inches` long.

    Parameters
    ----------
    mappable : what has the colours
    label : str
    levels : ndarray
    inches : float
        Length of the bar.
    high : bool
        Whether it is upright.
    size : float
        Size of the numbers in points.
    draw : callable
        Takes the mappable and keywords; returns the colour bar.
    """
    bar = draw(
        mappable,
        orientation="vertical" if high else "horizontal",
        spacing="proportional",
        ticks=_ticks(levels, inches, high, size),
        format=number,
    )
    bar.ax.minorticks_off()
    bar.set_label(label, fontsize=9 / 8 * size, parse_math=False)
    bar.ax.tick_params(labelsize=size, length=2.5, width=0.6)
    bar.outline.set_linewidth(0.6)


def number(value: float, _: Any = None) -> str:
    """Return a number of the colour bar, with a real minus sign."""
    return f"{value:g}".replace("-", "−")


def _ticks(levels: np.ndarray, inches: float, high: bool, size: float) -> np.ndarray:
    """Return the levels whose numbers have room along the bar: every one, or every second, ..., with zero."""
    each = 0.025 * size if high else 0.015 * size + max(width(number(level), size) for level in levels)
    middle = len(levels) // 2
    fitting = (levels[middle % stride :: stride] for stride in range(1, middle + 1))
    few = levels[[0, middle, -1]]
    return next(
        (ticks for ticks in fitting if len(ticks) * each <= inches), few if 3 * each <= 1.6 * inches else few[1:2]
    )
