"""Checks of the arrays of a network, all shapes together: the message names all shapes and the wrong one."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def as_array(name: str, values: Any) -> npt.NDArray[Any]:
    """Values as a NumPy array; sparse arrays and ragged lists are refused."""
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise TypeError(
            f"{name} is sparse ({type(values).__name__}), and a network needs all values: dense data is {name}.toarray()."
        )
    try:
        return np.asarray(values)
    except ValueError:
        raise ValueError(
            f"{name} has rows of different lengths, and an array is needed; give all rows the same length."
        ) from None


def as_floats(name: str, values: Any) -> Array:
    """Real numbers as a fresh float64 array in C order."""
    array = as_array(name, values)
    if array.dtype.kind == "O" and array.ndim:
        # An object array, from columns of a table: accepted if it holds only numbers.
        array = _numbers(name, array)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} holds {array.dtype}, and a network needs real numbers.")
    return np.array(array, dtype=np.float64, order="C")


def _numbers(name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    wrong = next(
        (each for each in array.ravel().tolist() if each is not None and not isinstance(each, Real | Decimal)), None
    )
    if wrong is not None:
        raise TypeError(
            f"{name} holds objects such as {wrong!r} ({type(wrong).__name__}), and a network needs real numbers: words and "
            "dates become numbers first, such as one-hot columns."
        )
    return array.astype(np.float64)


def check_not_empty(**arrays: Array) -> None:
    """Refuse arrays with an axis of size 0: a loss of no values, or of no parameters, has no derivatives."""
    for name, array in arrays.items():
        if not array.size:
            raise ValueError(f"{name} has shape {array.shape}: there is nothing to learn from.")


def check_finite(**arrays: Array) -> None:
    """Refuse missing and infinite values: one of them makes every weight NaN."""
    for name, array in arrays.items():
        wrong = array.size - int(np.isfinite(array).sum())
        if wrong:
            raise ValueError(
                f"{name} has {wrong} missing or infinite values of {array.size}; a network cannot learn from them. Keep "
                f"the complete samples: keep = numpy.isfinite({name}.reshape(len({name}), -1)).all(axis=1)."
            )


def check_shapes(wanted: Mapping[str, str], arrays: Mapping[str, Any], hint: str = "") -> dict[str, int]:
    """Match the axes of several arrays with each other.

    Parameters
    ----------
    wanted : mapping of str to str
        For each name, its axes: "hidden features". An axis has one size wherever it occurs.
    arrays : mapping of str to array or None
        What was given. None is left out.
    hint : str
        Advice for the end of the message.

    Returns
    -------
    dict
        The size of each axis.

    Raises
    ------
    ValueError
        If they do not fit. Where all but one array fit, that one is wrong; of two that contradict each other, the later.
        Otherwise the sizes that most arrays agree on are taken for the right ones.

    Examples
    --------
    >>> check_shapes({"x": "batch features", "U": "hidden features"}, {"x": np.ones((5, 2)), "U": np.ones((3, 2))})
    {'batch': 5, 'features': 2, 'hidden': 3}
    """
    shapes = {name: np.shape(array) for name, array in arrays.items() if array is not None}
    axes = {name: wanted[name].split() for name in shapes}
    for left_out in (None, *reversed(shapes)):
        sizes, contradicted = _agreed({name: (axes[name], shapes[name]) for name in shapes if name != left_out})
        if not contradicted:
            break
    else:
        sizes, _ = _agreed({name: (axes[name], shapes[name]) for name in shapes})
    wrong = []
    for name, shape in shapes.items():
        if shape != tuple(sizes.get(axis) for axis in axes[name]):
            expected = ", ".join(str(sizes.get(axis, axis)) for axis in axes[name])
            wrong.append(f"{name} has shape {shape}, and ({', '.join(axes[name])}) = ({expected}) is needed")
    if wrong:
        everything = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"{'; '.join(wrong)}. All shapes: {everything}.{' ' + hint if hint else ''}")
    return sizes


def _agreed(arrays: Mapping[str, tuple[list[str], tuple[int, ...]]]) -> tuple[dict[str, int], bool]:
    """The size of each axis that most arrays have, and whether one of them has another, or another number of axes."""
    found: dict[str, Counter[int]] = {}
    misfits = False
    for axes, shape in arrays.values():
        if len(shape) != len(axes):
            misfits = True
            continue
        for axis, size in zip(axes, shape, strict=True):
            found.setdefault(axis, Counter())[size] += 1
    sizes = {axis: counts.most_common(1)[0][0] for axis, counts in found.items()}
    return sizes, misfits or any(len(counts) > 1 for counts in found.values())
