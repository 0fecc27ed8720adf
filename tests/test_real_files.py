"""Real files, each hard in its own way, cell by cell against scipy and pymannkendall."""

from dataclasses import dataclass

import numpy as np
import pymannkendall
import pytest
import scipy.stats
import xarray as xr

import gridtrend  # noqa: F401
from tests import reference
from tests.oracles import TABLE

# Monthly files go through tests of whole series here, which compare numbers and want no advice.
pytestmark = pytest.mark.filterwarnings("ignore::gridtrend.trend.cycle.CycleWarning")

LINES = ["slope", "intercept", "slope_lower", "slope_upper"]


@dataclass(frozen=True)
class RealFile:
    """One variable of a file, and what makes it hard."""

    file: str
    variable: str
    year: float
    why: str

    def __str__(self):
        return self.variable


NRCAN = "NRCAN_SECan_1981-2010.nc"
FILES = [
    RealFile("E1_north_america.nc", "air_temperature", 360, "360_day calendar"),
    RealFile("ersstv5_201001-202008.nc", "sst", 365.2425, "land, ice pinned at -1.8, months"),
    RealFile("TREFHT.B06.69.atm.1890-1999ANN.nc", "TREFHT", 365, "noleap calendar, netCDF-3"),
    RealFile(NRCAN, "tg_mean", 365.2425, "a third is missing"),
    RealFile(NRCAN, "growing_season_length", 365.2425, "whole days: many ties"),
    RealFile(NRCAN, "max_n_day_precipitation_amount_n_5", 365.2425, "a third is missing"),
    RealFile("pr_day_CanESM2_365day_2095.nc", "pr", 365, "zeros, values around 1e-4"),
    RealFile("era5_land_monthly_prcp_1981-2018.nc", "tp", 365.2425, "packed integers"),
]
SNOW = RealFile("snw_day_CanESM5_1991-2010.nc", "snw", 365, "7,300 steps, half of them zero")

every_file = pytest.mark.parametrize("real", FILES, ids=str)
with_holes = pytest.mark.parametrize("holes", [0.0, 0.15, 0.6], ids=lambda share: f"{share:.0%}_holes")


@pytest.fixture
def open_file(shared_data):
    """Open a variable of a real file, and knock holes into it."""
    opened = []

    def open_variable(real, holes=0.0):
        opened.append(xr.open_dataset(shared_data(real.file)))
        da = opened[-1][real.variable].load()
        if holes:
            da = da.where(np.random.default_rng(0).random(da.shape) >= holes)
        return da

    yield open_variable
    for dataset in opened:
        dataset.close()


def days(da):
    """Return the true times in days since the first."""
    if da.time.dtype == object:
        return np.array([(date - da.time.values[0]).total_seconds() for date in da.time.values]) / 86400
    return (da.time.values - da.time.values[0]) / np.timedelta64(1, "D")


def sampled(da, count=200):
    """Return positions of cells with at least ten values, all of them where there are few."""
    valid = np.isfinite(da.values).sum(axis=0) >= 10
    cells = np.argwhere(valid)
    chosen = np.random.default_rng(1).permutation(len(cells))[:count]
    assert len(chosen) == min(count, len(cells)) > 0
    return [dict(zip(da.dims[1:], map(int, cells[k]), strict=True)) for k in chosen]


def valid_values(da, cell, t):
    y = da.isel(cell).values.astype(float)
    keep = np.isfinite(y)
    return y[keep], t[keep]


def assert_line(found, peer, y):
    """Slope, intercept and limits are those of scipy, which takes the outermost slope where no rank is left."""
    ours = np.array([float(found[name]) for name in LINES])
    exists = np.isfinite(ours)
    assert exists[:2].all()
    tolerance = np.array([0, 1e-12 * np.abs(y).max(), 0, 0])
    wrong = np.abs(ours - peer) > 1e-12 * np.abs(peer) + tolerance
    assert not (wrong & exists).any(), (ours, peer)


