"""Calls of the command line made at random: a result, or one line in its own words, with the right exit code.

GRIDTREND_FUZZ_MINUTES sets how long the long trials take (`pytest -m slow tests/test_cli_fuzz.py`).
"""

import contextlib
import itertools
import os
import random
import re
import shutil
import time

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from gridtrend.cli.commands import cli

MINUTES = float(os.environ.get("GRIDTREND_FUZZ_MINUTES", "30"))
# What no line may show: calls, arguments, types and errors of Python and of what lies beneath.
FOREIGN = re.compile(
    r"\b(da|ds|xr|np|pd|gt|xarray|pandas|numpy|dask)\.[a-z_]+|\b\w+\(\w*\)|\w=['\"(\[{]|\w=\.\.\.|\bTrue\b|\bFalse\b|\bNone\b"
    r"|<class|object at 0x|invalid literal|could not convert|Traceback|unexpected [A-Z]\w+|not supported between|__"
    r"|has no attribute|unhashable|broadcast|out of bounds|ufunc|Errno"
)
NUMBERS = [
    "0",
    "1",
    "2",
    "3",
    "5",
    "12",
    "24",
    "100",
    "-1",
    "1.5",
    "1e3",
    "nan",
    "inf",
    "99999999999999999999",
    "٣",
    "",
    " 4 ",
]
DURATIONS = [*NUMBERS, "5Y", "18 months", "30D", "0Y", "2X", "-3Y", "1e9Y", "5Y7", "week", "P1Y", "0.001S", "20Y", "1H"]
LEVELS = ["0.05", "0", "1", "0.5", "nan", "5e-324", "1e-20", "-0.1", "5%", "", "0,05", "0.9999999999999999"]
NAMES = ["tas", "time", "lat", "lon", "level", "member", "x", "", "TAS", "lat ", "time_bnds", "*", "naïve", "a\x1bb"]
DATES = [
    "1970",
    "1975:1980",
    "1980:1975",
    "1970,1980",
    "2000-13",
    "1975-02-30",
    ":",
    ":1980",
    "1980:",
    "nan",
    "1975.5",
    "0000",
]
DATES += ["1975-06:1976-02-29T12:00", "now", "99999", "-0001", "1975:1980:2"]
PARTS = [*DATES, "-30:30", "30:-30", "0", "1e400", "850", "a", "a:b", "350:10", "-180:180", "1_0", "r1i1p1f1"]
VALUES = {
    "--method": [
        "original",
        "hamed_rao",
        "yue_wang",
        "prewhitening",
        "tfpw",
        "3pw",
        "seasonal",
        "block_bootstrap",
        "ltp",
        "ar1",
        "wang_swail",
        "x",
    ],
    "--lag": [*NUMBERS, "all", "All"],
    "--period": [*NUMBERS, "month", "season", "week"],
    "--p-value": ["normal", "exact", "auto", "none"],
    "--alpha": LEVELS,
    "--per": ["step", "second", "day", "month", "year", "decade", "century", "years", ""],
    "--min-valid": NUMBERS,
    "--alternative": ["two-sided", "increasing", "less", "both"],
    "--fdr": ["bh", "by:0.1", "bky", "walker", "walker:0.2", "bh:", "bh:nan", "maxt", "", "bh:0.1:0.2"],
    "--chunks": ["lat=1", "lat=1,lon=2", "time=3", "lat=0", "lat=1,lat=2", "x=1", "lat", "", "lat=²", "lat=1e3"],
    "--memory-limit": ["1GB", "1MB", "0", "nan", "much", "1e999GB", "-1GB", ""],
    "--threads": ["1", "2", "0", "-1", "x"],
    "--rechunk": ["auto", "passes", "zarr", "p2p", "x"],
    "--dim": NAMES,
    "-v": NAMES,
    "--select": [f"{name}={part}" for name in ("time", "lat", "lon", "level", "member", "x") for part in PARTS]
    + ["time", "="],
    "--plot": ["m.png", "m.svg", "m", "m.xyz", "no/m.png", ""],
}
SPECTRAL = {
    "--window": DURATIONS,
    "--hop": DURATIONS,
    "--band": [f"{a}:{b}" for a in DURATIONS[:-3] for b in ("2", "7Y", "5", "0", "")] + ["2:7", "2Y:7Y", "7Y:2Y", ":"],
    "--taper": [
        "hann",
        "boxcar",
        "tukey:0.25",
        "tukey:9",
        "tukey:",
        "kaiser",
        "kaiser:8",
        "gaussian:0",
        "x",
        "",
        "dpss:2:3",
        "hann:1",
    ],
    "--detrend": ["none", "constant", "linear", "x"],
    "--sampling": ["regular", "calendar", "x"],
    "--nan-policy": ["propagate", "raise", "fill"],
    **{name: VALUES[name] for name in ("--alpha", "--per", "--threads", "--dim", "-v", "--select", "--plot")},
}
# Values that are none too odd: calls made of odd ones alone end before anything is opened.
SOUND = {
    "--method": ["original", "3pw", "seasonal", "hamed_rao"],
    "--lag": ["1", "3", "all", "24"],
    "--period": ["month", "season", "12", "3", "24"],
    "--alpha": ["0.05", "0.5", "1e-20"],
    "--min-valid": ["2", "4", "24", "25"],
    "--fdr": ["bh", "by:0.1", "walker"],
    "--chunks": ["lat=1", "lat=1,lon=2", "time=3", "x=1"],
    "--memory-limit": ["1GB", "1MB"],
    "--threads": ["1", "2"],
    "--rechunk": ["auto", "passes", "zarr"],
    "--plot": ["m.png", "m.svg"],
    "--select": [
        "time=1975:1980",
        "time=1970",
        "lat=-30:30",
        "lat=60",
        "lon=350:100",
        "level=850",
        "member=r1",
        "time=1980:",
    ],
    "--hop": ["4", "5Y", "20Y", "30"],
    "--window": ["8", "12", "5Y", "30"],
    "--band": ["2:7", "2Y:7Y", "7Y:2Y", "200Y:300Y"],
    "--taper": ["boxcar", "tukey:0.25", "tukey:9", "kaiser", "gaussian:0"],
}
FLAGS = ["--no-slope", "--resume", "--through-time", "--unknown", "-q"]


