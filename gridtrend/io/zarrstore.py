"""Zarr stores, local and remote, opened without what their libraries have to say."""

import os
import warnings
from pathlib import Path

import xarray as xr

from gridtrend.io.errors import InputError

MARKS = ("zarr.json", ".zgroup", ".zmetadata")


def is_store(path: str) -> bool:
    """Whether a path is to be opened as a Zarr store."""
    return os.path.isdir(path) or path.rstrip("/").endswith(".zarr")


def open_raw(path: str, group: str | None = None) -> xr.Dataset:
    """All variables of a store or of a group in it as they are stored, without reading them."""
    remote = "://" in path
    if not remote and not any(Path(path, name).exists() for name in MARKS):
        _refuse_folder(path)
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"'{path}' is a Zarr store, and zarr is not installed: pip install 'gridtrend[cluster]'"
        ) from error
    try:
        with warnings.catch_warnings():
            # That metadata are not consolidated, or that strings have no specification as yet, is no news to readers.
            warnings.simplefilter("ignore")
            dataset: xr.Dataset = xr.open_zarr(
                path, group=group, chunks=None, consolidated=None if remote else False, decode_cf=False
            )
    except Exception as error:
        # Damaged metadata raise whatever the first line that trips over them raises.
        raise InputError(f"'{path}' cannot be read as a Zarr store: {_why(path, group, error)}") from error
    for name, variable in dataset.variables.items():
        if 0 in (variable.encoding.get("chunks") or ()) and variable.size:
            raise InputError(
                f"'{path}' cannot be read as a Zarr store: the chunks of '{name}' have a length of 0, so that its "
                "metadata are damaged; copy or write it again"
            )
    return dataset


def _refuse_folder(path: str) -> None:
    folder = Path(path)
    inside = [name for mark in MARKS for name in sorted(folder.glob(f"*/{mark}"))[:1]]
    if inside:
        raise InputError(f"'{path}' is a folder of Zarr stores: name one, such as '{inside[0].parent}'")
    if (folder / ".zarray").exists():
        raise InputError(f"'{path}' is a single Zarr array without coordinates: name the group that it lies in")
    raise InputError(f"'{path}' is a folder and no Zarr store: name files, or a pattern such as '{path}/*.nc'")


def _why(path: str, group: str | None, error: Exception) -> str:
    if group and not _has_group(path, group):
        found = ", ".join(groups_of(path)) or "none"
        return f"there is no group '{group}' in it; its groups: {found}"
    if isinstance(error, PermissionError):
        return "permission denied"
    said = " ".join(str(error).split())[:200]
    return f"its metadata are damaged or incomplete ({said or type(error).__name__}); copy or write it again"


def _has_group(path: str, group: str) -> bool:
    return group.strip("/") in groups_of(path)


def groups_of(path: str) -> list[str]:
    """Names of the groups in a store that hold arrays."""
    import zarr

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            members = zarr.open_group(path, mode="r").members(max_depth=None)
    except Exception:  # noqa: BLE001 (a damaged store raises whatever trips over it, and has no groups to name)
        return []
    holding = {name.rpartition("/")[0] for name, member in members if isinstance(member, zarr.Array)}
    return sorted(holding - {""})
