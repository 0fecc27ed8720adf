"""Sizes of texts on paper, and lines that fit a width."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=4096)
def width(text: str, size: float, weight: str = "normal") -> float:
    """Return the width of a line in inches; `size` is in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    if not text:
        return 0.0
    prop = FontProperties(size=size, weight=weight)
    # Letters snapped to pixels are up to a few percent wider.
    return 1.04 * float(text_to_path.get_text_width_height_descent(text, prop, ismath=False)[0]) / 72


def wrap(text: str, size: float, inches: float, *, weight: str = "normal", most: int = 2) -> list[str]:
    """Return the lines of a text, none wider than `inches`; beyond `most` lines it ends in an ellipsis."""
    lines: list[str] = []
    for word in [word for part in text.split("\n") for word in part.split()]:
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width(joined, size, weight) <= inches:
            lines[-1] = joined
            continue
        lines.append(word)
        while width(lines[-1], size, weight) > inches and len(lines[-1]) > 1:
            fits = next(
                n for n in range(len(lines[-1]) - 1, 0, -1) if n == 1 or width(lines[-1][:n], size, weight) <= inches
            )
            lines[-1:] = [lines[-1][:fits], lines[-1][fits:]]
    if len(lines) > most:
        last = lines[most - 1]
        while last and width(f"{last}…", size, weight) > inches:
            last = last[:-1]
        lines = [*lines[: most - 1], f"{last.rstrip()}…"]
    return lines
