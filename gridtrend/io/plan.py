"""How to read a variable and split it into tasks, so that the whole series of each cell fits into memory."""

import functools
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.io.errors import InputError
from gridtrend.io.memory import (
    BLOCK_BYTES,
    CHUNK_CELLS,
    MANY_FILES,
    MOST_TILES,
    PROCESS_BYTES,
    RESULT_BYTES,
    SMALL_FILE,
    SMALL_WORK,
    TILE_BYTES,
    VARIATION_BYTES,
    MemoryBudget,
    megabytes,
)

# The strategies: names and descriptions.
STRATEGIES = {
    "whole": "read once, as a whole",
    "alone": "read once, as a whole, when the variables before it are done",
    "tiles": "read once, in tiles of whole disk chunks",
    "passes": "read several times, in tiles that cut the disk chunks",
    "zarr": "read once, and copied into a Zarr store of tiles on disk",
    "p2p": "read once, in parts that workers exchange",
}
# Up to this many passes over the input are faster than a copy on disk, which is written once and read once more.
FEW_PASSES = 2
# If there is no space for a copy, up to this many passes are better than a refusal.
MANY_PASSES = 20
# For the estimate of time: unpacked bytes per second and process, bytes of a copy per second, pairs per second and thread.
READ_RATE, COPY_RATE, PAIR_RATE = 2e8, 4e8, 8e8
# Steps from which slopes are found without all pairs, for the estimate of time.
LONG = 1000


@dataclass(frozen=True)
class Plan:
    """How one variable gets from the files to the kernel.

    Parameters
    ----------
    reading : str
        One of `STRATEGIES`.
    blocks : dict
        Tile size of every dimension but `dim`; empty if the work is too small to be split.
    slabs : dict
        Size of one read for a copy or an exchange, for every dimension.
    nbytes, cells, pairs : int
        Decoded size, number of series, and of pairs of values that the rank statistics compare.
    passes : int
        How often any byte of the input is read, at most.
    tasks : int
        Number of tasks of dask.
    memory : float
        Bytes at the peak, with those of the processes themselves if their number is known.
    seconds : float
        A rough estimate.
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

    A variable that fits in memory is read once: if each disk chunk holds one step, every block would otherwise unpack the
    whole file, and HDF5 reads for one thread at a time anyway. A larger variable is cut along its disk chunks. If these are
    wide and short, it is read in two passes, or first copied into tiles on disk.

    Parameters
    ----------
    array : DataArray
        Not read yet.
    dim : str
        Dimension of the series.
    memory_limit : float, optional
        Bytes for all threads; by default half of the free memory.
    threads : int
        Number of threads that share the tiles.
    chunks : mapping, optional
        Tile sizes that replace the planned ones.
    rechunk : {"auto", "passes", "zarr", "p2p"}
        Strategy for disk chunks that are too wide.
    space : float
        Bytes on disk for a copy.
    in_memory : bool
        Whether this process may read the variable as a whole.
    processes : int
        Number of processes within the limit; 0 if the limit is for data only.
    own : float, optional
        Bytes that these processes take before they hold any data.
    others : float
        Bytes of the other variables and their results. If they do not fit into memory together with this one, it is read
        when its turn comes.
    held : float
        Bytes of results that wait in memory for those of other tiles.
    earlier : Plan, optional
        Plan of the run that is resumed. It is kept, because finished parts were cut by it.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If the limit is too small for any strategy, or for the earlier plan. It names the least limit that works.
    """
    disk = disk_chunks(array)
    chunk = array.dtype.itemsize * math.prod(disk.values()) if disk else 0
    own = processes * PROCESS_BYTES if own is None else own
    budget = MemoryBudget(array.nbytes, _series_bytes(array, dim), chunk, threads, memory_limit, processes, own)
    planner = _Planner(
        array, dim, disk, _asked(array, dim, chunks) if chunks else {}, budget, rechunk, space, in_memory, others, held
    )
    find: Callable[[_Planner], Plan | None] = _Planner.best
    advice = ""
    if earlier is not None:
        find = functools.partial(_Planner.again, earlier=earlier)
        advice = ", or start anew with --overwrite: the run that is resumed was planned for more memory"
    plan = find(planner)
    if plan is None:
        least = _least(lambda limit: find(planner.with_limit(limit)), memory_limit or 0.0)
        # The limit that is named must work in the next run too, in which the process may be a little larger.
        least += VARIATION_BYTES if own > processes * PROCESS_BYTES else 0
        raise InputError(
            f"{budget.refusal()}, {megabytes(least)} is the least that works. Allow that, or take fewer threads or "
            f"workers{advice}"
        )
    return plan


