"""Statistics of one series, written as plain functions: the loop over cells, holes and tiles is made from them.

    @series_kernel(Output("range", "range of {data}", units="{units}"), N_VALID)
    def value_range(values, factor: float):
        return factor * (values.max() - values.min())

is a kernel of blocks, as if it had been written by hand over tiles of cells. A statistic that gains from handling several
cells at once is a `kernel` of its own.
"""

import inspect
import linecache
from collections.abc import Callable
from typing import Any

import numpy as np

from gridtrend.engine.kernel import Kernel
from gridtrend.engine.lanes import LANES
from gridtrend.engine.output import Output
from gridtrend.engine.room import tile_like, vector_float64, vector_int64
from gridtrend.engine.tiles import fill_tile, valid_series, valid_steps
from gridtrend.engine.unit import unit


class Cell(float):
    """Annotates a parameter that has a value for each cell: a result of another kernel."""


class Room:
    """Annotates working memory: as many float64 as the record has steps, holding what the last cell left there."""


# What a statistic may take of the series itself, by these names. Names in the loop begin with "_", as no parameter does.
_OF_SERIES = {"values": "_values[:_m]", "times": "_times[:_m]", "steps": "_at[:_m]", "start": "_start"}


def series_kernel(*outputs: Output, least: int = 1) -> Callable[[Callable[..., Any]], Kernel]:
    """Declare a kernel by a function of one series; a decorator.

    Parameters
    ----------
    *outputs : Output
        What the function returns, in order. One called "n_valid" is not returned: it is the number of values, and cells
        with fewer than a further number `min_valid` have missing results.
    least : int
        Number of values that the function needs at least, where it does not see all cells.

    Returns
    -------
    callable
        A decorator that turns the function into a `Kernel`. Of the series the function takes what it needs by name: `values`,
        float64 without the missing ones, their `times`, their `steps` (positions on a regular axis), and `start`, the time
        of the first step of the record. Further parameters are annotated `float` or `int`, `Cell` or `Room`.
    """

    def declare(statistic: Callable[..., Any]) -> Kernel:
        parameters = inspect.signature(statistic).parameters
        kinds = {name: each.annotation for name, each in parameters.items() if name not in _OF_SERIES}
        wrong = [name for name, kind in kinds.items() if kind not in (float, int, Cell, Room)]
        if wrong:
            raise TypeError(f"{statistic.__qualname__}: annotate {', '.join(wrong)} as float, int, Cell or Room")
        cells = [name for name, kind in kinds.items() if kind is Cell]
        layout = "(time,cell)," + "(cell)," * len(cells) + "(time)" + (",(time)" if "steps" in parameters else "")
        types = "T" + "d" * len(cells) + "d" + ("l" if "steps" in parameters else "")
        of_series = unit(statistic)
        made = Kernel(_loop(of_series, statistic, kinds, outputs, least), layout, types, outputs)
        # Where the unit is found by its name.
        made.unit = of_series.unit
        return made

    return declare


def _loop(of_series: Any, statistic: Any, kinds: dict[str, Any], outputs: tuple[Output, ...], least: int) -> Any:
    """The function over a block, as source, so that messages and profiles show it."""
    parameters = inspect.signature(statistic).parameters
    counted = "n_valid" in [output.name for output in outputs]
    cells = [name for name, kind in kinds.items() if kind is Cell]
    rooms = [name for name, kind in kinds.items() if kind is Room]
    numbers = [f"{name}: {kind.__name__}" for name, kind in kinds.items() if kind in (float, int)]
    arrays = ["y", *cells, "t", *(["steps"] if "steps" in parameters else [])]
    given = [_OF_SERIES.get(name, f"{name}[_cell]" if name in cells else name) for name in parameters]
    found = [output for output in outputs if output.name != "n_valid"]
    missing = [f"{each.name}[_cell] = {'np.nan' if np.dtype(each.dtype).kind == 'f' else '0'}" for each in found]
    too_few = [
        "            n_valid[_cell] = _m",
        f"            if _m < max(min_valid, {least}):",
        *(f"                {line}" for line in missing),
        "                continue",
    ]
    lines = [
        f"def {statistic.__name__}({', '.join([*arrays, *numbers, *(['min_valid: int'] if counted else []), 'out'])}):",
        f"    {', '.join(output.name for output in outputs)}, = out",
        "    _tile, _valid = tile_like(y), vector_int64(LANES)",
        "    _values, _times, _start = vector_float64(t.size), vector_float64(t.size), t[0] if t.size else 0.0",
        *(["    _at = vector_int64(t.size)"] if "steps" in parameters else []),
        *(f"    {name} = vector_float64(t.size)" for name in rooms),
        "    for _first in range(0, y.shape[1], LANES):",
        "        for _k in range(fill_tile(y, _first, _tile, _valid)):",
        "            _cell, _m = _first + _k, valid_series(_tile, t, _k, _values, _times)",
        *(["            valid_steps(_tile, steps, _k, _at)"] if "steps" in parameters else []),
        *(too_few if counted else []),
        f"            {', '.join(f'{each.name}[_cell]' for each in found)} = _of_series({', '.join(given)})",
    ]
    source = "\n".join(lines) + "\n"
    name = f"<series_kernel {statistic.__module__}.{statistic.__qualname__}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    known = {
        "np": np,
        "LANES": LANES,
        "tile_like": tile_like,
        "vector_float64": vector_float64,
        "vector_int64": vector_int64,
        "fill_tile": fill_tile,
        "valid_series": valid_series,
        "valid_steps": valid_steps,
        "_of_series": of_series,
        "__name__": statistic.__module__,
    }
    # numba compiles functions, and the number of arguments differs from statistic to statistic: as for dataclasses.
    exec(compile(source, name, "exec"), known)  # noqa: S102
    body: Any = known[statistic.__name__]
    body.__doc__, body.__qualname__ = statistic.__doc__, statistic.__qualname__
    return body
