"""How long a record must be, and how large a trend, to be found."""

from statistics import NormalDist
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.engine.output import Output
from gridtrend.grid.apply import apply_function
from gridtrend.grid.checks import check_alpha, choose, is_number, is_whole
from gridtrend.grid.names import distinct
from gridtrend.trend.kernels.normal import TWO_SIDED
from gridtrend.trend.options import ALTERNATIVES


@distinct()
def minimum_detectable_trend(
    n: int,
    *,
    noise: Any = 1.0,
    r1: Any = 0.0,
    alpha: float = 0.05,
    power: float = 0.9,
    alternative: str = "two-sided",
) -> Any:
    """Smallest linear trend that the Mann-Kendall test finds with a given probability in a record of `n` steps.

    Parameters
    ----------
    n : int
        Number of steps, at least 4.
    noise : float, array or DataArray
        Standard deviation of the values about their trend, in units of the data.
    r1 : float, array or DataArray
        Lag-1 autocorrelation of the values about their trend, between -1 and 1, taken as that of an AR(1) process which
        the test is corrected for (`method="hamed_rao"`, ...).
    alpha : float
        Level of the test.
    power : float
        Probability that the trend is found, above `alpha`.
    alternative : {"two-sided", "increasing", "decreasing"}
        What is tested for.

    Returns
    -------
    float, ndarray or DataArray
        The trend per step, in units of `noise`; infinite where the record is so short that not even steadily rising
        values are significant, NaN where `noise` or `r1` is. Lazy if they are.

    Raises
    ------
    ValueError
        If `n` is below 4, `alpha` or `power` no probability, `power` not above `alpha`, or (once computed, where they
        are lazy) `noise` below 0 or `r1` not between -1 and 1.

    Notes
    -----
    Under a trend b and normal noise of spread sigma, each pair of values k steps apart rises with probability
    Phi(b k / (sigma sqrt(2))), and S is close to normal: b is where its mean lies as far beyond the critical value as
    `power` asks for. The variance of S without a trend is that of independent values times the factor of Hamed and Rao,
    with the rank autocorrelation (6/pi) arcsin(r1**k / 2); under a trend it shrinks as the mean variance of the signs of
    the pairs does. O(n) a cell and iteration.

    For a known trend, the length of record is where this falls below it.

    References
    ----------
    Weatherhead, E. C. et al. (1998). J. Geophys. Res. 103, 17149-17161. doi:10.1029/98JD00995

    Yue, S., Pilon, P. & Cavadias, G. (2002). J. Hydrol. 259, 254-271. doi:10.1016/S0022-1694(01)00594-7

    Examples
    --------
    How many years of annual means (standard deviation 0.15 K, r1 = 0.3) show a warming of 0.02 K a year?

    >>> import gridtrend as gt
    >>> next(n for n in range(4, 200) if gt.trend.minimum_detectable_trend(n, noise=0.15, r1=0.3) <= 0.02)
    27
    """
    if not is_whole(n, 4):
        raise ValueError(f"n={n!r} is not a number of steps; give a whole number from 4 on.")
    tails = 2 if choose("alternative", alternative, ALTERNATIVES) == TWO_SIDED else 1
    if not (is_number(power) and check_alpha(alpha) < power < 1.0):
        raise ValueError(
            f"power={power!r} is not a probability above alpha={alpha!r}; give the chance that the trend is to be found "
            "with, such as 0.9."
        )
    if not isinstance(noise, xr.DataArray) and not isinstance(r1, xr.DataArray):
        _check(noise, r1)
    normal = NormalDist()
    wanted = -normal.inv_cdf(alpha / tails), normal.inv_cdf(power)
    if not isinstance(noise, xr.DataArray) and not isinstance(r1, xr.DataArray):
        found = _detectable(noise, r1, int(n), wanted)
        return found if np.ndim(found) else float(found)
    like = noise if isinstance(noise, xr.DataArray) else r1
    fields = xr.broadcast(xr.DataArray(noise), xr.DataArray(r1))
    output = Output("trend", "smallest trend per step of {data} that is found", units="{units}")
    return apply_function(_detectable, *fields, outputs=[output], like=like, n=int(n), wanted=wanted)["trend"]


def _check(noise: Any, r1: Any) -> None:
    """Refuse what is no spread or no autocorrelation; NaN is a cell without either."""
    try:
        spread, correlation = np.asarray(noise, dtype=float), np.asarray(r1, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"noise={noise!r} and r1={r1!r}: numbers are needed, or arrays of numbers.") from None
    if (spread < 0).any() or np.isinf(spread).any():
        raise ValueError(f"noise={np.ravel(spread).min():g} is not a standard deviation; give a number from 0 on.")
    if (abs(correlation) >= 1).any():
        worst = np.ravel(correlation)[np.nanargmax(abs(np.ravel(correlation)))]
        raise ValueError(f"r1={worst:g} is not an autocorrelation of an AR(1) process; give a number between -1 and 1.")


def _detectable(noise: Any, r1: Any, n: int, wanted: tuple[float, float]) -> Any:
    """The trend under which S exceeds its critical value with the wanted probability.

    `wanted` holds the normal quantiles of the level and of the power.
    """
    from scipy.special import erf

    _check(noise, r1)
    noise, r1 = np.broadcast_arrays(np.asarray(noise, dtype=float), np.asarray(r1, dtype=float))
    lag = np.arange(1.0, n)
    weight = 2.0 * (n - lag) * (n - lag - 1.0) * (n - lag - 2.0) / (n * (n - 1.0) * (n - 2.0))
    with np.errstate(invalid="ignore"):
        powers = r1[..., None] ** lag
        factor = 1.0 + (weight * 6.0 / np.pi * np.arcsin(0.5 * powers)).sum(-1)
        spread = np.sqrt(n * (n - 1.0) * (2.0 * n + 5.0) / 18.0 * factor)
        critical = 1.0 + wanted[0] * spread
        # Differences of neighbours scatter less where they are alike.
        pace = 0.5 * lag / np.sqrt(1.0 - powers)
        low, high = np.full(r1.shape, 1e-12), np.full(r1.shape, 1e6)
        for _ in range(100):
            middle = np.sqrt(low * high)
            rise = erf(middle[..., None] * pace)
            # A pair that rises in nearly all records scatters no more.
            left = np.sqrt(((n - lag) * (1.0 - rise * rise)).sum(-1) / (0.5 * n * (n - 1.0)))
            short = ((n - lag) * rise).sum(-1) - wanted[1] * spread * left < critical
            low, high = np.where(short, middle, low), np.where(short, high, middle)
    reachable = np.where(critical < 0.5 * n * (n - 1.0), np.sqrt(low * high), np.inf)
    # inf * 0 is NaN: with noise of 0 no trend is detectable either if none is with other noise.
    with np.errstate(invalid="ignore"):
        return np.where(np.isnan(r1), np.nan, reachable) * noise
