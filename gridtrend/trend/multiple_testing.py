"""p-values of many tests, adjusted for being many: plain NumPy on the p-values of one field after the other."""

from typing import Any

import numpy as np

# Codes of `method`.
BH, BY, BKY, WALKER = range(4)


def adjust(p: Any, *, n_dims: int, method: int, alpha: float) -> tuple[Any, ...]:
    """Test every field: significant, adjusted p, threshold, number of tests and of rejections.

    Parameters
    ----------
    p : ndarray, shape (..., *field)
        NaN where there was no test.
    n_dims : int
        How many dimensions a field has.
    method : int
        One of the codes.
    alpha : float
        Level at which an adjusted p is significant.
    """
    shape = p.shape[: p.ndim - n_dims]
    # The number of cells is spelled out: -1 cannot be resolved where there are none.
    fields = np.asarray(p, float).reshape(-1 if p.size else int(np.prod(shape)), int(np.prod(p.shape[len(shape) :])))
    if (fields < 0).any() or (fields > 1).any():
        raise ValueError(
            f"values from {np.nanmin(fields):g} to {np.nanmax(fields):g} are not p-values, which lie between 0 and 1. "
            "Give the p_value of a test: field_significance(mann_kendall(da).p_value)."
        )
    adjusted = np.full(fields.shape, np.nan)
    threshold = np.zeros(len(fields))
    for row, field in enumerate(fields):
        valid = ~np.isnan(field)
        values, place = np.unique(field[valid], return_inverse=True)
        if not values.size:
            threshold[row] = np.nan
            continue
        rank = np.cumsum(np.bincount(place))
        by_value = _adjusted(values, rank, method, alpha)
        adjusted[row, valid] = by_value[place]
        threshold[row] = np.max(values, where=by_value <= alpha, initial=0.0)
        if method == WALKER:
            threshold[row] = -np.expm1(np.log1p(-alpha) / rank[-1])
    significant = adjusted <= alpha
    return (
        significant.reshape(p.shape).astype(np.int8),
        adjusted.reshape(p.shape),
        threshold.reshape(shape),
        (~np.isnan(fields)).sum(axis=1).reshape(shape),
        significant.sum(axis=1).reshape(shape),
    )


def _adjusted(values: Any, rank: Any, method: int, alpha: float) -> Any:
    """Adjusted p of each distinct p-value, increasing, of which `rank` p-values are no larger."""
    m = rank[-1]
    if method == WALKER:
        with np.errstate(divide="ignore"):
            return -np.expm1(m * np.log1p(-values))
    # The smallest level at which a p-value no smaller than this one lies below its step.
    step_up = np.minimum.accumulate((values * (m / rank))[::-1])[::-1]
    if method == BY:
        step_up = step_up * np.sum(1.0 / np.arange(1, m + 1))
    if method == BKY:
        # What a first stage at alpha / (1 + alpha) leaves is an estimate of the number of true null hypotheses.
        rejected = np.max(rank, where=step_up <= alpha / (1 + alpha), initial=0)
        step_up = step_up * (1 + alpha) * ((m - rejected) / m)
    return np.minimum(step_up, 1.0)
