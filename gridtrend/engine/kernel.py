"""A block kernel, declared once: its layout and types drive numba, xarray, dask and the CF attributes.

A kernel is a plain function over arrays that hold many cells at once:

    class Test(NamedTuple):
        alpha: float
        min_valid: int

    @kernel("(time,cell),(time)", "Td", Output("s", "Mann-Kendall S of {data}"), Output("n_valid", ..., dtype="i4"))
    def scores(y, t, test: Test, out):
        s, n_valid = out
        ...

`y` reaches it as a `(time, cell)` view of a chunk and `t` as it is. Numbers are annotated `float` or `int`; numbers that
travel together are one named tuple. `out` holds an array of one value a cell for each output, which the kernel fills. That
is a generalised ufunc whose loop over cells belongs to the kernel, so that neighbouring cells can share SIMD lanes. numba's
own gufunc objects are not used: they are compiled again at every unpickle and their file cache is unsafe among processes.
"""

import functools
import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from gridtrend.engine import notice
from gridtrend.engine.jit import entry
from gridtrend.engine.output import Output
from gridtrend.engine.unit import UnitFailed, compile_kept, failure_of
from gridtrend.engine.wide import counted, is_wide

_LETTERS = {"d": numba.float64, "l": numba.int64}
_NUMBERS = {float: (numba.float64, np.float64), int: (numba.int64, np.int64)}
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Input:
    """One array that a kernel takes: a block of cells, or a vector that all cells share."""

    name: str
    dims: tuple[str, ...]
    type: str

    @property
    def is_block(self) -> bool:
        """Whether it holds a value for each cell."""
        return "cell" in self.dims

    @property
    def core_dims(self) -> tuple[str, ...]:
        """Its dimensions other than the cells."""
        return tuple(dim for dim in self.dims if dim != "cell")

    def numba_type(self, data: Any) -> Any:
        """The numba type, given the floating type of the data."""
        # Blocks are views of any stride: what a kernel needs contiguous it copies into a tile.
        return numba.types.Array(
            _LETTERS.get(self.type, data), len(self.dims), "A" if self.is_block else "C", readonly=True
        )


@dataclass(frozen=True)
class Numbers:
    """One number that a kernel takes, or several in a named tuple."""

    names: tuple[str, ...]
    kinds: tuple[type, ...]
    # The named tuple; None for a number by itself.
    together: Any = None

    @classmethod
    def declared(cls, name: str, kind: Any) -> "Numbers":
        """Numbers of a parameter that is annotated as `float`, `int`, or a named tuple of these."""
        if kind in _NUMBERS:
            return cls((name,), (kind,))
        return cls(kind._fields, tuple(kind.__annotations__[field] for field in kind._fields), kind)

    @property
    def numba_type(self) -> Any:
        """The numba type."""
        types = [_NUMBERS[kind][0] for kind in self.kinds]
        return numba.types.BaseTuple.from_types(types, self.together) if self.together else types[0]

    def taken_from(self, parameters: dict[str, Any]) -> Any:
        """The argument, from all parameters by their names."""
        values = [_NUMBERS[kind][1](parameters[name]) for name, kind in zip(self.names, self.kinds, strict=True)]
        return self.together(*values) if self.together else values[0]


