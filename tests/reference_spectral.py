"""Slow, obvious versions of all spectra: one window of one series at a time, by NumPy and by definition."""

import numpy as np


def windows(x, length, hop, boundary="valid"):
    """Return the windows of a series, those that are not full completed."""
    beyond = np.zeros(length)
    if boundary == "even":
        beyond = x[-2 : -2 - length : -1]
    elif boundary == "odd":
        beyond = 2 * x[-1] - x[-2 : -2 - length : -1]
    stop = len(x) - length + 1 if boundary == "valid" else len(x)
    whole = np.concatenate([x, beyond])
    return np.array([whole[start : start + length] for start in range(0, stop, hop)])


def detrended(window, kind):
    if kind is None:
        return window
    t = np.arange(len(window))
    degree = min({"constant": 0, "linear": 1}[kind], len(window) - 1)
    return window - np.polynomial.Polynomial.fit(t, window, degree)(t)


def sliding_fft(x, length, hop, *, taper=None, detrend=None, boundary="valid", nfft=None, one_sided=False):
    """Return the transform of each window, (frequency, window); a window with a missing value is missing."""
    taper = np.ones(length) if taper is None else taper
    columns = []
    for window in windows(x, length, hop, boundary):
        bins = (nfft or length) // 2 + 1 if one_sided else nfft or length
        if not np.isfinite(window).all():
            columns.append(np.full(bins, complex(np.nan, np.nan)))
            continue
        padded = np.zeros(nfft or length, np.result_type(window, float))
        padded[:length] = detrended(window, detrend) * taper
        columns.append(np.fft.fft(padded)[:bins])
    return np.array(columns).T


def power(x, length, hop, *, step=1.0, taper=None, nfft=None, **options):
    """Return the one-sided density of each window, (frequency, window)."""
    weights = np.ones(length) if taper is None else taper
    found = np.abs(sliding_fft(x, length, hop, taper=taper, nfft=nfft, one_sided=True, **options)) ** 2
    found *= step / (weights**2).sum()
    found[1 : ((nfft or length) + 1) // 2] *= 2
    return found


def wave(window, period, start, degree):
    """Return amplitude and phase of the least-squares wave in a window that starts at sample `start`."""
    t = start + np.arange(len(window))
    columns = [np.cos(2 * np.pi * t / period), np.sin(2 * np.pi * t / period), *(t**d for d in range(degree + 1))]
    a, b = np.linalg.lstsq(np.array(columns, float).T, window, rcond=None)[0][:2]
    return np.hypot(a, b), np.arctan2(-b, a)
