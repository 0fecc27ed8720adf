"""The page of a figure: title, legend, maps and colour bar in places that are measured, so that no text lies on another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gridtrend.plot import frame
from gridtrend.plot.text_size import width, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

# Everything is in inches; sizes of letters in points, at scale 1.
TITLE, TEXT, SMALL = 11.0, 9.0, 8.0
LINE = 1.3 / 72
PAD = 0.1
BAR = 0.13
HIGHEST = 9.0
HIGH = 0.8
# Width of figures by theme, and the scale of their letters.
THEMES = {"paper": (7.0, 1.0), "slides": (10.0, 1.5)}
# Letters shrink in steps on figures on which the maps would otherwise get less than this part of the height.
LEAST = 0.45
SCALES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


class Page:
    """A figure with one or more maps.

    Parameters
    ----------
    titles : sequence of str
        One for each map; "" for none.
    shape : float
        Height over width of the maps, as far as known beforehand.
    title, subtitle : str
    marks : sequence of Patch
        What the legend shows.
    label : str
        Of the colour bar.
    columns : int, optional
    figsize : tuple of float, optional
        Width and height; by default as wide as the theme says, and as high as the maps need.
    theme : {"paper", "slides"}
    dpi : float
    """

    def __init__(
        self,
        titles: Sequence[str],
        shape: float,
        *,
        title: str,
        subtitle: str,
        marks: Sequence[tuple[Patch, str]],
        label: str,
        columns: int | None = None,
        figsize: tuple[float, float] | None = None,
        theme: str = "paper",
        dpi: float = 200,
    ) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.titles, self.free = list(titles), figsize is None
        # The bar of a high map stands at its side.
        self.upright = shape > HIGH and len(titles) == 1
        self.texts = (title, subtitle, marks, label)
        wide, scale = THEMES[theme]
        if self.upright:
            wide = min(wide, max(wide * min(5.4, 5.6 / shape) / 7 + 1.2 * scale, 0.6 * wide))
        self.width, self.height = figsize or (wide, HIGHEST * wide / 7)
        self.columns = columns or self._best_columns(len(titles), shape)
        self.rows = -(-len(titles) // self.columns)
        self.margins = np.array([0.45, 0.12, 0.08, 0.22]) * scale
        for part in SCALES:
            self.scale = scale * part
            self._measure()
            if self._box(shape)[3] * self.rows >= LEAST * self.height or self.free:
                break
        self.figure: Figure = Figure((self.width, self.height), dpi=dpi)
        FigureCanvasAgg(self.figure)
        self.axes: list[Axes] = [self.figure.add_subplot(self.rows, self.columns, k + 1) for k in range(len(titles))]
        self._put([shape] * len(titles))

    def _best_columns(self, count: int, shape: float) -> int:
        """How many maps stand side by side: as many as make them largest, or square for free heights."""
        if self.free:
            return min(count, 2 if shape < 1.3 else 3, 4) if count > 1 else 1
        sizes = []
        for columns in range(1, count + 1):
            rows = -(-count // columns)
            sizes.append(min(self.width / columns, 0.7 * self.height / rows / shape))
        return int(np.argmax(sizes)) + 1

    @property
    def size(self) -> float:
        """Size of small letters, in points."""
        return SMALL * self.scale

    def _measure(self) -> None:
        """Break texts into lines, and find the space that they take at the top, the bottom and the right."""
        title, subtitle, marks, label = self.texts
        k, across = self.scale, self.width - 2 * PAD
        self.title = wrap(title, TITLE * k, across, weight="bold")
        self.subtitle = wrap(subtitle, TEXT * k, across)
        handle = 3.6 * SMALL * k / 72
        self.legend = [(patch, wrap(text, SMALL * k, across - handle)) for patch, text in marks]
        wide = [handle + 0.12 * k + max(width(line, SMALL * k) for line in lines) for _, lines in self.legend]
        self.legend_columns = len(wide) if sum(wide) <= across else 1
        rows = [len(lines) for _, lines in self.legend]
        lines = (max(rows, default=0) if self.legend_columns > 1 else sum(rows)) + 0.3 * bool(rows)
        self.tops = np.cumsum(
            [
                PAD * 0.8,
                LINE * TITLE * k * len(self.title),
                LINE * TEXT * k * len(self.subtitle) + 0.03 * k,
                1.18 * LINE * SMALL * k * lines,
            ]
        )
        self.above = LINE * TEXT * k * 1.1 if any(self.titles) else 0.0
        room = self.height - self.tops[-1] - PAD if self.upright else 0.8 * self.width
        self.label = wrap(label, TEXT * k, room)
        text = LINE * TEXT * k * len(self.label)
        if self.upright:
            self.right, self.bottom = 0.12 * k + BAR * k + 0.5 * k + text + PAD, PAD
        else:
            self.right, self.bottom = PAD, 0.08 * k + BAR * k + (SMALL * k * LINE + 0.07 * k) + text + PAD * 0.6

    def _box(self, shape: float) -> tuple[float, float, float, float]:
        """Step between maps across and down, and width and height of the largest map with a shape."""
        left, right, top, bottom = self.margins
        down = (self.height - self.tops[-1] - self.bottom) / self.rows
        across = (self.width - PAD - self.right) / self.columns
        wide, high = max(across - left - right, 0.2), max(down - top - bottom - self.above, 0.1)
        wide = min(wide, high / shape)
        return across, down, wide, wide * shape

    def _put(self, shapes: Sequence[float]) -> None:
        """Place the axes."""
        shape = max(shapes)
        if self.free:
            left, right, top, bottom = self.margins
            wide = (self.width - PAD - self.right) / self.columns - left - right
            needed = self.tops[-1] + self.bottom + self.rows * (wide * shape + top + bottom + self.above)
            self.height = float(min(needed, HIGHEST * self.width / 7))
            self.figure.set_size_inches(self.width, self.height)
        across, down, wide, high = self._box(shape)
        left, right, top, bottom = self.margins
        step = min(across, wide + left + right)
        # A block of maps that is narrower than the page stands in its middle.
        start = PAD + (self.width - PAD - self.right - step * self.columns) / 2
        tall = high + top + bottom + self.above
        # Beside an upright bar, which has a label as long as the page allows, the map stands in the middle.
        spare = max(0.0, (down - tall) / 2) if self.upright else 0.0
        self.boxes = []
        for k, (ax, own) in enumerate(zip(self.axes, shapes, strict=True)):
            row, column = divmod(k, self.columns)
            y = self.tops[-1] + row * tall + self.above + top + spare
            w, h = (wide, wide * own) if wide * own <= high else (high / own, high)
            x = start + column * step + left + (wide - w) / 2
            self.boxes.append((x, y, w, h))
            ax.set_position(self._fractions(x, y, w, h))
        self.block = (start + left, self.tops[-1] + self.rows * tall, step * self.columns - left - right)

    def _fractions(self, x: float, y: float, w: float, h: float) -> tuple[float, float, float, float]:
        return x / self.width, 1 - (y + h) / self.height, w / self.width, h / self.height

    def settle(self, shapes: Sequence[float]) -> None:
        """Give the maps their final places, once their shapes and labels are known."""
        renderer: Any = self.figure.canvas.get_renderer()  # type: ignore[attr-defined]
        for _ in range(3):
            self._put(shapes)
            margins = []
            for ax in self.axes:
                ax.apply_aspect()
                inner, outer = ax.get_window_extent(renderer), ax.get_tightbbox(renderer)
                if outer is not None:
                    margins.append([inner.x0 - outer.x0, outer.x1 - inner.x1, outer.y1 - inner.y1, inner.y0 - outer.y0])
            self.margins = np.max(margins, axis=0).clip(0) / self.figure.dpi + 0.03
        self._put(shapes)

    def write(self, colour_bar: Callable[[float, bool, float, str, Any], None], notes: Sequence[str] = ()) -> None:
        """Write the texts, and have the colour bar drawn: `colour_bar(inches, high, size, label, axes)`."""
        k = self.scale
        self._heading()
        for ax_box, title, note in zip(self.boxes, self.titles, notes or [""] * len(self.titles), strict=True):
            x, y, w, _ = ax_box
            if title:
                # Meridians' labels of polar maps stand between the title and the map.
                bottom = y - self.margins[2] - 0.02
                room = w + self.margins[1] - (width(note, SMALL * k) + 0.1 if note else 0)
                if note and width(title, TEXT * k, "bold") > room:
                    note, room = "", w + self.margins[1]
                (line,) = wrap(title, TEXT * k, room, weight="bold", most=1) or [""]
                self._text(x, bottom, line, TEXT, weight="bold", va="bottom")
                if note:
                    self._text(x + w, bottom, note, SMALL, ha="right", va="bottom", color="0.3")
        x, y, wide = self.block
        if self.upright:
            x, y, w, h = self.boxes[0]
            place = (x + w + self.margins[1] + 0.1 * k, y, BAR * k, h)
            long = h
        else:
            long = min(wide, max(0.75 * wide, 4 * k))
            place = (x + (wide - long) / 2, y + 0.08 * k, long, BAR * k)
        cax = self.figure.add_axes(self._fractions(*place))
        colour_bar(long, self.upright, self.size, "\n".join(self.label), cax)
        self._declutter()

    def _heading(self) -> None:
        k = self.scale
        for top, lines, size, weight in zip(
            self.tops, (self.title, self.subtitle), (TITLE, TEXT), ("bold", "normal"), strict=False
        ):
            for number, line in enumerate(lines):
                self._text(PAD, top + number * LINE * size * k, line, size, weight=weight, va="top")
        if self.legend:
            legend = self.figure.legend(
                handles=[patch for patch, _ in self.legend],
                labels=["\n".join(lines) for _, lines in self.legend],
                ncols=self.legend_columns,
                loc="upper left",
                bbox_to_anchor=(PAD / self.width, 1 - self.tops[2] / self.height),
                borderpad=0,
                borderaxespad=0,
                columnspacing=1.2,
                labelspacing=0.35,
                handleheight=1.0,
                fontsize=SMALL * k,
                frameon=False,
            )
            for text in legend.get_texts():
                text.set_parse_math(False)

    def _text(self, x: float, y: float, text: str, size: float, **style: Any) -> None:
        fraction = (x / self.width, 1 - y / self.height)
        self.figure.text(*fraction, text, fontsize=size * self.scale, parse_math=False, **style)

    def _declutter(self) -> None:
        """Hide labels of degrees that would lie on other texts or leave the figure."""
        from matplotlib.text import Text

        renderer: Any = self.figure.canvas.get_renderer()  # type: ignore[attr-defined]
        self.figure.draw_without_rendering()
        labels = [text for ax in self.axes for text in ax.texts if text.get_gid() == frame.LABEL]
        labels += [text for ax in self.axes for axis in (ax.xaxis, ax.yaxis) for text in axis.get_ticklabels()]
        others = [text for text in self.figure.findobj(Text) if text not in labels]
        kept = [text.get_window_extent(renderer) for text in others if text.get_visible() and text.get_text().strip()]
        page = self.figure.bbox.padded(0.5)
        for text in labels:
            if not text.get_text():
                continue
            box = text.get_window_extent(renderer)
            inside = page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
            if inside and not any(box.overlaps(other) for other in kept):
                kept.append(box)
            else:
                text.set_visible(False)
