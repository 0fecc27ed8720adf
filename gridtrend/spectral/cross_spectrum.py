"""Two records and what they share: cross power and coherence, means over all windows."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.checks import check_alpha, choose
from gridtrend.spectral.analysis import SCALINGS, long_name, power_name, prepare
from gridtrend.spectral.sampling import Duration
from gridtrend.spectral.tapers import Taper
from gridtrend.spectral.window_sums import apply_to, independence, mean_cross_power, mean_sums, shared_power, with_count


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
    analysis = prepare((x, y), dim, window, hop, taper, detrend, nan_policy, sampling, per, sides=sides, nfft=nfft)
    found, totals = mean_sums(analysis)
    factor = analysis.power_factor(scaling)
    data = apply_to(totals, mean_cross_power, analysis.recipe.bins, np.complex128, factor=factor)
    attrs = {"long_name": long_name(f"cross {power_name(scaling)}", analysis), "scaling": scaling or "none"}
    attrs |= analysis.power_units(scaling) | independence(analysis)
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
        for any data. The coordinate `n_segments` and attributes as of `welch`. Lazy if an input is.

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
    analysis = prepare((x, y), dim, window, hop, taper, detrend, nan_policy, sampling, per, sides=sides, nfft=nfft)
    if analysis.windows.count < 2:
        size = analysis.sampling.size
        shorter = max(size // 8, 1)
        raise ValueError(
            f"the record of {size} samples holds one window (window={analysis.recipe.length}, hop={analysis.recipe.hop} "
            "samples), and the coherence of one window is 1 for any data. Take shorter windows that overlap, such "
            f"as window={2 * shorter}, hop={shorter}."
        )
    found, totals = mean_sums(analysis)
    data = apply_to(totals, shared_power, analysis.recipe.bins)
    attrs: dict[str, Any] = {"long_name": long_name("magnitude-squared coherence", analysis), "units": "1"}
    attrs |= independence(analysis)
    if attrs["effective_segments"] > 1:
        level = 1 - alpha ** (1 / (attrs["effective_segments"] - 1))
        attrs |= {"alpha": float(alpha), "significance_level": level}
    return with_count(found.named(data, ("frequency",), "coherence", attrs), found, totals)
