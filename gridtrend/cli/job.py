"""What commands from file to file have in common: a job, how it begins, and what it says of what it made."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gridtrend.cli.plot import check_map, map_paths
from gridtrend.cli.record import Record, open_record
from gridtrend.cli.terminal import notes

if TYPE_CHECKING:
    import xarray as xr


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
    pictures = map_paths(job.picture, record.names) if job.picture else {}
    for path in pictures.values():
        check_map(path, inputs, overwrite=job.overwrite)
    return Begun(inputs, target, record, pictures)


def described(results: "Iterable[xr.Dataset]", record: Record, job: Job, what: str) -> "xr.Dataset":
    """Results of all variables as one Dataset that says where it comes from."""
    import xarray as xr

    from gridtrend import __version__, io

    result = xr.merge(list(results), compat="override", join="override", combine_attrs="override")
    history = io.history_line(job.command, __version__)
    return io.describe(result, record.dataset, history, f"{what} of {', '.join(record.names)}")


def carry_out(run: Callable[[Any], str], job: Job) -> None:
    """Run a job, its warnings shown as notes, and say the line that it returns."""
    with notes(job.quiet):
        said = run(job)
    if not job.quiet:
        click.echo(said, err=True)
