"""Which peaks stand out: red noise as the background of a spectrum."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.names import distinct
from gridtrend.grid.sampling import Duration
from gridtrend.spectral.means import apply_to, independence, mean_sums
from gridtrend.spectral.setup import long_name, prepare
from gridtrend.spectral.tapers import Taper, effective_segments

# An AR(1) process has a variance only below 1.
LARGEST = 1 - 1e-6


@distinct("power", "background", "level", "lag1", "n_segments")
def red_noise(
    da: xr.DataArray,
    dim: str = "time",
    *,
    window: Duration,
    hop: Duration | None = None,
    taper: Taper = "hann",
    detrend: str | None = "constant",
    nan_policy: str = "propagate",
    sampling: str = "regular",
    per: str | None = None,
    alpha: float = 0.05,
) -> xr.Dataset:
    """Power spectrum of every cell, beside that of red noise (AR(1)) of the same variance, with its upper level.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, in any chunks.
    dim, window, hop, taper, detrend, nan_policy, sampling, per
        As in `welch`.
    alpha : float
        Red noise exceeds `level` with this probability, at each frequency by itself.

    Returns
    -------
    Dataset
        power, background, level : float64, shape (..., frequency, ...), squared units of the data per frequency
            The spectrum of `welch`; that of an AR(1) process of the same lag-1 autocorrelation and variance; and the
            latter's quantile 1 - alpha, by the chi-squared distribution with two degrees of freedom for each
            independent window (one at frequency zero and at the highest one, which have no phase).
        lag1 : float64, shape (...), dimensionless
            Autocorrelation at a lag of one sample.
        n_segments : int32, shape (...)
            Windows without missing values, of which these are the mean.

        Lazy if `da` is.

    Raises
    ------
    TypeError, ValueError
        As `sliding_fft`, or if `alpha` is not between 0 and 1.

    See Also
    --------
    welch : the spectrum alone.

    Notes
    -----
    As `welch`. The autocorrelation follows from the mean spectrum (it is its Fourier transform), corrected for the
    taper, so that the data are read once. With `detrend` it lies below that of the whole record by about 4 / window.
    Windows that overlap count as so many independent ones as Welch (1967) derives.

    References
    ----------
    Gilman, D. L., Fuglister, F. J., & Mitchell, J. M. (1963). J. Atmos. Sci. 20, 182-184.
    doi:10.1175/1520-0469(1963)020<0182:OTPSON>2.0.CO;2

    Welch, P. D. (1967). IEEE Trans. Audio Electroacoust. 15, 70-73. doi:10.1109/TAU.1967.1161901

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.signal
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> noise = np.random.default_rng(0).normal(size=20_000)
    >>> red = xr.DataArray(scipy.signal.lfilter([1], [1, -0.7], noise), dims="time")
    >>> result = gt.red_noise(red, window=500, hop=250)
    >>> round(float(result.lag1), 1), bool((result.power > result.level).mean() < 0.1)
    (0.7, True)
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha={alpha!r} is not a significance level; give a number between 0 and 1, such as 0.05.")
    setup = prepare(
        da,
        dim=dim,
        window=window,
        hop=hop,
        taper=taper,
        detrend=detrend,
        nan_policy=nan_policy,
        sampling=sampling,
        per=per,
    )
    if setup.recipe.length < 3:
        raise ValueError(f"window={window!r} is too short for an autocorrelation; take one of at least 3 samples.")
    found, totals = mean_sums(setup)
    bins = setup.recipe.bins
    options = {"weights": setup.weights, "hop": setup.recipe.hop, "alpha": float(alpha)}
    data = apply_to(totals, _beside_red_noise, 3 * bins + 2, factor=setup.power_factor("density"), **options)
    units = setup.power_units("density")
    words = {
        "power": "power spectral density",
        "background": "red-noise background of the power spectral density",
        "level": f"level that red noise exceeds with probability {alpha:g}, for the power spectral density",
    }
    outputs: dict[str, Any] = {
        name: (data[..., i * bins : (i + 1) * bins], ("frequency",), {"long_name": long_name(said, setup)} | units)
        for i, (name, said) in enumerate(words.items())
    }
    count = {"long_name": long_name("number of windows", setup), "units": "1"}
    outputs["lag1"] = data[..., -2], (), {"long_name": long_name("autocorrelation at lag 1", setup), "units": "1"}
    outputs["n_segments"] = data[..., -1].astype(np.int32), (), count
    return found.dataset(outputs, independence(setup) | {"alpha": float(alpha)})


def _beside_red_noise(
    totals: np.ndarray, *, factor: np.ndarray, weights: np.ndarray, hop: int, alpha: float
) -> np.ndarray:
    """Power, background and level, (..., 3 bins), then lag-1 autocorrelation and number of windows."""
    from scipy.special import chdtri

    count = totals[..., -1]
    angle = 2 * np.pi * np.arange(totals.shape[-1] - 1) / weights.size
    # Frequencies that stand for two, and those that have a phase: all but zero and, if there is one, half the rate.
    double = (np.sin(angle) > 1e-9).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = totals[..., :-1] / count[..., None]
        whole = (power * (1 + double)).sum(axis=-1, keepdims=True)
        shared = (weights[1:] * weights[:-1]).sum() / (weights**2).sum()
        lag1 = np.clip(
            (power * (1 + double) * np.cos(angle)).sum(axis=-1, keepdims=True) / whole / shared, -LARGEST, LARGEST
        )
        shape = (1 - lag1**2) / (1 + lag1**2 - 2 * lag1 * np.cos(angle))
        background = shape * whole / (shape * (1 + double)).sum(axis=-1, keepdims=True)
        freedom = effective_segments(weights, hop, count)[..., None] * (1 + double)
        level = background * np.where(freedom > 0, chdtri(freedom, alpha) / freedom, np.nan)
    parts = [power * factor, background * factor, level * factor, lag1, count[..., None]]
    return np.concatenate(parts, axis=-1)
