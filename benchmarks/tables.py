"""What groups hand over: figures in rows, and how they are written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Table:
    """Figures, and what a reader must know to trust them.

    `columns` tells for each column how a figure is written; `plot`, where there is one, draws all tables of a group.
    """

    title: str
    columns: Mapping[str, Callable[[Any], str]]
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str] = ()
    plot: Callable[[Path, list["Table"]], None] | None = None

    def record(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.rows]
        return {"title": self.title, "rows": rows, "notes": list(self.notes)}


def markdown(table: Table) -> Iterator[str]:
    """Lines of a Markdown table: words to the left, figures to the right."""
    yield f"### {table.title}"
    yield ""
    yield "| " + " | ".join(table.columns) + " |"
    yield "|" + "|".join("---" if write is str else "---:" for write in table.columns.values()) + "|"
    for row in table.rows:
        yield "| " + " | ".join(w(v) for w, v in zip(table.columns.values(), row, strict=True)) + " |"
    yield ""
    if table.notes:
        yield from (f"- {note}" for note in dict.fromkeys(table.notes))
        yield ""


def seconds(value: float) -> str:
    if value >= 1:
        return f"{value:.3g} s"
    return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} µs"


def megabytes(value: float | None) -> str:
    return "unknown" if value is None else f"{value / 1e6:,.1f} MB"


def ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def times(value: float) -> str:
    return f"{value:.2f}x" if value < 10 else f"{value:,.0f}x"


def whole(value: float) -> str:
    return f"{value:,.0f}"


def percent(value: float) -> str:
    return f"{value:.0%}"
