"""Trend analysis for every cell of a gridded record: is it changing, by how much, and how sure are we?

>>> import xarray as xr
>>> import gridtrend as gt
>>> rain = xr.DataArray([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0], dims="time")
>>> float(rain.gridtrend.mann_kendall().s)
11.0
"""

from gridtrend import accessor
from gridtrend.io import open_grid, write
from gridtrend.trend import kendall_tau, mann_kendall, siegel_slope, theil_sen

__version__ = "0.1.0"

__all__ = ["__version__", "accessor", "kendall_tau", "mann_kendall", "open_grid", "siegel_slope", "theil_sen", "write"]
