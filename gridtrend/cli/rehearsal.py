"""The memory that a run takes before it reads anything: what it computes is compiled first, on one cell."""

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from gridtrend.cli.record import Record
from gridtrend.cli.resources import Means

if TYPE_CHECKING:
    import xarray as xr


def rehearsed(record: Record, means: Means, test: str, analysis: dict[str, Any], field_test: dict[str, Any]) -> Means:
    """The means of a run with a memory limit, after all that it computes has been compiled, or read from disk.

    Compiling takes memory that a process does not give back: beside the data it would pass the limit.

    Parameters
    ----------
    record : Record
        What is analysed.
    means : Means
        What there is.
    test : str
        Name of the function.
    analysis, field_test : dict
        Arguments of it, and of `field_significance` if that is wanted.
    """
    if not (means.nbytes and means.processes):
        return means
    from gridtrend import io
    from gridtrend.engine.cache import keeps_code

    kinds: dict[Any, Any] = {}
    for name in record.names:
        kinds.setdefault(record.dataset[name].dtype, record.dataset[name])
    for array in kinds.values():
        _rehearse(array, record.dim, test, analysis, field_test)
    own = io.process_bytes()
    # Workers read what this process has compiled, unless it could not be kept.
    worker = io.PROCESS_BYTES if keeps_code() else own
    return dataclasses.replace(means, own=own + (means.processes - 1) * worker)


def _rehearse(array: "xr.DataArray", dim: str, test: str, analysis: dict[str, Any], field_test: dict[str, Any]) -> None:
    cell = array.isel({name: slice(0, 1) for name in array.dims if name != dim})
    # No two values are alike, and they follow no line, so that every part of a test is run.
    series = 100 * np.sin(np.arange(cell.sizes[dim], dtype=float) ** 1.5)
    values = np.broadcast_to(series.reshape([-1 if name == dim else 1 for name in cell.dims]), cell.shape)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # What there is to warn of is said in the run itself.
        warnings.simplefilter("ignore")
        trends = getattr(cell.copy(data=values.astype(cell.dtype)).gridtrend, test)(dim, **analysis)
        if field_test:
            trends.gridtrend.field_significance(**field_test)
