"""Trends of quantiles by quantile regression, in every cell of a grid."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.apply import apply
from gridtrend.grid.checks import check_alpha, check_array, check_min_valid, is_number
from gridtrend.grid.names import distinct
from gridtrend.grid.timeaxis import time_axis
from gridtrend.trend.cycle import ANOMALIES, warn_of_cycle
from gridtrend.trend.kernels import quantile_trend as kernels
from gridtrend.trend.options import flag_attrs, two_sided_quantile

# Nearer to 0 or 1 no record has a value beyond the quantile.
NEAREST = 1e-6


@distinct("quantile")
def quantile_trend(
    da: xr.DataArray,
    dim: str = "time",
    *,
    q: float | Sequence[float] = (0.1, 0.5, 0.9),
    alpha: float = 0.05,
    per: str = "auto",
    min_valid: int = 4,
) -> xr.Dataset:
    """Trends of quantiles, such as those of the dry and the wet years, by quantile regression on time, in every cell.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing: they are
        skipped at their true times. `dim` must lie in one dask chunk.
    dim : str
        The dimension to follow. A coordinate of dates (any calendar) or numbers is used as it is, irregular or unsorted.
    q : float or sequence of float
        Which quantiles, between 0 and 1. With one number the results have no dimension `quantile`, but its coordinate.
    alpha : float
        Level of the flag `trend` and, as 1 - alpha, of the confidence limits.
    per : str
        Unit of time of the slope: "year" (of the record's own calendar), "decade", "day", ..., or "step". "auto" is the
        year; where a numeric coordinate names no unit of time, its own unit; without a coordinate, the step.
    min_valid : int
        Cells with fewer valid values become missing, as do those with fewer than 3; they keep their `n_valid`.

    Returns
    -------
    Dataset, shape (quantile, ...)
        slope, slope_lower, slope_upper : float64, units of `da` per `per`
            Slope of the line of least loss, and its limits; a limit that no slope reaches (short series, outer quantiles)
            is missing.
        intercept : float64, units of `da`
            At the first time of a record with dates, at the first step, or at 0 of a numeric coordinate.
        p_value : float64, dimensionless
            Of the rank test for a slope of the quantile; it is at least `alpha` where the limits include 0.
        n_valid : int32, shape (...)
        trend : int8
            1, 0 or -1: increasing, no trend at level `alpha` (or too few values), decreasing.

        A constant series has slope 0 and p_value 1. Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `da` has no `dim` or has it split over several dask chunks, if times are missing or repeated, or if an option is
        not known.

    See Also
    --------
    linear_trend : of the mean.
    theil_sen : the median of the slopes between all pairs, which is not the slope of the median.

    Notes
    -----
    The line is exact: no other one has a smaller sum of q r for residuals r above it and (1 - q) |r| below. Where several
    lines share the smallest sum, as they do for the median of an even number of values, the slope is the middle of theirs,
    and the intercept is the middle of those that belong to it. Programs that return one end of them, such as R's quantreg,
    differ there.

    Limits and p-value come from the rank score test (Gutenbrunner et al. 1993) with the t distribution of n - 2 degrees of
    freedom: the limits are the slopes that it does not reject, as those of `summary.rq(se="rank", iid=TRUE, interp=FALSE)` in
    quantreg. Values are taken as independent, and their scatter as the same at all times: serial correlation looks like a
    trend. In series of fewer than some twenty values the outer quantiles, 0.1 and 0.9, have no limits, and no p-value below
    0.05. Quantiles are fitted one by one, and their lines may cross.

    O(n log n) time for each quantile of a cell, O(n) memory.

    References
    ----------
    Koenker, R. & Bassett, G. (1978). Econometrica 46, 33-50. doi:10.2307/1913643

    Gutenbrunner, C., Jureckova, J., Koenker, R. & Portnoy, S. (1993). J. Nonparametr. Stat. 2, 307-331.
    doi:10.1080/10485259308832561

    Koenker, R. (1994). In Asymptotic Statistics, 349-359. Physica. doi:10.1007/978-3-642-57984-4_29

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> rain = xr.DataArray([3.0, 2.9, 3.2, 2.6, 3.5, 2.4, 3.9, 2.1, 4.0, 2.0, 4.4], dims="time")
    >>> gt.quantile_trend(rain, q=[0.1, 0.5, 0.9]).slope.values.round(3).tolist()  # dry years become drier
    [-0.125, 0.133, 0.15]
    """
    check_array(da, dim)
    shares, alone = _check_quantiles(q), is_number(q)
    axis = time_axis(da, dim, per, slopes=True)
    warn_of_cycle(da, dim=dim, remedy=ANOMALIES)
    options = {"per": axis.per, "alpha": check_alpha(alpha), "normal": two_sided_quantile(alpha)}
    least = check_min_valid(min_valid)
    lines = [
        apply(kernels.quantile_trend, da, dim=dim, axis=axis, q=each, min_valid=least, **options) for each in shares
    ]
    attrs = {"long_name": "quantile", "units": "1"}
    if alone:
        result = lines[0].assign_coords(quantile=((), shares[0], attrs))
    else:
        result = xr.concat(
            lines,
            xr.Variable("quantile", shares, attrs),
            # The number of values is that of all quantiles.
            data_vars=[str(name) for name in lines[0] if name != "n_valid"],
            coords="minimal",
            compat="override",
            join="override",
            combine_attrs="override",
        )
    result["slope"].attrs["ancillary_variables"] = "slope_lower slope_upper p_value n_valid trend"
    result["trend"].attrs |= flag_attrs(alpha, "two-sided")
    return result.assign_attrs(
        method="quantile regression",
        alpha=float(alpha),
        confidence_limits="inversion of the rank score test",
        slope_per=axis.unit or "unit of the coordinate",
        intercept=f"at {axis.origin}",
        min_valid=least,
    )


def _check_quantiles(q: Any) -> list[float]:
    """One or several quantiles between 0 and 1."""
    listed = [q] if is_number(q) or isinstance(q, str) or not np.iterable(q) else list(q)
    for each in listed:
        if not (is_number(each) and NEAREST <= each <= 1.0 - NEAREST):
            raise ValueError(f"q={each!r} is not a quantile; give numbers between 0 and 1, such as q=[0.1, 0.5, 0.9].")
    if not listed or len(set(listed)) < len(listed):
        raise ValueError(
            f"q={q!r} has {'the same quantile twice' if listed else 'no quantile'}; give each once, such as "
            "q=[0.1, 0.5, 0.9]."
        )
    return [float(each) for each in listed]
