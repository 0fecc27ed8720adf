"""The map of a trend."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from gridtrend.plot.axes import MISSING, finish, head, inches, new_axes, save
from gridtrend.plot.cell_outlines import draw_cells
from gridtrend.plot.labels import data_name, largest, plain, readable, significance, subtitle_of
from gridtrend.plot.map_grid import Grid, place
from gridtrend.plot.trend_field import find_prefix, period_of, trend_field

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

__all__ = ["trend_map"]

# Minimum thickness of the colour bar.
BAR_INCHES = 0.12
HATCH: dict[str, Any] = {"hatch": "/////", "edgecolor": "0.1", "fill": False, "linewidth": 0}
WATER = re.compile(r"(?i)precip|rain|snow|runoff|moisture|humidity|evapo|^kg m(\*\*|\^)?-2|^mm\b")


def trend_map(
    result: xr.Dataset,
    *,
    variable: str | None = None,
    path: str | os.PathLike[str] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    cmap: str | None = None,
    dpi: float = 200,
) -> Figure:
    """Map of the slope in colour, with the cells that are not significant hatched.

    Where `result` holds `significant`, of `field_significance`, that decides, otherwise `trend`.

    Parameters
    ----------
    result : Dataset, slope of shape (lat, lon), (y, x) or any two dimensions
        What `mann_kendall` or `theil_sen` returned, in memory, lazy or read back from a file. Sizes
        of one are dropped; other dimensions must be selected away. Without a test nothing is hatched.
    variable : str, optional
        Which variable, where `result` holds the trends of several (``{variable}_slope``).
    path : path, optional
        Also write the picture there; the suffix says the format (.png, .pdf, .svg ...).
    title : str, optional
        Heading. By default the data's name, with the period and the method below; "" for none.
    ax : matplotlib Axes, optional
        Draw there; panels come out best in ``figure(layout="compressed")``. By default a figure of
        its own is made, which pyplot does not know of.
    cmap : str, optional
        Colour map; by default BrBG for water (precipitation, snow, moisture ...), otherwise RdBu_r.
    dpi : float
        Resolution of the figure and the file, in dots per inch.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no slope, more than one to choose from, or no two dimensions to draw.
    ImportError
        Without matplotlib.

    Notes
    -----
    Colour limits are symmetric about zero and hold 98 % of the cells; arrows on the colour bar say
    that there is more. Slopes of exactly zero are white. A slope per year is shown per decade if
    the record covers ten years or its length is unknown. Cells are drawn as areas, so that a global
    grid closes without a seam. Coastlines are drawn if cartopy and its natural-earth files are on
    this machine; nothing is downloaded. With 2-D latitude and longitude each cell is drawn at its own position, also
    on tripolar grids; cells without a position are left out. A grid of one hemisphere that runs over
    its pole is drawn on its own axes.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from gridtrend.plot import trend_map
    >>> lat, lon = np.arange(-80.0, 81, 20), np.arange(0.0, 360, 30)
    >>> slope = 0.02 * np.sin(np.radians(lat))[:, None] * np.ones(lon.size)
    >>> result = xr.Dataset(
    ...     {
    ...         "slope": (("lat", "lon"), slope, {"units": "K year-1"}),
    ...         "trend": (("lat", "lon"), np.sign(slope) * (abs(slope) > 0.01)),
    ...     },
    ...     {"lat": lat, "lon": lon},
    ...     {"alpha": 0.05},
    ... )
    >>> figure = trend_map(result, title="Warming")
    >>> figure.axes[1].get_xlabel()
    'Sen slope (K per decade)'
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError(
            "a map needs matplotlib, which is not installed here: pip install 'gridtrend[plot]'"
        ) from None
    if hasattr(ax, "projection"):
        raise TypeError(
            "trend_map() draws longitude and latitude on plain Axes, not on a cartopy projection: "
            "leave ax out, or draw result['slope'].plot(ax=ax, transform=cartopy.crs.PlateCarree())"
        )
    prefix = find_prefix(result, variable)
    field = trend_field(result, prefix)
    grid = place(field["slope"])
    field = grid.arrange(field)
    period = period_of(result)
    values, label = readable(field["slope"], result.attrs.get("slope_per"), period)
    if ax is None:
        ax = new_axes(grid, dpi)
    levels = _levels(values)
    mesh, corners, cell = _draw(ax, grid, values, levels, cmap or _colours(field["slope"]))
    _colour_bar(ax, grid, mesh, levels, label)
    marks = _mark(ax, mesh, corners, cell, field, result.attrs)
    finish(ax, grid)
    heading = f"Trend in {data_name(field['slope'], prefix)}" if title is None else title
    head(ax, heading, subtitle_of(result.attrs, period) if heading else "", marks)
    figure = ax.get_figure(root=True)
    assert figure is not None
    if path is not None:
        save(figure, Path(path), dpi)
    return figure


