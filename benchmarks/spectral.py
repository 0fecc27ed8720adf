"""Sliding transforms and mean spectra beside scipy, xrft and ducc0 as careful users write them."""

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import dask.array
import numpy as np
import xarray as xr
from numpy.lib.stride_tricks import sliding_window_view

import gridtrend as gt
from benchmarks.harness import Comparison, difference
from benchmarks.limits import bandwidth
from benchmarks.tables import Table, megabytes, seconds, times, whole
from benchmarks.timing import extra_memory, medians
from gridtrend.spectral import window_spectra
from gridtrend.spectral.window_tiles import Recipe
from gridtrend.spectral.windows import Part, Windows

WINDOW, HOP = 600, 60
CLOSE = 1e-12


def field(quick: bool, steps: int = 5000, rows: int = 64) -> xr.DataArray:
    shape = (1300, 4, 4) if quick else (steps, rows, 64)
    values = np.random.default_rng(0).standard_normal(shape)
    return xr.DataArray(values, {"time": np.arange(float(shape[0]))}, ("time", "lat", "lon"), "tas")


def hann() -> np.ndarray:
    from scipy.signal import get_window

    return np.asarray(get_window("hann", WINDOW))


def ours(detrend: str | None, da: xr.DataArray) -> dict[str, Any]:
    found = gt.welch(da, window=WINDOW, hop=HOP, taper="hann", detrend=detrend)
    return {"power": found.values}


def with_scipy(detrend: Any, da: xr.DataArray) -> dict[str, Any]:
    from scipy.signal import welch

    options = {"window": "hann", "nperseg": WINDOW, "noverlap": WINDOW - HOP, "detrend": detrend}
    return {"power": welch(da.values, axis=0, **options)[1]}


def with_xrft(da: xr.DataArray) -> dict[str, Any]:
    import xrft

    # rolling() labels windows by their last sample: the first that is full ends at 599.
    windows = da.rolling(time=WINDOW).construct("sample").isel(time=slice(WINDOW - 1, None, HOP))
    windows = windows.assign_coords(sample=np.arange(float(WINDOW)))
    options = {"dim": ["sample"], "real_dim": "sample", "window": "hann", "window_correction": True}
    power = xrft.power_spectrum(windows, scaling="density", detrend=None, **options).mean("time")
    return {"power": power.transpose("freq_sample", "lat", "lon").values}


