"""A run that goes on with what another one left: the same bits, or a refusal."""

import os
import re
import shutil

import dask
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

import gridtrend as gt
from gridtrend import io
from gridtrend.cli.job import SHAPES_NOTHING
from gridtrend.cli.resources import Resources
from gridtrend.cli.trend import trend
from gridtrend.io import execute, ledger
from tests.runs import TILES, everything, hidden, interrupt, refused, run, same, succeeds

# --- resuming --------------------------------------------------------------------------------------


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


# --- memory ----------------------------------------------------------------------------------------

LIMITS = {
    # Options of the run that is interrupted, and a limit that it needs more than.
    "whole": ([], 330e6),
    "tiles": (["--memory-limit", "900MB", "--rechunk", "passes"], 360e6),
    "copied": (["--memory-limit", "460MB", "--threads", "1"], 360e6),
}


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """Return the path of a record of 60 MB in chunks of one map."""
    path = tmp_path_factory.mktemp("wide") / "in.nc"
    values = np.random.default_rng(5).normal(size=(100, 200, 750)).astype("f4")
    field = xr.DataArray(values, {"time": xr.date_range("1900", periods=100, freq="YS")}, ("time", "lat", "lon"), "tas")
    field.to_netcdf(path, engine="netcdf4", encoding={"tas": {"chunksizes": (1, 200, 750)}})
    return path


@pytest.mark.parametrize("case", LIMITS)
def test_a_run_is_not_resumed_with_less_memory_than_it_was_planned_for(wide, room, monkeypatch, case):
    # The process of the tests may take more than the limit by itself.
    monkeypatch.setattr("gridtrend.io.process_bytes", lambda *_: 320_000_000)
    options, limit = LIMITS[case]
    call = [wide, room / "out.zarr", "--no-slope"]
    interrupt(*call, *options, regions_done=1)
    before = everything(room)
    said = refused("trend", *call, "--resume", "--memory-limit", f"{limit:.0f}", "--threads", 2)
    assert "the run that is resumed was planned for more memory" in said
    assert "parts are kept" not in said
    assert everything(room).keys() == before.keys()
    least = re.search(r"([\d,]+) MB is the least that works", said).group(1).replace(",", "")
    assert int(least) > limit / 1e6
    succeeds("trend", *call, "--resume", "-q", "--memory-limit", f"{least}MB", "--threads", 2)
    succeeds("trend", wide, room / "whole.zarr", "-q", "--no-slope")
    assert same(room / "out.zarr", room / "whole.zarr")


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
    real = execute._write
    written = []

    def write(*blocks, block_id, **options):
        if len(written) == 2:
            save(field.copy(data=field.values[::-1]))
        written.append(0)
        return real(*blocks, block_id=block_id, **options)

    monkeypatch.setattr(execute, "_write", write)
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


# --- words and progress ---------------------------------------------------------------------------


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
