"""What every public function promises, whatever it computes: one suite over the table in `cases`."""

import inspect
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import dask
import dask.array
import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend.engine.kernel import Kernel
from gridtrend.engine.lanes import LANES
from gridtrend.grid.timeaxis import time_axis
from gridtrend.trend.kernels.pair_counts import SHORT
from tests.cases import (
    CASES,
    LEVELS,
    assert_matches_reference,
    assert_same,
    no_others,
    one_field,
    series_of,
    with_options,
)

GREGORIAN_YEAR = 365.2425
FLAGS = {"trend": ["decreasing", "no_trend", "increasing"], "change": ["drop", "no_change", "rise"]}

ONE_FIELD = [case for case in CASES if case.widen is one_field]
# These run the kernels of other rows: "hamed_rao" has that of "yue_wang", and "3pw" is made of the other three.
COVERED = {f"mann_kendall_{method}" for method in ("yue_wang", "prewhitening", "tfpw", "vctfpw")}


def lean(cases):
    """The rows of a test, of which those that repeat others are long trials."""
    return [pytest.param(case, marks=pytest.mark.slow) if str(case) in COVERED else case for case in cases]


every_case = pytest.mark.parametrize("case", lean(CASES), ids=str)
every_option = pytest.mark.parametrize("case", list(with_options()), ids=str)
chunkings = pytest.mark.parametrize(
    "chunks",
    [{}, {"lat": 2}, {"lat": 3, "lon": 2}, {"lat": 1, "lon": 1}, {"lon": (1, 5, 1)}],
    ids=str,
)


def years(da, dim="time"):
    """Return times of dates in years since the first."""
    return (da[dim].values - da[dim].values[0]) / np.timedelta64(1, "D") / GREGORIAN_YEAR


def hard_series(n, count, seed=0):
    """Return series of all kinds at irregular times: noise, ties, steps, holes, outliers, walks."""
    rng = np.random.default_rng(seed)
    kinds = [
        lambda: rng.normal(size=n),
        lambda: rng.normal(size=n).round(1),
        lambda: rng.integers(0, 3, n).astype(float),
        lambda: np.where(rng.random(n) < 0.6, 0.0, rng.exponential(size=n)),
        lambda: rng.normal(size=n).cumsum(),
        lambda: rng.standard_cauchy(n),
        lambda: np.arange(n) * 0.25 + rng.integers(0, 2, n),
        lambda: 273.15 + 1e-3 * rng.normal(size=n).round(2),
        lambda: 1e-5 * rng.gamma(0.3, size=n).round(2),
        lambda: np.maximum(rng.normal(size=n), -0.5),
    ]
    values = np.array([kinds[k % len(kinds)]() for k in range(count)]).T
    holes = rng.random((n, count)) < rng.choice([0.0, 0.1, 0.5, 0.9], count)
    values[holes] = np.nan
    t = np.sort(rng.choice(np.arange(10 * n), n, replace=False)) / 8.0
    return xr.DataArray(values, {"time": t}, ("time", "cell"), "y", {"units": "m"})


# --- the answer -----------------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("n", [5, 13, pytest.param(40, marks=pytest.mark.slow)])
def test_a_thousand_hard_series_have_the_answers_of_the_slow_version(case, n):
    # The three lengths together.
    da = hard_series(n, 334, seed=n)
    assert_matches_reference(case, case(da), da, da.time.values)


@every_option
def test_every_option_does_what_the_slow_version_does(case):
    da = hard_series(21, 80, seed=3)
    assert_matches_reference(case, case(da), da, da.time.values)


@every_case
def test_awkward_series_have_the_answers_of_the_slow_version(case, awkward_grid):
    assert_matches_reference(case, case(awkward_grid), awkward_grid, years(awkward_grid))


@every_case
@pytest.mark.parametrize("n_cells", [1, LANES - 1, LANES, LANES + 1, 2 * LANES + 1])
def test_any_number_of_cells_fills_the_lanes_rightly(case, n_cells):
    da = hard_series(12, n_cells, seed=n_cells)
    assert_matches_reference(case, case(da), da, da.time.values)


@every_case
@pytest.mark.parametrize("n", [SHORT - 1, SHORT, SHORT + 1, SHORT + 2])
def test_short_and_long_series_are_counted_alike(case, n):
    if not case.long:
        pytest.skip("the slow version would take minutes")
    if "simulations" in inspect.signature(case.function).parameters:
        # Beyond 50 values simulated p-values are interpolated between lengths: tests/test_change_points.py compares them with
        # long simulations.
        case = replace(case, names=[name for name in case.outputs if name not in ("p_value", "change")])
    da = hard_series(n, 10, seed=1)
    assert_matches_reference(case, case(da), da, da.time.values)


