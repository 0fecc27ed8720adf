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
module, name, dtype = sys.argv[1:]
kernel = getattr(importlib.import_module(f"gridtrend.trend.kernels.{module}"), name)
import numba
numba.njit(lambda x: x)(1)
start = time.perf_counter()
kernel.compiled(dtype)
print(time.perf_counter() - start)
"""
QUICK = ("bare open, load, write; engine='netcdf4'", "gridtrend trend", "gridtrend --help")
KERNELS = (
    ("mann_kendall", "mann_kendall"),
    ("mann_kendall", "mann_kendall_slope"),
    ("slopes", "theil_sen"),
    ("kendall", "kendall_tau"),
)


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


def cold_start(quick: bool, laps: int) -> Table:
    """What the first use of each kernel compiles, and what is kept of it for the next process."""
    rows = []
    kernels = KERNELS[:1] if quick else KERNELS
    for module, name in kernels:
        for dtype in ("f8",) if quick else ("f4", "f8"):
            with tempfile.TemporaryDirectory() as cache:
                start = partial(process, ["-c", COMPILE, module, name, dtype], GRIDTREND_CACHE_DIR=cache)
                first, second = (float(start().output) for _ in range(2))
                size = sum(path.stat().st_size for path in Path(cache).iterdir())
            rows.append((name, {"f4": "float32", "f8": "float64"}[dtype], first, second, size))
    columns = {"kernel": str, "data": str, "first use": seconds, "from disk": seconds, "on disk": megabytes}
    return Table("cold start: compiling each kernel", columns, rows, ["time on the clock, one run, imports left out"])


TABLES = [second_start, cold_start]
