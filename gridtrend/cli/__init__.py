"""The command line: `gridtrend trend | spectrum | info | plot | demo | precompile | cache`."""

import os
import signal
import sys
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process."""
    _leave_on_signals()
    from gridtrend.cli.commands import cli
    from gridtrend.cli.terminal import stop_on_signals

    stop_on_signals()
    try:
        cli(prog_name="gridtrend")
    except SystemExit as end:
        if remote := sys.modules.get("gridtrend.io.remote"):
            remote.remove_downloads()
        _leave_on_signals()
        sys.stdout.flush()
        sys.stderr.flush()
        # Threads that still compute would hold an interrupted process until they are done.
        os._exit(end.code if isinstance(end.code, int) else 1)


def stopping_signals() -> list[signal.Signals]:
    """Ctrl-C, a request to end, and a terminal that was closed."""
    return [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def _leave_on_signals() -> None:
    """End at once on Ctrl-C, SIGTERM and SIGHUP, while there is nothing to clean up: no library is imported, or all is done."""

    def leave(signum: int, frame: Any) -> None:
        os.write(2, b"gridtrend: error: interrupted\n")
        os._exit(1)

    for signum in stopping_signals():
        # A process started in the background may have been told to ignore Ctrl-C, or the end of the terminal.
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, leave)
