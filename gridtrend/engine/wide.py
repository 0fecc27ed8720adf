"""Series of numbers that float64 does not hold: whole numbers beyond 2**53, and extended precision."""

from typing import Any

import numpy as np

LARGEST = 2**53


def is_wide(dtype: Any) -> bool:
    """Whether numbers of this type may not be numbers of float64."""
    return bool((dtype.kind in "iu" and dtype.itemsize > 4) or (dtype.kind == "f" and dtype.itemsize > 8))


def counted(series: Any) -> tuple[Any, Any]:
    """Numbers of float64 that differ as those of `series` do, and what they are counted from.

    Parameters
    ----------
    series : ndarray, shape (..., time)
        Of a type that `is_wide`.

    Returns
    -------
    values : ndarray of float64, shape (..., time)
        The numbers themselves where float64 holds all those of a series, else their differences from its first.
    first : ndarray of float64, shape (...), or None
        0, or the first number of the series; None where all are 0.

    Raises
    ------
    ValueError
        If differences within a series are not numbers of float64 either: ranks and ties would be those of others.
    """
    if series.dtype.kind == "f":
        return _rounded(series), None
    if not series.size or (series.max() <= LARGEST and series.min() >= -LARGEST):
        return series.astype(np.float64), None
    low, high = series.min(axis=-1), series.max(axis=-1)
    wide = (high > LARGEST) | (low < -LARGEST)
    # The subtraction may wrap, and then back again, in the unsigned type of the same size.
    unsigned = series.dtype.newbyteorder("=").str.replace("i", "u")
    with np.errstate(over="ignore"):
        span = high.astype(unsigned) - low.astype(unsigned)
    if (wide & (span > LARGEST)).any():
        raise ValueError(
            f"whole numbers ({series.dtype.name}) of one series span more than 2**53, and would be rounded to float64: "
            "ties and ranks would be wrong. Scale them first, for instance da // 1000, or say that rounding does not "
            "matter: da.astype(float)."
        )
    first = np.where(wide, series[..., 0], 0).astype(series.dtype.newbyteorder("="))
    from_first = (series.astype(unsigned) - first.astype(unsigned)[..., None]).astype(unsigned.replace("u", "i"))
    return np.where(wide[..., None], from_first, series).astype(np.float64), first.astype(np.float64)


def _rounded(series: Any) -> Any:
    """Extended precision as float64, where no two numbers of a series become one."""
    with np.errstate(over="ignore", invalid="ignore"):
        values, order = series.astype(np.float64), np.sort(series, axis=-1)
        merged = (order[..., 1:] != order[..., :-1]) & (np.diff(order.astype(np.float64), axis=-1) == 0)
    if merged.any() or (np.isinf(values) & np.isfinite(series)).any():
        raise ValueError(
            f"different numbers of one series ({series.dtype.name}) would be one number of float64, in which trends are "
            "computed. Take an offset away first, for instance da - da.mean(dim), or say that rounding does not matter: "
            "da.astype(float)."
        )
    return values
