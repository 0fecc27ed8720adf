"""The power of each window through time: the squared modulus of the sliding Fourier transform."""

import xarray as xr

from gridtrend.grid.checks import choose
from gridtrend.spectral.analysis import ENDS, SCALINGS, long_name, power_name, prepare
from gridtrend.spectral.sampling import Duration
from gridtrend.spectral.sliding_fft import windowed
from gridtrend.spectral.tapers import Taper


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
        unscaled squared modulus. One-sided spectra hold the power of both sides, except for the unscaled one.
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
    As `sliding_fft`; only the transforms of a few windows are in memory at a time. Agrees with `scipy.signal.spectrogram`.

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
    analysis = prepare(
        (da,), dim, window, hop, taper, detrend, nan_policy, sampling, per,
        sides=sides, boundary=boundary, nfft=nfft, taken=ENDS,
    )  # fmt: skip
    attrs = {"long_name": long_name(power_name(scaling), analysis), "scaling": scaling or "none"}
    attrs |= analysis.power_units(scaling)
    return windowed(analysis, "power", attrs, factor=analysis.power_factor(scaling), power=True)
