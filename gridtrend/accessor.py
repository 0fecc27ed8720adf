"""`.gridtrend` on DataArrays and Datasets: every public function of a record as a method.

`gridtrend.attach` registers both classes.
"""

import functools
import inspect
from collections.abc import Callable, Hashable
from typing import Any

import xarray as xr

from gridtrend import public, seasons, trend
from gridtrend.grid.names import with_prefix
from gridtrend.seasons.periods import with_edges
from gridtrend.trend.variables import numeric_variables

# Functions of results, which are Datasets, and of their records.
OF_RESULTS = ("as_percent", "fitted")


def _method(function: Callable[..., Any]) -> Any:
    """A public function as a method of either accessor, with its signature and docstring."""

    @functools.wraps(function)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self._run(function, *args, **kwargs)

    return method


class _Public:
    """A public function as a method, imported when it is first used."""

    def __init__(self, name: str):
        self._name = name

    def __get__(self, accessor: Any, owner: type) -> Any:
        function = public.load(self._name)
        return function if accessor is None else _method(function).__get__(accessor, owner)


class _Methods:
    _data: Any

    def __repr__(self) -> str:
        """What can be called, a function a line."""
        data = "ds" if isinstance(self._data, xr.Dataset) else "da"
        names = [name for name in dir(type(self)) if not name.startswith("_")]
        calls = "\n".join(f"    {data}.gridtrend.{name}(...)" for name in names)
        return f"gridtrend, on this {type(self._data).__name__}:\n{calls}\nEach has a docstring: help(gridtrend.mann_kendall)."

    def __call__(self: Any, **options: Any) -> xr.Dataset:
        """`gridtrend.analyze`: aggregate, test, field test, with all their options."""
        result: xr.Dataset = self._run(public.load("analyze"), **options)
        return result

    def integrate(self: Any, rhs: Any, t: Any = None, **options: Any) -> xr.Dataset:
        """`gridtrend.ode.integrate(rhs, ds, t, ...)`: these are the states that it starts from."""
        from gridtrend.ode import integrate

        return integrate(rhs, self._data, t, **options)


for _name in public.methods():
    setattr(_Methods, _name, _Public(_name))


class DataArrayAccessor(_Methods):
    """`da.gridtrend.<function>(...)` is `gridtrend.<function>(da, ...)`."""

    fit_per_cell = _Public("neural.fit_per_cell")
    predict_per_cell = _Public("neural.predict_per_cell")

    def __init__(self, da: xr.DataArray):
        self._da = self._data = da

    def _run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if function.__name__ in OF_RESULTS:
            # The record of a result, which comes first there.
            if not args:
                raise TypeError(f"give the result of this record: da.gridtrend.{function.__name__}(result, ...).")
            return function(args[0], self._da, *args[1:], **kwargs)
        return function(self._da, *args, **kwargs)


class DatasetAccessor(_Methods):
    """`ds.gridtrend.<function>(...)` runs over the numeric variables that have the dimension.

    Results are named `{variable}_{output}`; `multivariate_mann_kendall` has one for all variables together.
    `field_significance` takes all p-values, `p_value` or `{variable}_p_value`.
    """

    def __init__(self, ds: xr.Dataset):
        self._ds = self._data = ds

    def _run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if function is trend.multivariate_mann_kendall:
            # All variables together, not one by one.
            return trend.multivariate_mann_kendall(self._ds, *args, **kwargs)
        if function.__name__ in OF_RESULTS:
            return function(self._ds, *args, **kwargs)
        bound = inspect.signature(function).bind(self._ds, *args, **kwargs)
        bound.apply_defaults()
        if function is trend.field_significance and bound.arguments["method"] != "maxt":
            fields = {name: str(name).removesuffix("p_value") for name in _p_values(self._ds)}
        else:
            names = numeric_variables(self._ds, bound.arguments["dim"] or "time")
            fields = {name: f"{name}_" for name in names}
        ds = self._ds
        if function in (seasons.aggregate, public.load("analyze")):
            ds = with_edges(ds, bound.arguments["dim"])
        if len(set(fields.values())) < len(fields):
            raise ValueError(
                f"results are called after their variables, and two of {', '.join(map(repr, fields))} give the same name; "
                "rename one: ds.rename(...)."
            )
        return _combine([_prefixed(function, prefix, ds[name], *args, **kwargs) for name, prefix in fields.items()])

    def solve_bvp(self, A: Any, q: Any = None, **options: Any) -> xr.Dataset:
        """`gridtrend.bvp.solve_linear` with names of variables of the Dataset in place of coefficients and values."""
        from gridtrend import bvp

        return bvp.solve_linear(**bvp.with_variables(self._ds, {"A": A, "q": q, **options}))


def _p_values(ds: xr.Dataset) -> list[Hashable]:
    """The p-values among the results of tests."""
    names = [name for name in ds.data_vars if f"_{name}".endswith("_p_value")]
    if not names:
        raise ValueError(
            f"the Dataset holds no p_value, only {', '.join(map(str, ds.data_vars)) or 'nothing'}. Test for trends "
            "first: ds.gridtrend.mann_kendall().gridtrend.field_significance()."
        )
    return names


def _prefixed(function: Any, prefix: str, *args: Any, **kwargs: Any) -> Any:
    """Results under names that begin with `prefix`, so that coordinates called like an output keep theirs."""
    if hasattr(function, "prefixed"):
        return function.prefixed(prefix, *args, **kwargs)
    result = function(*args, **kwargs)
    if isinstance(result, xr.DataArray):
        if result.name == args[0].name:
            # The same quantity at other times: it keeps its name.
            return result.to_dataset()
        # Each variable has its own number of windows.
        result = result.to_dataset().reset_coords([name for name in ("n_segments",) if name in result.coords])
    return with_prefix(result, prefix)


def _combine(results: list[xr.Dataset]) -> xr.Dataset:
    """Results of several variables in one Dataset."""
    if any("period_bnds" in result.dims for result in results):
        results = [result.rename_dims(bnds="period_bnds") if _has_period(result) else result for result in results]
    return xr.merge(results, join="exact", compat="override", combine_attrs="drop_conflicts")


def _has_period(result: xr.Dataset) -> bool:
    """Whether bounds of a period alone have the dimension "bnds"."""
    return [variable.ndim for variable in result.variables.values() if "bnds" in variable.dims] == [1]
