"""What came of a run: whether there is any value in its results, and why there is none."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

# Cells that are looked at in one go.
SLAB_CELLS = 1_000_000


@contextlib.contextmanager
def after_writing(output: str) -> Iterator[None]:
    """Have errors say that the output was written before them."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"'{output}' was written")
        raise


def without_values(
    result: "xr.Dataset", output: str, names: Sequence[str], measure: str, why: "Callable[[xr.Dataset], str]"
) -> dict[str, str]:
    """Variables whose results are missing in every cell, and why they are.

    Parameters
    ----------
    result : Dataset
        What was written. What is lazy in it is looked up in the file, up to the first value that is found.
    output : str
        The file.
    names : sequence of str
        The variables of the input; their results bear these names in front where there are several.
    measure : str
        The result that every cell with enough data has.
    why : callable
        Given the results of one variable, says why there are none.
    """
    from gridtrend import io

    fields = {name: result[f"{name}_{measure}" if len(names) > 1 else measure] for name in names}
    lazy = any(field.chunks for field in fields.values())
    with io.open_input([output]) if lazy else contextlib.nullcontext(result) as found:
        empty = [name for name, field in fields.items() if not _has_value(found[field.name])]
        return {name: why(_results_of(found, name, names)) for name in empty}


def too_few(results: "xr.Dataset", min_valid: int, nothing_else: str) -> str:
    """Why no cell has a trend, by the number of valid values that cells have at most."""
    most = int(results["n_valid"].max())
    if not most:
        return "all values are missing"
    if most < min_valid:
        return f"no cell has the {min_valid} values that --min-valid asks for, but {most} at most"
    return nothing_else


def _has_value(field: "xr.DataArray") -> bool:
    if not field.ndim:
        return bool(np.isfinite(field.values))
    step = max(1, SLAB_CELLS * field.shape[0] // max(field.size, 1))
    return any(bool(np.isfinite(field[start : start + step].values).any()) for start in range(0, field.shape[0], step))


def _results_of(found: "xr.Dataset", name: str, names: Sequence[str]) -> "xr.Dataset":
    if len(names) == 1:
        return found
    prefix = f"{name}_"
    mine: Mapping[str, str] = {
        str(n): str(n).removeprefix(prefix) for n in found.data_vars if str(n).startswith(prefix)
    }
    return found[list(mine)].rename(mine)
