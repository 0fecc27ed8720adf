"""Files whose content is executed: read only where nobody but the user, or an owner that the user trusts, can have put them.

The rules are those of ssh for its keys. Every folder and symbolic link on the way to a file belongs to a trusted owner,
and no folder can be changed by others. Then nobody else can exchange what a later step finds, and a check stays true. A
sticky folder such as /tmp may be on the way: others cannot replace its entries. The file itself is checked after it is
opened, and is no link.

Windows keeps the folders of users private by its own rules, which Python cannot read: nothing is checked there.
"""

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

CHECKED = os.name == "posix"
if CHECKED:
    import grp
    import pwd

_LINKS = 40
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class Untrusted(OSError):
    """Others can change what a name stands for, or have done so."""


def owners() -> frozenset[int]:
    """Whom a user trusts: root and himself."""
    return frozenset((0, os.geteuid())) if CHECKED else frozenset()


def read(folder: Path, name: str, trusted: frozenset[int]) -> bytes:
    """Content of a file of a folder.

    Raises
    ------
    Untrusted
        If anybody but the `trusted` owners can have written it.
    OSError
        If it is not there, or cannot be read.
    """
    path = folder / name
    if not CHECKED:
        return path.read_bytes()
    check_folder(folder, trusted)
    try:
        # Without blocking: a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        # EMLINK is what some systems of the BSD family say.
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise Untrusted(f"'{path}' is a symbolic link: remove it") from None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Untrusted(f"'{path}' is not a regular file: remove it")
        _require(path, status, trusted)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def write(folder: Path, name: str, content: bytes) -> None:
    """Write a file of the user's own folder at once, under a temporary name first. Others may read it if the umask says so.

    Raises
    ------
    Untrusted
        If others can change the folder.
    OSError
        If it cannot be written.
    """
    if CHECKED:
        check_folder(folder, owners(), make=True)
    else:
        folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{name}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(temporary, flags, 0o644), "wb") as file:
            file.write(content)
        os.replace(temporary, folder / name)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def check_folder(folder: Path, trusted: frozenset[int], *, make: bool = False) -> None:
    """Refuse a folder that others can change or exchange.

    Parameters
    ----------
    folder : Path
        Its absolute path, which is followed as the system follows it, link after link.
    trusted : frozenset of int
        Owners whose folders and links are trusted.
    make : bool
        Make what is missing, so that others can read it at most.
    """
    at = Path(folder.anchor)
    status = os.lstat(at)
    waiting = list(reversed(folder.parts[1:]))
    links = 0
    while waiting:
        _require(at, status, trusted, on_the_way=True)
        part = waiting.pop()
        entry = at.parent if part == ".." else at / part
        try:
            status = os.lstat(entry)
        except FileNotFoundError:
            if not make:
                raise
            with contextlib.suppress(FileExistsError):
                os.mkdir(entry, 0o755)
            status = os.lstat(entry)
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(folder))
            _require_owner(entry, status, trusted)
            target = Path(os.readlink(entry))
            if target.is_absolute():
                at = Path(target.anchor)
            waiting += reversed(target.parts[len(Path(target.anchor).parts) :])
            status = os.lstat(at)
        else:
            at = entry
    _require(at, status, trusted)


def _require(path: Path, status: os.stat_result, trusted: frozenset[int], *, on_the_way: bool = False) -> None:
    _require_owner(path, status, trusted)
    others = status.st_mode & _OTHERS
    if on_the_way and (status.st_mode & stat.S_ISVTX or (others == stat.S_IWGRP and _is_private(status.st_gid))):
        return
    if others:
        who = "everybody" if others & stat.S_IWOTH else f"the group {_group(status.st_gid)}"
        raise Untrusted(f"'{path}' can be written by {who}: `chmod go-w '{path}'` ends that")


def _require_owner(path: Path, status: os.stat_result, trusted: frozenset[int]) -> None:
    if status.st_uid not in trusted:
        raise Untrusted(f"'{path}' belongs to {_user(status.st_uid)}")


def _is_private(group: int) -> bool:
    """Whether a group has the user as its only member: many systems give every user a group of the same name."""
    try:
        user, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return group == user.pw_gid and found.gr_name == user.pw_name and set(found.gr_mem) <= {user.pw_name}


def _user(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return f"the user {pwd.getpwuid(uid).pw_name}"
    return f"the user {uid}"


def _group(gid: int) -> str:
    with contextlib.suppress(KeyError):
        return grp.getgrgid(gid).gr_name
    return str(gid)
