# Written by .ci/derive.py from gridtrend/public.py: change that list, and run it again.

from gridtrend import accessor as accessor
from gridtrend import bvp as bvp
from gridtrend import neural as neural
from gridtrend import ode as ode
from gridtrend import seasons as seasons
from gridtrend import spectral as spectral
from gridtrend import trend as trend
from gridtrend.ahead import precompile as precompile
from gridtrend.analysis import analyze as analyze
from gridtrend.io import open_grid as open_grid
from gridtrend.io import write as write
from gridtrend.plot import trend_map as trend_map
from gridtrend.seasons import aggregate as aggregate
from gridtrend.seasons import anomalies as anomalies
from gridtrend.seasons import area_mean as area_mean
from gridtrend.spectral import band_power as band_power
from gridtrend.spectral import coherence as coherence
from gridtrend.spectral import cross_spectrum as cross_spectrum
from gridtrend.spectral import harmonic as harmonic
from gridtrend.spectral import inverse_sliding_fft as inverse_sliding_fft
from gridtrend.spectral import red_noise as red_noise
from gridtrend.spectral import sliding_fft as sliding_fft
from gridtrend.spectral import spectrogram as spectrogram
from gridtrend.spectral import welch as welch
from gridtrend.trend.as_percent import as_percent as as_percent
from gridtrend.trend.change_points import buishand as buishand
from gridtrend.trend.change_points import pettitt as pettitt
from gridtrend.trend.change_points import snht as snht
from gridtrend.trend.cox_stuart import cox_stuart as cox_stuart
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

__version__: str
__all__ = [
    "__version__",
    "accessor",
    "aggregate",
    "analyze",
    "anomalies",
    "area_mean",
    "as_percent",
    "band_power",
    "buishand",
    "bvp",
    "coherence",
    "cox_stuart",
    "cross_spectrum",
    "detrend",
    "field_significance",
    "fitted",
    "harmonic",
    "inverse_sliding_fft",
    "kendall_tau",
    "linear_trend",
    "mann_kendall",
    "multivariate_mann_kendall",
    "neural",
    "ode",
    "open_grid",
    "partial_mann_kendall",
    "pettitt",
    "precompile",
    "quantile_trend",
    "red_noise",
    "regional_mann_kendall",
    "seasonal_mann_kendall",
    "seasons",
    "siegel_slope",
    "sliding_fft",
    "snht",
    "spearman_rho",
    "spectral",
    "spectrogram",
    "theil_sen",
    "trend",
    "trend_map",
    "welch",
    "write",
]
