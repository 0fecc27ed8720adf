"""The sliding Fourier transform, and its squared modulus."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.cf import unit_text
from gridtrend.grid.choices import choose
from gridtrend.spectral import blocks
from gridtrend.spectral.sampling import Duration
from gridtrend.spectral.setup import ENDS, SCALINGS, Setup, long_name, prepare
from gridtrend.spectral.tapers import Taper
from gridtrend.spectral.tiles import Recipe
from gridtrend.spectral.windows import Part

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
        sample as bounds. Attributes tell window, hop, taper, its equivalent noise bandwidth in bins, and all else. Lazy
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
    setup = prepare(
        da,
        dim=dim,
        window=window,
        hop=hop,
        taper=taper,
        detrend=detrend,
        sides=sides,
        boundary=boundary,
        nfft=nfft,
        nan_policy=nan_policy,
        sampling=sampling,
        per=per,
        taken=ENDS,
    )
    factor = transform_factor(setup.weights, setup.recipe, setup.sampling.step, scaling, phase)
    attrs = {"long_name": long_name("sliding Fourier transform", setup), "scaling": scaling or "none", "phase": phase}
    units = unit_text(da.attrs.get("units"))
    if units is not None and scaling != "density":
        attrs["units"] = units
    return windowed(setup, "spectrum", attrs, factor=factor, power=False)


def spectrogram(
    da: xr.DataArray,
    dim: str = "time",
    *,
    window: Duration,
    hop: Duration | None = None,
    taper: Taper = "hann",
    detrend: str | None = "constant",
    sides: str = "onesided",
    scaling: str | None = "density",
    boundary: str = "valid",
    nfft: int | None = None,
    nan_policy: str = "propagate",
    sampling: str = "regular",
    per: str | None = None,
) -> xr.DataArray:
    """Power in every frequency through time, in every cell: the squared modulus of the sliding Fourier transform.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real or complex numbers, numpy- or dask-backed, in any chunks.
    dim, window, hop, taper, detrend, sides
        As in `sliding_fft`.
    scaling : {"density", "spectrum", None}
        Power per unit of frequency, whose integral is the variance; power of a line, A**2/2 for an amplitude A; or the
        squared modulus as it is. But for the latter, one-sided spectra hold the power of both sides.
    boundary, nfft, nan_policy, sampling, per
        As in `sliding_fft`.

    Returns
    -------
    DataArray, shape (..., frequency, time, ...)
        `power`, float64 (float32 of single-precision data), with the coordinates and attributes of `sliding_fft`; units
        such as "K2 year". Lazy if `da` is.

    Raises
    ------
    TypeError, ValueError
        As `sliding_fft`.

    See Also
    --------
    welch : its mean over time.
    band_power : its integral over a band of frequencies.

    Notes
    -----
    As `sliding_fft`; transforms are never held but for a few windows. Agrees with `scipy.signal.spectrogram`.

    References
    ----------
    Welch, P. D. (1967). IEEE Trans. Audio Electroacoust. 15, 70-73. doi:10.1109/TAU.1967.1161901

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> line = xr.DataArray(2.5 * np.cos(2 * np.pi * np.arange(960) / 12), dims="month")
    >>> power = gt.spectrogram(line, "month", window=120, hop=12, scaling="spectrum")
    >>> power.sizes, round(float(power.isel(frequency=10, month=0)), 12)
    (Frozen({'frequency': 61, 'month': 71}), 3.125)
    """
    choose("scaling", scaling, SCALINGS)
    setup = prepare(
        da,
        dim=dim,
        window=window,
        hop=hop,
        taper=taper,
        detrend=detrend,
        sides=sides,
        boundary=boundary,
        nfft=nfft,
        nan_policy=nan_policy,
        sampling=sampling,
        per=per,
        taken=ENDS,
    )
    attrs = {"long_name": long_name(power_name(scaling), setup), "scaling": scaling or "none"}
    attrs |= setup.power_units(scaling)
    return windowed(setup, "power", attrs, factor=setup.power_factor(scaling), power=True)


def power_name(scaling: str | None) -> str:
    """What a power is called."""
    return "power spectral density" if scaling == "density" else "power spectrum"


def transform_factor(
    weights: np.ndarray, recipe: Recipe, step: float, scaling: str | None, phase: str
) -> np.ndarray | float | None:
    """What transforms are multiplied with: a scale, and the turn to another sample of phase zero."""
    scale = None
    if scaling == "spectrum":
        scale = float(1 / weights.sum())
    elif scaling == "density":
        scale = float(np.sqrt(step / (weights**2).sum()))
    if phase == "start":
        return scale
    # Whole turns are taken out before the angle is rounded.
    turns = np.arange(recipe.bins) * (recipe.length // 2) % recipe.nfft / recipe.nfft
    return np.asarray(np.exp(2j * np.pi * turns) * (1 if scale is None else scale))


def windowed(setup: Setup, name: str, attrs: dict[str, Any], *, factor: Any, power: bool) -> xr.DataArray:
    """Spectra of all windows, (..., frequency, time, ...)."""
    found = setup.run(
        blocks.spectra,
        windows_of,
        size=setup.recipe.bins,
        samples=setup.recipe.length,
        dtype=blocks.spectra_dtype(power, setup.single),
        factor=factor,
        power=power,
        single=setup.single,
    )
    return found.named(found.joined(), (setup.dim, "frequency"), name, attrs)


def windows_of(part: Part) -> int:
    """One row for each window."""
    return part.count
