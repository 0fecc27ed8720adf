"""What a run may destroy: nothing that gridtrend did not write, whatever lies under the name of the output or beside it."""

import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

import gridtrend as gt
from gridtrend import io
from gridtrend.cli.commands import cli
from gridtrend.cli.job import SHAPES_NOTHING
from gridtrend.cli.resources import Resources
from gridtrend.cli.trend import trend
from gridtrend.io import exchange, ledger, marker, regions, workspaces

ROOT = Path(__file__).parents[1]
posix = pytest.mark.skipif(os.name != "posix", reason="links, devices and users of POSIX")
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root makes other users")
OTHER = 12345


def run(*arguments):
    """Run a command in this process; return its exit code and what it said."""
    outcome = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert "Traceback" not in outcome.output
    return outcome.exit_code, outcome.output


def refused(*arguments):
    """Run a command that must end with one line; return that."""
    code, said = run(*arguments)
    assert code == 1, said
    assert said.startswith("gridtrend: error: ")
    assert said.count("\n") == 1
    return said


def succeeds(*arguments):
    code, said = run(*arguments)
    assert code == 0, said
    return said


def everything(folder):
    """Return what is in a folder: kinds, owners, contents, links, inodes."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        status = path.lstat()
        content = (
            path.read_bytes() if stat.S_ISREG(status.st_mode) else os.readlink(path) if path.is_symlink() else None
        )
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_uid, status.st_ino, content)
    return found


@pytest.fixture(scope="module")
def field():
    rng = np.random.default_rng(3)
    coords = {"time": xr.date_range("1990", periods=12, freq="YS"), "lat": np.arange(6.0), "lon": np.arange(4.0)}
    values = rng.normal(size=(12, 6, 4)) + np.arange(12)[:, None, None]
    return xr.DataArray(values, coords, ("time", "lat", "lon"), "tas", {"units": "K"})


@pytest.fixture
def record(tmp_path, field):
    """Return the path of a record, away from where results go."""
    (tmp_path / "in").mkdir()
    field.to_netcdf(tmp_path / "in" / "tas.nc", engine="netcdf4")
    return tmp_path / "in" / "tas.nc"


@pytest.fixture
def room(tmp_path):
    """Return the folder where results go."""
    (tmp_path / "room").mkdir()
    return tmp_path / "room"


# --- what lies under the name of the output --------------------------------------------------------


def foreign_file(path, **_):
    path.write_text("thesis")


def result(path, record, **_):
    succeeds("trend", record, path, "-q")


def foreign_folder(path, **_):
    path.mkdir()
    (path / "thesis.txt").write_text("chapter 1")


def foreign_store(path, field, **_):
    field.to_dataset().to_zarr(path, consolidated=False)


def copy_by_attributes(path, record, **_):
    """Save a result of gridtrend elsewhere, as a user does after changing it."""
    original = path.with_name("original.zarr")
    succeeds("trend", record, original, "-q")
    xr.open_zarr(original).drop_encoding().to_zarr(path, consolidated=False)


def result_with(name, content="chapter 1"):
    def make(path, record, **_):
        succeeds("trend", record, path, "-q")
        (path / name).parent.mkdir(exist_ok=True, parents=True)
        (path / name).write_text(content)

    make.__name__ = f"result_with_{name}"
    return make


def result_with_a_link(path, record, **_):
    succeeds("trend", record, path, "-q")
    shutil.rmtree(path / "slope" / "c")
    (path / "slope" / "c").symlink_to(record.parent)


def result_with_another_array(path, record, **_):
    succeeds("trend", record, path, "-q")
    xr.Dataset({"mine": ("k", [1.0, 2.0])}).to_zarr(path, mode="a", consolidated=False)


def damaged_proof(path, record, **_):
    succeeds("trend", record, path, "-q")
    (proof,) = path.glob(f"*/{marker.MARK}")
    proof.write_text('{"run": 1')


def device(path, **_):
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))


def pipe(path, **_):
    os.mkfifo(path)


def loop(path, **_):
    path.symlink_to(path.name)


def linked(make):
    """Put it under another name, and a link to it under the name of the output."""

    def link(path, **given):
        real = path.with_name(f"real{path.suffix}")
        make(real, **given)
        path.symlink_to(real.name)

    link.__name__ = f"link_to_{make.__name__}"
    return link


def link_without_suffix(path, **_):
    path.symlink_to("results")


def link_to_null(path, **_):
    path.symlink_to("/dev/null")


FOREIGN = {
    "nc": [
        foreign_folder,
        device,
        pipe,
        loop,
        linked(foreign_folder),
        linked(device),
        linked(pipe),
        link_without_suffix,
        link_to_null,
    ],
    "zarr": [
        foreign_file,
        foreign_folder,
        foreign_store,
        copy_by_attributes,
        damaged_proof,
        result_with_a_link,
        result_with("thesis.txt"),
        result_with("slope/notes.txt"),
        result_with("slope/c/notes"),
        result_with("mine/a"),
        result_with_another_array,
        device,
        pipe,
        loop,
        link_without_suffix,
        link_to_null,
        linked(foreign_file),
        linked(foreign_folder),
        linked(foreign_store),
        linked(result_with("thesis.txt")),
        linked(device),
        linked(pipe),
    ],
}


@posix
@pytest.mark.parametrize("option", ["-O", None, "--resume"])
@pytest.mark.parametrize(
    ("suffix", "make"),
    [pytest.param(s, make, id=f"{s}-{make.__name__}") for s, makes in FOREIGN.items() for make in makes],
)
def test_what_gridtrend_did_not_write_is_never_changed(record, room, field, suffix, make, option):
    target = room / f"out.{suffix}"
    try:
        make(target, record=record, field=field)
    except PermissionError:
        pytest.skip("devices may not be made here")
    before = everything(room)
    arguments = ["trend", record, target, *filter(None, [option])]
    if suffix == "nc" and option == "--resume":
        assert run(*arguments)[0] == 2
    else:
        refused(*arguments)
        refused("spectrum", record, target, "--window", 4, *(["-O"] if option == "-O" else []))
    with pytest.raises(io.OutputError):
        gt.write(field.to_dataset(), target, overwrite=option == "-O")
    assert everything(room) == before


@pytest.mark.parametrize(
    "make", [result_with("thesis.txt"), result_with("slope/c/notes")], ids=lambda make: make.__name__
)
def test_a_foreign_file_in_a_result_is_named(record, room, field, make):
    make(room / "out.zarr", record=record)
    name = make.__name__.removeprefix("result_with_")
    assert f"it holds '{name}', which gridtrend did not write" in refused("trend", record, room / "out.zarr", "-O")


@posix
@pytest.mark.parametrize(
    ("suffix", "make"),
    [(suffix, make) for suffix in ("nc", "zarr") for make in (result, linked(result), "dangling")]
    + [("zarr", "empty")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_gridtrend_wrote_is_replaced_on_request(record, room, suffix, make):
    target = room / f"out.{suffix}"
    if make == "empty":
        target.mkdir()
    elif make == "dangling":
        target.symlink_to(f"real.{suffix}")
    else:
        make(target, record=record)
    real, was_link = target.resolve(), target.is_symlink()
    before = everything(room)
    if make != "dangling":
        assert "exists" in refused("trend", record, target)
        assert everything(room) == before
    assert "written in" in succeeds("trend", record, target, "-O", "--no-slope")
    assert target.is_symlink() == was_link
    with io.open_input([real]) as written:
        assert "slope" not in written
    assert sorted(os.listdir(room)) == sorted({target.name, real.name})


def test_a_regular_file_is_replaced_and_its_hard_link_is_not(record, room):
    target, other = room / "out.nc", room / "other.nc"
    target.write_text("old")
    os.link(target, other)
    succeeds("trend", record, target, "-O", "-q")
    assert other.read_text() == "old"


def test_a_store_that_was_moved_or_copied_with_its_files_is_still_known(record, room):
    succeeds("trend", record, room / "a.zarr", "-q")
    shutil.copytree(room / "a.zarr", room / "b.zarr")
    (room / "a.zarr").rename(room / "c.zarr")
    for name in ("b.zarr", "c.zarr"):
        succeeds("trend", record, room / name, "-O", "-q")


@posix
@as_root
@pytest.mark.parametrize("what", ["link", "store"])
def test_what_belongs_to_another_user_is_left_alone(record, room, what):
    target = room / "out.zarr"
    succeeds("trend", record, room / "real.zarr", "-q")
    if what == "link":
        target.symlink_to("real.zarr")
        os.lchown(target, OTHER, OTHER)
    else:
        (room / "real.zarr").rename(target)
        for path in [target, *target.rglob("*")]:
            os.chown(path, OTHER, OTHER)
    before = everything(room)
    assert "another user" in refused("trend", record, target, "-O")
    assert everything(room) == before


# --- inputs and outputs that hold one another ------------------------------------------------------


def hard_link(record, room):
    os.link(record, room / "out.nc")
    return [record], room / "out.nc"


def link_in_the_path(record, room):
    (room / "there").symlink_to(record.parent)
    return [record], room / "there" / record.name


def file_in_the_output(record, room):
    (room / "box.zarr").mkdir()
    shutil.copy(record, room / "box.zarr" / "in.nc")
    return [room / "box.zarr" / "in.nc"], room / "box.zarr"


def second_file_in_the_output(record, room):
    inputs, target = file_in_the_output(record, room)
    with xr.open_dataset(record) as dataset:
        later = dataset.assign_coords(time=xr.date_range("2002", periods=12, freq="YS")).load()
    later.to_netcdf(record, engine="netcdf4")
    return [record, *inputs], target


def group_in_the_output(record, room):
    with xr.open_dataset(record) as dataset:
        dataset.load().to_zarr(room / "multi.zarr", group="raw", consolidated=False)
    return [room / "multi.zarr" / "raw"], room / "multi.zarr"


def group_through_a_link(record, room):
    inputs, target = group_in_the_output(record, room)
    (room / "alias").symlink_to(inputs[0])
    return [room / "alias"], target


def output_in_the_input(record, room):
    with xr.open_dataset(record) as dataset:
        dataset.load().to_zarr(room / "in.zarr", consolidated=False)
    return [room / "in.zarr"], room / "in.zarr" / "out.zarr"


def output_in_the_input_through_a_link(record, room):
    inputs, _ = output_in_the_input(record, room)
    (room / "deep").symlink_to(inputs[0] / "tas")
    return inputs, room / "deep" / "out.nc"


def own_result(record, room):
    succeeds("trend", record, room / "out.zarr", "-q")
    return [room / "out.zarr"], room / "out.zarr"


@posix
@pytest.mark.parametrize("option", ["-O", None])
@pytest.mark.parametrize(
    "make",
    [
        hard_link,
        link_in_the_path,
        file_in_the_output,
        second_file_in_the_output,
        group_in_the_output,
        group_through_a_link,
        output_in_the_input,
        output_in_the_input_through_a_link,
        own_result,
    ],
    ids=lambda make: make.__name__,
)
def test_inputs_survive(record, room, make, option):
    inputs, target = make(record, room)
    before = everything(room), everything(record.parent)
    said = refused("trend", *inputs, target, *filter(None, [option]))
    assert "input" in said or "lies inside" in said
    assert (everything(room), everything(record.parent)) == before


def test_a_map_is_not_drawn_into_the_result(record, room):
    pytest.importorskip("matplotlib")
    succeeds("trend", record, room / "out.zarr", "-q")
    before = everything(room)
    said = refused("trend", record, room / "out.zarr", "-O", "--plot", room / "out.zarr" / "map.png")
    assert "lies inside" in said
    assert everything(room) == before


# --- what lies beside the output -------------------------------------------------------------------


def planted(room, name, owner=None, output="out.zarr"):
    """Put a folder that looks like the one of a killed run, with things in it that somebody needs."""
    folder = room / name
    folder.mkdir(mode=0o700)
    (folder / "run").write_text(json.dumps({"run": "a" * 32, "output": output, "resumable": True}))
    book = ledger.Ledger(folder / "ledger")
    book.enter("store", ())
    book.enter("tau", (0, 0))
    book.close()
    (folder / "old.zarr").mkdir()
    (folder / "old.zarr" / "thesis.txt").write_text("chapter 1")
    for path in [folder, *folder.rglob("*")]:
        if owner is not None:
            os.lchown(path, owner, owner)
    return folder


@posix
@as_root
@pytest.mark.parametrize("options", [("-O",), (), ("--resume",)], ids=str)
@pytest.mark.parametrize("name", [".gridtrend-0123456789abcdef", ".out.zarr.part"])
def test_a_folder_that_another_user_planted_is_never_touched(record, room, name, options):
    planted(room, name, OTHER)
    before = everything(room)
    code, said = run("trend", record, room / "out.zarr", *options)
    assert code == (1 if options == ("--resume",) else 0), said
    shutil.rmtree(room / "out.zarr", ignore_errors=True)
    assert everything(room) == before


@posix
@pytest.mark.parametrize("name", [".gridtrend-0123456789abcdef", ".out.zarr.part", ".out.nc.part"])
@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_links_beside_the_output_are_not_followed(record, room, name, suffix):
    planted(room, "victim")
    (room / name).symlink_to("victim")
    before = everything(room)
    succeeds("trend", record, room / f"out.{suffix}", "-q")
    result = room / f"out.{suffix}"
    shutil.rmtree(result) if result.is_dir() else result.unlink()
    assert everything(room) == before


def test_a_folder_of_the_old_name_is_a_users_own(record, room):
    (room / ".out.nc.part").mkdir()
    (room / ".out.nc.part" / "thesis.txt").write_text("chapter 1")
    before = everything(room)
    succeeds("trend", record, room / "out.nc", "-q")
    (room / "out.nc").unlink()
    assert everything(room) == before


def test_the_folder_of_a_run_is_for_its_user_alone(room):
    with io.workspace(room / "out.zarr") as work:
        assert stat.S_IMODE(work.folder.stat().st_mode) == 0o700
        assert work.folder.parent == room
        assert len(work.folder.name) > 24


def test_what_a_user_put_into_the_folder_of_a_run_stays(room):
    with io.workspace(room / "out.nc") as work:
        (work.folder / "thesis.txt").write_text("chapter 1")
    assert (work.folder / "thesis.txt").read_text() == "chapter 1"
    assert os.listdir(work.folder) == ["thesis.txt"]


def test_folders_of_runs_that_were_killed_at_their_start_go_away(record, room):
    for k, content in enumerate([None, b"", b'{"run": "x", "output": "out.nc"}']):
        folder = room / f".gridtrend-{k:016x}"
        folder.mkdir(mode=0o700)
        if content is not None:
            (folder / "run").write_bytes(content)
    succeeds("trend", record, room / "out.nc", "-q")
    assert os.listdir(room) == ["out.nc"]


@pytest.mark.parametrize("length", [249, 255, 256])
def test_long_names_are_written_or_refused_in_one_line(record, room, length):
    for suffix in ("nc", "zarr"):
        target = room / f"{'a' * (length - len(suffix) - 1)}.{suffix}"
        if length > 255:
            assert "file name too long" in refused("trend", record, target)
        else:
            succeeds("trend", record, target, "-q")


def test_a_file_in_the_place_of_the_folder_is_named(record, room):
    (room / "file").write_text("")
    assert "the folder" in refused("trend", record, room / "file" / "out.nc")


@pytest.mark.parametrize("locks", [True, False])
@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_of_many_that_begin_at_once_at_most_one_works(room, suffix, locks, monkeypatch):
    if not locks:
        # A file system on which a folder cannot be locked.
        monkeypatch.setattr(workspaces, "_alone_in", lambda folder: contextlib.nullcontext(False))
    gate, inside, most = threading.Barrier(8), [], []

    def begin(_):
        gate.wait()
        try:
            with io.workspace(room / f"out.{suffix}") as work:
                inside.append(work)
                most.append(len(inside))
                time.sleep(0.3)
                inside.remove(work)
        except io.OutputError as error:
            assert "another run is writing" in str(error)  # noqa: PT017
            return 0
        return 1

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        winners = sum(pool.map(begin, range(8)))
    assert set(most) <= {1}
    assert winners == 1 if locks else winners <= 1
    assert os.listdir(room) == []


# --- replacing, step by step -----------------------------------------------------------------------


@posix
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="exchanges names as Linux does")
def test_a_kill_at_any_step_of_a_replacement_leaves_the_old_or_the_new_result(tmp_path):
    done = subprocess.run(
        [sys.executable, "tests/kills.py", tmp_path, "steps"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    outcomes = [line.split() for line in done.stdout.splitlines()]
    assert [outcome[:2] for outcome in outcomes] == [[s, e] for s in ("nc", "zarr") for e in ("True", "False")]
    assert all(int(steps) > 5 for _, _, steps, _ in outcomes)
    # Where two names cannot be exchanged, there is one moment without a result, which the next run makes good.
    assert [int(missing) for *_, missing in outcomes] == [0, 0, 0, 1]


@posix
@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_200_random_kills_over_all_ways_to_write_change_no_bit(tmp_path):
    done = subprocess.run(
        [sys.executable, "tests/kills.py", tmp_path, "random", "0", "200"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_folder_that_changes_while_it_is_replaced_is_put_back(record, room, monkeypatch):
    target = room / "out.zarr"
    succeeds("trend", record, target, "-q")
    real = exchange._renameat2

    def meanwhile(source, destination, flag):
        (target / "thesis.txt").write_text("chapter 1")
        return real(source, destination, flag)

    for replacement in (meanwhile, lambda *arguments: (target / "thesis.txt").write_text("chapter 1") == 0):
        monkeypatch.setattr(exchange, "_renameat2", replacement)
        assert "it holds 'thesis.txt'" in refused("trend", record, target, "-O")
        assert (target / "thesis.txt").read_text() == "chapter 1"
        assert os.listdir(room) == ["out.zarr"]
        (target / "thesis.txt").unlink()


# --- resuming --------------------------------------------------------------------------------------

TILES = ("--chunks", "lat=1", "--rechunk", "passes")


@contextlib.contextmanager
def interruption(regions_done):
    """Interrupt the run as soon as so many regions are done."""
    real = ledger.Ledger.enter

    def enter(self, name, index):
        real(self, name, index)
        if len(self) >= regions_done:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger.Ledger, "enter", enter)
        yield


def interrupt(*arguments, regions_done=3):
    """Start a run that is interrupted; return what it says."""
    with interruption(regions_done):
        return refused("trend", *arguments)


def hidden(room):
    (folder,) = room.glob(".gridtrend-*")
    return folder


def same(path, expected):
    with io.open_input([path]) as found, io.open_input([expected]) as undisturbed:
        assert set(found.variables) == set(undisturbed.variables)
        for name in undisturbed.variables:
            np.testing.assert_array_equal(found[name].values, undisturbed[name].values, name)
            assert found[name].attrs == undisturbed[name].attrs
    return True


# Another value for every option whose kind does not tell one; a new option needs one here.
OTHER_VALUES = {
    "variables": ["pr"],
    "dim": ["lat"],
    "selections": ["lat=0:3"],
    "lag": ["1", "all"],
    "period": ["season", "3"],
    "field_test": ["bh:0.3", "by:0.1"],
    "map_path": ["map.png"],
    "memory_limit": ["900MB"],
    "chunks": ["lat=2", "lat=1,lon=2"],
    "alpha": ["0.3"],
}
# These need a cluster; they are among what shapes nothing, and test_faults has workers.
CLUSTERS = {"workers", "threads_per_worker", "scheduler", "scheduler_file"}
BASE = {"plain": [], "fdr": ["--fdr", "bh:0.01"], "seasonal": ["--method", "seasonal", "--period", "2"]}


def others(parameter):
    """Return values of an option that differ from its default, as they are written in a call."""
    name = max(parameter.opts, key=len)
    if parameter.is_flag:
        return [[name]]
    if parameter.name in OTHER_VALUES:
        values = OTHER_VALUES[parameter.name]
    elif hasattr(parameter.type, "choices"):
        values = [value for value in parameter.type.choices if value != parameter.default][:3]
    else:
        values = [str(parameter.default + 1 if isinstance(parameter.default, int) else 2)]
    return [[name, value] for value in values]


def changed_calls():
    for parameter in trend.params:
        if parameter.param_type_name == "option" and parameter.name not in {"resume", *CLUSTERS}:
            for change in others(parameter):
                yield pytest.param(parameter.name, change, id="_".join(change).strip("-"))


@pytest.fixture(scope="module")
def two_variables(tmp_path_factory, field):
    folder = tmp_path_factory.mktemp("two")
    both = xr.Dataset({"tas": field, "pr": -2 * field.rename("pr")})
    both.to_netcdf(folder / "in.nc", engine="netcdf4", encoding={name: {"chunksizes": (1, 6, 4)} for name in both})
    return folder / "in.nc"


@pytest.fixture(scope="module")
def interrupted_runs(tmp_path_factory, two_variables):
    """Return what interrupted runs left, and what undisturbed ones give."""
    found = {}
    for name, options in BASE.items():
        folder = tmp_path_factory.mktemp(name)
        succeeds("trend", two_variables, folder / "whole.zarr", "-q", *options)
        (folder / "room").mkdir()
        interrupt(two_variables, folder / "room" / "out.zarr", *TILES, *options)
        found[name] = folder
    return found


@pytest.mark.parametrize("base", BASE)
@pytest.mark.parametrize(("name", "change"), list(changed_calls()))
def test_a_changed_option_is_refused_or_changes_nothing(
    interrupted_runs, two_variables, tmp_path, base, name, change, monkeypatch
):
    if name == "map_path":
        pytest.importorskip("matplotlib")
        change = [change[0], tmp_path / change[1]]
    whole = interrupted_runs[base] / "whole.zarr"
    room = tmp_path / "room"
    shutil.copytree(interrupted_runs[base] / "room", room)
    before = everything(room)
    given = [*TILES, *BASE[base]]
    if change[0] in given and change[0] not in ("--chunks", "--rechunk"):
        # An option of the first run is left out, and another value takes its place.
        at = given.index(change[0])
        del given[at : at + 2]
    code, said = run("trend", two_variables, room / "out.zarr", *given, *change, "--resume")
    if name in SHAPES_NOTHING and change != ["--rechunk", "p2p"]:
        assert code == 0, said
        assert same(room / "out.zarr", whole)
        assert os.listdir(room) == ["out.zarr"]
    else:
        assert code in (1, 2), said
        errors = [line for line in said.splitlines() if not line.startswith("gridtrend: note: ")]
        assert code == 2 or len(errors) == 1
        assert everything(room) == before


def test_options_are_facts_by_construction():
    import click

    from gridtrend.cli.job import shaping_options

    said = []

    @click.command()
    @click.option("-n", "--brand-new", default=3)
    @click.option("--renamed", "other", multiple=True)
    @click.option("-q", "--quiet", is_flag=True)
    @click.argument("anything", default="x")
    def command(**_):
        said.append(shaping_options())

    CliRunner().invoke(command, ["--renamed", "a"], catch_exceptions=False)
    assert said == [{"--brand-new": 3, "--renamed": ("a",), "anything": "x"}]
    assert set(Resources.__dataclass_fields__) <= SHAPES_NOTHING
    shaping = {parameter.name for parameter in trend.params} - SHAPES_NOTHING
    assert {"alpha", "field_test", "selections", "min_valid", "per", "no_slope"} <= shaping


def test_an_option_that_is_left_out_or_added_is_named(interrupted_runs, two_variables, tmp_path):
    shutil.copytree(interrupted_runs["fdr"] / "room", tmp_path / "room")
    said = refused("trend", two_variables, tmp_path / "room" / "out.zarr", *TILES, "--resume")
    assert "options changed" in said
    assert "--fdr" in said
    # Only one advice, and it can be followed.
    assert "are kept" not in said
    shutil.copytree(interrupted_runs["plain"] / "room", tmp_path / "plain")
    assert "--fdr" in refused("trend", two_variables, tmp_path / "plain" / "out.zarr", "--resume", "--fdr", "bh")


# --- inputs that change ----------------------------------------------------------------------------


def same_size(path, change):
    """Change a file in place, and set its time back."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def touched(path):
    os.utime(path)


