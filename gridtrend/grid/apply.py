"""Running a kernel on named arrays: the only caller of `xarray.apply_ufunc`."""

import types
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from gridtrend import __version__
from gridtrend.engine.output import Output
from gridtrend.engine.wide import counted, is_wide
from gridtrend.grid.cf import data_name, output_attrs
from gridtrend.grid.checks import check_alike, check_array, check_chunks
from gridtrend.grid.timeaxis import TimeAxis, period

if TYPE_CHECKING:
    from gridtrend.engine.kernel import Kernel


def apply(
    kernel: "Kernel", *arrays: xr.DataArray, dim: str, axis: TimeAxis | None = None, **parameters: Any
) -> xr.Dataset:
    """Run a block kernel along `dim` of one or several arrays.

    Parameters
    ----------
    kernel : Kernel
        Its blocks are `arrays`, in order; its dimension "time" is `dim`. Blocks without it are fields.
    *arrays : DataArray
        Numeric, numpy- or dask-backed, with `dim` among their dimensions; the other dimensions are broadcast. Fields
        are results of other kernels, without `dim`.
    dim : str
        The dimension that the kernel consumes. It must lie in one dask chunk.
    axis : TimeAxis, optional
        `dim` as numbers: passed to the kernel as `t`, used to sort the arrays, and to name units.
    **parameters
        The kernel's other arguments.

    Returns
    -------
    Dataset
        One variable for each output, lazy where an input is. Coordinates that do not depend on `dim` are kept; `dim`
        itself, unless an output has it, becomes a scalar coordinate with bounds, the period of the record. Attributes
        say from how many steps, and by which version, it was made.

    Raises
    ------
    TypeError
        If an array is not a DataArray or not of real numbers.
    ValueError
        If `dim` is no dimension of an array, or is split over several dask chunks.
    """
    for array, block in zip(arrays, kernel.blocks, strict=True):
        if "time" in block.core_dims:
            check_array(array, dim)
            check_chunks(array, dim)
    check_alike([array for array in arrays if dim in array.dims], dim)
    if not all(array.size for array in arrays) and any(array.chunks is not None for array in arrays):
        # dask divides by the sizes of dimensions.
        return apply(kernel, *map(_without_values, arrays), dim=dim, axis=axis, **parameters).chunk()
    first = arrays[0]
    if axis is not None:
        parameters["t"] = axis.values
        if axis.order is not None:
            arrays = tuple(array.isel({dim: axis.order}, missing_dims="ignore") for array in arrays)
    results = _apply_ufunc(
        kernel,
        *arrays,
        input_core_dims=[_names(block.core_dims, dim) for block in kernel.blocks],
        output_core_dims=[_names(output.dims, dim) for output in kernel.outputs],
        output_dtypes=[np.dtype(output.dtype) for output in kernel.outputs],
        dask="parallelized",
        dask_gufunc_kwargs={"output_sizes": _new_sizes(kernel, parameters)},
        # A result is another quantity: its attributes are set below, on purpose.
        keep_attrs=False,
        kwargs=parameters,
    )
    results = results if isinstance(results, tuple) else (results,)
    name, units = data_name(first.name, first.attrs), first.attrs.get("units")
    unit = axis.unit if axis is not None else ""
    variables = {}
    for output, result in zip(kernel.outputs, results, strict=True):
        variables[output.name] = result.variable
        variables[output.name].attrs = output_attrs(output, name, units, unit)
    provenance = {"dimension": dim, "n": first.sizes[dim], "gridtrend_version": package_version()}
    # Results along the dimension keep its coordinate; all others are of the whole period.
    span = {} if dim in results[0].dims else period(first, dim)
    return xr.Dataset(variables, _coordinates(results[0], arrays, variables, span), provenance)


