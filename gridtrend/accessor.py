"""`.gridtrend` on DataArrays and Datasets: every public function as a method, one line each."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import xarray as xr

from gridtrend import bvp, trend


def _method(function: Callable[..., xr.Dataset]) -> Any:
    """A public function as a method of either accessor, with its signature and docstring."""

    @functools.wraps(function)
    def method(self: Any, *args: Any, **kwargs: Any) -> xr.Dataset:
        return self._run(function, *args, **kwargs)  # type: ignore[no-any-return]

    return method


class _Methods:
    mann_kendall = _method(trend.mann_kendall)
    theil_sen = _method(trend.theil_sen)
    siegel_slope = _method(trend.siegel_slope)
    kendall_tau = _method(trend.kendall_tau)


@xr.register_dataarray_accessor("gridtrend")
class DataArrayAccessor(_Methods):
    """`da.gridtrend.<function>(...)` is `gridtrend.<function>(da, ...)`."""

    def __init__(self, da: xr.DataArray):
        self._da = da

    def _run(self, function: Callable[..., xr.Dataset], *args: Any, **kwargs: Any) -> xr.Dataset:
        return function(self._da, *args, **kwargs)


@xr.register_dataset_accessor("gridtrend")
class DatasetAccessor(_Methods):
    """`ds.gridtrend.<function>(...)` runs over the numeric variables that have the dimension.

    Results are named `{variable}_{output}`.
    """

    def __init__(self, ds: xr.Dataset):
        self._ds = ds

    def _run(self, function: Callable[..., xr.Dataset], *args: Any, **kwargs: Any) -> xr.Dataset:
        bound = inspect.signature(function).bind(self._ds, *args, **kwargs)
        bound.apply_defaults()
        names = _variables(self._ds, bound.arguments["dim"])
        return _combine({name: function(self._ds[name], *args, **kwargs) for name in names})

    def solve_bvp(self, A: Any, q: Any = None, **options: Any) -> xr.Dataset:
        """`gridtrend.bvp.solve_linear` with names of variables of the Dataset in place of coefficients and values."""
        return bvp.solve_linear(**bvp.with_variables(self._ds, {"A": A, "q": q, **options}))


def _variables(ds: xr.Dataset, dim: str) -> list[str]:
    """The numeric variables that have `dim`, bounds of coordinates left out."""
    bounds = {variable.attrs.get("bounds") for variable in ds.variables.values()}
    names = [
        str(name)
        for name, da in ds.data_vars.items()
        if dim in da.dims and da.dtype.kind in "biuf" and name not in bounds
    ]
    if not names:
        found = ", ".join(f"{name} {da.dims}" for name, da in ds.data_vars.items()) or "none"
        raise ValueError(
            f"no numeric variable of the Dataset has the dimension {dim!r}; its variables are {found}. "
            "Name the dimension to follow: dim=..."
        )
    return names


def _combine(results: dict[str, xr.Dataset]) -> xr.Dataset:
    """Results of several variables in one Dataset, each output named after its variable."""
    renamed = []
    for variable, result in results.items():
        names = {name: f"{variable}_{name}" for name in result.data_vars}
        result = result.rename(names)
        for da in result.data_vars.values():
            if linked := da.attrs.get("ancillary_variables"):
                da.attrs["ancillary_variables"] = " ".join(f"{variable}_{name}" for name in linked.split())
        renamed.append(result)
    return xr.merge(renamed, join="exact", compat="override", combine_attrs="drop_conflicts")
