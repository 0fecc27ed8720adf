"""Which values of files count as missing: netCDF4's own masks are the oracle, except where it says that it gives up."""

import contextlib
import itertools
import warnings

import netCDF4
import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend import io

N = 12


def write(path, stored, attrs, data_format="NETCDF4", dims=("time", "y", "x")):
    """Write a field as it is to be stored, with a time axis of years."""
    attrs = dict(attrs)
    with netCDF4.Dataset(path, "w", format=data_format) as file:
        for dim, size in zip(dims, stored.shape, strict=True):
            file.createDimension(dim, size)
        time = file.createVariable("time", "f8", ("time",))
        time.setncatts({"units": "days since 2000-01-01", "calendar": "noleap"})
        time[:] = 365.0 * np.arange(stored.shape[0])
        variable = file.createVariable("v", stored.dtype, dims, fill_value=attrs.pop("_FillValue", None))
        variable.set_auto_maskandscale(False)
        variable.setncatts(attrs)
        variable[...] = stored
    return path


def masked_by_netcdf4(path):
    with netCDF4.Dataset(path) as file, warnings.catch_warnings():
        warnings.simplefilter("error")
        return np.ma.filled(file["v"][...].astype(float), np.nan)


def stored_values(dtype):
    """Values over the range of a type, its extremes, and what stands for missing."""
    info = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else None
    values = np.random.default_rng(3).integers(0, 100, (N, 2, 4)).astype(dtype)
    values[0], values[1, 0], values[2, 1] = 99, 0, 50
    values[3, 0, :2] = [info.min + 5, info.max - 5] if info else [-999.0, 1e20]
    return values


NUMBERS = {
    "fill": {"_FillValue": 99},
    "missing": {"missing_value": 50},
    "fill_and_missing": {"_FillValue": 99, "missing_value": 50},
    "several_missing": {"missing_value": [50, 0, 7]},
    "range": {"valid_range": [10, 80]},
    "least": {"valid_min": 10},
    "most": {"valid_max": 80},
    "both_limits": {"valid_min": 10, "valid_max": 80},
    "range_before_limits": {"valid_range": [10, 80], "valid_min": 40, "valid_max": 50},
    "range_and_fill": {"valid_range": [10, 80], "_FillValue": 99, "missing_value": 50},
}
PACKING = {
    "plain": {},
    "scaled": {"scale_factor": np.float32(0.1)},
    "shifted": {"scale_factor": 0.25, "add_offset": -3.0},
    "falling": {"scale_factor": -0.5, "add_offset": 2.0},
}


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("packing", PACKING)
@pytest.mark.parametrize("numbers", NUMBERS)
def test_what_is_declared_missing_is_what_netcdf4_masks(tmp_path, dtype, packing, numbers):
    attrs = {key: np.array(value, dtype) for key, value in NUMBERS[numbers].items()} | PACKING[packing]
    path = write(tmp_path / "a.nc", stored_values(dtype), attrs)
    expected = masked_by_netcdf4(path)
    with pytest.warns(match="comes first") if numbers == "range_before_limits" else contextlib.nullcontext():
        opened = io.open_input([path])["v"]
        assert not opened.variable._in_memory
        np.testing.assert_allclose(opened.values, expected, rtol=1e-6)
        # By parts, and from a selection.
        np.testing.assert_allclose(opened[2:7, :, 1].values, expected[2:7, :, 1], rtol=1e-6)
        np.testing.assert_allclose(opened[::3, 0, [3, 1]].values, expected[::3, 0][:, [3, 1]], rtol=1e-6)


@pytest.mark.parametrize(
    "data_format", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4_CLASSIC"]
)
def test_every_format_has_the_same_missing_values(tmp_path, data_format):
    attrs = {"valid_range": np.array([10, 80], "i2"), "missing_value": np.int16(50), "scale_factor": np.float32(0.1)}
    path = write(tmp_path / "a.nc", stored_values("i2"), attrs, data_format)
    np.testing.assert_allclose(io.open_input([path])["v"].values, masked_by_netcdf4(path), rtol=1e-6)


@pytest.mark.parametrize(
    "numbers",
    [{}, {"_FillValue": -2}, {"valid_range": [10, -56], "_FillValue": -1}, {"valid_max": -106, "_FillValue": -1}],
)
def test_unsigned_bytes_have_the_missing_values_of_netcdf4(tmp_path, numbers):
    stored = np.arange(N * 8).reshape(N, 2, 4).astype("u1") * 2
    attrs = {key: np.array(value, "i1") for key, value in numbers.items()} | {"_Unsigned": "true"}
    path = write(tmp_path / "a.nc", stored.view("i1"), attrs)
    np.testing.assert_array_equal(io.open_input([path])["v"].values, masked_by_netcdf4(path))


