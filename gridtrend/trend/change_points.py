"""Change points on every cell of a grid: when did the level change, and is that more than chance?"""

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.engine.output import Output
from gridtrend.grid.apply import apply, apply_function
from gridtrend.grid.calendars import with_year_zero
from gridtrend.grid.checks import check_alpha, check_array, check_min_valid, check_seed, choose
from gridtrend.grid.dates import with_dates
from gridtrend.grid.names import distinct
from gridtrend.grid.timeaxis import TimeAxis, time_axis
from gridtrend.trend import change_nulls
from gridtrend.trend.cycle import ANOMALIES, warn_of_cycle
from gridtrend.trend.kernels import change_points as kernels
from gridtrend.trend.options import check_draws

P_VALUE = Output("p_value", "p-value of the test for a change of {data}", attrs=(("valid_range", (0.0, 1.0)),))
NAMES = ("statistic", "p_value", "change_time", "mean_before", "mean_after", "n_valid", "change")
P_VALUES = {"formula": 0, "simulated": 1}
STATISTICS = {"range": kernels.RANGE, "u": kernels.U}


@distinct()
def pettitt(
    da: xr.DataArray,
    dim: str = "time",
    *,
    alpha: float = 0.05,
    p_value: str = "formula",
    simulations: int = 20_000,
    seed: int = 0,
    min_valid: int = 4,
) -> xr.Dataset:
    """Pettitt's rank test for a change of level, in every cell.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing: they are
        skipped, and the others keep their times. `dim` must lie in one dask chunk.
    dim : str
        The dimension to follow, in the order of its coordinate, which may be unsorted.
    alpha : float
        Level of the flag `change`.
    p_value : {"formula", "simulated"}
        Pettitt's 2 exp(-6 K^2 / (n^3 + n^2)), at most 1, which is too large in short series, and for n up to 12 the share of
        all orders of the values; or simulated.
    simulations : int
        How many series without a change the p-value comes from, with p_value="simulated".
    seed : int
        Of the simulations. The same seed gives the same p-value, on any chunks and machine.
    min_valid : int
        Cells with fewer valid values become missing; their `n_valid` is still given.

    Returns
    -------
    Dataset, shape (...)
        statistic, p_value : float64, dimensionless
            K, the largest |U| over all places, a whole number; its p-value.
        change_time : as the coordinate of `dim`
            Time of the last value before the most likely change, significant or not. Dates of calendars other than the
            standard one are numbers with the CF attributes by which `xarray.decode_cf` decodes them; without a coordinate
            steps are counted from 0.
        mean_before, mean_after : float64, units of `da`
            Means up to and after the change.
        n_valid : int32
        change : int8
            1, 0 or -1: a rise, no change at level `alpha` (or too few values), a drop.

        A constant series has statistic 0, p_value 1 and no time of change. Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `dim` is no dimension of `da` or is split over several dask chunks, if times are missing or repeated, or if an option
        is not known.

    See Also
    --------
    snht, buishand : more powerful where values are normal.
    mann_kendall : for gradual changes.

    Notes
    -----
    O(n log n) time a cell. The formula and the simulation know no ties, with which both are cautious. The simulated
    p-value is (1 + the simulated statistics that are no smaller) / (simulations + 1). From 1,000 simulations on, p-values
    below 1/200 follow an exponential tail in K^2 that is fitted to the largest 1/20, so that field tests can find cells.
    Series are drawn once in a process for each number of values up to 50, and four times an octave beyond, between which
    p-values are interpolated. Values are taken as independent in time: serial correlation and trends look like changes.

    References
    ----------
    Pettitt, A. N. (1979). Appl. Stat. 28, 126-135. doi:10.2307/2346729

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> flow = [1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692]  # the Nile
    >>> years = np.arange("1891", "1907", dtype="M8[Y]").astype("M8[ns]")
    >>> nile = xr.DataArray(flow, {"time": years}, "time", attrs={"units": "1e8 m3"})
    >>> result = gt.pettitt(nile)
    >>> float(result.statistic), round(float(result.p_value), 4), str(result.change_time.values)[:4]
    (63.0, 0.0084, '1897')
    """
    choose("p_value", p_value, P_VALUES)
    drawn = simulations if p_value == "simulated" else None
    return _find_change(da, dim, "Pettitt test", kernels.PETTITT, alpha, drawn, seed, min_valid)


