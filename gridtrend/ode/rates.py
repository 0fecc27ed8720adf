"""How fast a method's error falls as its step gets shorter."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.ode.inputs import initial_state
from gridtrend.ode.kernels.methods import METHODS
from gridtrend.ode.solve import integrate

RESOLUTIONS = (16, 32, 64, 128, 256, 512, 1024)
# A relative tolerance that lets every step pass: an adaptive method then takes one step between times to save.
_ANY_ERROR = 1e100


def convergence_rate(
    rhs: Any,
    y0: Any,
    t: Any,
    *,
    method: str | Sequence[str] = "rk4",
    params: Any = None,
    resolutions: Sequence[int] = RESOLUTIONS,
    exact: Any = None,
    jacobian: Any = None,
    state: str = "state",
) -> xr.Dataset:
    """Errors of a method at several numbers of steps, and the rates at which they fall, in every cell.

    Parameters
    ----------
    rhs, y0, t, params, jacobian, state
        As for `integrate`.
    method : str or sequence of str
        One method, or several to compare; several are laid out along a dimension `scheme`.
    resolutions : sequence of int
        Numbers of equal steps from t[0] to t[1], increasing, each the same multiple of the one before.
    exact : Dataset or dict, optional
        The states at t[1], by name. Without it, the reference is `dop853` with a relative tolerance of 1e-13.

    Returns
    -------
    Dataset
        error : float64, (resolution, ...)
            Euclidean distance to the reference, over the states.
        pairwise_rate : float64, (resolution, ...)
            Rate between a resolution and the one before.
        rate : float64
            Slope of the straight line through log(error) against log(step), by least squares.
        error_constant : float64
            C in error = C step**p at the finest resolution, where p is the method's order.
        richardson_rate : float64, (resolution, ...)
            Rate from this resolution and the two before, by their differences alone: no reference is used.

        `step` is a coordinate beside `resolution`. Lazy if `y0` or `params` is.

    Raises
    ------
    ValueError
        If `resolutions` are fewer than 3 or do not grow by one factor, or as `integrate` does.

    Notes
    -----
    Methods that choose their steps (dopri5, dop853, rosenbrock) take equal ones here. Errors near rounding (1e-16 of the
    state, times the number of steps) do not fall any more: a least-squares rate over such resolutions means nothing, and
    `pairwise_rate` shows where that begins. The cost is that of one run with the sum of the resolutions.

    References
    ----------
    Hairer, E., Norsett, S. P. & Wanner, G. (1993). Solving Ordinary Differential Equations I. Springer.
    doi:10.1007/978-3-540-78862-1

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> def decay(t, y, p):
    ...     return (-y.mass,)
    >>> found = gt.ode.convergence_rate(decay, xr.Dataset({"mass": 1.0}), (0.0, 1.0), method="explicit_euler")
    >>> round(float(found.rate), 2)
    1.01
    """
    resolutions = _checked(resolutions)
    options = {"params": params, "jacobian": jacobian, "state": state}
    states = list(initial_state(y0, state)) if isinstance(y0, xr.Dataset) else [str(y0.name or "y")]
    if exact is None:
        exact = integrate(rhs, y0, t, method="dop853", rtol=1e-13, atol=1e-15, **options).isel(t=0)
    methods = [method] if isinstance(method, str) else list(method)
    found = [
        _rates([_last(rhs, y0, t, one, n, options) for n in resolutions], exact, states, state)
        .assign_coords(resolution=list(resolutions), step=("resolution", (t[1] - t[0]) / np.array(resolutions)))
        .pipe(_fitted, METHODS[one].order)
        for one in methods
    ]
    if isinstance(method, str):
        return found[0].assign_attrs(method=method)
    return xr.concat(found, "scheme", coords="minimal", compat="override", join="override").assign_coords(
        method=methods
    )


def _checked(resolutions: Any) -> tuple[int, ...]:
    values = np.asarray(resolutions)
    ratios = values[1:] / values[:-1]
    if values.size < 3 or np.any(values < 1) or np.any(ratios <= 1) or not np.allclose(ratios, ratios[0]):
        raise ValueError(
            f"resolutions={values.tolist()} must be three or more numbers of steps that grow by one factor, such as "
            "2**numpy.arange(4, 11): differences of successive runs give the rate only then."
        )
    return tuple(int(value) for value in values)


def _last(rhs: Any, y0: Any, t: Any, method: str, resolution: int, options: dict[str, Any]) -> xr.Dataset:
    """The states at the end after `resolution` equal steps."""
    if METHODS[method].adaptive:
        every = np.linspace(t[0], t[1], resolution + 1)[1:]
        run = integrate(rhs, y0, t, method=method, step=t[1] - t[0], rtol=_ANY_ERROR, save_at=every, **options)
    else:
        run = integrate(rhs, y0, t, method=method, step=(t[1] - t[0]) / resolution, **options)
    return run.isel(t=-1, drop=True)


def _distance(a: Any, b: Any, states: list[str], state: str) -> xr.DataArray:
    """Euclidean distance of two states."""
    squares = [(a[name] - b[name]) ** 2 for name in states]
    total: xr.DataArray = sum(squares[1:], squares[0])
    return (total.sum(state, skipna=False) if state in total.dims else total) ** 0.5


def _rates(runs: list[xr.Dataset], exact: Any, states: list[str], state: str) -> xr.Dataset:
    """Errors, and the differences of successive runs."""
    runs = [run.drop_vars(["status", "n_steps"]) for run in runs]
    errors = [_distance(run, exact, states, state) for run in runs]
    differences = [_distance(a, b, states, state) for a, b in itertools.pairwise(runs)]
    # Each resolution's difference from the one before; the first has none.
    differences.insert(0, xr.full_like(differences[0], np.nan))
    parts = {"error": errors, "difference": differences}
    return xr.Dataset({name: xr.concat(part, "resolution") for name, part in parts.items()}).drop_vars(
        "t", errors="ignore"
    )


def _fitted(found: xr.Dataset, order: int) -> xr.Dataset:
    """Rates from errors and differences at steps."""
    x = np.log(found.step)
    y = np.log(found.error.where(found.error > 0))
    ratio = np.log(found.step / found.step.shift(resolution=1))
    deviation = x - x.mean()
    difference = np.log(found.difference.where(found.difference > 0))
    return (
        found[["error"]]
        .assign(
            pairwise_rate=(y - y.shift(resolution=1)) / ratio,
            rate=(deviation * (y - y.mean("resolution"))).sum("resolution", skipna=False) / (deviation**2).sum(),
            error_constant=found.error.isel(resolution=-1, drop=True) / float(found.step[-1]) ** order,
            richardson_rate=(difference - difference.shift(resolution=1)) / ratio,
        )
        .drop_attrs()
    )
