"""Records for Python users: opened as the command line opens them, lazy and cut for trend work."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from gridtrend.io.coordinates import find_dim, find_variables, index_by_time
from gridtrend.io.errors import InputError
from gridtrend.io.execute import read
from gridtrend.io.inputs import open_input
from gridtrend.io.machine import available_threads
from gridtrend.io.memory import COMPILING_BYTES, PROCESS_BYTES, process_bytes
from gridtrend.io.plan import check_tiles, plan_chunks
from gridtrend.io.selection import select as select_part


def open_grid(
    paths: str | Path | Iterable[str | Path],
    *,
    variable: str | None = None,
    dim: str | None = None,
    select: Mapping[str, str] | None = None,
    group: str | None = None,
    overlap: str = "refuse",
    memory_limit: float | str | None = None,
    chunks: Mapping[str, int] | None = None,
    rechunk: str = "auto",
) -> xr.DataArray:
    """Open a record of any size, lazily, in dask chunks that hold whole series.

    Parameters
    ----------
    paths : path, or iterable of paths
        netCDF files or Zarr stores of one record, patterns such as "tas_*.nc", URLs.
    variable : str, optional
        What to open; may be left out where there is only one field.
    dim : str, optional
        Dimension of the series; that of time by default.
    select : mapping, optional
        Parts to keep, such as {"time": "1960:2010", "lat": "-30:30", "member": "r1i1p1f1"}.
    group : str, optional
        Group of the files, such as "ocean" or "ocean/surface"; by default what is outside all groups.
    overlap : {"refuse", "first"}
        What to do with steps that two files hold: refuse them, or keep those of the file that begins first.
    memory_limit : float or str, optional
        What the data may take in all threads or workers together, such as "2GB". What this process takes already is
        counted, and what compiling takes where no kernel has been compiled before. By default half of what the machine, or
        the workers of the current `distributed.Client`, have.
    chunks : mapping, optional
        Chunk sizes that overrule those planned, such as {"lat": 90, "lon": 180}.
    rechunk : {"auto", "passes", "p2p"}
        What to do where chunks in the files are too wide for the memory: have each read several times, or let the
        workers of a `distributed.Client` exchange their parts. "auto" takes the latter where there are workers.

    Returns
    -------
    DataArray, shape as in the files
        Nothing but coordinates has been read. `dim` lies in one chunk.

    Raises
    ------
    InputError
        If files are missing, damaged, or do not fit together, or if there are several variables to choose from.

    Notes
    -----
    Every chunk reads the files for itself, each byte as often as `gridtrend info` tells; with "p2p" once. A copy on disk,
    which is the better way for files of one step a chunk on a single machine, is what `gridtrend trend` makes.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> folder = tempfile.TemporaryDirectory()
    >>> for year in (2001, 2002, 2003, 2004):
    ...     time = xr.date_range(f"{year}-07-01", periods=1)
    ...     field = xr.DataArray(np.full((1, 4, 6), year / 10), {"time": time}, ("time", "lat", "lon"), "tas")
    ...     field.to_netcdf(f"{folder.name}/tas_{year}.nc", engine="netcdf4")
    >>> tas = gt.open_grid(f"{folder.name}/tas_*.nc")
    >>> tas.chunksizes["time"]
    (4,)
    >>> round(float(tas.gridtrend.theil_sen().slope[0, 0]), 2)
    0.1
    >>> folder.cleanup()
    """
    from dask.utils import parse_bytes

    inputs = [paths] if isinstance(paths, str | Path) else list(paths)
    dataset = open_input(inputs, dim, [variable] if variable else [], group=group, overlap=overlap)
    dim = find_dim(dataset, dim)
    dataset = index_by_time(dataset, dim)
    names = find_variables(dataset, dim, [variable] if variable else [])
    if len(names) > 1:
        raise InputError(f"there are several variables, {', '.join(names)}: choose one with variable=...")
    for name, wanted in (select or {}).items():
        dataset = select_part(dataset, name, str(wanted))
    array = dataset[names[0]]
    check_tiles(array, dim, chunks or {})
    limit = None if memory_limit is None else float(parse_bytes(memory_limit))
    threads, processes, known = _means()
    plan = plan_chunks(
        array,
        dim,
        memory_limit=limit or known,
        threads=threads,
        chunks=chunks,
        rechunk=("p2p" if processes else "passes") if rechunk == "auto" else rechunk,
        in_memory=not processes,
        processes=max(processes, 1) if limit else 0,
        own=_own(processes) if limit else 0.0,
    )
    if not plan.whole:
        return read(array, plan)
    # In one piece, which is read once, whatever the blocks that share it.
    return array.chunk().chunk({name: plan.blocks.get(str(name), -1) for name in array.dims})


def _own(workers: int) -> float:
    """Bytes that this process, or so many workers, take before they hold any data, the compiling of kernels included."""
    from gridtrend.engine.cache import holds_code_of

    compiling = 0 if holds_code_of("gridtrend.trend") else COMPILING_BYTES
    return workers * (PROCESS_BYTES + compiling) if workers else process_bytes(compiling)


def _means() -> tuple[int, int, float | None]:
    """Threads, workers, and the bytes that these may fill, on the scheduler that dask is set to."""
    import dask
    from dask.base import get_scheduler

    client: Any = getattr(get_scheduler(), "__self__", None)
    if client is None:
        return dask.config.get("num_workers", None) or available_threads(), 0, None
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    threads = sum(worker["nthreads"] for worker in workers) or 1
    return threads, len(workers), sum(worker["memory_limit"] or 0 for worker in workers) / 2 or None
