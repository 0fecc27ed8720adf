"""Derivatives of elementary functions, stated once: as text, for compiled scalars (ode) and for NumPy arrays (bvp).

Whoever uses a rule evaluates it with functions of these names for its own kind of numbers.
"""

# Derivative of each function of `x`, by its name in `math`.
OF_ONE = {
    "sin": "cos(x)",
    "cos": "-sin(x)",
    "tan": "1.0 / (cos(x) * cos(x))",
    "exp": "exp(x)",
    "log": "1.0 / x",
    "log10": "0.4342944819032518 / x",
    "log2": "1.4426950408889634 / x",
    "tanh": "1.0 - tanh(x) * tanh(x)",
    "sinh": "cosh(x)",
    "cosh": "sinh(x)",
    "sqrt": "0.5 / sqrt(x)",
    "fabs": "copysign(1.0, x)",
    "floor": "0.0",
    "ceil": "0.0",
    "expm1": "exp(x)",
    "log1p": "1.0 / (1.0 + x)",
    "atan": "1.0 / (1.0 + x * x)",
    "asin": "1.0 / sqrt(1.0 - x * x)",
    "acos": "-1.0 / sqrt(1.0 - x * x)",
    "erf": "1.1283791670955126 * exp(-x * x)",
    "erfc": "-1.1283791670955126 * exp(-x * x)",
    "asinh": "1.0 / sqrt(1.0 + x * x)",
    "acosh": "1.0 / sqrt(x * x - 1.0)",
    "atanh": "1.0 / (1.0 - x * x)",
    "cbrt": "1.0 / (3.0 * cbrt(x) * cbrt(x))",
    "exp2": "0.6931471805599453 * exp2(x)",
    "sign": "0.0",
    "rint": "0.0",
    "square": "2.0 * x",
    "radians": "0.017453292519943295",
    "degrees": "57.29577951308232",
}
# Derivatives of functions of `x` and `y` by each of them.
OF_TWO = {
    "hypot": ("x / hypot(x, y)", "y / hypot(x, y)"),
    "atan2": ("y / (x * x + y * y)", "-x / (x * x + y * y)"),
    "copysign": ("copysign(1.0, x) * copysign(1.0, y)", "0.0"),
    "fmod": ("1.0", "-trunc(x / y)"),
}
# NumPy's names of functions that `math` names otherwise.
NUMPY_NAMES = {
    "abs": "fabs",
    "absolute": "fabs",
    "arctan": "atan",
    "arcsin": "asin",
    "arccos": "acos",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "arctan2": "atan2",
    "deg2rad": "radians",
    "rad2deg": "degrees",
}
