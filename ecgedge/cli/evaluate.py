"""`ecgedge evaluate`: how good a run or a bundle is on test records."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from ecgedge.evaluation.evaluate import Evaluation
    from ecgedge.evaluation.subject import Scorer

LEAST_WIDTH = 110


@click.command()
@click.argument("path", metavar="RUN|BUNDLE")
@click.option(
    "--protocol",
    type=click.Choice(["ds1-ds2", "replica"]),
    help="Test records. Default: the protocol of the run, or the one of the bundle's task.",
)
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
    "--aami-map",
    type=click.Choice(["aami", "bxb"]),
    help="Escape beats (e, j, n) are N, or S as WFDB's bxb has them. Default: the run's own.",
)
@click.option(
    "--resamples",
    type=click.IntRange(1, 100_000),
    default=2000,
    show_default=True,
    help="Bootstrap resamples of the records.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder for report.json, report.md and pictures. Default: RUN/evaluation; "
    "a bundle's report is only printed.",
)
@click.option("--plots/--no-plots", default=True, show_default=True, help="Draw pictures.")
@click.option("--records", is_flag=True, help="Also print the table of every record.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def evaluate(
    path: str,
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
    """Report how good a run or a bundle is on test records.

    The integer program is run on every beat of the test records, and so are the float student it
    was rounded from, its baseline and its teacher where a run has them. RUN may hold several seeds
    (seed-0, seed-1 ...); then means and standard deviations are reported. BUNDLE is a folder, or
    the name of a model that ships with ecgedge.
    """
    from ecgedge.data.locate import EXCERPT, find_database
    from ecgedge.evaluation.evaluate import FOLDER, write_report
    from ecgedge.evaluation.evaluate import evaluate as run_evaluation
    from ecgedge.evaluation.report import to_text
    from firmware_sim.errors import EcgedgeError

    if excerpt and folder not in (None, Path(EXCERPT)):
        raise EcgedgeError("--excerpt and --data name two sets of records; choose one of them.")
    found = run_evaluation(
        _place(path),
        find_database(EXCERPT if excerpt else "mitdb", folder),
        protocol=protocol,
        aami_map=aami_map,
        resamples=resamples,
        load_scorer=_load_scorer(),
    )
    if output is None and found.subject.kind != "bundle":
        output = found.subject.path / FOLDER
    if output is not None:
        write_report(found, output, pictures=plots and _can_draw())
        click.echo(f"report: {output}", err=True)
    if as_json:
        click.echo(to_text(found.report), nl=False)
    else:
        _print(found, records=records)


def _place(name: str) -> Path:
    """Return the folder of a run or bundle; shipped bundles go by their name."""
    if Path(name).exists():
        return Path(name)
    from ecgedge.zoo import find_bundle

    return find_bundle(name)


def _load_scorer() -> "Callable[[Path], Scorer] | None":
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


def _can_draw() -> bool:
    from importlib.util import find_spec

    if find_spec("matplotlib") is not None:
        return True
    click.echo("no pictures: matplotlib is not installed (pip install 'ecgedge[train]').", err=True)
    return False


def _print(found: "Evaluation", *, records: bool) -> None:
    from rich.console import Console

    from ecgedge.evaluation.tables import print_report

    console = Console(file=sys.stdout)
    # A wrapped line is still read; a figure cut off is not.
    console.width = max(console.width, LEAST_WIDTH)
    print_report(found.report, console, records=records)
