"""The sign test of Cox and Stuart: early values against late ones.

Cox & Stuart 1955, doi:10.1093/biomet/42.1-2.80.
"""

import math

from gridtrend.engine.output import Output
from gridtrend.engine.series import series_kernel
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels import normal
from gridtrend.trend.kernels.normal import TWO_SIDED, flag, z_score

# Codes of `pairs` and `p_value`, as compiled code sees them.
THIRDS, HALVES = 0, 1
EXACT, NORMAL, SACHS = 0, 1, 2


@unit(allocates=False)
def binomial_tail(least, m):
    """Probability of at least `least` heads in `m` tosses of a coin."""
    if least <= 0:
        return 1.0
    # The smaller side is summed: at least so many heads, or as many tails as leave fewer.
    upper = 2 * least > m
    heads = least if upper else m - least + 1
    # The largest term, halved on the way so that it neither over- nor underflows early; the others by their ratios to it.
    largest, halvings = 1.0, m
    for i in range(1, m - heads + 1):
        largest *= (heads + i) / i
        while largest > 1.0 and halvings > 0:
            largest *= 0.5
            halvings -= 1
    total = ratio = 1.0
    for i in range(m - heads, 0, -1):
        ratio *= i / (m - i + 1.0)
        total += ratio
    tail = math.ldexp(largest * total, -halvings)
    return tail if upper else 1.0 - tail


@series_kernel(
    Output("s", "pairs of {data} that rise less pairs that fall"),
    Output("n_pairs", "number of pairs of {data} that rise or fall", dtype="i4"),
    Output("z", "standardised Cox-Stuart score of {data}"),
    Output("p_value", "p-value of the Cox-Stuart test of {data}", attrs=outputs.P_VALUE.attrs),
    outputs.N_VALID,
    outputs.TREND,
    least=3,
)
def cox_stuart(values, alpha: float, alternative: int, pairs: int, p_method: int):
    """Score, number of pairs, z, p and flag of a series."""
    n = values.size
    apart = (n + 2) // 3 if pairs == THIRDS else n // 2
    rises = falls = 0
    for i in range(apart):
        rises += values[n - apart + i] > values[i]
        falls += values[n - apart + i] < values[i]
    s, m = rises - falls, rises + falls
    z = z_score(float(s), float(m), 1.0)
    if p_method == SACHS and m > 0:
        # Not negative for n > 30 only, as in R's trend. A score of 0 has no direction: R's sign.
        distance = abs(max(rises, falls) - n / 6.0) - (0.5 if n <= 30 else 0.0)
        z = (-1.0 if s < 0 else 1.0) * distance / math.sqrt(n / 12.0)
    if p_method != EXACT:
        p = normal.p_value(z, alternative)
    elif alternative == TWO_SIDED:
        p = min(1.0, 2.0 * binomial_tail(max(rises, falls), m))
    else:
        p = binomial_tail(rises if alternative > 0 else falls, m)
    return float(s), m, z, p, flag(float(s), p, alpha, alternative)
