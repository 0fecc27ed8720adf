"""Trend analysis for every cell of a gridded record: is it changing, by how much, and how sure are we?

>>> import xarray as xr
>>> import gridtrend as gt
>>> rain = xr.DataArray([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0], dims="time")
>>> float(rain.gridtrend.mann_kendall().s)
11.0
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gridtrend.attach import attach_accessors

if TYPE_CHECKING:
    from gridtrend import accessor, bvp, neural, ode, spectral, trend
    from gridtrend.ahead import precompile
    from gridtrend.io import open_grid, write
    from gridtrend.spectral.band_power import band_power
    from gridtrend.spectral.cross_spectrum import coherence, cross_spectrum
    from gridtrend.spectral.harmonic import harmonic
    from gridtrend.spectral.inverse_sliding_fft import inverse_sliding_fft
    from gridtrend.spectral.red_noise import red_noise
    from gridtrend.spectral.sliding_fft import sliding_fft
    from gridtrend.spectral.spectrogram import spectrogram
    from gridtrend.spectral.welch import welch
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
    "bvp",
    "coherence",
    "cross_spectrum",
    "field_significance",
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
    "red_noise",
    "regional_mann_kendall",
    "seasonal_mann_kendall",
    "siegel_slope",
    "sliding_fft",
    "snht",
    "spectral",
    "spectrogram",
    "theil_sen",
    "trend",
    "welch",
    "write",
]

# Modules that are names of the package, and those that its functions come from.
_MODULES = ("accessor", "bvp", "neural", "ode", "spectral", "trend")
_SOURCES = ("trend", "spectral", "io", "ahead")

attach_accessors()


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: `gridtrend --help` waits for neither xarray nor numba."""
    if name in _MODULES:
        return import_module(f"gridtrend.{name}")
    if name in __all__:
        for source in _SOURCES:
            module = import_module(f"gridtrend.{source}")
            if name in module.__all__:
                return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module 'gridtrend' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
