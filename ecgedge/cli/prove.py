"""`ecgedge prove`: what every integer of a program can be, and the bundle's certificate of it."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ecgedge.cli.bundle import BUNDLE_HELP

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from firmware_sim.program import Program
    from firmware_sim.proof.interval import Quantity
    from firmware_sim.proof.network import Reach
    from firmware_sim.prove import Proof


WIDE = 120
"""Columns of a terminal from which on the reasons are shown."""


@click.command(epilog=BUNDLE_HELP)
@click.argument("bundle", required=False)
@click.option(
    "--write",
    is_flag=True,
    help="Write certificate and golden layers anew first, with card and checksums: for a bundle "
    "of an earlier version.",
)
@click.option(
    "--eva",
    is_flag=True,
    help="Also let Frama-C look for undefined behaviour in the C library; takes half a minute.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def prove(
    context: click.Context, bundle: str | None, write: bool, eva: bool, as_json: bool
) -> None:
    """Prove that no input can overflow a program, and check the bundle's certificate.

    The bounds are proved afresh and their witnesses replayed through the simulator. Ends with code
    0 only if everything fits, the certificate says exactly that, and Eva raises no alarm.
    """
    from ecgedge.verification.checks import check_proof
    from ecgedge.zoo import find_bundle
    from export.bundle import read_bundle, renew
    from firmware_sim.proof.certificate import certificate
    from firmware_sim.prove import prove as make_proof

    read = read_bundle(find_bundle(bundle))
    if write:
        read = renew(read)
    proof, checked = make_proof(read.program), check_proof(read)
    ok = checked["ok"] and checked["certificate_matches"]
    if not as_json:
        _print_proof(read.name, proof, checked)
    if eva:
        checked["eva"] = _run_eva(read.program, show=not as_json)
        ok = ok and checked["eva"]["ok"]
    if as_json:
        click.echo(json.dumps({**certificate(proof), **checked, "ok": ok}))
    context.exit(0 if ok else 1)


def _run_eva(program: "Program", *, show: bool) -> dict[str, Any]:
    """Return what Eva finds in the C library, for JSON; show each analysis when it is done."""
    from ecgedge.verification.eva import eva, summary

    runs = []
    for run in eva(program):
        runs.append(run)
        if show:
            click.echo(f"{'Eva' if run.ok else 'FAILED: Eva'}: {run}.")
    return summary(runs)


def _print_proof(name: str, proof: "Proof", checked: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console()
    _print_reaches(console, proof.layers)
    _print_quantities(console, "A beat from ADC counts", proof.normalization)
    _print_quantities(console, f"A stream at {proof.fs} Hz, of any length", proof.stream)
    if not proof.stream:
        click.echo(f"The R-peak detector does not work at {proof.fs} Hz: no stream is proved.")
    for failure in checked["failures"]:
        click.echo(f"FAILED: {failure}")
    if not checked["certificate_matches"]:
        click.echo(f"FAILED: proof.json is not the proof of this program: {checked['difference']}.")
    if checked["ok"] and checked["certificate_matches"]:
        click.echo(
            f"{name}: no input can overflow it; {checked['replayed']} witnesses replayed through "
            "the simulator."
        )


def _table(title: str, names: Sequence[str], numbers: Sequence[str]) -> "Table":
    """Return an empty table, narrow enough for 80 columns: names first, numbers to the right."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
    table.collapse_padding = True
    for name in names:
        table.add_column(name, no_wrap=True)
    for number in numbers:
        table.add_column(number, no_wrap=True, justify="right")
    return table


def _print_reaches(console: "Console", reaches: Iterable["Reach"]) -> None:
    numbers = ("least", "greatest", "on the way", "bits", "spare", "by")
    table = _table("The network", ("channel",), numbers)
    for reach in reaches:
        known = reach.witness_min is not None and reach.witness_max is not None
        table.add_row(
            f"{reach.name} {reach.channel}",
            str(reach.min),
            str(reach.max),
            f"{reach.partial_min} ... {reach.partial_max}",
            str(reach.width_bits),
            str(reach.spare_bits),
            reach.kind if known else "bound",
        )
    console.print(table)


def _print_quantities(console: "Console", title: str, quantities: Iterable["Quantity"]) -> None:
    """Print quantities, on a wide terminal with the reasons; `--json` has them always."""
    table = _table(title, ("value",), ("least", "greatest", "type", "spare"))
    wide = console.width >= WIDE
    if wide:
        table.add_column("because")
    for quantity in quantities:
        why = (quantity.rule,) if wide else ()
        numbers = (str(quantity.low), str(quantity.high), quantity.type, str(quantity.spare_bits))
        table.add_row(quantity.name, *numbers, *why)
    if table.row_count:
        console.print(table)
