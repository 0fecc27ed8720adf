# Written by .ci/derive.py from gridtrend/public.py: change that list, and run it again.

from gridtrend.trend.as_percent import as_percent as as_percent
from gridtrend.trend.change_points import buishand as buishand
from gridtrend.trend.change_points import pettitt as pettitt
from gridtrend.trend.change_points import snht as snht
from gridtrend.trend.cox_stuart import cox_stuart as cox_stuart
from gridtrend.trend.detectable_trend import minimum_detectable_trend as minimum_detectable_trend
from gridtrend.trend.detrend import detrend as detrend
from gridtrend.trend.field_significance import field_significance as field_significance
from gridtrend.trend.fitted import fitted as fitted
from gridtrend.trend.kendall_tau import kendall_tau as kendall_tau
from gridtrend.trend.linear_trend import linear_trend as linear_trend
from gridtrend.trend.mann_kendall import mann_kendall as mann_kendall
from gridtrend.trend.multivariate_mann_kendall import multivariate_mann_kendall as multivariate_mann_kendall
from gridtrend.trend.partial_mann_kendall import partial_mann_kendall as partial_mann_kendall
from gridtrend.trend.quantile_trend import quantile_trend as quantile_trend
from gridtrend.trend.regional_mann_kendall import regional_mann_kendall as regional_mann_kendall
from gridtrend.trend.seasonal_mann_kendall import seasonal_mann_kendall as seasonal_mann_kendall
from gridtrend.trend.siegel_slope import siegel_slope as siegel_slope
from gridtrend.trend.spearman_rho import spearman_rho as spearman_rho
from gridtrend.trend.theil_sen import theil_sen as theil_sen

__all__ = [
    "as_percent",
    "buishand",
    "cox_stuart",
    "detrend",
    "field_significance",
    "fitted",
    "kendall_tau",
    "linear_trend",
    "mann_kendall",
    "minimum_detectable_trend",
    "multivariate_mann_kendall",
    "partial_mann_kendall",
    "pettitt",
    "quantile_trend",
    "regional_mann_kendall",
    "seasonal_mann_kendall",
    "siegel_slope",
    "snht",
    "spearman_rho",
    "theil_sen",
]
