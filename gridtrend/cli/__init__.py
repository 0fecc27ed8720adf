"""The command line: `gridtrend trend | spectrum | info | plot | demo`.

Commands import what they need when they run, so that `gridtrend --help` does not wait for it.
"""

import os
import sys

import click

from gridtrend import __version__
from gridtrend.cli import demo, info, plot, spectrum, trend
from gridtrend.cli.terminal import Group, stop_on_signals

__all__ = ["cli", "main"]


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="gridtrend %(version)s")
def cli() -> None:
    """Is it changing, by how much, and how sure are we? Trends for every cell of a gridded record."""


for command in (trend.trend, spectrum.spectrum, info.info, plot.plot, demo.demo):
    cli.add_command(command)


def main() -> None:
    """Run the command line and end the process."""
    stop_on_signals()
    try:
        cli(prog_name="gridtrend")
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        # Threads that still compute would hold an interrupted process until they are done.
        os._exit(end.code if isinstance(end.code, int) else 1)
