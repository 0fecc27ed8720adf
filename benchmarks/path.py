"""The whole path: a compressed file in, a compressed file out, beside xarray reading and writing as much."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

from benchmarks.tables import Table, megabytes, seconds, times
from benchmarks.timing import Finished, in_turn, process

COMPARISONS: list = []
THREADS = 2
# Steps and grid of 45 years of ERA5, and the chunks that they come in.
SHAPE, SMALL = (45, 721, 1440), (45, 24, 48)
LAYOUTS: dict[str, Callable[[tuple[int, ...]], tuple[int, ...]]] = {
    "one step a chunk": lambda shape: (1, *shape[1:]),
    "45 x 90 x 180 chunks": lambda shape: (shape[0], min(90, shape[1]), min(180, shape[2])),
}

# Noise of 1 K on a mean that falls towards the poles, and a trend, to 0.01 K as such files have it.
MAKE = """
import json, sys
import numpy as np
import xarray as xr
path, shape, chunks = sys.argv[1], *map(json.loads, sys.argv[2:])
rng = np.random.default_rng(0)
lat = np.linspace(90, -90, shape[1])
values = rng.standard_normal(shape, np.float32)
values += np.linspace(0, 1, shape[0], dtype=np.float32)[:, None, None]
values += (250 + 50 * np.cos(np.radians(lat)))[:, None].astype(np.float32)
values = np.round(values, 2)
years = (np.array("1979", "M8[Y]") + np.arange(shape[0])).astype("M8[ns]")
coords = {"time": years, "lat": lat, "lon": np.arange(shape[2]) * 360 / shape[2]}
field = xr.DataArray(values, coords, ("time", "lat", "lon"), "t2m", {"units": "K"})
field.to_netcdf(path, engine="netcdf4", encoding={"t2m": {"zlib": True, "complevel": 1, "chunksizes": chunks}})
"""
# The values to write are read before the clock starts, and their encoding comes with them.
XARRAY = """
import sys, time
import dask
import dask.array
import netCDF4
import xarray as xr
source, result, copy, threads, chunks = sys.argv[1:]
start = time.perf_counter()
answer = xr.open_dataset(result, engine="netcdf4", decode_times=False).load()
prepared = time.perf_counter() - start
with dask.config.set(scheduler="threads", num_workers=int(threads)):
    record = xr.open_dataset(source, engine="netcdf4", chunks={} if chunks else None).load()
    answer.to_netcdf(copy, engine="netcdf4")
