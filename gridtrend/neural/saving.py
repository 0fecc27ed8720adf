"""Models on disk: npz files of plain arrays, never pickles, so that opening a file runs nothing."""

import contextlib
import io
import json
import math
import os
import secrets
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt

from gridtrend.grid.dialect import quoted
from gridtrend.neural.shapes import check_finite

T = TypeVar("T")
FORMAT = 1
# Weights are hardly compressible: a file larger than FREE bytes that unpacks to more than RATIO times its size is not ours.
FREE, RATIO = 1 << 24, 50
# Exceptions that the standard library raises for damaged archives, in addition to ordinary ones.
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError)


def write_model(
    path: str | os.PathLike[str], kind: str, settings: Mapping[str, Any], arrays: Mapping[str, Any]
) -> None:
    """Write a model, under a temporary name first: an interrupted run leaves the old file as it was.

    Parameters
    ----------
    path : path
        Used without change; no suffix is added.
    kind : str
        Name of the class.
    settings : mapping
        What JSON can hold.
    arrays : mapping of str to array
    """
    target = Path(path)
    content = {"gridtrend": kind, "format": FORMAT, "settings": dict(settings)}
    # Numbers may be NumPy's own.
    header = np.array(json.dumps(content, default=lambda value: np.asarray(value).tolist()))
    temporary = target.with_name(f"{target.name}.{secrets.token_hex(8)}")
    try:
        # The umask decides who may read a new file; a file that is replaced keeps its mode.
        with open(temporary, "xb") as file:
            np.savez_compressed(file, header=header, **arrays)
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _arrays(file: IO[bytes]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an npz file; nothing is unpacked before its size has been checked."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        unpacked = sum(member.file_size for member in members)
        if unpacked > FREE + RATIO * size:
            raise ValueError(f"its {size:,} bytes would become {unpacked:,}")
        arrays = {}
        for member in members:
            with archive.open(member) as content:
                arrays[member.filename.removesuffix(".npy")] = _array(content.read())
    return arrays


def _array(content: bytes) -> npt.NDArray[Any]:
    """An array in NumPy's format, which may claim any shape."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(stream)
    claimed, held = math.prod(shape) * dtype.itemsize, len(content) - stream.tell()
    if claimed != held:
        raise ValueError(f"an array of shape {shape} takes {claimed:,} bytes, and {held:,} are there")
    stream.seek(0)
    return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def read_model(
    path: str | os.PathLike[str], kind: str, build: Callable[[dict[str, Any], dict[str, npt.NDArray[Any]]], T]
) -> T:
    """The model that `build` makes of the settings and arrays in a file.

    Raises
    ------
    ValueError
        If the file is damaged, not a model, or of another kind.
    OSError
        If it cannot be opened.
    """
    with open(path, "rb") as file:
        try:
            arrays = _arrays(file)
            header = json.loads(str(arrays.pop("header")))
            found, version, settings = header["gridtrend"], header["format"], header["settings"]
            if (found, version) == (kind, FORMAT):
                check_finite(**{name: array for name, array in arrays.items() if array.dtype.kind == "f"})
                return build(settings, arrays)
        except (ValueError, LookupError, TypeError, AttributeError, EOFError, OSError, *_DAMAGED) as error:
            raise ValueError(
                f"{os.fspath(path)} is no model that gridtrend saved, or it is damaged ({quoted(error)}). Save it again: "
                "model.save(path)."
            ) from None
    if found != kind:
        raise ValueError(
            f"{os.fspath(path)} holds a model of the kind {found}: load it with gridtrend.neural.{found}.load."
        )
    raise ValueError(f"{os.fspath(path)} was saved by another version of gridtrend (format {version}, not {FORMAT}).")
