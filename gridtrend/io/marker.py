"""Proof that gridtrend wrote a Zarr store: a file with the id of the run and the names of the arrays that it made.

The file lies in the folder of an array: Zarr takes files beside the arrays for damage. An attribute would be no proof,
since whoever opens a store and saves it elsewhere copies the attributes.
"""

import contextlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MARK = ".gridtrend"
# Names in the root of a store, in the folder of an array, and of its chunks (Zarr formats 2 and 3).
ROOT_FILES = {"zarr.json", ".zgroup", ".zattrs", ".zmetadata"}
ARRAY_FILES = {"zarr.json", ".zarray", ".zattrs", MARK}
CHUNK = re.compile(r"c|\d+(\.\d+)*")
UNFINISHED = re.compile(r".*\.[0-9a-f]{32}\.partial")


def mark(store: Path, run: str) -> None:
    """Put the proof into a store that is complete."""
    arrays = [entry.name for entry in entries(store) if entry.is_dir(follow_symlinks=False)]
    if not arrays:
        return
    content = json.dumps({"run": run, "arrays": arrays})
    path = store / arrays[0] / MARK
    path.unlink(missing_ok=True)
    path.write_text(content, encoding="utf-8")


def run_of(store: Path) -> str:
    """The id of the run that wrote a store; empty where there is no proof that gridtrend did."""
    return str(_proof(store).get("run", ""))


def _proof(store: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError):
        for entry in entries(store):
            if entry.is_dir(follow_symlinks=False) and (content := read_json(Path(entry.path, MARK))):
                return content
    return {}


def read_json(path: Path) -> dict[str, Any]:
    """The object in a small regular file; empty where there is none, or it is damaged. Links are not followed."""
    with contextlib.suppress(OSError, ValueError):
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with open(handle, encoding="utf-8") as file:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                content = json.loads(file.read(2**20))
                return content if isinstance(content, dict) else {}
    return {}


def entries(folder: str | Path) -> list["os.DirEntry[str]"]:
    """What is in a folder, in order of the names."""
    with os.scandir(folder) as found:
        return sorted(found, key=lambda entry: entry.name)


def owner_in(folder: Path) -> int:
    """Whom a file belongs to that this process makes in a folder: not always its own user, on network file systems."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_uid
    except OSError:
        return own_user()


def own_user() -> int:
    """The user of this process; 0 where the system has none."""
    return os.geteuid() if hasattr(os, "geteuid") else 0


def why_not_ours(store: Path) -> str:
    """What in a folder (no link) is not known to come from gridtrend; empty where the folder may be replaced."""
    if not any(entries(store)):
        return ""
    proof = _proof(store)
    arrays = proof.get("arrays")
    if not (proof.get("run") and isinstance(arrays, list)):
        return "gridtrend did not write it"
    owner = owner_in(store.parent)
    if store.stat().st_uid != owner:
        return "it belongs to another user"
    for entry, known in _content(store, set(map(str, arrays))):
        name = os.path.relpath(entry.path, store)
        if not known:
            return f"it holds '{name}', which gridtrend did not write"
        if entry.stat(follow_symlinks=False).st_uid != owner:
            return f"'{name}' in it belongs to another user"
    return ""


def _content(store: Path, arrays: set[str]) -> Iterator[tuple["os.DirEntry[str]", bool]]:
    """Everything in a store, and whether it is of the kind and in the place that Zarr gives it."""
    for entry in entries(store):
        is_array = entry.is_dir(follow_symlinks=False) and entry.name in arrays
        yield entry, is_array or (entry.is_file(follow_symlinks=False) and entry.name in ROOT_FILES)
        if is_array:
            for inner in entries(entry.path):
                yield inner, (inner.is_file(follow_symlinks=False) and inner.name in ARRAY_FILES) or _is_chunk(inner)
                if _is_chunk(inner) and inner.is_dir(follow_symlinks=False):
                    yield from _chunks(inner.path)


def _chunks(folder: str) -> Iterator[tuple["os.DirEntry[str]", bool]]:
    for entry in entries(folder):
        yield entry, _is_chunk(entry)
        if _is_chunk(entry) and entry.is_dir(follow_symlinks=False):
            yield from _chunks(entry.path)


def _is_chunk(entry: "os.DirEntry[str]") -> bool:
    return not entry.is_symlink() and CHUNK.fullmatch(entry.name) is not None


def drop_unfinished(store: Path) -> None:
    """Remove the chunks that a killed run was writing: they bear names of their own until they are complete."""
    for folder, _, names in os.walk(store):
        for name in names:
            if UNFINISHED.fullmatch(name):
                Path(folder, name).unlink(missing_ok=True)
