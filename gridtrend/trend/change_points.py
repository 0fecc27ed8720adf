"""Change points on every cell of a grid: when did the level change, and is that more than chance?"""

import xarray as xr

from gridtrend.grid.choices import choose
from gridtrend.grid.names import distinct
from gridtrend.trend.change_search import find_change
from gridtrend.trend.kernels import change_points as kernels

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
        Pettitt's 2 exp(-6 K^2 / (n^3 + n^2)), at most 1, which is too large in short series, or simulated.
    simulations : int
        How many series without a change the p-value comes from, with p_value="simulated".
    seed : int
        Of the simulations. The same seed gives the same p-value, on any chunks and machine.
    min_valid : int
        Cells with fewer valid values become missing; their `n_valid` is still told.

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
        If `da` lacks `dim` or has it split over several dask chunks, if times are missing or repeated, or if an option
        is not known.

    See Also
    --------
    snht, buishand : more powerful where values are normal.
    mann_kendall : for gradual changes.

    Notes
    -----
    O(n log n) time a cell. The formula and the simulation know no ties, with which both are cautious. The simulated
    p-value is (1 + the simulated statistics that are no smaller) / (simulations + 1), drawn once for each number of valid
    values in a process. Values are taken as independent in time: serial correlation and trends look like changes.

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
    return find_change(da, dim, "Pettitt test", kernels.PETTITT, alpha, drawn, seed, min_valid)


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
        Cells with fewer valid values become missing; their `n_valid` is still told.

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
        If `da` lacks `dim` or has it split over several dask chunks, if times are missing or repeated, or if an option
        is not known.

    See Also
    --------
    buishand : more sensitive to changes in the middle of the record.
    pettitt : needs no normal values.

    Notes
    -----
    O(n) time a cell. The p-value is (1 + the simulated statistics that are no smaller) / (simulations + 1). Series
    are drawn from the normal law, once for each number of valid values in a process. Values are taken as independent in
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
    return find_change(da, dim, "SNHT", kernels.SNHT, alpha, simulations, seed, min_valid)


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
        Cells with fewer valid values become missing; their `n_valid` is still told.

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
        If `da` lacks `dim` or has it split over several dask chunks, if times are missing or repeated, or if an option
        is not known.

    See Also
    --------
    snht : more sensitive to changes near the ends of the record.
    pettitt : needs no normal values.

    Notes
    -----
    O(n) time a cell. The change is where |S_k| is largest. Buishand's tables divide by n, not n - 1: statistics are
    larger there by sqrt(n / (n - 1)) (range) or n / (n - 1) (U), and p-values the same. The p-value is (1 + the
    simulated statistics that are no smaller) / (simulations + 1). Series are drawn from the normal law, once for each
    number of valid values in a process. Values are taken as independent in time: serial correlation and trends look like
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
    return find_change(da, dim, f"Buishand {statistic} test", test, alpha, simulations, seed, min_valid)
