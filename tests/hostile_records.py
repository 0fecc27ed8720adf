"""Small files that are hard to read, each in one way, made anew from a seed: what archives and colleagues hand over.

`make(folder)` writes them all and gives their names; `RECORDS` holds one function a record.
"""

import gzip
import os
import zipfile

import netCDF4
import numpy as np
import xarray as xr

STEPS = 8
RECORDS = {}


def record(name, suffix="nc"):
    """Register what writes a record."""

    def register(write):
        assert name not in RECORDS, name
        RECORDS[name] = (write, f"{name}.{suffix}")
        return write

    return register


def make(folder, seed=0):
    """Write all records and return their paths."""
    paths = {}
    for k, (name, (write, filename)) in enumerate(RECORDS.items()):
        path = str(folder / filename)
        write(path, np.random.default_rng([seed, k]))
        if os.path.exists(path):
            paths[name] = path
    return paths


def plain(rng, steps=STEPS, shape=(2, 3)):
    """A field of float32 with a trend."""
    return (rng.normal(size=(steps, *shape)) + 0.1 * np.arange(steps).reshape(-1, *(1,) * len(shape))).astype("f4")


def write(
    path,
    values,
    *,
    name="tas",
    dims=("time", "lat", "lon"),
    time=None,
    time_attrs=None,
    attrs=None,
    data_format="NETCDF4",
    unlimited=False,
    kind=None,
    others=(),
    **creation,
):
    """Write one field; `others` are (name, type, dims, values, attributes)."""
    values = np.asarray(values)
    attrs = {"units": "K"} | (attrs or {})
    fill = attrs.pop("_FillValue", None)
    with netCDF4.Dataset(path, "w", format=data_format) as file:
        for dim, size in zip(dims, values.shape, strict=True):
            file.createDimension(dim, None if unlimited and dim == dims[0] else size)
        made = [
            (dim, "f8", (dim,), np.arange(size, dtype=float), {})
            for dim, size in file_sizes(dims, values, "lat", "lon")
        ]
        if "time" in dims and time is not False:
            n = values.shape[dims.index("time")]
            days = 365.0 * np.arange(n) if time is None else np.asarray(time)
            given = {"units": "days since 1990-01-01", "calendar": "noleap"} if time_attrs is None else time_attrs
            made.append(("time", days.dtype, ("time",), days, given))
        variable = file.createVariable(name, kind or values.dtype, dims, fill_value=fill, **creation)
        variable.set_auto_maskandscale(False)
        variable.setncatts(attrs)
        variable[...] = values
        for other, kind_of, other_dims, data, other_attrs in [*made, *others]:
            for dim, size in zip(other_dims, np.shape(data), strict=True):
                if dim not in file.dimensions:
                    file.createDimension(dim, size)
            variable = file.createVariable(other, kind_of, other_dims)
            variable.set_auto_maskandscale(False)
            variable.setncatts(other_attrs)
            variable[...] = data


def file_sizes(dims, values, *wanted):
    """Sizes of those dimensions that get a coordinate."""
    return [(dim, size) for dim, size in zip(dims, values.shape, strict=True) if dim in wanted]


# --- calendars and units of time -------------------------------------------------------------------

for calendar in ("standard", "gregorian", "proleptic_gregorian", "julian", "360_day", "noleap", "all_leap", "366_day"):

    @record(f"calendar_{calendar}")
    def _(path, rng, calendar=calendar):
        write(path, plain(rng), time_attrs={"units": "days since 1850-01-01", "calendar": calendar})


for label, units in {
    "days_since_zero": "days since 0000-00-00",
    "months_since": "months since 1990-01-01",
    "years_since": "years since 1990-01-01",
    "decades_since": "decades since 1990-01-01",
    "fortnights": "fortnights since 1990-01-01",
    "no_reference": "days",
    "year_ad": "year A.D.",
    "coded_days": "day as %Y%m%d.%f",
    "empty": "",
    "unicode": "années depuis 1990",
    "reference_garbage": "days since yesterday",
    "reference_zone": "hours since 1990-01-01 00:00:00 +05:30",
    "far_future": "days since 9998-01-01",
}.items():

    @record(f"units_{label}")
    def _(path, rng, units=units):
        write(path, plain(rng), time_attrs={"units": units})


