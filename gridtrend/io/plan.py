"""How to read a variable and split it among threads or workers: the one home of chunk sizes."""

import functools
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr

from gridtrend.io.errors import InputError
from gridtrend.io.memory import PROCESS_BYTES, RESULT_BYTES, VARIATION_BYTES, Room, megabytes
from gridtrend.io.metadata import CHUNK_CELLS

# Pairs of values below which one thread is done before dask has been imported.
SMALL_WORK = 200_000_000
# A block of what is in memory is what Ctrl-C waits for and what progress counts: a fraction of a second of work.
BLOCK_BYTES = 16_000_000
# A tile is what one task reads, computes and writes. Larger ones save little, and cost memory in every thread.
TILE_BYTES = 160_000_000
# Schedulers slow down beyond tens of thousands of tasks: tiles of larger records are larger, as far as memory goes.
MOST_TILES = 20_000
# Reading so often is still cheaper than a copy on disk, which is written once and read once more.
FEW_PASSES = 2
# Where there is no room for a copy, reading so often is better than a refusal.
MANY_PASSES = 20
# A copy has no more than so many files of less than so many bytes: with more, files take longer than what is in them.
MANY_FILES, SMALL_FILE = 4_000, 16_384
# For the estimate of time only: unpacked bytes a second of one process, scratch bytes, pairs of one thread.
READ_RATE, SCRATCH_RATE, PAIR_RATE = 2e8, 4e8, 8e8
LONG = 1000

WAYS = ("auto", "passes", "zarr", "p2p")


@dataclass(frozen=True)
class Plan:
    """How one variable gets from the files to the kernel.

    Parameters
    ----------
    reading : {"whole", "alone", "tiles", "passes", "zarr", "p2p"}
        Read once into memory, before anything is computed or, for variables that do not fit together, when its turn
        comes; by tiles that follow the disk chunks; by tiles that cut them, so that they are unpacked
        several times; copied once into a Zarr store of tiles and read from there; or shuffled among workers.
    blocks : dict
        Tile size of every dimension that is not `dim`; empty where the work is too small to be split.
    slabs : dict
        What is read at once for a copy or a shuffle, in every dimension.
    nbytes, cells, pairs : int
        Size decoded, number of series, and of pairs of values that the rank statistics compare.
    passes : int
        How often any byte of the input is read, at most.
    tasks : int
        Pieces of work that dask gets.
    memory : float
        Bytes in use at the peak, with those of the processes themselves where it is known how many there are.
    seconds : float
        A rough guess.
    """

    reading: str = "whole"
    blocks: dict[str, int] = field(default_factory=dict)
    slabs: dict[str, int] = field(default_factory=dict)
    nbytes: int = 0
    cells: int = 0
    pairs: int = 0
    passes: int = 1
    tasks: int = 1
    memory: float = 0.0
    seconds: float = 0.0

    @property
    def whole(self) -> bool:
        """Whether the variable is read into memory before anything is computed."""
        return self.reading == "whole"


