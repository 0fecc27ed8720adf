"""The worked examples run, and their errors are those that they show."""

import inspect
import re
from pathlib import Path

import pytest

import gridtrend as gt

PAGE = Path(__file__).parents[1] / "docs" / "bvp.md"
FUNCTIONS = ["solve_linear", "solve", "steady_diffusion"]


def blocks():
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def test_every_example_ends_with_its_true_error():
    namespace = {}
    shown = 0
    for block in blocks():
        *body, last = block.rstrip("\n").split("\n")
        exec("\n".join(body), namespace)  # noqa: S102
        expression, figure = last.split("  # ")
        assert eval(expression, namespace) == pytest.approx(float(figure), rel=0.05)
        shown += 1
    assert shown >= 8


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_are_documented_in_full(name):
    function = getattr(gt.bvp, name)
    doc = inspect.getdoc(function)
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", doc, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(sections) == ["Parameters", "Returns", "Raises", "See Also", "Notes", "References", "Examples"]
    described = re.findall(r"^(\w[\w, ]*?)(?: :.*)?$", sections["Parameters"], flags=re.MULTILINE)
    assert [part.strip() for line in described for part in line.split(",")] == list(
        inspect.signature(function).parameters
    )
    assert re.search(r"doi:10\.\d{4,}/\S+", sections["References"])
