"""Errors of methods against their steps, on logarithmic axes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["convergence_plot"]


def convergence_plot(
    rates: xr.Dataset, *, path: str | os.PathLike[str] | None = None, ax: Axes | None = None, dpi: float = 150
) -> Figure:
    """Error against step of each method, with its rate.

    Parameters
    ----------
    rates : Dataset
        What `gridtrend.ode.convergence_rate` returned, for one cell: other dimensions than `scheme` and `resolution` must
        be selected away.
    path : path, optional
        Also write the picture there.
    ax : matplotlib Axes, optional
        Axes to draw in; by default those of a new figure.
    dpi : float
        Resolution of the figure and the file.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If there are several cells.
    ImportError
        Without matplotlib.
    """
    from matplotlib.figure import Figure

    others = [str(dim) for dim in rates.error.dims if dim not in ("scheme", "resolution")]
    if others:
        raise ValueError(
            f"rates of many cells are here, along {', '.join(others)}. Pick one: rates.isel({others[0]}=0)."
        )
    figure = ax.figure.figure if ax is not None else Figure(figsize=(6.4, 4.8), layout="constrained", dpi=dpi)
    assert isinstance(figure, Figure)
    ax = ax if ax is not None else figure.subplots()
    lines = rates if "scheme" in rates.dims else rates.expand_dims(scheme=[rates.attrs.get("method", "error")])
    for marker, name in zip("os^dv<>ph*" * lines.sizes["scheme"], lines.scheme.values, strict=False):
        one = lines.sel(scheme=name)
        label = f"{str(name).replace('_', ' ')}: rate {float(one.rate):.2f}"
        ax.loglog(np.asarray(one.step), np.asarray(one.error), marker=marker, markerfacecolor="none", label=label)
    ax.set_xlabel("step")
    ax.set_ylabel("error at the end")
    ax.grid(which="major", color="0.9", linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    if path is not None:
        figure.savefig(path, dpi=dpi)
    return figure