@record("calendar_mars")
def _(path, rng):
    write(path, plain(rng), time_attrs={"units": "days since 1990-01-01", "calendar": "mars"})


@record("calendar_number")
def _(path, rng):
    write(path, plain(rng), time_attrs={"units": "days since 1990-01-01", "calendar": 360})


@record("time_units_number")
def _(path, rng):
    write(path, plain(rng), time_attrs={"units": 1})


@record("time_units_missing")
def _(path, rng):
    write(path, plain(rng), time_attrs={})


@record("time_units_list")
def _(path, rng):
    write(path, plain(rng), time_attrs={"units": np.array([1.0, 2.0])})


# --- values of time --------------------------------------------------------------------------------

ODD_TIMES = {
    "duplicate": [0, 365, 365, 730, 1095, 1460, 1825, 2190],
    "descending": list(range(7 * 365, -1, -365)),
    "unsorted": [0, 730, 365, 1095, 1825, 1460, 2190, 2555],
    "all_equal": [5.0] * STEPS,
    "nan": [0, 365, np.nan, 1095, 1460, 1825, 2190, 2555],
    "all_nan": [np.nan] * STEPS,
    "huge": [1e300] * STEPS,
    "infinite": [0, 365, np.inf, 1095, 1460, 1825, 2190, 2555],
    "fill": [0, 365, 9.969209968386869e36, 1095, 1460, 1825, 2190, 2555],
    "out_of_range": [0, 365, 1e9, 1095, 1460, 1825, 2190, 1e10],
    "negative": list(-1e6 * np.arange(STEPS)),
}
for label, values in ODD_TIMES.items():

    @record(f"time_{label}")
    def _(path, rng, values=values):
        write(path, plain(rng), time=np.array(values, float))


@record("time_int64_huge")
def _(path, rng):
    write(path, plain(rng), time=2**60 + np.arange(STEPS))


@record("time_yyyymmdd")
def _(path, rng):
    write(path, plain(rng), time=19900101 + 10000 * np.arange(STEPS), time_attrs={"units": "yyyymmdd"})


@record("time_text")
def _(path, rng):
    stamps = np.array([f"199{k}-07-01T00:00:00Z" for k in range(STEPS)], object)
    write(path, plain(rng), time=False, others=[("time", str, ("time",), stamps, {})])


@record("time_characters")
def _(path, rng):
    stamps = netCDF4.stringtochar(np.array([f"199{k}-07-01_00:00:00" for k in range(STEPS)], "S19"))
    write(
        path, plain(rng), time=False, dims=("Time", "y", "x"), others=[("Times", "S1", ("Time", "length"), stamps, {})]
    )


@record("time_scalar")
def _(path, rng):
    write(
        path, plain(rng)[0], dims=("lat", "lon"), others=[("time", "f8", (), 3.0, {"units": "days since 1990-01-01"})]
    )


@record("time_none")
def _(path, rng):
    write(path, plain(rng)[0], dims=("lat", "lon"))


@record("time_no_coordinate")
def _(path, rng):
    write(path, plain(rng), time=False)


@record("time_two_dimensions")
def _(path, rng):
    leads = ("lead", "f8", ("lead",), [0.0, 1.0, 2.0], {"units": "days since 1990-01-01"})
    write(path, plain(rng, shape=(3, 2)), dims=("time", "lead", "lon"), others=[leads])


@record("time_of_two_dimensions")
def _(path, rng):
    days = 365.0 * np.arange(STEPS)[:, None] + np.arange(3)
    write(
        path,
        plain(rng, shape=(3, 2)),
        dims=("step", "member", "lon"),
        others=[("time", "f8", ("step", "member"), days, {"units": "days since 1990-01-01", "standard_name": "time"})],
    )


@record("time_under_another_name")
def _(path, rng):
    days = ("when", "f8", ("n",), 365.0 * np.arange(STEPS), {"units": "days since 1990-01-01"})
    write(path, plain(rng), dims=("n", "lat", "lon"), attrs={"coordinates": "when"}, others=[days])


# --- sizes, orders, dimensions ---------------------------------------------------------------------


@record("size_no_steps")
def _(path, rng):
    write(path, plain(rng)[:0], unlimited=True)


