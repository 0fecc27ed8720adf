"""Kill runs at chosen steps and look at what is left: `python tests/kills.py FOLDER steps|random [SEED COUNT]`.

A script of its own, so that it can fork: every child is one run, and dies at a step that the parent has drawn. Steps are what
Python tells its audit hooks (files opened, renamed, removed, folders made), and the calls of the system that Python does not
know; between them a timer kills. Everything that goes wrong raises.
"""

import contextlib
import faulthandler
import importlib
import os
import random
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import xarray as xr
from click.testing import CliRunner

import gridtrend as gt
from gridtrend import io
from gridtrend.cli.commands import cli
from gridtrend.io import exchange, marker, writing

MODULES = [
    "zarr",
    "netCDF4",
    "dask.array",
    "scipy.io",
    "gridtrend.spectral",
    "gridtrend.cli.trend",
    "gridtrend.cli.spectrum",
]
STEPS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.listdir", "os.scandir"}


class Steps:
    """Count the steps of a run that concern a folder; kill it at one of them."""

    def __init__(self, folder, last=None):
        self.folder, self.last, self.count = os.fspath(folder), last, 0
        sys.addaudithook(self.audit)
        for name in ("_renameat2", "sync"):
            setattr(exchange, name, self.around(getattr(exchange, name)))

    def audit(self, event, arguments):
        if event in STEPS and any(self.folder in str(item) for item in arguments[:2] if isinstance(item, str | Path)):
            self.step()
        elif event in ("os.remove", "os.rmdir") and arguments[1] != -1:
            # A tree is removed relative to its folders.
            self.step()

    def around(self, function):
        def called(*arguments):
            self.step()
            done = function(*arguments)
            self.step()
            return done

        return called

    def step(self):
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def forked(work):
    """Run in a child; return the status in which it ends, and what it returns if that is a number."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            faulthandler.dump_traceback_later(100, exit=True)
            os.write(writing, str(work()).encode())
            os._exit(0)
        except BaseException:  # noqa: BLE001
            import traceback

            traceback.print_exc()
            os._exit(3)
    os.close(writing)
    said = os.read(reading, 100).decode()
    os.close(reading)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def must(work):
    """Run in a child that must succeed; return what it returns."""
    status, said = forked(work)
    if status:
        raise AssertionError(f"a run that nobody killed ended with {status}")
    return said


def command(*arguments):
    """Run the command line; return whether it succeeded."""
    outcome = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    if outcome.exit_code not in (0, 1) or outcome.output.count("\n") > 3:
        raise AssertionError(outcome.output)
    return int(outcome.exit_code == 0)


def same(target, expected):
    with io.open_input([target]) as found, io.open_input([expected]) as undisturbed:
        if set(found.variables) != set(undisturbed.variables):
            return False
        return all(
            np.array_equal(found[name].values, undisturbed[name].values, equal_nan=undisturbed[name].dtype.kind == "f")
            for name in undisturbed.variables
        )


def whole(target, *candidates):
    """Index of the result that bears a name; -1 for none."""
    if not os.path.lexists(target):
        return -1
    for k, candidate in enumerate(candidates):
        with contextlib.suppress(io.InputError):
            if same(target, candidate):
                return k
    return 9


# --- every step of a replacement -------------------------------------------------------------------


def without_exchange():
    exchange._renameat2 = lambda *_: False


def content(path):
    """Return what is in a file or folder, without the ids of runs."""
    if not path.is_dir():
        return path.read_bytes() if path.exists() else None
    return {
        str(item.relative_to(path)): item.read_bytes()
        for item in sorted(path.rglob("*"))
        if item.is_file() and item.name != marker.MARK
    }


def check_replacement(folder, suffix, exchanging):
    """Kill `write` at each step of the replacement: old or new is whole under its name, and the next run ends well."""
    names = {key: folder / f"{key}.{suffix}" for key in ("old", "new")}
    results = {key: xr.Dataset({"slope": ("x", np.full(8, float(k)))}) for k, key in enumerate(names)}
    for key, path in names.items():
        must(lambda key=key, path=path: gt.write(results[key], path))
    old, new = map(content, names.values())
    room = folder / "room"
    target = room / f"out.{suffix}"

    def run(last):
        def work():
            if not exchanging:
                without_exchange()
            steps = Steps(room, last)
            first = []
            publish = writing._publish
            writing._publish = lambda *arguments: (first.append(steps.count), publish(*arguments))
            gt.write(results["new"], target, overwrite=True)
            return first[0] * 1000 + steps.count

        return work

    def prepare():
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir()
        shutil.copytree(names["old"], target) if suffix == "zarr" else shutil.copy(names["old"], target)

    prepare()
    first, count = divmod(int(must(run(None))), 1000)
    missing = 0
    for last in range(first, count + 1):
        prepare()
        assert forked(run(last))[0] == -signal.SIGKILL, last
        found = content(target)
        missing += not found
        assert found in (old, new) or not (found or exchanging), (suffix, last)
        # Whoever looks for the place of an output finds the old one there.
        must(lambda: io.check_output(target, overwrite=True))
        assert content(target) in (old, new), (suffix, last)
        must(run(None))
        assert content(target) == new, (suffix, last)
        assert os.listdir(room) == [target.name], (last, os.listdir(room))
    return count - first + 1, missing


# --- random kills over all ways to write -----------------------------------------------------------


def record(path):
    """A record with holes, in chunks that do not suit."""
    rng = np.random.default_rng(8)
    values = rng.normal(size=(24, 8, 6)).astype("f4") + 0.1 * np.arange(24, dtype="f4")[:, None, None]
    values[:, :2] = np.nan
    coords = {"time": xr.date_range("1990", periods=24, freq="YS"), "lat": np.arange(8.0), "lon": np.arange(6.0)}
    field = xr.DataArray(values, coords, ("time", "lat", "lon"), "tas", {"units": "K"})
    field.to_netcdf(path, engine="netcdf4", encoding={"tas": {"chunksizes": (1, 8, 6)}})


TILES = ["--chunks", "lat=1", "--rechunk"]
WAYS = {
    "nc": ["trend", "out.nc"],
    "nc in tiles": ["trend", "out.nc", *TILES, "passes"],
    "nc from a copy": ["trend", "out.nc", *TILES, "zarr"],
    "zarr": ["trend", "out.zarr"],
    "zarr in tiles": ["trend", "out.zarr", *TILES, "passes"],
    "zarr from a copy": ["trend", "out.zarr", *TILES, "zarr"],
    "zarr with fdr": ["trend", "out.zarr", *TILES, "passes", "--fdr", "bh"],
    "spectrum nc": ["spectrum", "out.nc", "--window", "8", "--sampling", "calendar"],
    "spectrum zarr": ["spectrum", "out.zarr", "--window", "8", "--sampling", "calendar"],
}


def random_kills(folder, seed, count):
    """Kill runs of all kinds at random steps and moments; what goes on from there ends in the same bits."""
    must(lambda: record(folder / "in.nc"))
    rng = random.Random(seed)
    room = folder / "room"
    room.mkdir()
    outcomes = {}
    undisturbed = {}
    for k in range(count):
        way = list(WAYS)[k % len(WAYS)]
        if way not in undisturbed:
            undisturbed[way] = measured(folder, room, way)
        drawn = {"k": k, "way": way, "over_old": rng.random() < 0.5, "exchanging": rng.random() < 0.7}
        steps, seconds = undisturbed[way][1:]
        drawn["kill"] = rng.randrange(1, steps + 20) if rng.random() < 0.6 else rng.uniform(0, 1.2 * seconds)
        ended = one_kill(folder, room, undisturbed[way][0], **drawn)
        outcomes[ended] = outcomes.get(ended, 0) + 1
    return outcomes


def call_of(folder, room, way):
    name, target, *options = WAYS[way]
    return [name, folder / "in.nc", room / target, "-q", "--threads", "2", *options]


def one_kill(folder, room, expected, *, k, way, over_old, exchanging, kill):
    """Kill one run, look at what is left, and go on."""
    drawn = (k, way, over_old, exchanging, kill)
    call = call_of(folder, room, way)
    target = call[2]
    old = folder / f"old{target.suffix}"
    if not old.exists():
        assert must(lambda: command("trend", folder / "in.nc", old, "-q", "--no-slope")) == "1"
    shutil.rmtree(room)
    room.mkdir()
    if over_old:
        shutil.copytree(old, target) if old.is_dir() else shutil.copy(old, target)
        call = [*call, "-O"]
    status, _ = forked(lambda: killed(room, call, kill, exchanging))
    assert status in (0, -signal.SIGKILL, -signal.SIGALRM), (drawn, status)
    found = int(must(lambda: whole(target, expected, old)))
    assert found in ((0, 1) if over_old and exchanging else (-1, 0, 1)), (drawn, found)
    ended = go_on(call, target, found) if status else "not killed"
    assert must(lambda: whole(target, expected)) == "0", (drawn, ended)
    left = os.listdir(room)
    # A run that was killed after its result was in place leaves its folder to the next one.
    if left != [target.name]:
        assert ended == "done", (drawn, ended, left)
        must(lambda: command(*call, *([] if over_old else ["-O"])))
        assert os.listdir(room) == [target.name], (drawn, os.listdir(room))
    return ended


def measured(folder, room, way):
    """An undisturbed result, and how many steps and seconds it takes."""
    shutil.rmtree(room)
    room.mkdir()
    call = call_of(folder, room, way)
    started = time.monotonic()
    steps = int(must(lambda: killed(room, call, 0, True)))
    seconds = time.monotonic() - started
    expected = folder / f"{way.replace(' ', '_')}{call[2].suffix}"
    call[2].rename(expected)
    return expected, steps, seconds


def killed(room, call, kill, exchanging):
    """Run until a step (a whole number) or a moment (in seconds); return the number of steps."""
    if not exchanging:
        without_exchange()
    steps = Steps(room, kill if isinstance(kill, int) else None)
    if isinstance(kill, float):
        signal.setitimer(signal.ITIMER_REAL, max(kill, 1e-4))
    assert command(*call)
    return steps.count


def go_on(call, target, found):
    """Do what a user does after a kill."""
    if found == 0:
        return "done"
    if target.suffix == ".zarr" and call[0] == "trend" and must(lambda: command(*call, "--resume")) == "1":
        return "resumed"
    if "-O" not in call and must(lambda: command(*call)) == "1":
        return "anew"
    assert must(lambda: command(*call, *([] if "-O" in call else ["-O"]))) == "1"
    return "overwritten"


def main(folder, what, seed="0", count="200"):
    folder = Path(folder)
    warnings.simplefilter("ignore")
    # Compiled and imported before anything is forked; what starts threads is not.
    for name in MODULES:
        importlib.import_module(name)
    gt.mann_kendall(xr.DataArray(np.random.default_rng(0).normal(size=(24, 3)).astype("f4"), dims=("time", "x")))
    if what == "steps":
        for suffix in ("nc", "zarr"):
            for exchanging in (True, False):
                place = folder / f"{suffix}-{exchanging}"
                place.mkdir()
                print(suffix, exchanging, *check_replacement(place, suffix, exchanging))
    else:
        print(random_kills(folder, int(seed), int(count)))


if __name__ == "__main__":
    main(*sys.argv[1:])
