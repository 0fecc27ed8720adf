"""Powers of two as units: sums in them neither under- nor overflow, and dividing by them is exact."""

import math

from gridtrend.engine.jit import jit

# Sums of numbers above LARGE may overflow. Multiplied by SMALLER they do not, and that product is exact.
LARGE, SMALLER = 2.0**960, 2.0**-100


@jit
def power_of_two(x):
    """A power of two near `x`, which is not negative; the smallest normal one for 0, the largest for the largest numbers."""
    return math.ldexp(1.0, min(max(math.frexp(x)[1], -1022), 1023))
