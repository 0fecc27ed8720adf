"""Models on disk: npz files of plain arrays, never pickles, so that opening a file runs nothing."""

import contextlib
import json
import os
import secrets
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
FORMAT = 1
# What damaged archives make the standard library raise, beside ordinary errors.
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError)


def write_model(
    path: str | os.PathLike[str], kind: str, settings: Mapping[str, Any], arrays: Mapping[str, Any]
) -> None:
    """Write a model, under a temporary name first: an interrupted run leaves the old file as it was.

    Parameters
    ----------
    path : path
        Written as it is; no suffix is added.
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
        # A new file, which others may read if the umask says so; one that is replaced keeps its mode.
        with open(temporary, "xb") as file:
            np.savez_compressed(file, header=header, **arrays)
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def read_model(
    path: str | os.PathLike[str], kind: str, build: Callable[[dict[str, Any], dict[str, npt.NDArray[Any]]], T]
) -> T:
    """What `build` makes of the settings and arrays of a model of this kind.

    Raises
    ------
    ValueError
        If the file is damaged, not a model, or of another kind.
    OSError
        If it cannot be opened.
    """
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as content:
                arrays = {name: content[name] for name in content.files}
            header = json.loads(str(arrays.pop("header")))
            found, version, settings = header["gridtrend"], header["format"], header["settings"]
            if (found, version) == (kind, FORMAT):
                return build(settings, arrays)
        except (ValueError, LookupError, TypeError, AttributeError, EOFError, OSError, *_DAMAGED) as error:
            raise ValueError(
                f"{os.fspath(path)} is no model that gridtrend saved, or it is damaged ({error}). Save it again: "
                "model.save(path)."
            ) from None
    if found != kind:
        raise ValueError(
            f"{os.fspath(path)} holds a model of the kind {found}: load it with gridtrend.neural.{found}.load."
        )
    raise ValueError(f"{os.fspath(path)} was saved by another version of gridtrend (format {version}, not {FORMAT}).")