@every_file
@with_holes
def test_every_cell_has_its_count_and_cells_of_too_few_values_are_missing(real, holes, open_file):
    da = open_file(real, holes)
    result = da.gridtrend.mann_kendall()
    count = np.isfinite(da.values).sum(axis=0)
    np.testing.assert_array_equal(result.n_valid, count)
    for name in set(result.data_vars) - {"n_valid", "trend"}:
        if name not in ("slope_lower", "slope_upper"):
            np.testing.assert_array_equal(np.isfinite(result[name]), count >= 4, err_msg=name)
    assert not result.trend.values[count < 4].any()
    assert (result.slope_lower <= result.slope).where(result.slope_lower.notnull(), True).all()
    assert (result.slope <= result.slope_upper).where(result.slope_upper.notnull(), True).all()


@every_file
@with_holes
def test_sampled_cells_have_the_answers_of_scipy(real, holes, open_file):
    da, t = open_file(real, holes), None
    t = days(da)
    result = da.gridtrend.mann_kendall(continuity=False, ci="rounded", per="day")
    for cell in sampled(da):
        y, times = valid_values(da, cell, t)
        found = result.isel(cell)
        line = scipy.stats.theilslopes(y, times, alpha=0.95)
        assert_line(found, np.array(line), y)
        if np.ptp(y) == 0:
            # scipy has no answer for a constant series.
            assert (found.s, found.p_value, found.slope) == (0, 1, 0)
            continue
        peer = scipy.stats.kendalltau(times, y, method="asymptotic")
        ours = [float(found.tau), float(found.p_value)]
        np.testing.assert_allclose(ours, list(peer), rtol=1e-11, atol=1e-15)


@every_file
def test_sampled_cells_have_the_answers_of_pymannkendall(real, open_file):
    da = open_file(real, holes=0.0)
    result = da.gridtrend.mann_kendall(per="step")
    for cell in sampled(da, 40):
        y, _ = valid_values(da, cell, np.arange(da.sizes["time"]))
        found, peer = result.isel(cell), pymannkendall.original_test(y)
        assert (float(found.s), bool(found.trend != 0)) == (peer.s, peer.h)
        np.testing.assert_allclose([found.var_s, found.z], [peer.var_s, peer.z], rtol=1e-12)
        # Its p is a difference from one, and its slope pretends that there are no gaps.
        np.testing.assert_allclose(found.p_value, peer.p, rtol=1e-12, atol=1e-15)
        if y.size == da.sizes["time"]:
            np.testing.assert_allclose(found.slope, peer.slope, rtol=1e-12)


@every_file
def test_sampled_cells_have_the_answers_of_the_slow_version(real, open_file):
    da = open_file(real, holes=0.3)
    t = days(da) / real.year
    result = da.gridtrend.mann_kendall()
    for cell in sampled(da, 40):
        y, times = valid_values(da, cell, t)
        found, wanted = result.isel(cell), reference.mann_kendall(y, times)
        for name in ("s", "var_s", "n_valid", "trend"):
            assert float(found[name]) == wanted[name], name
        for name in ("tau", "z", "p_value", "slope", "slope_lower", "slope_upper"):
            np.testing.assert_allclose(found[name], wanted[name], rtol=1e-11, atol=0, err_msg=name)


@every_file
def test_a_lazy_file_has_the_same_answers_and_the_dataset_too(real, shared_data):
    path = shared_data(real.file)
    with xr.open_dataset(path) as plain, xr.open_dataset(path, chunks={"time": -1}) as lazy:
        expected = plain[real.variable].gridtrend.theil_sen()
        chunks = {dim: 10 for dim in plain[real.variable].dims if dim != "time"}
        result = lazy[[real.variable]].chunk(chunks).gridtrend.theil_sen().compute()
        for name, da in expected.data_vars.items():
            np.testing.assert_array_equal(result[f"{real.variable}_{name}"], da, err_msg=name)


