"""What lies in the folders of compiled kernels: how much of it this version can use, and the removal of what it cannot."""

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gridtrend.engine import cache, trusted

# As `cache` names files, and as `trusted` names those that are being written.
_NAME = re.compile(r".+-[0-9a-f]{32}\.bin")
_UNFINISHED = re.compile(r".+-[0-9a-f]{32}\.bin\.[0-9a-f]{16}")
# Seconds after which nobody writes such a file any more.
_ABANDONED = 3600.0


class Folder(NamedTuple):
    """Compiled kernels of one folder.

    Attributes
    ----------
    path : Path
    files : int
        Number of files that gridtrend wrote.
    size : int
        Bytes of them.
    usable : int
        Number of those that this version can use, on this machine or on one of another kind.
    """

    path: Path
    files: int
    size: int
    usable: int


class Removed(NamedTuple):
    """What was removed: the number of files, and their bytes."""

    files: int
    size: int


def contents(path: Path, owners: frozenset[int]) -> Folder:
    """What a folder holds of compiled kernels; nothing where it does not exist.

    Parameters
    ----------
    path : Path
    owners : frozenset of int
        Whose files are read.
    """
    files = size = usable = 0
    for name, status in _files(path, owners):
        if _NAME.fullmatch(name):
            files, size = files + 1, size + status.st_size
            usable += _is_usable(path, name, owners)
    return Folder(path, files, size, usable)


def own_folder(*, make: bool = False) -> Path:
    """The user's own folder of compiled kernels, which only he can change.

    Parameters
    ----------
    make : bool
        Make it if it is missing.

    Raises
    ------
    OSError
        If there is no such folder.
    """
    try:
        path = cache.folder()
        if trusted.CHECKED:
            with contextlib.ExitStack() if make else contextlib.suppress(FileNotFoundError):
                trusted.check_folder(path, trusted.owners(), make=make)
    except OSError as error:
        why = f"'{error.filename}': {error.strerror}" if error.strerror else str(error)
        raise OSError(
            f"compiled kernels cannot be kept: {why}. GRIDTREND_CACHE_DIR can name a folder that only you can write"
        ) from None
    return path


def clear(*, everything: bool) -> Removed:
    """Remove files from the user's own folder: those that this version cannot use, or all.

    Only files that gridtrend wrote, and that belong to the user, are touched; links are not followed.

    Raises
    ------
    OSError
        If there is no folder, if others can change it, or if a file cannot be removed.
    """
    path, owners = own_folder(), trusted.owners()
    files = size = 0
    for name, status in list(_files(path, frozenset(_me()))):
        if _NAME.fullmatch(name):
            goes = everything or not _is_usable(path, name, owners)
        else:
            goes = bool(_UNFINISHED.fullmatch(name)) and time.time() - status.st_mtime > _ABANDONED
        if goes:
            with contextlib.suppress(FileNotFoundError):
                (path / name).unlink()
                files, size = files + 1, size + status.st_size
    return Removed(files, size)


def _me() -> list[int]:
    return [os.geteuid()] if trusted.CHECKED else []


def _files(path: Path, owners: frozenset[int]) -> Iterator[tuple[str, os.stat_result]]:
    """Names of regular files of these owners, and what the system knows of them."""
    with contextlib.suppress(FileNotFoundError), os.scandir(path) as entries:
        for entry in entries:
            # Another process may remove it at any time.
            with contextlib.suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) and (not trusted.CHECKED or status.st_uid in owners):
                    yield entry.name, status


def _is_usable(path: Path, name: str, owners: frozenset[int]) -> bool:
    try:
        return cache.is_of_this_version(name, trusted.read(path, name, owners))
    except OSError:
        return False