@every_case
@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_the_shortest_series_have_defined_answers(case, n):
    da = xr.DataArray(np.array([[2.0, 5.0], [3.0, 5.0], [1.0, 5.0]])[:n], dims=("time", "x"))
    assert_matches_reference(case, case(da), da)
    loose = replace(case, options=case.options | {"min_valid": 1})
    assert_matches_reference(loose, loose(da), da)


@pytest.mark.parametrize("case", lean(ONE_FIELD), ids=str)
def test_too_few_values_are_missing_results_with_a_true_count(case):
    da = xr.DataArray(np.arange(12.0).reshape(6, 2), dims=("time", "x"))
    da[2:, 1] = np.nan
    result = case(da, min_valid=4)
    for name in set(case.outputs) - {"n_valid"}:
        # Whole numbers know no NaN: a flag or a length is 0.
        nothing = 0 if result[name].dtype.kind == "i" else np.nan
        np.testing.assert_equal(result[name].values[1], nothing, err_msg=name)
    assert result.n_valid.values[1] == 2


# --- chunks, dimensions, memory -------------------------------------------------------------------


@every_case
@chunkings
def test_chunked_and_eager_results_are_the_same_bits(case, chunks, holed_grid):
    lazy = case(holed_grid.chunk({"time": -1} | chunks))
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            assert_same(lazy.compute(), case(holed_grid))


@every_case
def test_each_cell_equals_its_own_call(case, holed_grid):
    together = case(holed_grid)
    for i in range(holed_grid.sizes["lat"]):
        for j in range(holed_grid.sizes["lon"]):
            assert_same(case(holed_grid[:, i, j]), together.isel(lat=i, lon=j))


@every_case
def test_permuting_cells_permutes_results(case):
    da = hard_series(30, 50)
    order = np.random.default_rng(0).permutation(50)
    assert_same(case(da[:, order]), case(da)[{"cell": order}])


@every_case
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize("dims", ["time lat lon", "lat time lon", "lon lat time", "lat lon time"])
def test_dimensions_come_in_any_order(case, dims, lazy, holed_grid):
    turned = holed_grid.transpose(*dims.split())
    # As it lies in memory after a transposition, and after writing it anew.
    for da in (turned, turned.copy(data=np.ascontiguousarray(turned.values))):
        result = case(da.chunk({"time": -1, "lat": 2}) if lazy else da)
        assert result["n_valid"].dims == tuple(dim for dim in dims.split() if dim != "time")
        assert_same(result, case(holed_grid))


@every_case
def test_the_dimension_may_have_any_name(case, holed_grid):
    assert_same(case(holed_grid.rename(time="year"), "year"), case(holed_grid))


@every_case
def test_further_dimensions_are_cells_too(case, holed_grid):
    members = xr.concat([holed_grid, holed_grid[::-1].assign_coords(time=holed_grid.time)], "member")
    stacked = xr.concat([members, 2 * members], "level").transpose("level", "time", "member", ...)
    result = case(stacked)
    assert result["n_valid"].sizes == {"level": 2, "member": 2, "lat": 5, "lon": 7}
    assert_same(result.isel(level=0, member=0), case(holed_grid))
    assert_same(result.isel(level=1, member=1), case(stacked[1, :, 1]))


@every_case
@pytest.mark.parametrize("dims", [("lat",), ("lon",), ("lat", "lon")], ids=str)
def test_dimensions_of_size_one_are_kept(case, dims, holed_grid):
    one = {dim: slice(2, 3) for dim in dims}
    assert_same(case(holed_grid.isel(one)), case(holed_grid).isel(one))


@every_case
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_no_cells_give_no_results(case, lazy, holed_grid):
    empty = holed_grid.isel(lat=slice(0, 0))
    result = case(empty.chunk() if lazy else empty).compute()
    assert list(result.data_vars) == case.outputs
    assert all(result[name].shape == (0, 7) for name in case.outputs)


