"""The map of a trend, or of several in one figure."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from gridtrend.plot.axes import head, inches, save
from gridtrend.plot.colours import colour_bar, diverging, round_levels, suitable_colours
from gridtrend.plot.drawn_map import DrawnMap, Look
from gridtrend.plot.labels import data_name, plain, readable, subtitle_of
from gridtrend.plot.map_grid import Grid, place
from gridtrend.plot.marks import legend, mark, share_of
from gridtrend.plot.page import HIGH, THEMES, Page
from gridtrend.plot.projections import Projection
from gridtrend.plot.suitable_projection import shape_of, suitable_projection
from gridtrend.plot.trend_field import period_of, results_of, trend_field

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["trend_map"]

# Minimum thickness of the colour bar in axes of the user's, in inches.
BAR_INCHES = 0.12


def trend_map(
    result: xr.Dataset | xr.DataArray | Mapping[str, xr.Dataset],
    *,
    variable: str | None = None,
    panels: str | Sequence[str] | None = None,
    fdr: float | None = None,
    projection: Any = None,
    central_longitude: float | None = None,
    significance: Literal["hatching", "stippling"] | None = "hatching",
    coastlines: bool = True,
    borders: bool = False,
    limit: float | None = None,
    cmap: str | None = None,
    title: str | None = None,
    columns: int | None = None,
    figsize: tuple[float, float] | None = None,
    theme: Literal["paper", "slides"] = "paper",
    path: str | os.PathLike[str] | None = None,
    ax: Axes | None = None,
    dpi: float = 200,
) -> Figure:
    """Map of the slope in colour, with the cells that are not significant hatched.

    Where `result` holds `significant`, of `field_significance`, that decides, otherwise `trend`.

    Parameters
    ----------
    result : Dataset, slope of shape (lat, lon), (y, x), (cell,) or any two dimensions
        What `mann_kendall` or `theil_sen` returned, in memory, lazy or read back from a file. Sizes
        of one are dropped. Without a test nothing is marked. A record, a DataArray with the dimension "time", is
        tested with `mann_kendall` first. A mapping of names to results gives a figure of several maps.
    variable : str, optional
        Which variable, where `result` holds the trends of several (``{variable}_slope``).
    panels : str or sequence of str, optional
        One map each for the places along a dimension (``"season"``, ``"member"``), or for the variables of these names, with
        one colour bar.
    fdr : float, optional
        Mark what is significant over the whole field at this rate of false discoveries, as
        ``field_significance(p_value, alpha_fdr=fdr)`` finds it.
    projection : str, pyproj.CRS or cartopy.crs.Projection, optional
        "platecarree", "robinson", "mollweide", "equal-earth", "lambert", "north-polar" or "south-polar"; with pyproj, also
        what ``pyproj.CRS`` accepts. By default Robinson for the whole earth, polar for what lies around a
        pole, Lambert for curvilinear grids of temperate latitudes, and plate carree for other regions.
    central_longitude : float, optional
        By default Greenwich on maps of the earth and around a pole, otherwise the middle of the data.
    significance : {"hatching", "stippling"} or None
        Hatch the cells that are not significant, or draw dots on those that are.
    coastlines, borders : bool
        Lines of Natural Earth, which are part of the package.
    limit : float, optional
        Largest value of the colour bar, in its unit; by default from the data.
    cmap : str, optional
        Colour map; by default BrBG for water (precipitation, snow, moisture ...), otherwise RdBu_r.
    title : str, optional
        Heading. By default the data's name, with the period and the method below; "" for none.
    columns : int, optional
        How many maps stand side by side.
    figsize : tuple of float, optional
        Width and height in inches. By default 7 inches (180 mm, the width of a page), and as high as the map needs.
    theme : {"paper", "slides"}
        "slides": 10 inches wide, with larger letters.
    path : path, optional
        Also write the picture there; the suffix says the format (.png, .pdf, .svg ...). In PDF and SVG, cells are
        pixels of `dpi`; texts, coasts and dots stay lines.
    ax : matplotlib Axes, optional
        Draw there; panels come out best in ``figure(layout="compressed")``. By default a figure of
        its own is made, which pyplot does not know of.
    dpi : float
        Resolution of the figure and the file, in dots per inch.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no slope, more than one to choose from, or no two dimensions to draw; for an unknown projection; for
        panels with different units.
    ImportError
        Without matplotlib.

    Notes
    -----
    Colour limits are round, symmetric about zero and hold 98 % of the cells; cells whose size exceeds the upper quartile by
    more than 6 times the distance between the quartiles do not count. Arrows on the colour bar say
    that there is more. Slopes of exactly zero are white. A slope per year is shown per decade if
    the record covers ten years or its length is unknown. Cells are drawn as areas, so that a global
    grid closes without a seam and up to the poles. With 2-D latitude and longitude each cell is drawn at its own position,
    also on tripolar grids; cells without a position are left out. Lists of cells with a latitude and a longitude each
    are drawn as areas around their centres where they cover an area as HEALPix and other unstructured grids do,
    and otherwise, as stations, as points.

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
    >>> figure = trend_map(result, title="Warming", projection="mollweide")
    >>> figure.axes[1].get_xlabel()
    'Sen slope (K per decade)'
    """
    _check(ax, significance, theme)
    maps = _maps(results_of(result, variable, panels, fdr), projection, central_longitude)
    values, label = readable([each.field["slope"] for each in maps], maps[0].attrs.get("slope_per"), maps[0].period)
    joined = np.concatenate([value.ravel() for value in values])
    levels = round_levels(joined, limit)
    colours, norm = diverging(joined, levels, cmap or suitable_colours(maps[0].field["slope"]))
    heading = f"Trend in {_name(maps)}" if title is None else title
    subtitle = subtitle_of(maps[0].attrs, maps[0].period) if heading else ""
    stations = maps[0].grid.scattered and not maps[0].grid.nearest.tile
    marks = legend([each.field for each in maps], maps[0].attrs, significance, colours(0.5), stations=stations)
    look = Look(colours, norm, coastlines=coastlines, borders=borders)
    if ax is not None:
        figure = _draw_in(ax, maps, values[0], look, levels, label, significance)
        head(ax, heading, subtitle, marks)
    else:
        page = Page(
            [each.title for each in maps] if len(maps) > 1 else [""],
            shape_of(maps[0].grid, maps[0].projection),
            title=plain(heading),
            subtitle=plain(subtitle),
            marks=marks,
            label=plain(label),
            columns=columns,
            figsize=figsize,
            theme=theme,
            dpi=dpi,
        )
        figure = _draw_page(page, maps, values, look, levels, significance)
    if path is not None:
        save(figure, Path(path), dpi)
    return figure


@dataclass(frozen=True)
class _Map:
    """What one map shows."""

    title: str
    prefix: str
    field: xr.Dataset
    grid: Grid
    projection: Projection | None
    attrs: dict[Any, Any]
    period: tuple[str, str] | None


def _check(ax: Any, significance: Any, theme: Any) -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError(
            "a map needs matplotlib, which is not installed here: pip install 'gridtrend[plot]'"
        ) from None
    if hasattr(ax, "projection"):
        raise TypeError(
            "trend_map() draws in plain Axes, and projects by itself, not on Axes of cartopy: leave ax out and "
            "give the projection, as in trend_map(result, projection=ax.projection), or give plain Axes"
        )
    if significance not in ("hatching", "stippling", None):
        raise ValueError(f"significance must be 'hatching', 'stippling' or None, not {significance!r}")
    if theme not in THEMES:
        raise ValueError(f"theme must be one of {', '.join(map(repr, THEMES))}, not {theme!r}")


def _maps(results: list[tuple[str, str, xr.Dataset]], name: Any, longitude: float | None) -> list[_Map]:
    maps = []
    for title, prefix, result in results:
        field = trend_field(result, prefix)
        grid = place(field["slope"])
        suitable = suitable_projection(grid, name, longitude) if grid.geographic else None
        period = period_of(result)
        maps.append(_Map(title, prefix, grid.arrange(field), grid, suitable, result.attrs, period))
    units = {str(each.field["slope"].attrs.get("units", "")): each.title for each in maps}
    if len(units) > 1:
        said = ", ".join(f"{title} ({unit or 'none'})" for unit, title in units.items())
        raise ValueError(
            f"maps with one colour bar need one unit, and these have several: {said}. Draw them one by one"
        )
    return maps


def _name(maps: list[_Map]) -> str:
    names = list(dict.fromkeys(data_name(each.field["slope"], each.prefix) for each in maps))
    return names[0] if len(names) == 1 else ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")


def _draw_page(
    page: Page,
    maps: list[_Map],
    values: list[np.ndarray],
    look: Look,
    levels: np.ndarray,
    significance: str | None,
) -> Figure:
    """Draw all maps in a figure of their own."""
    look = replace(look, size=page.size)
    drawn = [
        DrawnMap(ax, each.grid, value, each.projection, look)
        for ax, each, value in zip(page.axes, maps, values, strict=True)
    ]
    page.settle([each.shape for each in drawn])
    for one, each, (_, _, wide, _) in zip(drawn, maps, page.boxes, strict=True):
        mark(one, each.field, significance, wide, page.scale)
    notes = [share_of(each.field, significance) for each in maps] if len(maps) > 1 else [""]

    def bar(long: float, high: bool, size: float, label: str, cax: Axes) -> None:
        colour_bar(drawn[0].mappable, label, levels, long, high, size, partial(page.figure.colorbar, cax=cax))

    page.write(bar, notes)
    return page.figure


def _draw_in(
    ax: Axes, maps: list[_Map], values: np.ndarray, look: Look, levels: np.ndarray, label: str, significance: str | None
) -> Figure:
    """Draw a map in the user's axes."""
    if len(maps) > 1:
        raise ValueError(f"{len(maps)} maps do not fit in one Axes: leave ax out, and a figure is made for all of them")
    drawn = DrawnMap(ax, maps[0].grid, values, maps[0].projection, look)
    width, height = inches(ax, drawn.shape)
    mark(drawn, maps[0].field, significance, width, 1.0)
    high = shape_of(maps[0].grid, maps[0].projection) > HIGH
    # A narrow map does not fill the space of its axes.
    along, across = (height, width) if high else (width, height)
    fraction = float(np.clip(BAR_INCHES / across, 0.05, 0.6))
    figure = ax.get_figure(root=True)
    assert figure is not None
    draw = partial(ax.figure.colorbar, ax=ax, fraction=fraction, pad=0.03, aspect=along / (across * fraction))
    colour_bar(drawn.mappable, plain(label), levels, along, high, look.size, draw)
    return figure
