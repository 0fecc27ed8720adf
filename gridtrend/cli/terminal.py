"""What the command line says and how it ends: notes, progress, errors of one line, signals."""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import IO, Any

import click

from gridtrend.cli.signals import stopping_signals
from gridtrend.grid import dialect
from gridtrend.grid.dialect import printable

# netCDF4 swallows a KeyboardInterrupt that arrives in its compiled code: remember that there was one.
_interrupted = threading.Event()
INTERRUPTED = "interrupted; no unfinished file was left behind"
# So many names are listed; of more, the first ones.
MOST_NAMES = 6


class Failure(click.ClickException):
    """A run that could not be finished: one line on stderr, exit code 1."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line, if there still is a terminal."""
        with contextlib.suppress(OSError):
            click.echo(f"gridtrend: error: {_one_line(self.message)}", err=True)


class Misuse(Failure):
    """A call that is no call of a command: one line on stderr, exit code 2."""

    exit_code = 2


class Group(click.Group):
    """Commands whose every failure is one line, and whose call is kept for the history."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments of the command line."""
        with failures():
            return super().make_context(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the arguments as they were given."""
        ctx.obj = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with failures():
            return super().invoke(ctx)


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """Turn every exception into a `Failure`, whose message names options and not arguments of Python."""
    try:
        with dialect.command_line():
            yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise Misuse(_usage(error)) from None
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt as error:
        raise Failure(_with_notes("interrupted" if hasattr(error, "__notes__") else INTERRUPTED, error)) from None
    except Exception as error:
        if os.environ.get("GRIDTREND_DEBUG"):
            raise
        raise Failure(_with_notes(_explain(error), error)) from None


def _usage(error: click.UsageError) -> str:
    """What is wrong with a call, and where to read how it is made."""
    where = error.ctx.command_path if error.ctx is not None else "gridtrend"
    return f"{error.format_message().rstrip('.')}; see `{where} --help`"


def _explain(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"not enough memory ({error}): select a part of the data with --select"
    # Messages of these kinds are written for users; others are news to us too.
    if isinstance(error, (ValueError, TypeError, OSError, ImportError)) and str(error):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}. Set GRIDTREND_DEBUG=1 to see where it comes from"


def _with_notes(message: str, error: BaseException) -> str:
    """What happened, and what those who let it pass have to add."""
    return ". ".join([message.rstrip("."), *getattr(error, "__notes__", [])])


def _one_line(message: object) -> str:
    return printable(" ".join(str(message).split()))


def listed(names: Sequence[str]) -> str:
    """Names in a line of readable length: the first ones, and how many more there are.

    Examples
    --------
    >>> listed(["tas", "pr"]), listed([f"v{k}" for k in range(345)])
    ('tas, pr', 'v0, v1, v2, v3, v4 and 340 more')
    """
    shown = names if len(names) <= MOST_NAMES else names[: MOST_NAMES - 1]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def say(lines: Sequence[object], *, err: bool = False) -> None:
    """Print lines, none of which does more to the terminal than a line does."""
    click.echo("\n".join(map(printable, lines)), err=err)


def note(message: object) -> None:
    """Tell something that does not stop the run."""
    # In place of the line of `Progress`, which is drawn again below.
    start = "\r\x1b[K" if sys.stderr.isatty() else ""
    click.echo(f"{start}gridtrend: note: {_one_line(message)}", err=True)


@contextlib.contextmanager
def notes(quiet: bool) -> Iterator[None]:
    """Show warnings and lines of the log as notes, each once; those about code are not for users, whoever wants them shown.

    Lines that only inform, such as those about a compiler, are for whoever waits at a terminal.
    """
    said = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = str(message)
        if not quiet and issubclass(category, UserWarning) and text not in said:
            said.add(text)
            note(text)

    log = logging.getLogger("gridtrend")
    level = logging.INFO if sys.stderr.isatty() and not quiet else logging.WARNING
    handler = logging.Handler(level)
    handler.emit = lambda record: show(record.getMessage(), UserWarning)  # type: ignore[method-assign]
    with warnings.catch_warnings(), contextlib.ExitStack() as stack:
        log.addHandler(handler)
        stack.callback(log.removeHandler, handler)
        stack.callback(log.setLevel, log.level)
        log.setLevel(min(level, log.getEffectiveLevel()))
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


class Progress:
    """A line on the terminal that appears when the work has taken a second, and goes when it is done."""

    def __init__(self, quiet: bool) -> None:
        self._shown = sys.stderr.isatty() and not quiet
        self._next = time.monotonic() + 1
        self._drawn = False

    def __call__(self, label: str, done: int, total: int) -> None:
        """Draw the line anew, a few times a second at most; stop here if a signal was lost."""
        if _interrupted.is_set():
            raise KeyboardInterrupt
        if self._shown and time.monotonic() >= self._next:
            filled = 30 * done // max(total, 1)
            bar = "#" * filled + "." * (30 - filled)
            click.echo(
                f"\r\x1b[K{printable(label)[:30]:<30} [{bar}] {100 * done // max(total, 1):3d} %",
                err=True,
                nl=False,
            )
            self._next = time.monotonic() + 0.2
            self._drawn = True

    @contextlib.contextmanager
    def of_tasks(self, threads: int) -> Iterator[None]:
        """Let dask run on so many threads; whoever gives it work reports here how far that is."""
        import dask

        with dask.config.set(scheduler="threads", num_workers=threads):
            yield

    def clear(self) -> None:
        """Take the line away."""
        if self._drawn:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._drawn = False


def stop_on_signals() -> None:
    """End a run on SIGTERM, or when the terminal is closed, as on Ctrl-C: cleaned up, with one line."""

    def interrupt(signum: int, frame: Any) -> None:
        _interrupted.set()
        raise KeyboardInterrupt

    for each in stopping_signals():
        signal.signal(each, interrupt)
