"""Inputs as they come: text in files, several files, groups, other kinds, places of cells, remote files."""

import os
import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend import io
from gridtrend.io import remote

STATIONS = ["Amos", "Kugluktuk", "Vancouver, BC"]


def run(*arguments, **options):
    """Run the command line in a process of its own: a crash must not take the tests with it."""
    call = [sys.executable, "-m", "gridtrend", *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, timeout=300, check=False, **options)


def years(first, count, **changes):
    """Make a small record of annual values."""
    time = xr.date_range(f"{first}-07-01", periods=count, freq="YS-JUL")
    values = np.random.default_rng(first).normal(size=(count, 4, 6)).astype("f4")
    coords = {
        "time": time,
        "lat": ("lat", [60.0, 30.0, 0.0, -30.0], {"units": "degrees_north"}),
        "lon": ("lon", np.arange(0.0, 360, 60), {"units": "degrees_east"}),
    }
    return xr.Dataset({"tas": (("time", "lat", "lon"), values, {"units": "K"})}, coords | changes)


def save(dataset, path, **options):
    """Write netCDF with one reference date for all files."""
    dataset.to_netcdf(path, engine="netcdf4", encoding={"time": {"units": "days since 1900-01-01"}}, **options)
    return path


# --- one handle a file -----------------------------------------------------------------------------


@pytest.fixture
def stations(tmp_path):
    """Return the path of a file with two variables, names of stations and a scalar label."""
    time = xr.date_range("1950", periods=60, freq="YS")
    values = np.random.default_rng(0).normal(size=(60, 3)).astype("f4")
    coords = {"time": time, "location": STATIONS, "experiment": "ssp245"}
    dataset = xr.Dataset(dict.fromkeys(("pr", "tas", "sd"), (("time", "location"), values)), coords)
    dataset.to_netcdf(tmp_path / "stations.nc", engine="netcdf4")
    return tmp_path / "stations.nc"


@pytest.mark.parametrize("command", ["info", "trend", "spectrum"])
def test_text_in_a_file_of_several_variables_does_not_crash_the_library(stations, command, tmp_path):
    # Unidata/netcdf4-python#1444: strings read through a second handle of an open file; rc was 139 (SIGSEGV).
    rest = {
        "info": [],
        "trend": [tmp_path / "o.nc"],
        "spectrum": [tmp_path / "o.nc", "--window", "20", "--sampling", "calendar"],
    }
    found = run(command, stations, *rest[command])
    assert found.returncode == 0, (found.returncode, found.stderr)


def test_several_files_with_text_do_not_either(stations, tmp_path):
    with xr.open_dataset(stations, engine="netcdf4") as dataset:
        dataset = dataset.load()
    for k, steps in enumerate((slice(0, 20), slice(20, 45), slice(45, 60))):
        dataset.isel(time=steps).to_netcdf(tmp_path / f"part_{k}.nc", engine="netcdf4")
    code = (
        "import sys, gridtrend as gt\n"
        "for name in ('pr', 'tas', 'sd', 'pr'):\n"
        "    da = gt.open_grid(sys.argv[1], variable=name, memory_limit='400MB')\n"
        "    assert (gt.mann_kendall(da).n_valid.compute() == 60).all()\n"
        "print(da.location.values.tolist())"
    )
    call = [sys.executable, "-c", code, str(tmp_path / "part_*.nc")]
    found = subprocess.run(call, capture_output=True, text=True, timeout=300, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == str(STATIONS)


@pytest.mark.parametrize("name", ["ahccd_1950-2013.nc", "GFWED_sample_2017.nc"])
def test_real_files_with_text_are_read(shared_data, name, tmp_path):
    path = shared_data(name)
    assert run("info", path).returncode == 0
    found = run("trend", path, tmp_path / "o.nc", "--min-valid", "10")
    assert found.returncode == 0, found.stderr
    found = run("spectrum", path, tmp_path / "s.nc", "--window", "100")
    assert found.returncode == 0, found.stderr
    drawn = run("plot", tmp_path / "o.nc", tmp_path / "m.png")
    assert drawn.returncode == 1, "stations have no map"
    assert drawn.stderr.count("\n") == 1


def test_all_variables_of_a_file_share_one_handle(stations):
    def handles():
        links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        return sum(os.path.realpath(link) == os.path.realpath(stations) for link in links)

    record = io.open_input([stations])
    for name in ("pr", "tas", "sd"):
        record[name][:10].load()
        assert handles() == 1
    del record
    assert handles() == 0


def test_a_file_that_is_replaced_is_read_anew(tmp_path):
    path = save(years(2000, 5), tmp_path / "a.nc")
    old = io.open_input([path])["tas"]
    before = old[:2].values
    save(years(2000, 5).assign(tas=years(1990, 5).tas.variable), tmp_path / "b.nc")
    os.replace(tmp_path / "b.nc", path)
    assert not np.array_equal(io.open_input([path])["tas"][:2], before)
    with pytest.raises(io.InputError, match=r"a\.nc' cannot be read: variable 'tas', time 2:4, .* has changed"):
        old[2:4].load()


# --- labels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ("Amos", "Amos"),
        ("Kugluktuk,Amos", ["Kugluktuk", "Amos"]),
        ("Vancouver, BC", "Vancouver, BC"),
        (" Amos ", "Amos"),
    ],
)
def test_labels_are_selected_by_name(stations, wanted, left):
    assert io.select(io.open_input([stations]), "location", wanted)["location"].values.tolist() == left
    assert gt.open_grid(stations, variable="pr", select={"location": wanted}).location.values.tolist() == left


