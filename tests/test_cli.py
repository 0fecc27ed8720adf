"""The command line: results, messages, exit codes, and what is left behind."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

import gridtrend
from gridtrend.cli import trend
from gridtrend.cli.commands import cli
from gridtrend.grid.timeaxis import UNITS
from gridtrend.trend.options import ALTERNATIVES as LIBRARY_ALTERNATIVES
from gridtrend.trend.serial_correlation import METHODS as LIBRARY_METHODS

ROOT = Path(__file__).parents[1]


def run(*arguments, code=0):
    """Run a command in this process; return what it said on stdout and stderr."""
    outcome = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert outcome.exit_code == code, outcome.output
    assert "Traceback" not in outcome.output
    assert "Warning" not in outcome.output
    return outcome.output


def fails(*arguments):
    """Run a command that must fail for its data; return the one line that it says."""
    said = run(*arguments, code=1)
    assert said.startswith("gridtrend: error: ")
    assert said.count("\n") == 1
    return said


def start(*arguments, **options):
    """Start a command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "gridtrend", *map(str, arguments)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture
def record(tmp_path, make_grid):
    """Return the path of a file with one variable: 30 years, descending latitudes."""
    return save(make_grid((30, 5, 7)), tmp_path / "record.nc")


def save(data, path, **attrs):
    """Write a DataArray or Dataset as a netCDF file."""
    dataset = data if isinstance(data, xr.Dataset) else data.to_dataset()
    dataset.assign_attrs(attrs).to_netcdf(path, engine="netcdf4")
    return path


def opened(path):
    """Read a result as a user would."""
    with xr.open_dataset(path, decode_timedelta=False) as dataset:
        return dataset.load()


# --- results ---------------------------------------------------------------------------------------


def test_a_file_gives_what_the_accessor_gives(tmp_path, record):
    said = run("trend", record, tmp_path / "out.nc")
    assert said.startswith("tas: 35 cells, 30 steps from 1961-01-01 to 1990-01-01: ")
    expected = opened(record)["tas"].gridtrend.mann_kendall()
    result = opened(tmp_path / "out.nc")
    assert set(result.data_vars) >= set(expected.data_vars)
    for name in expected.data_vars:
        np.testing.assert_array_equal(result[name], expected[name], name)
    assert result["lat"].values.tolist() == opened(record)["lat"].values.tolist()


def test_options_reach_the_analysis(tmp_path, record):
    options = ["--alpha", 0.2, "--per", "step", "--min-valid", 31, "--alternative", "greater"]
    run("trend", record, tmp_path / "out.nc", *options, code=1)
    result = opened(tmp_path / "out.nc")
    assert result.attrs["alpha"] == 0.2
    assert result.attrs["alternative"] == "greater"
    assert np.isnan(result["p_value"]).all()
    run("trend", record, tmp_path / "test.nc", "--no-slope")
    assert "slope" not in opened(tmp_path / "test.nc")


@pytest.mark.parametrize(
    ("options", "function", "keywords"),
    [
        (["--method", "hamed_rao", "--lag", "all"], "mann_kendall", {"method": "hamed_rao", "lag": "all"}),
        (["--method", "3pw", "--p-value", "auto"], "mann_kendall", {"method": "3pw", "p_value": "auto"}),
        (["--method", "seasonal", "--period", "3"], "seasonal_mann_kendall", {"period": 3}),
    ],
)
def test_every_test_has_its_method(tmp_path, record, options, function, keywords):
    run("trend", record, tmp_path / "out.nc", *options)
    expected = getattr(opened(record).tas.gridtrend, function)(**keywords)
    result = opened(tmp_path / "out.nc")
    for name in expected.data_vars:
        np.testing.assert_array_equal(result[name], expected[name], err_msg=name)


