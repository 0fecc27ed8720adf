"""What tells whether inputs are the same as before: sizes, times, identities, and a digest of samples of their content."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

# Of each file so many pieces at most are read, and so many of all files together (but two of each).
PIECE_BYTES = 2**14
PIECES, ALL_PIECES = 256, 2048
# Of a Zarr store so many files are looked at, and of so many a piece is read.
STORE_FILES, STORE_SAMPLES = 100_000, 64
STATE = ("bytes", "mtime_ns", "inode")


def file_state(path: str | Path) -> tuple[int, int, int] | None:
    """Size, time of the last change and identity of a regular file; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (found.st_size, found.st_mtime_ns, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def fingerprint(paths: Iterable[str]) -> dict[str, Any]:
    """What changes when the data in files and stores change.

    Parameters
    ----------
    paths : iterable of str
        Files, and folders that are Zarr stores; others, such as addresses, are only named.

    Returns
    -------
    dict
        For JSON. At most some megabytes of each file are read.
    """
    paths = list(paths)
    most = max(2, min(PIECES, ALL_PIECES // max(len(paths), 1)))
    found: dict[str, Any] = {}
    for path in paths:
        if os.path.isdir(path):
            found[os.path.realpath(path)] = _of_store(path)
        elif seen := file_state(path):
            facts = dict(zip(STATE, seen, strict=True))
            found[os.path.realpath(path)] = facts | {"digest": _digest(_pieces(path, most))}
        else:
            found[path] = {}
    return found


def changed(before: Mapping[str, Any]) -> list[str]:
    """The files and stores of a fingerprint that have been written to since then; a file is not read for that."""
    return [path for path, then in before.items() if then and not _is_as_before(path, then)]


def _is_as_before(path: str, then: Mapping[str, Any]) -> bool:
    if "files" in then:
        return _of_store(path) == then
    return file_state(path) == tuple(then[key] for key in STATE)


def _of_store(path: str) -> dict[str, Any]:
    """Names, sizes and times of all files of a store, those of chunks included, and a digest of some of them."""
    files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    watched = _evenly(files, STORE_FILES)
    times = _digest(f"{os.path.relpath(file, path)} {file_state(file)}\n".encode() for file in watched)
    samples = _digest(piece for file in _evenly(watched, STORE_SAMPLES) for piece in _pieces(file, 2))
    return {"files": len(files), "times": times, "digest": samples}


def _evenly(items: list[str], most: int) -> list[str]:
    return items[:: max(1, -(-len(items) // most))]


def _pieces(path: str, most: int) -> Iterator[bytes]:
    """Pieces of a file at even distances, first and last included; all of a small file."""
    try:
        with open(path, "rb") as file:
            last = max(os.fstat(file.fileno()).st_size - PIECE_BYTES, 0)
            count = min(most, last // PIECE_BYTES + 2)
            for k in range(count):
                file.seek(last * k // (count - 1))
                yield file.read(PIECE_BYTES)
    except OSError as error:
        yield str(error.errno).encode()


def _digest(pieces: Iterable[bytes]) -> str:
    total = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        total.update(piece)
    return total.hexdigest()