def test_labels_of_characters_are_selected_by_name():
    dataset = xr.Dataset(coords={"member": ("member", np.array([b"r1i1p1f1 ", b"r2i1p1f1 "]))})
    assert io.select(dataset, "member", "r2i1p1f1")["member"].item() == b"r2i1p1f1 "


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("amos", "'location' has no label 'amos': did you mean 'Amos'"),
        ("Oslo", "no label 'Oslo': it has Amos, Kugluktuk, Vancouver, BC"),
        ("Amos,Oslo", "no label 'Oslo'"),
    ],
)
def test_labels_that_are_not_there_are_named_with_those_that_are(stations, wanted, message):
    with pytest.raises(io.InputError, match=message):
        io.select(io.open_input([stations]), "location", wanted)


def test_a_label_of_two_is_refused():
    dataset = xr.Dataset(coords={"member": ["a", "b", "a"]})
    with pytest.raises(io.InputError, match="'member' holds the label 'a' 2 times"):
        io.select(dataset, "member", "a")


# --- what is analysed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "attrs", "values"),
    [
        ("date", {}, [1, 2, 3, 4, 5]),
        ("yyyymm", {}, [198001, 198002, 198003, 198004, 198005]),
        ("datesec", {"units": "s"}, [0, 0, 0, 0, 0]),
        ("stamp", {}, [19800131, 19800229, 19800331, 19800430, 19800531]),
        ("code", {}, [198011, 198012, 198101, 198102, 198103]),
        ("when", {"long_name": "current date (YYYYMMDD)"}, [1, 2, 3, 4, 5]),
        ("year", {}, [1980, 1981, 1982, 1983, 1984]),
        ("time_bound", {}, [1, 2, 3, 4, 5]),
    ],
)
def test_coded_dates_are_no_variables_by_default(name, attrs, values):
    flow = ("time", [5.0, 3.0, 4.0, 6.0, 2.0])
    dataset = xr.Dataset({"flow": flow, name: ("time", values, attrs)}, {"time": np.arange(5)})
    assert io.find_variables(dataset, "time") == ["flow"]
    assert io.find_variables(dataset, "time", [name]) == [name]
    with pytest.raises(io.InputError, match=f"'{name}' (holds coded dates|only describes others)"):
        io.find_variables(dataset[[name]], "time")


def dates_beside(length=40, freq="MS", calendar="standard"):
    time = xr.date_range("1980-01", periods=length, freq=freq, calendar=calendar, use_cftime=calendar != "standard")
    lat, lon = np.arange(4.0), np.arange(20.0)
    tas = np.random.default_rng(0).normal(size=(length, 4, 20))
    return xr.Dataset({"tas": (("time", "lat", "lon"), tas)}, {"time": time, "lat": lat, "lon": lon})


