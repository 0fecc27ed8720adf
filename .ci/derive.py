"""Write what follows from the list of public names, `gridtrend.public`: `python .ci/derive.py`.

The stubs of `gridtrend` and `gridtrend.trend` show the names to type checkers and editors, docs/functions.md shows them to
readers. tests/test_public.py compares.
"""

import inspect
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = "Written by .ci/derive.py from gridtrend/public.py: change that list, and run it again."
ROOMS = {
    "analysis": "From steps to a map of trends",
    "seasons": "Seasons, years and areas of a record",
    "trend": "Trends",
    "spectral": "Spectra",
    "io": "Files",
    "ahead": "Compiling ahead",
    "bvp": "Boundary value problems",
    "ode": "Initial value problems",
    "neural": "Small networks",
    "plot": "Pictures (import them from `gridtrend.plot`)",
}


def derived():
    """Return the text of each file, by its path."""
    from gridtrend import public

    modules = [("", name) for name in public.MODULES]
    functions = [(f".{public.PUBLIC[name]}", name) for name in public.functions()]
    trends = [(f".{module}", name) for name, module in public.members("trend").items()]
    return {
        "gridtrend/__init__.pyi": _stub(modules + functions, "__version__"),
        "gridtrend/trend/__init__.pyi": _stub(trends),
        "docs/functions.md": _page(public),
    }


def _stub(names, *texts):
    """Return the text of a stub with names from modules, and with names of texts.

    One line a name, and `as`, which makes it a name of the stub too, keep the linter's order.
    """
    imports = [f"from gridtrend{module} import {name} as {name}" for module, name in sorted(names)]
    public = sorted([*texts, *(name for _, name in names)])
    lines = [f"# {SOURCE}", "", *imports, "", *(f"{name}: str" for name in texts), "__all__ = ["]
    return "\n".join([*lines, *(f'    "{name}",' for name in public), "]"]) + "\n"


def _page(public):
    """Return the page of all public names, each with the first line of its docstring."""
    lines = [f"<!-- {SOURCE} -->", "# Public functions", ""]
    lines += ["`help(gridtrend.mann_kendall)` shows parameters, results, papers and examples of a function.", ""]
    for room, title in ROOMS.items():
        lines += [f"## {title}", "", "| name | what it does |", "|---|---|"]
        names = sorted(name for name in public.PUBLIC if public.room(name) == room)
        lines += [f"| `{name}` | {_summary(public.load(name))} |" for name in names] + [""]
    return "\n".join(lines[:-1]) + "\n"


def _summary(thing):
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    for path, text in derived().items():
        (ROOT / path).write_text(text, encoding="utf-8")
