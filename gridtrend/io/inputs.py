"""Open what the user names, lazily and decoded: netCDF files, patterns of them, Zarr stores."""

import difflib
import glob
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from gridtrend.grid.calendars import is_reference
from gridtrend.grid.dates import decoded
from gridtrend.grid.refusals import Refusal
from gridtrend.io.coordinates import decode_dates
from gridtrend.io.errors import InputError
from gridtrend.io.join import join
from gridtrend.io.remote import fetch

FOREIGN_FORMATS = {
    b"GRIB": "a GRIB file: convert it, for example with `cdo -f nc4 copy`",
    b"\x1f\x8b": "compressed with gzip: unpack it with `gunzip`",
    b"BZh": "compressed with bzip2: unpack it with `bunzip2`",
    b"PK": "a zip archive: unpack it with `unzip`",
}


def open_input(inputs: Iterable[str | Path], dim: str | None = None, variables: Sequence[str] = ()) -> xr.Dataset:
    """Open one record, in one or many files, without reading its data.

    Parameters
    ----------
    inputs : iterable of str or Path
        netCDF files or Zarr stores, patterns such as "tas_*.nc", or URLs. Several files are joined along `dim`, in the
        order of their first steps.
    dim : str, optional
        Dimension that joins several files; the time dimension by default.
    variables : sequence of str
        What is wanted; files may lack other variables. All by default.

    Returns
    -------
    Dataset
        Decoded by the CF conventions; a time that cannot be decoded stays numeric, with a warning.

    Raises
    ------
    InputError
        If a file is missing, damaged or of another kind, or if the files do not fit together.
    """
    paths = list_inputs(inputs)
    return join([_open_decoded(path) for path in paths], paths, dim, variables)


def list_inputs(inputs: Iterable[str | Path]) -> list[str]:
    """Expand patterns and make sure that every file is there; files of remote systems come to a local cache."""
    paths: list[str] = []
    for item in map(str, inputs):
        if "://" in item:
            paths += fetch(item)
        elif os.path.exists(item):
            paths.append(item)
        elif glob.has_magic(item):
            found = sorted(glob.glob(item, recursive=True))
            if not found:
                raise InputError(f"no file matches '{item}': check the pattern and the folder")
            paths += found
        else:
            raise InputError(f"there is no file '{item}'{_nearby(Path(item))}")
    if twice := [path for path, count in Counter(map(os.path.realpath, paths)).items() if count > 1]:
        raise InputError(f"'{twice[0]}' is named twice: name every file once")
    return paths


def _nearby(path: Path) -> str:
    if not path.parent.is_dir():
        return f": the folder '{path.parent}' does not exist"
    names = [entry.name for entry in path.parent.iterdir()]
    alike = difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    return f": did you mean '{path.parent / alike[0]}'?" if alike else ": check its name and folder"


def _open_decoded(path: str) -> xr.Dataset:
    """Open one file or store; times that cannot be decoded stay numbers."""
    opener = _open_zarr if os.path.isdir(path) or path.rstrip("/").endswith(".zarr") else _open_netcdf
    try:
        dataset = opener(path)
    except (ValueError, OverflowError) as error:
        if isinstance(error, InputError) or "decode" not in str(error):
            raise
        dataset = _decode_what_can_be(opener(path, decode_times=False), path)
    if not dataset.data_vars:
        raise InputError(f"'{path}' holds no variables{_groups(path)}")
    return decode_dates(dataset)


def _open_netcdf(path: str, **options: Any) -> xr.Dataset:
    from xarray.backends import NetCDF4BackendEntrypoint

    try:
        # The class, not its name: a name makes xarray import the plugins of every other backend first.
        dataset = xr.open_dataset(path, engine=NetCDF4BackendEntrypoint, cache=False, decode_timedelta=False, **options)
    except (OSError, RuntimeError) as error:
        raise InputError(f"'{path}' cannot be read: {_why_unreadable(path, error)}") from error
    _refuse_truncated_classic(path)
    return dataset


