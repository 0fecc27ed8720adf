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
    from gridtrend import accessor
    from gridtrend.trend import kendall_tau, mann_kendall, siegel_slope, theil_sen

__version__ = "0.1.0"

__all__ = ["__version__", "accessor", "kendall_tau", "mann_kendall", "siegel_slope", "theil_sen"]

# Modules that are names of the package, and those that its functions come from.
_MODULES = ("accessor",)
_SOURCES = ("trend",)

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
