"""`ecgedge evaluate`: how good runs and bundles are on validation records, or on test records."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecgedge.cli.look import LEAST_WIDTH, can_draw, look_options, place_of, typed

if TYPE_CHECKING:
    from ecgedge.evaluation.evaluate import Evaluation
    from ecgedge.evaluation.rows import LoadScorer, Scorer


@click.command()
@click.argument("paths", metavar="RUN|BUNDLE...", nargs=-1, required=True)
@look_options
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder that contains mitdb, or mitdb itself; `excerpt` is the bundled one. "
    "Default: $ECGEDGE_DATA, then the user's cache.",
)
@click.option(
    "--excerpt", is_flag=True, help="The bundled excerpt (as --data excerpt); not for results."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for report.json, report.md, report.html and pictures. Default: RUN/evaluation "
    "with --test, RUN/validation without; the report of a bundle, or of several, is only printed.",
)
@click.option("--records", is_flag=True, help="Also print the table of every record.")
def evaluate(
    paths: tuple[str, ...],
    test: bool,
    protocol: str | None,
    folder: Path | None,
    excerpt: bool,
    aami_map: str | None,
    resamples: int,
    output: Path | None,
    plots: bool,
    records: bool,
    as_json: bool,
) -> None:
    """Report how good a run or a bundle is; compare several.

    One table holds the integer program, the float student it was rounded from, and, where a run has
    them, the plain student, the teacher and the logistic baseline; every two of them are compared,
    paired over records. RUN may hold several seeds (seed-0, seed-1 ...); then means and standard
    deviations are reported. BUNDLE is a folder, or the name of a model that ships with ecgedge.

    Test records are opened with --test alone. Each such look is a line in a ledger: ledger.jsonl in
    the run; for a bundle in the folder of -o, or in the user's data folder.
    """
    from ecgedge.data.locate import EXCERPT, find_database
    from ecgedge.evaluation.evaluate import evaluate as run_evaluation
    from ecgedge.evaluation.evaluate import write_report
    from ecgedge.evaluation.report import to_text
    from firmware_sim.errors import EcgedgeError

    if excerpt and folder not in (None, Path(EXCERPT)):
        raise EcgedgeError("--excerpt and --data name two sets of records; choose one of them.")
    found = run_evaluation(
        [place_of(path) for path in paths],
        find_database(EXCERPT if excerpt else "mitdb", folder),
        test=test,
        protocol=protocol,
        aami_map=aami_map,
        resamples=resamples,
        load_scorer=_load_scorer(),
        output=output,
        command=typed(click.get_current_context()),
    )
    for ledger in found.ledgers:
        click.echo(f"ledger: {ledger}", err=True)
    output = output or found.default_folder
    if output is not None:
        write_report(found, output, pictures=plots and can_draw())
        click.echo(f"report: {output}", err=True)
    if as_json:
        click.echo(to_text(found.report), nl=False)
    else:
        _print(found, records=records)


def _load_scorer() -> "LoadScorer | None":
    """Return the loader of models that need PyTorch; None where it is not installed.

    PyTorch itself is imported when a teacher has to be scored.
    """
    from importlib.util import find_spec

    if find_spec("torch") is None:
        return None

    def load(path: Path) -> "Scorer":
        from ecgedge.training.build import scorer

        return scorer(path)

    return load


def _print(found: "Evaluation", *, records: bool) -> None:
    from rich.console import Console

    from ecgedge.evaluation.text import print_report

    console = Console(file=sys.stdout)
    # A wrapped line is still read; a figure cut off is not.
    console.width = max(console.width, LEAST_WIDTH)
    print_report(found.report, console, records=records)
