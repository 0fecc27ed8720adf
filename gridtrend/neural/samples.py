"""Samples of a series for networks: windows and lags, and scaling that sees training samples alone."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from gridtrend.neural.option_checks import check_number, check_positive, check_whole
from gridtrend.neural.shapes import Array, as_array, as_floats


def windows(series: Any, length: int, horizon: int = 1, *, dim: str = "time") -> tuple[Any, Any]:
    """Windows of a series, and the value that follows each: views, no copies.

    Parameters
    ----------
    series : array_like or DataArray, shape (time,) or (time, features)
    length : int
        Steps of a window.
    horizon : int
        How many steps after the end of the window the value to predict lies.
    dim : str
        The dimension of time of a DataArray.

    Returns
    -------
    X : ndarray or DataArray, shape (samples, length, features)
        Sample i holds the steps i to i + length - 1. A read-only view of `series`; of a dask array, lazy.
    y : ndarray or DataArray, shape (samples, features)
        The value at step i + length + horizon - 1. Of a DataArray, both are labelled with the time of this value.

    Raises
    ------
    TypeError
        If `series` is not of real numbers.
    ValueError
        If it has other dimensions than time and features, or is too short.

    Notes
    -----
    O(1).

    References
    ----------
    Takens, F. (1981). Lect. Notes Math. 898, 366-381. doi:10.1007/BFb0091924

    Examples
    --------
    >>> import numpy as np
    >>> from gridtrend import neural
    >>> X, y = neural.windows(np.sin(np.arange(200.0)), length=50)
    >>> X.shape, y.shape
    ((150, 50, 1), (150, 1))
    """
    length, horizon = check_positive("length", length), check_positive("horizon", horizon)
    if isinstance(series, xr.DataArray):
        return _labelled_windows(series, length, horizon, dim)
    values = (
        np.asanyarray(series) if hasattr(series, "dtype") and hasattr(series, "ndim") else as_array("series", series)
    )
    if values.dtype.kind not in "biuf":
        raise TypeError(f"series holds {values.dtype}, and windows are of real numbers.")
    if values.ndim not in (1, 2):
        raise ValueError(
            f"series has shape {values.shape}, and (time,) or (time, features) is needed. A network for each cell of a grid "
            "is gridtrend.neural.fit_per_cell."
        )
    return _windows(values if values.ndim == 2 else values[:, None], length, horizon)


def _windows(values: Any, length: int, horizon: int) -> tuple[Any, Any]:
    """Windows of values (time, features), for numpy and dask arrays."""
    n_samples = len(values) - length - horizon + 1
    if n_samples < 1:
        raise ValueError(
            f"the series has {len(values)} steps, and windows of {length} with the value {horizon} later need at least "
            f"{length + horizon}."
        )
    view = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)[:n_samples]
    return view.swapaxes(1, 2), values[length + horizon - 1 :]


def _labelled_windows(series: xr.DataArray, length: int, horizon: int, dim: str) -> tuple[xr.DataArray, xr.DataArray]:
    others = [name for name in series.dims if name != dim]
    if dim not in series.dims or len(others) > 1:
        raise ValueError(
            f"series has the dimensions {series.dims}, and {dim!r} with at most one more, the features, is needed. Name "
            "the dimension of time: dim=...; a network for each cell of a grid is gridtrend.neural.fit_per_cell."
        )
    feature = others[0] if others else "feature"
    values = series.transpose(dim, *others).data
    if not series.size and series.chunks is not None:
        # dask fails for empty arrays, because it divides by sizes.
        return tuple(
            part.chunk()
            for part in _labelled_windows(series.copy(data=np.empty(series.shape, series.dtype)), length, horizon, dim)
        )  # type: ignore[return-value]
    X, y = _windows(values if others else values[:, None], length, horizon)
    coords = series.isel({dim: slice(length + horizon - 1, None)}).coords
    target = xr.DataArray(y, coords, (dim, feature), series.name, series.attrs)
    return xr.DataArray(X, coords, (dim, "step", feature), series.name, series.attrs), target


def lagged(
    series: npt.ArrayLike, lags: int, horizon: int = 1, *, harmonics: int = 0, period: float = 12.0
) -> tuple[Array, Array]:
    """The latest values of a series and its position in a cycle, as features of the value that follows.

    Parameters
    ----------
    series : array_like, shape (time,)
    lags : int
        How many latest values.
    horizon : int
        How many steps after the latest one the value to predict lies.
    harmonics : int
        Pairs of cosine and sine with `period`, period / 2, ... at the time of the value to predict.
    period : float
        Steps of a cycle: 12 for months.

    Returns
    -------
    X : ndarray, shape (samples, lags + 2 harmonics)
        The latest value first, then the ones before, then cosine and sine of each harmonic.
    y : ndarray, shape (samples,)
        Sample i is step i + lags + horizon - 1.

    Raises
    ------
    ValueError
        If the series is too short or not one-dimensional.

    Notes
    -----
    O(samples (lags + harmonics)). These are the features that `fit_per_cell` gives each cell.

    References
    ----------
    Yule, G. U. (1927). Phil. Trans. R. Soc. A 226, 267-298. doi:10.1098/rsta.1927.0007

    Examples
    --------
    >>> from gridtrend import neural
    >>> X, y = neural.lagged([1.0, 2.0, 3.0, 4.0], lags=2)
    >>> X, y
    (array([[2., 1.],
           [3., 2.]]), array([3., 4.]))
    """
    lags, horizon = check_positive("lags", lags), check_positive("horizon", horizon)
    values = as_floats("series", series)
    if values.ndim != 1:
        raise ValueError(f"series has shape {values.shape}, and (time,) is needed. For grids there is fit_per_cell.")
    X, y = _windows(values[:, None], lags, horizon)
    waves = cycle(np.arange(len(values)), harmonics, period)[lags + horizon - 1 :]
    return np.concatenate([X[:, ::-1, 0], waves], axis=1), y[:, 0].copy()


def cycle(steps: npt.ArrayLike, harmonics: int, period: float) -> Array:
    """Cosine and sine of the harmonics of a period at each step, shape (steps, 2 harmonics)."""
    harmonics = check_whole("harmonics", harmonics)
    if not 0 < check_number("period", period) < np.inf:
        raise ValueError(f"period={period!r} is not a number of steps above 0.")
    angle = 2 * np.pi * np.asarray(steps, np.float64)[:, None] * np.arange(1, harmonics + 1) / period
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).reshape(len(angle), -1)


class Scaler:
    """Shift and scale features to mean 0 and standard deviation 1, as the samples given here have them.

    Offset and scale come from the training samples only, so that no information of test data enters the training. The
    estimators of this package scale in `fit`.

    Parameters
    ----------
    training : array_like, shape (..., features)
        Training samples alone. A feature that never changes is only shifted.

    Examples
    --------
    >>> scaler = Scaler([[1.0], [3.0]])
    >>> scaler.transform([[5.0]]), scaler.inverse([[3.0]])
    (array([[3.]]), array([[5.]]))
    """

    def __init__(self, training: npt.ArrayLike):
        values = as_floats("training", training)
        if not values.ndim or not math.prod(values.shape[:-1]):
            raise ValueError(f"training has shape {values.shape}: no samples, and (..., features) is needed.")
        axes = tuple(range(values.ndim - 1))
        with np.errstate(over="ignore", invalid="ignore"):
            self.offset: Array = values.mean(axis=axes)
            spread = values.std(axis=axes)
        if np.isfinite(values).all() and not np.isfinite(spread).all():
            raise ValueError(
                f"values up to {np.abs(values).max():.3g} are too large to be squared; take another unit, such as "
                "X / numpy.abs(X).max()."
            )
        # A constant with many digits has a small standard deviation from rounding errors.
        self.scale: Array = np.where(spread > 1e-12 * np.abs(self.offset), spread, 1.0)

    @classmethod
    def identity(cls, training: npt.ArrayLike) -> "Scaler":
        """A scaler that changes nothing, for samples like these."""
        features = np.shape(training)[-1]
        return cls.from_arrays(np.zeros(features), np.ones(features))

    @classmethod
    def from_arrays(cls, offset: Array, scale: Array) -> "Scaler":
        """A scaler with known offset and scale."""
        scaler = cls.__new__(cls)
        scaler.offset, scaler.scale = offset, scale
        return scaler

    def transform(self, values: npt.ArrayLike) -> Array:
        """Values to scaled values."""
        scaled: Array = (np.asarray(values, np.float64) - self.offset) / self.scale
        return scaled

    def inverse(self, scaled: npt.ArrayLike) -> Array:
        """Scaled values to values."""
        values: Array = np.asarray(scaled, np.float64) * self.scale + self.offset
        return values
