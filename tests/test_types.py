"""Arrays of every type of number, in each place where a function takes one."""

import dask.array
import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend.engine.wide import counted
from tests.cases import CASES, assert_same, one_series

every_case = pytest.mark.parametrize("case", CASES, ids=str)
TYPES = ["f2", "f4", "g", "i1", "i8", "u1", "u8", "?", ">f4", ">i2"]


def whole_numbers(*shape, seed=0, high=2):
    return np.random.default_rng(seed).integers(0, high, shape)


@every_case
@pytest.mark.parametrize("dtype", TYPES)
def test_each_argument_may_be_of_any_type(case, dtype):
    # Zeros and ones are the same numbers in all types.
    da = xr.DataArray(whole_numbers(24, 5), dims=("time", "x"))
    others = [
        xr.DataArray(whole_numbers(24, 5, seed=1), dims=("time", "x")) for _ in case.others(da.astype(float), "time")
    ]
    # Of three sites, one is made by a difference: its -1 would be another number in unsigned types.
    wide = [abs(case.widen(da.astype(float), "time").fillna(0).astype(int)), *others]
    assert set(np.unique(wide[0])) == {0, 1}
    expected = case.function(*(one.astype(float) for one in wide), **case.options)
    for place in range(len(wide)):
        for rest in ["f4", "f8"][: len(wide)]:
            arguments = [one.astype(dtype if i == place else rest).chunk(x=2) for i, one in enumerate(wide)]
            result = case.function(*arguments, **case.options).compute()
            assert {name: v.dtype for name, v in result.data_vars.items()} == {
                name: v.dtype for name, v in expected.data_vars.items()
            }
            xr.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


# --- numbers that float64 does not hold ------------------------------------------------------------

SMALL = whole_numbers(30, 7, seed=2, high=50)


