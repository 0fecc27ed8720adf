"""`.gridtrend` on DataArrays and Datasets says the same as the functions."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from gridtrend import public
from tests.cases import CASES, assert_same, one_field

ROOT = Path(__file__).parents[1]

every_case = pytest.mark.parametrize("case", [case for case in CASES if case.widen is one_field], ids=str)


@pytest.fixture
def dataset(make_grid):
    """Return two fields with time, one without, one of text, and bounds of time."""
    tas, rain = make_grid(seed=1), make_grid(seed=2, decimals=0).rename("rain")
    rain.attrs = {"units": "mm", "long_name": "rainfall"}
    bounds = np.stack([tas.time.values, tas.time.values + np.timedelta64(1, "D")], axis=1)
    variables = {
        "tas": tas,
        "rain": rain,
        "mask": tas.isel(time=0, drop=True),
        "station": ("time", ["a"] * 40),
        "time_bounds": (("time", "bnds"), bounds),
        "time_weights": (("time", "bnds"), np.ones((40, 2))),
    }
    dataset = xr.Dataset(variables)
    dataset.time.attrs["bounds"] = "time_bounds"
    return dataset


def call(accessor, case, others, **options):
    return getattr(accessor, case.function.__name__)(*others, **case.options | options)


@every_case
def test_a_method_of_a_dataarray_is_the_function(case, holed_grid):
    others = case.others(holed_grid, "time")
    result = call(holed_grid.gridtrend, case, others, min_valid=5)
    assert result.identical(case(holed_grid, min_valid=5))


@every_case
def test_a_method_of_a_dataset_takes_every_variable_with_the_dimension(case, dataset):
    others = case.others(dataset.tas, "time")
    result = call(dataset.drop_vars("time_weights").gridtrend, case, others)
    expected = [f"{variable}_{name}" for variable in ("tas", "rain") for name in case.outputs]
    assert list(result.data_vars) == expected
    for variable in ("tas", "rain"):
        alone = case.function(dataset[variable], *others, **case.options)
        names = {name: f"{variable}_{name}" for name in case.outputs}
        assert_same(result[list(names.values())], alone.rename(names))


@every_case
def test_other_arguments_reach_the_function_through_a_dataset(case, dataset):
    ds = dataset[["tas"]].rename(time="year")
    others = case.others(ds.tas, "year")
    result = call(ds.gridtrend, case, others, dim="year", min_valid=39)
    assert result.attrs["dimension"] == "year"
    assert result.attrs["min_valid"] == 39


def test_the_dimension_goes_by_position_too(dataset):
    ds = dataset[["tas"]].rename(time="year")
    assert ds.tas.gridtrend.theil_sen("year").equals(gt.theil_sen(ds.tas, "year"))
    assert "tas_slope" in ds.gridtrend.theil_sen("year")


def test_links_between_variables_follow_their_new_names(dataset):
    result = dataset.gridtrend.mann_kendall()
    for variable in ("tas", "rain"):
        linked = result[f"{variable}_slope"].attrs["ancillary_variables"].split()
        assert f"{variable}_p_value" in linked
        assert set(linked) <= set(result.data_vars)


def test_units_and_names_are_those_of_each_variable(dataset):
    result = dataset.gridtrend.theil_sen()
    assert result.tas_slope.attrs["units"] == "K year-1"
    assert result.rain_slope.attrs["units"] == "mm year-1"
    assert "rainfall" in result.rain_slope.attrs["long_name"]


def test_a_dataset_keeps_the_period_and_the_coordinates(dataset):
    result = dataset.gridtrend.theil_sen()
    assert result.time.attrs["bounds"] == "time_bnds"
    assert result.time_bnds.size == 2
    assert result.lat.variable.identical(dataset.lat.variable)


def test_variables_of_different_shape_stand_side_by_side(dataset):
    ds = dataset[["tas"]].assign(mean=dataset.tas.mean(["lat", "lon"]), level=dataset.tas.expand_dims("z"))
    result = ds.gridtrend.theil_sen()
    assert result.mean_slope.dims == ()
    assert result.level_slope.dims == ("z", "lat", "lon")
    assert result.tas_slope.dims == ("lat", "lon")


def test_a_dataset_stays_lazy(dataset, no_compute):
    lazy = dataset.chunk({"lat": 1})
    with no_compute():
        result = lazy.gridtrend.mann_kendall()
    assert result.tas_slope.chunks is not None
    assert_same(result.compute(), dataset.gridtrend.mann_kendall())


def test_a_dataset_without_a_suitable_variable_is_refused_with_those_that_there_are(dataset):
    with pytest.raises(ValueError, match=r"no numeric variable .*'year'.*tas \('time', .*dim="):
        dataset.gridtrend.mann_kendall("year")
    with pytest.raises(ValueError, match="its variables are none"):
        xr.Dataset().gridtrend.mann_kendall()


def test_a_dataset_of_split_chunks_is_refused(dataset):
    with pytest.raises(ValueError, match="'time' is split over 4 dask chunks"):
        dataset.chunk({"time": 10}).gridtrend.mann_kendall()


@pytest.mark.parametrize("kind", [xr.DataArray, xr.Dataset])
def test_every_public_function_is_a_method_with_its_documentation(kind):
    for name in public.methods():
        function, method = getattr(gt, name), getattr(kind().gridtrend, name)
        assert method.__doc__ == function.__doc__
        # All but the data themselves.
        parameters = list(inspect.signature(function).parameters.values())
        assert list(inspect.signature(method).parameters.values()) == parameters[1:]


@pytest.mark.parametrize("modules", ["gridtrend, xarray", "xarray, gridtrend", "gridtrend.trend"])
def test_the_accessor_is_there_whoever_is_imported_first(modules):
    code = f"""
import sys
import {modules}
assert len([finder for finder in sys.meta_path if "gridtrend" in type(finder).__module__]) == 0
da = sys.modules["xarray"].DataArray([1.0, 2.0, 4.0, 3.0], dims="time")
assert da.gridtrend.mann_kendall.__doc__ == sys.modules["gridtrend"].mann_kendall.__doc__
assert da.to_dataset(name="x").gridtrend.theil_sen.__doc__
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_importing_the_package_imports_nothing_heavy():
    heavy = "xarray numpy numba scipy dask click"
    code = f"import sys, gridtrend, gridtrend.cli; assert not sys.modules.keys() & set('{heavy}'.split())"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert set(gt.__all__) == set(dir(gt))
    assert all(hasattr(gt, name) for name in gt.__all__)
    assert not hasattr(gt, "trends")


def test_the_accessor_shows_what_can_be_called(grid):
    for data, name, only in ((grid, "da", "fit_per_cell"), (grid.to_dataset(), "ds", "solve_bvp")):
        shown = repr(data.gridtrend)
        assert f"{name}.gridtrend.mann_kendall(...)" in shown
        assert f"{name}.gridtrend.{only}(...)" in shown
        assert "object at 0x" not in shown
        assert all(
            callable(getattr(data.gridtrend, line.split(".")[2][:-1].removesuffix("(")))
            for line in shown.splitlines()[1:-1]
        )
