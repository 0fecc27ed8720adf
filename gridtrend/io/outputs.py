"""Write a result to netCDF or Zarr: all of it, or nothing."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import xarray as xr

from gridtrend.io.errors import OutputError
from gridtrend.io.metadata import describing_names, netcdf_encoding, zarr_encoding
from gridtrend.io.plan import Report

SUFFIXES = (".nc", ".nc4", ".zarr")


def check_output(path: str | Path, inputs: Iterable[str | Path] = (), *, overwrite: bool = False) -> Path:
    """Make sure, before anything is read, that a result can be written.

    Parameters
    ----------
    path : str or Path
        A name ending in .nc or .zarr.
    inputs : iterable of str or Path
        Files that must survive.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    Path
        Absolute, with links followed.

    Raises
    ------
    OutputError
        If the name, the folder or the file that is there already forbids it.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise OutputError(f"the output '{path}' must end in .nc or .zarr: the last argument names it")
    if path.suffix == ".zarr":
        _require_zarr(path)
    return check_target(path, inputs, overwrite=overwrite)


def check_target(path: str | Path, inputs: Iterable[str | Path] = (), *, overwrite: bool = False) -> Path:
    """Make sure that a file of any kind can be written: as `check_output`, for any suffix."""
    path = Path(path)
    target = Path(os.path.realpath(path))
    if any(os.path.realpath(item) == str(target) for item in inputs):
        raise OutputError(f"the output '{path}' is also an input, which would be lost: choose another name")
    if target.exists():
        if target.is_dir() != (target.suffix == ".zarr"):
            raise OutputError(f"the output '{path}' is {'a folder' if target.is_dir() else 'no folder'}")
        if not overwrite:
            raise OutputError(f"the output '{path}' exists: choose another name, or replace it with --overwrite")
    if not target.parent.is_dir():
        raise OutputError(f"the folder '{path.parent}' does not exist: create it, or write elsewhere")
    if reason := _why_not_writable(target.parent):
        raise OutputError(f"cannot write '{path}': {reason}; correct that, or write elsewhere")
    return target


def _why_not_writable(folder: Path) -> str:
    """Try it: permissions alone do not tell of full disks, quotas and read-only mounts."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(2**20))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return os.strerror(error.errno or errno.EIO).lower()
    return ""


def _require_zarr(path: Path) -> None:
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise OutputError(
            f"'{path}' needs zarr, which is not installed: pip install 'gridtrend[cluster]', or write .nc"
        ) from error


def write(
    result: xr.Dataset,
    target: Path,
    *,
    overwrite: bool = False,
    report: Report = lambda *_: None,
) -> None:
    """Write a result, computing it on the way where it is lazy.

    It grows under a temporary name in the same folder and is moved into place when it is complete.

    Parameters
    ----------
    result : Dataset
        With its metadata; encodings are made anew.
    target : Path
        From `check_output`.
    overwrite : bool
        Whether an existing file may be replaced.
    report : callable
        Told that all is written, before it is moved into place: the last moment to stop.

    Raises
    ------
    OutputError
        If it cannot be written; what was there before is untouched.
    """
    zarr = target.suffix == ".zarr"
    encoding = zarr_encoding(result) if zarr else netcdf_encoding(result)
    result = result.drop_encoding()
    for name in describing_names(result):
        result[name].encoding["coordinates"] = None
    with replacing(target, overwrite=overwrite) as part:
        try:
            if zarr:
                result.to_zarr(part, encoding=encoding, consolidated=False)
            else:
                result.to_netcdf(part, engine="netcdf4", encoding=encoding)
        except (OSError, RuntimeError) as error:
            reason = _why_not_writable(target.parent) or f"{error} (a full disk, a quota, or a damaged input?)"
            raise OutputError(f"cannot write '{target}': {reason}; no file was left or changed") from error
        report("writing", 1, 1)


@contextlib.contextmanager
def replacing(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary name beside `target`, moved into place on success and removed on failure of any kind."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        if target.exists() and not overwrite:
            raise OutputError(f"'{target}' appeared in the meantime and was not replaced; the result is discarded")
        _move(part, target)
    finally:
        _remove(part)


def _move(part: Path, target: Path) -> None:
    if not target.is_dir():
        os.replace(part, target)
        return
    # A folder cannot be replaced in one step.
    old = part.with_suffix(".old")
    os.rename(target, old)
    os.rename(part, target)
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