def _coordinates(
    result: xr.DataArray,
    arrays: Sequence[xr.DataArray],
    taken: Collection[Hashable],
    further: Mapping[Any, xr.Variable] = types.MappingProxyType({}),
) -> xr.Coordinates:
    """Coordinates of a result: with their indexes, with their attributes, which xarray drops, and `further` ones added."""
    kept = {
        name: next(
            (a.coords[name] for a in arrays if name in a.coords and a.coords[name].dims == coord.dims), coord
        ).variable.copy(deep=False)
        for name, coord in result.coords.items()
        # A result replaces a coordinate of the same name.
        if name not in taken
    }
    kept |= further
    return xr.Coordinates(kept, {name: index for name, index in result.xindexes.items() if name in kept})


def _without_values(array: xr.DataArray) -> xr.DataArray:
    """A missing array in memory instead of a lazy one: with a dimension of size 0, results do not depend on values."""
    missing = np.nan if array.dtype.kind == "f" else 0
    return array.copy(data=np.full(array.shape, missing, array.dtype))


def _names(dims: tuple[str, ...], dim: str) -> list[str]:
    """Dimensions of a kernel as those of the arrays."""
    return [dim if name == "time" else name for name in dims]


def _new_sizes(kernel: "Kernel", parameters: dict[str, Any]) -> dict[str, int]:
    """Sizes of output dimensions that no block has; they are those of vectors that all cells share."""
    known = {name for block in kernel.blocks for name in block.core_dims}
    sizes = {
        name: size
        for item in kernel.inputs
        if not item.is_block and item.dims
        for name, size in zip(item.dims, np.shape(parameters[item.name]), strict=True)
    }
    wanted = {name for output in kernel.outputs for name in output.dims} - known
    return {name: sizes[name] for name in wanted}


def apply_function(
    function: Callable[..., Any],
    *arrays: xr.DataArray,
    outputs: Sequence[Output],
    like: xr.DataArray,
    family: Sequence[Hashable] = (),
    **parameters: Any,
) -> xr.Dataset:
    """Run a NumPy function on named arrays, as lazy as they are, where there is nothing to compile.

    Parameters
    ----------
    function : callable
        Takes blocks of `arrays` and `parameters`, returns an array, or a tuple of one for each output.
    *arrays : DataArray
        Numpy- or dask-backed.
    outputs : sequence of Output
        Declares the results. An output with dims ("family",) has a value for each cell of a family, others have one for the
        whole family.
    like : DataArray
        Its name and units are used in the attributes of the results.
    family : sequence of str
        Dimensions that the function must see whole: they come last, all their chunks joined. An array without them keeps
        its chunks.
    **parameters
        The function's other arguments.

    Returns
    -------
    Dataset
        One variable for each output, in the chunks of the first array.
    """
    if not all(array.size for array in arrays) and any(array.chunks is not None for array in arrays):
        empty = map(_without_values, arrays)
        return apply_function(function, *empty, outputs=outputs, like=like, family=family, **parameters).chunk()
    if not all(isinstance(name, str) for name in family):
        # xarray sorts the names of core dimensions, so they must be strings.
        words = {name: f"_dimension_{place}" for place, name in enumerate(family)}
        renamed = [array.rename({name: words[name] for name in family if name in array.dims}) for array in arrays]
        named = list(words.values())
        result = apply_function(function, *renamed, outputs=outputs, like=like, family=named, **parameters)
        return result.rename({word: name for name, word in words.items() if word in result.dims})
    families = [[name for name in family if name in array.dims] for array in arrays]
    results = _apply_ufunc(
        function,
        *(
            array.chunk(dict.fromkeys(whole, -1)) if whole and array.chunks is not None else array
            for array, whole in zip(arrays, families, strict=True)
        ),
        input_core_dims=families,
        output_core_dims=[list(family) if "family" in output.dims else [] for output in outputs],
        output_dtypes=[np.dtype(output.dtype) for output in outputs],
        dask="parallelized",
        keep_attrs=False,
        kwargs=parameters,
    )
    first, name = arrays[0], data_name(like.name, like.attrs)
    variables = {}
    for output, result in zip(outputs, results if len(outputs) > 1 else [results], strict=True):
        if "family" in output.dims or not family:
            result = result.transpose(*first.dims)
            # Chunks were joined for this function only.
            result = result.chunk(first.variable.chunksizes) if family and first.chunks is not None else result
        variables[output.name] = result.variable
        variables[output.name].attrs = output_attrs(output, name, like.attrs.get("units"), "")
    return xr.Dataset(variables, _coordinates(first, [first], variables))


