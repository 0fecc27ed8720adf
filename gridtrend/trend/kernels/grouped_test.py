"""Rank tests summed over groups (seasons, sites, variables) for a block of cells, with the slope that they share.

Hirsch, Slack & Smith 1982, doi:10.1029/WR018i001p00107. Covariance between groups after Dietz & Killeen 1981,
doi:10.1080/01621459.1981.10477621, and Hirsch & Slack 1984, doi:10.1029/WR020i006p00727; with missing values as there,
at the mean rank. Heterogeneity after van Belle & Hughes 1984, doi:10.1029/WR020i001p00127.
"""

import math
from collections import namedtuple

import numpy as np

from gridtrend.engine.kernel import kernel
from gridtrend.engine.lanes import LANES, add, count_less, load, multiply, store, subtract, zero_count
from gridtrend.engine.output import Output
from gridtrend.engine.room import lanes_float64, vector_float64, vector_int64
from gridtrend.engine.tiles import put_lanes
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.chi_square import chi_square_sf
from gridtrend.trend.kernels.exact_distribution import NORMAL, append_series, new_kept, tail_p_value, wants_exact
from gridtrend.trend.kernels.mann_kendall import TAU_A, put_flags
from gridtrend.trend.kernels.normal import p_value as normal_p_value
from gridtrend.trend.kernels.normal import z_score
from gridtrend.trend.kernels.order_statistics import median
from gridtrend.trend.kernels.parameters import Line, Test
from gridtrend.trend.kernels.powers_of_two import SMALLER
from gridtrend.trend.kernels.scores import new_scores, score_tile
from gridtrend.trend.kernels.slope_search_groups import group_slopes
from gridtrend.trend.kernels.theil_sen import CONOVER, NO_LIMITS, ROUNDED, find_large, rescale

# What is summed over the groups of each lane: valid values, score, its variance, pairs, those that fall, those that are
# tied, what tau divides by; and of the groups' own z without continuity their number, sum and sum of squares.
Sums = namedtuple("Sums", "n_valid s variance pairs down ties whole spread z z_squared")


@unit
def new_sums():
    """Room for the sums of a tile."""
    return Sums(
        vector_int64(LANES), vector_float64(LANES), vector_float64(LANES), vector_int64(LANES), vector_int64(LANES),
        vector_int64(LANES), vector_float64(LANES), vector_int64(LANES), vector_float64(LANES), vector_float64(LANES),
    )  # fmt: skip


@unit(allocates=False)
def _start(row, when, tile, when_of_row, lines):
    """Make all rows missing, and tell those that a step has their times."""
    for i in range(tile.shape[0]):
        when_of_row[i] = np.nan
        for k in range(LANES):
            tile[i, k] = np.nan
    for i in range(row.size):
        when_of_row[row[i]] = when[i]
    for i in range(lines.shape[0]):
        for k in range(LANES):
            lines[i, k] = np.nan


@unit(allocates=False)
def fill_rows(y, row, first, tile):
    """Copy cells `first` to `first + LANES` of `y` to the rows of `tile` that each step has; inf becomes NaN.

    Rows that no step has stay as they are. Returns the number of lanes in use.
    """
    used = min(LANES, y.shape[1] - first)
    for i in range(y.shape[0]):
        for k in range(used):
            value = np.float64(y[i, first + k])
            tile[row[i], k] = value if math.isfinite(value) else np.nan
        for k in range(used, LANES):
            tile[row[i], k] = np.nan
    return used


@unit(deferred=True, allocates=False)
def keep_complete_cycles(tile, n, groups):
    """Make a cycle missing in all groups where it is missing in one."""
    for i in range(n):
        for k in range(LANES):
            complete = True
            for g in range(groups):
                complete &= not math.isnan(tile[g * n + i, k])
            if not complete:
                for g in range(groups):
                    tile[g * n + i, k] = np.nan


@unit(allocates=False)
def sum_scores(tile, t, groups, variant, scores, sums):
    """Fill `sums` from a tile of `groups` series, one after the other."""
    n = t.size
    for k in range(LANES):
        sums.n_valid[k] = sums.pairs[k] = sums.down[k] = sums.ties[k] = sums.spread[k] = 0
        sums.s[k] = sums.variance[k] = sums.whole[k] = sums.z[k] = sums.z_squared[k] = 0.0
    for g in range(groups):
        series = tile[g * n : (g + 1) * n]
        for k in range(LANES):
            scores.n_valid[k] = 0
        for i in range(n):
            for k in range(LANES):
                scores.n_valid[k] += not math.isnan(series[i, k])
        score_tile(series, t, scores)
        for k in range(LANES):
            m, ties = scores.n_valid[k], scores.ties[0, k]
            s, pairs = np.float64(scores.up[0, k] - scores.down[0, k]), m * (m - 1) // 2
            # As in `score_variance`, but summed before it is divided: the sum is exact.
            variance = m * (m - 1.0) * (2.0 * m + 5.0) - 6.0 * scores.squares[0, k] - 12.0 * ties
            sums.n_valid[k] += m
            sums.s[k] += s
            sums.variance[k] += variance
            sums.pairs[k] += pairs
            sums.down[k] += scores.down[0, k]
            sums.ties[k] += ties
            sums.whole[k] += pairs if variant == TAU_A else math.sqrt(np.float64(pairs) * (pairs - ties))
            if variance > 0.0:
                z = s / math.sqrt(variance / 18.0)
                sums.spread[k] += 1
                sums.z[k] += z
                sums.z_squared[k] += z * z
    for k in range(LANES):
        sums.variance[k] /= 18.0


