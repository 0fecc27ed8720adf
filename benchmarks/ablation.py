"""What each trick for speed is worth: the package as it is, against a copy of it without the trick.

A variant is a copy of the package with some lines of text replaced. One process runs the package and another one the copy. They
run the same task in turn, so that other load on the machine affects both. A trick that does not make its task 1.3 times as fast
should be deleted, unless that makes something slower without saving code.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gridtrend
from benchmarks.tables import Table, seconds, times

PACKAGE = Path(gridtrend.__file__).parent
COMPARISONS: list[object] = []

# Runs the task once for each line of input, and prints its processor time.
_WORKER = """
import sys, time, numpy as np, xarray as xr, dask, gridtrend as gt
from benchmarks.bvp import columns, ours
quick = {quick}
dask.config.set(scheduler="synchronous")
{task}
for _ in sys.stdin:
    start = time.process_time()
    run()
    print(time.process_time() - start, flush=True)
"""
_COLUMNS = """
ds = columns(quick).isel(lat=slice(25))
run = lambda: ours({order})(ds)
"""
_SLOPES = """
da = xr.DataArray(np.random.default_rng(0).normal(size=({steps}, 40 if quick else {cells})), dims=("time", "cell"))
da = da.assign_coords(time=xr.date_range("1850", periods={steps}, freq="{step}"))
run = lambda: gt.{function}(da)
"""
_SERIES = """
da = xr.DataArray(np.random.default_rng(0).normal(size=({steps}, 4)), dims=("time", "cell"))
run = lambda: gt.welch(da[:2000] if quick else da, window={window}, hop={hop})
"""


@dataclass(frozen=True)
class Ablation:
    """A trick, a task that should profit from it, and the edits (file: text, replacement) that remove it."""

    trick: str
    task: str
    code: str
    edits: Mapping[str, tuple[str, str]]


def _columns(trick: str, edits: Mapping[str, tuple[str, str]], orders: tuple[int, ...] = (2, 6)) -> Iterator[Ablation]:
    for order in orders:
        yield Ablation(trick, f"solve_linear, order {order}", _COLUMNS.format(order=order), edits)


def _sliding(*windows: tuple[int, int]) -> Iterator[Ablation]:
    for window, hop in windows:
        code = _SERIES.format(steps=20_000, window=window, hop=hop)
        edits = {"spectral/sliding.py": ("LONGEST_HOP = 6", "LONGEST_HOP = 0")}
        yield Ablation("sliding transform", f"welch, window {window}, hop {hop}", code, edits)


def _constants() -> Iterator[Ablation]:
    """The constants that steer the searches for slopes, half and twice as large."""
    kernels = "trend/kernels"
    yearly = ("theil_sen", 46, 8000, "YS")
    tasks = {
        f"{kernels}/slope_search_lanes.py": (yearly, ("LIST = 64", "CLOSE = 8", "MARGIN = 3")),
        f"{kernels}/slope_search_groups.py": (
            ("seasonal_mann_kendall", 240, 2000, "MS"),
            ("LIST = 512", "SAMPLE = 96"),
        ),
        f"{kernels}/slope_search.py": (("theil_sen", 1000, 40, "MS"), ("LIST = 2048", "SAMPLE = 64")),
        f"{kernels}/siegel_slope.py": (("siegel_slope", 500, 80, "MS"), ("FINISH = 32", "SAMPLE = 8")),
    }
    for file, ((function, steps, cells, step), constants) in tasks.items():
        code = _SLOPES.format(function=function, steps=steps, cells=cells, step=step)
        for constant in constants:
            name, value = constant.split(" = ")
            for other in (int(value) // 2, int(value) * 2):
                edits = {file: (f"\n{constant}\n", f"\n{name} = {other}\n")}
                trick = f"{constant}, not {other} ({Path(file).name})"
                yield Ablation(trick, f"{function}, {steps} steps", code, edits)


ABLATIONS = [
    *_columns(
        "elimination of two states in registers (two_states.py)",
        {
            "bvp/kernels/elimination.py": ("swept = n == 2 and left.shape[0] == n", "swept = n < 0"),
            "bvp/kernels/deferred_correction.py": (
                "if equations.n == 2 and work.carried.shape[0] == 1:",
                "if equations.n < 0:",
            ),
        },
    ),
    *_columns("tiles of 8 lanes, not 16", {"engine/lanes.py": ("NARROW = 8", "NARROW = 16")}),
    *_columns(
        "product and sum rounded as one", {"engine/lanes.py": ('("contract",) if a.lanes == NARROW else ()', "()")}
    ),
    *_columns("8 tiles of neighbours together", {"bvp/kernels/strided_fields.py": ("TOGETHER = 8", "TOGETHER = 1")}),
    *_constants(),
    *_sliding((256, 1), (256, 3), (256, 6), (600, 1), (600, 3), (600, 6), (1024, 3), (1024, 6)),
]


def ablations(quick: bool, laps: int) -> Table:
    """Each trick, with and without."""
    rows = []
    for ablation in ABLATIONS:
        with _workers(ablation, quick) as (with_it, without):
            pairs = [(_lap(with_it), _lap(without)) for _ in range(laps + 1)][1:]
        ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(without / with_it for with_it, without in pairs)
        rows.append((ablation.trick, ablation.task, ours, theirs, ratio))
        print(rows[-1], file=sys.stderr)
    columns = {"trick": str, "task": str, "with": seconds, "without": seconds, "without takes": times}
    return Table(
        "tricks, with and without", columns, rows, ["processor time, both in turn; medians, also of the ratios"]
    )


@contextmanager
def _workers(ablation: Ablation, quick: bool) -> Iterator[list["subprocess.Popen[str]"]]:
    """Two processes that wait for laps: one with the package, one with the copy without the trick."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / PACKAGE.name
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(
            Path(__file__).parent, Path(folder) / "benchmarks", ignore=shutil.ignore_patterns("__pycache__")
        )
        for name, (text, replacement) in ablation.edits.items():
            source = (copy / name).read_text(encoding="utf-8")
            if source.count(text) != 1:
                raise ValueError(f"{name} has {source.count(text)} places that read {text!r}; the ablation needs one.")
            (copy / name).write_text(source.replace(text, replacement), encoding="utf-8")
        code = _WORKER.format(quick=quick, task=ablation.code)
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", code], cwd=where, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            for where in (PACKAGE.parent, Path(folder))
        ]
        try:
            yield workers
        finally:
            for worker in workers:
                worker.kill()
                worker.communicate()


def _lap(worker: "subprocess.Popen[str]") -> float:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write("\n")
    worker.stdin.flush()
    return float(worker.stdout.readline())


TABLES = [ablations]
