"""A student that learns from a teacher: baseline, teacher and distilled run in one folder."""

import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ecgedge import runs
from ecgedge.training import folder as run_folder
from ecgedge.training.build import BATCH, config_of, load_model, starts_of
from ecgedge.training.config import Augmentation, TrainConfig, from_json, to_json
from ecgedge.training.examples import Examples
from ecgedge.training.finish import selection_metric
from ecgedge.training.losses import Distillation, DistillationLoss
from ecgedge.training.progress import Watch
from ecgedge.training.train import Data, check_data, read_data, train_or_go_on, train_run
from ecgedge.training.validation import validate
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import CHANNELS

COPIED = (
    runs.CHECKPOINT,
    runs.LOG,
    runs.FLOAT_NETWORK,
    runs.PROGRAM,
    runs.PROBABILITIES,
    runs.LOGISTIC,
)
SHARED = ("protocol", "task", "aami_map", "fs", "window", "lead")
"""What a teacher must have in common with its student; the protocol keeps test records out."""


@dataclass(frozen=True)
class Gate:
    """Whether a teacher may teach.

    Attributes
    ----------
    teacher, baseline : float
        Scores on the student's validation records.
    metric : str
    is_open : bool
        Whether the teacher is at least as good.
    """

    teacher: float
    baseline: float
    metric: str
    is_open: bool


def teacher_config(
    student: TrainConfig, *, long: bool = False, name: str = "resnet18"
) -> TrainConfig:
    """Return the configuration of a teacher for a student.

    Parameters
    ----------
    student : TrainConfig
        Data, split and seed are the student's.
    long : bool
        Forty epochs over all beats instead of a few over a part.
    name : str
        Key of `ecgedge.models.TEACHERS`.
    """
    return replace(
        student,
        model=name,
        restarts=1,
        epochs=40 if long else 8,
        draws=60_000 if long else min(student.draws, 6_000),
        batch=128,
        learning_rate=1e-3,
        weight_decay=1e-4,
        bound="none",
        folds=0,
        augmentation=Augmentation(),
    )


def check_teacher(student: TrainConfig, teacher: TrainConfig, path: Path) -> None:
    """Refuse a teacher that was made for other data, and could have seen test records.

    Raises
    ------
    EcgedgeError
        Naming what differs.
    """
    for name in SHARED:
        own, other = getattr(student, name), getattr(teacher, name)
        if own != other:
            raise EcgedgeError(
                f"the teacher in {path} was trained with {name} {other!r}, the student wants "
                f"{own!r}; train a teacher for this student."
            )


@torch.inference_mode()
def teacher_outputs(path: Path, examples: Examples) -> tuple[Tensor, Tensor]:
    """Return a teacher's logits (n, classes) and features (n, size) of beats as they are."""
    model, _, start = load_model(path)
    logits, features = [], []
    for begin in range(0, len(examples), BATCH):
        rows = slice(begin, begin + BATCH)
        found = model(examples.q[rows].float(), examples.context[rows].float())
        logits.append(found[0][start])
        features.append(found[1][start])
    return torch.cat(logits).clone(), torch.cat(features).clone()


def gate(teacher: Path, baseline: runs.Run, data: Data, labels: tuple[str, ...]) -> Gate:
    """Compare a teacher with the baseline student on the student's validation records."""
    model, _, start = load_model(teacher)
    found = validate(model, data.validation, labels, torch.device("cpu"))
    score, own = float(found.score[start]), float(baseline.score or 0.0)
    return Gate(score, own, selection_metric(labels), score >= own)


def _make_loss(
    config: TrainConfig, how: Distillation, teacher: Path, data: Data
) -> DistillationLoss:
    logits, features = teacher_outputs(teacher, data.train)
    torch.manual_seed(config.seed)
    own = config.hidden or CHANNELS
    return DistillationLoss(how, logits, features, data.train.y, starts_of(config), own)


def _adopt_baseline(out: Path, baseline: runs.Run, extra: dict[str, Any], watch: Watch) -> runs.Run:
    """The teacher may not teach: the distilled student is the baseline."""
    from ecgedge.run_pictures import draw_run

    for name in COPIED:
        if (baseline.path / name).is_file():
            shutil.copyfile(baseline.path / name, out / name)
    run_folder.write_json(out / runs.METRICS, baseline.metrics | extra)
    draw_run(out)
    return runs.load_run(out)


