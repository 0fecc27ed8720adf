"""Welch's power spectrum: the mean over all windows. The spectra of single windows are never stored."""

import xarray as xr

from gridtrend.grid.checks import choose
from gridtrend.spectral.analysis import SCALINGS, long_name, power_name, prepare
from gridtrend.spectral.sampling import Duration
from gridtrend.spectral.tapers import Taper
from gridtrend.spectral.window_sums import apply_to, independence, mean_power, mean_sums, with_count


def welch(
    da: xr.DataArray,
    dim: str = "time",
    *,
    window: Duration,
    hop: Duration | None = None,
    taper: Taper = "hann",
    detrend: str | None = "constant",
    sides: str = "onesided",
    scaling: str | None = "density",
    nfft: int | None = None,
    nan_policy: str = "propagate",
    sampling: str = "regular",
    per: str | None = None,
) -> xr.DataArray:
    """Power spectrum of every cell, as the mean over windows that overlap (Welch's method).

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real or complex numbers, numpy- or dask-backed, in any chunks.
    dim, window, hop, taper, detrend, sides
        As in `sliding_fft`.
    scaling : {"density", "spectrum", None}
        As in `spectrogram`.
    nfft : int, optional
        As in `sliding_fft`.
    nan_policy : {"propagate", "raise", "fill"}
        What happens to a window with missing values: the mean is over the others, and missing where there are none; an
        error when computed; or its missing values are replaced by the mean of the others.
    sampling, per
        As in `sliding_fft`.

    Returns
    -------
    DataArray, shape (..., frequency, ...)
        `power`, float64; `frequency` takes the place of `dim`. The coordinate `n_segments`, int32, shape (...), is the
        number of windows in the mean of each cell. Attributes are the number of windows, the equivalent number of
        independent windows, and the degrees of freedom, for a cell without missing values. Lazy if `da` is.

    Raises
    ------
    TypeError, ValueError
        As `sliding_fft`.

    See Also
    --------
    red_noise : significance of peaks against red noise.

    Notes
    -----
    Each window is tapered, transformed and summed while it is in cache; memory is that of the result and a few
    megabytes. Agrees with `scipy.signal.welch`. Windows are summed in the order of time, in runs that do not depend on
    chunks: results are the same for any chunks, to the bit.

    References
    ----------
    Welch, P. D. (1967). IEEE Trans. Audio Electroacoust. 15, 70-73. doi:10.1109/TAU.1967.1161901

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> noise = xr.DataArray(np.random.default_rng(0).normal(size=43_200), dims="time")
    >>> power = gt.welch(noise, window=600, hop=60)
    >>> round(float(power.sum() * power.frequency[1]), 2), round(power.effective_segments)
    (1.0, 148)
    """
    choose("scaling", scaling, SCALINGS)
    analysis = prepare((da,), dim, window, hop, taper, detrend, nan_policy, sampling, per, sides=sides, nfft=nfft)
    found, totals = mean_sums(analysis)
    data = apply_to(totals, mean_power, analysis.recipe.bins, factor=analysis.power_factor(scaling))
    attrs = {"long_name": long_name(power_name(scaling), analysis), "scaling": scaling or "none"}
    attrs |= analysis.power_units(scaling) | independence(analysis)
    return with_count(found.named(data, ("frequency",), "power", attrs), found, totals)
