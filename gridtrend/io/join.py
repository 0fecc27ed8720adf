"""Several files as one record: in the order of their times, on one grid, and with whatever does not fit told."""

import itertools
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.dialect import either
from gridtrend.io.coordinates import at_one_step, find_dim, holds_dates, index_by_time
from gridtrend.io.errors import InputError
from gridtrend.io.fingerprints import file_state
from gridtrend.io.lazy_files import FilesArray, Part

# Coordinates that differ by less than this share of their spacing are the same: other software rounded them.
NOISE = 1e-2


def join(
    parts: list[xr.Dataset],
    paths: list[str],
    dim: str | None,
    variables: Sequence[str] = (),
    *,
    group: str | None = None,
    overlap: str = "refuse",
) -> xr.Dataset:
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
    group : str, optional
        Of the files, from which the parts are.
    overlap : {"refuse", "first"}
        What to do with steps that two files hold.
    """
    if overlap not in ("refuse", "first"):
        raise InputError(f"overlap is 'refuse' or 'first', not {overlap!r}")
    dim = find_dim(parts[0], dim) if len(parts) > 1 or dim else _only_dim(parts[0])
    if dim is None:
        return parts[0]
    parts = [index_by_time(part, dim) if dim in part.sizes else part for part in parts]
    names = [str(name) for name in parts[0].data_vars]
    for part, path in zip(parts, paths, strict=True):
        _require(part, path, paths[0], dim, [name for name in variables if name in names] or names)
    parts = [at_one_step(part, dim) for part in parts]
    kept: np.ndarray | None = None
    turned: list[tuple[str, ...]] = [()] * len(parts)
    if len(parts) > 1:
        parts, paths, kept = _in_order(parts, paths, dim, overlap)
        turned = [_turned(parts[0], part, dim) for part in parts]
        parts = [
            part.isel({name: slice(None, None, -1) for name in names}) if names else part
            for part, names in zip(parts, turned, strict=True)
        ]
        for part, path in zip(parts[1:], paths[1:], strict=True):
            _require_grid(parts[0], part, paths[0], path, dim)
    shared = [name for name in map(str, parts[0].variables) if all(name in part.variables for part in parts)]
    fields = {
        name: _field([part[name] for part in parts], paths, dim, group, turned)
        for name in shared
        if _is_field(parts[0][name], dim)
    }
    left = [part.drop_vars([n for n in part if n not in shared] + [n for n in fields if n in part]) for part in parts]
    record = left[0] if len(parts) == 1 else _concatenate(left, dim)
    data = {name: fields.get(name, record.variables.get(name)) for name in shared if name in parts[0].data_vars}
    places = {name: field for name, field in fields.items() if name not in data}
    record = xr.Dataset(data, record.coords, parts[0].attrs).assign_coords(places)
    record.encoding["source"] = paths[0]
    for part in parts[1:]:
        part.close()
    return record if kept is None else record.isel({dim: kept})


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


def _in_order(
    parts: list[xr.Dataset], paths: list[str], dim: str, overlap: str
) -> tuple[list[xr.Dataset], list[str], np.ndarray | None]:
    """Sort by first time; refuse times that two files hold, and tell of times that none holds.

    The third result is None, or the positions of the steps that are kept where files overlap.
    """
    if dim not in parts[0].coords:
        return parts, paths, None
    for part, path in zip(parts, paths, strict=True):
        if not part.sizes[dim]:
            raise InputError(f"'{path}' holds no step along '{dim}': leave it out, or copy it again")
    try:
        order = sorted(range(len(parts)), key=lambda k: (parts[k][dim].values[0], paths[k]))
    except TypeError as error:
        kinds = [_kind_of(part[dim]) for part in parts]
        k = next((k for k, kind in enumerate(kinds) if kind != kinds[0]), 0)
        raise InputError(
            f"the {len(parts)} files do not fit together: '{dim}' holds {kinds[0]} in '{paths[0]}' and {kinds[k]} in "
            f"'{paths[k]}'. Bring them to one calendar first, for example with `cdo setcalendar`"
        ) from error
    parts, paths = [parts[k] for k in order], [paths[k] for k in order]
    times = [part[dim].values for part in parts]
    overlapping = [k for k, (a, b) in enumerate(itertools.pairwise(times)) if b[0] <= a.max()]
    _tell_gaps(times, paths)
    if not overlapping:
        return parts, paths, None
    if overlap == "refuse":
        k = overlapping[0]
        _refuse_overlap(times[k], times[k + 1], paths[k], paths[k + 1])
    return parts, paths, _first_of_each(times)


def _first_of_each(times: list[np.ndarray]) -> np.ndarray:
    """Positions, in order of time, of the steps that no earlier file holds; what one file repeats is not touched."""
    fresh, start = [], 0
    seen: set[Any] = set()
    for values in times:
        own = values.tolist()
        fresh += [start + k for k, value in enumerate(own) if value not in seen]
        seen.update(own)
        start += len(own)
    positions = np.array(fresh)
    return positions[np.argsort(np.concatenate(times)[positions], kind="stable")]


def _kind_of(times: xr.DataArray) -> str:
    return f"dates of the {times.dt.calendar} calendar" if holds_dates(times) else "numbers"


def _refuse_overlap(before: Any, after: Any, path: str, next_path: str) -> None:
    common = int(np.isin(after, before).sum())
    what = f"hold {common} {'time' if common == 1 else 'times'} twice" if common else "overlap in time"
    raise InputError(
        f"'{path}' ({_day(before[0])} to {_day(before.max())}) and '{next_path}' (from {_day(after[0])}) {what}: "
        "a trend would count them twice. Leave one of the files out, or keep the steps of the file that begins first, with "
        + either("overlap='first'", "--overlap first")
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
        if other[name].shape != coordinate.shape or other[name].dtype.kind not in "iuf":
            raise InputError(
                f"'{name}' is of another shape or kind in '{path}' than in '{first_path}': the files must be on one grid"
            )
        ours, theirs = (np.asarray(dataset[name].values, float) for dataset in (first, other))
        # NaN at the same places, as on land, is no difference.
        apart = np.abs(ours - theirs)[~(np.isnan(ours) & np.isnan(theirs))]
        if not (gap := float(np.max(apart, initial=0))) <= _noise(ours):
            raise InputError(
                f"'{name}' in '{path}' differs by up to {gap:.3g} from that in '{first_path}': "
                f"the files must be on one grid; treat them one by one, or regrid them first"
            )


def _turned(first: xr.Dataset, other: xr.Dataset, dim: str) -> tuple[str, ...]:
    """Dimensions that run the other way in another file, and hold the same values."""
    turned = []
    for name, size in first.sizes.items():
        if name == dim or size < 2 or other.sizes.get(name) != size:
            continue
        if name in first.coords and name in other.coords and first[name].dtype.kind in "iuf":
            ours, theirs = (np.asarray(dataset[name].values, float) for dataset in (first, other))
            if np.max(np.abs(ours - theirs)) > _noise(ours) >= np.max(np.abs(ours - theirs[::-1])):
                turned.append(str(name))
    return tuple(turned)


def _noise(values: np.ndarray) -> float:
    if values.size < 2:
        return 1e-5 * float(np.max(np.abs(values), initial=0))
    if values.ndim > 1:
        # Along one of its dimensions a latitude or longitude may hardly change.
        steps = [np.abs(np.diff(values, axis=axis)) for axis in range(values.ndim)]
        return NOISE * max((float(np.nanmedian(step)) for step in steps if step.size), default=0.0)
    spacing = np.abs(np.diff(values))
    return NOISE * float(np.min(spacing[spacing > 0], initial=np.inf)) if (spacing > 0).any() else 0.0


def _is_field(array: xr.DataArray, dim: str) -> bool:
    """Whether an array is worth leaving in its file: numbers along `dim` for many cells."""
    bounds = array.sizes.get(dim, 0) * 2
    return dim in array.dims and array.dtype.kind in "iufb" and (array.ndim > 1 and array.size > bounds)


def _field(
    arrays: list[xr.DataArray], paths: list[str], dim: str, group: str | None, turned: list[tuple[str, ...]]
) -> xr.Variable:
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
    parts = [_part(array, path, group, names) for array, path, names in zip(arrays, paths, turned, strict=True)]
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


def _part(array: xr.DataArray, path: str, group: str | None, turned: tuple[str, ...]) -> Part:
    sizes = array.encoding.get("chunksizes") or array.encoding.get("chunks") or ()
    in_store = "chunks" in array.encoding and "chunksizes" not in array.encoding
    return Part(
        path=path,
        name=str(array.name),
        dims=tuple(map(str, array.dims)),
        shape=array.shape,
        dtype=array.dtype,
        chunks=tuple(sizes),
        # An array of a store is turned with its dataset.
        store=array.variable if in_store else None,
        state=file_state(path),
        group=group,
        turned=() if in_store else tuple(name for name in turned if name in array.dims),
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
