"""Maps of trends, and pictures of spectra (extra `plot`)."""

from gridtrend.plot.maps import trend_map
from gridtrend.plot.spectra import band_power_map, spectrogram_plot

__all__ = ["band_power_map", "spectrogram_plot", "trend_map"]
