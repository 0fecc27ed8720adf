"""What a command works on: the options that name it, and how it is opened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from gridtrend.cli import values
from gridtrend.cli.resources import Means, Resources

if TYPE_CHECKING:
    import xarray as xr

    from gridtrend.io import Plan

__all__ = ["Record", "open_record", "record_options"]

# Variables in which an annual cycle is looked for.
LOOKED_AT = 3

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True)
class Record:
    """An opened input: nothing but its coordinates has been read."""

    dataset: "xr.Dataset"
    dim: str
    names: list[str]

    @property
    def steps(self) -> int:
        """Length of the series."""
        return self.dataset.sizes[self.dim]

    @property
    def period(self) -> str:
        """Number of steps, first and last."""
        from gridtrend import io

        if self.dim not in self.dataset.coords:
            return f"{self.steps:,} steps"
        coordinate = self.dataset[self.dim]
        ends = coordinate.values[[0, -1]]
        if io.holds_dates(coordinate):
            first, last = _dates(*ends)
        else:
            first, last = (f"{end:g}" if coordinate.dtype.kind in "iuf" else str(end) for end in ends)
        return f"{self.steps:,} steps from {first} to {last}"

    def warn_of_cycle(self) -> None:
        """Warn once where a variable has an annual cycle; only the first few are looked at."""
        from gridtrend import io

        any(io.warn_of_cycle(self.dataset[name], self.dim) for name in self.names[:LOOKED_AT])

    def plan(
        self,
        name: str,
        means: Means,
        *,
        resources: Resources | None = None,
        space: float = 0.0,
        held: float = 0.0,
        earlier: "Plan | None" = None,
    ) -> "Plan":
        """How to read one variable of those of the run.

        Parameters
        ----------
        name : str
            The variable.
        means : Means
            What there is.
        resources : Resources, optional
            What was asked for.
        space : float
            Bytes that copies may take on disk.
        held : float
            Bytes of results that wait in memory for those of other tiles.
        earlier : Plan, optional
            Of the run that is resumed.
        """
        from gridtrend import io

        resources = resources or Resources()
        chunks = dict(resources.chunks)
        io.check_tiles(self.dataset[name], self.dim, chunks)
        return io.plan_chunks(
            self.dataset[name],
            self.dim,
            memory_limit=means.nbytes,
            threads=means.threads,
            chunks=chunks,
            rechunk=resources.rechunk,
            space=space / len(self.names),
            in_memory=not resources.clustered,
            processes=means.processes,
            own=means.own,
            others=sum(io.bytes_with_results(self.dataset[other], self.dim) for other in self.names if other != name),
            held=held,
            earlier=earlier,
        )


def _dates(first: Any, last: Any) -> list[str]:
    """Two dates as days, with the time of day where the days are the same."""
    days, times = zip(*(str(date).replace("T", " ").split(" ") for date in (first, last)), strict=True)
    return [f"{day} {time[:8]}" for day, time in zip(days, times, strict=True)] if days[0] == days[1] else list(days)


def open_record(
    inputs: Sequence[str],
    *,
    dim: str | None = None,
    variables: Sequence[str] = (),
    selections: Sequence[tuple[str, str]] = (),
    group: str | None = None,
    overlap: str = "refuse",
) -> Record:
    """Open inputs, find the dimension and the variables, and cut out what is selected."""
    from gridtrend import io

    dataset = io.open_input(inputs, dim, variables, group=group, overlap=overlap)
    dim = io.find_dim(dataset, dim)
    dataset = io.index_by_time(dataset, dim)
    names = io.find_variables(dataset, dim, variables)
    for name, wanted in selections:
        dataset = io.select(dataset, name, wanted)
    if dataset.sizes.get(dim, 1) < 2:
        raise io.InputError(
            f"there is only one step along '{dim}', and a trend needs several: name all the files of "
            "the record, select a longer period, or follow another dimension with --dim"
        )
    return Record(dataset, dim, names)


def record_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that `open_record` takes."""
    decorators: list[Decorator] = [
        click.option(
            "-v",
            "--variable",
            "variables",
            multiple=True,
            metavar="NAME",
            help="What to analyse; may be repeated.  [default: all suitable variables]",
        ),
        click.option("--dim", metavar="NAME", help="Dimension of the series.  [default: that of time]"),
        click.option(
            "--select",
            "selections",
            multiple=True,
            metavar="NAME=FROM:TO",
            callback=values.selections,
            help="Keep a part, such as time=1960:2010, lat=-30:30, level=850 or member=r1i1p1f1; may be repeated.",
        ),
        click.option("--group", metavar="NAME", help="Group of the files, such as ocean or ocean/surface."),
        click.option(
            "--overlap",
            type=click.Choice(["refuse", "first"]),
            default="refuse",
            show_default=True,
            help="Steps that two files hold: refuse them, or keep those of the file that begins first.",
        ),
    ]
    for decorate in reversed(decorators):
        command = decorate(command)
    return command
