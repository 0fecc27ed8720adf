"""What a file is that cannot be read as netCDF, and what to do with it."""

import html
import os
import re
import shlex

from gridtrend.io.errors import InputError

# First bytes, what they mean, and what to do; {path} stands for the file, {stem} and {unpacked} for names like it.
MAGIC = (
    (b"GRIB", "a GRIB file: convert it, for example with `cdo -f nc4 copy {path} {stem}.nc`"),
    (b"BUFR", "a BUFR file of observations: convert it to netCDF first"),
    (b"\x0e\x03\x13\x01", "an HDF4 file: convert it, for example with `ncl_convert2nc {path}` or `h4tonccf {path}`"),
    (b"II*\x00", "a TIFF file: convert it, for example with `gdal_translate -of netCDF {path} {stem}.nc`"),
    (b"MM\x00*", "a TIFF file: convert it, for example with `gdal_translate -of netCDF {path} {stem}.nc`"),
    (b"II+\x00", "a TIFF file: convert it, for example with `gdal_translate -of netCDF {path} {stem}.nc`"),
    (b"MM\x00+", "a TIFF file: convert it, for example with `gdal_translate -of netCDF {path} {stem}.nc`"),
    (b"\x1f\x8b", "compressed with gzip: unpack it with `gunzip`, as in `gunzip < {path} > {unpacked}`"),
    (b"\x1f\x9d", "compressed with compress: unpack it with `uncompress`, as in `uncompress < {path} > {unpacked}`"),
    (b"BZh", "compressed with bzip2: unpack it with `bunzip2`, as in `bunzip2 < {path} > {unpacked}`"),
    (b"\xfd7zXZ", "compressed with xz: unpack it with `unxz`, as in `unxz < {path} > {unpacked}`"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it with `unzstd`, as in `unzstd < {path} > {unpacked}`"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it with `7z x {path}`"),
    (b"PK\x03\x04", "a zip archive: unpack it with `unzip {path}`, and name what was in it"),
    (b"PK\x05\x06", "an empty zip archive: copy or download it again"),
    (b"\x93NUMPY", "a NumPy array without coordinates: write it as netCDF with xarray"),
    (b"PAR1", "a Parquet table: write it as netCDF with xarray"),
    (b"MATLAB", "a MATLAB file: write it as netCDF, with `ncwrite` in MATLAB or with xarray"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
)
TAR = (257, b"ustar", "a tar archive: unpack it with `tar -xf {path}`, and name what was in it")


def require_readable(path: str) -> None:
    """Refuse what is neither a file nor a folder: a pipe cannot be read twice, and waits for ever."""
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise InputError(f"'{path}' is a pipe or a device, and a record is read in pieces: save it as a file first")


def why_unreadable(path: str, error: Exception) -> str:
    """Look at the first bytes: the library's own words are 'HDF error' or 'unknown file format'."""
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except PermissionError:
        return "permission denied; ask its owner, or copy it where you may read it"
    except OSError as opening:
        return str(opening.strerror or error).lower()
    if not head:
        return "it is empty (0 bytes); copy or download it again"
    offset, mark, archive = TAR
    kinds = [kind for magic, kind in MAGIC if head.startswith(magic)] + [archive] * head[offset:].startswith(mark)
    if kinds:
        return f"it is {kinds[0].format(**_names_like(path))}"
    if head.startswith((b"\x89HDF", b"CDF")):
        return (
            "it begins as a netCDF file but is truncated or damaged, or holds what the netCDF library cannot read; copy or "
            "download it again, or look into it with `ncdump -h` or `h5dump -H`"
        )
    if re.fullmatch(rb"[\t\n\r\x20-\x7e]+", text := head.removeprefix(b"\xef\xbb\xbf")):
        line = text.decode().strip().splitlines()[0][:60] if text.strip() else ""
        kind = f"a text file that begins '{line}', not netCDF"
        if re.match(rb"\s*<(!doctype html|html)", text, re.IGNORECASE):
            return (
                f"it is {kind}: a web page{_title(text)}, as sites send it to those who are not logged in. Download the "
                "file itself again"
            )
        return f"it is {kind} (a failed download leaves such files)"
    return "it is not a netCDF file, nor of any other kind known here; convert it to netCDF first"


def _names_like(path: str) -> dict[str, str]:
    stem = os.path.splitext(path)[0]
    unpacked = stem if stem.endswith(".nc") else f"{stem}_unpacked.nc"
    return {key: shlex.quote(name) for key, name in (("path", path), ("stem", stem), ("unpacked", unpacked))}


def _title(page: bytes) -> str:
    found = re.search(rb"<title>\s*([\x20-\x7e]+?)\s*</title>", page, re.IGNORECASE)
    return f" ('{html.unescape(found[1].decode())[:60]}')" if found else ""


def refuse_truncated_classic(path: str) -> None:
    """Stop at a netCDF-3 file that is cut short: the netCDF library reads zeros beyond its end, in silence."""
    if not os.path.isfile(path):
        return
    with open(path, "rb") as file:
        magic = file.read(4)
    if not magic.startswith(b"CDF"):
        return
    try:
        if magic[3] == 5:
            _require_cdf5_size(path)
        else:
            from scipy.io import netcdf_file

            netcdf_file(path, mmap=True)
    except (ValueError, TypeError) as error:
        size = os.path.getsize(path)
        raise InputError(
            f"'{path}' is truncated: its header announces more data than its {size} bytes; copy or download it again"
        ) from error


def _require_cdf5_size(path: str) -> None:
    # scipy does not know CDF-5. Its data are never compressed, so they cannot be smaller than this.
    from gridtrend.io.netcdf import open_store

    variables = open_store(path).ds.variables.values()
    least = sum(variable.size * variable.dtype.itemsize for variable in variables)
    if os.path.getsize(path) < least:
        raise ValueError(f"{least} bytes expected")
