"""Tapers: the weights of a window's samples, and what they do to bandwidth and independence."""

import ast
from typing import Any

import numpy as np

from gridtrend.grid.dialect import either, given

_ONES = ("boxcar", "box", "ones", "rect", "rectangular")

Taper = str | tuple[Any, ...] | np.ndarray | None


def taper_weights(taper: Taper, length: int) -> np.ndarray | None:
    """The weights of a window of `length` samples, in the periodic form that spectra are made with; None: all are 1.

    Parameters
    ----------
    taper : str, tuple or array
        What `scipy.signal.get_window` knows, ("kaiser", 8.0) for one, or `length` real weights.
    length : int

    Raises
    ------
    ValueError
        If it is unknown or of another length.
    """
    if taper is None or (isinstance(taper, str) and taper in _ONES):
        return None
    if isinstance(taper, (str, tuple)):
        from scipy.signal import get_window

        if isinstance(taper, tuple) and taper[0] == "tukey" and not all(0 <= share <= 1 for share in taper[1:]):
            raise ValueError(
                f"{given('taper', taper)} is not known: the cosine's share of a Tukey window is between 0 and 1."
            )
        try:
            with np.errstate(all="ignore"):
                weights = np.asarray(get_window(taper, length), float)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{given('taper', taper)} is not known"
                + either(f" ({str(error).rstrip('.')})", ", or takes other parameters")
                + ". Use 'boxcar', 'hann', 'hamming', "
                + either(
                    "'blackmanharris', ('tukey', 0.25), ('kaiser', 8.0) or another of scipy.signal.get_window, or an "
                    "array of weights.",
                    "'blackmanharris', 'tukey:0.25', 'kaiser:8' or another that SciPy knows.",
                )
            ) from None
        if not (np.isfinite(weights).all() and weights.any()):
            raise ValueError(f"{given('taper', taper)} gives no weights for {length} samples: take another parameter.")
        return weights
    weights = np.asarray(taper)
    if weights.shape != (length,) or weights.dtype.kind not in "biuf" or not np.isfinite(weights).all():
        raise ValueError(
            f"taper is an array of shape {weights.shape} and type {weights.dtype}, and a window has {length} samples: "
            f"give {length} finite real weights, or a name such as 'hann'."
        )
    if not weights.any():
        raise ValueError("taper is zero everywhere, and nothing would be left of the data; give other weights.")
    return weights.astype(float)


def taper_name(taper: Taper) -> str:
    """How results name it, so that `inverse_sliding_fft` finds it again."""
    if isinstance(taper, np.ndarray | list):
        return "custom"
    return "boxcar" if taper is None else taper if isinstance(taper, str) else repr(taper)


def named_taper(name: str) -> Taper:
    """The taper that results name so."""
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
    """How many independent windows tell as much about white noise as `count` that overlap (Welch 1967).

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
