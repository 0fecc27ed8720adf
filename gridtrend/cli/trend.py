"""`gridtrend trend`: trends for every cell, from file to file."""

import functools
import shlex
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from gridtrend.cli import values
from gridtrend.cli.arguments import PATH, inputs_argument, output_argument
from gridtrend.cli.job import Begun, Job, begin, carry_out, described, draw, facts, require_values, shaping_options
from gridtrend.cli.outcome import too_few, without_values
from gridtrend.cli.plot import draw_map
from gridtrend.cli.record import Record, record_options
from gridtrend.cli.rehearsal import rehearsed
from gridtrend.cli.resources import Means, Resources, resource_options
from gridtrend.cli.terminal import Progress, listed, note

if TYPE_CHECKING:
    import xarray as xr

    from gridtrend.io import Plan, Workspace

# Spelled out, as the trends themselves are imported when a run begins; a test compares.
METHODS = (
    *("original", "hamed_rao", "yue_wang", "prewhitening", "tfpw", "vctfpw", "3pw", "block_bootstrap", "ltp"),
    *("ar1", "wang_swail"),
    "seasonal",
)
PERIODS = ("step", "second", "minute", "hour", "day", "week", "month", "year", "decade", "century")
ALTERNATIVES = ("two-sided", "increasing", "decreasing", "greater", "less")


@dataclass(frozen=True)
class TrendJob(Job):
    """A run of `gridtrend trend`.

    Parameters
    ----------
    test : str
        Name of the function.
    field_test : dict
        Arguments of `field_significance`, if it is wanted.
    resume : bool
        Whether to go on with what an earlier run left.
    resources : Resources
        What may be used.
    """

    test: str = "mann_kendall"
    field_test: dict[str, Any] = field(default_factory=dict)
    resume: bool = False
    resources: Resources = field(default_factory=Resources)


