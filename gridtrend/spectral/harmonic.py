"""The wave of one period through time: its amplitude and phase in each window."""

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.cf import slope_units
from gridtrend.grid.names import distinct
from gridtrend.spectral.analysis import ENDS, Analysis, long_name, prepare
from gridtrend.spectral.sampling import Duration
from gridtrend.spectral.tapers import Taper
from gridtrend.spectral.window_spectra import weighted_sums
from gridtrend.spectral.window_tiles import Recipe
from gridtrend.spectral.windows import Part


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
    """Amplitude and phase of one period through time, in every cell, for example of the annual cycle.

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
    analysis = prepare(
        (da,), dim, window, hop, taper, detrend, nan_policy, sampling, per, boundary=boundary, taken=ENDS
    )
    steps = analysis.sampling.steps("period", period)
    if not 2 < steps <= analysis.recipe.length:
        raise ValueError(
            f"period={period!r} is {steps:g} samples long, and must be longer than 2 and at most the window of "
            f"{analysis.recipe.length}; take another period, or a longer window."
        )
    plain = replace(analysis, recipe=replace(analysis.recipe, taper=None, detrend=None))
    fit = _fit_of_wave(analysis, steps)
    found = plain.run(_waves, size=2, dtype=np.float64, fit=fit, period=float(steps))
    data = found.joined()
    said = long_name(f"harmonic of period {period if isinstance(period, str) else f'{steps:g} steps'}", analysis)
    units = slope_units(da.attrs.get("units"), "")
    outputs: dict[str, Any] = {
        "amplitude": (
            data[..., 0],
            (dim,),
            {"long_name": f"amplitude of the {said}"} | ({"units": units} if units else {}),
        ),
        "phase": (data[..., 1], (dim,), {"long_name": f"phase of the {said}", "units": "radian"}),
    }
    return replace(found, analysis=analysis).dataset(outputs, {"period": float(steps)})


def _fit_of_wave(analysis: Analysis, period: float) -> np.ndarray:
    """Weights of the samples of a window in the least-squares coefficients of cosine and sine, (2, length)."""
    recipe = analysis.recipe
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
            f"a window of {recipe.length} samples does not determine {basis.shape[1]} unknowns (cosine, sine, trend); "
            "take a longer window, or detrend=None."
        )
    root = np.sqrt(np.abs(analysis.weights))
    fit: np.ndarray = (np.linalg.pinv(basis * root[:, None]) * root)[:2]
    return fit


def _waves(block: np.ndarray, *, part: Part, recipe: Recipe, fit: np.ndarray, period: float) -> np.ndarray:
    """Amplitude and phase in each window, (..., windows, 2)."""
    sums = weighted_sums(block, part=part, recipe=recipe, weights=fit)
    starts = np.arange(part.start, part.stop) * recipe.hop % period / period
    phase = np.arctan2(-sums[..., 1], sums[..., 0]) - 2 * np.pi * starts
    phase = np.pi - (np.pi - phase) % (2 * np.pi)
    return np.stack([np.hypot(sums[..., 0], sums[..., 1]), phase], axis=-1)
