"""Where an annual cycle hides trends, plain tests say so; where there is none, they do not."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.signal
import xarray as xr
from click.testing import CliRunner

import gridtrend as gt
from gridtrend.cli.commands import cli
from gridtrend.trend.cycle import CycleWarning, has_cycle

# All that follow the whole series: those of seasons do not, the others have p-values or no record.
OTHERS = {"seasonal_mann_kendall", "field_significance", "minimum_detectable_trend", "as_percent", "detrend", "fitted"}
PLAIN = sorted(set(gt.trend.__all__) - OTHERS)
SEASONAL = {"mann_kendall", "theil_sen", "siegel_slope", "linear_trend"}
MONTHS = xr.date_range("1980-01", periods=240, freq="MS")


def field(amplitude, time=MONTHS, cells=6, noise=0.5, trend=0.03, calendar=None):
    years = np.arange(time.size) / 12 if calendar is None else calendar
    wave = amplitude * np.sin(2 * np.pi * years) + trend * years
    values = wave[:, None] + np.random.default_rng(0).normal(size=(time.size, cells)) * noise
    return xr.DataArray(values, {"time": time}, ("time", "x"), "tas")


def others(name, da):
    """Return the second series of functions that compare two."""
    plain = xr.DataArray(np.random.default_rng(1).normal(size=da.sizes["time"]), {"time": da.time}, ("time",), "index")
    return (plain,) if name in ("partial_mann_kendall", "kendall_tau") else ()


def options_of(name):
    """Return the options without which a function refuses a field."""
    return {"over": "x"} if name == "multivariate_mann_kendall" else {}


def said(call):
    """Return the warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("name", PLAIN)
def test_every_function_of_whole_series_speaks_of_a_cycle(name):
    da = field(10.0)
    more, options = others(name, da), options_of(name)
    with pytest.warns(CycleWarning) as caught:
        getattr(gt, name)(da, *more, **options)
    assert len(caught) == 1
    # Through the accessor, which lies between, too.
    with pytest.warns(CycleWarning) as through_accessor:
        getattr(da.gridtrend, name)(*more, **options)
    assert caught[0].filename == through_accessor[0].filename == __file__
    remedy = "gt.seasonal_mann_kendall(da)" if name in SEASONAL else "groupby('time.month')"
    assert remedy in str(caught[0].message)
    assert said(lambda: getattr(gt, name)(da.chunk(), *(second.chunk() for second in more), **options)) == []
    anomalies = da.groupby("time.month") - da.groupby("time.month").mean()
    assert said(lambda: getattr(gt, name)(anomalies, *more, **options)) == []
    yearly, *of_years = (series.groupby("time.year").mean() for series in (da, *more))
    assert said(lambda: getattr(gt, name)(yearly, *of_years, dim="year", **options)) == []


@pytest.mark.parametrize("options", [{"slope": False}, {"slope": True}, {"compat": "pymannkendall"}])
@pytest.mark.parametrize(
    "name", ["mann_kendall", "regional_mann_kendall", "multivariate_mann_kendall", "partial_mann_kendall"]
)
def test_a_cycle_is_said_once_whatever_is_computed(name, options):
    da = field(10.0)
    assert len(said(lambda: getattr(gt, name)(da, *others(name, da), **options_of(name), **options))) == 1


@pytest.mark.parametrize("name", ["partial_mann_kendall", "kendall_tau"])
def test_a_cycle_of_either_of_two_records_is_said(name):
    plain, cyclic = field(0.0), field(10.0).isel(x=0, drop=True)
    (message,) = said(lambda: getattr(gt, name)(plain, cyclic))
    (both,) = said(lambda: getattr(gt, name)(field(10.0), cyclic))
    assert message == both
    assert said(lambda: getattr(gt, name)(plain, plain.isel(x=0, drop=True))) == []


def test_two_unrelated_records_with_a_cycle_are_correlated_and_their_anomalies_are_not():
    # By hand: the twelve months have five pairs of one level and two months by themselves, so that noise orders a share of
    # (5 2**2 + 2) / 144 of the pairs, and the wave all others alike in both.
    first, second = field(10.0, trend=0.0, cells=2).transpose("x", "time")
    with pytest.warns(CycleWarning, match="correlates all records that have one"):
        raw = gt.kendall_tau(first, second)
    assert abs(raw.tau - (1 - 22 / 144)) < 0.02
    assert raw.p_value < 1e-50
    anomalies = [da.groupby("time.month") - da.groupby("time.month").mean() for da in (first, second)]
    assert abs(gt.kendall_tau(*anomalies).tau) < 0.1