def by_hand(da: xr.DataArray, cells: int = 1) -> dict[str, Any]:
    """ducc0 on blocks of cells, tapered as they are cut: what a careful user writes."""
    import ducc0

    weights = hann()
    flat = da.values.reshape(da.shape[0], -1)
    out = np.empty((WINDOW // 2 + 1, flat.shape[1]))
    for start in range(0, flat.shape[1], cells):
        cut = sliding_window_view(flat[:, start : start + cells], WINDOW, axis=0)[::HOP].transpose(0, 2, 1)
        found = ducc0.fft.r2c(cut * weights[:, None], axes=(1,), nthreads=1)
        out[:, start : start + cells] = (found.real**2 + found.imag**2).mean(axis=0)
    out[1:-1] *= 2
    return {"power": out.reshape(-1, *da.shape[1:]) / (weights**2).sum()}


COMPARISONS = [
    Comparison(
        task=f"welch, {'no detrending' if detrend is None else 'mean removed'}",
        peer=peer,
        package=package,
        data=field,
        ours=partial(ours, detrend),
        theirs=theirs,
        agree={"power": CLOSE},
    )
    for detrend, peer, package, theirs in (
        (None, "scipy.signal.welch", "scipy", partial(with_scipy, False)),
        (None, "xarray rolling + xrft", "xrft", with_xrft),
        (None, "ducc0 by hand, a cell at a time", "ducc0", by_hand),
        (None, "ducc0 by hand, 4 cells at a time", "ducc0", partial(by_hand, cells=4)),
        (None, "ducc0 by hand, 16 cells at a time", "ducc0", partial(by_hand, cells=16)),
        ("constant", "scipy.signal.welch", "scipy", partial(with_scipy, "constant")),
    )
]


# --- the question that it began with --------------------------------------------------------------


def array_level(x: np.ndarray, one_sided: bool) -> np.ndarray:
    windows = Windows(x.size, WINDOW, HOP)
    recipe = Recipe(WINDOW, HOP, None, None, WINDOW, one_sided)
    return window_spectra.spectra(x, part=Part(windows, 0, windows.count, 1), recipe=recipe, factor=None)


def asked(x: np.ndarray) -> np.ndarray:
    """The loop of the question, without the windows that are not full."""
    whole_matrix = np.empty((WINDOW, 0))
    for start in range(0, x.size - WINDOW + 1, HOP):
        whole_matrix = np.hstack([whole_matrix, np.fft.fft(x[start : start + WINDOW])[:, None]])
    return whole_matrix


def short_time(x: np.ndarray, one_sided: bool) -> np.ndarray:
    from scipy.signal import ShortTimeFFT

    mode: Any = "onesided" if one_sided else "twosided"
    transform = ShortTimeFFT(np.ones(WINDOW), HOP, 1.0, phase_shift=None, fft_mode=mode)
    return np.asarray(transform.stft(x, 5, 5 + (x.size - WINDOW) // HOP + 1))


def seed_ways(x: np.ndarray, one_sided: bool) -> dict[str, Callable[[], np.ndarray]]:
    import ducc0
    import scipy.fft

    cut = sliding_window_view(x, WINDOW)[::HOP]
    da = xr.DataArray(x, dims="time")
    library = ducc0.fft.r2c if one_sided else ducc0.fft.c2c
    sides = "onesided" if one_sided else "twosided"
    ways = {
        "bare ducc0": lambda: library(cut, axes=(1,), nthreads=1).T,
        "gridtrend, arrays": lambda: array_level(x, one_sided).T,
        "gridtrend.sliding_fft": lambda: gt.sliding_fft(da, window=WINDOW, hop=HOP, sides=sides).values,
        "scipy.fft": lambda: (scipy.fft.rfft if one_sided else scipy.fft.fft)(cut, axis=1).T,
        "ShortTimeFFT": lambda: short_time(x, one_sided),
    }
    return ways if one_sided else ways | {"the loop of the question": lambda: asked(x)}


def question(quick: bool, laps: int) -> Table:
    """43,200 samples, windows of 600 that move by 60: a 600 x 711 matrix, or the half that real data need."""
    x = np.random.default_rng(0).standard_normal(4_320 if quick else 43_200)
    rows = []
    for one_sided in (True, False):
        ways = seed_ways(x, one_sided)
        expected = ways["bare ducc0"]()
        for name, way in ways.items():
            found = way()
            gap = max(difference(found.real, expected.real), difference(found.imag, expected.imag))
            if not gap < CLOSE:
                raise AssertionError(f"{name} differs by {gap:.1e}")
        took = medians([partial(repeated, way) for way in ways.values()], max(laps, 15) if not quick else 1)
        size = f"{'one-sided' if one_sided else 'two-sided'}, {expected.shape[0]} x {expected.shape[1]}"
        rows.extend((size, name, t / REPEATS, t / took[0]) for name, t in zip(ways, took, strict=True))
    columns = {"result": str, "what": str, "takes": seconds, "of bare ducc0": times}
    return Table("one series", columns, rows, [f"answers equal within {CLOSE:g} of the largest; processor time"])


REPEATS = 5


def repeated(way: Callable[[], Any]) -> None:
    for _ in range(REPEATS):
        way()


# --- dask and memory ------------------------------------------------------------------------------


def through_dask(quick: bool, laps: int) -> Table:
    """What names and lazy chunks cost, and what time chunks do."""
    da = field(quick)
    windows = Windows(da.sizes["time"], WINDOW, HOP)
    recipe = Recipe(WINDOW, HOP, hann(), None, WINDOW, True)
    run = 48
    moved = np.moveaxis(da.values, 0, -1)
    options = {"window": WINDOW, "hop": HOP, "detrend": None}
    expected = gt.welch(da, **options)

    def lazy(chunks: dict[str, int]) -> Callable[[], xr.DataArray]:
        chunked = da.chunk(chunks)
        return lambda: gt.welch(chunked, **options).compute(scheduler="synchronous")

    ways: dict[str, Callable[[], Any]] = {
        "block function on the array": lambda: window_spectra.sums(
            moved, part=Part(windows, 0, windows.count, run), recipe=recipe
        ),
        "gridtrend.welch on numpy": lambda: gt.welch(da, **options),
        "dask, one chunk": lazy({"time": -1, "lat": -1}),
        "dask, 16 chunks in space": lazy({"time": -1, "lat": max(1, da.sizes["lat"] // 16)}),
        "dask, time chunks of 1000": lazy({"time": 1000}),
        "dask, time chunks of 365": lazy({"time": 365}),
        "dask, time chunks of 137": lazy({"time": 137}),
    }
    for name, way in list(ways.items())[1:]:
        if not way().identical(expected):
            raise AssertionError(f"{name} differs")
    took = medians(list(ways.values()), laps, 90)
    rows = [(name, t, t / took[0]) for name, t in zip(ways, took, strict=True)]
    columns = {"welch": str, "takes": seconds, "of the array": times}
    size = " x ".join(map(str, da.shape))
    return Table(
        "through dask on one thread", columns, rows, [f"{size} float64, no detrending; all results the same bits"]
    )


def memory(quick: bool, laps: int) -> Table:
    """What one call takes beyond its input, results included."""
    da = field(quick)
    noise = dask.array.random.default_rng(0).standard_normal(da.shape, chunks=(365, 16, 64))
    made = da.copy(data=noise)
    windowed = (da.sizes["time"] - WINDOW) // HOP * WINDOW * da[0].size * 8.0
    calls: dict[str, Callable[[], Any]] = {
        "welch": lambda: gt.welch(da, window=WINDOW, hop=HOP),
        "welch, data made in chunks of 365 steps": lambda: gt.welch(made, window=WINDOW, hop=HOP).compute(
            scheduler="synchronous"
        ),
        "band_power": lambda: gt.band_power(da, window=WINDOW, hop=HOP, period=(20, 70)),
        "harmonic": lambda: gt.harmonic(da, window=WINDOW, hop=HOP, period=100),
    }
    rows = []
    for name, call in calls.items():
        found, extra = extra_memory(call)
        rows.append((name, extra, float(found.nbytes), windowed))
    columns = {"call": str, "extra memory": megabytes, "of which result": megabytes, "windows would take": megabytes}
    return Table("memory", columns, rows, [f"{' x '.join(map(str, da.shape))} float64, resident memory at its peak"])


# --- which way, and how far from the limit --------------------------------------------------------


def crossover(quick: bool, laps: int) -> Table:
    """Few frequencies summed directly, or all by a transform and then a band of them."""
    # The package has the function under the name of its file.
    module = importlib.import_module("gridtrend.spectral.band_power")

    da = field(quick, rows=8)
    rows: list[Sequence[Any]] = []
    for bins in (1, 2, 4, 8, 16):
        options = {"window": WINDOW, "hop": HOP, "frequency": (10 / WINDOW, (9.5 + bins) / WINDOW)}

        def band(limit: int, options: dict[str, Any] = options) -> Any:
            module.DIRECT, kept = limit, module.DIRECT
            try:
                return gt.band_power(da, **options)
            finally:
                module.DIRECT = kept

        gap = difference(band(100), band(0))
        if not gap < CLOSE:
            raise AssertionError(f"{bins} frequencies differ by {gap:.1e}")
        direct, transformed = medians([partial(band, 100), partial(band, 0)], laps)
        rows.append((bins, direct, transformed, direct / transformed))
    columns = {"frequencies": whole, "directly": seconds, "by a transform": seconds, "directly takes": times}
    notes = [
        f"band_power on {' x '.join(map(str, da.shape))}; the library sums up to {module.DIRECT} frequencies directly"
    ]
    return Table("few frequencies", columns, rows, notes)


def small_hops(quick: bool, laps: int) -> Table:
    """The sliding transform, or a transform of each window."""
    from gridtrend.spectral import sliding

    da = field(quick, rows=1)[:, :, :8]
    rows: list[Sequence[Any]] = []
    for window, hop in ((256, 1), (256, 6), (600, 1), (600, 3), (600, 6), (600, 12), (1024, 1), (1024, 6)):

        def mean(longest: int, window: int = window, hop: int = hop) -> Any:
            sliding.LONGEST_HOP, kept = longest, sliding.LONGEST_HOP
            try:
                return gt.welch(da, window=window, hop=hop)
            finally:
                sliding.LONGEST_HOP = kept

        gap = difference(mean(hop), mean(0))
        if not gap < CLOSE:
            raise AssertionError(f"hops of {hop} differ by {gap:.1e}")
        slid, transformed = medians([partial(mean, hop), partial(mean, 0)], laps)
        rows.append((window, hop, slid, transformed, slid / transformed, gap))
    columns = {"window": whole, "hop": whole, "sliding": seconds, "transforms": seconds, "sliding takes": times}
    columns["answers differ by"] = lambda value: f"{value:.0e}"
    said = f"up to a hop of {sliding.LONGEST_HOP} and from a window of {sliding.SHORTEST_WINDOW}"
    notes = [
        f"welch on {' x '.join(map(str, da.shape))}, Hann; the library slides {said}; differences of the largest value"
    ]
    return Table("windows that move by a few samples", columns, rows, notes)


def limits(quick: bool, laps: int) -> Table:
    """Where the time of a mean spectrum goes, stage by stage, beside what the machine must do at least."""
    import ducc0

    da = field(quick, rows=8)
    cells, count = da[0].size, (da.sizes["time"] - WINDOW) // HOP + 1
    batch = np.random.default_rng(0).standard_normal((96, WINDOW))
    spectra = np.empty((96, WINDOW // 2 + 1), complex)
    transform = partial(ducc0.fft.r2c, batch, axes=(1,), out=spectra, nthreads=1)
    ours_, bare = medians(
        [lambda: gt.welch(da, window=WINDOW, hop=HOP, detrend=None), partial(many, transform, cells * count // 96)],
        laps,
    )
    flops = 2.5 * WINDOW * np.log2(WINDOW) * cells * count
    reading = da.nbytes / bandwidth(quick)
    rows = [
        ("gridtrend.welch", ours_, 1.0, flops / ours_ / 1e9),
        ("bare transforms of windows in cache", bare, bare / ours_, flops / bare / 1e9),
        ("reading the data once", reading, reading / ours_, float("nan")),
    ]
    columns = {"what": str, "takes": seconds, "of all": times, "nominal GFLOP/s": lambda value: f"{value:.1f}"}
    return Table(
        "distance to the limits", columns, rows, [f"{' x '.join(map(str, da.shape))} float64; 2.5 n log2 n a window"]
    )


def many(call: Callable[[], Any], count: int) -> None:
    for _ in range(count):
        call()


TABLES = [question, through_dask, memory, crossover, small_hops, limits]