@unit(deferred=True)
def dependent_variance(tile, n, groups, variance):
    """Variance of each lane's sum of scores when groups depend on each other.

    The covariance of groups g and h is (K + 4 sum(R_g R_h) - n (n_g + 1) (n_h + 1)) / 3, where missing values have the
    mean rank. With d_ij the sum over the groups of the signs of their differences between steps i and j, all covariances
    add up to (sum over i < j of d_ij^2 + sum over i of (sum over j of d_ij)^2) / 3: whole numbers, and no loop over pairs
    of groups.
    """
    against = np.zeros((n, LANES), np.int64)
    squares = np.zeros((1, LANES), np.int64)
    total = load(squares, 0)
    for i in range(n):
        here = load(against, i)
        for j in range(i + 1, n):
            rise = fall = zero_count(load(tile, i))
            for start in range(0, groups * n, n):
                earlier, later = load(tile, start + i), load(tile, start + j)
                rise = count_less(rise, earlier, later)
                fall = count_less(fall, later, earlier)
            signs = subtract(rise, fall)
            total = add(total, multiply(signs, signs))
            here = subtract(here, signs)
            store(against, j, add(load(against, j), signs))
        store(against, i, here)
    store(squares, 0, total)
    for k in range(LANES):
        whole = squares[0, k]
        for i in range(n):
            whole += against[i, k] * against[i, k]
        variance[k] = whole / 3.0


