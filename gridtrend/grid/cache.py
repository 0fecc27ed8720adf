"""Compiled kernels kept on disk, so that a second process compiles nothing.

numba's own file cache keeps one index for all signatures of a function; processes that write it at the same time can
pair a signature with another's machine code (numba issue 4807). Here nothing is shared: a file holds one signature of
one kernel, its name is the digest of everything that the machine code depends on, it appears by an atomic rename, and
it starts with the digest of its own bytes. Two processes that compile at once write the same file twice; a reader sees
a whole file or none; whatever cannot be read is compiled again; a folder that cannot be written costs time only.
"""

import contextlib
import functools
import hashlib
import os
import pickle
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

_DIGEST_SIZE = hashlib.sha256().digest_size


def folder() -> Path:
    """Where compiled kernels are kept: `GRIDTREND_CACHE_DIR`, or the user's cache folder."""
    if chosen := os.environ.get("GRIDTREND_CACHE_DIR"):
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "gridtrend"


@functools.cache
def _source_digest(*folders: Path) -> bytes:
    """Digest of every source file that a kernel in these folders can reach."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.digest()


class MachineCode:
    """The compiled form of one kernel for one signature, as numba's dispatcher asks for it.

    Parameters
    ----------
    name : str
        Dotted name of the kernel.
    sources : sequence of Path
        Folders whose Python files the kernel is compiled from.
    """

    def __init__(self, name: str, sources: tuple[Path, ...]):
        self._name = name
        self._sources = sources

    def _path(self, signature: Any, codegen: Any) -> Path:
        digest = hashlib.sha256(_source_digest(*self._sources))
        machine = (numba.__version__, llvmlite.__version__, platform.python_version())
        for part in (self._name, signature, *machine, *codegen.magic_tuple()):
            digest.update(str(part).encode() + b"\0")
        return folder() / f"{self._name}-{digest.hexdigest()[:32]}.bin"

    def load_overload(self, signature: Any, target_context: Any) -> Any | None:
        """The compiled function, or None where there is no sound file of it."""
        target_context.refresh()
        try:
            content = self._path(signature, target_context.codegen()).read_bytes()
            digest, payload = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
            if hashlib.sha256(payload).digest() != digest:
                return None
            return CompileResult._rebuild(target_context, *pickle.loads(payload))  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001
            # Absent, unreadable, damaged, or not to this numba's taste: compiling again is always right.
            return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a compiled function; a folder that cannot be written is not an error."""
        if result.library.has_dynamic_globals:
            return
        payload = dumps(result._reduce())  # type: ignore[no-untyped-call]
        with contextlib.suppress(OSError):
            path = self._path(signature, result.codegen)
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(payload).digest() + payload)
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
