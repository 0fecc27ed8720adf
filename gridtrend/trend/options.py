"""Arguments that many functions share, checked once: what users write, and what compiled code sees."""

import math
from statistics import NormalDist

from gridtrend.grid.dialect import given
from gridtrend.grid.numbers import is_number, is_whole
from gridtrend.trend.kernels import exact
from gridtrend.trend.kernels.normal import DECREASING, INCREASING, TWO_SIDED

ALTERNATIVES = {
    "two-sided": TWO_SIDED,
    "increasing": INCREASING,
    "decreasing": DECREASING,
    "greater": INCREASING,
    "less": DECREASING,
}


P_VALUES = {"normal": exact.NORMAL, "exact": exact.EXACT, "auto": exact.AUTO}

# The least level that quantiles are computed for.
SMALLEST = 1e-300
# As many as compiled code counts: more valid values, or more draws, than any record has, or any process makes.
MOST = 2**31 - 1


def check_alpha(alpha: float) -> float:
    """A significance level, between 0 and 1."""
    if not (is_number(alpha) and SMALLEST < alpha < 1.0):
        raise ValueError(
            f"{given('alpha', alpha)} is not a significance level; give a number between 0 and 1, such as 0.05."
        )
    return float(alpha)


def check_min_valid(min_valid: int) -> int:
    """A number of valid values, at least 1."""
    if not is_whole(min_valid, 1, MOST):
        raise ValueError(f"{given('min_valid', min_valid)} is not a number of values; give a whole number from 1 on.")
    return int(min_valid)


def check_draws(name: str, draws: int, alpha: float) -> int:
    """A number of random draws that can show significance at level `alpha`."""
    # The smallest p-value is 1 / (draws + 1).
    if not is_whole(draws, 1 / alpha - 1, MOST):
        raise ValueError(
            f"{name}={draws!r} cannot show significance at {alpha:g}; give a whole number, at least "
            f"{math.ceil(1 / alpha)}, better many more."
        )
    return int(draws)


def two_sided_quantile(alpha: float) -> float:
    """Normal quantile that leaves alpha/2 in each tail.

    Examples
    --------
    >>> round(two_sided_quantile(0.05), 4)
    1.96
    """
    return -NormalDist().inv_cdf(0.5 * check_alpha(alpha))