def test_cells_that_stand_out_among_all_are_told(tmp_path, record):
    for value, options in (
        ("bh", {}),
        ("bky:0.2", {"method": "bky", "alpha_global": 0.2}),
        ("walker:0.1", {"method": "walker", "alpha_global": 0.1}),
    ):
        run("trend", record, tmp_path / "out.nc", "--fdr", value, "-O")
        result = opened(tmp_path / "out.nc")
        expected = gridtrend.field_significance(opened(record)["tas"].gridtrend.mann_kendall().p_value, **options)
        for name in expected.data_vars:
            np.testing.assert_array_equal(result[name], expected[name], name)
        assert result["significant"].attrs["method"] == expected.attrs["method"]
        assert result["significant"].dtype == np.int8


def test_each_of_several_variables_is_a_field_of_its_own(tmp_path, make_grid, monkeypatch):
    pair = xr.Dataset({"tas": make_grid(seed=1), "pr": make_grid(seed=2)})
    path = save(pair, tmp_path / "in.nc")
    monkeypatch.setattr("gridtrend.io.plan.SMALL_WORK", 0)
    run("trend", path, tmp_path / "out.zarr", "--fdr", "bh:0.1")
    with xr.open_zarr(tmp_path / "out.zarr", consolidated=False) as result:
        for name in ("tas", "pr"):
            alone = gridtrend.field_significance(gridtrend.mann_kendall(pair[name]).p_value, alpha_fdr=0.1)
            np.testing.assert_array_equal(result[f"{name}_significant"], alone.significant)
            np.testing.assert_array_equal(result[f"{name}_p_adjusted"], alone.p_adjusted)


def test_work_in_blocks_gives_the_same_as_work_in_one_piece(tmp_path, record, monkeypatch):
    run("trend", record, tmp_path / "whole.nc")
    monkeypatch.setattr("gridtrend.io.plan.SMALL_WORK", 0)
    run("trend", record, tmp_path / "blocks.nc", "--threads", 2)
    monkeypatch.setattr("gridtrend.io.memory.available_memory", lambda: 2000.0)
    run("trend", record, tmp_path / "parts.nc")
    whole, *others = (opened(tmp_path / f"{name}.nc") for name in ("whole", "blocks", "parts"))
    for other in others:
        xr.testing.assert_equal(whole, other)


def test_the_output_says_where_it_comes_from(tmp_path, make_grid):
    path = save(make_grid(), tmp_path / "in.nc", title="A record", history="2020 made")
    run("trend", path, tmp_path / "out file.nc", "--quiet")
    attrs = opened(tmp_path / "out file.nc").attrs
    newest, oldest = attrs["history"].splitlines()
    call = f"gridtrend {gridtrend.__version__}: gridtrend trend {path} '{tmp_path}/out file.nc' --quiet"
    assert newest[10:].split("Z ", 1)[1] == call
    assert oldest == "2020 made"
    assert attrs["title"] == "A record"
    assert attrs["Conventions"] == "CF-1.11"


def test_several_variables_are_told_apart_by_name(tmp_path, make_grid):
    fields = xr.Dataset({"tas": make_grid(), "pr": make_grid(seed=1)})
    fields["time_bnds"] = (("time", "bnds"), np.ones((40, 2)))
    path = save(fields, tmp_path / "in.nc")
    said = run("trend", path, tmp_path / "both.nc")
    assert said.startswith("tas, pr: 70 cells")
    result = opened(tmp_path / "both.nc")
    assert {"tas_slope", "pr_slope", "tas_p_value", "pr_trend"} <= set(result.data_vars)
    assert not any(str(name).startswith("time_bnds_") for name in result.variables)
    run("trend", path, tmp_path / "one.nc", "-v", "pr")
    one = opened(tmp_path / "one.nc")
    np.testing.assert_array_equal(one["slope"], result["pr_slope"])


def test_a_selection_is_what_is_analysed(tmp_path, record):
    run("trend", record, tmp_path / "out.nc", "--select", "time=1970:1980", "--select", "lat=-70:0")
    result = opened(tmp_path / "out.nc")
    assert result["lat"].max() <= 0
    assert (result["n_valid"] == 11).all()
    assert result["time_bnds"].dt.year.values.tolist() == [1970, 1980]


