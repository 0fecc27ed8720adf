"""Arrays made at random as users might have them: types, values, coordinates, names, attributes, chunks.

All draws come from a NumPy generator, so that a seed makes the same arrays again.
"""

import numpy as np
import xarray as xr

SIZES = (0, 1, 2, 3, 4, 5, 8, 12, 13, 24, 36)
LENGTHS = (12, 13, 24, 24, 36)
NUMBERS = (
    "f8",
    "f8",
    "f8",
    "f4",
    "f4",
    "i2",
    "i4",
    "i8",
    "u1",
    "u2",
    "u8",
    "i1",
    "?",
    ">f8",
    ">f4",
    ">i2",
    ">i8",
    "f2",
    "g",
)
NO_NUMBERS = ("c16", "U3", "S3", "O", "M8[ns]", "m8[ns]")
DIMS = (
    "lat",
    "lon",
    "x",
    "z",
    "s",
    "tau",
    "level",
    "member",
    "frequency",
    "bnds",
    "slope",
    "weight",
    "site",
    "variable",
    7,
    "",
    "a b",
)
# Called like results, or like what results are given.
NAMES = (
    "z", "s", "tau", "slope", "trend", "n_valid", "p_value", "statistic", "bnds", "time_bnds", "frequency", "t", "state", "status",
    "n_segments", "window_start", "amplitude", "power", "month", "year", "height", "spatial_ref", "crs", "season", "variable",
    "intercept", "change_time", "p_adjusted", "coherence", "group", "x", "weights", 3, "naïve\x1b[31m",
)  # fmt: skip
UNITS = (
    "K", "degC", "1", "", "mm day-1", "%", 1, 0.001, np.int8(1), b"kg m-2", None, np.nan, ["m"], [], np.array(["m", "s"]), {"a": 1},
    True, "x" * 3000, "K\x1b[31m\n\x00", "days since 2000-01-01", ("m", "s"), 10**30, "degrees_north", object, "°F",
)  # fmt: skip
TEXTS = (
    "air temperature",
    "",
    5,
    None,
    b"name",
    "long " * 500,
    "line\nbreak\x07",
    "{data}",
    "%s %d",
    "{",
    np.array([1, 2]),
    True,
)
ATTRS = (
    "units",
    "long_name",
    "standard_name",
    "valid_range",
    "_FillValue",
    "scale_factor",
    "bounds",
    "calendar",
    "cell_methods",
    "axis",
    3,
)


def pick(rng, choices):
    """One of several values, as it is: NumPy's own choice makes arrays of them."""
    return choices[int(rng.integers(len(choices)))]


def chance(rng, share):
    return bool(rng.random() < share)


# --- values ---------------------------------------------------------------------------------------


def plain_values(rng, shape):
    """Values whose differences and squares a float64 holds."""
    n = shape[0] if shape else 1
    rise = np.arange(n).reshape(-1, *[1] * (len(shape) - 1)) if shape else 0
    kinds = (
        lambda: rng.normal(size=shape),
        lambda: rng.normal(size=shape).round(1) + 0.05 * rise,
        lambda: rng.integers(0, 3, shape).astype(float),
        lambda: np.where(rng.random(shape) < 0.6, 0.0, rng.exponential(size=shape)),
        lambda: np.full(shape, pick(rng, (0.0, -0.0, 7.25, 1e-9, 273.15))),
        lambda: np.where(rng.random(shape) < 0.5, 0.0, -0.0),
        lambda: rng.normal(size=shape).cumsum(0) if shape else rng.normal(size=shape),
        lambda: 273.15 + 1e-3 * rng.normal(size=shape).round(2),
        lambda: 1e-5 * rng.gamma(0.3, size=shape).round(2),
        lambda: rise + np.zeros(shape),
        lambda: np.zeros(shape) - rise,
        lambda: np.where(rise * 2 < n, 1.0, -1.0) * np.ones(shape),
        lambda: rng.standard_cauchy(shape),
    )
    return np.asarray(pick(rng, kinds)(), float)


