"""Significance on a map: which cells are hatched or dotted, and the words of the legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from gridtrend.plot.colours import MISSING
from gridtrend.plot.drawn_map import DrawnMap

if TYPE_CHECKING:
    from matplotlib.patches import Patch

HATCH: dict[str, Any] = {"hatch": "/////", "edgecolor": "0.1", "fill": False, "linewidth": 0}
DOT = 1.3


def significant(field: xr.Dataset) -> np.ndarray | None:
    """Return which cells are significant, over the whole field where that was tested; None without a test."""
    tested = _tested(field)
    return None if tested is None else tested.isin([-1, 1]).values


def _tested(field: xr.Dataset) -> xr.DataArray | None:
    found = field.get("significant", field.get("trend"))
    assert found is None or isinstance(found, xr.DataArray)
    return found


def mark(drawn: DrawnMap, field: xr.Dataset, how: str | None, inches: float, scale: float) -> None:
    """Hatch the cells that are not significant, or draw dots on those that are."""
    found = significant(field)
    if found is None or how is None:
        return
    known = field["slope"].notnull().values
    if how == "stippling":
        drawn.dot(known & found, inches, DOT * scale)
    else:
        # Single small cells need lines that are close together.
        cells = inches / max(2.0, np.sqrt(known.size / drawn.shape))
        drawn.hatch(known & ~found, HATCH | {"hatch": "/" * int(np.clip(0.5 / max(cells, 0.05), 5, 7))})


def legend(
    fields: list[xr.Dataset], attrs: dict[Any, Any], how: str | None, white: Any, *, stations: bool = False
) -> list[tuple[Patch, str]]:
    """Return the entries of the legend of one or more maps."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    entries: list[tuple[Any, str]] = []
    known = [field["slope"].notnull().values for field in fields]
    found = [significant(field) for field in fields]
    tested = _tested(fields[0])
    if tested is not None and how is not None:
        stand = np.concatenate([f[k] for f, k in zip(found, known, strict=True) if f is not None])
        counted = stand if how == "stippling" else ~stand
        share = _share(counted)
        if how == "stippling":
            dots = Line2D([], [], linestyle="none", marker="o", markersize=2 * DOT, color="0.1", markeredgewidth=0)
            entries.append((dots, f"dots: significant{_level(attrs, tested)}{share}"))
        elif stations:
            ring = Line2D([], [], linestyle="none", marker="o", markersize=5, color="white", markeredgecolor="0.3")
            entries.append(
                (ring, f"white centre: not significant{_level(attrs, tested)}{share.replace('cells', 'stations')}")
            )
        else:
            patch = Patch(**HATCH)
            patch.set_hatch_linewidth(0.4)
            entries.append((patch, f"hatched: not significant{_level(attrs, tested)}{share}"))
        zero = [
            (f & (field["slope"].values == 0)).any() for f, field in zip(found, fields, strict=True) if f is not None
        ]
        if any(zero):
            # The median of all slopes can be 0 where a trend is significant: many zeros, as with snow.
            entries.append((Patch(facecolor=white, edgecolor="0.6"), "white: significant, slope 0"))
    if not all(k.all() for k in known):
        entries.append((Patch(facecolor=MISSING), "grey: no trend, too few values"))
    return entries


def share_of(field: xr.Dataset, how: str | None) -> str:
    """Return the words on one of several maps, as '43 % significant'."""
    found = significant(field)
    if found is None or how is None:
        return ""
    known = field["slope"].notnull().values
    return f"{_percent(found[known].mean())} significant"


def _share(cells: np.ndarray) -> str:
    return f" ({_percent(cells.mean())} of cells)" if cells.any() else " (none)"


def _percent(share: float) -> str:
    percent = 100 * share
    if 0 < percent < 1:
        return "below 1 %"
    return "above 99 %" if 99 < percent < 100 else f"{percent:.0f} %"


def _level(attrs: dict[Any, Any], tested: xr.DataArray) -> str:
    """Return the level of the test of single cells or of the whole field."""
    if tested.name == "significant":
        level = f" at {100 * float(tested.attrs['alpha']):g} %" if "alpha" in tested.attrs else ""
        return " over the whole field" + (f" ({tested.attrs['method']}{level})" if "method" in tested.attrs else "")
    level = f" at {100 * float(attrs['alpha']):g} %" if "alpha" in attrs else ""
    side = attrs.get("alternative", "two-sided")
    return level + ("" if side == "two-sided" else f", one-sided ({side})")
