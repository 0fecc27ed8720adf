"""The partial Mann-Kendall test: the score of a series, given that of a covariate.

Libiseller & Grimvall 2002, doi:10.1002/env.507, with the covariance of two scores after Dietz & Killeen 1981,
doi:10.1080/01621459.1981.10477621, which accounts for ties.
"""

import math

import numpy as np

from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import LANES, add, count_both_less, count_less, load, store, subtract, zero_count
from gridtrend.engine.output import Output
from gridtrend.engine.room import tile_like, vector_int64
from gridtrend.engine.tiles import fill_tile, keep_common
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.mann_kendall import TAU_A
from gridtrend.trend.kernels.normal import flag, z_score
from gridtrend.trend.kernels.normal import p_value as normal_p_value

# Rows of `counts`: scores of both series, their untied pairs, and pairs in the same less those in opposite order.
S_X, S_Y, PAIRS_X, PAIRS_Y, COMMON = 0, 1, 2, 3, 4


@unit
def count_orders(x, y, counts, place_x, place_y):
    """Fill `counts` for each lane, and for each value the number of values of its series below it, less the number above it."""
    n = x.shape[0]
    none = zero_count(load(x, 0))
    s_x, s_y, pairs_x, pairs_y, common = none, none, none, none, none
    for i in range(n):
        xi, yi = load(x, i), load(y, i)
        less_x, more_x, less_y, more_y, same, opposite = none, none, none, none, none, none
        for j in range(i):
            xj, yj = load(x, j), load(y, j)
            less_x, more_x = count_less(less_x, xj, xi), count_less(more_x, xi, xj)
            less_y, more_y = count_less(less_y, yj, yi), count_less(more_y, yi, yj)
            same = count_both_less(count_both_less(same, xj, xi, yj, yi), xi, xj, yi, yj)
            opposite = count_both_less(count_both_less(opposite, xj, xi, yi, yj), xi, xj, yj, yi)
        s_x, s_y = add(s_x, subtract(less_x, more_x)), add(s_y, subtract(less_y, more_y))
        pairs_x, pairs_y = add(pairs_x, add(less_x, more_x)), add(pairs_y, add(less_y, more_y))
        common = add(common, subtract(same, opposite))
        for j in range(i + 1, n):
            xj, yj = load(x, j), load(y, j)
            less_x, more_x = count_less(less_x, xj, xi), count_less(more_x, xi, xj)
            less_y, more_y = count_less(less_y, yj, yi), count_less(more_y, yi, yj)
        store(place_x, i, subtract(less_x, more_x))
        store(place_y, i, subtract(less_y, more_y))
    store(counts, S_X, s_x)
    store(counts, S_Y, s_y)
    store(counts, PAIRS_X, pairs_x)
    store(counts, PAIRS_Y, pairs_y)
    store(counts, COMMON, common)


@kernel(
    "(time,cell),(time,cell)",
    "TT",
    outputs.TAU,
    Output("s", "Mann-Kendall score S of {data}, given that of the covariate"),
    Output("var_s", "variance of the score S of {data} under no trend, given that of the covariate"),
    outputs.Z,
    outputs.P_VALUE,
    Output(
        "rho",
        "correlation of the scores of {data} and of the covariate under no trend",
        attrs=(("valid_range", (-1.0, 1.0)),),
    ),
    outputs.N_VALID,
    outputs.TREND,
)
def partial_mann_kendall(x, y, alpha: float, alternative: int, variant: int, correct_ties: int, min_valid: int, out):
    """The test of `x` given `y`; without `correct_ties` the variance of either score is that of distinct values."""
    tau, s, var_s, z, p_value, rho, n_valid, trend = out
    n = x.shape[0]
    first_tile, second_tile = tile_like(x), tile_like(y)
    valid, counts = vector_int64(LANES), np.zeros((5, LANES), np.int64)
    place_x, place_y = np.empty((n, LANES), np.int64), np.empty((n, LANES), np.int64)
    for first in range(0, x.shape[1], LANES):
        used = fill_tile(x, first, first_tile, valid)
        fill_tile(y, first, second_tile, valid)
        keep_common(first_tile, second_tile, valid)
        if n > 0:
            count_orders(first_tile, second_tile, counts, place_x, place_y)
        for k in range(used):
            cell, m = first + k, valid[k]
            n_valid[cell], trend[cell] = m, 0
            tau[cell] = s[cell] = var_s[cell] = z[cell] = p_value[cell] = rho[cell] = np.nan
            if m < max(min_valid, 1):
                continue
            xx = yy = m * (m - 1.0) * (2.0 * m + 5.0) / 6.0
            xy = np.float64(counts[COMMON, k])
            if correct_ties:
                xx, yy = np.float64(counts[PAIRS_X, k]), np.float64(counts[PAIRS_Y, k])
            for i in range(n):
                xy += place_x[i, k] * place_y[i, k]
                if correct_ties:
                    xx += place_x[i, k] * place_x[i, k]
                    yy += place_y[i, k] * place_y[i, k]
            # Three times the variances and the covariance, which are whole numbers. A constant covariate changes nothing.
            if not yy > 0.0:
                xy, yy = 0.0, 1.0
            s[cell] = (counts[S_X, k] * yy - xy * counts[S_Y, k]) / yy
            var_s[cell] = (xx * yy - xy * xy) / (3.0 * yy)
            rho[cell] = xy / math.sqrt(xx) / math.sqrt(yy) if xx > 0.0 else 0.0
            pairs = 0.5 * m * (m - 1.0)
            untied = pairs if variant == TAU_A else np.float64(counts[PAIRS_X, k])
            tau[cell] = counts[S_X, k] / math.sqrt(pairs * untied) if counts[S_X, k] != 0 else 0.0
            z[cell] = z_score(s[cell], var_s[cell], 0.0)
            p_value[cell] = normal_p_value(z[cell], alternative)
            trend[cell] = flag(s[cell], p_value[cell], alpha, alternative)
