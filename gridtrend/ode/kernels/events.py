"""The first time that a state crosses a level, in each cell.

Within a step, a state is computed by a shorter step of the same method from the start of the step, so that the time of a
crossing is as accurate as the states. Each step is searched in `parts` parts. In each part a crossing is found by the signs at
its ends, or, where the state has a turning point in between, by the value there.
"""

import math
from dataclasses import dataclass

from gridtrend.engine.jit import lane, lanes
from gridtrend.ode.kernels.field import define, joined
from gridtrend.ode.kernels.state_tuples import WIDTH, rows, set_rows

# Halvings of a part of a step, after which its length is at the limit of rounding.
_HALVINGS = 55
# A turning point is searched for where the state may exceed the intersection of its tangents by this factor.
_BEYOND = 2.0
# A state this close to its level at the end of a step, relative to the level, counts as having reached it: at a jump of the
# forcing it may turn back there and never cross.
_ROUNDING = 8 * 2.0**-52


def rows_needed(n, nk, count):
    """Rows of a tile that event detection needs: states and memory before a step, its times, values and slopes at two times."""
    return n + nk + 3 + 4 * count if count else 0


@dataclass(frozen=True)
class Rows:
    """Positions of the rows of a tile that event detection reads and writes.

    Parameters
    ----------
    watched : tuple of int
        The state of each event.
    n, nk, nq : int
        Numbers of states, of rows of memory, and of numbers in `q`.
    first_q, first_level : int
        The first rows of `q` and of levels.
    before : int
        Where states and memory before a step are kept; times and two samples of values and slopes follow.
    """

    watched: tuple[int, ...]
    n: int
    nk: int
    nq: int
    first_q: int
    first_level: int
    before: int

    @property
    def span(self):
        """The row of the step's start; its length and the end of the segment follow."""
        return self.before + self.n + self.nk

    @property
    def samples(self):
        """The first row of the sample at the left of a part of the step, and of that at its right."""
        return self.span + 3, self.span + 3 + 2 * len(self.watched)


def _followed(rate, within, place):
    """Functions that store the state before a step, and sample states and slopes within it."""
    n, nk, nq, first_q, first_level, before = (
        place.n,
        place.nk,
        place.nq,
        place.first_q,
        place.first_level,
        place.before,
    )
    span, (left, right) = place.span, place.samples
    count = len(place.watched)
    both = 2 * count
    value, slope = (joined([f"{what}[{i}]" for i in place.watched]) for what in ("y", "f"))
    seen = define(f"def seen(t, y, q):\n    f = rate(t, y, q)\n    return ({value}{slope})\n", rate=rate)

    @lane
    def remember(tile, j, t, end):
        set_rows(tile, before, j, rows(tile, 0, n, j))
        set_rows(tile, before + n, j, rows(tile, n, nk, j))
        set_rows(tile, span, j, (t, 0.0, end))

    @lane
    def start(tile):
        for j in range(WIDTH):
            t = tile[span * WIDTH + j]
            set_rows(tile, right, j, seen(t, rows(tile, before, n, j), rows(tile, first_q, nq, j)))

    @lane
    def sample(tile, x):
        for j in range(WIDTH):
            t, h, end = rows(tile, span, 3, j)
            q = rows(tile, first_q, nq, j)
            y = within(t, rows(tile, before, n, j), rows(tile, before + n, nk, j), q, x * h, end)
            set_rows(tile, left, j, rows(tile, right, both, j))
            set_rows(tile, right, j, seen(min(t + x * h, end), y, q))

    @lane
    def finish(tile):
        for j in range(WIDTH):
            t, h, end = rows(tile, span, 3, j)
            set_rows(tile, left, j, rows(tile, right, both, j))
            set_rows(tile, right, j, seen(min(t + h, end), rows(tile, 0, n, j), rows(tile, first_q, nq, j)))

    @lanes
    def look(tile, j, event, x):
        """The value of an event's state above its level, and its slope, at a part `x` of the step."""
        t, h, end = rows(tile, span, 3, j)
        q = rows(tile, first_q, nq, j)
        found = seen(
            min(t + x * h, end), within(t, rows(tile, before, n, j), rows(tile, before + n, nk, j), q, x * h, end), q
        )
        return found[event] - tile[(first_level + event) * WIDTH + j], found[count + event]

    return remember, start, sample, finish, look


