"""One training run, from records to a run folder."""

import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ecgedge import runs
from ecgedge.data.locate import is_excerpt
from ecgedge.data.splits import split_records
from ecgedge.evaluation import logistic
from ecgedge.evaluation.logistic import Logistic, TrainingBeats
from ecgedge.models.student import SegmentStudent
from ecgedge.training import folder as run_folder
from ecgedge.training.best import Best
from ecgedge.training.build import build, config_of, starts_of
from ecgedge.training.config import TrainConfig, to_json
from ecgedge.training.examples import Examples, split_examples, training_examples
from ecgedge.training.finish import OutOfFold, Result, conclude, write_result
from ecgedge.training.loop import Fit, Phase, calibrate_fit, pick_device, run_phase
from ecgedge.training.progress import Watch
from ecgedge.training.refit import consensus, out_of_fold
from firmware_sim.errors import EcgedgeError

FLOAT, FIXED = "float", "fixed"


@dataclass(frozen=True, eq=False)
class Data:
    """Training and validation beats of one configuration, and which records are missing.

    With folds both are all training beats. `source` is what a run notes of them: whether they are
    of the bundled excerpt, and their digest. `inputs` names what the first layer sees.
    """

    train: Examples
    validation: Examples
    missing: tuple[str, ...]
    labels: tuple[str, ...]
    source: dict[str, Any]
    inputs: tuple[str, ...]

    @cached_property
    def logistic(self) -> tuple[Logistic, ...]:
        """The logistic baselines of all these beats, for the table of the student's evaluation."""
        both = (self.train,) if self.validation is self.train else (self.train, self.validation)
        record = np.concatenate([part.record.numpy() for part in both])
        # In the order of the records: every split of them gives the very same baselines.
        order = np.argsort(record, kind="stable")
        beats = TrainingBeats(
            q=np.concatenate([part.q.numpy() for part in both])[order],
            context=np.concatenate([part.context.numpy() for part in both])[order],
            y=np.concatenate([part.y.numpy() for part in both])[order],
            record=record[order],
            records=self.train.records,
            labels=self.labels,
            fs=self.train.fs,
        )
        return logistic.fit_all(beats, self.inputs)


def read_data(folder: Path, config: TrainConfig) -> Data:
    """Read the training records of a protocol and split them; the seed decides how."""
    examples = training_examples(folder, config)
    train = validation = examples
    if not config.refits:
        train, validation = split_examples(examples, config.validation_share, config.seed)
    missing = split_records(config.protocol, folder).missing
    source = {"excerpt": is_excerpt(folder), "beats_sha256": examples.digest}
    return Data(train, validation, missing, config.labels, source, config.inputs)


def check_data(path: Path, data: Data) -> None:
    """Refuse a folder whose run was begun with other beats; runs of old versions do not say.

    Raises
    ------
    EcgedgeError
        When they differ.
    """
    run = runs.load_run(path)
    if run.source and run.source != data.source:
        own = "--data excerpt" if run.of_excerpt else "--data"
        raise EcgedgeError(
            f"the run in {path} was begun with other beats than those of this database; name its "
            f"own with {own}, or choose another folder."
        )


def phases_of(config: TrainConfig) -> tuple[Phase, ...]:
    """Return the float phase, and the fixed one for students that become integers."""
    first = Phase(FLOAT, config.epochs, False, config.learning_rate)
    if not config.has_integers:
        return (first,)
    return first, Phase(FIXED, config.fine_epochs, True, config.fine_learning_rate)


def train_run(
    folder: Path,
    config: TrainConfig,
    out: Path,
    *,
    data: Data | None = None,
    loss: nn.Module | None = None,
    resume: bool = False,
    begun: bool = False,
    watch: Watch | None = None,
    extra_metrics: dict[str, Any] | None = None,
) -> runs.Run:
    """Train one model and write its run folder.

    Parameters
    ----------
    folder : Path
        Folder of the database.
    config : TrainConfig
        Ignored for what the folder says when `resume`.
    out : Path
        Run folder; must not exist, except when `resume`.
    data : Data, optional
        When it was read already.
    loss : nn.Module, optional
        Of students that learn from a teacher.
    resume : bool
        Go on with the run in `out`.
    watch : Watch, optional
        Shows progress; silent by default.
    begun : bool
        The folder is there already, with its configuration.
    extra_metrics : dict, optional
        What else belongs into `metrics.json`.

    Returns
    -------
    Run

    Raises
    ------
    EcgedgeError
        When data are missing, the folder exists, or a resumed run is damaged or done.
    """
    watch = watch or Watch(quiet=True)
    if resume:
        config = config_of(out)
    data = data or read_data(folder, config)
    if resume:
        check_data(out, data)
    elif not begun:
        run_folder.begin(out, to_json(config) | {"data": data.source})
    try:
        return _train(config, out, data, loss, resume, watch, extra_metrics or {})
    except BaseException:
        if not resume and not begun:
            run_folder.abandon(out)
        raise