def test_variables_of_a_dataset_with_a_cycle_are_said_together():
    ds = xr.Dataset({"tas": field(10.0), "pr": field(3.0)})
    (message,) = said(lambda: gt.multivariate_mann_kendall(ds))
    assert "groupby('time.month')" in message
    assert said(lambda: gt.multivariate_mann_kendall(ds.chunk())) == []


def test_seasonal_tests_say_nothing():
    assert said(lambda: gt.seasonal_mann_kendall(field(10.0))) == []


@pytest.mark.parametrize("calendar", ["standard", "noleap", "360_day"])
def test_the_remedy_fits_the_steps(calendar):
    time = xr.date_range("2001-01-01", periods=240, freq="MS", calendar=calendar, use_cftime=True)
    assert "gt.seasonal_mann_kendall(da)" in said(lambda: gt.theil_sen(field(3.0, time)))[0]
    days = xr.date_range("2001-01-01", periods=2000, calendar=calendar, use_cftime=True)
    daily = field(3.0, days, calendar=np.asarray(days.dayofyear) / 365)
    assert "da.resample(time='MS').mean()" in said(lambda: gt.linear_trend(daily))[0]


def test_the_remedy_of_composites_is_their_number():
    time = pd.DatetimeIndex(
        [d for y in range(2003, 2013) for d in pd.date_range(f"{y}-01-01", f"{y}-12-31", freq="16D")]
    )
    da = field(3.0, time, calendar=np.arange(230) / 23)
    (message,) = said(lambda: gt.theil_sen(da))
    assert "period=23" in message
    assert said(lambda: gt.seasonal_mann_kendall(da, period=23)) == []


def test_missing_cells_and_a_cycle_of_a_part_of_the_map():
    da = field(10.0, cells=10)
    da[:, :6] = np.nan
    assert len(said(lambda: gt.theil_sen(da))) == 1
    da[:, 6:] = np.nan
    assert said(lambda: gt.theil_sen(da)) == []
    assert said(lambda: gt.theil_sen(xr.zeros_like(da))) == []


@pytest.mark.parametrize("steps", [12, 4, 2])
@pytest.mark.parametrize("r1", [0.0, 0.5])
@pytest.mark.parametrize("years", [3, 10, 30])
def test_noise_is_no_cycle(steps, r1, years):
    # 2,000 series, each by itself: fewer than 1 % may be taken for cyclic.
    rng = np.random.default_rng([steps, years])
    noise = scipy.signal.lfilter([1.0], [1.0, -r1], rng.normal(size=(steps * years + 50, 2000)), axis=0)[50:]
    months = np.arange(steps * years) * (12 // steps)
    assert sum(has_cycle(noise[:, [k]], months) for k in range(2000)) < 20


@pytest.mark.parametrize("years", [5, 10, 30])
def test_a_cycle_as_large_as_the_noise_is_found(years):
    rng = np.random.default_rng(years)
    wave = np.sqrt(2) * 1.5 * np.sin(np.arange(12 * years) * np.pi / 6)
    assert has_cycle(
        wave[:, None] + rng.normal(size=(12 * years, 50)) + 0.01 * np.arange(12 * years)[:, None], np.arange(12 * years)
    )


@pytest.mark.parametrize("chunks", [None, (1, 6, 8), (240, 3, 4)])
def test_the_command_line_says_it_in_its_own_words(tmp_path, chunks):
    values = field(10.0, cells=48).values.reshape(240, 6, 8)
    coords = {"time": MONTHS, "lat": np.arange(6.0), "lon": np.arange(8.0)}
    ds = xr.Dataset({"tas": (("time", "lat", "lon"), values)}, coords)
    ds.to_netcdf(tmp_path / "in.nc", encoding={"tas": {"chunksizes": chunks}} if chunks else None)
    for arguments in (["info"], ["trend", str(tmp_path / "out.nc"), "--no-slope"]):
        outcome = CliRunner().invoke(cli, [arguments[0], str(tmp_path / "in.nc"), *arguments[1:]])
        assert outcome.exit_code == 0, outcome.output
        notes = [line for line in outcome.stderr.splitlines() if "annual cycle" in line]
        assert len(notes) == 1
        assert "--method seasonal" in notes[0]
        assert "gt." not in notes[0]
    seasonal = ["trend", str(tmp_path / "in.nc"), str(tmp_path / "s.nc"), "--no-slope", "--method", "seasonal"]
    assert "annual cycle" not in CliRunner().invoke(cli, seasonal).output
