"""Whoever waits for a compiler is told what it compiles: once, by a line of the log."""

import contextlib
import logging
import threading
from collections.abc import Iterator

from gridtrend.engine.reach import public_name

_LOG = logging.getLogger(__name__)
# Waits up to this many seconds are not worth a line.
PATIENCE = 2.0
_said: set[str] = set()


class _Here(threading.local):
    """What one thread does.

    Attributes
    ----------
    running : str, optional
        Dotted name of the kernel that it runs.
    waiting : _Wait, optional
        The outermost function that it needs compiled.
    """

    running: str | None = None
    waiting: "_Wait | None" = None


_here = _Here()


class _Wait:
    """The wait for one function, with all that it calls."""

    def __init__(self, name: str):
        self.name = name
        self.timer: threading.Timer | None = None
        self.is_over = False

    def begin(self) -> None:
        """The compiler starts: in a while, whoever waits is told."""
        if self.timer is None:
            self.timer = threading.Timer(PATIENCE, self._say)
            self.timer.daemon = True
            self.timer.start()

    def end(self) -> None:
        """The function is there."""
        self.is_over = True
        if self.timer is not None:
            self.timer.cancel()

    def _say(self) -> None:
        words = public_name(self.name)
        if words not in _said and not self.is_over:
            _said.add(words)
            _LOG.info("compiling %s for this machine, once", words)


@contextlib.contextmanager
def running(name: str) -> Iterator[None]:
    """A kernel runs: what is compiled meanwhile in this thread is compiled for it."""
    before, _here.running = _here.running, name
    try:
        yield
    finally:
        _here.running = before


@contextlib.contextmanager
def waiting(name: str) -> Iterator[None]:
    """A function is wanted that may have to be compiled; of several within one another the outermost counts."""
    if _here.waiting is not None:
        yield
        return
    wait = _here.waiting = _Wait(_here.running or name)
    try:
        yield
    finally:
        _here.waiting = None
        wait.end()


def compiling() -> None:
    """The function was not found on disk: the compiler starts."""
    if _here.waiting is not None:
        _here.waiting.begin()
