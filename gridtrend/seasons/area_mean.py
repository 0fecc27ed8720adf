"""Means over an area, each cell weighted by its size."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.checks import check_array, check_share
from gridtrend.grid.places import latitude_longitude
from gridtrend.seasons.places import in_region


def area_mean(
    da: xr.DataArray,
    dim: str = "time",
    *,
    region: Any = None,
    weights: xr.DataArray | None = None,
    min_coverage: float = 0.8,
) -> xr.DataArray:
    """The mean over all cells, or those of a region, weighted by their area: one series.

    Parameters
    ----------
    da : DataArray, shape (..., time, lat, lon)
        Real numbers, numpy- or dask-backed, in any chunks. NaN and infinite values are missing.
    dim : str
        The dimension of time, which stays.
    region : str, tuple, mapping, DataArray or path, optional
        A box of south, north, west and east, (60, 90, -180, 180), "60:90,-180:180" or {"lat": (60, 90)}: cells whose centres
        lie in it; a box of which west is larger than east runs over the meridian in between. Or a mask, true or a share from
        0 to 1 for each cell, or the file of one.
    weights : DataArray, optional
        Sizes of the cells. By default those that `cell_measures` names among the coordinates of `da`, else the cosine of
        latitude, for grids of latitudes and longitudes.
    min_coverage : float
        Share, from 0 to 1, of the area that has values at the fullest step: steps with less are missing, since missing cells
        move a mean. Cells that are missing at all steps, such as land in a record of the sea, do not count.

    Returns
    -------
    DataArray, shape (..., time)
        float64. Dimensions other than those of latitudes and longitudes stay. Attributes name the weights and the region.
        Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `da` has no dimension `dim` or no latitudes, if a grid of two-dimensional latitudes has no sizes of cells, if a region has no
        cell, or if an option is not known.

    Notes
    -----
    Sums over chunks of cells are rounded as these are divided: the last digits depend on chunks.

    References
    ----------
    Jones, P. D. et al. (2012). J. Geophys. Res. 117, D05127. doi:10.1029/2011JD017139

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> lat = ("lat", [0.0, 60.0], {"units": "degrees_north"})
    >>> tas = xr.DataArray([[[1.0], [4.0]]], {"lat": lat, "lon": [0.0]}, ("time", "lat", "lon"))
    >>> round(float(gt.area_mean(tas)[0]), 6), float(gt.area_mean(tas, region=(50, 90, -180, 180))[0])
    (2.0, 4.0)
    """
    check_array(da, dim)
    min_coverage = check_share("min_coverage", min_coverage)
    size, source = _sizes(da, dim, weights)
    over = [name for name in da.dims if name in size.dims]
    if region is not None:
        size = size * in_region(da, region)
        over = [name for name in da.dims if name in size.dims]
    # Without coordinates, nothing is compared and no name clashes.
    values, cells = xr.DataArray(da.variable), xr.DataArray(size.variable.astype(float))
    values = values.where(np.isfinite(values)).astype(float)
    area = (values.notnull() * cells).sum(over)
    enough = (area > 0) & (area >= (min_coverage - 1e-12) * area.max(dim))
    mean = ((values.fillna(0.0) * cells).sum(over) / area.where(area > 0)).where(enough)
    kept = {name: coord for name, coord in da.coords.items() if not set(coord.dims) & set(over)}
    indexes = {name: index for name, index in da.xindexes.items() if name in kept}
    order = [name for name in da.dims if name not in over]
    result = xr.DataArray(mean.variable.transpose(*order), xr.Coordinates(kept, indexes), name=da.name)
    before = f"{da.attrs['cell_methods']} " if isinstance(da.attrs.get("cell_methods"), str) else ""
    result.attrs = {key: value for key, value in da.attrs.items() if key not in ("cell_measures", "grid_mapping")} | {
        "cell_methods": f"{before}area: mean",
        "weights": source,
        "region": "all cells" if region is None else "a mask" if isinstance(region, xr.DataArray) else str(region),
        "min_coverage": min_coverage,
    }
    return result.copy(deep=False)


def _sizes(da: xr.DataArray, dim: str, weights: Any) -> tuple[xr.DataArray, str]:
    """Sizes of the cells, and where they come from."""
    if weights is not None:
        if not isinstance(weights, xr.DataArray) or not set(weights.dims) <= set(da.dims) - {dim} or not weights.dims:
            raise ValueError("weights are to be a DataArray of the sizes of the cells, on dimensions of the record.")
        xr.align(weights, da, join="exact")
        return weights.fillna(0.0), "as given"
    measures = str(da.attrs.get("cell_measures", "")).split()
    name = measures[measures.index("area:") + 1] if "area:" in measures[:-1] else None
    if name in da.coords:
        return da.coords[name].fillna(0.0), f"cell_measures: {name}"
    lat, lon = (None if name is None else da[name] for name in latitude_longitude(da))
    if lat is None or not lat.dims:
        raise ValueError("the record has no latitudes to weigh cells by: give the sizes of its cells, weights=area.")
    if lat.ndim > 1 or (lon is not None and lon.dims == lat.dims):
        raise ValueError(
            "cells of a grid that latitudes do not make up differ in size by more than the cosine of latitude: give the sizes "
            "of its cells, weights=ds['areacella']."
        )
    if lon is None or not lon.dims:
        return _cosine(lat), "cosine of latitude"
    # Each longitude weighs alike.
    return _cosine(lat) * xr.ones_like(lon, dtype=float).drop_vars(lon.coords), "cosine of latitude"


def _cosine(lat: xr.DataArray) -> xr.DataArray:
    return xr.DataArray(np.maximum(np.cos(np.deg2rad(lat.values.astype(float))), 0.0), dims=lat.dims)
