"""`ecgedge robustness`: what noise, wrong R peaks, gains, leads and rates cost a program."""

import sys
from pathlib import Path

import click

from ecgedge.cli.look import LEAST_WIDTH, can_draw, look_options, place_of, typed


@click.command()
@click.argument("path", metavar="RUN|BUNDLE")
@look_options
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder that contains mitdb and nstdb, or mitdb itself; `excerpt` is the bundled one. "
    "Default: $ECGEDGE_DATA, then the user's cache.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for report.json, report.md and pictures. Default: RUN/robustness with --test, "
    "RUN/robustness-validation without; the report of a bundle is only printed.",
)
def robustness(
    path: str,
    test: bool,
    protocol: str | None,
    folder: Path | None,
    aami_map: str | None,
    resamples: int,
    output: Path | None,
    plots: bool,
    as_json: bool,
) -> None:
    """Report what a run or a bundle loses when recordings are worse.

    Real noise of nstdb at six signal-to-noise ratios, R peaks moved and R peaks of the detector,
    other gains, the lead inverted, the other lead, and another sampling rate: each against the
    clean records, paired over records, with the beats cut and the context computed anew.

    Test records are opened with --test alone, and each such look is a line in a ledger, as with
    `ecgedge evaluate`.
    """
    from ecgedge.data.locate import find_database
    from ecgedge.evaluation.report import to_text
    from ecgedge.evaluation.robustness import robustness as measure
    from ecgedge.evaluation.robustness_report import write_robustness

    found = measure(
        place_of(path),
        find_database("mitdb", folder),
        test=test,
        protocol=protocol,
        aami_map=aami_map,
        noise_folder=folder,
        resamples=resamples,
        output=output,
        command=typed(click.get_current_context()),
        tell=lambda line: click.echo(line, err=True),
    )
    if found.ledger is not None:
        click.echo(f"ledger: {found.ledger}", err=True)
    output = output or found.default_folder
    if output is not None:
        write_robustness(found.report, output, pictures=plots and can_draw())
        click.echo(f"report: {output}", err=True)
    if as_json:
        click.echo(to_text(found.report), nl=False)
    else:
        _print(found.report)


def _print(report: dict[str, object]) -> None:
    from rich.console import Console

    from ecgedge.evaluation.robustness_report import facts, table
    from ecgedge.evaluation.text import print_table

    console = Console(file=sys.stdout)
    console.width = max(console.width, LEAST_WIDTH)
    if report["note"]:
        console.print(report["note"], style="bold yellow")
    print_table(table(report), console)
    for line in facts(report):
        console.print(f"- {line}", highlight=False, markup=False)
