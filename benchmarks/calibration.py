"""How far each method can be trusted: false alarms, power, slopes and limits in series of known making.

Not a race: `python -m benchmarks calibration --write` puts the tables into docs/calibration.md.
"""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import gridtrend as gt
from benchmarks.tables import Table

DOCUMENT = Path(__file__).parents[1] / "docs/calibration.md"
COMPARISONS: list = []
LENGTHS = (15, 30, 60, 120)
PERSISTENCE = (0.0, 0.4, 0.7)
# Change over the whole record, in standard deviations of the noise.
CHANGE = 2.0

# Of `mann_kendall`; other tests of a trend stand below.
METHODS: dict[str, dict[str, Any]] = {
    "original": {},
    "original, exact p": {"p_value": "auto"},
    "ar1": {"method": "ar1"},
    "ar1, bias_correction=False": {"method": "ar1", "bias_correction": False},
    "wang_swail": {"method": "wang_swail"},
    "wang_swail, bias_correction=False": {"method": "wang_swail", "bias_correction": False},
    "hamed_rao": {"method": "hamed_rao"},
    "hamed_rao, lag='all'": {"method": "hamed_rao", "lag": "all"},
    "yue_wang": {"method": "yue_wang"},
    "yue_wang, lag='all'": {"method": "yue_wang", "lag": "all"},
    "prewhitening": {"method": "prewhitening"},
    "tfpw": {"method": "tfpw"},
    "vctfpw": {"method": "vctfpw"},
    "3pw": {"method": "3pw"},
    "block_bootstrap": {"method": "block_bootstrap", "resamples": 500},
    "ltp": {"method": "ltp"},
}
OTHERS: dict[str, Callable[[xr.DataArray], xr.Dataset]] = {
    "spearman_rho": gt.spearman_rho,
    "cox_stuart": gt.cox_stuart,
    "quantile_trend, q=0.5": functools.partial(gt.quantile_trend, q=0.5),
}
TRIALS = {name: functools.partial(gt.mann_kendall, **options) for name, options in METHODS.items()} | OTHERS
# Series for each figure: a rate of 5 % is known to 0.3 % (4,000 series) or 1 % (the two slow methods).
SERIES = {"block_bootstrap": 400, "ltp": 400, "quantile_trend, q=0.5": 1000}
MANY = 4000


def noise(n: int, count: int, r1: float, seed: int = 0) -> xr.DataArray:
    """Independent AR(1) series of unit variance, started in equilibrium."""
    rng = np.random.default_rng([seed, n, round(100 * r1)])
    shocks = rng.normal(size=(n, count))
    y = shocks.copy()
    for i in range(1, n):
        y[i] = r1 * y[i - 1] + np.sqrt(1.0 - r1 * r1) * shocks[i]
    return xr.DataArray(y, dims=("time", "series"))


def rejected(da: xr.DataArray, options: dict[str, Any]) -> float:
    """Share of series that a method calls a trend at the 5 % level; what it cannot judge counts as none."""
    return float((gt.mann_kendall(da, slope=False, **options)["trend"] != 0).mean())


def judged(change: float, quick: bool) -> list[tuple[Any, ...]]:
    """One row a method: shares of rejections, mean slopes over the true one, and shares of limits that hold it."""
    import warnings

    rows = []
    for name, trial in TRIALS.items():
        count = 50 if quick else SERIES.get(name, MANY)
        row = []
        for r1 in PERSISTENCE:
            for n in LENGTHS[:1] if quick else LENGTHS:
                true = change / (n - 1)
                with warnings.catch_warnings():
                    # All lags of Yue and Wang are shown here for what they do.
                    warnings.simplefilter("ignore", UserWarning)
                    result = trial(with_trend(noise(n, count, r1), change))
                found = float((result["trend"] != 0).mean())
                if "slope" not in result:
                    row.append((found, math.nan, math.nan))
                    continue
                # A limit that no rank reaches excludes nothing.
                inside = ~((result["slope_lower"] > true) | (result["slope_upper"] < true))
                slope = float(result["slope"].mean()) / true if change else 1.0
                row.append((found, slope, float(inside.mean())))
        rows.append((name, *row))
    return rows


def with_trend(da: xr.DataArray, change: float) -> xr.DataArray:
    """A rise of `change` over the record added to each series."""
    return da + change * xr.DataArray(np.linspace(0.0, 1.0, da.sizes["time"]), dims="time")


@functools.cache
def judged_once(change: float, quick: bool) -> list[tuple[Any, ...]]:
    """The same, for several tables."""
    return judged(change, quick)


def tenths(share: float) -> str:
    """Percent to the digit that is known."""
    return f"{share:.1%}"


def table(title: str, change: float, which: int, notes: list[str], quick: bool, **kwargs: Any) -> Table:
    """One kind of figure under one trend."""
    lengths = LENGTHS[:1] if quick else LENGTHS
    columns: dict[str, Any] = {"method": str}
    columns |= {f"r1={r1:g} n={n}": tenths for r1 in PERSISTENCE for n in lengths}
    rows = [(name, *(figures[which] for figures in row)) for name, *row in judged_once(change, quick)]
    # Tests without slopes have no figures in half of the tables.
    rows = [row for row in rows if not math.isnan(row[1])]
    return Table(title, columns, rows, notes, **kwargs)


def without_trend(quick: bool, laps: int) -> Table:
    notes = ["share of AR(1) series without any trend in which one is found at the 5 % level: 5 % is right"]
    return table("False alarms", 0.0, 0, notes, quick)


def power(quick: bool, laps: int) -> Table:
    notes = [
        f"share of the same series in which a trend is found when {CHANGE:g} standard deviations are added over the record",
        "only worth comparing where false alarms are alike",
    ]
    return table("Power", CHANGE, 0, notes, quick)


def slopes(quick: bool, laps: int) -> Table:
    return table("Slopes", CHANGE, 1, ["mean slope over the true one, in the same series: 100 % is right"], quick)


def limits(quick: bool, laps: int) -> Table:
    notes = [
        "share of the same series whose 95 % limits hold the true slope; a limit that is missing excludes none",
        (
            f"{MANY:,} series a figure ({SERIES['ltp']:,} for block_bootstrap, of 500 replicates, and ltp, "
            f"{SERIES['quantile_trend, q=0.5']:,} for quantile_trend), normal noise"
        ),
    ]
    return table("Limits", CHANGE, 2, notes, quick, plot=draw)


def draw(path: Path, tables: list[Table]) -> None:
    """False alarms against persistence, one panel a length."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from matplotlib.ticker import PercentFormatter

    style = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True}
    with pyplot.rc_context(style | {"grid.color": "0.9", "axes.titlesize": 9, "legend.frameon": False}):
        figure, axes = pyplot.subplots(1, len(LENGTHS), figsize=(11, 3.4), layout="constrained", sharey=True)
        for panel, axis in enumerate(axes):
            for row, colour in zip(tables[0].rows, pyplot.get_cmap("tab20").colors, strict=False):
                axis.plot(
                    PERSISTENCE, row[1 + panel :: len(LENGTHS)], marker="o", markersize=3, color=colour, label=row[0]
                )
            axis.axhline(0.05, color="0.2", linewidth=0.8)
            axis.set_title(f"{LENGTHS[panel]} steps, no trend", loc="left")
            axis.set_xlabel("lag-1 autocorrelation")
            axis.set_xticks(PERSISTENCE)
            axis.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes[0].set_ylabel("false alarms at the 5 % level")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
        figure.savefig(path, dpi=110)
        pyplot.close(figure)


TABLES = [without_trend, power, slopes, limits]
