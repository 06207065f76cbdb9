"""The rows of the table: every model that belongs to a run or a bundle, and what it says.

A model is named, and its SHA-256 known, before it is asked: the ledger is written in between.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calib.float_network import FloatNetwork
from ecgedge import runs
from ecgedge.evaluation import logistic
from ecgedge.evaluation.heldout import (
    TEST,
    VALIDATION,
    HeldOut,
    logistic_predictions,
    network_predictions,
    program_predictions,
)
from ecgedge.evaluation.metrics import Predictions
from ecgedge.evaluation.report import BASELINE, BASELINE_FLOAT, FLOAT, PROGRAM, TEACHER, Row
from ecgedge.evaluation.subject import Subject
from ecgedge.runs import Run
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import ONE
from firmware_sim.program import Program

SCORE_ONE = ONE * ONE
PLAIN = "plain student"

Scorer = Callable[[NDArray[np.int8], NDArray[np.int8] | None], NDArray[np.floating]]
"""Logits (n, classes) of beats (n, window) and their context."""
LoadScorer = Callable[[Path], Scorer]
"""Gives the scorer of a run folder whose model has no NumPy form: teachers."""


@dataclass(frozen=True, eq=False)
class Model:
    """One seed of one row, not asked yet.

    Attributes
    ----------
    digest : str
        SHA-256 of the program, or of the file that holds the weights.
    ask : callable
        Gives its predictions of held-out beats.
    parameters : int or None
    threshold : float or None
        For two classes, in the unit of its scores.
    validation : tuple of str
        Records that did not train it; empty where that is not known.
    """

    digest: str
    ask: Callable[[HeldOut], Predictions]
    parameters: int | None
    threshold: float | None
    validation: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Lineup:
    """A row before its models are asked.

    Attributes
    ----------
    name : str
        `program`, `float`, `baseline`, `baseline_float`, `teacher`, `logistic` ...
    what : str
        What it is, for people.
    models : tuple of Model
        One a seed.
    """

    name: str
    what: str
    models: tuple[Model, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each model."""
        return tuple(model.digest for model in self.models)

    def row(self, test: HeldOut) -> Row:
        """Ask every model; of validation beats each is asked about its own records alone."""
        said = []
        for model in self.models:
            beats = model.ask(test)
            if test.part == VALIDATION:
                own = np.isin(np.asarray(beats.records, dtype=str), model.validation)
                beats = beats.where(own[beats.record])
            said.append(beats)
        return Row(
            self.name,
            self.what,
            tuple(said),
            self.models[0].parameters,
            tuple(m.threshold for m in self.models if m.threshold is not None),
            self.digests,
            None if test.part == VALIDATION else test.other_map(),
        )


def lineups_of(
    subject: Subject, load_scorer: LoadScorer | None, part: str = TEST
) -> tuple[list[Lineup], list[str]]:
    """Return every model of a subject, in the order of the table.

    Parameters
    ----------
    subject : Subject
    load_scorer : callable or None
        None where teachers cannot be asked, because PyTorch is not installed.
    part : str
        What they will be asked about: `heldout.TEST` or `heldout.VALIDATION`.

    Returns
    -------
    lineups : list of Lineup
        The integer program and its float student, the plain student, the teacher, the logistic
        baselines; as far as there are any.
    notes : list of str
        What was left out, and why.

    Raises
    ------
    EcgedgeError
        When a file of a run is damaged.
    """
    found, notes = [], _unused_teachers(subject)
    if subject.kind == "bundle":
        found += _bundle(subject)
    else:
        found += _students(subject.members, PROGRAM, FLOAT, subject.student)
    if not found:
        asked = {TEACHER: subject.members}
    else:
        baselines = [run.baseline for run in subject.members]
        plain = tuple(run for run in baselines if run is not None and run.finished)
        found += _students(plain, BASELINE, BASELINE_FLOAT, PLAIN)
        asked = {TEACHER: _teachers(subject.members)}
    for name, members in asked.items():
        if members and load_scorer is None:
            notes.append(f"The {name} is left out: PyTorch is not installed.")
        elif members and load_scorer is not None:
            what = f"{name}, {members[0].config.get('model')}"
            found.append(Lineup(name, what, tuple(_scored(run, load_scorer) for run in members)))
    return found + _logistics(subject, part), notes


