"""`ecgedge train` and `ecgedge distill`: from records to a run folder."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecgedge.cli.training_options import STUDENT, TRAINING, all_of, config_from, refuse_given

if TYPE_CHECKING:
    from ecgedge.runs import Run

STOPPED = 130
"""Exit code of what the user stopped."""


def _report(done: "list[Run]", out: Path, as_json: bool) -> None:
    """Say where the run is, how good it is without a test record, and what comes next.

    A training that the user stopped exits as such: what follows in a script is not for it.
    """
    stopped = any(run.interrupted for run in done)
    rows = [
        {
            "path": str(run.path),
            "metric": run.metric,
            "score": run.score,
            "parameters": run.metrics["parameters"],
            "program": run.metrics["program"],
            "seconds": run.metrics["seconds"],
            "folds": run.metrics.get("folds", 0),
            "interrupted": run.interrupted,
            "distillation": run.metrics.get("distillation"),
        }
        for run in done
    ]
    if as_json:
        click.echo(json.dumps({"path": str(out), "runs": rows}))
    else:
        _print(done, out, stopped)
    if stopped:
        click.get_current_context().exit(STOPPED)


def _print(done: "list[Run]", out: Path, stopped: bool) -> None:
    for run in done:
        click.echo(f"{run.path}: {run.metric} {run.score:.3f} {run.scored}")
    if stopped:
        click.echo(f"stopped by the user: {done[-1].path} is kept as it is, and not finished")
    elif any(run.has_folds for run in done):  # no validation records that could be evaluated
        click.echo(f"next, once at the end: ecgedge evaluate {out} --test")
    else:
        click.echo(f"next: ecgedge evaluate {out}, and once at the end with --test")


@click.command()
@all_of(STUDENT)
@click.option(
    "--model", type=click.Choice(["student", "resnet18"]), default="student", show_default=True
)
@click.option(
    "--seeds", type=click.IntRange(1), help="Train that many seeds into OUT/seed-0, seed-1 ..."
)
@click.option(
    "--folds",
    type=click.IntRange(0, 50),
    help="Train on all training records and choose by so many folds; 0: validation records "
    "[context, measures: 4; others: 0].",
)
@all_of(TRAINING)
def train(
    data: Path | None, out: Path, resume: bool, as_json: bool, seeds: int | None, **values: Any
) -> None:
    """Train a student or a teacher on the training records of a protocol.

    Many small students are trained side by side and validation by record picks one; it is then
    trained on with the roundings of the integer program, so that what is written is the program
    itself. Ctrl-C ends early and keeps what was learned, but nothing while folds are trained, which
    come first; --resume goes on with it.
    """
    from ecgedge.data.locate import find_database
    from ecgedge.training.progress import Watch
    from ecgedge.training.train import train_run, train_seeds

    config, folder = config_from(values), find_database("mitdb", data)
    with Watch(quiet=as_json) as watch:
        if seeds is not None:
            done = train_seeds(folder, config, out, seeds, watch=watch)
        else:
            done = [train_run(folder, config, out, resume=resume, watch=watch)]
    _report(done, out, as_json)


@click.command()
@all_of(STUDENT)
@click.option(
    "--teacher",
    type=click.Path(path_type=Path),
    help="Run folder of a trained teacher; by default one is trained.",
)
@click.option(
    "--teacher-model", type=click.Choice(["resnet18"]), default="resnet18", show_default=True
)
@click.option(
    "--teacher-training",
    type=click.Choice(["short", "long"]),
    default="short",
    show_default=True,
    help="A few epochs over a part of the beats, or forty over all.",
)
@click.option(
    "--teacher-epochs", type=click.IntRange(1), help="Other than --teacher-training says."
)
@click.option("--alpha", type=click.FloatRange(0), help="Weight of the labels.")
@click.option("--beta", type=click.FloatRange(0), help="Weight of the teacher's logits.")
@click.option("--gamma", type=click.FloatRange(0), help="Weight of the teacher's features.")
@click.option("--temperature", type=click.FloatRange(0, min_open=True))
@click.option("--confidence", type=click.FloatRange(0, 1), help="Least that a teacher is sure.")
@all_of(TRAINING)
def distill(
    data: Path | None,
    out: Path,
    resume: bool,
    as_json: bool,
    teacher: Path | None,
    teacher_model: str,
    teacher_training: str,
    teacher_epochs: int | None,
    **values: Any,
) -> None:
    """Train a student with the help of a large teacher.

    OUT gets the distilled student, OUT/baseline the same student without a teacher, OUT/teacher
    the teacher. A teacher that is worse than the baseline on validation records is not used.
    """
    from ecgedge.data.locate import find_database
    from ecgedge.training.distill import distill as teach
    from ecgedge.training.losses import Distillation
    from ecgedge.training.progress import Watch

    if teacher is not None:
        refuse_given(
            ("teacher_model", "teacher_training", "teacher_epochs"),
            "is for a teacher that is yet to be trained; leave it or --teacher out.",
        )
    if values["beta"] == 0:
        refuse_given(("temperature",), "has no effect with --beta 0; leave one of them out.")
    names = ("alpha", "beta", "gamma", "temperature", "confidence")
    how = {name: values.pop(name) for name in names}
    chosen = Distillation(**{n: v for n, v in how.items() if v is not None})
    # A teacher is compared on validation records, and may train for long enough to need patience.
    config = config_from(values | {"folds": 0}, inherited={"patience"})
    folder = find_database("mitdb", data)
    with Watch(quiet=as_json) as watch:
        run = teach(
            folder,
            config,
            chosen,
            out,
            teacher=teacher,
            teacher_model=teacher_model,
            long_teacher=teacher_training == "long",
            teacher_changes={"epochs": teacher_epochs} if teacher_epochs else None,
            resume=resume,
            watch=watch,
        )
    _report([run], out, as_json)
