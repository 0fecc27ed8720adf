"""What a run may use: memory, threads, workers, and how records are cut. One decorator gives a command all of it."""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import click

from gridtrend.cli.values import Count, whole_number

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True)
class Resources:
    """Options of the command line that say what a run may use.

    Parameters
    ----------
    memory_limit : float, optional
        Bytes of all processes together.
    chunks : sequence of (name, size)
        Tile sizes.
    rechunk : str
        What to do with disk chunks that are too wide.
    threads : int, optional
        Of this process; one a core by default.
    workers, threads_per_worker : int
        Processes to start.
    scheduler, scheduler_file : str, optional
        A cluster to join.
    """

    memory_limit: float | None = None
    chunks: Sequence[tuple[str, int]] = ()
    rechunk: str = "auto"
    threads: int | None = None
    workers: int | None = None
    threads_per_worker: int = 1
    scheduler: str | None = None
    scheduler_file: str | None = None

    def __post_init__(self) -> None:
        asked = [self.workers is not None, self.scheduler is not None, self.scheduler_file is not None]
        if "" in (self.scheduler, self.scheduler_file):
            raise click.UsageError("--scheduler needs an address, and --scheduler-file the name of a file")
        if sum(asked) > 1:
            raise click.UsageError("--workers, --scheduler and --scheduler-file exclude one another")
        if self.rechunk == "p2p" and not any(asked):
            raise click.UsageError("--rechunk p2p needs workers: give --workers, --scheduler or --scheduler-file")
        if self.threads and any(asked):
            raise click.UsageError("--threads is for runs without workers, which have --threads-per-worker")

    @property
    def clustered(self) -> bool:
        """Whether workers compute."""
        return bool(self.workers or self.scheduler or self.scheduler_file)

    def at_hand(self) -> "Means":
        """What there is before any cluster has been started or joined."""
        from gridtrend import io

        threads = (self.workers or 0) * self.threads_per_worker or self.threads or io.available_threads()
        return Means(threads, self.memory_limit, 1 + (self.workers or 0))

    @contextlib.contextmanager
    def running(self, say: Callable[[str], None]) -> Iterator["Means"]:
        """Have dask run on the threads or workers that were asked for."""
        import dask

        from gridtrend import io

        if self.memory_limit:
            io.return_freed_memory()
        if not self.clustered:
            means = self.at_hand()
            with dask.config.set(scheduler="threads", num_workers=means.threads):
                yield means
            return
        from gridtrend import cluster

        if self.workers:
            with cluster.start(
                self.workers, threads_per_worker=self.threads_per_worker, memory_limit=self.memory_limit
            ):
                yield self.at_hand()
            return
        with cluster.join(self.scheduler, scheduler_file=self.scheduler_file, say=say) as crew_found:
            yield Means(crew_found.threads, self.memory_limit or crew_found.memory / 2 or None, 0)


@dataclass(frozen=True)
class Means:
    """What there is.

    Parameters
    ----------
    threads : int
        In all processes.
    nbytes : float, optional
        What may be taken; half of what the machine has to spare where it is not said.
    processes : int
        How many processes `nbytes` is for; 0 where it is for data alone.
    own : float, optional
        Bytes that these processes take before they hold any data, where that has been measured.
    """

    threads: int
    nbytes: float | None = None
    processes: int = 0
    own: float | None = None


def _bytes(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    from dask.utils import parse_bytes

    try:
        found = float(parse_bytes(value))
    except (ValueError, OverflowError):
        found = 0.0
    if not 1e6 <= found < math.inf:
        raise click.BadParameter(f"'{value}' is not an amount of memory, such as 2GB or 500MB")
    return found


def _sizes(context: click.Context, parameter: click.Parameter, value: str | None) -> list[tuple[str, int]]:
    pairs = [item.partition("=") for item in value.split(",")] if value else []
    found = {name.strip(): whole_number(size) for name, _, size in pairs}
    if value is not None and not (len(found) == len(pairs) > 0 and all(found) and all(found.values())):
        raise click.BadParameter(f"'{value}' is not NAME=SIZE,..., such as lat=90,lon=180, with each name once")
    return [(name, size) for name, size in found.items() if size]


def resource_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options, and hand it `resources`."""

    @functools.wraps(command)
    def collected(*args: Any, **kwargs: Any) -> Any:
        mine = {field.name: kwargs.pop(field.name) for field in fields(Resources)}
        return command(*args, resources=Resources(**mine), **kwargs)

    options: list[Decorator] = [
        click.option(
            "--memory-limit",
            callback=_bytes,
            metavar="SIZE",
            help="What all processes together may take, such as 2GB.  [default: half of what is free]",
        ),
        click.option(
            "--chunks",
            callback=_sizes,
            metavar="NAME=SIZE,...",
            help="Cut tiles of this size, such as lat=90,lon=180.  [default: planned, see `gridtrend info`]",
        ),
        click.option(
            "--rechunk",
            type=click.Choice(["auto", "passes", "zarr", "p2p"]),
            default="auto",
            show_default=True,
            help="Disk chunks too wide for the memory: read them several times, copy the record into a Zarr store of "
            "tiles beside the output, or let the workers exchange parts.",
        ),
        click.option("--threads", type=Count(1), metavar="N", help="How many threads compute.  [default: one a core]"),
        click.option("--workers", type=Count(1), metavar="N", help="Start so many worker processes on this machine."),
        click.option(
            "--threads-per-worker", type=Count(1), metavar="N", default=1, show_default=True, help="Threads of each."
        ),
        click.option("--scheduler", metavar="ADDRESS", help="Join a dask cluster, such as tcp://10.0.0.1:8786."),
        click.option("--scheduler-file", metavar="FILE", help="Join the cluster whose scheduler wrote this file."),
    ]
    decorated: Callable[..., Any] = collected
    for decorate in reversed(options):
        decorated = decorate(decorated)
    return decorated