LAYOUTS = {
    "fortran": np.asfortranarray,
    "big_endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=0), 3, axis=2)[::2, :, ::3],
    "negative_strides": lambda a: a[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "broadcast": lambda a: np.broadcast_to(a[:, :1, :1], a.shape),
}


@every_case
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_layout_in_memory_does_not_matter(case, layout, dtype, holed_grid):
    plain = holed_grid.astype(dtype)
    laid_out = plain.copy(data=LAYOUTS[layout](plain.values))
    expected = plain.isel(lat=[0] * 5, lon=[0] * 7) if layout == "broadcast" else plain
    assert_same(case(laid_out), case(expected))


@every_case
def test_the_input_is_only_read(case, holed_grid):
    holed_grid.values.setflags(write=False)
    before = holed_grid.copy(deep=True)
    case(holed_grid)
    case(holed_grid[::-1])
    assert holed_grid.identical(before)


# --- types and values -----------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u1", "i2", "u2", "i4", "i8", "u8"])
def test_every_real_type_gives_the_answers_of_the_slow_version(case, dtype):
    rng = np.random.default_rng(4)
    high = 200 if dtype in ("u1", "u2") else 100
    # Whole numbers over the full range of small types: differences of uint8 would wrap.
    da = xr.DataArray(rng.integers(0, high, (30, 25)).astype(dtype), dims=("time", "x"))
    assert_matches_reference(case, case(da), da)


@every_case
def test_truth_values_are_zeros_and_ones(case):
    da = xr.DataArray(np.random.default_rng(5).random((30, 25)) < 0.3, dims=("time", "x"))
    assert_same(case(da), case(da.astype(float)))


@every_case
def test_the_answers_to_single_precision_data_are_in_double_precision(case):
    single = hard_series(40, 60).astype("f4")
    result = case(single)
    assert_matches_reference(case, result, single, single.time.values)
    assert all(result[name].dtype != np.float32 for name in case.outputs)


@every_case
def test_infinite_values_are_missing_values(case, holed_grid):
    infinite = holed_grid.fillna(np.inf)
    infinite[::2] = -np.abs(infinite[::2]).where(np.isinf(infinite[::2]), -infinite[::2])
    assert np.isneginf(infinite).any()
    assert np.isposinf(infinite).any()
    finite = infinite.where(np.isfinite(infinite))
    assert_same(case(infinite), case(finite))


@every_case
def test_nothing_valid_is_missing_without_a_word(case):
    da = xr.DataArray(np.full((20, 3), np.nan), dims=("time", "x"))
    result = case(da)
    assert (result.n_valid == 0).all()
    for name in set(case.outputs) - {"n_valid"}:
        empty = result[name] == 0 if result[name].dtype.kind == "i" else result[name].isnull()
        assert empty.all(), name


# --- laziness, processes, threads -----------------------------------------------------------------


@every_case
@pytest.mark.parametrize("unsorted", [False, True], ids=["sorted", "unsorted"])
def test_nothing_is_computed_before_it_is_asked_for(case, unsorted, no_compute, holed_grid):
    lazy = holed_grid.chunk({"time": -1, "lat": 2})
    lazy = lazy[::-1] if unsorted else lazy
    with no_compute():
        result = case(lazy)
    assert all(dask.is_dask_collection(result[name].data) for name in case.outputs)
    assert {name: da.dtype for name, da in result.data_vars.items()} == {
        name: da.dtype for name, da in result.compute().data_vars.items()
    }
    if not unsorted:
        assert result["n_valid"].chunksizes == {"lat": (2, 2, 1), "lon": (7,)}


@every_case
def test_what_lies_in_memory_is_answered_at_once(case, holed_grid):
    result = case(holed_grid)
    assert all(isinstance(result[name].data, np.ndarray) for name in case.outputs)


@every_case
def test_a_kernel_pickles_by_its_name(case):
    pickled = pickle.dumps(case.kernel)
    assert pickle.loads(pickled) is case.kernel
    assert len(pickled) < 200
    assert isinstance(case.kernel, Kernel)


@every_case
def test_the_graph_holds_names_and_not_machine_code(case, make_grid):
    lazy = xr.DataArray(dask.array.zeros((40, 64), chunks=(-1, 1)), dims=("time", "x"))
    size = len(pickle.dumps(case(lazy).n_valid.data.dask))
    assert size < 64 * 4096
    assert_same(pickle.loads(pickle.dumps(case(lazy))).compute(), case(lazy.compute()))


@every_case
def test_the_same_call_makes_the_same_graph(case, holed_grid):
    lazy = holed_grid.chunk({"lat": 2})
    assert case(lazy).n_valid.data.name == case(lazy).n_valid.data.name


@every_case
def test_eight_threads_at_once_agree_and_compile_once(case, holed_grid, monkeypatch):
    fresh, compiled = {}, []
    compile_it = case.kernel._compile

    def compile_and_count(dtype):
        compiled.append(dtype)
        return compile_it(dtype)

    expected = case(holed_grid)
    monkeypatch.setattr(case.kernel, "_compiled", fresh)
    monkeypatch.setattr(case.kernel, "_compile", compile_and_count)
    together = threading.Barrier(8)

    def work(_):
        together.wait()
        return case(holed_grid)

    with ThreadPoolExecutor(8) as threads:
        for result in threads.map(work, range(8)):
            assert_same(result, expected)
    assert compiled == [np.float64]


# --- names, units, attributes ---------------------------------------------------------------------


@every_case
def test_every_output_says_what_it_is_and_carries_nothing_of_the_input(case, grid):
    grid.attrs |= {"standard_name": "air_temperature", "cell_methods": "time: mean", "valid_min": 0}
    result = case(grid)
    assert list(result.data_vars) == case.outputs
    for name, da in result.data_vars.items():
        assert "near-surface air temperature" in da.attrs["long_name"]
        assert da.attrs.get("units") == (None if "flag_values" in da.attrs else case.units.get(name, "1"))
        assert da.attrs.get("standard_name") in (None, "status_flag", "number_of_observations")
        assert not {"cell_methods", "valid_min"} & set(da.attrs)
        difference = case.units.get(name) not in (None, "K")
        wanted = "temperature: difference" if difference else "temperature: on_scale"
        assert da.attrs.get("units_metadata") == (wanted if case.units.get(name) else None)


@every_case
def test_flags_and_ranges_have_the_type_of_their_variable(case, grid):
    for name, da in case(grid).data_vars.items():
        for attr in ("flag_values", "valid_range"):
            if attr in da.attrs:
                assert da.attrs[attr].dtype == da.dtype, (name, attr)
        if name in FLAGS:
            assert da.dtype == np.int8
            assert da.attrs["flag_values"].tolist() == [-1, 0, 1]
            assert da.attrs["flag_meanings"].split() == FLAGS[name]
        if name == "n_valid":
            assert da.dtype == np.int32


@every_case
def test_the_attributes_of_the_input_stay_as_they_were(case, grid):
    before = dict(grid.attrs), {name: dict(da.attrs) for name, da in grid.coords.items()}
    result = case(grid)
    for da in result.variables.values():
        da.attrs["mark"] = "mine"
    assert (dict(grid.attrs), {name: dict(da.attrs) for name, da in grid.coords.items()}) == before


@every_case
def test_coordinates_without_the_dimension_are_kept_with_their_attributes(case, grid):
    grid = grid.assign_coords(
        height=((), 2.0, {"units": "m"}),
        longitude=(("lat", "lon"), np.ones((5, 7)), {"units": "degrees_east"}),
        season=("time", ["DJF"] * 40),
    )
    result = case(grid)
    for name in ("lat", "lon", "height", "longitude"):
        assert result[name].variable.identical(grid[name].variable), name
    assert "season" not in result.coords


@every_case
def test_time_becomes_the_period_of_the_record(case, grid):
    grid.time.attrs = {"standard_name": "time", "axis": "T", "bounds": "time_bounds"}
    grid.time.encoding = {"units": "days since 1850-01-01", "calendar": "standard"}
    for da in (grid, grid[::-1], grid.chunk({"lat": 1})):
        result = case(da)
        first, last = grid.time.values[[0, -1]]
        assert result.time.ndim == 0
        assert first < result.time.values < last
        assert result.time.attrs == {"standard_name": "time", "axis": "T", "bounds": "time_bnds"}
        assert result.time.encoding["units"] == "days since 1850-01-01"
        assert result.time_bnds.dims == ("bnds",)
        assert result.time_bnds.values.tolist() == [first.tolist(), last.tolist()]


@every_case
def test_results_say_from_what_and_by_what_they_were_made(case, grid):
    attrs = case(grid).attrs
    assert attrs["dimension"] == "time"
    assert attrs["n"] == grid.sizes["time"]
    assert attrs["gridtrend_version"] == gt.__version__


@every_case
def test_a_record_without_times_has_no_period(case, grid):
    assert "time" not in case(grid.drop_vars("time")).coords


@every_case
def test_no_output_hides_an_attribute_of_datasets(case, grid):
    assert not [name for name in case.outputs if hasattr(xr.Dataset, name)]
    result = case(grid)
    assert all(getattr(result, name).identical(result[name]) for name in case.outputs)


@every_case
def test_the_result_tells_how_it_was_made(case, grid):
    result = case(grid.rename(time="t"), "t", min_valid=3)
    assert result.attrs["dimension"] == "t"
    assert result.attrs["min_valid"] == 3
    assert result.attrs["method"]


@every_case
def test_a_result_goes_to_netcdf_and_back(case, holed_grid, tmp_path):
    result = case(holed_grid)
    result.to_netcdf(tmp_path / "result.nc")
    with xr.open_dataset(tmp_path / "result.nc") as read:
        assert_same(read[case.outputs], result)
        assert read.time.values == result.time.values


# --- refusals -------------------------------------------------------------------------------------


@every_case
def test_a_split_dimension_is_refused_with_the_call_that_fixes_it(case, grid):
    chunked = grid.chunk({"time": 10})
    with pytest.raises(ValueError, match="split over 4 dask chunks") as refusal:
        case(chunked)
    message = str(refusal.value)
    chunked = case.widen(chunked, "time")
    others = "".join(f", '{dim}': 'auto'" for dim in chunked.dims if dim != "time")
    fix = f"da.chunk({{'time': -1{others}}})"
    assert fix in message
    assert "moves all 0 MB once" in message
    assert "opening the file with chunks={'time': -1} moves nothing" in message
    fixed = case.function(eval(fix, {"da": chunked}), *case.others(grid, "time"), **case.options)
    assert_same(fixed, case(grid))


@every_case
def test_a_missing_dimension_is_refused_with_those_that_there_are(case, grid):
    with pytest.raises(ValueError, match=r"no dimension 'year'.*'time', 'lat', 'lon'.*dim=") as why:
        case.function(grid, *case.others(grid, "time"), dim="year")
    assert "'tas'" in str(why.value)


@every_case
def test_a_dataset_is_refused_with_the_two_ways_out(case, grid):
    with pytest.raises(TypeError, match=r"ds\['tas'\].*ds\.gridtrend"):
        case.function(grid.to_dataset(), *case.others(grid, "time"))


@every_case
@pytest.mark.parametrize("kind", [np.asarray, list, dask.array.asarray])
def test_a_bare_array_is_refused_with_the_way_to_name_its_dimensions(case, kind, grid):
    with pytest.raises(TypeError, match=r"xarray\.DataArray\(values, dims=\('time'"):
        case.function(kind(grid.values), *case.others(grid, "time"))


@every_case
@pytest.mark.parametrize(
    ("dtype", "remedy"),
    [
        ("U5", r"Convert it with \.astype\(float\)"),
        ("c16", r"da\.real, or .* abs\(da\)"),
        # NaT, the smallest of whole numbers, is no duration: it has to stay missing.
        ("M8[ns]", r"\(da - np\.datetime64\('1970-01-01'\)\) / np\.timedelta64\(1, 'D'\)"),
        ("m8[ns]", r"da / np\.timedelta64\(1, 'D'\)"),
        (object, r"Convert it with \.astype\(float\)"),
    ],
)
def test_what_is_not_a_real_number_is_refused(case, dtype, remedy, grid):
    values = np.zeros(grid.shape, "i8").astype(dtype)
    for place in range(1 + len(case.others(grid, "time"))):
        arguments = [grid, *case.others(grid, "time")]
        wrong = arguments[place].fillna(0).astype("i8") if place else grid.copy(data=values)
        arguments[place] = wrong.astype(dtype) if place else wrong
        with pytest.raises(TypeError, match=rf"holds .*real numbers.*{remedy}"):
            case.function(*arguments)


@every_case
@pytest.mark.parametrize("value", [0, -1, 2.5, float("nan"), float("inf"), "4", None, [4], True])
def test_a_senseless_number_of_values_is_refused(case, value, grid):
    with pytest.raises(ValueError, match=r"min_valid=.*whole number"):
        case(grid, min_valid=value)


@every_case
def test_an_unknown_choice_is_refused_with_the_known_ones(case, grid):
    names = inspect.signature(case.function).parameters
    choices = {"alternative", "method", "p_value", "tau", "intercept", "ci", "variant", "statistic"} & set(names)
    if not choices:
        pytest.skip("the function has no choices")
    for name in choices:
        if name in ("intercept", "ci") and case.options.get("slope") is False:
            continue
        with pytest.raises(ValueError, match=rf"{name}='nonsense' is not known; use one of '"):
            case(grid, **{name: "nonsense"})


@every_case
@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 5, float("nan"), 5e-324, "0.05", None, [0.05], True, 0.05j])
def test_a_senseless_level_is_refused(case, alpha, grid):
    if "alpha" not in inspect.signature(case.function).parameters:
        pytest.skip("the function has no level")
    with pytest.raises(ValueError, match=r"alpha=.*between 0 and 1"):
        case(grid, alpha=alpha)


