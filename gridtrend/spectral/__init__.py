"""Spectra: what periods are in a series, how strong, and how that changes through time.

Public functions stand in `transforms`, `inverse`, `averages`, `bands` and `noise`; what they run on blocks of cells in
`blocks`, on Fourier transforms of a library (`fft`).
"""

from gridtrend.spectral.averages import coherence, cross_spectrum, welch
from gridtrend.spectral.bands import band_power, harmonic
from gridtrend.spectral.inverse import inverse_sliding_fft
from gridtrend.spectral.noise import red_noise
from gridtrend.spectral.transforms import sliding_fft, spectrogram

__all__ = [
    "band_power",
    "coherence",
    "cross_spectrum",
    "harmonic",
    "inverse_sliding_fft",
    "red_noise",
    "sliding_fft",
    "spectrogram",
    "welch",
]
