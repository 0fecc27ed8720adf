"""What a run takes of memory: the one home of such figures."""

import functools
import math
from dataclasses import dataclass

from gridtrend.io.files import PIECE_BYTES
from gridtrend.io.machine import available_memory, resident_bytes

# A process of its own, with its libraries and compiled kernels, before it holds any data (measured: 270 MB).
PROCESS_BYTES = 320_000_000
# What libraries that are loaded later, and pools of freed memory, add to a process that has its kernels.
MARGIN_BYTES = 50_000_000
# By how much processes differ that have compiled the same kernels (measured: 2 MB).
VARIATION_BYTES = 5_000_000
# What a process keeps after it has compiled kernels, beyond one that has read them from disk.
COMPILING_BYTES = 160_000_000
# What a result takes for each cell while it waits to be written.
RESULT_BYTES = 100
# dask joins the chunks of a series, even a single one, into a new array before a kernel sees it.
COPIES = 2


def process_bytes(extra: float = 0) -> float:
    """Bytes that this process takes before it holds any data, given what it takes already and what it will take beside."""
    return max(PROCESS_BYTES, resident_bytes() + MARGIN_BYTES) + extra


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
    own : float
        Bytes that these processes take before they hold any data.
    """

    nbytes: int
    series: int
    chunk: int
    threads: int = 1
    limit: float | None = None
    processes: int = 0
    own: float = 0.0

    @functools.cached_property
    def data(self) -> float:
        """Bytes for data."""
        if self.limit is None:
            return available_memory() / 2
        return self.limit - self.own

    @property
    def readers(self) -> int:
        """Processes that read; each unpacks for one thread at a time."""
        return max(1, self.processes)

    @property
    def piece(self) -> float:
        """Bytes that are unpacked at once; a large chunk is unpacked as a whole, and decoded by such pieces."""
        piece = max(0.0, min(PIECE_BYTES, self.nbytes, self.data / self.readers / 8))
        return max(piece, min(self.chunk, PIECE_BYTES))

    @property
    def large(self) -> int:
        """Bytes of a chunk that is more than a piece."""
        return self.chunk if self.chunk > PIECE_BYTES else 0

    @property
    def unpacking(self) -> float:
        """Bytes that the processes take while they unpack."""
        return 2 * self.readers * (self.piece + self.large)

    @property
    def loading(self) -> float:
        """Bytes that unpacking takes beside a variable that is read whole: its last chunk has no copy yet."""
        return 2 * self.piece + self.large

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

    def holds(self, least: float) -> bool:
        """Whether each thread may take so much."""
        return self.limit is None or self.each >= least

    def total(self, busy: int, of_each: float) -> float:
        """Bytes at the peak, when so many threads take so much each."""
        return self.own + self.unpacking + busy * of_each

    def told(self) -> str:
        """What there is, in words."""
        own = ""
        if self.processes:
            who = "the process takes" if self.processes == 1 else f"{self.processes} processes take"
            own = f"{who} {megabytes(self.own)} before any data; "
        threads = f"{self.threads} {'thread' if self.threads == 1 else 'threads'}"
        return f"a memory limit of {megabytes(self.limit or 0)} is too small: {own}with chunks of {megabytes(self.chunk)} in the files and {threads}"


def megabytes(nbytes: float) -> str:
    """An amount of memory in words, rounded up."""
    return f"{math.ceil(nbytes / 1e6):,} MB" if nbytes >= 1e6 else f"{math.ceil(nbytes):,} bytes"
