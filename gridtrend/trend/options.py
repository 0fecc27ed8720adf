"""Arguments that many functions share, checked once: what users write, and what compiled code sees."""

import math
from statistics import NormalDist

from gridtrend.grid.checks import MOST_COUNTED, check_alpha, is_whole
from gridtrend.trend.kernels import exact_distribution
from gridtrend.trend.kernels.normal import DECREASING, INCREASING, TWO_SIDED

ALTERNATIVES = {
    "two-sided": TWO_SIDED,
    "increasing": INCREASING,
    "decreasing": DECREASING,
    "greater": INCREASING,
    "less": DECREASING,
}


P_VALUES = {"normal": exact_distribution.NORMAL, "exact": exact_distribution.EXACT, "auto": exact_distribution.AUTO}


def check_draws(name: str, draws: int, alpha: float) -> int:
    """A number of random draws that can show significance at level `alpha`."""
    # The smallest p-value is 1 / (draws + 1).
    if not is_whole(draws, 1 / alpha - 1, MOST_COUNTED):
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


def flag_attrs(alpha: float, alternative: str) -> dict[str, float | str]:
    """CF attributes of the flag `trend`: what it means that it is not 0."""
    return {"alpha": float(alpha), "comment": f"p_value < {alpha:g}, {alternative}"}