@distinct()
def snht(
    da: xr.DataArray,
    dim: str = "time",
    *,
    alpha: float = 0.05,
    simulations: int = 20_000,
    seed: int = 0,
    min_valid: int = 4,
) -> xr.Dataset:
    """Standard normal homogeneity test (Alexandersson) for a change of level, in every cell.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing: they are
        skipped, and the others keep their times. `dim` must lie in one dask chunk.
    dim : str
        The dimension to follow, in the order of its coordinate, which may be unsorted.
    alpha : float
        Level of the flag `change`.
    simulations : int
        How many series without a change the p-value comes from.
    seed : int
        Of the simulations. The same seed gives the same p-value, on any chunks and machine.
    min_valid : int
        Cells with fewer valid values become missing; their `n_valid` is still given.

    Returns
    -------
    Dataset, shape (...)
        statistic, p_value : float64, dimensionless
            T, the largest of k z1^2 + (n - k) z2^2 over all places k, with z1 and z2 the standardised means of both parts
            (sample standard deviation, n - 1); its p-value, simulated.
        change_time : as the coordinate of `dim`
            Time of the last value before the most likely change, significant or not. Dates of calendars other than the
            standard one are numbers with the CF attributes by which `xarray.decode_cf` decodes them; without a coordinate
            steps are counted from 0.
        mean_before, mean_after : float64, units of `da`
            Means up to and after the change.
        n_valid : int32
        change : int8
            1, 0 or -1: a rise, no change at level `alpha` (or too few values), a drop.

        A constant series has statistic 0, p_value 1 and no time of change. Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `dim` is no dimension of `da` or is split over several dask chunks, if times are missing or repeated, or if an option
        is not known.

    See Also
    --------
    buishand : more sensitive to changes in the middle of the record.
    pettitt : needs no normal values.

    Notes
    -----
    O(n) time a cell. The p-value is (1 + the simulated statistics that are no smaller) / (simulations + 1). From 1,000
    simulations on, p-values below 1/200 follow a fitted tail, that of the share of the variance that a step can have, so
    that field tests can find cells. Series are drawn from the normal law, once in a process for each number of values up
    to 50, and four times an octave beyond, between which p-values are interpolated. Skewed data look like changes more
    often than p says. Values are taken as independent in
    time: serial correlation and trends look like changes.

    References
    ----------
    Alexandersson, H. (1986). J. Climatol. 6, 661-675. doi:10.1002/joc.3370060607

    Khaliq, M. N. & Ouarda, T. B. M. J. (2007). Int. J. Climatol. 27, 681-687. doi:10.1002/joc.1438

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> flow = [1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692]  # the Nile
    >>> years = np.arange("1891", "1907", dtype="M8[Y]").astype("M8[ns]")
    >>> nile = xr.DataArray(flow, {"time": years}, "time", attrs={"units": "1e8 m3"})
    >>> result = gt.snht(nile)
    >>> round(float(result.statistic), 3), bool(result.p_value < 0.01), str(result.change_time.values)[:4]
    (12.281, True, '1897')
    """
    return _find_change(da, dim, "SNHT", kernels.SNHT, alpha, simulations, seed, min_valid)


@distinct()
def buishand(
    da: xr.DataArray,
    dim: str = "time",
    *,
    statistic: str = "range",
    alpha: float = 0.05,
    simulations: int = 20_000,
    seed: int = 0,
    min_valid: int = 4,
) -> xr.Dataset:
    """Buishand's range or U test for a change of level, in every cell.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing: they are
        skipped, and the others keep their times. `dim` must lie in one dask chunk.
    dim : str
        The dimension to follow, in the order of its coordinate, which may be unsorted.
    statistic : {"range", "u"}
        From the sums S_k of the first k deviations from the mean, divided by the sample standard deviation (n - 1, as in
        R's trend): their range over sqrt(n), or U, the sum of their squares over n (n + 1).
    alpha : float
        Level of the flag `change`.
    simulations : int
        How many series without a change the p-value comes from.
    seed : int
        Of the simulations. The same seed gives the same p-value, on any chunks and machine.
    min_valid : int
        Cells with fewer valid values become missing; their `n_valid` is still given.

    Returns
    -------
    Dataset, shape (...)
        statistic, p_value : float64, dimensionless
            The chosen statistic; its p-value, simulated.
        change_time : as the coordinate of `dim`
            Time of the last value before the most likely change, significant or not. Dates of calendars other than the
            standard one are numbers with the CF attributes by which `xarray.decode_cf` decodes them; without a coordinate
            steps are counted from 0.
        mean_before, mean_after : float64, units of `da`
            Means up to and after the change.
        n_valid : int32
        change : int8
            1, 0 or -1: a rise, no change at level `alpha` (or too few values), a drop.

        A constant series has statistic 0, p_value 1 and no time of change. Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `dim` is no dimension of `da` or is split over several dask chunks, if times are missing or repeated, or if an option
        is not known.

    See Also
    --------
    snht : more sensitive to changes near the ends of the record.
    pettitt : needs no normal values.

    Notes
    -----
    O(n) time a cell. The change is where |S_k| is largest. Buishand's tables divide by n, not n - 1: statistics are
    larger there by sqrt(n / (n - 1)) (range) or n / (n - 1) (U), and p-values the same. The p-value is (1 + the
    simulated statistics that are no smaller) / (simulations + 1), with the tail, the law and the lengths of `snht`. Values are taken as independent in time: serial correlation and trends look like
    changes.

    References
    ----------
    Buishand, T. A. (1982). J. Hydrol. 58, 11-27. doi:10.1016/0022-1694(82)90066-X

    Buishand, T. A. (1984). J. Hydrol. 73, 51-69. doi:10.1016/0022-1694(84)90032-5

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> flow = [1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692]  # the Nile
    >>> years = np.arange("1891", "1907", dtype="M8[Y]").astype("M8[ns]")
    >>> nile = xr.DataArray(flow, {"time": years}, "time", attrs={"units": "1e8 m3"})
    >>> result = gt.buishand(nile)
    >>> round(float(result.statistic), 3), bool(result.p_value < 0.01), str(result.change_time.values)[:4]
    (1.738, True, '1897')
    """
    test = choose("statistic", statistic, STATISTICS)
    return _find_change(da, dim, f"Buishand {statistic} test", test, alpha, simulations, seed, min_valid)


