"""Parts of all maps: ticks of flat maps, title and legend in axes of the user's, and writing of files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gridtrend.plot.labels import degrees, plain
from gridtrend.plot.map_grid import Grid
from gridtrend.plot.projections import Projection
from gridtrend.plot.text_size import width, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch


def finish(ax: Axes, grid: Grid, projection: Projection | None = None, size: float = 8.0) -> None:
    """Give the axes of a flat map their limits, aspect and ticks."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    ax.set_aspect(grid.aspect, adjustable="box")
    ax.tick_params(labelsize=size, length=2.5, width=0.6)
    ax.spines[:].set_linewidth(0.6)
    ax.set_xlabel(plain(grid.labels[0]), fontsize=9 / 8 * size, parse_math=False)
    ax.set_ylabel(plain(grid.labels[1]), fontsize=9 / 8 * size, parse_math=False)
    if grid.vertical:
        low, high = sorted(ax.get_ylim())
        # The edge of the first cell is half a step before its centre, which can be below zero.
        low = max(low, 0.0) if grid.y.min() >= 0 else low
        ax.set_ylim((high, low) if grid.downward else (low, high))
    if projection is not None and grid.around:
        west, east = ax.get_xlim()
        if grid.x.ndim == 2 or east - west > 360 or abs((west + east) / 2 - projection.longitude) > 1e-6:
            ax.set_xlim(projection.longitude - 180, projection.longitude + 180)
    if grid.geographic:
        south, north = ax.get_ylim()
        ax.set_ylim(max(south, -90), min(north, 90))
    wide, high = inches(ax, grid.shape)
    letters = ("EW", "NS") if grid.geographic else ("", "")
    for axis, named, most in ((ax.xaxis, letters[0], wide / 0.09 / size), (ax.yaxis, letters[1], high / 0.045 / size)):
        first, last = sorted(axis.get_view_interval())
        steps = ([1, 1.5, 3, 6, 9, 10] if last - first > 100 else [1, 2, 5, 10]) if named else [1, 2, 2.5, 5, 10]
        ticks: Any = MaxNLocator(int(np.clip(most, 2, 7)), steps=steps).tick_values(first, last)
        span = last - first
        axis.set_major_locator(FixedLocator(ticks[(ticks >= first - 1e-9 * span) & (ticks <= last + 1e-9 * span)]))
        if named:
            axis.set_major_formatter(FuncFormatter(degrees(named)))


def head(ax: Axes, title: str, subtitle: str, marks: list[tuple[Patch, str]]) -> None:
    """Stack title, subtitle and legend above the map, flush left."""
    inside, _ = inches(ax, shape=0)
    below = 4.0
    if marks:
        columns = len(marks) if inside > sum(0.5 + width(text, 8) for _, text in marks) else 1
        lines = ["\n".join(wrap(text, 8, max(inside - 0.5, 0.5))) for _, text in marks]
        legend = ax.legend(
            handles=[patch for patch, _ in marks],
            labels=lines,
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
        rows = [line.count("\n") + 1 for line in lines]
        below += 14 * (max(rows) if columns > 1 else sum(rows))
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
    wrapped = "\n".join(wrap(plain(title), 11, max(inside, 1.0), weight="bold", most=3)) or " "
    ax.set_title(wrapped, loc="left", pad=below, fontsize=11, fontweight="bold", parse_math=False)


def inches(ax: Axes, shape: float) -> tuple[float, float]:
    """Return about how wide and high the map is on paper."""
    box = ax.get_position(original=True).transformed(ax.figure.transFigure)
    wide, high = box.width / ax.figure.dpi, box.height / ax.figure.dpi
    wide = min(wide, high / shape) if shape else wide
    return wide, wide * shape


def save(figure: Figure, path: Path, dpi: float) -> None:
    """Write a temporary file in the same folder and rename it: after a failure an old picture is unchanged."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".map") as folder:
        figure.savefig(Path(folder, path.name), dpi=dpi)
        os.replace(Path(folder, path.name), path)
