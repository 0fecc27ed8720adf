"""Significance over a whole field: many tests at once cry wolf many times, unless that is counted in."""

from collections.abc import Hashable, Sequence
from typing import Any

import xarray as xr

from gridtrend.engine.output import Output
from gridtrend.grid.apply import apply_function
from gridtrend.grid.checks import check_alpha, check_array, choose
from gridtrend.grid.names import distinct
from gridtrend.trend import multiple_testing, permutation

METHODS = {"bh": 0, "by": 1, "bky": 2, "walker": 3, "maxt": 4}
NAMES = {
    "bh": "Benjamini-Hochberg false discovery rate",
    "by": "Benjamini-Yekutieli false discovery rate",
    "bky": "Benjamini-Krieger-Yekutieli false discovery rate",
    "walker": "Walker test",
    "maxt": "permutation of time, largest |z| of the field",
}

SIGNIFICANT = Output(
    "significant",
    "whether {data} is significant over the whole field",
    units=None,
    dtype="i1",
    dims=("family",),
    attrs=(
        ("standard_name", "status_flag"),
        ("flag_values", (0, 1)),
        ("flag_meanings", "not_significant significant"),
    ),
)
P_ADJUSTED = Output(
    "p_adjusted",
    "{data}, adjusted for all tests of the field",
    dims=("family",),
    attrs=(("valid_range", (0.0, 1.0)),),
)
THRESHOLD = Output("threshold", "largest significant {data}, 0 if none is")
N_TESTS = Output("n_tests", "number of tests in the field: cells where {data} is not missing", dtype="i8")
N_REJECTED = Output("n_rejected", "number of tests that are significant over the whole field", dtype="i8")
OUTPUTS = (SIGNIFICANT, P_ADJUSTED, THRESHOLD, N_TESTS, N_REJECTED)


