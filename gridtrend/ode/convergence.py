"""Rate at which the error of a method decreases with its step."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.apply import map_cells
from gridtrend.ode.input_variables import initial_state, name_of, variables
from gridtrend.ode.integrate import check_method, integrate
from gridtrend.ode.kernels.methods import METHODS
from gridtrend.ode.system import Acceleration, make_system
from gridtrend.ode.trial_call import first_cell

RESOLUTIONS = (16, 32, 64, 128, 256, 512, 1024)
# A relative tolerance that accepts every step: an adaptive method then takes one step between times to save.
_ANY_ERROR = 1e100
# Errors below this, relative to the state, are rounding errors, which do not decrease with the step.
_ROUNDING = 1e3 * 2.220446049250313e-16
# Absolute tolerance of the reference, and the factor above it from which errors are resolved.
_ATOL, _RESOLVED = 1e-15, 100.0


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
        The states at t[1], by name. Without it, the reference is `dop853` with a relative tolerance of 1e-13
        and an absolute one of 1e-15: give states that are smaller than that in larger units.

    Returns
    -------
    Dataset
        error : float64, (resolution, ...)
            Euclidean distance to the reference, over the states.
        pairwise_rate : float64, (resolution, ...)
            Rate between a resolution and the one before.
        rate : float64
            Slope of the straight line through log(error) against log(step), by least squares over the resolutions whose error
            is above rounding (2e-13 of the state) and, without `exact`, above 1e-13; NaN where fewer than two are.
        error_constant : float64
            C in error = C step**p at the finest of these resolutions, where p is the method's order.
        richardson_rate : float64, (resolution, ...)
            Rate from this resolution and the two before, by their differences alone: no reference is used.

        `step` is a second coordinate along `resolution`. Lazy if `y0` or `params` is.

    Raises
    ------
    ValueError
        If `resolutions` are fewer than 3 or do not grow by one factor, or as `integrate` does.

    Notes
    -----
    Methods that choose their steps (dopri5, dop853, rosenbrock) take equal ones here. Errors near rounding do not fall any
    more: `error` and `pairwise_rate` show them, `rate` and `error_constant` leave them out. With velocity_verlet, `rhs` may be
    an acceleration. The cost is that of one run with the sum of the resolutions.

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
    several = isinstance(method, Sequence | np.ndarray) and not isinstance(method, str)
    methods: list[Any] = list(method) if several else [method]
    for one in methods:
        check_method(one)
        if one == "linear":
            raise ValueError("method='linear' takes no steps, and has no rate. Compare methods that take some.")
    span = _span(t)
    start = initial_state(y0, state)
    options = {"params": params, "jacobian": jacobian, "state": state}
    names = [name_of(y0)] if isinstance(y0, xr.DataArray) else list(start)
    # States as small as the tolerance of the reference have no correct digit in it.
    least = 0.0 if exact is not None else _RESOLVED * _ATOL
    exact = _reference(rhs, y0, span, methods, start, options) if exact is None else _given(exact, names)
    found = [
        _rates([_last(rhs, y0, span, one, n, options) for n in resolutions], exact, names, state, least)
        .assign_coords(resolution=list(resolutions), step=("resolution", (span[1] - span[0]) / np.array(resolutions)))
        .pipe(_fitted, METHODS[one].order)
        for one in methods
    ]
    if not several:
        return found[0].assign_attrs(method=method)
    return xr.concat(found, "scheme", coords="minimal", compat="override", join="override").assign_coords(
        method=methods
    )


def _span(t: Any) -> tuple[float, float]:
    try:
        start, end = (float(time) for time in t)
    except (TypeError, ValueError):
        raise ValueError(f"t={t!r} is not a start and an end; give two numbers, such as t=(0.0, 1.0).") from None
    return start, end


def _reference(
    rhs: Any, y0: Any, t: Any, methods: list[str], start: dict[str, xr.DataArray], options: dict[str, Any]
) -> xr.Dataset:
    """The states at the end to nearly rounding."""
    if "velocity_verlet" in methods:
        params = variables("params", options["params"])
        cell = first_cell(t[0], [*start.values()], [*params.values()])
        system = make_system(rhs, tuple(start), tuple(params), 0, "velocity_verlet", cell)
        rhs = Acceleration(rhs) if system.form == "acceleration" else rhs
    return integrate(rhs, y0, t, method="dop853", rtol=1e-13, atol=_ATOL, **options).isel(t=0)


def _given(exact: Any, names: list[str]) -> Any:
    """The user's exact states at the end."""
    known = {names[0]: exact} if isinstance(exact, xr.DataArray) and len(names) == 1 else variables("exact", exact)
    if missing := [name for name in names if name not in known]:
        raise ValueError(
            f"exact has no {missing[0]!r}; give every state at t[1] by its name: {', '.join(map(repr, names))}."
        )
    return known


