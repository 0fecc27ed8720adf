"""The sign test of Cox and Stuart for a trend, in every cell of a grid."""

import xarray as xr

from gridtrend.grid.apply import apply
from gridtrend.grid.checks import check_alpha, check_array, check_min_valid, choose
from gridtrend.grid.names import distinct
from gridtrend.grid.timeaxis import time_axis
from gridtrend.trend.cycle import ANOMALIES, warn_of_cycle
from gridtrend.trend.kernels import cox_stuart as kernels
from gridtrend.trend.options import ALTERNATIVES, flag_attrs

PAIRS = {"thirds": kernels.THIRDS, "halves": kernels.HALVES}
P_VALUES = {"exact": kernels.EXACT, "normal": kernels.NORMAL, "sachs": kernels.SACHS}


@distinct()
def cox_stuart(
    da: xr.DataArray,
    dim: str = "time",
    *,
    alpha: float = 0.05,
    alternative: str = "two-sided",
    pairs: str = "thirds",
    p_value: str = "exact",
    min_valid: int = 4,
) -> xr.Dataset:
    """Cox and Stuart's sign test for a monotonic trend, early values against late ones, in every cell.

    Parameters
    ----------
    da : DataArray, shape (..., time, ...)
        Real numbers, numpy- or dask-backed, dimensions in any order. NaN and infinite values are missing and skipped. `dim`
        must lie in one dask chunk.
    dim : str
        The dimension to follow, in the order of its coordinate, which may be unsorted.
    alpha : float
        Level of the flag `trend`.
    alternative : {"two-sided", "increasing", "decreasing"}
        What `p_value` and `trend` test for; "greater" and "less" are the same as the latter two.
    pairs : {"thirds", "halves"}
        What is compared: each value of the first third of the record with that of the same place in the last third, or the
        same of halves. A third of n values has ceil(n / 3), a half floor(n / 2). Thirds find more trends.
    p_value : {"exact", "normal", "sachs"}
        From the binomial distribution of the pairs that differ; from its normal approximation, with a continuity
        correction; or by the formula of Sachs (1997), which is that of `cs.test` in R's trend: for comparison with
        published numbers only, see the notes.
    min_valid : int
        Cells with fewer valid values become missing; they keep their `n_valid`.

    Returns
    -------
    Dataset, shape (...)
        s : float64, dimensionless
            Number of pairs whose later value is larger, less the number of those whose later value is smaller.
        n_pairs : int32
            Number of both together: pairs of equal values do not count.
        z, p_value : float64, dimensionless
            The standardised score, (s - sign(s)) / sqrt(n_pairs) unless `p_value` is "sachs", and the p-value.
        n_valid : int32
        trend : int8
            1, 0 or -1: increasing, no trend at level `alpha` (or too few values), decreasing.

        A series without pairs that differ has s 0 and z 0, and the p-value is 1 where it is exact or two-sided. Lazy if `da`
        is.

    Raises
    ------
    TypeError
        If `da` is not a DataArray of real numbers.
    ValueError
        If `da` has no `dim` or has it split over several dask chunks, if times are missing or repeated, or if an option is
        not known.

    See Also
    --------
    mann_kendall : compares all pairs, and finds more trends.

    Notes
    -----
    O(n) time a cell. Values are taken as independent: serial correlation looks like a trend.

    The formula of Sachs is z = |max(rises, falls) - n / 6| / sqrt(n / 12), with 0.5 taken from the numerator for n <= 30, and
    its z has the sign of s. Where n is a multiple of 3 and no pair is equal, it is the normal approximation (for n > 30
    without continuity correction). Pairs of equal values are not taken out of n: where there are many, it finds trends that
    are none.

    References
    ----------
    Cox, D. R. & Stuart, A. (1955). Biometrika 42, 80-95. doi:10.1093/biomet/42.1-2.80

    Sachs, L. (1997). Angewandte Statistik, 8th ed., 486-487. Springer.

    Examples
    --------
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> sachs = [5, 6, 2, 3, 5, 6, 4, 3, 7, 8, 9, 7, 5, 3, 4, 7, 3, 5, 6, 7, 8, 9]
    >>> result = gt.cox_stuart(xr.DataArray(sachs, dims="time"))
    >>> float(result.s), int(result.n_pairs), round(float(result.p_value), 4)
    (6.0, 8, 0.0703)
    >>> round(float(gt.cox_stuart(xr.DataArray(sachs, dims="time"), p_value="sachs").p_value), 4)
    0.0364
    """
    check_array(da, dim)
    choose("pairs", pairs, PAIRS)
    choose("p_value", p_value, P_VALUES)
    if p_value == "sachs" and pairs != "thirds":
        raise ValueError(f"p_value='sachs' is a formula for thirds, not for pairs={pairs!r}; use p_value='exact'.")
    warn_of_cycle(da, dim=dim, remedy=ANOMALIES)
    result = apply(
        kernels.cox_stuart,
        da,
        dim=dim,
        axis=time_axis(da, dim),
        alpha=check_alpha(alpha),
        alternative=choose("alternative", alternative, ALTERNATIVES),
        pairs=PAIRS[pairs],
        p_method=P_VALUES[p_value],
        min_valid=check_min_valid(min_valid),
    )
    result["trend"].attrs |= flag_attrs(alpha, alternative)
    return result.assign_attrs(
        method=f"Cox-Stuart test, {pairs}",
        alternative=alternative,
        alpha=float(alpha),
        p_value=p_value,
        min_valid=int(min_valid),
    )
