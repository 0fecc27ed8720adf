"""Changes of level: published examples and tables, peers, dates of every kind, and a null distribution drawn once."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import cftime
import dask
import numpy as np
import pytest
import scipy.stats
import xarray as xr

import gridtrend as gt
from gridtrend.trend import change_nulls
from gridtrend.trend.kernels import change_points as kernels
from tests import reference_changes as reference
from tests.cases import assert_same
from tests.oracles import oracle

# Page's 40 values (1955), for which Pettitt (1979) gives K = 232 after the 17th and p = 0.014.
PAGE = [
    -1.05, 0.96, 1.22, 0.58, -0.98, -0.03, -1.54, -0.71, -0.35, 0.66, 0.44, 0.91, -0.02, -1.42, 1.26, -1.02, -0.81,
    1.66, 1.05, 0.97, 2.14, 1.22, -0.24, 1.6, 0.72, -0.12, 0.44, 0.03, 0.66, 0.56, 1.37, 1.66, 0.1, 0.8, 1.29, 0.49,
    -0.07, 1.18, 3.29, 1.84,
]  # fmt: skip

TESTS = {
    "pettitt": (gt.pettitt, {}),
    "snht": (gt.snht, {}),
    "range": (gt.buishand, {"statistic": "range"}),
    "u": (gt.buishand, {"statistic": "u"}),
}
every_test = pytest.mark.parametrize("name", TESTS)


def run(name, da, **options):
    function, chosen = TESTS[name]
    return function(da, **chosen | options)


@pytest.fixture
def nile():
    """Return the annual flow of the Nile 1871-1970, which fell in 1899."""
    time = (np.array("1871", "M8[Y]") + np.arange(100)).astype("M8[ns]")
    return xr.DataArray(oracle("nile").y, {"time": time}, "time", "flow", {"units": "1e8 m3"})


# --- published answers and peers ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "statistic"), [("pettitt", 1617), ("snht", 43.219), ("range", 2.9518), ("u", 2.4764)], ids=str
)
def test_the_nile_fell_after_1898(name, statistic, nile):
    result = run(name, nile)
    assert float(result.statistic) == pytest.approx(statistic, abs=5e-4)
    assert result.change_time == np.datetime64("1898-01-01")
    assert [float(result.mean_before), float(result.mean_after)] == pytest.approx([1097.75, 849.97222], rel=1e-7)
    assert result.change == -1
    assert result.p_value < 1e-4


def test_pettitts_formula_gives_the_published_p_values(nile):
    assert float(gt.pettitt(nile).p_value) == pytest.approx(3.591e-07, rel=1e-3)
    page = gt.pettitt(xr.DataArray(PAGE, dims="time"))
    assert page.statistic == 232
    assert page.change_time == 16
    assert float(page.p_value) == pytest.approx(0.014555597539789477, rel=1e-12)
    assert page.change == 1


# Wijngaard, Klein Tank & Koennen 2003, doi:10.1002/joc.906, table II: critical values at 1 % and 5 %.
LENGTHS = [20, 30, 50, 70, 100]
TABLE = {
    "snht": ([9.56, 10.45, 11.38, 11.89, 12.32], [6.95, 7.65, 8.45, 8.80, 9.15]),
    "range": ([1.60, 1.70, 1.78, 1.81, 1.86], [1.43, 1.50, 1.55, 1.59, 1.62]),
    "pettitt": ([71, 133, 293, 488, 841], [57, 107, 235, 393, 677]),
}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("place", range(len(LENGTHS)))
def test_the_simulated_null_has_the_published_critical_values(name, place):
    n = LENGTHS[place]
    code = {"snht": kernels.SNHT, "range": kernels.RANGE, "pettitt": kernels.PETTITT}[name]
    null = change_nulls.null(code, n, 20_000, 0)
    # Buishand's table has the standard deviation with n; Pettitt's is for a change in one direction.
    scale = np.sqrt(n / (n - 1)) if name == "range" else 1
    sides = 2 if name == "pettitt" else 1
    for level, critical in zip((0.01, 0.05), TABLE[name], strict=True):
        found = float(np.quantile(null, 1 - sides * level)) * scale
        # The tables come from simulations themselves, and the rarer the value the rougher.
        assert found == pytest.approx(critical[place], rel=0.05 if level == 0.01 else 0.02), level


def test_buishands_u_approaches_the_law_of_cramer_and_von_mises():
    null = change_nulls.null(kernels.U, 300, 20_000, 0)
    assert np.quantile(null, [0.9, 0.95, 0.99]).tolist() == pytest.approx([0.347, 0.461, 0.743], rel=0.04)


def test_the_null_is_that_of_another_simulation():
    for name in ("pettitt", "snht", "range", "u"):
        code = {"pettitt": 0, "snht": 1, "range": 2, "u": 3}[name]
        series = np.random.default_rng(99).standard_normal((20_000, 25))
        other = reference.statistics_of_rows(series, name)
        assert scipy.stats.ks_2samp(change_nulls.null(code, 25, 20_000, 0), other).pvalue > 1e-3


@pytest.mark.parametrize("seed", range(5))
def test_pyhomogeneity_finds_the_same(seed):
    peer = pytest.importorskip("pyhomogeneity")
    rng = np.random.default_rng(seed)
    y = rng.normal(size=60).round(1) + (np.arange(60) >= 25)
    y[rng.random(60) < 0.1] = np.nan
    n = int(np.isfinite(y).sum())
    da = xr.DataArray(y, {"time": np.arange(1.0, 61.0)}, "time")
    # It divides Buishand's sums by the standard deviation with n.
    for name, function, scale in (
        ("pettitt", peer.pettitt_test, 1),
        ("snht", peer.snht_test, 1),
        ("range", peer.buishand_range_test, np.sqrt(n / (n - 1))),
        ("u", peer.buishand_u_test, n / (n - 1)),
    ):
        theirs, ours = function(y, sim=None), run(name, da)
        assert float(ours.statistic) * scale == pytest.approx(float(theirs[3]), rel=1e-12)
        assert ours.change_time == theirs.cp
        assert [float(ours.mean_before), float(ours.mean_after)] == pytest.approx(list(theirs.avg), rel=1e-12)
    assert float(gt.pettitt(da).p_value) == pytest.approx(min(1, peer.pettitt_test(y, sim=None).p), rel=1e-12)


@every_test
def test_a_thousand_random_short_series_have_the_answers_of_the_slow_version(name):
    rng = np.random.default_rng(0)
    function, chosen = TESTS[name]
    for n in (4, 9, 14, 25):
        y = rng.normal(size=(n, 250)).round(1)
        y[rng.random(y.shape) < 0.2] = np.nan
        ours = run(name, xr.DataArray(y, dims=("time", "cell")), simulations=999)
        slow = getattr(reference, function.__name__)
        expected = [slow(series, simulations=999, **chosen) for series in y.T]
        for output in ours:
            wanted = np.array([answer[output] for answer in expected], float)
            np.testing.assert_allclose(ours[output], wanted, 1e-11, 1e-14, err_msg=output)


# --- what it is used for --------------------------------------------------------------------------


@every_test
def test_false_alarms_are_as_many_as_the_level_says(name):
    da = xr.DataArray(np.random.default_rng(1).normal(size=(40, 4000)), dims=("time", "cell"))
    options = {"p_value": "simulated"} if name == "pettitt" else {}
    alarms = int((run(name, da, **options).change != 0).sum())
    low, high = scipy.stats.binom(4000, 0.05).ppf([1e-4, 1 - 1e-4])
    assert low - 30 <= alarms <= high + 10


@every_test
def test_a_step_is_found_where_it_is_and_a_missing_value_does_not_move_it(name):
    y = np.random.default_rng(2).normal(size=50) * 0.3
    y[20:] += 2
    y[[3, 11, 20, 30]] = np.nan
    result = run(name, xr.DataArray(y, {"time": 1901.0 + np.arange(50)}, "time"))
    assert result.change_time == 1920
    assert result.change == 1
    assert result.n_valid == 46


def test_the_smallest_p_value_says_how_many_series_were_drawn(nile):
    assert float(gt.snht(nile, simulations=99).p_value) == pytest.approx(0.01, rel=1e-12)
    # From 1,000 on the tail is known.
    assert gt.snht(nile).p_value < 1e-8
    assert gt.snht(nile, seed=1).attrs["seed"] == 1


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("unit", ["ns", "s"])
def test_dates_go_to_netcdf_and_back_with_missing_ones(lazy, unit, nile, tmp_path):
    field = xr.concat([nile, nile * np.nan, nile * 0], "cell").assign_coords(time=nile.time.astype(f"M8[{unit}]"))
    result = gt.pettitt(field.chunk(cell=1) if lazy else field)
    assert result.change_time.dtype == np.dtype(f"M8[{unit}]")
    assert np.isnat(result.change_time.values[1:]).all()
    # The middle of the record falls on noon, which xarray warns of.
    result.drop_vars(["time", "time_bnds"]).to_netcdf(tmp_path / "change.nc")
    with xr.open_dataset(tmp_path / "change.nc") as read:
        assert read.change_time.values[0] == np.datetime64("1898-01-01")
        assert np.isnat(read.change_time.values[1:]).all()


@pytest.mark.parametrize("calendar", ["360_day", "noleap", "standard"])
def test_dates_of_any_calendar_are_decoded_from_the_file(calendar, nile, tmp_path):
    time = xr.date_range("1871-01-01", periods=100, freq="YS", calendar=calendar, use_cftime=True)
    field = xr.concat([nile, nile * np.nan], "cell").assign_coords(time=time)
    result = gt.snht(field)
    assert np.isnan(result.change_time.values[1])
    decoded = xr.decode_cf(result.isel(cell=0), decode_times=xr.coders.CFDatetimeCoder(use_cftime=True))
    assert decoded.change_time.values[()] == cftime.datetime(1898, 1, 1, calendar=calendar)
    result.to_netcdf(tmp_path / "change.nc")


def test_numbers_stay_numbers_in_the_units_of_the_coordinate(nile):
    years = nile.assign_coords(time=("time", np.arange(1871, 1971), {"units": "years"}))
    result = gt.snht(years[::-1])
    assert result.change_time == 1898
    assert result.change_time.attrs["units"] == "years"
    assert gt.snht(nile.drop_vars("time")).change_time == 27


@pytest.mark.parametrize("use_cftime", [False, True])
def test_no_time_at_all_has_no_change(use_cftime, nile):
    time = xr.date_range("1871-01-01", periods=100, freq="YS", use_cftime=use_cftime)
    assert np.isnan(gt.snht(nile.assign_coords(time=time)[:0]).change_time)


# --- drawing --------------------------------------------------------------------------------------


def test_the_null_is_drawn_once_for_each_length_by_whatever_thread(nile, monkeypatch):
    drawn = []
    draw = kernels.change_point.__call__

    def count(*arrays, **parameters):
        drawn.append(arrays[0].shape)
        return draw(*arrays, **parameters)

    change_nulls._draw.cache_clear()
    monkeypatch.setattr(kernels.change_point.__class__, "__call__", lambda _, *a, **k: count(*a, **k))
    together = threading.Barrier(4)

    def work(_):
        together.wait()
        return change_nulls.null(kernels.SNHT, 33, 500, 0)

    with ThreadPoolExecutor(4) as threads:
        tables = list(threads.map(work, range(4)))
    assert drawn == [(500, 33)]
    assert all(table is tables[0] for table in tables)


def test_nothing_is_drawn_before_it_is_asked_for(nile, no_compute, monkeypatch):
    field = xr.concat([nile, nile[::-1].assign_coords(time=nile.time)], "cell")
    monkeypatch.setattr(change_nulls, "null", lambda *_: pytest.fail("drawn"))
    with no_compute():
        lazy = gt.snht(field.chunk(cell=1))
    monkeypatch.undo()
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            assert_same(lazy.compute(), gt.snht(field))


def test_drawing_in_batches_draws_the_same(monkeypatch):
    whole = np.sort(reference.statistics_of_rows(np.random.default_rng([3, 600]).standard_normal((4000, 600)), "snht"))
    np.testing.assert_allclose(change_nulls.null(kernels.SNHT, 600, 4000, 3), whole, 1e-9)


def test_senseless_draws_are_refused(nile):
    with pytest.raises(ValueError, match=r"simulations=10 cannot show significance at 0.05; .* at least 20"):
        gt.snht(nile, simulations=10)
    with pytest.raises(ValueError, match="seed=-1 is not a seed"):
        gt.buishand(nile, seed=-1)


# --- p-values of short series, and far out --------------------------------------------------------


@pytest.mark.parametrize("n", [4, 6, 7])
def test_pettitt_of_few_values_is_that_of_all_their_orders(n):
    orders = np.array(list(itertools.permutations(range(n))), float)
    statistics = reference.statistics_of_rows(orders, "pettitt")
    found = gt.pettitt(xr.DataArray(orders[: 5 * n].T, dims=("time", "x")))
    wanted = [(statistics >= k).mean() for k in found.statistic.values]
    np.testing.assert_allclose(found.p_value, wanted, rtol=1e-12)


def test_pettitt_finds_changes_in_eight_values():
    # By hand: 2 of C(8, 4) = 70 halves stand apart, in any order of theirs: K = 16.
    result = gt.pettitt(xr.DataArray([1.0, 3, 2, 4, 15, 12, 13, 11], dims="time"))
    assert result.statistic == 16
    assert float(result.p_value) == pytest.approx(2 / 70)
    assert result.change == 1
    # Of 5 and 5 values, 2 of 252; of 9 with one missing, as of 8.
    assert float(gt.pettitt(xr.DataArray(np.arange(10.0), dims="time")).p_value) == pytest.approx(2 / 252)
    holed = xr.DataArray([1.0, 3, 2, 4, np.nan, 15, 12, 13, 11], dims="time")
    assert float(gt.pettitt(holed).p_value) == pytest.approx(2 / 70)


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("n", [20, pytest.param(60, marks=pytest.mark.slow)])
def test_the_tail_is_that_of_many_more_simulations(name, n):
    code = {"pettitt": kernels.PETTITT, "snht": kernels.SNHT, "range": kernels.RANGE, "u": kernels.U}[name]
    many, count = np.sort(change_nulls._draw(code, n, 1_000_000, 5)), 1_000_000
    for share in (1e-2, 1e-3, 1e-4, 3e-5):
        statistic = many[-round(share * count)]
        true = (many >= statistic * kernels.EQUAL).mean()
        found = float(change_nulls.simulated_p(code, np.array([statistic]), np.array([n]), 20_000, 0)[0])
        # Two standard errors of 200 to 100 simulated ones, and of the tail that is fitted to them.
        error, room = np.log(found / true), 0.25 if share > 1e-3 else 0.6
        # K of 20 values cannot be much larger than what is seen: a tail without an end is cautious.
        assert -room < error < (2.5 if name == "pettitt" and n == 20 else room), (share, found)


@pytest.mark.parametrize("name", TESTS)
def test_p_values_fall_without_jumps_and_end_above_nothing(name):
    code = {"pettitt": kernels.PETTITT, "snht": kernels.SNHT, "range": kernels.RANGE, "u": kernels.U}[name]
    for n in (6, 30, 80):
        highest = change_nulls.null(code, n, 20_000, 0)[-1]
        statistic = np.linspace(0.5, 1.2, 400) * highest
        p = change_nulls.simulated_p(code, statistic, np.full(400, n), 20_000, 0)
        assert (np.diff(p) <= 1e-12).all()
        assert p[-1] > 0
        assert (p[p < 0.01] > 0).all()
    exact = change_nulls.simulated_p(code, np.array([1e9]), np.array([6]), 20_000, 0)
    # Six values have 20 ways to put three of them first.
    assert exact >= min(1 / 20_001, 1 / 20)


@every_test
def test_five_strong_cells_are_found_among_ten_thousand(name):
    y = np.random.default_rng(8).normal(size=(50, 10_000))
    y[25:, :5] += 10
    options = {"p_value": "simulated"} if name == "pettitt" else {}
    p = run(name, xr.DataArray(y, dims=("time", "cell")), **options).p_value
    significant = gt.field_significance(p).significant
    assert significant[:5].all()
    assert significant[5:].sum() <= 2


@every_test
def test_noise_maps_are_seldom_significant(name):
    y = np.random.default_rng(9).normal(size=(30, 60 * 2000))
    options = {"p_value": "simulated"} if name == "pettitt" else {}
    p = run(name, xr.DataArray(y.reshape(30, 60, 2000), dims=("time", "map", "cell")), **options).p_value
    found = int((gt.field_significance(p, "cell").n_rejected > 0).sum())
    # 8 % of 60 maps are 4.8; one in a thousand such samples has more than 11.
    assert found <= 11


def test_lengths_between_those_drawn_have_p_values_between():

    def p_of(n):
        (p,) = change_nulls.simulated_p(kernels.SNHT, np.array([9.0]), np.array([n]), 20_000, 0)
        return float(p)

    before = change_nulls._draw.cache_info().misses
    values = [p_of(n) for n in range(101, 141)]
    # Forty lengths from three drawn ones.
    assert change_nulls._draw.cache_info().misses - before <= 3
    assert (np.diff(values) > -1e-12).all()
    # An own simulation of one of them.
    own = change_nulls._draw(kernels.SNHT, 120, 20_000, 7)
    assert p_of(120) == pytest.approx((own >= 9.0).mean(), rel=0.12)
