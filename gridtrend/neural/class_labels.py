"""Class labels, given as integers, strings or one-hot rows: validated, and converted to indices."""

from collections.abc import Callable
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt

from gridtrend.neural.shapes import as_array

# Whole numbers up to here are exact as floats.
MOST = 2**53

Indices = npt.NDArray[np.int64]


def read_labels(
    y: Any,
    n_samples: int,
    classes: npt.NDArray[Any] | None = None,
    advice: Callable[[int], str] | None = None,
) -> tuple[npt.NDArray[Any], Indices]:
    """Classes and, for each sample, the index of its class.

    Parameters
    ----------
    y : array_like, shape (n_samples,) or (n_samples, n_classes)
        One label a sample, integers or strings; or one row a sample, 1 in the column of its class and 0 elsewhere.
    n_samples : int
        Rows of what the labels belong to.
    classes : ndarray, optional
        The classes there are; otherwise those that occur. One-hot columns are the classes in this order, or 0, 1, ...
    advice : callable, optional
        The advice in the error message for one-hot labels with this number of columns that do not fit the classes.

    Returns
    -------
    classes : ndarray, shape (n_classes,)
    indices : ndarray of int64, shape (n_samples,)

    Raises
    ------
    ValueError
        If shapes do not fit, if rows are not one-hot, or if a label is none of `classes`.

    Examples
    --------
    >>> read_labels([2, 0, 2], 3)
    (array([0, 2]), array([1, 0, 1]))
    >>> read_labels([[0, 0, 1], [1, 0, 0]], 2)
    (array([0, 1, 2]), array([2, 0]))
    """
    labels = as_array("y", y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        # A column of a table: one label a sample.
        labels = labels[:, 0]
    if labels.ndim not in (1, 2) or labels.shape[:1] != (n_samples,):
        raise ValueError(
            f"y has shape {labels.shape}, and X has {n_samples} samples: labels are ({n_samples},), one a sample, or "
            f"one-hot ({n_samples}, classes)."
        )
    if labels.ndim == 2:
        return _one_hot(labels, classes, advice)
    if labels.dtype.kind == "O":
        # Object arrays (for example a pandas column): let NumPy infer the real dtype; it is checked below.
        found = labels.tolist()
        if not (all(isinstance(each, str) for each in found) or all(isinstance(each, Number) for each in found)):
            kinds = ", ".join(sorted({type(each).__name__ for each in found}))
            raise ValueError(f"y holds {kinds}; labels are all integers, all strings, or one-hot rows.")
        labels = np.array(found)
    if labels.dtype.kind == "f":
        labels = _whole(labels.astype(np.float64))
    if labels.dtype.kind not in "biuUS":
        raise ValueError(f"y holds {labels.dtype}; labels are integers, strings or one-hot rows.")
    if classes is None:
        return np.unique(labels, return_inverse=True)
    place = {value: index for index, value in enumerate(classes.tolist())}
    unknown = sorted(set(labels.tolist()) - set(place), key=str)
    if unknown:
        raise ValueError(f"y has the labels {unknown}, which are none of the classes {list(place)}.")
    return classes, np.array([place[value] for value in labels.tolist()], np.int64)


def _whole(labels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Whole-number labels that were stored as floats."""
    if not (np.abs(labels) <= MOST).all() or (labels != np.round(labels)).any():
        raise ValueError(
            f"y holds {labels.dtype} that are not whole numbers, so they are no classes. For continuous targets use "
            "gridtrend.neural.MLPRegressor."
        )
    return labels.astype(np.int64)


def _one_hot(
    labels: npt.NDArray[Any], classes: npt.NDArray[Any] | None, advice: Callable[[int], str] | None
) -> tuple[npt.NDArray[Any], Indices]:
    n_samples, n_columns = labels.shape
    if labels.dtype.kind == "O" and all(isinstance(each, Number) for each in labels.ravel().tolist()):
        labels = labels.astype(float)
    if labels.dtype.kind not in "biuf" or not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"y has shape {labels.shape} and values other than 0 and 1, so it is not one-hot. Give one class a sample, "
            f"integers or strings of shape ({n_samples},): probabilities become classes by y.argmax(axis=1), and "
            "activations of a hidden layer are no labels."
        )
    sums = labels.sum(axis=1, dtype=np.int64)
    if (sums != 1).any():
        row = int(np.flatnonzero(sums != 1)[0])
        raise ValueError(
            f"row {row} of y has {sums[row]} ones, and a one-hot row has one: a sample belongs to one class."
        )
    if classes is None:
        classes = np.arange(n_columns)
    if len(classes) != n_columns:
        raise ValueError(
            f"y is one-hot with {n_columns} columns, and there are {len(classes)} classes: {classes.tolist()}."
            + (f" {advice(n_columns)}" if advice else "")
        )
    return classes, labels.argmax(axis=1).astype(np.int64)