def inputs():
    """Small records, each odd in another way."""
    rng = np.random.default_rng(0)

    def record(times, shape=(3, 4), attrs=None):
        n = len(times)
        lat = ("lat", np.linspace(60, -60, shape[0]), {"units": "degrees_north"})
        lon = ("lon", np.linspace(0, 270, shape[1]), {"units": "degrees_east"})
        values = rng.normal(size=(n, *shape)) + np.arange(n)[:, None, None] / 10
        field = (("time", "lat", "lon"), values, {"units": "K", "long_name": "air temperature"})
        return xr.Dataset({"tas": field}, {"time": ("time", times, attrs or {}), "lat": lat, "lon": lon})

    years = xr.date_range("1970", periods=24, freq="YS")
    yearly = record(years)
    return {
        "yearly.nc": yearly,
        "monthly.nc": record(xr.date_range("1970", periods=48, freq="MS")),
        "noleap.nc": record(xr.date_range("1970", periods=24, freq="YS", calendar="noleap", use_cftime=True)),
        "hours.nc": record(xr.date_range("1975-06-01", periods=24, freq="h")),
        "numbers.nc": record(np.arange(24.0)),
        "bare.nc": yearly.drop_vars(["time", "lat", "lon"]),
        "since.nc": record(np.arange(24.0), attrs={"units": "days since 0000-00-00"}),
        "words.nc": record([f"step {k}" for k in range(24)]),
        "twice.nc": yearly.isel(time=[0, *range(23)]),
        "backwards.nc": yearly.isel(time=slice(None, None, -1)),
        "holes.nc": yearly.where(rng.random(yearly.tas.shape) > 0.3),
        "empty.nc": yearly * np.nan,
        "flat.nc": yearly * 0,
        "short.nc": yearly.isel(time=slice(3)),
        "one.nc": yearly.isel(time=slice(1)),
        "none.nc": yearly.isel(time=slice(0)),
        "levels.nc": yearly.expand_dims(level=[1000.0, 850.0]),
        "members.nc": yearly.expand_dims(member=["r1", "r2"]),
        "series.nc": yearly.isel(lat=0, lon=0),
        "flags.nc": (yearly > 1).astype("i1"),
        "pair.nc": yearly.assign(pr=yearly.tas * np.nan, label=("time", np.array(["a"] * 24, object))),
        "unsorted.nc": yearly.isel(lat=[1, 0, 2]).assign_coords(lon=[0.0, 90, np.nan, 270]),
        "slopes.nc": xr.Dataset({f"{n}_slope": (("lat", "lon"), np.ones((3, 4))) for n in ("a", "b")}),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz")
    for name, dataset in inputs().items():
        dataset.to_netcdf(path / name, engine="netcdf4")
    (path / "text.nc").write_text("no netCDF")
    (path / "nothing.nc").write_bytes(b"")
    return path


def call(rng, names):
    """A call of a command: mostly right, with a few odd options."""
    command = rng.choice(["trend", "trend", "trend", "spectrum", "spectrum", "info", "plot"])
    sources = [rng.choice(names)] if rng.random() < 0.9 else rng.sample(names, 2)
    options = SPECTRAL if command == "spectrum" else VALUES
    if command == "info":
        options = {
            name: VALUES[name] for name in ("--dim", "-v", "--select", "--chunks", "--memory-limit", "--threads")
        }
    target = rng.choice(["out.nc"] * 6 + ["out.zarr", "out.txt", "no/out.nc", "yearly.nc", ""])
    arguments = [command, *sources]
    if command == "plot":
        return [
            *arguments,
            rng.choice(["m.png", "m.gif", ""]),
            *(["-v", rng.choice(NAMES)] if rng.random() < 0.5 else []),
        ]
    arguments += [] if command == "info" else [target]
    if command == "spectrum":
        arguments += ["--window", rng.choice(["8", "12", rng.choice(DURATIONS)])]
        arguments += ["--sampling", "calendar"] if rng.random() < 0.7 else []
    for name in rng.sample(sorted(options), rng.choice([0, 1, 1, 2, 2, 3])):
        arguments += [name, rng.choice(SOUND.get(name, options[name]) if rng.random() < 0.75 else options[name])]
    return [*arguments, *([rng.choice(FLAGS)] if rng.random() < 0.1 else [])]


def judge(arguments):
    """What is wrong with how a call ended; nothing if all is well."""
    outcome = CliRunner().invoke(cli, arguments)
    lines = outcome.output.splitlines()
    if not isinstance(outcome.exception, (SystemExit, type(None))):
        return f"raised {outcome.exception!r}"
    told = [line for line in lines if not line.startswith("gridtrend: note: ")]
    if outcome.exit_code not in (0, 1, 2):
        return f"exit code {outcome.exit_code}"
    if outcome.exit_code and not (len(told) == 1 and told[0].startswith("gridtrend: error: ")):
        return f"exit code {outcome.exit_code} with {lines}"
    if not outcome.exit_code and (any("error" in line for line in told) or (len(told) > 1 and arguments[0] != "info")):
        return f"exit code 0 with {lines}"
    if len(lines) > 6 and arguments[0] != "info":
        return f"{len(lines)} lines: {lines}"
    for line in lines:
        # What the user wrote comes back in quotation marks or after its option.
        if found := FOREIGN.search(line):
            return f"{found[0]!r} in {line!r}"
        if len(line) > 600:
            return f"{len(line)} characters: {line[:200]}"
    return ""


def trials(folder, monkeypatch, seed, count, *, compile_all):
    """Make `count` calls; return what is wrong with any."""
    monkeypatch.chdir(folder)
    rng = random.Random(seed)
    names = sorted(path.name for path in folder.iterdir())
    before = {name: (folder / name).read_bytes() for name in names}
    wrong = []
    for _ in range(count):
        arguments = call(rng, [*names, "nowhere.nc", "*.txt", "."])
        # Methods that are compiled for half a minute each are for the long run.
        if not compile_all and {"hamed_rao", "yue_wang", "prewhitening", "tfpw", "3pw", "block_bootstrap", "ltp"} & {
            *arguments
        }:
            continue
        if reason := judge(arguments):
            wrong.append(f"{' '.join(map(repr, arguments))}: {reason}")
        for path in folder.iterdir():
            if path.name not in before:
                with contextlib.suppress(OSError):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        changed = [
            name for name in names if not (folder / name).exists() or (folder / name).read_bytes() != before[name]
        ]
        if changed:
            wrong.append(f"{arguments}: changed {changed}")
            for name in changed:
                (folder / name).write_bytes(before[name])
    return wrong


@pytest.mark.filterwarnings("default")
def test_some_calls_at_random(folder, monkeypatch):
    pytest.importorskip("matplotlib")
    wrong = trials(folder, monkeypatch, 20261130, 120, compile_all=False)
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.timeout(60 * MINUTES + 600)
@pytest.mark.filterwarnings("default")
def test_many_calls_at_random(folder, monkeypatch, capsys):
    """GRIDTREND_FUZZ_MINUTES of calls, from GRIDTREND_FUZZ_SEED on."""
    pytest.importorskip("matplotlib")
    start, first, wrong = time.monotonic(), int(os.environ.get("GRIDTREND_FUZZ_SEED", "0")), []
    for seed in itertools.count(first):
        wrong += trials(folder, monkeypatch, seed, 100, compile_all=True)
        if time.monotonic() > start + 60 * MINUTES:
            break
    with capsys.disabled():
        print(f"{100 * (seed + 1 - first)} calls, {len(wrong)} of them failed")
    assert not wrong, "\n".join(wrong)