def _colours(slope: xr.DataArray) -> str:
    water = any(WATER.search(str(slope.attrs.get(key, ""))) for key in ("long_name", "units"))
    return "BrBG" if water else "RdBu_r"


def _levels(values: np.ndarray) -> np.ndarray:
    """Return round limits of the colours, symmetric about zero, which is one of them."""
    from matplotlib.ticker import MaxNLocator

    limit = largest(values)
    steps = MaxNLocator(12, steps=[1, 2, 2.5, 5, 10], symmetric=True)
    return np.asarray(steps.tick_values(-limit, limit))


def _draw(
    ax: Axes, grid: Grid, values: np.ndarray, levels: np.ndarray, cmap: str
) -> tuple[QuadMesh, np.ndarray, np.ndarray]:
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm, ListedColormap

    # Without the darkest colours, on which hatching would not be visible.
    shades = ListedColormap(colormaps[cmap](np.linspace(0.1, 0.9, 256)))
    # Slopes of exactly 0, frequent for data with ties, get their own colour, white.
    zero = 1e-6 * levels[-1]
    limits = np.union1d(levels[levels != 0], [-zero, zero])
    # Both arrows or none: with one, zero would not be in the middle of the colours.
    beyond = np.nanmax(np.abs(values)) > levels[-1]
    norm = BoundaryNorm(limits, shades.N, extend="both" if beyond else "neither")
    return draw_cells(ax, grid, values, cmap=shades.with_extremes(bad=MISSING), norm=norm)


def _colour_bar(ax: Axes, grid: Grid, mesh: QuadMesh, levels: np.ndarray, label: str) -> None:
    width, height = inches(ax, grid.shape)
    # A narrow map does not fill the space of its axes.
    along, across = (height, height / grid.proportion) if grid.high else (width, width * grid.proportion)
    fraction = float(np.clip(BAR_INCHES / across, 0.05, 0.6))
    bar = ax.figure.colorbar(
        mesh,
        ax=ax,
        orientation="vertical" if grid.high else "horizontal",
        fraction=fraction,
        pad=0.03,
        aspect=along / (across * fraction),
        spacing="proportional",
        ticks=_ticks(levels, along, grid.high),
        format=_number,
    )
    bar.ax.minorticks_off()
    bar.set_label(plain(label), fontsize=9, parse_math=False)
    bar.ax.tick_params(labelsize=8, length=2.5, width=0.6)
    bar.outline.set_linewidth(0.6)


def _number(value: float, _: Any = None) -> str:
    return f"{value:g}".replace("-", "−")


def _ticks(levels: np.ndarray, inches_along: float, high: bool) -> np.ndarray:
    """Return the levels whose numbers have room along the bar: every one, or every second, ..., with zero."""
    # A letter of 8 points is about 0.065 inches wide, a line 0.2 inches high.
    each = 0.2 if high else 0.12 + 0.065 * max(len(_number(level)) for level in levels)
    middle = len(levels) // 2
    fitting = (levels[middle % stride :: stride] for stride in range(1, middle + 1))
    return next((ticks for ticks in fitting if len(ticks) * each <= inches_along), levels[[0, middle, -1]])


def _mark(
    ax: Axes, mesh: QuadMesh, corners: np.ndarray, cell: np.ndarray, field: xr.Dataset, attrs: dict[Any, Any]
) -> list[Patch]:
    """Hatch the cells without a significant trend; return the entries of the legend."""
    from matplotlib.patches import Patch, PathPatch
    from matplotlib.path import Path as Outline

    known = field["slope"].notnull().values
    legend = []
    tested = field.get("significant", field.get("trend"))
    if tested is not None:
        open_cells = known & ~tested.isin([-1, 1]).values
        loops = corners[open_cells.ravel()[cell]][:, [0, 1, 2, 3, 0]]
        steps = [Outline.MOVETO, *3 * [Outline.LINETO], Outline.CLOSEPOLY]
        # One patch for all cells, unknown to limits and layout: far faster than one for each.
        hatched = PathPatch(
            Outline(loops.reshape(-1, 2), np.tile(steps, len(loops))),
            transform=mesh.get_transform(),
            gid="not significant",
            in_layout=False,
            **HATCH,
        )
        ax.add_artist(hatched)
        legend.append(Patch(label=significance(attrs, tested, open_cells.any()), **HATCH))
        for patch in (hatched, *legend):
            patch.set_hatch_linewidth(0.4)
        if (~open_cells & (field["slope"].values == 0)).any():
            # The median of all slopes can be 0 where a trend is significant: many zeros, as with snow.
            legend.append(Patch(label="white: significant, slope 0", facecolor=mesh.cmap(0.5), edgecolor="0.6"))
    if not known.all():
        legend.append(Patch(label="grey: no trend, too few values", facecolor=MISSING))
    return legend
