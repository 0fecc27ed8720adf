"""A recurrent network that is trained, used, saved and loaded as one object."""

import os
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gridtrend.grid.checks import check_flag
from gridtrend.neural.mlp_estimators import Estimator, explained
from gridtrend.neural.option_checks import check_pair, check_positive
from gridtrend.neural.rnn_functions import fit_rnn, rnn_forward
from gridtrend.neural.rnn_network import RNNParameters
from gridtrend.neural.samples import Scaler
from gridtrend.neural.saving import write_model
from gridtrend.neural.shapes import Array, as_floats, check_finite


class RNN(Estimator):
    """A recurrent network that predicts what follows a sequence.

    Parameters
    ----------
    hidden : int
        Size of the hidden state.
    activation : {"tanh", "relu", "sigmoid", "identity"}
    truncate, epochs, batch, optimizer, learning_rate, momentum, decay, clip, patience, seed, progress
        As for `fit_rnn`.
    scale : bool
        Scale inputs and targets to mean 0 and standard deviation 1 of the training samples.

    Attributes
    ----------
    parameters_ : RNNParameters
        Named tuple of U, W, V, b, c, for scaled inputs and targets.
    history_ : History

    Examples
    --------
    >>> import numpy as np
    >>> from gridtrend import neural
    >>> X, y = neural.windows(np.sin(np.arange(80.0)), length=10)
    >>> rnn = neural.RNN(hidden=16, seed=0, epochs=100).fit(X[:50], y[:50])
    >>> bool(np.abs(rnn.predict(X[50:]) - y[50:]).max() < 0.05)
    True
    """

    x_scaler_: Scaler

    def __init__(
        self,
        hidden: int = 32,
        *,
        activation: str = "tanh",
        truncate: int | None = None,
        epochs: int = 200,
        batch: int | None = 10,
        optimizer: str = "adam",
        learning_rate: float = 3e-3,
        momentum: float = 0.9,
        decay: float = 0.01,
        clip: float | None = 1.0,
        patience: int | None = None,
        scale: bool = True,
        seed: int = 0,
        progress: bool | None = None,
    ):
        self._keep(locals())

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike, validation: tuple[Any, Any] | None = None) -> Self:
        """Train on sequences (samples, time, features) and what follows each.

        `y` has shape (samples, outputs), or (samples,) for one output, at the last step; (samples, time, outputs) at
        every step. `validation` is a pair like X and y, see `fit_rnn`.
        """
        x, targets = as_floats("X", X), as_floats("y", y)
        check_finite(X=x, y=targets)
        if x.ndim != 3 or targets.ndim not in (1, 2, 3) or not x.size or not targets.size:
            raise ValueError(
                f"X has shape {x.shape} and y {targets.shape}, and (samples, time, features) and (samples, outputs) are "
                f"needed.{_axes_hint(x)} Windows of a series come from gridtrend.neural.windows(series, length)."
            )
        self._target_ndim = targets.ndim
        targets = targets[:, None] if targets.ndim == 1 else targets
        scaler = Scaler if check_flag("scale", self.scale) else Scaler.identity
        self.x_scaler_, self.y_scaler_ = scaler(x), scaler(targets)
        if validation is not None:
            validation = check_pair("validation", validation, "X, y")
            held_out = as_floats("validation y", validation[1])
            held_out = held_out[:, None] if held_out.ndim == 1 else held_out
            validation = (
                self.x_scaler_.transform(as_floats("validation X", validation[0])),
                self.y_scaler_.transform(held_out),
            )
        options = {name: value for name, value in self.get_params().items() if name != "scale"}
        self.parameters_, self.history_ = fit_rnn(
            self.x_scaler_.transform(x), self.y_scaler_.transform(targets), validation=validation, **options
        )
        # Forecasts start from the end of the training.
        last = targets[-1:] if targets.ndim == 2 else targets[-1, -1:]
        self._end = np.concatenate([x[-1, 1:], last]) if last.shape[1] == x.shape[2] else x[-1]
        return self

    def predict(self, X: npt.ArrayLike) -> Array:
        """What follows each sequence, in the shape that the targets of the training had."""
        outputs = self._outputs(as_floats("X", X))
        if self._target_ndim == 3:
            return outputs
        return outputs[:, -1, 0] if self._target_ndim == 1 else outputs[:, -1]

    def forecast(self, steps: int, start: npt.ArrayLike | None = None) -> Array:
        """Predict step after step, each prediction being the next input.

        Parameters
        ----------
        steps : int
        start : array_like, shape (time, features), optional
            The latest values. By default the last window of the training with its target at its end: the end of the
            training series, where `y` is one step after the window (`horizon=1`).

        Returns
        -------
        ndarray, shape (steps, features)

        Raises
        ------
        ValueError
            If the network's outputs are not its inputs, or `start` does not fit.
        """
        self._check_fitted()
        steps = check_positive("steps", steps)
        outputs, features = len(self.parameters_.V), self.parameters_.U.shape[1]
        if outputs != features:
            raise ValueError(
                f"the network has {features} features and {outputs} outputs; to go on from its own predictions it must "
                "predict all of its features."
            )
        window = self._end if start is None else as_floats("start", start)
        if window.ndim == 1 and features == 1:
            window = window[:, None]
        if window.ndim != 2 or window.shape[1] != features or not len(window):
            raise ValueError(f"start has shape {window.shape}, and (time, {features}) is needed.")
        forecasts = np.empty((steps, features))
        for i in range(steps):
            forecasts[i] = self._outputs(window[None])[0, -1]
            window = np.concatenate([window[1:], forecasts[i : i + 1]])
        return forecasts

    def score(self, X: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """Share of the variance of the targets that is explained (R squared), over all outputs."""
        truth, found = as_floats("y", y), self.predict(X)
        if truth.shape != found.shape:
            raise ValueError(f"y has shape {truth.shape}, and predictions have {found.shape}.")
        return explained(((truth - found) ** 2).sum(), ((truth - truth.mean(axis=0)) ** 2).sum())

    def _outputs(self, x: Array) -> Array:
        self._check_fitted()
        features = self.parameters_.U.shape[1]
        if x.ndim != 3 or x.shape[2] != features or not x.size:
            raise ValueError(
                f"X has shape {x.shape}, and (samples, time, {features}) is needed: the network was trained on {features} "
                f"features.{_axes_hint(x, features)}"
            )
        check_finite(X=x)
        outputs = rnn_forward(self.x_scaler_.transform(x), *self.parameters_, activation=self.activation)[1]
        return self.y_scaler_.inverse(outputs)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trained network to an npz file, without pickles."""
        self._check_fitted()
        arrays = self.parameters_._asdict() | {
            "x_offset": self.x_scaler_.offset,
            "x_scale": self.x_scaler_.scale,
            "y_offset": self.y_scaler_.offset,
            "y_scale": self.y_scaler_.scale,
            "end": self._end,
            "target_ndim": np.array(self._target_ndim),
        }
        write_model(path, type(self).__name__, self.get_params(), arrays)

    @classmethod
    def _restored(cls, settings: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Self:
        model = cls(**settings)
        model.parameters_ = RNNParameters(*(arrays[name] for name in RNNParameters._fields))
        model.x_scaler_ = Scaler.from_arrays(arrays["x_offset"], arrays["x_scale"])
        model.y_scaler_ = Scaler.from_arrays(arrays["y_offset"], arrays["y_scale"])
        model._end, model._target_ndim = arrays["end"], int(arrays["target_ndim"])
        # Arrays that do not fit each other fail here, not in the first prediction.
        model._outputs(np.zeros((1, 1, len(model.x_scaler_.offset))))
        return model


def _axes_hint(x: Array, features: int | None = None) -> str:
    """How to add the axis that is missing."""
    if x.ndim == 2 and x.shape[1] == features:
        return f" One sequence is an axis of size 1: X[numpy.newaxis], of shape {(1, *x.shape)}."
    if x.ndim == 2 and features in (None, 1):
        return f" A single feature is an axis of size 1: X[..., numpy.newaxis], of shape {(*x.shape, 1)}."
    if x.ndim == 1 and features in (None, 1):
        return f" One sequence of one feature is X[numpy.newaxis, :, numpy.newaxis], of shape {(1, *x.shape, 1)}."
    return ""