@record("size_no_cells")
def _(path, rng):
    with netCDF4.Dataset(path, "w") as file:
        for dim, size in {"time": STEPS, "lat": None, "lon": 3}.items():
            file.createDimension(dim, size)
        file.createVariable("tas", "f4", ("time", "lat", "lon"))
        time = file.createVariable("time", "f8", ("time",))
        time.units = "days since 1990-01-01"
        time[:] = 365.0 * np.arange(STEPS)


for steps in (1, 2, 3):

    @record(f"size_{steps}_steps")
    def _(path, rng, steps=steps):
        write(path, plain(rng, steps))


@record("size_one_cell")
def _(path, rng):
    write(path, plain(rng, shape=(1, 1)))


@record("size_series_only")
def _(path, rng):
    write(path, plain(rng, shape=()), dims=("time",))


@record("order_time_last")
def _(path, rng):
    write(path, np.moveaxis(plain(rng), 0, 2), dims=("lat", "lon", "time"))


@record("order_time_in_the_middle")
def _(path, rng):
    write(path, np.moveaxis(plain(rng), 0, 1), dims=("lat", "time", "lon"))


@record("order_five_dimensions")
def _(path, rng):
    write(path, plain(rng, shape=(2, 1, 2, 2)), dims=("time", "member", "level", "lat", "lon"))


@record("unlimited")
def _(path, rng):
    write(path, plain(rng), unlimited=True, zlib=True)


@record("dimension_called_z")
def _(path, rng):
    depth = ("z", "f8", ("z",), [5.0, 10.0], {"units": "m", "positive": "down"})
    write(path, plain(rng), dims=("time", "z", "lon"), others=[depth])


@record("scalar_called_s")
def _(path, rng):
    write(path, plain(rng), attrs={"coordinates": "s"}, others=[("s", "f8", (), 2.0, {"units": "m"})])


@record("dimension_bnds_of_three")
def _(path, rng):
    bands = ("bnds", "f8", ("bnds",), [1.0, 2.0, 3.0], {})
    write(path, plain(rng), dims=("time", "lat", "bnds"), others=[bands])


# --- names -----------------------------------------------------------------------------------------

for label, name in {
    "unicode": "température",
    "spaces": "air temp",
    "number": "2t",
    "integer": "1",
    "slope": "slope",
    "dash": "t-2m",
}.items():

    @record(f"name_{label}")
    def _(path, rng, name=name):
        write(path, plain(rng), name=name)


@record("name_file_\u00e9 \u4e2d")
def _(path, rng):
    write(path, plain(rng))


@record("names_escape")
def _(path, rng):
    write(path, plain(rng), attrs={"units": "K\x1b[31m\nm", "long_name": "a\x07b"})


# --- attributes of the data ------------------------------------------------------------------------

for label, units in {"number": 1, "float": 1.0, "list": np.array([1, 2]), "empty": "", "nan": np.nan}.items():

    @record(f"data_units_{label}")
    def _(path, rng, units=units):
        write(path, plain(rng), attrs={"units": units})


@record("data_units_missing")
def _(path, rng):
    write(path, plain(rng), attrs={"units": ""})


@record("coordinates_absent")
def _(path, rng):
    write(
        path,
        plain(rng),
        attrs={"coordinates": "nothing nowhere", "grid_mapping": "absent", "cell_measures": "area: none"},
    )


@record("coordinates_number")
def _(path, rng):
    write(
        path,
        plain(rng),
        attrs={"coordinates": 5, "grid_mapping": 1.5, "standard_name": 7, "long_name": 3, "cell_methods": 2},
    )


@record("bounds_absent")
def _(path, rng):
    write(path, plain(rng), time_attrs={"units": "days since 1990-01-01", "bounds": "time_bnds", "calendar": "noleap"})


@record("bounds_wrong_shape")
def _(path, rng):
    bounds = ("time_bnds", "f8", ("time",), np.zeros(STEPS), {})
    write(
        path,
        plain(rng),
        time_attrs={"units": "days since 1990-01-01", "bounds": "time_bnds", "calendar": "noleap"},
        others=[bounds],
    )


@record("bounds_of_text")
def _(path, rng):
    write(
        path,
        plain(rng),
        time_attrs={"units": "days since 1990-01-01", "bounds": "label", "calendar": "noleap"},
        others=[("label", str, ("time",), np.array(list("abcdefgh"), object), {})],
    )


