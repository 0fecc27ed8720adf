"""How long a record must be, and how large a trend, to be found."""

from statistics import NormalDist
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.apply import apply_function
from gridtrend.grid.kernel import Output
from gridtrend.trend.kernels.normal import TWO_SIDED
from gridtrend.trend.options import ALTERNATIVES, check_alpha, choose


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
        The trend per step, in units of `noise`; infinite where the record is too short for any trend, NaN where `noise`
        or `r1` is. Lazy if they are.

    Raises
    ------
    ValueError
        If `n` is below 4, `alpha` or `power` no probability, or `power` not above `alpha`.

    Notes
    -----
    Under a trend b and normal noise of spread sigma, each pair of values k steps apart rises with probability
    Phi(b k / (sigma sqrt(2))), and S is close to normal: b is where its mean lies as far beyond the critical value as
    `power` asks for. The variance of S is that of independent values times the factor of Hamed and Rao, with the rank
    autocorrelation (6/pi) arcsin(r1**k / 2). Under a trend it is a little smaller, so that the answer is on the safe
    side: trends for which 80 % was asked are found in about 85 % of simulated records. O(n) a cell and iteration.

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
    29
    """
    if not (n == int(n) and n >= 4):
        raise ValueError(f"n={n!r} is not a number of steps; give a whole number from 4 on.")
    tails = 2 if choose("alternative", alternative, ALTERNATIVES) == TWO_SIDED else 1
    if not check_alpha(alpha) < power < 1.0:
        raise ValueError(
            f"power={power!r} is not a probability above alpha={alpha!r}; give the chance that the trend is to be found "
            "with, such as 0.9."
        )
    normal = NormalDist()
    wanted = normal.inv_cdf(power) - normal.inv_cdf(alpha / tails)
    if not isinstance(noise, xr.DataArray) and not isinstance(r1, xr.DataArray):
        found = _detectable(noise, r1, int(n), wanted)
        return found if np.ndim(found) else float(found)
    like = noise if isinstance(noise, xr.DataArray) else r1
    fields = xr.broadcast(xr.DataArray(noise), xr.DataArray(r1))
    output = Output("trend", "smallest trend per step of {data} that is found", units="{units}")
    return apply_function(_detectable, *fields, outputs=[output], like=like, n=int(n), wanted=wanted)["trend"]


def _detectable(noise: Any, r1: Any, n: int, wanted: float) -> Any:
    """The trend at which the mean of S lies `wanted` standard deviations (and a step of continuity) above zero."""
    from scipy.special import erf

    noise, r1 = np.broadcast_arrays(np.asarray(noise, dtype=float), np.asarray(r1, dtype=float))
    lag = np.arange(1.0, n)
    weight = 2.0 * (n - lag) * (n - lag - 1.0) * (n - lag - 2.0) / (n * (n - 1.0) * (n - 2.0))
    with np.errstate(invalid="ignore"):
        powers = r1[..., None] ** lag
        factor = 1.0 + (weight * 6.0 / np.pi * np.arcsin(0.5 * powers)).sum(-1)
        goal = 1.0 + wanted * np.sqrt(n * (n - 1.0) * (2.0 * n + 5.0) / 18.0 * factor)
        # Differences of neighbours scatter less where they are alike.
        pace = 0.5 * lag / np.sqrt(1.0 - powers)
        low, high = np.full(r1.shape, 1e-12), np.full(r1.shape, 1e6)
        for _ in range(100):
            middle = np.sqrt(low * high)
            short = ((n - lag) * erf(middle[..., None] * pace)).sum(-1) < goal
            low, high = np.where(short, middle, low), np.where(short, high, middle)
    reachable = np.where(goal < 0.5 * n * (n - 1.0), np.sqrt(low * high), np.inf)
    return np.where(np.isnan(r1), np.nan, reachable) * noise
