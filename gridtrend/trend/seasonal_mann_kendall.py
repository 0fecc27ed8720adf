"""The seasonal Mann-Kendall test: each month, season or phase of a cycle is compared with itself only."""

import numpy as np
import xarray as xr

from gridtrend.grid.checks import check_array, choose, is_whole
from gridtrend.grid.dates import with_dates
from gridtrend.grid.dialect import given
from gridtrend.grid.names import distinct
from gridtrend.grid.timeaxis import TimeAxis, time_axis
from gridtrend.grid.timeunits import time_unit
from gridtrend.trend.grouped_test import COMPATIBLE, Groups, grouped_test
from gridtrend.trend.phases import calendar_slots, positions


@distinct()
def seasonal_mann_kendall(
    da: xr.DataArray,
    dim: str = "time",
    *,
    period: str | int = "month",
    correlated: bool = False,
    alpha: float = 0.05,
    alternative: str = "two-sided",
    p_value: str = "normal",
    continuity: bool = True,
    tau: str = "b",
    slope: bool = True,
    per: str = "auto",
    intercept: str = "conover",
    ci: str | None = "gilbert",
    min_valid: int = 4,
    compat: str | None = None,
) -> xr.Dataset:
    """Seasonal Mann-Kendall test, with the seasonal Sen slope and its confidence limits, in every cell.

    Januaries are compared with Januaries only: a seasonal cycle is neither a trend nor noise.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing: they take
        nothing else of their year with them. `dim` must lie in one dask chunk.
    dim : str
        The dimension to follow.
    period : {"month", "season"} or int
        The groups: calendar months; DJF, MAM, JJA and SON, December counting to the next year; or, as a number, steps
        in a cycle. Steps are those of the coordinate: months that a record leaves out do not shift later ones.
        Composites that begin anew each January (16-day: 23, 8-day: 46, dekads: 36, half-months: 24, pentads: 73) are
        compared with those of the same place in other years. A number near that of the year which does not fit is refused.
    correlated : bool
        Take the covariance between seasons into account (Hirsch & Slack 1984). It needs about 10 years.
    alpha : float
        Level of the flag `trend` and, as 1 - alpha, of the confidence limits.
    alternative : {"two-sided", "increasing", "decreasing"}
        What `p_value` and `trend` test for; "greater" and "less" are the same as the latter two.
    p_value : {"normal", "exact", "auto"}
        Normal approximation of the distribution of S; its exact distribution given the ties, seasons being independent;
        or the exact one for up to 1,770 pairs of values and where seasons are independent.
    continuity : bool
        Move S one step towards zero before it is standardised.
    tau : {"b", "a"}
        Kendall's tau corrected for ties, or not; the mean over seasons, weighted with their pairs.
    slope : bool
        Also compute the slope, its limits and the intercept.
    per : str
        Unit of time of the slope: "year" (of the record's own calendar), "decade", "day", ..., "cycle" or "step". A
        month of one year is a whole number of years after the same month of another. "auto" is the year; where a numeric
        coordinate names no unit of time, its own unit; without a coordinate, the cycle.
    intercept : {"conover", "joint"}
        median(y) - slope median(t), or median(y - slope t), over the values of all seasons. It holds at the first time
        of a record with dates, at the first step, or at 0 of a numeric coordinate.
    ci : {"gilbert", "rounded", None}
        Confidence limits interpolated between two slopes (EnvStats), at the nearest rank, or none.
    min_valid : int
        Cells with fewer valid values become missing; their `n_valid` is still given.
    compat : {None, "pymannkendall"}
        Reproduce the numbers of pymannkendall 1.4.3, for comparison with results that were made with it: tau-a, slopes
        per cycle, Conover's intercept, and with `correlated` no continuity correction and whole cycles left out of the
        test where one of their values is missing.

    Returns
    -------
    Dataset, shape (...)
        tau, s, var_s, z, p_value : float64, dimensionless
            Kendall's tau, the sum of the seasons' scores S (a whole number), its variance under no trend with ties
            accounted for, the standardised score, and the p-value.
        chi2_trend, chi2_homogeneity, p_homogeneity : float64, dimensionless
            Chi-square of the trend that all seasons share (1 degree of freedom), and of the differences between the
            trends of seasons (one degree fewer than there are seasons) with its p-value (van Belle & Hughes 1984, for
            independent seasons, without continuity correction). Where p_homogeneity is small, seasons have different
            trends, and a common slope means little. The two add up to the total chi-square.
        slope, slope_lower, slope_upper : float64, units of `da` per `per`
            Median of the slopes between all pairs of values of one season, over all seasons, and its limits; a limit
            that no rank reaches (very short series) is missing.
        intercept : float64, units of `da`
        n_valid : int32
        trend : int8
            1, 0 or -1: increasing, no trend at level `alpha` (or too few values), decreasing.

        Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `dim` is no dimension of `da` or is split over several dask chunks, if times are missing or repeated, if two values
        share a month or season, if a number is given as `period` of an irregular record, or is near the year but does not
        fit it, or if an option is not known.

    See Also
    --------
    regional_mann_kendall : sites instead of seasons.

    Notes
    -----
    O(m**2) pairs a season for m cycles; O(n) memory. The exact p-value of a cell takes O(n N) for N pairs.

    References
    ----------
    Hirsch, R. M., Slack, J. R. & Smith, R. A. (1982). Water Resour. Res. 18, 107-121. doi:10.1029/WR018i001p00107

    Hirsch, R. M. & Slack, J. R. (1984). Water Resour. Res. 20, 727-732. doi:10.1029/WR020i006p00727

    van Belle, G. & Hughes, J. P. (1984). Water Resour. Res. 20, 127-136. doi:10.1029/WR020i001p00127

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> months = xr.date_range("2001-01", periods=60, freq="MS")
    >>> cycle = 10 * np.cos(np.arange(60) * np.pi / 6)
    >>> level = xr.DataArray(cycle + 0.5 * (np.arange(60) // 12), {"time": months}, "time", attrs={"units": "m"})
    >>> result = gt.seasonal_mann_kendall(level)
    >>> int(result.s), round(float(result.slope), 6), result.slope.attrs["units"]
    (120, 0.5, 'm year-1')
    """
    check_array(da, dim)
    compatible = choose("compat", compat, COMPATIBLE)
    period = period if isinstance(period, str) else _whole_number(period)
    groups = seasons(
        da, dim, period, "cycle" if compatible or (isinstance(per, str) and per == "cycle") else time_unit(per)
    )
    result = grouped_test(
        da,
        dim,
        groups,
        "seasonal Mann-Kendall test",
        correlated=correlated,
        alpha=alpha,
        alternative=alternative,
        p_value=p_value,
        continuity=continuity,
        tau=tau,
        slope=slope,
        intercept=intercept,
        ci=ci,
        min_valid=min_valid,
        compat=compat,
    )
    if slope and groups.axis.unit == "step" and groups.axis.per == 1.0:
        for name in {"slope", "slope_lower", "slope_upper"} & set(result):
            result[name].attrs["comment"] = f"change per cycle of {period} steps"
        result.attrs["slope_per"] = "cycle"
    return result.assign_attrs(period=period)