# --- missing values and packing --------------------------------------------------------------------


@record("missing_all")
def _(path, rng):
    write(path, np.full((STEPS, 2, 3), np.nan, "f4"))


@record("missing_infinite")
def _(path, rng):
    write(path, np.full((STEPS, 2, 3), np.inf, "f4"))


@record("missing_unwritten")
def _(path, rng):
    values = plain(rng)
    values[2] = netCDF4.default_fillvals["f4"]
    write(path, values)


@record("missing_unwritten_integers")
def _(path, rng):
    values = (100 * plain(rng)).astype("i4")
    values[2] = netCDF4.default_fillvals["i4"]
    write(path, values)


@record("missing_value_text")
def _(path, rng):
    write(path, plain(rng), attrs={"missing_value": "N/A", "valid_range": "0 to 5"})


@record("missing_values_several")
def _(path, rng):
    values = plain(rng)
    values[1], values[2], values[3] = -9999, -8888, 1e20
    attrs = {"missing_value": np.array([-9999, -8888], "f4"), "_FillValue": np.float32(1e20)}
    write(path, values, attrs=attrs)


@record("missing_value_of_another_type")
def _(path, rng):
    values = plain(rng)
    values[1] = -99.9
    write(path, values, attrs={"missing_value": -99.9})


@record("valid_range_packed")
def _(path, rng):
    values = (100 + 10 * plain(rng)).astype("i2")
    values[1] = -999
    attrs = {"valid_range": np.array([0, 300], "i2"), "scale_factor": np.float32(0.1), "add_offset": np.float32(250)}
    write(path, values, attrs=attrs)


@record("valid_range_of_three")
def _(path, rng):
    write(path, plain(rng), attrs={"valid_range": np.array([1.0, 2.0, 3.0], "f4")})


@record("packing_text")
def _(path, rng):
    write(path, (100 * plain(rng)).astype("i2"), attrs={"scale_factor": "0.01", "add_offset": "none"})


@record("packing_vector")
def _(path, rng):
    write(path, (100 * plain(rng)).astype("i2"), attrs={"scale_factor": np.array([0.1, 0.2])})


@record("packing_zero")
def _(path, rng):
    write(path, (100 * plain(rng)).astype("i2"), attrs={"scale_factor": 0.0})


@record("unsigned")
def _(path, rng):
    values = np.arange(STEPS * 6).reshape(STEPS, 2, 3).astype("i1") * 5
    write(path, values, attrs={"_Unsigned": "true", "_FillValue": np.int8(-1)})


# --- types -----------------------------------------------------------------------------------------

for kind in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f8"):

    @record(f"type_{kind}")
    def _(path, rng, kind=kind):
        write(path, (40 + 5 * plain(rng)).astype(kind))


for data_format in ("NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4_CLASSIC"):

    @record(f"format_{data_format.lower()}")
    def _(path, rng, data_format=data_format):
        write(path, plain(rng), data_format=data_format, unlimited=True)


@record("type_big_endian")
def _(path, rng):
    write(path, plain(rng).astype(">f4"), endian="big")


@record("type_bool")
def _(path, rng):
    write(path, (plain(rng) > 0).astype("i1"), attrs={"dtype": "bool", "flag_values": np.array([0, 1], "i1")})


@record("type_int64_huge")
def _(path, rng):
    write(path, 2**62 + np.arange(STEPS * 6).reshape(STEPS, 2, 3))


@record("type_strings")
def _(path, rng):
    words = np.array([f"w{k}" for k in range(STEPS * 6)], object).reshape(STEPS, 2, 3)
    write(path, words, kind=str, attrs={})


@record("type_characters")
def _(path, rng):
    write(path, np.full((STEPS, 2, 3), b"x", "S1"), attrs={})


def _typed(path, kind, values):
    with netCDF4.Dataset(path, "w") as file:
        for dim, size in {"time": STEPS, "x": 3}.items():
            file.createDimension(dim, size)
        time = file.createVariable("time", "f8", ("time",))
        time.units = "days since 1990-01-01"
        time[:] = 365.0 * np.arange(STEPS)
        variable = file.createVariable("data", kind(file), ("time", "x"))
        for place in np.ndindex(STEPS, 3):
            variable[place] = values(place)


