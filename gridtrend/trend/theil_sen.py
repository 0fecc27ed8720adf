"""Theil-Sen slopes on every cell of a grid."""

from typing import Any

import xarray as xr

from gridtrend.grid.apply import apply
from gridtrend.grid.checks import check_alpha, check_array, check_min_valid, choose
from gridtrend.grid.names import distinct
from gridtrend.grid.timeaxis import TimeAxis, time_axis
from gridtrend.trend.cycle import warn_of_cycle
from gridtrend.trend.kernels import theil_sen as kernels
from gridtrend.trend.options import two_sided_quantile

INTERCEPTS = {"conover": kernels.CONOVER, "joint": kernels.JOINT}
LIMITS: dict[str | None, int] = {
    "gilbert": kernels.GILBERT,
    "rounded": kernels.ROUNDED,
    None: kernels.NO_LIMITS,
}


@distinct()
def theil_sen(
    da: xr.DataArray,
    dim: str = "time",
    *,
    alpha: float = 0.05,
    per: str = "auto",
    intercept: str = "conover",
    ci: str | None = "gilbert",
    min_valid: int = 2,
) -> xr.Dataset:
    """Theil-Sen slope, the median of the slopes between all pairs of values, with confidence limits, in every cell.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing: they are
        skipped at their true times. `dim` must lie in one dask chunk.
    dim : str
        The dimension to follow. A coordinate of dates (any calendar) or numbers is used as it is, irregular or unsorted.
    alpha : float
        The limits hold the slope with confidence 1 - alpha.
    per : str
        Unit of time of the slope: "year" (of the record's own calendar), "decade", "day", ..., or "step". "auto" is the
        year; where a numeric coordinate names no unit of time, its own unit; without a coordinate, the step.
    intercept : {"conover", "joint"}
        median(y) - slope median(t), or median(y - slope t). It holds at the first time of a record with dates, at the
        first step, or at 0 of a numeric coordinate.
    ci : {"gilbert", "rounded", None}
        Confidence limits interpolated between two slopes (EnvStats), at the nearest rank (R's trend), or none.
    min_valid : int
        Cells with fewer valid values become missing; their `n_valid` is still given.

    Returns
    -------
    Dataset, shape (...)
        slope, slope_lower, slope_upper : float64, units of `da` per `per`
            A limit that no rank reaches (very short series) is missing.
        intercept : float64, units of `da`
        n_valid : int32

        Lazy if `da` is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `dim` is no dimension of `da` or is split over several dask chunks, if times are missing or repeated, or if an option
        is not known.

    Notes
    -----
    The median and the limits are exact order statistics of all n (n - 1) / 2 slopes, found by counting: O(n**2) time a
    cell for n up to 380, O(n log n) beyond, O(n) memory.

    References
    ----------
    Theil, H. (1950). Proc. K. Ned. Akad. Wet. 53, 386-392.

    Sen, P. K. (1968). J. Am. Stat. Assoc. 63, 1379-1389. doi:10.1080/01621459.1968.10480934

    Gilbert, R. O. (1987). Statistical Methods for Environmental Pollution Monitoring. Wiley.

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> years = [1990, 1991, 1993, 1994, 1998]
    >>> level = xr.DataArray([1.0, 1.5, 2.5, 9.0, 5.0], {"year": years}, "year", attrs={"units": "m"})
    >>> result = gt.theil_sen(level, "year")
    >>> float(result.slope), result.slope.attrs["units"]
    (0.5, 'm year-1')
    """
    check_array(da, dim)
    axis = time_axis(da, dim, per, slopes=True)
    warn_of_cycle(da, dim=dim)
    return sen_line(da, dim, axis, alpha=alpha, intercept=intercept, ci=ci, min_valid=min_valid)


def sen_line(
    da: xr.DataArray, dim: str, axis: TimeAxis, *, alpha: float, intercept: str, ci: str | None, min_valid: int
) -> xr.Dataset:
    """`theil_sen` of a record that was checked."""
    result = apply(
        kernels.theil_sen,
        da,
        dim=dim,
        axis=axis,
        per=axis.per,
        quantile=two_sided_quantile(alpha),
        intercept_method=choose("intercept", intercept, INTERCEPTS),
        ci=choose("ci", ci, LIMITS),
        min_valid=check_min_valid(min_valid),
    )
    return finish_line(result, ci).assign_attrs(
        {
            "method": "Theil-Sen slope",
            "alpha": check_alpha(alpha),
            "min_valid": int(min_valid),
        }
        | line_attrs(axis, intercept)
    )


def line_attrs(axis: TimeAxis, intercept: str) -> dict[str, Any]:
    """Provenance of a fitted line."""
    return {
        "slope_per": axis.unit or "unit of the coordinate",
        "intercept": f"{intercept}, at {axis.origin}",
    }


def finish_line(result: xr.Dataset, ci: str | None) -> xr.Dataset:
    """Leave out limits that were not asked for, and name on the slope what says how sure it is (CF-1.11, 3.4)."""
    if ci is None:
        result = result.drop_vars(["slope_lower", "slope_upper"], errors="ignore")
    names = [name for name in ("slope_lower", "slope_upper", "p_value", "n_valid", "trend") if name in result]
    result["slope"].attrs["ancillary_variables"] = " ".join(names)
    return result.assign_attrs(confidence_limits=ci or "none")