@every_case
def test_arguments_after_the_dimension_go_by_name(case):
    parameters = list(inspect.signature(case.function).parameters.values())
    place = [parameter.name for parameter in parameters].index("dim")
    assert parameters[place].default == "time"
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters[place + 1 :])


# --- invariances ----------------------------------------------------------------------------------

timed = pytest.mark.parametrize(
    "case", [case for case in ONE_FIELD if case.timed and case.others is no_others], ids=str
)


def exact_series():
    """Return values on a binary grid, so that shifts and scalings below round nothing."""
    rng = np.random.default_rng(8)
    values = rng.integers(-200, 200, (37, 40)) / 64.0
    values[rng.random(values.shape) < 0.1] = np.nan
    t = np.sort(rng.choice(400, 37, replace=False)).astype(float)
    return xr.DataArray(values, {"time": t}, ("time", "cell"))


@timed
@pytest.mark.parametrize("factor", [2.0, 2.0**-20, 1024.0])
@pytest.mark.parametrize("shift", [0.0, 273.15625, -1e6])
def test_a_line_moves_with_its_data_and_a_test_does_not(case, factor, shift):
    da = exact_series()
    plain, moved = case(da), case(da * factor + shift)
    for name in case.outputs:
        found, wanted = moved[name].values, plain[name].values
        if not case.units.get(name):
            # Numbers that were summed up in another order of magnitude may differ by rounding.
            tolerance = 0.0 if case.exact >= {"var_s"} else 1e-9
            np.testing.assert_allclose(found, wanted, tolerance, 0.0, err_msg=name)
        elif name in LEVELS:
            np.testing.assert_allclose(found, wanted * factor + shift, 1e-9)
        else:
            np.testing.assert_allclose(found, wanted * factor, 1e-13, err_msg=name)