def plan_chunks(
    array: xr.DataArray,
    dim: str,
    *,
    memory_limit: float | None = None,
    threads: int = 1,
    chunks: Mapping[str, int] | None = None,
    rechunk: str = "auto",
    space: float = 0.0,
    in_memory: bool = True,
    processes: int = 0,
    own: float | None = None,
    others: float = 0.0,
    held: float = 0.0,
    earlier: Plan | None = None,
) -> Plan:
    """Decide how to read a variable whose series along `dim` are needed whole.

    A variable that fits in memory is read once: files with one step in each disk chunk would otherwise be unpacked
    once for every block, and HDF5 reads for one thread at a time anyway. A larger one is cut along its disk chunks; where
    these are wide and short, it is read in two passes, or copied into tiles on disk first.

    Parameters
    ----------
    array : DataArray
        Not read yet.
    dim : str
        Dimension of the series.
    memory_limit : float, optional
        Bytes that may be taken, in all threads; by default half of what the machine has to spare.
    threads : int
        How many threads share the tiles.
    chunks : mapping, optional
        Tile sizes that overrule those found here.
    rechunk : {"auto", "passes", "zarr", "p2p"}
        What to do with disk chunks that are too wide: read them several times, copy them into a Zarr store, or let
        dask's workers exchange their parts.
    space : float
        Bytes that such a copy may take on disk.
    in_memory : bool
        Whether the variable may be read whole here; not where workers read it.
    processes : int
        How many processes the limit is for, with what they take before they hold any data; 0 if it is for data alone.
    own : float, optional
        Bytes that these processes take before they hold any data.
    others : float
        Bytes of the other variables of the run and of their results: with them in memory this one is read at once, without
        them when its turn comes.
    held : float
        Bytes of results that wait in memory for those of other tiles.
    earlier : Plan, optional
        Of the run that is resumed. It is kept, since what is finished was cut by it.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If the limit is too small for anything, or for the earlier plan; it says what is the least that works.
    """
    asked = _asked(array, dim, chunks) if chunks else {}
    chunk = array.dtype.itemsize * math.prod(disk_chunks(array).values()) if disk_chunks(array) else 0
    own = processes * PROCESS_BYTES if own is None else own
    room = Room(array.nbytes, _series_bytes(array, dim), chunk, threads, memory_limit, processes, own)
    ways: Callable[..., Plan | None]
    if earlier is None:
        ways = functools.partial(
            _plan_within, rechunk=rechunk, space=space, in_memory=in_memory, others=others, held=held
        )
        advice = ""
    else:
        ways = functools.partial(_plan_again, earlier=earlier, held=held)
        advice = ", or start anew with --overwrite: the run that is resumed was planned for more memory"
    plan = ways(array, dim, asked, room)
    if plan is None:
        least = _least(lambda limit: ways(array, dim, asked, replace(room, limit=limit)), room.limit or 0.0)
        # The limit that is named must work in the next run too, in which the process may be a little larger.
        least += VARIATION_BYTES if own > processes * PROCESS_BYTES else 0
        raise InputError(
            f"{room.told()}, {megabytes(least)} is the least that works. Allow that, or take fewer threads or workers{advice}"
        )
    return plan


def _least(ways: Callable[[float], Plan | None], too_little: float) -> float:
    """The smallest limit that there is a plan for, to the byte below a million bytes, to the megabyte above."""
    enough = 2.0 * max(too_little, 1.0)
    while ways(enough) is None:
        too_little, enough = enough, 2 * enough
    while enough - too_little > (1 if enough < 1e6 else 1e5):
        middle = math.floor((too_little + enough) / 2)
        too_little, enough = (middle, enough) if ways(middle) is None else (too_little, middle)
    return enough


