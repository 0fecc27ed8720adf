"""The group of all commands. They import what they need when they run, so that `gridtrend --help` does not wait for it."""

import click

from gridtrend import __version__
from gridtrend.cli import demo, info, kernels, plot, spectrum, trend
from gridtrend.cli.terminal import Group


@click.group("gridtrend", cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="gridtrend %(version)s")
def cli() -> None:
    """Is it changing, by how much, and how sure are we? Trends for every cell of a gridded record."""


for command in (trend.trend, spectrum.spectrum, info.info, plot.plot, demo.demo, kernels.precompile, kernels.cache):
    cli.add_command(command)
