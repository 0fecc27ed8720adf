"""Trends: is a series changing, by how much, and how sure are we?

Public functions stand in modules named for what they do, what the methods of `mann_kendall` do in `serial_correlation`,
what all run on blocks of cells in `kernels`.
"""

from gridtrend.trend.change_points import buishand, pettitt, snht
from gridtrend.trend.correlation import kendall_tau
from gridtrend.trend.field_tests import field_significance
from gridtrend.trend.linear import linear_trend
from gridtrend.trend.multivariate import multivariate_mann_kendall
from gridtrend.trend.partial import partial_mann_kendall
from gridtrend.trend.power import minimum_detectable_trend
from gridtrend.trend.rank_tests import mann_kendall
from gridtrend.trend.regional import regional_mann_kendall
from gridtrend.trend.seasonal import seasonal_mann_kendall
from gridtrend.trend.slopes import siegel_slope, theil_sen

__all__ = [
    "buishand",
    "field_significance",
    "kendall_tau",
    "linear_trend",
    "mann_kendall",
    "minimum_detectable_trend",
    "multivariate_mann_kendall",
    "partial_mann_kendall",
    "pettitt",
    "regional_mann_kendall",
    "seasonal_mann_kendall",
    "siegel_slope",
    "snht",
    "theil_sen",
]
