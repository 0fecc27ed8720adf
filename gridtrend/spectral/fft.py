"""Fourier transforms of many windows at once, from ducc0 where it is installed (extra `fast`), or from scipy.

ducc0 transforms several rows at a time in SIMD registers and the remaining rows one by one, with different rounding. Here it
always gets a multiple of `ROWS` rows, so that the transform of a window does not depend on the number of others.
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
    """Windows of `size` samples, from their transforms along the last axis."""
    import scipy.fft

    if one_sided:
        return np.asarray(scipy.fft.irfft(spectra, size, axis=-1, workers=1))
    return np.asarray(scipy.fft.ifft(spectra, size, axis=-1, workers=1))
