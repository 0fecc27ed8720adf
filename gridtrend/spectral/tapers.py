"""Tapers: the weights of the samples of a window, their noise bandwidth, and the number of independent windows."""

import ast
from typing import Any

import numpy as np

from gridtrend.grid.dialect import either, given, quoted

_ONES = ("boxcar", "box", "ones", "rect", "rectangular")

# Tapers whose parameter is the share of the window that is not flat.
_SHARES = ("tukey", "tuk")

Taper = str | tuple[Any, ...] | np.ndarray | None


def taper_weights(taper: Taper, length: int) -> np.ndarray | None:
    """The weights of a window of `length` samples, in the periodic form that is usual for spectra; None: all are 1.

    Parameters
    ----------
    taper : str, tuple or array
        What `scipy.signal.get_window` knows, with parameters ("kaiser", 8.0) or "kaiser:8", or `length` real weights.
    length : int

    Raises
    ------
    ValueError
        If it is unknown or of another length.
    """
    if taper is None or (isinstance(taper, str) and taper in _ONES):
        return None
    if isinstance(taper, (str, tuple)):
        return _by_name(taper, length)
    weights = np.asarray(taper)
    if weights.shape != (length,) or weights.dtype.kind not in "biuf" or not np.isfinite(weights).all():
        raise ValueError(
            f"taper is an array of shape {weights.shape} and type {weights.dtype}, and a window has {length} samples: "
            f"give {length} finite real weights, or a name such as 'hann'."
        )
    if not weights.any():
        raise ValueError("taper is zero everywhere, and nothing would be left of the data; give other weights.")
    return weights.astype(float)


def _by_name(taper: str | tuple[Any, ...], length: int) -> np.ndarray:
    from scipy.signal import get_window

    try:
        asked = _with_parameters(taper)
        with np.errstate(all="ignore"):
            weights = np.asarray(get_window(asked, length), float)
    except (ValueError, TypeError, IndexError) as error:
        reason = f" ({quoted(error)})"
        raise ValueError(
            f"{given('taper', taper)} is not known{either(reason, '')}. Use 'boxcar', 'hann', 'hamming', "
            "'blackmanharris', 'tukey:0.25', 'kaiser:8' or another "
            + either("of scipy.signal.get_window, or an array of weights.", "that SciPy knows.")
        ) from None
    if isinstance(asked, tuple) and asked[0] in _SHARES and not 0 <= asked[1] <= 1:
        raise ValueError(
            f"{given('taper', taper)}: the parameter of {asked[0]!r} is a share of the window, from 0 to 1."
        )
    if weights.shape != (length,) or not np.isfinite(weights).all() or not weights.any():
        raise ValueError(
            f"{given('taper', taper)} gives no weights that are finite and not all zero; take other parameters."
        )
    return weights


def _with_parameters(taper: str | tuple[Any, ...]) -> str | tuple[Any, ...]:
    """A name with parameters after colons, as on the command line, as a tuple."""
    if isinstance(taper, tuple):
        return taper
    name, *parameters = taper.split(":")
    return (name, *map(float, parameters)) if parameters else name


def taper_name(taper: Taper) -> str:
    """The name of a taper in the attributes of results, which `inverse_sliding_fft` reads."""
    if isinstance(taper, np.ndarray | list):
        return "custom"
    taper = _with_parameters(taper) if isinstance(taper, str) else taper
    return "boxcar" if taper is None else taper if isinstance(taper, str) else repr(taper)


def named_taper(name: str) -> Taper:
    """The taper of a name in the attributes of results."""
    if name == "custom":
        raise ValueError("the taper was given as an array, which attributes do not hold; give it again: taper=...")
    taper: Taper = ast.literal_eval(name) if name.startswith("(") else name
    return taper


def noise_bandwidth(weights: np.ndarray) -> float:
    """Width, in bins, of the rectangle that lets as much white noise through (ENBW; Harris 1978).

    Examples
    --------
    >>> round(noise_bandwidth(taper_weights("hann", 600)), 12)
    1.5
    """
    return float(weights.size * (weights**2).sum() / weights.sum() ** 2)


def effective_segments(weights: np.ndarray, hop: int, count: np.ndarray | int) -> np.ndarray:
    """Number of independent windows whose mean has the same variance for white noise as `count` that overlap (Welch 1967).

    Examples
    --------
    >>> round(float(effective_segments(taper_weights("hann", 600), 60, 711)), 1)
    148.1
    """
    lags = np.arange(1, -(-weights.size // hop))
    shared = np.array([(weights[lag * hop :] * weights[: -lag * hop]).sum() for lag in lags])
    correlation = (shared / (weights**2).sum()) ** 2
    number = np.asarray(count, float)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        inflation = 1 + 2 * (np.clip(1 - lags / number, 0, None) * correlation).sum(axis=-1)
    return np.where(number[..., 0] > 0, number[..., 0] / inflation, 0.0)
