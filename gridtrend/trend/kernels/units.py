"""Units in which nothing under- or overflows, and by which dividing rounds nothing."""

import math

from gridtrend.engine.jit import jit


@jit
def power_of_two(x):
    """A power of two near `x`, which is not negative; the smallest normal one for 0."""
    return math.ldexp(1.0, max(math.frexp(x)[1], -1022))