def test_what_describes_the_grid_comes_through(tmp_path, make_grid):
    grid = make_grid((30, 4, 5)).drop_vars(["lat", "lon"]).rename(lat="y", lon="x")
    grid = grid.assign_coords(
        lat=(("y", "x"), np.arange(20.0).reshape(4, 5), {"units": "degrees_north"}),
        lon=(("y", "x"), np.arange(20.0).reshape(4, 5), {"units": "degrees_east"}),
        height=((), 2.0, {"units": "m", "positive": "up"}),
        y=("y", np.arange(4.0), {"axis": "Y", "bounds": "y_bnds"}),
    )
    fields = grid.assign_attrs(grid_mapping="crs").to_dataset()
    fields["crs"] = ((), 0, {"grid_mapping_name": "lambert_conformal_conic"})
    fields["y_bnds"] = (("y", "bnds"), np.arange(8.0).reshape(4, 2))
    fields["tas"].encoding = {"dtype": "i2", "scale_factor": 0.01, "_FillValue": np.int16(-1)}
    run("trend", save(fields, tmp_path / "in.nc"), tmp_path / "out.nc")
    with netCDF4.Dataset(tmp_path / "out.nc") as file:
        assert file["slope"].dimensions == ("y", "x")
        assert file["slope"].dtype == float
        assert file["slope"].grid_mapping == "crs"
        assert set(file["slope"].coordinates.split()) == {"lat", "lon", "height", "time"}
        assert file["crs"].grid_mapping_name == "lambert_conformal_conic"
        assert file["y"].bounds == "y_bnds"
        assert file["y_bnds"][:].tolist() == fields["y_bnds"].values.tolist()
        assert file["lat"].units == "degrees_north"
        assert file["height"].units == "m"
        assert file["time"].bounds == "time_bnds"


def test_a_360_day_calendar_is_kept(tmp_path, make_grid):
    grid = make_grid((30, 2, 3))
    dates = xr.date_range("2000-01-30", periods=30, freq="YS", calendar="360_day", use_cftime=True)
    run("trend", save(grid.assign_coords(time=dates), tmp_path / "in.nc"), tmp_path / "out.nc")
    with netCDF4.Dataset(tmp_path / "out.nc") as file:
        assert file["time"].calendar == "360_day"
        first, last = file["time_bnds"][:]
        assert last - first == 29 * 360


def test_time_that_cannot_be_decoded_works_per_step_only(tmp_path, make_grid):
    grid = make_grid((30, 2, 3))
    time = ("time", np.arange(30.0), {"units": "days since 0000-00-00"})
    path = save(grid.assign_coords(time=time), tmp_path / "in.nc")
    outcome = CliRunner().invoke(cli, ["trend", str(path), str(tmp_path / "out.nc")])
    (error,) = outcome.output.splitlines()
    assert outcome.exit_code == 1
    assert error.startswith("gridtrend: error: 'time' counts 'days since 0000-00-00'")
    assert "--per step" in error
    said = run("trend", path, tmp_path / "out.nc", "--per", "step")
    assert said.startswith("gridtrend: note: 'time' counts 'days since 0000-00-00', which is no calendar date")
    expected = grid.gridtrend.mann_kendall(per="step")["slope"]
    np.testing.assert_array_equal(opened_raw(tmp_path / "out.nc")["slope"], expected)


def opened_raw(path):
    """Read a result whose time no library can decode."""
    with xr.open_dataset(path, decode_times=False) as dataset:
        return dataset.load()


def test_many_files_are_one_record(tmp_path, make_grid):
    grid = make_grid((30, 3, 4))
    save(grid[:12], tmp_path / "a_1.nc")
    save(grid[12:], tmp_path / "a_2.nc")
    run("trend", tmp_path / "a_*.nc", tmp_path / "out.nc")
    expected = grid.gridtrend.mann_kendall()["slope"]
    np.testing.assert_array_equal(opened(tmp_path / "out.nc")["slope"], expected)


def test_zarr_is_written_by_suffix(tmp_path, record):
    pytest.importorskip("zarr")
    run("trend", record, tmp_path / "out.zarr")
    run("trend", record, tmp_path / "out.nc")
    store = xr.open_zarr(tmp_path / "out.zarr", consolidated=False)
    np.testing.assert_array_equal(store["slope"], opened(tmp_path / "out.nc")["slope"])