@pytest.mark.parametrize(("dtype", "attrs"), list(itertools.product(["f4", "f8"], [{}, {"missing_value": 50.0}])))
def test_cells_that_were_never_written_are_missing(tmp_path, dtype, attrs):
    stored = stored_values(dtype)
    stored[4, 1] = netCDF4.default_fillvals[dtype]
    path = write(tmp_path / "a.nc", stored, {key: np.array(value, dtype) for key, value in attrs.items()})
    found = io.open_input([path])["v"]
    assert np.isnan(found.values[4, 1]).all()
    np.testing.assert_allclose(found.values, masked_by_netcdf4(path), rtol=1e-6)


def test_whole_numbers_that_were_never_written_are_refused(tmp_path):
    # To mask them, all whole numbers without a fill value would have to become floating ones.
    stored = stored_values("i4")
    path = write(tmp_path / "whole.nc", stored, {})
    assert io.open_input([path])["v"].dtype == "i4"
    np.testing.assert_array_equal(io.open_input([path])["v"].values, stored)
    stored[4, 1] = netCDF4.default_fillvals["i4"]
    path = write(tmp_path / "unwritten.nc", stored, {})
    with pytest.raises(io.InputError, match=r"'v' holds -2147483647, .*`ncatted -a _FillValue,v,c,l,-2147483647 FILE"):
        io.open_input([path])["v"].load()
    packed = write(tmp_path / "packed.nc", stored, {"scale_factor": 0.5})
    np.testing.assert_allclose(io.open_input([packed])["v"].values, masked_by_netcdf4(packed))


def test_grid_mappings_that_were_never_written_are_no_data(tmp_path):
    # E1_north_america.nc of iris-sample-data has such a container.
    path = write(tmp_path / "a.nc", stored_values("f4"), {"grid_mapping": "crs"})
    with netCDF4.Dataset(path, "a") as file:
        file.createVariable("crs", "i4", ()).grid_mapping_name = "latitude_longitude"
        file.createVariable("counter", "i4", ("time",))
    record = io.open_input([path]).load()
    assert record["crs"] == record["counter"][0] == netCDF4.default_fillvals["i4"]


def test_a_range_of_the_type_of_the_packing_is_one_of_unpacked_values(tmp_path):
    # NetCDF Users' Guide, valid_range: by the wider of the types of scale_factor and add_offset.
    stored = np.tile(np.array([-999, 0, 100, 200], "i2"), (N, 2, 1))
    attrs = {"scale_factor": np.float32(0.5), "add_offset": np.float32(250), "valid_range": np.array([250, 300], "f4")}
    values = io.open_input([write(tmp_path / "a.nc", stored, attrs)])["v"].values
    assert np.isnan(values[0, 0, [0, 3]]).all()
    assert values[0, 0, 1:3].tolist() == [250, 300]


@pytest.mark.parametrize(("key", "value"), [("missing_value", -99.9), ("valid_min", -0.1), ("valid_max", 1e300)])
def test_float64_attributes_of_float32_data_are_rounded_to_float32(tmp_path, key, value):
    # netCDF4 gives up on these, with a warning; by hand: -99.9 is missing, and lies below -0.1.
    stored = np.tile(np.array([-99.9, -0.1, 3, 1e30], "f4"), (N, 2, 1))
    values = io.open_input([write(tmp_path / "a.nc", stored, {key: value})])["v"].values
    assert np.isnan(values[0, 0]).tolist() == [key != "valid_max", False, False, False]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("missing_value", "N/A"),
        ("_FillValue", None),
        ("valid_range", "0 to 5"),
        ("valid_max", np.int16(255)),
        ("scale_factor", "much"),
    ],
)
def test_attributes_that_make_no_sense_are_not_used_and_named(tmp_path, key, value):
    if key == "_FillValue":
        key, value = "missing_value", np.array([], "f4")
    path = write(tmp_path / "a.nc", stored_values("i1"), {key: value})
    with pytest.warns(UserWarning, match=rf"{key} of 'v' is .* not used"):
        values = io.open_input([path])["v"].values
    np.testing.assert_array_equal(values, stored_values("i1"))


