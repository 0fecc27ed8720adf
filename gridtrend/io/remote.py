"""Files on other machines: Zarr is read in place, netCDF comes to a local cache first."""

from gridtrend.io.errors import InputError

# OPeNDAP servers answer to these, and the netCDF library speaks with them itself.
OPENDAP = ("http://", "https://", "dods://")


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
    try:
        found = fsspec.open_local(address)
    except ImportError as error:
        raise InputError(f"'{url}' cannot be read: {error}") from error
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"'{url}' cannot be fetched: {error or type(error).__name__}. Check the address") from error
    paths = [found] if isinstance(found, str) else list(found)
    if not paths:
        raise InputError(f"no file matches '{url}': check the pattern and the folder")
    return paths
