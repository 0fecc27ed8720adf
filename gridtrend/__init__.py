"""Trend analysis for every cell of a gridded record: is it changing, by how much, and how sure are we?

What is public stands in `gridtrend.public`.

>>> import xarray as xr
>>> import gridtrend as gt
>>> rain = xr.DataArray([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0], dims="time")
>>> float(rain.gridtrend.mann_kendall().s)
11.0
"""

from importlib import import_module
from typing import Any

from gridtrend import public as _public
from gridtrend.attach import attach_accessors

__version__ = "0.1.0"

__all__ = list(_public.names())

attach_accessors()


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: `gridtrend --help` waits for neither xarray nor numba."""
    if name in _public.MODULES:
        return import_module(f"gridtrend.{name}")
    if name in _public.functions():
        return globals().setdefault(name, _public.load(name))
    raise AttributeError(f"module 'gridtrend' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
