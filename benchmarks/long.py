"""Long records: daily values, where pairs are too many to visit one by one.

Rain and snow are the hard case: most values are equal, and a quarter of all slopes are exactly zero.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import scipy.stats
import xarray as xr

import gridtrend as gt
from benchmarks.harness import Comparison, Outputs, run
from benchmarks.tables import Table, megabytes, seconds, times, whole
from benchmarks.timing import medians, process
from benchmarks.trend import ROUNDING, each_cell, theilslopes_loop

# Length of the record, and the grid that is timed; the peer does one row of it.
GRIDS = ((1_000, 8, 8), (5_000, 8, 2), (15_000, 4, 1))


@cache
def daily(shape: tuple[int, ...], kind: str = "continuous") -> xr.DataArray:
    """Temperature-like noise on a trend, or precipitation of which half the days have none."""
    rng = np.random.default_rng(0)
    if kind == "continuous":
        values = rng.normal(size=shape) + np.linspace(0, 0.5, shape[0])[:, None, None]
    else:
        values = np.where(rng.random(shape) < 0.5, 0.0, rng.gamma(0.7, 5.0, shape).round(1))
    return xr.DataArray(values, dims=("time", "lat", "lon"))


def record(shape: tuple[int, ...], kind: str) -> Callable[[bool], xr.DataArray]:
    return lambda quick: daily((shape[0] // 10, 4, 1) if quick else shape, kind)


def two_records(shape: tuple[int, ...]) -> Callable[[bool], xr.Dataset]:
    def pair(quick: bool) -> xr.Dataset:
        y = record(shape, "half zeros")(quick)
        return xr.Dataset({"x": record(shape, "continuous")(quick), "y": y})

    return pair


def kendalltau_with_time(grid: xr.DataArray) -> Outputs:
    steps = np.arange(len(grid))
    return each_cell(partial(scipy.stats.kendalltau, steps, method="asymptotic"), "tau p_value", grid)


def kendalltau_of_pairs(pair: xr.Dataset) -> Outputs:
    x, y = (pair[name].values.reshape(len(pair.x), -1) for name in "xy")
    answers = [scipy.stats.kendalltau(a, b, method="asymptotic") for a, b in zip(x.T, y.T, strict=True)]
    tau, p = np.array(answers).T.reshape(2, *pair.x.shape[1:])
    return {"tau": tau, "p_value": p}


theil_sen = partial(gt.theil_sen, per="step", ci="rounded")
test_alone = partial(gt.mann_kendall, per="step", slope=False, continuity=False)


def tau_of_pairs(pair: xr.Dataset) -> xr.Dataset:
    return gt.kendall_tau(pair.x, pair.y, p_value="asymptotic")


COMPARISONS = [
    *(
        Comparison(
            task=f"theil_sen, {kind}",
            peer="scipy loop: theilslopes",
            package="scipy",
            data=record(shape, kind),
            ours=theil_sen,
            theirs=theilslopes_loop,
            agree=dict.fromkeys(("slope", "intercept", "slope_lower", "slope_upper"), ROUNDING),
            rows=1,
        )
        for kind in ("continuous", "half zeros")
        for shape in GRIDS
    ),
    *(
        Comparison(
            task=f"mann_kendall(slope=False), {kind}",
            peer="scipy loop: kendalltau",
            package="scipy",
            data=record(shape, kind),
            ours=test_alone,
            theirs=kendalltau_with_time,
            agree={"tau": ROUNDING, "p_value": ROUNDING},
            rows=1,
        )
        for kind in ("continuous", "half zeros")
        for shape in (*GRIDS, (100_000, 4, 1))
    ),
    *(
        Comparison(
            task="kendall_tau of two fields",
            peer="scipy loop: kendalltau",
            package="scipy",
            data=two_records(shape),
            ours=tau_of_pairs,
            theirs=kendalltau_of_pairs,
            agree={"tau": ROUNDING, "p_value": ROUNDING},
            rows=1,
        )
        for shape in GRIDS
    ),
]


def ties_at_zero(quick: bool, laps: int) -> Table:
    """Whether half of all values at zero cost more than values that all differ."""
    rows = []
    for n, lat, lon in (*GRIDS, (50_000, 2, 1)):
        shape = (n // 10, 1, 1) if quick else (n, lat, lon)
        grids = [daily(shape, kind) for kind in ("continuous", "half zeros")]
        took = medians([partial(run, theil_sen, grid) for grid in grids], laps)
        each = [t / grids[0][0].size for t in took]
        rows.append((shape[0], *each, each[1] / each[0]))
    columns = {"steps": whole, "continuous": seconds, "half zeros": seconds, "cost of ties": times}
    return Table(
        "theil_sen with limits: precipitation beside temperature", columns, rows, ["processor time for each series"]
    )


MEMORY = """
import sys
import numpy as np
import xarray as xr
import gridtrend as gt
from benchmarks.timing import extra_memory
n, kind = int(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(0)
y = rng.normal(size=n) if kind == "continuous" else np.where(rng.random(n) < 0.5, 0.0, rng.gamma(0.7, 5.0, n).round(1))
gt.mann_kendall(xr.DataArray(y[:2000].copy(), dims="time"))
print(extra_memory(lambda: gt.mann_kendall(xr.DataArray(y, dims="time")))[1])
"""


def memory(quick: bool, laps: int) -> Table:
    """Peak memory of one long series, which all pairs of it would burst."""
    rows = []
    for kind in ("continuous", "half zeros"):
        for n in (3_000, 6_000) if quick else (12_500, 25_000, 50_000, 100_000):
            said = process(["-c", MEMORY, str(n), kind]).output.strip()
            extra = None if said == "None" else float(said)
            rows.append((kind, n, extra, None if extra is None else extra / n, 8.0 * n * (n - 1) / 2))
    columns = {
        "mann_kendall": str,
        "steps": whole,
        "extra memory": megabytes,
        "bytes a step": lambda value: "unknown" if value is None else whole(value),
        "all slopes would take": megabytes,
    }
    return Table("memory of one series", columns, rows, ["resident memory at its peak, in a process of its own"])


def crossover(quick: bool, laps: int) -> Table:
    """Time a cell of both ways to count and to search, one of which each length takes."""
    from benchmarks.ways import score_drivers, slope_drivers
    from gridtrend.trend.kernels import pair_counts, slope_search_lanes

    lengths = (50, 100) if quick else (100, 250, 500, 700, 1000, 1400, 2000)
    rows: list[Sequence[Any]] = []
    for name, drivers in (("test alone", score_drivers), ("slope and limits", slope_drivers)):
        if quick and drivers is slope_drivers:
            continue
        for kind in ("continuous", "half zeros"):
            took = [medians(drivers(daily((n, 16, 1), kind).values[:, :, 0]), laps) for n in lengths]
            rows.extend((name, kind, n, a / 16, b / 16, a / b) for n, (a, b) in zip(lengths, took, strict=True))
            print(name, kind, "done", file=sys.stderr)
    columns = {
        "what": str,
        "values": str,
        "steps": whole,
        "16 cells in lanes": seconds,
        "one by one": seconds,
        "lanes take": times,
    }
    changes = f"above {pair_counts.SHORT} steps for the test and above {slope_search_lanes.SHORT:,} for slopes"
    notes = [f"processor time a cell, float64; {crossing(rows)}; the library changes over {changes}"]
    return Table("crossover between lanes and single series", columns, rows, notes)


def crossing(rows: Sequence[Sequence[Any]]) -> str:
    """Where lanes stop being faster, by interpolation between the lengths that were timed."""
    said = []
    for what, kind in dict.fromkeys((row[0], row[1]) for row in rows):
        found = [(n, share) for name, values, n, _, _, share in rows if (name, values) == (what, kind)]
        later = next((i for i, (_, share) in enumerate(found) if share > 1), None)
        if later is None:
            said.append(f"{what}, {kind}: lanes are faster at all lengths")
        elif later == 0:
            said.append(f"{what}, {kind}: lanes are slower at all lengths")
        else:
            (n0, s0), (n1, s1) = found[later - 1 : later + 1]
            cross = np.exp(np.interp(0.0, np.log([s0, s1]), np.log([n0, n1])))
            said.append(f"{what}, {kind}: equal at about {cross:.0f} steps")
    return "; ".join(said)


TABLES = [ties_at_zero, memory, crossover]
