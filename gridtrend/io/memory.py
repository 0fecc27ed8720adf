"""What a run may take of memory and processors, and what it takes whatever the plan: the one home of such figures."""

import contextlib
import ctypes
import functools
import math
import os
from dataclasses import dataclass
from pathlib import Path

from gridtrend.io.errors import InputError
from gridtrend.io.files import PIECE_BYTES

# A process of its own, with its libraries and compiled kernels, before it holds any data (measured: 270 MB).
PROCESS_BYTES = 320_000_000
# What a result takes for each cell while it waits to be written.
RESULT_BYTES = 100
# dask joins the chunks of a series, even a single one, into a new array before a kernel sees it.
COPIES = 2


@dataclass(frozen=True)
class Room:
    """Memory that one variable may take, and what each part of the work needs of it.

    Parameters
    ----------
    nbytes, series, chunk : int
        Bytes of the variable, of one of its series, and of the largest chunk in its files, unpacked.
    threads : int
        How many compute at a time.
    limit : float, optional
        Bytes that all of it may take; by default half of what the machine has to spare, which is no limit: what needs
        more gets it.
    processes : int
        How many are within the limit; 0 where the limit is for data alone.
    variables : int
        How many share the limit.
    """

    nbytes: int
    series: int
    chunk: int
    threads: int = 1
    limit: float | None = None
    processes: int = 0
    variables: int = 1

    @functools.cached_property
    def data(self) -> float:
        """Bytes for data."""
        if self.limit is None:
            return available_memory() / 2 / self.variables
        return (self.limit - self.processes * PROCESS_BYTES) / self.variables

    @property
    def unpacking(self) -> float:
        """Bytes that the processes take while they unpack; each does it for one thread at a time."""
        readers = max(1, self.processes)
        return 2 * readers * max(self.chunk, min(PIECE_BYTES, self.nbytes, self.data / readers / 8))

    @property
    def cell(self) -> int:
        """Bytes that the series and the results of one cell take."""
        return COPIES * self.series + RESULT_BYTES

    @property
    def cells(self) -> int:
        """Cells that each thread may be at; one, where there is no room for any."""
        return max(1, int(self.each / self.cell))

    @property
    def each(self) -> float:
        """Bytes for each thread."""
        return (self.data - self.unpacking) / self.threads

    def require(self, least: float) -> None:
        """Refuse a limit that leaves less than `least` for each thread.

        Raises
        ------
        InputError
            It says what the limit must be.
        """
        if self.limit is not None and self.each < least:
            self._refuse(least)

    def _refuse(self, least: float) -> None:
        processes = self.processes * PROCESS_BYTES
        needed = processes + self.variables * (2 * max(1, self.processes) * self.chunk + self.threads * least)
        # What is unpacked at once grows with the limit, up to a quarter of it.
        needed = max(needed, processes + self.variables * self.threads * least * 4 / 3)
        who = "the process takes" if self.processes == 1 else f"{self.processes} processes take"
        own = f"{who} {_mb(processes)} before any data; " if self.processes else ""
        raise InputError(
            f"a memory limit of {_mb(self.limit or 0)} is too small: {own}with chunks of {_mb(self.chunk)} in the files and "
            f"{self.threads} {'thread' if self.threads == 1 else 'threads'}, {_mb(needed)} is the least that works. "
            "Allow that, or take fewer threads or workers"
        )

    def total(self, busy: int, of_each: float) -> float:
        """Bytes at the peak, when so many threads take so much each."""
        return self.processes * PROCESS_BYTES + self.unpacking + busy * of_each


def _mb(nbytes: float) -> str:
    return f"{math.ceil(nbytes / 1e6):,} MB" if nbytes >= 1e6 else f"{math.ceil(nbytes):,} bytes"


def return_freed_memory() -> None:
    """Have this process give freed memory back to the system at once, where its C library is GNU's.

    Left alone, that keeps freed blocks of up to 32 MB in a pool of each thread: more than tiles of a small limit take.
    """
    trim_threshold = -1
    # Other systems have no such library, and others none of its functions.
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(trim_threshold, 65536)


def available_memory() -> float:
    """Bytes that this process could take without making the machine swap, as far as can be told."""
    amounts = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                amounts.append(float(line.split()[1]) * 1024)
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if limit != "max":
            amounts.append(float(limit) - float(Path("/sys/fs/cgroup/memory.current").read_text()))
    except OSError:
        pass
    if not amounts and "SC_PHYS_PAGES" in os.sysconf_names:
        amounts.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2)
    return min(amounts, default=4e9)


def available_threads() -> int:
    """Number of cores that this process may use: those it is bound to, and no more than its container may spend."""
    from dask.system import cpu_count

    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cpu_count()
    return int(min(bound, cpu_count()))
