"""CONTRIBUTING.md is true: its recipe for a new statistic is carried out on a copy of the package, and passes the contract."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gridtrend import public

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8") if (ROOT / "CONTRIBUTING.md").exists() else ""
# What the issue that asked for the recipe allows somebody to read and to write.
FILES, LINES = 6, 300


def section(title):
    """Return a section of the page, without its heading and what stands under further headings."""
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^##|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)[1]


RECIPE = section("A new statistic, in five places") if TEXT else ""
# The statistic of the recipe.
NAME = "foster_stuart"


def blocks():
    """Yield the path that each code block of the recipe names, the line that it goes below (or None), and its code."""
    for block in re.findall(r"^```python\n(.*?)^```", RECIPE, flags=re.MULTILINE | re.DOTALL):
        first, code = block.split("\n", 1)
        path, _, anchor = first.removeprefix("# ").partition(", below: ")
        yield path, anchor or None, code


def carried_out(folder):
    """Follow the recipe in a copy of the repository."""
    for name in ("gridtrend", "tests", "docs", ".ci"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, folder)
    for path, anchor, code in blocks():
        file = folder / path
        if anchor is None:
            assert not file.exists(), f"{path} is new"
            file.write_text(code, encoding="utf-8")
            continue
        text = file.read_text(encoding="utf-8")
        assert text.count(f"{anchor}\n") == 1, f"{path} has one line {anchor!r}"
        file.write_text(text.replace(f"{anchor}\n", f"{anchor}\n{code}"), encoding="utf-8")
    return folder


pytestmark = pytest.mark.skipif(not TEXT, reason="there is no CONTRIBUTING.md beside the package")


def test_what_a_newcomer_reads_and_writes_is_little():
    files = {path for path, _, _ in blocks()}
    written = sum(len(code.splitlines()) for _, _, code in blocks())
    together = len(RECIPE.splitlines()) + written
    assert len(files) + 1 <= FILES
    assert together <= LINES
    assert f"five files and {written} lines to write" in TEXT.replace("\n", " ")
    assert f"{len(files) + 1} files and {together} lines to read and write" in TEXT.replace("\n", " ")


def test_the_recipe_makes_a_statistic_that_keeps_the_contract(tmp_path):
    folder = carried_out(tmp_path / "copy")
    (commands,) = re.findall(r"^```sh recipe\n(.*?)^```", RECIPE, flags=re.MULTILINE | re.DOTALL)
    environment = os.environ | {"GRIDTREND_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(folder)}
    environment.pop("GRIDTREND_SHARED_CACHE", None)
    *before, contract = [[sys.executable, *line.split()[1:]] for line in commands.splitlines()]
    files = ["tests/test_public.py", "tests/test_docs.py", "tests/test_cycle.py", f"gridtrend/trend/{NAME}.py"]
    checks = [sys.executable, "-m", "pytest", "-q", *files, "-k", f"{NAME} or stubs"]
    for command in (*before, contract, checks):
        plain = ["-p", "no:cacheprovider"] if "pytest" in command else []
        done = subprocess.run(
            [*command, *plain], cwd=folder, env=environment, capture_output=True, text=True, timeout=500, check=False
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        if command == contract:
            assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 100
    assert list((tmp_path / "cache").glob(f"gridtrend.trend.kernels.{NAME}.*.bin"))


def test_files_that_the_page_names_exist():
    named = set(re.findall(r"`((?:gridtrend|tests|benchmarks|docs|\.ci)/[\w./]*)`", TEXT))
    new = {path for path, _, _ in blocks()}
    assert len(named) > 15
    assert not [path for path in named - new if not (ROOT / path).exists()]
    # Those to begin with, in the folders of the first column.
    for row in re.findall(r"^\| (`gridtrend/.*) \| .* \| (.*) \|$", TEXT, flags=re.MULTILINE):
        folders = [ROOT / path for path in re.findall(r"`(gridtrend/[\w/]*/)`", row[0])]
        for name in re.findall(r"`([\w.]+\.py)`", row[1]):
            assert not folders or any((folder / name).exists() for folder in folders), name


def test_words_of_the_project_are_explained():
    words = section("Words")
    for word in (
        "lane",
        "tile",
        "cell",
        "slab",
        "bracket",
        "run",
        "part",
        "unit",
        "kernel",
        "series kernel",
        "deferred",
    ):
        assert f"| {word} | " in words


def test_the_statistic_of_the_recipe_is_not_there_yet():
    assert not [path for path, anchor, _ in blocks() if anchor is None and (ROOT / path).exists()]
    assert NAME not in public.PUBLIC


def test_the_road_of_a_call_leads_through_files_that_exist():
    files = re.findall(
        r"^\|[^|]*\| `([\w/]+\.py)` \|", section("How a call runs: `mann_kendall` in 14 files"), flags=re.MULTILINE
    )
    assert len(files) == 14
    assert not [file for file in files if not (ROOT / "gridtrend" / file).exists()]
