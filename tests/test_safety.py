"""What a run may destroy: nothing that gridtrend did not write, whatever lies under the name of the output or beside it."""

import json
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

import gridtrend as gt
from gridtrend import io
from gridtrend.cli.commands import cli
from gridtrend.io import ledger, marker

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
@pytest.mark.parametrize("suffix", ["nc", "zarr"])
@pytest.mark.parametrize("make", [result, linked(result), "empty", "dangling"], ids=str)
def test_what_gridtrend_wrote_is_replaced_on_request(record, room, suffix, make):
    target = room / f"out.{suffix}"
    if make == "empty":
        if suffix == "nc":
            pytest.skip("an empty folder is no place for a file")
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
