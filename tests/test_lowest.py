"""The lowest versions that are tested are those that pyproject.toml promises."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = ("plot", "cluster", "fast", "sample")


def release(version):
    """Return a version as numbers, without zeros at the end: 2.0 is 2.0.0."""
    numbers = [int(part) for part in version.split(".")]
    while numbers[-1] == 0:
        numbers.pop()
    return numbers


def test_the_constraints_are_the_floors():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *(item for name in EXTRAS for item in project["optional-dependencies"][name])]
    floors = {}
    for requirement in required:
        name, floor = re.fullmatch(r"([\w.-]+)(?:\[\w+\])?>=([\d.]+)", requirement).groups()
        floors[name] = release(floor)
    lines = (ROOT / ".ci" / "lowest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {name: release(version) for name, version in pinned.items()} == floors