def extreme_values(rng, shape):
    """Values near the ends of what floating numbers hold."""
    kinds = (
        lambda: rng.normal(size=shape) * 1e300,
        lambda: pick(rng, (1e308, -1.7e308, 5e-324)) * rng.integers(-1, 2, shape),
        lambda: rng.integers(0, 9, shape) * 5e-324,
        lambda: rng.normal(size=shape) * 10.0 ** rng.integers(-300, 300, shape),
        lambda: 1e16 + rng.integers(0, 9, shape),
        lambda: np.where(rng.random(shape) < 0.1, 1e20, rng.normal(size=shape)),
        lambda: rng.normal(size=shape) * 1e-310,
    )
    return np.asarray(pick(rng, kinds)(), float)


def with_holes(rng, values):
    """A share of the values made missing, or all of a cell, or infinite."""
    values = np.array(values)
    share = pick(rng, (0.0, 0.0, 0.1, 0.5, 0.95, 1.0))
    values[rng.random(values.shape) < share] = np.nan
    if chance(rng, 0.1):
        values[rng.random(values.shape) < 0.1] = pick(rng, (np.inf, -np.inf, -np.nan))
    if values.ndim > 1 and values.size and chance(rng, 0.3):
        values[:, rng.random(values.shape[1:]) < 0.3] = np.nan
    return values


def as_type(rng, values, dtype):
    """The values in a type; whole numbers over the range that it has, some at its end."""
    kind = np.dtype(dtype)
    if kind.kind == "?" or kind.kind == "b":
        return values > 0
    if kind.kind in "iu":
        low, high = (0, 100) if kind.kind == "u" else (-100, 100)
        whole = np.clip(3 * np.nan_to_num(np.clip(values, -99, 99)), low, high).astype(kind.newbyteorder("="))
        if kind.itemsize == 8 and chance(rng, 0.3):
            whole = whole + whole.dtype.type(pick(rng, (2**53, 2**60, 2**62)))
        return whole.astype(kind)
    if kind.kind in "f":
        with np.errstate(all="ignore"):
            return values.astype(kind)
    with np.errstate(all="ignore"):
        whole = np.nan_to_num(np.clip(values, -1e6, 1e6)).astype("i8")
    return whole.astype(kind) if kind.kind in "Mm" else whole.astype(float).astype(kind)


def laid_out(rng, values):
    """The same values in another order of memory, or read-only, or strided."""
    how = rng.integers(8)
    if how == 0:
        values = np.asfortranarray(values)
    elif how == 1 and values.ndim:
        values = np.repeat(values, 2, axis=0)[::2]
    elif how == 2:
        values = np.array(values)
        values.setflags(write=False)
    elif how == 3 and values.ndim:
        values = values[::-1].copy()[::-1]
    return values


# --- coordinates ----------------------------------------------------------------------------------


def good_times(rng, n):
    """Times that most functions take: none, numbers or dates, regular or not."""
    start = np.datetime64(pick(rng, ("1961-01-01", "2000-02-29", "1850-01-16")))
    kinds = (
        lambda: None,
        lambda: np.arange(float(n)),
        lambda: np.arange(n) + int(pick(rng, (1961, 0, -3))),
        lambda: np.sort(rng.choice(10 * max(n, 1), n, replace=False)) / 8.0,
        lambda: (start + np.arange(n)).astype("M8[ns]"),
        lambda: (start.astype("M8[M]") + np.arange(n)).astype("M8[s]"),
        lambda: (start.astype("M8[Y]") + np.arange(n)).astype(pick(rng, ("M8[ns]", "M8[us]"))),
        lambda: xr.date_range(
            "1961-01-01", periods=n, freq="MS", calendar=pick(rng, ("noleap", "360_day")), use_cftime=True
        ),
        lambda: ("time", np.arange(n), {"units": "days since 2000-01-01"}),
        lambda: ("time", np.arange(n) / 12, {"units": pick(rng, ("year", "months", "nonsense", 1, "s"))}),
    )
    return pick(rng, kinds)()