@distinct(keeps=True)
def field_significance(
    p: xr.DataArray,
    dim: Hashable | Sequence[Hashable] | None = None,
    *,
    method: str = "bh",
    alpha_global: float = 0.05,
    alpha_fdr: float | None = None,
    permutations: int = 1000,
    seed: int = 0,
    min_valid: int = 4,
) -> xr.Dataset:
    """Which cells are significant once all cells of the field are counted in.

    Where nothing happens at all, a twentieth of a map is significant at 5 %, in patches, since neighbours are alike. This
    tells the cells that stand out against that.

    Parameters
    ----------
    p : DataArray, shape (...)
        p-values from 0 to 1, numpy- or dask-backed in any chunks. NaN is a cell without a test: it never counts. With
        method="maxt", the data themselves, shape (..., time, ...), `time` in one dask chunk.
    dim : str or sequence of str, optional
        Dimensions whose cells are one field; other dimensions (seasons, members) are fields of their own. By default all
        of them. With method="maxt", the dimension to permute, by default "time", and all cells are one field.
    method : {"bh", "by", "bky", "walker", "maxt"}
        The share of false discoveries among the significant cells is kept below `alpha_fdr` by Benjamini & Hochberg
        ("bh"; for independent and positively dependent tests), Benjamini & Yekutieli ("by"; any dependence, strict) or
        the adaptive two stages of Benjamini, Krieger & Yekutieli ("bky"; stronger where many cells have a trend).
        "walker" and "maxt" keep the probability of any false discovery below `alpha_global`: "walker" as if cells were
        independent, "maxt" by comparing every cell's Mann-Kendall |z| with the largest of the field under permutations of
        time, the same for all cells, so that their dependence is kept as it is.
    alpha_global : float
        Probability of any significant cell in a field without a trend.
    alpha_fdr : float, optional
        Level of "bh", "by" and "bky", by default `alpha_global`: right for independent cells, and strict for neighbours
        that are alike. Wilks (2016) advises alpha_fdr = 2 alpha_global for fields that are as strongly correlated as
        those of temperature or pressure: ``field_significance(p, alpha_fdr=0.10)`` for a global level of 5 %.
    permutations : int
        How many, with method="maxt"; the smallest `p_adjusted` is 1 / (permutations + 1).
    seed : int
        Of the permutations. The same seed gives the same answer, on any chunks and machine.
    min_valid : int
        With method="maxt", cells with fewer valid values have no test.

    Returns
    -------
    Dataset
        significant : int8, shape of the field
            1 where a cell is significant over the whole field, elsewhere 0, also where there is no test.
        p_adjusted : float64, shape of the field
            The smallest level at which the cell would be significant; with "bky" it holds for this `alpha_fdr` only.
        threshold : float64, one for each field
            The largest p-value that is significant, 0 if none is; the critical p-value of "walker"; the critical |z| of
            "maxt".
        n_tests, n_rejected : int64, one for each field
            How many cells had a test, and how many of them are significant.

        Lazy if `p` is, in the same chunks.

    Raises
    ------
    TypeError
        If `p` is not a DataArray of real numbers.
    ValueError
        If an option is not known, `p` has no dimension `dim`, or (once computed, where `p` is lazy) values lie outside 0 to 1.

    See Also
    --------
    mann_kendall : makes the p-values.

    Notes
    -----
    Equal p-values are judged alike. All p-values of a field, m cells, come together in one task: O(m log m) time, O(m)
    memory. "maxt" goes through the data once, chunk by chunk, and does `permutations` Mann-Kendall tests for each cell;
    permutations take values as exchangeable in time, without serial correlation.

    References
    ----------
    Wilks, D. S. (2016). Bull. Am. Meteorol. Soc. 97, 2263-2273. doi:10.1175/BAMS-D-15-00267.1

    Wilks, D. S. (2006). J. Appl. Meteorol. Climatol. 45, 1181-1189. doi:10.1175/JAM2404.1

    Benjamini, Y. & Hochberg, Y. (1995). J. R. Stat. Soc. B 57, 289-300. doi:10.1111/j.2517-6161.1995.tb02031.x

    Benjamini, Y. & Yekutieli, D. (2001). Ann. Stat. 29, 1165-1188. doi:10.1214/aos/1013699998

    Benjamini, Y., Krieger, A. M. & Yekutieli, D. (2006). Biometrika 93, 491-507. doi:10.1093/biomet/93.3.491

    Cortes, J., Mahecha, M., Reichstein, M. & Brenning, A. (2020). Accounting for multiple testing in the analysis of
    spatio-temporal environmental data. Environ. Ecol. Stat. 27, 293-318. doi:10.1007/s10651-020-00446-4

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> p = xr.DataArray([[0.001, 0.008, 0.039], [0.041, np.nan, 0.6]], dims=("lat", "lon"))
    >>> result = gt.field_significance(p)
    >>> result.significant.values.tolist()
    [[1, 1, 0], [0, 0, 0]]
    >>> float(result.threshold), int(result.n_tests), int(result.n_rejected)
    (0.008, 5, 2)
    """
    code = choose("method", method, METHODS)
    level = check_alpha(alpha_global)
    attrs: dict[str, Any] = {"method": NAMES[method], "alpha_global": level}
    if method == "maxt":
        time = "time" if dim is None else dim
        if not isinstance(time, str):
            raise ValueError(f"dim={dim!r} is not one dimension to permute; with method='maxt' give one: dim='time'.")
        result = permutation.largest_of_field(p, time, OUTPUTS, level, permutations, seed, min_valid)
        attrs |= {"permutations": int(permutations), "seed": int(seed), "dimension": time, "min_valid": int(min_valid)}
    else:
        if method != "walker":
            level = attrs["alpha_fdr"] = check_alpha(level if alpha_fdr is None else alpha_fdr)
        family = _family(p, dim)
        attrs["dimension"] = " ".join(map(str, family))
        result = apply_function(
            multiple_testing.adjust,
            p,
            outputs=OUTPUTS,
            like=p,
            family=family,
            n_dims=len(family),
            method=code,
            alpha=level,
        )
    # Maps and files keep the flag without the rest: it says itself how it was made.
    result["significant"].attrs |= {"ancillary_variables": "p_adjusted", "method": NAMES[method], "alpha": level}
    result["significant"].attrs["comment"] = f"p_adjusted <= {level:g}"
    return result.assign_attrs(attrs)


def _family(p: xr.DataArray, dim: Hashable | Sequence[Hashable] | None) -> list[Hashable]:
    """The dimensions of one field; a single p-value is a field of its own."""
    dims = list(dim) if isinstance(dim, Sequence) and not isinstance(dim, str) else [dim]
    if dim is None and isinstance(p, xr.DataArray):
        dims = list(p.dims)
        p = p if dims else p.expand_dims("cell")
    for name in dims or ["cell"]:
        check_array(p, name)
    return dims