print(prepared)
"""
# One process, so that imports and compiled code are shared: each stage by itself, and the answers of the command line.
STAGES = """
import json, statistics, sys
from pathlib import Path
import dask
import numpy as np
import xarray as xr
import gridtrend as gt
from gridtrend import io
from benchmarks.timing import race, wall
source, result, scratch, threads, laps = sys.argv[1:]
threads, laps = int(threads), int(laps)
record = io.open_input([source])["t2m"]
read = lambda: io.read(record, io.Plan())
series = read()
plan = io.plan_chunks(record, "time", threads=threads)
blocks = plan.blocks or {"lat": max(1, series.sizes["lat"] // 4)}
lazy = gt.mann_kendall(series.chunk({"time": -1} | blocks))
def compute(n):
    with dask.config.set(scheduler="threads", num_workers=n):
        return lazy.compute()
answer = compute(threads)
written = xr.open_dataset(result)
for name in answer.data_vars:
    np.testing.assert_array_equal(written[name].values, answer[name].values)
test = lambda: gt.mann_kendall(series, slope=False)
test()
write = lambda: io.write(answer, Path(scratch), overwrite=True)
calls = [read, test, lambda: gt.mann_kendall(series), lambda: compute(1), lambda: compute(threads), write]
print(json.dumps([statistics.median(times) for times in race(calls, laps, 90, wall)]))
"""
STAGE_NAMES = (
    "reading",
    "test alone, one call",
    "all of it, one call",
    "all of it through dask, one thread",
    f"all of it through dask, {THREADS} threads",
    "compressing and writing",
)


@dataclass(frozen=True)
class Figures:
    """What one layout gave: medians of processes, seconds of each stage, and bytes in and out."""

    ours: Finished
    test: Finished
    xarray: Finished
    xarray_chunked: Finished
    stages: Mapping[str, float]
    source_size: int
    result_size: int


def layouts(quick: bool) -> list[str]:
    return list(LAYOUTS)[: 1 if quick else None]


@cache
def figures(layout: str, quick: bool, laps: int) -> Figures:
    shape = SMALL if quick else SHAPE
    chunks = LAYOUTS[layout](shape)
    with tempfile.TemporaryDirectory() as folder:
        source, result, copy = (os.path.join(folder, name) for name in ("in.nc", "trend.nc", "copy.nc"))
        process(["-c", MAKE, source, json.dumps(shape), json.dumps(chunks)])
        command = ["-m", "gridtrend", "trend", "--quiet", "--overwrite", f"--threads={THREADS}", source]
        calls = [
            partial(process, [*command, result]),
            partial(process, [*command, copy, "--no-slope"]),
            partial(xarray_alone, source, result, copy, ""),
            partial(xarray_alone, source, result, copy, "chunks"),
        ]
        ends = in_turn(calls, min(laps, 5), budget=75)
        stages = process(["-c", STAGES, source, result, copy, str(THREADS), str(min(laps, 3))])
        named = dict(zip(STAGE_NAMES, json.loads(stages.output), strict=True))
        return Figures(*ends, named, os.path.getsize(source), os.path.getsize(result))


def xarray_alone(source: str, result: str, copy: str, chunks: str) -> Finished:
    """What xarray takes to read the input and to write the same result, less the reading of that result."""
    done = process(["-c", XARRAY, source, result, copy, str(THREADS), chunks])
    return Finished(done.seconds - float(done.output), done.memory, done.output)


def file_to_file(quick: bool, laps: int) -> Table:
    """`gridtrend trend` beside xarray, for both ways that files are laid out."""
    rows = []
    for layout in layouts(quick):
        found = figures(layout, quick, laps)
        sides = {
            "xarray: read, write": found.xarray,
            "xarray: read in chunks, write": found.xarray_chunked,
            "gridtrend trend": found.ours,
            "gridtrend trend --no-slope": found.test,
        }
        rows.extend(
            (layout, name, end.seconds, end.seconds / found.xarray.seconds, end.memory) for name, end in sides.items()
        )
    columns = {"input": str, "what": str, "takes": seconds, "of xarray": times, "peak memory": megabytes}
    sizes = f"{found.source_size / 1e6:.1f} MB in, {found.result_size / 1e6:.1f} MB out"
    notes = [
        f"{' x '.join(map(str, SMALL if quick else SHAPE))} float32, zlib level 1, {sizes}; {THREADS} threads",
        f"time on the clock of whole processes, in turn, medians of {found.ours.laps} runs; kernels compiled before",
        "xarray writes the values of gridtrend's result, compressed alike; --no-slope writes half as many maps",
    ]
    return Table("file to file", columns, rows, notes)


def stages(quick: bool, laps: int) -> Table:
    """Each stage by itself, one after the other in one process; results are the same as the command line's."""
    rows: list[tuple[str, str, float]] = []
    notes = ["time on the clock; answers equal to those in the file that the command line wrote"]
    for layout in layouts(quick):
        found = figures(layout, quick, laps)
        rows.extend((layout, stage, took) for stage, took in found.stages.items())
        one, two = (found.stages[name] for name in STAGE_NAMES[3:5])
        notes.append(f"{layout}: {THREADS} threads compute {one / two:.2f} times as fast as one")
    return Table("where the time goes", {"input": str, "stage": str, "takes": seconds}, rows, notes)


TABLES = [file_to_file, stages]
