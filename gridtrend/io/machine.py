"""What this machine and this process have: memory that is free, memory that is taken, cores."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Files of a control group, in the second version and in the first: limits, what is taken, and which line of
# `memory.stat` counts pages of files that the kernel gives up first.
_GROUP_FILES = (
    (("memory.max", "memory.high"), "memory.current", "inactive_file"),
    (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file"),
)


def return_freed_memory() -> None:
    """Have this process give freed memory back to the system at once, where its C library is GNU's.

    Left alone, that keeps freed blocks of up to 32 MB in a pool of each thread: more than tiles of a small limit take.
    """
    trim_threshold = -1
    # Other systems have no such library, and others none of its functions.
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(trim_threshold, 65536)


def resident_bytes() -> int:
    """Bytes of memory that this process takes now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return _most_resident()
    return pages * os.sysconf("SC_PAGE_SIZE")


def _most_resident() -> int:
    """Bytes that this process has taken at most."""
    try:
        import resource
    except ImportError:
        return 0
    # Kilobytes everywhere else.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def available_memory(root: Path = Path("/")) -> float:
    """Bytes that this process could take without making the machine swap, as far as can be known.

    It is the least of what the machine, the control groups of the process (those of containers and batch jobs) and the
    limits of the process (`ulimit -v`, `ulimit -d`) leave.

    Parameters
    ----------
    root : Path
        Where the folders `proc` and `sys` are.
    """
    amounts = [*_free_on_machine(root), *_left_in_groups(root), *_left_to_process(root)]
    if not amounts and "SC_PHYS_PAGES" in os.sysconf_names:
        amounts.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2)
    return max(0.0, min(amounts, default=4e9))


def _free_on_machine(root: Path) -> Iterator[float]:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield float(line.split()[1]) * 1024


def _left_in_groups(root: Path) -> Iterator[float]:
    """What the control groups of this process leave, and those that they lie in: each has a limit of its own."""
    mounted = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            bases = [mounted, mounted / "unified"]
        elif "memory" in controllers.split(","):
            bases = [mounted / "memory", mounted]
        else:
            continue
        names = [name for name in path.split("/") if name not in ("", "..")]
        # In a container the path may be the one outside it: then only the folder at the top is there.
        for base in bases:
            for depth in range(len(names), -1, -1):
                yield from _left_in_group(base.joinpath(*names[:depth]))


def _left_in_group(folder: Path) -> Iterator[float]:
    for limits, current, reclaimable in _GROUP_FILES:
        taken = _number(folder / current)
        if taken is None:
            continue
        given_up = [float(line.split()[1]) for line in _lines(folder / "memory.stat") if line.split()[0] == reclaimable]
        for name in limits:
            if (limit := _number(folder / name)) is not None:
                yield limit - max(0.0, taken - sum(given_up))


def _left_to_process(root: Path) -> Iterator[float]:
    """What `ulimit` leaves of addresses and of data."""
    try:
        import resource
    except ImportError:
        return
    # Pages of addresses, ..., pages of data.
    pages = " ".join(_lines(root / "proc/self/statm")).split()
    if len(pages) < 6:
        return
    size = os.sysconf("SC_PAGE_SIZE")
    for kind, taken in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            yield limit - float(taken) * size


def _number(path: Path) -> float | None:
    """What a file of one number holds; None where there is no number, such as "max"."""
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return None


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text().splitlines() if line.strip()]
    except OSError:
        return []


def available_threads() -> int:
    """Number of cores that this process may use: those it is bound to, and no more than its container may spend."""
    from dask.system import cpu_count

    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cpu_count()
    return int(min(bound, cpu_count()))
