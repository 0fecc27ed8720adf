"""Sums of the power of windows that move by a few samples, by the sliding transform (1.4 to 2.3 times as fast).

The recursion restarts with each run of windows, which is about four windows long, so that rounding errors remain small: about
1e-13 of the largest value for windows of 600 samples, and at most 1e-16 for each step.

References
----------
Jacobsen, E., & Lyons, R. (2003). IEEE Signal Process. Mag. 20(2), 74-80. doi:10.1109/MSP.2003.1184347
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gridtrend.spectral.window_tiles import Array, Recipe, Tile

# Longest hop and shortest window for which this is faster than transforms (benchmarks/spectral.py).
LONGEST_HOP = 6
SHORTEST_WINDOW = 256
# Maximum number of cosines whose sum is a taper; the flat-top taper has five.
COSINES = 5


def slider(recipe: Recipe, transform: Callable[[Recipe], Callable[[Array], Array]]) -> Callable[[Tile], Array] | None:
    """A function of a tile that sums the power of its windows, (cells, bins); None where transforms are faster.

    Parameters
    ----------
    recipe : Recipe
    transform : callable
        Returns, for a recipe, a function that transforms windows.
    """
    taps = _taps(recipe)
    short = recipe.hop <= LONGEST_HOP and recipe.length >= SHORTEST_WINDOW
    if taps is None or not short or not recipe.one_sided or recipe.detrend == "linear" or recipe.nfft != recipe.length:
        return None
    # Imported here, because other spectra need no kernel and should not wait for the import of numba.
    from gridtrend.spectral.kernels.sliding import sliding_power

    reach, length = taps.size // 2, recipe.length
    wide = np.arange(-reach, recipe.bins + reach) % length
    mirrored = wide > length // 2
    turn = np.exp(2j * np.pi * wide / length)
    if recipe.detrend == "constant":
        # Windows without their mean have no component at frequency zero.
        turn[wide == 0] = 0
    first = transform(replace(recipe, taper=None, detrend=None))
    options: dict[str, Any] = {"cosine": turn.real, "sine": turn.imag, "taps": taps, "start": np.zeros(recipe.bins)}

    def power(tile: Tile) -> Array:
        spectrum = first(tile.windows[0][:, :1])[:, 0, np.where(mirrored, length - wide, wide)]
        imaginary = np.where(mirrored, -spectrum.imag, spectrum.imag) * (turn != 0)
        real = spectrum.real * (turn != 0)
        count = tile.windows[0].shape[1]
        series = tile.series[0][:, : (count - 1) * recipe.hop + length]
        return np.asarray(sliding_power(series, real, imaginary, hop=recipe.hop, count=count, **options))

    return power


def _taps(recipe: Recipe) -> Array | None:
    """The weights of neighbouring frequencies of a taper that is a sum of a few cosines; None for other tapers."""
    if recipe.taper is None:
        return np.ones(1)
    coefficients = np.fft.fft(recipe.taper) / recipe.length
    reach = min(COSINES, recipe.length // 2)
    rest = np.abs(coefficients[reach : recipe.length - reach + 1])
    if np.abs(coefficients.imag).max() > 1e-15 or (rest.size and rest.max() > 1e-15):
        return None
    used = [j for j in range(reach) if abs(coefficients[j]) > 1e-15]
    return np.asarray(coefficients.real[np.arange(-max(used, default=0), max(used, default=0) + 1)])
