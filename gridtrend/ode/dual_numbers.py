"""Dual numbers, a value with one derivative, and elementary functions of numbers and duals for compiled code.

A function that is compiled for dual arguments returns its value and its directional derivative, exact to rounding
(forward-mode differentiation; Griewank & Walther 2008, doi:10.1137/1.9780898717761). The values are the same for every
direction and are computed once, so that a Jacobian of a few columns costs little more than one column.

`SUBSTITUTES` gives, for functions of `math` and `numpy`, one that takes duals, and that is branch-free arithmetic where
`gridtrend.engine.elementary` has it.
"""

import math
import operator

import numpy as np
from numba.core import types
from numba.core.imputils import lower_cast
from numba.core.typeconv import Conversion
from numba.extending import intrinsic, make_attribute_wrapper, models, overload, register_model

from gridtrend.engine import elementary
from gridtrend.engine.derivatives import NUMPY_NAMES, OF_ONE, OF_TWO
from gridtrend.engine.jit import inlined


class Dual(types.Type):
    """The numba type of a float64 with its derivative in one direction; a plain number is a constant."""

    def __init__(self):
        super().__init__(name="Dual")

    def can_convert_from(self, typingctx, other):
        """Numbers are duals whose derivative is 0."""
        # Only a `safe` conversion: for a number, a function compiled for numbers takes precedence.
        return Conversion.safe if isinstance(other, types.Integer | types.Float) else None


DUAL = Dual()


@register_model(Dual)
class _DualModel(models.StructModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, [("value", types.float64), ("slope", types.float64)])


make_attribute_wrapper(Dual, "value", "value")
make_attribute_wrapper(Dual, "slope", "slope")


def _packed(context, builder, value, slope):
    pair = context.make_helper(builder, DUAL)
    pair.value, pair.slope = value, slope
    return pair._getvalue()


@intrinsic
def dual(typing, value, slope):
    """The dual number of a value and its derivative."""
    signature = DUAL(types.float64, types.float64)
    return signature, lambda context, builder, signature, args: _packed(context, builder, *args)


@lower_cast(types.Number, Dual)
def _constant(context, builder, fromty, toty, value):
    value = context.cast(builder, value, fromty, types.float64)
    return _packed(context, builder, value, context.get_constant(types.float64, 0.0))


def value_of(x):
    """The value of a number or a dual."""


def slope_of(x):
    """The derivative of a dual; that of a number is 0."""


@overload(value_of)
def _value_of(x):
    return (lambda x: x.value) if isinstance(x, Dual) else (lambda x: float(x))


@overload(slope_of)
def _slope_of(x):
    return (lambda x: x.slope) if isinstance(x, Dual) else (lambda x: 0.0)


def _are(*kinds):
    """Whether all are numbers or duals, and one at least is a dual."""
    return any(isinstance(kind, Dual) for kind in kinds) and all(isinstance(k, Dual | types.Number) for k in kinds)


def _rule(*functions, of):
    """Give functions of two arguments a rule for duals."""
    for function in functions:
        overload(function)(lambda a, b: of if _are(a, b) else None)


def where(condition, a, b):
    """`a` if the condition holds, else `b`."""


def maximum(a, b):
    """The greater of two numbers; NaN if either is."""


def minimum(a, b):
    """The lesser of two numbers; NaN if either is."""


def _select(condition, a, b):
    return dual(value_of(a), slope_of(a)) if condition else dual(value_of(b), slope_of(b))


@overload(where)
def _where(condition, a, b):
    return _select if _are(a, b) else (lambda condition, a, b: a if condition else b)


def _power(a, b):
    x, y = value_of(a), value_of(b)
    result = x**y
    # With a constant exponent log(x) is not needed, which has no value for negative x.
    rest = 0.0 if slope_of(b) == 0.0 else result * math.log(x) * slope_of(b)
    return dual(result, (y * x ** (y - 1.0) * slope_of(a) if y != 0.0 else 0.0) + rest)


def _whole_power(a, b):
    return dual(a.value**b, b * a.value ** (b - 1) * a.slope) if b != 0 else dual(1.0, 0.0)


@overload(operator.pow)
def _pow(a, b):
    if isinstance(a, Dual) and isinstance(b, types.Integer):
        return _whole_power
    return _power if _are(a, b) else None


