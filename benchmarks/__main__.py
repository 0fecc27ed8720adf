"""Command line of the benchmarks: `python -m benchmarks GROUP [--quick] [--write] [--json FILE]`."""

import argparse
import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import benchmarks
from benchmarks.harness import Comparison, Row, installed, machine, measure, record, table

RESULTS = Path(__file__).with_name("RESULTS.md")
HOUSE = ("gridtrend", "numpy", "numba", "xarray", "dask")
GROUPS = sorted(
    module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in {"__main__", "harness"}
)


def main() -> int:
    options = arguments()
    comparisons = importlib.import_module(f"benchmarks.{options.group}").COMPARISONS
    rows = list(measured(comparisons, quick=options.quick, laps=options.laps))
    peers = [comparison.package for comparison in comparisons]
    lines = [*table(rows), machine(dict.fromkeys([*HOUSE, *peers]))]
    print("\n".join(lines))
    if options.write:
        keep(options.group, lines)
    if options.json:
        options.json.write_text(json.dumps([record(row) for row in rows], indent=2))
    return int(any(row.disagree for row in rows))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("group", choices=GROUPS)
    parser.add_argument("--quick", action="store_true", help="tiny inputs, one run each")
    parser.add_argument("--laps", type=int, default=7, help="runs to take the median of")
    parser.add_argument("--write", action="store_true", help=f"keep the table in {RESULTS.name}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    return parser.parse_args()


def measured(comparisons: list[Comparison], *, quick: bool, laps: int) -> Iterator[Row]:
    """Rows of the peers that are installed; progress and absences go to stderr."""
    for comparison in comparisons:
        title = f"{comparison.task}: {comparison.peer}"
        if not installed(comparison.package):
            print(f"{title} skipped, it comes with `pip install gridtrend[bench]`", file=sys.stderr)
            continue
        print(title, file=sys.stderr)
        yield measure(comparison, quick=quick, laps=1 if quick else laps, budget=25)


def keep(group: str, lines: list[str]) -> None:
    """Replace this group's section of the results, or add it."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Benchmarks\n"
    others = re.sub(rf"\n## {group}\n.*?(?=\n## |\Z)", "", text, flags=re.DOTALL).rstrip("\n")
    section = [f"## {group}", "", f"`python -m benchmarks {group}`", "", *lines]
    RESULTS.write_text("\n".join([others, "", *section, ""]), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
