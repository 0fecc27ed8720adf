"""Signals that end a command, and what they do while there is nothing to clean up. No library is imported here."""

import os
import signal
from typing import Any


def stopping_signals() -> list[signal.Signals]:
    """Ctrl-C, a request to end, and a terminal that was closed, unless the process was started to ignore them."""
    known = [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # A shell starts processes in the background so that they ignore Ctrl-C, and nohup so that they outlive the terminal.
    return [each for each in known if signal.getsignal(each) is not signal.SIG_IGN]


def leave_on_signals() -> None:
    """End the process at once: before any library is imported, or when all is done."""

    def leave(signum: int, frame: Any) -> None:
        os.write(2, b"gridtrend: error: interrupted\n")
        os._exit(1)

    for each in stopping_signals():
        signal.signal(each, leave)
