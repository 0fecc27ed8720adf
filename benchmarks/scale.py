"""Records larger than memory: what is read, how often, in how much memory; how time grows; what a cluster would get."""

import glob
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from dask.utils import parse_bytes

from benchmarks.tables import Table, megabytes, seconds, times, whole
from benchmarks.timing import process
from benchmarks.watch import Watched, watch
from gridtrend import io
from gridtrend.cli.record import open_record
from gridtrend.cli.resources import Resources

COMPARISONS: list = []
# 40 years of three steps: 8 GB of float32.
RECORD, SMALL = (120, 2880, 5760), (24, 90, 180)
LIMIT, SMALL_LIMIT = "1GB", "330MB"
STEPS = 3
LAYOUTS = {"one step a chunk": (1, None, None), "3 x 360 x 480 chunks": (STEPS, 360, 480)}

# One file a year, written map by map, so that making it takes no memory either.
MAKE = """
import json, sys
import netCDF4
import numpy as np
folder, shape, chunks, steps = sys.argv[1], *map(json.loads, sys.argv[2:])
rng = np.random.default_rng(0)
for year in range(shape[0] // steps):
    with netCDF4.Dataset(f"{folder}/tas_{1960 + year}.nc", "w") as file:
        for name, size in zip(("time", "lat", "lon"), (steps, *shape[1:])):
            file.createDimension(name, size)
        time = file.createVariable("time", "f8", ("time",))
        time.units, time.calendar = "days since 1960-01-01", "noleap"
        time[:] = 365.0 * year + (np.arange(steps) + 0.5) * 365 / steps
        file.createVariable("lat", "f8", ("lat",))[:] = np.linspace(90, -90, shape[1])
        file.createVariable("lon", "f8", ("lon",))[:] = np.arange(shape[2]) * 360 / shape[2]
        tas = file.createVariable("tas", "f4", ("time", "lat", "lon"), zlib=True, complevel=1, chunksizes=chunks)
        tas.units = "K"
        tas.set_var_chunk_cache(400_000_000)
        for step in range(steps):
            values = rng.standard_normal(shape[1:], np.float32)
            values += 280 + 0.02 * year
            tas[step] = np.round(values, 1)
"""
# The command line, with a count of how often each disk chunk is unpacked.
COUNTED = """
import itertools, json, sys, threading
from gridtrend.cli.commands import cli
from gridtrend.io import lazy_files
counts, lock, real = {}, threading.Lock(), lazy_files._unpack
def counted(variable, piece, out, **options):
    chunks = variable.encoding["chunksizes"]
    ranges = [range(a // step, -(-b // step)) for (a, b), step in zip(piece, chunks)]
    with lock:
        for index in itertools.product(*ranges):
            key = variable.encoding["source"], *index
            counts[key] = counts.get(key, 0) + 1
    return real(variable, piece, out, **options)
lazy_files._unpack = counted
cli(sys.argv[2:], standalone_mode=False)
open(sys.argv[1], "w").write(json.dumps([min(counts.values()), max(counts.values())]))
"""
PLANNED = """
import json, resource, sys, time
import dask.array
import xarray as xr
import gridtrend as gt
from gridtrend import io
start = time.process_time()
values = dask.array.zeros((17, 40_000, 4320, 8640), chunks=(1, int(sys.argv[1]), 4320, 8640), dtype="f4")
times = xr.date_range("1900-01-01", periods=40_000)
record = xr.DataArray(values, {"time": times}, ("member", "time", "lat", "lon"), "tas")
plan = io.plan_chunks(record, "time", memory_limit=1000 * 16e9, threads=2000, rechunk="p2p", in_memory=False)
result = gt.mann_kendall(io.read(record, plan))
took = time.process_time() - start
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([record.nbytes, values.npartitions, plan.tasks, len(result.slope.data.dask.layers), took, memory]))
"""