@click.command(no_args_is_help=True)
@inputs_argument
@output_argument
@record_options
@click.option(
    "--method",
    type=click.Choice(METHODS),
    default="original",
    show_default=True,
    help="Which Mann-Kendall test: for independent values, one of those for serial correlation (docs/calibration.md tells "
    "how often each cries wolf), or by seasons.",
)
@click.option(
    "--lag",
    callback=values.lag,
    metavar="N|all",
    help="Autocorrelations that hamed_rao, yue_wang, block_bootstrap use.",
)
@click.option(
    "--no-bias-correction",
    is_flag=True,
    help="Leave the autocorrelation of ar1 and wang_swail as it is estimated; wang_swail is then as published.",
)
@click.option(
    "--period",
    callback=values.period,
    metavar="month|season|N",
    help="What a year of --method seasonal consists of.  [default: month]",
)
@click.option(
    "--p-value",
    type=click.Choice(["normal", "exact", "auto"]),
    default="normal",
    show_default=True,
    help="From the normal approximation, or from the exact distribution given the ties (auto: up to 60 values).",
)
@click.option(
    "--alpha",
    type=values.Level(),
    metavar="LEVEL",
    default=0.05,
    show_default=True,
    help="Level of significance, and of the confidence limits.",
)
@click.option(
    "--per",
    type=click.Choice(PERIODS),
    default=None,
    help="Unit of time of the slopes.  [default: year]",
)
@click.option(
    "--min-valid",
    type=values.Count(2),
    metavar="N",
    default=4,
    show_default=True,
    help="Cells with fewer values get no result.",
)
@click.option(
    "--alternative",
    type=click.Choice(ALTERNATIVES),
    default="two-sided",
    show_default=True,
    help="What is tested: any trend, an increasing (greater) or a decreasing (less) one.",
)
@click.option("--no-slope", is_flag=True, help="The test alone: no slope, intercept and limits.")
@click.option(
    "--fdr",
    "field_test",
    metavar="METHOD[:ALPHA]",
    default=None,
    callback=values.field_test,
    help="Also tell which cells stand out among all cells, and mark the map by that: bh, by or bky keep the share of "
    "false discoveries below ALPHA (bh:0.1 suits fields of alike neighbours), walker their probability.  "
    "[default of ALPHA: 0.05]",
)
@click.option(
    "--plot",
    "map_path",
    metavar="MAP.png",
    type=PATH,
    help="Draw a map too; with several variables MAP_NAME.png.",
)
@click.option("-O", "--overwrite", is_flag=True, help="Replace existing output.")
@click.option("--resume", is_flag=True, help="Go on with what an interrupted run left of OUTPUT (.zarr).")
@resource_options
@click.option("-q", "--quiet", is_flag=True, help="Say nothing unless it fails.")
@click.pass_obj
def trend(
    arguments: list[str],
    /,
    *,
    method: str,
    lag: int | str | None,
    no_bias_correction: bool,
    period: int | str | None,
    p_value: str,
    alpha: float,
    per: str | None,
    min_valid: int,
    alternative: str,
    no_slope: bool,
    map_path: str | None,
    quiet: bool,
    **chosen: Any,
) -> None:
    """Find the trend of every cell of INPUT... and write it to OUTPUT.

    INPUT is one or many netCDF files, a quoted pattern such as "tas_*.nc", or a Zarr store; OUTPUT ends in .nc or
    .zarr. It holds Kendall's tau, the Mann-Kendall score S, its variance, z and p, Sen's slope with intercept and
    confidence limits, the number of values, and a flag that says where the trend is significant; each name is
    preceded by that of the variable where there are several. With --fdr, a second flag says which cells are
    significant among all of them.
    """
    if no_slope and map_path is not None:
        raise click.UsageError("--plot draws the slope, which --no-slope leaves out")
    if lag is not None and method == "seasonal":
        raise click.UsageError("--lag belongs to the methods for serial correlation; --method seasonal takes --period")
    if no_bias_correction and method == "seasonal":
        raise click.UsageError("--no-bias-correction belongs to --method ar1 and wang_swail")
    if period is not None and method != "seasonal":
        raise click.UsageError("--period belongs to --method seasonal")
    if chosen["resume"] and not chosen["output"].endswith(".zarr"):
        raise click.UsageError("--resume needs an OUTPUT that ends in .zarr: a netCDF file is written anew each time")
    job = TrendJob(
        test="seasonal_mann_kendall" if method == "seasonal" else "mann_kendall",
        analysis=(
            {"period": "month" if period is None else period}
            if method == "seasonal"
            else {"method": method, "lag": lag, "bias_correction": not no_bias_correction}
        )
        | {
            "p_value": p_value,
            "alpha": alpha,
            "per": per or "auto",
            "min_valid": min_valid,
            "alternative": alternative,
            "slope": not no_slope,
        },
        picture=map_path,
        options=shaping_options(),
        command=shlex.join(["gridtrend", *arguments]),
        quiet=quiet,
        **chosen,
    )
    carry_out(run, job)


