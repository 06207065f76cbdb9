"""`ecgedge selftest`: a board tests itself against known answers of its program."""

import json
from dataclasses import asdict

import click

from ecgedge.cli.live import POSITIVE

RATE_HELP = "Speed of the line."
PASS = "pass: every layer of the network, and a recording through the whole pipeline"
FAIL = "FAIL"


@click.command()
@click.option("--port", required=True, help="Serial port of the board, for example /dev/ttyACM0.")
@click.option(
    "--baud", type=click.IntRange(50, 12_000_000), default=115200, show_default=True, help=RATE_HELP
)
@click.option("--timeout", type=POSITIVE, default=15.0, show_default=True, metavar="S")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def selftest(port: str, baud: int, timeout: float, as_json: bool) -> None:
    """Let a board compare its program with the known answers inside its firmware.

    Prints pass, or the first integer that is not what it should be; then the exit code is 1.
    """
    from ecgedge.stream.selftest import ask, difference
    from ecgedge.stream.source import SerialSource

    with SerialSource(port, (baud,)) as source:
        source.open()
        answer = ask(source, timeout)
    result, name = answer.result, answer.info.name if answer.info else None
    assert result is not None
    first = None if result.passed or result.place < 0 else difference(result)
    if as_json:
        found = {"port": port, "program": name, "passed": result.passed}
        click.echo(json.dumps(found | {"difference": asdict(first) if first else None}))
    else:
        click.echo(f"{name or port}: {PASS if result.passed else FAIL}")
        if first is not None:
            click.echo(f"first difference: {first.where}: {first.actual}, not {first.expected}")
    if not result.passed:
        raise click.exceptions.Exit(1)
