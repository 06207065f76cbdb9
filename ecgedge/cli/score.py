"""`ecgedge score`: beat-by-beat comparison of annotations, as EC57 asks."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecgedge.cli.live import RATE, Finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecgedge.ec57.score import Options, Score
    from ecgedge.ec57.sources import Tasks

LONGEST_WINDOW_MS = 10_000
LONGEST_S = 1e9


def _time(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Read seconds, ``5:00`` or ``1:02:03``; return seconds."""
    if value is None:
        return None
    try:
        parts = [float(part) for part in value.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or not all(0 <= part < LONGEST_S for part in parts):
        raise click.BadParameter(f"{value!r} is no time; write seconds, or 5:00, or 1:02:03.")
    seconds = 0.0
    for part in parts:
        seconds = 60 * seconds + part
    return seconds


def _names(ctx: click.Context, param: click.Parameter, values: "Sequence[str]") -> tuple[str, ...]:
    """Split names at commas."""
    names = tuple(name for value in values for name in value.split(",") if name)
    if values and not names:
        raise click.BadParameter("no record is named; write 100,101, or leave it out for all.")
    return names


@click.command()
@click.argument("reference", metavar="REF", type=click.Path(path_type=Path))
@click.argument("test", metavar="TEST", type=click.Path(path_type=Path))
@click.option("--ref-annotator", metavar="EXT", help="Of a folder: ending of the reference files.")
@click.option("--test-annotator", metavar="EXT", help="Of a folder: ending of the test files.")
@click.option(
    "--records",
    multiple=True,
    callback=_names,
    metavar="NAME,...",
    help="Of folders: score these. Default: all that both have.",
)
@click.option(
    "--window",
    type=Finite(0, LONGEST_WINDOW_MS),
    default=150,
    show_default=True,
    metavar="MS",
    help="Beats at most so far apart can be one.",
)
@click.option(
    "--start",
    callback=_time,
    default="5:00",
    show_default=True,
    metavar="TIME",
    help="Beats before are for learning.",
)
@click.option(
    "--end",
    callback=_time,
    metavar="TIME",
    help="Last moment; 0 is the end of the file that ends first. Default: end of the record.",
)
@click.option(
    "--aami-map",
    type=click.Choice(["bxb", "aami"]),
    default="bxb",
    show_default=True,
    help="Escape beats (e, j, n) are S as WFDB's bxb has them, or N.",
)
@click.option(
    "--fs", type=RATE, metavar="HZ", help="Rate of annotations for which nothing else says one."
)
@click.option(
    "--lines",
    type=click.Choice(["L", "l"]),
    help="Print the line reports of bxb, with SVEB (L) or without (l), instead of the table.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the reports: score.json, standard.txt, line_1.txt, line_2.txt.",
)
@click.option("--overwrite", is_flag=True, help="Replace a folder of reports.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def score(
    reference: Path,
    test: Path,
    ref_annotator: str | None,
    test_annotator: str | None,
    records: tuple[str, ...],
    window: float,
    start: float,
    end: float | None,
    aami_map: str,
    fs: float | None,
    lines: str | None,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Compare annotations with reference annotations, beat by beat, as WFDB's bxb does.

    REF and TEST are two annotation files, such as mitdb/100.atr and found/100.qrs, or two folders
    with files of the same records; REF may also be the name of a database (mitdb, or excerpt, the
    bundled one), which is looked for in $ECGEDGE_DATA and the cache. What the classes are and how
    the figures are defined is in docs/scoring.md.
    """
    from ecgedge.ec57.lines import FORMATS
    from ecgedge.ec57.reports import people_table, text_reports
    from ecgedge.ec57.score import Options
    from ecgedge.ec57.score import as_json as values_of
    from ecgedge.ec57.score import score as score_record
    from ecgedge.ec57.sources import find_tasks

    reference = _place(reference)
    tasks = find_tasks(reference, test, annotators=(ref_annotator, test_annotator), records=records)
    options = Options(window / 1000, start, end, aami_map, fs)
    scores = [score_record(task, options) for task in tasks.tasks]
    found = json.dumps(values_of(scores, tasks, options), allow_nan=False)
    reports = text_reports(scores, FORMATS[lines or "L"])
    if output is not None:
        _write(output, {"score.json": found + "\n", **reports}, overwrite)
    _print_notes(scores, tasks)
    if as_json:
        click.echo(found)
    elif lines is not None:
        click.echo(reports["line_1.txt"] + "\n" + reports["line_2.txt"], nl=False)
    else:
        click.echo(_what(scores, options))
        click.echo(people_table(scores), nl=False)
    if output is not None:
        click.echo(f"reports: {output}", err=True)


def _place(reference: Path) -> Path:
    """Return where the reference is: the path, or the database of that name."""
    from ecgedge.data.databases import DATABASES
    from ecgedge.data.locate import EXCERPT, find_database

    name = str(reference)
    if reference.exists() or name not in (*DATABASES, EXCERPT):
        return reference
    return find_database(name)


def _write(folder: Path, files: dict[str, str], overwrite: bool) -> None:
    from firmware_sim.files import new_folder

    with new_folder(folder, overwrite=overwrite, replaces="score.json") as new:
        for name, text in files.items():
            (new / name).write_text(text)


def _print_notes(scores: "Sequence[Score]", tasks: "Tasks") -> None:
    """Say what the figures leave out."""
    for side, names in tasks.left_out.items():
        if names:
            other = "test" if side == "reference" else "reference"
            click.echo(
                f"note: {len(names)} records have no {other} annotations and are left out: "
                f"{' '.join(names)}",
                err=True,
            )
    for one in scores:
        names = one.task.reference.stem, one.task.test.stem
        if names[0] != names[1]:  # only of single files, which may have been taken by mistake
            click.echo(f"note: the files are of records {names[0]} and {names[1]}.", err=True)
        for note in one.notes:
            click.echo(f"note: {note}", err=True)


def _what(scores: "Sequence[Score]", options: "Options") -> str:
    """Say in a line what is compared."""
    task = scores[0].task
    annotators = f"{task.test.suffix[1:] or task.test} against {task.reference.suffix[1:]}"
    records = f"{len(scores)} record{'s' if len(scores) > 1 else ''}"
    end = "" if not options.end_s else f" to {_clock(options.end_s)}"
    return (
        f"{annotators}, {records}, from {_clock(options.start_s)}{end}, window "
        f"{1000 * options.window_s:g} ms, classes of {options.aami_map}; figures in %"
    )


def _clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:06.3f}".removesuffix(".000")
