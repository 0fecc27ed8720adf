"""The Mann-Kendall test of a block of cells, with or without the Theil-Sen line.

Mann 1945, doi:10.2307/1907187; Kendall 1975.
"""

import math

import numpy as np

from gridtrend.engine.jit import inlined
from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import LANES
from gridtrend.engine.room import lanes_float64, tile_like
from gridtrend.engine.tiles import fill_tile, put_lanes
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.normal import flag, p_value, z_score
from gridtrend.trend.kernels.parameters import Line, Test
from gridtrend.trend.kernels.scores import new_scores, score_tile, score_variance
from gridtrend.trend.kernels.theil_sen import slope_lines

# Codes of `tau`, as compiled code sees them.
TAU_A, TAU_B = 0, 1


@unit(allocates=False)
def lane_tests(scores, continuity, alternative, variant, min_valid, tests):
    """tau, S, var S, z and p, the five rows of `tests`, of each lane."""
    for k in range(LANES):
        n = scores.n_valid[k]
        if n < min_valid or n == 0:
            for row in range(5):
                tests[row, k] = np.nan
            continue
        s = np.float64(scores.up[0, k] - scores.down[0, k])
        variance = score_variance(scores, k)
        z = z_score(s, variance, continuity)
        tests[0, k] = _tau(s, n, scores.ties[0, k], variant)
        tests[1, k], tests[2, k], tests[3, k] = s, variance, z
        tests[4, k] = p_value(z, alternative)


@unit(allocates=False)
def put_flags(tests, valid, alpha, alternative, first, used, n_valid, trend):
    """Numbers of values, and flags of the tests (row 1: S, row 4: p), of cells `first` to `first + used`."""
    for k in range(used):
        n_valid[first + k] = valid[k]
        trend[first + k] = flag(tests[1, k], tests[4, k], alpha, alternative)


@inlined
def _tau(s, n, ties, variant):
    """Kendall's tau with time, which has no ties. A constant series has tau 0, as it has S 0."""
    pairs = 0.5 * n * (n - 1.0)
    if s == 0.0:
        return 0.0
    if variant == TAU_A:
        return s / pairs
    return s / math.sqrt((pairs - ties) * pairs)


@kernel(
    "(time,cell),(time)",
    "Td",
    outputs.TAU,
    outputs.S,
    outputs.VAR_S,
    outputs.Z,
    outputs.P_VALUE,
    outputs.N_VALID,
    outputs.TREND,
)
def mann_kendall(y, t, test: Test, out):
    """The test alone."""
    alpha, continuity, alternative, variant, min_valid = test
    tau, s, var_s, z, p_value, n_valid, trend = out
    tile, scores, tests = tile_like(y), new_scores(), lanes_float64(5)
    for first in range(0, y.shape[1], LANES):
        used = fill_tile(y, first, tile, scores.n_valid)
        score_tile(tile, t, scores)
        lane_tests(scores, continuity, alternative, variant, min_valid, tests)
        put_lanes(tests, 0, first, used, tau)
        put_lanes(tests, 1, first, used, s)
        put_lanes(tests, 2, first, used, var_s)
        put_lanes(tests, 3, first, used, z)
        put_lanes(tests, 4, first, used, p_value)
        put_flags(tests, scores.n_valid, alpha, alternative, first, used, n_valid, trend)


@kernel(
    "(time,cell),(time)",
    "Td",
    outputs.TAU,
    outputs.S,
    outputs.VAR_S,
    outputs.Z,
    outputs.P_VALUE,
    outputs.SLOPE,
    outputs.INTERCEPT,
    outputs.SLOPE_LOWER,
    outputs.SLOPE_UPPER,
    outputs.N_VALID,
    outputs.TREND,
)
def mann_kendall_slope(y, t, test: Test, line: Line, out):
    """The test and the Theil-Sen line from one pass over the data."""
    alpha, continuity, alternative, variant, min_valid = test
    per, quantile, intercept_method, ci = line
    tau, s, var_s, z, p_value, slope, intercept, slope_lower, slope_upper, n_valid, trend = out
    tile, scores, tests, lines = tile_like(y), new_scores(), lanes_float64(5), lanes_float64(4)
    for first in range(0, y.shape[1], LANES):
        used = fill_tile(y, first, tile, scores.n_valid)
        score_tile(tile, t, scores)
        lane_tests(scores, continuity, alternative, variant, min_valid, tests)
        slope_lines(tile, t, scores, per, quantile, intercept_method, ci, min_valid, lines)
        put_lanes(tests, 0, first, used, tau)
        put_lanes(tests, 1, first, used, s)
        put_lanes(tests, 2, first, used, var_s)
        put_lanes(tests, 3, first, used, z)
        put_lanes(tests, 4, first, used, p_value)
        put_flags(tests, scores.n_valid, alpha, alternative, first, used, n_valid, trend)
        put_lanes(lines, 0, first, used, slope)
        put_lanes(lines, 1, first, used, intercept)
        put_lanes(lines, 2, first, used, slope_lower)
        put_lanes(lines, 3, first, used, slope_upper)
