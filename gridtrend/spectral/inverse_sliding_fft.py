"""From a sliding Fourier transform back to the series."""

from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.timeaxis import described
from gridtrend.spectral import fft
from gridtrend.spectral.sliding_fft import transform_factor
from gridtrend.spectral.tapers import Taper, named_taper, taper_weights
from gridtrend.spectral.window_tiles import Recipe, rows_of_batch
from gridtrend.spectral.windows import Windows

# Samples whose summed squared weights are below this share of the largest cannot be recovered from rounding errors.
HIDDEN = 1e-8
CELLS = 32
NEEDED = (
    "window",
    "hop",
    "taper",
    "nfft",
    "sides",
    "scaling",
    "phase",
    "detrend",
    "boundary",
    "n",
    "sampling",
    "sampling_step",
)


def inverse_sliding_fft(spectrum: xr.DataArray, dim: str = "time", *, taper: Taper = None) -> xr.DataArray:
    """Series that has a given sliding Fourier transform: the inverse of `sliding_fft`.

    Parameters
    ----------
    spectrum : DataArray, shape (..., frequency, time, ...)
        As `sliding_fft` returned it, with its attributes; values may have been changed, for example filtered.
    dim : str
        The dimension of the windows.
    taper : array of shape (window,), optional
        The weights, where they were given as an array.

    Returns
    -------
    DataArray, shape (..., time, ...)
        `series`, real of one-sided and complex of two-sided transforms, in single precision of complex64 ones: the least-squares solution where values
        were changed, and else the very data, to rounding. Samples that no window holds, and those at both ends that the
        taper hides, are missing. With sampling="calendar" `dim` has no coordinate: assign that of the data. Lazy if
        `spectrum` is.

    Raises
    ------
    TypeError
        If `spectrum` is not a DataArray.
    ValueError
        If its attributes are missing, if windows or frequencies were left out, if a trend was taken
        out, or if window, hop and taper lose some samples, so that there is no inverse.

    See Also
    --------
    sliding_fft : the transform.

    Notes
    -----
    Windows are weighted with the taper once more, added where they overlap, and divided by the sum of the squared
    tapers, which must not vanish. A part of the record takes the windows that touch it, in the order of time: results
    do not depend on chunks, to the bit.

    References
    ----------
    Griffin, D., & Lim, J. (1984). IEEE Trans. Acoust. Speech Signal Process. 32, 236-243.
    doi:10.1109/TASSP.1984.1164317

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> x = xr.DataArray(np.random.default_rng(0).normal(size=1000), dims="time")
    >>> spectrum = gt.sliding_fft(x, window=100, hop=25, taper="hamming")
    >>> bool(abs(gt.inverse_sliding_fft(spectrum) - x).max() < 1e-12)
    True
    """
    attrs = _attributes(spectrum, dim)
    length, hop, nfft = (int(attrs[name]) for name in ("window", "hop", "nfft"))
    weights = taper_weights(named_taper(attrs["taper"]) if taper is None else np.asarray(taper), length)
    weights = np.ones(length) if weights is None else weights
    _check_invertible(weights, hop, attrs)
    recipe = Recipe(length, hop, None, None, nfft, attrs["sides"] == "onesided")
    windows = Windows(int(attrs["n"]), length, hop, str(attrs["boundary"]))
    if (spectrum.sizes["frequency"], spectrum.sizes[dim]) != (recipe.bins, windows.count):
        raise ValueError(
            f"this is a part of a transform: {spectrum.sizes['frequency']} of {recipe.bins} frequencies and "
            f"{spectrum.sizes[dim]} of {windows.count} windows. Set what is not wanted to zero instead of leaving it "
            "out."
        )
    others = tuple(name for name in spectrum.dims if name not in (dim, "frequency"))
    arranged = spectrum.transpose(*others, dim, "frequency")
    scaling = None if attrs["scaling"] == "none" else attrs["scaling"]
    factor = transform_factor(weights, recipe, float(attrs["sampling_step"]), scaling, attrs["phase"])
    options: dict[str, Any] = {
        "weights": weights,
        "hop": hop,
        "size": windows.size,
        "count": windows.count,
        "factor": np.asarray(1.0 if factor is None else factor),
        "nfft": nfft,
        "one_sided": recipe.one_sided,
        "precision": _series_dtype(spectrum.dtype, recipe.one_sided),
    }
    if arranged.chunks:
        data = _lazy(arranged, length, options)
    else:
        data = overlap_add(arranged.values, first=0, start=0, stop=windows.size, **options)
    coords: dict[Any, Any] = {
        name: each for name, each in spectrum.coords.items() if not {dim, "frequency"} & {*each.dims}
    }
    coords |= _times(spectrum, dim, windows.size, attrs)
    kept = {"long_name": "series of a sliding Fourier transform"}
    if attrs["scaling"] != "density" and "units" in attrs:
        kept["units"] = attrs["units"]
    result = xr.DataArray(data, coords, (*others, dim), "series", kept)
    return result.transpose(*(name for name in spectrum.dims if name != "frequency"))


