"""Mann-Kendall, Sen's slope and Kendall's tau against every peer that answers for a grid.

The main field is that of the question the project began with: 46 years of rain on 145 x 192 cells.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import scipy.stats
import xarray as xr

import gridtrend as gt
from benchmarks.harness import Comparison, Outputs, run
from benchmarks.limits import bandwidth, comparison_rate
from benchmarks.tables import Table, seconds, times
from benchmarks.timing import medians

EXACT, ROUNDING = 0.0, 1e-12
WORLD = (46, 145, 192)


@cache
def rain(shape: tuple[int, ...], holes: float = 0.0, seed: int = 0) -> xr.DataArray:
    """Largest daily rain of each year in mm, to the gauge's 0.1 mm: a tie or two in every cell."""
    rng = np.random.default_rng(seed)
    increase = np.linspace(0.0, 5.0, shape[0])[:, None, None]
    values = (rng.gamma(6.0, 10.0, shape) + increase).round(1)
    values[rng.random(shape) < holes] = np.nan
    years = (np.array("1901", "M8[Y]") + np.arange(shape[0])).astype("M8[s]")
    return xr.DataArray(values, {"time": years}, ("time", "lat", "lon"), "rain", {"units": "mm"})


def small(shape: tuple[int, ...]) -> tuple[int, ...]:
    return min(shape[0], 24), 5, 6


def field(shape: tuple[int, ...], holes: float = 0.0) -> Callable[[bool], xr.DataArray]:
    return lambda quick: rain(small(shape) if quick else shape, holes)


def two_fields(quick: bool) -> xr.Dataset:
    """Two fields of which one follows the other, with ties in both."""
    shape = small(WORLD) if quick else WORLD
    x = rain(shape).round()
    return xr.Dataset({"x": x, "y": (x / 2 + rain(shape, seed=1)).round()})


def each_cell(series: Callable[[np.ndarray], Sequence[float]], names: str, grid: xr.DataArray) -> Outputs:
    """Call a one-series function in a loop, as users of such functions do."""
    cells = grid.values.reshape(len(grid), -1).T
    answers = np.array([series(y) for y in cells]).T
    shape = grid.shape[1:]
    return {name: a.reshape(shape) for name, a in zip(names.split(), answers, strict=True)}


def pymannkendall_loop(grid: xr.DataArray) -> Outputs:
    import pymannkendall

    def series(y: np.ndarray) -> tuple[float, ...]:
        return pymannkendall.original_test(y)[2:]

    return each_cell(series, "p_value z tau s var_s slope intercept", grid)


def scipy_loop(grid: xr.DataArray) -> Outputs:
    """Kendall's tau with time, whose p has no continuity correction, and Sen's line."""
    steps = np.arange(len(grid))

    def series(y: np.ndarray) -> tuple[float, ...]:
        tau = scipy.stats.kendalltau(steps, y, method="asymptotic")
        return *tau, *scipy.stats.theilslopes(y, steps)

    return each_cell(series, "tau p_value slope intercept slope_lower slope_upper", grid)


def theilslopes_loop(grid: xr.DataArray) -> Outputs:
    series = partial(scipy.stats.theilslopes, x=np.arange(len(grid)))
    return each_cell(series, "slope intercept slope_lower slope_upper", grid)


def kendalltau_loop(pair: xr.Dataset) -> Outputs:
    shape = pair.x.shape[1:]
    cells = (pair[name].values.reshape(len(pair.x), -1).T for name in "xy")
    answers = [scipy.stats.kendalltau(x, y) for x, y in zip(*cells, strict=True)]
    tau, p = np.array(answers).T.reshape(2, *shape)
    return {"tau": tau, "p_value": p}


def xarray_mann_kendall(grid: xr.DataArray) -> Outputs:
    from xarrayMannKendall import Mann_Kendall_test

    renamed = grid.rename(lat="y", lon="x").assign_coords(
        y=np.arange(grid.sizes["lat"]), x=np.arange(grid.sizes["lon"])
    )
    test = Mann_Kendall_test(renamed, "time", alpha=0.05, method="theilslopes")
    answer = test.compute(scheduler="synchronous")
    return {"p_value": answer.p, "slope": answer.trend}