def _least(plan_for: Callable[[float], Plan | None], too_little: float) -> float:
    """The smallest limit that has a plan, to the byte below one megabyte, and to 0.1 MB above."""
    enough = 2.0 * max(too_little, 1.0)
    while plan_for(enough) is None:
        too_little, enough = enough, 2 * enough
    while enough - too_little > (1 if enough < 1e6 else 1e5):
        middle = math.floor((too_little + enough) / 2)
        too_little, enough = (middle, enough) if plan_for(middle) is None else (too_little, middle)
    return enough


@dataclass(frozen=True)
class _Planner:
    """The strategies for one variable: each method returns a plan, or None if it does not fit the budget.

    `asked` are the tile sizes that the user asked for; `disk` are the chunk sizes of the files.
    """

    array: xr.DataArray
    dim: str
    disk: dict[str, int]
    asked: dict[str, int]
    budget: MemoryBudget
    rechunk: str
    space: float
    in_memory: bool
    others: float
    held: float

    @property
    def cells(self) -> int:
        return int(self.array.size // max(self.array.sizes[self.dim], 1))

    def with_limit(self, limit: float) -> "_Planner":
        """The same variable with another limit."""
        return replace(self, budget=replace(self.budget, limit=limit))

    def holding_results(self) -> "_Planner":
        """The same variable, with less memory, because results of finished tiles wait in it."""
        return replace(self, budget=replace(self.budget, own=self.budget.own + self.held))

    def best(self) -> Plan | None:
        """The fastest strategy within the budget."""
        return self.at_once() or self.holding_results().in_parts()

    def again(self, earlier: Plan) -> Plan | None:
        """An earlier plan with its present costs. Tiles that the user asked for are always accepted."""
        at_once = earlier.reading in ("whole", "alone")
        memory = self.budget.own + self._whole_bytes() if at_once else 0.0
        plan = (self if at_once else self.holding_results())._costed(replace(earlier, memory=memory))
        return plan if self.asked or self.budget.limit is None or plan.memory <= self.budget.limit else None

    def at_once(self) -> Plan | None:
        """Strategies "whole" and "alone": the variable is read into memory, now or when its turn comes."""
        room, nbytes = self.budget, self._whole_bytes()
        if not self.in_memory or nbytes > room.data or (self.rechunk != "auto" and self.asked):
            return None
        alone = nbytes + self.others > room.data
        plan = self._plan(reading="alone" if alone else "whole", memory=room.own + nbytes)
        # Without blocks, all variables and their results are in memory until they are written together.
        small = room.limit is None or self.cells * room.cell <= BLOCK_BYTES
        if not (plan.pairs <= SMALL_WORK and small and not alone) or self.asked:
            plan = replace(plan, blocks=self.asked or self._tile(self._block_cells(), {}))
        return self._costed(plan)

    def in_parts(self) -> Plan | None:
        """Strategies "tiles" and "passes", or a copy if that saves enough passes."""
        room = self.budget
        column = math.prod(size for name, size in self.disk.items() if name != self.dim)
        # Tiles are whole disk chunks, unless these need too much memory or leave most threads without work.
        follow = column <= min(room.cells, max(1, self.cells // room.threads))
        cells = min(room.cells, _tile_bytes(self.array) // room.series, self.cells // (2 * room.threads))
        blocks = self.asked or self._tile(max(cells, column if follow else 1), self.disk if follow else {})
        passes = self._passes(blocks)
        if passes > 1:
            wanted = self.rechunk if self.rechunk != "auto" else "zarr" if passes > FEW_PASSES else "passes"
            if wanted == "p2p" or (wanted == "zarr" and self.space >= self.array.nbytes):
                if plan := self.copied(wanted):
                    return plan
                if self.rechunk != "auto" or passes > MANY_PASSES:
                    return None
        if not room.allows(room.cell):
            return None
        return self._costed(self._plan(reading="tiles" if passes == 1 else "passes", blocks=blocks, passes=passes))

    def copied(self, strategy: str) -> Plan | None:
        """Strategies "zarr" and "p2p": slabs are read once, and cut into tiles."""
        # A slab that is cut into several parts needs little memory for one part: try half of the memory, then a third.
        for share in (2, 3):
            slabs, tiles = self._slabs(self.budget.of_thread / share)
            if strategy == "p2p" and self.array.chunks:
                # Chunks of dask are exchanged as they are.
                slabs = self.disk
            splinters = strategy == "zarr" and not self.asked and self._is_splintered(slabs, tiles)
            if self.budget.allows(max(self.budget.cell, self._slab_bytes(slabs, tiles))) and not splinters:
                return self._costed(self._plan(reading=strategy, blocks=tiles, slabs=slabs, passes=self._passes(slabs)))
        return None

    def _plan(self, **given: Any) -> Plan:
        n = self.array.sizes[self.dim]
        return Plan(nbytes=self.array.nbytes, cells=self.cells, pairs=self.cells * n * (n - 1) // 2, **given)

    def _costed(self, plan: Plan) -> Plan:
        """Fill in tasks, memory and seconds."""
        room, sizes = self.budget, {str(name): size for name, size in self.array.sizes.items()}
        n = sizes[self.dim]
        tiles = math.prod(-(-sizes[name] // k) for name, k in plan.blocks.items()) if plan.blocks else 1
        slabs = math.prod(-(-size // plan.slabs[name]) for name, size in sizes.items()) if plan.slabs else 0
        busy = min(room.threads, tiles)
        slab = self._slab_bytes(plan.slabs, plan.blocks) if plan.slabs else 0
        memory = room.peak(busy, max(room.cell * math.prod(plan.blocks.values()), slab))
        seconds = plan.passes * plan.nbytes / READ_RATE + plan.cells * n * min(n, LONG) / 2 / PAIR_RATE / busy
        if plan.slabs:
            seconds += 2 * plan.nbytes / COPY_RATE
        return replace(plan, tasks=tiles + slabs, memory=plan.memory or memory, seconds=seconds)

    def _whole_bytes(self) -> float:
        """The variable in memory, its results, and what reading and computing add."""
        room = self.budget
        added = max(room.loading, room.threads * self._block_cells() * room.cell)
        return self.array.nbytes + self.cells * RESULT_BYTES + added

    def _block_cells(self) -> int:
        """Cells of a block of data in memory."""
        return max(1, min(BLOCK_BYTES // self.budget.series, self.cells // (4 * self.budget.threads)))

    def _tile(self, cells: int, disk: Mapping[str, int]) -> dict[str, int]:
        """Tile sizes of about `cells` cells: whole rows first, in multiples of the disk chunks."""
        sizes = {str(name): size for name, size in self.array.sizes.items() if name != self.dim}
        blocks = {name: min(disk.get(name, 1), size) for name, size in sizes.items()}
        if math.prod(blocks.values()) > cells:
            blocks = dict.fromkeys(blocks, 1)
        for name, step in reversed(blocks.items()):
            others = math.prod(blocks.values()) // step
            blocks[name] = min(sizes[name], max(1, cells // others // step) * step)
        return {name: _even(sizes[name], size, disk.get(name, 1)) for name, size in blocks.items()}

    def _passes(self, tiles: Mapping[str, int]) -> int:
        """The most tiles that touch one disk chunk: the chunk is read and unpacked this often."""
        most = 1
        for name, chunk in self.disk.items():
            size, tile = self.array.sizes[name], tiles.get(name, self.array.sizes[name])
            starts = np.arange(0, size, chunk)
            stops = np.minimum(starts + chunk, size)
            most *= int(np.max((stops - 1) // tile - starts // tile, initial=0)) + 1
        return most

    def _slabs(self, nbytes: float) -> tuple[dict[str, int], dict[str, int]]:
        """The size of one read of about `nbytes`, and tiles that fit into it: many steps of whole maps or of disk chunks.

        Edges of slabs must be edges of tiles, because two tasks must not write into one chunk of the copy.
        """
        array, dim, disk, blocks = self.array, self.dim, self.disk, self.asked
        maps = {str(name): size for name, size in array.sizes.items()} | {dim: disk[dim]}
        if array.dtype.itemsize * math.prod(maps.values()) > nbytes and not blocks:
            maps = {str(name): min(disk[str(name)], size) for name, size in array.sizes.items()}
        step_bytes = array.dtype.itemsize * math.prod(maps.values()) / disk[dim]
        steps = max(1, int(min(nbytes, _tile_bytes(array)) / step_bytes / disk[dim])) * disk[dim]
        slabs = maps | {dim: min(steps, array.sizes[dim])}
        if not blocks:
            # A slab of maps allows tiles of any size; a slab of disk chunks needs tiles that divide it.
            cells = min(self.budget.cells, max(1, _tile_bytes(array) // self.budget.series))
            whole_maps = all(slabs[str(name)] == size for name, size in array.sizes.items() if name != dim)
            blocks = self._tile(cells, {}) if whole_maps else _dividing(slabs, dim, cells)
        return slabs, blocks

    def _slab_bytes(self, slabs: Mapping[str, int], tiles: Mapping[str, int]) -> int:
        """What copying one slab takes: the slab, the part of it that is packed, and that part packed."""
        part = math.prod(min(size, tiles.get(name, size)) for name, size in slabs.items())
        return int(self.array.dtype.itemsize * (math.prod(slabs.values()) + 2 * part))

    def _is_splintered(self, slabs: Mapping[str, int], tiles: Mapping[str, int]) -> bool:
        """Whether a copy would have so many small files that opening them takes longer than everything else."""
        chunk = self.array.dtype.itemsize * math.prod(min(size, tiles.get(name, size)) for name, size in slabs.items())
        return bool(chunk < SMALL_FILE and self.array.nbytes > MANY_FILES * chunk)


def bytes_with_results(array: xr.DataArray, dim: str) -> int:
    """Bytes of a variable in memory and of the results of all its cells."""
    return int(array.nbytes + array.size // max(array.sizes[dim], 1) * RESULT_BYTES)


def held_bytes(cells: int, suffix: str, *, together: bool) -> int:
    """Bytes of results that wait in memory: all, if they are needed together; those of one map, if that is one netCDF chunk."""
    return cells * RESULT_BYTES if together or (suffix == ".nc" and cells <= CHUNK_CELLS) else 0


def _asked(array: xr.DataArray, dim: str, chunks: Mapping[str, int]) -> dict[str, int]:
    """Tile sizes that the user asked for; whole dimensions otherwise."""
    return {str(name): min(chunks.get(str(name), size), size) for name, size in array.sizes.items() if name != dim}


def _tile_bytes(array: xr.DataArray) -> int:
    return max(TILE_BYTES, array.nbytes // MOST_TILES)


def _series_bytes(array: xr.DataArray, dim: str) -> int:
    """Bytes of one series. Integers are also converted to float64."""
    widened = 0 if array.dtype.kind == "f" else 8
    return max(1, array.sizes[dim] * (array.dtype.itemsize + widened))


def _even(length: int, size: int, step: int) -> int:
    """The size of equal parts, as many as parts of `size` would be, in multiples of `step`."""
    return min(length, math.ceil(length / math.ceil(length / size) / step) * step)


def _dividing(slabs: Mapping[str, int], dim: str, cells: int) -> dict[str, int]:
    """The largest box of at most `cells` cells whose edges divide those of a slab."""
    blocks: dict[str, int] = {}
    left = cells
    for name, size in reversed([(name, size) for name, size in slabs.items() if name != dim]):
        blocks[name] = max(k for k in range(1, size + 1) if size % k == 0 and k <= max(1, left))
        left //= blocks[name]
    return dict(reversed(blocks.items()))


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
