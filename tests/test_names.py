"""Coordinates and dimensions of the data that are called like a result."""

import warnings

import numpy as np
import pytest
import xarray as xr

import gridtrend as gt
from tests.cases import CASES, assert_same

TIME = (np.array("1990", "M8[Y]") + np.arange(20)).astype("M8[ns]")


@pytest.fixture
def depths():
    """Return temperatures at three depths, which are called z."""
    values = np.random.default_rng(3).normal(size=(20, 3, 4))
    coords = {"time": TIME, "z": ("z", [5.0, 10.0, 20.0], {"units": "m", "positive": "down"})}
    return xr.DataArray(values, coords, ("time", "z", "x"), "temp", {"units": "degC"})


def told(*names):
    """Expect one warning that says the new name of each."""
    return pytest.warns(UserWarning, match=".*".join(f"'{name}' is now '{name}_coordinate'" for name in sorted(names)))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("form", ["dimension", "dimension without coordinate", "scalar", "field"])
def test_results_keep_their_names_and_coordinates_get_another(case, form, holed_grid):
    da = holed_grid.isel(lat=slice(2), lon=slice(3))
    plain = case(da)
    for name in case.outputs:
        if form == "dimension":
            named = da.rename(lat=name)
        elif form == "dimension without coordinate":
            named = da.drop_vars("lat").rename(lat=name)
        elif form == "scalar":
            named = da.assign_coords({name: ((), 7.0, {"units": "m"})})
        else:
            named = da.assign_coords({name: (("lat", "lon"), np.ones((2, 3)))})
        with pytest.warns(UserWarning, match=f"'{name}' is now '{name}_coordinate'") as warned:
            result = case(named)
        assert len(warned) == 1
        assert list(result.data_vars) == case.outputs
        other = f"{name}_coordinate"
        if form.startswith("dimension"):
            assert_same(result.rename_dims({other: "lat"}).drop_vars(other, errors="ignore"), plain)
        else:
            assert_same(result, plain)
            assert result[other].variable.identical(named[name].variable)


@pytest.mark.parametrize("case", [case for case in CASES if case.timed], ids=str)
def test_the_dimension_that_is_followed_may_be_called_like_a_result(case, holed_grid):
    da = holed_grid.isel(lat=slice(2), lon=slice(3))
    for name in case.outputs:
        with told(name):
            result = case(da.rename(time=name), name)
        assert_same(result, case(da))
        assert result[f"{name}_coordinate"].attrs["bounds"] == f"{name}_coordinate_bnds"


def test_names_that_no_result_bears_stay(depths):
    for name in ("z", "level", "p_value", "whitened", "r1"):
        result = gt.theil_sen(depths.rename(z=name))
        assert result[name].variable.identical(depths["z"].rename(z=name).variable)
    result = gt.theil_sen(depths.rename(time="trend"), "trend")
    assert result["trend"].attrs["bounds"] == "trend_bnds"
    assert result.attrs["dimension"] == "trend"
    # What steps inside of a method are called is nobody's business.
    result = gt.mann_kendall(depths.rename(z="level"), method="vctfpw")
    assert result["level"].variable.identical(depths["z"].rename(z="level").variable)


def test_variables_of_a_dataset_leave_their_coordinates_alone(depths):
    ds = xr.Dataset({"temp": depths, "salt": depths + 1})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = ds.gridtrend.mann_kendall()
        assert result["z"].variable.identical(depths["z"].variable)
        assert result["temp_z"].dims == ("z", "x")
        assert result["temp_slope"].attrs["ancillary_variables"].split()[0] == "temp_slope_lower"
    with pytest.warns(UserWarning, match="'temp_z' is now 'temp_z_coordinate'"):
        result = ds[["temp"]].assign_coords(temp_z=3.0).gridtrend.mann_kendall()
    assert float(result["temp_z_coordinate"]) == 3.0


def test_levels_of_a_multiindex_get_another_name_and_stay_levels(depths):
    with told("z"):
        result = gt.mann_kendall(depths.stack(place=("z", "x")))
    assert result["z"].dims == ("place",)
    assert result.indexes["place"].names == ["z_coordinate", "x"]
    with told("z"):
        assert_same(result.unstack("place").transpose("z_coordinate", ...), gt.mann_kendall(depths))


class Marked(xr.indexes.PandasIndex):
    """An index of a class of its own."""