_rule(operator.add, operator.iadd, of=lambda a, b: dual(value_of(a) + value_of(b), slope_of(a) + slope_of(b)))
_rule(operator.sub, operator.isub, of=lambda a, b: dual(value_of(a) - value_of(b), slope_of(a) - slope_of(b)))
_rule(
    operator.mul,
    operator.imul,
    of=lambda a, b: dual(value_of(a) * value_of(b), value_of(a) * slope_of(b) + slope_of(a) * value_of(b)),
)
_rule(
    operator.truediv,
    operator.itruediv,
    of=lambda a, b: dual(
        value_of(a) / value_of(b), (slope_of(a) - value_of(a) / value_of(b) * slope_of(b)) / value_of(b)
    ),
)
_rule(operator.lt, of=lambda a, b: value_of(a) < value_of(b))
_rule(operator.le, of=lambda a, b: value_of(a) <= value_of(b))
_rule(operator.gt, of=lambda a, b: value_of(a) > value_of(b))
_rule(operator.ge, of=lambda a, b: value_of(a) >= value_of(b))
_rule(operator.eq, of=lambda a, b: value_of(a) == value_of(b))
_rule(operator.ne, of=lambda a, b: value_of(a) != value_of(b))
_rule(max, of=lambda a, b: _select_of(value_of(a) >= value_of(b), a, b))
_rule(min, of=lambda a, b: _select_of(value_of(a) <= value_of(b), a, b))
_select_of = where


@overload(maximum)
def _maximum(a, b):
    return lambda a, b: where(value_of(a) >= value_of(b) or value_of(a) != value_of(a), a, b)


@overload(minimum)
def _minimum(a, b):
    return lambda a, b: where(value_of(a) <= value_of(b) or value_of(a) != value_of(a), a, b)


@overload(operator.neg)
def _neg(a):
    return (lambda a: dual(-a.value, -a.slope)) if isinstance(a, Dual) else None


@overload(operator.pos)
def _pos(a):
    return (lambda a: a) if isinstance(a, Dual) else None


def _function(name, value, slope):
    """A function of one number or dual, from its value and its derivative."""

    def function(x):
        raise TypeError(f"{name} of gridtrend runs in compiled code only")

    def implementation(x):
        if isinstance(x, Dual):
            return lambda x: dual(value(x.value), slope(x.value) * x.slope)
        return (lambda x: value(float(x))) if isinstance(x, types.Number) else None

    function.__name__ = name
    overload(function)(implementation)
    return function


_LANES = {name: getattr(elementary, name) for name in ("sin", "cos", "tan", "exp", "log", "tanh", "sinh", "cosh")}


def _cube_root(x):
    root = math.copysign(math.fabs(x) ** (1.0 / 3.0), x)
    # The exponent 1/3 is rounded; one step of Newton's method removes the error that this makes.
    return root - (root - x / root / root) / 3.0 if root != 0.0 and math.isfinite(root) else root


def _defined(parameters, text, names):
    """The function that an expression defines, merged into its callers."""
    return inlined(eval(f"lambda {parameters}: {text}", names))


# Formulas of functions that neither `elementary` nor `math` has, or that are faster through `elementary`.
_FORMULAS = {
    "log10": "0.4342944819032518 * log(x)",
    "log2": "1.4426950408889634 * log(x)",
    "exp2": "2.0**x",
    "square": "x * x",
    "radians": "0.017453292519943295 * x",
    "degrees": "57.29577951308232 * x",
}
_NAMES = {name: getattr(math, name) for name in (*OF_ONE, *OF_TWO, "trunc") if hasattr(math, name)} | _LANES
# numba does not know math.fmod.
_NAMES |= {"sign": np.sign, "rint": np.rint, "fmod": np.fmod, "cbrt": inlined(_cube_root)}
_NAMES |= {name: _defined("x", text, dict(_NAMES)) for name, text in _FORMULAS.items()}
_FUNCTIONS = {
    name: _function(name, _defined("x", f"{name}(x)", _NAMES), _defined("x", slope, _NAMES))
    for name, slope in OF_ONE.items()
}


def _of_two(name, value, by_first, by_second):
    """A function of two numbers or duals, from its value and its two derivatives."""

    def function(a, b):
        raise TypeError(f"{name} of gridtrend runs in compiled code only")

    def of_duals(a, b):
        x, y = value_of(a), value_of(b)
        return dual(value(x, y), by_first(x, y) * slope_of(a) + by_second(x, y) * slope_of(b))

    def implementation(a, b):
        if _are(a, b):
            return of_duals
        are_numbers = isinstance(a, types.Number) and isinstance(b, types.Number)
        return (lambda a, b: value(float(a), float(b))) if are_numbers else None

    function.__name__ = name
    overload(function)(implementation)
    return function


