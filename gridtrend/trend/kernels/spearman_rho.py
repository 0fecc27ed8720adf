"""Spearman's rank correlation of a series with time, and its p-value.

Spearman 1904, doi:10.2307/1412159.
"""

import math

from gridtrend.engine.output import Output
from gridtrend.engine.series import Room, series_kernel
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.autocorrelation import mid_ranks
from gridtrend.trend.kernels.normal import TWO_SIDED, flag
from gridtrend.trend.kernels.student import t_p_value

RHO = Output("rho", "Spearman rank correlation of {data} with time", attrs=(("valid_range", (-1.0, 1.0)),))
P_VALUE = Output("p_value", "p-value of the Spearman rank test of {data}", attrs=(("valid_range", (0.0, 1.0)),))

# Codes of `p_value`, as compiled code sees them.
T, AUTO = 0, 1
# Series of so many values have 362,880 orders, which takes some milliseconds. R's cor.test is exact up to here too.
FEW = 9


@unit(allocates=False)
def permutation_p_value(ranks, m, products, alternative, count):
    """Share of all orders of `ranks[:m]` whose sum of products with time is at least as far out as `products`, their own.

    Heap's algorithm goes from one order to the next by one exchange, which changes the sum by one product; it leaves the
    ranks in another order. Ranks and times are deviations from their means, multiples of one half: no sum is rounded.
    """
    for k in range(m):
        count[k] = 0.0
    total = products
    orders = far = 0
    k = 0
    while k < m:
        if k == 0:
            orders += 1
            far += abs(total) >= abs(products) if alternative == TWO_SIDED else alternative * (total - products) >= 0.0
            k = 1
        elif count[k] < k:
            other = int(count[k]) if k % 2 else 0
            total += (ranks[k] - ranks[other]) * (other - k)
            ranks[k], ranks[other] = ranks[other], ranks[k]
            count[k] += 1.0
            k = 0
        else:
            count[k] = 0.0
            k += 1
    return far / orders


@series_kernel(RHO, P_VALUE, outputs.N_VALID, outputs.TREND, least=3)
def spearman_rho(values, ranks: Room, count: Room, alpha: float, alternative: int, p_method: int):
    """rho, its p-value and the flag of a series."""
    m = values.size
    mid_ranks(values, m, 0.0, ranks)
    products, of_ranks, of_times = 0.0, 0.0, 0.0
    for i in range(m):
        ranks[i] -= 0.5 * (m + 1)
        time = i - 0.5 * (m - 1)
        products, of_ranks, of_times = products + ranks[i] * time, of_ranks + ranks[i] ** 2, of_times + time * time
    if of_ranks == 0.0:
        return 0.0, 1.0, 0
    if p_method == AUTO and m <= FEW:
        p = permutation_p_value(ranks, m, products, alternative, count)
    else:
        # Sums of halves are exact, and so is their difference: 1 - rho**2 would be rounded next to 1.
        rest = of_ranks * of_times - products * products
        t = products * math.sqrt((m - 2) / rest) if rest > 0.0 else math.copysign(math.inf, products)
        p = t_p_value(t, m - 2.0, alternative)
    return products / math.sqrt(of_ranks * of_times), p, flag(products, p, alpha, alternative)