def _train(
    config: TrainConfig,
    out: Path,
    data: Data,
    loss: nn.Module | None,
    resume: bool,
    watch: Watch,
    extra: dict[str, Any],
) -> runs.Run:
    device = pick_device(config.device)
    with _threads(config, device):
        saved = run_folder.load_checkpoint(out) if resume else None
        if saved and saved["done"]:
            raise EcgedgeError(f"the run in {out} is done; train into another folder.")
        began = time.monotonic()
        held = _out_of_fold(config, data, watch, device) if config.refits else None
        if held is not None:
            watch.say("all training records; figures on the way are of the beats it learns from")
        folds_s = time.monotonic() - began
        torch.manual_seed(config.seed)
        fit, seconds = _phases(config, out, data, loss, saved, watch, device)
        if fit.interrupted and not (out / runs.CHECKPOINT).is_file():
            raise KeyboardInterrupt  # not one epoch was done: there is nothing to keep
        name = f"{config.protocol}-{config.task}"
        if held is not None:
            fit.model.load_state_dict(fit.best.state)
            assert isinstance(fit.model, SegmentStudent), "only students have folds"
            fit.best.chosen = consensus(fit.model, data.train, device)
        result = conclude(fit, data.validation, config, name, held)
    extra = extra | {
        "beats": {"train": len(data.train), "validation": len(data.validation)},
        "missing_records": list(data.missing),
        "seconds": round(folds_s + seconds, 1),
        "interrupted": fit.interrupted,
        "folds": config.folds if config.refits else 0,
    }
    metrics = write_result(out, result, fit, extra)
    logistic.save(data.logistic, out / runs.LOGISTIC)
    if not fit.interrupted:  # otherwise that of the last epoch stays, for --resume
        run_folder.save_checkpoint(out, "end", fit, seconds, done=True)
    _draw(out, watch)
    _tell(out, metrics, result, watch)
    return runs.load_run(out)


def _out_of_fold(config: TrainConfig, data: Data, watch: Watch, device: torch.device) -> OutOfFold:
    """Train one student a fold, without a trace in the run's folder."""
    left = iter(range(1, config.folds + 1))

    def train(one: TrainConfig, rest: Examples, inside: Examples) -> Fit:
        torch.manual_seed(one.seed)
        here = replace(data, train=rest, validation=inside)
        watch.say(f"fold {next(left)} of {config.folds}")
        fit, _ = _phases(one, None, here, None, None, Watch(quiet=True), device)
        if fit.interrupted:
            raise KeyboardInterrupt
        return fit

    return OutOfFold(*out_of_fold(data.train, config, train, device))


class _threads:
    """One thread for students on the processor: their products are too small to be shared."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        self.single = config.model == "student" and device.type == "cpu"

    def __enter__(self) -> None:
        self.before = torch.get_num_threads()
        if self.single:
            torch.set_num_threads(1)

    def __exit__(self, *error: object) -> None:
        torch.set_num_threads(self.before)


def _phases(
    config: TrainConfig,
    out: Path | None,
    data: Data,
    loss: nn.Module | None,
    saved: dict[str, Any] | None,
    watch: Watch,
    device: torch.device,
) -> tuple[Fit, float]:
    """Run the phases that are left; return the last fit and the seconds of all of them.

    Without a folder nothing is logged or saved.
    """
    model = build(config).to(device)
    phases = list(phases_of(config))
    fit = Fit(model, Best.of(model, starts_of(config)))
    before = 0.0
    if saved is not None:
        run_folder.restore(fit, saved)
        before = float(saved["seconds"])
        while phases[0].name != saved["phase"]:
            phases.pop(0)
    began = time.monotonic() - before
    for i, phase in enumerate(phases):
        if i:  # the phase before this one has ended
            fit = _next_fit(fit, data, config, device)
            phase = replace(phase, epochs=0) if fit.interrupted else phase
        interrupted = fit.interrupted
        listen = watch.phase(_title(config, phase), phase.epochs, fit.position.epoch)

        def note(epoch: Any, listen: Any = listen) -> None:
            if out is not None:
                run_folder.append_log(out, epoch)
            listen(epoch)

        def save(fit: Fit, name: str = phase.name) -> None:
            if out is not None:
                run_folder.save_checkpoint(out, name, fit, time.monotonic() - began, done=False)

        fit = run_phase(
            fit, data.train, data.validation, config, phase,
            device=device, loss=loss, listen=note, save=save,
        )  # fmt: skip
        if fit.interrupted and not interrupted:
            watch.say("stopped by the user; what was learned is kept, and --resume goes on.")
        fit.interrupted |= interrupted
    return fit, time.monotonic() - began


def _title(config: TrainConfig, phase: Phase) -> str:
    name = "student" if config.model == "student" else config.model
    return f"{name} {phase.name}" if config.model == "student" else name


def _next_fit(fit: Fit, data: Data, config: TrainConfig, device: torch.device) -> Fit:
    """Begin the fixed phase from the best float states, with gains calibrated on them.

    States that the user stopped at keep their gains: no epochs follow that would make up for
    others.
    """
    fit.model.load_state_dict(fit.best.state)
    if isinstance(fit.model, SegmentStudent) and not fit.interrupted:
        calibrate_fit(fit.model, data.train, config, device)
    new = Fit(fit.model, Best.of(fit.model, len(fit.best.score)))
    new.interrupted = fit.interrupted
    return new


def _draw(out: Path, watch: Watch) -> None:
    """Draw the run's pictures; a machine without matplotlib trains all the same."""
    try:
        from ecgedge.run_pictures import draw_run

        draw_run(out)
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        watch.say("no pictures: matplotlib is not installed; pip install 'ecgedge[train]'.")


