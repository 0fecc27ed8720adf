"""The options of an analysis, checked, and its results as named arrays: shared by all spectra."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np
import xarray as xr

from gridtrend.grid.apply import package_version
from gridtrend.grid.cf import data_name, slope_units, unit_text
from gridtrend.grid.checks import check_array, check_coordinates, choose, is_whole
from gridtrend.grid.dialect import either, given
from gridtrend.grid.timeaxis import described
from gridtrend.spectral.fft import ROWS
from gridtrend.spectral.sampling import Duration, Sampling, regular
from gridtrend.spectral.tapers import Taper, noise_bandwidth, taper_name, taper_weights
from gridtrend.spectral.window_tiles import Recipe
from gridtrend.spectral.windows import BOUNDARIES, Part, Windows, map_windows

# Coordinates of windows.
ENDS = ("window_start", "window_end")
SIDES = ("onesided", "twosided")
SCALINGS = (None, "spectrum", "density")
DETRENDS = (None, "constant", "linear")
NAN_POLICIES = ("propagate", "raise", "fill")


@dataclass(frozen=True)
class Analysis:
    """One analysis: data, windows and all options.

    Parameters
    ----------
    arrays : tuple of DataArray
        The data, sorted in time, of the same dimensions.
    dim : str
    sampling : Sampling
    windows : Windows
    recipe : Recipe
    taper : str
        Its name.
    """

    arrays: tuple[xr.DataArray, ...]
    dim: str
    sampling: Sampling
    windows: Windows
    recipe: Recipe
    taper: str

    @property
    def weights(self) -> np.ndarray:
        """The taper, ones included."""
        return np.ones(self.recipe.length) if self.recipe.taper is None else self.recipe.taper

    @property
    def single(self) -> bool:
        """Whether the data are in single precision, so that results through time are kept in it."""
        return all(array.dtype.newbyteorder("=") in (np.float32, np.complex64) for array in self.arrays)

    @property
    def frequencies(self) -> np.ndarray:
        """Cycles per unit of time, in the order of numpy.fft."""
        bins, nfft = np.arange(self.recipe.bins), self.recipe.nfft
        # One division, so that a frequency equals the number that users write, 1 / 12 and not 0.08333333333333334.
        signed = bins if self.recipe.one_sided else np.where(bins < (nfft + 1) // 2, bins, bins - nfft)
        return np.asarray(signed / (nfft * self.sampling.step))

    @property
    def per(self) -> str:
        """CF units of frequency."""
        return f"{self.sampling.unit}-1" if self.sampling.unit not in ("", "step") else "1"

    def power_factor(self, scaling: str | None) -> np.ndarray | None:
        """The factor of squared moduli; with one-sided spectra, frequencies other than zero and Nyquist count twice."""
        if scaling is None:
            return None
        if scaling == "spectrum":
            factor = 1 / self.weights.sum() ** 2
        else:
            factor = self.sampling.step / (self.weights**2).sum()
        factors = np.full(self.recipe.bins, factor)
        if self.recipe.one_sided:
            factors[1 : (self.recipe.nfft + 1) // 2] *= 2
        return factors

    def power_units(self, scaling: str | None) -> dict[str, str]:
        """`units` of a power, if those of the data are known."""
        known = [
            unit_text(array.attrs.get("units")) for array in (self.arrays if len(self.arrays) > 1 else 2 * self.arrays)
        ]
        if any(units is None for units in known):
            return {}
        product = _product([units for units in known if units is not None])
        unit = self.sampling.unit if scaling == "density" and self.per != "1" else ""
        return {"units": f"{product} {unit}".strip().removeprefix("1 ") if unit else product}

    def run(
        self,
        function: Callable[..., np.ndarray],
        *,
        rows: Callable[[Part], int] = attrgetter("count"),
        samples: int | None = None,
        **parameters: Any,
    ) -> "Blocks":
        """Run a block function over all windows.

        `rows` is how many rows the result for a part has, by default one for each window; a run of windows covers `samples`
        samples, by default one window.
        """
        run = -(-max((samples or self.recipe.length) // self.windows.hop, 1) // ROWS) * ROWS
        pieces, others = map_windows(
            function, self.arrays, self.dim, self.windows, run=run, rows=rows, recipe=self.recipe, **parameters
        )
        return Blocks(self, pieces, others)


@dataclass(frozen=True)
class Blocks:
    """Results of a block function for each part of a record, (..., rows, sums)."""

    analysis: Analysis
    pieces: list[Any]
    others: tuple[Hashable, ...]

    def joined(self) -> Any:
        """All rows, one part after the other; lazy where the data are."""
        if len(self.pieces) == 1:
            return self.pieces[0]
        import dask.array

        return dask.array.concatenate(self.pieces, axis=-2)

    def named(self, data: Any, last: Sequence[str], name: str, attrs: dict[str, Any]) -> xr.DataArray:
        """A result of dimensions (..., *last) as a DataArray; `last` replaces the dimension of the data."""
        analysis = self.analysis
        coords: dict[Any, Any] = dict(_kept(analysis.arrays, analysis.dim))
        if "frequency" in last:
            said = {"long_name": "frequency", "units": analysis.per}
            coords["frequency"] = ("frequency", analysis.frequencies, said)
        if analysis.dim in last:
            coords |= _window_times(analysis)
        da = xr.DataArray(data, coords, (*self.others, *last), name, provenance(analysis) | attrs)
        order: list[Any] = []
        for each in analysis.arrays[0].dims:
            order += sorted(last, key=lambda found: found == analysis.dim) if each == analysis.dim else [each]
        return da.transpose(*order)

    def dataset(
        self, outputs: dict[str, tuple[Any, Sequence[str], dict[str, Any]]], attrs: dict[str, Any]
    ) -> xr.Dataset:
        """Several results, each of data, last dimensions and attributes; the options are attributes of the Dataset."""
        taken = next(
            (name for name in outputs for array in self.analysis.arrays if name in (*array.dims, *array.coords)), None
        )
        if taken is not None:
            raise ValueError(
                f"the data have a dimension or coordinate {taken!r}, which is the name of a result; rename it: "
                f"da.rename({taken}='other')."
            )
        variables = {name: self.named(data, last, name, {}) for name, (data, last, _) in outputs.items()}
        for name, (_, _, said) in outputs.items():
            variables[name].attrs = said
        return xr.Dataset(variables, attrs=provenance(self.analysis) | attrs)


def prepare(
    arrays: tuple[xr.DataArray, ...],
    dim: str,
    window: Duration,
    hop: Duration | None,
    taper: Taper,
    detrend: str | None,
    nan_policy: str,
    sampling: str,
    per: str | None,
    *,
    sides: str = "onesided",
    boundary: str = "valid",
    nfft: int | None = None,
    taken: Sequence[str] = (),
) -> Analysis:
    """Check the options of an analysis and derive its quantities.

    The options that every public function has are positional. Results have coordinates `taken` along `dim`, besides the
    frequency and the number of segments.
    """
    for array in arrays:
        check_array(array, dim, kinds="biufc")
        along = {name for name, coord in array.coords.items() if dim in coord.dims}
        for name in ("frequency", "n_segments", *taken):
            if name in array.dims or (name in array.coords and not (name in taken and name in along)):
                what = "dimension" if name in array.dims else "coordinate"
                raise ValueError(
                    f"the data have a {what} {name!r} already; rename it"
                    + either(f": da.rename({name}='other').", " in the file.")
                )
    for name, value, known in (
        ("detrend", detrend, DETRENDS),
        ("sides", sides, SIDES),
        ("boundary", boundary, BOUNDARIES),
        ("nan_policy", nan_policy, NAN_POLICIES),
    ):
        choose(name, value, known)
    if sides == "onesided" and any(array.dtype.kind == "c" for array in arrays):
        raise ValueError(
            "the data are complex, so that frequencies below zero do not mirror those above; "
            + either("say sides='twosided', or take one part: da.real.", "write their real part as a variable.")
        )
    found = regular(arrays[0], dim, sampling=sampling, per=per)
    if len(arrays) > 1:
        arrays = _alike(arrays, dim)
    if found.order is not None:
        arrays = tuple(array.isel({dim: found.order}) for array in arrays)
    length = found.samples("window", window)
    if length > found.size:
        raise ValueError(
            f"{given('window', window)} is {length} samples long, and {dim!r} has {found.size}; take a window of at most "
            f"{found.size}, or a longer record."
        )
    step = max(length // 2, 1) if hop is None else found.samples("hop", hop)
    if step > found.size:
        raise ValueError(
            f"hop={hop!r} is {step} samples long, and {dim!r} has {found.size}: a second window would start beyond the "
            f"record. Take a hop of at most {found.size}, or leave hop out for windows that overlap by half."
        )
    weights = taper_weights(taper, length)
    recipe = Recipe(length, step, weights, detrend, _nfft(nfft, length), sides == "onesided", nan_policy)
    return Analysis(arrays, dim, found, Windows(found.size, length, step, boundary), recipe, taper_name(taper))


def _nfft(nfft: int | None, length: int) -> int:
    if nfft is None:
        return length
    if not is_whole(nfft, length):
        raise ValueError(
            f"nfft={nfft!r} is less than the window of {length} samples, or not a whole number; windows are only ever "
            f"extended with zeros: give at least {length}, or leave nfft out."
        )
    return int(nfft)


def _alike(arrays: tuple[xr.DataArray, ...], dim: str) -> tuple[xr.DataArray, ...]:
    """Several arrays on the same dimensions, in the order of the first."""
    check_coordinates(arrays)
    alike = xr.broadcast(*arrays)
    return tuple(array.transpose(*alike[0].dims) for array in alike)


def _kept(arrays: tuple[xr.DataArray, ...], dim: str) -> dict[Any, xr.DataArray]:
    return {name: each for array in reversed(arrays) for name, each in array.coords.items() if dim not in each.dims}


def _window_times(analysis: Analysis) -> dict[str, xr.Variable]:
    """Centre, first and last sample of each window, as three coordinates: a DataArray cannot have CF bounds."""
    dim, sampling = analysis.dim, analysis.sampling
    first = analysis.windows.starts()
    last = first + analysis.recipe.length - 1
    if sampling.coordinate is None:
        attrs: dict[Any, Any] = {"long_name": f"steps of {dim}", "units": "1"}
        encoding: dict[str, Any] = {}
    else:
        attrs, encoding = described(sampling.coordinate, "")
        attrs.pop("bounds")
    places = {
        dim: ((first + last) / 2, attrs | {"comment": "centre of each window"}),
        "window_start": (first, {"long_name": "first sample of each window"}),
        "window_end": (last, {"long_name": "last sample of each window"}),
    }
    return {name: xr.Variable(dim, sampling.times(at), said, encoding) for name, (at, said) in places.items()}


def with_bounds(ds: xr.Dataset) -> xr.Dataset:
    """First and last sample of each window as CF bounds, which only a Dataset can hold."""
    (dim,) = ds["window_start"].dims
    bounds = xr.concat([ds["window_start"], ds["window_end"]], "bnds", coords="minimal", compat="override")
    ds = ds.drop_vars(["window_start", "window_end"]).assign_coords(
        {f"{dim}_bnds": bounds.transpose(dim, "bnds").variable}
    )
    ds[f"{dim}_bnds"].attrs = {}
    ds[dim].attrs["bounds"] = f"{dim}_bnds"
    return ds


def provenance(analysis: Analysis) -> dict[str, Any]:
    """Attributes with the options of the analysis."""
    recipe = analysis.recipe
    return {
        "window": recipe.length,
        "hop": recipe.hop,
        "taper": analysis.taper,
        "equivalent_noise_bandwidth": noise_bandwidth(analysis.weights),
        "detrend": recipe.detrend or "none",
        "boundary": analysis.windows.boundary,
        "nfft": recipe.nfft,
        "sides": "onesided" if recipe.one_sided else "twosided",
        "nan_policy": recipe.nan_policy,
        "dimension": analysis.dim,
        "n": analysis.sampling.size,
        "sampling": analysis.sampling.kind,
        "sampling_step": analysis.sampling.step,
        "gridtrend_version": package_version(),
    }


def long_name(what: str, analysis: Analysis) -> str:
    """A `long_name`: `what` of the data, by their names."""
    return f"{what} of {' and '.join(data_name(array.name, array.attrs) for array in analysis.arrays)}"


def power_name(scaling: str | None) -> str:
    """The name of a power."""
    return "power spectral density" if scaling == "density" else "power spectrum"


def _product(units: list[str]) -> str:
    # Powers are squares of differences: those of degrees Celsius are in kelvin.
    plain = [slope_units(unit, "") or "1" for unit in units if unit not in ("", "1")]
    if not plain:
        return "1"
    grouped = [f"({unit})" if any(sign in unit for sign in " .*/-^") else unit for unit in plain]
    if len(grouped) == 2 and grouped[0] == grouped[1]:
        return f"{grouped[0]}2"
    return " ".join(grouped)
