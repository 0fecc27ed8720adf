"""Spectra: which periods a series contains, how strong they are, and how that changes through time.

Each public function has the file of its name (`coherence` is in that of `cross_spectrum`). `analysis` checks the options that
they share; `window_spectra` computes the windows of a block of cells, with Fourier transforms from a library (`fft`).
"""

from gridtrend.spectral.band_power import band_power
from gridtrend.spectral.cross_spectrum import coherence, cross_spectrum
from gridtrend.spectral.harmonic import harmonic
from gridtrend.spectral.inverse_sliding_fft import inverse_sliding_fft
from gridtrend.spectral.red_noise import red_noise
from gridtrend.spectral.sliding_fft import sliding_fft
from gridtrend.spectral.spectrogram import spectrogram
from gridtrend.spectral.welch import welch

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
