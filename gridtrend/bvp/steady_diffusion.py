"""Steady diffusion, one column per cell."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.bvp.conditions import Condition, Coupled, Value
from gridtrend.bvp.solve_linear import solve_linear
from gridtrend.grid.apply import map_cells


def steady_diffusion(
    k: xr.DataArray,
    source: Value = 0.0,
    *,
    dim: str,
    left: Condition | None = None,
    right: Condition | None = None,
    coupled: Coupled | None = None,
    decay: Value = 0.0,
    order: int = 2,
    breaks: Sequence[float] | None = None,
    missing: str = "propagate",
) -> xr.Dataset:
    """Solve (k u')' + source = decay u in every cell: conduction, diffusion, moisture at rest.

    In flux form, u' = -flux / k and flux' = source - decay u: fluxes are separate states, continuous where k jumps, and
    each interval conserves the flux: outflow equals inflow plus the source in the interval, by its quadrature.

    Parameters
    ----------
    k : DataArray, shape (..., dim)
        Conductivity or diffusivity at the nodes; not zero.
    source : DataArray or number
        Source per unit of length, such as W m-3.
    dim : str
        The dimension to solve along. It must lie in one dask chunk.
    left, right, coupled
        Conditions at the ends as in `solve_linear`, on the states "u" and "flux": `left={"u": 280.0}`,
        `right={"flux": 0.0}`, exchange with a surrounding at 285 `left=[({"u": 10.0, "flux": 1.0}, 2850.0)]`.
    decay : DataArray or number
        Rate of loss in proportion to u.
    order, breaks, missing
        As in `solve_linear`.

    Returns
    -------
    Dataset
        u, flux : float64 or complex128, shape (..., dim, ...)
        error_estimate, residual, status
            As those of `solve_linear`.

    Raises
    ------
    TypeError
        If `k` is not a DataArray of numbers.
    ValueError
        As in `solve_linear`.

    See Also
    --------
    solve_linear : any linear system.

    Notes
    -----
    O(nodes) a cell.

    References
    ----------
    Keller, H. B. (1971). A new difference scheme for parabolic problems. Numerical Solution of Partial Differential
    Equations II, 327-350. doi:10.1016/B978-0-12-358502-8.50014-1

    Examples
    --------
    Two layers, of conductivity 1 and 3, carry the same flux; the node between them occurs twice:

    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> z = [0.0, 0.5, 1.0, 1.0, 1.5, 2.0]
    >>> k = xr.DataArray([1.0, 1.0, 1.0, 3.0, 3.0, 3.0], {"z": z}, "z")
    >>> out = gt.bvp.steady_diffusion(k, dim="z", left={"u": 0.0}, right={"u": 4.0}, breaks=[1.0])
    >>> out.u.round(6).values.tolist(), out.flux.round(6).values.tolist()
    ([0.0, 1.5, 3.0, 3.0, 3.5, 4.0], [-3.0, -3.0, -3.0, -3.0, -3.0, -3.0])
    """
    if not isinstance(k, xr.DataArray):
        raise TypeError(
            f"k is {type(k).__name__}; an xarray.DataArray with the dimension {dim!r} and its coordinate is expected: "
            f"xarray.DataArray(values, {{{dim!r}: nodes}}, {dim!r})."
        )
    for name, value in (("k", k), ("decay", decay)):
        if isinstance(value, xr.DataArray) and value.dtype.kind not in "biufc":
            raise TypeError(f"{name} holds {value.dtype}, and numbers are needed. Convert it with .astype(float).")
        if not isinstance(value, xr.DataArray) and (np.ndim(value) or np.asarray(value).dtype.kind not in "biufc"):
            raise TypeError(f"{name} is {type(value).__name__}; a number or an xarray.DataArray is expected.")
    (resistance,) = map_cells(_resistance, [k], [[]], [[]], [np.result_type(k.dtype, float)], {})
    A: dict[tuple[str, str], Value] = {("u", "flux"): resistance}
    if isinstance(decay, xr.DataArray) or decay != 0.0:
        A["flux", "u"] = -1.0 * decay
    return solve_linear(
        A,
        {"flux": source},
        dim=dim,
        left=left,
        right=right,
        coupled=coupled,
        order=order,
        breaks=breaks,
        missing=missing,
    )


def _resistance(k: Any) -> Any:
    """-1 / k. Where k is zero or missing, the cell has no solution, which its status says: no warning is needed."""
    with np.errstate(all="ignore"):
        return -1.0 / k.astype(np.result_type(k.dtype, float))