def test_indexes_of_coordinates_are_kept(depths):
    da = depths.drop_indexes("z").set_xindex("z", Marked)
    assert isinstance(gt.theil_sen(da).xindexes["z"], Marked)
    assert isinstance(gt.pettitt(da).xindexes["z"], Marked)
    p = xr.DataArray([0.01, 0.2, 0.3], {"z": da["z"]}, "z").drop_indexes("z").set_xindex("z", Marked)
    assert isinstance(gt.field_significance(p).xindexes["z"], Marked)
    # Without an index it stays without.
    assert "z" not in gt.theil_sen(depths.drop_indexes("z")).xindexes


def test_coordinates_of_a_second_array_count_too(depths):
    covariate = xr.DataArray(np.cos(np.arange(20.0)), {"time": TIME, "rho": 3.0}, "time")
    with told("rho", "z"):
        result = gt.partial_mann_kendall(depths, covariate)
    assert float(result["rho_coordinate"]) == 3.0


@pytest.mark.parametrize("size", [2, 3])
def test_a_dimension_of_the_data_called_as_that_of_bounds_is_another(depths, size):
    da = depths.isel(z=slice(size)).rename(z="bnds")
    result = gt.theil_sen(da)
    assert result.sizes["bnds"] == size
    assert result["time_bnds"].size == 2
    both = xr.Dataset({"a": da.drop_vars("bnds"), "b": depths[:, 0, 0].drop_vars("z")}).gridtrend.theil_sen()
    assert both["a_slope"].sizes["bnds"] == size
    assert both["time_bnds"].size == 2


def test_groups_may_lie_along_a_name_of_a_result(depths):
    da = depths.rename(x="tau")
    expected = gt.regional_mann_kendall(depths.rename(z="depth"), over="x")
    assert_same(gt.regional_mann_kendall(da.rename(z="depth"), over="tau"), expected)
    with told("z"):
        result = gt.regional_mann_kendall(da, over="tau")
    assert_same(result.rename(z_coordinate="depth"), expected)
    with pytest.raises(ValueError, match=r"dimensions other than 'time' are 'z', 'tau'"):
        gt.regional_mann_kendall(da, over="lat")


def test_fields_of_p_values_may_lie_along_a_name_of_a_result():
    p = xr.DataArray([[0.001, 0.2], [0.03, 0.9]], {"significant": [1, 2]}, ("significant", "x"))
    expected = gt.field_significance(p.rename(significant="y"), "y")
    with told("significant"):
        result = gt.field_significance(p, "significant")
    assert_same(result.rename_dims(significant_coordinate="y").drop_vars("significant_coordinate"), expected)


def test_messages_speak_of_the_names_of_the_data(depths):
    with pytest.raises(ValueError, match=r"da\.chunk\(\{'time': -1, 'z': 'auto', 'x': 'auto'\}\)"):
        gt.mann_kendall(depths.chunk(time=5))


def test_spectra_keep_coordinates_called_like_their_results(depths):
    da = xr.DataArray(np.random.default_rng(1).normal(size=(64, 3)), {"level": [1.0, 2, 3]}, ("time", "level"))
    with told("level"):
        result = gt.red_noise(da, window=16)
    assert set(result["level"].dims) == {"level_coordinate", "frequency"}
    with told("phase"):
        result = gt.harmonic(da.rename(level="phase"), period=8, window=32)
    assert "phase_coordinate" in result.coords


def test_solvers_refuse_coordinates_called_like_their_results():
    def decay(t, y, p):
        return (-y.m,)

    start = xr.Dataset({"m": ("t", [1.0, 2.0])})
    with pytest.raises(ValueError, match=r"has a dimension 't'.*rename\(\{'t': 'cell'\}\)"):
        gt.ode.integrate(decay, start, (0.0, 1.0))
    start = xr.Dataset({"m": ("x", [1.0, 2.0])}, {"status": ("x", [1, 2])})
    with pytest.raises(ValueError, match="'status' is a variable of the result, and a dimension or coordinate"):
        gt.ode.integrate(decay, start, (0.0, 1.0))
    q = xr.DataArray(np.ones((5, 2)), {"x": np.linspace(0, 1, 5), "residual": [1, 2]}, ("x", "residual"))
    with pytest.raises(ValueError, match="coordinate or dimension 'residual'"):
        gt.bvp.solve_linear({("u", "v"): 1.0}, {"v": q}, dim="x", left={"u": 0.0}, right={"u": 1.0})
