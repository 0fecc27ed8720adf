"""The relatives of the Mann-Kendall test against loops over cells, as users of one-series functions write them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.stats
import xarray as xr

import gridtrend as gt
from benchmarks import peer_pymannkendall
from benchmarks.harness import Comparison, Outputs, run
from benchmarks.tables import Table, seconds, times, whole
from benchmarks.timing import medians
from benchmarks.trend import EXACT, ROUNDING, WORLD, each_cell, field, rain, small


def linregress_loop(grid: xr.DataArray) -> Outputs:
    steps = np.arange(len(grid))

    def series(y: np.ndarray) -> tuple[float, ...]:
        line = scipy.stats.linregress(steps, y)
        return line.slope, line.intercept, line.stderr, line.pvalue

    return each_cell(series, "slope intercept stderr p_value", grid)


def santer_loop(grid: xr.DataArray) -> Outputs:
    """The effective number of values by NumPy and scipy, as in analysis scripts."""
    steps = np.arange(len(grid))
    squares = ((steps - steps.mean()) ** 2).sum()

    def series(y: np.ndarray) -> tuple[float, ...]:
        line = scipy.stats.linregress(steps, y)
        e = y - line.intercept - line.slope * steps
        r1 = (e[1:] * e[:-1]).sum() / (e**2).sum()
        n = len(y) * min(1.0, (1 - r1) / (1 + r1))
        stderr = np.sqrt((e**2).sum() / (n - 2) / squares)
        width = scipy.stats.t.isf(0.025, n - 2) * stderr
        p = 2 * scipy.stats.t.sf(abs(line.slope) / stderr, n - 2)
        return line.slope, stderr, p, line.slope - width, line.slope + width, r1, n

    return each_cell(series, "slope stderr p_value slope_lower slope_upper r1 n_effective", grid)


def pyhomogeneity_loop(function: str, scale: Callable[[int], float] = lambda n: 1.0, sim: int | None = None) -> Any:
    """One of its tests in a loop; `scale` turns its statistic, of the standard deviation with n, into that with n - 1."""

    def loop(grid: xr.DataArray) -> Outputs:
        import pyhomogeneity

        test = getattr(pyhomogeneity, function)

        def series(y: np.ndarray) -> tuple[float, ...]:
            _, last, p, statistic, means = test(y, sim=sim)
            return statistic * scale(len(y)), np.nan if p is None else min(p, 1), last - 1, *means

        return each_cell(series, "statistic p_value change_time mean_before mean_after", grid)

    return loop


def without_dates(function: Callable[..., xr.Dataset], **options: Any) -> Callable[[xr.DataArray], xr.Dataset]:
    """A change-point test that tells steps, as the peer does."""
    return lambda grid: function(grid.drop_vars("time"), **options)


CHANGE = {"statistic": ROUNDING, "change_time": EXACT, "mean_before": ROUNDING, "mean_after": ROUNDING}


def change_points() -> list[Comparison]:
    """Each test with what the peer does by formula or not at all (p), and SNHT with the p that both simulate."""
    tests = (
        ("pettitt", gt.pettitt, {}, "pettitt_test", lambda n: 1.0),
        ("snht", gt.snht, {}, "snht_test", lambda n: 1.0),
        ("buishand, range", gt.buishand, {}, "buishand_range_test", lambda n: np.sqrt((n - 1) / n)),
        ("buishand, U", gt.buishand, {"statistic": "u"}, "buishand_u_test", lambda n: (n - 1) / n),
    )
    return [
        Comparison(
            task=name if name == "pettitt" else f"{name} (peer: without p)",
            peer="pyhomogeneity loop",
            package="pyhomogeneity",
            data=field(WORLD),
            ours=without_dates(function, **options),
            theirs=pyhomogeneity_loop(theirs, scale),
            agree=CHANGE | ({"p_value": ROUNDING} if name == "pettitt" else {}),
            rows=2,
        )
        for name, function, options, theirs, scale in tests
    ]


COMPARISONS = [
    Comparison(
        task="linear_trend(effective=None)",
        peer="scipy loop: linregress",
        package="scipy",
        data=field(WORLD),
        ours=partial(gt.linear_trend, per="step", effective=None),
        theirs=linregress_loop,
        agree=dict.fromkeys(("slope", "intercept", "stderr", "p_value"), 1e-11),
        rows=5,
    ),
    Comparison(
        task="linear_trend",
        peer="scipy loop: linregress, effective n",
        package="scipy",
        data=field(WORLD),
        ours=partial(gt.linear_trend, per="step"),
        theirs=santer_loop,
        agree=dict.fromkeys(("slope", "stderr", "p_value", "slope_lower", "slope_upper", "r1", "n_effective"), 1e-11),
        rows=5,
    ),
    *change_points(),
    *peer_pymannkendall.COMPARISONS,
]


def known(write: Callable[[float], str]) -> Callable[[float | None], str]:
    """A figure, or nothing where there is no peer."""
    return lambda value: "" if value is None else write(value)


def computed(p: xr.DataArray, method: str) -> xr.Dataset:
    return gt.field_significance(p, method=method).compute()


def field_significance(quick: bool, laps: int) -> Table:
    """All p-values of a field at once, lazily in 16 chunks, beside the peers that take them from memory."""
    rows = []
    cells = 10_000 if quick else 1_000_000
    values = np.random.default_rng(0).random((100, cells // 100)) ** 1.2
    lazy = xr.DataArray(values, dims=("lat", "lon")).chunk(lat=25, lon=cells // 400)
    peers: dict[str, Callable[[], Any]] = {
        "bh": lambda: scipy.stats.false_discovery_control(values, axis=None, method="bh"),
        "by": lambda: scipy.stats.false_discovery_control(values, axis=None, method="by"),
    }
    for method, peer in peers.items():
        ours = partial(run, partial(computed, method=method), lazy)
        difference = np.max(np.abs(ours()["p_adjusted"] - np.reshape(peer(), values.shape)))
        assert float(difference) < ROUNDING
        took = medians([ours, peer], laps)
        rows.append((method, cells, *took, took[1] / took[0]))
    for method in ("bky", "walker"):
        (took_alone,) = medians([partial(run, partial(computed, method=method), lazy)], laps)
        rows.append((method, cells, took_alone, None, None))
    grid = rain(small(WORLD) if quick else WORLD)
    permuted = partial(gt.field_significance, method="maxt", permutations=20 if quick else 100)
    (took_permuted,) = medians([partial(run, permuted, grid)], 1)
    rows.append((f"maxt, {20 if quick else 100} permutations", grid[0].size, took_permuted, None, None))
    columns = {"method": str, "cells": whole, "gridtrend": seconds, "scipy": known(seconds), "ratio": known(times)}
    notes = ["processor time on one thread; gridtrend from 16 lazy chunks, scipy from one array in memory"]
    return Table("field significance of many cells", columns, rows, notes)


TABLES = [field_significance]
