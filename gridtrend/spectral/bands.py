"""What happens in one band of frequencies, or at one period, through time."""

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.cf import slope_units
from gridtrend.grid.names import distinct
from gridtrend.spectral import blocks
from gridtrend.spectral.sampling import Duration
from gridtrend.spectral.setup import ENDS, Setup, long_name, prepare
from gridtrend.spectral.tapers import Taper
from gridtrend.spectral.tiles import Recipe
from gridtrend.spectral.tiles import detrend as take_trend
from gridtrend.spectral.transforms import windows_of
from gridtrend.spectral.windows import Part

# Up to so many frequencies are summed directly, faster than by a transform of all of them (benchmarks/spectral.py).
DIRECT = 8


def band_power(
    da: xr.DataArray,
    dim: str = "time",
    *,
    window: Duration,
    hop: Duration | None = None,
    period: tuple[Duration | float, Duration | float] | None = None,
    frequency: tuple[float, float] | None = None,
    taper: Taper = "hann",
    detrend: str | None = "constant",
    boundary: str = "valid",
    nfft: int | None = None,
    nan_policy: str = "propagate",
    sampling: str = "regular",
    per: str | None = None,
) -> xr.DataArray:
    """Variance within a band of frequencies through time, in every cell.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, in any chunks.
    dim, window, hop
        As in `sliding_fft`.
    period : (shortest, longest)
        The band as periods: durations, ("2Y", "7Y"), or numbers of samples.
    frequency : (lowest, highest)
        Or as frequencies, per unit of time that `per` names. Both ends belong to the band.
    taper, detrend, boundary, nfft, nan_policy, sampling, per
        As in `sliding_fft`.

    Returns
    -------
    DataArray, shape (..., time, ...)
        `band_power`, float64 (float32 of single-precision data): the integral of the power spectral density over the
        band, in squared units of the data; windows take the place of `dim`. The attribute `frequencies` tells how many
        frequencies lie in the band. Lazy if `da` is.

    Raises
    ------
    TypeError, ValueError
        As `sliding_fft`, or if no frequency lies in the band.

    See Also
    --------
    harmonic : one period, with its phase.

    Notes
    -----
    As `spectrogram`, whose powers are summed while they are in cache. Windows that overlap share data: for a test of a
    trend in the result let `hop` be the window.

    References
    ----------
    Welch, P. D. (1967). IEEE Trans. Audio Electroacoust. 15, 70-73. doi:10.1109/TAU.1967.1161901

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> time = xr.date_range("1900", periods=1200, freq="MS")
    >>> wave = xr.DataArray(2.0 * np.sin(2 * np.pi * np.arange(1200) / 48), {"time": time}, "time")
    >>> power = gt.band_power(wave, period=("2Y", "7Y"), window="20Y", hop="10Y", sampling="calendar")
    >>> power.round(6).values
    array([2., 2., 2., 2., 2., 2., 2., 2., 2.])
    """
    setup = prepare(
        da,
        dim=dim,
        window=window,
        hop=hop,
        taper=taper,
        detrend=detrend,
        boundary=boundary,
        nfft=nfft,
        nan_policy=nan_policy,
        sampling=sampling,
        per=per,
        taken=ENDS,
    )
    low, high = _limits(setup, period, frequency)
    first, stop = _bins(setup, low, high)
    shared: dict[str, Any] = {"size": 1, "samples": setup.recipe.length}
    shared["dtype"] = blocks.spectra_dtype(True, setup.single)
    factor = setup.power_factor("density")
    assert factor is not None
    factor /= setup.recipe.nfft * setup.sampling.step
    if stop - first <= DIRECT:
        waves = _tapered_waves(setup, np.arange(first, stop)) * np.repeat(np.sqrt(factor[first:stop]), 2)[:, None]
        plain = replace(setup, recipe=replace(setup.recipe, taper=None, detrend=None, nfft=setup.recipe.length))
        found = plain.run(_squared_sums, windows_of, waves=waves, single=setup.single, **shared)
    else:
        options = {"factor": factor, "power": True, "band": (first, stop), "single": setup.single}
        found = setup.run(blocks.spectra, windows_of, **options, **shared)
    said = "periods" if frequency is None else f"frequencies ({setup.per})"
    ends = frequency if period is None else period
    assert ends is not None
    attrs: dict[str, Any] = {"long_name": long_name(f"variance at {said} from {ends[0]} to {ends[1]}", setup)}
    attrs["frequencies"] = stop - first
    attrs |= {"lowest_frequency": low, "highest_frequency": high} | setup.power_units(None)
    return replace(found, setup=setup).named(found.joined()[..., 0], (dim,), "band_power", attrs)


