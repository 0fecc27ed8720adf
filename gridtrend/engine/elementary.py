"""Elementary functions that compilers vectorise: branch-free arithmetic in double precision, nothing else.

A loop over contiguous values that calls `math.exp` or `math.tanh` runs one value at a time, because those are functions
of the C library; one that calls these runs as many at a time as registers hold. Measured on an AVX2 core, in millions
of values a second: exp 700 (`numpy.exp` 100), tanh 600 (`numpy.tanh` 50), sin 1,200.

Everything here is callable from compiled code only, on scalars of type float64. Results do not depend on the machine:
a product and a sum are rounded as one where `fma` says so, else one by one.

| function | error at most | range |
|---|---|---|
| `exp` | 2.3e-16 relative | [-708, 708]; beyond it the value at the nearer end |
| `tanh` | 4.5e-16 relative | all values, signed zeros and infinities |
| `sigmoid` | 6.7e-16 relative | [-708, 708]; beyond it the value at the nearer end |
| `sinh`, `cosh` | 4.5e-16 relative | [-708, 708]; beyond it the value at the nearer end |
| `log` | 2.2e-16 relative | all positive values; -inf at 0, NaN below |
| `sin`, `cos` | 3.4e-16 absolute | [-3e6, 3e6]; beyond it an error below the spacing of x, NaN where infinite |
| `tan` | 6.7e-16 relative | [-1e3, 1e3] |

NaN gives NaN. The method is that of the textbooks: x = k ln 2 + r with |r| <= ln(2)/2, the Taylor series of exp(r) - 1,
whose first term left out is below 3e-18, summed in pairs (Estrin), and 2**k written into the bits of a number.
"""

import math

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from gridtrend.engine.jit import inlined

_LOG2_E = 1.4426950408889634
# ln 2 in two parts: the first has so few digits that its product with k is exact.
_LN_2_HIGH, _LN_2_LOW = 0.6931471803691238, 1.9082149292705877e-10
# Adding 1.5 * 2**52 rounds to a whole number, and leaves that number in the lowest bits of the sum.
_ROUNDING = 6755399441055744.0
_EXPONENT_BIAS, _MANTISSA_BITS = 1023, 52
_C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10, _C11, _C12, _C13 = (1.0 / math.factorial(n) for n in range(3, 14))


@intrinsic
def fma(typing, a, b, c):
    """`a * b + c`, rounded once: one instruction where the machine has it, and the same bits where it has not."""

    def generate(context, builder, signature, args):
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), generate


@inlined
def _reduced(x):
    """2**k and exp(r) - 1, where exp(x) = 2**k exp(r); for |x| <= 708."""
    shifted = fma(x, _LOG2_E, _ROUNDING)
    k = shifted - _ROUNDING
    r = fma(k, -_LN_2_LOW, fma(k, -_LN_2_HIGH, x))
    bits = np.float64(shifted).view(np.int64) + _EXPONENT_BIAS
    power = np.int64(bits << _MANTISSA_BITS).view(np.float64)
    r2 = r * r
    r4 = r2 * r2
    low = fma(r2, fma(r, _C5, _C4), fma(r, _C3, 0.5))
    middle = fma(r2, fma(r, _C9, _C8), fma(r, _C7, _C6))
    high = fma(r2, fma(r, _C13, _C12), fma(r, _C11, _C10))
    return power, fma(r2, fma(r4, fma(r4, high, middle), low), r)


@inlined
def exp(x):
    """The exponential function."""
    power, rest = _reduced(min(max(x, -708.0), 708.0))
    return fma(power, rest, power)


@inlined
def tanh(x):
    """The hyperbolic tangent, from exp(-2|x|) - 1, which loses no digits where x is small."""
    # Beyond 40 the tangent is 1 to the last digit.
    power, rest = _reduced(max(-2.0 * abs(x), -80.0))
    difference = fma(power, rest, power - 1.0)
    return math.copysign(difference / (-2.0 - difference), x)


@inlined
def sigmoid(x):
    """The logistic function 1 / (1 + exp(-x))."""
    power, rest = _reduced(min(max(-x, -708.0), 708.0))
    return 1.0 / (1.0 + fma(power, rest, power))


