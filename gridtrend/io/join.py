"""Several files as one record: in the order of their times, on one grid, and with whatever does not fit told."""

import itertools
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.dialect import either
from gridtrend.io.coordinates import find_dim, holds_dates
from gridtrend.io.errors import InputError
from gridtrend.io.files import FilesArray, Part

# Coordinates that differ by less than this share of their spacing are the same: other software rounded them.
NOISE = 1e-2


def join(parts: list[xr.Dataset], paths: list[str], dim: str | None, variables: Sequence[str] = ()) -> xr.Dataset:
    """Join files along `dim`; fields of numbers stay in the files, everything small is read.

    Parameters
    ----------
    parts : list of Dataset
        Opened and decoded.
    paths : list of str
        Their names.
    dim : str or None
        The dimension that joins them; found in the first file where it is not given.
    variables : sequence of str
        What is wanted: files may lack anything else. All that the first file has, by default.
    """
    dim = find_dim(parts[0], dim) if len(parts) > 1 or dim else _only_dim(parts[0])
    if dim is None:
        return parts[0]
    names = [str(name) for name in parts[0].data_vars]
    for part, path in zip(parts, paths, strict=True):
        _require(part, path, paths[0], dim, [name for name in variables if name in names] or names)
    if len(parts) > 1:
        names = [name for name in names if all(name in part for part in parts)]
        parts, paths = _in_order(parts, paths, dim)
        for part, path in zip(parts[1:], paths[1:], strict=True):
            _require_grid(parts[0], part, paths[0], path, dim)
    fields = {
        name: _field([part[name] for part in parts], paths, dim) for name in names if _is_field(parts[0][name], dim)
    }
    left = [part.drop_vars([name for name in part.data_vars if name in fields or name not in names]) for part in parts]
    record = left[0] if len(parts) == 1 else _concatenate(left, dim)
    record = xr.Dataset({name: fields.get(name, record.get(name)) for name in names}, record.coords, parts[0].attrs)
    record.encoding["source"] = paths[0]
    for part in parts[1:]:
        part.close()
    return record


def _only_dim(dataset: xr.Dataset) -> str | None:
    """The time dimension of a single file; none is no error as yet."""
    try:
        return find_dim(dataset)
    except InputError:
        return None


def _require(part: xr.Dataset, path: str, first: str, dim: str, names: Sequence[str]) -> None:
    lacking = [name for name in names if name not in part]
    if lacking or dim not in part.sizes:
        what = f"variable '{lacking[0]}'" if lacking else f"dimension '{dim}'"
        raise InputError(
            f"'{path}' has no {what}, which '{first}' has: name files of one record, or choose with "
            f"{either('variable=...', '--variable')} what all of them have"
        )


def _in_order(parts: list[xr.Dataset], paths: list[str], dim: str) -> tuple[list[xr.Dataset], list[str]]:
    """Sort by first time; refuse times that two files hold, and tell of times that none holds."""
    if dim not in parts[0].coords:
        return parts, paths
    for part, path in zip(parts, paths, strict=True):
        if not part.sizes[dim]:
            raise InputError(f"'{path}' holds no step along '{dim}': leave it out, or copy it again")
    try:
        order = sorted(range(len(parts)), key=lambda k: (parts[k][dim].values[0], paths[k]))
    except TypeError as error:
        raise InputError(
            f"the {len(parts)} files do not fit together: their times are of different calendars or kinds "
            f"({', '.join(sorted({_kind(part[dim]) for part in parts}))}). Compare them with `ncdump -h`"
        ) from error
    parts, paths = [parts[k] for k in order], [paths[k] for k in order]
    times = [part[dim].values for part in parts]
    for before, after, path, next_path in zip(times, times[1:], paths, paths[1:], strict=False):
        if after[0] <= before.max():
            _refuse_overlap(before, after, path, next_path)
    _tell_gaps(times, paths)
    return parts, paths


def _kind(coordinate: xr.DataArray) -> str:
    return f"calendar {coordinate.dt.calendar}" if holds_dates(coordinate) else f"no dates but {coordinate.dtype}"


def _refuse_overlap(before: Any, after: Any, path: str, next_path: str) -> None:
    common = int(np.isin(after, before).sum())
    what = f"hold {common} times twice" if common else "overlap in time"
    raise InputError(
        f"'{path}' ({_day(before[0])} to {_day(before.max())}) and '{next_path}' (from {_day(after[0])}) {what}: "
        "a trend would count them twice. Leave one of the files out"
    )


