"""What all groups share: a comparison is data, and one function runs it, checks it and times it."""

import importlib.metadata
import importlib.util
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import dask
import numpy as np

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
    """What one comparison gave: medians in seconds for the whole input, and how answers differ."""

    task: str
    size: str
    peer: str
    ours: float
    theirs: float
    laps: int
    share: float
    differences: dict[str, float]
    disagree: list[str]
    notes: list[str]

    @property
    def ratio(self) -> float:
        """How many times longer the peer takes."""
        return self.theirs / self.ours


def measure(comparison: Comparison, *, quick: bool, laps: int, budget: float) -> Row:
    """Run both sides once to warm up and to compare answers, then time them in turn."""
    whole = comparison.data(quick)
    part, share = some_rows(whole, comparison.rows)
    expected = run(comparison.theirs, part)
    found = run(comparison.ours, part)
    run(comparison.ours, whole)
    differences = {name: difference(found[name], expected[name]) for name in comparison.agree}
    ours, theirs = race(lambda: run(comparison.ours, whole), lambda: run(comparison.theirs, part), laps, budget)
    return Row(
        task=comparison.task,
        size=" x ".join(str(size) for size in whole.sizes.values()),
        peer=comparison.peer,
        ours=statistics.median(ours),
        theirs=statistics.median(theirs) / share,
        laps=len(ours),
        share=share,
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


def race(
    ours: Callable[[], Any], theirs: Callable[[], Any], laps: int, budget: float
) -> tuple[list[float], list[float]]:
    """Time both sides in turn, so that a busy moment of the machine hits both."""
    times: tuple[list[float], list[float]] = ([], [])
    start = time.perf_counter()
    while len(times[0]) < laps and (not times[0] or time.perf_counter() - start < budget):
        for call, side in zip((ours, theirs), times, strict=True):
            side.append(timed(call))
    return times


def timed(call: Callable[[], Any]) -> float:
    """Processor seconds of one call, over all threads: neither waiting nor threading helps."""
    start = time.process_time()
    call()
    return time.process_time() - start


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


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def table(rows: list[Row]) -> Iterator[str]:
    """Lines of the Markdown table and of its notes."""
    yield "| task | data | peer | gridtrend | peer takes | ratio | answers |"
    yield "|---|---|---|---:|---:|---:|---|"
    for row in rows:
        about = "" if row.share == 1 else "≈ "
        yield (
            f"| {row.task} | {row.size} | {row.peer} | {seconds(row.ours)} "
            f"| {about}{seconds(row.theirs)} | {row.ratio:.3g} | {verdict(row)} |"
        )
    yield ""
    for note in notes(rows):
        yield f"- {note}"


def notes(rows: list[Row]) -> Iterator[str]:
    """What a reader must know to trust the table."""
    laps = sorted({row.laps for row in rows})
    yield (f"processor time on one thread, both sides in turn; medians of {' or '.join(map(str, laps))} runs")
    if any(row.share < 1 for row in rows):
        yield "≈ timed on evenly spread rows of latitude and scaled to the whole field"
    for row in rows:
        yield from (f"{row.size}: {note}" for note in row.notes)


def verdict(row: Row) -> str:
    if row.disagree:
        return "DIFFER: " + ", ".join(f"{name} {row.differences[name]:.0e}" for name in row.disagree)
    worst = max(row.differences.values())
    within = f"within {worst:.0e}" if worst else "identical"
    return f"{', '.join(row.differences)}: {within}"


def seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def machine(packages: Iterable[str]) -> str:
    """Processor, system and the versions that were compared."""
    versions = [f"{package} {version(package)}" for package in packages if installed(package)]
    system = f"{processor()}, {os.cpu_count()} cores, {platform.system()}"
    return f"- {system}; " + ", ".join([f"Python {platform.python_version()}", *versions])


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "from a checkout"


def processor() -> str:
    """Model name of the processor, which Linux tells only in /proc."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def record(row: Row) -> dict[str, Any]:
    return asdict(row) | {"ratio": row.ratio}