def numpy_pairs(grid: xr.DataArray) -> Outputs:
    """Whole-field arithmetic: signs of differences summed over the pairs of years."""
    y, n = grid.values, len(grid)
    s = sum(np.sign(y[k + 1 :] - y[k]).sum(axis=0) for k in range(n - 1))
    equal = sum((y == y[k]).astype(int) for k in range(n))
    ties = ((equal - 1) * (2 * equal + 5)).sum(axis=0)
    var_s = (n * (n - 1) * (2 * n + 5) - ties) / 18
    z = (s - np.sign(s)) / np.sqrt(var_s)
    return {"s": s, "var_s": var_s, "p_value": 2 * scipy.stats.norm.sf(np.abs(z))}


def skyborn(grid: xr.DataArray) -> Outputs:
    from skyborn.calc.mann_kendall import mann_kendall_multidim

    answer = mann_kendall_multidim(grid.values, axis=0)
    return {
        "z": answer["z"],
        "p_value": answer["p"],
        "tau": answer["tau"],
        "slope": answer["trend"],
    }


def mann_kendall(grid: xr.DataArray, **options: Any) -> xr.Dataset:
    return gt.mann_kendall(grid, per="step", **options)


def kendall_tau(pair: xr.Dataset) -> xr.Dataset:
    return gt.kendall_tau(pair.x, pair.y)


def against_skyborn(shape: tuple[int, ...], holes: float = 0.0) -> Comparison:
    agree = dict.fromkeys(("z", "p_value", "tau", "slope"), ROUNDING)
    wrong = {"slope": "it closes the gaps in time"} if holes else {}
    return Comparison(
        task="mann_kendall" + (f", {holes:.0%} missing" if holes else ""),
        peer="Skyborn",
        package="skyborn",
        data=field(shape, holes),
        # It has no confidence limits.
        ours=partial(mann_kendall, tau="a", ci=None),
        theirs=skyborn,
        agree={name: rtol for name, rtol in agree.items() if name not in wrong},
        wrong=wrong,
        rows=12 if holes and shape == WORLD else None,
    )


COMPARISONS = [
    Comparison(
        task="mann_kendall",
        peer="pymannkendall loop",
        package="pymannkendall",
        data=field(WORLD),
        ours=partial(mann_kendall, tau="a"),
        theirs=pymannkendall_loop,
        agree={
            "s": EXACT,
            "var_s": ROUNDING,
            "p_value": ROUNDING,
            "tau": ROUNDING,
            "slope": ROUNDING,
            "intercept": ROUNDING,
        },
        rows=5,
    ),
    Comparison(
        task="mann_kendall",
        peer="xarrayMannKendall",
        package="xarrayMannKendall",
        data=field(WORLD),
        ours=mann_kendall,
        theirs=xarray_mann_kendall,
        agree={"p_value": ROUNDING, "slope": ROUNDING},
        rows=5,
    ),
    Comparison(
        task="mann_kendall",
        peer="scipy loop: kendalltau, theilslopes",
        package="scipy",
        data=field(WORLD),
        ours=partial(mann_kendall, continuity=False, ci="rounded"),
        theirs=scipy_loop,
        agree=dict.fromkeys(("tau", "p_value", "slope", "intercept", "slope_lower", "slope_upper"), ROUNDING),
        rows=5,
    ),
    *(against_skyborn(WORLD, holes) for holes in (0, 0.02)),
    *(against_skyborn(shape, holes) for shape in ((36, 72, 144), (100, 40, 50), (500, 10, 20)) for holes in (0, 0.02)),
    Comparison(
        task="mann_kendall(slope=False)",
        peer="NumPy, summed over pairs",
        package="numpy",
        data=field(WORLD),
        ours=partial(mann_kendall, slope=False),
        theirs=numpy_pairs,
        agree={"s": EXACT, "var_s": ROUNDING, "p_value": ROUNDING},
    ),
    Comparison(
        task="theil_sen",
        peer="scipy loop: theilslopes",
        package="scipy",
        data=field(WORLD),
        ours=partial(gt.theil_sen, per="step", ci="rounded"),
        theirs=theilslopes_loop,
        agree=dict.fromkeys(("slope", "intercept", "slope_lower", "slope_upper"), ROUNDING),
        rows=5,
    ),
    Comparison(
        task="kendall_tau",
        peer="scipy loop: kendalltau",
        package="scipy",
        data=two_fields,
        ours=kendall_tau,
        theirs=kendalltau_loop,
        agree={"tau": ROUNDING, "p_value": ROUNDING},
        rows=5,
    ),
]


