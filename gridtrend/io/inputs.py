"""Open what the user names, lazily and decoded: netCDF files, patterns of them, Zarr stores."""

import contextlib
import difflib
import glob
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import xarray as xr

from gridtrend.grid.calendars import with_year_zero
from gridtrend.grid.dates import decoded
from gridtrend.grid.dialect import either, given
from gridtrend.grid.refusals import Refusal
from gridtrend.grid.since import is_plain_reference, is_reference
from gridtrend.io import netcdf, zarrstore
from gridtrend.io.attributes import tidy_attributes
from gridtrend.io.coordinates import decode_dates, with_places
from gridtrend.io.errors import InputError
from gridtrend.io.formats import refuse_truncated_classic, require_readable, why_unreadable
from gridtrend.io.join import join
from gridtrend.io.missing import decode_variable, with_fill_value
from gridtrend.io.remote import fetch, quiet_transfers, why_no_answer


def open_input(
    inputs: Iterable[str | Path],
    dim: str | None = None,
    variables: Sequence[str] = (),
    *,
    group: str | None = None,
    overlap: str = "refuse",
) -> xr.Dataset:
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
    group : str, optional
        Which group of the files to open, such as "ocean" or "ocean/surface"; by default what is outside all groups.
    overlap : {"refuse", "first"}
        What to do with steps that two files hold: refuse them, or keep those of the file that begins first.

    Returns
    -------
    Dataset
        Decoded by the CF conventions; a time that cannot be decoded stays numeric, with a warning in Python, and is refused where it is needed.

    Raises
    ------
    InputError
        If a file is missing, damaged or of another kind, or if the files do not fit together.
    """
    paths = list_inputs(inputs)
    parts = [_open_decoded(path, group) for path in paths]
    return join(parts, paths, dim, variables, group=group, overlap=overlap)


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
    for path in paths:
        require_readable(path)
    if twice := [path for path, count in Counter(map(os.path.realpath, paths)).items() if count > 1]:
        raise InputError(f"'{twice[0]}' is named twice: name every file once")
    return paths


def _nearby(path: Path) -> str:
    if not path.parent.is_dir():
        return f": the folder '{path.parent}' does not exist"
    if path.is_symlink():
        return f": it is a link to '{os.readlink(path)}', which is not there"
    names = [entry.name for entry in path.parent.iterdir()]
    alike = difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    return f": did you mean '{path.parent / alike[0]}'?" if alike else ": check its name and folder"


def _open_decoded(path: str, group: str | None) -> xr.Dataset:
    """Open one file or store; times that cannot be decoded stay numbers."""
    in_store = zarrstore.is_store(path)
    raw = zarrstore.open_raw(path, group) if in_store else _open_netcdf(path, group)
    raw = with_places(_declared_missing(tidy_attributes(raw), unwritten=not in_store))
    with warnings.catch_warnings(), with_year_zero():
        # Dates beyond 1678 to 2262 are read as cftime: that is no news.
        warnings.simplefilter("ignore", xr.SerializationWarning)
        # Matrices, whose dimension occurs twice, are left out below.
        warnings.filterwarnings("ignore", "Duplicate dimension names")
        dataset = _decode_what_can_be(raw, path)
    if not dataset.data_vars:
        raise InputError(f"'{path}' holds no variables{_other_groups(path, group)}")
    return decode_dates(dataset)


def _declared_missing(raw: xr.Dataset, *, unwritten: bool) -> xr.Dataset:
    """Decode the numbers of a file; times are left, since bounds take the units of what they bound."""
    decoded = {}
    for name, variable in raw.variables.items():
        if variable.dtype.kind not in "iuf":
            continue
        if name in raw.coords or " since " in str(variable.attrs.get("units", "")):
            decoded[name] = with_fill_value(str(name), variable, unwritten=unwritten)
        else:
            decoded[name] = decode_variable(str(name), variable, unwritten=unwritten)
    return raw.assign(decoded)


def _open_netcdf(path: str, group: str | None) -> xr.Dataset:
    try:
        with quiet_transfers(path):
            dataset = netcdf.open_raw(path, group)
    except (OSError, RuntimeError) as error:
        if group and (found := _groups_or_none(path)) is not None:
            names = (
                f"its groups: {', '.join(found)}"
                if found
                else f"it has no groups: leave {either('group=...', '--group')} out"
            )
            raise InputError(f"'{path}' has no group '{group}'; {names}") from error
        why = why_no_answer(path, error) if "://" in path else why_unreadable(path, error)
        raise InputError(f"'{path}' cannot be read: {why}") from error
    refuse_truncated_classic(path)
    return dataset


def _groups_or_none(path: str) -> list[str] | None:
    """Groups of a file; None where it cannot be read at all."""
    try:
        return netcdf.groups_of(path)
    except (OSError, RuntimeError):
        return None


def _other_groups(path: str, group: str | None) -> str:
    found = zarrstore.groups_of(path) if zarrstore.is_store(path) else netcdf.groups_of(path)
    if not (names := [name for name in found if name != group]):
        return "; name a file with gridded data"
    where = f"in its group '{group}'" if group else "outside its groups"
    listing = ", ".join(names)
    return f" {where} ({listing}): choose one with {given('group', names[0])}"


def _decode_what_can_be(raw: xr.Dataset, path: str) -> xr.Dataset:
    """Decode all but the times that xarray cannot decode, or may take for others than they are."""
    references = {name: v for name, v in raw.variables.items() if is_reference(str(v.attrs.get("units", "")))}
    apart = {}
    if all(is_plain_reference(variable.attrs["units"]) for variable in references.values()):
        with contextlib.suppress(ValueError, OverflowError, TypeError):
            return xr.decode_cf(raw, decode_timedelta=False)
    for name, variable in references.items():
        try:
            if is_plain_reference(variable.attrs["units"]):
                xr.decode_cf(xr.Dataset({name: variable}), decode_timedelta=False)
                continue
        except (ValueError, OverflowError, TypeError):
            pass
        apart[str(name)] = _dates_or_numbers(variable.copy(), str(name), path)
        # Bounds have the units of what they bound.
        del raw[name].attrs["units"]
    dataset = xr.decode_cf(raw, decode_timedelta=False)
    coords = {name: variable for name, variable in apart.items() if name in dataset.coords}
    return dataset.assign_coords(coords).assign({name: v for name, v in apart.items() if name not in coords})


def _dates_or_numbers(variable: xr.Variable, name: str, path: str) -> xr.Variable:
    """Dates that xarray does not decode, such as months since a date; numbers, with a warning, where there are none."""
    try:
        return decoded(variable, name)
    except Refusal as error:
        problem = error.problem.removeprefix(f"'{name}' ").rstrip(".")
        # On the command line, the refusal says so where these times are needed.
        if said := either(f"'{name}' in '{path}' {problem}: its values stay plain numbers", ""):
            warnings.warn(said, stacklevel=2)
        return variable