# --- other commands --------------------------------------------------------------------------------


def test_info_tells_what_would_be_done(tmp_path, make_grid):
    grid = make_grid((30, 5, 7), holes=0.1).astype("f4")
    path = tmp_path / "in.nc"
    grid.to_netcdf(path, engine="netcdf4", encoding={"tas": {"chunksizes": (1, 5, 7)}})
    said = run("info", path)
    assert "time: 30 steps from 1961-01-01 to 1990-01-01, proleptic_gregorian calendar" in said
    assert "tas (time 30, lat 5, lon 7) float32, K" in said
    assert f"missing: {100 * float(grid.isnull().mean()):.1f} %" in said
    assert "chunks of time 1, lat 5, lon 7" in said
    assert "35 cells x 30 steps" in said
    assert os.listdir(tmp_path) == ["in.nc"]


def test_info_says_when_missing_values_are_estimated(tmp_path, record, monkeypatch):
    monkeypatch.setattr("gridtrend.cli.info.SAMPLE", 100)
    assert re.search(
        r"missing: [\d.]+ % of a sample \(seen in [\d,]+ of (30 steps|[\d,]+ values)\)", run("info", record)
    )


def test_maps_are_drawn_with_the_run_and_afterwards(tmp_path, record):
    pytest.importorskip("matplotlib")
    run("trend", record, tmp_path / "out.nc", "--plot", tmp_path / "a.png")
    run("plot", tmp_path / "out.nc", tmp_path / "b.png")
    run("trend", record, tmp_path / "field.nc", "--fdr", "by", "--plot", tmp_path / "field.png")
    assert (tmp_path / "field.png").read_bytes() != (tmp_path / "a.png").read_bytes()
    for name in ("a.png", "b.png", "field.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert "exists" in fails("plot", tmp_path / "out.nc", tmp_path / "b.png")
    assert "exists" in fails("trend", record, tmp_path / "c.nc", "--plot", tmp_path / "b.png")
    assert not (tmp_path / "c.nc").exists()
    assert "must end in one of .png" in fails("plot", tmp_path / "out.nc", tmp_path / "b.xyz")
    assert "holds no slopes" in fails("plot", record, tmp_path / "c.png")


def test_each_of_several_variables_gets_its_map(tmp_path, make_grid):
    pytest.importorskip("matplotlib")
    path = save(xr.Dataset({"tas": make_grid(), "pr": make_grid()}), tmp_path / "in.nc")
    run("trend", path, tmp_path / "out.nc", "--plot", tmp_path / "map.png")
    maps = {"map_tas.png", "map_pr.png"}
    assert maps <= set(os.listdir(tmp_path))
    said = fails("trend", path, tmp_path / "new.nc", "--plot", tmp_path / "map.png")
    assert "map_tas.png' exists" in said
    said = fails("plot", tmp_path / "out.nc", tmp_path / "one.png")
    assert "holds the trends of several variables: choose with --variable one of tas, pr" in said
    run("plot", tmp_path / "out.nc", tmp_path / "one.png", "-v", "pr")


def test_variables_that_are_no_maps_are_told_before_the_run(tmp_path, make_grid):
    pytest.importorskip("matplotlib")
    levels = make_grid().expand_dims(level=[1000.0, 850.0])
    both = save(xr.Dataset({"pr": make_grid(), "ua": levels}), tmp_path / "both.nc")
    one = save(xr.Dataset({"ua": levels}), tmp_path / "one.nc")
    said = run("trend", both, tmp_path / "out.nc", "--plot", tmp_path / "map.png")
    assert "no map of 'ua': a map has two dimensions, and its cells have level (2), " in said
    assert (tmp_path / "map_pr.png").exists()
    said = fails("trend", one, tmp_path / "new.nc", "--plot", tmp_path / "new.png")
    assert "choose a part with --select" in said
    assert not (tmp_path / "new.nc").exists()
    run("trend", one, tmp_path / "new.nc", "--plot", tmp_path / "new.png", "--select", "level=850")


def test_the_demo_leaves_a_result_and_a_map_and_says_five_lines(tmp_path):
    pytest.importorskip("iris_sample_data")
    pytest.importorskip("matplotlib")
    for _ in range(2):
        said = run("demo", tmp_path / "demo")
    assert len(said.splitlines()) == 5
    assert "1,813 cells" in said
    assert sorted(os.listdir(tmp_path / "demo")) == ["gridtrend_demo.nc", "gridtrend_demo.png"]
    slope = opened(tmp_path / "demo" / "gridtrend_demo.nc")["slope"]
    assert float(slope[18, 24]) == pytest.approx(0.014512226360417015, rel=1e-12)


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("iris_sample_data", ["demo", "{}"], "sample"),
        ("matplotlib", ["trend", "{}/record.nc", "{}/out.nc", "--plot", "{}/a.png"], "plot"),
        ("zarr", ["trend", "{}/record.nc", "{}/out.zarr"], "cluster"),
    ],
)
def test_an_absent_extra_is_named(tmp_path, record, monkeypatch, module, arguments, extra):
    monkeypatch.setitem(sys.modules, module, None)
    said = fails(*(argument.format(tmp_path) for argument in arguments))
    assert f"pip install 'gridtrend[{extra}" in said
    assert os.listdir(tmp_path) == ["record.nc"]


