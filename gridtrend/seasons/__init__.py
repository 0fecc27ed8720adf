"""From steps to years: seasons and years of a record, anomalies, and means of areas, before the test for a trend.

Each public function has the file of its name. `periods` knows which months make a season and how many steps it should have,
`reductions` computes the value of a period, `fold` goes from chunk to chunk, `places` knows which cells lie in a region.
"""

from gridtrend.seasons.aggregate import aggregate
from gridtrend.seasons.anomalies import anomalies
from gridtrend.seasons.area_mean import area_mean

__all__ = ["aggregate", "anomalies", "area_mean"]
