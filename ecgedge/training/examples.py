"""Beats with labels as tensors, and the split into training and validation records."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecgedge.data.beats import BeatSet, prepare_beats
from ecgedge.data.labels import label_map
from ecgedge.data.splits import split_records
from ecgedge.training.config import TrainConfig
from ecgedge.training.noisy import noisy_beats
from firmware_sim.errors import EcgedgeError

CANDIDATE_SPLITS = 200
"""Random choices of validation records among which the best balanced is taken."""


@dataclass(frozen=True)
class Examples:
    """Labelled beats.

    Attributes
    ----------
    counts : Tensor (n, window + 2 margin), int16
        Converter counts with margins for shifting.
    q : Tensor (n, window), int8
        The beats as the integer program gets them.
    context : Tensor (n, CONTEXT_SIZE), int8
    y : Tensor (n,), int64
        Class index.
    record : Tensor (n,), int64
        Index into `records`.
    records : tuple of str
    fs, window, margin : int
    twin : Examples or None
        The same beats out of noisy records, where training draws some of them.
    """

    counts: Tensor
    q: Tensor
    context: Tensor
    y: Tensor
    record: Tensor
    records: tuple[str, ...]
    fs: int
    window: int
    margin: int
    twin: "Examples | None" = None

    def __len__(self) -> int:
        """Number of beats."""
        return len(self.y)

    @property
    def digest(self) -> str:
        """SHA-256 of the beats, their labels and records, and of their noisy twins."""
        found = hashlib.sha256(json.dumps(self.records).encode())
        for one in (self, self.twin):
            if one is not None:
                for values in (one.q, one.context, one.y, one.record):
                    found.update(values.numpy().tobytes())
        return found.hexdigest()

    def of_records(self, names: tuple[str, ...]) -> "Examples":
        """Return the beats of the named records."""
        wanted = torch.tensor([name in names for name in self.records])
        which = wanted[self.record]
        return replace(
            self,
            counts=self.counts[which],
            q=self.q[which],
            context=self.context[which],
            y=self.y[which],
            record=self.record[which],
            twin=None if self.twin is None else self.twin.of_records(names),
        )

    def class_counts(self, classes: int) -> Tensor:
        """Count the beats of each class: (classes,)."""
        return torch.bincount(self.y, minlength=classes)


def to_examples(beats: BeatSet, task: str, aami_map: str = "aami") -> Examples:
    """Label beats and keep those that the task has a label for."""
    y = label_map(task).apply(beats.symbol, aami_map)
    beats, y = beats.take(y >= 0), y[y >= 0]
    return Examples(
        counts=torch.from_numpy(beats.counts),
        q=torch.from_numpy(beats.q),
        context=torch.from_numpy(beats.context),
        y=torch.from_numpy(y.astype(np.int64)),
        record=torch.from_numpy(beats.record.astype(np.int64)),
        records=beats.records,
        fs=beats.fs,
        window=beats.window,
        margin=beats.margin,
    )


def training_examples(folder: Path, config: TrainConfig) -> Examples:
    """Read the labelled beats of a protocol's training records; no test record is opened.

    Parameters
    ----------
    folder : Path
        Folder of the database.
    config : TrainConfig
    """
    split = split_records(config.protocol, folder)
    beats = prepare_beats(folder, split.train, fs=config.fs, window=config.window, lead=config.lead)
    examples = to_examples(beats, config.task, config.aami_map)
    if not config.augmentation.nstdb:
        return examples
    twin = to_examples(noisy_beats(folder, beats), config.task, config.aami_map)
    return replace(examples, twin=twin)


def validation_records(
    y: NDArray[np.integer], record: NDArray[np.integer], share: float, seed: int
) -> NDArray[np.bool_]:
    """Choose validation records so that every class occurs on both sides.

    Among many random choices the one is taken whose share of each class comes closest to `share`,
    on a logarithmic scale, so that rare classes count as much as frequent ones.

    Parameters
    ----------
    y : (n,) integers
        Class of each beat.
    record : (n,) integers
        Record index of each beat.
    share : float
        Share of the records that validation gets, in (0, 1).
    seed : int

    Returns
    -------
    (records,) bool
        Which record indices are for validation.

    Raises
    ------
    EcgedgeError
        When there are fewer than two records, or a class occurs in one record only.
    """
    records, classes = int(record.max(initial=-1)) + 1, int(y.max(initial=0)) + 1
    table = np.bincount(record * classes + y, minlength=records * classes)
    table = table.reshape(records, classes).astype(np.float64)
    present = table.sum(0) > 0
    alone = present & ((table > 0).sum(0) < 2)
    filled = np.flatnonzero(table.sum(1) > 0)
    if len(filled) < 2 or alone.any():
        raise EcgedgeError(
            "validation by record needs every class in at least two training records; "
            "use more records or a task with fewer classes."
        )
    chosen = max(1, min(len(filled) - 1, round(share * len(filled))))
    rng = np.random.default_rng(seed)
    best, best_cost = None, np.inf
    for _ in range(CANDIDATE_SPLITS):
        mask = np.zeros(records, bool)
        mask[rng.choice(filled, chosen, replace=False)] = True
        part = (table[mask].sum(0) / np.maximum(table.sum(0), 1))[present]
        if (part <= 0).any() or (part >= 1).any():
            continue
        cost = float(np.abs(np.log(part / (1 - part)) - np.log(share / (1 - share))).sum())
        if cost < best_cost:
            best, best_cost = mask, cost
    if best is None:
        raise EcgedgeError(
            "no choice of validation records has every class on both sides; change the seed or "
            "the validation share."
        )
    return best


def split_examples(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples]:
    """Split into training and validation beats, by record; see `validation_records`."""
    mask = validation_records(examples.y.numpy(), examples.record.numpy(), share, seed)
    names = np.asarray(examples.records)[: len(mask)]
    chosen = tuple(str(n) for n in names[mask])
    rest = tuple(n for n in examples.records if n not in chosen)
    return examples.of_records(rest), examples.of_records(chosen)
