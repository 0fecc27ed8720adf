"""The benchmarks run as users run them, on tiny inputs: every row is there and answers agree."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GROUPS = ("trend", "long", "start", "path", "growth", "scale", "family", "neural", "spectral", "bvp", "ode", "ablation")
# These start many processes, a minute's worth each.
PROCESSES = ("start", "path", "scale", "ablation")
groups = pytest.mark.parametrize(
    "group", [pytest.param(group, marks=[pytest.mark.slow] * (group in PROCESSES)) for group in GROUPS]
)
PEERS = {
    "pymannkendall": "pymannkendall loop",
    "xarrayMannKendall": "xarrayMannKendall",
    "skyborn": "Skyborn",
    "scipy": "scipy loop: kendalltau, theilslopes",
    "numpy": "NumPy, summed over pairs",
}
TABLES = {
    "trend": ["number types and missing values", "distance to the limits of the machine"],
    "long": [
        "theil_sen with limits: precipitation beside temperature",
        "memory of one series",
        "crossover between lanes and single series",
    ],
    "start": ["second start: gridtrend trend E1_north_america.nc", "cold start: compiling each kernel"],
    "path": ["file to file", "where the time goes"],
    "family": ["field significance of many cells"],
    "neural": ["distance to the limits of the machine", "root mean square error one step ahead"],
    "spectral": [
        "one series",
        "through dask on one thread",
        "memory",
        "few frequencies",
        "windows that move by a few samples",
        "distance to the limits",
    ],
    "scale": ["a record through less memory", "time against size", "threads and processes", "planning 100 TB"],
    "growth": ["length of the record", "number of cells", "missing values"],
    "bvp": ["orders and the limit of the machine", "accuracy with coefficients at nodes alone"],
    "ablation": ["tricks, with and without"],
    "ode": ["accuracy beside time: 20,000 pendulums, T = 10", "distance to the peak rate of arithmetic"],
}


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory):
    """Return what a group prints and measures; each group runs once."""
    runs = {}

    def run(group):
        measurable(group)
        if group not in runs:
            path = tmp_path_factory.mktemp("benchmarks") / "figures.json"
            command = [sys.executable, "-m", "benchmarks", group, "--quick", "--json", str(path)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            runs[group] = done, json.loads(path.read_text())
        return runs[group]

    return run


def measurable(group):
    """Skip a group whose peer is everywhere in it, and absent."""
    if group == "spectral" and not find_spec("ducc0"):
        pytest.skip("the spectra are measured beside ducc0, which comes with the extra `bench`")


def figures(found, title):
    return next(table["rows"] for table in found["tables"] if table["title"] == title)


@pytest.mark.parametrize("package", PEERS)
def test_each_peer_has_its_row_or_is_named_as_absent(package, quick_run):
    done, found = quick_run("trend")
    peer = PEERS[package]
    if find_spec(package):
        assert any(row["peer"] == peer for row in found["comparisons"])
    else:
        assert f"{peer} skipped" in done.stderr


def test_every_task_is_compared(quick_run):
    tasks = {row["task"] for row in quick_run("trend")[1]["comparisons"]}
    assert {"mann_kendall", "mann_kendall(slope=False)", "theil_sen", "kendall_tau"} <= tasks


@pytest.mark.slow
def test_long_records_are_compared_with_and_without_ties(quick_run):
    tasks = {row["task"] for row in quick_run("long")[1]["comparisons"]}
    assert {"theil_sen, continuous", "theil_sen, half zeros", "kendall_tau of two fields"} <= tasks


@pytest.mark.slow
@groups
def test_answers_agree_in_every_row(group, quick_run):
    assert [row["peer"] for row in quick_run(group)[1]["comparisons"] if row["disagree"]] == []


@groups
def test_every_table_is_filled_and_printed(group, quick_run):
    done, found = quick_run(group)
    titles = [table["title"] for table in found["tables"]]
    assert [title for title in titles if title != "against peers"] == TABLES[group]
    for title in titles:
        assert f"### {title}\n" in done.stdout
    if find_spec("iris_sample_data"):
        assert all(table["rows"] for table in found["tables"])
    assert f"Python {sys.version.split()[0]}" in done.stdout


def test_comparisons_and_bandwidth_set_the_limit(quick_run):
    rows = figures(quick_run("trend")[1], "distance to the limits of the machine")
    assert len(rows) == 4
    assert all(0 < row["one comparison a pair"] < row["takes"] for row in rows)


@pytest.mark.slow
def test_command_line_reads_and_writes_beside_xarray(quick_run):
    names = [row["what"] for row in figures(quick_run("path")[1], "file to file")]
    assert {"xarray: read, write", "gridtrend trend"} <= set(names)


def test_memory_of_a_long_series_stays_far_below_that_of_its_pairs(quick_run):
    for row in figures(quick_run("long")[1], "memory of one series"):
        assert row["extra memory"] is None or row["extra memory"] < row["all slopes would take"] / 10


@pytest.mark.slow
def test_what_is_read_is_counted(quick_run):
    for row in figures(quick_run("scale")[1], "a record through less memory"):
        assert row["each chunk unpacked"] == 1
        assert row["beside the run in memory"] == "identical"


def test_growth_is_drawn(tmp_path, quick_run):
    pytest.importorskip("matplotlib")
    from benchmarks import growth
    from benchmarks.tables import Table

    titles = TABLES["growth"]
    tables = [Table(title, {"x": str}, [(0.1, 1e-6, 2e-6, 3e-6), (0.5, 1e-5, 2e-5, 3e-5)]) for title in titles]
    growth.draw(tmp_path / "growth.png", tables)
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
