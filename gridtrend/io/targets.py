"""Where a result may be written: what is there already is replaced only on request, and only if gridtrend may."""

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from gridtrend.grid.dialect import either
from gridtrend.io.errors import OutputError
from gridtrend.io.marker import own_user, why_not_ours
from gridtrend.io.workspaces import restore

SUFFIXES = (".nc", ".nc4", ".zarr")
KINDS = {
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a link that leads nowhere",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "no folder",
}


def check_output(path: str | Path, inputs: Iterable[str | Path] = (), *, overwrite: bool = False) -> Path:
    """Make sure, before anything is read, that a result can be written.

    Parameters
    ----------
    path : str or Path
        A name ending in .nc or .zarr.
    inputs : iterable of str or Path
        Files that must survive.
    overwrite : bool
        Whether a file, or a Zarr store that gridtrend wrote, may be replaced.

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
    try:
        target = Path(os.path.realpath(path))
        there = _is_there(target)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write '{path}': {_strerror(error)}; choose another name") from error
    _require_followable(path)
    _require_apart(path, target, inputs)
    if there:
        require_replaceable(path, target, overwrite=overwrite)
    if target.suffix != path.suffix:
        raise OutputError(
            f"the output '{path}' is a link to '{target}', which does not end in {path.suffix}: name another output, or "
            "remove the link"
        )
    if not target.parent.is_dir():
        raise OutputError(f"the folder '{path.parent}' does not exist: create it, or write elsewhere")
    if reason := why_not_writable(target.parent):
        raise OutputError(f"cannot write '{path}': {reason}; correct that, or write elsewhere")
    if not there:
        restore(target)
        if os.path.lexists(target):
            require_replaceable(path, target, overwrite=overwrite)
    return target


def require_replaceable(path: Path, target: Path, *, overwrite: bool) -> None:
    """Refuse to replace what is no file, or a folder that gridtrend cannot prove to have written.

    Parameters
    ----------
    path : Path
        As it was given.
    target : Path
        The same with links followed; something is there.
    overwrite : bool
        Whether it is to be replaced.
    """
    kind = stat.S_IFMT(os.lstat(target).st_mode)
    if kind != (stat.S_IFDIR if path.suffix == ".zarr" else stat.S_IFREG):
        raise OutputError(
            f"the output '{path}' is {KINDS.get(kind, 'no ordinary file')}, which is not replaced: choose another name"
        )
    if not overwrite:
        raise OutputError(
            f"the output '{path}' exists: choose another name, or replace it with "
            + either("overwrite=True", "--overwrite")
        )
    if kind == stat.S_IFDIR and (reason := why_not_ours(target)):
        raise OutputError(
            f"the output '{path}' is not replaced: {reason}. Choose another name, or remove the folder yourself"
        )


def _require_followable(path: Path) -> None:
    """Refuse a link that another user made: it would choose what is replaced."""
    if path.is_symlink() and os.lstat(path).st_uid not in (0, own_user()):
        raise OutputError(f"the output '{path}' is a link that belongs to another user: choose another name")


def _require_apart(path: Path, target: Path, inputs: Iterable[str | Path]) -> None:
    """Refuse an output that is an input, holds one, or lies inside one, by whatever name."""
    ours, above_ours = _identity(target), _identities_above(target)
    advice = either("choose another name, or load the data first (.load())", "choose another name")
    for item in inputs:
        real = Path(os.path.realpath(item))
        theirs = _identity(real)
        if real == target or (ours and ours == theirs):
            raise OutputError(f"the output '{path}' is also an input, which would be lost: {advice}")
        if target in real.parents or (ours and ours in _identities_above(real)):
            raise OutputError(f"the input '{item}' lies inside the output '{path}', and would be lost: {advice}")
        if real in target.parents or (theirs and theirs in above_ours):
            raise OutputError(
                f"the output '{path}' lies inside '{item}', which is not its place: choose another folder"
            )


def _is_there(path: Path) -> bool:
    """Whether anything bears a name; a name that cannot be is an error."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _identities_above(path: Path) -> set[tuple[int, int]]:
    return {identity for parent in path.parents if (identity := _identity(parent))}


def why_not_writable(folder: Path) -> str:
    """Try it: permissions alone do not tell of full disks, quotas and read-only mounts."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(2**20))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return _strerror(error)
    return ""


def _strerror(error: Exception) -> str:
    code = getattr(error, "errno", None)
    return os.strerror(code).lower() if code else str(error)


def _require_zarr(path: Path) -> None:
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise OutputError(
            f"'{path}' needs zarr, which is not installed: pip install 'gridtrend[cluster]', or write .nc"
        ) from error