def _checked(resolutions: Any) -> tuple[int, ...]:
    values = np.asarray(resolutions)
    whole = values.ndim == 1 and values.dtype.kind in "iuf" and np.all(np.isfinite(values)) and np.all(values % 1 == 0)
    ratios = values[1:] / values[:-1] if whole and values.size and values.min() >= 1 else np.zeros(1)
    if values.size < 3 or np.any(ratios <= 1) or not np.allclose(ratios, ratios[0]):
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
    both = [
        one if isinstance(one, xr.DataArray) else xr.DataArray(one) for name in states for one in (a[name], b[name])
    ]
    within = any(state in one.dims for one in both)
    if within:
        both = [one if one.chunks is None else one.chunk({state: -1}) for one in xr.broadcast(*both)]
    core_dims = [[state] if within else []] * len(both)
    norm = functools.partial(_norm, within=within)
    (distance,) = map_cells(norm, xr.align(*both, join="inner"), core_dims, [[]], [float], {})
    return distance


def _norm(*pairs: Any, within: bool) -> Any:
    """Root of the sum of squares of the differences of pairs; over the last dimension too, if they have one of states."""
    with np.errstate(all="ignore"):
        differences = np.broadcast_arrays(
            *(np.asarray(a - b, float) for a, b in zip(pairs[::2], pairs[1::2], strict=True))
        )
        # Scaled by a power of two, squares neither overflow nor underflow.
        largest = np.max([np.abs(d) for d in differences], axis=0)
        largest = largest.max(-1, initial=0.0) if within else largest
        power = np.frexp(np.where(np.isfinite(largest), largest, 0.0))[1]
        total = sum(np.ldexp(d, -(power[..., None] if within else power)) ** 2 for d in differences)
        return np.ldexp((total.sum(-1) if within else total) ** 0.5, power)


def _rates(runs: list[xr.Dataset], exact: Any, states: list[str], state: str, least: float) -> xr.Dataset:
    """Errors, differences of successive runs, and the floor below which errors are not resolved, at least `least`."""
    runs = [run.drop_vars(["status", "n_steps"]) for run in runs]
    errors = [_distance(run, exact, states, state) for run in runs]
    differences = [_distance(a, b, states, state) for a, b in itertools.pairwise(runs)]
    # Each resolution's difference from the one before; the first has none.
    differences.insert(0, xr.full_like(differences[0], np.nan))
    size = _distance(exact, dict.fromkeys(states, 0.0), states, state)
    parts = {"error": errors, "difference": differences, "floor": [(_ROUNDING * size).clip(min=least)] * len(errors)}
    return xr.Dataset({name: xr.concat(part, "resolution") for name, part in parts.items()}).drop_vars(
        "t", errors="ignore"
    )


def _fitted(found: xr.Dataset, order: int) -> xr.Dataset:
    """Rates from errors and differences at steps."""
    y = np.log(found.error.where(found.error > 0))
    ratio = np.log(found.step / found.step.shift(resolution=1))
    difference = np.log(found.difference.where(found.difference > 0))
    resolved = found.error > found.floor
    several = (resolved.sum("resolution") > 1) & found.error.notnull().all("resolution")
    x, level = np.log(found.step).where(resolved), y.where(resolved)
    deviation = x - x.mean("resolution")
    slope = (deviation * (level - level.mean("resolution"))).sum("resolution") / (deviation**2).sum("resolution").where(
        several
    )
    # The last of those that are resolved: steps get shorter along the resolutions. Not the minimum of their steps, which
    # dask refuses to take where there are no cells.
    finest = resolved & (resolved.cumsum("resolution") == resolved.sum("resolution"))
    constant = (found.error / found.step**order).where(finest).sum("resolution")
    return (
        found[["error"]]
        .assign(
            pairwise_rate=(y - y.shift(resolution=1)) / ratio,
            rate=slope,
            error_constant=constant.where(several),
            richardson_rate=(difference - difference.shift(resolution=1)) / ratio,
        )
        .drop_attrs()
    )
