"""What a command works on: the options that name it, and how it is opened."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from gridtrend.cli.resources import Means, Resources

if TYPE_CHECKING:
    import xarray as xr

    from gridtrend.io import Plan

__all__ = ["Record", "open_record", "record_options"]

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
        first, last = (str(end)[:10] if io.holds_dates(coordinate) else f"{end:g}" for end in ends)
        return f"{self.steps:,} steps from {first} to {last}"

    def plan(
        self,
        name: str,
        means: Means,
        *,
        resources: Resources | None = None,
        space: float = 0.0,
    ) -> "Plan":
        """How to read one variable, when all of them may be in memory at once.

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
            variables=len(self.names),
        )


def open_record(
    inputs: Sequence[str],
    *,
    dim: str | None = None,
    variables: Sequence[str] = (),
    selections: Sequence[tuple[str, str]] = (),
) -> Record:
    """Open inputs, find the dimension and the variables, and cut out what is selected."""
    from gridtrend import io

    dataset = io.open_input(inputs, dim, variables)
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


def _pairs(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> list[tuple[str, str]]:
    for value in values:
        if not all(value.partition("=")):
            raise click.BadParameter(f"'{value}' is not NAME=VALUE or NAME=FROM:TO, as in time=1960:2010")
    return [(name.strip(), wanted.strip()) for name, _, wanted in (v.partition("=") for v in values)]


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
            callback=_pairs,
            help="Keep a part, such as time=1960:2010, lat=-30:30 or level=850; may be repeated.",
        ),
    ]
    for decorate in reversed(decorators):
        command = decorate(command)
    return command
