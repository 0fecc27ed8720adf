"""Opening, finding, cutting, reading and writing files."""

import os
import subprocess
import sys

import netCDF4
import numpy as np
import pytest
import xarray as xr

from gridtrend import io


def write_netcdf(path, *, years=range(2000, 2012), data_format="NETCDF4", **changes):
    """Write a small record of annual temperatures; `changes` replace variables or their attributes."""
    n = len(years)
    values = np.random.default_rng(years[0]).normal(280, 2, (n, 4, 6)).astype("f4")
    variables = {
        "time": (("time",), 365.0 * (np.array(years) - 1990), {"units": "days since 1990-01-01"}),
        "lat": (("lat",), [60.0, 30.0, 0.0, -30.0], {"units": "degrees_north"}),
        "lon": (("lon",), np.arange(0.0, 360, 60), {"units": "degrees_east"}),
        "tas": (("time", "lat", "lon"), values, {"units": "K"}),
    }
    variables["time"][2]["calendar"] = "noleap"
    with netCDF4.Dataset(path, "w", format=data_format) as file:
        file.history = "2020-01-01T00:00:00Z made"
        for name, (dims, data, attrs) in (variables | changes).items():
            data = np.asarray(data)
            for dim, size in zip(dims, data.shape, strict=True):
                if dim not in file.dimensions:
                    file.createDimension(dim, None if dim == "record" else size)
            attrs = dict(attrs)
            kind = str if data.dtype.kind in "UO" else data.dtype
            fill = attrs.pop("_FillValue", None)
            variable = file.createVariable(name, kind, dims, fill_value=fill)
            variable.set_auto_maskandscale(False)
            variable.setncatts(attrs)
            variable[...] = data
    return path


@pytest.fixture
def record(tmp_path):
    """Return the path of a plain file."""
    return write_netcdf(tmp_path / "record.nc")


# --- opening ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("data_format", ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_DATA"])
def test_every_netcdf_format_opens_lazily(tmp_path, data_format):
    path = write_netcdf(tmp_path / "a.nc", data_format=data_format)
    dataset = io.open_input([path])
    assert dataset["tas"].shape == (12, 4, 6)
    assert dataset["time"].dt.year.values[0] == 2000
    assert not dataset["tas"].variable._in_memory


def test_packed_integers_and_missing_values_are_decoded(tmp_path):
    packed = np.full((12, 4, 6), 100, "i2")
    packed[0, 0, 0], packed[1, 0, 0] = -32767, -999
    attrs = {"scale_factor": 0.5, "add_offset": 10.0, "_FillValue": np.int16(-32767)}
    path = write_netcdf(tmp_path / "a.nc", tas=(("time", "lat", "lon"), packed, attrs))
    values = io.open_input([path])["tas"].values
    assert np.isnan(values[0, 0, 0])
    assert values[2, 0, 0] == 60.0
    attrs = {"missing_value": np.int16(-999)}
    path = write_netcdf(tmp_path / "b.nc", tas=(("time", "lat", "lon"), packed, attrs))
    assert np.isnan(io.open_input([path])["tas"].values[1, 0, 0])


def test_days_remain_numbers_and_do_not_become_durations(tmp_path):
    dims = ("time", "lat", "lon")
    path = write_netcdf(tmp_path / "a.nc", season=(dims, np.ones((12, 4, 6)), {"units": "days"}))
    assert io.open_input([path])["season"].dtype == float


def test_time_that_cannot_be_decoded_stays_numeric_and_says_so(tmp_path):
    time = (("time",), np.arange(12.0), {"units": "days since 0000-00-00"})
    issued = ((), 3.0, {"units": "days since 2000-01-01"})
    path = write_netcdf(tmp_path / "a.nc", time=time, issued=issued)
    with pytest.warns(UserWarning, match="'time' .* counts 'days since 0000-00-00', which is no"):
        dataset = io.open_input([path])
    assert dataset["time"].values.tolist() == list(range(12))
    assert dataset["time"].attrs["units"] == "days since 0000-00-00"
    assert dataset["issued"].dtype.kind == "M"


