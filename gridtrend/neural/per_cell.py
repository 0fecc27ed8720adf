"""One small network for each cell of a grid, and the linear model to compare it with."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.apply import apply
from gridtrend.grid.cf import slope_units, temperature_kind, unit_text
from gridtrend.grid.checks import check_array, choose
from gridtrend.grid.dates import are_dates, with_dates
from gridtrend.grid.dialect import quoted
from gridtrend.grid.names import distinct, other_name
from gridtrend.grid.timeaxis import TimeAxis, time_axis
from gridtrend.neural.flat_parameters import activation_code
from gridtrend.neural.kernels.per_cell import fit_cells, predict_cells
from gridtrend.neural.mlp_functions import check_hidden
from gridtrend.neural.option_checks import check_number, check_penalty, check_whole
from gridtrend.neural.phase import origin, steps_from_origin
from gridtrend.neural.samples import cycle
from gridtrend.neural.shapes import Array
from gridtrend.neural.training import Options

MODELS = ("mlp", "linear")


@distinct("parameter")
def fit_per_cell(
    da: xr.DataArray,
    dim: str = "time",
    *,
    model: str = "mlp",
    lags: int = 2,
    horizon: int = 1,
    harmonics: int = 0,
    period: float | None = None,
    hidden: Sequence[int] = (8,),
    activation: str = "tanh",
    epochs: int = 200,
    learning_rate: float = 0.1,
    momentum: float = 0.9,
    l2: float = 0.0,
    min_valid: int = 20,
    seed: int = 0,
) -> xr.Dataset:
    """Train a small network in every cell that predicts the cell's next value from its latest ones.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing: a sample with
        one of them is left out. `dim` must lie in one dask chunk, and its steps must be regular.
    dim : str
        The dimension to follow.
    model : {"mlp", "linear"}
        A layered network, or, as the baseline, the linear model of the same features, solved by least squares: it is
        often the better one.
    lags : int
        How many latest values are features.
    horizon : int
        How many steps after the latest value the value to predict lies.
    harmonics : int
        Pairs of cosine and sine of the annual cycle, or of `period`, that are features too.
    period : float, optional
        Steps of a cycle, counted from the first step; predictions go on counting from there. By default the calendar year
        of a coordinate of dates.
    hidden : sequence of int
        Units of each hidden layer.
    activation : {"tanh", "relu", "sigmoid", "identity"}
    epochs : int
        Steps of gradient descent, each with all samples of the cell.
    learning_rate, momentum : float
        Length of a step, and the share of the last one that is kept.
    l2 : float
        Penalty of large weights, as in `fit_mlp`.
    min_valid : int
        Cells with fewer complete samples have no network: their results are missing.
    seed : int
        Of the starting weights, together with the place of the cell in the whole grid: chunks do not matter.

    Returns
    -------
    Dataset, shape (...)
        weights : float64, shape (..., parameter)
            Of the scaled values: of each layer the weights of unit 0, of unit 1, ..., then its biases.
        offset, scale : float64, units of `da`
            Mean and standard deviation of each cell's series.
        rmse : float64, units of `da`
            Root mean square error in the training. Compare models on years that were not trained on.
        n_samples : int32

        Lazy if `da` is. What `predict_per_cell` needs to know is in the attributes, and is kept by netCDF and Zarr.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `da` has no dimension `dim` or has it split over several dask chunks, if its steps are irregular, if there are too few,
        or if an option is not known.

    Notes
    -----
    O(epochs time parameters) a cell, 16 cells at a time; memory for one tile of 16 cells in addition to input and output. Inputs
    and targets are scaled by the cell's own mean and standard deviation. Networks are computed in double precision.

    References
    ----------
    Rumelhart, D. E., Hinton, G. E. and Williams, R. J. (1986). Nature 323, 533-536. doi:10.1038/323533a0

    Yule, G. U. (1927). Phil. Trans. R. Soc. A 226, 267-298. doi:10.1098/rsta.1927.0007

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from gridtrend import neural
    >>> wave = xr.DataArray(np.sin(np.arange(100.0)), dims="time")
    >>> fitted = neural.fit_per_cell(wave, model="linear", lags=2)
    >>> np.allclose(fitted.weights[:2], [2 * np.cos(1.0), -1.0])
    True
    """
    check_array(da, dim)
    da = with_dates(da, dim, strict=False)
    for name, value in (
        ("lags", lags), ("horizon", horizon), ("harmonics", harmonics), ("epochs", epochs), ("min_valid", min_valid), ("seed", seed)
    ):  # fmt: skip
        check_whole(name, value)
    choose("model", model, MODELS)
    axis = _regular_axis(da, dim)
    attrs = {
        "model": model,
        "lags": int(lags),
        "horizon": int(horizon),
        "harmonics": int(harmonics),
        "period": "year" if period is None else check_number("period", period),
        # A string, because netCDF has no empty lists.
        "hidden": " ".join(map(str, check_hidden(hidden))) if model == "mlp" else "",
        "activation": activation,
        "seed": int(seed),
    }
    if harmonics and period is not None:
        attrs |= origin(da, dim)
    Options(epochs, learning_rate=learning_rate, momentum=momentum)
    check_penalty(l2)
    if min_valid < 1:
        raise ValueError(f"min_valid={min_valid!r} is not a number of values; give a whole number from 1 on.")
    shared, parameters = _structure(da, dim, attrs, predicting=False)
    layers = parameters["layers"]
    result = apply(
        fit_cells,
        da,
        _positions(da, dim),
        dim=dim,
        axis=axis,
        shared=shared,
        limits=_limits(layers),
        **parameters,
        epochs=int(epochs) if model == "mlp" else 0,
        rate=float(learning_rate),
        momentum=float(momentum),
        l2=float(l2),
        seed=int(seed),
        min_valid=int(min_valid),
    )
    for name in ("scale", "rmse"):
        units = slope_units(da.attrs.get("units"), "")
        if units is not None:
            result[name].attrs |= {"units": units} | temperature_kind(units, "{slope}")
    training = (
        {"epochs": int(epochs)} | {"learning_rate": float(learning_rate), "momentum": float(momentum), "l2": float(l2)}
        if model == "mlp"
        else {}
    )
    return result.assign_attrs(attrs | training | {"min_valid": int(min_valid)})


def predict_per_cell(da: xr.DataArray, model: xr.Dataset, dim: str = "time") -> xr.DataArray:
    """Predict every value of every cell from those before it, with the networks of `fit_per_cell`.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Values on the grid that the networks were trained on, of these years or others.
    model : Dataset
        What `fit_per_cell` returned, or a file of it.
    dim : str
        The dimension to follow.

    Returns
    -------
    DataArray, shape (..., time)
        The prediction of each value, missing at the first steps and after missing values, but not where only the value
        itself is missing: gaps of single values can be filled. Dimensions in the order of `da`. Lazy if `da` or `model`
        is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers, or `model` no Dataset.
    ValueError
        If `model` was not made by `fit_per_cell`, if grids or units differ, or if it has harmonics with `period=...` and
        the coordinate of `da` does not determine where in the cycle its steps are.

    Notes
    -----
    O(time parameters) a cell.

    References
    ----------
    As for `fit_per_cell`; doi:10.1038/323533a0

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> from gridtrend import neural
    >>> wave = xr.DataArray(np.sin(np.arange(100.0)), dims="time")
    >>> fitted = neural.fit_per_cell(wave[:60], model="linear", lags=2)
    >>> predicted = neural.predict_per_cell(wave, fitted)
    >>> bool(abs(predicted - wave)[2:].max() < 1e-12)
    True
    """
    check_array(da, dim)
    if not isinstance(model, xr.Dataset):
        raise TypeError(f"model is the Dataset that fit_per_cell returns, not {type(model).__name__}.")
    missing = {"model", "lags", "horizon", "harmonics", "period", "hidden", "activation"} - set(model.attrs)
    if missing or not {"weights", "offset", "scale"} <= set(model.data_vars):
        raise ValueError(
            f"model was not made by fit_per_cell: it has the variables {list(model.data_vars)} without the attributes "
            f"{sorted(missing)}. Make it with gridtrend.neural.fit_per_cell(da, ...)."
        )
    da = with_dates(da, dim, strict=False)
    trained, given = (unit_text(array.attrs.get("units")) for array in (model["offset"], da))
    if trained is not None and given is not None and trained != given:
        raise ValueError(
            f"the model was trained on data in {trained!r}, and these are in {given!r}; convert them, and set "
            f"da.attrs['units'] = {trained!r}."
        )
    # A dimension that is called like a variable of the model has another name there.
    names = {name: other_name(name) for name in da.dims}
    called = {name: there for name, there in names.items() if there in model.dims and there not in da.dims}
    da = da.rename(called)
    axis = _regular_axis(da, dim)
    shared, parameters = _structure(da, dim, model.attrs, predicting=True)
    arrays = [model[name].drop_vars([dim, f"{dim}_bnds"], errors="ignore") for name in ("weights", "offset", "scale")]
    if along := next((array.name for array in arrays if dim in array.dims), None):
        raise ValueError(
            f"{along!r} of the model has the dimension {dim!r} of the data, and a model holds for the whole series of a cell; "
            f"pick one, model.isel({dim}=0), or name the dimension to follow, dim=..."
        )
    if arrays[0].sizes["parameter"] != _limits(parameters["layers"]).size:
        raise ValueError(
            f"model has {arrays[0].sizes['parameter']} parameters, and its attributes (lags, harmonics, hidden) describe a "
            f"network of {_limits(parameters['layers']).size}."
        )
    if arrays[0].chunks is not None:
        # Rechunk only the values: chunked coordinates would be computed for comparison.
        arrays[0] = arrays[0].copy(data=arrays[0].variable.chunk(parameter=-1).data)
    try:
        xr.align(da.isel({dim: 0}, drop=True), *arrays, join="exact", copy=False)
    except ValueError as error:
        raise ValueError(
            f"the data and the model are on different grids ({quoted(error)}); predict on the grid of the training."
        ) from None
    result = apply(predict_cells, da, *arrays, dim=dim, axis=axis, shared=shared, **parameters)
    predicted = result["predicted"].assign_attrs(model=f"{model.attrs['model']}, {parameters['lags']} lags")
    predicted = predicted.transpose(*(name for name in da.dims if name in predicted.dims), ...)
    return predicted.rename({there: name for name, there in called.items()})


def _regular_axis(da: xr.DataArray, dim: str) -> TimeAxis:
    """The steps of `dim`, sorted; unequal months are accepted, gaps are not."""
    axis = time_axis(da, dim, "step")
    if dim in da.coords and da.sizes[dim] > 2:
        values = np.sort(da[dim].values)
        steps = values[1:] - values[:-1]
        longest, usual = steps.max(), np.sort(steps)[len(steps) // 2]
        if longest > 1.5 * usual:
            at = values[int(np.argmax(steps))]
            raise ValueError(
                f"coordinate {dim!r} has a gap after {at}, of {_length(longest)} where {_length(usual)} is usual, and lags are "
                f"counted in steps. Put missing values there, for instance with da.resample({dim}='MS').asfreq()."
            )
    return axis


def _length(step: Any) -> str:
    """A difference of two coordinates as text."""
    if isinstance(step, np.timedelta64):
        return f"{step / np.timedelta64(1, 'D'):g} days"
    return f"{step / timedelta(days=1):g} days" if isinstance(step, timedelta) else f"{step:g}"


def _structure(da: xr.DataArray, dim: str, attrs: Any, *, predicting: bool) -> tuple[Array, dict[str, Any]]:
    """Features that all cells share (time, columns), and how the networks are built, for kernels."""
    lags, horizon, harmonics = (int(attrs[name]) for name in ("lags", "horizon", "harmonics"))
    if lags < 0 or horizon < 1 or harmonics < 0 or lags + harmonics < 1:
        raise ValueError(
            f"lags={lags}, horizon={horizon}, harmonics={harmonics}: at least one lag or harmonic and a horizon of 1 are "
            "needed."
        )
    if da.sizes[dim] < lags + horizon:
        raise ValueError(
            f"dimension {dim!r} has {da.sizes[dim]} steps, and {lags} lags with a horizon of {horizon} need at least "
            f"{lags + horizon}."
        )
    shared = _waves(da, dim, harmonics, attrs, predicting)
    hidden = [int(units) for units in str(attrs["hidden"]).split()]
    parameters = {
        "layers": np.array([lags + shared.shape[1], *hidden, 1]),
        "lags": lags,
        "horizon": horizon,
        "activation": activation_code(attrs["activation"]),
    }
    return shared, parameters


def _waves(da: xr.DataArray, dim: str, harmonics: int, attrs: Any, predicting: bool) -> Array:
    """Harmonics of the calendar year or of a period in steps, at each step in the order of time."""
    if harmonics == 0:
        return np.empty((da.sizes[dim], 0))
    if attrs["period"] != "year":
        first = steps_from_origin(da, dim, attrs) if predicting else 0
        return cycle(first + np.arange(da.sizes[dim]), harmonics, float(attrs["period"]))
    if dim not in da.coords or not are_dates(da[dim]):
        raise ValueError(
            f"harmonics of the year need dates, and {dim!r} has none. Give the number of steps of a cycle: period=12 for "
            "months."
        )
    time = da[dim].sortby(dim).dt
    return cycle((time.dayofyear.values - 1.0 + time.hour.values / 24.0) / time.days_in_year.values, harmonics, 1.0)


def _limits(layers: Any) -> Array:
    """The limit of the initial value of each parameter: weights by Glorot and Bengio, biases 0."""
    parts = []
    for inputs, units in pairwise(layers):
        parts += [np.full(inputs * units, np.sqrt(6.0 / (inputs + units))), np.zeros(units)]
    return np.concatenate(parts)


def _positions(da: xr.DataArray, dim: str) -> xr.DataArray:
    """Number of each cell in the whole grid, the same for any order of dimensions; lazy, in the chunks of `da`."""
    position, stride = xr.DataArray(0.0), 1.0
    for name in sorted(set(da.dims) - {dim}, key=str):
        along = xr.DataArray(stride * np.arange(da.sizes[name]), dims=(name,))
        if name in da.variable.chunksizes:
            along = along.chunk({name: da.variable.chunksizes[name]})
        position = position + along
        stride *= da.sizes[name]
    return position