class Kernel:
    """A compiled block kernel that pickles by name and compiles once a process.

    Call it with the blocks (core dimensions last, as `xarray.apply_ufunc` gives them) and the other arguments by name.
    """

    def __init__(self, body: Callable[..., None], layout: str, types: str, outputs: tuple[Output, ...]):
        groups = [group.strip("()") for group in layout.replace(" ", "").split("),(")]
        dims = [tuple(dim for dim in group.split(",") if dim) for group in groups]
        parameters = inspect.signature(body).parameters
        names = list(parameters)
        unpacked = {output.name for output in outputs} <= set(body.__code__.co_varnames)
        if names[-1:] != ["out"] or len(types) != len(dims) or len(names) <= len(dims) or not unpacked:
            raise TypeError(f"{body.__qualname__}: layout, types, outputs and arguments do not match")
        self.body = body
        self.inputs = tuple(map(Input, names, dims, types))
        self.numbers = tuple(Numbers.declared(name, parameters[name].annotation) for name in names[len(dims) : -1])
        self.outputs = outputs
        # Of a kernel that is made from a statistic of one series: that statistic.
        self.unit: Any = None
        self._compiled: dict[np.dtype[Any], Any] = {}
        functools.update_wrapper(self, body)
        self.__qualname__: str = body.__qualname__

    @property
    def blocks(self) -> tuple[Input, ...]:
        """The arguments that hold a value for each cell."""
        return tuple(item for item in self.inputs if item.is_block)

    def __reduce__(self) -> str:
        # By name: a worker imports the kernel and compiles it once, instead of once for every task.
        return self.__qualname__

    def __dask_tokenize__(self) -> tuple[str, str]:
        return self.__module__, self.__qualname__

    def __call__(self, *arrays: Any, **parameters: Any) -> Any:
        """Run the kernel on blocks of shape (..., *core dims).

        Returns
        -------
        ndarray or tuple of ndarray
            One for each output, of shape (..., *output dims).
        """
        arrays = tuple(map(np.asarray, arrays))
        blocks = dict(zip((item.name for item in self.blocks), arrays, strict=True))
        loop_shape = np.broadcast_shapes(
            *(blocks[item.name].shape[: -len(item.core_dims) or None] for item in self.blocks)
        )
        # newbyteorder: big-endian float32 is float32 all the same.
        data = [blocks[item.name].dtype.newbyteorder("=") for item in self.blocks if item.type == "T"]
        single = all(kind == np.float32 for kind in data)
        dtype = np.dtype(np.float32 if single else np.float64)
        level = self._count(blocks)

        arguments: list[Any] = []
        sizes: dict[str, int] = {}
        for item in self.inputs:
            if item.is_block:
                kind = dtype if item.type == "T" else item.type
                argument = cells_last(blocks[item.name], len(item.core_dims), loop_shape, kind)
            else:
                argument = np.ascontiguousarray(parameters[item.name], dtype=item.type)
            arguments.append(argument)
            sizes.update(zip(item.dims, np.shape(argument), strict=True))

        results = [
            np.empty([*(sizes[dim] for dim in output.dims), sizes["cell"]], output.dtype) for output in self.outputs
        ]
        if sizes["cell"]:
            arguments += [numbers.taken_from(parameters) for numbers in self.numbers]
            self.fill(dtype, *arguments, tuple(results))
        shaped = [cells_first(result, loop_shape) for result in results]
        if level is not None:
            shaped = [
                result + level if output.units == "{units}" and not output.dims else result
                for output, result in zip(self.outputs, shaped, strict=True)
            ]
        return tuple(shaped) if len(shaped) > 1 else shaped[0]

    def _count(self, blocks: dict[str, Any]) -> Any:
        """Put numbers in `blocks` that float64 holds; what those of the first are counted from, None if from 0."""
        series = [item.name for item in self.blocks if item.type == "T"]
        # Beside other numbers than series, a model of them for instance, nothing may be counted from elsewhere.
        if any(item.core_dims != ("time",) for item in self.blocks if item.type == "T"):
            return None
        level = None
        for name in series:
            if is_wide(blocks[name].dtype):
                blocks[name], first = counted(blocks[name])
                level = first if name == series[0] else level
        return level

    def fill(self, dtype: Any, *arguments: Any) -> None:
        """Run it on arrays, numbers and results as they are, whose types must be those of the declaration."""
        _run(self.compiled(dtype), *arguments)

    def compiled(self, dtype: Any) -> Any:
        """The machine code for data of this dtype, compiled (or read from disk) at the first call in a process."""
        dtype = np.dtype(dtype)
        with _LOCK:
            if dtype not in self._compiled:
                self._compiled[dtype] = self._compile(dtype)
        return self._compiled[dtype]

    def _compile(self, dtype: np.dtype[Any]) -> Any:
        data = numba.from_dtype(dtype)
        inputs = [item.numba_type(data) for item in self.inputs]
        inputs += [numbers.numba_type for numbers in self.numbers]
        outputs = [
            numba.types.Array(numba.from_dtype(np.dtype(output.dtype)), len(output.dims) + 1, "C")
            for output in self.outputs
        ]
        return _from_here(self.body, numba.void(*inputs, numba.types.Tuple(outputs)))


