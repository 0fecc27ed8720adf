"""Units in which nothing under- or overflows, and by which dividing rounds nothing."""

import math

from gridtrend.engine.jit import jit

# Sums of larger numbers may overflow: they are taken of numbers that are this many times smaller, which rounds nothing.
LARGE, SMALLER = 2.0**960, 2.0**-100


@jit
def power_of_two(x):
    """A power of two near `x`, which is not negative; the smallest normal one for 0, the largest for the largest numbers."""
    return math.ldexp(1.0, min(max(math.frexp(x)[1], -1022), 1023))
