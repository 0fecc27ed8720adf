"""Fourier transforms of many windows at once, from ducc0 where it is installed (extra `fast`), or from scipy.

ducc0 transforms as many rows at a time as a register holds, and what is left one by one, with other roundings. Here it
only gets whole multiples of `ROWS`, so that a window's transform does not depend on how many others go with it.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

# A multiple of the lanes of every register.
ROWS = 16

Transform = Callable[[np.ndarray, np.ndarray], None]


@functools.cache
def transform(one_sided: bool) -> Transform:
    """A function that transforms rows (a multiple of `ROWS` of them) along their last axis into its second argument."""
    try:
        import ducc0.fft as library
    except ImportError:
        import scipy.fft

        function: Any = scipy.fft.rfft if one_sided else scipy.fft.fft

        def run(rows: np.ndarray, out: np.ndarray) -> None:
            out[...] = function(rows, axis=-1, workers=1)

        return run
    function = library.r2c if one_sided else library.c2c
    return lambda rows, out: function(rows, axes=(rows.ndim - 1,), out=out, nthreads=1)


def inverse(spectra: np.ndarray, size: int, one_sided: bool) -> np.ndarray:
    """Windows of `size` samples that have these transforms along their last axis."""
    import scipy.fft

    if one_sided:
        return np.asarray(scipy.fft.irfft(spectra, size, axis=-1, workers=1))
    return np.asarray(scipy.fft.ifft(spectra, size, axis=-1, workers=1))