def seasons(da: xr.DataArray, dim: str, period: str | int, per: str) -> Groups:
    """Seasons as groups, and cycles, counted from the first, as their times."""
    da = with_dates(da, dim, strict=per not in ("step", "cycle"))
    # Units of the coordinate matter to slopes only, below; without any, the digits of numbers might be those of dates.
    plain = da[dim].drop_attrs()
    if dim in plain.coords:
        plain[dim].attrs["units"] = "steps"
    ticks = time_axis(plain, dim)
    if isinstance(period, str):
        count, slot = calendar_slots(da, dim, period)
        length = ticks.per
    else:
        count = period
        slot, length = positions(da, dim, ticks, count)
        length *= count
    first = int(min(slot, default=0))
    cycle, season = slot // count - first // count, slot % count
    cycles = int(max(cycle, default=-1)) + 1
    when = (slot - first) / count
    rate, unit, origin = 1.0, "step", ticks.origin
    if per == "step":
        rate = 1.0 / count
    elif per != "cycle" and not (per in ("auto", "year") and dim not in da.coords):
        axis = time_axis(da, dim, per, slopes=True)
        rate, unit = axis.per / length, axis.unit
        if origin == f"{dim} = 0":
            when += ticks.values[:1] / length
    steps = np.arange(cycles)
    if count > slot.size > 0:
        # Seasons that no step falls into have nothing to compare.
        found, season = np.unique(season, return_inverse=True)
        count = found.size
    return Groups(season * cycles + cycle, when, count, TimeAxis(steps.astype(float), rate, unit, origin, None, steps))


def _whole_number(period: int) -> int:
    if not is_whole(period, 1):
        raise ValueError(
            f"{given('period', period)} is not a number of steps; give a whole number from 1 on, or 'month'."
        )
    return int(period)
