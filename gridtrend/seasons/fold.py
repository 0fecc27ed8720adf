"""Reducing the steps of periods where they lie: chunk after chunk, without joining them.

A task takes one chunk and the unfinished period of the chunk before, and gives finished periods and the unfinished one. So
memory holds a chunk and a few fields, whatever the length of the record, and values are taken in the order of time, whatever
the chunks: results are the same to the bit. (Groups of `xarray.groupby` took 30 ms each to make a graph of, and those of flox
depend on chunks by rounding.)
"""

import copy
import itertools
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gridtrend.seasons.reductions import How, State


class Piece(NamedTuple):
    """Steps of one period in one chunk."""

    start: int
    stop: int
    # Which period of the result; whether it begins here, and whether it ends here.
    number: int
    begins: bool
    ends: bool
    # Fewer valid values make it missing.
    least: float
    weights: tuple[float, ...] | None


def pieces_of(
    numbers: np.ndarray, chunks: Sequence[int], least: np.ndarray, weights: np.ndarray | None
) -> list[tuple[Piece, ...]]:
    """What each chunk has of each period.

    Parameters
    ----------
    numbers : ndarray of int, shape (n,)
        Place in the result of the period of each step, in the order of time; -1 for steps in none.
    chunks : sequence of int
        Sizes of the chunks of steps.
    least : ndarray of float
        Of each period of the result.
    weights : ndarray of float, shape (n,), optional
    """
    # Steps of one period follow one another.
    changes = np.flatnonzero(np.diff(numbers)) + 1
    firsts, lasts = np.concatenate([[0], changes]), np.append(changes, numbers.size)
    kept = numbers[firsts] >= 0 if numbers.size else np.zeros(1, bool)
    firsts, lasts = firsts[kept], lasts[kept]
    plan = []
    for end, size in zip(itertools.accumulate(chunks), chunks, strict=True):
        begin = end - size
        some = np.flatnonzero((firsts < end) & (lasts > begin) & (size > 0))
        plan.append(
            tuple(
                Piece(
                    (start := max(first, begin)) - begin,
                    (stop := min(last, end)) - begin,
                    number := int(numbers[first]),
                    first >= begin,
                    last <= end,
                    float(least[number]),
                    None if weights is None else tuple(weights[start:stop].tolist()),
                )
                for first, last in zip(firsts[some].tolist(), lasts[some].tolist(), strict=True)
            )
        )
    return plan


class Folded(NamedTuple):
    """What a chunk gives: finished periods, and the state of one that goes on."""

    numbers: list[int]
    values: list[np.ndarray]
    unfinished: State | None


def fold(block: np.ndarray, before: Folded | None, pieces: tuple[Piece, ...], how: How) -> Folded:
    """Reduce a chunk, shape (step, ...)."""
    numbers, values, unfinished = [], [], before.unfinished if before else None
    block = np.asarray(block)
    for piece in pieces:
        # The state comes from another task and must not be changed.
        state = how.state(block.shape[1:], block.dtype) if piece.begins else copy.deepcopy(unfinished)
        assert state is not None
        weights = None if piece.weights is None else np.asarray(piece.weights)
        with np.errstate(over="ignore", invalid="ignore"):
            state.take(block[piece.start : piece.stop], weights)
        unfinished = None if piece.ends else state
        if piece.ends:
            value = state.value()
            enough = (state.n >= piece.least) & (state.n > 0)
            numbers.append(piece.number)
            values.append(value if how.name == "count" else np.where(enough, value, np.nan).astype(value.dtype))
    return Folded(numbers, values, unfinished)


def unfold(parts: Sequence[Folded], count: int, shape: tuple[int, ...], dtype: Any, nothing: float) -> np.ndarray:
    """Finished periods of all chunks in one array, shape (period, ...); `nothing` for those without a step."""
    result = np.full((count, *shape), nothing, dtype)
    for part in parts:
        for number, value in zip(part.numbers, part.values, strict=True):
            result[number] = value
    return result


def reduce_periods(
    data: Any, numbers: np.ndarray, least: np.ndarray, how: How, weights: np.ndarray | None = None
) -> Any:
    """Reduce all periods of an array of NumPy or dask, shape (step, ...), to shape (period, ...), in one chunk of periods.

    Parameters
    ----------
    data : array, shape (n, ...)
    numbers, weights
        As in `pieces_of`.
    least : ndarray of float, shape (period,)
    how : How
    """
    dtype, nothing = how.dtype(data.dtype), 0.0 if how.name == "count" else np.nan
    if not hasattr(data, "dask"):
        (pieces,) = pieces_of(numbers, [len(numbers)], least, weights)
        return unfold([fold(data, None, pieces, how)], least.size, data.shape[1:], dtype, nothing)
    return _lazily(data, pieces_of(numbers, data.chunks[0], least, weights), least.size, how, dtype, nothing)


def _lazily(data: Any, plan: list[tuple[Piece, ...]], count: int, how: How, dtype: Any, nothing: float) -> Any:
    import dask.array
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    name = f"aggregate-{tokenize(data.name, plan, how, count)}"
    graph: dict[Any, Any] = {}
    wanted = [chunk for chunk, pieces in enumerate(plan) if pieces]
    for cells in itertools.product(*(range(len(sizes)) for sizes in data.chunks[1:])):
        shape = tuple(sizes[at] for sizes, at in zip(data.chunks[1:], cells, strict=True))
        before: Any = None
        for chunk in wanted:
            key = (f"{name}-fold", chunk, *cells)
            carried = before if plan[chunk] and not plan[chunk][0].begins else None
            # A partial, because dask looks for keys of its graph in the arguments of tasks.
            graph[key] = (partial(fold, pieces=plan[chunk], how=how), (data.name, chunk, *cells), carried)
            before = key
        parts = [(f"{name}-fold", chunk, *cells) for chunk in wanted]
        graph[(name, 0, *cells)] = (partial(unfold, count=count, shape=shape, dtype=dtype, nothing=nothing), parts)
    layer = HighLevelGraph.from_collections(name, graph, dependencies=[data])
    return dask.array.Array(layer, name, ((count,), *data.chunks[1:]), dtype)  # type: ignore[no-untyped-call]
