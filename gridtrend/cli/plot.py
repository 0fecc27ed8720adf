"""`gridtrend plot`: a map of what `gridtrend trend` wrote."""

from collections.abc import Sequence
from pathlib import Path

import click

from gridtrend.cli.arguments import PATH
from gridtrend.cli.terminal import notes

SUFFIXES = (".png", ".pdf", ".svg", ".jpg")


@click.command(no_args_is_help=True)
@click.argument("result", type=PATH)
@click.argument("map_path", metavar="MAP.png", type=PATH)
@click.option("-v", "--variable", metavar="NAME", help="Which variable, where RESULT holds several.")
@click.option("-O", "--overwrite", is_flag=True, help="Replace an existing map.")
def plot(result: str, map_path: str, variable: str | None, overwrite: bool) -> None:
    """Draw the slopes in RESULT, a file that `gridtrend trend` wrote, as a map.

    Colours show the slope; cells that are not significant are hatched. The suffix of the map says
    its format: .png, .pdf, .svg or .jpg.
    """
    from gridtrend import io

    with notes(quiet=False):
        inputs = io.list_inputs([result])
        check_map(map_path, inputs, overwrite=overwrite)
        draw_map(inputs[0], map_path, variable)


def check_map(map_path: str, inputs: Sequence[str], *, overwrite: bool = False) -> None:
    """Make sure, before anything is computed, that a map can be drawn there."""
    from gridtrend import io

    require_matplotlib()
    if Path(map_path).suffix not in SUFFIXES:
        raise io.OutputError(f"the map '{map_path}' must end in one of {', '.join(SUFFIXES)}")
    io.check_target(map_path, inputs, overwrite=overwrite)


def require_matplotlib() -> None:
    """Fail where the extra for maps is not installed."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise ImportError("a map needs matplotlib, which is not installed: pip install 'gridtrend[plot]'")


def map_paths(map_path: str, names: Sequence[str]) -> dict[str | None, str]:
    """One map for each variable; where there are several, each map bears its variable's name."""
    if len(names) == 1:
        return {None: map_path}
    path = Path(map_path)
    return {name: str(path.with_stem(f"{path.stem}_{name}")) for name in names}


def draw_map(result: str, map_path: str, variable: str | None = None) -> None:
    """Draw the slopes in a file."""
    from gridtrend import io
    from gridtrend.plot import trend_map

    with io.open_input([result]) as dataset:
        slopes = [str(name) for name in dataset.data_vars if str(name).endswith("slope")]
        if not slopes:
            raise io.InputError(f"'{result}' holds no slopes: make it with `gridtrend trend`, without --no-slope")
        names = [name.removesuffix("_slope") for name in slopes]
        if len(slopes) > 1 and variable not in names:
            found = f"no trend of '{variable}'" if variable else "the trends of several variables"
            raise io.InputError(f"'{result}' holds {found}: choose with --variable one of {', '.join(names)}")
        trend_map(dataset, variable=variable, path=map_path)
