"""Faults on the command line of `ecgedge simulate`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from firmware_sim.errors import EcgedgeError

if TYPE_CHECKING:
    from ecgedge.faults import Fault

TRIALS = 20


def read_faults(values: Sequence[str]) -> tuple[list["Fault"], list[str]]:
    """Read what was given with --fault.

    Returns
    -------
    faults : list of Fault
        Those with a severity.
    kinds : list of str
        Those without.

    Raises
    ------
    EcgedgeError
        When a kind is unknown or has two severities, a severity is no number or not possible, or
        both forms are mixed.
    """
    from ecgedge.faults import Fault, kind_of

    faults: list[Fault] = []
    kinds: list[str] = []
    for value in values:
        kind, has_severity, severity = value.partition("=")
        kind_of(kind)
        if has_severity:
            if any(fault.kind == kind for fault in faults):
                raise EcgedgeError(f"--fault {kind} is given twice; give each fault one severity.")
            faults.append(Fault(kind, _number(severity, f"--fault {value}")))
        else:
            kinds.append(kind)
    if faults and kinds:
        raise EcgedgeError(
            f"{values[0]} and {values[-1]} do not go together: name a severity with each fault to "
            "run recordings, or with none of them to sweep over severities."
        )
    return faults, list(dict.fromkeys(kinds))


def _number(text: str, given: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise EcgedgeError(
            f"{text!r} in `{given}` is no number; write KIND=SEVERITY, or severities with commas "
            "between them."
        ) from None


def read_levels(kinds: Sequence[str], text: str | None) -> dict[str, tuple[float, ...]]:
    """Return the severities of each kind: those of --severities, or the usual ones.

    Raises
    ------
    EcgedgeError
        When they are no numbers, or are given for several kinds.
    """
    from ecgedge.faults import kind_of

    if text is None:
        return {kind: kind_of(kind).levels for kind in kinds}
    if len(kinds) > 1:
        raise EcgedgeError("--severities are those of one fault; name one, or leave them out.")
    return {kinds[0]: tuple(_number(part, f"--severities {text}") for part in text.split(","))}


def run_sweep(
    bundle: str,
    records: Sequence[str],
    kinds: Sequence[str],
    severities: str | None,
    *,
    data: Path | None,
    lead: str | None,
    trials: int,
    seed: int,
    test: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Run `ecgedge simulate` with faults that have no severity."""
    from ecgedge.cli.look import typed
    from ecgedge.fault_report import draw
    from ecgedge.fault_sweep import choose, sweep
    from ecgedge.verification.inputs import find_recordings

    levels = read_levels(kinds, severities)
    if plot is not None:  # a sweep takes minutes
        _check_picture(plot)
    folder, _ = find_recordings(data)
    programs, subject = _models(bundle)
    swept = choose(programs, records, folder, subject=subject, lead=lead)
    found = sweep(
        swept,
        folder,
        levels,
        trials=trials,
        seed=seed,
        test=test,
        command=typed(click.get_current_context()),
        tell=lambda line: click.echo(line, err=True),
    )
    if found["ledger"] is not None:
        click.echo(f"ledger: {found['ledger']}", err=True)
    if plot is not None:
        draw(found, plot)
        click.echo(f"picture: {plot}", err=True)
    if as_json:
        click.echo(json.dumps(found, allow_nan=False))
    else:
        _print(found)


def _check_picture(path: Path) -> None:
    if path.suffix.lower() != ".png":
        raise EcgedgeError(f"the picture is a PNG; give it a name that ends in .png, not {path}.")
    if not path.parent.is_dir():
        raise EcgedgeError(f"the folder {path.parent} does not exist; make it first.")


def _models(name: str) -> tuple[Any, Any]:
    """Return the programs that a user means, one a seed, and the bundle or run they are from."""
    from ecgedge.evaluation.subject import read_subject
    from ecgedge.zoo import find_bundle, find_program

    place = find_bundle(None if name == "default" else name)
    if place.is_file():
        return [find_program(str(place))], None
    subject = read_subject(place)
    if not subject.programs:
        raise EcgedgeError(
            f"{subject.name} has no integer program; name a student that was trained with bounds."
        )
    return subject.programs, subject


def _print(found: dict[str, Any]) -> None:
    from rich.console import Console

    from ecgedge.cli.look import LEAST_WIDTH
    from ecgedge.evaluation.text import print_table
    from ecgedge.fault_report import tables

    console = Console(file=sys.stdout)
    console.width = max(console.width, LEAST_WIDTH)
    for table in tables(found):
        print_table(table, console)
