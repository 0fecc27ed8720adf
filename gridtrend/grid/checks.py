"""Arguments that many functions share, checked in one place: arrays, numbers, words, flags, levels and seeds."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeVar, overload

import numpy as np
import xarray as xr

from gridtrend.grid.dialect import either, given, quoted

Choice = TypeVar("Choice")
# The largest whole number that compiled code and files hold.
LARGEST_WHOLE = 2**63 - 1
# The least level that quantiles are computed for.
SMALLEST = 1e-300
# As many as compiled code counts: more valid values, or more draws, than any record has, or any process makes.
MOST_COUNTED = 2**31 - 1


def as_dataarray(values: Any, dim: Hashable) -> str:
    """The call that names the dimensions of plain values, as many as they have."""
    try:
        n = np.ndim(values)
    # Ragged lists, and objects that refuse to become plain arrays.
    except (TypeError, ValueError):
        n = 1
    names = [dim, *(name for name in ("lat", "lon") if name != dim)]
    dims = [dim] if n < 2 else names[:n] if n > 2 else [dim, "cell"]
    dims += [f"dim_{i}" for i in range(len(dims), n)]
    return f"xarray.DataArray(values, dims={dims[0]!r})" if n < 2 else f"xarray.DataArray(values, dims={tuple(dims)!r})"


def check_array(array: Any, dim: Hashable, *, kinds: str = "biuf") -> None:
    """Refuse what is not a DataArray of numbers (real ones, unless `kinds` has a "c") with a dimension `dim`."""
    if isinstance(array, xr.Dataset):
        raise TypeError(
            f"one variable at a time is expected, not a Dataset. Pick one, ds[{next(iter(array), 'name')!r}], "
            "or take all that have the dimension with ds.gridtrend.<function>(...)."
        )
    if isinstance(array, xr.DataTree):
        raise TypeError(
            "one variable at a time is expected, not a DataTree. Pick one, tree['group/name'], "
            "or take all of a group with tree['group'].to_dataset().gridtrend.<function>(...)."
        )
    if not isinstance(array, xr.DataArray):
        raise TypeError(
            f"an xarray.DataArray is expected, not {type(array).__name__}. Name its dimensions: {as_dataarray(array, dim)}."
        )
    name = f"{array.name!r}" if array.name is not None else "the array"
    if dim not in array.dims:
        dims = ", ".join(map(repr, array.dims)) or "none"
        raise ValueError(
            f"{name} has no dimension {dim!r}; its dimensions are {dims}. Name the one to follow: "
            + either("dim=...", "--dim NAME")
        )
    if len(set(array.dims)) < len(array.dims):
        twice = next(d for d in array.dims if array.dims.count(d) > 1)
        distinct = tuple(d if d not in array.dims[:i] else f"{d}_{i}" for i, d in enumerate(array.dims))
        raise ValueError(
            f"{name} has the dimension {twice!r} more than once. "
            + either(
                f"Give each a name of its own: xarray.DataArray(da.data, dims={distinct}).",
                "Leave it out, with --variable and the names of the others.",
            )
        )
    if array.dtype.kind not in kinds:
        raise TypeError(f"{name} holds {array.dtype}, and real numbers are needed. {_as_numbers(array.dtype.kind)}")
    unknown = [size for size in array.shape if math.isnan(size)]
    if unknown:
        raise ValueError(
            f"{name} has dask chunks of unknown sizes, as a selection by lazy values leaves them. Have them counted first: "
            "da.copy(data=da.data.compute_chunk_sizes())."
        )


def _as_numbers(kind: str) -> str:
    """How to make real numbers of another kind of value; a missing value must stay one."""
    return {
        "m": "These are durations: divide them by a unit of time, da / np.timedelta64(1, 'D'), which leaves missing ones "
        "missing (.astype(float) would make numbers of them).",
        "M": "These are dates: count them in a unit of time, (da - np.datetime64('1970-01-01')) / np.timedelta64(1, 'D'), "
        "which leaves missing ones missing (.astype(float) would make numbers of them).",
        "c": "These are complex: take their real part, da.real, or their size, abs(da).",
    }.get(kind, "Convert it with .astype(float).")


def check_alike(arrays: Sequence[xr.DataArray], dim: str) -> None:
    """Refuse arrays of different lengths or coordinates, with the call that brings them together."""
    if len(arrays) < 2:
        return
    sizes = [array.sizes[dim] for array in arrays]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"the arrays have {' and '.join(map(str, sizes))} steps along {dim!r}, and each step of one belongs to one of "
            "the other. Give both a coordinate, and keep the steps they share: x, y = xarray.align(x, y)."
        )
    check_coordinates(arrays)


def check_coordinates(
    arrays: Sequence[xr.DataArray], what: str = "the two arrays", remedy: str = "x, y = xarray.align(x, y)"
) -> None:
    """Refuse arrays that share a dimension and differ in its coordinate; `remedy` is the call that brings them together."""
    try:
        xr.align(*arrays, join="exact", copy=False)
    except ValueError as error:
        raise ValueError(
            f"{what} do not have the same coordinates ({quoted(error)}). Bring them together first: {remedy}."
        ) from None


def check_chunks(array: xr.DataArray, dim: str) -> None:
    """Refuse an array that has `dim` split over several dask chunks, with the call that fixes it."""
    # Those of coordinates are no matter.
    chunks = array.variable.chunksizes.get(dim, ())
    if len(chunks) > 1:
        others = "".join(f", {other!r}: 'auto'" for other in array.dims if other != dim)
        raise ValueError(
            f"dimension {dim!r} is split over {len(chunks)} dask chunks, and every cell needs its whole series. Rechunk "
            f"first: da.chunk({{{dim!r}: -1{others}}}). That moves all {array.nbytes / 1e6:,.0f} MB once between chunks; "
            f"opening the file with chunks={{{dim!r}: -1}} moves nothing."
        )


def is_number(value: Any) -> bool:
    """Whether this is one real number; truth values and durations, which are whole numbers to NumPy, are none.

    Examples
    --------
    >>> [is_number(value) for value in (2, np.float32(0.5), True, "2", 1j, np.timedelta64(3, "D"), np.ones(1))]
    [True, True, False, False, False, False, False]
    """
    kinds = int | float | np.integer | np.floating
    return isinstance(value, kinds) and not isinstance(value, bool | np.timedelta64)


def is_whole(value: Any, least: float, most: int = LARGEST_WHOLE) -> bool:
    """Whether this is a whole number from `least` to `most`.

    Examples
    --------
    >>> [is_whole(value, 1) for value in (1, 3.0, 0, 2.5, float("nan"), 10**30)]
    [True, True, False, False, False, False]
    """
    return is_number(value) and bool(least <= value <= most) and value == int(value)


def check_seed(seed: Any) -> int:
    """A seed of random numbers."""
    if not is_whole(seed, 0):
        raise ValueError(f"seed={seed!r} is not a seed; give a whole number from 0 to 2**63 - 1.")
    return int(seed)


def check_flag(name: str, value: Any) -> bool:
    """An option that is on or off; the word 'False' is neither."""
    if isinstance(value, bool | np.bool_) or is_whole(value, 0, 1):
        return bool(value)
    raise ValueError(f"{name}={value!r} is neither True nor False.")


def check_share(name: str, value: Any) -> float:
    """A share, from 0 to 1."""
    if not (is_number(value) and 0 <= value <= 1):
        raise ValueError(f"{given(name, value)} is no share; give a number from 0 to 1.")
    return float(value)


def check_alpha(alpha: float) -> float:
    """A significance level, between 0 and 1."""
    if not (is_number(alpha) and SMALLEST < alpha < 1.0):
        raise ValueError(
            f"{given('alpha', alpha)} is not a significance level; give a number between 0 and 1, such as 0.05."
        )
    return float(alpha)


def check_min_valid(min_valid: int) -> int:
    """A number of valid values, at least 1."""
    if not is_whole(min_valid, 1, MOST_COUNTED):
        raise ValueError(f"{given('min_valid', min_valid)} is not a number of values; give a whole number from 1 on.")
    return int(min_valid)


@overload
def choose(name: str, value: Any, known: Mapping[Any, Choice]) -> Choice: ...
@overload
def choose(name: str, value: Any, known: Sequence[Choice]) -> Choice: ...
def choose(name: str, value: Any, known: Any) -> Any:
    """The value of one of several words; anything else is refused, of any type.

    Parameters
    ----------
    name : str
        Of the argument.
    value : object
        What was given; None only where it is known.
    known : mapping or sequence
        The words with their values, or the words alone.

    Examples
    --------
    >>> choose("order", "down", {"up": 1, "down": -1}), choose("sides", "onesided", ("onesided", "twosided"))
    (-1, 'onesided')
    """
    if not (value is None or isinstance(value, str)) or value not in known:
        raise ValueError(f"{given(name, value)} is not known; use one of {', '.join(map(repr, known))}.")
    return known[value] if isinstance(known, Mapping) else value
