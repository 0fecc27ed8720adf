"""`gridtrend spectrum`: spectra of every cell, from file to file."""

import contextlib
import functools
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from gridtrend.cli import values
from gridtrend.cli.arguments import PATH, inputs_argument, output_argument
from gridtrend.cli.job import Job, begin, carry_out, described, draw, require_values
from gridtrend.cli.outcome import without_values
from gridtrend.cli.record import Record, record_options
from gridtrend.cli.resources import Means
from gridtrend.cli.terminal import Progress, listed, note

if TYPE_CHECKING:
    import xarray as xr

UNITS = ("step", "second", "minute", "hour", "day", "week", "month", "year")


@dataclass(frozen=True)
class SpectrumJob(Job):
    """A run of `gridtrend spectrum`.

    Parameters
    ----------
    band : tuple of str, optional
        Shortest and longest period of a band.
    through_time : bool
        Whether spectra of all windows are kept, not their mean.
    alpha : float
        Of the level of red noise.
    threads : int
        How many threads compute.
    """

    band: tuple[str, str] | None = None
    through_time: bool = False
    alpha: float = 0.05
    threads: int = 1


@click.command(no_args_is_help=True)
@inputs_argument
@output_argument
@click.option(
    "--window",
    required=True,
    callback=values.length,
    metavar="LENGTH",
    help="Length of the windows: samples, or a duration such as 20Y or 30D.",
)
@click.option(
    "--hop", callback=values.length, metavar="LENGTH", help="From one start to the next.  [default: half a window]"
)
@click.option(
    "--band",
    callback=values.band,
    metavar="SHORTEST:LONGEST",
    help="The variance of these periods through time, such as 2Y:7Y, instead of a spectrum.",
)
@click.option("--through-time", is_flag=True, help="The spectrum of each window, instead of their mean.")
@record_options
@click.option(
    "--taper", default="hann", show_default=True, callback=values.taper, help="Weights of a window; tukey:0.25 for one."
)
@click.option(
    "--detrend",
    type=click.Choice(["none", "constant", "linear"]),
    default="constant",
    show_default=True,
    help="What is taken from each window: nothing, its mean, or its line.",
)
@click.option(
    "--sampling",
    type=click.Choice(["regular", "calendar"]),
    default="regular",
    show_default=True,
    help="Steps equal in time, or in calendar months or years.",
)
@click.option("--per", type=click.Choice(UNITS), help="Unit of time of the frequency.  [default: suits the step]")
@click.option(
    "--nan-policy",
    type=click.Choice(["propagate", "raise", "fill"]),
    default="propagate",
    show_default=True,
    help="Windows with missing values: left out, refused, or filled with their mean.",
)
@click.option(
    "--alpha",
    type=values.Level(),
    metavar="LEVEL",
    default=0.05,
    show_default=True,
    help="Probability with which red noise exceeds its level.",
)
@click.option(
    "--plot",
    "picture",
    metavar="PICTURE.png",
    type=PATH,
    help="Draw the spectrum, the spectrogram, or a map of the band, too; with several variables PICTURE_NAME.png.",
)
@click.option("-O", "--overwrite", is_flag=True, help="Replace existing output.")
@click.option("--threads", type=values.Count(1), metavar="N", help="How many threads compute.  [default: one a core]")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing unless it fails.")
@click.pass_obj
def spectrum(
    arguments: list[str],
    /,
    *,
    window: int | str,
    hop: int | str | None,
    taper: str,
    detrend: str,
    sampling: str,
    per: str | None,
    nan_policy: str,
    threads: int | None,
    quiet: bool,
    **chosen: Any,
) -> None:
    """Find the power spectrum of every cell of INPUT... and write it to OUTPUT.

    INPUT is one or many netCDF files, a quoted pattern such as "tas_*.nc", or a Zarr store; OUTPUT ends in .nc or
    .zarr. It holds the mean power spectral density over windows that overlap, the background of red noise with its
    level, the lag-1 autocorrelation, and the number of windows; with --through-time the density of each window; with
    --band the variance in a band of periods through time, which `gridtrend trend` then finds the trend of.
    """
    if chosen["band"] and chosen["through_time"]:
        raise click.UsageError("--band is through time already; leave --through-time out")
    from gridtrend import io

    analysis = {"window": window, "hop": hop, "taper": taper, "detrend": None if detrend == "none" else detrend}
    analysis |= {"sampling": sampling, "per": per, "nan_policy": nan_policy}
    command = shlex.join(["gridtrend", *arguments])
    job = SpectrumJob(
        analysis=analysis, command=command, threads=threads or io.available_threads(), quiet=quiet, **chosen
    )
    carry_out(run, job)