def _plan_within(
    array: xr.DataArray,
    dim: str,
    asked: dict[str, int],
    room: Room,
    *,
    rechunk: str,
    space: float,
    in_memory: bool,
    others: float,
    held: float,
) -> Plan | None:
    """The best plan within a limit; None where there is no room for any."""
    n = array.sizes[dim]
    cells = array.size // max(n, 1)
    bare = Plan(nbytes=array.nbytes, cells=cells, pairs=cells * n * (n - 1) // 2)
    whole = _whole_bytes(array, cells, room)
    if in_memory and whole <= room.data and (rechunk == "auto" or not asked):
        alone = whole + others > room.data
        # What is computed at once waits with its results until all variables are there.
        small = room.limit is None or cells * room.cell <= BLOCK_BYTES
        at_once = bare.pairs <= SMALL_WORK and small and not alone
        blocks = asked or ({} if at_once else _tile(array, dim, _block_cells(room, cells), {}))
        reading = "alone" if alone else "whole"
        return _costed(replace(bare, reading=reading, blocks=blocks, memory=room.own + whole), array, dim, room)
    room = replace(room, own=room.own + held)
    disk = disk_chunks(array)
    column = math.prod(size for name, size in disk.items() if name != dim)
    # Tiles must be whole chunks, unless that leaves no room for them, or nothing to do for most threads.
    follow = column <= min(room.cells, max(1, cells // room.threads))
    a_tile = min(room.cells, _tile_bytes(array) // room.series, cells // (2 * room.threads))
    blocks = asked or _tile(array, dim, max(a_tile, column if follow else 1), disk if follow else {})
    passes = _passes(array, dim, blocks, disk)
    copies = {"zarr": space >= array.nbytes, "p2p": True, "passes": False}
    wanted = ("zarr" if passes > FEW_PASSES else "passes") if rechunk == "auto" else rechunk
    if passes > 1 and copies[wanted]:
        # A slab that is cut into several parts takes little beside itself.
        for share in (2, 3):
            slabs, tiles = _slabs(array, dim, room.each / share, disk, room.cells, asked or None)
            # What is dask's already has chunks to exchange.
            slabs = disk if wanted == "p2p" and array.chunks else slabs
            splinters = wanted == "zarr" and not asked and _is_splintered(array, slabs, tiles)
            if room.holds(max(room.cell, _slab_bytes(array, slabs, tiles))) and not splinters:
                passes = _passes(array, dim, slabs, disk)
                copied = replace(bare, reading=wanted, blocks=tiles, slabs=slabs, passes=passes)
                return _costed(copied, array, dim, room)
        if rechunk != "auto" or passes > MANY_PASSES:
            return None
    if not room.holds(room.cell):
        return None
    reading = "tiles" if passes == 1 else "passes"
    return _costed(replace(bare, reading=reading, blocks=blocks, passes=passes), array, dim, room)


def _is_splintered(array: xr.DataArray, slabs: dict[str, int], tiles: dict[str, int]) -> bool:
    """Whether a copy would be so many small files that making and finding them takes longer than all else."""
    chunk = array.dtype.itemsize * math.prod(min(size, tiles.get(name, size)) for name, size in slabs.items())
    return chunk < SMALL_FILE and array.nbytes > MANY_FILES * chunk


def _plan_again(
    array: xr.DataArray, dim: str, asked: dict[str, int], room: Room, *, earlier: Plan, held: float
) -> Plan | None:
    """An earlier plan, with what it takes now; None where that is more than the limit. Tiles that were asked for are taken."""
    at_once = earlier.reading in ("whole", "alone")
    room = room if at_once else replace(room, own=room.own + held)
    memory = room.own + _whole_bytes(array, earlier.cells, room) if at_once else 0.0
    plan = _costed(replace(earlier, memory=memory), array, dim, room)
    return plan if asked or room.limit is None or plan.memory <= room.limit else None


def _whole_bytes(array: xr.DataArray, cells: int, room: Room) -> float:
    """Bytes that a variable in memory takes with its results, and what it is read and computed with."""
    beside = max(room.loading, room.threads * _block_cells(room, cells) * room.cell)
    return array.nbytes + cells * RESULT_BYTES + beside


def bytes_with_results(array: xr.DataArray, dim: str) -> int:
    """Bytes of a variable in memory and of the results for all its cells."""
    return int(array.nbytes + array.size // max(array.sizes[dim], 1) * RESULT_BYTES)


def held_bytes(cells: int, suffix: str, *, together: bool) -> int:
    """Bytes of results that wait for those of other tiles: for all, if they are needed together, or for one map in netCDF."""
    return cells * RESULT_BYTES if together or (suffix == ".nc" and cells <= CHUNK_CELLS) else 0


def _block_cells(room: Room, cells: int) -> int:
    """Cells of a block of what is in memory."""
    return max(1, min(BLOCK_BYTES // room.series, cells // (4 * room.threads)))


def _asked(array: xr.DataArray, dim: str, chunks: Mapping[str, int]) -> dict[str, int]:
    """Tile sizes as they were asked for; whole dimensions where they were not."""
    return {str(name): min(chunks.get(str(name), size), size) for name, size in array.sizes.items() if name != dim}


def _tile_bytes(array: xr.DataArray) -> int:
    return max(TILE_BYTES, array.nbytes // MOST_TILES)


def _series_bytes(array: xr.DataArray, dim: str) -> int:
    """What one series takes; numbers that are not floating are computed with as float64."""
    widened = 0 if array.dtype.kind == "f" else 8
    return max(1, array.sizes[dim] * (array.dtype.itemsize + widened))


def _tile(array: xr.DataArray, dim: str, cells: int, disk: Mapping[str, int]) -> dict[str, int]:
    """Block sizes that hold about `cells` cells: whole rows first, in multiples of the disk chunks."""
    blocks = {str(name): min(disk.get(str(name), 1), size) for name, size in array.sizes.items() if name != dim}
    if math.prod(blocks.values()) > cells:
        blocks = dict.fromkeys(blocks, 1)
    for name, step in reversed(blocks.items()):
        others = math.prod(blocks.values()) // step
        blocks[name] = min(array.sizes[name], max(1, cells // others // step) * step)
    return {name: _even(array.sizes[name], size, disk.get(name, 1)) for name, size in blocks.items()}


def _even(length: int, size: int, step: int) -> int:
    """The size of equal parts, as many as parts of `size` would be, in multiples of `step`."""
    return min(length, math.ceil(length / math.ceil(length / size) / step) * step)


def _passes(array: xr.DataArray, dim: str, tiles: Mapping[str, int], disk: Mapping[str, int]) -> int:
    """How many tiles touch a disk chunk, at most: as often it is read and unpacked."""
    most = 1
    for name, chunk in disk.items():
        size, tile = array.sizes[name], tiles.get(name, array.sizes[name])
        starts = np.arange(0, size, chunk)
        stops = np.minimum(starts + chunk, size)
        most *= int(np.max((stops - 1) // tile - starts // tile, initial=0)) + 1
    return most


def _slabs(
    array: xr.DataArray,
    dim: str,
    nbytes: float,
    disk: Mapping[str, int],
    most: int,
    blocks: dict[str, int] | None,
) -> tuple[dict[str, int], dict[str, int]]:
    """What to read at once, and tiles that fit into it: many steps of whole maps, or of single disk chunks.

    Edges of slabs must be edges of tiles, for two tasks must not write into one chunk of the copy.
    """
    maps = {str(name): size for name, size in array.sizes.items()} | {dim: disk[dim]}
    if array.dtype.itemsize * math.prod(maps.values()) > nbytes and blocks is None:
        maps = {str(key): min(disk[str(key)], length) for key, length in array.sizes.items()}
    bytes_each = array.dtype.itemsize * math.prod(maps.values()) / disk[dim]
    steps = max(1, int(min(nbytes, _tile_bytes(array)) / bytes_each / disk[dim])) * disk[dim]
    slabs = maps | {dim: min(steps, array.sizes[dim])}
    if blocks is None:
        # A slab of maps takes tiles of any size; one of disk chunks takes what divides them.
        cells = min(most, max(1, _tile_bytes(array) // _series_bytes(array, dim)))
        whole_maps = all(slabs[str(name)] == size for name, size in array.sizes.items() if name != dim)
        blocks = _tile(array, dim, cells, {}) if whole_maps else _dividing(slabs, dim, cells)
    return slabs, blocks


def _slab_bytes(array: xr.DataArray, slabs: Mapping[str, int], tiles: Mapping[str, int]) -> int:
    """Bytes that the copying of a slab takes: itself, the part of it that is packed, and that part packed."""
    part = math.prod(min(size, tiles.get(name, size)) for name, size in slabs.items())
    return array.dtype.itemsize * (math.prod(slabs.values()) + 2 * part)


def _dividing(slabs: Mapping[str, int], dim: str, cells: int) -> dict[str, int]:
    """The largest box of at most `cells` cells whose edges divide those of a slab."""
    blocks: dict[str, int] = {}
    left = cells
    for name, size in reversed([(name, size) for name, size in slabs.items() if name != dim]):
        blocks[name] = max(k for k in range(1, size + 1) if size % k == 0 and k <= max(1, left))
        left //= blocks[name]
    return dict(reversed(blocks.items()))


def _costed(plan: Plan, array: xr.DataArray, dim: str, room: Room) -> Plan:
    """Fill in what a plan takes."""
    n = array.sizes[dim]
    tiles = math.prod(-(-array.sizes[name] // k) for name, k in plan.blocks.items()) if plan.blocks else 1
    slabs = math.prod(-(-length // plan.slabs[str(name)]) for name, length in array.sizes.items()) if plan.slabs else 0
    busy = min(room.threads, tiles)
    slab = _slab_bytes(array, plan.slabs, plan.blocks) if plan.slabs else 0
    memory = room.total(busy, max(room.cell * math.prod(plan.blocks.values()), slab))
    seconds = plan.passes * plan.nbytes / READ_RATE + plan.cells * n * min(n, LONG) / 2 / PAIR_RATE / busy
    if plan.slabs:
        seconds += 2 * plan.nbytes / SCRATCH_RATE
    return replace(plan, tasks=tiles + slabs, memory=plan.memory or memory, seconds=seconds)


def disk_chunks(array: xr.DataArray) -> dict[str, int]:
    """Chunk sizes in the file, or of dask; empty where the values lie in one piece."""
    if array.chunks:
        return {str(name): max(sizes) for name, sizes in array.chunksizes.items()}
    sizes = array.encoding.get("chunksizes") or array.encoding.get("chunks") or ()
    return {str(name): int(size) for name, size in zip(array.dims, sizes, strict=False)}


def check_tiles(array: xr.DataArray, dim: str, chunks: Mapping[str, int]) -> None:
    """Refuse tile sizes for dimensions that are not there, or for that of the series."""
    others = [str(name) for name in array.dims if name != dim]
    for name in chunks:
        if name not in others:
            why = "every cell needs its whole series" if name == dim else "there is no such dimension"
            raise InputError(f"tiles cannot be cut along '{name}': {why}. Cut along {' or '.join(others) or 'none'}")


def edges(sizes: tuple[int, ...]) -> list[int]:
    """Where blocks begin and end.

    Examples
    --------
    >>> edges((4, 4, 2))
    [0, 4, 8, 10]
    """
    return [0, *itertools.accumulate(sizes)]