def test_several_files_are_joined_in_the_order_of_their_times(tmp_path):
    write_netcdf(tmp_path / "a.nc", years=range(2012, 2020))
    write_netcdf(tmp_path / "b.nc", years=range(2000, 2012))
    dataset = io.open_input([tmp_path / "*.nc"])
    assert dataset["time"].dt.year.values.tolist() == list(range(2000, 2020))
    assert not dataset["tas"].variable._in_memory
    both = [io.open_input([tmp_path / name])["tas"] for name in ("b.nc", "a.nc")]
    assert np.array_equal(dataset["tas"], xr.concat(both, "time"))


def test_files_of_different_grids_are_refused(tmp_path):
    lat = (("lat",), [61.0, 31.0, 1.0, -29.0], {"units": "degrees_north"})
    paths = [write_netcdf(tmp_path / "a.nc"), write_netcdf(tmp_path / "b.nc", years=range(2012, 2020), lat=lat)]
    with pytest.raises(io.InputError, match=r"'lat' in '.*b\.nc' differs by up to 1 from that in '.*a\.nc'"):
        io.open_input(paths)


def test_a_variable_that_one_file_lacks_is_named(tmp_path):
    rain = (("time", "lat", "lon"), np.ones((12, 4, 6)), {})
    paths = [write_netcdf(tmp_path / "a.nc", pr=rain), write_netcdf(tmp_path / "b.nc")]
    with pytest.raises(io.InputError, match=r"b\.nc' has no variable 'pr', which '.*a\.nc' has"):
        io.open_input(paths)


def test_a_zarr_store_opens(tmp_path, record):
    with io.open_input([record]) as dataset:
        dataset.drop_encoding().to_zarr(tmp_path / "a.zarr", consolidated=False)
    assert io.open_input([tmp_path / "a.zarr"])["tas"].shape == (12, 4, 6)


def test_a_missing_file_suggests_the_nearest_name(record):
    with pytest.raises(io.InputError, match=r"no file '.*recrod\.nc': did you mean '.*record\.nc'"):
        io.open_input([record.with_name("recrod.nc")])
    with pytest.raises(io.InputError, match=r"the folder '.*/nowhere' does not exist"):
        io.open_input([record.parent / "nowhere" / "a.nc"])
    with pytest.raises(io.InputError, match=r"no file matches 'x\*\.nc'"):
        io.open_input(["x*.nc"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"it is empty \(0 bytes\)"),
        (b"<html>\n404 not found</html>", "a text file that begins '<html>', not netCDF"),
        (b"GRIB\0\0\0\2", "a GRIB file: convert it, .*cdo"),
        (b"\x1f\x8b\x08\0\0", "compressed with gzip: unpack it with `gunzip`"),
        (b"\x89HDF\r\n\x1a\n" + bytes(90), "begins as a netCDF file but is truncated or damaged"),
        (bytes(range(200, 256)), "not a netCDF file"),
    ],
)
def test_a_file_of_another_kind_is_told_by_its_first_bytes(tmp_path, content, message):
    path = tmp_path / "a.nc"
    path.write_bytes(content)
    with pytest.raises(io.InputError, match=message):
        io.open_input([path])


@pytest.mark.parametrize("data_format", ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_DATA"])
def test_a_truncated_file_is_refused_whatever_its_format(tmp_path, data_format):
    # The netCDF library reads zeros beyond the end of a netCDF-3 file, without a word.
    path = write_netcdf(tmp_path / "a.nc", data_format=data_format)
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(io.InputError, match="truncated"):
        io.open_input([path])


def test_a_folder_and_a_file_of_groups_are_explained(tmp_path):
    with pytest.raises(io.InputError, match="is a folder and no Zarr store"):
        io.open_input([tmp_path])
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createGroup("ocean")
    with pytest.raises(io.InputError, match=r"holds no variables outside its groups \(ocean\)"):
        io.open_input([tmp_path / "a.nc"])


# --- finding time and variables --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "attrs"),
    [
        ("time", {}),
        ("T", {}),
        ("step", {"axis": "T"}),
        ("step", {"standard_name": "time"}),
        ("step", {"units": "days since 0000-00-00"}),
        ("step", {"cartesian_axis": "T"}),
    ],
)
def test_time_is_found_by_name_and_by_attributes(name, attrs):
    coords = {name: (name, np.arange(3.0), attrs), "x": [0.0, 1.0]}
    dataset = xr.Dataset({"v": ((name, "x"), np.ones((3, 2)))}, coords)
    assert io.find_dim(dataset) == name


