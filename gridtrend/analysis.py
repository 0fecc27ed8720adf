"""From a record to its trends in one call: anomalies, seasons, area, test and field test."""

import inspect
from collections.abc import Callable
from typing import Any

import xarray as xr

from gridtrend import seasons, trend
from gridtrend.grid.base_period import steps_of_base
from gridtrend.grid.checks import check_array, check_flag, choose, is_number
from gridtrend.grid.dates import are_dates, with_dates
from gridtrend.grid.dialect import given
from gridtrend.seasons.periods import steps_of
from gridtrend.seasons.places import in_region

TESTS = ("mann_kendall", "theil_sen", "siegel_slope", "linear_trend", "pettitt", "snht", "buishand")


def analyze(
    da: xr.DataArray,
    dim: str = "time",
    *,
    test: str = "mann_kendall",
    freq: str | None = "year",
    season: Any = None,
    how: str = "mean",
    min_coverage: float = 0.8,
    weights: str | None = None,
    base: Any = None,
    relative_to: Any = None,
    region: Any = None,
    area_mean: bool = False,
    fdr: float | None = None,
    per: str = "decade",
    **options: Any,
) -> xr.Dataset:
    """From daily or monthly steps to a map of trends: anomalies, years or seasons, area, test, per cent, field test.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, in any chunks. NaN and infinite values are missing.
    dim : str
        The dimension of time.
    test : {"mann_kendall", "theil_sen", "siegel_slope", "linear_trend", "pettitt", "snht", "buishand"}
        The function that is called.
    freq, season, how, min_coverage, weights
        As in `aggregate`. A record of yearly values, or without dates, is taken as it is, and so is any with freq=None.
    base : pair, optional
        Base period of `anomalies` of each month, which are taken first; missing months move no yearly mean then.
    relative_to : pair, number or DataArray, optional
        Adds slopes in per cent (`as_percent`) of the mean of these years, ("1981", "2010"), of a number, or of a field.
    region : optional
        As in `gridtrend.area_mean`. Without `area_mean`, cells outside are missing.
    area_mean : bool
        Test one series, the mean over the area.
    fdr : float, optional
        Adds `significant` and `p_adjusted` of `field_significance`, with this rate of false discoveries, in each season.
    per : str
        Unit of time of slopes.
    options : keyword arguments
        Of the test, such as alpha=0.01 or method="hamed_rao".

    Returns
    -------
    Dataset, shape (...) or (season, ...)
        As of the test, such as slope and p_value; with `relative_to` also slope_percent; with `fdr` also significant and
        p_adjusted. Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers, or if the test does not know an option.
    ValueError
        If a step refuses what it gets, such as a season without a month, a base outside the record, per cent of a
        temperature in degC, or a region without a cell.

    See Also
    --------
    aggregate, anomalies, mann_kendall, field_significance, as_percent : the steps, each by itself.

    Notes
    -----
    ``da.gridtrend(season="JJA")`` is ``analyze(da, season="JJA")``. A record is reduced to years before it is joined along
    time. Attributes of the result say what was done.

    References
    ----------
    Wilks, D. S. (2016). Bull. Am. Meteorol. Soc. 97, 2263-2273. doi:10.1175/BAMS-D-15-00267.1

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> days = xr.date_range("2001-01-01", "2012-12-31")
    >>> tas = xr.DataArray(days.year * 0.05 + days.month, {"time": days}, dims="time", attrs={"units": "degC"})
    >>> summer = tas.gridtrend(season="JJA")
    >>> round(float(summer.slope), 3), summer.slope.attrs["units"]
    (0.5, 'K decade-1')
    """
    check_array(da, dim)
    function: Callable[..., xr.Dataset] = getattr(trend, choose("test", test, TESTS))
    area_mean = check_flag("area_mean", area_mean)
    if fdr is not None and not (is_number(fdr) and 0 < fdr < 1):
        raise ValueError(
            f"{given('fdr', fdr)} is not a rate of false discoveries; give a number between 0 and 1, such as 0.1."
        )
    if fdr is not None and area_mean:
        raise ValueError(f"{given('fdr', fdr)} is for a field of tests, and area_mean=True leaves one series.")
    finer = _is_finer(da, dim)
    reduce: dict[str, Any] = {}
    if season is not None or (freq is not None and (how != "mean" or finer)):
        reduce = {
            "freq": freq or "year",
            "season": season,
            "how": how,
            "min_coverage": min_coverage,
            "weights": weights,
        }
    done: dict[str, Any] = {}

    def reduced(record: xr.DataArray) -> xr.DataArray:
        """Years or seasons of a record, in the region."""
        if reduce:
            record = seasons.aggregate(record, dim, **reduce)
            done["aggregated"] = ", ".join(f"{name}={value}" for name, value in reduce.items() if value is not None)
        if area_mean:
            record = seasons.area_mean(record, dim, region=region)
            done.update(area_mean=record.attrs["weights"], region=record.attrs["region"])
        elif region is not None:
            record = record.where(in_region(record, region) > 0)
            done["region"] = "a mask" if isinstance(region, xr.DataArray) else str(region)
        return record

    original = da
    if base is not None:
        da = seasons.anomalies(da, dim, base=base, by="month" if finer else None)
        done["base_period"] = da.attrs["base_period"]
    da = reduced(da)
    if da.chunks is not None:
        da = da.chunk({dim: -1})
    timed = {"per": per} if "per" in inspect.signature(function).parameters else {}
    result = function(da, dim, **timed, **options)
    if relative_to is not None:
        # The base is a mean of the record itself, not of its anomalies.
        result = trend.as_percent(result, *_hundred(da if base is None else reduced(original), dim, relative_to))
    if fdr is not None:
        result = _with_field_test(result, fdr)
    return result.assign_attrs(done)


def _is_finer(da: xr.DataArray, dim: str) -> bool:
    """Whether a record has dates less than a year apart."""
    da = with_dates(da, dim)
    if dim not in da.coords or not are_dates(da[dim].variable) or da.sizes[dim] < 2:
        return False
    return steps_of(da.isel({dim: da[dim].argsort().values}), dim).apart < 12


def _hundred(record: xr.DataArray, dim: str, relative_to: Any) -> tuple[Any, ...]:
    """Arguments of `as_percent` that give the base; for a period, the mean of the record."""
    if is_number(relative_to) or isinstance(relative_to, xr.DataArray) or relative_to == "start":
        return (relative_to,)
    inside = steps_of_base(record, dim, relative_to, "relative_to")
    return record.isel({dim: inside}), dim


def _with_field_test(result: xr.Dataset, fdr: float) -> xr.Dataset:
    """The result with the test of each field: seasons are fields of their own."""
    if "p_value" not in result:
        raise ValueError(f"{given('fdr', fdr)} needs p-values, and this test has none: use test='mann_kendall'.")
    p = result["p_value"]
    field = [name for name in p.dims if name != "season"]
    if not field:
        raise ValueError(f"{given('fdr', fdr)} is for a field of tests, and the record is one series.")
    found = trend.field_significance(p, field, alpha_global=fdr)
    return result.assign({name: found[name] for name in ("p_adjusted", "significant")})