def _series_dtype(spectra: np.dtype[Any], one_sided: bool) -> np.dtype[Any]:
    """The dtype of the series: single precision if the spectra have it."""
    single = spectra.newbyteorder("=") == np.complex64
    if one_sided:
        return np.dtype(np.float32 if single else np.float64)
    return np.dtype(np.complex64 if single else np.complex128)


def _attributes(spectrum: Any, dim: str) -> dict[str, Any]:
    if not isinstance(spectrum, xr.DataArray):
        raise TypeError(f"a DataArray that sliding_fft returned is expected, not {type(spectrum).__name__}.")
    lacking = [name for name in NEEDED if name not in spectrum.attrs]
    if lacking or not {dim, "frequency"} <= set(spectrum.dims) or spectrum.dtype.kind != "c":
        raise ValueError(
            f"this is not what sliding_fft returned: it is {spectrum.dtype} with dimensions {spectrum.dims}"
            + (f", without the attributes {', '.join(lacking)}" if lacking else "")
            + ". Keep the attributes (changed.attrs = spectrum.attrs), and name the dimension of the windows: dim=..."
        )
    if spectrum.attrs["detrend"] != "none":
        raise ValueError(
            f"detrend={spectrum.attrs['detrend']!r} took from each window what cannot be known any more. Make the "
            "transform with detrend=None."
        )
    return {str(name): value for name, value in spectrum.attrs.items()}


def _check_invertible(weights: np.ndarray, hop: int, attrs: dict[str, Any]) -> None:
    """Refuse windows that do not determine every sample in the middle of the record (the NOLA condition)."""
    if hop > weights.size:
        raise ValueError(
            f"a hop of {hop} samples leaves {hop - weights.size} between windows of {weights.size}, which nothing is "
            f"known about: there is no inverse. Make the transform with a hop of at most {weights.size}."
        )
    lost = _lost(weights, hop)
    if lost:
        halves = (weights.size >> k for k in range(1, weights.size.bit_length()))
        fits = next(each for each in (*halves, 1) if each < hop and not _lost(weights, each))
        raise ValueError(
            f"taper {attrs['taper']!r} with a hop of {hop} samples hides {lost} of every {hop} samples (it is zero "
            f"there in all windows): there is no inverse. Make the transform with a shorter hop, such as hop={fits}."
        )


def _lost(weights: np.ndarray, hop: int) -> int:
    """How many of every `hop` samples have zero weight in all windows."""
    through = np.zeros(hop)
    for start in range(0, weights.size, hop):
        part = weights[start : start + hop]
        through[: part.size] += part**2
    return int((through <= HIDDEN * through.max()).sum())


