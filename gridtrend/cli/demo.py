"""`gridtrend demo`: the whole path on real data, in five lines and two files."""

import os
import shlex
import time
from pathlib import Path

import click

from gridtrend.cli.plot import require_matplotlib
from gridtrend.cli.terminal import notes, say
from gridtrend.cli.trend import TrendJob, run

SAMPLE = "E1_north_america.nc"


@click.command()
@click.argument("directory", default=".", type=click.Path(file_okay=False))
@click.pass_obj
def demo(arguments: list[str], /, directory: str) -> None:
    """Find the warming of North America in 240 years of a climate model.

    Leaves gridtrend_demo.nc and gridtrend_demo.png in DIRECTORY (by default the working folder), in
    place of those of an earlier demo.
    """
    started = time.monotonic()
    source = sample_file()
    require_matplotlib()
    os.makedirs(directory, exist_ok=True)
    result, picture = (str(Path(directory, f"gridtrend_demo.{suffix}")) for suffix in ("nc", "png"))
    with notes(quiet=False):
        run(
            TrendJob(
                inputs=[source],
                output=result,
                picture=picture,
                command=shlex.join(["gridtrend", *arguments]),
                overwrite=True,
            )
        )
        say(findings(result))
    say([f"Left in {time.monotonic() - started:.1f} s: {result} (all results), {picture} (map)"])


def sample_file() -> str:
    """Path of the sample record, which a package of its own brings."""
    try:
        import iris_sample_data
    except ImportError:
        raise ImportError(
            "the demo needs iris-sample-data, which is not installed: pip install 'gridtrend[sample,plot]'"
        ) from None
    return str(Path(iris_sample_data.path, SAMPLE))


def findings(result: str) -> list[str]:
    """What a result says, in four lines."""
    from gridtrend import io

    with io.open_input([result]) as trends:
        first, last = trends["time_bnds"].dt.year.values
        slope = 10 * trends["slope"]
        rising, falling = (int((trends["trend"] == sign).sum()) for sign in (1, -1))
        return [
            f"Read {SAMPLE}: air temperature over North America, {first} to {last}, climate model run E1.",
            f"Tested the {slope.size:,} cells with Mann-Kendall and measured them by Sen's slope.",
            f"Significant at the {trends.attrs['alpha']:.0%} level: {rising:,} cells rise, {falling:,} fall.",
            f"Slope: median {slope.median():+.3f} K per decade, from {slope.min():+.3f} to {slope.max():+.3f}.",
        ]