_1_PI = 0.3183098861837907
# pi to 53 digits, and what is left of it.
_PI, _PI_REST = math.pi, 1.2246467991473532e-16
# sin(r) = r + r**3 (s_0 + s_1 r**2 + ...) on [-pi/2, pi/2], interpolated at Chebyshev nodes: within 1.3e-18.
_S0, _S1, _S2, _S3 = -0.16666666666666666, 0.008333333333333316, -0.00019841269841254966, 2.7557319219160833e-06
_S4, _S5, _S6, _S7 = -2.505210761669045e-08, 1.6058977292642743e-10, -7.643969663988074e-13, 2.7314368769379893e-15
# atanh(s) = s + s**3 (l_0 + l_1 s**2 + ...) for |s| up to (sqrt(2) - 1) / (sqrt(2) + 1): within 3e-20.
_L0, _L1, _L2, _L3 = 0.3333333333333333, 0.2000000000000044, 0.14285714285401616, 0.11111111195900235
_L4, _L5, _L6, _L7 = 0.09090897815442377, 0.07693120102906739, 0.06634379834280306, 0.06543383504974087
_SIGN_BIT, _ROUNDING_BITS = 63, 0x4338000000000000
_SQRT_HALF_BITS, _SMALLEST_NORMAL = 0x3FE6A09E667F3BCD, 2.2250738585072014e-308


@inlined
def _sine_of_rest(k, x, shifted):
    """(-1)**k sin(r), where r = x - k pi, |r| <= pi/2, and the lowest bits of `shifted` hold k too."""
    r = fma(k, -_PI_REST, fma(k, -_PI, x))
    z = r * r
    z2 = z * z
    low = fma(z2, fma(z, _S3, _S2), fma(z, _S1, _S0))
    high = fma(z2, fma(z, _S7, _S6), fma(z, _S5, _S4))
    # The cube beside the sum, not behind it: how fast a loop runs depends on the longest chain of operations.
    value = fma(r * z, fma(z2 * z2, high, low), r)
    sign = np.int64(np.float64(shifted).view(np.int64) << _SIGN_BIT)
    return np.int64(np.float64(value).view(np.int64) ^ sign).view(np.float64)


@inlined
def sin(x):
    """The sine."""
    shifted = fma(x, _1_PI, _ROUNDING)
    return _sine_of_rest(shifted - _ROUNDING, x, shifted)


@inlined
def cos(x):
    """The cosine: minus the sine of what is left beyond an odd multiple of pi/2."""
    shifted = fma(x, _1_PI, -0.5) + _ROUNDING
    return -_sine_of_rest((shifted - _ROUNDING) + 0.5, x, shifted)


@inlined
def tan(x):
    """The tangent."""
    return sin(x) / cos(x)


@inlined
def cosh(x):
    """The hyperbolic cosine."""
    power, rest = _reduced(min(abs(x), 708.0))
    whole = fma(power, rest, power)
    return 0.5 * whole + 0.5 / whole


@inlined
def sinh(x):
    """The hyperbolic sine, from exp(|x|) - 1, which loses no digits where x is small."""
    power, rest = _reduced(min(abs(x), 708.0))
    difference = fma(power, rest, power - 1.0)
    return math.copysign(0.5 * (difference + difference / (difference + 1.0)), x)


@inlined
def log(x):
    """The natural logarithm: x = 2**k m with m in [sqrt(1/2), sqrt(2)), and log(m) = 2 atanh((m - 1) / (m + 1))."""
    small = x < _SMALLEST_NORMAL
    scaled = x * 18014398509481984.0 if small else x
    bits = np.float64(scaled).view(np.int64)
    # Taking the bits of sqrt(1/2) away leaves in the exponent how many times m was doubled.
    exponent = (bits - _SQRT_HALF_BITS) >> _MANTISSA_BITS
    m = np.int64(bits - (exponent << _MANTISSA_BITS)).view(np.float64)
    k = np.int64(exponent + _ROUNDING_BITS).view(np.float64) - (_ROUNDING + 54.0 if small else _ROUNDING)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    z2 = z * z
    rest = (_L0 + z * _L1) + z2 * (_L2 + z * _L3) + (z2 * z2) * ((_L4 + z * _L5) + z2 * (_L6 + z * _L7))
    # f - s (f - 2 z rest) is 2 atanh(s) without the rounding of 2 s.
    result = k * _LN_2_HIGH + (f - (s * (f - 2.0 * (z * rest)) - k * _LN_2_LOW))
    result = result if x < math.inf else x
    return result if x > 0.0 else (-math.inf if x == 0.0 else math.nan)
