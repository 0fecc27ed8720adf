"""Compiled kernels kept on disk, so that a second process compiles nothing.

numba's own file cache keeps one index for all signatures of a function; processes that write it at the same time can
pair a signature with another's machine code (numba issue 4807). Here nothing is shared: a file holds one signature of
one kernel, its name is the digest of everything that the machine code depends on, it appears by an atomic rename, and
it starts with the digest of its name and its own bytes. Two processes that compile at once write the same file twice; a
reader sees a whole file or none; whatever cannot be read is compiled again; a folder that cannot be written costs time
only, and one line of the log.

Whoever can write such a file runs code as its reader: `trusted` says which files are read.
"""

import ast
import contextlib
import functools
import hashlib
import logging
import os
import pickle
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import llvmlite
import numba

from gridtrend.engine import trusted

# What a file holds is named by this number: versions of gridtrend that write other files keep theirs.
_FORMAT = 3
_DIGEST_SIZE = hashlib.sha256().digest_size
_PACKAGE = Path(__file__).parents[1]
_NOT_KEPT = (
    "compiled kernels are not kept (%s): every process compiles them again. GRIDTREND_CACHE_DIR can name a folder that "
    "only you can write"
)
_NOT_SHARED = "the folder that GRIDTREND_SHARED_CACHE names is not used (%s)"
_NOT_BYTES = f"compiled kernels are not kept: numba {numba.__version__} has changed how it saves functions (%s)"


def folder() -> Path:
    """Where compiled kernels are kept: `GRIDTREND_CACHE_DIR`, or the user's cache folder.

    Raises
    ------
    OSError
        If there is no such folder: no variable names it, and the user has no home.
    """
    if chosen := _named("GRIDTREND_CACHE_DIR"):
        return chosen
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "")
        # As the standard of these variables says: what is not absolute is ignored.
        base = base if base.is_absolute() else home / ".cache"
    if not base.is_absolute():
        raise FileNotFoundError("there is no home folder (HOME is not set)")
    return base / "gridtrend"


def _named(variable: str) -> Path | None:
    """The folder that an environment variable names."""
    value = os.environ.get(variable)
    if not value:
        return None
    path = Path(os.path.expanduser(value))
    # Processes that work in other folders would each keep kernels of their own, in places that nobody thinks of.
    if not path.is_absolute():
        raise OSError(f"{variable} must be an absolute path, not '{value}'")
    return path


def shared_folder() -> Path | None:
    """A folder of another owner that kernels are read from, and never written to: `GRIDTREND_SHARED_CACHE`."""
    return _named("GRIDTREND_SHARED_CACHE")


def holds_code_of(package: str) -> bool:
    """Whether any compiled kernel of a package, such as "gridtrend.trend", is kept."""
    for place in (folder, shared_folder):
        with contextlib.suppress(OSError):
            if (found := place()) and any(found.glob(f"{package}.*.bin")):
                return True
    return False


def keeps_code() -> bool:
    """Whether what this process has compiled so far is kept for others."""
    return not {_NOT_KEPT, _NOT_BYTES} & _warned_of


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


_warned_of: set[str] = set()


def _warn_once(message: str, error: Exception) -> None:
    """Say once in a process why kernels are compiled again; never as an exception."""
    if message not in _warned_of:
        _warned_of.add(message)
        logging.getLogger(__name__).warning(message, error)


@contextlib.contextmanager
def _warned(message: str) -> Iterator[None]:
    """Turn a failure of the system into a line of the log."""
    try:
        yield
    except OSError as error:
        _warn_once(message, error)


class MachineCode:
    """The compiled form of one kernel for one signature, as numba's dispatcher asks for it.

    Parameters
    ----------
    name : str
        Dotted name of the kernel.
    modules : tuple of str
        The modules that it is compiled from: with all that they import they are part of its key.
    pack : callable
        Given the bytes of machine code, returns what it needs beside itself.
    unpack : callable
        Given that, makes it ready before the machine code is linked.
    """

    def __init__(
        self,
        name: str,
        modules: tuple[str, ...],
        *,
        pack: Callable[[bytes], Any] = lambda _: None,
        unpack: Callable[[Any], None] = lambda _: None,
    ):
        self._name = name
        self._modules = modules
        self._pack, self._unpack = pack, unpack

    def _file(self, signature: Any, codegen: Any) -> str:
        digest = hashlib.sha256(_source_digest(*self._modules))
        machine = (numba.__version__, llvmlite.__version__, platform.python_version())
        for part in (_FORMAT, self._name, signature, *machine, *codegen.magic_tuple()):
            digest.update(str(part).encode() + b"\0")
        return f"{self._name}-{digest.hexdigest()[:32]}.bin"

    def load_overload(self, signature: Any, target_context: Any) -> Any | None:
        """The compiled function, or None where there is no sound file of it."""
        target_context.refresh()
        file = self._file(signature, target_context.codegen())
        for content in (_own(file), _shared(file)):
            digest, payload = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
            if _digest(file, payload) == digest:
                try:
                    return self._unpacked(payload, target_context)
                except Exception as error:  # noqa: BLE001
                    # Compiling again is always right.
                    _warn_once(_NOT_BYTES, error)
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a compiled function; a folder that cannot be written is not an error."""
        if result.library.has_dynamic_globals:
            return
        try:
            payload = self._packed(result)
        except Exception as error:  # noqa: BLE001
            _warn_once(_NOT_BYTES, error)
            return
        file = self._file(signature, result.codegen)
        with _warned(_NOT_KEPT):
            trusted.write(folder(), file, _digest(file, payload) + payload)

    def _packed(self, result: Any) -> bytes:
        """A compiled function as bytes. How numba does that is private to it, and may be renamed in any version."""
        from numba.core.serialize import dumps

        code = bytes(dumps(result._reduce()))  # type: ignore[no-untyped-call]
        return bytes(dumps((self._pack(code), code)))  # type: ignore[no-untyped-call]

    def _unpacked(self, payload: bytes, target_context: Any) -> Any:
        """The compiled function of these bytes, by numba's private ways too."""
        from numba.core.compiler import CompileResult

        needs, code = pickle.loads(payload)
        self._unpack(needs)
        return CompileResult._rebuild(target_context, *pickle.loads(code))  # type: ignore[no-untyped-call]


def _digest(file: str, payload: bytes) -> bytes:
    """Digest of what a file holds, and of its name: another kernel's machine code under this name is not sound."""
    return hashlib.sha256(file.encode() + b"\0" + payload).digest()


def _own(file: str) -> bytes:
    """Content of a file of the user's own folder; nothing where it cannot be had."""
    with _warned(_NOT_KEPT), contextlib.suppress(FileNotFoundError):
        return trusted.read(folder(), file, trusted.owners())
    return b""


def _shared(file: str) -> bytes:
    """Content of a file of the shared folder, whose owner the user trusts: he named it."""
    with _warned(_NOT_SHARED):
        if place := shared_folder():
            owner = os.stat(place).st_uid
            with contextlib.suppress(FileNotFoundError):
                return trusted.read(place, file, trusted.owners() | {owner})
    return b""
