"""`gridtrend info`: what `gridtrend trend` would do with an input."""

from typing import TYPE_CHECKING, Any

import click

from gridtrend.cli.record import Record, available_threads, open_record, record_options
from gridtrend.cli.terminal import notes

if TYPE_CHECKING:
    import xarray as xr

# Values that are read to tell how many are missing.
SAMPLE = 5_000_000
RESULT_BYTES_PER_CELL = 9 * 8 + 4 + 1


@click.command(no_args_is_help=True)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@record_options
def info(inputs: tuple[str, ...], **chosen: Any) -> None:
    """Tell what `gridtrend trend` would do with INPUT..., without doing it."""
    with notes(quiet=False):
        record = open_record(inputs, **chosen)
        lines = [", ".join(inputs), f"  {record.dim}: {record.period}, {_calendar(record)}"]
        for name in record.names:
            lines += _about(record, name)
    click.echo("\n".join(lines))


def _calendar(record: Record) -> str:
    from gridtrend import io

    coordinate = record.dataset.coords.get(record.dim)
    if coordinate is None:
        return "no coordinate: use --per step"
    if not io.holds_dates(coordinate):
        return f"numbers in '{coordinate.attrs.get('units', 'no units')}'"
    return f"{coordinate.dt.calendar} calendar"


def _about(record: Record, name: str) -> list[str]:
    from gridtrend import io

    array, dim = record.dataset[name], record.dim
    plan = record.plan(name, available_threads())
    sizes = ", ".join(f"{name} {size}" for name, size in array.sizes.items())
    chunks = ", ".join(f"{name} {size}" for name, size in io.disk_chunks(array).items())
    packed = array.encoding.get("dtype", array.dtype)
    stored = f"{array.dtype}" + (f" packed as {packed}" if packed != array.dtype else "")
    reading = "once, as a whole" if plan.whole else "in parts, since it does not fit in memory"
    tiles = ", ".join(f"{name} {size}" for name, size in plan.blocks.items())
    return [
        f"{array.name} ({sizes}) {stored}, {array.attrs.get('units', 'no units')}",
        f"  missing: {_missing(array, dim)}",
        f"  on disk: {'chunks of ' + chunks if chunks else 'in one piece'}",
        f"  reading: {reading}, {plan.nbytes / 1e6:,.1f} MB; result: {plan.cells * RESULT_BYTES_PER_CELL / 1e6:,.1f} MB",
        f"  cost: {plan.cells:,} cells x {array.sizes[dim]:,} steps, {plan.pairs:.2g} pairs of values; "
        + (f"blocks of {tiles}" if tiles else "one block"),
    ]


def _missing(array: "xr.DataArray", dim: str) -> str:
    if array.dtype.kind != "f":
        return "none (whole numbers)"
    n = array.sizes[dim]
    stride = -(-array.size // SAMPLE)
    seen = array.isel({dim: slice(None, None, stride)})
    fraction = float(seen.isnull().mean())
    sampled = f" (seen in {seen.sizes[dim]} of {n} steps)" if stride > 1 else ""
    return f"{100 * fraction:.1f} %{sampled}"
