"""What commands from file to file have in common: a job, how it begins, and what it says of what it made."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gridtrend.cli.outcome import after_writing
from gridtrend.cli.plot import check_map, map_paths
from gridtrend.cli.record import Record, open_record
from gridtrend.cli.terminal import listed, note, notes, say

if TYPE_CHECKING:
    import xarray as xr


# Parameters of commands that change no value of a result: where it goes, what is used for it, what is said. Every other one
# is noted, so that a run is not resumed with other options.
SHAPES_NOTHING = frozenset(
    (
        "inputs",
        "output",
        "overwrite",
        "resume",
        "quiet",
        "map_path",
        "picture",
        "memory_limit",
        "chunks",
        "rechunk",
        "threads",
        "workers",
        "threads_per_worker",
        "scheduler",
        "scheduler_file",
    )
)


@dataclass(frozen=True)
class Job:
    """One run: what is read, what is computed, what is left behind.

    Parameters
    ----------
    inputs, output : str
        Files.
    variables, dim, selections, group, overlap
        As `open_record` takes them.
    analysis : dict
        Arguments of what is computed.
    picture : str, optional
        Where to draw.
    command : str
        The call, for the history.
    options : dict
        All options of the call that may shape results, from `shaping_options`.
    overwrite : bool
        Whether existing files are replaced.
    quiet : bool
        Whether progress is hidden.
    """

    inputs: Sequence[str]
    output: str
    variables: Sequence[str] = ()
    dim: str | None = None
    selections: Sequence[tuple[str, str]] = ()
    group: str | None = None
    overlap: str = "refuse"
    analysis: dict[str, Any] = field(default_factory=dict)
    picture: str | None = None
    command: str = "gridtrend"
    options: dict[str, Any] = field(default_factory=dict)
    overwrite: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class Begun:
    """A job whose names have been found good: nothing but coordinates has been read.

    Parameters
    ----------
    inputs, target
        Paths, as `io` takes them.
    record : Record
        What is analysed.
    pictures : dict of variable to path
        What is drawn; the variable is None where there is one.
    """

    inputs: list[str]
    target: Path
    record: Record
    pictures: dict[str | None, str]


def begin(job: Job) -> Begun:
    """Find and open what a job names, and refuse what cannot be written, before anything is read."""
    from gridtrend import io

    inputs = io.list_inputs(job.inputs)
    target = io.check_output(job.output, inputs, overwrite=job.overwrite)
    record = open_record(
        inputs,
        dim=job.dim,
        variables=job.variables,
        selections=job.selections,
        group=job.group,
        overlap=job.overlap,
    )
    pictures = map_paths(job.picture, record.names) if job.picture is not None else {}
    for path in pictures.values():
        check_map(path, [*inputs, str(target)], overwrite=job.overwrite)
    return Begun(inputs, target, record, pictures)


def shaping_options() -> dict[str, Any]:
    """All options of this call of the command line but those that cannot change a result, by the names users know."""
    context = click.get_current_context()
    return {
        max(parameter.opts, key=len): context.params[parameter.name]
        for parameter in context.command.params
        if parameter.name in context.params and parameter.name not in SHAPES_NOTHING
    }


def facts(begun: Begun, job: Job) -> dict[str, Any]:
    """What the results of a job depend on: a run is resumed only with the same."""
    from gridtrend import __version__, io

    return {
        "gridtrend": __version__,
        "inputs": io.fingerprint(begun.inputs),
        "options": {"variables": begun.record.names, "dim": begun.record.dim, **job.analysis, **job.options},
    }


def described(results: "Iterable[xr.Dataset]", record: Record, job: Job, what: str) -> "xr.Dataset":
    """Results of all variables as one Dataset that says where it comes from."""
    import xarray as xr

    from gridtrend import __version__, io

    result = xr.merge(list(results), compat="override", join="override", combine_attrs="override")
    history = io.history_line(job.command, __version__)
    return io.describe(result, record.dataset, history, f"{what} of {listed(record.names)}")


def carry_out(run: Callable[[Any], str], job: Job) -> None:
    """Run a job, its warnings shown as notes, and say the line that it returns."""
    with notes(job.quiet):
        said = run(job)
    if not job.quiet:
        say([said], err=True)


def draw(job: Job, pictures: dict[str | None, str], draw_one: Callable[[str, str | None], None]) -> None:
    """Draw what can be drawn of an output that is written; tell of the rest, or fail where that is all.

    Parameters
    ----------
    job : Job
        Its output is written.
    pictures : dict of variable to path
        What to draw.
    draw_one : callable
        Draws a picture, given its path and the variable.
    """
    failed: dict[str, ValueError] = {}
    with after_writing(job.output):
        for name, path in pictures.items():
            try:
                draw_one(path, name)
            except ValueError as error:
                failed[path] = error
        if failed and len(failed) == len(pictures):
            raise next(iter(failed.values()))
    if failed and not job.quiet:
        note(f"{listed(list(failed))} could not be drawn: {next(iter(failed.values()))}")


def require_values(empty: dict[str, str], names: Sequence[str], output: str, *, quiet: bool) -> None:
    """Tell of variables without any result, and why there are none; fail where no variable has any."""
    from gridtrend import io

    if not empty:
        return
    reasons = dict.fromkeys(empty.values())
    told = "; ".join(
        f"'{listed([name for name in empty if empty[name] == reason])}': {reason}" for reason in list(reasons)[:3]
    )
    if len(empty) == len(names):
        raise io.InputError(
            f"there is no result at all: {told}. '{output}' was written, and holds missing values alone"
        )
    if not quiet:
        note(f"no result for {told}")