def _open_zarr(path: str, **options: Any) -> xr.Dataset:
    if "://" not in path and not any(Path(path, name).exists() for name in ("zarr.json", ".zgroup", ".zmetadata")):
        raise InputError(f"'{path}' is a folder and no Zarr store: name files, or a pattern such as '{path}/*.nc'")
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"'{path}' is a Zarr store, and zarr is not installed: pip install 'gridtrend[cluster]'"
        ) from error
    try:
        store: xr.Dataset = xr.open_zarr(path, chunks=None, consolidated=False, decode_timedelta=False, **options)
        return store
    except (OSError, KeyError) as error:
        raise InputError(f"'{path}' cannot be read as a Zarr store: {error}") from error


def _why_unreadable(path: str, error: Exception) -> str:
    """Look at the first bytes: the library's own words are 'HDF error' or 'unknown file format'."""
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except OSError:
        return str(error)
    if not head:
        return "it is empty (0 bytes); copy or download it again"
    for magic, kind in FOREIGN_FORMATS.items():
        if head.startswith(magic):
            return f"it is {kind}"
    if head.startswith((b"\x89HDF", b"CDF")):
        return "it begins as a netCDF file but is truncated or damaged; copy or download it again"
    if re.fullmatch(rb"[\t\n\r\x20-\x7e]+", head):
        line = head.decode().strip().splitlines()[0][:60]
        return f"it is a text file that begins '{line}', not netCDF (a failed download leaves such files)"
    return "it is not a netCDF file, nor of any other kind known here; convert it to netCDF first"


def _refuse_truncated_classic(path: str) -> None:
    """Stop at a netCDF-3 file that is cut short: the netCDF library reads zeros beyond its end, in silence."""
    if not os.path.isfile(path):
        return
    with open(path, "rb") as file:
        magic = file.read(4)
    if not magic.startswith(b"CDF"):
        return
    try:
        if magic[3] == 5:
            _require_cdf5_size(path)
        else:
            from scipy.io import netcdf_file

            netcdf_file(path, mmap=True)
    except (ValueError, TypeError) as error:
        size = os.path.getsize(path)
        raise InputError(
            f"'{path}' is truncated: its header announces more data than its {size} bytes; copy or download it again"
        ) from error


def _require_cdf5_size(path: str) -> None:
    # scipy does not know CDF-5. Its data are never compressed, so they cannot be smaller than this.
    import netCDF4

    with netCDF4.Dataset(path) as file:
        least = sum(variable.size * variable.dtype.itemsize for variable in file.variables.values())
    if os.path.getsize(path) < least:
        raise ValueError(f"{least} bytes expected")


def _groups(path: str) -> str:
    import netCDF4

    try:
        with netCDF4.Dataset(path) as file:
            groups = ", ".join(file.groups)
    except OSError:
        groups = ""
    if not groups:
        return "; name a file with gridded data"
    return f" outside its groups ({groups}): extract one, for example with `ncks -G : -g GROUP`"


def _decode_what_can_be(raw: xr.Dataset, path: str) -> xr.Dataset:
    apart: dict[str, xr.Variable] = {}
    for name, variable in raw.variables.items():
        if is_reference(str(variable.attrs.get("units", ""))):
            try:
                xr.decode_cf(xr.Dataset({name: variable}), decode_timedelta=False)
            except (ValueError, OverflowError):
                apart[str(name)] = _decode_or_say_so(variable, str(name), path)
                # Bounds have the units of what they bound.
                del raw[name].attrs["units"]
    dataset = xr.decode_cf(raw, decode_timedelta=False)
    coords = {name: variable for name, variable in apart.items() if name in dataset.coords}
    return dataset.assign_coords(coords).assign({name: v for name, v in apart.items() if name not in coords})


def _decode_or_say_so(variable: xr.Variable, name: str, path: str) -> xr.Variable:
    """Dates that xarray does not decode, such as months since a date; numbers, with a warning, where there are none."""
    kept = variable.copy()
    try:
        return decoded(kept, name)
    except Refusal as error:
        problem = error.problem.removeprefix(f"'{name}' ").rstrip(".")
        warnings.warn(f"'{name}' in '{path}' {problem}: its values stay plain numbers", stacklevel=2)
        return kept