def _tell(out: Path, metrics: dict[str, Any], result: Result, watch: Watch) -> None:
    chosen = metrics["selection"]
    where = "out of fold" if metrics["folds"] else "on validation records"
    watch.say(
        f"{out}: {metrics['parameters']} parameters, {chosen['metric']} {chosen['score']:.3f} "
        f"{where} (start {chosen['start']}), {metrics['seconds']:.0f} s"
    )
    if metrics["collapsed_to"]:
        watch.say(
            f"warning: the model gives every beat the class {metrics['collapsed_to']}; try more "
            "restarts, class weights or a balanced sampler."
        )
    if result.threshold is not None and not result.threshold.within_limits:
        watch.say(f"note: no threshold keeps both limits {where}; the least violation was taken.")


def check_config(path: Path, config: TrainConfig) -> None:
    """Refuse a folder that holds a run of another configuration.

    Raises
    ------
    EcgedgeError
        Naming a setting that differs.
    """
    if not runs.is_run(path):
        return
    own, asked = to_json(config_of(path)), to_json(config)
    name = next((name for name in own if own[name] != asked[name]), None)
    if name is not None:
        raise EcgedgeError(
            f"{path} holds a run with {name} {own[name]!r}, not {asked[name]!r}; choose another "
            "folder."
        )


def train_or_go_on(
    folder: Path, config: TrainConfig, out: Path, *, data: Data | None, watch: Watch | None
) -> runs.Run:
    """Train a run, go on with it where it was broken off, or read it when it is done.

    Raises
    ------
    EcgedgeError
        When the folder holds a run of another configuration.
    """
    check_config(out, config)
    if runs.is_run(out):
        run = runs.load_run(out)
        if run.finished and not run.metrics.get("interrupted"):
            return run
    resume = (out / runs.CHECKPOINT).is_file()
    return train_run(folder, config, out, data=data, resume=resume, watch=watch)


def train_seeds(
    folder: Path, config: TrainConfig, out: Path, seeds: int, *, watch: Watch | None = None
) -> list[runs.Run]:
    """Train one run per seed into `out/seed-0` ..., counting from the configuration's seed.

    Seeds that are done are left as they are, and one that was broken off goes on.

    Raises
    ------
    EcgedgeError
        When `out` is a run itself, or a seed in it has another configuration or other beats.
    """
    if runs.is_run(out):
        raise EcgedgeError(f"{out} is a run itself; choose another folder for several seeds.")
    wanted = [replace(config, seed=config.seed + i) for i in range(seeds)]
    paths = [out / f"seed-{one.seed}" for one in wanted]
    for path, one in zip(paths, wanted, strict=True):
        check_config(path, one)
    begun = [path for path in paths if runs.is_run(path)]
    if begun:
        data = read_data(folder, config)
        for path in begun:
            check_data(path, data)
    done = []
    for path, one in zip(paths, wanted, strict=True):
        done.append(train_or_go_on(folder, one, path, data=None, watch=watch))
        if done[-1].metrics["interrupted"]:
            break
    return done