@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
@pytest.mark.parametrize(
    ("name", "dims", "parts"),
    [
        # The file pr_day_CanESM2_365day_2095.nc of xclim's tests: year, month and day, the same in every cell.
        ("time_vectors", ("time", "ts", "lon", "lat"), ["year", "month", "day"]),
        ("date", ("time", "vector"), ["year", "month", "day", "hour", "minute", "second"]),
        ("calendar_date", ("vector", "time"), ["year", "dayofyear"]),
        ("datesec", ("time", "member"), ["hour", "hour"]),
        ("month_of_year", ("time", "lat", "lon"), ["month"]),
    ],
)
def test_dates_of_several_dimensions_are_no_variables_by_default(tmp_path, calendar, name, dims, parts):
    dataset = dates_beside(calendar=calendar)
    values = xr.concat([getattr(dataset.time.dt, part) for part in parts], dims[1] if dims[0] == "time" else dims[0])
    sizes = {"lat": 4, "lon": 20}
    if name == "month_of_year":
        values = values.isel(lat=0, drop=True)
    values = values.expand_dims({dim: sizes[dim] for dim in dims if dim not in values.dims}).transpose(*dims)
    record = io.open_input([save(dataset.assign({name: values.astype("f8").drop_vars("time")}), tmp_path / "a.nc")])
    assert io.find_variables(record, "time") == ["tas"]
    assert io.find_variables(record, "time", [name]) == [name]