OPTIONS = {
    "test alone (slope=False)": {"slope": False},
    "with the slope (ci=None)": {"ci": None},
    "with the slope and its limits": {},
}


def types_and_gaps(quick: bool, laps: int) -> Table:
    """What float32 saves and what missing values cost."""
    shape = small(WORLD) if quick else WORLD
    complete, holed = rain(shape), rain(shape, 0.02)
    kinds = (complete, complete.astype("f4"), holed, holed.astype("f4"))
    rows = []
    for name, options in OPTIONS.items():
        calls = [partial(run, partial(mann_kendall, **options), grid) for grid in kinds]
        took = medians(calls, laps)
        rows.append((name, *took, took[2] / took[0], took[3] / took[1]))
    columns = {
        "mann_kendall": str,
        "float64": seconds,
        "float32": seconds,
        "float64, 2% missing": seconds,
        "float32, 2% missing": seconds,
        "cost of gaps": times,
        "in float32": times,
    }
    size = " x ".join(map(str, shape))
    return Table("number types and missing values", columns, rows, [f"{size}, processor time on one thread"])


def distance_to_the_limit(quick: bool, laps: int) -> Table:
    """The test alone beside what it must at least do: read every value, compare every pair."""
    shape = small(WORLD) if quick else WORLD
    copied = bandwidth(quick)
    n, cells = shape[0], shape[1] * shape[2]
    pairs = n * (n - 1) // 2
    rows = []
    for dtype in ("f4", "f8"):
        tied = rain(shape).astype(dtype)
        distinct = (tied + rain(shape, seed=1) * 1e-3).astype(dtype)
        test = partial(mann_kendall, slope=False)
        took = medians([partial(run, test, grid) for grid in (distinct, tied)], laps)
        least = cells * pairs / comparison_rate(dtype, quick)
        reading = tied.nbytes / copied
        for kind, spent, made in zip(("no ties", "ties"), took, (2 * pairs, 2 * pairs), strict=True):
            compares = least * made / pairs
            name = f"{np.dtype(dtype)}, {kind}"
            rows.append((name, spent, least, spent / least, compares, spent / compares, reading, spent / reading))
    columns = {
        "test alone (slope=False)": str,
        "takes": seconds,
        "one comparison a pair": seconds,
        "distance": times,
        "all it makes": seconds,
        "distance ": times,
        "one pass over memory": seconds,
        "distance  ": times,
    }
    rates = ", ".join(f"{comparison_rate(t, quick) / 1e9:.1f} G comparisons/s in {np.dtype(t)}" for t in ("f4", "f8"))
    notes = [
        f"{' x '.join(map(str, shape))}, processor time on one thread",
        f"limits measured in this run: {copied / 1e9:.1f} GB/s (NumPy copy, bytes read and written), {rates}",
        "a comparison is one `a < b` in one lane, between rows in the nearest cache",
        "it makes two comparisons a pair, up and down; what is neither is a tie",
    ]
    return Table("distance to the limits of the machine", columns, rows, notes)


TABLES = [types_and_gaps, distance_to_the_limit]
