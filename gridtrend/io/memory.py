"""All sizes that steer reading and writing, and the memory that a run takes. `machine` says how much memory there is."""

import functools
import math
from dataclasses import dataclass

from gridtrend.io.machine import available_memory, resident_bytes

# --- memory of a process ---
# A process with its libraries and compiled kernels, before it holds any data (measured: 270 MB).
PROCESS_BYTES = 320_000_000
# Libraries that are loaded later, graphs of dask, and pools of freed memory, in a process that has its kernels.
MARGIN_BYTES = 50_000_000
# A process that has compiled kernels keeps this much more than one that has read them from disk.
COMPILING_BYTES = 160_000_000
# Processes that have compiled the same kernels differ by this much (measured: 2 MB).
VARIATION_BYTES = 5_000_000
# All results of one cell, while they wait to be written, and in a file.
RESULT_BYTES, STORED_RESULT_BYTES = 100, 9 * 8 + 4 + 1
# dask joins the chunks of a series, even a single one, into a new array before a kernel sees it.
COPIES = 2

# --- sizes of reads ---
# One read from a file, which is then copied to its place in the result.
PIECE_BYTES = 32_000_000
# A sample that shows what kind of record it is. Chunks are unpacked as a whole.
SAMPLE_BYTES = 64_000_000
# Values that are read to count missing ones; of larger records, a few chunks are read.
SAMPLE_VALUES = 5_000_000

# --- sizes of tasks ---
# Below this many pairs of values, one thread has finished before dask has been imported.
SMALL_WORK = 200_000_000
# A block of data in memory. Ctrl-C waits for one block, and progress counts blocks: a fraction of a second of work.
BLOCK_BYTES = 16_000_000
# A tile is what one task reads, computes and writes. Larger tiles save little time and cost memory in every thread.
TILE_BYTES = 160_000_000
# Schedulers slow down beyond tens of thousands of tasks, so tiles of larger records are larger.
MOST_TILES = 20_000
# Regions in one graph. Each task of a graph takes about 14 kB of memory. A cluster needs enough tasks for a thousand
# workers; threads wait for the last task of each graph, which costs less than one percent at this size.
CLUSTER_WINDOW, THREADS_WINDOW = 4096, 1024
# Regions whose results may wait for the one process that writes.
WAITING = 32

# --- sizes of files ---
# A copy has at most MANY_FILES files that are smaller than SMALL_FILE bytes: opening more takes longer than reading.
MANY_FILES, SMALL_FILE = 4_000, 16_384
# A map of up to this many cells is one chunk of a netCDF result, as readers want whole maps.
CHUNK_CELLS = 1_000_000


def process_bytes(extra: float = 0) -> float:
    """Bytes of this process before it holds any data: what it has now, or will have, and `extra`."""
    return max(PROCESS_BYTES, resident_bytes() + MARGIN_BYTES) + extra


@dataclass(frozen=True)
class MemoryBudget:
    """The memory for one variable, and what each part of the work needs of it, in bytes.

    Parameters
    ----------
    variable, series, chunk : int
        Size of the variable, of one of its series, and of the largest chunk in its files, unpacked.
    threads : int
        Number of threads that compute.
    limit : float, optional
        What the run may take. The default, half of the free memory, decides how to read but refuses nothing.
    processes : int
        Number of processes within the limit; 0 if the limit is for data only.
    own : float
        What these processes take before they hold any data.
    """

    variable: int
    series: int
    chunk: int
    threads: int = 1
    limit: float | None = None
    processes: int = 0
    own: float = 0.0

    @functools.cached_property
    def data(self) -> float:
        """Memory for data."""
        return available_memory() / 2 if self.limit is None else self.limit - self.own

    @property
    def readers(self) -> int:
        """Processes that read; each of them unpacks for one thread at a time."""
        return max(1, self.processes)

    @property
    def piece(self) -> float:
        """One read. A large chunk is unpacked as a whole, and decoded in such pieces."""
        piece = max(0.0, min(PIECE_BYTES, self.variable, self.data / self.readers / 8))
        return max(piece, min(self.chunk, PIECE_BYTES))

    @property
    def large_chunk(self) -> int:
        """A chunk that is larger than a piece; 0 if it is not."""
        return self.chunk if self.chunk > PIECE_BYTES else 0

    @property
    def unpacking(self) -> float:
        """What all processes take while they unpack."""
        return 2 * self.readers * (self.piece + self.large_chunk)

    @property
    def loading(self) -> float:
        """What unpacking adds to a variable that is read whole: its last chunk has no copy yet."""
        return 2 * self.piece + self.large_chunk

    @property
    def cell(self) -> int:
        """Series and results of one cell."""
        return COPIES * self.series + RESULT_BYTES

    @property
    def of_thread(self) -> float:
        """Memory for the tiles of one thread."""
        return (self.data - self.unpacking) / self.threads

    @property
    def cells(self) -> int:
        """Cells in the tile of one thread; 1 if there is not enough memory for any."""
        return max(1, int(self.of_thread / self.cell))

    def allows(self, tile: float) -> bool:
        """Whether each thread may take this much."""
        return self.limit is None or self.of_thread >= tile

    def peak(self, busy: int, tile: float) -> float:
        """Memory of the run, when `busy` threads take `tile` each."""
        return self.own + self.unpacking + busy * tile

    def refusal(self) -> str:
        """Why the limit is too small."""
        own = ""
        if self.processes:
            who = "the process takes" if self.processes == 1 else f"{self.processes} processes take"
            own = f"{who} {megabytes(self.own)} before any data; "
        threads = f"{self.threads} {'thread' if self.threads == 1 else 'threads'}"
        return (
            f"a memory limit of {megabytes(self.limit or 0)} is too small: {own}with chunks of {megabytes(self.chunk)} in "
            f"the files and {threads}"
        )


def megabytes(nbytes: float) -> str:
    """An amount of memory as text, rounded up."""
    return f"{math.ceil(nbytes / 1e6):,} MB" if nbytes >= 1e6 else f"{math.ceil(nbytes):,} bytes"
