"""Pictures: maps of trends, spectra, and rates of convergence (extra `plot`)."""

from gridtrend.plot.maps import trend_map
from gridtrend.plot.rates import convergence_plot
from gridtrend.plot.spectra import band_power_map, spectrogram_plot, spectrum_plot

__all__ = ["band_power_map", "convergence_plot", "spectrogram_plot", "spectrum_plot", "trend_map"]
