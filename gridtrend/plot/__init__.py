"""Pictures: maps of trends, and rates of convergence (extra `plot`)."""

from gridtrend.plot.maps import trend_map
from gridtrend.plot.rates import convergence_plot

__all__ = ["convergence_plot", "trend_map"]