def test_codes_of_several_dimensions_are_no_variables_by_default():
    dataset = dates_beside()
    codes = 10_000 * dataset.time.dt.year + 100 * dataset.time.dt.month + 15
    dataset["date"] = codes.expand_dims(member=3, axis=1)
    dataset["bound"] = (codes // 100).expand_dims(side=2).assign_attrs(long_name="YYYYMM of the bounds")
    assert io.find_variables(dataset, "time") == ["tas"]


def test_fields_that_are_named_after_times_are_variables():
    dataset = dates_beside()
    rng = np.random.default_rng(1)
    for name in ("days", "day_of_onset", "daytime_temperature", "years"):
        dataset[name] = dataset.tas.copy(data=rng.integers(0, 31, dataset.tas.shape))
    # As the hours of monthly dates, and as a desert.
    dataset["rain_days"] = xr.zeros_like(dataset.tas)
    # One cell of many is a number of another kind.
    months = dataset.time.dt.month.values[:, None, None] * np.ones((1, 4, 20))
    months[5:, 2, 19] += 1
    dataset["month_of_maximum"] = dataset.tas.copy(data=months)
    expected = ["tas", "days", "day_of_onset", "daytime_temperature", "years", "rain_days", "month_of_maximum"]
    assert io.find_variables(dataset, "time") == expected


def test_dates_of_a_real_file_are_no_variables(shared_data):
    record = io.open_input([str(shared_data("pr_day_CanESM2_365day_2095.nc"))])
    assert io.find_variables(record, "time") == ["pr"]


@pytest.mark.parametrize("values", [[200001.0, 200113, 200114, 200115], [150000, 160000, 170000, 180000], [5, 6, 7, 8]])
def test_rising_numbers_that_are_no_dates_are_variables(values):
    dataset = xr.Dataset({"population": ("time", values)}, {"time": np.arange(4)})
    assert io.find_variables(dataset, "time") == ["population"]


def test_only_choices_are_listed(tmp_path):
    dataset = years(2000, 5).assign(
        time_bnds=(("time", "bnds"), np.zeros((5, 2))),
        crs=((), 0, {"grid_mapping_name": "latitude_longitude"}),
        label=("time", list("abcde")),
    )
    with pytest.raises(io.InputError, match=r"no variable 'pr' among tas$"):
        io.find_variables(io.open_input([save(dataset, tmp_path / "a.nc")]), "time", ["pr"])


# --- several files ---------------------------------------------------------------------------------


def test_overlapping_files_keep_the_first_on_request(tmp_path):
    # HadGEM2-ES: ..._208012-209912 and ..._209912-212411.
    first, second = years(2000, 10), years(2008, 10)
    paths = [save(second, tmp_path / "b.nc"), save(first, tmp_path / "a.nc")]
    with pytest.raises(io.InputError, match=r"hold 2 times twice.*with overlap='first'"):
        io.open_input(paths)
    record = io.open_input(paths, overlap="first")
    expected = xr.concat([first, second.isel(time=slice(2, None))], "time")
    assert not record["tas"].variable._in_memory
    xr.testing.assert_equal(record["tas"].load(), expected["tas"])
    tas = gt.open_grid(paths, overlap="first", select={"time": "2005:2012"})
    np.testing.assert_array_equal(tas, expected["tas"].sel(time=slice("2005", "2012")))
    result = tmp_path / "o.nc"
    assert run("trend", *paths, result, "--overlap", "first").returncode == 0
    with xr.open_dataset(result, engine="netcdf4") as trends:
        assert (trends.n_valid == 18).all()


def test_files_that_alternate_are_put_in_order(tmp_path):
    whole = years(2000, 9)
    paths = [save(whole.isel(time=slice(k, None, 2)), tmp_path / f"{k}.nc") for k in (0, 1)]
    with pytest.raises(io.InputError, match="overlap in time"):
        io.open_input(paths)
    xr.testing.assert_equal(io.open_input(paths, overlap="first")["tas"].load(), whole["tas"])


def test_one_time_in_two_files_is_one_time(tmp_path):
    paths = [save(years(2000, 3), tmp_path / "a.nc"), save(years(2002, 3), tmp_path / "b.nc")]
    with pytest.raises(io.InputError, match="hold 1 time twice"):
        io.open_input(paths)


def test_what_one_file_repeats_is_not_dropped(tmp_path):
    repeated = years(2000, 4).isel(time=[0, 1, 1, 2, 3])
    paths = [save(repeated, tmp_path / "a.nc"), save(years(2003, 3), tmp_path / "b.nc")]
    assert io.open_input(paths, overlap="first").sizes["time"] == 7


@pytest.mark.parametrize("turned", [("lat",), ("lon",), ("lat", "lon")])
def test_a_file_with_a_reversed_axis_is_turned_back(tmp_path, turned):
    first, second = years(2000, 5), years(2005, 5)
    other = second.isel({name: slice(None, None, -1) for name in turned})
    paths = [save(first, tmp_path / "a.nc"), save(other, tmp_path / "b.nc")]
    expected = xr.concat([first, second], "time")["tas"]
    found = io.open_input(paths)["tas"]
    xr.testing.assert_equal(found.load(), expected)
    found = io.open_input(paths)["tas"]
    np.testing.assert_array_equal(found[3:8, 1:3, [4, 1]].values, expected.values[3:8, 1:3][..., [4, 1]])
    np.testing.assert_array_equal(found[::2, ::2, 5].values, expected.values[::2, ::2, 5])


# --- what is no netCDF file ------------------------------------------------------------------------


def test_pipes_and_devices_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.nc")
    for path in (tmp_path / "pipe.nc", "/dev/zero"):
        with pytest.raises(io.InputError, match="is a pipe or a device"):
            io.open_input([path])
    os.symlink(tmp_path / "pipe.nc", tmp_path / "link.nc")
    with pytest.raises(io.InputError, match=r"link\.nc' is a pipe or a device"):
        io.list_inputs([tmp_path / "*.nc"])


def test_compressed_files_are_named_with_a_call_that_unpacks_them(tmp_path):
    path = tmp_path / "my record.nc.gz"
    path.write_bytes(b"\x1f\x8b\x08\0\0")
    with pytest.raises(io.InputError, match=r"as in `gunzip < '.*/my record\.nc\.gz' > '.*/my record\.nc'`"):
        io.open_input([path])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xfd7zXZ\0", "compressed with xz"),
        (bytes(257) + b"ustar\0", "a tar archive"),
        (b"\n<HTML><head><TITLE>Log in &amp; go</TITLE>", r"a web page \('Log in & go'\)"),
        (b"BUFR\0\0\0\4", "a BUFR file"),
        (b"\x93NUMPY\x01\0", "a NumPy array"),
        (b"MM\0+" + bytes(9), "a TIFF file: convert it, for example with `gdal_translate"),
    ],
)
def test_further_kinds_are_known_by_their_first_bytes(tmp_path, content, says):
    (tmp_path / "a.nc").write_bytes(content)
    with pytest.raises(io.InputError, match=says):
        io.open_input([tmp_path / "a.nc"])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("consolidated", [True, False])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_stores_open_without_a_warning(tmp_path, zarr_format, consolidated):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labelled = years(2000, 5).assign_coords(member="r1i1p1f1")
        labelled.to_zarr(tmp_path / "a.zarr", zarr_format=zarr_format, consolidated=consolidated)
    record = io.open_input([tmp_path / "a.zarr"])
    assert record["member"].item() == "r1i1p1f1"
    np.testing.assert_array_equal(record["tas"], years(2000, 5)["tas"])


