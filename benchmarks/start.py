"""From the prompt to the result on a small file: what a start costs beside a bare script, warm and cold."""

import os
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.tables import Table, megabytes, seconds, times
from benchmarks.timing import in_turn, installed, process

COMPARISONS: list = []

BARE = """
import sys
import dask.array
import netCDF4
import xarray as xr
engine = {"engine": sys.argv[3]} if sys.argv[3:] else {}
with xr.open_dataset(sys.argv[1], **engine) as record:
    record.load().to_netcdf(sys.argv[2], **engine)
"""
COMPILE = """
import importlib, sys, time
import numba
numba.njit(lambda x: x)(1)
dtype, *names = sys.argv[1:]
kernels = [getattr(importlib.import_module(f"gridtrend.{name.rpartition('.')[0]}"), name.rpartition('.')[2]) for name in names]
for kernel in kernels:
    start = time.process_time()
    kernel.compiled(dtype)
    took = time.process_time() - start
print(took)
"""
QUICK = ("bare open, load, write; engine='netcdf4'", "gridtrend trend", "gridtrend --help")
# Kernels, and the seconds that their first use took when every kernel compiled all that it calls (None: not measured).
FIRST = "trend.kernels.mann_kendall.mann_kendall_slope"
KERNELS = {
    "trend.kernels.mann_kendall.mann_kendall": 8.0,
    FIRST: 33.6,
    "trend.kernels.theil_sen.theil_sen": None,
    "trend.kernels.grouped_test.grouped_test": 30.0,
    "trend.kernels.variance_corrections.corrected_variance": None,
    "trend.kernels.prewhitening.whitened_series": None,
    "trend.kernels.block_bootstrap.block_bootstrap": None,
    "trend.kernels.long_term_persistence.scaling_test": None,
    "trend.kernels.kendall_tau.kendall_tau": None,
    "trend.kernels.linear_trend.linear_trend": None,
    "trend.kernels.change_points.change_point": None,
    "trend.kernels.siegel_slope.siegel_slope": None,
    "spectral.kernels.sliding.sliding_power": None,
    "bvp.kernels.solve_linear.solve_linear": 29.0,
}


def second_start(quick: bool, laps: int) -> Table:
    """`gridtrend trend` on a small real file, in a process that finds its kernels compiled."""
    columns = {"what": str, "takes": seconds, "of the bare script": times, "peak memory": megabytes}
    title = "second start: gridtrend trend E1_north_america.nc"
    if not installed("iris_sample_data"):
        return Table(title, columns, [], ["skipped: the file comes with `pip install gridtrend[sample]`"])
    import iris_sample_data

    source = str(Path(iris_sample_data.path, "E1_north_america.nc"))
    with tempfile.TemporaryDirectory() as folder:
        copy, result = (os.path.join(folder, name) for name in ("copy.nc", "trend.nc"))
        run = ["-m", "gridtrend"]
        commands: dict[str, list[str]] = {
            "bare open, load, write; engine='netcdf4'": ["-c", BARE, source, copy, "netcdf4"],
            "bare open, load, write; engine left to xarray": ["-c", BARE, source, copy],
            "gridtrend trend": [*run, "trend", "--quiet", "--overwrite", source, result],
            "gridtrend trend --no-slope": [*run, "trend", "--quiet", "--overwrite", "--no-slope", source, result],
            "gridtrend --help": [*run, "--help"],
            "gridtrend --version": [*run, "--version"],
            "python -c pass": ["-c", "pass"],
        }
        if quick:
            commands = {name: commands[name] for name in QUICK}
        ends = in_turn([partial(process, command) for command in commands.values()], laps, budget=200)
    bare = ends[0].seconds
    rows = [(name, end.seconds, end.seconds / bare, end.memory) for name, end in zip(commands, ends, strict=True)]
    notes = [
        f"time on the clock of whole processes, in turn, medians of {ends[0].laps} runs; kernels compiled before",
        "the bare script imports xarray, dask.array and netCDF4; it writes the input again, gridtrend its result",
    ]
    return Table(title, columns, rows, notes)


def _or_unknown(value: float | None) -> str:
    return "-" if value is None else seconds(value)


def cold_start(quick: bool, laps: int) -> Table:
    """What the first use of each kernel compiles, alone and after `mann_kendall`, and what the next process reads."""
    rows = []
    for name, before in list(KERNELS.items())[: 1 if quick else None]:
        with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as other:
            start = partial(process, ["-c", COMPILE, "f8", name], GRIDTREND_CACHE_DIR=cache)
            first, second = (float(start().output) for _ in range(2))
            after = float(process(["-c", COMPILE, "f8", FIRST, name], GRIDTREND_CACHE_DIR=other).output)
            size = sum(path.stat().st_size for path in Path(cache).iterdir())
        rows.append((name.rpartition(".")[2], before, first, after, second, size))
    columns = {
        "kernel": str,
        "once": _or_unknown,
        "first use": seconds,
        "after mann_kendall with slope": seconds,
        "from disk": seconds,
        "on disk": megabytes,
    }
    notes = [
        "processor time, one run, imports left out, float64; once: when each kernel compiled all that it calls",
        "units that few data need are compiled when they are needed, and not counted here",
    ]
    return Table("cold start: compiling each kernel", columns, rows, notes)


TABLES = [second_start, cold_start]
