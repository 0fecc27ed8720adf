"""Trends: is a series changing, by how much, and how sure are we?

Public functions stand in `rank_tests` and `slopes`; what they run on blocks of cells in `kernels`.
"""

from gridtrend.trend.multivariate import multivariate_mann_kendall
from gridtrend.trend.partial import partial_mann_kendall
from gridtrend.trend.rank_tests import kendall_tau, mann_kendall
from gridtrend.trend.regional import regional_mann_kendall
from gridtrend.trend.seasonal import seasonal_mann_kendall
from gridtrend.trend.slopes import siegel_slope, theil_sen

__all__ = [
    "kendall_tau",
    "mann_kendall",
    "multivariate_mann_kendall",
    "partial_mann_kendall",
    "regional_mann_kendall",
    "seasonal_mann_kendall",
    "siegel_slope",
    "theil_sen",
]