class Routine:
    """A compiled function over plain arrays, for one signature: compiled (or read from disk) at its first call."""

    def __init__(self, body: Callable[..., Any], signature: str):
        self.body = body
        self.signature = signature
        self._compiled: Any = None
        functools.update_wrapper(self, body)

    def __call__(self, *arguments: Any) -> Any:
        """Run it; arrays must be of the declared types and contiguous."""
        return _run(self._compiled or self.compiled(), *arguments)

    def compiled(self) -> Any:
        """The machine code, compiled (or read from disk) at the first call in a process."""
        with _LOCK:
            self._compiled = self._compiled or _from_here(self.body, self.signature)
        return self._compiled


def routine(signature: str) -> Callable[[Callable[..., Any]], Routine]:
    """Declare a compiled function over plain arrays by its numba signature, such as "float64(float64[:, ::1], int64)"."""
    return lambda body: Routine(body, signature)


def _from_here(body: Callable[..., Any], signature: Any) -> Any:
    """Machine code of a function that is compiled from its own module and what that imports."""
    return machine_code(entry(body), signature, f"{body.__module__}.{body.__qualname__}", body.__module__)


def machine_code(dispatcher: Any, signature: Any, name: str, *modules: str) -> Any:
    """A function compiled for one signature, or read from disk, as Python calls it: parameters as `compile_kept`."""
    compile_kept(dispatcher, signature, name, *modules)
    return dispatcher


def _run(compiled: Any, *arguments: Any) -> Any:
    """Call machine code; what stopped the compilation of a deferred unit is raised as it was."""
    try:
        with notice.running(f"{compiled.__module__}.{compiled.__qualname__}"):
            return compiled(*arguments)
    except UnitFailed as error:
        failure = failure_of(error)
    raise failure


def kernel(layout: str, types: str, *outputs: Output) -> Callable[[Callable[..., None]], Kernel]:
    """Declare a block kernel.

    Parameters
    ----------
    layout : str
        Dimensions of the arrays that it takes first, such as "(time,cell),(time)". Every block ends in `cell`.
    types : str
        One letter an array: "T" the floating type of the data (float32 or float64), "d" float64, "l" int64.
    *outputs : Output
        The results, in the order in which the function takes them from `out`, its last argument.

    Returns
    -------
    callable
        A decorator that turns the function into a `Kernel`.
    """
    return lambda body: Kernel(body, layout, types, outputs)


def cells_last(array: Any, n_core: int, loop_shape: tuple[int, ...], dtype: Any) -> Any:
    """(loop..., core...) to (core..., cell): a view where the strides allow it, as they do for (time, lat, lon)."""
    core_shape = array.shape[array.ndim - n_core :]
    array = np.broadcast_to(array.astype(dtype, copy=False), loop_shape + core_shape)
    array = np.moveaxis(array, range(array.ndim - n_core, array.ndim), range(n_core))
    # The number of cells is spelled out: -1 cannot be resolved for a record of no steps.
    return array.reshape((*core_shape, int(np.prod(loop_shape))))


def cells_first(array: Any, loop_shape: tuple[int, ...]) -> Any:
    """(core..., cell) to (loop..., core...), as a view."""
    core_shape = array.shape[:-1]
    array = array.reshape(core_shape + loop_shape)
    return np.moveaxis(array, range(len(core_shape)), range(-len(core_shape), 0))