@contextmanager
def made(shape: tuple[int, ...], chunks: tuple[int | None, ...]) -> Iterator[Path]:
    """A record in files of its own, for as long as it is needed; under GRIDTREND_BENCH_DIR where that is set."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("GRIDTREND_BENCH_DIR")) as folder:
        sizes = [min(chunk or size, size) for chunk, size in zip(chunks, shape, strict=True)]
        process(["-c", MAKE, folder, json.dumps(shape), json.dumps(sizes), str(STEPS)])
        yield Path(folder)


def run(folder: Path, name: str, *options: str) -> tuple[Watched, list[int]]:
    """The whole command, watched; and how often a chunk was unpacked, at least and at most."""
    counts = folder / "counts.json"
    arguments = ["trend", str(folder / "*.nc"), str(folder / name), "--overwrite", "--quiet", *options]
    done = watch(["-c", COUNTED, str(counts), *arguments])
    return done, json.loads(counts.read_text())


def planned(folder: Path, limit: float) -> io.Plan:
    """What `gridtrend info` tells."""
    means = Resources(memory_limit=limit).at_hand()
    return open_record([f"{folder}/*.nc"]).plan("tas", means, space=io.free_space(folder))


def same(one: Path, other: Path) -> bool:
    """Whether two results are equal to the bit, compared band by band."""
    with io.open_input([one]) as found, io.open_input([other]) as expected:
        for name in expected.data_vars:
            for start in range(0, expected.sizes["lat"], 180):
                band = {"lat": slice(start, start + 180)} if "lat" in expected[name].dims else {}
                ours, theirs = (dataset[name].isel(band).values for dataset in (found, expected))
                if not np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"):
                    return False
    return True


def larger_than_memory(quick: bool, laps: int) -> Table:
    """A record of 8 GB through 1 GB, for both ways that files are laid out."""
    shape, limit = (SMALL, SMALL_LIMIT) if quick else (RECORD, LIMIT)
    rows = []
    for layout, chunks in LAYOUTS.items():
        with made(shape, chunks) as folder:
            size = sum(map(os.path.getsize, glob.glob(f"{folder}/*.nc")))
            plan = planned(folder, float(parse_bytes(limit)))
            limited, counts = run(folder, "limited.zarr", "--memory-limit", limit)
            run(folder, "whole.zarr", "--memory-limit", "16GB")
            verdict = "identical" if same(folder / "limited.zarr", folder / "whole.zarr") else "DIFFER"
            memory, reading = (plan.memory, limited.memory), (plan.passes, counts[1], limited.read / size)
            rows.append((layout, size, limited.seconds, *memory, *reading, verdict))
    columns = {
        "layout": str,
        "input": megabytes,
        "takes": seconds,
        "planned peak": megabytes,
        "peak of all processes": megabytes,
        "planned passes": whole,
        "each chunk unpacked": whole,
        "bytes read": times,
        "beside the run in memory": str,
    }
    notes = [
        f"{' x '.join(map(str, shape))} float32, {4 * np.prod(shape) / 1e9:.2f} GB, zlib; --memory-limit {limit}",
        (
            "bytes read: all that the process asked of the system, over the size of the input: the copy on disk, which is "
            "read once too, and the libraries are in it"
        ),
    ]
    return Table("a record through less memory", columns, rows, notes)


@cache
def growth_runs(quick: bool) -> list[tuple[int, Watched]]:
    factors, base = ((1, 2), (12, 90, 180)) if quick else ((1, 2, 4, 8, 16), (60, 360, 720))
    found = []
    for factor in factors:
        with made((base[0], base[1] * factor, base[2]), LAYOUTS["one step a chunk"]) as folder:
            run(folder, "warm.zarr", "--memory-limit", "500MB")
            found.append((factor, run(folder, "out.zarr", "--memory-limit", "500MB")[0]))
    return found


def growth(quick: bool, laps: int) -> Table:
    """Time and memory against size, under one limit."""
    runs = growth_runs(quick)
    first = runs[0][1].seconds
    rows = [(factor, done.seconds, done.seconds / first / factor, done.memory) for factor, done in runs]
    columns = {"size": whole, "takes": seconds, "of linear": times, "peak of all processes": megabytes}
    return Table("time against size", columns, rows, ["--memory-limit 500MB; the smallest is 62 MB, the largest 1 GB"])


def workers(quick: bool, laps: int) -> Table:
    """Threads and processes, one and two."""
    shape = (12, 90, 180) if quick else (60, 1440, 720)
    rows = []
    with made(shape, LAYOUTS["3 x 360 x 480 chunks"]) as folder:
        command = ["-m", "gridtrend", "trend", str(folder / "*.nc")]
        for kind, option in (("threads", "--threads"), ("processes", "--workers")):
            for number in (1,) if quick else (1, 2):
                target = str(folder / f"{kind}{number}.zarr")
                done = watch([*command, target, "-q", "--overwrite", option, str(number), "--chunks", "lat=90"])
                verdict = "identical" if same(Path(target), folder / "threads1.zarr") else "DIFFER"
                rows.append((kind, number, done.seconds, done.memory, verdict))
    columns = {"what": str, "how many": whole, "takes": seconds, "peak of all processes": megabytes, "answers": str}
    return Table("threads and processes", columns, rows, ["on the clock, starting of workers included"])


def planning(quick: bool, laps: int) -> Table:
    """A record of 100 TB, planned for a thousand workers; nothing is read."""
    rows = []
    for maps in (10,) if quick else (10, 1):
        done = process(["-c", PLANNED, str(maps)])
        rows.append((maps, *json.loads(done.output.splitlines()[-1])))
    columns = {"maps a chunk": whole, "record": megabytes, "chunks": whole, "tasks": whole}
    columns |= {"layers": whole, "takes": seconds, "memory": megabytes}
    note = "plan and graph of mann_kendall, 17 x 40,000 x 4,320 x 8,640 float32, exchanged by 1,000 workers; processor time"
    return Table("planning 100 TB", columns, rows, [note])


TABLES = [larger_than_memory, growth, workers, planning]