@every_case
@pytest.mark.parametrize(
    ("dtype", "base"), [("i8", 2**60), ("i8", -(2**63)), ("u8", 2**63), ("u8", 2**64 - 51), (">i8", -(2**62) - 1)]
)
def test_whole_numbers_beyond_float64_are_ranked_exactly(case, dtype, base):
    # By definition: a test of ranks and a slope do not change when a constant is added.
    small = xr.DataArray(SMALL, dims=("time", "x"))
    offset = np.array(base, dtype=np.dtype(dtype).newbyteorder("="))
    large = xr.DataArray((SMALL.astype(offset.dtype) + offset).astype(dtype), dims=("time", "x"))
    assert int(large[0, 0]) == int(SMALL[0, 0]) + base
    others = [one_series(small, "time")[0].fillna(0) for _ in case.others(small.astype(float), "time")]
    wide = small if case.widen(small, "time") is small else None
    if wide is None:
        expected = gt.regional_mann_kendall(small.expand_dims(site=2), over="site")
        result = gt.regional_mann_kendall(large.expand_dims(site=2), over="site")
    else:
        expected = case.function(small, *others, **case.options)
        result = case.function(large, *others, **case.options)
    # To the bit, whatever the chunks, and none of them computed early.
    if wide is not None:
        assert_same(case.function(large.chunk(x=3), *others, **case.options).compute(), result)
    for name, found in result.data_vars.items():
        if name in ("intercept", "mean_before", "mean_after"):
            np.testing.assert_allclose(found, float(base) + expected[name], rtol=1e-15)
        else:
            np.testing.assert_allclose(found, expected[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_steady_rise_of_large_numbers_has_all_pairs():
    # By hand: n (n - 1) / 2.
    assert gt.mann_kendall(xr.DataArray(2**60 + np.arange(20), dims="time")).s == 190
    assert gt.mann_kendall(xr.DataArray(np.uint64(2**63) + np.arange(10, dtype="u8"), dims="time")).s == 45
    large = xr.DataArray(2**61 + np.arange(12), dims="time")
    small = xr.DataArray(np.arange(12.0), dims="time")
    assert float(gt.kendall_tau(small, large).tau) == pytest.approx(1, abs=1e-15)
    assert float(gt.kendall_tau(large[::-1], small).tau) == pytest.approx(-1, abs=1e-15)


def test_cells_of_small_numbers_beside_large_ones_are_what_they_are():
    both = xr.DataArray(np.stack([SMALL[:, 0], 2**60 + SMALL[:, 1]], 1), dims=("time", "x"))
    assert_same(gt.mann_kendall(both)[{"x": 0}], gt.mann_kendall(both[:, 0]))
    assert_same(gt.mann_kendall(both.chunk(x=1)).compute(), gt.mann_kendall(both))


@pytest.mark.parametrize("values", [[0, 2**60, 5, 7], [-(2**62), 2**62, 1, 2], [-(2**63), 2**63 - 1, 0, 0]])
def test_whole_numbers_too_far_apart_are_refused(values):
    with pytest.raises(ValueError, match=r"span more than 2\*\*53.*astype\(float\)"):
        gt.mann_kendall(xr.DataArray(values, dims="time"))


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="extended precision is double precision here")
def test_extended_precision_is_refused_where_ties_would_appear():
    steps = 1 + np.arange(12, dtype=np.longdouble) * np.finfo(np.longdouble).eps
    with pytest.raises(ValueError, match="different numbers of one series"):
        gt.mann_kendall(xr.DataArray(steps, dims="time"))
    with pytest.raises(ValueError, match="different numbers of one series"):
        gt.mann_kendall(xr.DataArray(np.longdouble(10) ** np.arange(300, 312), dims="time"))
    assert gt.mann_kendall(xr.DataArray(steps - 1, dims="time")).s == 66
    holed = np.array([np.nan, 1, 2, np.inf, 4, 5], np.longdouble)
    assert gt.mann_kendall(xr.DataArray(holed, dims="time")).s == 6


def test_differences_from_the_first_are_exact():
    # Python's own whole numbers.
    rng = np.random.default_rng(0)
    for low in (-(2**63), -(2**54), 2**53 - 3, 2**62):
        series = np.array([low + int(step) for step in rng.integers(0, 2**53, 20)], np.int64)
        values, first = counted(series[None])
        assert [int(v) for v in values[0]] == [int(v) - int(series[0]) for v in series]
        assert first[0] == float(series[0])


# --- sizes, chunks, names, units --------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("shape", [(0, 3), (5, 0), (0, 0), (1, 3)])
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_arrays_of_nothing_have_results_of_that_shape(case, shape, lazy, no_compute):
    da = xr.DataArray(np.ones(shape), dims=("time", "x"))
    with no_compute():
        result = case(da.chunk() if lazy else da)
    assert all(result[name].shape == shape[1:] for name in case.outputs)
    assert (result["n_valid"].chunks is not None) == lazy
    assert not (result.compute()["n_valid"] > shape[0] * 3).any()


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
@pytest.mark.parametrize("method", ["bh", "walker", "maxt"])
def test_fields_of_nothing_have_no_significant_cell(shape, method):
    for da in (
        xr.DataArray(np.ones(shape), dims=("time", "x")),
        xr.DataArray(np.ones(shape), dims=("time", "x")).chunk(),
    ):
        result = gt.field_significance(da, method=method, permutations=20).compute()
        assert result.n_tests == result.n_rejected == 0


@every_case
def test_unknown_chunks_are_refused_with_the_call_that_counts_them(case):
    data = dask.array.ones((6, 4), chunks=(6, 2))
    da = xr.DataArray(data[:, data[0] > 0], dims=("time", "x"))
    with pytest.raises(ValueError, match=r"compute_chunk_sizes"):
        case.function(
            da,
            *(
                xr.DataArray(np.ones(6), dims="time")
                for _ in case.others(xr.DataArray(np.ones((6, 1)), dims=("time", "x")), "time")
            ),
            **case.options,
        )
    counted_da = da.copy(data=da.data.compute_chunk_sizes())
    assert gt.theil_sen(counted_da).slope.shape == (4,)


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (1, "1"), (np.int64(1), "1"), (1.0, "1"), (0.001, "0.001"), (np.array([1]), "1"), (["K"], "K"), (b"mm", "mm"),
        (np.nan, None), (None, None), ([1, 2], None), ({"a": 1}, None), (np.array(["m", "s"]), None), (True, None), ("m", "m"),
    ],
    ids=str,
)  # fmt: skip
def test_units_may_be_anything_that_files_hold(units, expected):
    da = xr.DataArray(whole_numbers(20, 2, high=9), dims=("time", "x"), attrs={"units": units, "long_name": units})
    results = [gt.mann_kendall(da), gt.linear_trend(da), gt.pettitt(da), gt.seasonal_mann_kendall(da, period=2)]
    results += [
        gt.partial_mann_kendall(da, da),
        gt.multivariate_mann_kendall(xr.Dataset({"a": da, "b": da}), slope=True),
    ]
    for result in results:
        level = result["mean_before" if "mean_before" in result else "intercept"]
        assert level.attrs.get("units") == expected
    assert gt.welch(da, window=8) is not None


