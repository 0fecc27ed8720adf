"""What all groups share: a comparison is data, and one function runs it, checks it and times it."""

import importlib
import statistics
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import dask
import numpy as np

from benchmarks.tables import Table, megabytes, ratio, seconds
from benchmarks.timing import extra_memory, race, timed

Outputs = Mapping[str, Any]


@dataclass(frozen=True)
class Comparison:
    """One row of a table: the same outputs from gridtrend and from a peer.

    `agree` names the outputs that must be equal and how closely, relative to the largest value of
    the field; `wrong` names outputs that the peer is known to get wrong, and why. A slow peer is
    timed on `rows` rows of latitude only and its time scaled up. Any package that is absent skips
    the row.
    """

    task: str
    peer: str
    package: str
    data: Callable[[bool], Any]
    ours: Callable[[Any], Outputs]
    theirs: Callable[[Any], Outputs]
    agree: Mapping[str, float]
    wrong: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None


@dataclass(frozen=True)
class Row:
    """What one comparison gave: medians in seconds for the whole input, and how answers differ.

    `memory` and `peer_memory` are what a run took beyond what was there before, in bytes.
    """

    task: str
    size: str
    peer: str
    ours: float
    theirs: float
    laps: int
    share: float
    memory: float | None
    peer_memory: float | None
    differences: dict[str, float]
    disagree: list[str]
    notes: list[str]

    @property
    def ratio(self) -> float:
        """How many times longer the peer takes."""
        return self.theirs / self.ours

    def record(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return asdict(self) | {"ratio": self.ratio}


def measure(comparison: Comparison, *, quick: bool, laps: int, budget: float) -> Row:
    """Run both sides once to warm up and to compare answers, then time them in turn.

    A peer whose first run takes half the budget is not run again.
    """
    whole = comparison.data(quick)
    part, share = some_rows(whole, comparison.rows)
    importlib.import_module(comparison.package)
    answers: dict[str, Outputs] = {}

    def ours() -> None:
        answers["ours"] = run(comparison.ours, whole)

    def theirs() -> None:
        answers["theirs"] = run(comparison.theirs, part)

    first, peer_memory = extra_memory(lambda: timed(theirs))
    found = run(comparison.ours, part)
    expected = answers["theirs"]
    memory = extra_memory(ours)[1]
    if first < budget / 2:
        ours_times, theirs_times = race([ours, theirs], laps, budget)
    else:
        ours_times, theirs_times = race([ours], laps, budget)[0], [first]
    differences = {name: difference(found[name], expected[name]) for name in comparison.agree}
    return Row(
        task=comparison.task,
        size=" x ".join(str(size) for size in whole.sizes.values()),
        peer=comparison.peer,
        ours=statistics.median(ours_times),
        theirs=statistics.median(theirs_times) / share,
        laps=len(theirs_times),
        share=share,
        memory=memory,
        peer_memory=peer_memory,
        differences=differences,
        disagree=[name for name, gap in differences.items() if not gap <= comparison.agree[name]],
        notes=[
            f"{name} of {comparison.peer} differs in {differing(found[name], expected[name]):.0%} of cells: {reason}"
            for name, reason in comparison.wrong.items()
        ],
    )


def run(call: Callable[[Any], Outputs], data: Any) -> Outputs:
    """Call one side on one thread; what peers warn about is not this table's subject."""
    with warnings.catch_warnings(), dask.config.set(scheduler="synchronous"):
        warnings.simplefilter("ignore")
        return call(data)


def some_rows(data: Any, rows: int | None) -> tuple[Any, float]:
    """Evenly spread rows of latitude, and their share of the whole."""
    if rows is None or rows >= data.sizes["lat"]:
        return data, 1.0
    chosen = np.linspace(0, data.sizes["lat"] - 1, rows).astype(int)
    return data.isel(lat=chosen), rows / data.sizes["lat"]


def difference(found: Any, expected: Any) -> float:
    """Largest difference relative to the largest value; infinite where only one side is missing."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    if not np.array_equal(np.isnan(found), np.isnan(expected)):
        return float("inf")
    scale = np.nanmax(np.abs(expected), initial=0) or 1
    return float(np.nanmax(np.abs(found - expected), initial=0) / scale)


def differing(found: Any, expected: Any) -> float:
    """Share of cells whose answers are not the same."""
    return 1 - float(np.isclose(found, expected, rtol=1e-9, atol=0, equal_nan=True).mean())


def comparison_table(rows: list[Row]) -> Table:
    columns = {
        "task": str,
        "data": str,
        "peer": str,
        "gridtrend": seconds,
        "peer takes": str,
        "ratio": ratio,
        "memory": megabytes,
        "of the peer": megabytes,
        "answers": str,
    }
    figures = [
        (
            row.task,
            row.size,
            row.peer,
            row.ours,
            ("" if row.share == 1 else "≈ ") + seconds(row.theirs),
            row.ratio,
            row.memory,
            row.peer_memory,
            verdict(row),
        )
        for row in rows
    ]
    return Table("against peers", columns, figures, list(notes(rows)))


def notes(rows: list[Row]) -> Iterator[str]:
    """What a reader must know to trust the table."""
    laps = sorted({row.laps for row in rows})
    yield f"processor time on one thread, both sides in turn, each warm; medians of {' or '.join(map(str, laps))} runs"
    yield "memory: what one run took beyond its input, at its peak, results included"
    if any(row.share < 1 for row in rows):
        yield "≈ timed on evenly spread rows of latitude and scaled to the whole field; its memory is that of these rows"
    for row in rows:
        yield from (f"{row.size}: {note}" for note in row.notes)


def verdict(row: Row) -> str:
    if row.disagree:
        return "DIFFER: " + ", ".join(f"{name} {row.differences[name]:.0e}" for name in row.disagree)
    worst = max(row.differences.values())
    within = f"within {worst:.0e}" if worst else "identical"
    return f"{', '.join(row.differences)}: {within}"