def common_steps(first: xr.DataArray, second: xr.DataArray, dim: str) -> tuple[xr.DataArray, xr.DataArray | None]:
    """The first array, missing where the second is; and the offset that was subtracted from it, None for no offset.

    Integers cannot be missing, so they become float64. An offset is subtracted where float64 cannot hold them exactly.
    """
    level = None
    if is_wide(first.dtype):
        first, level = _apply_ufunc(
            _counted, first, input_core_dims=[[dim]], output_core_dims=[[dim], []],
            dask="parallelized", output_dtypes=[float, float], keep_attrs=True,
        )  # fmt: skip
        level = level.drop_vars(level.coords).drop_attrs()
    return first.where(np.isfinite(second)), level


def in_float64(array: xr.DataArray, dim: str, *, moved: bool) -> xr.DataArray:
    """Integers as float64, lazily; a series that float64 cannot hold exactly is counted from its first number.

    Parameters
    ----------
    array : DataArray
        Of a type that `is_wide`.
    dim : str
    moved : bool
        Whether only differences matter. If not, numbers that float64 cannot hold exactly are refused.
    """
    check_chunks(array, dim)
    if not array.size:
        return array.astype(float)
    result: xr.DataArray = _apply_ufunc(
        _differences if moved else _held,
        array,
        input_core_dims=[[dim]],
        output_core_dims=[[dim]],
        dask="parallelized",
        output_dtypes=[float],
        keep_attrs=True,
    )
    return result.transpose(*array.dims)


def _differences(series: Any) -> Any:
    return counted(series)[0]


def _held(series: Any) -> Any:
    values, first = counted(series)
    if first is not None:
        raise ValueError(
            f"integers ({series.dtype.name}) beyond 2**53 are mixed with floating-point numbers, and would be rounded to "
            "float64. Subtract an offset from them first, or leave the slope and the intercept out: slope=False."
        )
    return values


def _counted(series: Any) -> tuple[Any, Any]:
    values, first = counted(series)
    return values, np.zeros(series.shape[:-1]) if first is None else first


def _apply_ufunc(function: Any, *arrays: Any, **options: Any) -> Any:
    """`xarray.apply_ufunc`, without a warning while dask makes its graph.

    To find the types of results, dask casts an uninitialised value, which may not fit an integer.
    """
    lazy = any(array.chunks is not None for array in arrays)
    with np.errstate(invalid="ignore") if lazy else nullcontext():
        return xr.apply_ufunc(function, *arrays, **options)


def map_cells(
    function: Any,
    arrays: Sequence[xr.DataArray],
    core_dims: Sequence[Sequence[str]],
    output_core_dims: Sequence[Sequence[str]],
    output_dtypes: Sequence[Any],
    output_sizes: Mapping[str, int],
) -> tuple[xr.DataArray, ...]:
    """Run a function of blocks of cells, core dimensions last, on arrays that are broadcast against each other.

    The function must pickle by name or by value, and its results depend on each cell alone.
    """
    results = _apply_ufunc(
        _call,
        *arrays,
        input_core_dims=core_dims,
        output_core_dims=output_core_dims,
        output_dtypes=output_dtypes,
        dask="parallelized",
        dask_gufunc_kwargs={"output_sizes": dict(output_sizes)},
        keep_attrs=False,
        join="exact",
        kwargs={"function": function},
    )
    return results if isinstance(results, tuple) else (results,)


def _call(*blocks: Any, function: Any) -> Any:
    """Call the function. dask names tasks after this one; from an object it would take its text, and fail at a "-"."""
    return function(*blocks)


def package_version() -> str:
    """The version that results are made by."""
    return __version__
