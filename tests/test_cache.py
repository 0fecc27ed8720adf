"""Compiled kernels on disk: always right, whoever writes and reads, and never needed."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gridtrend.engine.cache import folder, reached

# What each process does: the test alone, which compiles soonest, on data whose answer is known.
CHILD = """
import sys
from numba.core import event

compiled = []

class Listener(event.Listener):
    def on_start(self, occurrence):
        compiled.append(occurrence.data["dispatcher"].py_func.__module__)

    def on_end(self, occurrence):
        pass

event.register("numba:compile", Listener())

import numpy as np
from gridtrend.trend.kernels.mann_kendall import mann_kendall

options = dict(alpha=0.05, continuity=1.0, alternative=0, variant=1, min_valid=4)
rising = np.arange(20.0) * np.ones((40, 1))
rising[1::2] *= -1
tau, s, var_s, z, p, n_valid, trend = mann_kendall(rising, t=np.arange(20.0), **options)
assert s.tolist() == [190.0, -190.0] * 20, s
assert tau.tolist() == [1.0, -1.0] * 20, tau
assert (var_s == 950.0).all() and (n_valid == 20).all() and trend.tolist() == [1, -1] * 20
assert np.allclose(p, 9.4817e-10, rtol=1e-4), p
print(sum(name.startswith("gridtrend") for name in compiled))
"""
ROOT = str(Path(__file__).parents[1])


def start(cache, package=ROOT, **environment):
    """Start a fresh interpreter that uses the kernels kept in `cache`, with the package that lies in a folder."""
    environment = os.environ | {"GRIDTREND_CACHE_DIR": str(cache), "PYTHONPATH": str(package)} | environment
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CHILD],
        cwd=package,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def compilations(process, says=""):
    """Wait for a process, which must be right and say nothing else; return how many functions it compiled."""
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert re.fullmatch(says, errors), errors
    return int(output)


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """Return a folder that holds the kernel, compiled by another process."""
    cache = tmp_path_factory.mktemp("warm")
    assert compilations(start(cache)) > 0
    return cache


@pytest.fixture
def kept(warm, tmp_path):
    """Return a copy of the warm folder, to be damaged."""
    return Path(shutil.copytree(warm, tmp_path / "kept"))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def files_of(folder, name):
    """Return the files of a kernel, or of a function that kernels share."""
    found = sorted(folder.glob(f"{name}-*.bin"))
    assert found, names(folder)
    return found


KERNEL = "gridtrend.trend.kernels.mann_kendall.mann_kendall"
# Called by the kernel, and by many others.
SHARED = "gridtrend.engine.tiles.fill_tile"


def test_a_second_process_compiles_nothing(warm):
    assert compilations(start(warm)) == 0


def test_one_signature_of_a_function_is_one_file(warm):
    assert len(files_of(warm, KERNEL)) == len(files_of(warm, SHARED)) == 1
    assert all(re.fullmatch(r"gridtrend\.[\w.]+-[0-9a-f]{32}\.bin", name) for name in names(warm))


def damaged(change):
    return lambda file: file.write_bytes(change(file.read_bytes()))


DAMAGES = {
    "truncated": damaged(lambda content: content[: len(content) // 2]),
    "empty": damaged(lambda content: b""),
    "digest_only": damaged(lambda content: content[:32]),
    "header_only": damaged(lambda content: content.partition(b"\n")[0]),
    "flipped_bit": damaged(lambda content: content[:-500] + bytes([content[-500] ^ 1]) + content[-499:]),
    "flipped_bit_of_the_header": damaged(lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:]),
    "foreign": damaged(lambda content: b"not machine code, not even a pickle"),
    "removed": lambda file: file.unlink(),
}


@pytest.mark.parametrize("name", [KERNEL, SHARED])
def test_a_damaged_file_is_compiled_again_and_replaced(kept, name):
    before = names(kept)
    (file,) = files_of(kept, name)
    DAMAGES["flipped_bit"](file)
    assert compilations(start(kept)) > 0
    assert compilations(start(kept)) == 0
    assert names(kept) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", [KERNEL, SHARED, "*"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_no_damage_of_any_kind_does_harm(kept, damage, name):
    before = names(kept)
    for file in files_of(kept, name):
        DAMAGES[damage](file)
    assert compilations(start(kept)) > 0
    assert compilations(start(kept)) == 0
    assert names(kept) == before


def test_the_file_of_another_function_under_this_name_is_not_taken(kept):
    kernel, shared = *files_of(kept, KERNEL), *files_of(kept, SHARED)
    shared.write_bytes(kernel.read_bytes())
    assert compilations(start(kept)) > 0


UNREADABLE = {
    "folder": (lambda file: (file.unlink(), file.mkdir()), "is not a regular file"),
    "link": (lambda file: (file.unlink(), file.symlink_to("nowhere")), "is a symbolic link"),
}


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_function_whose_file_cannot_be_read_is_compiled_again(kept, kind):
    change, why = UNREADABLE[kind]
    (file,) = files_of(kept, SHARED)
    change(file)
    assert compilations(start(kept), rf"compiled kernels are not kept \(.*{why}.*\): .*\n") > 0


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path):
    # Even root cannot make a folder below a file.
    file = tmp_path / "file"
    file.write_text("in the way")
    line = r"compiled kernels are not kept \(\[Errno 20\] Not a directory: .*\): .* GRIDTREND_CACHE_DIR can name .*\n"
    assert compilations(start(file / "cache"), line) > 0
    assert file.read_text() == "in the way"


def test_machines_of_two_kinds_share_a_folder(kept):
    before = names(kept)
    assert compilations(start(kept, NUMBA_CPU_NAME="generic")) > 0
    assert len(names(kept)) == 2 * len(before)
    assert compilations(start(kept)) == 0
    assert compilations(start(kept, NUMBA_CPU_NAME="generic")) == 0


def test_only_what_a_kernel_is_compiled_from_makes_it_compile_again(warm, tmp_path):
    cache, copy = tmp_path / "cache", tmp_path / "package"
    shutil.copytree(warm, cache)
    shutil.copytree(Path(ROOT, "gridtrend"), copy / "gridtrend", ignore=shutil.ignore_patterns("__pycache__"))
    kernels = copy / "gridtrend/trend/kernels"

    def edit(file, old, new):
        text = (kernels / file).read_text()
        assert old in text
        (kernels / file).write_text(text.replace(old, new))

    edit("mann_kendall.py", "\n\n\n", "\n\n\n# A comment.\n\n\n")
    edit("siegel_slope.py", "\n\n\n", "\n\n\nANOTHER = 1\n\n\n")
    assert compilations(start(cache, copy)) == 0
    edit("scores.py", "\n\n\n", "\n\n\nANOTHER = 1\n\n\n")
    assert compilations(start(cache, copy)) > 0


def test_the_key_covers_every_module_that_a_kernel_calls():
    # The functions that numba compiled know their modules; the key follows imports.
    child = CHILD[: CHILD.rindex("print(")] + "print(*{name for name in compiled if name.startswith('gridtrend')})"
    environment = os.environ | {"GRIDTREND_CACHE_DIR": os.devnull, "PYTHONPATH": ROOT}
    ran = subprocess.run([sys.executable, "-c", child], env=environment, text=True, capture_output=True, check=True)
    modules = set(ran.stdout.split())
    assert "gridtrend.trend.kernels.scores" in modules
    assert modules <= reached("gridtrend.engine.unit", "gridtrend.trend.kernels.mann_kendall")


@pytest.mark.parametrize("count", [4, pytest.param(12, marks=pytest.mark.slow)])
def test_processes_that_start_together_on_an_empty_folder_are_all_right(tmp_path, count):
    processes = [start(tmp_path) for _ in range(count)]
    for process in processes:
        compilations(process)
    # No half-written file stays behind, and what is there is sound.
    assert {path.suffix for path in tmp_path.iterdir()} == {".bin"}
    assert compilations(start(tmp_path)) == 0


@pytest.mark.slow
def test_a_process_killed_while_it_writes_does_no_harm(tmp_path):
    for delay in (2.0, 4.0, 6.0):
        process = start(tmp_path)
        time.sleep(delay)
        process.kill()
        process.communicate()
    compilations(start(tmp_path))
    assert compilations(start(tmp_path)) == 0


@pytest.mark.parametrize(
    ("platform", "variable", "parts"),
    [
        ("linux", "XDG_CACHE_HOME", ("gridtrend",)),
        ("win32", "LOCALAPPDATA", ("gridtrend",)),
    ],
)
def test_kernels_are_kept_where_the_system_keeps_such_things(platform, variable, parts, monkeypatch, tmp_path):
    monkeypatch.delenv("GRIDTREND_CACHE_DIR", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert folder() == tmp_path.joinpath(*parts)
    monkeypatch.setenv("GRIDTREND_CACHE_DIR", str(tmp_path / "mine"))
    assert folder() == tmp_path / "mine"


def test_without_a_word_they_are_kept_in_the_home(monkeypatch):
    for name in ("GRIDTREND_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert folder() == Path.home() / ".cache" / "gridtrend"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert folder() == Path.home() / "Library" / "Caches" / "gridtrend"
