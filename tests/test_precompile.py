"""Kernels compiled ahead, what is said to whoever waits for a compiler, and what the cache holds."""

import collections
import importlib
import logging
import os
import pkgutil
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import gridtrend
from gridtrend import ahead
from gridtrend.cli.commands import cli
from gridtrend.cli.terminal import notes
from gridtrend.engine import cache, kept, notice
from gridtrend.engine.jit import entry
from gridtrend.engine.kernel import Kernel, Routine, machine_code
from gridtrend.engine.reach import public_name, reached
from tests.users import STRANGER

ROOT = Path(__file__).parents[1]
# Says how many functions of gridtrend it compiled.
LISTENER = """
from numba.core import event

compiled = []

class Listener(event.Listener):
    def on_start(self, occurrence):
        compiled.append(occurrence.data["dispatcher"].py_func.__module__)

    def on_end(self, occurrence):
        pass

event.register("numba:compile", Listener())
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty cache of its own."""
    monkeypatch.setenv("GRIDTREND_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.delenv("GRIDTREND_SHARED_CACHE", raising=False)
    return tmp_path / "kernels"


def python(code, path=None):
    """Run a script, which has no guard of `__main__`; return what it prints."""
    if path:
        path.write_text(code)
    ran = subprocess.run(
        [sys.executable, "-W", "error", *([path] if path else ["-c", code])],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=500,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def command(*arguments, code=0):
    outcome = CliRunner().invoke(cli, list(map(str, arguments)))
    assert outcome.exit_code == code, outcome.output
    return outcome.output


# --- which kernels -----------------------------------------------------------------------------------


def compiled_things():
    """Return all kernels and routines that there are, by the modules that they stand in."""
    found = set()
    for room in ("trend", "spectral", "ode", "bvp", "neural"):
        package = importlib.import_module(f"gridtrend.{room}.kernels")
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            found |= {value for value in vars(module).values() if isinstance(value, Kernel | Routine)}
    return found


def test_all_kernels_are_those_of_some_public_function():
    assert set(ahead.named((), everything=True)) == compiled_things()


@pytest.mark.parametrize(
    ("function", "kernels"),
    [
        ("theil_sen", {"theil_sen"}),
        ("pettitt", {"change_point"}),
        ("regional_mann_kendall", {"grouped_test"}),
        ("welch", {"sliding_power"}),
        ("bvp.solve_linear", {"solve_linear"}),
        ("neural.fit_per_cell", {"fit_cells"}),
    ],
)
def test_a_function_needs_the_kernels_that_its_code_names(function, kernels):
    assert {kernel.__name__ for kernel in ahead.named([function])} == kernels


def test_the_default_is_what_the_command_line_computes():
    names = {kernel.__name__ for kernel in ahead.named(())}
    assert names >= {"mann_kendall", "mann_kendall_slope", "exact_test", "grouped_test", "sliding_power"}
    assert names >= {"corrected_variance", "whitened_series", "block_bootstrap", "scaling_test"}
    assert "siegel_slope" not in names


def test_a_kernel_is_compiled_for_the_types_that_it_depends_on():
    tasks = ahead._tasks(ahead.named(["theil_sen", "welch"]))
    assert sorted((task.name, task.dtype) for task in tasks) == [
        ("sliding_power", "float64"),
        ("theil_sen", "float32"),
        ("theil_sen", "float64"),
    ]


@pytest.mark.parametrize("name", ["thiel_sen", "trend.theil_sen", "harmonic", "ode.integrate", ""])
def test_an_unknown_name_is_refused_with_those_that_are_known(name):
    with pytest.raises(ValueError, match=rf"no kernel to compile for '{name}'; .* theil_sen, .*bvp.solve_linear"):
        gridtrend.precompile(name)
    said = command("precompile", name, code=2)
    assert said.startswith("gridtrend: error: there is no kernel")
    assert said.count("\n") == 1


@pytest.mark.parametrize("processes", [0, -1, 1.5, "2", True])
def test_a_number_of_processes_that_is_none_is_refused(processes):
    with pytest.raises(ValueError, match="give a whole number of processes from 1 on"):
        gridtrend.precompile("welch", processes=processes)


def test_all_and_names_exclude_each_other():
    assert "--all compiles the kernels of all functions" in command("precompile", "--all", "welch", code=2)


# --- compiled ahead ----------------------------------------------------------------------------------


def test_what_was_compiled_ahead_is_not_compiled_again(folder, tmp_path):
    script = "import gridtrend\nprint(*gridtrend.precompile('kendall_tau', processes=2)[:2])"
    kernels, compiled = map(int, python(script, tmp_path / "script.py").split())
    assert kernels == 2
    assert compiled == len(list(folder.iterdir())) > 10
    use = LISTENER + (
        "import numpy as np, xarray as xr, gridtrend\n"
        "rng = np.random.default_rng(0)\n"
        "for n in (30, 3000):\n"
        "    for dtype in ('f4', 'f8', 'i2'):\n"
        "        x, y = (xr.DataArray(rng.integers(0, 99, n).astype(dtype), dims='time') for _ in 'xy')\n"
        "        gridtrend.kendall_tau(x, y)\n"
        "        gridtrend.kendall_tau(x, x + np.arange(n, dtype=dtype) / 7)\n"
        "print(sum(name.startswith('gridtrend') for name in compiled))\n"
    )
    assert python(use) == "0\n"
    assert command("precompile", "kendall_tau", "--processes", 1).startswith(
        "2 kernels are ready (0 files compiled in "
    )


def test_each_kernel_is_reported(folder):
    reports = []
    done = gridtrend.precompile("welch", processes=3, report=lambda *told: reports.append(told))
    assert reports == [("compiling", 0, 1), ("compiling sliding_power", 1, 1)]
    assert (done.kernels, done.compiled, done.folder) == (1, 1, folder)
    assert done.size == sum(path.stat().st_size for path in folder.iterdir())


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GRIDTREND_CACHE_DIR", str(tmp_path / "file/kernels"))
    why = (
        f"compiled kernels cannot be kept: '{tmp_path}/file/kernels': Not a directory. GRIDTREND_CACHE_DIR can name a "
    )
    with pytest.raises(OSError, match=re.escape(why)):
        gridtrend.precompile("welch")
    for arguments in (["precompile", "welch"], ["cache"], ["cache", "--clear"]):
        said = command(*arguments, code=1)
        assert said.startswith(f"gridtrend: error: {why}")
        assert said.count("\n") == 1
    monkeypatch.setenv("GRIDTREND_CACHE_DIR", "here")
    assert "must be an absolute path, not 'here'" in command("precompile", "welch", code=1)


def test_a_kernel_that_cannot_be_compiled_is_named():
    tasks = collections.deque([ahead._Task("gridtrend.trend.kernels.linear_trend", "no_trend", "float64")])
    with pytest.raises(RuntimeError, match=r"no_trend could not be compiled: AttributeError: .*'no_trend'"):
        ahead._carry_out(tasks, 1, lambda *_: None)


def test_a_process_that_dies_is_an_error(monkeypatch):
    monkeypatch.setattr(ahead.sys, "executable", "false")
    with pytest.raises(RuntimeError, match="the process that compiled sliding_power ended"):
        gridtrend.precompile("welch", processes=1)


# --- what is said meanwhile --------------------------------------------------------------------------


def twice(x):
    return 2.0 * x


def compile_twice(name="tests.twice"):
    return machine_code(entry(twice), "float64(float64)", name)(21.0)


@pytest.fixture
def slow(folder, monkeypatch):
    """Have every compilation take so long that whoever waits is told, if anybody is; no wait is too short for it."""
    monkeypatch.setattr(notice, "PATIENCE", 0.0)
    monkeypatch.setattr(notice, "_said", set())
    packed = cache.MachineCode._packed

    def slowly_packed(code, result):
        notice._here.waiting.timer.join(30.0)
        return packed(code, result)

    monkeypatch.setattr(cache.MachineCode, "_packed", slowly_packed)


@pytest.fixture
def said(slow, caplog):
    """Return the lines about a compiler, as they come."""
    caplog.set_level(logging.INFO, logger="gridtrend")
    return caplog


def test_whoever_waits_is_told_once(said):
    assert compile_twice() == 42.0
    assert said.messages == ["compiling twice for this machine, once"]
    assert {record.name.partition(".")[0] for record in said.records} == {"gridtrend"}
    compile_twice("other.twice")
    assert len(said.messages) == 1
    compile_twice("tests.thrice")
    assert said.messages[1:] == ["compiling thrice for this machine, once"]


def test_whoever_reads_from_disk_is_told_nothing(said):
    compile_twice()
    said.clear()
    notice._said.clear()
    compile_twice()
    assert said.messages == []


def test_a_short_wait_is_not_told(folder, monkeypatch, caplog):
    monkeypatch.setattr(notice, "PATIENCE", 1.0)
    monkeypatch.setattr(notice, "_said", set())
    caplog.set_level(logging.INFO, logger="gridtrend")
    with notice.waiting("tests.twice"):
        notice.compiling()
    time.sleep(2.0)
    assert caplog.messages == []


def test_what_a_running_kernel_needs_is_told_by_the_name_of_the_kernel(said):
    with (
        notice.running("gridtrend.trend.kernels.siegel_slope.siegel_slope"),
        notice.waiting("x.y"),
        notice.waiting("x.z"),
    ):
        notice.compiling()
        notice._here.waiting.timer.join(30.0)
    assert said.messages == ["compiling siegel_slope for this machine, once"]
    # Nothing waits any more.
    notice.compiling()
    assert notice._here.waiting is None


@pytest.mark.parametrize(
    ("kernel", "name"),
    [
        ("mann_kendall.mann_kendall_slope", "mann_kendall"),
        ("long_term_persistence.scaling_test", "mann_kendall"),
        ("kendall_tau.kendall_tau", "kendall_tau"),
        ("change_points.change_point", "buishand, pettitt, snht"),
        ("slope_search.median", "median"),
    ],
)
def test_a_kernel_bears_the_name_that_users_know(kernel, name):
    import gridtrend.trend  # noqa: F401

    assert public_name(f"gridtrend.trend.kernels.{kernel}") == name


def test_a_function_reaches_what_it_imports_when_it_runs():
    from gridtrend.spectral import sliding

    assert "sliding_power" in {getattr(value, "__name__", "") for value in reached(sliding.slider).values()}


@pytest.mark.parametrize(
    ("terminal", "quiet", "expected"),
    [
        (True, False, "\r\x1b[Kgridtrend: note: compiling twice for this machine, once\n"),
        (True, True, ""),
        (False, False, ""),
    ],
)
def test_the_command_line_tells_it_at_a_terminal(slow, monkeypatch, capsys, terminal, quiet, expected):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    level = logging.getLogger("gridtrend").level
    with notes(quiet):
        compile_twice()
    assert capsys.readouterr().err == expected
    assert logging.getLogger("gridtrend").level == level


# --- what the cache holds ----------------------------------------------------------------------------


@pytest.fixture
def filled(folder, monkeypatch):
    """Return a cache with two files of this version, three of others, and four that are not gridtrend's."""
    compile_twice()
    compile_twice("tests.another")
    current = set(folder.iterdir())
    with monkeypatch.context() as other:
        other.setattr(cache, "_FORMAT", 3)
        compile_twice()
        other.setattr(cache, "_FORMAT", 4)
        other.setattr(cache.numba, "__version__", "0.1")
        compile_twice()
    (folder / f"gridtrend.of.old.{'x' * 5}-{'0' * 32}.bin").write_bytes(
        b"a digest, and machine code, of an older format"
    )
    foreign = {
        folder / name for name in ("notes.txt", "firmware.bin", f"link-{'0' * 32}.bin", f"folder-{'0' * 32}.bin")
    }
    for path in foreign:
        if path.name.startswith("folder"):
            path.mkdir()
        elif path.name.startswith("link"):
            path.symlink_to("notes.txt")
        else:
            path.write_text("mine")
    return folder, current, foreign


def test_the_cache_is_counted(filled):
    folder, *_ = filled
    told = kept.contents(folder, frozenset([0, os.geteuid()]))
    assert (told.files, told.usable) == (5, 2)
    lines = command("cache").splitlines()
    assert lines[0].startswith(f"{folder}: 5 files, 0.")
    assert lines[0].endswith(" MB, 2 of use to this version of gridtrend")
    assert lines[1] == "  of no use to this version: 3, which `gridtrend cache --clear` removes"


def test_what_this_version_cannot_use_is_removed_and_nothing_else(filled):
    folder, current, foreign = filled
    assert command("cache", "--clear").startswith("3 files removed, ")
    assert set(folder.iterdir()) == current | foreign
    assert command("cache", "--clear").startswith("0 files removed, ")


def test_all_that_gridtrend_wrote_is_removed(filled):
    folder, _, foreign = filled
    lines = command("cache", "--clear-all").splitlines()
    assert lines[0].startswith("5 files removed, ")
    assert lines[1].startswith(f"{folder}: 0 files, 0.0 MB, 0 of use")
    assert set(folder.iterdir()) == foreign


def test_kernels_for_another_processor_are_of_use_and_stay(folder):
    code = "from tests.test_precompile import compile_twice\ncompile_twice()\n"
    environment = os.environ | {"NUMBA_CPU_NAME": "generic"}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=True, timeout=200)
    compile_twice()
    assert command("cache", "--clear").splitlines()[0].startswith("0 files removed")
    assert len(list(folder.iterdir())) == 2


def test_a_damaged_file_is_of_no_use(filled):
    _, current, _ = filled
    damaged = current.pop()
    damaged.write_bytes(damaged.read_bytes()[:-1])
    command("cache", "--clear")
    assert not damaged.exists()


def test_what_a_killed_process_left_is_removed_when_it_is_old(filled):
    folder, current, _ = filled
    new, old = (folder / f"{next(iter(current)).name}.{digit * 16}" for digit in "01")
    for path in (new, old):
        path.write_bytes(b"unfinished")
    os.utime(old, (0, 0))
    command("cache", "--clear")
    assert new.exists()
    assert not old.exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files to others")
def test_files_and_folders_of_others_are_not_touched(filled):
    folder, current, _ = filled
    theirs = current.pop()
    os.chown(theirs, STRANGER, -1)
    command("cache", "--clear-all")
    assert theirs.exists()
    os.chown(folder, STRANGER, -1)
    assert f"belongs to the user {STRANGER}" in command("cache", "--clear-all", code=1)


def test_an_empty_cache_is_told(folder):
    assert command("cache") == f"{folder}: 0 files, 0.0 MB, 0 of use to this version of gridtrend\n"
    assert not folder.exists()


def test_the_shared_folder_is_told_and_never_cleared(filled, monkeypatch, tmp_path):
    shared, *_ = filled
    monkeypatch.setenv("GRIDTREND_CACHE_DIR", str(tmp_path / "mine"))
    monkeypatch.setenv("GRIDTREND_SHARED_CACHE", str(shared))
    before = set(shared.iterdir())
    lines = command("cache", "--clear-all").splitlines()
    assert lines[-1].startswith(f"shared: {shared}: 5 files, ")
    assert set(shared.iterdir()) == before
