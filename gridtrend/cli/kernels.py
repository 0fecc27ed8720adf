"""`gridtrend precompile` and `gridtrend cache`: compiled kernels, made ahead and cleared away."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gridtrend import public
from gridtrend.cli.terminal import Progress, notes, say
from gridtrend.cli.values import Count

if TYPE_CHECKING:
    from gridtrend.engine.kept import Folder


def _completed(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of functions for a shell that completes them."""
    return [name for name in public.compiled() if name.startswith(incomplete)]


@click.command()
@click.argument("functions", nargs=-1, metavar="[FUNCTION]...", shell_complete=_completed)
@click.option("--all", "everything", is_flag=True, help="The kernels of all functions.")
@click.option(
    "--processes", type=Count(1), metavar="N", help="How many compile, each in about 0.5 GB.  [default: one a core]"
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing unless it fails.")
def precompile(functions: tuple[str, ...], everything: bool, processes: int | None, quiet: bool) -> None:
    """Compile the kernels of FUNCTION... for this machine, so that nobody waits for it later.

    FUNCTION is the name of a function in Python, such as theil_sen or bvp.solve_linear; without any, the kernels of
    this command line are compiled. They are kept in the folder that `gridtrend cache` names, which machines of one
    kind can share (docs/clusters.md).
    """
    from gridtrend import ahead

    if everything and functions:
        raise click.UsageError("--all compiles the kernels of all functions: name none, or leave it out")
    try:
        ahead.named(functions)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    progress = Progress(quiet)
    try:
        with notes(quiet):
            done = ahead.precompile(*functions, everything=everything, processes=processes, report=progress)
    finally:
        progress.clear()
    if not quiet:
        what = f"{done.kernels} kernels are ready ({_number(done.compiled)} compiled in {done.seconds:.1f} s)"
        say([f"{what}: {done.folder}, {_megabytes(done.size)}"], err=True)


@click.command()
@click.option("--clear", is_flag=True, help="Remove files that this version of gridtrend cannot use.")
@click.option("--clear-all", is_flag=True, help="Remove all files.")
def cache(clear: bool, clear_all: bool) -> None:
    """Tell where compiled kernels are kept, and how many; or clear them away.

    A kernel that was removed is compiled again when it is needed. Of no use are the kernels of other versions of
    gridtrend, numba or Python: environments with other versions may use the same folder, and compile theirs again.
    Those for other kinds of processors are kept, as their machines may share the folder. Only files that gridtrend wrote
    and that are yours are removed; those of a shared folder never are.
    """
    from gridtrend.engine import cache as places
    from gridtrend.engine import kept, trusted

    if clear or clear_all:
        removed = kept.clear(everything=clear_all)
        say([f"{_number(removed.files)} removed, {_megabytes(removed.size)}"])
    own = kept.contents(kept.own_folder(), trusted.owners())
    lines = [_told(own)]
    if own.files > own.usable:
        lines.append(f"  of no use to this version: {own.files - own.usable}, which `gridtrend cache --clear` removes")
    if shared := places.shared_folder():
        lines.append(f"shared: {_told(kept.contents(shared, trusted.owners() | _owner(shared)))}")
    say(lines)


def _told(folder: "Folder") -> str:
    return (
        f"{folder.path}: {_number(folder.files)}, {_megabytes(folder.size)}, "
        f"{folder.usable} of use to this version of gridtrend"
    )


def _owner(folder: Path) -> frozenset[int]:
    """Whoever owns a shared folder is trusted by those who name it."""
    return frozenset([os.stat(folder).st_uid]) if folder.exists() else frozenset()


def _number(files: int) -> str:
    return f"{files:,} {'file' if files == 1 else 'files'}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
