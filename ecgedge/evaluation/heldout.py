"""The records that a report is about, and what models say about their beats.

This is the only place that reads test records for a figure. `evaluate.evaluate` calls it, and
enters every look into a ledger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calib.float_network import FloatNetwork
from ecgedge.data.beats import BeatSet, prepare_beats
from ecgedge.data.labels import AAMI_MAPS, DROPPED, label_map
from ecgedge.data.splits import (
    DOMINANT_RECORD,
    DS1,
    PACED,
    SAME_PERSON,
    Split,
    get_split,
    split_records,
)
from ecgedge.evaluation.logistic import WHAT, Logistic
from ecgedge.evaluation.metrics import Predictions, predictions
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import FRACTION_BITS, ONE
from firmware_sim.network import decide, run
from firmware_sim.prior import in_sequence
from firmware_sim.program import Program

TEST, VALIDATION = "test", "validation"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The beats of test records, or of validation records, that belong to a task.

    Attributes
    ----------
    split : Split
        Restricted to the records that the folder has.
    task, aami_map : str
        How symbols became labels.
    labels : tuple of str
    beats : BeatSet
        Without the beats that the task drops.
    y : ndarray of int64, shape (n,)
        Label index of each beat.
    dropped : int
        Beats with a whole window that the task leaves out.
    part : str
        `TEST` or `VALIDATION`.
    """

    split: Split
    task: str
    aami_map: str
    labels: tuple[str, ...]
    beats: BeatSet
    y: NDArray[np.int64]
    dropped: int
    part: str = TEST

    @property
    def is_result(self) -> bool:
        """Whether figures on these beats are figures of the protocol."""
        return self.part == TEST and self.split.is_whole

    def other_map(self) -> tuple[str, NDArray[np.int64]] | None:
        """Return the other AAMI map and the label index of each beat under it.

        None where it changes nothing here.
        """
        name = next(name for name in AAMI_MAPS if name != self.aami_map)
        y = label_map(self.task).apply(self.beats.symbol, name).astype(np.int64)
        if (y == DROPPED).any() or np.array_equal(y, self.y):
            return None
        return name, y

    def predictions(
        self,
        scores: NDArray[np.generic],
        *,
        predicted: NDArray[np.integer] | None = None,
        threshold: float | None = None,
        scale: float = 1.0,
        logit_scale: float = 1.0,
    ) -> Predictions:
        """Put scores (n, classes) next to the reference; see `metrics.predictions`."""
        return predictions(
            self.labels,
            self.y,
            scores,
            self.beats.record,
            self.beats.records,
            predicted=predicted,
            threshold=threshold,
            scale=scale,
            logit_scale=logit_scale,
        )


def held_out(
    split: Split | str,
    folder: Path,
    *,
    task: str,
    fs: int = 360,
    window: int | None = None,
    lead: str | None = None,
    aami_map: str = "aami",
) -> HeldOut:
    """Read the test records of a protocol.

    Parameters
    ----------
    split : Split or str
    folder : Path
        Folder of the database or of an excerpt of it.
    task : str
        Label map.
    fs, window : int
        Samples per second, samples of a beat (one second unless given).
    lead : str, optional
        Another lead than the protocol's.
    aami_map : {"aami", "bxb"}

    Raises
    ------
    EcgedgeError
        When the protocol or the task is unknown, or records are missing or damaged.
    """
    here = split_records(split, folder)
    return _read(here, folder, here.test, TEST, task, fs, window, lead, aami_map)


def validation_beats(
    split: Split | str,
    folder: Path,
    records: Sequence[str],
    *,
    task: str,
    fs: int = 360,
    window: int | None = None,
    lead: str | None = None,
    aami_map: str = "aami",
) -> HeldOut:
    """Read validation records of a protocol; no test record is opened.

    Parameters
    ----------
    records : sequence of str
        Training records that did not train the model; those that the folder lacks are left out.
    split, folder, task, fs, window, lead, aami_map
        As `held_out`.

    Raises
    ------
    EcgedgeError
        As `held_out`; and when one of `records` is no training record, or none is there.
    """
    here = split_records(split, folder)
    known = get_split(here.name).train
    if strange := [name for name in records if name not in known]:
        raise EcgedgeError(
            f"record {strange[0]} validated this run, but is no training record of {here.name}; "
            "train the run again."
        )
    there = tuple(name for name in here.train if name in set(records))
    if not there:
        raise EcgedgeError(
            f"{folder} has none of the records that validated this run; name the database that "
            "it was trained on with --data."
        )
    return _read(here, folder, there, VALIDATION, task, fs, window, lead, aami_map)


