"""Clocks, memory, processes of their own, and the machine that all of it ran on."""

import contextlib
import ctypes
import gc
import importlib.metadata
import importlib.util
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

# How many times as long as it runs a side may wait for its turn before it counts as cold.
COLD_AFTER = 3.0


def timed(call: Callable[[], Any]) -> float:
    """Processor seconds of one call, over all threads: neither waiting nor threading helps."""
    start = time.process_time()
    call()
    return time.process_time() - start


def wall(call: Callable[[], Any]) -> float:
    """Seconds on the clock of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def race(
    calls: Sequence[Callable[[], Any]],
    laps: int,
    budget: float = 25,
    clock: Callable[[Callable[[], Any]], float] = timed,
) -> list[list[float]]:
    """Time all sides in turn, so that a busy moment of the machine hits all; at least once, within the budget.

    A side that has waited much longer than it runs would start cold: caches hold the data of others, and the system has
    taken back the memory that it freed. It runs once more, untimed, before its lap.
    """
    times: list[list[float]] = [[] for _ in calls]
    took, ended = [math.inf] * len(calls), [0.0] * len(calls)
    start = time.perf_counter()
    while len(times[0]) < laps and (not times[0] or time.perf_counter() - start < budget):
        for i, call in enumerate(calls):
            if time.perf_counter() - ended[i] > COLD_AFTER * took[i]:
                call()
            begin = time.perf_counter()
            times[i].append(clock(call))
            ended[i] = time.perf_counter()
            took[i] = ended[i] - begin
    return times


def medians(
    calls: Sequence[Callable[[], Any]],
    laps: int,
    budget: float = 25,
    clock: Callable[[Callable[[], Any]], float] = timed,
) -> list[float]:
    """Median of each side of a race, after one run of each to warm up."""
    for call in calls:
        call()
    return [statistics.median(side) for side in race(calls, laps, budget, clock)]


def extra_memory(call: Callable[[], T]) -> tuple[T, float | None]:
    """What a call returns, and the memory (bytes) that it took at its peak; None where Linux does not tell."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not (status.exists() and os.access(reset, os.W_OK)):
        return call(), None
    # Memory that was freed but kept for reuse would hide what is taken from it.
    gc.collect()
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    # 5 sets the peak to what is in use now.
    reset.write_text("5")
    before = resident(status, "VmRSS")
    result = call()
    return result, max(resident(status, "VmHWM") - before, 0.0)


def resident(status: Path, key: str) -> float:
    line = next(line for line in status.read_text().splitlines() if line.startswith(key))
    return float(line.split()[1]) * 1024


@dataclass(frozen=True)
class Finished:
    """A process that has ended, or the median of several: seconds on the clock, peak memory in bytes, last words."""

    seconds: float
    memory: float
    output: str
    laps: int = 1


def process(arguments: Sequence[str], **environment: str) -> Finished:
    """Run a Python process to its end; one that fails ends the benchmark with its own words."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(
            [sys.executable, *arguments], env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(child.pid, 0)
        took = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if child.returncode:
        raise RuntimeError(f"{' '.join(arguments)[:200]} ended with {child.returncode}: {text}")
    return Finished(took, usage.ru_maxrss * 1024.0, text)


def in_turn(calls: Sequence[Callable[[], Finished]], laps: int, budget: float) -> list[Finished]:
    """Median time and memory of processes that run in turn, after one run of each to warm up."""
    ends: list[list[Finished]] = [[] for _ in calls]
    for call in calls:
        call()
    start = time.perf_counter()
    while len(ends[0]) < laps and (not ends[0] or time.perf_counter() - start < budget):
        for call, side in zip(calls, ends, strict=True):
            side.append(call())
    return [
        Finished(
            statistics.median(end.seconds for end in side),
            statistics.median(end.memory for end in side),
            side[-1].output,
            len(side),
        )
        for side in ends
    ]


def machine(packages: Iterable[str]) -> str:
    """Processor, system and the versions that were compared."""
    versions = [f"{package} {version(package)}" for package in packages if installed(package)]
    system = f"{processor()}, {os.cpu_count()} cores, {platform.system()}"
    busy = f"load {os.getloadavg()[0]:.1f}, " if hasattr(os, "getloadavg") else ""
    return f"- {system}; {busy}" + ", ".join([f"Python {platform.python_version()}", *versions])


def version(package: str) -> str:
    # scikit-learn is imported as sklearn.
    distributions = importlib.metadata.packages_distributions().get(package, [package])
    try:
        return importlib.metadata.version(distributions[0])
    except importlib.metadata.PackageNotFoundError:
        return "from a checkout"


def processor() -> str:
    """Model name of the processor, which Linux tells only in /proc."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