@record("type_compound")
def _(path, rng):
    pair = np.dtype([("speed", "f4"), ("direction", "i2")])
    with netCDF4.Dataset(path, "w") as file:
        for dim, size in {"time": STEPS, "x": 3}.items():
            file.createDimension(dim, size)
        file.createVariable("time", "f8", ("time",))[:] = 365.0 * np.arange(STEPS)
        file["time"].units = "days since 1990-01-01"
        file.createVariable("wind", file.createCompoundType(pair, "wind_t"), ("time", "x"))[:] = np.zeros(
            (STEPS, 3), pair
        )


@record("type_vlen")
def _(path, rng):
    _typed(path, lambda file: file.createVLType("i4", "ragged"), lambda place: np.arange(place[1] + 1, dtype="i4"))


@record("type_enum")
def _(path, rng):
    clouds = {"clear": 0, "few": 1, "overcast": 8}
    _typed(path, lambda file: file.createEnumType("u1", "cloud_t", clouds), lambda place: [0, 1, 8][place[1]])


@record("type_compound_beside_numbers")
def _(path, rng):
    write(path, plain(rng))
    with netCDF4.Dataset(path, "a") as file:
        kind = file.createCompoundType(np.dtype([("a", "f4"), ("b", "i2")]), "pair")
        file.createVariable("pairs", kind, ("time",))
        ragged = file.createVLType("i4", "ragged")
        file.createVariable("lists", ragged, ("time",))


@record("type_complex")
def _(path, rng):
    field = xr.DataArray(plain(rng) * (1 + 2j), dims=("time", "y", "x"), name="wave")
    field.to_netcdf(path, engine="netcdf4", auto_complex=True)


# --- text beside the data --------------------------------------------------------------------------


@record("text_coordinate")
def _(path, rng):
    names = np.array(["Amos", "Kugluktuk", "Vancouver"], object)
    write(
        path,
        plain(rng, shape=(3,)),
        dims=("time", "station"),
        others=[
            ("station", str, ("station",), names, {}),
            ("pr", "f4", ("time", "station"), plain(rng, shape=(3,)), {"units": "mm"}),
            ("sd", "f4", ("time", "station"), plain(rng, shape=(3,)), {"units": "m"}),
        ],
    )


@record("text_scalar")
def _(path, rng):
    write(
        path,
        plain(rng),
        attrs={"coordinates": "experiment"},
        others=[
            ("experiment", str, (), np.array("ssp245", object), {}),
            ("pr", "f4", ("time", "lat", "lon"), plain(rng), {"coordinates": "experiment"}),
        ],
    )


@record("text_characters")
def _(path, rng):
    names = netCDF4.stringtochar(np.array([b"north", b"mid", b"south"], "S5"))
    write(
        path,
        plain(rng, shape=(3,)),
        dims=("time", "region"),
        attrs={"coordinates": "region_name"},
        others=[("region_name", "S1", ("region", "length"), names, {})],
    )


# --- grids -----------------------------------------------------------------------------------------


@record("grid_wrf")
def _(path, rng):
    y, x = np.meshgrid(np.linspace(40, 50, 3), np.linspace(-10, 0, 4), indexing="ij")
    days = {"units": "days since 1990-01-01"}
    write(
        path,
        plain(rng, shape=(3, 4)),
        name="T2",
        dims=("Time", "south_north", "west_east"),
        attrs={"coordinates": "XLONG XLAT XTIME"},
        others=[
            ("XLAT", "f4", ("Time", "south_north", "west_east"), np.stack([y] * STEPS), {"units": "degree_north"}),
            ("XLONG", "f4", ("Time", "south_north", "west_east"), np.stack([x] * STEPS), {"units": "degree_east"}),
            ("XTIME", "f8", ("Time",), 365.0 * np.arange(STEPS), days),
        ],
    )


@record("grid_curvilinear")
def _(path, rng):
    y, x = np.meshgrid(np.linspace(40, 50, 3), np.linspace(-10, 0, 4), indexing="ij")
    write(
        path,
        plain(rng, shape=(3, 4)),
        dims=("time", "j", "i"),
        others=[
            ("nav_lat", "f4", ("j", "i"), y + 0.1 * x, {"units": "degrees_north"}),
            ("nav_lon", "f4", ("j", "i"), x + 0.1 * y, {"units": "degrees_east"}),
        ],
    )