def _read(
    split: Split,
    folder: Path,
    records: tuple[str, ...],
    part: str,
    task: str,
    fs: int,
    window: int | None,
    lead: str | None,
    aami_map: str,
) -> HeldOut:
    labels = label_map(task)
    beats = prepare_beats(folder, records, fs=fs, window=window, lead=lead or split.lead)
    y = labels.apply(beats.symbol, aami_map)
    keep = y >= 0
    if not keep.any():
        raise EcgedgeError(
            f"the {part} records of {split.name} have no beat of the task {task}; "
            "choose another task or the whole database."
        )
    return HeldOut(
        split=split,
        task=task,
        aami_map=aami_map,
        labels=labels.labels,
        beats=beats.take(keep),
        y=y[keep].astype(np.int64),
        dropped=int(np.sum(~keep)),
        part=part,
    )


def _check_labels(test: HeldOut, labels: tuple[str, ...], name: str) -> None:
    if labels != test.labels:
        raise EcgedgeError(
            f"{name} has the classes {', '.join(labels)}, but the task {test.task} has "
            f"{', '.join(test.labels)}; evaluate it on its own task."
        )


def program_predictions(test: HeldOut, program: Program) -> Predictions:
    """Run an integer program on the test beats; its own decision rule decides."""
    _check_labels(test, program.labels, program.name)
    output = run(program, test.beats.q, test.beats.context if program.context else None)
    scores = in_sequence(program, output.scores, test.beats.record, test.beats.context)
    scale = program.logit_scale / (1 << 2 * FRACTION_BITS)
    return test.predictions(
        scores,
        predicted=decide(program, scores),
        scale=scale,
        logit_scale=float(program.logit_scale),
    )


def network_predictions(test: HeldOut, network: FloatNetwork) -> Predictions:
    """Run a float student on the test beats, given the same integers as the program."""
    _check_labels(test, network.labels, network.name)
    context = test.beats.context[:, : network.context] / ONE if network.context else None
    scores = np.concatenate(
        [
            network.forward(test.beats.q[rows] / ONE, None if context is None else context[rows])
            for rows in _chunks(len(test.y))
        ]
    )
    scores = in_sequence(network, scores, test.beats.record, test.beats.context, one=1.0)
    threshold = (network.threshold or 0.0) if len(network.labels) == 2 else None
    scale = float(network.logit_scale)
    return test.predictions(scores, threshold=threshold, scale=scale, logit_scale=scale)


def logistic_predictions(test: HeldOut, model: Logistic) -> Predictions:
    """Ask a logistic baseline; of validation records, the weights that did not see them."""
    _check_labels(test, model.labels, WHAT[model.name])
    beats = test.beats
    if model.fs != beats.fs:
        raise EcgedgeError(
            f"the logistic baseline was fitted at {model.fs} Hz, not {beats.fs} Hz; train the run "
            "again."
        )
    if test.part == VALIDATION:
        logits = model.out_of_fold(beats.q, beats.context, beats.record, beats.records)
    else:
        logits = model.logits(beats.q, beats.context)
    return test.predictions(logits, threshold=model.threshold)


def _chunks(n: int, size: int = 2048) -> list[slice]:
    return [slice(start, start + size) for start in range(0, n, size)]


def traps(test: HeldOut) -> list[str]:
    """Return what has to be known about these records, one sentence each."""
    found = _traps_of_validation(test) if test.part == VALIDATION else _traps_of_tests(test)
    return found + list(test.beats.warnings)


def _traps_of_validation(test: HeldOut) -> list[str]:
    found = [
        "Training chose by these records: its best start, its epoch and its threshold are those "
        "that did well here, so the figures flatter. Add --test for test records."
    ]
    if test.split.missing:
        found.append(f"{len(test.split.missing)} records of the protocol are not in this folder.")
    return found


def _traps_of_tests(test: HeldOut) -> list[str]:
    names, split = set(test.split.test), test.split
    found = []
    if not split.is_whole:
        found.append(
            f"{len(split.missing)} records of the protocol are missing: "
            "the figures are not results of the protocol."
        )
    both = [name for name in SAME_PERSON if name in split.train + split.test]
    if len(both) == len(SAME_PERSON) and len(names & set(SAME_PERSON)) == 1:
        found.append(
            "Records 201 (training) and 202 (test) come from one person: see the rows without 202."
        )
    if "S" in test.labels and DOMINANT_RECORD["S"] in names and split.name == "ds1-ds2":
        found.append("Three quarters of the S beats are in record 232: see S without 232.")
    if "F" in test.labels and DOMINANT_RECORD["F"] in names and split.name == "ds1-ds2":
        found.append("Nine tenths of the F beats are in record 213: see F without 213.")
    if split.name == "replica":
        of_ds1 = [name for name in split.test if name in DS1]
        found.append(
            f"{len(of_ds1)} of the {len(split.test)} test records are training records of ds1-ds2, "
            "on whose labels the inputs of the student context and of the logistic baselines were "
            "chosen: see the row without records of DS1."
        )
        paced = [name for name in PACED if name in split.train]
        found.append(
            f"Paced records are among the training records ({', '.join(paced)}), and every beat "
            "that is neither N nor V, S, F, Q by symbol is dropped, bundle branch blocks included."
        )
    return found
