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
from gridtrend.engine.room import lanes_float64, lanes_int64, vector_float64, vector_int64
from gridtrend.engine.tiles import put_lanes
from gridtrend.engine.unit import unit
from gridtrend.trend import outputs
from gridtrend.trend.kernels.chi_square import chi_square_sf
from gridtrend.trend.kernels.exact_distribution import NORMAL, append_series, new_kept, tail_p_value, wants_exact
from gridtrend.trend.kernels.mann_kendall import TAU_A, put_flags
from gridtrend.trend.kernels.normal import p_value as normal_p_value
from gridtrend.trend.kernels.normal import z_score
from gridtrend.trend.kernels.parameters import Line, Test
from gridtrend.trend.kernels.powers_of_two import SMALLER
from gridtrend.trend.kernels.scores import new_scores, score_tile
from gridtrend.trend.kernels.slope_bracket import Pairs
from gridtrend.trend.kernels.slope_search_groups import group_slopes
from gridtrend.trend.kernels.theil_sen import find_large, lines_through, put_ranks, rescale

# Sums over the groups of each lane. Rows of `counts`: valid values, pairs, those that fall, those that are tied, groups of
# which S has a variance. Rows of `scores`: S, its variance, what tau divides by; of the groups' own z without continuity
# their sum and sum of squares.
Sums = namedtuple("Sums", "counts scores")
VALID, PAIRS, DOWN, TIES, VARYING = range(5)
S, VARIANCE, WHOLE, Z, Z_SQUARED = range(5)


@unit
def new_sums():
    """Memory for the sums of a tile."""
    return Sums(lanes_int64(5), lanes_float64(5))


@unit(allocates=False)
def _start(row, when, tile, when_of_row, lines):
    """Make all rows missing, and set the times of the rows that have a step."""
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
    """Copy cells `first` to `first + LANES` of `y` to `tile`, each step to its row; inf becomes NaN.

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
    n, (counts, sums_of_scores) = t.size, sums
    for row in range(5):
        for k in range(LANES):
            counts[row, k], sums_of_scores[row, k] = 0, 0.0
    for g in range(groups):
        series = tile[g * n : (g + 1) * n]
        for k in range(LANES):
            scores.n_valid[k] = 0
        for i in range(n):
            for k in range(LANES):
                scores.n_valid[k] += not math.isnan(series[i, k])
        score_tile(series, t, scores)
        _add_scores(scores, variant, counts, sums_of_scores)
    for k in range(LANES):
        sums_of_scores[VARIANCE, k] /= 18.0


@unit(allocates=False)
def _add_scores(scores, variant, counts, sums):
    """Add the scores of one group."""
    for k in range(LANES):
        m, ties = scores.n_valid[k], scores.ties[0, k]
        s, pairs = np.float64(scores.up[0, k] - scores.down[0, k]), m * (m - 1) // 2
        # As in `score_variance`, but summed before it is divided: the sum is exact.
        variance = m * (m - 1.0) * (2.0 * m + 5.0) - 6.0 * scores.squares[0, k] - 12.0 * ties
        counts[VALID, k] += m
        counts[PAIRS, k] += pairs
        counts[DOWN, k] += scores.down[0, k]
        counts[TIES, k] += ties
        sums[S, k] += s
        sums[VARIANCE, k] += variance
        sums[WHOLE, k] += pairs if variant == TAU_A else math.sqrt(np.float64(pairs) * (pairs - ties))
        if variance > 0.0:
            z = s / math.sqrt(variance / 18.0)
            counts[VARYING, k] += 1
            sums[Z, k] += z
            sums[Z_SQUARED, k] += z * z


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
def exact_lane_p(tile, n, groups, k, pairs, s, alternative, kept, p):
    """Set `p[k]` from the exact distribution of lane `k`'s sum over independent groups."""
    room, series = np.empty((2, pairs // 2 + 1)), vector_float64(n)
    room[0, 0] = 1.0
    untied = 0
    for g in range(groups):
        m = 0
        for i in range(g * n, (g + 1) * n):
            if not math.isnan(tile[i, k]):
                series[m] = tile[i, k]
                m += 1
        untied = append_series(room, untied, series[:m], kept)
    p[k] = tail_p_value(room[0], untied, s, alternative)


@unit(allocates=False)
def lane_tests(tile, n, groups, sums, continuity, alternative, p_method, min_valid, kept, tests):
    """tau, S, var S, z, p, and van Belle and Hughes' two chi-squares with the second one's p, the rows of `tests`."""
    counts, scores = sums
    for k in range(LANES):
        for row in range(8):
            tests[row, k] = np.nan
        if counts[VALID, k] < max(min_valid, 1):
            continue
        s, pairs, varying = scores[S, k], counts[PAIRS, k], counts[VARYING, k]
        tests[0, k] = s / scores[WHOLE, k] if s != 0.0 else 0.0
        tests[1, k], tests[2, k] = s, scores[VARIANCE, k]
        tests[3, k] = z_score(s, tests[2, k], continuity)
        if wants_exact(p_method, pairs):
            exact_lane_p(tile, n, groups, k, pairs, s, alternative, kept, tests[4])
        else:
            tests[4, k] = normal_p_value(tests[3, k], alternative)
        if varying > 0:
            tests[5, k] = scores[Z, k] * scores[Z, k] / varying
            tests[6, k] = max(scores[Z_SQUARED, k] - tests[5, k], 0.0)
            tests[7, k] = chi_square_sf(tests[6, k], varying - 1)


@unit
def shared_lines(tile, t, when, groups, pooled, sums, per, quantile, intercept, ci, min_valid, lines):
    """Slope, intercept at time 0, and limits of the slope, the four rows of `lines`, of each lane.

    Limits have the ranks of Gilbert 1987 among all pairs within groups, from the variance of the test. `pooled` sums over
    all values, `sums` over those that were tested.
    """
    ranks, slopes = lanes_float64(3), lanes_float64(3)
    for k in range(LANES):
        put_ranks(pooled.counts[PAIRS, k], sums.scores[VARIANCE, k], quantile, ci, ranks, k)
        if sums.counts[VALID, k] < min_valid:
            ranks[0, k] = ranks[1, k] = ranks[2, k] = np.nan
    large = vector_int64(LANES)
    overflow = find_large(tile, large)
    if overflow:
        rescale(tile, large, SMALLER)
    pairs = Pairs(pooled.counts[PAIRS], pooled.counts[DOWN], pooled.counts[TIES])
    group_slopes(tile, t, groups, pairs, ranks, slopes)
    series, times = vector_float64(when.size), vector_float64(when.size)
    lines_through(tile, when, sums.counts[VALID], slopes, per, intercept, min_valid, series, times, lines)
    if overflow:
        rescale(tile, large, 1.0 / SMALLER)
        rescale(lines, large, 1.0 / SMALLER)


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
            dependent_variance(tile, n, groups, sums.scores[VARIANCE])
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
        put_flags(tests, sums.counts[VALID], alpha, alternative, first, used, n_valid, trend)