@pytest.mark.parametrize("broken", ["zarr.json", "tas/zarr.json", "time/zarr.json"])
def test_a_damaged_store_is_named_in_one_line(tmp_path, broken):
    years(2000, 5).to_zarr(tmp_path / "a.zarr", zarr_format=3, consolidated=False)
    (tmp_path / "a.zarr" / broken).write_text("{ no json")
    with pytest.raises(io.InputError, match=r"a\.zarr' cannot be read as a Zarr store: its metadata are damaged"):
        io.open_input([tmp_path / "a.zarr"])


def test_groups_inherit_what_describes_them(tmp_path):
    path = save(years(2000, 5)[["time", "lat", "lon"]], tmp_path / "a.nc")
    with netCDF4.Dataset(path, "a") as file:
        variable = file.createGroup("ocean/surface").createVariable("sst", "f4", ("time", "lat", "lon"))
        variable[:] = years(2000, 5)["tas"].values
    sst = gt.open_grid(path, group="ocean/surface")
    assert sst.time.dt.year.values.tolist() == [2000, 2001, 2002, 2003, 2004]
    np.testing.assert_array_equal(sst, years(2000, 5)["tas"])
    with pytest.raises(io.InputError, match=r"has no group 'land'; its groups: ocean/surface"):
        io.open_input([path], group="land")


# --- attributes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "text"),
    [(1, "1"), (np.float32(0.5), "0.5"), (np.nan, None), (np.array([1, 2]), None), ("K\x1b[31m\n", "K [31m")],
)
def test_units_that_are_no_text(tmp_path, units, text):
    dataset = years(2000, 8)
    path = save(dataset, tmp_path / "a.nc")
    with netCDF4.Dataset(path, "a") as file:
        file["tas"].units = units
    tas = io.open_input([path])["tas"]
    assert tas.attrs.get("units") == text
    assert gt.theil_sen(tas).slope.attrs.get("units", "year-1").endswith("year-1")
    np.testing.assert_array_equal(tas, dataset["tas"])


def test_references_that_are_no_names_are_dropped(tmp_path):
    path = save(years(2000, 5), tmp_path / "a.nc")
    with netCDF4.Dataset(path, "a") as file:
        file["tas"].setncatts({"coordinates": 5, "grid_mapping": 1.5, "cell_measures": np.array([1, 2])})
    assert io.find_variables(io.open_input([path]), "time") == ["tas"]


# --- places of cells -------------------------------------------------------------------------------


def wrf(first, count, moving=False, coordinates="XLONG XLAT XTIME"):
    """Make a record as WRF writes it: places that are repeated at every step."""
    y, x = np.meshgrid(np.linspace(40, 50, 3), np.linspace(-10, 0, 4), indexing="ij")
    shift = np.arange(count)[:, None, None] if moving else np.zeros((count, 1, 1))
    dims = ("Time", "south_north", "west_east")
    days = 365.0 * (first - 1990 + np.arange(count))
    values = np.random.default_rng(first).normal(size=(count, 3, 4))
    return xr.Dataset(
        {
            "T2": (dims, values, {"units": "K"} | ({"coordinates": coordinates} if coordinates else {})),
            "XLAT": (dims, y + shift, {"units": "degree_north"}),
            "XLONG": (dims, x + shift, {"units": "degree_east"}),
            "XTIME": ("Time", days, {"units": "days since 1990-01-01", "calendar": "noleap"}),
        }
    )


@pytest.mark.parametrize("coordinates", ["XLONG XLAT XTIME", "XTIME"])
def test_places_that_wrf_repeats_are_kept_on_results(tmp_path, coordinates):
    paths = [tmp_path / "a.nc", tmp_path / "b.nc"]
    for path, first in zip(paths, (1990, 1996), strict=True):
        wrf(first, 6, coordinates=coordinates).to_netcdf(path, engine="netcdf4")
    record = io.open_input(paths)
    assert record["XLAT"].dims == record["XLONG"].dims == ("south_north", "west_east")
    np.testing.assert_array_equal(record["XLAT"], wrf(1990, 1)["XLAT"][0])
    assert io.find_variables(record, "Time") == ["T2"]
    assert run("trend", *paths, tmp_path / "o.nc", "--plot", tmp_path / "m.png").returncode == 0
    with xr.open_dataset(tmp_path / "o.nc", engine="netcdf4") as trends:
        assert set(trends.slope.coords) >= {"XLAT", "XLONG"}


