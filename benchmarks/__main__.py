"""Command line of the benchmarks: `python -m benchmarks GROUP [--quick] [--write] [--json FILE]`.

A group is a module with COMPARISONS, each a row beside a peer, and TABLES, functions that measure gridtrend by itself.
"""

import argparse
import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Comparison, Row, comparison_table, measure
from benchmarks.tables import Table, markdown
from benchmarks.timing import installed, machine

RESULTS = Path(__file__).with_name("RESULTS.md")
HOUSE = ("gridtrend", "numpy", "numba", "xarray", "dask")
GROUPS = (
    *("trend", "long", "start", "path", "growth", "scale"),
    *("family", "calibration", "spectral", "ode", "bvp", "neural", "ablation"),
)


def main() -> int:
    options = arguments()
    group = importlib.import_module(f"benchmarks.{options.group}")
    laps = 1 if options.quick else options.laps
    rows = list(measured(group.COMPARISONS, quick=options.quick, laps=laps))
    tables = [comparison_table(rows)] if rows else []
    for make in group.TABLES:
        print(make.__name__, file=sys.stderr)
        tables.append(make(options.quick, laps))
    peers = [comparison.package for comparison in group.COMPARISONS]
    lines = [line for table in tables for line in markdown(table)]
    lines.append(machine(dict.fromkeys([*HOUSE, *peers])))
    print("\n".join(lines))
    if options.write:
        keep(getattr(group, "DOCUMENT", RESULTS), options.group, lines, tables)
    if options.json:
        content = {"comparisons": [row.record() for row in rows], "tables": [table.record() for table in tables]}
        options.json.write_text(json.dumps(content, indent=2))
    return int(any(row.disagree for row in rows))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("group", choices=GROUPS)
    parser.add_argument("--quick", action="store_true", help="tiny inputs, one run each")
    parser.add_argument("--laps", type=int, default=7, help="runs to take the median of")
    parser.add_argument("--write", action="store_true", help=f"keep the tables in {RESULTS.name}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures as JSON")
    return parser.parse_args()


def measured(comparisons: list[Comparison], *, quick: bool, laps: int) -> Iterator[Row]:
    """Rows of the peers that are installed; progress and absences go to stderr."""
    for comparison in comparisons:
        title = f"{comparison.task}: {comparison.peer}"
        if not installed(comparison.package):
            print(f"{title} skipped, it comes with `pip install gridtrend[bench]`", file=sys.stderr)
            continue
        print(title, file=sys.stderr)
        yield measure(comparison, quick=quick, laps=laps, budget=15)


def keep(document: Path, group: str, lines: list[str], tables: list[Table]) -> None:
    """Replace this group's section of a document and its plots, or add them."""
    text = document.read_text(encoding="utf-8") if document.exists() else "# Benchmarks\n"
    others = re.sub(rf"\n## {group}\n.*?(?=\n## |\Z)", "", text, flags=re.DOTALL).rstrip("\n")
    section = [f"## {group}", "", f"`python -m benchmarks {group}`", "", *lines]
    for table in tables:
        if table.plot:
            name = f"{group}.png"
            table.plot(document.with_name(name), tables)
            section += ["", f"![{table.title}]({name})"]
    document.write_text("\n".join([others, "", *section, ""]), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
