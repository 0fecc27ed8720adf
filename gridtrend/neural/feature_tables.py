"""Samples of features for estimators: numbers, and the names of the columns of a table."""

from typing import Any

import numpy as np

from gridtrend.neural.shapes import Array, as_floats, check_finite

Names = np.ndarray[Any, Any] | None


def read_features(name: str, X: Any) -> tuple[Array, Names]:
    """Samples (samples, features) as numbers, and the names of the columns of a table; None where there are none."""
    x = as_floats(name, X)
    if x.ndim != 2 or not x.size:
        shaped = ""
        if x.ndim == 1:
            shaped = f" One sample is {name}[numpy.newaxis], one feature {name}[:, numpy.newaxis]."
        raise ValueError(
            f"{name} has shape {x.shape}, and (samples, features) is needed, of at least one sample.{shaped}"
        )
    check_finite(**{name: x})
    columns = getattr(X, "columns", None)
    names = None if columns is None else list(columns)
    known = names is not None and all(isinstance(each, str) for each in names)
    return x, np.asarray(names, object) if known else None


def check_names(given: Names, trained: Names) -> None:
    """Refuse columns in another order, or others, than those of the training; arrays have no names to compare."""
    if given is None or trained is None or given.tolist() == trained.tolist():
        return
    new, lost = [sorted(set(a) - set(b)) for a, b in ((given, trained), (trained, given))]
    if new or lost:
        said = " and ".join(
            f"{', '.join(map(repr, names[:5]))} {what}"
            for names, what in ((new, "unknown"), (lost, "missing"))
            if names
        )
    else:
        said = "the same names in another order"
    raise ValueError(
        f"The feature names should match those that were passed during fit: {said}. Take the columns of the training, "
        "X[model.feature_names_in_]."
    )