def test_places_that_move_are_not_taken_for_one(tmp_path):
    wrf(1990, 6, moving=True).to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    record = io.open_input([tmp_path / "a.nc"])
    assert record["XLAT"].dims == ("Time", "south_north", "west_east")
    assert not record["XLAT"].variable._in_memory


def test_only_three_steps_of_repeated_places_are_read(tmp_path, monkeypatch):
    wrf(1990, 40).to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    from xarray.backends.netCDF4_ import NetCDF4ArrayWrapper

    sizes = []
    real = NetCDF4ArrayWrapper._getitem

    def counted(self, key):
        found = real(self, key)
        sizes.append((self.variable_name, np.size(found)))
        return found

    monkeypatch.setattr(NetCDF4ArrayWrapper, "_getitem", counted)
    io.open_input([tmp_path / "a.nc"])
    assert sum(size for name, size in sizes if name in ("XLAT", "XLONG")) == 2 * 3 * 12
    assert not [name for name, _ in sizes if name == "T2"]


@pytest.mark.parametrize("attrs", [{"units": "degrees_north"}, {"standard_name": "latitude", "units": "degrees"}])
def test_places_that_no_variable_names_become_coordinates(tmp_path, attrs):
    y, x = np.meshgrid(np.linspace(40, 50, 4), np.linspace(-10, 0, 6), indexing="ij")
    dataset = years(2000, 5).drop_vars(["lat", "lon"]).rename(lat="j", lon="i")
    dataset["tlat"], dataset["tlon"] = (("j", "i"), y, attrs), (("j", "i"), x, {"units": "degrees_east"})
    record = io.open_input([save(dataset, tmp_path / "a.nc")])
    assert {"tlat", "tlon"} <= set(record["tas"].coords)
    with pytest.raises(
        io.InputError, match=r"'tlat', which has 2 dimensions on this curvilinear grid \(j, i\): cut along"
    ):
        io.select(record, "tlat", "40:45")


def test_latitudes_that_are_data_stay_data(tmp_path):
    # The latitude of a jet stream through time is a record like any other.
    jet = years(2000, 5).assign(jet=("time", [40.0, 42, 41, 45, 44], {"units": "degrees_north"}))
    jet["band"] = (("time", "lon"), np.random.default_rng(0).normal(size=(5, 6)), {"units": "degrees_north"})
    record = io.open_input([save(jet, tmp_path / "a.nc")])
    assert io.find_variables(record, "time") == ["tas", "band"]
    assert io.find_variables(record, "time", ["jet"]) == ["jet"]


# --- remote files ----------------------------------------------------------------------------------


def test_downloads_are_removed_at_the_end(tmp_path):
    path = save(years(2000, 8), tmp_path / "a.nc")
    (tmp_path / "tmp").mkdir()
    options = {"env": os.environ | {"TMPDIR": str(tmp_path / "tmp")}}
    assert run("info", f"file://{path}", **options).returncode == 0
    assert run("trend", f"file://{path}", tmp_path / "o.nc", **options).returncode == 0
    assert run("info", f"file://{path}", "-v", "none", **options).returncode == 1
    failed = run("info", f"file://{tmp_path}/none.nc", **options)
    assert failed.returncode == 1
    assert "none.nc' cannot be fetched: there is no such file. Check the address" in failed.stderr
    assert os.listdir(tmp_path / "tmp") == []


def test_downloads_last_as_long_as_they_are_needed(tmp_path):
    path = save(years(2000, 8), tmp_path / "a.nc")
    tas = gt.open_grid(f"file://{path}")
    with pytest.raises(io.InputError, match="cannot be fetched"):
        gt.open_grid(f"file://{tmp_path}/none.nc")
    np.testing.assert_array_equal(tas, years(2000, 8)["tas"])
    folders = list(remote._folders)
    remote.remove_downloads()
    assert not [folder for folder in folders if Path(folder).exists()]


def test_an_address_that_does_not_answer_is_one_line():
    found = run("info", "https://nowhere.invalid/a.nc")
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1
    assert "does not answer as an OPeNDAP server" in found.stderr
    assert "'simplecache::https://nowhere.invalid/a.nc'" in found.stderr
