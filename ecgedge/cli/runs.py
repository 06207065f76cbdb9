"""`ecgedge runs`: list, compare and plot what was trained."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ecgedge.runs import Run

_FOLDER = click.argument("folder", type=click.Path(path_type=Path), default=Path("runs"))
_JSON = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on standard output."
)

_SCORED = "validation records, or out of fold"


def _row(run: "Run") -> dict[str, Any]:
    """What a list says about a run."""
    return {
        "path": str(run.path),
        "protocol": run.config.get("protocol"),
        "task": run.config.get("task"),
        "model": run.config.get("model"),
        "seed": run.config.get("seed"),
        "learning_rate": run.config.get("learning_rate"),
        "finished": run.finished,
        "parameters": run.metrics.get("parameters"),
        "metric": run.metric,
        "score": run.score,
        "program": run.metrics.get("program"),
        "seconds": run.metrics.get("seconds"),
    }


def _chosen(
    folder: Path, protocol: str | None, task: str | None, model: str | None, rate: float | None
) -> "list[Run]":
    """Find runs and keep those that fit the filters."""
    from ecgedge.runs import find_runs

    wanted = {"protocol": protocol, "task": task, "model": model, "learning_rate": rate}
    return [
        run
        for run in find_runs(folder)
        if all(v is None or run.config.get(k) == v for k, v in wanted.items())
    ]


def _filters(command: Any) -> Any:
    """Add the options that filter runs."""
    for option in (
        click.option("--learning-rate", "rate", type=float, help="Only this learning rate."),
        click.option("--model", help="Only this model: student, resnet18."),
        click.option("--task", help="Only this task."),
        click.option("--protocol", help="Only this protocol."),
    ):
        command = option(command)
    return command


def _table(title: str, header: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@click.group()
def runs() -> None:
    """List, compare and plot runs."""


@runs.command("list")
@_FOLDER
@_filters
@_JSON
def list_runs(folder: Path, as_json: bool, **filters: Any) -> None:
    """List the runs below FOLDER, the best first."""
    rows = [_row(run) for run in _chosen(folder, **filters)]
    rows.sort(key=lambda row: -1.0 if row["score"] is None else row["score"], reverse=True)
    if as_json:
        click.echo(json.dumps(rows))
        return
    names = ["path", "protocol", "task", "model", "seed", "parameters", "metric", "score"]
    _table(_SCORED, names, [[_text(row[n]) for n in names] for row in rows])


@runs.command()
@_FOLDER
@_filters
@_JSON
def best(folder: Path, as_json: bool, **filters: Any) -> None:
    """Name the run below FOLDER with the best validation score."""
    from ecgedge.runs import best_run

    run = best_run(_chosen(folder, **filters))
    if as_json:
        click.echo(json.dumps(_row(run)))
        return
    click.echo(f"{run.path}: {run.metric} {run.score:.4f} {run.scored}")


@runs.command()
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, required=True)
@_JSON
def compare(paths: tuple[Path, ...], as_json: bool) -> None:
    """Show in what runs differ, and their numbers on validation records or out of fold."""
    from ecgedge.runs import differences, load_run

    chosen = [load_run(path) for path in paths]
    settings = differences(chosen)
    numbers = [run.metrics.get("validation", {}) for run in chosen]
    names = dict.fromkeys(name for values in numbers for name in values)
    found = {name: [values.get(name) for values in numbers] for name in names}
    if as_json:
        content = {"runs": [_row(r) for r in chosen], "settings": settings, "validation": found}
        click.echo(json.dumps(content))
        return
    header = ["", *[run.name for run in chosen]]
    for title, table in (("settings that differ", settings), (_SCORED, found)):
        rows = [[name, *[_text(v) for v in values]] for name, values in table.items()]
        _table(title, header, rows)


@runs.command()
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Picture of several runs.")
@_JSON
def plot(paths: tuple[Path, ...], out: Path | None, as_json: bool) -> None:
    """Draw a run's pictures into its folder, or the ROC of several runs into one picture."""
    from ecgedge.run_pictures import draw_run, draw_several
    from firmware_sim.errors import EcgedgeError

    if len(paths) == 1 and out is None:
        made = draw_run(paths[0])
    elif out is None:
        raise EcgedgeError("several runs need a file to draw into; name it with -o.")
    else:
        made = [draw_several(paths, out)]
    if as_json:
        click.echo(json.dumps([str(path) for path in made]))
        return
    for path in made:
        click.echo(str(path))
