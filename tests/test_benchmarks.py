"""The benchmarks run as users run them, on tiny inputs: every row is there and answers agree."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PEERS = {
    "pymannkendall": "pymannkendall loop",
    "xarrayMannKendall": "xarrayMannKendall",
    "skyborn": "Skyborn",
    "scipy": "scipy loop: kendalltau, theilslopes",
    "numpy": "NumPy, summed over pairs",
}


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmarks") / "rows.json"
    command = [sys.executable, "-m", "benchmarks", "trend", "--quick", "--json", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done, json.loads(path.read_text())


@pytest.mark.parametrize("package", PEERS)
def test_each_peer_has_its_row_or_is_named_as_absent(package, quick_run):
    done, rows = quick_run
    peer = PEERS[package]
    if find_spec(package):
        assert any(row["peer"] == peer for row in rows)
    else:
        assert f"{peer} skipped" in done.stderr


def test_every_task_is_compared(quick_run):
    tasks = {row["task"] for row in quick_run[1]}
    assert {"mann_kendall", "mann_kendall(slope=False)", "theil_sen", "kendall_tau"} <= tasks


def test_answers_agree_in_every_row(quick_run):
    assert [row["peer"] for row in quick_run[1] if row["disagree"]] == []


def test_one_table_names_the_machine_and_the_versions(quick_run):
    done, rows = quick_run
    assert done.stdout.count("| task | data | peer |") == 1
    assert done.stdout.count("\n| ") == len(rows)
    assert f"Python {sys.version.split()[0]}" in done.stdout