@every_file
def test_results_keep_the_places_and_the_period_of_the_file(real, open_file):
    da = open_file(real)
    result = da.gridtrend.theil_sen()
    for name, coordinate in da.coords.items():
        if "time" not in coordinate.dims:
            assert result[name].variable.equals(coordinate.variable), name
            assert result[name].attrs == coordinate.attrs, name
    assert result.time_bnds.values.tolist() == da.time.values[[0, -1]].tolist()
    assert result.slope.attrs["units"].endswith(" year-1")


def test_a_cell_of_north_america_has_its_checked_answers(open_file):
    entry = TABLE["air_temperature_e1"]
    real = next(real for real in FILES if real.variable == entry["variable"])
    da = open_file(real)
    y, x = entry["cell"]
    # Annual means of a 360-day calendar: a step is a year, whichever way it is said.
    for per in ("step", "year"):
        found = da.gridtrend.mann_kendall(per=per, ci="rounded").isel(latitude=y, longitude=x)
        for name, value in entry["expected"].items():
            if name == "limits_rounded":
                limits = [float(found.slope_lower), float(found.slope_upper)]
                np.testing.assert_allclose(limits, value, rtol=1e-6)
            else:
                np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=0)
        assert float(found.s) == 13592
        np.testing.assert_allclose(found.z, 10.932317204585425, rtol=1e-14)
        np.testing.assert_allclose(found.slope, 0.014512226360417015, rtol=1e-12)


def test_two_variables_of_a_file_correlate_as_in_scipy(open_file):
    x, y = (open_file(real) for real in FILES if real.variable in ("tg_mean", "growing_season_length"))
    result = x.gridtrend.kendall_tau(y)
    for cell in sampled(x, 200):
        peer = scipy.stats.kendalltau(x.isel(cell), y.isel(cell), nan_policy="omit")
        found = result.isel(cell)
        np.testing.assert_allclose([found.tau, found.p_value], list(peer), rtol=1e-11, atol=1e-15)


def all_slopes(y, t):
    """Return every slope of a long series, sorted as far as the middle needs."""
    return np.concatenate([(y[i + 1 :] - y[i]) / (t[i + 1 :] - t[i]) for i in range(y.size - 1)])


@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_snow_of_twenty_years_has_exact_medians_and_limits(holes, open_file):
    da = open_file(SNOW, holes)
    result = da.gridtrend.theil_sen(per="day", ci="rounded")
    count = np.isfinite(da.values).sum(axis=0)
    np.testing.assert_array_equal(result.n_valid, count)
    spread = np.nanmax(da.values, axis=0) - np.nanmin(da.values, axis=0)
    cells = [np.unravel_index(k, spread.shape) for k in np.argsort(spread, axis=None)[[0, 15, 29]]]
    for i, j in cells:
        y, t = valid_values(da, {"lat": i, "lon": j}, days(da))
        slopes = all_slopes(y, t)
        n = slopes.size
        width = scipy.stats.norm.isf(0.025) * np.sqrt(float(reference.variance(y)))
        ranks = [(n - 1) // 2, n // 2, round((n - width) / 2) - 1, round((n + width) / 2 + 1) - 1]
        slopes.partition(sorted(set(ranks)))
        found = result[{"lat": i, "lon": j}]
        wanted = [slopes[ranks[:2]].mean(), slopes[ranks[2]], slopes[ranks[3]]]
        ours = [float(found[name]) for name in ("slope", "slope_lower", "slope_upper")]
        np.testing.assert_allclose(ours, wanted, rtol=1e-12, atol=0)


def test_snow_of_twenty_years_has_scipys_test_in_every_cell(open_file):
    da = open_file(SNOW)
    result = da.gridtrend.mann_kendall(continuity=False, slope=False)
    t = days(da)
    for cell in sampled(da):
        y, times = valid_values(da, cell, t)
        found = result.isel(cell)
        if np.ptp(y) == 0:
            assert (found.s, found.p_value) == (0, 1)
            continue
        peer = scipy.stats.kendalltau(times, y, method="asymptotic")
        np.testing.assert_allclose([found.tau, found.p_value], list(peer), rtol=1e-9, atol=1e-300)
