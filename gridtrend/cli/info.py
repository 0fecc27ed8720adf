"""`gridtrend info`: what `gridtrend trend` would do with an input."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gridtrend.cli.arguments import inputs_argument
from gridtrend.cli.record import Record, open_record, record_options
from gridtrend.cli.resources import Resources, resource_options
from gridtrend.cli.terminal import notes, say

if TYPE_CHECKING:
    import xarray as xr

    from gridtrend.io import Plan

# Values that are read to tell how many are missing; of more, a few chunks are.
SAMPLE = 5_000_000
RESULT_BYTES_PER_CELL = 9 * 8 + 4 + 1


@click.command(no_args_is_help=True)
@inputs_argument
@record_options
@resource_options
def info(inputs: tuple[str, ...], resources: Resources, **chosen: Any) -> None:
    """Tell what `gridtrend trend` would do with INPUT..., without doing it.

    Of large records a small sample is read: how many values are missing is then an estimate.
    Copies on disk are planned for the folder that you are in.
    """
    with notes(quiet=False):
        record = open_record(inputs, **chosen)
        lines = [", ".join(inputs), f"  {record.dim}: {record.period}, {_calendar(record)}"]
        for name in record.names:
            lines += _about(record, name, resources)
        record.warn_of_cycle()
    say(lines)


def _calendar(record: Record) -> str:
    from gridtrend import io
    from gridtrend.grid.refusals import Refusal
    from gridtrend.grid.timeaxis import time_axis
    from gridtrend.grid.timeunits import known_days

    coordinate = record.dataset.coords.get(record.dim)
    if coordinate is None:
        return "no coordinate: use --per step"
    if not io.holds_dates(coordinate):
        try:
            time_axis(record.dataset[record.names[0]], record.dim)
        except Refusal as error:
            return f"no times that can be used: {error.problem.rstrip('.')}"
        units = coordinate.attrs.get("units")
        known = coordinate.dtype.kind == "m" or known_days(str(units or "") or record.dim) is not None
        return f"numbers in '{units or 'no units'}'" + (
            "" if known else ", which is no unit of time: slopes are per unit"
        )
    return f"{coordinate.dt.calendar} calendar"


def _about(record: Record, name: str, resources: Resources) -> list[str]:
    from gridtrend import io

    array, dim = record.dataset[name], record.dim
    space = io.free_space(Path.cwd())
    plan = record.plan(name, resources.at_hand(), resources=resources, space=space)
    files = io.sources(array.variable)
    chunks = _sizes(io.disk_chunks(array))
    packed = array.encoding.get("dtype", array.dtype)
    stored = f"{array.dtype}" + (f" packed as {packed}" if packed != array.dtype else "")
    result = plan.cells * RESULT_BYTES_PER_CELL
    return [
        f"{array.name} ({_sizes(array.sizes)}) {stored}, {array.attrs.get('units', 'no units')}",
        f"  missing: {_missing(array, dim)}",
        f"  on disk: {'chunks of ' + chunks if chunks else 'in one piece'}"
        + (f", {len(files)} files" if len(files) > 1 else ""),
        f"  reading: {_reading(plan)}, {plan.nbytes / 1e6:,.1f} MB; result: {result / 1e6:,.1f} MB",
        f"  cost: {plan.cells:,} cells x {array.sizes[dim]:,} steps, {plan.pairs:.2g} pairs of values; "
        + (f"blocks of {_sizes(plan.blocks)}" if plan.blocks else "one block"),
        (
            f"  plan: {plan.passes} {'pass' if plan.passes == 1 else 'passes'} over the input, {plan.tasks:,} "
            f"{'task' if plan.tasks == 1 else 'tasks'}, {plan.memory / 1e6:,.0f} MB at the peak, {_duration(plan.seconds)}"
        ),
    ]


def _sizes(sizes: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {size}" for name, size in sizes.items())


def _reading(plan: "Plan") -> str:
    """How the plan reads, in words."""
    return {
        "whole": "once, as a whole",
        "alone": "once, as a whole, when the variables before it are done",
        "tiles": "once, in tiles that follow the chunks on disk",
        "passes": f"in tiles that cut the chunks on disk, each of which is unpacked {plan.passes} times",
        "zarr": f"once, into a copy on disk of {plan.nbytes / 1e9:,.1f} GB at most, which is read by tiles",
        "p2p": "once, by workers that exchange parts until each has whole series",
    }[plan.reading]


def _duration(seconds: float) -> str:
    """A guess, no more precise than it is."""
    if seconds < 10:
        return "seconds"
    return f"about {seconds / 60:,.0f} min" if seconds >= 60 else f"about {10 * round(seconds / 10)} s"


def _missing(array: "xr.DataArray", dim: str) -> str:
    if array.dtype.kind != "f":
        return "none (whole numbers)"
    from gridtrend import io

    found = io.count_missing(array, dim, SAMPLE)
    if found.fraction is None:
        return "not looked at, the chunks are too large for a sample"
    fraction = f"{100 * found.fraction:.1f} %"
    if found.values == array.size:
        return fraction
    seen = f"{found.steps} of {array.sizes[dim]} steps" if found.steps else f"{found.values:,} of {array.size:,} values"
    return f"{fraction} of a sample (seen in {seen})"