@record("grid_nan_in_lat")
def _(path, rng):
    values = plain(rng)
    write(
        path,
        values,
        dims=("time", "y", "lon"),
        others=[("lat", "f8", ("y",), [np.nan, 3.0], {"units": "degrees_north"})],
    )


@record("grid_lat_text")
def _(path, rng):
    write(
        path,
        plain(rng),
        dims=("time", "lat2", "lon"),
        others=[("lat2", str, ("lat2",), np.array(["n", "s"], object), {})],
    )


# --- groups, Zarr, other kinds ---------------------------------------------------------------------


@record("groups_only")
def _(path, rng):
    write(path, plain(rng))
    with xr.open_dataset(path, engine="netcdf4", decode_times=False) as flat:
        flat = flat.load()
    flat.to_netcdf(path, engine="netcdf4", group="ocean/surface", mode="w")


@record("groups_beside_data")
def _(path, rng):
    write(path, plain(rng))
    with netCDF4.Dataset(path, "a") as file:
        file.createGroup("extra").createDimension("n", 2)


def _dataset(rng):
    time = xr.date_range("1990", periods=STEPS, freq="YS")
    return xr.Dataset({"tas": (("time", "lat", "lon"), plain(rng), {"units": "K"})}, {"time": time, "lat": [0.0, 1.0]})


for version in (2, 3):

    @record(f"zarr_{version}", "zarr")
    def _(path, rng, version=version):
        _dataset(rng).to_zarr(path, zarr_format=version, consolidated=version == 2)


@record("zarr_damaged", "zarr")
def _(path, rng):
    _dataset(rng).to_zarr(path, zarr_format=3, consolidated=False)
    with open(f"{path}/zarr.json", "a") as file:
        file.write("}{")


@record("zarr_zero_chunk", "zarr")
def _(path, rng):
    _dataset(rng).to_zarr(path, zarr_format=3, consolidated=False)
    with open(f"{path}/tas/zarr.json") as file:
        text = file.read()
    with open(f"{path}/tas/zarr.json", "w") as file:
        file.write(text.replace(f'"chunk_shape": [\n        {STEPS}', '"chunk_shape": [\n        0'))


@record("zarr_coordinates_number", "zarr")
def _(path, rng):
    _dataset(rng).assign_attrs(coordinates=5).to_zarr(path, zarr_format=3, consolidated=False)


@record("zarr_missing_chunk", "zarr")
def _(path, rng):
    _dataset(rng).to_zarr(path, zarr_format=3, consolidated=False, encoding={"tas": {"chunks": (2, 2, 3)}})
    os.remove(f"{path}/tas/c/1/0/0")


@record("zarr_groups", "zarr")
def _(path, rng):
    _dataset(rng).to_zarr(path, zarr_format=3, consolidated=False, group="ocean")


@record("kind_gzip", "nc.gz")
def _(path, rng):
    write(path.removesuffix(".gz"), plain(rng))
    with open(path.removesuffix(".gz"), "rb") as file, gzip.open(path, "wb") as packed:
        packed.write(file.read())
    os.remove(path.removesuffix(".gz"))


@record("kind_zip", "zip")
def _(path, rng):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.nc", b"CDF\x01")


for label, content in {
    "bzip2": b"BZh91AY&SY",
    "hdf4": b"\x0e\x03\x13\x01" + bytes(60),
    "grib": b"GRIB\0\0\0\2" + bytes(60),
    "tiff": b"II*\0" + bytes(60),
    "html": b"<!DOCTYPE html>\n<html><title>Sign in</title></html>",
    "empty": b"",
    "noise": bytes(range(200, 256)),
}.items():

    @record(f"kind_{label}")
    def _(path, rng, content=content):
        with open(path, "wb") as file:
            file.write(content)


@record("truncated")
def _(path, rng):
    write(path, plain(rng, shape=(20, 30)))
    os.truncate(path, os.path.getsize(path) // 2)


@record("kind_folder")
def _(path, rng):
    os.mkdir(path)


if __name__ == "__main__":
    import sys
    from pathlib import Path

    print("\n".join(make(Path(sys.argv[1]))))
