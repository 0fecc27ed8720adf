"""Carry out a plan: read a variable, and compute lazy arrays region by region, on threads or on a cluster.

A region is one block of all arrays with the same chunks. Each region is one task of dask. It computes the blocks and writes
them, or returns them if only one process may write. It returns no other data.
"""

import contextlib
import functools
import gc
import itertools
import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xarray as xr

from gridtrend.grid.dialect import either, given
from gridtrend.io.errors import OutputError, RunError, StorageError, storing
from gridtrend.io.lazy_files import pieces
from gridtrend.io.ledger import Ledger
from gridtrend.io.memory import CLUSTER_WINDOW, PIECE_BYTES, THREADS_WINDOW, WAITING
from gridtrend.io.plan import Plan, disk_chunks, edges
from gridtrend.io.zarrstore import LEVEL, ChunkByChunk, is_stored

# dask is imported when it is needed: small records are computed without it.
if TYPE_CHECKING:
    import dask.array as da

# Seconds without a connection after which the scheduler counts as lost.
CONNECTION_TIMEOUT = 15.0

Report = Callable[[str, int, int], None]
"""Called with a label, the number of finished parts, and the number of all parts."""


def read(
    array: xr.DataArray,
    plan: Plan,
    report: Report = lambda *_: None,
    *,
    scratch: Path | None = None,
    ledger: Ledger | None = None,
) -> xr.DataArray:
    """Read a variable as planned: into memory or lazily, in blocks or as a whole.

    Parameters
    ----------
    array : DataArray
        Not read yet.
    plan : Plan
        From `plan_chunks`.
    report : callable
        See `Report`.
    scratch : Path, optional
        Folder for the copy of the strategy "zarr", which this call makes.
    ledger : Ledger, optional
        Records the finished parts of that copy.
    """
    if plan.whole:
        array = array.copy(data=_load(array, report))
    if plan.reading == "alone":
        array = array.copy(data=_load_later(array, report))
    if not plan.blocks:
        return array
    blocks = {dim: plan.blocks.get(str(dim), -1) for dim in array.dims}
    if plan.reading == "zarr":
        if scratch is None:
            raise ValueError("a plan that copies needs a folder: read(..., scratch=...)")
        array = _copied(array, plan, scratch, report, ledger)
    if plan.reading == "p2p":
        import dask

        with dask.config.set({"array.rechunk.method": "p2p"}), _no_collection():
            # Chunks of dask are not joined first, which would need another graph.
            return (array if array.chunks else array.chunk(plan.slabs)).chunk(blocks)
    # Without a token, dask would compute a digest of all data.
    return array.chunk(blocks, token=os.urandom(8).hex())


def free_space(folder: Path) -> float:
    """Bytes that a copy may take in a folder; a tenth of the free space is left."""
    return 0.9 * shutil.disk_usage(folder).free


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Stop garbage collection while dask makes a graph: with a million tasks it would take a third longer."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _copied(array: xr.DataArray, plan: Plan, scratch: Path, report: Report, ledger: Ledger | None) -> xr.DataArray:
    """Copy a variable, slab by slab, into a Zarr array whose chunks are parts of tiles."""
    import dask.array
    import zarr
    from zarr.codecs import BloscCodec

    path = scratch / f"{array.name or 'variable'}.zarr"
    chunks = tuple(min(plan.slabs[str(dim)], plan.blocks.get(str(dim), plan.slabs[str(dim)])) for dim in array.dims)
    slabs = array.chunk(plan.slabs, token=os.urandom(8).hex()).data
    try:
        with storing():
            if not path.exists():
                zarr.create_array(
                    store=str(path),
                    shape=array.shape,
                    chunks=chunks,
                    dtype=array.dtype.newbyteorder("="),
                    compressors=BloscCodec(cname="lz4", clevel=LEVEL, shuffle="shuffle"),
                )
            copy = ChunkByChunk(zarr.open_array(str(path)))
        run([Target(f"copy of {array.name}", slabs, copy)], ledger=ledger, label=f"copying {array.name}", report=report)
    except StorageError as error:
        raise OutputError(
            f"cannot write the copy of '{array.name}' in '{scratch}': {error}; free {array.nbytes / 1e6:,.0f} MB, or "
            f"read several times instead ({given('rechunk', 'passes')})"
        ) from error
    tiles = tuple(plan.blocks.get(str(dim), size) for dim, size in array.sizes.items())
    return array.copy(data=dask.array.from_array(copy, chunks=tiles, name=f"copy-{os.urandom(8).hex()}"))


