"""How time grows with the length of the record, the number of cells and the share of missing values."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

import gridtrend as gt
from benchmarks.harness import run
from benchmarks.tables import Table, percent, seconds, whole
from benchmarks.timing import medians
from benchmarks.trend import rain

COMPARISONS: list = []
TASKS = {
    "test alone": {"slope": False},
    "with slope": {"ci": None},
    "with slope and limits": {},
}


def curve(title: str, name: str, write: Any, points: Iterable[tuple[Any, xr.DataArray]], laps: int, note: str) -> Table:
    """Time of each task a cell at every point."""
    rows = []
    for value, grid in points:
        tasks = [partial(gt.mann_kendall, per="step", **options) for options in TASKS.values()]
        took = medians([partial(run, task, grid) for task in tasks], laps, budget=10)
        rows.append((value, *(each / grid[0].size for each in took)))
    columns = {name: write} | dict.fromkeys(TASKS, seconds)
    notes = [f"processor time a cell on one thread, float64; {note}"]
    return Table(title, columns, rows, notes)


def length(quick: bool, laps: int) -> Table:
    """Pairs grow with the square of the length, until series are sorted instead."""
    lengths = (10, 20) if quick else (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
    # Whole tiles of 16 cells; many of them where one takes next to no time, few cells where one takes long.
    points = ((n, rain((n, 16 if n <= 20_000 else 4, max(1, 2000 // n)))) for n in lengths)
    return curve("length of the record", "steps", whole, points, laps, "4 to 3,200 cells")


def cells(quick: bool, laps: int) -> Table:
    """A call has a price of its own, which many cells share."""
    sides = (1, 2) if quick else (1, 4, 16, 64, 256, 512)
    points = ((side * side, rain((46, side, side))) for side in sides)
    return curve("number of cells", "cells", whole, points, laps, "46 steps")


def missing(quick: bool, laps: int) -> Table:
    """A missing value leaves its pairs uncounted and its lane as it was."""
    shape = (24, 5, 6) if quick else (46, 72, 96)
    shares = (0.0, 0.5) if quick else (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
    points = ((share, rain(shape, share)) for share in shares)
    table = curve("missing values", "missing", percent, points, laps, " x ".join(map(str, shape)))
    return Table(table.title, table.columns, table.rows, table.notes, plot=draw)


def draw(path: Path, tables: list[Table]) -> None:
    """All curves in one small picture."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.ticker import PercentFormatter

    style = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True}
    with pyplot.rc_context(style | {"grid.color": "0.9", "axes.titlesize": 9, "legend.frameon": False}):
        figure, axes = pyplot.subplots(1, len(tables), figsize=(9, 2.9), layout="constrained")
        for axis, table in zip(axes, tables, strict=True):
            x, *curves = zip(*table.rows, strict=True)
            for name, y, colour in zip(TASKS, curves, ("#1b6ca8", "#e08e1b", "#b5304a"), strict=True):
                axis.plot(x, [1e6 * value for value in y], marker="o", markersize=3, color=colour, label=name)
            axis.set_title(table.title, loc="left")
            axis.set_xlabel(next(iter(table.columns)))
            if table is tables[-1]:
                axis.set_ylim(0)
                axis.xaxis.set_major_formatter(PercentFormatter(1.0))
            else:
                axis.set(xscale="log", yscale="log")
        axes[0].set_ylabel("µs a cell")
        axes[0].legend()
        figure.savefig(path, dpi=110)
        pyplot.close(figure)


TABLES = [length, cells, missing]