def _find_change(
    da: xr.DataArray,
    dim: str,
    method: str,
    test: int,
    alpha: float,
    simulations: int | None,
    seed: int,
    min_valid: int,
) -> xr.Dataset:
    """Find the change of every cell, judge it, and tell its time as the record does.

    Parameters
    ----------
    da, dim, alpha, seed, min_valid
        As the public functions take them.
    method : str
        What the test is called.
    test : int
        Its code.
    simulations : int or None
        How many series the null distribution comes from; None for Pettitt's formula.
    """
    check_array(da, dim)
    alpha = check_alpha(alpha)
    if simulations is not None:
        simulations, seed = check_draws("simulations", simulations, alpha), check_seed(seed)
    da = with_dates(da, dim, strict=False)
    axis = time_axis(da, dim, "step")
    warn_of_cycle(da, dim=dim, remedy=ANOMALIES)
    found = apply(kernels.change_point, da, dim=dim, axis=axis, test=test, min_valid=check_min_valid(min_valid))
    judged = apply_function(
        _judge,
        *(found[name] for name in ("statistic", "n_valid", "change")),
        outputs=(P_VALUE, kernels.CHANGE),
        like=da,
        test=test,
        alpha=alpha,
        simulations=simulations,
        seed=seed,
    )
    judged["change"].attrs |= {"alpha": alpha, "comment": f"p_value < {alpha:g}"}
    told = {**found, **judged, "change_time": _times(found["change_time"], da, dim, axis)}
    result = xr.Dataset({name: told[name] for name in NAMES}, found.coords, found.attrs)
    attrs = {"method": method, "alpha": alpha, "min_valid": int(min_valid)}
    if simulations is None:
        return result.assign_attrs(attrs, p_value="formula")
    return result.assign_attrs(attrs, p_value="simulated", simulations=simulations, seed=seed)


def _judge(
    statistic: Any, n_valid: Any, change: Any, *, test: int, alpha: float, simulations: int | None, seed: int
) -> tuple[Any, Any]:
    """p-values, and the direction of the changes that are significant."""
    if simulations is not None:
        p = change_nulls.simulated_p(test, statistic, n_valid, simulations, seed)
    else:
        p = change_nulls.formula_p(statistic, n_valid)
    return p, np.where(p < alpha, change, 0).astype(change.dtype)


def _times(step: xr.DataArray, da: xr.DataArray, dim: str, axis: TimeAxis) -> xr.DataArray:
    """Steps of the sorted record as its own times."""
    if dim not in da.coords or da.sizes[dim] == 0:
        return step
    values = da[dim].values if axis.order is None else da[dim].values[axis.order]
    attrs = {key: da[dim].attrs[key] for key in ("units",) if key in da[dim].attrs}
    if values.dtype.kind == "O":
        # Cells without a change have no time, and cftime has no missing date: numbers, which xarray.decode_cf decodes.
        import cftime

        # CF knows no year 0 in the calendars of the world.
        first = values[0].isoformat(" ") if values[0].year > 0 else "2000-01-01"
        attrs = {"units": f"days since {first}", "calendar": values[0].calendar}
        with with_year_zero():
            values = cftime.date2num(values, **attrs, has_year_zero=values[0].has_year_zero).astype(float)
    elif values.dtype.kind in "iuf":
        values = values.astype(float)
    output = replace(kernels.CHANGE_TIME, dtype=values.dtype.str, units=None, attrs=tuple(attrs.items()))
    return apply_function(_pick, step, outputs=(output,), like=da, values=values)["change_time"]


def _pick(step: Any, *, values: Any) -> Any:
    """The value at each step, missing where there is no step."""
    missing = np.isnan(step)
    picked = np.full(step.shape, np.nan if values.dtype.kind == "f" else "NaT", values.dtype)
    picked[~missing] = values[step[~missing].astype(int)]
    return picked