def _unused_teachers(subject: Subject) -> list[str]:
    """Say how many seeds had a teacher that was worse than the baseline, and was not used."""
    told = [run.untaught for run in subject.members]
    unused = sum(told)
    if not unused:
        return []
    seeds = f" in {unused} of {len(told)} seeds" if len(told) > 1 else ""
    return [
        f"The teacher was not used{seeds}: on validation records it was worse than the baseline, "
        "which is the student here."
    ]


def file_digest(path: Path) -> str:
    """SHA-256 of a file.

    Raises
    ------
    EcgedgeError
        When it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EcgedgeError(f"{path} cannot be read ({error.strerror}); train again.") from None


def _validation(run: Run) -> tuple[str, ...]:
    return tuple(str(name) for name in run.metrics.get("validation_records") or ())


def _program(program: Program, validation: tuple[str, ...] = ()) -> Model:
    return Model(
        program.digest,
        lambda test: program_predictions(test, program),
        program.parameters,
        program.threshold,
        validation,
    )


def _network(network: FloatNetwork, file: Path, validation: tuple[str, ...] = ()) -> Model:
    return Model(
        file_digest(file),
        lambda test: network_predictions(test, network),
        network.parameters,
        (network.threshold or 0.0) if len(network.labels) == 2 else None,
        validation,
    )


def _bundle(subject: Subject) -> list[Lineup]:
    (program,), (network,) = subject.programs, subject.networks
    float_model = _network(network, subject.path / runs.FLOAT_NETWORK)
    return [
        Lineup(PROGRAM, f"{subject.student}, integer", (_program(program),)),
        Lineup(FLOAT, f"{subject.student}, float", (float_model,)),
    ]


def _students(members: Sequence[Run], integer: str, floating: str, what: str) -> list[Lineup]:
    """Rows of the programs, and of the float students, of runs that all have them."""
    programs = [
        _program(run.program, _validation(run)) for run in members if run.program is not None
    ]
    networks = [
        _network(run.float_network, run.path / runs.FLOAT_NETWORK, _validation(run))
        for run in members
        if run.float_network is not None
    ]
    found = []
    if members and len(programs) == len(members):
        found.append(Lineup(integer, f"{what}, integer", tuple(programs)))
    if members and len(networks) == len(members):
        found.append(Lineup(floating, f"{what}, float", tuple(networks)))
    return found


def _teachers(members: Sequence[Run]) -> tuple[Run, ...]:
    """Teachers of students, each once: trained with them, or named by their configuration."""
    found: dict[Path, Run] = {}
    for run in members:
        teacher = run.teacher or _named_teacher(run)
        if teacher is not None and teacher.finished:
            found.setdefault(teacher.path.resolve(), teacher)
    return tuple(found.values())


def _named_teacher(run: Run) -> Run | None:
    """Return the teacher that was trained elsewhere; None where it is not there any more."""
    told = (run.config.get("distillation") or {}).get("teacher") or {}
    place = told.get("run") if isinstance(told, dict) else None
    if not isinstance(place, str) or not runs.is_run(Path(place)):
        return None
    return runs.load_run(Path(place))


def _scored(run: Run, load_scorer: LoadScorer) -> Model:
    size = run.metrics.get("parameters")
    # Training chose the threshold on the scale of integer scores.
    chosen = float((run.metrics.get("threshold") or {}).get("value", 0)) / SCORE_ONE

    def ask(test: HeldOut) -> Predictions:
        logits = load_scorer(run.path)(test.beats.q, test.beats.context)
        return test.predictions(logits, threshold=chosen if len(test.labels) == 2 else None)

    return Model(
        file_digest(run.path / runs.CHECKPOINT),
        ask,
        int(size) if size else None,
        chosen if run.metrics.get("threshold") else None,
        _validation(run),
    )


def _logistics(subject: Subject, part: str) -> list[Lineup]:
    """Logistic baselines that were fitted with the runs: one of each, however many seeds.

    About validation records each is asked as often as there are seeds, for these have their own.
    """
    found: dict[str, dict[tuple[str, ...], Model]] = {}
    for run in subject.members:
        for model in logistic.load(run.path / runs.LOGISTIC):
            own = _validation(run)
            key = (model.digest, *(own if part == VALIDATION else ()))
            found.setdefault(model.name, {})[key] = _logistic(model, own)
    return [
        Lineup(name, logistic.WHAT[name], tuple(found[name].values()))
        for name in logistic.FEATURES
        if name in found
    ]


def _logistic(model: logistic.Logistic, validation: tuple[str, ...]) -> Model:
    return Model(
        model.digest,
        lambda test: logistic_predictions(test, model),
        model.parameters,
        model.threshold,
        validation,
    )