def test_dates_under_another_name_become_the_coordinate_of_their_dimension():
    dates = np.array(["2000", "2001", "2002"], "M8[ns]")
    dataset = xr.Dataset({"v": ("record", np.ones(3))}, {"when": ("record", dates)})
    assert io.find_dim(dataset) == "record"
    assert (io.index_by_time(dataset, "record")["record"].values == dates).all()


def test_no_time_or_several_are_refused_with_what_there_is():
    with pytest.raises(io.InputError, match=r"no time dimension among x \(2\).*dim="):
        io.find_dim(xr.Dataset({"v": ("x", [1.0, 2.0])}))
    dates = np.array(["2000", "2001"], "M8[ns]")
    both = xr.Dataset(coords={"start": dates, "issued": dates})
    with pytest.raises(io.InputError, match="several time dimensions"):
        io.find_dim(both)
    assert io.find_dim(both, "issued") == "issued"
    with pytest.raises(io.InputError, match="no dimension 'lead'"):
        io.find_dim(both, "lead")


def test_variables_that_describe_others_are_left_out(tmp_path):
    dims = ("time", "lat", "lon")
    path = write_netcdf(
        tmp_path / "a.nc",
        tas=(dims, np.ones((12, 4, 6)), {"ancillary_variables": "quality", "grid_mapping": "crs"}),
        quality=(dims, np.ones((12, 4, 6), "i1"), {}),
        time_bnds=(("time", "bnds"), np.ones((12, 2)), {}),
        crs=((), 0, {"grid_mapping_name": "latitude_longitude"}),
        label=(("time",), np.array([f"y{i}" for i in range(12)], object), {}),
        co2=(("time",), np.arange(12.0), {}),
        orography=(("lat", "lon"), np.ones((4, 6)), {}),
        pr=(dims, np.ones((12, 4, 6), "i4"), {}),
    )
    dataset = io.open_input([path])
    assert io.find_variables(dataset, "time") == ["tas", "pr"]
    assert io.find_variables(dataset, "time", ["co2", "quality"]) == ["co2", "quality"]
    assert io.find_variables(dataset[["co2"]], "time") == ["co2"]
    with pytest.raises(io.InputError, match="'label' holds text"):
        io.find_variables(dataset, "time", ["label"])
    with pytest.raises(io.InputError, match="'orography' does not change along 'time'"):
        io.find_variables(dataset, "time", ["orography"])
    with pytest.raises(io.InputError, match=r"no variable 'prr' among .*did you mean 'pr'"):
        io.find_variables(dataset, "time", ["prr"])
    with pytest.raises(io.InputError, match="no variable of numbers along 'time': 'label' holds"):
        io.find_variables(dataset[["label", "orography"]], "time")


# --- selecting -------------------------------------------------------------------------------------


@pytest.fixture
def field(record):
    """Return an opened record with a level."""
    dataset = io.open_input([record])
    return dataset.expand_dims(level=[850.0, 500.0])


@pytest.mark.parametrize(
    ("name", "wanted", "key", "left"),
    [
        ("lat", "-30:30", "lat", [30, 0, -30]),
        ("lat", "30:-30", "lat", [30, 0, -30]),
        ("latitude", ":0", "lat", [0, -30]),
        ("lon", "60:", "lon", [60, 120, 180, 240, 300]),
        ("lon", "-120:60", "lon", [-120, -60, 0, 60]),
        ("lon", "300:60", "lon", [300, 360, 420]),
        ("level", "850", "level", 850),
        ("lat", "30", "lat", 30),
    ],
)
def test_numbers_are_selected_in_any_order_and_longitudes_go_round(field, name, wanted, key, left):
    assert io.select(field, name, wanted)[key].values.tolist() == left