def _tell_gaps(times: list[Any], paths: list[str]) -> None:
    """Note a hole between two files that is wider than two steps are anywhere within them."""
    inner = [np.diff(values).max() for values in times if len(values) > 1]
    between = [after[0] - before[-1] for before, after in itertools.pairwise(times)]
    usual = max(inner) if inner else sorted(between)[len(between) // 2]
    holes = [k for k, width in enumerate(between) if width > 1.9 * usual]
    if holes:
        k = holes[0]
        more = f", and {len(holes) - 1} more such gaps" if len(holes) > 1 else ""
        warnings.warn(
            f"no file covers the time between {_day(times[k][-1])} ('{paths[k]}') and {_day(times[k + 1][0])} "
            f"('{paths[k + 1]}'){more}: those steps count as missing",
            stacklevel=2,
        )


def _day(value: Any) -> str:
    return str(value)[:10] if not isinstance(value, (int, float, np.number)) else f"{value:g}"


def _require_grid(first: xr.Dataset, other: xr.Dataset, first_path: str, path: str, dim: str) -> None:
    for name, size in first.sizes.items():
        if name != dim and other.sizes.get(name, size) != size:
            raise InputError(
                f"'{path}' has {other.sizes[name]} values along '{name}', and '{first_path}' {size}: "
                "the files must be on one grid; treat them one by one, or regrid them first"
            )
    for name, coordinate in first.coords.items():
        if dim in coordinate.dims or name not in other.coords or coordinate.dtype.kind not in "iuf":
            continue
        ours, theirs = (np.asarray(dataset[name].values, float) for dataset in (first, other))
        if ours is not theirs and not (gap := float(np.max(np.abs(ours - theirs), initial=0))) <= _noise(ours):
            reverse = ours.ndim == 1 and float(np.max(np.abs(ours - theirs[::-1]), initial=0)) <= _noise(ours)
            problem = "runs the other way than" if reverse else f"differs by up to {gap:.3g} from"
            remedy = "turn it round" if reverse else "regrid them"
            raise InputError(
                f"'{name}' in '{path}' {problem} that in '{first_path}': "
                f"the files must be on one grid; treat them one by one, or {remedy} first"
            )


def _noise(values: np.ndarray) -> float:
    if values.size < 2:
        return 1e-5 * float(np.max(np.abs(values), initial=0))
    spacing = np.abs(np.diff(values, axis=-1))
    return NOISE * float(np.min(spacing[spacing > 0], initial=np.inf)) if (spacing > 0).any() else 0.0


def _is_field(array: xr.DataArray, dim: str) -> bool:
    """Whether an array is worth leaving in its file: numbers along `dim` for many cells."""
    bounds = array.sizes.get(dim, 0) * 2
    return dim in array.dims and array.dtype.kind in "iufb" and (array.ndim > 1 and array.size > bounds)


def _field(arrays: list[xr.DataArray], paths: list[str], dim: str) -> xr.Variable:
    first = arrays[0]
    for array, path in zip(arrays, paths, strict=True):
        if array.dims != first.dims:
            raise InputError(
                f"'{first.name}' has the dimensions {', '.join(map(str, array.dims))} in '{path}', and "
                f"{', '.join(map(str, first.dims))} in '{paths[0]}': the files must agree"
            )
        if array.attrs.get("units") != first.attrs.get("units"):
            raise InputError(
                f"'{first.name}' is in '{array.attrs.get('units', 'no units')}' in '{path}', and in "
                f"'{first.attrs.get('units', 'no units')}' "
                f"in '{paths[0]}': the files must agree"
            )
    parts = [_part(array, path) for array, path in zip(arrays, paths, strict=True)]
    data = indexing_of(FilesArray(parts, first.dims.index(dim)))
    encoding = {key: value for key, value in first.encoding.items() if key != "preferred_chunks"}
    chunks = encoding.get("chunksizes") or encoding.get("chunks")
    if chunks and len(parts) > 1:
        axis = first.dims.index(dim)
        longest = max(part.shape[axis] for part in parts)
        encoding["chunksizes"] = tuple(min(size, longest) if k == axis else size for k, size in enumerate(chunks))
    return xr.Variable(first.dims, data, first.attrs, encoding)


def indexing_of(array: FilesArray) -> Any:
    """An array of files as xarray keeps what it has not read."""
    from xarray.core.indexing import LazilyIndexedArray

    return LazilyIndexedArray(array)


def _part(array: xr.DataArray, path: str) -> Part:
    sizes = array.encoding.get("chunksizes") or array.encoding.get("chunks") or ()
    in_store = "chunks" in array.encoding and "chunksizes" not in array.encoding
    return Part(
        path=path,
        name=str(array.name),
        dims=tuple(map(str, array.dims)),
        shape=array.shape,
        dtype=array.dtype,
        chunks=tuple(sizes),
        store=array.variable if in_store else None,
        size=os.path.getsize(path) if os.path.isfile(path) else None,
    )


def _concatenate(parts: list[xr.Dataset], dim: str) -> xr.Dataset:
    """What is small, read and joined; what does not depend on `dim` is that of the first file."""
    first = parts[0]
    parts = [part.drop_vars([n for n, v in part.variables.items() if dim not in v.dims and n != dim]) for part in parts]
    try:
        joined = xr.concat(
            [part.load() for part in parts],
            dim,
            data_vars="minimal",
            coords="minimal",
            compat="override",
            join="override",
            combine_attrs="override",
        )
    except (ValueError, TypeError) as error:
        raise InputError(
            f"the {len(parts)} files do not fit together: {error}. Their grids, variables and calendars must agree: "
            "compare them with `ncdump -h`, or treat them one by one"
        ) from error
    still = {n: v for n, v in first.variables.items() if dim not in v.dims}
    return joined.assign({n: v for n, v in still.items() if n not in first.coords}).assign_coords(
        {n: v for n, v in still.items() if n in first.coords}
    )
