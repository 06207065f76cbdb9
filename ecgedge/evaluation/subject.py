"""What is evaluated: a bundle, a run, or a run of several seeds; and its rows of the report."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib.float_network import FloatNetwork
from ecgedge import runs
from ecgedge.data.splits import SPLITS, get_split
from ecgedge.evaluation.heldout import HeldOut, network_predictions, program_predictions
from ecgedge.evaluation.metrics import Predictions, predictions
from ecgedge.evaluation.report import FLOAT, PROGRAM, Row
from ecgedge.runs import Run
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import ONE
from firmware_sim.program import Program

SCORE_ONE = ONE * ONE
BASELINE, TEACHER = runs.BASELINE, runs.TEACHER
MISSING = "missing_records"

Scorer = Callable[[NDArray[np.int8], NDArray[np.int8] | None], NDArray[np.floating]]
"""Logits (n, classes) of beats (n, window) and context (n, 5)."""


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
        return {"name": self.name, "kind": self.kind, "trained_on": trained}

    @property
    def student(self) -> str:
        """What its students are called; a teacher that is worse than the baseline is not used."""
        if self.members and all(run.untaught for run in self.members):
            return "student (teacher not used)"
        if any(run.baseline is not None for run in self.members):
            return "distilled student"
        return "student"

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
        protocol=None,
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
    programs = tuple(run.program for run in members if run.program is not None)
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


# Rows


def rows_of(
    subject: Subject, test: HeldOut, load_scorer: Callable[[Path], Scorer] | None
) -> tuple[list[Row], list[str]]:
    """Run every model of a subject on the test beats.

    Parameters
    ----------
    subject : Subject
    test : HeldOut
    load_scorer : callable or None
        Gives the scorer of a run folder whose model has no NumPy form (teachers); None where that
        cannot be had.

    Returns
    -------
    rows : list of Row
        The integer program, its float student, then baseline and teacher where there are any.
    notes : list of str
        What was left out, and why.
    """
    rows: list[Row] = []
    notes = _unused_teachers(subject)
    if subject.programs:
        rows.append(_program_row(PROGRAM, f"{subject.student}, integer", subject.programs, test))
    if subject.networks:
        rows.append(_network_row(FLOAT, f"{subject.student}, float", subject.networks, test))
    asked: dict[str, tuple[Run, ...]] = {}
    if not rows:
        asked[TEACHER] = subject.members
    else:
        baselines = [run.baseline for run in subject.members]
        teachers = [run.teacher for run in subject.members]
        for name, found in ((BASELINE, baselines), (TEACHER, teachers)):
            asked[name] = tuple(run for run in found if run is not None and run.finished)
    for name, members in asked.items():
        row = _member_row(name, members, test, load_scorer)
        if row is not None:
            rows.append(row)
        elif members:
            notes.append(f"The {name} is left out: PyTorch is not installed.")
    return rows, notes


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


def _program_row(name: str, what: str, programs: tuple[Program, ...], test: HeldOut) -> Row:
    return Row(
        name,
        what,
        tuple(program_predictions(test, program) for program in programs),
        programs[0].parameters,
        tuple(p.threshold for p in programs if p.threshold is not None),
        tuple(program.digest for program in programs),
    )


def _network_row(name: str, what: str, networks: tuple[FloatNetwork, ...], test: HeldOut) -> Row:
    two = len(test.labels) == 2
    return Row(
        name,
        what,
        tuple(network_predictions(test, network) for network in networks),
        networks[0].parameters,
        tuple(network.threshold or 0.0 for network in networks) if two else (),
    )


def _member_row(
    name: str,
    members: tuple[Run, ...],
    test: HeldOut,
    load_scorer: Callable[[Path], Scorer] | None,
) -> Row | None:
    """Return the row of other runs: their programs, their float networks, or their scorers."""
    programs = tuple(run.program for run in members if run.program is not None)
    networks = tuple(run.float_network for run in members if run.float_network is not None)
    if members and len(programs) == len(members):
        return _program_row(name, f"{name}, integer", programs, test)
    if members and len(networks) == len(members):
        return _network_row(name, f"{name}, float", networks, test)
    if not members or load_scorer is None:
        return None
    thresholds = tuple(_threshold(run) for run in members)
    said = tuple(
        test.predictions(
            load_scorer(run.path)(test.beats.q, test.beats.context),
            threshold=threshold if len(test.labels) == 2 else None,
        )
        for run, threshold in zip(members, thresholds, strict=True)
    )
    size = members[0].metrics.get("parameters")
    return Row(
        name,
        f"{name}, {members[0].config.get('model')}",
        said,
        int(size) if size else None,
        thresholds if len(test.labels) == 2 else (),
    )


def _threshold(run: Run) -> float:
    """Threshold of a float model, which training chose on the scale of integer scores."""
    chosen = run.metrics.get("threshold") or {}
    return float(chosen.get("value", 0)) / SCORE_ONE


# Validation records, as training wrote them


def validation_of(subject: Subject) -> dict[str, Predictions]:
    """Return what the first seed, its baseline and its teacher say of validation records."""
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