def test_undeclared_values_are_not_guessed(tmp_path):
    stored = np.full((N, 2, 4), -999.0, "f4")
    with pytest.warns(
        UserWarning, match="valid_range of 'v' is '1.0, 2.0, 3.0', which is no pair of limits: it is not used"
    ):
        found = io.open_input([write(tmp_path / "a.nc", stored, {"valid_range": np.array([1, 2, 3], "f4")})])[
            "v"
        ].load()
    assert (found == -999).all()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr_stores_have_the_same_missing_values(tmp_path, zarr_format):
    attrs = {"valid_range": np.array([10, 80], "i2"), "scale_factor": np.float32(0.1)}
    path = write(tmp_path / "a.nc", stored_values("i2"), attrs)
    expected = masked_by_netcdf4(path)
    with xr.open_dataset(path, engine="netcdf4", decode_cf=False) as raw:
        for variable in raw.variables.values():
            variable.encoding = {}
        raw.to_zarr(tmp_path / "a.zarr", zarr_format=zarr_format, consolidated=False)
    found = io.open_input([tmp_path / "a.zarr"])["v"]
    assert not found.variable._in_memory
    if zarr_format == 2:  # where 0 is the fill value of the store
        expected[stored_values("i2") == 0] = np.nan
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)


def test_series_have_them_too_and_open_grid_and_results(tmp_path):
    stored = np.arange(40, dtype="f4").reshape(40, 1, 1).repeat(3, 2)
    stored[::4] = -999
    attrs = {"valid_range": np.array([-50, 50], "f4")}
    series = write(tmp_path / "series.nc", stored[:, 0, 0], attrs, dims=("time",))
    assert int(io.open_input([series])["v"].notnull().sum()) == 30
    path = write(tmp_path / "a.nc", stored, attrs)
    tas = gt.open_grid(path)
    assert (gt.mann_kendall(tas).n_valid == 30).all()
    assert "valid_range" not in tas.attrs, "it is in units of the file"
    assert tas.encoding["valid_range"].tolist() == [-50, 50]


def test_files_of_different_declarations_are_joined(tmp_path):
    write(tmp_path / "a.nc", stored_values("i2"), {"valid_max": np.int16(80)})
    with netCDF4.Dataset(write(tmp_path / "b.nc", stored_values("i2"), {}), "a") as file:
        file["time"][:] = file["time"][:] + 365 * N
    found = io.open_input([tmp_path / "a.nc", tmp_path / "b.nc"])["v"]
    assert found.dtype == "f4"
    assert np.isnan(found.values[0]).all()
    np.testing.assert_array_equal(found.values[N:], stored_values("i2"))


@pytest.mark.parametrize("dtype", ["i2", "i4", "i8", "u2", "u4"])
def test_series_of_whole_numbers_that_were_never_written_are_refused(tmp_path, dtype):
    fill = netCDF4.default_fillvals[dtype]

    def series(*unwritten, **attrs):
        path = tmp_path / "series.nc"
        with netCDF4.Dataset(path, "w") as file:
            file.createDimension("time", 12)
            file.createVariable("time", "f8", ("time",))[:] = np.arange(12.0)
            file["time"].units = "days since 2000-01-01"
            variable = file.createVariable("v", dtype, ("time",))
            variable.setncatts(attrs)
            variable.set_auto_maskandscale(False)
            variable[:] = np.where(np.isin(np.arange(12), unwritten), fill, np.arange(12)).astype(dtype)
        return path

    assert gt.open_grid(series()).values.tolist() == list(range(12))
    for place in (0, 11):
        with pytest.raises(io.InputError, match=rf"'v' holds {fill}, .*`ncatted -a _FillValue,v,c,\w+,{fill} FILE"):
            gt.open_grid(series(place))
        with pytest.raises(io.InputError, match="where nothing was written"):
            gt.open_grid(series(place), variable="v")
        # A packed series becomes one of floating numbers, which know missing ones: as netCDF4 reads it.
        packed = series(place, scale_factor=0.5)
        np.testing.assert_array_equal(gt.open_grid(packed).values, masked_by_netcdf4(packed))


# By hand: the packed values 0 to 8 and 9999, times 0.1.
FRACTIONS = {
    "range_f4_of_f8": ({"valid_range": np.array([0, 0.8], "f4")}, np.float64(0.1), 9),
    "range_f8_of_f4": ({"valid_range": np.array([0, 0.8])}, np.float32(0.1), 8),
    "range_f8": ({"valid_range": np.array([0.0, 1.0])}, np.float64(0.1), 9),
    "narrow_range_f4_of_f8": ({"valid_range": np.array([0.15, 0.55], "f4")}, np.float64(0.1), 4),
    "most": ({"valid_max": np.float32(0.75)}, np.float64(0.1), 8),
    "least": ({"valid_min": np.float32(0.75)}, np.float64(0.1), 2),
    "packed_least_unpacked_most": ({"valid_min": np.int16(2), "valid_max": np.float32(0.75)}, np.float64(0.1), 6),
    "unpacked_least_packed_most": ({"valid_min": np.float32(0.15), "valid_max": np.int16(8)}, np.float64(0.1), 7),
    "range_i2": ({"valid_range": np.array([0, 8], "i2")}, np.float64(0.1), 9),
    "open_range": ({"valid_range": np.array([0.15, np.inf], "f4")}, np.float64(0.1), 8),
}