def test_selected_longitudes_take_their_values_along(field):
    selected = io.select(field, "lon", "-120:60")["tas"]
    whole = field["tas"]
    assert np.array_equal(selected.sel(lon=-60), whole.sel(lon=300))
    assert np.array_equal(selected.sel(lon=60), whole.sel(lon=60))


@pytest.mark.parametrize("calendar", ["noleap", "360_day", "standard"])
@pytest.mark.parametrize(
    ("wanted", "years"),
    [
        ("2003:2005", [2003, 2004, 2005]),
        ("2010:", [2010, 2011]),
        ("2004", [2004]),
        (":2001-06", [2000, 2001]),
    ],
)
def test_dates_are_selected_in_every_calendar(calendar, wanted, years):
    time = xr.date_range("2000-03-01", periods=12, freq="YS-MAR", calendar=calendar, use_cftime=True)
    dataset = xr.Dataset({"v": ("time", np.arange(12.0))}, {"time": time[::-1]})
    selected = io.select(dataset, "time", wanted)
    assert sorted(selected["time"].dt.year.values.tolist()) == years
    assert selected["v"].dims == ("time",)


@pytest.mark.parametrize(
    ("name", "wanted", "message"),
    [
        ("lat", "40:50", r"'lat=40:50' selects nothing: 'lat' runs from -30.0 to 60.0"),
        ("lat", "north", "cannot select 'north' from 'lat': write a number"),
        ("level", "700", "'level' has no value 700: the nearest is 850"),
        ("time", "1950:1960", "selects nothing"),
        ("time", "soon", "cannot select 'soon' from 'time': write dates as"),
        ("depth", "10", "no coordinate 'depth'. Use one of"),
    ],
)
def test_a_selection_that_makes_no_sense_says_what_would(field, name, wanted, message):
    with pytest.raises(io.InputError, match=message):
        io.select(field, name, wanted)


def test_latitudes_of_two_dimensions_cannot_be_selected():
    lat = (("y", "x"), np.ones((2, 3)))
    dataset = xr.Dataset({"v": (("y", "x"), np.ones((2, 3)))}, {"lat": lat})
    with pytest.raises(io.InputError, match="'lat', which has 2 dimensions: select by y or x"):
        io.select(dataset, "lat", "0:1")
    assert io.select(dataset, "x", "1:2").sizes["x"] == 2


# --- planning and reading --------------------------------------------------------------------------


def chunked_on_disk(path, chunks, shape=(20, 30, 40)):
    """Write a variable with chunks of its own."""
    values = np.random.default_rng(0).normal(size=shape).astype("f4")
    xr.Dataset({"v": (("time", "y", "x"), values)}).to_netcdf(
        path, encoding={"v": {"chunksizes": chunks}}, engine="netcdf4"
    )
    return io.open_input([path])["v"], values


def test_small_work_is_not_split(record):
    plan = io.plan_chunks(io.open_input([record])["tas"], "time", threads=2)
    assert plan.whole
    assert plan.blocks == {}
    assert (plan.cells, plan.pairs) == (24, 24 * 66)


def test_what_fits_in_memory_is_read_once_and_split_for_the_threads():
    array = xr.DataArray(np.zeros((100, 500, 400), "f4"), dims=("time", "y", "x"))
    plan = io.plan_chunks(array, "time", memory_limit=1e9, threads=2)
    assert plan.whole
    assert plan.blocks["x"] == 400
    assert 100 * plan.blocks["y"] * 400 * 4 <= 16e6
    lazy = io.read(array, plan)
    assert lazy.chunksizes["time"] == (100,)
    assert len(lazy.chunksizes["y"]) >= 8


