"""Boundary value problems: a column of 200 nodes in each of 20,000 cells, beside scipy's solvers."""

import statistics
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import dask
import numpy as np
import xarray as xr
from scipy.integrate import solve_bvp
from scipy.interpolate import CubicSpline
from scipy.linalg import solve_banded

import gridtrend  # noqa: F401
from benchmarks.harness import Comparison
from benchmarks.limits import bandwidth
from benchmarks.tables import Table, ratio, seconds, times
from benchmarks.timing import race, timed

ENTRIES = {("y1", "y1"): "a11", ("y1", "y2"): "a12", ("y2", "y1"): "a21", ("y2", "y2"): "a22"}
SOURCES = {"y1": "q1", "y2": "q2"}
# Of the mesh of the question: 26 nodes, steps from 1e-7 to 0.05.
WILD = np.array([0, 1e-4, 0.025, *np.linspace(0.05, 0.95, 19), 0.975, 0.999, 0.9999999, 1.0])


@cache
def columns(quick: bool) -> xr.Dataset:
    """Coefficients that differ in every cell, and the exact solution y1 = x exp(x), y2 = (1 - x) exp(x)."""
    n, lat, lon = (40, 4, 10) if quick else (200, 100, 200)
    u = np.linspace(0, 1, n)
    x = u + 0.05 * np.sin(2 * np.pi * u) / np.pi
    p = 1 + 0.1 * np.random.default_rng(0).random((4, 1, lat, lon))
    return coefficients(x[:, None, None], p).assign_coords(x=x)


def coefficients(x: Any, p: Any) -> xr.Dataset:
    y1, y2 = x * np.exp(x), (1 - x) * np.exp(x)
    a = [-0.1 * np.sin(x) * p[0], -2 * x * np.cos(x) * p[1], (x - 2) * p[2], x * p[3]]
    q = [(1 + x) * np.exp(x) - a[0] * y1 - a[1] * y2, -x * np.exp(x) - a[2] * y1 - a[3] * y2]
    names = ("a11", "a12", "a21", "a22", "q1", "q2")
    return xr.Dataset({name: (("x", "lat", "lon"), field) for name, field in zip(names, [*a, *q], strict=True)})


def ours(order: int) -> Callable[[xr.Dataset], Mapping[str, Any]]:
    def call(ds: xr.Dataset) -> Mapping[str, Any]:
        options = {"dim": "x", "left": {"y1": 0.0}, "right": {"y2": 0.0}, "order": order}
        return ds.gridtrend.solve_bvp(ENTRIES, SOURCES, **options)

    return call


def each_cell(solve: Callable[..., Any]) -> Callable[[xr.Dataset], Mapping[str, Any]]:
    """Run a solver of one cell in a loop over all."""

    def call(ds: xr.Dataset) -> Mapping[str, Any]:
        x = ds.x.values
        fields = [ds[name].values for name in (*ENTRIES.values(), *SOURCES.values())]
        y1, y2 = np.empty((2, *fields[0].shape))
        for at in np.ndindex(fields[0].shape[1:]):
            every = (slice(None), *at)
            y1[every], y2[every] = solve(x, *(field[every] for field in fields))
        return {"y1": y1, "y2": y2}

    return call


def banded(x: Any, a11: Any, a12: Any, a21: Any, a22: Any, q1: Any, q2: Any) -> tuple[Any, Any]:
    """The box scheme of one cell as a banded matrix: y1 = 0 at the left, then two rows an interval, then y2 = 0."""
    half = 0.5 * np.diff(x)
    bands, side = np.zeros((5, 2 * x.size)), np.zeros(2 * x.size)
    bands[2, 0] = bands[2, -1] = 1.0
    # Entry (row, column) stands in bands[2 + row - column, column].
    bands[3, 0:-2:2] = -1 - half * a11[:-1]
    bands[2, 1:-2:2] = -half * a12[:-1]
    bands[1, 2::2] = 1 - half * a11[1:]
    bands[0, 3::2] = -half * a12[1:]
    bands[4, 0:-2:2] = -half * a21[:-1]
    bands[3, 1:-2:2] = -1 - half * a22[:-1]
    bands[2, 2::2] = -half * a21[1:]
    bands[1, 3::2] = 1 - half * a22[1:]
    side[1:-1:2] = half * (q1[:-1] + q1[1:])
    side[2:-1:2] = half * (q2[:-1] + q2[1:])
    y = solve_banded((2, 2), bands, side, overwrite_ab=True, overwrite_b=True, check_finite=False)
    return y[::2], y[1::2]


def interpolated(x: Any, *fields: Any, between: Callable[..., Any], tol: float, max_nodes: int = 20_000) -> Any:
    """scipy.integrate.solve_bvp of one cell, with coefficients interpolated between the nodes."""
    a11, a12, a21, a22, q1, q2 = (between(x, field) for field in fields)

    def right_side(t: Any, y: Any) -> Any:
        return np.vstack([a11(t) * y[0] + a12(t) * y[1] + q1(t), a21(t) * y[0] + a22(t) * y[1] + q2(t)])

    def ends(left: Any, right: Any) -> Any:
        return np.array([left[0], right[1]])

    return solve_bvp(right_side, ends, x, np.zeros((2, x.size)), tol=tol, max_nodes=max_nodes)


