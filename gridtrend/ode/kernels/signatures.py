"""numba types of the arguments of a user's function and of the loops that call it, and checks of what it returns."""

import numba
from numba.core import types
from numba.extending import models, register_model

from gridtrend.ode.dual_numbers import DUAL
from gridtrend.ode.kernels.field import record


class Velocity(types.Type):
    """A velocity that can only be returned: a force that uses one does not compile."""

    def __init__(self, number):
        self.number = number
        super().__init__(name=f"Velocity({number})")


@register_model(Velocity)
class _VelocityModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, dmm.lookup(types.float64).get_value_type())


def of_user(states, parameters, velocities=0, in_place=False, derivative=None):
    """Types of t, y and p, and of dy where there is one.

    The last `velocities` states are of type `Velocity`; `derivative` "y" or "t" makes states, or time, dual numbers.
    """
    number = DUAL if derivative else types.float64
    t = DUAL if derivative == "t" else types.float64
    p = types.BaseTuple.from_types([types.float64] * len(parameters), record("p", parameters))
    p = p if parameters else types.Tuple(())
    if in_place:
        array = types.Array(number, 1, "C")
        return t, array, p, array
    numbers = [number] * (len(states) - velocities)
    y = types.BaseTuple.from_types(numbers + [Velocity(i) for i in range(velocities)], record("y", states))
    return t, y, p


def of_energy(dimensions):
    """Types of float64 arrays, given their numbers of dimensions."""
    return tuple(types.Array(types.float64, ndim, "C") for ndim in dimensions)


def of_loop(arguments):
    """Types of a loop's arguments, of which the last four are written to."""
    return numba.void(*map(_input, arguments[:-4]), *map(numba.typeof, arguments[-4:]))


def _input(argument):
    """The type of an argument that is only read: arrays from another process may be read-only, and forcing may be a view."""
    if isinstance(argument, tuple) and not hasattr(argument, "_fields"):
        array = types.Array(numba.from_dtype(argument[0].dtype), 2, "A", readonly=True)
        return types.UniTuple(array, len(argument))
    if hasattr(argument, "dtype") and argument.ndim:
        return types.Array(numba.from_dtype(argument.dtype), argument.ndim, "C", readonly=True)
    return numba.typeof(argument)


def count(returned):
    """How many values a function returns, given the type of what it returns."""
    if isinstance(returned, types.NoneType):
        return 0
    return len(returned) if isinstance(returned, types.BaseTuple) else 1


def is_collection(returned):
    """Whether a function returns a list or an array, given the type of what it returns."""
    return isinstance(returned, types.IterableType) and not isinstance(returned, types.BaseTuple)


def not_real(returned):
    """The first returned value that is no real number, described; "" if all are."""
    kinds = tuple(returned) if isinstance(returned, types.BaseTuple) else (returned,)
    wrong = [kind for kind in kinds if not _is_real(kind)]
    return f"a value of type {wrong[0]}" if wrong else ""


def is_matrix(returned, n):
    """Whether a tuple of `n` tuples of `n` real numbers is returned."""
    rows = tuple(returned) if isinstance(returned, types.BaseTuple) else ()
    return len(rows) == n and all(
        isinstance(row, types.BaseTuple) and len(row) == n and not not_real(row) for row in rows
    )


def _is_real(kind):
    if isinstance(kind, types.Optional):
        return False
    return isinstance(kind, types.Float | types.Integer | types.Boolean)


def returns_velocities(returned, half):
    """Whether the first half of what is returned are the velocities, in order, and the rest are numbers."""
    kinds = tuple(returned) if isinstance(returned, types.BaseTuple) else ()
    return len(kinds) == 2 * half and kinds[:half] == tuple(Velocity(i) for i in range(half))
