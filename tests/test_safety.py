"""What a run may destroy: nothing that gridtrend did not write, whatever lies under the name of the output or beside it."""

import concurrent.futures
import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from io import BytesIO
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend import io
from gridtrend.io import exchange, ledger, marker, workspaces, writing
from tests.runs import TILES, everything, refused, run, succeeds

ROOT = Path(__file__).parents[1]
posix = pytest.mark.skipif(os.name != "posix", reason="links, devices and users of POSIX")
as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root makes other users")
OTHER = 12345


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


def opened_lazily(field, path):
    """Yield lazy data of a file in every way that users open one."""
    import dask.array
    from dask.delayed import delayed

    shape = field.shape

    def values(path):
        with xr.open_dataset(path) as found:
            return found["tas"].values

    held = xr.open_dataset(path)["tas"]
    yield "chunks", xr.open_dataset(path, chunks={})
    yield "no chunks", xr.open_dataset(path)
    yield "many", xr.open_mfdataset([path], combine="by_coords")
    yield "grid", gt.open_grid(path, chunks={"lat": 2})
    yield "trends", xr.open_dataset(path, chunks={"lat": 2})["tas"].gridtrend.mann_kendall()
    yield "a part", xr.open_dataset(path, chunks={"lat": 2})["tas"].isel(lat=slice(3)).mean("time").rename("m")
    yield "delayed", xr.DataArray(dask.array.from_delayed(delayed(values)(os.fspath(path)), shape, float), name="d")
    blocks = field.chunk(lat=2).data.map_blocks(lambda block: block - held.values[:, :2], dtype=float)
    yield "in a function", field.copy(data=blocks)


@pytest.mark.parametrize("name", ["tas.nc", "link.nc", "in.zarr"])
def test_what_a_lazy_result_is_computed_from_is_not_replaced(record, field, name):
    import dask.array

    folder = record.parent
    (folder / "link.nc").symlink_to(record)
    if name.endswith(".nc"):
        target, lazy = folder / name, dict(opened_lazily(field, record))
    else:
        gt.write(field, target := folder / "in.zarr")
        lazy = {"store": xr.open_zarr(target), "lazy": xr.open_zarr(target, chunks=None)}
        lazy["array"] = xr.DataArray(dask.array.from_zarr(str(target / "tas")), name="a")
        lazy["trends"] = lazy["store"]["tas"].chunk(time=-1).gridtrend.theil_sen()
    before = everything(folder)
    for how, data in lazy.items():
        with pytest.raises(io.OutputError, match=r"would be lost: .*load the data first \(\.load\(\)\)") as refusal:
            gt.write(data, target, overwrite=True)
        assert "\n" not in str(refusal.value), how
        assert everything(folder) == before, how
        gt.write(data, folder / "elsewhere.nc")
        (folder / "elsewhere.nc").unlink()
    data = next(iter(lazy.values())).load()
    data.close()
    gt.write(data, target, overwrite=True)
    with io.open_input([target]) as written:
        np.testing.assert_array_equal(written["tas"].values, field)


def test_data_in_memory_come_from_nowhere(record, field):
    opened = xr.open_dataset(record, chunks={"lat": 2})
    assert io.sources(opened) == [os.fspath(record)]
    classic = record.with_name("classic.nc")
    field.to_netcdf(classic, engine="scipy")
    with classic.open("rb") as file, xr.open_dataset(file, engine="scipy", chunks={}) as found:
        assert io.sources(found) == [os.fspath(classic)]
    # Other files that are open are no sources of these data.
    with xr.open_dataset(BytesIO(classic.read_bytes()), engine="scipy", chunks={}) as found:
        assert io.sources(found) == []
    for data in (field, field.chunk(lat=1), opened.load(), opened["tas"].gridtrend.theil_sen().compute()):
        assert io.sources(data) == []


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


# --- words -----------------------------------------------------------------------------------------


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

    real = writing.Target
    monkeypatch.setattr(writing, "Target", lambda name, source, into: real(name, source, Refusing(into)))
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
