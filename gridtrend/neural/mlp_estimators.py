"""Layered networks in scikit-learn's conventions, without scikit-learn."""

import inspect
import os
import sys
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gridtrend.grid.checks import check_flag
from gridtrend.neural.class_labels import read_labels
from gridtrend.neural.feature_tables import Names, check_names, read_features
from gridtrend.neural.mlp_functions import fit_mlp, mlp_forward, softmax
from gridtrend.neural.option_checks import check_pair
from gridtrend.neural.samples import Scaler
from gridtrend.neural.saving import read_model, write_model
from gridtrend.neural.shapes import Array, as_array, as_floats, check_finite


class NotFittedError(ValueError, AttributeError):
    """A model was used before it was trained; scikit-learn's error of this name where that is in use."""


def _not_fitted() -> type[Exception]:
    if "sklearn" in sys.modules:
        from sklearn.exceptions import NotFittedError as Theirs

        error: type[Exception] = Theirs
        return error
    return NotFittedError


def explained(left: float, whole: float) -> float:
    """R squared; for a constant target 1 if it is met and 0 otherwise, as in scikit-learn."""
    if whole > 0:
        return float(1.0 - left / whole)
    return 1.0 if left == 0 else 0.0


class Estimator:
    """scikit-learn's protocol for models: parameters by name, and tags; and loading from files."""

    activation: str
    scale: bool

    def _keep(self, arguments: dict[str, Any]) -> None:
        """Store the arguments of a constructor, its `locals()`, as attributes of the same names."""
        vars(self).update({name: value for name, value in arguments.items() if name != "self"})

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Arguments of the constructor, by name."""
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> Self:
        """Change arguments of the constructor; they count from the next `fit` on."""
        for name, value in params.items():
            if name not in self.get_params():
                known = ", ".join(self.get_params())
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}; it has {known}.")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        changed = {
            name: getattr(self, name)
            for name, parameter in list(inspect.signature(type(self).__init__).parameters.items())[1:]
            if getattr(self, name) != parameter.default
        }
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in changed.items())})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coefs_") or hasattr(self, "parameters_")

    def __sklearn_tags__(self) -> Any:
        # Only scikit-learn calls this method, so that it is installed here.
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

        is_classifier = isinstance(self, MLPClassifier)
        return Tags(
            estimator_type="classifier" if is_classifier else "regressor",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if is_classifier else None,
            regressor_tags=None if is_classifier else RegressorTags(),
        )

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            name = type(self).__name__
            raise _not_fitted()(f"this {name} has not been trained: call fit(X, y) first, or {name}.load(path).")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a trained network that `save` wrote.

        Raises
        ------
        ValueError
            If the file is damaged, or holds anything else.
        """
        return read_model(path, cls.__name__, cls._restored)

    @classmethod
    def _restored(cls, settings: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Self:
        raise NotImplementedError


class _MLP(Estimator):
    """Base class of the classifier and the regressor."""

    x_scaler_: Scaler

    def __init__(
        self,
        hidden: Sequence[int] = (16,),
        *,
        activation: str = "tanh",
        l2: float = 1e-3,
        epochs: int = 200,
        batch: int | None = 32,
        optimizer: str = "adam",
        learning_rate: float = 1e-2,
        momentum: float = 0.9,
        decay: float = 0.01,
        clip: float | None = None,
        patience: int | None = None,
        scale: bool = True,
        seed: int = 0,
        progress: bool | None = None,
    ):
        self._keep(locals())

    def _samples(self, X: Any) -> Array:
        """Samples like those of the training, scaled as they were."""
        self._check_fitted()
        x, names = read_features("X", X)
        check_names(names, getattr(self, "feature_names_in_", None))
        if x.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has shape {x.shape}, and (samples, {self.n_features_in_}) is needed: the network was trained on "
                f"{self.n_features_in_} features."
            )
        return self.x_scaler_.transform(x)

    def _fit(self, x: Array, names: Names, targets: Any, loss: str, validation: tuple[Any, Any] | None) -> None:
        self.n_features_in_ = x.shape[1]
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            # Left from an earlier training on a table.
            del self.feature_names_in_
        self.x_scaler_ = Scaler(x) if check_flag("scale", self.scale) else Scaler.identity(x)
        if validation is not None:
            held_out, other_names = validation[0]
            check_names(other_names, names)
            if held_out.shape[1] != x.shape[1]:
                raise ValueError(
                    f"validation X has shape {held_out.shape}, and X has {x.shape[1]} features; both must be the same."
                )
            validation = self.x_scaler_.transform(held_out), validation[1]
        options = {name: value for name, value in self.get_params().items() if name != "scale"}
        self.coefs_, self.intercepts_, self.history_ = fit_mlp(
            self.x_scaler_.transform(x), targets, loss=loss, validation=validation, **options
        )

    def _output(self, X: Any) -> Array:
        return mlp_forward(self._samples(X), self.coefs_, self.intercepts_, activation=self.activation)[-1]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trained network to an npz file, without pickles."""
        self._check_fitted()
        arrays = {f"coefs_{i}": array for i, array in enumerate(self.coefs_)}
        arrays |= {f"intercepts_{i}": array for i, array in enumerate(self.intercepts_)}
        arrays |= {"x_offset": self.x_scaler_.offset, "x_scale": self.x_scaler_.scale} | self._further_arrays()
        if hasattr(self, "feature_names_in_"):
            arrays["feature_names"] = self.feature_names_in_.astype(str)
        write_model(path, type(self).__name__, self.get_params(), arrays)

    @classmethod
    def _restored(cls, settings: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Self:
        model = cls(**settings | {"hidden": tuple(settings["hidden"])})
        n_layers = sum(name.startswith("coefs_") for name in arrays)
        model.coefs_ = [arrays[f"coefs_{i}"] for i in range(n_layers)]
        model.intercepts_ = [arrays[f"intercepts_{i}"] for i in range(n_layers)]
        model.x_scaler_ = Scaler.from_arrays(arrays["x_offset"], arrays["x_scale"])
        model.n_features_in_ = len(model.x_scaler_.offset)
        if "feature_names" in arrays:
            model.feature_names_in_ = arrays["feature_names"].astype(object)
        model._take_further_arrays(arrays)
        # Arrays that do not fit each other fail here, not in the first prediction.
        model._output(np.zeros((1, model.n_features_in_)))
        return model

    def _further_arrays(self) -> dict[str, npt.NDArray[Any]]:
        raise NotImplementedError

    def _take_further_arrays(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        raise NotImplementedError


class MLPClassifier(_MLP):
    """A layered network that classifies samples: softmax output, cross-entropy.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer; () is logistic regression.
    activation : {"tanh", "relu", "sigmoid", "identity"}
    l2, epochs, batch, optimizer, learning_rate, momentum, decay, clip, patience, seed, progress
        As for `fit_mlp`.
    scale : bool
        Scale features to mean 0 and standard deviation 1 of the training samples.

    Attributes
    ----------
    classes_ : ndarray
        In the order of the columns of `predict_proba`.
    coefs_, intercepts_ : list of ndarray
        Of the scaled features.
    n_features_in_, feature_names_in_
        Number of features, and, after a training on a table, the names of its columns: predictions want the same.
    history_ : History

    Examples
    --------
    >>> from gridtrend import neural
    >>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["no", "yes", "yes", "no"]
    >>> neural.MLPClassifier(hidden=(4,), l2=0.0, seed=1).fit(X, y).predict(X)
    array(['no', 'yes', 'yes', 'no'], dtype='<U3')
    """

    def fit(self, X: Any, y: Any, validation: tuple[Any, Any] | None = None) -> Self:
        """Train on samples (samples, features) and labels: integers or strings (samples,), or one-hot.

        One-hot columns are the classes 0, 1, ...; `validation` is a pair like X and y, see `fit_mlp`.
        """
        x, names = read_features("X", X)
        self.classes_, indices = read_labels(y, len(x))
        if len(self.classes_) < 2:
            column = f" A column counts as labels, as y.ravel(), of shape ({len(x)},), does." if np.ndim(y) == 2 else ""
            raise ValueError(f"y has the single class {self.classes_.tolist()}; two or more are needed.{column}")
        one_hot = np.eye(len(self.classes_), dtype=np.int8)
        if validation is not None:
            validation = check_pair("validation", validation, "X, y")
            held_out = read_features("validation X", validation[0])
            validation = held_out, one_hot[read_labels(validation[1], len(held_out[0]), self.classes_)[1]]
        # One-hot, so that a class without a sample keeps its output.
        self._fit(x, names, one_hot[indices], "cross-entropy", validation)
        return self

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes, shape (samples, classes); each row sums to 1."""
        return softmax(self._output(X))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable class of each sample, as `classes_` has it."""
        output = self._output(X)
        chosen: npt.NDArray[Any] = self.classes_[output.argmax(axis=1)]
        return chosen

    def score(self, X: Any, y: Any) -> float:
        """Share of samples whose class is predicted rightly; labels in any form that `fit` takes."""
        found = self.predict(X)
        labels = as_array("y", y)
        if labels.ndim == 2 and labels.shape[1] > 1:
            labels = self.classes_[read_labels(y, len(found), self.classes_)[1]]
        if labels.size != len(found):
            raise ValueError(f"y has shape {labels.shape}, and X has {len(found)} samples.")
        return float(np.mean(found == labels.reshape(len(found))))

    def _further_arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"classes": self.classes_}

    def _take_further_arrays(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        self.classes_ = arrays["classes"]


class MLPRegressor(_MLP):
    """A layered network for continuous targets: linear output, squared error.

    Parameters
    ----------
    hidden : sequence of int
        Units of each hidden layer; () is linear regression.
    activation : {"tanh", "relu", "sigmoid", "identity"}
    l2, epochs, batch, optimizer, learning_rate, momentum, decay, clip, patience, seed, progress
        As for `fit_mlp`.
    scale : bool
        Scale features and targets to mean 0 and standard deviation 1 of the training samples.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        Of the scaled features and targets.
    n_features_in_, feature_names_in_
        Number of features, and, after a training on a table, the names of its columns: predictions want the same.
    history_ : History

    Examples
    --------
    >>> import numpy as np
    >>> from gridtrend import neural
    >>> X = np.linspace(-2.0, 2.0, 50)[:, np.newaxis]
    >>> model = neural.MLPRegressor(hidden=(8,), l2=0.0, seed=0).fit(X, np.sin(X[:, 0]))
    >>> model.score(X, np.sin(X[:, 0])) > 0.99
    True
    """

    def fit(self, X: Any, y: Any, validation: tuple[Any, Any] | None = None) -> Self:
        """Train on samples (samples, features) and targets (samples,) or (samples, outputs).

        `validation` is a pair like X and y, see `fit_mlp`.
        """
        x, names = read_features("X", X)
        targets = as_floats("y", y)
        if targets.ndim not in (1, 2) or len(targets) != len(x) or not targets.size:
            raise ValueError(
                f"y has shape {targets.shape}, and X has {len(x)} samples: ({len(x)},) or ({len(x)}, outputs) is needed."
            )
        check_finite(y=targets)
        self._one_output = targets.ndim == 1
        columns = targets.reshape(len(targets), -1)
        self.y_scaler_ = Scaler(columns) if check_flag("scale", self.scale) else Scaler.identity(columns)
        if validation is not None:
            validation = check_pair("validation", validation, "X, y")
            held_out = read_features("validation X", validation[0])
            wanted = as_floats("validation y", validation[1])
            if wanted.shape not in ((len(held_out[0]), *targets.shape[1:]), (len(held_out[0]), columns.shape[1])):
                raise ValueError(
                    f"validation y has shape {wanted.shape}, and {(len(held_out[0]), *targets.shape[1:])} is needed: one "
                    "row for each sample of validation X, with the outputs of y."
                )
            validation = held_out, self.y_scaler_.transform(wanted.reshape(len(wanted), -1))
        self._fit(x, names, self.y_scaler_.transform(columns), "squared", validation)
        return self

    def predict(self, X: Any) -> Array:
        """Targets of samples, in the shape that those of the training had."""
        output = self._output(X)
        targets = self.y_scaler_.inverse(output)
        return targets[:, 0] if self._one_output else targets

    def score(self, X: Any, y: Any) -> float:
        """Share of the variance of the targets that is explained (R squared), mean over outputs."""
        truth, found = as_floats("y", y), self.predict(X)
        if truth.shape in ((*found.shape, 1), found.shape[:-1]) and truth.size == found.size:
            # A column and a vector are the same targets.
            truth = truth.reshape(found.shape)
        if truth.shape != found.shape:
            raise ValueError(f"y has shape {truth.shape}, and predictions have {found.shape}.")
        left = ((truth - found) ** 2).sum(axis=0)
        whole = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
        return float(
            np.mean([explained(*pair) for pair in zip(np.atleast_1d(left), np.atleast_1d(whole), strict=True)])
        )

    def _further_arrays(self) -> dict[str, npt.NDArray[Any]]:
        scaler = self.y_scaler_
        return {"y_offset": scaler.offset, "y_scale": scaler.scale, "one_output": np.array(self._one_output)}

    def _take_further_arrays(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        self.y_scaler_ = Scaler.from_arrays(arrays["y_offset"], arrays["y_scale"])
        self._one_output = bool(arrays["one_output"])