def test_version_and_help_are_there():
    assert run("--version") == f"gridtrend {gridtrend.__version__}\n"
    assert "trend" in run("--help")
    assert "--min-valid" in run("trend", "--help")


def test_every_choice_of_the_library_is_offered():
    assert set(trend.PERIODS) == set(UNITS)
    assert set(trend.ALTERNATIVES) == set(LIBRARY_ALTERNATIVES)
    assert set(trend.METHODS) == {*LIBRARY_METHODS, "seasonal"}


# --- bad input -------------------------------------------------------------------------------------


def test_usage_errors_end_with_2(tmp_path, record):
    for arguments in (
        ["trend"],
        ["trend", record],
        ["trend", record, "out.nc", "--alpha", 2],
        ["trend", record, "out.nc", "--select", "time"],
        ["trend", record, "out.nc", "--fdr", "bonferroni"],
        ["trend", record, "out.nc", "--method", "seasonal", "--lag", 1],
        ["trend", record, "out.nc", "--method", "hamed_rao", "--lag", "few"],
        ["trend", record, "out.nc", "--period", "month"],
        ["trend", record, "out.nc", "--method", "seasonal", "--period", "week"],
        ["trend", record, "out.nc", "--fdr", "bh:2"],
        ["trend", record, "out.nc", "--fdr", "bh:"],
        ["trend", record, "out.nc", "--no-slope", "--plot", "a.png"],
        ["trund"],
    ):
        run(*arguments, code=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.nc", "out.nc"], "there is no file 'nowhere.nc'"),
        (["record.nc", "out.nc", "-v", "tos"], "there is no variable 'tos' among tas"),
        (["record.nc", "out.nc", "--dim", "t"], "there is no dimension 't'"),
        (["text.nc", "out.nc"], "is a text file"),
        (["cut.nc", "out.nc"], "truncated or damaged"),
        (["map.nc", "out.nc"], "there is no time dimension"),
        (["record.nc", "out.nc", "--select", "time=1970"], "only one step along 'time'"),
        (["words.nc", "out.nc"], "holds text"),
        (["twice.nc", "out.nc"], "repeats 1 of its 30 times"),
        (["record.nc", "no/out.nc"], "the folder 'no' does not exist"),
        (["record.nc", "out.txt"], "must end in .nc or .zarr"),
        (["record.nc", "record.nc", "--overwrite"], "is also an input"),
        (["record.nc", "old.nc"], "'old.nc' exists"),
        (["record.nc", "out.nc", "--method", "tfpw", "--lag", "2"], "takes no lag"),
        (["record.nc", "/sys/kernel/out.nc"], "permission denied"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_everything_as_it_was(tmp_path, record, monkeypatch, arguments, message):
    grid = opened(record)["tas"]
    save(grid[0].drop_vars("time"), tmp_path / "map.nc")
    save(grid.isel(time=[0, *range(29)]), tmp_path / "twice.nc")
    save(xr.Dataset({"word": ("time", np.array(["a"] * 30, object))}), tmp_path / "words.nc")
    (tmp_path / "text.nc").write_text("not a netCDF file")
    (tmp_path / "cut.nc").write_bytes(record.read_bytes()[:-500])
    (tmp_path / "old.nc").write_text("old")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.chdir(tmp_path)
    assert message in fails("trend", *arguments)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_unexpected_exception_is_one_line_with_a_way_to_the_traceback(record, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("gridtrend.io.write", fail)
    said = fails("trend", record, tmp_path / "out.nc")
    assert "unexpected ZeroDivisionError: oh" in said
    assert "GRIDTREND_DEBUG=1" in said
    monkeypatch.setenv("GRIDTREND_DEBUG", "1")
    outcome = CliRunner().invoke(cli, ["trend", str(record), str(tmp_path / "out.nc")])
    assert isinstance(outcome.exception, ZeroDivisionError)


def test_warnings_of_libraries_are_notes_without_file_names(record, tmp_path, monkeypatch):
    def warn(*_, **__):
        import warnings

        for _ in range(2):
            warnings.warn("grid is\n  odd", UserWarning, stacklevel=1)
        warnings.warn("old name", FutureWarning, stacklevel=1)

    monkeypatch.setattr("gridtrend.io.write", warn)
    said = run("trend", record, tmp_path / "out.nc")
    assert said.splitlines()[0] == "gridtrend: note: grid is odd"
    assert said.count("\n") == 2
    assert run("trend", record, tmp_path / "out.nc", "--quiet") == ""


# --- processes -------------------------------------------------------------------------------------


@pytest.fixture
def large_record(tmp_path, make_grid):
    """Return the path of a file that takes some seconds."""
    return save(make_grid((100, 300, 400)).astype("f4"), tmp_path / "large.nc")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_the_old_output_and_one_line(tmp_path, large_record, sent):
    old = tmp_path / "out.nc"
    old.write_text("old")
    # A test run in the background may hand down that SIGINT is ignored.
    process = start(
        "trend",
        large_record,
        old,
        "--overwrite",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not any(name.startswith(".gridtrend-") for name in os.listdir(tmp_path)):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(sent)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert said == "gridtrend: error: interrupted; no unfinished file was left behind\n"
    assert sorted(os.listdir(tmp_path)) == ["large.nc", "out.nc"]
    assert old.read_text() == "old"


INTERRUPTED_IMPORT = """
import signal
import sys
from gridtrend.cli import main

class Interrupt:
    def find_spec(name, path, target=None):
        if name == interrupted:
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Interrupt)
interrupted = sys.argv.pop(1)
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("module", ["click", "gridtrend.cli.trend", "xarray", "numba"])
def test_an_interruption_while_libraries_are_imported_is_one_line_too(tmp_path, record, module):
    call = ["trend", str(record), str(tmp_path / "out.nc")]
    run = [sys.executable, "-c", INTERRUPTED_IMPORT, module, *call]
    outcome = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("gridtrend: error: interrupted")
    assert outcome.stderr.count("\n") == 1


def test_an_interruption_that_a_library_swallows_ends_the_run_all_the_same(record, tmp_path, monkeypatch):
    # netCDF4 does, when the signal arrives in its compiled code.
    swallowed = threading.Event()
    swallowed.set()
    monkeypatch.setattr("gridtrend.cli.terminal._interrupted", swallowed)
    assert "interrupted" in fails("trend", record, tmp_path / "out.nc")
    assert os.listdir(tmp_path) == ["record.nc"]


@pytest.mark.skipif(os.name != "posix", reason="resource limits of POSIX")
@pytest.mark.parametrize(("limit", "when"), [(100_000, "before"), (1_200_000, "during")])
def test_a_full_disk_is_one_line_and_no_file(tmp_path, make_grid, limit, when):
    import resource

    path = save(make_grid((12, 150, 300)), tmp_path / "in.nc")
    process = start(
        "trend",
        path,
        tmp_path / "out.nc",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert said.startswith("gridtrend: error: cannot write ")
    assert ("file too large" if when == "before" else "a full disk") in said
    assert said.count("\n") == 1
    assert os.listdir(tmp_path) == ["in.nc"]


def test_a_process_says_nothing_on_success_when_quiet(tmp_path, record):
    process = start("trend", record, tmp_path / "out.nc", "-q", stdout=subprocess.PIPE)
    assert process.communicate(timeout=120) == ("", "")
    assert process.returncode == 0
    assert opened(tmp_path / "out.nc")["slope"].shape == (5, 7)


# --- results without a value -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "options", "why"),
    [
        (lambda tas: tas[:3], [], "no cell has the 4 values that --min-valid asks for, but 3 at most"),
        (
            lambda tas: tas,
            ["--min-valid", 1000],
            "no cell has the 1000 values that --min-valid asks for, but 30 at most",
        ),
        (lambda tas: tas * np.nan, [], "all values are missing"),
        (lambda tas: tas * np.inf, ["--no-slope"], "all values are missing"),
        (
            lambda tas: tas.where(tas.time.dt.year % 10 == 0),
            [],
            "no cell has the 4 values that --min-valid asks for, but 3 at most",
        ),
        (lambda tas: tas * np.nan, ["--method", "seasonal", "--period", 3], "all values are missing"),
        (lambda tas: tas[:3], ["--fdr", "bh"], "no cell has the 4 values that --min-valid asks for, but 3 at most"),
    ],
)
def test_a_result_without_a_value_is_no_success(tmp_path, make_grid, change, options, why):
    path = save(change(make_grid((30, 2, 3))).rename("tas"), tmp_path / "in.nc")
    said = fails("trend", path, tmp_path / "out.nc", *options)
    assert f"there is no result at all: 'tas': {why}" in " ".join(said.split())
    assert "out.nc' was written, and holds missing values alone" in said
    assert (tmp_path / "out.nc").exists()


def test_a_result_without_a_value_is_none_where_it_is_written_by_parts(tmp_path, make_grid, monkeypatch):
    pytest.importorskip("zarr")
    monkeypatch.setattr("gridtrend.io.plan.SMALL_WORK", 0)
    empty, one = make_grid((30, 2, 3)) * np.nan, make_grid((30, 2, 3)).where(lambda tas: tas.lon > 299)
    for suffix in ("nc", "zarr"):
        said = fails("trend", save(empty.rename("tas"), tmp_path / "in.nc"), tmp_path / f"empty.{suffix}")
        assert "'tas': all values are missing" in said
        said = run("trend", save(one, tmp_path / "in_one.nc"), tmp_path / f"one.{suffix}")
        assert said.startswith("tas: 6 cells")


def test_variables_without_a_value_are_told_where_others_have_some(tmp_path, make_grid):
    pytest.importorskip("matplotlib")
    grid = make_grid((30, 2, 3))
    fields = xr.Dataset({"tas": grid, "pr": grid * np.nan, "ps": grid.where(grid.time.dt.year < 1963)})
    path = save(fields, tmp_path / "in.nc")
    said = run("trend", path, tmp_path / "out.nc", "--plot", tmp_path / "map.png").splitlines()
    assert len(said) == 2
    assert said[0] == (
        "gridtrend: note: no result for 'pr': all values are missing; 'ps': no cell has the 4 values that --min-valid "
        "asks for, but 2 at most"
    )
    assert sorted(os.listdir(tmp_path)) == ["in.nc", "map_tas.png", "out.nc"]
    assert run("trend", path, tmp_path / "out.nc", "-O", "-q") == ""


def test_a_spectrum_without_a_complete_window_is_no_success(tmp_path, make_grid):
    path = save((make_grid((40, 2, 3)) * np.nan).rename("tas"), tmp_path / "in.nc")
    for options in ([], ["--through-time"], ["--band", "2:4"]):
        options += ["--window", 10, "--sampling", "calendar", "-O"]
        assert "'tas': no window is without missing values" in fails("spectrum", path, tmp_path / "o.nc", *options)


def test_a_map_that_fails_says_that_the_result_was_written(tmp_path, record, monkeypatch):
    pytest.importorskip("matplotlib")

    def refuse(*_, **__):
        raise ValueError("no ink")

    monkeypatch.setattr("gridtrend.plot.trend_map", refuse)
    said = fails("trend", record, tmp_path / "out.nc", "--plot", tmp_path / "map.png")
    assert "no ink. '" in said
    assert said.endswith("out.nc' was written\n")
    assert opened(tmp_path / "out.nc")["slope"].shape == (5, 7)


# --- what is printed ---------------------------------------------------------------------------------

HOSTILE = "K\x1b]0;owned\x07\x1b[2J\r\ngridtrend: error: all is lost\u202e\u2028\x9b31m"


def test_what_files_say_of_themselves_does_not_steer_the_terminal(tmp_path, make_grid):
    grid = make_grid((30, 2, 3)).rename("tas").assign_attrs(units=HOSTILE, long_name=HOSTILE)
    path = save(grid, tmp_path / "in\x1b[2J.nc")
    for said in (
        run("info", path),
        run("trend", path, tmp_path / "o\u202e.nc"),
        fails("trend", path, tmp_path / "x.nc", "-v", "a\x1b[0m\nb"),
        fails("trend", tmp_path / "no\x07.nc", tmp_path / "x.nc"),
        run("trend", path, tmp_path / "x.nc", "--select", "x\x1b\ny", code=2),
    ):
        assert not {c for c in said if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2028")}
        assert "\\x1b" in said or "\\u202e" in said or "\\x07" in said
        assert not any(line.startswith("gridtrend: error: all is lost") for line in said.splitlines())


def test_many_variables_are_a_line_of_readable_length(tmp_path, make_grid):
    grid = make_grid((8, 2, 2))
    path = save(xr.Dataset({f"variable_{k}": grid[:, 0, 0] for k in range(60)}), tmp_path / "in.nc")
    said = run("trend", path, tmp_path / "out.nc")
    assert said.startswith("variable_0, variable_1, variable_2, variable_3, variable_4 and 55 more: 60 cells")
    assert len(said) < 300
    assert len(opened(tmp_path / "out.nc").attrs["title"]) < 120
    said = fails("trend", path, tmp_path / "new.nc", "--plot", tmp_path / "map.png")
    assert "variable_4 and 55 more': a map has two dimensions, and the cells of 'variable_0' have none" in said


def test_a_record_within_a_day_is_told_by_its_hours(tmp_path, make_grid):
    times = np.array("2009-09-09T03", "M8[h]") + np.arange(12)
    path = save(make_grid((12, 2, 3)).assign_coords(time=times.astype("M8[ns]")), tmp_path / "in.nc")
    assert "12 steps from 2009-09-09 03:00:00 to 2009-09-09 14:00:00" in run("info", path)


def test_a_runtime_error_of_a_computation_is_not_a_full_disk(tmp_path, grid):
    def fail(block):
        raise RuntimeError("no convergence")

    lazy = grid.chunk(lat=1).map_blocks(fail, template=grid.chunk(lat=1))
    for name in ("out.nc", "out.zarr"):
        with pytest.raises(RuntimeError, match=r"^no convergence$"):
            gridtrend.write(lazy, tmp_path / name)
        assert not (tmp_path / name).exists()


def test_a_shell_completes_commands_options_and_file_names():
    from click.shell_completion import BashComplete

    def completed(*arguments):
        *before, last = arguments
        return BashComplete(cli, {}, "gridtrend", "_GRIDTREND_COMPLETE").get_completions(list(before), last)

    assert "trend" in {item.value for item in completed("tr")}
    assert "--min-valid" in {item.value for item in completed("trend", "--min")}
    assert "hamed_rao" in {item.value for item in completed("trend", "--method", "ha")}
    for call in (
        ["trend", ""],
        ["trend", "in.nc", ""],
        ["spectrum", ""],
        ["info", ""],
        ["plot", ""],
        ["trend", "--plot", ""],
    ):
        assert {item.type for item in completed(*call)} == {"file"}