@unit(deferred=True)
def exact_lane_p(tile, n, groups, k, sums, alternative, kept, p):
    """Set `p[k]` from the exact distribution of lane `k`'s sum over independent groups."""
    room, series = np.empty((2, sums.pairs[k] // 2 + 1)), vector_float64(n)
    room[0, 0] = 1.0
    untied = 0
    for g in range(groups):
        m = 0
        for i in range(g * n, (g + 1) * n):
            if not math.isnan(tile[i, k]):
                series[m] = tile[i, k]
                m += 1
        untied = append_series(room, untied, series[:m], kept)
    p[k] = tail_p_value(room[0], untied, sums.s[k], alternative)


@unit(allocates=False)
def lane_tests(tile, n, groups, sums, continuity, alternative, p_method, min_valid, kept, tests):
    """tau, S, var S, z, p, and van Belle and Hughes' two chi-squares with the second one's p, the rows of `tests`."""
    for k in range(LANES):
        for row in range(8):
            tests[row, k] = np.nan
        if sums.n_valid[k] < max(min_valid, 1):
            continue
        tests[0, k] = sums.s[k] / sums.whole[k] if sums.s[k] != 0.0 else 0.0
        tests[1, k], tests[2, k] = sums.s[k], sums.variance[k]
        tests[3, k] = z_score(sums.s[k], sums.variance[k], continuity)
        if wants_exact(p_method, sums.pairs[k]):
            exact_lane_p(tile, n, groups, k, sums, alternative, kept, tests[4])
        else:
            tests[4, k] = normal_p_value(tests[3, k], alternative)
        if sums.spread[k] > 0:
            tests[5, k] = sums.z[k] * sums.z[k] / sums.spread[k]
            tests[6, k] = max(sums.z_squared[k] - tests[5, k], 0.0)
            tests[7, k] = chi_square_sf(tests[6, k], sums.spread[k] - 1)


@unit
def shared_lines(tile, t, when, groups, pooled, sums, per, quantile, intercept, ci, min_valid, lines):
    """Slope, intercept at time 0, and limits of the slope, the four rows of `lines`, of each lane.

    Limits have the ranks of Gilbert 1987 among all pairs within groups, from the variance of the test. `pooled` sums over
    all values, `sums` over those that were tested.
    """
    ranks, slopes = lanes_float64(3), lanes_float64(3)
    _line_ranks(pooled, sums, quantile, ci, min_valid, ranks)
    large = vector_int64(LANES)
    overflow = find_large(tile, large)
    if overflow:
        rescale(tile, large, SMALLER)
    group_slopes(tile, t, groups, pooled, ranks, slopes)
    n = tile.shape[0]
    _lines_through(tile, when, slopes, per, intercept, vector_float64(n), vector_float64(n), lines)
    if overflow:
        rescale(tile, large, 1.0 / SMALLER)
        rescale(lines, large, 1.0 / SMALLER)


@unit(allocates=False)
def _line_ranks(pooled, sums, quantile, ci, min_valid, ranks):
    """Fractional ranks of the median slope and of the limits; none, and so no slope, where values are too few."""
    for k in range(LANES):
        ranks[0, k] = ranks[1, k] = ranks[2, k] = np.nan
        if sums.n_valid[k] < min_valid:
            continue
        pairs, half_width = pooled.pairs[k], 0.5 * quantile * math.sqrt(sums.variance[k])
        lower, upper = 0.5 * pairs - half_width, 0.5 * pairs + half_width
        if ci == ROUNDED:
            lower, upper = np.rint(lower), np.rint(upper + 1.0) - 1.0
        ranks[0, k] = 0.5 * (pairs + 1)
        if ci != NO_LIMITS:
            ranks[1, k], ranks[2, k] = lower, upper + 1.0


@unit(allocates=False)
def _lines_through(tile, when, slopes, per, intercept, values, times, lines):
    """The lines of these slopes; `values` and `times` are room for all rows of a lane."""
    for k in range(LANES):
        m = 0
        for i in range(tile.shape[0]):
            if not math.isnan(tile[i, k]):
                values[m], times[m] = tile[i, k], when[i]
                m += 1
        lines[0, k], lines[2, k], lines[3, k] = slopes[0, k] * per, slopes[1, k] * per, slopes[2, k] * per
        lines[1, k] = np.nan
        if math.isnan(slopes[0, k]):
            continue
        if intercept == CONOVER:
            lines[1, k] = median(values, m) - slopes[0, k] * median(times, m)
        else:
            for i in range(m):
                values[i] -= slopes[0, k] * times[i]
            lines[1, k] = median(values, m)


@kernel(
    "(time,cell),(time),(time),(cycle)",
    "Tldd",
    outputs.TAU,
    outputs.S,
    outputs.VAR_S,
    outputs.Z,
    outputs.P_VALUE,
    Output("chi2_trend", "van Belle-Hughes chi-square of the trend that all groups of {data} share"),
    Output("chi2_homogeneity", "van Belle-Hughes chi-square of the differences between groups of {data}"),
    Output(
        "p_homogeneity",
        "p-value of the differences between trends of groups of {data}",
        attrs=(("valid_range", (0.0, 1.0)),),
    ),
    outputs.SLOPE,
    outputs.INTERCEPT,
    outputs.SLOPE_LOWER,
    outputs.SLOPE_UPPER,
    outputs.N_VALID,
    outputs.TREND,
)
def grouped_test(
    y,
    row,
    when,
    t,
    groups: int,
    correlated: int,
    listwise: int,
    p_method: int,
    with_slope: int,
    test: Test,
    line: Line,
    out,
):
    """Sum of the Mann-Kendall tests of all groups, and the median slope within groups.

    Step i of `y` is row `row[i]` of `groups` series that stand one after the other, each with a row for each time of `t`;
    `when` is its time for the intercept. `listwise` tests complete cycles only.
    """
    alpha, continuity, alternative, variant, min_valid = test
    per, quantile, intercept_method, ci = line
    (
        tau,
        s,
        var_s,
        z,
        p_value,
        chi2_trend,
        chi2_homogeneity,
        p_homogeneity,
        slope,
        intercept,
        slope_lower,
        slope_upper,
        n_valid,
        trend,
    ) = out
    n = t.size
    tile, when_of_row = lanes_float64(groups * n), vector_float64(groups * n)
    tests, lines = lanes_float64(8), lanes_float64(4)
    _start(row, when, tile, when_of_row, lines)
    scores, pooled, complete, kept = new_scores(), new_sums(), new_sums(), new_kept(n if p_method != NORMAL else 0)
    for first in range(0, y.shape[1], LANES):
        used = fill_rows(y, row, first, tile)
        sum_scores(tile, t, groups, variant, scores, pooled)
        sums = pooled
        if listwise:
            keep_complete_cycles(tile, n, groups)
            sum_scores(tile, t, groups, variant, scores, complete)
            sums = complete
        if correlated:
            dependent_variance(tile, n, groups, sums.variance)
        lane_tests(tile, n, groups, sums, continuity, alternative, p_method, min_valid, kept, tests)
        if with_slope:
            if listwise:
                fill_rows(y, row, first, tile)
            shared_lines(
                tile, t, when_of_row, groups, pooled, sums, per, quantile, intercept_method, ci, min_valid, lines
            )
        put_lanes(tests, 0, first, used, tau)
        put_lanes(tests, 1, first, used, s)
        put_lanes(tests, 2, first, used, var_s)
        put_lanes(tests, 3, first, used, z)
        put_lanes(tests, 4, first, used, p_value)
        put_lanes(tests, 5, first, used, chi2_trend)
        put_lanes(tests, 6, first, used, chi2_homogeneity)
        put_lanes(tests, 7, first, used, p_homogeneity)
        put_lanes(lines, 0, first, used, slope)
        put_lanes(lines, 1, first, used, intercept)
        put_lanes(lines, 2, first, used, slope_lower)
        put_lanes(lines, 3, first, used, slope_upper)
        put_flags(tests, sums.n_valid, alpha, alternative, first, used, n_valid, trend)
