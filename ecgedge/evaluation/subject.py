"""What is evaluated: a bundle, a run, or a run of several seeds."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calib.float_network import FloatNetwork
from ecgedge import runs
from ecgedge.data.splits import SPLITS, get_split
from ecgedge.evaluation.metrics import Predictions, predictions
from ecgedge.evaluation.report import BASELINE, FLOAT, PROGRAM, TEACHER
from ecgedge.runs import Run
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program

MISSING = "missing_records"
VALIDATED = "validation_records"


@dataclass(frozen=True, eq=False)
class Subject:
    """What is evaluated.

    Attributes
    ----------
    path : Path
    name : str
    kind : str
        `bundle`, `run` or `runs` (several seeds).
    task, aami_map : str
    fs, window : int
    protocol : str or None
        What it was trained on; None where that is not known.
    lead : str or None
        What it was trained on; None where that is not known.
    programs : tuple of Program
        One a seed; empty for models that did not become integers.
    networks : tuple of FloatNetwork
        One a seed; empty for teachers.
    members : tuple of Run
        One a seed; empty for bundles.
    """

    path: Path
    name: str
    kind: str
    task: str
    aami_map: str
    fs: int
    window: int
    protocol: str | None
    lead: str | None
    programs: tuple[Program, ...]
    networks: tuple[FloatNetwork, ...]
    members: tuple[Run, ...] = ()

    @property
    def default_protocol(self) -> str:
        """The protocol it was trained on, or the one that has its task."""
        if self.protocol is not None:
            return self.protocol
        return next((name for name, s in SPLITS.items() if s.task == self.task), "ds1-ds2")

    def facts(self) -> dict[str, Any]:
        """Return what a report says of it."""
        trained = None
        if self.protocol is not None:
            trained = f"training records of {self.protocol}"
            missing = {name for run in self.members for name in run.metrics.get(MISSING, ())}
            if missing:
                trained += f", {len(missing)} records of the protocol missing"
        return {
            "name": self.name,
            "kind": self.kind,
            "trained_on": trained,
            "out_of_fold": self.has_folds,
            "interrupted": any(run.interrupted for run in self.members),
            "of_excerpt": any(run.of_excerpt for run in self.members),
        }

    @property
    def student(self) -> str:
        """What its students are called; a teacher that is worse than the baseline is not used."""
        if self.members and all(run.untaught for run in self.members):
            return "student (teacher not used)"
        if any(run.baseline is not None for run in self.members):
            return "distilled student"
        return "student"

    @property
    def has_folds(self) -> bool:
        """Whether folds validated one of the seeds, and so all training records trained it."""
        return any(run.has_folds for run in self.members)

    @property
    def validation_records(self) -> tuple[str, ...]:
        """Training records that validated one of the seeds; empty where that is not known."""
        names = [str(n) for run in self.members for n in run.metrics.get(VALIDATED) or ()]
        return tuple(dict.fromkeys(names))

    def seen_in_training(self, records: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of `records` that were training records."""
        if self.protocol is None:
            return ()
        train = set(get_split(self.protocol).train)
        return tuple(name for name in records if name in train)


def read_subject(path: Path) -> Subject:
    """Read a bundle, a run folder, or a folder with runs `seed-0` ...

    Raises
    ------
    EcgedgeError
        When it is none of them, is damaged or unfinished, or its seeds do not belong together.
    """
    path = Path(path)
    if (path / "bundle.json").is_file():
        return _bundle(path)
    if runs.is_run(path):
        return _runs(path, "run", (runs.load_run(path),))
    if seeds := runs.seeds_of(path):
        return _runs(path, "runs", tuple(runs.load_run(seed) for seed in seeds))
    if not path.exists():
        raise EcgedgeError(f"{path} does not exist; name a run folder or a bundle.")
    raise EcgedgeError(
        f"{path} is neither a bundle nor a run; name what `ecgedge train` or "
        "`ecgedge export` wrote."
    )


def _bundle(path: Path) -> Subject:
    from export.bundle import read_bundle

    bundle = read_bundle(path)
    program = bundle.program
    return Subject(
        path=path,
        name=program.name,
        kind="bundle",
        task=program.task,
        aami_map="aami",
        fs=program.fs,
        window=program.window,
        protocol=bundle.trained_on if bundle.trained_on in SPLITS else None,
        lead=None,
        programs=(program,),
        networks=(bundle.network,),
    )


def _runs(path: Path, kind: str, members: tuple[Run, ...]) -> Subject:
    for run in members:
        if not run.finished:
            raise EcgedgeError(
                f"{run.path} is not finished; go on with `ecgedge train --resume {run.path}`."
            )
    kept = ("task", "aami_map", "fs", "window", "protocol", "lead", "model")
    settings = [{name: run.config.get(name) for name in kept} for run in members]
    if any(other != settings[0] for other in settings):
        raise EcgedgeError(
            f"the seeds in {path} were trained with different settings; evaluate them one by one."
        )
    config = settings[0]
    programs = _programs(path, members)
    networks = tuple(run.float_network for run in members if run.float_network is not None)
    if any(len(found) not in (0, len(members)) for found in (programs, networks)):
        raise EcgedgeError(f"some seeds in {path} lack their program; train those again.")
    return Subject(
        path=path,
        name=path.resolve().name,
        kind=kind,
        task=str(config["task"]),
        aami_map=str(config["aami_map"]),
        fs=int(config["fs"] or 0),
        window=int(config["window"] or 0),
        protocol=str(config["protocol"]),
        lead=str(config["lead"]),
        programs=programs,
        networks=networks,
        members=members,
    )


def _programs(path: Path, members: tuple[Run, ...]) -> tuple[Program, ...]:
    """Return the programs of runs: those that training wrote, and each once."""
    for run in members:
        trained = run.metrics.get("program")
        if trained is not None and (run.program is None or run.program.digest != trained):
            raise EcgedgeError(
                f"{run.path} does not hold the program.json that training wrote; train it again."
            )
    programs = tuple(run.program for run in members if run.program is not None)
    if len({program.digest for program in programs}) < len(programs):
        raise EcgedgeError(
            f"two seeds in {path} hold the same program; leave one of them, as seeds are counted."
        )
    return programs


# Validation records or folds, as training wrote them


def validation_of(subject: Subject) -> dict[str, Predictions]:
    """Return what the first seed, its baseline and its teacher say of validation beats.

    With folds these are all training beats, each asked out of fold.
    """
    if not subject.members:
        return {}
    first = subject.members[0]
    own = PROGRAM if subject.programs else FLOAT if subject.networks else TEACHER
    asked = {own: first, BASELINE: first.baseline, TEACHER: first.teacher}
    if own == TEACHER:
        asked = {TEACHER: first}
    found = {name: saved_predictions(run.path) for name, run in asked.items() if run is not None}
    return {name: beats for name, beats in found.items() if beats is not None}


def saved_predictions(path: Path) -> Predictions | None:
    """Read what a run says of its validation beats; None when it wrote nothing.

    Raises
    ------
    EcgedgeError
        When the file is damaged.
    """
    file = Path(path) / runs.PROBABILITIES
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as content:
            return predictions(
                tuple(str(label) for label in content["labels"]),
                content["y"],
                content["scores"],
                content["record"],
                tuple(str(name) for name in content["records"]),
                predicted=content["predicted"],
            )
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise EcgedgeError(f"{file} is damaged ({error}); train the run again.") from None
