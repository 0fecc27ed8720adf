"""Least-squares lines of a block of cells, tested with the effective number of values.

Santer et al. 2008, doi:10.1002/joc.1756, equations 3 to 6.
"""

import math

import numpy as np

from gridtrend.engine.jit import inlined
from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import LANES
from gridtrend.engine.output import Output
from gridtrend.engine.room import tile_like, vector_float64, vector_int64
from gridtrend.engine.tiles import fill_tile
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.autocorrelation import lag_correlation, lay_out
from gridtrend.trend.kernels.normal import flag
from gridtrend.trend.kernels.powers_of_two import LARGE, SMALLER, power_of_two
from gridtrend.trend.kernels.student import t_p_value, t_quantile

# Codes of `effective`, as compiled code sees them.
AR1, ALL = 0, 1

# Residuals up to this share of the largest value are rounding errors: the line is exact.
ROUNDING = 16 * 2.0**-52


@unit
def fit_line(tile, t, steps, k, n, residuals, at):
    """Slope, mean value and mean time of lane `k`, sums of squares of times and of residuals, unit, and scale.

    `residuals` and `at` receive the residuals of the valid values, and their steps.

    Values and times are taken from the first ones and then from their means, so that nothing large cancels; slope and
    residuals are in a unit, a power of two, in which squares of the tiniest values do not vanish. Unit and mean value are
    in a scale that is 1 except where sums of the values would overflow.
    """
    first = 0
    while math.isnan(tile[first, k]):
        first += 1
    start, scale = t[0], 1.0
    while True:
        base = np.float64(tile[first, k])
        y_mean = t_mean = largest = spread = 0.0
        for i in range(first, t.size):
            if not math.isnan(tile[i, k]):
                y_mean += tile[i, k] - base
                t_mean += t[i] - start
                largest = max(largest, abs(np.float64(tile[i, k])))
                spread = max(spread, abs(tile[i, k] - base))
        if largest <= LARGE:
            break
        scale /= SMALLER
        for i in range(first, t.size):
            tile[i, k] *= SMALLER
    y_mean /= n
    t_mean /= n
    unit = power_of_two(spread)
    t_squares = products = 0.0
    for i in range(first, t.size):
        if not math.isnan(tile[i, k]):
            time = (t[i] - start) - t_mean
            t_squares += time * time
            products += time * (((tile[i, k] - base) - y_mean) / unit)
    slope = products / t_squares
    squares, m = 0.0, 0
    for i in range(first, t.size):
        if not math.isnan(tile[i, k]):
            residuals[m] = ((tile[i, k] - base) - y_mean) / unit - slope * ((t[i] - start) - t_mean)
            squares += residuals[m] * residuals[m]
            at[m] = steps[i]
            m += 1
    if squares <= n * (ROUNDING * (largest / unit)) ** 2:
        squares = 0.0
    return slope, base + y_mean, start + t_mean, t_squares, squares, unit, scale


@inlined
def independent_share(r):
    """Share of values that count as independent under an AR(1) process of autocorrelation `r`.

    Residuals that alternate do not make more of the values than there are.
    """
    return max(1.0 - r, 0.0) / (1.0 + r) if r > 0.0 else 1.0


@kernel(
    "(time,cell),(time),(time)",
    "Tdl",
    Output("slope", "least-squares slope of {data}", units="{slope}"),
    Output("intercept", "intercept of the least-squares line of {data}", units="{units}"),
    Output("stderr", "standard error of the least-squares slope of {data}", units="{slope}"),
    Output("p_value", "p-value of the least-squares slope of {data}", attrs=(("valid_range", (0.0, 1.0)),)),
    Output("slope_lower", "lower confidence limit of the least-squares slope of {data}", units="{slope}"),
    Output("slope_upper", "upper confidence limit of the least-squares slope of {data}", units="{slope}"),
    Output("r1", "lag-1 autocorrelation of what the least-squares line leaves of {data}"),
    Output("n_effective", "effective number of independent values of {data}"),
    outputs.N_VALID,
    outputs.TREND,
)
def linear_trend(
    y, t, steps, per: float, alpha: float, alternative: int, effective: int, normal: float, min_valid: int, out
):
    """Least-squares line of each cell, its uncertainty and its test."""
    slope, intercept, stderr, p_value, slope_lower, slope_upper, r1, n_effective, n_valid, trend = out
    tile, valid = tile_like(y), vector_int64(LANES)
    residuals, at = vector_float64(t.size), vector_int64(t.size)
    length = steps[-1] + 1 if t.size else 0
    spread, present = vector_float64(length), vector_int64(length)
    for first in range(0, y.shape[1], LANES):
        used = fill_tile(y, first, tile, valid)
        for k in range(used):
            cell, n = first + k, valid[k]
            n_valid[cell], trend[cell] = n, 0
            slope[cell] = intercept[cell] = stderr[cell] = p_value[cell] = np.nan
            slope_lower[cell] = slope_upper[cell] = r1[cell] = n_effective[cell] = np.nan
            if n < max(min_valid, 2):
                continue
            line = fit_line(tile, t, steps, k, n, residuals, at)
            rise, y_mean, t_mean, t_squares, squares, unit, scale = line
            r = 0.0
            if squares > 0.0:
                span, variance = lay_out(residuals, at, n, spread, present)
                r, _ = lag_correlation(spread, present, span, variance, 1)
            independent = n * (independent_share(r) if effective == AR1 else 1.0)
            df, error = independent - 2.0, 0.0
            slope[cell], intercept[cell] = rise * unit * per * scale, (y_mean - rise * unit * t_mean) * scale
            r1[cell], n_effective[cell] = r, independent
            if df > 0.0:
                error = math.sqrt(squares / df / t_squares)
                width = t_quantile(df, alpha, normal) * error
                stderr[cell] = error * unit * per * scale
                if math.isfinite(width):
                    slope_lower[cell] = (rise - width) * unit * per * scale
                    slope_upper[cell] = (rise + width) * unit * per * scale
            # Without degrees of freedom no slope is significant.
            t_value = rise / error if df > 0.0 and rise != 0.0 else 0.0
            p_value[cell] = t_p_value(t_value, max(df, 1e-300), alternative)
            trend[cell] = flag(rise, p_value[cell], alpha, alternative)