_PAIRS = {
    name: _of_two(name, *(_defined("x, y", text, _NAMES) for text in (f"{name}(x, y)", *slopes)))
    for name, slopes in OF_TWO.items()
}
_rule(
    operator.mod,
    operator.imod,
    of=lambda a, b: dual(value_of(a) % value_of(b), slope_of(a) - math.floor(value_of(a) / value_of(b)) * slope_of(b)),
)
_rule(operator.floordiv, operator.ifloordiv, of=lambda a, b: dual(value_of(a) // value_of(b), 0.0))


def remainder(a, b):
    """The remainder of a division, with the sign of `b`."""


def power(a, b):
    """`a**b`."""


def clip(a, a_min, a_max):
    """The nearest number to `a` between two bounds; NaN if `a` is."""


def heaviside(x, at_zero):
    """0 below zero, 1 above it, `at_zero` there, and NaN for NaN."""


def any_of(values):
    """Whether one number of a tuple is not zero."""


def all_of(values):
    """Whether no number of a tuple is zero."""


def isclose(a, b, rel_tol=1e-9, abs_tol=0.0):
    """`math.isclose`."""


def isclose_numpy(a, b, rtol=1e-5, atol=1e-8):
    """`numpy.isclose`."""


def _are_numbers(*kinds):
    return all(isinstance(kind, Dual | types.Number | types.Boolean) for kind in kinds)


@overload(remainder)
def _remainder(a, b):
    return (lambda a, b: a % b) if _are_numbers(a, b) else None


@overload(power)
def _power_of(a, b):
    return (lambda a, b: a**b) if _are_numbers(a, b) else None


@overload(clip)
def _clip(a, a_min, a_max):
    if _are_numbers(a, a_min, a_max):
        return lambda a, a_min, a_max: where(a < a_min, 1.0 * a_min, where(a > a_max, 1.0 * a_max, 1.0 * a))
    return None


@overload(heaviside)
def _heaviside(x, at_zero):
    if _are_numbers(x, at_zero):
        return lambda x, at_zero: where(x < 0.0, 0.0, where(x > 0.0, 1.0, where(x == 0.0, 1.0 * at_zero, 1.0 * x)))
    return None


def _quantifier(function, start):
    @overload(function)
    def implementation(values):
        if isinstance(values, types.UniTuple) and _are_numbers(values.dtype):

            def of_tuple(values):
                for value in values:
                    if (value != 0) != start:
                        return not start
                return start

            return of_tuple
        return (lambda values: values != 0) if _are_numbers(values) else None


_quantifier(any_of, False)
_quantifier(all_of, True)


@overload(isclose)
def _isclose(a, b, rel_tol=1e-9, abs_tol=0.0):
    if not _are_numbers(a, b):
        return None

    def near(a, b, rel_tol=1e-9, abs_tol=0.0):
        x, y = float(value_of(a)), float(value_of(b))
        if x == y:
            return True
        return math.isfinite(x - y) and abs(x - y) <= max(rel_tol * max(abs(x), abs(y)), abs_tol)

    return near


@overload(isclose_numpy)
def _isclose_numpy(a, b, rtol=1e-5, atol=1e-8):
    if not _are_numbers(a, b):
        return None

    def near(a, b, rtol=1e-5, atol=1e-8):
        x, y = float(value_of(a)), float(value_of(b))
        return x == y or (math.isfinite(x - y) and abs(x - y) <= atol + rtol * abs(y))

    return near


@overload(math.isnan)
def _isnan(x):
    return (lambda x: math.isnan(x.value)) if isinstance(x, Dual) else None


@overload(math.isinf)
def _isinf(x):
    return (lambda x: math.isinf(x.value)) if isinstance(x, Dual) else None


@overload(math.isfinite)
def _isfinite(x):
    return (lambda x: math.isfinite(x.value)) if isinstance(x, Dual) else None


@overload(int)
def _int(x):
    return (lambda x: int(x.value)) if isinstance(x, Dual) else None


@overload(float)
def _float(x):
    return (lambda x: x) if isinstance(x, Dual) else None


@overload(abs)
def _abs(x):
    fabs = _FUNCTIONS["fabs"]
    return (lambda x: fabs(x)) if isinstance(x, Dual) else None


@overload(math.pow)
def _math_pow(a, b):
    return _power if _are(a, b) else None


SUBSTITUTES = {
    getattr(module, name): function
    for name, function in _FUNCTIONS.items()
    for module in (math, np)
    if hasattr(module, name)
}
SUBSTITUTES |= {getattr(np, name): (_FUNCTIONS | _PAIRS)[ours] for name, ours in NUMPY_NAMES.items()}
SUBSTITUTES |= {np.where: where, np.maximum: maximum, np.minimum: minimum, np.fmax: max, np.fmin: min}
SUBSTITUTES |= {getattr(math, name): function for name, function in _PAIRS.items()}
SUBSTITUTES |= {np.hypot: _PAIRS["hypot"], np.copysign: _PAIRS["copysign"], np.fmod: _PAIRS["fmod"]}
SUBSTITUTES |= {np.remainder: remainder, np.power: power, np.clip: clip}
SUBSTITUTES |= {np.heaviside: heaviside, math.isclose: isclose, np.isclose: isclose_numpy}
SUBSTITUTES |= {np.isnan: math.isnan, np.isinf: math.isinf, np.isfinite: math.isfinite}
SUBSTITUTES |= {np.any: any_of, np.all: all_of, any: any_of, all: all_of}
# Python's built-in functions that have a substitute, by name.
BUILTINS = {function.__name__: SUBSTITUTES[function] for function in (any, all)}