def linear(x: Any, field: Any) -> Callable[[Any], Any]:
    return lambda t: np.interp(t, x, field)


def by_solve_bvp(x: Any, *fields: Any) -> Any:
    return interpolated(x, *fields, between=linear, tol=1e-3).sol(x)


COMPARISONS = [
    Comparison(
        "order 2, error estimate, status",
        "scipy solve_banded loop, solution alone",
        "scipy",
        columns,
        ours(2),
        each_cell(banded),
        # Two eliminations of the same matrix.
        {"y1": 1e-11, "y2": 1e-11},
        rows=20,
    ),
    Comparison(
        "order 2, error estimate, status",
        "scipy solve_bvp loop, coefficients interpolated linearly, tol=1e-3",
        "scipy",
        columns,
        ours(2),
        each_cell(by_solve_bvp),
        # Two methods with errors of their own.
        {"y1": 1e-3, "y2": 1e-3},
        rows=4,
    ),
]


def orders(quick: bool, laps: int) -> Table:
    """Time and error of each order, beside the time that the same bytes take to copy."""
    ds = columns(quick)
    x = ds.x
    calls = [partial(ours(order), ds) for order in (2, 4, 6)]
    results = [call() for call in calls]
    with dask.config.set(scheduler="synchronous"):
        took = [statistics.median(side) for side in race(calls, laps, 60)]
    moved = sum(ds[name].nbytes for name in ds) + results[0]["y1"].nbytes + results[0]["y2"].nbytes
    limit = moved / bandwidth(quick)
    exact = {"y1": x * np.exp(x), "y2": (1 - x) * np.exp(x)}
    rows = []
    for order, out, time in zip((2, 4, 6), results, took, strict=True):
        error = max(float(abs(out[name] - y).max()) for name, y in exact.items())
        rows.append((f"order {order}", error, float(out["error_estimate"].max()), time, time / took[0], time / limit))
    columns_ = {
        "what": str,
        "error": "{:.1e}".format,
        "estimated": "{:.1e}".format,
        "takes": seconds,
        "of order 2": times,
        "of copying": times,
    }
    size = " x ".join(str(size) for size in ds.sizes.values())
    notes = [
        f"{size} cells of two states, all coefficients different; each with error estimate, residual and status",
        f"of copying: the time in which this machine copies the {moved / 1e6:,.0f} MB that go in and come out, {seconds(limit)}",
    ]
    return Table("orders and the limit of the machine", columns_, rows, notes)


def accuracy(quick: bool, laps: int) -> Table:
    """Error from values at nodes alone, beside solve_bvp on interpolated coefficients, in one cell."""
    rows = [row for x in (WILD, np.linspace(0, 1, 50 if quick else 200)) for row in accuracy_on(x)]
    columns_ = {
        "nodes given": str,
        "what": str,
        "nodes used": "{:,}".format,
        "error": "{:.1e}".format,
        "of order 6": ratio,
        "takes": seconds,
    }
    notes = [
        "one cell; the 26 nodes have steps from 1e-7 to 0.05",
        "of order 6: its error to that of order 6; processor time",
    ]
    return Table("accuracy with coefficients at nodes alone", columns_, rows, notes)


def accuracy_on(x: Any) -> list[tuple[Any, ...]]:
    ds = coefficients(x[:, None, None], np.ones((4, 1, 1, 1))).assign_coords(x=x)
    exact = np.array([x * np.exp(x), (1 - x) * np.exp(x)])
    fields = [ds[name].values[:, 0, 0] for name in ds]
    found = []
    for order in (2, 4, 6):
        out, took = clocked(partial(ours(order), ds))
        y = np.array([out["y1"].values[:, 0, 0], out["y2"].values[:, 0, 0]])
        found.append((f"order {order}", x.size, float(np.abs(y - exact).max()), took))
    for name, between, tol in SCIPY:
        solved, took = clocked(partial(interpolated, x, *fields, between=between, tol=tol))
        error = float(np.abs(solved.sol(x) - exact).max())
        found.append((f"solve_bvp, {name}, tol={tol:g}", solved.x.size, error, took))
    best = found[2][2]
    return [(f"{x.size}", name, used, error, error / best, took) for name, used, error, took in found]


def clocked(call: Callable[[], Any]) -> tuple[Any, float]:
    """What the second of two calls returns, and the processor time that it took."""
    call()
    kept: list[Any] = []
    took = timed(lambda: kept.append(call()))
    return kept[0], took


SCIPY = (
    ("linear interpolation", linear, 1e-6),
    ("cubic spline", CubicSpline, 1e-6),
    ("cubic spline", CubicSpline, 1e-9),
)
TABLES = [orders, accuracy]
