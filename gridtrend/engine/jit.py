"""How numba is configured: the ways in which a function of this package is compiled."""

from typing import Any

import numba

njit: Any = numba.njit
if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
    raise ImportError("gridtrend computes with compiled kernels only: unset NUMBA_DISABLE_JIT")

# Division by zero gives inf as in NumPy: the check that numba makes by default keeps loops from vectorising.
# Never fastmath: it assumes that there is no NaN, and missing values are NaN.
# `_nrt` switches reference counting on. It is set explicitly: otherwise numba takes it from the compilation in progress.
_PLAIN: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": True}
# What Python never calls needs no wrappers, which take longer to compile than a small function does.
_WITHIN: dict[str, Any] = _PLAIN | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# For functions that are merged into each kernel that calls them: those which a loop calls for every pair or every cell.
jit = njit(**_WITHIN)
# For functions that make no arrays and call no NumPy function that returns one. They need no reference counting, which is
# a third of the work of the compiler.
borrowing = njit(**(_WITHIN | {"_nrt": False}))
# For thin functions: merged into the caller before anything is compiled. numba optimises a function by itself and again
# within every caller, so that each layer of calls costs the time of all that lies below it once more.
inlined: Any = njit(**_PLAIN, inline="always")
# For what Python calls: kernels and routines.
entry = njit(**_PLAIN, no_cfunc_wrapper=True)


@inlined
def assign(target: Any, source: Any) -> None:
    """`target[:] = source` for vectors of one length.

    Written as a slice it makes numba compile the messages for lengths that differ: 4 s of the first call of a function.
    """
    for i in range(source.size):
        target[i] = source[i]


# For loops over cells: a product and a sum may be rounded as one. That is right for NaN, and doubles the rate of arithmetic.
_FUSED: dict[str, Any] = _PLAIN | {"fastmath": {"contract"}, "no_cfunc_wrapper": True}
outermost = njit(**_FUSED)
lanes = njit(**(_FUSED | {"no_cpython_wrapper": True}))
# For functions of one cell that they call: always merged into them by LLVM, for only then do they vectorise.
_LANE = _FUSED | {"no_cpython_wrapper": True, "forceinline": True}
lane = njit(**_LANE)
# The same for functions of a user, whose indices nobody has checked: one out of range is an exception, and reads nothing.
checked_lane = njit(**(_LANE | {"boundscheck": True}))