def run(job: SpectrumJob) -> str:
    """Do a job from file to file.

    Returns
    -------
    str
        One line about what was done.
    """
    from gridtrend import io

    started = time.monotonic()
    begun = begin(job)
    record = begun.record
    _check_lengths(record.dataset[record.names[0]], record.dim, job, (lambda _: None) if job.quiet else note)
    for name in record.names:
        # What is wrong with the call is told before anything is read.
        analyse(record.dataset[name].chunk(), record.dim, job)
    progress = Progress(job.quiet)
    try:
        result = described(_results(record, job, progress), record, job, "Spectra")
        lazy = any(variable.chunks for variable in result.variables.values())
        with progress.of_tasks(job.threads) if lazy else contextlib.nullcontext():
            io.write(result, begun.target, overwrite=job.overwrite, report=progress)
    finally:
        progress.clear()
    measure = "band_power" if job.band else "power"
    empty = without_values(result, job.output, record.names, measure, lambda _: "no window is without missing values")
    require_values(empty, record.names, job.output, quiet=job.quiet)
    known = {name: path for name, path in begun.pictures.items() if (name or record.names[0]) not in empty}
    draw(job, known, functools.partial(_draw, job))
    took = time.monotonic() - started
    return f"{listed(record.names)}: {record.period}: {job.output} written in {took:.1f} s"


def _check_lengths(array: "xr.DataArray", dim: str, job: SpectrumJob, say: Callable[[str], None]) -> None:
    """Refuse a band from long to short periods and a hop beyond the record; tell of samples between the windows."""
    from gridtrend import io
    from gridtrend.spectral.sampling import regular

    sampling = regular(array, dim, sampling=job.analysis["sampling"])
    if job.band:
        shortest, longest = (sampling.steps("band", end) for end in job.band)
        if not 0 < shortest < longest:
            first, last = job.band
            raise io.InputError(
                f"--band {first}:{last} does not run from a shorter to a longer period: write SHORTEST:LONGEST, as in "
                + (f"{last}:{first}" if shortest > longest else "2Y:7Y")
            )
    hop = job.analysis["hop"]
    if hop is None:
        return
    window, apart = sampling.samples("window", job.analysis["window"]), sampling.samples("hop", hop)
    if apart >= sampling.size:
        raise io.InputError(
            f"--hop {hop} is as long as the record, which has {sampling.size:,} steps: give a shorter one"
        )
    if apart > window:
        say(f"--hop {hop} is longer than a window: {apart - window:,} of {apart:,} steps between windows are not used")


def analyse(array: "xr.DataArray", dim: str, job: SpectrumJob) -> "xr.Dataset":
    """The spectra of one variable, as a Dataset."""
    from gridtrend.spectral import band_power, red_noise, spectrogram

    if job.band:
        return band_power(array, dim, period=job.band, **job.analysis).to_dataset(promote_attrs=True)
    if job.through_time:
        return spectrogram(array, dim, **job.analysis).to_dataset(promote_attrs=True)
    return red_noise(array, dim, alpha=job.alpha, **job.analysis)


def _results(record: Record, job: SpectrumJob, progress: Progress) -> "Iterator[xr.Dataset]":
    from gridtrend import io
    from gridtrend.spectral.analysis import with_bounds

    for name in record.names:
        array = record.dataset[name]
        found = analyse(io.read(array, record.plan(name, Means(job.threads)), progress), record.dim, job)
        own = {"long_name", "units"}
        for variable in found.data_vars.values():
            variable.attrs = {key: value for key, value in variable.attrs.items() if key in own}
        found.attrs = {key: value for key, value in found.attrs.items() if key not in own}
        if "window_start" in found.coords:
            found = with_bounds(found)
        if len(record.names) > 1:
            found = found.rename({each: f"{name}_{each}" for each in found.data_vars})
        yield io.add_grid(found, array, record.dataset)


def _draw(job: SpectrumJob, path: str, name: str | None) -> None:
    from gridtrend import io
    from gridtrend.plot import band_power_map, spectrogram_plot, spectrum_plot

    prefix = f"{name}_" if name else ""
    with io.open_input([job.output]) as dataset:
        if job.band:
            band_power_map(dataset[f"{prefix}band_power"], path=path)
        elif job.through_time:
            spectrogram_plot(dataset[f"{prefix}power"], path=path)
        else:
            spectra = {f"{prefix}{each}": each for each in ("power", "background", "level")}
            spectrum_plot(dataset[list(spectra)].rename(spectra), path=path)
