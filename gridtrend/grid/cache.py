"""Compiled kernels kept on disk, so that a second process compiles nothing.

numba's own file cache keeps one index for all signatures of a function; processes that write it at the same time can
pair a signature with another's machine code (numba issue 4807). Here nothing is shared: a file holds one signature of
one kernel, its name is the digest of everything that the machine code depends on, it appears by an atomic rename, and
it starts with the digest of its own bytes. Two processes that compile at once write the same file twice; a reader sees
a whole file or none; whatever cannot be read is compiled again; a folder that cannot be written costs time only.
"""

import ast
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
_PACKAGE = Path(__file__).parents[1]


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


def reached(*modules: str) -> set[str]:
    """Modules of this package that others import, directly or through one another, themselves included.

    Imports inside functions count too: kernels have none, and one more can only compile once too often.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found and module != __name__:
            found.add(module)
            waiting += _imported(module)
    return found


@functools.cache
def _file(module: str) -> Path | None:
    """The source file of a module of this package."""
    package, *parts = module.split(".")
    if package != _PACKAGE.name:
        return None
    path = _PACKAGE.joinpath(*parts)
    found = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in found if file.is_file()), None)


@functools.cache
def _source(module: str) -> ast.Module:
    """A module without what has no part in its machine code: comments, blank lines and docstrings."""
    file = _file(module)
    tree = ast.parse(file.read_bytes() if file else b"")
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body[0] = ast.Pass()
    return tree


@functools.cache
def _imported(module: str) -> tuple[str, ...]:
    """The modules of this package that a module imports."""
    names: list[str] = []
    for node in ast.walk(_source(module)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # `from package import name`: the name is a module, or something that the package defines.
            members = [f"{node.module}.{alias.name}" for alias in node.names]
            names += [member if _file(member) else str(node.module) for member in members]
    return tuple(name for name in names if _file(name))


@functools.cache
def _source_digest(*modules: str) -> bytes:
    """Digest of the source of all that a kernel in these modules can reach."""
    digest = hashlib.sha256()
    for module in sorted(reached(*modules)):
        digest.update(f"{module}\0{ast.dump(_source(module))}\0".encode())
    return digest.digest()


class MachineCode:
    """The compiled form of one kernel for one signature, as numba's dispatcher asks for it.

    Parameters
    ----------
    name : str
        Dotted name of the kernel.
    modules : tuple of str
        The modules that it is compiled from: with all that they import they are part of its key.
    """

    def __init__(self, name: str, modules: tuple[str, ...]):
        self._name = name
        self._modules = modules

    def _path(self, signature: Any, codegen: Any) -> Path:
        digest = hashlib.sha256(_source_digest(*self._modules))
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
        # The hooks that give a compiled function as bytes are private to numba: where they have changed, nothing is kept.
        with contextlib.suppress(OSError, AttributeError, TypeError, NotImplementedError, pickle.PicklingError):
            payload = dumps(result._reduce())  # type: ignore[no-untyped-call]
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
