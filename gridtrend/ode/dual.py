"""Dual numbers, a value with one derivative, and elementary functions of numbers and duals for compiled code.

A function that is compiled for dual arguments returns its value and its directional derivative, exact to rounding
(forward-mode differentiation; Griewank & Walther 2008, doi:10.1137/1.9780898717761). What it computes along the way is
the same for every direction, so that a Jacobian of a few columns costs little more than one.

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
from gridtrend.engine.jit import inlined


class Dual(types.Type):
    """The numba type of a float64 with its derivative in one direction; a plain number stands for a constant."""

    def __init__(self):
        super().__init__(name="Dual")

    def can_convert_from(self, typingctx, other):
        """Numbers are duals whose derivative is 0."""
        # Never as good as a number for a number: a function may be compiled for both.
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
    # A constant exponent leaves log(x) out, which has no value where x is negative.
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
    value, slope = inlined(value), inlined(slope)

    def function(x):
        raise TypeError(f"{name} of gridtrend runs in compiled code only")

    def implementation(x):
        if isinstance(x, Dual):
            return lambda x: dual(value(x.value), slope(x.value) * x.slope)
        return (lambda x: value(float(x))) if isinstance(x, types.Number) else None

    function.__name__ = name
    overload(function)(implementation)
    return function


_sin, _cos, _exp, _log = elementary.sin, elementary.cos, elementary.exp, elementary.log
_tan, _tanh, _sinh, _cosh = elementary.tan, elementary.tanh, elementary.sinh, elementary.cosh


def _cube_root(x):
    root = math.copysign(math.fabs(x) ** (1.0 / 3.0), x)
    # The power has the error of a third that is rounded; one step of Newton's method takes it away.
    return root - (root - x / root / root) / 3.0 if root != 0.0 and math.isfinite(root) else root


_cube_root = inlined(_cube_root)

# Value and derivative of each function: ours where they run in SIMD lanes, else those of the C library.
_RULES = {
    "sin": (lambda x: _sin(x), lambda x: _cos(x)),
    "cos": (lambda x: _cos(x), lambda x: -_sin(x)),
    "tan": (lambda x: _tan(x), lambda x: 1.0 / (_cos(x) * _cos(x))),
    "exp": (lambda x: _exp(x), lambda x: _exp(x)),
    "log": (lambda x: _log(x), lambda x: 1.0 / x),
    "log10": (lambda x: 0.4342944819032518 * _log(x), lambda x: 0.4342944819032518 / x),
    "log2": (lambda x: 1.4426950408889634 * _log(x), lambda x: 1.4426950408889634 / x),
    "tanh": (lambda x: _tanh(x), lambda x: 1.0 - _tanh(x) * _tanh(x)),
    "sinh": (lambda x: _sinh(x), lambda x: _cosh(x)),
    "cosh": (lambda x: _cosh(x), lambda x: _sinh(x)),
    "sqrt": (lambda x: math.sqrt(x), lambda x: 0.5 / math.sqrt(x)),
    "fabs": (lambda x: math.fabs(x), lambda x: math.copysign(1.0, x)),
    "floor": (lambda x: math.floor(x), lambda x: 0.0),
    "ceil": (lambda x: math.ceil(x), lambda x: 0.0),
    "expm1": (lambda x: math.expm1(x), lambda x: _exp(x)),
    "log1p": (lambda x: math.log1p(x), lambda x: 1.0 / (1.0 + x)),
    "atan": (lambda x: math.atan(x), lambda x: 1.0 / (1.0 + x * x)),
    "asin": (lambda x: math.asin(x), lambda x: 1.0 / math.sqrt(1.0 - x * x)),
    "acos": (lambda x: math.acos(x), lambda x: -1.0 / math.sqrt(1.0 - x * x)),
    "erf": (lambda x: math.erf(x), lambda x: 1.1283791670955126 * _exp(-x * x)),
    "erfc": (lambda x: math.erfc(x), lambda x: -1.1283791670955126 * _exp(-x * x)),
    "asinh": (lambda x: math.asinh(x), lambda x: 1.0 / math.sqrt(1.0 + x * x)),
    "acosh": (lambda x: math.acosh(x), lambda x: 1.0 / math.sqrt(x * x - 1.0)),
    "atanh": (lambda x: math.atanh(x), lambda x: 1.0 / (1.0 - x * x)),
    "cbrt": (lambda x: _cube_root(x), lambda x: 1.0 / (3.0 * _cube_root(x) * _cube_root(x))),
    "exp2": (lambda x: 2.0**x, lambda x: 0.6931471805599453 * 2.0**x),
    "sign": (lambda x: np.sign(x), lambda x: 0.0),
    "rint": (lambda x: np.rint(x), lambda x: 0.0),
    "square": (lambda x: x * x, lambda x: 2.0 * x),
    "radians": (lambda x: 0.017453292519943295 * x, lambda x: 0.017453292519943295),
    "degrees": (lambda x: 57.29577951308232 * x, lambda x: 57.29577951308232),
}
_FUNCTIONS = {name: _function(name, *rule) for name, rule in _RULES.items()}
_NUMPY_NAMES = {"abs": "fabs", "absolute": "fabs", "arctan": "atan", "arcsin": "asin", "arccos": "acos"}
_NUMPY_NAMES |= {"deg2rad": "radians", "rad2deg": "degrees", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh"}


def _of_two(name, value, by_first, by_second):
    """A function of two numbers or duals, from its value and its two derivatives."""
    value, by_first, by_second = inlined(value), inlined(by_first), inlined(by_second)

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
    "hypot": (lambda x, y: math.hypot(x, y), lambda x, y: x / math.hypot(x, y), lambda x, y: y / math.hypot(x, y)),
    "atan2": (lambda x, y: math.atan2(x, y), lambda x, y: y / (x * x + y * y), lambda x, y: -x / (x * x + y * y)),
    "copysign": (
        lambda x, y: math.copysign(x, y),
        lambda x, y: math.copysign(1.0, x) * math.copysign(1.0, y),
        lambda x, y: 0.0,
    ),
    "fmod": (lambda x, y: math.fmod(x, y), lambda x, y: 1.0, lambda x, y: -math.trunc(x / y)),
}
_PAIRS = {name: _of_two(name, *rule) for name, rule in _PAIRS.items()}
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
    """The nearest number to `a` between two bounds; NaN if it is."""


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
SUBSTITUTES |= {getattr(np, name): _FUNCTIONS[ours] for name, ours in _NUMPY_NAMES.items()}
SUBSTITUTES |= {np.where: where, np.maximum: maximum, np.minimum: minimum, np.fmax: max, np.fmin: min}
SUBSTITUTES |= {getattr(math, name): function for name, function in _PAIRS.items()}
SUBSTITUTES |= {np.hypot: _PAIRS["hypot"], np.arctan2: _PAIRS["atan2"], np.copysign: _PAIRS["copysign"]}
SUBSTITUTES |= {np.fmod: _PAIRS["fmod"], np.remainder: remainder, np.power: power, np.clip: clip}
SUBSTITUTES |= {np.heaviside: heaviside, math.isclose: isclose, np.isclose: isclose_numpy}
SUBSTITUTES |= {np.isnan: math.isnan, np.isinf: math.isinf, np.isfinite: math.isfinite}
SUBSTITUTES |= {np.any: any_of, np.all: all_of, any: any_of, all: all_of}
# Those of Python's own functions that have another one, by name: no module holds them.
BUILTINS = {function.__name__: SUBSTITUTES[function] for function in (any, all)}
