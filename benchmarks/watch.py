"""A command watched while it runs, with all processes that it starts: clock, memory, bytes read."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Watched:
    """What a command took: seconds on the clock, resident bytes of all its processes at the peak, bytes read."""

    seconds: float
    memory: float
    read: float
    output: str


def watch(arguments: Sequence[str], **environment: str) -> Watched:
    """Run a Python process to its end, and look at it and its children twenty times a second."""
    start = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *arguments],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peak, read = 0.0, {}
    while child.poll() is None:
        family = [child.pid, *descendants(child.pid)]
        # What each has taken at most is known between two looks, too; for all together that would be too much.
        alone = max(_field(pid, "status", "VmHWM:") for pid in family)
        peak = max(peak, 1024 * max(alone, sum(_field(pid, "status", "VmRSS:") for pid in family)))
        read |= {pid: _field(pid, "io", "rchar:") or read.get(pid, 0.0) for pid in family}
        time.sleep(0.05)
    took = time.perf_counter() - start
    assert child.stdout is not None
    with child.stdout as stream:
        output = stream.read()
    if child.returncode:
        raise RuntimeError(f"{' '.join(arguments)[:200]} ended with {child.returncode}: {output}")
    return Watched(took, peak, sum(read.values()), output)


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and those that these have."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in task.read_text().split()]
        except OSError:
            continue
    return found + [below for child in found for below in descendants(child)]


def _field(pid: int, name: str, key: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/{name}").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith(key)), 0.0)
