"""What goes wrong in long runs: processes that are killed, disks that fill up, files that vanish, clusters that are lost.

Whatever happens, there is no half file under the final name, and a run that is resumed ends as if nothing had happened.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from benchmarks.watch import descendants
from gridtrend import io
from gridtrend.io.ledger import Ledger

ROOT = Path(__file__).parents[1]
REGIONS = 24
pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="looks into /proc of Linux")


def start(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "gridtrend", "trend", *map(str, arguments)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background may hand down that SIGINT is ignored.
        preexec_fn=options.pop("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)),  # noqa: PLW1509
        **options,
    )


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    """Return the pattern of a record of eight files, and the result of an undisturbed run over it."""
    folder = tmp_path_factory.mktemp("record")
    rng = np.random.default_rng(1)
    for year in range(8):
        time_axis = xr.date_range(f"{1990 + year}-01-01", periods=12, freq="MS")
        values = rng.normal(280 + 0.05 * year, 1, (12, REGIONS, 600)).astype("f4")
        field = xr.DataArray(values, {"time": time_axis}, ("time", "lat", "lon"), "tas", {"units": "K"})
        encoding = {"tas": {"zlib": True, "chunksizes": (12, 1, 600)}}
        field.to_netcdf(folder / f"tas_{year}.nc", engine="netcdf4", encoding=encoding)
    done = start(folder / "*.nc", folder / "whole.zarr", "-q")
    assert done.communicate(timeout=300) == (None, "")
    return folder / "*.nc", folder / "whole.zarr"


TILES = ("--chunks", "lat=1", "--rechunk", "passes")


def finished(target):
    """Return how many regions of a run are done."""
    for ledger in target.parent.glob(".gridtrend-*/ledger"):
        with contextlib.suppress(FileNotFoundError):
            return ledger.read_text().count('["tau')
    return 0


def is_hidden_folder(names):
    return len(names) == 1 and re.fullmatch(r"\.gridtrend-[0-9a-f]{16}", names[0])


def wait_for(process, target, regions):
    deadline = time.monotonic() + 240
    while finished(target) < regions and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def same(target, expected):
    with io.open_input([target]) as found, io.open_input([expected]) as undisturbed:
        assert set(found.variables) == set(undisturbed.variables)
        for name in undisturbed.variables:
            np.testing.assert_array_equal(found[name].values, undisturbed[name].values, name)
    return True


def kill_client(record, folder, regions, rng=None):
    """Kill a run when so many regions are done, and let another one go on."""
    target = folder / "out.zarr"
    process = start(record[0], target, *TILES)
    wait_for(process, target, regions)
    process.kill()
    process.communicate()
    if not target.exists():
        assert is_hidden_folder(os.listdir(folder)), "nothing under the final name"
        # Killed before the first region was done, there is nothing to resume.
        again = ["--resume"] if finished(target) else ["--overwrite"]
        said = start(record[0], target, *TILES, *again).communicate(timeout=300)[1]
        assert "written in" in said
    assert same(target, record[1])
    assert os.listdir(folder) == ["out.zarr"]


def kill_worker(record, folder, regions, rng):
    """Kill one of two workers when so many regions are done."""
    target = folder / "out.zarr"
    process = start(record[0], target, *TILES, "--workers", 2, "-q")
    wait_for(process, target, regions)
    workers = [pid for pid in descendants(process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    if workers:
        os.kill(rng.choice(workers), signal.SIGKILL)
    said = process.communicate(timeout=300)[1]
    assert (process.returncode, said) == (0, "")
    assert same(target, record[1])
    assert os.listdir(folder) == ["out.zarr"]


def test_a_killed_run_is_resumed_to_the_same_result(record, tmp_path):
    kill_client(record, tmp_path, random.Random(1).randrange(1, REGIONS))


def test_a_run_killed_in_its_last_region_is_resumed_to_the_same_result(record, tmp_path):
    kill_client(record, tmp_path, REGIONS - 1)


def test_a_killed_worker_costs_its_tasks_only(record, tmp_path):
    rng = random.Random(21)
    kill_worker(record, tmp_path, rng.randrange(1, REGIONS // 2), rng)


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(20))
@pytest.mark.parametrize("kill", [kill_client, kill_worker])
def test_kills_at_random_moments_change_no_result(record, tmp_path, kill, trial):
    rng = random.Random(trial)
    kill(record, tmp_path, rng.randrange(REGIONS + 1), rng)


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(20))
def test_kills_in_the_last_region_change_no_result(record, tmp_path, trial):
    kill_client(record, tmp_path, REGIONS - 1)


# --- resuming --------------------------------------------------------------------------------------


@pytest.fixture
def interrupted(record, tmp_path):
    """Return where a run was interrupted."""
    target = tmp_path / "out.zarr"
    process = start(record[0], target, *TILES)
    wait_for(process, target, 3)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    done = finished(target)
    assert said == (
        f"gridtrend: error: interrupted. {done} finished parts are kept: the same call with --resume goes on\n"
    )
    return target


def test_resuming_is_refused_when_input_or_options_have_changed(record, interrupted):
    def refused(*arguments):
        said = start(record[0], interrupted, *arguments).communicate(timeout=120)[1]
        assert said.startswith("gridtrend: error: ")
        assert said.count("\n") == 1
        return said

    done = finished(interrupted)
    assert "options changed" in refused("--resume", "--alpha", "0.1")
    assert f"left {done} finished parts" in refused()
    changed = Path(str(record[0]).replace("*", "tas_3"))
    before = changed.stat()
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert "inputs changed" in refused("--resume")
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert finished(interrupted) == done
    # Other memory and threads are no other result; the tiles stay as they were.
    assert "written in" in start(record[0], interrupted, "--resume", "--threads", 1).communicate(timeout=120)[1]
    assert same(interrupted, record[1])


def test_there_must_be_something_to_resume(record, tmp_path):
    said = start(record[0], tmp_path / "out.zarr", "--resume").communicate(timeout=120)[1]
    assert "nothing to resume" in said
    assert os.listdir(tmp_path) == []


def test_a_second_run_on_one_output_is_refused(record, tmp_path):
    target = tmp_path / "out.zarr"
    with io.workspace(target):
        said = start(record[0], target).communicate(timeout=120)[1]
    assert said == (
        f"gridtrend: error: another run is writing '{target}': wait until it has ended, or choose another output\n"
    )


# --- inputs and disks ------------------------------------------------------------------------------


def copied(record, folder):
    """Copy the record, to break it."""
    folder.mkdir()
    for path in sorted(Path(record[0]).parent.glob("*.nc")):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder / "*.nc"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "the file is gone"),
        (lambda path: os.truncate(path, path.stat().st_size // 2), "the file has changed since the run began"),
    ],
    ids=["vanished", "truncated"],
)
def test_a_file_that_is_lost_in_the_middle_is_named(record, tmp_path, damage, message):
    pattern, target = copied(record, tmp_path / "in"), tmp_path / "out.zarr"
    process = start(pattern, target, *TILES, "--threads", 1)
    wait_for(process, target, 2)
    damage(tmp_path / "in" / "tas_5.nc")
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert said.count("\n") == 1
    assert "tas_5.nc' cannot be read: variable 'tas', time 0:12, lat " in said
    assert message in said
    assert not target.exists()


def test_a_disk_that_is_full_is_one_line_and_no_store(record, tmp_path):
    def limited():
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    process = start(record[0], tmp_path / "out.zarr", "--chunks", "lat=24", preexec_fn=limited)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert said.startswith("gridtrend: error: cannot write ")
    assert said.count("\n") == 1
    assert os.listdir(tmp_path) == []


# In a namespace of its own, a file system may be mounted without rights, and goes when the script ends.
FULL = """
mkdir -p "$1/room" && mount -t tmpfs -o size=1200k tmpfs "$1/room" || exit 77
run() { "$2" -m gridtrend trend "$3" "$1/room/out.zarr" --chunks lat=1 --rechunk passes -q --threads 1 $4; }
run "$@"
echo "first $? $(ls -A "$1/room")" >&2
mount -o remount,size=100m "$1/room"
run "$@" --resume
echo "then $? $(ls -A "$1/room")" >&2
cp -r "$1/room/out.zarr" "$1"
"""


def test_a_disk_that_fills_up_in_the_middle_costs_nothing_that_was_done(record, tmp_path):
    arguments = ["sh", "-c", FULL, "sh", str(tmp_path), sys.executable, str(record[0])]
    try:
        done = subprocess.run(
            ["unshare", "--map-root-user", "--mount", *arguments],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("there is no `unshare` to mount a small file system with")
    if done.returncode == 77 or done.stderr.startswith("unshare"):
        pytest.skip(f"file systems may not be mounted here: {done.stderr}")
    said = done.stderr.splitlines()
    error = (
        r"gridtrend: error: cannot write .*: no space left on device; .* finished parts are kept: .*--resume goes on"
    )
    assert re.fullmatch(error, said[0])
    assert re.fullmatch(r"first 1 \.gridtrend-[0-9a-f]{16}", said[1])
    assert said[2:] == ["then 0 out.zarr"]
    assert same(tmp_path / "out.zarr", record[1])


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_with_workers_leaves_no_process_and_no_half_file(record, tmp_path, sent):
    target = tmp_path / "out.zarr"
    process = start(record[0], target, *TILES, "--workers", 1, "-q")
    wait_for(process, target, 2)
    family = descendants(process.pid)
    process.send_signal(sent)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert said.startswith("gridtrend: error: interrupted. ")
    assert said.count("\n") == 1
    assert is_hidden_folder(os.listdir(tmp_path))
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in family):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_ledger_names_what_the_result_depends_on(interrupted, record):
    (ledger,) = interrupted.parent.glob(".gridtrend-*/ledger")
    header = Ledger(ledger).header
    assert set(header) == {"gridtrend", "inputs", "options", "plans"}
    assert len(header["inputs"]) == 8
    assert header["options"]["--alpha"] == 0.05
