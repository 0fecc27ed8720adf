"""Records as they lie on disks, for limits of memory: a maker for each kind of file, and a table of layouts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

DIMS = ("time", "lat", "lon")
MAPS = (120, 300, 1000)
MAP_CHUNKS = (1, None, None)


@dataclass(frozen=True)
class Layout:
    """A record of about 150 MB, decoded, or more.

    Parameters
    ----------
    make : callable
        Given a folder, the shape and `options`, it writes the record and returns what the command line takes.
    options : dict
        Arguments of `make`.
    shape : tuple of int
        The series first.
    call : tuple of str
        Options of `gridtrend trend`.
    """

    make: Callable[..., Path]
    options: dict[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = MAPS
    call: tuple[str, ...] = ()

    def write(self, folder: Path) -> str:
        """Write the record; return what the command line takes."""
        return str(self.make(folder, self.shape, **self.options))


def netcdf(folder, shape, *, file_format="NETCDF4", name="in.nc", first=0, dims=DIMS, record=False, **options):
    """Write one file, from the step `first` on."""
    import netCDF4

    path = folder / name
    with netCDF4.Dataset(path, "w", format=file_format) as file:
        for dim, size in zip(dims, shape, strict=True):
            file.createDimension(dim, None if record and dim == dims[0] else size)
        time = file.createVariable(dims[0], "f8", dims[:1])
        time.units, time.calendar = "days since 1900-01-01", "noleap"
        time[:] = 365.0 * np.arange(first, first + shape[0])
        _fill(file, shape, dims, **options)
    return path


def _fill(file, shape, dims, *, chunks=None, dtype="f4", names=("tas",), **options):
    """Write noise; chunks of None are as long as their dimension."""
    rng = np.random.default_rng(0)
    if chunks:
        sizes = [chunk or size for chunk, size in zip(chunks, shape, strict=True)]
        options = {"chunksizes": sizes, "compression": "zlib", "complevel": 1} | options
    for name in names:
        variable = file.createVariable(name, dtype, dims, **options)
        variable.set_auto_maskandscale(False)
        if dtype == "i2":
            variable.scale_factor = 0.01
        if chunks:
            variable.set_var_chunk_cache(500_000_000)
        steps = 1 if shape[0] < 1000 else 1000
        for start in range(0, shape[0], steps):
            stop = min(start + steps, shape[0])
            variable[start:stop] = rng.integers(0, 200, (stop - start, *shape[1:])).astype(dtype)


def many_files(folder, shape, *, count, **options):
    """Write files that follow one another in time."""
    steps = shape[0] // count
    for k in range(count):
        netcdf(folder, (steps, *shape[1:]), name=f"tas_{k:04}.nc", first=k * steps, **options)
    return folder / "tas_*.nc"


def store(folder, shape, *, chunks, zarr_format=3, shards=None):
    """Write a Zarr store; chunks of None are as long as their dimension."""
    import zarr

    path = folder / "in.zarr"
    group = zarr.create_group(str(path), zarr_format=zarr_format)

    def create(name, dtype, dims, **options):
        known = {"dimension_names": dims} if zarr_format == 3 else {"attributes": {"_ARRAY_DIMENSIONS": list(dims)}}
        return group.create_array(name, shape=shape[: len(dims)], dtype=dtype, **known, **options)

    time = create("time", "f8", DIMS[:1])
    time[:] = 365.0 * np.arange(shape[0])
    time.attrs.update(units="days since 1900-01-01", calendar="noleap")
    sizes, shards = (
        what and [part or size for part, size in zip(what, shape, strict=True)] for what in (chunks, shards)
    )
    array = create("tas", "f4", DIMS, chunks=sizes, shards=shards)
    array[:] = np.random.default_rng(0).integers(0, 200, shape).astype("f4")
    return path


LAYOUTS = {
    "one map a chunk": Layout(netcdf, {"chunks": MAP_CHUNKS}),
    "columns": Layout(netcdf, {"chunks": (None, 10, 10)}),
    "one cell a chunk": Layout(netcdf, {"chunks": (None, 1, 1)}, (6000, 60, 100)),
    "odd chunks": Layout(netcdf, {"chunks": (7, 133, 333)}),
    "60 x 300": Layout(netcdf, {"chunks": (60, 300, 50)}),
    "60 maps a chunk": Layout(netcdf, {"chunks": (60, None, None)}),
    "one chunk": Layout(netcdf, {"chunks": (None, None, None), "fill_value": 1e20}),
    "contiguous": Layout(netcdf),
    "f8": Layout(netcdf, {"chunks": MAP_CHUNKS, "dtype": "f8"}, (120, 300, 500)),
    "packed in i2": Layout(netcdf, {"chunks": MAP_CHUNKS, "dtype": "i2"}),
    "u1": Layout(netcdf, {"chunks": MAP_CHUNKS, "dtype": "u1"}),
    "zstd": Layout(netcdf, {"chunks": MAP_CHUNKS, "compression": "zstd"}),
    "blosc": Layout(netcdf, {"chunks": MAP_CHUNKS, "compression": "blosc_lz"}),
    "netCDF-3": Layout(netcdf, {"file_format": "NETCDF3_CLASSIC"}),
    "netCDF-3, record dimension": Layout(netcdf, {"file_format": "NETCDF3_CLASSIC", "record": True}),
    "netCDF-3, 64-bit offsets": Layout(netcdf, {"file_format": "NETCDF3_64BIT_OFFSET"}),
    "CDF-5": Layout(netcdf, {"file_format": "NETCDF3_64BIT_DATA"}),
    "58,000 steps": Layout(netcdf, {"chunks": (500, None, None), "dtype": "i2"}, (58_000, 30, 44)),
    "40 variables": Layout(netcdf, {"chunks": MAP_CHUNKS, "names": tuple(f"v{k}" for k in range(40))}, (120, 120, 122)),
    "members": Layout(
        netcdf, {"chunks": (1, 1, None, None), "dims": ("time", "member", "lat", "lon")}, (120, 6, 100, 500)
    ),
    "members and seconds": Layout(
        netcdf, {"chunks": (1000, None), "dims": ("second", "member")}, (50_000, 900), ("--dim", "second")
    ),
    "500 files": Layout(many_files, {"count": 500, "chunks": MAP_CHUNKS}, (500, 60, 1200)),
    "Zarr 2": Layout(store, {"chunks": MAP_CHUNKS, "zarr_format": 2}),
    "Zarr 3": Layout(store, {"chunks": MAP_CHUNKS}),
    "Zarr, 60 x 100 x 250": Layout(store, {"chunks": (60, 100, 250)}),
    "Zarr, shards": Layout(store, {"chunks": (10, 50, 100), "shards": (None, 150, 500)}),
    "Zarr, one chunk": Layout(store, {"chunks": (None, None, None)}),
}
