"""Files on other machines: Zarr is read in place, netCDF comes to a local copy, which goes when the process ends."""

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator

from gridtrend.io.errors import InputError

# OPeNDAP servers answer to these, and the netCDF library speaks with them itself.
OPENDAP = ("http://", "https://", "dods://")
# Where copies of this process lie.
_folders: list[str] = []


def fetch(url: str) -> list[str]:
    """What to open for a URL: local copies of netCDF files, or the URL itself where it is read in place.

    Parameters
    ----------
    url : str
        Of any system that fsspec knows ("s3://...", "gs://...", "sftp://...", "simplecache::https://..."), where a
        pattern stands for many files; a Zarr store; or an OPeNDAP address.
    """
    if url.rstrip("/").endswith(".zarr") or url.startswith(OPENDAP):
        return [url]
    import fsspec

    address = url if "::" in url else f"simplecache::{url}"
    # Other caches of fsspec (filecache, blockcache) keep their copies, as whoever names them wants.
    folder = _new_folder() if address.startswith("simplecache::") else ""
    try:
        found = fsspec.open_local(address, **({"simplecache": {"cache_storage": folder}} if folder else {}))
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, ImportError):
            raise InputError(f"'{url}' cannot be read: {error}") from error
        if not isinstance(error, Exception):
            raise
        # Each remote system raises errors of its own library.
        raise InputError(f"'{url}' cannot be fetched: {_why(error)}. Check the address") from error
    paths = [found] if isinstance(found, str) else list(found)
    if not paths:
        raise InputError(f"no file matches '{url}': check the pattern and the folder")
    return paths


def _why(error: Exception) -> str:
    said = " ".join(str(error).split())
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return said.rstrip(".")[:200] or type(error).__name__


def _new_folder() -> str:
    if not _folders:
        atexit.register(remove_downloads)
    _folders.append(tempfile.mkdtemp(prefix="gridtrend-download-"))
    return _folders[-1]


def remove_downloads() -> None:
    """Delete the copies that this process has made."""
    while _folders:
        shutil.rmtree(_folders.pop(), ignore_errors=True)


@contextlib.contextmanager
def quiet_transfers(path: str) -> Iterator[None]:
    """Keep the netCDF library, which writes to the terminal when a transfer fails, from doing so."""
    if not path.startswith(OPENDAP):
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def why_no_answer(url: str, error: Exception) -> str:
    """What to say of an address that the netCDF library cannot open."""
    said = str(getattr(error, "strerror", None) or error)
    return (
        f"the server does not answer as an OPeNDAP server ({said}): check the address and the network; "
        f"a file to be downloaded first is named 'simplecache::{url}'"
    )
