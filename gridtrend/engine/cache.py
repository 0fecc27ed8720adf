"""Compiled kernels kept on disk, so that a second process compiles nothing.

numba's own file cache keeps one index for all signatures of a function; processes that write it at the same time can
pair a signature with another's machine code (numba issue 4807). Here nothing is shared: a file holds one signature of
one kernel, its name is the digest of everything that the machine code depends on, and it appears by an atomic rename. It
starts with a digest of its name and its own bytes, and with a line that says what it depends on. Two processes that compile
at once write the same file twice; a reader sees a whole file or none; whatever cannot be read is compiled again; a folder
that cannot be written costs time only, and one line of the log.

Whoever can write such a file runs code as its reader: `trusted` says which files are read.
"""

import ast
import contextlib
import functools
import hashlib
import json
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

from gridtrend.engine import notice, trusted

# What a file holds is named by this number: versions of gridtrend that write other files keep theirs.
_FORMAT = 4
_DIGEST_SIZE = hashlib.sha256().digest_size
_PACKAGE = Path(__file__).parents[1]
# Modules that kernels import, and that have no part in machine code.
_NO_PART = (__name__, notice.__name__)
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
        if module not in found and module not in _NO_PART:
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
        digest.update(_dumped(module))
    return digest.digest()


@functools.cache
def _dumped(module: str) -> bytes:
    """A module as text, once in a process: every start asks for it in the digests of many kernels."""
    return f"{module}\0{ast.dump(_source(module))}\0".encode()


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

    def _header(self, signature: Any, codegen: Any) -> bytes:
        """What the machine code depends on, as one line: the first line of its file, whose name is the digest of it."""
        machine = [str(part) for part in codegen.magic_tuple()]
        return json.dumps(
            {"name": self._name, "signature": str(signature), "machine": machine} | _version(tuple(self._modules))
        ).encode()

    def _file(self, header: bytes) -> str:
        return f"{self._name}-{hashlib.sha256(header).hexdigest()[:32]}.bin"

    def load_overload(self, signature: Any, target_context: Any) -> Any | None:
        """The compiled function, or None where there is no sound file of it."""
        target_context.refresh()
        header = self._header(signature, target_context.codegen())
        file = self._file(header)
        for read in (_own, _shared):
            found, payload = _sound(file, read(file))
            if found == header:
                try:
                    return self._unpacked(payload, target_context)
                except Exception as error:  # noqa: BLE001
                    # Compiling again is always right.
                    _warn_once(_NOT_BYTES, error)
        notice.compiling()
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
        header = self._header(signature, result.codegen)
        file, body = self._file(header), header + b"\n" + payload
        with _warned(_NOT_KEPT):
            trusted.write(folder(), file, _digest(file, body) + body)

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


def _version(modules: tuple[str, ...]) -> dict[str, Any]:
    """What the machine code of some modules depends on, whatever the machine and the types."""
    versions = [numba.__version__, llvmlite.__version__, platform.python_version()]
    return {"format": _FORMAT, "versions": versions, "modules": modules, "source": _source_digest(*modules).hex()}


def is_of_this_version(file: str, content: bytes) -> bool:
    """Whether this version of gridtrend, in this environment, can use a file: on this machine or on one of another kind."""
    header, _ = _sound(file, content)
    try:
        told = json.loads(header)
        # As it was written: a tuple comes back as a list.
        wanted = json.loads(json.dumps(_version(tuple(told["modules"]))))
        return all(told[key] == value for key, value in wanted.items())
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def _sound(file: str, content: bytes) -> tuple[bytes, bytes]:
    """Header and payload of a file; nothing where it is damaged."""
    digest, body = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
    header, _, payload = body.partition(b"\n") if _digest(file, body) == digest else (b"", b"", b"")
    return header, payload


def _digest(file: str, body: bytes) -> bytes:
    """Digest of what a file holds, and of its name: another kernel's machine code under this name is not sound."""
    return hashlib.sha256(file.encode() + b"\0" + body).digest()


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
