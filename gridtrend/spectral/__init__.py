"""Spectra: what periods are in a series, how strong, and how that changes through time.

Public functions stand in `transforms`, `inverse`, `averages`, `bands` and `noise`; what they run on blocks of cells in
`blocks`, on Fourier transforms of a library (`fft`).
"""

from gridtrend.spectral.averages import coherence, cross_spectrum, welch
from gridtrend.spectral.transforms import sliding_fft, spectrogram

__all__ = ["coherence", "cross_spectrum", "sliding_fft", "spectrogram", "welch"]
