"""Compute lazy arrays region by region, each written as soon as it is there: on threads, or on the workers of a cluster.

A region is one block of every array that is chunked alike. Whatever dask runs is one task a region, that computes and
writes (or hands over, where only one process may write) and leaves nothing behind but the word that it is done.
"""

import contextlib
import itertools
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import dask
import dask.array as da
import numpy as np
from dask.base import get_scheduler
from dask.blockwise import Blockwise
from dask.callbacks import Callback
from dask.highlevelgraph import HighLevelGraph

from gridtrend.grid.dialect import either
from gridtrend.io.errors import RunError, storing
from gridtrend.io.ledger import Ledger
from gridtrend.io.plan import edges
from gridtrend.io.progress import Report

# Regions in one graph. Each task of a graph takes about 14 kB of memory. A cluster needs enough tasks for a thousand
# workers; threads wait for the last task of each graph, which costs less than one percent at this size.
CLUSTER_WINDOW, THREADS_WINDOW = 4096, 1024
# Regions whose results may wait for the one process that writes.
WAITING = 32
# Seconds without a scheduler after which it counts as lost.
PATIENCE = 15.0


@dataclass(frozen=True)
class Target:
    """A lazy array and what takes its blocks by `into[region] = block`."""

    name: str
    source: da.Array
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
    """Compute what the ledger does not hold yet, on whatever scheduler dask is set to.

    Arrays that share work are computed together, all others one after the other: the data of one variable are in memory at
    a time.

    Parameters
    ----------
    targets : sequence of Target
        Arrays; those of the same chunks share their regions.
    ledger : Ledger, optional
        Regions in it are skipped, and those that are finished are entered.
    lock : lock, optional
        Held while a block is written; with it, only this process writes.
    label : str
        What is going on, for the progress.
    report : callable
        Told the label, how many regions are done, and of how many.
    settle : callable
        Given arrays that are written and complete.
    """
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
    """Arrays of the same chunks that share work, those of one source of data after another."""
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
    """Whether a region is on disk: a file may be lost that a ledger knows."""
    bounds = zip(index, map(edges, target.source.chunks), strict=True)
    return is_stored(target.into, [(ends[k], ends[k + 1]) for k, ends in bounds])


def is_stored(array: Any, box: Sequence[tuple[int, int]]) -> bool:
    """Whether all chunks of a part of a Zarr array are on disk."""
    spans = [range(a // size, -(-b // size)) for (a, b), size in zip(box, array.chunks, strict=True)]
    folder = Path(array.store.root, array.path)
    for chunk in itertools.product(*spans):
        try:
            if not os.stat(folder / array.metadata.encode_chunk_key(chunk)).st_size:
                return False
        except FileNotFoundError:
            return False
    return True


def _run_group(
    group: list[Target], missing: list[tuple[int, ...]], lock: Any, client: Any, finish: Callable[..., None]
) -> None:
    by_hand = client is not None and lock is not None
    gate = Gate()
    receipts = _receipts(group, lock, gate, pack=by_hand)
    keys = [(receipts.name, *index) for index in missing]
    if client is None:
        # Regions that share tasks stay in one graph, so that the shared tasks run once.
        window = THREADS_WINDOW if _are_independent(receipts.dask) else max(1, len(keys))
        with gate:
            for start in range(0, len(keys), window):
                _run_here(receipts, keys[start : start + window], finish)
        return
    write = _writer(group, lock) if by_hand else lambda index, blocks: None
    simple = all(isinstance(layer, Blockwise) or len(layer) < 2 for layer in receipts.dask.layers.values())
    window = len(keys) if not simple else WAITING if by_hand else CLUSTER_WINDOW
    for index, blocks in _results(client, receipts, keys, window):
        write(index, blocks)
        finish(index)


def _are_independent(graph: HighLevelGraph) -> bool:
    """Whether each task needs only tasks of its own block, and tasks of layers with a single task."""
    keys = graph.get_all_external_keys()
    return all(
        isinstance(layer, Blockwise)
        or len(layer) < 2
        or all(needed[1:] == key[1:] for key in layer for needed in layer.get_dependencies(key, keys))
        for layer in graph.layers.values()
    )


class Gate:
    """Let blocks be written as long as their run goes on.

    dask's threads end the tasks that they have begun, even when the run has failed or been interrupted. A block written then
    would make folders again that are being removed. Leaving the gate waits for blocks that are being written, and not
    for those that are being computed. A copy in another process is always open.
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
        """Write a block, or raise where the run has ended."""
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


def _receipts(group: list[Target], lock: Any, gate: Gate, *, pack: bool) -> da.Array:
    """A lazy array of one element a region, whose computing writes the region; or holds its blocks."""
    map_blocks: Any = da.map_blocks
    sources = [target.source for target in group]
    ndim = sources[0].ndim
    options: dict[str, Any] = {
        "chunks": tuple((1,) * len(sizes) for sizes in sources[0].chunks),
        "dtype": bool,
        "meta": np.empty((0,) * ndim, bool),
        "name": f"region-{dask.base.tokenize([source.name for source in sources])}",
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


def _run_here(receipts: da.Array, keys: list[Any], finish: Callable[..., None]) -> None:
    wanted = set(keys)

    def done(key: Any, *_: Any) -> None:
        if key in wanted:
            finish(key[1:])

    scheduler = get_scheduler(collections=[receipts])
    graph = receipts.__dask_optimize__(receipts.dask, keys)
    with Callback(posttask=done):
        scheduler(graph, keys)


def _results(client: Any, receipts: da.Array, keys: list[Any], window: int) -> Iterator[tuple[Any, Any]]:
    """Give every region to the cluster, no more than `window` at a time, and yield what comes back."""
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


def _submit(client: Any, receipts: da.Array, keys: list[Any]) -> list[Any]:
    graph = receipts.__dask_optimize__(receipts.dask, keys)
    with _asking(client):
        return list(client.get(graph, keys, sync=False, retries=2))


@contextlib.contextmanager
def _asking(client: Any) -> Iterator[None]:
    """Ask the scheduler for something: what breaks is the connection, since errors of tasks are not raised here."""
    try:
        yield
    except OSError:
        raise _lost(client) from None


def _next(client: Any, ended: "queue.Queue[Any]") -> Any:
    """The next future that has ended; an error as soon as nobody is there to end any."""
    alone = 0.0
    while True:
        try:
            return ended.get(timeout=0.5)
        except queue.Empty:
            alone = alone + 0.5 if client.status != "running" else 0.0
            if client.status == "closed" or alone > PATIENCE:
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
            f"the cluster gave up on a part of the work ({_first_line(error)}): workers died on it again and again, "
            "most often for want of memory; give each worker more, or lower " + either("memory_limit", "--memory-limit")
        ) from error
    raise error


def _lost(client: Any) -> RunError:
    address = getattr(getattr(client, "scheduler", None), "address", "") or "of the cluster"
    return RunError(f"the scheduler {address} was lost: start it again, or run without it")


def _first_line(error: Any) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
