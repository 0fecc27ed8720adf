"""Least-squares trends: scipy, the effective number of values, gaps, and bad scaling."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr

import gridtrend as gt
from gridtrend.engine.jit import entry
from gridtrend.trend.kernels.student import t_quantile, t_tail
from tests import reference_changes as reference

SCIPY_NAME = {"two-sided": "two-sided", "increasing": "greater", "decreasing": "less"}


def record(y, t=None):
    y = np.asarray(y)
    return xr.DataArray(y, {} if t is None else {"time": t}, ("time", *"xyz"[: y.ndim - 1]))


def close(found, expected, rtol=1e-12, atol=0.0):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("alternative", SCIPY_NAME)
@pytest.mark.parametrize("seed", range(10))
def test_without_autocorrelation_it_is_linregress_at_irregular_times_with_gaps(seed, alternative):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 80))
    t = np.sort(rng.uniform(0, 50, n))
    y = 250 + rng.normal(size=n) + rng.normal() * t
    y[rng.random(n) < 0.2] = np.nan
    keep = np.isfinite(y)
    if keep.sum() < 3:
        keep[:3], y[:3] = True, [1.0, 3.0, 2.0]
    peer = scipy.stats.linregress(t[keep], y[keep], alternative=SCIPY_NAME[alternative])
    ours = gt.linear_trend(record(y, t), effective=None, alternative=alternative, min_valid=3, alpha=0.1)
    width = scipy.stats.t.isf(0.05, keep.sum() - 2) * peer.stderr
    close(ours.slope, peer.slope, 1e-9)
    close(ours.intercept, peer.intercept, 1e-9)
    close(ours.stderr, peer.stderr, 1e-9)
    close(ours.p_value, peer.pvalue, 1e-7)
    close(ours.slope_upper - ours.slope_lower, 2 * width, 1e-8)
    assert ours.n_effective == keep.sum()


def test_a_thousand_random_short_series_have_the_answers_of_the_slow_version():
    rng = np.random.default_rng(0)
    for n in (4, 7, 12, 25):
        y = rng.normal(size=(n, 250)).round(1) + 0.1 * np.arange(n)[:, None]
        y[rng.random(y.shape) < 0.15] = np.nan
        ours = gt.linear_trend(record(y))
        expected = [reference.linear_trend(series) for series in y.T]
        for name in ours:
            wanted = np.array([answer[name] for answer in expected], float)
            close(ours[name], wanted, 1e-10, 1e-12)


def test_the_effective_number_and_the_error_are_those_of_the_paper():
    # Santer et al. 2008, equations 3 to 6, written out on a complete series.
    y = np.random.default_rng(3).normal(size=60).cumsum()
    t = np.arange(60.0)
    slope, intercept = np.polyfit(t, y, 1)
    e = y - intercept - slope * t
    r1 = (e[1:] * e[:-1]).sum() / (e**2).sum()
    n_effective = 60 * (1 - r1) / (1 + r1)
    stderr = np.sqrt((e**2).sum() / (n_effective - 2)) / np.sqrt(((t - t.mean()) ** 2).sum())
    ours = gt.linear_trend(record(y))
    close([ours.r1, ours.n_effective, ours.stderr], [r1, n_effective, stderr], 1e-10)
    close(ours.p_value, 2 * scipy.stats.t.sf(abs(slope / stderr), n_effective - 2), 1e-9)


def test_alternating_residuals_count_for_no_more_than_the_values():
    y = np.arange(20.0) + np.tile([1.0, -1.0], 10)
    ours = gt.linear_trend(record(y))
    assert ours.r1 < -0.5
    assert ours.n_effective == 20


def test_pairs_across_a_gap_are_no_neighbours():
    rng = np.random.default_rng(4)
    smooth = np.repeat(rng.normal(size=20), 2)
    # Every other value is missing: what is left are not neighbours, whatever their ranks.
    smooth[1::2] = np.nan
    assert gt.linear_trend(record(smooth)).r1 == 0


@pytest.mark.parametrize("way", ["nan", "no step"])
def test_a_gap_means_the_same_as_missing_values_and_as_missing_steps(way):
    time = np.array("1900-01", "M8[M]") + np.arange(240)
    y = np.random.default_rng(5).normal(size=240).cumsum()
    gap = slice(100, 110)
    full = record(y, time.astype("M8[ns]"))
    if way == "nan":
        full[gap] = np.nan
    else:
        full = full.drop_isel(time=np.arange(100, 110))
    e = reference.linear_trend(
        np.where((np.arange(240) >= 100) & (np.arange(240) < 110), np.nan, y),
        ((time.astype("M8[D]") - time.astype("M8[D]")[0]) / np.timedelta64(1, "D")) / 365.2425,
    )
    ours = gt.linear_trend(full)
    close([ours.r1, ours.slope, ours.p_value], [e["r1"], e["slope"], e["p_value"]], 1e-10)


def test_months_are_steps_though_their_lengths_differ():
    time = (np.array("2001-01", "M8[M]") + np.arange(60)).astype("M8[ns]")
    y = np.random.default_rng(6).normal(size=60).cumsum()
    close(gt.linear_trend(record(y, time)).r1, gt.linear_trend(record(y, time), per="step").r1, 0.02)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e150, 1e300])
def test_the_scale_of_the_data_does_not_matter(scale):
    y = np.random.default_rng(7).normal(size=30)
    plain, scaled = gt.linear_trend(record(y)), gt.linear_trend(record(y * scale))
    for name in ("p_value", "r1", "n_effective"):
        close(scaled[name], plain[name], 1e-11)
    close(scaled.stderr / scale, plain.stderr, 1e-11)


def test_an_exact_line_is_certain_and_a_constant_is_none():
    line = gt.linear_trend(record(273.15 + 0.1 * np.arange(20)))
    assert line.p_value == 0
    assert line.stderr == 0
    assert line.trend == 1
    constant = gt.linear_trend(record(np.full(20, 273.15)))
    assert [float(constant[name]) for name in ("slope", "stderr", "p_value", "trend")] == [0, 0, 1, 0]


def test_where_nothing_counts_nothing_is_said_of_the_slope():
    two = gt.linear_trend(record([1.0, 3.0]), min_valid=2)
    assert two.slope == 2
    assert two.p_value == 1
    assert np.isnan(two.stderr)
    assert np.isnan(two.slope_lower)
    wave = gt.linear_trend(record(np.sin(np.arange(400) / 100)))
    assert wave.n_effective < 2
    assert wave.p_value == 1


@pytest.mark.parametrize("effective", ["ar1", None])
def test_false_alarms_at_autocorrelation_are_what_the_effective_number_is_for(effective):
    rng = np.random.default_rng(8)
    e = rng.normal(size=(120, 2000))
    for i in range(1, len(e)):
        e[i] += 0.5 * e[i - 1]
    share = float((gt.linear_trend(record(e), effective=effective).trend != 0).mean())
    # Some are left: r1 is estimated too small from short series.
    assert (share < 0.09) if effective else (share > 0.2)


@entry
def tails(t, df, out):
    for i in range(t.size):
        out[i] = t_tail(t[i], df[i])


@entry
def quantiles(df, alpha, normal, out):
    for i in range(df.size):
        out[i] = t_quantile(df[i], alpha, normal)


def test_students_tail_is_right_from_the_middle_to_the_far_end():
    t, df = (a.ravel() for a in np.meshgrid(10.0 ** np.linspace(-8, 6, 60), 10.0 ** np.linspace(-2, 5, 40)))
    out = np.empty(t.size)
    tails(t, df, out)
    expected = reference.student_tail(t, df)
    sound = expected > 1e-290
    close(out[sound], expected[sound], 1e-11)
    close(out[sound & (df < 1e3)], expected[sound & (df < 1e3)], 1e-12)


@pytest.mark.parametrize("alpha", [0.32, 0.05, 0.001])
def test_students_quantile_has_the_tail_it_was_asked_for(alpha):
    df = np.concatenate([[0.02, 0.1, 0.5], 10.0 ** np.linspace(0, 6, 40)])
    out, back = np.empty(df.size), np.empty(df.size)
    quantiles(df, alpha, scipy.stats.norm.isf(alpha / 2), out)
    tails(out, df, back)
    close(back, alpha, 1e-12)
    close(out[3:], scipy.stats.t.isf(alpha / 2, df[3:]), 1e-11)


def test_an_unknown_way_to_count_values_is_refused():
    with pytest.raises(ValueError, match=r"effective='ar2' is not known; use one of 'ar1', None"):
        gt.linear_trend(record(np.arange(9.0)), effective="ar2")
