"""The test records of a protocol, and what models say about their beats.

This is the only place that reads test records for a figure.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calib.float_network import FloatNetwork
from ecgedge.data.beats import BeatSet, prepare_beats
from ecgedge.data.labels import label_map
from ecgedge.data.splits import DOMINANT_RECORD, PACED, SAME_PERSON, Split, split_records
from ecgedge.evaluation.metrics import Predictions, predictions
from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import FRACTION_BITS, ONE
from firmware_sim.network import run
from firmware_sim.program import Program


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The beats of the test records that belong to a task.

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
    """

    split: Split
    task: str
    aami_map: str
    labels: tuple[str, ...]
    beats: BeatSet
    y: NDArray[np.int64]
    dropped: int

    @property
    def is_result(self) -> bool:
        """Whether figures on these beats are figures of the protocol."""
        return self.split.is_whole

    def predictions(
        self,
        scores: NDArray[np.generic],
        *,
        predicted: NDArray[np.integer] | None = None,
        threshold: float | None = None,
        scale: float = 1.0,
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
    labels = label_map(task)
    beats = prepare_beats(folder, here.test, fs=fs, window=window, lead=lead or here.lead)
    y = labels.apply(beats.symbol, aami_map)
    keep = y >= 0
    if not keep.any():
        raise EcgedgeError(
            f"the test records of {here.name} have no beat of the task {task}; "
            "choose another task or the whole database."
        )
    return HeldOut(
        split=here,
        task=task,
        aami_map=aami_map,
        labels=labels.labels,
        beats=beats.take(keep),
        y=y[keep].astype(np.int64),
        dropped=int(np.sum(~keep)),
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
    scale = program.logit_scale / (1 << 2 * FRACTION_BITS)
    return test.predictions(output.scores, predicted=output.label_index, scale=scale)


def network_predictions(test: HeldOut, network: FloatNetwork) -> Predictions:
    """Run a float student on the test beats, given the same integers as the program."""
    _check_labels(test, network.labels, network.name)
    context = test.beats.context / ONE if network.context else None
    scores = np.concatenate(
        [
            network.forward(test.beats.q[rows] / ONE, None if context is None else context[rows])
            for rows in _chunks(len(test.y))
        ]
    )
    threshold = (network.threshold or 0.0) if len(network.labels) == 2 else None
    return test.predictions(scores, threshold=threshold, scale=float(network.logit_scale))


def _chunks(n: int, size: int = 2048) -> list[slice]:
    return [slice(start, start + size) for start in range(0, n, size)]


def traps(test: HeldOut) -> list[str]:
    """Return what has to be known about these test records, one sentence each."""
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
        paced = [name for name in PACED if name in split.train]
        found.append(
            f"Paced records are among the training records ({', '.join(paced)}), and every beat "
            "that is neither N nor V, S, F, Q by symbol is dropped, bundle branch blocks included."
        )
    missing_lead = list(test.beats.warnings)
    return found + missing_lead