def odd_times(rng, n):
    """Times that are unsorted, repeated, missing, huge, of another kind or no times at all."""
    numbers = np.arange(float(n))
    dates = (np.datetime64("1961-01-01") + 365 * np.arange(n)).astype("M8[ns]")
    some = rng.random(n) < 0.2
    kinds = (
        lambda: numbers[::-1],
        lambda: rng.permutation(numbers),
        lambda: np.floor(numbers / 2),
        lambda: np.zeros(n),
        lambda: np.where(some, pick(rng, (np.nan, np.inf, -np.inf)), numbers),
        lambda: dates[::-1],
        lambda: np.where(some, np.datetime64("NaT"), dates),
        lambda: np.repeat(dates[:1], n),
        lambda: (19610101 + 10000 * np.arange(n)).astype(pick(rng, ("i8", "i4", "f8"))),
        lambda: 196101 + np.arange(n) % 12 + 100 * (np.arange(n) // 12),
        lambda: np.array([f"step {k}" for k in range(n)]),
        lambda: np.array([f"{1961 + k}-01-01" for k in range(n)]),
        lambda: np.array([pick(rng, (k, f"{k}", None)) for k in range(n)], object),
        lambda: numbers > 1,
        lambda: numbers * 1j,
        lambda: np.arange(n) * np.timedelta64(1, "D").astype("m8[ns]"),
        lambda: numbers * pick(rng, (1e300, 1e-320, 1e-12)),
        lambda: 1e16 + np.floor(numbers / 3),
        lambda: np.arange(n, dtype="u8") + np.uint64(2**63),
        lambda: ("time", numbers, {"units": pick(rng, ("days since 0000-00-00", "day as %Y%m%d.%f", b"days", None, "since", "\x1b"))}),
        lambda: ("time", np.where(some, np.nan, numbers), {"units": "days since 2000-01-01", "calendar": "noleap"}),
        lambda: ("time", 1e18 * numbers, {"units": "days since 2000-01-01"}),
        lambda: ("time", np.arange(n), {"units": "months since 2000-01-01", "calendar": pick(rng, ("360_day", "x", 5))}),
        lambda: xr.date_range("0001-01-01", periods=n, freq="YS", calendar="standard", use_cftime=True)[::-1],
        lambda: (np.datetime64("1990-01-01", "D") + 16 * np.arange(n)).astype("M8[ns]"),
    )  # fmt: skip
    return pick(rng, kinds)()


def cell_coordinate(rng, dim, size):
    kinds = (
        lambda: np.linspace(60, -60, size),
        lambda: np.arange(size),
        lambda: np.array([f"{k}" for k in range(size)], dtype=pick(rng, (str, object))),
        lambda: np.zeros(size),
        lambda: np.full(size, np.nan),
        lambda: (np.datetime64("2000-01-01") + np.arange(size)).astype("M8[ns]"),
    )
    return ((dim,), pick(rng, kinds)(), pick(rng, ({}, {"units": "degrees_north"}, {"units": 5, "bounds": "nowhere"})))


def further_coordinates(rng, dims, sizes):
    """Coordinates beside those of dimensions: scalars, along one dimension, along several; called like anything."""
    coords = {}
    for _ in range(int(pick(rng, (1, 1, 2, 3)))):
        name = pick(rng, NAMES)
        if name in dims:
            continue
        over = tuple(dim for dim in dims if chance(rng, 0.4)) if chance(rng, 0.6) else ()
        shape = tuple(sizes[dim] for dim in over)
        value = pick(rng, (1.5, "text", np.datetime64("2000-01-01", "ns")))
        values = np.full(shape, value) if isinstance(value, str | np.datetime64) else rng.normal(size=shape)
        coords[name] = (over, values, pick(rng, ({}, {"units": "m"}, {"grid_mapping_name": "latitude_longitude"})))
    return coords


def attributes(rng):
    return {
        name: pick(rng, UNITS if name == "units" else TEXTS)
        for name in (pick(rng, ATTRS) for _ in range(int(rng.integers(0, 4))))
    }


# --- arrays ---------------------------------------------------------------------------------------


def array(rng, *, dim="time", n=None, odd=0.15, extra=None, regular=False, numbers=True):
    """A DataArray with `dim`, each of its properties odd with a chance of `odd`.

    Parameters
    ----------
    rng : numpy.random.Generator
    dim : str or None
        None: of the other dimensions alone.
    n : int, optional
        Steps along `dim`.
    odd : float
    extra : sequence of str, optional
        Dimensions that it has in any case.
    regular : bool
        Whether times are equally spaced, or none, unless they are odd.
    numbers : bool
        Whether values are real numbers, whatever the chance.
    """
    n = (int(pick(rng, SIZES)) if chance(rng, odd) else int(pick(rng, LENGTHS))) if n is None else n
    others = list(extra or ())
    pool = [each for each in (DIMS if chance(rng, odd) else ("lat", "lon")) if each not in (dim, *others)]
    others += list(rng.permutation(len(pool))[: int(pick(rng, (0, 1, 1, 2)))])
    others = [pool[each] if isinstance(each, np.integer) else each for each in others]
    sizes = {
        each: int(pick(rng, (0, 1, 2))) if chance(rng, odd / 2) else int(pick(rng, (1, 2, 3, 5))) for each in others
    }
    dims = ([] if dim is None else [dim]) + others
    sizes |= {} if dim is None else {dim: n}
    shape = tuple(sizes[each] for each in dims)
    values = extreme_values(rng, shape) if chance(rng, odd) else plain_values(rng, shape)
    values = with_holes(rng, values) if shape and chance(rng, 0.5) else values
    dtype = pick(rng, NUMBERS) if numbers or not chance(rng, odd / 3) else pick(rng, NO_NUMBERS)
    values = as_type(rng, values, pick(rng, ("f8", "f4")) if chance(rng, 0.4) else dtype)
    coords = {}
    if dim is not None:
        times = odd_times(rng, n) if chance(rng, odd) else good_times(rng, n)
        if regular and times is not None and not chance(rng, odd):
            times = pick(rng, (np.arange(n), (np.datetime64("2000-01-01") + np.arange(n)).astype("M8[ns]"), None))
        if times is not None:
            coords[dim] = ((dim,), *times[1:]) if isinstance(times, tuple) else ((dim,), times)
    coords |= {
        each: cell_coordinate(rng, each, sizes[each]) for each in others if isinstance(each, str) and chance(rng, 0.5)
    }
    if chance(rng, odd):
        coords |= further_coordinates(rng, dims, sizes)
    name = pick(rng, (*NAMES, None, True, 2.5, ("a", 1))) if chance(rng, odd) else pick(rng, ("tas", None))
    da = xr.DataArray(values, coords, dims, name, attributes(rng) if chance(rng, odd) else {"units": "K"})
    order = [dims[k] for k in rng.permutation(len(dims))] if chance(rng, 0.3) else dims
    da = da.transpose(*order)
    da = da.copy(data=laid_out(rng, da.values)) if da.ndim else da
    if chance(rng, odd):
        da.encoding = {"_FillValue": -999, "dtype": "i2", "source": "file.nc"}
    return da


def companion(rng, da, dim, odd=0.15):
    """A second array for the steps of the first: one series or a field, of its coordinates, seldom of others."""
    if chance(rng, odd):
        return array(rng, dim=dim, odd=odd)
    dims = [each for each in da.dims if each == dim or chance(rng, 0.5)]
    shape = tuple(da.sizes[each] for each in dims)
    values = with_holes(rng, plain_values(rng, shape)) if shape and chance(rng, 0.4) else plain_values(rng, shape)
    coords = {name: coord.variable for name, coord in da.coords.items() if name in dims and chance(rng, 0.9)}
    return xr.DataArray(as_type(rng, values, pick(rng, NUMBERS)), coords, dims, pick(rng, ("y", None, "tas", "z")))


def chunked(rng, value, dim, *, coordinates):
    """The same argument in dask's chunks, `dim` whole, with its coordinates or without; anything but arrays as it is."""
    if isinstance(value, xr.DataArray | xr.Dataset):
        sizes = {each: -1 if each in listed(dim) else int(rng.integers(1, 4)) for each in value.dims}
        if coordinates:
            return value.chunk(sizes)
        if isinstance(value, xr.DataArray):
            return value.copy(data=value.variable.chunk(sizes).data)
        return value.assign({name: chunked(rng, da, dim, coordinates=False) for name, da in value.data_vars.items()})
    if isinstance(value, dict):
        return {name: chunked(rng, each, dim, coordinates=coordinates) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(chunked(rng, each, dim, coordinates=coordinates) for each in value)
    return value


def listed(value):
    """The names in a name, a list or an array of names, or a list of these."""
    if isinstance(value, list | tuple | np.ndarray):
        return [name for each in value for name in listed(each)]
    return [value]
