"""Trends: is a series changing, by how much, and how sure are we?

Public functions stand in `rank_tests`, `correlation` and `slopes`, what the methods of `mann_kendall` do in
`serial_correlation`, what all run on blocks of cells in `kernels`.
"""

from gridtrend.trend.correlation import kendall_tau
from gridtrend.trend.power import minimum_detectable_trend
from gridtrend.trend.rank_tests import mann_kendall
from gridtrend.trend.slopes import siegel_slope, theil_sen

__all__ = ["kendall_tau", "mann_kendall", "minimum_detectable_trend", "siegel_slope", "theil_sen"]