def _search(look, place):
    """The function that finds the first time that an event's state reaches its level within a part of a step."""
    first_level, span, (left, right), count = place.first_level, place.span, place.samples, len(place.watched)

    @lanes
    def crossing(tile, j, event, low, high, above):
        """Where the value leaves the side that it has at `low`."""
        for _ in range(_HALVINGS):
            x = 0.5 * (low + high)
            now, _ = look(tile, j, event, x)
            if now != 0.0 and (now > 0.0) == above:
                low = x
            else:
                high = x
        return high

    @lanes
    def turn(tile, j, event, first, last, above, rtol, atol):
        """Where a state that turns back between two places reaches the level, or NaN."""
        low, high, now = first, last, math.inf
        for _ in range(_HALVINGS):
            x = 0.5 * (low + high)
            now, rate = look(tile, j, event, x)
            if now == 0.0 or (now > 0.0) != above:
                return crossing(tile, j, event, first, x, above)
            if (rate < 0.0) == above:
                low = x
            else:
                high = x
        level = tile[(first_level + event) * WIDTH + j]
        return high if abs(now) <= atol + rtol * abs(level) else math.nan

    @lanes
    def first_in(tile, j, event, low, high, rtol, atol):
        """Where a state reaches its level within a part of the step, or NaN."""
        level = tile[(first_level + event) * WIDTH + j]
        a, b = tile[(left + event) * WIDTH + j] - level, tile[(right + event) * WIDTH + j] - level
        above = a > 0.0
        if not math.isfinite(a) or not math.isfinite(b):
            return math.nan
        if abs(b) <= _ROUNDING * abs(level) or (b > 0.0) != above:
            return crossing(tile, j, event, low, high, above)
        da, db = tile[(left + count + event) * WIDTH + j], tile[(right + count + event) * WIDTH + j]
        toward, away = (da, db) if above else (-da, -db)
        if toward > 0.0 or away < 0.0 or not away - toward > 0.0:
            return math.nan
        # Intersection of the tangents at both ends: a state whose curvature keeps its sign does not go beyond it.
        h = (high - low) * tile[(span + 1) * WIDTH + j]
        a, b = abs(a), abs(b)
        lowest = (a * away - b * toward + toward * away * h) / (away - toward)
        nearest = min(a, b)
        if nearest - _BEYOND * max(nearest - lowest, 0.0) > atol + rtol * abs(level):
            return math.nan
        return turn(tile, j, event, low, high, above, rtol, atol)

    return first_in


def watch(rate, within, parts, place):
    """Functions that store the state before a step, and search for crossings after it.

    `rate(t, y, q)` gives the slopes of all states, `within(t, y, k, q, h, end)` the states a shorter step ahead.
    """
    count, span = len(place.watched), place.span
    if not count:
        return lane(lambda tile, j, t, end: None), lane(lambda tile, owner, rtol, atol, crossed: None)
    remember, start, sample, finish, look = _followed(rate, within, place)
    first_in = _search(look, place)

    @lanes
    def pending(tile, owner, crossed):
        """Whether an event has not yet been seen in some cell of the tile."""
        for j in range(WIDTH):
            if owner[j] >= 0 and tile[(span + 1) * WIDTH + j] > 0.0:
                for event in range(count):
                    if math.isnan(crossed[event, owner[j]]):
                        return True
        return False

    @lanes
    def notice(tile, owner, rtol, atol, crossed):
        if not pending(tile, owner, crossed):
            return
        start(tile)
        for part in range(parts):
            low, high = part / parts, (part + 1) / parts
            if part < parts - 1:
                sample(tile, high)
            else:
                finish(tile)
            for j in range(WIDTH):
                if owner[j] < 0 or not tile[(span + 1) * WIDTH + j] > 0.0:
                    continue
                for event in range(count):
                    if math.isnan(crossed[event, owner[j]]):
                        x = first_in(tile, j, event, low, high, rtol, atol)
                        if not math.isnan(x):
                            t, h, end = rows(tile, span, 3, j)
                            crossed[event, owner[j]] = min(t + x * h, end)

    return remember, notice