def test_what_does_not_fit_is_cut_along_its_disk_chunks(tmp_path):
    array, values = chunked_on_disk(tmp_path / "a.nc", (20, 10, 8))
    plan = io.plan_chunks(array, "time", memory_limit=40_000, threads=1)
    assert not plan.whole
    assert plan.blocks["y"] % 10 == 0
    assert plan.blocks["x"] % 8 == 0
    assert 20 * 4 * plan.blocks["y"] * plan.blocks["x"] <= 40_000
    assert np.array_equal(io.read(array, plan).values, values)


def test_disk_chunks_that_are_too_large_are_cut_through(tmp_path):
    array, _ = chunked_on_disk(tmp_path / "a.nc", (1, 30, 40))
    plan = io.plan_chunks(array, "time", memory_limit=40_000, threads=1)
    assert 20 * 4 * plan.blocks["y"] * plan.blocks["x"] <= 40_000


def test_reading_reports_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("gridtrend.io.execute.PIECE_BYTES", 10_000)
    array, values = chunked_on_disk(tmp_path / "a.nc", (2, 30, 40))
    said = []
    plan = io.plan_chunks(array, "time")
    assert np.array_equal(io.read(array, plan, lambda *told: said.append(told)).values, values)
    assert said == [("reading v", stop, 20) for stop in range(2, 21, 2)]


def test_a_file_that_breaks_in_the_middle_is_named(tmp_path):
    array, _ = chunked_on_disk(tmp_path / "a.nc", (1, 30, 40), (2000, 30, 40))
    path = tmp_path / "a.nc"
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(io.InputError, match=r"a\.nc' cannot be read: variable 'v', time 0:2000, .*changed"):
        io.read(array, io.plan_chunks(array, "time", memory_limit=1e12))


# --- writing ---------------------------------------------------------------------------------------


@pytest.fixture
def result():
    """Return something like a result: floats, whole numbers, flags, a period."""
    time = np.datetime64("2005-07-01", "ns")
    bounds = np.array(["2000-01-01", "2011-01-01"], "M8[ns]")
    slope = np.array([[0.5, np.nan], [-0.25, 0.0]])
    attrs = {"flag_values": np.array([-1, 0, 1], "i1"), "flag_meanings": "down none up"}
    result = xr.Dataset(
        {
            "slope": (("lat", "lon"), slope, {"units": "K year-1"}),
            "n_valid": (("lat", "lon"), np.full((2, 2), 12, "i4")),
            "trend": (("lat", "lon"), np.array([[1, 0], [-1, 0]], "i1"), attrs),
        },
        {
            "lat": ("lat", [30.0, -30.0], {"units": "degrees_north", "bounds": "lat_bnds"}),
            "lon": ("lon", [0.0, 60.0], {"units": "degrees_east", "bounds": "lon_bnds"}),
            "time": ((), time, {"bounds": "time_bnds"}),
            "time_bnds": ("bnds", bounds),
        },
    )
    result["slope"].encoding = {"dtype": "int16", "scale_factor": 0.1, "_FillValue": -1}
    return result


@pytest.fixture
def source():
    """Return an input that fits `result`: bounds, grid mapping, history."""
    return xr.Dataset(
        {
            "tas": (("time", "lat", "lon"), np.zeros((3, 2, 2)), {"grid_mapping": "crs"}),
            "crs": ((), 0, {"grid_mapping_name": "latitude_longitude"}),
            "lat_bnds": (("lat", "bnds"), [[45.0, 15.0], [-15.0, -45.0]]),
        },
        attrs={"title": "A record", "history": "2020-01-01T00:00:00Z made", "creator": "me"},
    )


