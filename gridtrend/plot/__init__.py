"""Maps of trends (extra `plot`)."""

from gridtrend.plot.maps import trend_map

__all__ = ["trend_map"]
