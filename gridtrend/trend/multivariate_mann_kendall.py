"""The multivariate Mann-Kendall test: several variables together."""

import numpy as np
import xarray as xr

from gridtrend.engine.wide import is_wide
from gridtrend.grid.apply import in_float64
from gridtrend.grid.cf import unit_text
from gridtrend.grid.checks import check_flag
from gridtrend.grid.names import distinct
from gridtrend.trend.grouped_test import over_test
from gridtrend.trend.variables import numeric_variables


@distinct()
def multivariate_mann_kendall(
    data: xr.Dataset | xr.DataArray,
    dim: str = "time",
    *,
    over: str = "variable",
    correlated: bool = True,
    alpha: float = 0.05,
    alternative: str = "two-sided",
    p_value: str = "normal",
    continuity: bool = True,
    tau: str = "b",
    slope: bool = False,
    per: str = "auto",
    intercept: str = "conover",
    ci: str | None = "gilbert",
    min_valid: int = 4,
    compat: str | None = None,
) -> xr.Dataset:
    """Multivariate Mann-Kendall test: do several variables have a trend in common, in every cell?

    Each variable is compared with itself only, and scores are added up. Turn the sign of a variable that is expected to
    go down where others go up.

    Parameters
    ----------
    data : Dataset or DataArray
        All numeric variables of a Dataset that have `dim`, or a DataArray with a dimension of variables. Numpy- or
        dask-backed. NaN and infinite values are missing.
    dim : str
        The dimension to follow. A coordinate of dates (any calendar) or numbers is used as it is, irregular or unsorted.
    over : str
        The dimension of variables of a DataArray.
    correlated : bool
        Take the covariance between variables into account.
    alpha : float
        Level of the flag `trend` and, as 1 - alpha, of the confidence limits.
    alternative : {"two-sided", "increasing", "decreasing"}
        What `p_value` and `trend` test for; "greater" and "less" are the same as the latter two.
    p_value : {"normal", "exact", "auto"}
        Normal approximation of the distribution of S, or, with correlated=False, its exact distribution, always or for
        up to 1,770 pairs of values.
    continuity : bool
        Move S one step towards zero before it is standardised.
    tau : {"b", "a"}
        Kendall's tau corrected for ties, or not; the mean over variables, weighted with their pairs.
    slope : bool
        Also compute the slope that variables share, its limits and the intercept. It means something only where all
        have the same units.
    per : str
        Unit of time of the slope: "year" (of the record's own calendar), "decade", "day", ..., or "step". "auto" is the
        year; where a numeric coordinate names no unit of time, its own unit; without a coordinate, the step.
    intercept : {"conover", "joint"}
        median(y) - slope median(t), or median(y - slope t), over the values of all variables.
    ci : {"gilbert", "rounded", None}
        Confidence limits interpolated between two slopes, at the nearest rank, or none.
    min_valid : int
        Cells with fewer valid values, of all variables together, become missing; their `n_valid` is still given.
    compat : {None, "pymannkendall"}
        Reproduce the numbers of pymannkendall 1.4.3, as in `regional_mann_kendall`.

    Returns
    -------
    Dataset, shape (...)
        tau, s, var_s, z, p_value : float64, dimensionless
            As in `regional_mann_kendall`.
        chi2_trend, chi2_homogeneity, p_homogeneity : float64, dimensionless
            As in `regional_mann_kendall`.
        slope, slope_lower, slope_upper, intercept : float64
            With slope=True.
        n_valid : int32
        trend : int8
            1, 0 or -1: increasing, no trend at level `alpha` (or too few values), decreasing.

        Lazy if `data` is.

    Raises
    ------
    TypeError
        If `data` is neither a Dataset nor a DataArray of real numbers.
    ValueError
        If `dim` or `over` is absent or split over several dask chunks, if times are missing or repeated, or if an option
        is not known.

    See Also
    --------
    regional_mann_kendall : sites instead of variables.

    Notes
    -----
    O(n**2) pairs a variable; O(n) memory a cell.

    References
    ----------
    Lettenmaier, D. P. (1988). Water Resour. Bull. 24, 505-512. doi:10.1111/j.1752-1688.1988.tb00900.x

    Dietz, E. J. & Killeen, T. J. (1981). J. Am. Stat. Assoc. 76, 169-174. doi:10.1080/01621459.1981.10477621

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> nitrate = xr.DataArray([1.0, 1.2, 1.1, 1.5, 1.6, 1.4, 1.9], dims="time")
    >>> phosphate = xr.DataArray([0.3, 0.1, 0.4, 0.2, 0.5, 0.6, 0.5], dims="time")
    >>> water = xr.Dataset({"nitrate": nitrate, "phosphate": phosphate})
    >>> result = gt.multivariate_mann_kendall(water)
    >>> int(result.s), round(float(result.p_value), 3)
    (27, 0.019)
    """
    slope = check_flag("slope", slope)
    da = _stacked_variables(data, dim, over, slope) if isinstance(data, xr.Dataset) else data
    return over_test(
        da,
        dim,
        over,
        "multivariate Mann-Kendall test",
        per,
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


def _stacked_variables(ds: xr.Dataset, dim: str, over: str, slope: bool) -> xr.DataArray:
    """The numeric variables that have `dim` along a new dimension; units are kept where all have the same."""
    names = numeric_variables(ds, dim)
    if not isinstance(over, str):
        raise TypeError(
            f"over={over!r} is not the name of a dimension; give a word that no dimension of the Dataset has."
        )
    if over in ds.dims:
        raise ValueError(f"the Dataset has a dimension {over!r} already. Name another for its variables: over=...")
    units = {unit_text(ds[name].attrs.get("units")) for name in names}
    # Without names and attributes, which may be of types that do not stand side by side.
    plain = {f"_{place}": ds[name].drop_attrs(deep=False) for place, name in enumerate(names)}
    if not is_wide(np.result_type(*(da.dtype for da in plain.values()))):
        # Whole numbers beside floating ones become float64, which may not hold them.
        plain = {name: in_float64(da, dim, moved=not slope) if is_wide(da.dtype) else da for name, da in plain.items()}
    da = xr.Dataset(plain).to_array(over).rename(None)
    if da.chunks is not None:
        da = da.copy(data=da.variable.chunk({over: -1}).data)
    together = " and ".join(map(str, names)) if len(names) < 4 else f"{len(names)} variables"
    return da.assign_attrs(long_name=together, units=units.pop()) if len(units) == 1 else da
