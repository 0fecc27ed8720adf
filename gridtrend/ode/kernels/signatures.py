"""Types of arguments: of a user's function, and of the loops that call it."""

import numba
from numba.core import types
from numba.extending import models, register_model

from gridtrend.ode.kernels.field import record


class Velocity(types.Type):
    """A velocity that can be handed on and nothing else: a force that uses one does not compile."""

    def __init__(self, number):
        self.number = number
        super().__init__(name=f"Velocity({number})")


@register_model(Velocity)
class _VelocityModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, dmm.lookup(types.float64).get_value_type())


def of_user(states, parameters, velocities=0):
    """Types of t, y and p; the last `velocities` states are of type `Velocity`."""
    numbers = [types.float64] * (len(states) - velocities)
    y = types.BaseTuple.from_types(numbers + [Velocity(i) for i in range(velocities)], record("y", states))
    p = types.BaseTuple.from_types([types.float64] * len(parameters), record("p", parameters))
    return types.float64, y, p if parameters else types.Tuple(())


def of_field(states, parameters):
    """Types of t, y and q, for so many states and numbers in q."""
    return types.float64, types.UniTuple(types.float64, states), types.UniTuple(types.float64, parameters)


def of_energy(dimensions):
    """Arrays of float64 with so many dimensions."""
    return tuple(types.Array(types.float64, ndim, "C") for ndim in dimensions)


def of_loop(arguments):
    """Types of a loop's arguments, of which the last four are written to."""
    return numba.void(*map(_input, arguments[:-4]), *map(numba.typeof, arguments[-4:]))


def _input(argument):
    """The type of what is only read: what comes from another process may be read-only, and forcing a view."""
    if isinstance(argument, tuple):
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


def hands_on_velocities(returned, half):
    """Whether the first half of what is returned are the velocities, in order, and the rest are numbers."""
    kinds = tuple(returned) if isinstance(returned, types.BaseTuple) else ()
    return len(kinds) == 2 * half and kinds[:half] == tuple(Velocity(i) for i in range(half))