@distinct("amplitude", "phase")
def harmonic(
    da: xr.DataArray,
    dim: str = "time",
    *,
    period: Duration | float,
    window: Duration,
    hop: Duration | None = None,
    taper: Taper = "boxcar",
    detrend: str | None = "linear",
    boundary: str = "valid",
    nan_policy: str = "propagate",
    sampling: str = "regular",
    per: str | None = None,
) -> xr.Dataset:
    """Amplitude and phase of one period through time, in every cell: how the annual cycle drifts, for one.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, in any chunks.
    dim : str
        As in `sliding_fft`.
    period : str, timedelta or number of samples
        Such as "1Y": a year of the record's calendar. It need not be a whole number of samples, and the window need not
        be a multiple of it.
    window, hop
        As in `sliding_fft`.
    taper : str, tuple or array of shape (window,)
        Weights of the least squares.
    detrend : {None, "constant", "linear"}
        What is fitted together with the wave: nothing, a constant, or a line.
    boundary, nan_policy, sampling, per
        As in `sliding_fft`.

    Returns
    -------
    Dataset, shape (..., time, ...)
        amplitude : float64, units of the data
        phase : float64, radian
            In each window the least-squares fit of amplitude * cos(2 pi (t - t0) / period + phase), with t0 the first
            sample of the record: a wave that does not change has the same phase in all windows. A crest is
            phase / (2 pi) periods early.

        Lazy if `da` is.

    Raises
    ------
    TypeError, ValueError
        As `sliding_fft`, or if the period is shorter than two samples or longer than the window.

    See Also
    --------
    band_power : the variance in a band.

    Notes
    -----
    O(window) for each window and cell. The weights of the fit are the same everywhere and computed once.

    References
    ----------
    Bloomfield, P. (2000). Fourier Analysis of Time Series. Wiley. doi:10.1002/0471722235

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> time = xr.date_range("1900", periods=600, freq="MS")
    >>> month = np.arange(600)
    >>> cycle = xr.DataArray(8.0 * np.cos(2 * np.pi * month / 12 + 0.5) + 0.01 * month, {"time": time}, "time")
    >>> result = gt.harmonic(cycle, period="1Y", window="10Y", hop="10Y", sampling="calendar")
    >>> result.amplitude.round(9).values, result.phase.round(9).values
    (array([8., 8., 8., 8., 8.]), array([0.5, 0.5, 0.5, 0.5, 0.5]))
    """
    if isinstance(da, xr.DataArray) and da.dtype.kind == "c":
        raise TypeError("the data are complex, and a wave is fitted to real numbers; take one part: da.real.")
    setup = prepare(
        da,
        dim=dim,
        window=window,
        hop=hop,
        taper=taper,
        detrend=detrend,
        boundary=boundary,
        nan_policy=nan_policy,
        sampling=sampling,
        per=per,
        taken=ENDS,
    )
    steps = setup.sampling.steps("period", period)
    if not 2 < steps <= setup.recipe.length:
        raise ValueError(
            f"period={period!r} is {steps:g} samples long, and must be longer than 2 and at most the window of "
            f"{setup.recipe.length}; take another period, or a longer window."
        )
    plain = replace(setup, recipe=replace(setup.recipe, taper=None, detrend=None))
    fit = _fit_of_wave(setup, steps)
    found = plain.run(
        _waves, windows_of, size=2, dtype=np.float64, samples=setup.recipe.length, fit=fit, period=float(steps)
    )
    data = found.joined()
    said = long_name(f"harmonic of period {period if isinstance(period, str) else f'{steps:g} steps'}", setup)
    units = slope_units(da.attrs.get("units"), "")
    outputs: dict[str, Any] = {
        "amplitude": (
            data[..., 0],
            (dim,),
            {"long_name": f"amplitude of the {said}"} | ({"units": units} if units else {}),
        ),
        "phase": (data[..., 1], (dim,), {"long_name": f"phase of the {said}", "units": "radian"}),
    }
    return replace(found, setup=setup).dataset(outputs, {"period": float(steps)})


