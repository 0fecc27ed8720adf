"""The mean spectrum of windows of red noise, detrended and tapered.

It differs from the spectrum of the AR(1) process. A taper spreads the steep rise towards frequency zero over neighbouring
frequencies, and detrending removes variance of the longest periods. Both effects are known exactly: a mean power is a quadratic
form of the covariances, which are powers of the lag-1 autocorrelation.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# The table is equally spaced in the inverse hyperbolic tangent of the lag-1 autocorrelation; interpolation through six points
# has an error of about 1e-6. Results are limited to LARGEST.
SPACING, HALF = 0.125, 61
LARGEST = 1 - 1e-6
POINTS = 6
# Smaller differences in the table are rounding errors.
LEAST = 1e-9


@dataclass(frozen=True)
class RedNoise:
    """Mean power of windows of red noise, for a table of lag-1 autocorrelations.

    Parameters
    ----------
    shapes : ndarray, shape (autocorrelations, bins)
        Share of each frequency in the power of all of them, those below zero included.
    observed : ndarray, shape (autocorrelations,)
        Lag-1 autocorrelation of the windows themselves: the sum of shapes times cosines.
    """

    shapes: Array
    observed: Array

    @functools.cached_property
    def branch(self) -> tuple[int, int]:
        """First and last row between which the observed autocorrelation increases with that of the process.

        Close to 1 and -1 it is constant: windows of such processes cannot be distinguished.
        """
        flat = np.flatnonzero(np.diff(self.observed) <= LEAST)
        low, high = flat[flat < HALF] + 1, flat[flat >= HALF]
        return int(low.max(initial=0)), int(high.min(initial=self.observed.size - 1))

    @property
    def determines_lag1(self) -> bool:
        """Whether the windows determine the autocorrelation of their process."""
        low, high = self.branch
        return bool(low < HALF < high and self.lag1(np.array(low)) < -0.9 and self.lag1(np.array(high)) > 0.9)

    def place(self, observed: Array) -> Array:
        """Position in the table of the autocorrelation that gives the observed one; NaN for NaN."""
        low, high = self.branch
        below = np.clip(np.searchsorted(self.observed[low : high + 1], observed) + low, low + 1, high) - 1
        at_low, at_high = self.observed[below], self.observed[below + 1]
        place = below + np.clip((observed - at_low) / (at_high - at_low), 0.0, 1.0)
        # Newton's method within the interval, starting from linear interpolation.
        for _ in range(4):
            error = _interpolated(self.observed, place) - observed
            slope = (_interpolated(self.observed, place + 5e-4) - _interpolated(self.observed, place - 5e-4)) / 1e-3
            place = np.clip(place - error / slope, below, below + 1)
        reach = np.arctanh(LARGEST) / SPACING
        return np.asarray(np.clip(place, HALF - reach, HALF + reach))

    def lag1(self, place: Array) -> Array:
        """The lag-1 autocorrelation at a position of the table."""
        return np.asarray(np.tanh((place - HALF) * SPACING))

    def shape(self, place: Array) -> Array:
        """Shares of the frequencies at a position of the table, (..., bins)."""
        return _interpolated(self.shapes, place)


def frequencies_of(length: int) -> tuple[Array, Array]:
    """Angle of each frequency of a window, and 1 for those that also count for a negative one: all except zero and Nyquist."""
    angle = 2 * np.pi * np.arange(length // 2 + 1) / length
    return angle, (np.sin(angle) > 1e-9).astype(float)


@functools.lru_cache(maxsize=4)
def red_noise_in_windows(weights: bytes, detrend: str | None) -> RedNoise:
    """The table for windows with a taper (float64 weights as bytes) and detrending.

    O(window log window) for each autocorrelation of the table.
    """
    taper = np.frombuffer(weights)
    length = taper.size
    angle, double = frequencies_of(length)
    lags = np.arange(length)
    # Autocorrelation of the taper, and the directions that detrending removes.
    products = np.fft.irfft(np.abs(np.fft.rfft(taper, 2 * length)) ** 2, 2 * length)[:length]
    out = _directions(length, detrend)
    seen = np.fft.rfft(out * taper, axis=1)
    shapes, observed = [], []
    for lag1 in np.tanh(SPACING * np.arange(-HALF, HALF + 1)):
        folded = products * lag1**lags
        folded[1:] += folded[:0:-1].copy()
        power = np.fft.rfft(folded).real
        if out.size:
            spread = _covariance_times(out, lag1)
            cross = np.fft.rfft(spread * taper, axis=1)
            inner = np.einsum("it,jt->ij", spread, out)
            power -= 2 * (seen.conj() * cross).real.sum(axis=0)
            power += np.einsum("ik,ij,jk->k", seen.conj(), inner, seen).real
        power = np.maximum(power, 0.0)
        # Nothing remains of windows with no more samples than detrending removes directions.
        total = (power * (1 + double)).sum()
        shape = power / total if total > 0 else np.zeros_like(power)
        shapes.append(shape)
        observed.append((shape * (1 + double) * np.cos(angle)).sum())
    return RedNoise(np.array(shapes), np.array(observed))


def _directions(length: int, detrend: str | None) -> Array:
    """Orthonormal series that detrending projects out, (0, 1 or 2, length)."""
    if detrend is None:
        return np.empty((0, length))
    t = np.arange(length) - (length - 1) / 2
    constant = np.full(length, length**-0.5)
    return np.array([constant] if detrend == "constant" or length == 1 else [constant, t / np.sqrt((t * t).sum())])


def _covariance_times(series: Array, lag1: float) -> Array:
    """Covariances of red noise, lag1**|s - t|, times each series: one recursion forward and one backward."""
    from scipy.signal import lfilter

    forward = lfilter([1.0], [1.0, -lag1], series, axis=1)
    backward = lfilter([1.0], [1.0, -lag1], series[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(forward + backward - series)


def _interpolated(table: Array, place: Array) -> Array:
    """Interpolation through the six nearest rows of a table, (..., *row); a cell gives the same result in any block."""
    first = np.clip(np.floor(np.nan_to_num(place)).astype(int) - POINTS // 2 + 1, 0, len(table) - POINTS)
    at = place - first
    rows = tuple(slice(None) for _ in table.shape[1:])
    total: Any = 0.0
    for k in range(POINTS):
        weight: Any = 1.0
        for j in range(POINTS):
            if j != k:
                weight = weight * ((at - j) / (k - j))
        total = total + weight[(..., *(None for _ in rows))] * table[first + k]
    return np.asarray(total)
