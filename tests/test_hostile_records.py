"""Every hostile record goes through all commands: with a result, or with one clear line."""

import os
import re

import pytest
import xarray as xr
from click.testing import CliRunner

from gridtrend.cli.commands import cli
from tests.hostile_records import RECORDS, make

# Words of Python and of libraries, which mean nothing to users.
FOREIGN = re.compile(
    r"Traceback|\b[A-Z][A-Za-z]+(Error|Exception|Warning)\b|unexpected|object at 0x|<class|np\.\w+_|could not convert|"
    r"truth value|unable to decode|positive finite|format code|not supported between|xarray\.Variable|GRIDTREND_DEBUG"
)
COMMANDS = {
    "info": [],
    "trend": ["trend.nc"],
    "spectrum": ["spectrum.nc", "--window", "4"],
}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Return the paths of all records, written once."""
    return make(tmp_path_factory.mktemp("hostile"))


def run(folder, *arguments):
    """Run a command in a folder of its own; an error must be one line."""
    found = CliRunner().invoke(cli, list(map(str, arguments)))
    assert found.exception is None or isinstance(found.exception, SystemExit), arguments
    lines = found.stderr.splitlines()
    errors = [line for line in lines if not line.startswith("gridtrend: note:")]
    assert not FOREIGN.search(found.stderr), found.stderr
    assert found.exit_code in (0, 1, 2)
    if found.exit_code == 1:
        assert len(errors) == 1, found.stderr
        assert errors[0].startswith("gridtrend: error: ")
    assert not [name for name in os.listdir(folder) if name.startswith(".")], "nothing unfinished is left"
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", found.output), "no control characters reach the terminal"
    return found


def test_there_are_many_records(records):
    assert len(records) == len(RECORDS) >= 130


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", RECORDS)
def test_a_hostile_record_gives_a_result_or_one_clear_line(records, name, tmp_path):
    for command, rest in COMMANDS.items():
        rest = [tmp_path / word if word.endswith(".nc") else word for word in rest]
        found = run(tmp_path, command, records[name], *rest)
        if command != "info" and found.exit_code == 0:
            with xr.open_dataset(rest[0], engine="netcdf4") as result:
                result.load()
    if os.path.exists(tmp_path / "trend.nc"):
        found = run(tmp_path, "plot", tmp_path / "trend.nc", tmp_path / "map.png")
        assert os.path.exists(tmp_path / "map.png") == (found.exit_code == 0)


@pytest.mark.parametrize(
    ("name", "says"),
    list(
        {
            "kind_gzip": "compressed with gzip: unpack it with `gunzip`",
            "kind_zip": "a zip archive: unpack it with `unzip",
            "kind_bzip2": "compressed with bzip2: unpack it with `bunzip2`",
            "kind_hdf4": "an HDF4 file: convert it",
            "kind_grib": "a GRIB file: convert it",
            "kind_tiff": "a TIFF file: convert it",
            "kind_html": r"a web page \('Sign in'\)",
            "kind_folder": "is a folder and no Zarr store",
            "groups_only": r"holds no variables outside its groups \(ocean/surface\): choose one with --group ocean/surface",
            "zarr_groups": r"holds no variables outside its groups \(ocean\): choose one with --group ocean",
            "zarr_damaged": "zarr_damaged.zarr' cannot be read as a Zarr store: its metadata are damaged",
            "zarr_zero_chunk": "zarr_zero_chunk.zarr' cannot be read as a Zarr store",
            "missing_unwritten_integers": "ncatted -a _FillValue,tas,c,l,-2147483647 FILE",
            "type_complex": "holds complex numbers",
            "type_compound": "holds records of speed, direction",
            "time_none": "there is no time dimension",
        }.items()
    ),
)
def test_what_cannot_be_used_is_named_with_what_to_do(records, name, says, tmp_path):
    found = run(tmp_path, "trend", records[name], tmp_path / "out.nc")
    assert found.exit_code == 1
    assert re.search(says, found.stderr), found.stderr


@pytest.mark.parametrize("name", ["groups_only", "zarr_groups"])
def test_a_group_is_chosen_by_its_name(records, name, tmp_path):
    group = {"groups_only": "ocean/surface", "zarr_groups": "ocean"}[name]
    assert "tas (time 8, lat 2" in run(tmp_path, "info", records[name], "--group", group).output
    assert run(tmp_path, "trend", records[name], tmp_path / "o.nc", "--group", group).exit_code == 0
    assert re.search(rf"no group 'sea'.*{group}", run(tmp_path, "info", records[name], "--group", "sea").stderr)
