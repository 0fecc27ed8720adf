"""Parts of all maps: axes of the size of a page, ticks, coastlines, title and legend, and writing of files."""

from __future__ import annotations

import os
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gridtrend.plot.labels import degrees, plain
from gridtrend.plot.map_grid import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

# The grey of cells without a result.
MISSING = "0.82"


def new_axes(grid: Grid, dpi: float) -> Axes:
    """Return axes in a new figure, which is at most as wide as a page (180 mm)."""
    from matplotlib.figure import Figure

    width = min(5.4, 5.6 / grid.shape) if grid.high else 6.4
    height = width * grid.shape
    size = (
        (max(width + 1.6, 5.0), height + 0.9) if grid.high else (7.0, height + (1.5 if grid.proportion > 0.1 else 1.8))
    )
    return Figure(size, dpi=dpi, layout="compressed").add_subplot()


def finish(ax: Axes, grid: Grid) -> None:
    """Give the axes their limits, aspect, ticks and coastlines."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.set_aspect(grid.aspect, adjustable="box")
    ax.tick_params(labelsize=8, length=2.5, width=0.6)
    ax.spines[:].set_linewidth(0.6)
    ax.set_xlabel(plain(grid.labels[0]), fontsize=9, parse_math=False)
    ax.set_ylabel(plain(grid.labels[1]), fontsize=9, parse_math=False)
    if grid.vertical:
        low, high = sorted(ax.get_ylim())
        # The edge of the first cell is half a step before its centre, which can be below zero.
        low = max(low, 0.0) if grid.y.min() >= 0 else low
        ax.set_ylim((high, low) if grid.downward else (low, high))
    if grid.geographic:
        if grid.outlines is not None and grid.outlines.west is not None:
            ax.set_xlim(grid.outlines.west, grid.outlines.west + 360)
        south, north = ax.get_ylim()
        ax.set_ylim(max(south, -90), min(north, 90))
        width, height = inches(ax, grid.shape)
        for axis, letters, most in ((ax.xaxis, "EW", width / 0.7), (ax.yaxis, "NS", height / 0.35)):
            wide = np.ptp(axis.get_view_interval()) > 100
            steps = [1, 1.5, 3, 6, 9, 10] if wide else [1, 2, 5, 10]
            axis.set_major_locator(MaxNLocator(int(np.clip(most, 2, 7)), steps=steps))
            axis.set_major_formatter(FuncFormatter(degrees(letters)))
        _coastlines(ax)


def _coastlines(ax: Axes) -> None:
    """Draw natural-earth coastlines if this machine has them."""
    try:
        from cartopy import config
    except ImportError:
        return
    # cartopy's own functions would download missing files.
    roots = [Path(config[key]) for key in ("pre_existing_data_dir", "data_dir")]
    scales = ("110m", "50m", "10m") if np.ptp(ax.get_xlim()) > 120 else ("50m", "10m", "110m")
    name = "shapefiles/natural_earth/physical/ne_{}_coastline.shp"
    files = [root / name.format(scale) for scale in scales for root in roots]
    for file in filter(Path.is_file, files):
        from cartopy.io.shapereader import Reader
        from matplotlib.collections import LineCollection

        shapes = Reader(file).geometries()
        coasts = [part for shape in shapes for part in getattr(shape, "geoms", [shape])]
        lines = [np.add(c.coords, (turn, 0)) for c in coasts for turn in (-360, 0, 360)]
        drawn = LineCollection(lines, colors="0.15", linewidths=0.5, gid="coastlines")
        ax.add_collection(drawn, autolim=False)
        return


def head(ax: Axes, title: str, subtitle: str, marks: list[Patch]) -> None:
    """Stack title, subtitle and legend above the map, flush left."""
    width, _ = inches(ax, shape=0)
    below = 4.0
    if marks:
        # A letter of 8 points is about 0.059 inches wide, a patch with its margins half an inch.
        needed = sum(0.5 + 0.059 * len(str(mark.get_label())) for mark in marks)
        columns = len(marks) if width > needed else 1
        legend = ax.legend(
            handles=marks,
            ncols=columns,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            borderpad=0.3,
            borderaxespad=0.2,
            handleheight=1.1,
            fontsize=8,
            frameon=False,
        )
        # The layout reserves space for the title only; the legend must not shrink the map.
        legend.set_in_layout(False)
        for text in legend.get_texts():
            text.set_parse_math(False)
        below += 14 * len(marks) / columns
    if subtitle:
        ax.annotate(
            plain(subtitle),
            xy=(0, 1),
            xytext=(0, below),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=9,
            in_layout=False,
            parse_math=False,
        )
        below += 13
    # A bold letter of 11 points is about 0.095 inches wide.
    wrapped = textwrap.fill(plain(title), max(20, int(width / 0.095))) or " "
    ax.set_title(wrapped, loc="left", pad=below, fontsize=11, fontweight="bold", parse_math=False)


def inches(ax: Axes, shape: float) -> tuple[float, float]:
    """Return about how wide and high the map is on paper."""
    box = ax.get_position(original=True).transformed(ax.figure.transFigure)
    width, height = box.width / ax.figure.dpi, box.height / ax.figure.dpi
    width = min(width, height / shape) if shape else width
    return width, width * shape


def save(figure: Figure, path: Path, dpi: float) -> None:
    """Write a temporary file in the same folder and rename it: after a failure an old picture is unchanged."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".map") as folder:
        figure.savefig(Path(folder, path.name), dpi=dpi)
        os.replace(Path(folder, path.name), path)