@pytest.mark.parametrize("case", FRACTIONS)
def test_limits_of_a_floating_type_are_those_of_unpacked_values(tmp_path, case):
    attrs, scale, count = FRACTIONS[case]
    stored = np.array([*range(9), 9999], "i2").reshape(10, 1, 1)
    values = io.open_input([write(tmp_path / "a.nc", stored, {"scale_factor": scale} | attrs)])["v"].values
    assert np.isfinite(values).sum() == count
    if case not in ("least", "open_range"):
        assert np.nanmax(values) < 1


def test_whole_limits_of_a_floating_type_that_is_not_that_of_the_packing_are_noted(tmp_path):
    stored = np.array([*range(9), 9999], "i2").reshape(10, 1, 1)
    attrs = {"scale_factor": np.float64(0.1), "valid_range": np.array([0, 1], "f4")}
    with pytest.warns(UserWarning, match="valid_range of 'v' is '0.0, 1.0'.* taken for unpacked values"):
        values = io.open_input([write(tmp_path / "a.nc", stored, attrs)])["v"].values
    assert np.isfinite(values).sum() == 9


@pytest.mark.parametrize(("low", "high", "count"), [(0.5, 8.5, 8), (-0.5, 3.5, 4), (2.5, 1e6, 7)])
def test_fractions_limit_whole_numbers_too(tmp_path, low, high, count):
    stored = np.arange(10, dtype="i2").reshape(10, 1, 1)
    path = write(tmp_path / "a.nc", stored, {"valid_range": np.array([low, high])})
    assert np.isfinite(io.open_input([path])["v"].values).sum() == count


NOTED = {
    "three": ({"valid_range": [0, 8, 9]}, "valid_range of 'v' is '0.0, 8.0, 9.0', which is no pair", 10),
    "one": ({"valid_range": [8]}, "valid_range of 'v' is '8.0', which is no pair", 10),
    "nan": ({"valid_range": [np.nan, 8]}, "valid_range of 'v' is 'nan, 8.0', of which one is no number", 10),
    "nan_most": ({"valid_max": [np.nan]}, "valid_max of 'v' is 'nan', which is no number", 10),
    "several_least": ({"valid_min": [1, 2]}, "valid_min of 'v' is '1.0, 2.0', which is no number", 10),
    "beside": ({"valid_range": [0, 8], "valid_min": [2]}, "valid_min of 'v' is '2.0', and valid_range comes first", 9),
    "reversed": ({"valid_range": [8, 0]}, "valid_range of 'v' is '8.0, 0.0', .* above .*all values are missing", 0),
    "crossed": ({"valid_min": [8], "valid_max": [0]}, "valid_min and valid_max of 'v' .* all values are missing", 0),
    "no_scale": ({"scale_factor": [0]}, "scale_factor of 'v' is '0.0', by which all values are equal", 10),
    "nan_scale": ({"scale_factor": [np.nan]}, "scale_factor of 'v' is 'nan', .*all values are missing", 0),
    "infinite_offset": ({"add_offset": [np.inf]}, "add_offset of 'v' is 'inf', .*all values are missing", 0),
}


@pytest.mark.parametrize("case", NOTED)
def test_declarations_that_make_no_sense_are_noted(tmp_path, case):
    attrs, message, count = NOTED[case]
    stored = np.array([*range(9), 9999], "f8").reshape(10, 1, 1)
    path = write(tmp_path / "a.nc", stored, {key: np.array(value, "f8") for key, value in attrs.items()})
    with pytest.warns(UserWarning, match=message):
        values = io.open_input([path])["v"].values
    assert np.isfinite(values).sum() == count


def test_limits_that_say_the_same_twice_are_not_noted(tmp_path):
    attrs = {"valid_range": np.array([0, 8.0]), "valid_min": 0.0, "valid_max": 8.0}
    path = write(tmp_path / "a.nc", np.arange(10.0).reshape(10, 1, 1), attrs)
    assert np.isfinite(io.open_input([path])["v"].values).sum() == 9
