"""The sliding Fourier transform."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.cf import unit_text
from gridtrend.grid.checks import choose
from gridtrend.spectral import window_spectra
from gridtrend.spectral.analysis import ENDS, SCALINGS, Analysis, long_name, prepare
from gridtrend.spectral.sampling import Duration
from gridtrend.spectral.tapers import Taper
from gridtrend.spectral.window_tiles import Recipe

PHASES = ("start", "center")


def sliding_fft(
    da: xr.DataArray,
    dim: str = "time",
    *,
    window: Duration,
    hop: Duration | None = None,
    taper: Taper = "boxcar",
    detrend: str | None = None,
    sides: str = "onesided",
    scaling: str | None = None,
    boundary: str = "valid",
    nfft: int | None = None,
    phase: str = "start",
    nan_policy: str = "propagate",
    sampling: str = "regular",
    per: str | None = None,
) -> xr.DataArray:
    """Fourier transform of a window that slides along one dimension, in every cell (short-time Fourier transform).

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real or complex numbers, numpy- or dask-backed, in any chunks. Infinite values are missing, as NaN is.
    dim : str
        The dimension to slide along. Its coordinate, if any, must have equal steps.
    window, hop : int, str or timedelta
        Length of a window, and from one start to the next: samples, or a duration ("5Y", "30D", "6h"), rounded to
        samples. Without `hop` windows overlap by half.
    taper : str, tuple or array of shape (window,)
        Weights of the samples: a name ("hann"), one with parameters (("kaiser", 8.0)) as `scipy.signal.get_window`
        knows them, or numbers.
    detrend : {None, "constant", "linear"}
        What is first taken from each window: its mean, or its least-squares line.
    sides : {"onesided", "twosided"}
        Frequencies from zero up, or also those below (in the order of `numpy.fft`), which complex data need.
    scaling : {None, "spectrum", "density"}
        As `numpy.fft.fft` has it; divided by the sum of the taper, so that a line of amplitude A gives A/2; or so that
        the squared modulus is a density. Nothing is doubled with "onesided".
    boundary : {"valid", "zeros", "even", "odd"}
        Full windows only; or one from every hop of the record, with zeros or the mirror image (in time, or in time and
        value) beyond its end.
    nfft : int, optional
        Length of the transform, with zeros after the window. By default that of the window.
    phase : {"start", "center"}
        Which sample of the window has phase zero: its first, or that in its middle (number window // 2).
    nan_policy : {"propagate", "raise", "fill"}
        Windows with missing values are missing; an error when computed; or their missing values are replaced by the
        mean of the others.
    sampling : {"regular", "calendar"}
        Whether steps must be equal in time, or in calendar months or years.
    per : str, optional
        Unit of time of the frequency: "year", "day", ... By default one that suits the step.

    Returns
    -------
    DataArray, shape (..., frequency, time, ...)
        `spectrum`, complex128 (complex64 of single-precision data); "frequency" and windows take the place of `dim`.
        Coordinate `frequency` has units such as "day-1"; `dim` is the centre of each window, with the first and last
        sample as bounds. Attributes are window, hop, taper, its equivalent noise bandwidth in bins, and all other options. Lazy
        if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of numbers.
    ValueError
        If `dim` is not sampled regularly, if the window does not fit, or if an option is not known; on computing, if
        there are missing values and nan_policy="raise".

    See Also
    --------
    inverse_sliding_fft : back to the series.
    spectrogram, welch, band_power : squared moduli, their means and integrals.

    Notes
    -----
    A transform of O(nfft log nfft) for each window and cell, in double precision, by ducc0 if it is installed or by
    scipy.fft. Results do not depend on chunks, to the bit; a chunk may be shorter than a window. Memory: the result and
    a few megabytes. A window that is missing costs nothing.

    References
    ----------
    Allen, J. B., & Rabiner, L. R. (1977). Proc. IEEE 65, 1558-1564. doi:10.1109/PROC.1977.10770

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> x = xr.DataArray(np.random.default_rng(0).normal(size=43_200), dims="time")
    >>> gt.sliding_fft(x, window=600, hop=60, sides="twosided").sizes
    Frozen({'frequency': 600, 'time': 711})
    >>> gt.sliding_fft(x, window=600, hop=60, sides="twosided", boundary="zeros").sizes
    Frozen({'frequency': 600, 'time': 720})
    """
    choose("scaling", scaling, SCALINGS)
    choose("phase", phase, PHASES)
    analysis = prepare(
        (da,), dim, window, hop, taper, detrend, nan_policy, sampling, per,
        sides=sides, boundary=boundary, nfft=nfft, taken=ENDS,
    )  # fmt: skip
    factor = transform_factor(analysis.weights, analysis.recipe, analysis.sampling.step, scaling, phase)
    attrs = {
        "long_name": long_name("sliding Fourier transform", analysis),
        "scaling": scaling or "none",
        "phase": phase,
    }
    units = unit_text(da.attrs.get("units"))
    if units is not None and scaling != "density":
        attrs["units"] = units
    return windowed(analysis, "spectrum", attrs, factor=factor, power=False)


def transform_factor(
    weights: np.ndarray, recipe: Recipe, step: float, scaling: str | None, phase: str
) -> np.ndarray | float | None:
    """The factor of transforms: a scale, and the phase shift to another sample of phase zero."""
    scale = None
    if scaling == "spectrum":
        scale = float(1 / weights.sum())
    elif scaling == "density":
        scale = float(np.sqrt(step / (weights**2).sum()))
    if phase == "start":
        return scale
    # Whole turns are removed before the angle is rounded.
    turns = np.arange(recipe.bins) * (recipe.length // 2) % recipe.nfft / recipe.nfft
    return np.asarray(np.exp(2j * np.pi * turns) * (1 if scale is None else scale))


def windowed(analysis: Analysis, name: str, attrs: dict[str, Any], *, factor: Any, power: bool) -> xr.DataArray:
    """Spectra of all windows, (..., frequency, time, ...)."""
    found = analysis.run(
        window_spectra.spectra,
        size=analysis.recipe.bins,
        dtype=window_spectra.spectra_dtype(power, analysis.single),
        factor=factor,
        power=power,
        single=analysis.single,
    )
    return found.named(found.joined(), (analysis.dim, "frequency"), name, attrs)
