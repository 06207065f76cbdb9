"""`ecgedge selftest`: a board tests itself against known answers of its program."""

import json

import click

from ecgedge.cli.live import POSITIVE

RATE_HELP = "Speed of the line."


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
    from ecgedge.stream.selftest import ask, place
    from ecgedge.stream.source import SerialSource

    with SerialSource(port, (baud,)) as source:
        source.open()
        answer = ask(source, timeout)
    result, name = answer.result, answer.info.name if answer.info else None
    assert result is not None
    where = None if result.passed or result.layer < 0 else place(result)
    if as_json:
        found = {"port": port, "program": name, "passed": result.passed,
                 "compared": result.compared, "where": where}  # fmt: skip
        if where is not None:
            found |= {"expected": result.expected, "actual": result.actual}
        click.echo(json.dumps(found))
    else:
        verdict = "pass" if result.passed else "FAIL"
        click.echo(f"{name or port}: {verdict} ({result.compared} integers compared)")
        if where is not None:
            click.echo(f"first difference: {where}: {result.actual}, not {result.expected}")
    if not result.passed:
        raise click.exceptions.Exit(1)