@timed
def test_reversed_time_flips_the_signs(case):
    if not case.reversible:
        pytest.skip("what precedes a value and what follows it are not the same to this method")
    da = exact_series()
    plain, reversed_ = case(da), case(da.assign_coords(time=-da.time))
    mirrored = {"slope_lower": "slope_upper", "slope_upper": "slope_lower"}
    for name in case.outputs:
        sign = -1 if name in case.signed else 1
        wanted = sign * plain[mirrored.get(name, name)].values
        np.testing.assert_allclose(reversed_[name].values, wanted, 1e-12, 1e-12, err_msg=name)


@pytest.mark.parametrize("case", lean(ONE_FIELD), ids=str)
def test_shuffled_time_steps_change_nothing(case):
    da = exact_series()
    order = np.random.default_rng(2).permutation(37)
    # Those without coordinate have no order but that of the first: shuffle all.
    others = [o.isel(time=order) for o in case.others(da, "time")]
    result = case.function(da.isel(time=order), *others, **case.options)
    assert_same(result, case(da))


@timed
def test_a_later_start_moves_nothing_but_the_intercept(case):
    da = exact_series()
    plain, later = case(da), case(da.assign_coords(time=da.time + 2048))
    for name in set(case.outputs) - {"intercept", "change_time"}:
        np.testing.assert_array_equal(later[name].values, plain[name].values, err_msg=name)


@every_case
def test_a_cell_is_not_changed_by_its_neighbours(case):
    da = hard_series(50, 3 * LANES, seed=9)
    alone = [case(da[:, k]) for k in range(0, 3 * LANES, 5)]
    for k, result in zip(range(0, 3 * LANES, 5), alone, strict=True):
        wild = da * np.float64(1e8)
        wild[:, k] = da[:, k]
        assert_same(case(wild).isel(cell=k), result)


def test_series_of_a_field_are_its_cells(grid):
    assert len(series_of(grid)) == 35
    assert series_of(grid.transpose("lon", "time", "lat"))[1].identical(xr.DataArray(grid.values[:, 1, 0], dims="time"))


def test_years_of_dates_are_those_of_the_time_axis(grid):
    axis = time_axis(grid, "time")
    np.testing.assert_allclose(axis.values / axis.per, years(grid), rtol=1e-15)
