"""Pictures: maps of trends, spectra, and rates of convergence (extra `plot`)."""

from gridtrend.plot.convergence_plot import convergence_plot
from gridtrend.plot.spectra import band_power_map, spectrogram_plot, spectrum_plot
from gridtrend.plot.trend_map import trend_map

__all__ = ["band_power_map", "convergence_plot", "spectrogram_plot", "spectrum_plot", "trend_map"]