def test_results_are_stored_by_the_conventions(tmp_path, result, source):
    described = io.describe(io.add_grid(result, source["tas"], source), source, "now: trend", "Trends")
    io.write(described, tmp_path / "out.nc")
    with netCDF4.Dataset(tmp_path / "out.nc") as file:
        file.set_auto_maskandscale(False)
        slope, trend, time = (file[name] for name in ("slope", "trend", "time"))
        assert slope._FillValue == netCDF4.default_fillvals["f8"]
        assert slope[0, 1] == slope._FillValue
        assert slope[0, 0] == 0.5
        assert slope.dtype == float
        assert slope.filters()["zlib"]
        assert slope.filters()["shuffle"]
        assert slope.grid_mapping == "crs"
        assert slope.coordinates == "time"
        assert trend.dtype == np.int8
        assert trend.flag_values.dtype == np.int8
        for name in ("lat", "lon", "time", "lat_bnds", "time_bnds", "trend", "n_valid"):
            assert "_FillValue" not in file[name].ncattrs(), name
        for name in ("crs", "lat_bnds", "time_bnds"):
            assert "coordinates" not in file[name].ncattrs(), name
        assert file["lat"].bounds == "lat_bnds"
        assert "bounds" not in file["lon"].ncattrs(), "lon_bnds is not there"
        assert time.shape == ()
        assert file["time_bnds"][:].tolist() == [54786.0, 58804.0]
        assert file.Conventions == "CF-1.11"
        assert file.title == "A record"
        assert file.history == "now: trend\n2020-01-01T00:00:00Z made"
        assert set(file.ncattrs()) == {"Conventions", "title", "history"}


def test_a_zarr_result_reads_back(tmp_path, result):
    io.write(result, tmp_path / "out.zarr")
    io.write(result, tmp_path / "out.zarr", overwrite=True)
    back = io.open_input([tmp_path / "out.zarr"])
    assert np.array_equal(back["slope"], result["slope"], equal_nan=True)
    assert os.listdir(tmp_path) == ["out.zarr"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, result, monkeypatch):
    target = tmp_path / "out.nc"
    target.write_text("old")

    def fail(self, path, **options):
        path.write_text("half")
        raise RuntimeError("NetCDF: HDF error")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    with pytest.raises(io.OutputError, match=r"cannot write '.*out\.nc': NetCDF: HDF error"):
        io.write(result, target, overwrite=True)
    assert os.listdir(tmp_path) == ["out.nc"]
    assert target.read_text() == "old"


def test_a_file_that_appears_in_the_meantime_survives(tmp_path, result):
    def another_run_is_quicker(phase, done, total):
        (tmp_path / "out.nc").write_text("another run's")

    with pytest.raises(io.OutputError, match="appeared in the meantime"):
        io.write(result, tmp_path / "out.nc", report=another_run_is_quicker)
    assert (tmp_path / "out.nc").read_text() == "another run's"


def test_outputs_that_cannot_be_are_refused_beforehand(tmp_path, record):
    with pytest.raises(io.OutputError, match=r"must end in \.nc or \.zarr"):
        io.check_output("out.tif")
    with pytest.raises(io.OutputError, match="is also an input"):
        io.check_output(record, [record], overwrite=True)
    link = tmp_path / "link.nc"
    link.symlink_to(record)
    with pytest.raises(io.OutputError, match="is also an input"):
        io.check_output(link, [record], overwrite=True)
    with pytest.raises(io.OutputError, match=r"exists: .*overwrite=True"):
        io.check_output(record)
    with pytest.raises(io.OutputError, match=r"the folder '.*nowhere' does not exist"):
        io.check_output(tmp_path / "nowhere" / "out.nc")
    (tmp_path / "dir.nc").mkdir()
    with pytest.raises(io.OutputError, match="is a folder"):
        io.check_output(tmp_path / "dir.nc", overwrite=True)
    assert io.check_output(tmp_path / "new.nc") == tmp_path / "new.nc"


@pytest.mark.skipif(not os.path.isdir("/sys/kernel"), reason="needs a folder that not even root can write to")
def test_a_read_only_folder_is_refused_beforehand():
    with pytest.raises(io.OutputError, match="permission denied"):
        io.check_output("/sys/kernel/out.nc")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes of this system are not bound to cores")
def test_threads_are_those_that_the_process_may_use_not_those_of_the_machine():
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from gridtrend import io\n"
        "from gridtrend.io.open_grid import _means\n"
        "print(io.available_threads(), _means()[0])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert ran.stdout == "1 1\n"
