"""The variance within a band of frequencies through time."""

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.spectral import window_spectra
from gridtrend.spectral.analysis import ENDS, Analysis, long_name, prepare
from gridtrend.spectral.sampling import Duration
from gridtrend.spectral.tapers import Taper
from gridtrend.spectral.window_tiles import Recipe
from gridtrend.spectral.window_tiles import detrend as take_trend
from gridtrend.spectral.windows import Part

# Up to this many frequencies, direct sums are faster than a transform of all frequencies (benchmarks/spectral.py).
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
        band, in squared units of the data; windows take the place of `dim`. The attribute `frequencies` is the number of
        frequencies in the band. Lazy if `da` is.

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
    analysis = prepare(
        (da,), dim, window, hop, taper, detrend, nan_policy, sampling, per, boundary=boundary, nfft=nfft, taken=ENDS
    )
    low, high = _limits(analysis, period, frequency)
    first, stop = _bins(analysis, low, high)
    shared: dict[str, Any] = {"size": 1, "dtype": window_spectra.spectra_dtype(True, analysis.single)}
    factor = analysis.power_factor("density")
    assert factor is not None
    factor /= analysis.recipe.nfft * analysis.sampling.step
    if stop - first <= DIRECT:
        waves = _tapered_waves(analysis, np.arange(first, stop)) * np.repeat(np.sqrt(factor[first:stop]), 2)[:, None]
        plain = replace(
            analysis, recipe=replace(analysis.recipe, taper=None, detrend=None, nfft=analysis.recipe.length)
        )
        found = plain.run(_squared_sums, waves=waves, single=analysis.single, **shared)
    else:
        options: dict[str, Any] = {"factor": factor, "power": True, "band": (first, stop), "single": analysis.single}
        found = analysis.run(window_spectra.spectra, **options, **shared)
    said = "periods" if frequency is None else f"frequencies ({analysis.per})"
    ends = frequency if period is None else period
    assert ends is not None
    attrs: dict[str, Any] = {"long_name": long_name(f"variance at {said} from {ends[0]} to {ends[1]}", analysis)}
    attrs["frequencies"] = stop - first
    attrs |= {"lowest_frequency": low, "highest_frequency": high} | analysis.power_units(None)
    return replace(found, analysis=analysis).named(found.joined()[..., 0], (dim,), "band_power", attrs)


def _limits(analysis: Analysis, period: Any, frequency: Any) -> tuple[float, float]:
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
        steps = [analysis.sampling.steps(name, end) for end in band]
        if min(steps) <= 0:
            raise ValueError(f"period={band!r} has an end that is not positive; give two lengths of time.")
        ends = [1 / (each * analysis.sampling.step) for each in reversed(steps)]
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


def _bins(analysis: Analysis, low: float, high: float) -> tuple[int, int]:
    """First bin of a band, and the first beyond it."""
    # A tolerance, so that ends that are frequencies of the transform belong to the band in spite of rounding.
    margin = 1e-9 * analysis.frequencies[-1]
    first, stop = np.searchsorted(analysis.frequencies, [low - margin, high + margin])
    if first >= stop:
        apart = 1 / (analysis.recipe.nfft * analysis.sampling.step)
        raise ValueError(
            f"no frequency lies between {low:.6g} and {high:.6g} {analysis.per}: a window of {analysis.recipe.length} "
            f"samples has one every {apart:.6g}, up to {analysis.frequencies[-1]:.6g}. Take a longer window, or a "
            "wider band."
        )
    return int(first), int(stop)


def _tapered_waves(analysis: Analysis, bins: np.ndarray) -> np.ndarray:
    """Cosine and sine of each bin, one after the other, multiplied by the taper and detrended: for unprepared windows."""
    recipe = analysis.recipe
    # Whole turns are removed before the angle is rounded.
    turns = np.outer(bins, np.arange(recipe.length)) % recipe.nfft / recipe.nfft
    pairs = np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1) * analysis.weights
    waves: np.ndarray = pairs.reshape(-1, recipe.length)
    # Detrending is an orthogonal projection, so it can be applied to the waves instead of the windows.
    take_trend(waves, recipe.detrend)
    return waves


def _squared_sums(block: np.ndarray, *, part: Part, recipe: Recipe, waves: np.ndarray, single: bool) -> np.ndarray:
    """Sum of the squares of weighted sums over each window, (..., windows, 1)."""
    sums = window_spectra.weighted_sums(block, part=part, recipe=recipe, weights=waves)
    total = (sums * sums).sum(axis=-1, keepdims=True)
    found: np.ndarray = np.asarray(total, window_spectra.spectra_dtype(True, single))
    return found
