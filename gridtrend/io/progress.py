"""How reading, computing and writing report their progress."""

from collections.abc import Callable

Report = Callable[[str, int, int], None]
"""Called with what is going on, how many parts are done, and of how many."""
