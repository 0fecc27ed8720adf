"""How to read a variable and split it among threads: the one home of chunk sizes."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from gridtrend.io.errors import InputError

# Pairs of values below which one thread is done before dask has been imported.
SMALL_WORK = 200_000_000
# A block is what Ctrl-C waits for and what progress counts: a fraction of a second of work.
BLOCK_BYTES = 16_000_000
SLAB_BYTES = 64_000_000

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Plan:
    """How one variable gets from the file to the kernel.

    Parameters
    ----------
    whole : bool
        Read it once, as a whole, before it is split; otherwise each block reads its own part of the file.
    blocks : dict
        Block size of every dimension that is not `dim`; empty where the work is too small to be split.
    nbytes : int
        Size in memory, decoded.
    cells, pairs : int
        Number of series, and of pairs of values that the rank statistics compare.
    """

    whole: bool
    blocks: dict[str, int] = field(default_factory=dict)
    nbytes: int = 0
    cells: int = 0
    pairs: int = 0


def plan_chunks(array: xr.DataArray, dim: str, *, memory_limit: float | None = None, threads: int = 1) -> Plan:
    """Decide how to read a variable whose series along `dim` are needed whole.

    A variable that fits in memory is read once: files with one step in each disk chunk would otherwise be unpacked
    once for every block, and HDF5 reads for one thread at a time anyway. A larger one is cut along its disk chunks.

    Parameters
    ----------
    array : DataArray
        Not read yet.
    dim : str
        Dimension of the series.
    memory_limit : float, optional
        Bytes that the variable may take; by default half of what the machine has to spare.
    threads : int
        How many threads share the blocks.

    Returns
    -------
    Plan
    """
    n = array.sizes[dim]
    cells = array.size // max(n, 1)
    pairs = cells * n * (n - 1) // 2
    limit = available_memory() / 2 if memory_limit is None else memory_limit
    whole = array.nbytes <= limit
    if whole and pairs <= SMALL_WORK:
        return Plan(True, {}, array.nbytes, cells, pairs)
    series_bytes = n * array.dtype.itemsize
    if whole:
        block_cells, disk = min(BLOCK_BYTES // series_bytes, cells // (4 * threads)), {}
    else:
        block_cells, disk = int(limit / 4 / threads) // series_bytes, disk_chunks(array)
    blocks = _tile(array, dim, max(block_cells, 1), disk)
    return Plan(whole, blocks, array.nbytes, cells, pairs)


def _tile(array: xr.DataArray, dim: str, cells: int, disk: dict[str, int]) -> dict[str, int]:
    """Block sizes that hold about `cells` cells: whole rows first, in multiples of the disk chunks."""
    blocks = {str(name): min(disk.get(str(name), 1), size) for name, size in array.sizes.items() if name != dim}
    if math.prod(blocks.values()) > cells:
        blocks = dict.fromkeys(blocks, 1)
    for name, step in reversed(blocks.items()):
        others = math.prod(blocks.values()) // step
        blocks[name] = min(array.sizes[name], max(1, cells // others // step) * step)
    return blocks


def disk_chunks(array: xr.DataArray) -> dict[str, int]:
    """Chunk sizes in the file; empty where the values lie in one piece."""
    sizes = array.encoding.get("chunksizes") or array.encoding.get("chunks") or ()
    return {str(name): int(size) for name, size in zip(array.dims, sizes, strict=False)}


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


def read(array: xr.DataArray, plan: Plan, report: Report = lambda *_: None) -> xr.DataArray:
    """Carry out a plan: the variable in memory or lazy, in blocks or in one piece.

    Parameters
    ----------
    array : DataArray
        Not read yet.
    plan : Plan
        From `plan_chunks`.
    report : callable
        Told what is going on, how much is done, and out of how much.
    """
    if plan.whole:
        array = array.copy(data=_load(array, report))
    if not plan.blocks:
        return array
    # The token spares dask a digest of all the data.
    return array.chunk({dim: plan.blocks.get(str(dim), -1) for dim in array.dims}, token=os.urandom(8).hex())


def _load(array: xr.DataArray, report: Report) -> np.ndarray:
    """Read slab by slab along the leading dimension, which costs no more and lets progress be seen."""
    if not array.ndim:
        return array.values
    values = np.empty(array.shape, array.dtype.newbyteorder("="))
    start = 0
    for stop in _slab_ends(array):
        try:
            values[start:stop] = array[start:stop].values
        except (OSError, RuntimeError) as error:
            raise InputError(
                f"'{array.encoding.get('source', 'the input')}' cannot be read: variable '{array.name}' from "
                f"{array.dims[0]} {start} to {stop} gave '{error}'. The file is damaged: copy or download it again"
            ) from error
        report(f"reading {array.name}", stop, array.shape[0])
        start = stop
    return values


def _slab_ends(array: xr.DataArray) -> list[int]:
    if array.chunks:
        return [int(end) for end in np.cumsum(array.chunks[0])]
    length = array.shape[0]
    step = disk_chunks(array).get(str(array.dims[0]), 1)
    step *= max(1, SLAB_BYTES * length // max(array.nbytes, 1) // step)
    return [*range(step, length, step), length]
