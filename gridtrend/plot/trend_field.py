"""The slope and the significance flags of one variable, in two dimensions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.dialect import either
from gridtrend.grid.places import latitude_longitude
from gridtrend.plot.map_grid import is_scattered


def results_of(
    result: Any, variable: str | None, panels: str | Sequence[str] | None, fdr: float | None
) -> list[tuple[str, str, xr.Dataset]]:
    """Return title, prefix of the names, and result of each map to draw."""
    if isinstance(result, xr.DataArray) and "time" in result.dims:
        from gridtrend.trend import mann_kendall

        result = mann_kendall(result)
    if isinstance(result, Mapping) and not isinstance(result, xr.Dataset):
        if not result:
            raise ValueError("there is nothing to draw: the mapping holds no result")
        found = [(str(title), find_prefix(each, variable), each) for title, each in result.items()]
    elif panels is None:
        found = [("", find_prefix(result, variable), result)]
    elif isinstance(panels, str) and panels in getattr(result, "dims", ()):
        prefix = find_prefix(result, variable)
        found = [
            (_title(result, panels, place), prefix, result.isel({panels: place}))
            for place in range(result.sizes[panels])
        ]
    else:
        names = [panels] if isinstance(panels, str) else list(panels)
        found = [(name.replace("_", " "), find_prefix(result, name), result) for name in names]
    if fdr is None:
        return found
    return [(title, prefix, _over_the_field(each, prefix, fdr)) for title, prefix, each in found]


def _title(result: xr.Dataset, dim: str, place: int) -> str:
    """Return the heading of a map by its place along a dimension."""
    if dim not in result.coords:
        return f"{dim} {place}"
    value = result[dim].values[place]
    if result[dim].dtype.kind == "M":
        return str(np.datetime_as_string(value, "D"))
    return f"{dim} {value:g}" if result[dim].dtype.kind in "iuf" else str(value)


def _over_the_field(result: xr.Dataset, prefix: str, fdr: float) -> xr.Dataset:
    from gridtrend.trend import field_significance

    if f"{prefix}p_value" not in result:
        raise ValueError(
            f"{either('fdr=', '--fdr')} needs p-values, and this Dataset has no '{prefix}p_value': compute it with mann_kendall()"
        )
    tested = field_significance(result[f"{prefix}p_value"], alpha_global=fdr)
    return result.assign({f"{prefix}significant": tested["significant"]})


def find_prefix(result: xr.Dataset, variable: str | None) -> str:
    """Return the prefix of 'slope' in the name of the variable to draw."""
    if not isinstance(result, xr.Dataset):
        raise TypeError(
            "trend_map() draws the Dataset that mann_kendall() or theil_sen() returns, not a "
            f"{type(result).__name__}: call trend_map(gt.mann_kendall(da))"
        )
    names = [str(n) for n in result.data_vars if re.search("(^|_)slope$", str(n))]
    if not names:
        raise ValueError(
            f"there is no slope to map in this Dataset, which holds {list(result.data_vars)}: "
            + either("compute it with mann_kendall(da, slope=True) or theil_sen(da)", "make it with `gridtrend trend`")
        )
    choices = {n: n.removesuffix("slope").rstrip("_") or n for n in names}
    found = [n for n, choice in choices.items() if variable in (None, n, choice)]
    if len(found) == 1:
        return found[0].removesuffix("slope")
    what = "the trends of several variables" if variable is None else f"no trend of {variable!r}"
    known = list(choices.values())
    remedy = either(f"variable=, one of {known}", f"--variable, one of {', '.join(known)}")
    raise ValueError(f"this Dataset holds {what}: choose with {remedy}")


def trend_field(result: xr.Dataset, prefix: str) -> xr.Dataset:
    """Return the slope and, if there were tests, the flags of each cell and of the field: two-dimensional, in memory."""
    names = {f"{prefix}{n}": n for n in ("slope", "trend", "significant") if f"{prefix}{n}" in result}
    field = result[list(names)].rename(names).squeeze(drop=True)
    slope, name = field["slope"], f"{prefix}slope"
    if slope.ndim > 2:
        raise ValueError(_how_to_select(slope, name))
    if slope.ndim < 2 and not is_scattered(slope):
        what = f"has one dimension, {slope.dims[0]!r}" if slope.ndim else "is a single number"
        raise ValueError(
            f"nothing to map: {name!r} {what}, and a map needs two"
            + either(f". Look at it with result[{name!r}]" + (".plot()" if slope.ndim else ".item()"), "")
        )
    field = field.compute()
    if not field["slope"].notnull().any():
        raise ValueError(
            f"nothing to map: no cell of {name!r} has a value. A cell needs {either('min_valid', '--min-valid')} values "
            f"in its series: look at n_valid, and lower {either('min_valid', '--min-valid')} if that is sound"
        )
    return field


def _how_to_select(slope: xr.DataArray, name: str) -> str:
    known = {d for c in latitude_longitude(slope) if c for d in slope[c].dims} or set(slope.dims[-2:])
    extra = [d for d in slope.dims if d not in known]
    named = all(d in slope.indexes for d in extra)
    places = [f"{d}={slope[d].values[0].item()!r}" if named else f"{d}=0" for d in extra]
    call = f"{'sel' if named else 'isel'}({', '.join(places)})"
    sizes = ", ".join(f"{dim} ({size})" for dim, size in slope.sizes.items())
    return f"{name!r} has the dimensions {sizes}, and a map shows two: choose one place along " + either(
        f"{', '.join(map(repr, extra))}, for example trend_map(result.{call})"
        + (f", or draw all of them with trend_map(result, panels={extra[0]!r})" if len(extra) == 1 else ""),
        f"{', '.join(map(repr, extra))} with --select when the trends are computed",
    )


def period_of(result: xr.Dataset) -> tuple[str, str] | None:
    """Return the first and last time of the record as yyyy-mm-dd HH:MM, if the result holds them."""
    name = f"{result.attrs.get('dimension', 'time')}_bnds"
    bounds = result[name] if name in result.variables else None
    if bounds is None or not hasattr(bounds, "dt"):
        return None
    times = bounds.dt.strftime("%Y-%m-%d %H:%M").values.ravel()
    return str(times[0]), str(times[-1])