def run(job: TrendJob) -> str:
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
    _check_times(record, job.analysis)
    if job.test == "mann_kendall":
        record.warn_of_cycle()
    progress = Progress(job.quiet)
    say = (lambda _: None) if job.quiet else note
    maps = _maps(begun, say)
    try:
        # Workers have ended before what they write is cleared away.
        with (
            io.workspace(begun.target, facts=facts(begun, job), resume=job.resume, overwrite=job.overwrite) as work,
            job.resources.running(say) as means,
        ):
            means = rehearsed(record, means, job.test, job.analysis, job.field_test)
            plans = _plans(begun, job, means, work)
            result = described(_results(record, job, plans, work, progress), record, job, "Trends")
            io.write(result, begun.target, overwrite=job.overwrite, report=progress, work=work)
    finally:
        progress.clear()
    require_values(empty := _without_trend(result, record, job), record.names, job.output, quiet=job.quiet)
    known = {name: path for name, path in maps.items() if (name or record.names[0]) not in empty}
    draw(job, known, functools.partial(draw_map, job.output))
    cells = sum(record.dataset[name].size // record.steps for name in record.names)
    took = time.monotonic() - started
    return f"{listed(record.names)}: {cells:,} cells, {record.period}: {job.output} written in {took:.1f} s"


def _check_times(record: Record, analysis: dict[str, Any]) -> None:
    """Refuse, before anything is read, what cannot be computed from the times; say what slopes are per, if not a year."""
    from gridtrend import io
    from gridtrend.grid.dates import with_dates
    from gridtrend.grid.refusals import Refusal
    from gridtrend.grid.timeaxis import no_times, slopes_per_unit, time_axis

    per = analysis.get("per", "auto")
    array, dim = record.dataset[record.names[0]], record.dim
    axis = time_axis(array, dim, per)
    if per == "step":
        try:
            with_dates(array, dim)
        except Refusal as error:
            warnings.warn(f"{error.problem.rstrip('.')}: steps are in the order of its numbers", stacklevel=2)
    if per == "year" and axis.unit == "step":
        raise no_times(dim, per)
    if per == "auto" and axis.unit in ("", "step"):
        said = f"'{dim}' has no times: slopes are per step, not per year"
        warnings.warn(slopes_per_unit(array[dim], dim) if dim in array.coords else said, stacklevel=2)
    positions = int(axis.steps[-1]) + 1
    period, lag = analysis.get("period"), analysis.get("lag")
    if isinstance(period, int) and period >= positions:
        raise io.InputError(
            f"--period {period} leaves nothing to compare: the record has {positions:,} steps, and needs more than one "
            "such period. Give the number of steps in a year"
        )
    if isinstance(lag, int) and lag >= positions:
        raise io.InputError(f"--lag {lag} is as long as the record, which has {positions:,} steps: give a smaller one")


def _maps(begun: Begun, say: Callable[[str], None]) -> dict[str | None, str]:
    """The maps to draw: of variables with two dimensions beside that of the series, which is known before the run."""
    from gridtrend import io

    maps, others = {}, {}
    for name, path in begun.pictures.items():
        known = name or begun.record.names[0]
        sizes = begun.record.dataset[known].sizes
        seen = [f"{dim} ({size})" for dim, size in sizes.items() if size > 1 and dim != begun.record.dim]
        if len(seen) == 2:
            maps[name] = path
        else:
            others[known] = ", ".join(seen) or "none"
    if others:
        first = next(iter(others))
        whose = "its cells have" if len(others) == 1 else f"the cells of '{first}' have"
        told = f"no map of '{listed(list(others))}': a map has two dimensions, and {whose} {others[first]}"
        if not maps:
            raise io.InputError(f"{told}; choose a part with --select, or leave --plot out")
        say(told)
    return maps


def _without_trend(result: "xr.Dataset", record: Record, job: TrendJob) -> dict[str, str]:
    """Variables for which no cell has a trend, and why."""
    measure = "slope" if job.analysis.get("slope", True) else "p_value"
    nothing_else = "no cell has values that the test can compare"
    if "period" in job.analysis:
        nothing_else = f"no two values share a part of --period {job.analysis['period']}"
    why = functools.partial(too_few, min_valid=job.analysis.get("min_valid", 4), nothing_else=nothing_else)
    return without_values(result, job.output, record.names, measure, why)


def _plans(begun: Begun, job: TrendJob, means: Means, work: "Workspace") -> "dict[str, Plan]":
    """How each variable is read: as in the run that is resumed, or written down for one that resumes this one."""
    from gridtrend import io

    record = begun.record
    options: dict[str, Any] = {"resources": job.resources, "space": io.free_space(work.scratch)}
    plans = {}
    for name in record.names:
        cells = record.dataset[name].size // record.steps
        held = io.held_bytes(cells, begun.target.suffix, together=bool(job.field_test))
        plans[name] = record.plan(name, means, held=held, earlier=work.plans.get(name), **options)
    if not work.plans:
        work.begin(plans)
    return plans


def _results(
    record: Record, job: TrendJob, plans: "dict[str, Plan]", work: "Workspace", progress: Progress
) -> "Iterator[xr.Dataset]":
    from gridtrend import io
    from gridtrend.grid.names import named_as_in

    for name in record.names:
        array = record.dataset[name]
        series = io.read(array, plans[name], progress, scratch=work.scratch, ledger=work.ledger)
        # On a Dataset the accessor puts the name of the variable before those of its results.
        subject = series if len(record.names) == 1 else series.to_dataset()
        trends = getattr(subject.gridtrend, job.test)(record.dim, **job.analysis)
        if job.field_test:
            trends = trends.assign(trends.gridtrend.field_significance(**job.field_test).data_vars)
        source = named_as_in(trends, record.dataset)
        yield io.add_grid(trends, source[name], source)
