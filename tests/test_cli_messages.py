"""What the command line says of wrong calls: one line, in the words of the command line, with the right exit code."""

import re

import netCDF4
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from gridtrend.cli.commands import cli

# What no message may show: calls and arguments of Python, its types and its own errors.
PYTHON = re.compile(
    r"\b(da|ds|xr|np|pd|gt|xarray|pandas|numpy|dask|result|plt)\.[a-z_]+|\b\w+\(|\w=['\"(\[{]|\w=\.\.\.|\bTrue\b|\bFalse\b"
    r"|\bNone\b|<class|object at 0x|dtype|invalid literal|could not convert|Traceback|Error:|__|\bself\b|, \)"
)


def said_by(*arguments):
    """Exit code and lines of a call."""
    outcome = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), repr(outcome.exception)
    return outcome.exit_code, outcome.output.splitlines()


def refused(*arguments, code=1):
    """Make a wrong call; return its one line."""
    exit_code, lines = said_by(*arguments)
    lines = [line for line in lines if not line.startswith("gridtrend: note: ")]
    assert len(lines) == 1, lines
    assert exit_code == code, lines
    assert lines[0].startswith("gridtrend: error: ")
    assert not (found := PYTHON.search(lines[0])), f"{found}: {lines[0]}"
    return lines[0]


def field(times, attrs=None, shape=(3, 4), values=None):
    """A Dataset of one field, with times of whatever kind."""
    n = len(times)
    if values is None:
        values = np.random.default_rng(0).normal(size=(n, *shape))
    return xr.Dataset(
        {"tas": (("time", "lat", "lon"), values, {"units": "K"})},
        {
            "time": ("time", times, attrs or {}),
            "lat": ("lat", np.linspace(-60, 60, shape[0]), {"units": "degrees_north"}),
            "lon": ("lon", np.linspace(0, 300, shape[1]), {"units": "degrees_east"}),
        },
    )


