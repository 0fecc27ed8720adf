"""Pictures of spectra: power by frequency, through time and frequency, and the map of a band."""

from __future__ import annotations

import os
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from gridtrend.grid.places import latitude_longitude
from gridtrend.plot.axes import head, save
from gridtrend.plot.colours import MISSING
from gridtrend.plot.drawn_map import DrawnMap, Look
from gridtrend.plot.labels import plain, typographic
from gridtrend.plot.map_grid import place
from gridtrend.plot.page import Page
from gridtrend.plot.suitable_projection import shape_of, suitable_projection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def spectrum_plot(
    result: xr.Dataset,
    *,
    path: str | os.PathLike[str] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    dpi: float = 200,
) -> Figure:
    """Power by frequency, with the background of red noise and the level that it rarely exceeds.

    Parameters
    ----------
    result : Dataset, shape (..., frequency, ...)
        What `red_noise` returned, in memory, lazy or read back from a file. The mean over all cells that have a spectrum is
        drawn, weighted by area where there is a latitude.
    path, title, ax, dpi
        As in `spectrogram_plot`.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no power above zero.

    Notes
    -----
    Both axes are logarithmic; frequency zero is left out. The level is one for single cells: the mean of many has a
    narrower spread about the background.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> from gridtrend.plot import spectrum_plot
    >>> noise = xr.DataArray(np.random.default_rng(0).normal(size=2000), dims="time", attrs={"units": "K"})
    >>> figure = spectrum_plot(gt.red_noise(noise, window=100))
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['power', 'red noise', 'level, exceeded by red noise in 5 %']
    """
    from matplotlib.figure import Figure as NewFigure
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    spectra = result[["power", "background", "level"]].sortby("frequency")
    spectra = spectra.isel(frequency=np.flatnonzero(spectra.frequency.values > 0)).compute()
    mean, said = _mean_of_cells(spectra, ["frequency"])
    if not (mean["power"] > 0).any():
        raise ValueError("there is no power above zero to draw; are all windows missing?")
    if ax is None:
        ax = NewFigure((7.0, 4.0), dpi=dpi, layout="compressed").add_subplot()
    alpha = float(result.attrs.get("alpha", 0.05))
    level = f"level{' for one cell' if said else ''}, exceeded by red noise in {100 * alpha:g} %"
    lines: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("power", "power", {"color": "0.1", "linewidth": 1.2}),
        ("background", "red noise", {"color": "tab:red", "linewidth": 1.0}),
        ("level", level, {"color": "tab:red", "linewidth": 1.0, "linestyle": "--"}),
    )
    for output, label, style in lines:
        ax.plot(mean.frequency.values, mean[output].values, label=label, **style)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(_with_units("frequency", mean.frequency), fontsize=9)
    name = str(result["power"].attrs.get("long_name", "power")).partition(" of ")
    ax.set_ylabel(plain(_with_units(name[0], result["power"])), fontsize=9, parse_math=False)
    periods = ax.secondary_xaxis("top", functions=(_inverse, _inverse))
    periods.set_xlabel(_period_label(mean.frequency), fontsize=9)
    for axis in (ax.xaxis, ax.yaxis, periods.xaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FormatStrFormatter("%g"))
        axis.set_minor_formatter(NullFormatter())
        axis.set_tick_params(which="both", labelsize=8)
    legend = ax.legend(fontsize=8, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    _title(ax, f"Spectrum of {name[2] or 'the data'}{said}" if title is None else title)
    return _done(ax, path, dpi)


def _mean_of_cells(spectra: xr.Dataset, kept: list[Any]) -> tuple[xr.Dataset, str]:
    """The mean over cells that have a spectrum, weighted by area if there is a latitude; and the words for it in the title."""
    cells = [name for name in spectra["power"].dims if name not in kept]
    count = int(spectra["power"].notnull().any(kept).sum())
    if count <= 1:
        return spectra.mean(cells, keep_attrs=True), ""
    latitude, _ = latitude_longitude(spectra["power"])
    if latitude is None or not set(spectra[latitude].dims) <= set(cells):
        return spectra.mean(cells, keep_attrs=True), f", mean of {count:,} cells"
    degrees = spectra[latitude].astype(float).fillna(90.0)
    area = degrees.copy(data=np.cos(np.radians(degrees.values)).clip(0))
    return spectra.weighted(area).mean(cells, keep_attrs=True), f", mean of {count:,} cells by area"


def _title(ax: Axes, text: str) -> None:
    """Set the heading, wrapped to the width of the axes."""
    ax.set_title(textwrap.fill(plain(text), 64), loc="left", fontsize=11, fontweight="bold", parse_math=False)


def _inverse(values: Any) -> Any:
    """Convert frequencies to periods and back; matplotlib also passes 0."""
    with np.errstate(divide="ignore"):
        return 1.0 / np.asarray(values, float)


def _period_label(frequency: xr.DataArray) -> str:
    units = str(frequency.attrs.get("units", ""))
    return f"period ({units.removesuffix('-1').strip()}s)" if units.endswith("-1") else "period (steps)"


def spectrogram_plot(
    power: xr.DataArray,
    *,
    path: str | os.PathLike[str] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    cmap: str = "viridis",
    dpi: float = 200,
) -> Figure:
    """Power through time and frequency, on a logarithmic scale of colours.

    Parameters
    ----------
    power : DataArray, shape (..., frequency, time, ...)
        What `spectrogram` returned, in memory, lazy or read back from a file. The mean over all cells that have a spectrum is
        drawn, weighted by area where there is a latitude.
    path : path, optional
        Also write the picture there; the suffix says the format.
    title : str, optional
        Heading; by default the name of the data, "" for none.
    ax : matplotlib Axes, optional
        Axes to draw in; by default those of a new figure.
    cmap : str
        Colour map.
    dpi : float
        Resolution in dots per inch.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there is no frequency and one more dimension of windows, or no power above zero.

    Notes
    -----
    Frequency zero is left out. Colours span at most five orders of magnitude below the largest power.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> from gridtrend.plot import spectrogram_plot
    >>> noise = xr.DataArray(np.random.default_rng(0).normal(size=2000), dims="time", attrs={"units": "K"})
    >>> figure = spectrogram_plot(gt.spectrogram(noise, window=100, hop=20))
    >>> figure.axes[0].get_ylabel()
    'frequency'
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure as NewFigure

    dim = _window_dim(power)
    power = power.sortby("frequency")
    power = power.isel(frequency=np.flatnonzero(power.frequency.values != 0))
    means, said = _mean_of_cells(power.to_dataset(name="power"), ["frequency", dim])
    mean = means["power"].transpose("frequency", dim).compute()
    positive = mean.values[mean.values > 0]
    if not positive.size:
        raise ValueError("there is no power above zero to draw; are all windows missing?")
    high = float(positive.max())
    low = max(float(np.quantile(positive, 0.02)), 1e-5 * high, float(np.finfo(np.float32).tiny))
    if ax is None:
        ax = NewFigure((7.0, 4.0), dpi=dpi, layout="compressed").add_subplot()
    mesh = ax.pcolormesh(
        *(_times(mean[dim]), mean.frequency.values, np.clip(mean.values, low, None)),
        norm=LogNorm(low, max(high, 1.01 * low)),
        cmap=cmap,
        shading="nearest",
        rasterized=True,
    )
    ax.set_facecolor(MISSING)
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02, aspect=30)
    name = str(mean.attrs.get("long_name", "power")).partition(" of ")
    bar.set_label(plain(_with_units(name[0], mean)), fontsize=9, parse_math=False)
    bar.ax.tick_params(which="both", labelsize=8)
    ax.tick_params(labelsize=8)
    ax.set_xlabel(str(dim), fontsize=9)
    ax.set_ylabel(_with_units("frequency", mean.frequency), fontsize=9)
    _title(ax, f"Spectrogram of {name[2] or 'the data'}{said}" if title is None else title)
    return _done(ax, path, dpi)


def band_power_map(
    power: xr.DataArray,
    *,
    path: str | os.PathLike[str] | None = None,
    title: str | None = None,
    ax: Axes | None = None,
    cmap: str = "viridis",
    projection: Any = None,
    dpi: float = 200,
) -> Figure:
    """Map of the variance in a band of frequencies, as its mean over all windows.

    Parameters
    ----------
    power : DataArray, shape (time, lat, lon) or any two dimensions in addition to that of the windows
        What `band_power` returned, in memory, lazy or read back from a file.
    path, title, ax, cmap, dpi
        As in `spectrogram_plot`.
    projection : str, pyproj.CRS or cartopy.crs.Projection, optional
        As in `trend_map`.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there are no two dimensions to draw, or nothing but missing values.

    Notes
    -----
    Variances differ by factors, not by amounts: colours change at 1, 2 and 5 times powers of ten. Cells without a
    complete window are grey. For a map of the trend of the band draw what `mann_kendall` returns with `trend_map`.

    Examples
    --------
    >>> import numpy as np
    >>> import xarray as xr
    >>> import gridtrend as gt
    >>> from gridtrend.plot import band_power_map
    >>> values = np.random.default_rng(0).normal(size=(600, 5, 6))
    >>> noise = xr.DataArray(values, dims=("time", "y", "x"), name="tas", attrs={"units": "K"})
    >>> figure = band_power_map(gt.band_power(noise, window=100, period=(5, 20)))
    >>> figure.axes[1].get_xlabel()
    'variance (K²)'
    """
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm
    from matplotlib.patches import Patch

    windows = [name for name in power.dims if "window_start" in power.coords and name in power["window_start"].dims]
    windows = windows or [name for name in power.dims if name == "time"]
    field = power.mean(windows, keep_attrs=True).squeeze(drop=True).compute()
    if field.ndim != 2:
        raise ValueError(
            f"a map has two dimensions, and in addition to the windows there are {field.dims}: select from the others."
        )
    if not field.notnull().any():
        raise ValueError("there is nothing to draw: all windows are missing.")
    grid = place(field)
    values = grid.arrange(field).values.astype(float)
    levels = _round_levels(values)
    colours = colormaps[cmap].with_extremes(bad=MISSING)
    look = Look(colours, BoundaryNorm(levels, colours.N, extend="both"))
    suitable = suitable_projection(grid, projection) if grid.geographic else None
    said = str(field.attrs.get("long_name", "variance in a band"))
    heading = said[:1].upper() + said[1:] if title is None else title
    label = plain(_with_units("variance", field))
    marks = [] if field.notnull().all() else [(Patch(facecolor=MISSING), "grey: no complete window")]
    if ax is not None:
        drawn = DrawnMap(ax, grid, values, suitable, look)
        bar = ax.figure.colorbar(drawn.mappable, ax=ax, fraction=0.05, pad=0.03, aspect=30, format="%g")
        _label_bar(bar, label, 8)
        head(ax, heading, "", marks)
        return _done(ax, path, dpi)
    shape = shape_of(grid, suitable)
    page = Page([""], shape, title=plain(heading), subtitle="", marks=marks, label=label, dpi=dpi)
    drawn = DrawnMap(page.axes[0], grid, values, suitable, replace(look, size=page.size))
    page.settle([drawn.shape])

    def write(_: float, high: bool, size: float, lines: str, cax: Axes) -> None:
        orientation = "vertical" if high else "horizontal"
        _label_bar(page.figure.colorbar(drawn.mappable, cax=cax, orientation=orientation, format="%g"), lines, size)

    page.write(write)
    return _done(page.axes[0], path, dpi)


def _label_bar(bar: Any, label: str, size: float) -> None:
    bar.set_label(label, fontsize=9 / 8 * size, parse_math=False)
    bar.ax.tick_params(labelsize=size)


def _window_dim(power: xr.DataArray) -> Any:
    """The dimension of the windows: the one in addition to the frequency."""
    others = [name for name in power.dims if name != "frequency"]
    if "frequency" in power.dims and others:
        start = power.coords.get("window_start")
        found = [name for name in others if (start is not None and name in start.dims) or name == "time"]
        return (found or others)[0]
    raise ValueError(
        f"a spectrogram has the dimension 'frequency' and one of windows, and this has {power.dims}: draw what "
        "spectrogram() returned (welch() has a mean over time)."
    )


def _round_levels(values: np.ndarray) -> np.ndarray:
    """1, 2 and 5 times powers of ten, over the middle 96 % of the values."""
    positive = values[values > 0]
    if not positive.size:
        return np.array([0.0, 1.0])
    low, high = np.quantile(positive, [0.02, 0.98])
    low = max(low, 1e-4 * high)
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    steps = np.outer(powers, [1, 2, 5]).ravel()
    first, last = np.searchsorted(steps, low), np.searchsorted(steps, high)
    return np.asarray(steps[max(first - 1, 0) : last + 1])


def _times(coordinate: xr.DataArray) -> np.ndarray:
    """Times as matplotlib draws them: dates of other calendars as years and parts of them."""
    if coordinate.dtype.kind != "O":
        return np.asarray(coordinate.values)
    year, day = coordinate.dt.year.values, coordinate.dt.dayofyear.values - 1
    return np.asarray(year + day / {"360_day": 360.0, "noleap": 365.0}.get(coordinate.dt.calendar, 365.25))


def _with_units(name: str, of: xr.DataArray) -> str:
    units = typographic(str(of.attrs.get("units", "")).replace(")2", ")²"))
    return f"{name} ({units})" if units and units != "1" else name


def _done(ax: Axes, path: str | os.PathLike[str] | None, dpi: float) -> Figure:
    figure = ax.get_figure(root=True)
    assert figure is not None
    if path is not None:
        save(figure, Path(path), dpi)
    return figure
