"""`ecgedge prove`: what every integer of a program can be, and the bundle's certificate of it."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from ecgedge.cli.bundle import BUNDLE_HELP

if TYPE_CHECKING:
    from rich.console import Console

    from firmware_sim.interval import Quantity
    from firmware_sim.prove import Proof
    from firmware_sim.prove_network import Reach


@click.command(epilog=BUNDLE_HELP)
@click.argument("bundle", required=False)
@click.option(
    "--write",
    is_flag=True,
    help="Write the certificate anew first, with card and checksums: for a bundle of an earlier "
    "version.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.pass_context
def prove(context: click.Context, bundle: str | None, write: bool, as_json: bool) -> None:
    """Prove that no input can overflow a program, and check the bundle's certificate.

    The bounds are proved afresh and their witnesses replayed through the simulator. Ends with code
    0 only if everything fits and the certificate says exactly that.
    """
    from ecgedge.verification.checks import check_proof
    from ecgedge.zoo import find_bundle
    from export.bundle import read_bundle, rewrite_proof
    from firmware_sim.certificate import certificate
    from firmware_sim.prove import prove as make_proof

    read = read_bundle(find_bundle(bundle))
    if write:
        read = rewrite_proof(read)
    proof, checked = make_proof(read.program), check_proof(read)
    ok = checked["ok"] and checked["certificate_matches"]
    if as_json:
        click.echo(json.dumps({**certificate(proof), **checked, "ok": ok}))
    else:
        _print_proof(read.name, proof, checked)
    context.exit(0 if ok else 1)


def _print_proof(name: str, proof: "Proof", checked: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console()
    _print_reaches(console, proof.layers)
    _print_quantities(console, "a beat from ADC counts", proof.normalization)
    _print_quantities(console, f"a stream at {proof.fs} Hz", proof.stream)
    if not proof.stream:
        click.echo(f"The R-peak detector does not work at {proof.fs} Hz: no stream is proved.")
    for failure in checked["failures"]:
        click.echo(f"FAILED: {failure}")
    if not checked["certificate_matches"]:
        click.echo(f"FAILED: proof.json is not the proof of this program: {checked['difference']}.")
    if checked["ok"]:
        click.echo(
            f"{name}: no input can overflow it; {checked['replayed']} witnesses replayed through "
            "the simulator."
        )


def _print_reaches(console: "Console", reaches: Iterable["Reach"]) -> None:
    from rich.table import Table

    head = ("accumulator", "channel", "least", "greatest", "partial sums", "bits", "spare", "by")
    table = Table(*head, title="the network")
    for reach in reaches:
        known = reach.witness_min is not None and reach.witness_max is not None
        table.add_row(
            reach.name,
            str(reach.channel),
            str(reach.min),
            str(reach.max),
            f"{reach.partial_min} ... {reach.partial_max}",
            str(reach.width_bits),
            str(reach.spare_bits),
            reach.kind if known else "bound",
        )
    console.print(table)


def _print_quantities(console: "Console", title: str, quantities: Iterable["Quantity"]) -> None:
    from rich.table import Table

    table = Table("value", "least", "greatest", "type", "spare", "because", title=title)
    for quantity in quantities:
        table.add_row(
            quantity.name,
            str(quantity.low),
            str(quantity.high),
            quantity.type,
            str(quantity.spare_bits),
            quantity.rule,
        )
    if table.row_count:
        console.print(table)
