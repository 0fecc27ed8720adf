"""Means over all windows: power, cross power and coherence. What is averaged is never held."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.checks import check_alpha, choose
from gridtrend.spectral.means import (
    apply_to,
    independence,
    mean_cross_power,
    mean_power,
    mean_sums,
    shared_power,
    with_count,
)
from gridtrend.spectral.sampling import Duration
from gridtrend.spectral.setup import SCALINGS, long_name, prepare
from gridtrend.spectral.tapers import Taper
from gridtrend.spectral.transforms import power_name


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
        number of windows that the mean is of in each cell. Attributes tell the number of windows, how many independent
        ones tell as much, and the degrees of freedom, of a cell without missing values. Lazy if `da` is.

    Raises
    ------
    TypeError, ValueError
        As `sliding_fft`.

    See Also
    --------
    red_noise : which peaks stand out from red noise.

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
    setup = prepare(
        da,
        dim=dim,
        window=window,
        hop=hop,
        taper=taper,
        detrend=detrend,
        sides=sides,
        nfft=nfft,
        nan_policy=nan_policy,
        sampling=sampling,
        per=per,
    )
    found, totals = mean_sums(setup)
    data = apply_to(totals, mean_power, setup.recipe.bins, factor=setup.power_factor(scaling))
    attrs = {"long_name": long_name(power_name(scaling), setup), "scaling": scaling or "none"}
    attrs |= setup.power_units(scaling) | independence(setup)
    return with_count(found.named(data, ("frequency",), "power", attrs), found, totals)


def cross_spectrum(
    x: xr.DataArray,
    y: xr.DataArray,
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
    """Cross power spectrum of two fields, or a field and a series, in every cell.

    Parameters
    ----------
    x, y : DataArray, shape (..., time, ...)
        Real or complex numbers; dimensions other than `dim` are broadcast.
    dim, window, hop, taper, detrend, sides, scaling, nfft, nan_policy, sampling, per
        As in `welch`; a window counts where both are complete.

    Returns
    -------
    DataArray, shape (..., frequency, ...)
        `cross_power`, complex128: the mean of conj(X) Y. Its angle is the phase by which `y` is ahead of `x`.
        The coordinate `n_segments` and attributes as of `welch`. Lazy if an input is.

    Raises
    ------
    TypeError, ValueError
        As `sliding_fft`, or if coordinates differ.

    See Also
    --------
    coherence : its squared modulus, relative to the power of both.

    Notes
    -----
    As `welch`. Agrees with `scipy.signal.csd`.

    References
    ----------
    Carter, G. C., Knapp, C. H., & Nuttall, A. H. (1973). IEEE Trans. Audio Electroacoust. 21, 337-344.
    doi:10.1109/TAU.1973.1162496

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> t = np.arange(4000)
    >>> x = xr.DataArray(np.cos(2 * np.pi * t / 20), dims="time")
    >>> y = xr.DataArray(np.cos(2 * np.pi * t / 20 + 1.0), dims="time")
    >>> cross = gt.cross_spectrum(x, y, window=200).sel(frequency=0.05)
    >>> round(float(np.angle(cross)), 9)
    1.0
    """
    choose("scaling", scaling, SCALINGS)
    setup = prepare(
        x,
        y,
        dim=dim,
        window=window,
        hop=hop,
        taper=taper,
        detrend=detrend,
        sides=sides,
        nfft=nfft,
        nan_policy=nan_policy,
        sampling=sampling,
        per=per,
    )
    found, totals = mean_sums(setup)
    factor = setup.power_factor(scaling)
    data = apply_to(totals, mean_cross_power, setup.recipe.bins, np.complex128, factor=factor)
    attrs = {"long_name": long_name(f"cross {power_name(scaling)}", setup), "scaling": scaling or "none"}
    attrs |= setup.power_units(scaling) | independence(setup)
    return with_count(found.named(data, ("frequency",), "cross_power", attrs), found, totals)


def coherence(
    x: xr.DataArray,
    y: xr.DataArray,
    dim: str = "time",
    *,
    window: Duration,
    hop: Duration | None = None,
    taper: Taper = "hann",
    detrend: str | None = "constant",
    sides: str = "onesided",
    nfft: int | None = None,
    nan_policy: str = "propagate",
    sampling: str = "regular",
    per: str | None = None,
    alpha: float = 0.05,
) -> xr.DataArray:
    """Magnitude-squared coherence of two fields, or a field and a series: what share of power they have in common.

    Parameters
    ----------
    x, y : DataArray, shape (..., time, ...)
        Real or complex numbers; dimensions other than `dim` are broadcast.
    dim, window, hop, taper, detrend, sides, nfft, nan_policy, sampling, per
        As in `welch`; a window counts where both are complete.
    alpha : float
        The attribute `significance_level` is what the coherence of independent noise exceeds with this probability.

    Returns
    -------
    DataArray, shape (..., frequency, ...)
        `coherence`, float64, between 0 and 1; missing in cells with fewer than two windows, where it would be 1
        whatever the data. The coordinate `n_segments` and attributes as of `welch`. Lazy if an input is.

    Raises
    ------
    TypeError, ValueError
        As `sliding_fft`, if coordinates differ, or if the record has room for one window only.

    See Also
    --------
    cross_spectrum : with the phase.

    Notes
    -----
    As `welch`. Agrees with `scipy.signal.coherence`. The level is 1 - alpha**(1 / (K - 1)) for K independent windows.

    References
    ----------
    Carter, G. C., Knapp, C. H., & Nuttall, A. H. (1973). IEEE Trans. Audio Electroacoust. 21, 337-344.
    doi:10.1109/TAU.1973.1162496

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> signal, noise = xr.DataArray(np.random.default_rng(0).normal(size=(2, 43_200)), dims=("part", "time"))
    >>> round(float(gt.coherence(signal, signal + noise, window=600, hop=60).mean()), 2)
    0.5
    """
    alpha = check_alpha(alpha)
    setup = prepare(
        x,
        y,
        dim=dim,
        window=window,
        hop=hop,
        taper=taper,
        detrend=detrend,
        sides=sides,
        nfft=nfft,
        nan_policy=nan_policy,
        sampling=sampling,
        per=per,
    )
    if setup.windows.count < 2:
        size = setup.sampling.size
        shorter = max(size // 8, 1)
        raise ValueError(
            f"the record of {size} samples holds one window (window={setup.recipe.length}, hop={setup.recipe.hop} "
            "samples), and the coherence of one window is 1 whatever the data. Take shorter windows that overlap, such "
            f"as window={2 * shorter}, hop={shorter}."
        )
    found, totals = mean_sums(setup)
    data = apply_to(totals, shared_power, setup.recipe.bins)
    attrs: dict[str, Any] = {"long_name": long_name("magnitude-squared coherence", setup), "units": "1"}
    attrs |= independence(setup)
    if attrs["effective_segments"] > 1:
        level = 1 - alpha ** (1 / (attrs["effective_segments"] - 1))
        attrs |= {"alpha": float(alpha), "significance_level": level}
    return with_count(found.named(data, ("frequency",), "coherence", attrs), found, totals)
