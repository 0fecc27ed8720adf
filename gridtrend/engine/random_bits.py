"""Random bits from a counter: a draw depends on its number alone, not on order, threads or chunks."""

import numpy as np

from gridtrend.engine.jit import jit


@jit
def mix(bits):
    """The finalizer of SplitMix64, a bijection of uint64: each bit of the input changes about half of the output bits.

    Steele, G. L., Lea, D. & Flood, C. H. (2014). doi:10.1145/2714064.2660195
    """
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