def _load_later(array: xr.DataArray, report: Report) -> Any:
    """The variable as one chunk of dask, whose task reads it."""
    import dask.array
    from dask.delayed import delayed

    # As an argument of `delayed`, the array would become part of the graph.
    load: Any = delayed(functools.partial(_load, array, report), pure=False)
    return dask.array.from_delayed(load(), array.shape, array.dtype.newbyteorder("="))


def _load(array: xr.DataArray, report: Report) -> np.ndarray:
    """Read in boxes of whole disk chunks, to hold little data twice and to report progress."""
    if not array.size or not array.ndim or array.chunks:
        return array.values
    values = np.empty(array.shape, array.dtype.newbyteorder("="))
    disk, done = disk_chunks(array), 0
    chunks = tuple(disk.get(str(dim), 1) for dim in array.dims)
    for box in pieces([(0, size) for size in array.shape], chunks, array.dtype.itemsize, PIECE_BYTES):
        place = tuple(slice(start, stop) for start, stop in box)
        values[place] = array[place].values
        done += values[place].size
        report(f"reading {array.name}", done * array.shape[0] // array.size, array.shape[0])
    return values


@dataclass(frozen=True)
class Target:
    """A lazy array, and the array in a file that stores its blocks: `into[region] = block`."""

    name: str
    source: "da.Array"
    into: Any


def run(
    targets: Sequence[Target],
    *,
    ledger: Ledger | None = None,
    lock: Any = None,
    label: str = "computing",
    report: Report = lambda *_: None,
    settle: Callable[[list[Target]], None] = lambda _: None,
) -> None:
    """Compute the regions that the ledger does not hold, on the current scheduler of dask.

    Arrays that share tasks are computed together, the others one after the other, so that the data of only one variable are
    in memory.

    Parameters
    ----------
    targets : sequence of Target
        Arrays with the same chunks share their regions.
    ledger : Ledger, optional
        Its regions are skipped, and finished ones are entered.
    lock : lock, optional
        Held while a block is written. Only this process writes, if there is one.
    label : str
        For the progress.
    report : callable
        See `Report`; it counts regions.
    settle : callable
        Called with arrays that are complete.
    """
    from dask.base import get_scheduler

    groups = _groups(targets)
    client: Any = getattr(get_scheduler(collections=[target.source for target in targets]), "__self__", None)
    total = sum(
        int(np.prod([len(sizes) for sizes in chunks])) for chunks in (group[0].source.chunks for group in groups)
    )
    count = itertools.count(1)
    report(label, 0, total)
    for group in groups:
        name = "+".join(target.name for target in group)

        def finish(index: tuple[int, ...], name: str = name) -> None:
            if ledger is not None:
                ledger.enter(name, index)
            report(label, next(count), total)

        done = ledger.finished(name) if ledger is not None else set()
        missing = []
        for index in itertools.product(*(range(len(sizes)) for sizes in group[0].source.chunks)):
            if index in done and all(_is_stored(target, index) for target in group):
                report(label, next(count), total)
            else:
                missing.append(index)
        _run_group(group, missing, lock, client, finish)
        settle(group)


def _groups(targets: Sequence[Target]) -> list[list[Target]]:
    """Arrays with the same chunks and common tasks."""
    shared: list[tuple[set[str], list[Target]]] = []
    for target in targets:
        layers, members = set(target.source.dask.layers), [target]
        for others in [item for item in shared if item[0] & layers]:
            shared.remove(others)
            layers, members = layers | others[0], others[1] + members
        shared.append((layers, members))
    groups: dict[Any, list[Target]] = {}
    for number, (_, members) in enumerate(shared):
        for target in members:
            groups.setdefault((number, target.source.chunks), []).append(target)
    return list(groups.values())


def _is_stored(target: Target, index: tuple[int, ...]) -> bool:
    """Whether a region is on disk: a file of a finished region may have been lost."""
    bounds = zip(index, map(edges, target.source.chunks), strict=True)
    return is_stored(target.into, [(ends[k], ends[k + 1]) for k, ends in bounds])


def _run_group(
    group: list[Target], missing: list[tuple[int, ...]], lock: Any, client: Any, finish: Callable[..., None]
) -> None:
    from dask.blockwise import Blockwise

    # Workers return their blocks if this process writes.
    return_blocks = client is not None and lock is not None
    gate = Gate()
    receipts = _receipts(group, lock, gate, pack=return_blocks)
    keys = [(receipts.name, *index) for index in missing]
    if client is None:
        # Regions that share tasks stay in one graph, so that the shared tasks run once.
        window = THREADS_WINDOW if _are_independent(receipts.dask) else max(1, len(keys))
        with gate:
            for start in range(0, len(keys), window):
                _run_here(receipts, keys[start : start + window], finish)
        return
    write = _writer(group, lock) if return_blocks else lambda index, blocks: None
    simple = all(isinstance(layer, Blockwise) or len(layer) < 2 for layer in receipts.dask.layers.values())
    window = len(keys) if not simple else WAITING if return_blocks else CLUSTER_WINDOW
    for index, blocks in _results(client, receipts, keys, window):
        write(index, blocks)
        finish(index)


def _are_independent(graph: Any) -> bool:
    """Whether each task needs only tasks of its own block, and tasks of layers with a single task."""
    from dask.blockwise import Blockwise

    keys = graph.get_all_external_keys()
    return all(
        isinstance(layer, Blockwise)
        or len(layer) < 2
        or all(needed[1:] == key[1:] for key in layer for needed in layer.get_dependencies(key, keys))
        for layer in graph.layers.values()
    )


class Gate:
    """Allow blocks to be written until the run ends.

    Threads of dask finish their tasks even if the run has failed or was interrupted. A block that is written then would
    create folders again that are being removed. Leaving the gate waits for blocks that are being written, but not for those
    that are being computed. A copy of the gate in another process is always open.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._within = 0
        self._shut = False

    def __reduce__(self) -> tuple[type["Gate"], tuple[()]]:
        return Gate, ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._shut = True
            self._changed.wait_for(lambda: not self._within)

    @contextlib.contextmanager
    def passing(self) -> Iterator[None]:
        """Enter to write a block; raise if the run has ended."""
        with self._changed:
            if self._shut:
                raise RunError("the run has ended")
            self._within += 1
        try:
            yield
        finally:
            with self._changed:
                self._within -= 1
                self._changed.notify_all()


def _receipts(group: list[Target], lock: Any, gate: Gate, *, pack: bool) -> "da.Array":
    """A lazy array with one element for each region: computing it writes the region, or returns its blocks."""
    import dask.array as da
    from dask.base import tokenize

    map_blocks: Any = da.map_blocks
    sources = [target.source for target in group]
    ndim = sources[0].ndim
    options: dict[str, Any] = {
        "chunks": tuple((1,) * len(sizes) for sizes in sources[0].chunks),
        "dtype": bool,
        "meta": np.empty((0,) * ndim, bool),
        "name": f"region-{tokenize([source.name for source in sources])}",
    }
    if pack:
        return map_blocks(_pack, *sources, **options)  # type: ignore[no-any-return]
    into, bounds = [target.into for target in group], [edges(sizes) for sizes in sources[0].chunks]
    receipts: da.Array = map_blocks(_write, *sources, into=into, bounds=bounds, lock=lock, gate=gate, **options)
    return receipts


def _pack(*blocks: np.ndarray) -> tuple[np.ndarray, ...]:
    return blocks


def _write(
    *blocks: np.ndarray, into: list[Any], bounds: list[list[int]], lock: Any, gate: Gate, block_id: tuple[int, ...]
) -> np.ndarray:
    region = tuple(slice(ends[k], ends[k + 1]) for ends, k in zip(bounds, block_id, strict=True))
    with lock or contextlib.nullcontext(), gate.passing(), storing():
        for block, target in zip(blocks, into, strict=True):
            target[region] = block
    return np.ones((1,) * len(region), bool)


def _writer(group: list[Target], lock: Any) -> Callable[[tuple[int, ...], tuple[np.ndarray, ...]], None]:
    into, bounds = [target.into for target in group], [edges(sizes) for sizes in group[0].source.chunks]

    def write(index: tuple[int, ...], blocks: tuple[np.ndarray, ...]) -> None:
        _write(*blocks, into=into, bounds=bounds, lock=lock, gate=Gate(), block_id=index)

    return write


def _run_here(receipts: "da.Array", keys: list[Any], finish: Callable[..., None]) -> None:
    from dask.base import get_scheduler
    from dask.callbacks import Callback

    wanted = set(keys)

    def done(key: Any, *_: Any) -> None:
        if key in wanted:
            finish(key[1:])

    scheduler = get_scheduler(collections=[receipts])
    graph = receipts.__dask_optimize__(receipts.dask, keys)
    with Callback(posttask=done):
        scheduler(graph, keys)


def _results(client: Any, receipts: "da.Array", keys: list[Any], window: int) -> Iterator[tuple[Any, Any]]:
    """Submit all regions to the cluster, at most `window` at a time, and yield their results."""
    ended: queue.Queue[Any] = queue.Queue()
    waiting: dict[Any, Any] = {}
    left = iter(keys)
    try:
        while True:
            if len(waiting) <= window // 2 and (batch := list(itertools.islice(left, max(1, window - len(waiting))))):
                for future in _submit(client, receipts, batch):
                    waiting[future.key] = future
                    future.add_done_callback(ended.put)
            if not waiting:
                return
            future = _next(client, ended)
            if waiting.pop(future.key, None) is None:
                continue
            yield future.key[1:], _outcome(future)
    finally:
        with contextlib.suppress(Exception):
            client.cancel(list(waiting.values()))


def _submit(client: Any, receipts: "da.Array", keys: list[Any]) -> list[Any]:
    graph = receipts.__dask_optimize__(receipts.dask, keys)
    with _asking(client):
        return list(client.get(graph, keys, sync=False, retries=2))


@contextlib.contextmanager
def _asking(client: Any) -> Iterator[None]:
    """Turn errors of the connection to the scheduler into one `RunError`; errors of tasks are not raised here."""
    try:
        yield
    except OSError:
        raise _lost(client) from None


def _next(client: Any, ended: "queue.Queue[Any]") -> Any:
    """The next future that has ended; an error if the scheduler is lost."""
    disconnected = 0.0
    while True:
        try:
            return ended.get(timeout=0.5)
        except queue.Empty:
            disconnected = disconnected + 0.5 if client.status != "running" else 0.0
            if client.status == "closed" or disconnected > CONNECTION_TIMEOUT:
                raise _lost(client) from None


def _outcome(future: Any) -> Any:
    if future.status == "finished":
        with _asking(future.client):
            result = future.result()
            future.release()
            return result
    if future.status in ("cancelled", "lost"):
        raise _lost(future.client)
    with _asking(future.client):
        error = future.exception()
    if type(error).__module__.startswith("distributed"):
        raise RunError(
            f"the cluster gave up on a part of the work ({_first_line(error)}): workers died on it several times, most "
            "often from lack of memory; give each worker more, or lower " + either("memory_limit", "--memory-limit")
        ) from error
    raise error


def _lost(client: Any) -> RunError:
    address = getattr(getattr(client, "scheduler", None), "address", "") or "of the cluster"
    return RunError(f"the scheduler {address} was lost: start it again, or run without it")


def _first_line(error: Any) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