def _limits(setup: Setup, period: Any, frequency: Any) -> tuple[float, float]:
    """Lowest and highest frequency of a band, per unit of time."""
    if (period is None) == (frequency is None):
        raise ValueError("say which band: period=('2Y', '7Y'), or frequency=(lowest, highest); one of the two.")
    name, band = ("period", period) if frequency is None else ("frequency", frequency)
    if not isinstance(band, (tuple, list, np.ndarray)) or np.shape(band)[:1] != (2,):
        raise ValueError(f"{name}={band!r} is not a band; give its two ends, such as period=('2Y', '7Y').")
    if frequency is not None:
        ends = [_frequency(end) for end in band]
        order = "lowest, highest"
    else:
        steps = [setup.sampling.steps(name, end) for end in band]
        if min(steps) <= 0:
            raise ValueError(f"period={band!r} has an end that is not positive; give two lengths of time.")
        ends = [1 / (each * setup.sampling.step) for each in reversed(steps)]
        order = "shortest, longest"
    if ends[0] > ends[1]:
        raise ValueError(
            f"{name}={tuple(band)!r} is the wrong way round; write ({order}): {name}={tuple(band)[::-1]!r}."
        )
    return ends[0], ends[1]


def _frequency(end: Any) -> float:
    if isinstance(end, str) or np.ndim(end) or not np.isfinite(end):
        raise ValueError(f"frequency={end!r} is not a number; a band in lengths of time is period=('2Y', '7Y').")
    return float(end)


def _bins(setup: Setup, low: float, high: float) -> tuple[int, int]:
    """First bin of a band, and the first beyond it."""
    # Ends that are frequencies of the transform belong to the band, however they are rounded.
    room = 1e-9 * setup.frequencies[-1]
    first, stop = np.searchsorted(setup.frequencies, [low - room, high + room])
    if first >= stop:
        apart = 1 / (setup.recipe.nfft * setup.sampling.step)
        raise ValueError(
            f"no frequency lies between {low:.6g} and {high:.6g} {setup.per}: a window of {setup.recipe.length} "
            f"samples has one every {apart:.6g}, up to {setup.frequencies[-1]:.6g}. Take a longer window, or a "
            "wider band."
        )
    return int(first), int(stop)


def _tapered_waves(setup: Setup, bins: np.ndarray) -> np.ndarray:
    """Cosine and sine of each bin, one after the other, as they meet windows that are not yet detrended or tapered."""
    recipe = setup.recipe
    # Whole turns are taken out before the angle is rounded.
    turns = np.outer(bins, np.arange(recipe.length)) % recipe.nfft / recipe.nfft
    pairs = np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1) * setup.weights
    waves: np.ndarray = pairs.reshape(-1, recipe.length)
    # To detrend is to project, and a projection is its own transpose.
    take_trend(waves, recipe.detrend)
    return waves


def _squared_sums(block: np.ndarray, *, part: Part, recipe: Recipe, waves: np.ndarray, single: bool) -> np.ndarray:
    """Sum of the squares of weighted sums over each window, (..., windows, 1)."""
    sums = blocks.weighted_sums(block, part=part, recipe=recipe, weights=waves)
    total = (sums * sums).sum(axis=-1, keepdims=True)
    found: np.ndarray = np.asarray(total, blocks.spectra_dtype(True, single))
    return found


def _fit_of_wave(setup: Setup, period: float) -> np.ndarray:
    """Weights of the samples of a window in the least-squares coefficients of cosine and sine, (2, length)."""
    recipe = setup.recipe
    t = np.arange(recipe.length)
    angle = 2 * np.pi * (t % period) / period
    columns = [np.cos(angle), np.sin(angle)]
    if recipe.detrend is not None:
        columns.append(np.ones(recipe.length))
    if recipe.detrend == "linear":
        columns.append((t - t.mean()) / recipe.length)
    basis = np.stack(columns, axis=1)
    if recipe.length < basis.shape[1]:
        raise ValueError(
            f"a window of {recipe.length} samples cannot tell {basis.shape[1]} unknowns (cosine, sine, trend) apart; "
            "take a longer window, or detrend=None."
        )
    root = np.sqrt(np.abs(setup.weights))
    fit: np.ndarray = (np.linalg.pinv(basis * root[:, None]) * root)[:2]
    return fit


def _waves(block: np.ndarray, *, part: Part, recipe: Recipe, fit: np.ndarray, period: float) -> np.ndarray:
    """Amplitude and phase in each window, (..., windows, 2)."""
    sums = blocks.weighted_sums(block, part=part, recipe=recipe, weights=fit)
    starts = np.arange(part.start, part.stop) * recipe.hop % period / period
    phase = np.arctan2(-sums[..., 1], sums[..., 0]) - 2 * np.pi * starts
    phase = np.pi - (np.pi - phase) % (2 * np.pi)
    return np.stack([np.hypot(sums[..., 0], sums[..., 1]), phase], axis=-1)
