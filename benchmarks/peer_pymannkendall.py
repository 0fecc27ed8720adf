"""Tests for serial correlation, seasons, sites and covariates against pymannkendall, which takes one series at a time."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

import gridtrend as gt
from benchmarks.harness import Comparison, Outputs
from benchmarks.trend import WORLD, rain, small, two_fields

NAMES = ("p_value", "z", "tau", "s", "var_s", "slope", "intercept")
# Its p is a difference from one, whose smallest values keep few digits.
AGREE = dict.fromkeys(NAMES, 1e-12) | {"p_value": 1e-8}
MONTHS = (600, 12, 16)


def yearly(quick: bool) -> xr.DataArray:
    return rain(small(WORLD) if quick else WORLD)


def persistent(quick: bool) -> xr.DataArray:
    """Years that resemble those before them: AR(1) noise of coefficient 0.5, a trend in every cell."""
    shape = small(WORLD) if quick else WORLD
    shocks = np.random.default_rng(1).normal(size=shape)
    values = shocks.copy()
    for i in range(1, shape[0]):
        values[i] = 0.5 * values[i - 1] + shocks[i]
    values += np.linspace(0.0, 2.0, shape[0])[:, None, None]
    return xr.DataArray(values, dims=("time", "lat", "lon"), name="anomaly")


def months(quick: bool) -> xr.DataArray:
    """Fifty years of monthly rain."""
    return rain((48, 5, 6) if quick else MONTHS).drop_vars("time")


def each_series(test: str, **options: Any) -> Callable[[xr.DataArray], Outputs]:
    """One call of pymannkendall for each cell, as its users do."""

    def loop(grid: xr.DataArray) -> Outputs:
        return answers([call(test)(y, **options) for y in grid.values.reshape(len(grid), -1).T], grid.shape[1:])

    return loop


def each_row(test: str) -> Callable[[xr.DataArray], Outputs]:
    """One call for each latitude, whose longitudes are the sites."""

    def loop(grid: xr.DataArray) -> Outputs:
        return answers([call(test)(grid.values[:, y]) for y in range(grid.sizes["lat"])], grid.shape[1:2])

    return loop


def each_pair(test: str) -> Callable[[xr.Dataset], Outputs]:
    def loop(pair: xr.Dataset) -> Outputs:
        x, y = (pair[name].values.reshape(len(pair.x), -1).T for name in "xy")
        return answers([call(test)(np.stack(both, axis=1)) for both in zip(x, y, strict=True)], pair.x.shape[1:])

    return loop


def call(test: str) -> Callable[..., Any]:
    """A function of the peer, which need not be installed for its row to be listed."""
    return getattr(importlib.import_module("pymannkendall"), test)


def answers(results: list[Any], shape: tuple[int, ...]) -> Outputs:
    values = np.array([result[2:] for result in results], dtype=float).T
    return {name: one.reshape(shape) for name, one in zip(NAMES, values, strict=True)}


def ours(function: Callable[..., xr.Dataset], **options: Any) -> Callable[[Any], Outputs]:
    """The same outputs: no confidence limits, which pymannkendall has not."""
    return lambda grid: function(grid, ci=None, compat="pymannkendall", **options)


def against(
    task: str, data: Callable[[bool], Any], mine: Callable[[Any], Outputs], theirs: Callable[[Any], Outputs], rows: int
) -> Comparison:
    return Comparison(task, "pymannkendall loop", "pymannkendall", data, mine, theirs, AGREE, rows=rows)


SEASONAL = ours(gt.seasonal_mann_kendall, period=12)
CORRELATED = ours(gt.seasonal_mann_kendall, period=12, correlated=True)
PAIRS_OF_YEARS = ours(gt.seasonal_mann_kendall, period=2, correlated=True)

# Three lags of Hamed and Rao: over all of them the peer's variance comes out negative in some cells.
SERIAL: dict[str, tuple[str, dict[str, Any]]] = {
    "hamed_rao": ("hamed_rao_modification_test", {"lag": 3}),
    "yue_wang": ("yue_wang_modification_test", {}),
    "prewhitening": ("pre_whitening_modification_test", {}),
    "tfpw": ("trend_free_pre_whitening_modification_test", {}),
}

COMPARISONS = [
    *(
        against(
            f"mann_kendall, {method}",
            persistent,
            ours(gt.mann_kendall, method=method, **lag),
            each_series(test, **lag),
            2,
        )
        for method, (test, lag) in SERIAL.items()
    ),
    against("seasonal, 12 steps", yearly, SEASONAL, each_series("seasonal_test", period=12), 4),
    against("seasonal, 12 steps", months, SEASONAL, each_series("seasonal_test", period=12), 2),
    against(
        "seasonal, 2 steps, correlated", yearly, PAIRS_OF_YEARS, each_series("correlated_seasonal_test", period=2), 2
    ),
    against(
        "seasonal, 12 steps, correlated", months, CORRELATED, each_series("correlated_seasonal_test", period=12), 2
    ),
    against("regional", yearly, ours(gt.regional_mann_kendall, over="lon"), each_row("regional_test"), 8),
    against(
        "partial",
        two_fields,
        lambda pair: gt.partial_mann_kendall(pair.x, pair.y, ci=None, compat="pymannkendall"),
        each_pair("partial_test"),
        2,
    ),
]
