"""Give a file or a folder the name of another one, so that the old or the new is there at every moment."""

import contextlib
import ctypes
import errno
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Of linux/fs.h and fcntl.h.
NOREPLACE, EXCHANGE = 1, 2
AT_FDCWD = -100
UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM}


def move(new: Path, target: Path) -> None:
    """Move into a place where nothing is.

    Raises
    ------
    FileExistsError
        If something is there.
    """
    if _renameat2(new, target, NOREPLACE):
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    os.rename(new, target)


def replace_file(new: Path, target: Path) -> None:
    """Move in place of a file, in one step."""
    os.replace(new, target)


def exchange_folders(new: Path, target: Path, aside: Path) -> Path:
    """Move in place of a folder, in one step where the system can.

    Elsewhere the old folder is put aside first. Between the two steps nothing bears the name of the target; whoever
    finds a folder put aside moves it back.

    Returns
    -------
    Path
        Where the old folder is now.
    """
    if _renameat2(new, target, EXCHANGE):
        return new
    os.rename(target, aside)
    try:
        os.rename(new, target)
    except OSError:
        os.rename(aside, target)
        raise
    return aside


def _renameat2(source: Path, target: Path, flag: int) -> bool:
    """Rename by a rule of Linux; False where this system or this file system does not know it."""
    function = _system_call()
    if function is None:
        return False
    if function(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), flag) == 0:
        return True
    code = ctypes.get_errno()
    if code in UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(target))


@functools.cache
def _system_call() -> Callable[..., int] | None:
    with contextlib.suppress(OSError, AttributeError, TypeError):
        function: Any = ctypes.CDLL(None, use_errno=True).renameat2
        function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
        return function  # type: ignore[no-any-return]
    return None


def sync(folder: Path) -> None:
    """Wait until everything that was written to the file system of a folder is on its disk."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError, AttributeError, TypeError):
            function: Any = ctypes.CDLL(None, use_errno=True).syncfs
            if function(handle) == 0:
                return
        if hasattr(os, "sync"):
            os.sync()
    finally:
        os.close(handle)