def flipped(path):
    def flip(content):
        content[len(content) // 2] ^= 1

    same_size(path, flip)


def replaced_by_a_copy(path):
    before = path.stat()
    shutil.copy(path, path.with_name("copy"))
    os.utime(path.with_name("copy"), ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(path.with_name("copy"), path)


def longer(path):
    with path.open("ab") as file:
        file.write(b"0")


@pytest.mark.parametrize("change", [touched, flipped, replaced_by_a_copy, longer], ids=lambda change: change.__name__)
def test_a_file_that_changed_is_not_resumed(record, room, change):
    interrupt(record, room / "out.zarr", *TILES)
    change(record)
    before = everything(room)
    said = refused("trend", record, room / "out.zarr", *TILES, "--resume")
    assert "inputs changed" in said
    assert "are kept" not in said
    # Threads of the run that was interrupted may still write, in this process.
    assert before.items() <= everything(room).items()
    succeeds("trend", record, room / "out.zarr", *TILES, "-O", "-q")
    assert os.listdir(room) == ["out.zarr"]


def rewritten_region(store):
    import zarr

    zarr.open_array(store, path="tas", mode="r+")[:, 3] = 7.0


def chunks(store):
    return [path for path in sorted((store / "tas").rglob("[0-9]*")) if path.is_file()]


def chunk_of_the_same_size(store):
    chunk = chunks(store)[0]

    def change(content):
        content[-1] ^= 1

    same_size(chunk, change)


def chunk_gone(store):
    chunks(store)[-1].unlink()


def attribute(store):
    import zarr

    zarr.open_group(store, mode="r+")["tas"].attrs["note"] = "x"


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    "change", [rewritten_region, chunk_of_the_same_size, chunk_gone, attribute], ids=lambda change: change.__name__
)
def test_a_store_whose_chunks_changed_is_not_resumed(field, tmp_path, room, zarr_format, change):
    source = tmp_path / "in.zarr"
    field.to_dataset().chunk(lat=2).to_zarr(source, consolidated=False, zarr_format=zarr_format)
    interrupt(source, room / "out.zarr", *TILES)
    change(source)
    assert "inputs changed" in refused("trend", source, room / "out.zarr", *TILES, "--resume")


def test_another_name_of_the_same_input_is_the_same_input(record, room, monkeypatch):
    interrupt(record, room / "out.zarr", *TILES)
    monkeypatch.chdir(record.parent)
    succeeds("trend", record.name, room / "out.zarr", "--resume", "-q")


@pytest.mark.parametrize("kind", ["nc", "classic", "zarr"])
@pytest.mark.parametrize("output", ["nc", "zarr"])
def test_an_input_overwritten_in_place_during_a_run_is_noticed(field, tmp_path, room, kind, output, monkeypatch):
    source = tmp_path / f"in.{'zarr' if kind == 'zarr' else 'nc'}"

    def save(data):
        if kind == "zarr":
            data.to_dataset().chunk(lat=2).to_zarr(source, mode="w", consolidated=False)
        else:
            name = "NETCDF3_CLASSIC" if kind == "classic" else "NETCDF4"
            data.to_netcdf(tmp_path / "new.nc", engine="netcdf4", format=name)
            content = (tmp_path / "new.nc").read_bytes()
            assert not source.exists() or source.stat().st_size == len(content)
            source.write_bytes(content)

    save(field)
    real = regions._write
    written = []

    def write(*blocks, block_id, **options):
        if len(written) == 2:
            save(field.copy(data=field.values[::-1]))
        written.append(0)
        return real(*blocks, block_id=block_id, **options)

    monkeypatch.setattr(regions, "_write", write)
    # The process of the tests may take more than the limit by itself.
    monkeypatch.setattr("gridtrend.io.process_bytes", lambda *_: 320_000_000)
    with dask.config.set(scheduler="synchronous"):
        said = refused("trend", source, room / f"out.{output}", *TILES, "--memory-limit", "400MB", "--threads", 1)
    assert "changed since the run began" in said
    assert not (room / f"out.{output}").exists()
    if "are kept" in said:
        assert "once the inputs are what they were" in said


# --- ledgers ---------------------------------------------------------------------------------------

DAMAGE = {
    "empty list": b"[]\n",
    "number": b"7\n",
    "no UTF-8": b"\xff\xfe\x00\n",
    "list as a name": b'[["tau"], 1]\n',
    "text as a region": b'["tau", "x"]\n',
    "deep": b"[" * 100_000,
    "nothing": b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("place", ["end", "all", "middle"])
def test_a_damaged_ledger_blocks_nothing(record, room, damage, place):
    succeeds("trend", record, room / "whole.zarr", "-q")
    interrupt(record, room / "out.zarr", *TILES)
    path = hidden(room) / "ledger"
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    bad = DAMAGE[damage]
    new = {"end": content + bad, "all": bad, "middle": b"".join([*lines[:2], bad, *lines[3:]])}[place]
    path.write_bytes(new)
    code, said = run("trend", record, room / "out.zarr", *TILES, "--resume", "-q")
    if code:
        assert code == 1
        assert said.count("\n") == 1
        succeeds("trend", record, room / "out.zarr", *TILES, "-O", "-q")
    assert same(room / "out.zarr", room / "whole.zarr")


@pytest.mark.parametrize("what", ["header", "region"])
def test_an_edited_line_of_a_ledger_is_not_believed(record, room, what):
    succeeds("trend", record, room / "whole.zarr", "-q")
    interrupt(record, room / "out.zarr", *TILES)
    path = hidden(room) / "ledger"
    content = path.read_bytes()
    done = {int(k) for k in re.findall(rb", (\d), 0\]\n", content)}
    region = b", %d, 0]\n"
    old, new = (
        (b'"lat": 1', b'"lat": 0') if what == "header" else (region % min(done), region % min({*range(6)} - done))
    )
    assert old in content
    path.write_bytes(content.replace(old, new))
    _code, said = run("trend", record, room / "out.zarr", *TILES, "--resume", "-q")
    if what == "header":
        assert "damaged" in said
        assert said.count("\n") == 1
        succeeds("trend", record, room / "out.zarr", *TILES, "-O", "-q")
    assert same(room / "out.zarr", room / "whole.zarr")


@pytest.mark.parametrize("how", ["gone", "empty"])
@pytest.mark.parametrize("copied", [False, True])
def test_a_chunk_that_was_lost_behind_its_line_is_made_again(record, room, how, copied):
    succeeds("trend", record, room / "whole.zarr", "-q")
    tiles = [*TILES[:-1], "zarr"] if copied else TILES
    interrupt(record, room / "out.zarr", *tiles)
    found = [path for path in hidden(room).rglob("c/**/*") if path.is_file()]
    assert found
    for path in found:
        path.unlink() if how == "gone" else path.write_bytes(b"")
    succeeds("trend", record, room / "out.zarr", *tiles, "--resume", "-q")
    assert same(room / "out.zarr", room / "whole.zarr")


def test_lines_of_an_earlier_start_of_the_machine_are_believed_where_the_disk_had_them(tmp_path, monkeypatch):
    def started(boot, regions_done, *, synced=()):
        monkeypatch.setattr(ledger, "boot_id", lambda: boot)
        book = ledger.Ledger(tmp_path / "ledger")
        for k in regions_done:
            monkeypatch.setattr(book, "_next_sync", 0.0 if k in synced else float("inf"))
            book.enter("tau", (k,))
        book.close()

    def known(boot):
        monkeypatch.setattr(ledger, "boot_id", lambda: boot)
        return {k for (k,) in ledger.Ledger(tmp_path / "ledger").finished("tau")}

    started("monday", range(4), synced={2})
    assert known("monday") == {0, 1, 2, 3}
    assert known("tuesday") == {0, 1, 2}
    # What was unsure after monday stays so, whatever tuesday's disk had.
    started("tuesday", [4, 5], synced={4})
    assert known("tuesday") == {0, 1, 2, 4, 5}
    assert known("wednesday") == {0, 1, 2, 4}
    assert known("") == {0, 1, 2, 4}


def test_what_is_on_disk_is_waited_for_before_it_counts(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(ledger, "sync", lambda folder: seen.append((tmp_path / "ledger").read_text().count("tau")))
    monkeypatch.setattr(ledger, "SYNC_SECONDS", 0.0)
    book = ledger.Ledger(tmp_path / "ledger")
    book._next_sync = 0.0
    book.enter("tau", (0,))
    book.enter("tau", (1,))
    book.close()
    assert seen[0] == 1
    assert (tmp_path / "ledger").read_text().index("synced") > (tmp_path / "ledger").read_text().index("tau")


# --- words -----------------------------------------------------------------------------------------


class PowerCut(BaseException):
    """What nobody catches."""


def cut(label, done, total):
    if done == 2:
        raise PowerCut


def test_resuming_is_advised_where_it_can_be_done(field, room, record):
    # Neither `gt.write` nor `spectrum` can go on with anything, so that nothing is left for them.
    for suffix in ("nc", "zarr"):
        with dask.config.set(scheduler="synchronous"), pytest.raises(PowerCut) as caught:
            gt.write(field.chunk(lat=1).gridtrend.theil_sen(), room / f"out.{suffix}", report=cut)
        assert not hasattr(caught.value, "__notes__")
        assert os.listdir(room) == []
    interrupt(record, room / "out.zarr", *TILES)
    said = refused("spectrum", record, room / "out.zarr", "--window", 4, "--sampling", "calendar")
    assert "go on with `gridtrend trend ... --resume`, or discard them with --overwrite" in said
    assert "go on with --resume, or discard" in refused("trend", record, room / "out.zarr")
    succeeds("spectrum", record, room / "out.zarr", "--window", 4, "--sampling", "calendar", "-O", "-q")
    assert os.listdir(room) == ["out.zarr"]


def test_messages_about_resuming_do_not_contradict_themselves(record, room):
    assert "nothing to resume" in (said := refused("trend", record, room / "out.zarr", "--resume"))
    assert "are kept" not in said
    said = interrupt(record, room / "out.zarr", *TILES)
    assert said == "gridtrend: error: interrupted. 3 finished parts are kept: the same call with --resume goes on\n"
    for options in (["--resume", "--alpha", "0.2"], []):
        assert "the same call" not in refused("trend", record, room / "out.zarr", *options)
    # Interrupted once more, all of it is still there.
    said = interrupt(record, room / "out.zarr", "--resume", regions_done=5)
    assert "5 finished parts are kept" in said
    succeeds("trend", record, room / "out.zarr", "--resume", "-q")


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
@pytest.mark.parametrize(
    "error", [RuntimeError("my own"), OSError(5, "my disk"), ValueError("bad"), KeyError("k")], ids=repr
)
def test_errors_of_a_computation_are_not_called_a_full_disk(field, room, suffix, error):
    def fail(block):
        raise error

    lazy = field.chunk(lat=1).copy(data=field.chunk(lat=1).data.map_blocks(fail, meta=np.empty((0, 0, 0))))
    with pytest.raises(type(error)) as caught:
        gt.write(lazy, room / f"out.{suffix}")
    assert not isinstance(caught.value, io.OutputError)
    assert str(caught.value) == str(error)
    assert os.listdir(room) == []


@pytest.mark.parametrize("code", ["ENOSPC", "EDQUOT", "EIO"])
@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_a_disk_that_refuses_is_named(field, room, suffix, code, monkeypatch):
    import errno

    class Refusing:
        def __init__(self, array):
            self.array = array

        def __getattr__(self, name):
            return getattr(self.array, name)

        def __setitem__(self, *_):
            raise OSError(getattr(errno, code), "")

    real = regions.Target
    monkeypatch.setattr(regions, "Target", lambda name, source, into: real(name, source, Refusing(into)))
    with pytest.raises(io.OutputError, match=os.strerror(getattr(errno, code)).lower()):
        gt.write(field.chunk(lat=1), room / f"out.{suffix}")
    assert os.listdir(room) == []


def test_a_link_to_a_name_without_suffix_is_refused(record, room):
    (room / "out.zarr").symlink_to("results")
    assert "is a link to" in refused("trend", record, room / "out.zarr")
    assert "does not end in .zarr" in refused("trend", record, room / "out.zarr", "-O")


# --- stores, progress, signals ---------------------------------------------------------------------


@pytest.mark.parametrize("lazy", [False, True])
def test_a_store_opens_without_a_warning_in_every_way(record, room, lazy, field):
    import zarr

    succeeds("trend", record, room / "out.zarr", "-q", *(TILES if lazy else ()))
    gt.write(field.chunk(lat=1) if lazy else field, room / "field.zarr")
    for name in ("out.zarr", "field.zarr"):
        for found in (
            xr.open_zarr(room / name),
            xr.open_zarr(room / name, consolidated=True),
            xr.open_zarr(room / name, consolidated=False),
            xr.open_dataset(room / name, engine="zarr"),
        ):
            assert found.sizes["lat"] == 6
        assert set(dict(zarr.open_group(room / name, mode="r").members())) == set(found.variables)


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
@pytest.mark.parametrize("with_fields", [True, False])
def test_lazy_numbers_are_written(field, room, suffix, with_fields):
    # Once they were 0 in Zarr: what has no dimension has no chunks.
    lazy = xr.Dataset({"total": field.chunk(lat=1).sum(), "count": (field.chunk(lat=1) > 0).sum()})
    gt.write(lazy.assign(field=field.chunk(lat=1)) if with_fields else lazy, room / f"out.{suffix}")
    with io.open_input([room / f"out.{suffix}"]) as written:
        assert float(written["total"]) == float(lazy["total"])
        assert int(written["count"]) == int((field > 0).sum())


def test_progress_does_not_go_back_at_a_second_group_of_arrays(field, room):
    two = xr.Dataset({"a": field.chunk(lat=1), "b": field.chunk(lon=1), "c": field.chunk(lat=3)})
    said = []
    with dask.config.set(scheduler="synchronous"):
        gt.write(two, room / "out.nc", report=lambda label, *numbers: said.append(numbers))
    counts = [done for done, total in said if total == 12]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 12)


def test_progress_of_a_resumed_run_counts_what_was_done(record, room):
    target = room / "out.zarr"
    lazy = xr.open_dataset(record)["tas"].chunk(lat=1)
    result = xr.merge([lazy.gridtrend.theil_sen(), lazy[0].rename("first").chunk(lat=6, lon=1).drop_vars("time")])
    with dask.config.set(scheduler="synchronous"):
        with pytest.raises(PowerCut), io.workspace(target) as work:
            io.write(result, target, work=work, report=cut)
        said = []
        with io.workspace(target, resume=True) as work:
            io.write(result, target, work=work, report=lambda label, *numbers: said.append(numbers))
    counts = [done for done, total in said if total > 1]
    assert counts == sorted(counts)
    assert counts[-1] == said[0][1]


@posix
@pytest.mark.parametrize("output", ["nc", "zarr"])
def test_a_closed_terminal_ends_a_run_as_a_request_to_end_does(tmp_path, room, make_grid, output):
    make_grid((40, 200, 200)).to_netcdf(
        tmp_path / "in.nc", engine="netcdf4", encoding={"tas": {"chunksizes": (1, 200, 200)}}
    )
    call = [
        "-m",
        "gridtrend",
        "trend",
        tmp_path / "in.nc",
        room / f"out.{output}",
        "--rechunk",
        "zarr",
        "--chunks",
        "lat=1",
    ]
    process = subprocess.Popen(
        [sys.executable, *map(str, call)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # noqa: PLW1509
    )
    deadline = time.monotonic() + 200
    while not list(room.glob(".gridtrend-*/scratch/*.zarr")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    said = process.communicate(timeout=200)[1]
    assert process.returncode == 1, said
    assert said.startswith("gridtrend: error: interrupted")
    assert said.count("\n") == 1
    if output == "nc":
        assert os.listdir(room) == []
