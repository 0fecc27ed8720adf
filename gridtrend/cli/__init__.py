"""The command line: `gridtrend trend | spectrum | info | plot | demo | precompile | cache`."""

import os
import sys

from gridtrend.cli.signals import leave_on_signals

__all__ = ["main"]


def main() -> None:
    """Run the command line and end the process."""
    leave_on_signals()
    from gridtrend.cli.commands import cli
    from gridtrend.cli.terminal import stop_on_signals

    stop_on_signals()
    try:
        cli(prog_name="gridtrend")
    except SystemExit as end:
        if remote := sys.modules.get("gridtrend.io.remote"):
            remote.remove_downloads()
        leave_on_signals()
        sys.stdout.flush()
        sys.stderr.flush()
        # Threads that still compute would hold an interrupted process until they are done.
        os._exit(end.code if isinstance(end.code, int) else 1)