def files():
    """All that a call of the table below may name."""
    years, months = (xr.date_range("1970", periods=24, freq=freq) for freq in ("YS", "MS"))
    yearly = field(years)
    noleap = xr.date_range("1994", periods=24, freq="YS", calendar="noleap", use_cftime=True)
    days = xr.date_range("2001-01-01", periods=24, freq="16D")
    return {
        "yearly.nc": yearly,
        "monthly.nc": field(months),
        "daily.nc": field(days),
        "twice.nc": yearly.isel(time=[0, *range(23)]),
        "numbers.nc": field(np.arange(24.0), {"units": "level"}),
        "plain.nc": field(np.arange(24.0)),
        "unitless.nc": field(xr.date_range("1994", periods=24, freq="YS")).drop_attrs(),
        "bare.nc": yearly.drop_vars("time"),
        "since.nc": field(np.arange(24.0), {"units": "days since 0000-00-00"}),
        "words.nc": field([f"step {k}" for k in range(24)]),
        "gap.nc": field(months).isel(time=[0, 1, 2, 3, 5, *range(7, 24)]),
        "two.nc": yearly.isel(time=slice(2)),
        "noleap.nc": field(noleap),
        "other.nc": yearly.rename(tas="pr").assign_coords(time=xr.date_range("1994", periods=24, freq="YS")),
        "frequency.nc": yearly.rename(lat="frequency"),
        "text.nc": yearly.assign(tas=yearly.tas.astype(str)),
        "levels.nc": yearly.expand_dims(level=[1000.0, 850.0]),
        "series.nc": yearly.isel(lat=0, lon=0),
        "hole.nc": yearly.where(yearly.time.dt.year != 1980),
        "slopes.nc": xr.Dataset({f"{n}_slope": (("lat", "lon"), np.ones((3, 4))) for n in ("a", "b")}),
        "level_slopes.nc": xr.Dataset({"slope": (("level", "lat", "lon"), np.ones((2, 3, 4)))}),
        "line_slope.nc": xr.Dataset({"slope": ("lat", np.ones(3))}),
        "no_slope.nc": xr.Dataset({"slope": (("lat", "lon"), np.full((3, 4), np.nan))}),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("files")
    for name, dataset in files().items():
        dataset.to_netcdf(path / name, engine="netcdf4")
    (path / "old.nc").write_text("old")
    return path


# Calls with wrong data or options that do not fit them: exit code 1.
DATA = [
    ("trend bare.nc o.nc --per decade", "--per step"),
    ("trend numbers.nc o.nc --per decade", "write the unit into the file"),
    ("trend plain.nc o.nc --per decade", "'time' names none: leave it out"),
    ("trend yearly.nc unitless.nc o.nc", "is in 'no units' in 'unitless.nc', and in 'K'"),
    ("trend since.nc o.nc", "--per step"),
    ("trend words.nc o.nc", "write them so, or as numbers with units"),
    ("trend twice.nc o.nc", "repeats 1 of its 24 times"),
    ("trend yearly.nc old.nc", "replace it with --overwrite"),
    ("trend yearly.nc yearly.nc -O", "is also an input"),
    ("trend yearly.nc o.txt", "must end in .nc or .zarr"),
    ("trend yearly.nc o.nc --plot=", "the map '' must end in one of .png"),
    ("trend yearly.nc o.nc --dim=", "there is no dimension ''"),
    ("trend yearly.nc o.nc -v tos", "there is no variable 'tos' among tas"),
    ("trend text.nc o.nc", "holds text"),
    ("trend yearly.nc o.nc --dim t", "there is no dimension 't'"),
    ("trend yearly.nc o.nc --select time=1970,1980", "write dates as 1960"),
    ("trend yearly.nc o.nc --select time=1980:1970", "write 1970:1980"),
    ("trend yearly.nc o.nc --select time=2000-13", "no such date"),
    ("trend yearly.nc o.nc --select lat=nan", "write a number"),
    ("trend yearly.nc o.nc --select lat=10,20", "write a number"),
    ("trend yearly.nc o.nc --select height=2", "there is no coordinate 'height'"),
    ("trend yearly.nc o.nc --select time=1980", "only one step"),
    ("trend yearly.nc o.nc --chunks time=5", "every cell needs its whole series"),
    ("trend yearly.nc o.nc --method tfpw --lag 2", "--method tfpw takes no lag (--lag 2 was given)"),
    ("trend yearly.nc o.nc --method hamed_rao --lag 0", "--lag 0 is not a number of lags"),
    ("trend yearly.nc o.nc --method hamed_rao --lag 24", "--lag 24 is as long as the record"),
    ("trend yearly.nc o.nc --method hamed_rao --p-value exact", "use --p-value normal"),
    ("trend daily.nc o.nc --method seasonal", "--period month compares one value"),
    ("trend monthly.nc o.nc --method seasonal --period season", "--period 12"),
    ("trend numbers.nc o.nc --method seasonal", "as in --period 12"),
    ("trend monthly.nc o.nc --method seasonal --period 24", "--period 24 leaves nothing to compare"),
    ("trend levels.nc o.nc --plot o.png", "choose a part with --select"),
    ("trend series.nc o.nc --plot o.png", "its cells have none"),
    ("trend yearly.nc o.nc --plot o.xyz", "must end in one of .png"),
    ("trend yearly.nc noleap.nc o.nc", "dates of the noleap calendar in"),
    ("trend yearly.nc other.nc o.nc", "choose with --variable"),
    ("trend yearly.nc nowhere/o.nc", "the folder 'nowhere' does not exist"),
    ("trend nowhere.nc o.nc", "there is no file 'nowhere.nc'"),
    ("trend yearly.nc o.nc --scheduler-file nowhere.json", "there is no scheduler file"),
    ("trend yearly.nc o.nc --memory-limit 1MB --chunks lat=1", "is the least that works"),
    ("spectrum yearly.nc o.nc --window 30 --sampling calendar", "--window 30 is 30 samples long"),
    ("spectrum yearly.nc o.nc --window 2 --sampling calendar", "--window 2 is too short"),
    ("spectrum yearly.nc o.nc --window 10X --sampling calendar", "--window 10X is not a duration"),
    ("spectrum bare.nc o.nc --window 10Y", "--window 10Y is a duration"),
    ("spectrum gap.nc o.nc --window 6", "--sampling calendar"),
    ("spectrum gap.nc o.nc --window 6 --sampling calendar", "is not sampled by the calendar"),
    ("spectrum yearly.nc o.nc --window 10 --hop 500Y --sampling calendar", "--hop 500Y is as long as the record"),
    ("spectrum yearly.nc o.nc --window 10 --band 7Y:2Y --sampling calendar", "as in 2Y:7Y"),
    ("spectrum yearly.nc o.nc --window 10 --band 0Y:7Y --sampling calendar", "SHORTEST:LONGEST"),
    ("spectrum yearly.nc o.nc --window 10 --band 2:7X --sampling calendar", "--band 7X is not a duration"),
    ("spectrum yearly.nc o.nc --window 10 --band 200Y:700Y --sampling calendar", "no frequency lies between"),
    ("spectrum yearly.nc o.nc --window 10 --taper tukey:9 --sampling calendar", "--taper tukey:9.0"),
    ("spectrum yearly.nc o.nc --window 10 --taper gaussian:0 --sampling calendar", "--taper gaussian:0.0 gives no"),
    (
        "spectrum yearly.nc o.nc --window 10 --taper hanning-like --sampling calendar",
        "--taper hanning-like is not known",
    ),
    ("spectrum frequency.nc o.nc --window 10 --sampling calendar", "rename it in the file"),
    ("spectrum hole.nc o.nc --window 10 --nan-policy raise --sampling calendar", "--nan-policy propagate"),
    ("plot yearly.nc o.png", "holds no slopes"),
    ("plot slopes.nc o.png", "--variable one of a, b"),
    ("plot slopes.nc o.png -v c", "no trend of 'c'"),
    ("plot level_slopes.nc o.png", "with --select"),
    ("plot line_slope.nc o.png", "a map needs two"),
    ("plot no_slope.nc o.png", "--min-valid"),
    ("plot slopes.nc o.gif", "must end in one of .png"),
    ("info series.nc --select time=1970:1960", "write 1960:1970"),
    ("info level_slopes.nc", "there is no time dimension"),
]


@pytest.mark.parametrize(("call", "message"), DATA, ids=[call for call, _ in DATA])
def test_a_call_that_fails_is_one_line_about_its_options(folder, monkeypatch, call, message):
    monkeypatch.chdir(folder)
    before = sorted(path.name for path in folder.iterdir())
    assert message in refused(*call.split())
    assert sorted(path.name for path in folder.iterdir()) == before


# Calls that are none: exit code 2.
USAGE = [
    ("trend yearly.nc", "the output is missing: the last name is that of the output, and 'yearly.nc'"),
    ("spectrum yearly.nc --window 10", "the output is missing"),
    ("trund", "No such command 'trund'"),
    ("trend yearly.nc o.nc --chunk 5", "No such option"),
    ("trend yearly.nc o.nc --alpha", "requires an argument"),
    ("trend yearly.nc o.nc --alpha nan", "'nan' is not a number between 0 and 1"),
    ("trend yearly.nc o.nc --alpha 1e-400", "is not a number between 0 and 1"),
    ("trend yearly.nc o.nc --alpha 5%", "'5%' is not a number between 0 and 1"),
    ("trend yearly.nc o.nc --fdr bh:nan", "'nan' is not a number between 0 and 1"),
    ("trend yearly.nc o.nc --fdr bh:0.1:0.2", "'0.1:0.2' is not a number between 0 and 1"),
    ("trend yearly.nc o.nc --fdr=", "'' is not one of bh"),
    ("trend yearly.nc o.nc --lag abc", "'abc' is neither a whole number of steps nor 'all'"),
    ("trend yearly.nc o.nc --lag 1.5", "'1.5' is neither"),
    ("trend yearly.nc o.nc --lag -1", "'-1' is neither"),
    ("trend yearly.nc o.nc --method seasonal --period 0", "'0' is not known; use one of 'month'"),
    ("trend yearly.nc o.nc --method seasonal --period 12.5", "'12.5' is not known"),
    ("trend yearly.nc o.nc --method seasonal --period=", "'' is not known"),
    ("trend yearly.nc o.nc --per decades", "'decades' is not one of"),
    ("trend yearly.nc o.nc --min-valid 1", "'1' is not a whole number from 2 on"),
    ("trend yearly.nc o.nc --min-valid 1e3", "'1e3' is not a whole number"),
    ("trend yearly.nc o.nc --min-valid 99999999999999999999", "is not a whole number"),
    ("trend yearly.nc o.nc --threads 0", "'0' is not a whole number from 1 on"),
    ("trend yearly.nc o.nc --chunks lat=1,lat=2", "each name once"),
    ("trend yearly.nc o.nc --chunks lat=²", "is not NAME=SIZE"),
    ("trend yearly.nc o.nc --chunks lat", "is not NAME=SIZE"),
    ("trend yearly.nc o.nc --chunks=", "is not NAME=SIZE"),
    ("trend yearly.nc o.nc --memory-limit nan", "is not an amount of memory"),
    ("trend yearly.nc o.nc --memory-limit 1e999GB", "is not an amount of memory"),
    ("trend yearly.nc o.nc --memory-limit much", "is not an amount of memory"),
    ("trend yearly.nc o.nc --memory-limit -2GB", "is not an amount of memory"),
    ("trend yearly.nc o.nc --scheduler=", "--scheduler needs an address"),
    ("trend yearly.nc o.nc --select time", "is not NAME=VALUE"),
    ("trend yearly.nc o.nc --select =5", "is not NAME=VALUE"),
    ("trend yearly.nc o.nc --no-slope --plot a.png", "--plot draws the slope"),
    ("spectrum yearly.nc o.nc", "Missing option '--window'"),
    ("spectrum yearly.nc o.nc --window 0", "'0' is no length"),
    ("spectrum yearly.nc o.nc --window 10 --hop 0", "'0' is no length"),
    ("spectrum yearly.nc o.nc --window 10 --band 2Y", "'2Y' is not SHORTEST:LONGEST"),
    ("spectrum yearly.nc o.nc --window 10 --band 2Y:7Y:9Y", "is not SHORTEST:LONGEST"),
    ("spectrum yearly.nc o.nc --window 10 --taper tukey:", "is not NAME or NAME:NUMBER"),
    ("spectrum yearly.nc o.nc --window 10 --taper tukey:nan", "is not NAME or NAME:NUMBER"),
    ("spectrum yearly.nc o.nc --window 10 --band 2:7 --through-time", "leave --through-time out"),
    ("plot yearly.nc", "Missing argument 'MAP.png'"),
    ("demo a b", "unexpected extra argument"),
]


@pytest.mark.parametrize(("call", "message"), USAGE, ids=[call for call, _ in USAGE])
def test_a_call_that_is_none_is_one_line_too(folder, monkeypatch, call, message):
    monkeypatch.chdir(folder)
    said = refused(*call.split(), code=2)
    assert message in said
    assert said.endswith(" --help`")


def test_a_command_without_arguments_shows_its_help():
    for command in ([], ["trend"], ["info"], ["plot"]):
        code, lines = said_by(*command)
        assert code == 2
        assert lines[0].startswith("Usage: gridtrend")


def test_a_link_to_nothing_is_named_as_one(tmp_path):
    (tmp_path / "dead.nc").symlink_to("nowhere.nc")
    for command in (("info",), ("trend",)):
        line = refused(*command, tmp_path / "dead.nc", *([tmp_path / "out.nc"] if command == ("trend",) else []))
        assert line.endswith("dead.nc': it is a link to 'nowhere.nc', which is not there")


def test_a_matrix_in_a_file_keeps_nobody_from_the_other_variables(tmp_path):
    values = np.random.default_rng(0).normal(size=(12, 3))
    with netCDF4.Dataset(tmp_path / "both.nc", "w") as file:
        file.createDimension("time", 12)
        file.createDimension("x", 3)
        for name, dims, data in (
            ("time", ("time",), np.arange(2000, 2012)),
            ("tas", ("time", "x"), values),
            ("cov", ("time", "x", "x"), np.ones((12, 3, 3))),
        ):
            file.createVariable(name, "f8", dims)[:] = data
        file["time"].units = "years"
    exit_code, lines = said_by("trend", tmp_path / "both.nc", tmp_path / "out.nc", "-q")
    assert (exit_code, lines) == (0, [])
    with xr.open_dataset(tmp_path / "out.nc") as result:
        assert "slope" in result
        # Kendall's score by hand, for the first series.
        score = sum(np.sign(b - a) for i, a in enumerate(values[:, 0]) for b in values[i + 1 :, 0])
        assert int(result.s[0]) == score
    assert "has the dimension 'x' twice" in refused("trend", tmp_path / "both.nc", tmp_path / "out2.nc", "-v", "cov")
