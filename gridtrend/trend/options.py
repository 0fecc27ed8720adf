"""Arguments that many functions share, checked once: what users write, and what compiled code sees."""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any, TypeVar

from gridtrend.grid.dialect import given
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

Choice = TypeVar("Choice")


def choose(name: str, value: str | None, choices: Mapping[Any, Choice]) -> Choice:
    """What one of several named choices stands for."""
    if value not in choices:
        raise ValueError(f"{given(name, value)} is not known; use one of {', '.join(map(repr, choices))}.")
    return choices[value]


def check_alpha(alpha: float) -> float:
    """A significance level, between 0 and 1."""
    if not 0.0 < alpha < 1.0:
        raise ValueError(
            f"{given('alpha', alpha)} is not a significance level; give a number between 0 and 1, such as 0.05."
        )
    return float(alpha)


def check_min_valid(min_valid: int) -> int:
    """A number of valid values, at least 1."""
    if not (1 <= min_valid < math.inf and min_valid == int(min_valid)):
        raise ValueError(f"{given('min_valid', min_valid)} is not a number of values; give a whole number from 1 on.")
    return int(min_valid)


def check_draws(name: str, draws: int, seed: int, alpha: float) -> int:
    """A number of random draws that can show significance at level `alpha`, and a seed for them."""
    # The smallest p-value is 1 / (draws + 1).
    if not (1 / alpha - 1 <= draws < math.inf and draws == int(draws)):
        raise ValueError(
            f"{name}={draws!r} cannot show significance at {alpha:g}; give a whole number, at least "
            f"{math.ceil(1 / alpha)}, better many more."
        )
    if not (seed >= 0 and seed == int(seed)):
        raise ValueError(f"seed={seed!r} is not a seed; give a whole number from 0 on.")
    return int(draws)


def two_sided_quantile(alpha: float) -> float:
    """Normal quantile that leaves alpha/2 in each tail.

    Examples
    --------
    >>> round(two_sided_quantile(0.05), 4)
    1.96
    """
    return -NormalDist().inv_cdf(0.5 * check_alpha(alpha))
