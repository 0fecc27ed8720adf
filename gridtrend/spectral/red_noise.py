"""Significance of spectral peaks against a background of red noise."""

from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.checks import check_alpha
from gridtrend.grid.dialect import given
from gridtrend.grid.names import distinct
from gridtrend.spectral.analysis import long_name, prepare
from gridtrend.spectral.red_noise_windows import frequencies_of, red_noise_in_windows
from gridtrend.spectral.sampling import Duration
from gridtrend.spectral.tapers import Taper, effective_segments
from gridtrend.spectral.window_sums import apply_to, count_attrs, independence, mean_sums, where_known


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
    """Power spectrum of every cell, with that of red noise (AR(1)) of the same variance and its significance level.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, in any chunks.
    dim, window, hop, taper, detrend, nan_policy, sampling, per
        As in `welch`.
    alpha : float
        Probability that red noise exceeds `level`, at each single frequency.

    Returns
    -------
    Dataset
        power, background, level : float64, shape (..., frequency, ...), squared units of the data per frequency
            The spectrum of `welch`; what an AR(1) process of the same lag-1 autocorrelation and variance has in such
            windows on average, detrended and tapered as they are; and the quantile 1 - alpha about that, by the
            chi-squared distribution with two degrees of freedom for each independent window (one at frequency zero and
            at the highest one, which have no phase).
        lag1 : float64, shape (...), dimensionless
            Autocorrelation of the record at a lag of one sample, as AR(1) process: corrected for detrending and taper.
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
    As `welch`. The autocorrelation follows from the mean spectrum (it is its Fourier transform), so that the data are
    read once. Detrending makes it smaller and the taper changes it, by amounts that are known: the mean power of
    windows of an AR(1) process is a quadratic form of its covariances (Percival & Walden 1993, section 6). `lag1` is
    that of the process which gives the autocorrelation found, and `background` is its mean power, not the formula of
    its spectrum, which lies up to a third below it at low frequencies. Schulz & Mudelsee (2002) correct the same bias
    by simulation. In pure AR(1) noise up to 0.95 each frequency above zero exceeds `level` with a probability of at
    most 7 % where 5 % are asked. The lowest ones do so less often, since the variance that the background is scaled
    to is mostly their own.

    Windows that overlap count as so many independent ones as Welch (1967) derives.

    References
    ----------
    Gilman, D. L., Fuglister, F. J., & Mitchell, J. M. (1963). J. Atmos. Sci. 20, 182-184.
    doi:10.1175/1520-0469(1963)020<0182:OTPSON>2.0.CO;2

    Percival, D. B., & Walden, A. T. (1993). Spectral Analysis for Physical Applications. Cambridge University Press.
    doi:10.1017/CBO9780511622762

    Schulz, M., & Mudelsee, M. (2002). Comput. Geosci. 28, 421-426. doi:10.1016/S0098-3004(01)00044-9

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
    alpha = check_alpha(alpha)
    analysis = prepare((da,), dim, window, hop, taper, detrend, nan_policy, sampling, per)
    if not red_noise_in_windows(analysis.weights.tobytes(), detrend).determines_lag1:
        raise ValueError(
            f"{given('window', window)} is too short for an autocorrelation (with {given('taper', analysis.taper)} and "
            f"{given('detrend', detrend)}); "
            "take one of at least 8 samples."
        )
    found, totals = mean_sums(analysis)
    bins = analysis.recipe.bins
    options = {"weights": analysis.weights, "detrend": detrend, "hop": analysis.recipe.hop, "alpha": float(alpha)}
    data = apply_to(totals, _with_red_noise, 3 * bins + 2, factor=analysis.power_factor("density"), **options)
    units = analysis.power_units("density")
    words = {
        "power": "power spectral density",
        "background": "red-noise background of the power spectral density",
        "level": f"level that red noise exceeds with probability {alpha:g}, for the power spectral density",
    }
    outputs: dict[str, Any] = {
        name: (data[..., i * bins : (i + 1) * bins], ("frequency",), {"long_name": long_name(said, analysis)} | units)
        for i, (name, said) in enumerate(words.items())
    }
    outputs["lag1"] = data[..., -2], (), {"long_name": long_name("autocorrelation at lag 1", analysis), "units": "1"}
    outputs["n_segments"] = data[..., -1].astype(np.int32), (), count_attrs(analysis)
    return found.dataset(outputs, independence(analysis) | {"alpha": float(alpha)})


@np.errstate(all="ignore")
def _with_red_noise(
    totals: np.ndarray, *, factor: np.ndarray, weights: np.ndarray, detrend: str | None, hop: int, alpha: float
) -> np.ndarray:
    """Power, background and level, (..., 3 bins), then lag-1 autocorrelation and number of windows."""
    from scipy.special import chdtri

    count = totals[..., -1:]
    angle, double = frequencies_of(weights.size)
    table = red_noise_in_windows(weights.tobytes(), detrend)
    power = totals[..., :-1] / count
    whole = (power * (1 + double)).sum(axis=-1)
    place = table.place((power * (1 + double) * np.cos(angle)).sum(axis=-1) / whole)
    background = table.shape(place) * whole[..., None]
    # One quantile for each distinct number of windows: there are few, and quantiles are the slowest part.
    counts, which = np.unique(count[..., 0], return_inverse=True)
    freedom = effective_segments(weights, hop, counts)[:, None] * (1 + double)
    level = background * (chdtri(freedom, alpha) / freedom)[which.reshape(count.shape[:-1])]
    parts = [power * factor, background * factor, level * factor, table.lag1(place)[..., None]]
    return np.concatenate([*(where_known(part) for part in parts), count], axis=-1)
