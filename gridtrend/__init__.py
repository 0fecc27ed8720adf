"""Trend analysis for every cell of a gridded record: is it changing, by how much, and how sure are we?

>>> import xarray as xr
>>> import gridtrend as gt
>>> rain = xr.DataArray([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0], dims="time")
>>> float(rain.gridtrend.mann_kendall().s)
11.0
"""

import importlib
from typing import Any

from gridtrend import accessor
from gridtrend.spectral import (
    band_power,
    coherence,
    cross_spectrum,
    harmonic,
    inverse_sliding_fft,
    red_noise,
    sliding_fft,
    spectrogram,
    welch,
)
from gridtrend.trend import (
    buishand,
    field_significance,
    kendall_tau,
    linear_trend,
    mann_kendall,
    multivariate_mann_kendall,
    partial_mann_kendall,
    pettitt,
    regional_mann_kendall,
    seasonal_mann_kendall,
    siegel_slope,
    snht,
    theil_sen,
)

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "accessor",
    "band_power",
    "buishand",
    "coherence",
    "cross_spectrum",
    "field_significance",
    "harmonic",
    "inverse_sliding_fft",
    "kendall_tau",
    "linear_trend",
    "mann_kendall",
    "multivariate_mann_kendall",
    "partial_mann_kendall",
    "pettitt",
    "red_noise",
    "regional_mann_kendall",
    "seasonal_mann_kendall",
    "siegel_slope",
    "sliding_fft",
    "snht",
    "spectrogram",
    "theil_sen",
    "welch",
]

# Loaded when they are first named, so that `import gridtrend` stays light.
_SIBLINGS = ("neural",)


def __getattr__(name: str) -> Any:
    if name in _SIBLINGS:
        return importlib.import_module(f"gridtrend.{name}")
    raise AttributeError(f"module 'gridtrend' has no attribute {name!r}")
