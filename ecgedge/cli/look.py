"""What commands that look at a model's records have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

LEAST_WIDTH = 110
"""Columns that tables are printed in, even on a narrower terminal."""

Command = Callable[..., Any]

_OPTIONS: tuple[Callable[[Command], Command], ...] = (
    click.option(
        "--test",
        is_flag=True,
        help="Open the test records, and write so into the ledger of the run. Without it a run is "
        "asked about the records that validated it.",
    ),
    click.option(
        "--protocol",
        type=click.Choice(["ds1-ds2", "replica"]),
        help="Split of records. Default: the one of the run, or the one of the bundle's task.",
    ),
    click.option(
        "--aami-map",
        type=click.Choice(["aami", "bxb"]),
        help="Escape beats (e, j, n) are N, or S as WFDB's bxb has them. Default: the run's own.",
    ),
    click.option(
        "--resamples",
        type=click.IntRange(1, 100_000),
        default=2000,
        show_default=True,
        help="Bootstrap resamples of the records.",
    ),
    click.option("--plots/--no-plots", default=True, show_default=True, help="Draw pictures."),
    click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output."),
)


def look_options(command: Command) -> Command:
    """Give a command the options about records, resamples, pictures and JSON."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def typed(context: click.Context) -> str:
    """Return the command as it could be typed again: only what was given, in a fixed order."""
    import shlex

    from click.core import ParameterSource

    words = ["ecgedge", str(context.command.name)]
    for parameter in context.command.params:
        name, value = parameter.name or "", context.params.get(parameter.name or "")
        if context.get_parameter_source(name) != ParameterSource.COMMANDLINE:
            continue
        if isinstance(parameter, click.Argument):
            words += [str(word) for word in (value or () if parameter.nargs < 0 else [value])]
        elif isinstance(value, bool):
            words.append((parameter.opts if value else parameter.secondary_opts)[-1])
        else:
            for one in value if isinstance(value, tuple) else (value,):
                words += [parameter.opts[-1], str(one)]
    return shlex.join(words)


def place_of(name: str) -> Path:
    """Return the folder of a run or bundle; shipped bundles go by their name."""
    if Path(name).exists():
        return Path(name)
    from ecgedge.zoo import find_bundle

    return find_bundle(name)


def can_draw() -> bool:
    """Say whether pictures can be drawn, and tell the user where they cannot."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is not None:
        return True
    click.echo("no pictures: matplotlib is not installed (pip install 'ecgedge[train]').", err=True)
    return False