def distill(
    folder: Path,
    config: TrainConfig,
    how: Distillation,
    out: Path,
    *,
    teacher: Path | None = None,
    teacher_model: str = "resnet18",
    long_teacher: bool = False,
    teacher_changes: dict[str, Any] | None = None,
    resume: bool = False,
    watch: Watch | None = None,
) -> runs.Run:
    """Train a baseline, train or load a teacher, and train the student that learns from it.

    Only training records of the protocol are read, by all three.

    Parameters
    ----------
    folder : Path
        Folder of the database.
    config : TrainConfig
        Of the student, baseline and distilled alike.
    how : Distillation
    out : Path
        Run folder of the distilled student, with `baseline` and `teacher` inside.
    teacher : Path, optional
        Run folder of a trained teacher.
    teacher_model : str
        Which teacher to train.
    long_teacher : bool
        See `teacher_config`.
    teacher_changes : dict, optional
        Other changes to the teacher's configuration.
    resume : bool
        Go on with what is in `out`; its configurations count, not those given here.
    watch : Watch, optional

    Returns
    -------
    Run
        Its metrics say in `distillation` whether the teacher was used, and why.
    """
    watch = watch or Watch(quiet=True)
    config = replace(config, folds=0)  # the gate compares on validation records
    made = teacher_config(config, long=long_teacher, name=teacher_model)
    made = replace(made, **(teacher_changes or {}))
    if resume:
        config, how, teacher, made = _begun(out)
    if not config.has_integers:
        raise EcgedgeError("only a bounded student with ReLU is distilled; use --bound l1 or tanh.")
    if teacher is not None:
        check_teacher(config, config_of(teacher), teacher)
    data = read_data(folder, config)
    if resume:
        check_data(out, data)
    else:
        source = {"run": str(teacher.resolve())} if teacher else {"config": to_json(made)}
        told = {"distillation": asdict(how) | {"teacher": source}, "data": data.source}
        run_folder.begin(out, to_json(config) | told)
    try:
        return _stages(folder, config, how, out, data, teacher, made, watch)
    except BaseException:
        if not resume:
            run_folder.abandon(out)
        raise


def _begun(out: Path) -> tuple[TrainConfig, Distillation, Path | None, TrainConfig]:
    """Read what a folder was begun with: student, way of teaching, teacher's run or its training.

    Raises
    ------
    EcgedgeError
        When no distillation was begun in it by this version.
    """
    config = config_of(out)
    told: Any = runs.load_run(out).config.get("distillation")
    try:
        source = told.pop("teacher")
        how = Distillation(**told)
        teacher = Path(source["run"]) if "run" in source else None
        return config, how, teacher, config if teacher else from_json(source["config"])
    except (AttributeError, KeyError, TypeError):
        raise EcgedgeError(
            f"no distillation that could go on was begun in {out}; distill into another folder."
        ) from None


def _stages(
    folder: Path,
    config: TrainConfig,
    how: Distillation,
    out: Path,
    data: Data,
    teacher: Path | None,
    made: TrainConfig,
    watch: Watch,
) -> runs.Run:
    """Baseline, teacher, gate, and the student; what is done already is read."""
    baseline = _stage(folder, config, out / runs.BASELINE, data, watch)
    if teacher is None:
        teacher = _stage(folder, made, out / runs.TEACHER, data, watch).path
    found = gate(teacher, baseline, data, config.labels)
    extra: dict[str, Any] = {"distillation": asdict(found) | {"used": found.is_open}}
    if not found.is_open:
        watch.say(
            f"the teacher is not used: {found.metric} {found.teacher:.3f} on validation records "
            f"against {found.baseline:.3f} of the baseline."
        )
        return _adopt_baseline(out, baseline, extra, watch)
    loss = _make_loss(config, how, teacher, data)
    extra["distillation"]["trusted_share"] = loss.trusted_share
    return train_run(
        folder, config, out,
        data=data, loss=loss, begun=True, watch=watch, extra_metrics=extra,
        resume=(out / runs.CHECKPOINT).is_file(),
    )  # fmt: skip


def _stage(folder: Path, config: TrainConfig, path: Path, data: Data, watch: Watch) -> runs.Run:
    """Train one of the runs inside; a user who stops it stops the whole."""
    run = train_or_go_on(folder, config, path, data=data, watch=watch)
    if run.metrics["interrupted"]:
        raise EcgedgeError(f"stopped at {path.name}, which is kept as it is; go on with --resume.")
    return run
