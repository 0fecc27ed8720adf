"""Arguments that name files: INPUT... and OUTPUT, whose names a shell completes."""

import click

__all__ = ["PATH", "inputs_argument", "output_argument"]

# Any name of a file; whether it can be read or written is told when that is tried.
PATH = click.Path(readable=False)


def _require_inputs(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a call without input, which is most often one without output."""
    output = context.params.get("output")
    if not value:
        raise click.UsageError(
            "no input is named"
            if output is None
            else f"the output is missing: the last name is that of the output, and '{output}' is the only one here"
        )
    return value


inputs_argument = click.argument(
    "inputs", nargs=-1, metavar="INPUT...", type=PATH, callback=_require_inputs, required=False
)
# Read before the inputs, so that a call with one name can be told what is missing.
output_argument = click.argument("output", type=PATH, is_eager=True)
