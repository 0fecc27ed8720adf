"""Derivatives of functions written in NumPy: a dual array is an array and its derivatives with respect to each state.

They are exact to rounding (automatic differentiation), and need no step size.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gridtrend.engine.derivatives import NUMPY_NAMES, OF_ONE, OF_TWO

Array = np.ndarray[Any, Any]


def _where_first(test: Callable[[Any, Any], Any]) -> Callable[[Any, Any], tuple[Any, Any]]:
    return lambda a, b: (test(a, b) * 1.0, 1.0 - test(a, b) * 1.0)


def _power(a: Any, b: Any) -> tuple[Any, Any]:
    # The derivative by the exponent exists for positive bases only; it is used only where the exponent is a state.
    return b * a ** (b - 1.0), a**b * np.log(np.where(a > 0, a, 1.0))


def _evaluated(parameters: str, *texts: str) -> Callable[..., tuple[Any, ...]]:
    function: Callable[..., tuple[Any, ...]] = eval(f"lambda {parameters}: ({', '.join(texts)},)", dict(vars(np)))
    return function


# Partial derivatives of each function with respect to its arguments.
_DERIVATIVES: dict[np.ufunc, Callable[..., tuple[Any, ...]]] = {
    np.add: lambda a, b: (1.0, 1.0),
    np.subtract: lambda a, b: (1.0, -1.0),
    np.multiply: lambda a, b: (b, a),
    np.divide: lambda a, b: (1.0 / b, -a / b**2),
    np.power: _power,
    np.negative: lambda a: (-1.0,),
    np.positive: lambda a: (1.0,),
    np.maximum: _where_first(np.greater_equal),
    np.minimum: _where_first(np.less_equal),
}
# Functions with steps (floor, rint) are left out: Newton's method needs a derivative that describes the function.
for _name, _rule in {**{name: name for name in (*OF_ONE, *OF_TWO)}, **NUMPY_NAMES}.items():
    _texts = OF_TWO.get(_rule) or (OF_ONE[_rule],)
    if _texts != ("0.0",) and isinstance(_function := getattr(np, _name, None), np.ufunc):
        _DERIVATIVES[_function] = _evaluated("x, y" if _rule in OF_TWO else "x", *_texts)
# Functions of states whose results are no states.
_PLAIN = {
    *(np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal),
    *(np.isfinite, np.isnan, np.sign),
}

_NO_NUMBER = (
    "f makes a plain number or array of a state, which has no derivatives: math.exp, float and numpy.asarray do. Write f with "
    "operators, numpy.where and NumPy's functions such as numpy.exp."
)


class Dual(np.lib.mixins.NDArrayOperatorsMixin):
    """An array and its derivatives; None is a derivative of zero.

    Examples
    --------
    >>> y = Dual(np.array([0.0, 1.0]), [1.0])
    >>> (np.exp(y) * y).parts[0].round(3).tolist()
    [1.0, 5.437]
    """

    __slots__ = ("parts", "value")

    def __init__(self, value: Any, parts: Sequence[Any]):
        self.value = value
        self.parts = list(parts)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        values = [item.value if isinstance(item, Dual) else item for item in inputs]
        if method == "__call__" and not options and ufunc in _PLAIN:
            return ufunc(*values)
        if method != "__call__" or options or ufunc not in _DERIVATIVES:
            known = ", ".join(sorted(known.__name__ for known in _DERIVATIVES))
            raise TypeError(
                f"the derivative of numpy.{ufunc.__name__} is not known here. Write f with {known} and where."
            )
        result = ufunc(*values)
        partial = _DERIVATIVES[ufunc](*values)
        parts: list[Any] = [None] * max(len(item.parts) for item in inputs if isinstance(item, Dual))
        for item, slope in zip(inputs, partial, strict=True):
            if isinstance(item, Dual):
                for j, part in enumerate(item.parts):
                    if part is not None:
                        parts[j] = slope * part if parts[j] is None else parts[j] + slope * part
        return Dual(result, parts)

    def __bool__(self) -> bool:
        raise ValueError("the truth value of a state is that of all its nodes and cells")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            f"f asks for .{name} of a state; states take operators, numpy.where and NumPy's functions such as numpy.exp."
        )

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(_NO_NUMBER)

    def __float__(self) -> float:
        raise TypeError(_NO_NUMBER)

    def __getitem__(self, place: Any) -> Any:
        raise TypeError(
            f"f asks for the values [{place!r}] of a state; an equation holds at each single node, between the states "
            "and coefficients there."
        )

    def __array_function__(self, function: Any, kinds: Any, args: Any, options: Any) -> Any:
        if function is not np.where or options or len(args) != 3:
            raise TypeError(f"numpy.{function.__name__} is not among what f may call on states.")
        test, x, y = args
        a, b = (item if isinstance(item, Dual) else Dual(item, []) for item in (x, y))
        parts: list[Any] = []
        for j in range(max(len(a.parts), len(b.parts))):
            p, q = (item.parts[j] if j < len(item.parts) else None for item in (a, b))
            parts.append(
                None if p is None and q is None else np.where(test, 0.0 if p is None else p, 0.0 if q is None else q)
            )
        return Dual(np.where(test, a.value, b.value), parts)


def independent(values: Sequence[Array]) -> list[Dual]:
    """States as dual arrays: the derivative of each with respect to itself is 1."""
    return [Dual(value, [1.0 if j == i else None for j in range(len(values))]) for i, value in enumerate(values)]