@pytest.mark.parametrize("name", [1, ("a", 1), 2.5, None, True], ids=str)
def test_variables_may_be_called_by_anything(name):
    da = xr.DataArray(whole_numbers(20, 2, high=9), dims=("time", "x"), name=name)
    assert str("the data" if name is None else name) in gt.mann_kendall(da).slope.attrs["long_name"]
    if name is not None:
        ds = xr.Dataset({name: da})
        assert f"{name}_slope" in ds.gridtrend.theil_sen()
        assert f"{name}_p_value" in ds.gridtrend.mann_kendall()
        assert gt.multivariate_mann_kendall(xr.Dataset({name: da, "other": da})).s.shape == (2,)


def test_variables_whose_results_would_have_one_name_are_refused():
    da = xr.DataArray(np.arange(20.0), dims="time")
    with pytest.raises(ValueError, match="two of 1, '1' give the same name"):
        xr.Dataset({1: da, "1": da}).gridtrend.theil_sen()


def test_signed_zeros_do_not_depend_on_chunks():
    values = np.where(whole_numbers(40, 33, high=3) > 0, -0.0, 0.0)
    da = xr.DataArray(values, dims=("time", "x"))
    for function in (gt.theil_sen, gt.mann_kendall, gt.siegel_slope, gt.linear_trend, gt.pettitt):
        whole = function(da)
        for size in (1, 5, 16):
            parts = function(da.chunk(x=size)).compute()
            for name, found in parts.data_vars.items():
                np.testing.assert_array_equal(np.signbit(found), np.signbit(whole[name]), err_msg=name)


@pytest.mark.parametrize(("dtype", "base"), [("i8", 2**60), ("u8", 2**63), (">i8", -(2**62) - 1)])
@pytest.mark.parametrize("other", ["f8", "f4", "i8"])
def test_large_whole_numbers_beside_other_types_are_ranked_exactly(dtype, base, other, no_compute):
    # By definition: a test of ranks does not change when a constant is added.
    small = xr.DataArray(SMALL, dims=("time", "x"))
    offset = np.array(base, dtype=np.dtype(dtype).newbyteorder("="))
    large = xr.DataArray((SMALL.astype(offset.dtype) + offset).astype(dtype), dims=("time", "x"))
    beside = (small[::-1] % 7).astype(other)
    if other == "i8" and dtype != "u8":
        pytest.skip("whole numbers of one type are stacked as they are")
    expected = gt.multivariate_mann_kendall(xr.Dataset({"a": small, "b": beside.astype(float)}))
    mixed = xr.Dataset({"a": large, "b": beside})
    assert_same(gt.multivariate_mann_kendall(mixed), expected)
    with no_compute():
        lazy = gt.multivariate_mann_kendall(mixed.chunk(x=3))
    assert_same(lazy.compute(), expected)


def test_levels_of_large_whole_numbers_beside_floating_ones_are_refused():
    ds = xr.Dataset({"a": ("time", 2**60 + np.arange(12)), "b": ("time", np.arange(12.0))})
    with pytest.raises(ValueError, match=r"beyond 2\*\*53 are mixed with floating-point numbers.*slope=False"):
        gt.multivariate_mann_kendall(ds, slope=True)
    # By hand: both rise from each step to the next.
    assert int(gt.multivariate_mann_kendall(ds).s) == 2 * 66
    assert float(gt.multivariate_mann_kendall(ds.assign(a=ds.a - 2**60), slope=True).slope) == 1.0
