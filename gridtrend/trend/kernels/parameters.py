"""Numbers that travel together through the kernels of the family."""

from typing import NamedTuple


class Test(NamedTuple):
    """How a test is done.

    Attributes
    ----------
    alpha : float
        Level of significance.
    continuity : float
        What |S| is lowered by: 1, or 0 without the correction for continuity.
    alternative : int
        See `kernels.normal`.
    variant : int
        Which tau.
    min_valid : int
        Cells of fewer valid values have no result.
    """

    alpha: float
    continuity: float
    alternative: int
    variant: int
    min_valid: int


class Line(NamedTuple):
    """How a line and its limits are found.

    Attributes
    ----------
    per : float
        Units of the times in one unit that slopes are per.
    quantile : float
        Normal quantile of the confidence limits.
    intercept_method, ci : int
        See `kernels.slopes`.
    """

    per: float
    quantile: float
    intercept_method: int
    ci: int
