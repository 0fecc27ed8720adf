"""What functions promise that make another record, or a map, of a record: one suite over the table `ROWS`."""

import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend.trend.cycle import CycleWarning

CALENDARS = ["standard", "noleap", "360_day", "julian", "all_leap"]


@dataclass(frozen=True)
class Row:
    """One function with one set of options."""

    name: str
    function: Callable[..., Any]
    options: dict[str, Any] = field(default_factory=dict)
    # Whether time may be split over chunks.
    splits: bool = True
    # Whether cells are computed each by itself.
    cells: bool = True
    # The name of a function of a result, called by another one.
    method: str = ""
    # Whether sums over cells round as these lie.
    rounds: bool = False
    # Variables of a Dataset that it gives.
    outputs: frozenset[str] = frozenset()

    def __str__(self):
        return self.name

    def __call__(self, da, dim="time"):
        return self.function(da, dim=dim, **self.options)


def line(da, dim):
    """Return the line of a record, whatever its cycle."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CycleWarning)
        return gt.theil_sen(da, dim)


ROWS = [
    Row("aggregate", gt.aggregate),
    Row("aggregate_season", gt.aggregate, {"season": "DJF", "min_coverage": 0.3}),
    Row("aggregate_seasons", gt.aggregate, {"season": ["DJF", "May-Oct"], "how": "median", "min_coverage": 0.3}),
    Row("aggregate_weighted", gt.aggregate, {"weights": "days", "min_coverage": 0.5}),
    Row("anomalies", gt.anomalies),
    Row("anomalies_relative", gt.anomalies, {"base": ("2000", "2003"), "by": "season", "relative": True}),
    Row("anomalies_standardized", gt.anomalies, {"by": None, "standardize": True}),
    Row("detrend", gt.detrend, splits=False),
    Row("detrend_linear", gt.detrend, {"method": "linear", "keep_mean": False}, splits=False),
    Row("area_mean", gt.area_mean, cells=False, rounds=True),
    Row(
        "area_mean_of_region", gt.area_mean, {"region": "-70:30,300:90", "min_coverage": 0.2}, cells=False, rounds=True
    ),
    Row("analyze", gt.analyze, {"test": "theil_sen", "alpha": 0.4, "min_coverage": 0.5}, outputs=frozenset({"slope"})),
    Row(
        "analyze_seasons",
        gt.analyze,
        {
            "season": ["DJF", "JJA"],
            "base": ("2000", "2003"),
            "fdr": 0.1,
            "min_coverage": 0.5,
            "relative_to": ("2000", "2003"),
        },
        outputs=frozenset({"slope", "p_value", "significant", "p_adjusted", "slope_percent"}),
        cells=False,
    ),
    # Functions of a result, and its record.
    Row("fitted", lambda da, dim: gt.fitted(line(da, dim), da, dim), splits=False, method="fitted"),
    Row(
        "as_percent",
        lambda da, dim, **options: gt.as_percent(line(da, dim), abs(da), dim, **options),
        {"period": ("2000", "2003")},
        splits=False,
        method="as_percent",
        outputs=frozenset({"slope_percent", "slope_lower_percent", "slope_upper_percent"}),
    ),
]
every_row = pytest.mark.parametrize("row", ROWS, ids=str)
of_records = pytest.mark.parametrize("row", [row for row in ROWS if not row.method], ids=str)


def outputs_of(name):
    """Return the variables of the results of a function, or the word for a record."""
    rows = [row for row in ROWS if name in (row.method, row.function.__name__)]
    return set().union(*(row.outputs or {"DataArray"} for row in rows))


@pytest.fixture(params=CALENDARS)
def months(request):
    """Return six years of months with holes and infinite values, and an empty cell."""
    return make_months(request.param)


def make_months(calendar="standard"):
    rng = np.random.default_rng(2)
    time = xr.date_range("1999-04-01", periods=75, freq="MS", calendar=calendar, use_cftime=calendar != "standard")
    cycle = 8 * np.sin(2 * np.pi * np.arange(75) / 12)[:, None, None]
    values = cycle + rng.normal(size=(75, 4, 6)).round(2) + 0.02 * np.arange(75)[:, None, None]
    values[rng.random(values.shape) < 0.1] = np.nan
    values[7, 1, 1] = np.inf
    values[:, 2, 3] = np.nan
    coords = {
        "time": time,
        "lat": ("lat", np.linspace(60, -60, 4), {"units": "degrees_north"}),
        "lon": ("lon", np.arange(0, 360, 60.0), {"units": "degrees_east"}),
        "height": ((), 2.0, {"units": "m"}),
    }
    return xr.DataArray(values, coords, ("time", "lat", "lon"), "tas", {"units": "K", "long_name": "temperature"})


def variables(result):
    """Return all variables, by name, coordinates included."""
    result = result.to_dataset(name="record") if isinstance(result, xr.DataArray) else result
    return dict(result.variables)


def assert_same(found, expected):
    """Two results are the same to the bit, order of dimensions apart."""
    found, expected = variables(found), variables(expected)
    assert list(found) == list(expected)
    for name, variable in expected.items():
        values = found[name].transpose(*variable.dims).values
        np.testing.assert_array_equal(values, variable.values, err_msg=name, strict=True)


@every_row
def test_any_calendar_has_results(row, months):
    result = row(months)
    for name, variable in variables(result).items():
        if variable.ndim > 1 and variable.dtype.kind == "f":
            assert np.isfinite(variable.values).any(), name
    if row.cells:
        for name, variable in variables(row(months.isel(lat=1, lon=2))).items():
            if name not in ("lat", "lon"):
                whole = variables(result)[name]
                whole = whole.isel({d: k for d, k in (("lat", 1), ("lon", 2)) if d in whole.dims})
                np.testing.assert_array_equal(variable.values, whole.values, err_msg=name)


@every_row
@pytest.mark.parametrize(
    "chunks", [{"lat": 1}, {"lat": 2, "lon": (1, 4, 1)}, {"time": 12}, {"time": 7, "lon": 2}], ids=str
)
def test_chunks_change_no_bit_and_nothing_is_computed_early(row, chunks, no_compute):
    months = make_months()
    if "time" in chunks and not row.splits:
        with pytest.raises(ValueError, match=r"split over .* dask chunks.*da\.chunk\("):
            row(months.chunk(chunks))
        return
    with no_compute():
        lazy = row(months.chunk(chunks))
    assert dask.is_dask_collection(lazy)
    types = {name: variable.dtype for name, variable in variables(lazy).items()}
    assert types == {name: variable.dtype for name, variable in variables(lazy.compute()).items()}
    if row.rounds:
        xr.testing.assert_allclose(lazy.compute(), row(months), rtol=1e-13)
        return
    assert_same(lazy.compute(), row(months))
    assert_same(pickle.loads(pickle.dumps(lazy)).compute(), row(months))


@every_row
def test_the_same_call_makes_the_same_graph(row):
    lazy = make_months().chunk(lat=2)
    assert sorted(map(str, row(lazy).__dask_keys__())) == sorted(map(str, row(lazy).__dask_keys__()))


@every_row
def test_what_lies_in_memory_is_answered_at_once(row):
    assert not dask.is_dask_collection(row(make_months()))


@every_row
@pytest.mark.parametrize("dims", ["lat time lon", "lon lat time", "lat lon time"])
def test_dimensions_come_in_any_order(row, dims):
    months = make_months()
    turned = months.transpose(*dims.split())
    for da in (turned, turned.copy(data=np.ascontiguousarray(turned.values)), turned.chunk(lat=1)):
        if row.rounds:
            xr.testing.assert_allclose(row(da).compute(), row(months), rtol=1e-13)
        else:
            assert_same(row(da), row(months))


@every_row
def test_the_dimension_may_have_any_name(row):
    months = make_months()
    result = variables(row(months.rename(time="t"), "t"))
    for name, variable in variables(row(months)).items():
        other = result[name.replace("time", "t") if name.startswith("time") else name]
        np.testing.assert_array_equal(other.values, variable.values, err_msg=name)


@every_row
def test_steps_come_in_any_order(row):
    months = make_months()
    order = np.random.default_rng(3).permutation(months.sizes["time"])
    shuffled, plain = row(months.isel(time=order)), row(months)
    if "time" in getattr(plain, "indexes", {}) and shuffled.sizes["time"] == months.sizes["time"]:
        shuffled = shuffled.sortby("time")
    assert_same(shuffled, plain)


@every_row
def test_infinite_values_are_missing_values(row):
    months = make_months()
    assert_same(row(months), row(months.where(np.isfinite(months))))


@every_row
def test_nothing_valid_is_missing_without_a_word(row):
    months = make_months()
    for name, variable in variables(row(months.copy(data=np.full(months.shape, np.nan)))).items():
        if variable.dtype.kind == "f" and name not in ("lat", "lon", "height"):
            assert np.isnan(variable.values).all(), name


@every_row
@pytest.mark.parametrize("dtype", ["f4", "i2", "u1", "i8", ">f8", "bool"])
def test_every_real_type_gives_the_answers_of_double_precision(row, dtype):
    months = make_months()
    whole = np.abs(months.where(np.isfinite(months), 0)).round()
    whole = (whole > 4 if dtype == "bool" else whole).astype(dtype)
    found, expected = variables(row(whole)), variables(row(whole.astype(float)))
    for name, variable in expected.items():
        if variable.dtype.kind in "fi":
            np.testing.assert_allclose(found[name].values, variable.values, rtol=1e-6, atol=1e-6, err_msg=name)


@every_row
def test_the_input_is_only_read(row):
    months = make_months()
    months.values.setflags(write=False)
    before = months.copy(deep=True)
    result = row(months)
    for variable in variables(result).values():
        variable.attrs["mark"] = "mine"
    assert months.identical(before)


@every_row
def test_coordinates_are_kept_with_their_attributes(row):
    months = make_months().assign_coords(month=("time", np.arange(75)))
    result = row(months)
    for name in ("lat", "lon", "height"):
        if name in result.coords or row.cells:
            assert result[name].variable.identical(months[name].variable), name
    assert "month" not in result.coords or result.sizes["time"] == 75


@of_records
def test_a_dataset_is_done_variable_by_variable(row):
    months = make_months()
    ds = xr.Dataset({"tas": months, "pr": months.rename("pr") * 2, "mask": months[0] > 0})
    result = getattr(ds.gridtrend, row.function.__name__)(**row.options)
    alone = row(months)
    for name in alone.data_vars if isinstance(alone, xr.Dataset) else [None]:
        one = alone if name is None else alone[name]
        for variable in ("tas", "pr"):
            found = result[variable if name is None else f"{variable}_{name}"]
            assert found.dims == one.dims
            if variable == "tas":
                np.testing.assert_array_equal(found, one)
    assert "mask" not in result


@of_records
def test_a_method_does_as_the_function(row):
    months = make_months()
    method = getattr(months.gridtrend, row.function.__name__)
    assert_same(method(**row.options), row(months))


@every_row
def test_what_is_no_record_is_refused(row):
    months = make_months()
    for wrong, why in (
        (months.values, r"xarray\.DataArray\(values, dims=\('time'"),
        (months.to_dataset(), r"ds\['tas'\].*ds\.gridtrend"),
        (months.astype(str), "real numbers"),
    ):
        with pytest.raises(TypeError, match=why):
            row(wrong)
    with pytest.raises(ValueError, match=r"no dimension 'level'"):
        row(months, "level")


@every_row
def test_a_result_goes_to_netcdf_and_back(row, months, tmp_path):
    result = row(months)
    result.to_netcdf(tmp_path / "result.nc")
    with xr.open_dataset(tmp_path / "result.nc") as read:
        for name, variable in variables(result).items():
            if variable.dtype.kind in "fi" and name != "record":
                np.testing.assert_array_equal(read[name].values, variable.values, err_msg=name)
