"""What seasonal, regional and multivariate tests share: series in groups, one test of their sum."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.apply import apply
from gridtrend.grid.checks import check_alpha, check_array, check_chunks, check_flag, check_min_valid, choose
from gridtrend.grid.timeaxis import TimeAxis, period, time_axis
from gridtrend.trend.cycle import ANOMALIES, warn_of_cycle
from gridtrend.trend.kernels import exact_distribution
from gridtrend.trend.kernels import grouped_test as kernels
from gridtrend.trend.kernels.mann_kendall import TAU_A, TAU_B
from gridtrend.trend.options import ALTERNATIVES, P_VALUES, flag_attrs, two_sided_quantile
from gridtrend.trend.theil_sen import INTERCEPTS, LIMITS, finish_line, line_attrs

TAUS = {"a": TAU_A, "b": TAU_B}
COMPATIBLE = {None: 0, "pymannkendall": 1}
# The dimension of groups and steps together.
_TOGETHER = "_group_and_step"
LINE = ["slope", "intercept", "slope_lower", "slope_upper"]


@dataclass(frozen=True)
class Groups:
    """A record as groups of series that share the times of their cycles.

    Parameters
    ----------
    row : ndarray of int, shape (n,)
        Where each step stands when all groups stand one after the other: group * number of cycles + cycle.
    when : ndarray of float, shape (n,)
        Time of each step, for the intercept.
    count : int
        Number of groups.
    axis : TimeAxis
        Times of the cycles, for slopes.
    """

    row: np.ndarray
    when: np.ndarray
    count: int
    axis: TimeAxis


def grouped_test(
    da: xr.DataArray,
    dim: str,
    groups: Groups,
    method: str,
    *,
    correlated: bool,
    alpha: float,
    alternative: str,
    p_value: str,
    continuity: bool,
    tau: str,
    slope: bool,
    intercept: str,
    ci: str | None,
    min_valid: int,
    compat: str | None,
) -> xr.Dataset:
    """The test of the sum over groups along `dim`, with names and attributes."""
    compatible = choose("compat", compat, COMPATIBLE)
    correlated, slope = check_flag("correlated", correlated), check_flag("slope", slope)
    continuity = check_flag("continuity", continuity)
    if compatible:
        # pymannkendall has no other: tau-a, Conover's intercept, and where groups depend on each other no continuity.
        tau, intercept, continuity, p_value = "a", "conover", not correlated, "normal"
    p_method = choose("p_value", p_value, P_VALUES)
    if correlated and p_value == "exact":
        raise ValueError(
            "p_value='exact' is the product of independent groups, and correlated=True says that they are not. Use "
            "p_value='normal', or correlated=False."
        )
    result = apply(
        kernels.grouped_test,
        da,
        dim=dim,
        axis=groups.axis,
        row=groups.row,
        when=groups.when,
        groups=groups.count,
        correlated=correlated,
        listwise=compatible and correlated,
        alpha=check_alpha(alpha),
        continuity=float(continuity),
        alternative=choose("alternative", alternative, ALTERNATIVES),
        variant=choose("tau", tau, TAUS),
        p_method=exact_distribution.NORMAL if correlated else p_method,
        min_valid=check_min_valid(min_valid),
        with_slope=slope,
        per=groups.axis.per,
        quantile=two_sided_quantile(alpha),
        intercept_method=choose("intercept", intercept, INTERCEPTS),
        ci=choose("ci", ci, LIMITS),
    )
    attrs: dict[str, Any] = {
        "method": method + (", correlated" if correlated else ""),
        "alternative": alternative,
        "alpha": float(alpha),
        "p_value": p_value,
        "continuity": str(continuity),
        "tau": f"tau-{tau}",
        "ties": "equal values",
        "min_valid": int(min_valid),
    }
    if compat:
        attrs["compatible_with"] = compat
    result["trend"].attrs |= flag_attrs(alpha, alternative)
    result = finish_line(result, ci) if slope else result.drop_vars(LINE)
    return result.assign_attrs(attrs | (line_attrs(groups.axis, intercept) if slope else {}))


def over_test(
    da: xr.DataArray, dim: str, over: str | Sequence[str] | None, method: str, per: str, **options: Any
) -> xr.Dataset:
    """A grouped test with the cells of the dimensions `over` as groups."""
    check_array(da, dim)
    check_chunks(da, dim)
    dims = _sites(da, dim, over)
    compatible = choose("compat", options["compat"], COMPATIBLE)
    axis = time_axis(da, dim, "step" if compatible else per, slopes=check_flag("slope", options["slope"]))
    warn_of_cycle(da, dim=dim, remedy=ANOMALIES)
    n, count = da.sizes[dim], math.prod(da.sizes[name] for name in dims)
    step = np.empty(n, np.int64)
    step[slice(None) if axis.order is None else axis.order] = np.arange(n)
    when = np.repeat(axis.values[step], count)
    if compatible:
        when = np.arange(n * count) / max(count, 1)
    groups = Groups(
        row=(np.arange(count) * n + step[:, None]).ravel(), when=when, count=count, axis=replace(axis, order=None)
    )
    result = grouped_test(_together(da, [dim, *dims]), _TOGETHER, groups, method, **options)
    return result.assign_coords(period(da, dim)).assign_attrs(dimension=dim, over=" ".join(map(str, dims)), n=n)


def _together(da: xr.DataArray, dims: list[str]) -> xr.DataArray:
    """Several dimensions as one, the last."""
    if da.size:
        return da.stack({_TOGETHER: dims}, create_index=False)
    # xarray cannot tell the shape of what holds nothing.
    others = [name for name in da.dims if name not in dims]
    shape = [da.sizes[name] for name in others] + [math.prod(da.sizes[name] for name in dims)]
    coords = {name: coord for name, coord in da.coords.items() if not set(dims) & set(coord.dims)}
    empty = xr.DataArray(np.empty(shape, da.dtype), coords, (*others, _TOGETHER), da.name, da.attrs)
    return empty if da.chunks is None else empty.chunk()


def _sites(da: xr.DataArray, dim: str, over: Any) -> list[Any]:
    """The dimensions of `over`, each in one chunk."""
    if over is None:
        over = [name for name in da.dims if name != dim]
    dims = list(over) if isinstance(over, list | tuple) else [over]
    missing = [name for name in dims if not isinstance(name, Hashable) or name not in da.dims or name == dim]
    if missing or len(set(dims)) < len(dims):
        found = ", ".join(repr(name) for name in da.dims if name != dim) or "none"
        raise ValueError(
            f"over={over!r} names {', '.join(map(repr, missing or dims))}, and the dimensions other than {dim!r} are "
            f"{found}. Name each of those that hold the groups once: over=[...]."
        )
    split = [name for name in dims if len(da.variable.chunksizes.get(name, ())) > 1]
    if split:
        chunks = ", ".join(f"{name!r}: -1" for name in [dim, *dims])
        raise ValueError(
            f"over={over!r} takes all groups together, and {', '.join(map(repr, split))} "
            f"{'is' if len(split) == 1 else 'are'} split over dask chunks. Rechunk first: da.chunk({{{chunks}}})."
        )
    return dims
