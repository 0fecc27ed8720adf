"""Where the cells of a record are, and which of them lie in a region."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.checks import is_number
from gridtrend.grid.dialect import given
from gridtrend.grid.places import latitude_longitude
from gridtrend.grid.refusals import Refusal


def in_region(da: xr.DataArray, region: Any) -> xr.DataArray:
    """Whether, or to which share, each cell lies in a region, shape of the cells.

    Parameters
    ----------
    da : DataArray
    region : str, tuple, mapping, DataArray or path
        A box, "60:90,-180:180" (south:north,west:east), (60, 90, -180, 180), or {"lat": (60, 90), "lon": (350, 30)}: cells
        whose centre lies in it, to the east from its west. A mask: true or a share from 0 to 1 for each cell. A file with one
        mask.

    Raises
    ------
    ValueError
        If there is no such region, or no cell of the record lies in it.
    """
    if isinstance(region, xr.DataArray):
        return _mask(da, region)
    if (isinstance(region, str) and ":" not in region) or hasattr(region, "__fspath__"):
        if not Path(region).exists():
            raise ValueError(
                f"{given('region', str(region))} is no region: there is no such file, and a box is south:north,west:east, such as "
                "'60:90,-180:180'."
            )
        with xr.open_dataset(region) as ds:
            masks = [
                each for each in ds.data_vars.values() if each.dtype.kind in "biuf" and set(each.dims) <= set(da.dims)
            ]
            if len(masks) != 1:
                raise ValueError(
                    f"{str(region)!r} is to hold one mask on the grid of the record, and holds {len(masks)}; give it as a "
                    "DataArray, region=ds['mask']."
                )
            return _mask(da, masks[0].load())
    south, north, west, east = _box(region)
    lat, lon = (None if name is None else da[name] for name in latitude_longitude(da))
    if lat is None or lon is None:
        missing = "latitudes" if lat is None else "longitudes"
        raise Refusal(
            f"{given('region', region)} needs latitudes and longitudes, and the record has no {missing}.",
            "Name them with units, da.lat.attrs['units'] = 'degrees_north', or give a mask, region=mask.",
            "Write the units degrees_north and degrees_east into the file, or give a mask",
        )
    inside = (lat >= south) & (lat <= north)
    # A box of all longitudes ends where it begins.
    around = east - west >= 360
    inside = inside & (around | ((lon - west) % 360 <= (east - west) % 360))
    if not bool(inside.any()):
        raise Refusal(
            f"{given('region', region)} has no cell of the record, whose centres lie from {float(lat.min()):g} to "
            f"{float(lat.max()):g} N and from {float(lon.min()):g} to {float(lon.max()):g} E.",
            "Give a larger region: south, north, west, east.",
            "Give a larger region, --region SOUTH:NORTH,WEST:EAST",
        )
    return inside.astype(float)


def _box(region: Any) -> tuple[float, float, float, float]:
    ends: Any = region
    if isinstance(region, str):
        ends = [part for pair in region.split(",") for part in pair.split(":")]
    elif isinstance(region, Mapping):
        ends = [end for name in ("lat", "lon") for end in region.get(name, (-90, 90) if name == "lat" else (-180, 180))]
        ends = [] if set(region) - {"lat", "lon"} else ends
    try:
        south, north, west, east = (float(end) if isinstance(end, str) or is_number(end) else np.nan for end in ends)
    except (TypeError, ValueError):
        south = north = west = east = np.nan
    if not (-90 <= south <= north <= 90 and np.isfinite(west) and np.isfinite(east)):
        raise ValueError(
            f"{given('region', region)} is no region; give south, north, west and east, region=(60, 90, -180, 180), as text "
            "'60:90,-180:180', or a mask, a DataArray on the grid of the record."
        )
    return south, north, west, east


def _mask(da: xr.DataArray, mask: xr.DataArray) -> xr.DataArray:
    extra = [name for name in mask.dims if name not in da.dims or mask.sizes[name] != da.sizes[name]]
    if extra or mask.dtype.kind not in "biuf":
        raise ValueError(
            f"the mask, {dict(mask.sizes)} of {mask.dtype}, is none of the record, {dict(da.sizes)}: true or a share from 0 to 1 "
            "for each cell of the same grid."
        )
    try:
        xr.align(mask, da, join="exact")
    except ValueError:
        raise ValueError("the mask has other coordinates than the record: bring it to the same grid first.") from None
    share = mask.astype(float).fillna(0.0)
    if mask.chunks is None:
        if not bool((share > 0).any()):
            raise ValueError("no cell of the record lies in the mask: all its values are 0, false or missing.")
        if float(share.min()) < 0 or float(share.max()) > 1:
            raise ValueError("a mask holds true and false, or shares from 0 to 1; for percent, divide by 100.")
    return share.drop_vars([name for name in share.coords if name not in share.dims])
