"""Where the cells of a record are: which coordinates are latitude and longitude."""

import xarray as xr


def latitude_longitude(da: xr.DataArray) -> tuple[str | None, str | None]:
    """Names of the coordinates of latitude and longitude, by CF attributes, else by usual names; None where there is none."""
    # It takes 0.2 s to import.
    import cf_xarray  # noqa: F401

    scalars = [name for name, coord in da.coords.items() if not coord.ndim]
    named = da.drop_vars(scalars).cf.guess_coord_axis().cf.coordinates
    return named.get("latitude", [None])[0], named.get("longitude", [None])[0]
