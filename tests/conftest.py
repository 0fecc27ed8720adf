"""Fixtures for all tests: seeded grids, awkward series, and a guard against computing early."""

from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr

SHARED_DATA = Path(__file__).parents[2] / "shared/data"

AWKWARD = {
    "nothing valid": [np.nan] * 12,
    "one value": [np.nan] * 7 + [3.5] + [np.nan] * 4,
    "two values": [np.nan, 1.0] + [np.nan] * 8 + [2.0, np.nan],
    "three values": [2.0] + [np.nan] * 5 + [1.0] + [np.nan] * 4 + [4.0],
    "constant": [7.25] * 12,
    "constant with holes": [7.25, np.nan, 7.25] * 4,
    "two levels": [0.0, 1.0] * 6,
    "mostly zero": [0.0] * 9 + [3.0, 0.0, 1.0],
    "rising": list(range(12)),
    "falling with holes": [12.0, 11.0, np.nan, 9.0, 8.0, 7.0, np.nan, 5.0, 4.0, 3.0, 2.0, np.nan],
    "infinite values": [1.0, np.inf, 3.0, 2.0, -np.inf, 5.0, 4.0, 7.0, 6.0, np.nan, 9.0, 8.0],
    "signed zeros": [0.0, -0.0, 1.0, -0.0, 0.0, -1.0, 0.0, 2.0, -0.0, 0.0, 0.0, 3.0],
    "tiny": list(1e-300 * np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])),
    "large offset": list(1e9 + np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])),
}


@pytest.fixture(params=AWKWARD, ids=lambda name: name.replace(" ", "_"))
def awkward_series(request):
    """One degenerate, tied, holed or badly scaled series of 12 values at a time."""
    return np.array(AWKWARD[request.param], dtype=float)


@pytest.fixture
def awkward_grid():
    """All awkward series as the cells of one (time, y, x) field."""
    values = np.array(list(AWKWARD.values()), dtype=float).T.reshape(12, 2, -1)
    time = np.array("2001", "datetime64[Y]") + np.arange(12)
    return xr.DataArray(values, {"time": time.astype("datetime64[ns]")}, ("time", "y", "x"), "awkward")


@pytest.fixture
def make_grid():
    """Build a seeded field of annual values; `decimals` makes ties, `holes` is a share of NaN."""

    def make(shape=(40, 5, 7), *, seed=0, decimals=None, holes=0.0, dtype=float, trend=0.02):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=shape) + trend * np.arange(shape[0])[:, None, None]
        if decimals is not None:
            values = values.round(decimals)
        if holes:
            values[rng.random(shape) < holes] = np.nan
        coords = {
            "time": (np.array("1961", "datetime64[Y]") + np.arange(shape[0])).astype("M8[ns]"),
            "lat": ("lat", np.linspace(60, -60, shape[1]), {"units": "degrees_north"}),
            "lon": ("lon", np.linspace(0, 300, shape[2]), {"units": "degrees_east"}),
        }
        attrs = {"long_name": "near-surface air temperature", "units": "K"}
        return xr.DataArray(values.astype(dtype), coords, ("time", "lat", "lon"), "tas", attrs)

    return make


@pytest.fixture
def grid(make_grid):
    """A continuous, complete field."""
    return make_grid()


@pytest.fixture
def holed_grid(make_grid):
    """A field with ties in every cell and a tenth of its values missing."""
    return make_grid(decimals=1, holes=0.1)


@pytest.fixture
def no_compute():
    """Give a context, `with no_compute():`, that fails as soon as dask computes anything."""

    def refuse(graph, keys, **kwargs):
        pytest.fail(f"dask computed {keys!r} before anybody asked for values")

    return lambda: dask.config.set(scheduler=refuse)


@pytest.fixture
def shared_data():
    """Return the path of a real file, or skip the test where that file is not at hand."""

    def find(name):
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"{name} is not at hand: real files lie in {SHARED_DATA}")
        return path

    return find


@pytest.fixture(scope="module")
def field():
    rng = np.random.default_rng(3)
    coords = {"time": xr.date_range("1990", periods=12, freq="YS"), "lat": np.arange(6.0), "lon": np.arange(4.0)}
    values = rng.normal(size=(12, 6, 4)) + np.arange(12)[:, None, None]
    return xr.DataArray(values, coords, ("time", "lat", "lon"), "tas", {"units": "K"})


@pytest.fixture
def record(tmp_path, field):
    """Return the path of a record, away from where results go."""
    (tmp_path / "in").mkdir()
    field.to_netcdf(tmp_path / "in" / "tas.nc", engine="netcdf4")
    return tmp_path / "in" / "tas.nc"


@pytest.fixture
def room(tmp_path):
    """Return the folder where results go."""
    (tmp_path / "room").mkdir()
    return tmp_path / "room"