def _lazy(arranged: xr.DataArray, length: int, options: dict[str, Any]) -> Any:
    """Each chunk of windows yields the samples from its first start to the first start of the next chunk."""
    import dask.array

    data = arranged.data.rechunk({arranged.ndim - 1: -1})
    hop, size, count = options["hop"], options["size"], options["count"]
    edges = np.cumsum((0, *data.chunks[-2]))
    pieces = []
    for low, high in pairwise(edges):
        first = max(0, int(low) - -(-length // hop) + 1)
        start, stop = int(low) * hop, size if high == count else int(high) * hop
        block = data[..., first:high, :].rechunk({arranged.ndim - 2: -1})
        place = {"first": first, "start": start, "stop": stop}
        chunks = (*block.chunks[:-2], (stop - start,))
        meta = np.empty((0,) * (data.ndim - 1), options["precision"])
        pieces.append(
            block.map_blocks(overlap_add, drop_axis=data.ndim - 1, chunks=chunks, meta=meta, **place, **options)
        )
    return dask.array.concatenate(pieces, axis=-1)


@np.errstate(over="ignore", invalid="ignore")
def overlap_add(
    spectra: np.ndarray,
    *,
    first: int,
    start: int,
    stop: int,
    weights: np.ndarray,
    hop: int,
    size: int,
    count: int,
    factor: np.ndarray,
    nfft: int,
    one_sided: bool,
    precision: Any,
) -> np.ndarray:
    """Samples from `start` up to `stop` of the series with these spectra, (..., windows from `first` on, bins)."""
    flat = spectra.reshape((int(np.prod(spectra.shape[:-2])), *spectra.shape[-2:]))
    length = weights.size
    # Windows extend beyond the wanted samples on both sides.
    low = first * hop
    total = np.zeros(
        (len(flat), max(low + (flat.shape[1] - 1) * hop + length, stop) - low), float if one_sided else complex
    )
    rows = rows_of_batch(nfft)
    for cell in range(0, len(flat), CELLS):
        here = slice(cell, cell + CELLS)
        step = max(1, rows // len(flat[here]))
        for window in range(0, flat.shape[1], step):
            found = fft.inverse(flat[here, window : window + step] / factor, nfft, one_sided)[..., :length] * weights
            for number in range(found.shape[1]):
                at = (window + number) * hop
                total[here, at : at + length] += found[:, number]
    through = _through(weights, hop, count, size)
    hidden = through <= HIDDEN * through.max(initial=0)
    with np.errstate(all="ignore"):
        series = total[:, start - low : stop - low] / through[start:stop]
    series[:, hidden[start:stop]] = np.nan
    return np.asarray(series.reshape((*spectra.shape[:-2], stop - start)), precision)


def _through(weights: np.ndarray, hop: int, count: int, size: int) -> np.ndarray:
    """Sum over all windows of the squared weights of each sample."""
    through = np.zeros(max((count - 1) * hop + weights.size, size))
    for window in range(count):
        through[window * hop : window * hop + weights.size] += weights**2
    return through[:size]


def _times(spectrum: xr.DataArray, dim: str, size: int, attrs: dict[str, Any]) -> dict[str, xr.Variable]:
    """Times of the samples, if those of the windows determine them."""
    if attrs["sampling"] != "regular" or "window_start" not in spectrum.coords or int(attrs["window"]) < 2:
        return {}
    first, last = (spectrum[name].values[0] for name in ("window_start", "window_end"))
    span, steps = last - first, int(attrs["window"]) - 1
    values = np.asarray([first + span * i // steps if hasattr(first, "calendar") else first for i in range(size)])
    if not hasattr(first, "calendar"):
        offsets = np.arange(size) * span // steps if values.dtype.kind == "M" else np.arange(size) * (span / steps)
        values = values + offsets
    kept, encoding = described(spectrum[dim], "")
    for name in ("bounds", "comment"):
        kept.pop(name, None)
    return {dim: xr.Variable(dim, values, kept, encoding)}
