"""The beats of changed records, what programs say of them, and how often that is true.

The counts have one row and one column more than there are classes: for beats that are not there.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgedge.data.beats import cut_record
from ecgedge.data.labels import label_map
from ecgedge.data.record import Record, resample_record
from ecgedge.evaluation.bootstrap import resampled_auroc, resampled_counts
from ecgedge.evaluation.conditions import DETECTOR, EXTRA, Condition, detected
from ecgedge.evaluation.metrics import (
    NSV,
    Floats,
    Ints,
    auroc,
    f1,
    false_positive_rate,
    is_positive,
    macro_f1,
    miss_rate,
    one_against_rest,
    predictions,
)
from ecgedge.evaluation.numbers import Measured
from ecgedge.evaluation.report import SEED, main_number
from firmware_sim import beat
from firmware_sim.network import decide, run
from firmware_sim.prior import in_sequence
from firmware_sim.program import Program

NONE = "none"
"""Last row and column of the counts: a beat that is not there."""


@dataclass(frozen=True, eq=False)
class Cut:
    """The beats of changed records, next to what is true.

    Attributes
    ----------
    q : ndarray of int8, shape (n, window)
    context : ndarray of int8, shape (n, 12)
    y : ndarray of int64, shape (n,)
        Label index; the number of labels for a beat that the reference does not have.
    record : ndarray of int64, shape (n,)
    missed : ndarray of int64, shape (records, labels)
        Reference beats that are not among them.
    """

    q: NDArray[np.int8]
    context: NDArray[np.int8]
    y: Ints
    record: Ints
    missed: Ints


@dataclass(frozen=True)
class Setting:
    """What all conditions have in common.

    Attributes
    ----------
    labels : tuple of str
    task, aami_map : str
    fs, window : int
    records : tuple of str
    """

    labels: tuple[str, ...]
    task: str
    aami_map: str
    fs: int
    window: int
    records: tuple[str, ...]

    def index(self, symbols: NDArray[np.str_]) -> Ints:
        """Return the label index of each symbol, -1 for those that the task leaves out."""
        y = label_map(self.task).apply(symbols, self.aami_map).astype(np.int64)
        return np.where(symbols == EXTRA, len(self.labels), y)


def names_of(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the numbers of the table."""
    if len(labels) == 2:
        return ("f1_abnormal", "miss_rate", "false_positive_rate", "auroc_n_rest")
    each = tuple(f"f1.{label}" for label in ("V", "S") if label in labels)
    return (main_number(labels), *each, "auroc_n_rest")


def cut_beats(records: Sequence[Record], condition: Condition, setting: Setting, draw: int) -> Cut:
    """Change records and cut their beats.

    Parameters
    ----------
    records : sequence of Record
        As they are in the database; in the order of `setting.records`.
    condition : Condition
    setting : Setting
    draw : int
        Number of the draw; the same stretches of noise are drawn for all conditions.
    """
    classes = len(setting.labels)
    missed = np.zeros((len(records), classes), np.int64)
    parts = []
    for i, record in enumerate(records):
        random = np.random.default_rng([SEED, draw, zlib.crc32(record.name.encode())])
        changed = condition.change(record, random)
        if condition.key == DETECTOR:
            clean = resample_record(changed, setting.fs)
            changed, lost = detected(clean)
            inside = beat.window_is_inside(
                clean.beat_samples[lost], setting.window, len(clean.counts)
            )
            y = setting.index(clean.beat_symbols[lost][inside])
            missed[i] = np.bincount(y[y >= 0], minlength=classes)
        cut = cut_record(changed, setting.fs, setting.window, 0)
        y = setting.index(cut.symbol)
        keep = cut.inside & (y >= 0)
        parts.append((cut.q[keep], cut.context[keep], y[keep], np.full(keep.sum(), i)))
    q, context, y, record_index = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Cut(q, context, y, record_index.astype(np.int64), missed)


# One program on the beats of one condition


@dataclass(frozen=True, eq=False)
class Said:
    """What one program says of the beats of one draw.

    Attributes
    ----------
    counts : ndarray of int64, shape (records, labels + 1, labels + 1)
        Reference in rows; `NONE` last.
    auroc : float
        Normal against the rest, over the beats that were found.
    auroc_samples : ndarray, shape (resamples,)
        Empty when it was not resampled.
    """

    counts: Ints
    auroc: float
    auroc_samples: Floats


def ask(
    program: Program,
    cut: Cut,
    setting: Setting,
    *,
    own: NDArray[np.bool_],
    weights: Ints | None = None,
) -> Said:
    """Run a program on beats.

    Parameters
    ----------
    program : Program
    cut : Cut
    setting : Setting
    own : ndarray of bool, shape (records,)
        The records that it is asked about.
    weights : ndarray of int64, shape (resamples, records), optional
        From `bootstrap.record_weights`; without them AUROC is not resampled.
    """
    mine = own[cut.record]
    y, record = cut.y[mine], cut.record[mine]
    output = run(program, cut.q[mine], cut.context[mine] if program.context else None)
    said = in_sequence(program, output.scores, record, cut.context[mine])
    label_index = decide(program, said)
    size, records = len(setting.labels) + 1, len(setting.records)
    cell = (record * size + y) * size + label_index
    counts = np.bincount(cell, minlength=records * size**2).reshape(records, size, size)
    counts[own, :-1, -1] += cut.missed[own]
    real = y < len(setting.labels)
    scores = said[real].astype(np.float64)
    positive = is_positive(y[real], setting.labels, setting.labels[0])
    found = predictions(
        setting.labels, y[real], scores, record[real], setting.records,
        predicted=label_index[real],
    )  # fmt: skip
    normal = setting.labels[0]
    return Said(
        counts.astype(np.int64),
        auroc(positive, one_against_rest(scores, setting.labels, normal)),
        np.empty(0) if weights is None else resampled_auroc(found, normal, weights),
    )


def rates_of(counts: NDArray[np.generic], labels: tuple[str, ...]) -> dict[str, Floats]:
    """Return the rates of counts whose last row and column are `NONE`.

    A missed beat lowers the sensitivity of its class, a beat that is not in the reference the
    positive predictivity of the class that it was given. For miss rate and false-positive rate a
    missed beat raised no alarm: it counts as called normal.

    Parameters
    ----------
    counts : ndarray, shape (..., labels + 1, labels + 1)
    labels : tuple of str

    Returns
    -------
    dict of str to ndarray, shape (...)
        The numbers of `names_of` except AUROC.
    """
    every = (*labels, NONE)
    each = f1(counts)
    known = np.array(counts[..., :-1, :-1], np.float64)
    known[..., 0] += np.asarray(counts[..., :-1, -1], np.float64)
    return {
        "macro_f1": macro_f1(counts, every, labels),
        "macro_f1_nsv": macro_f1(counts, every, NSV),
        "f1_abnormal": each[..., 1],
        **{f"f1.{label}": each[..., i] for i, label in enumerate(labels)},
        "miss_rate": miss_rate(known),
        "false_positive_rate": false_positive_rate(known),
    }


def measured(said: Sequence[Said], setting: Setting, weights: Ints) -> Measured:
    """Put what all seeds say in all draws of one condition together: means over both."""
    counts = np.stack([one.counts for one in said])
    names = names_of(setting.labels)
    values = rates_of(counts.sum(axis=1), setting.labels)
    samples = rates_of(resampled_counts(counts, weights), setting.labels)
    with np.errstate(invalid="ignore"):
        by_seed = {name: values[name] for name in names if name in values}
        drawn = {name: _mean(samples[name]) for name in by_seed}
    by_seed["auroc_n_rest"] = np.array([one.auroc for one in said])
    drawn["auroc_n_rest"] = _mean(np.stack([one.auroc_samples for one in said]))
    total = counts.sum(axis=0)
    return Measured(
        setting.labels, setting.records, len(said), int(total.sum() / len(said)),
        by_seed, drawn, total, {},
    )  # fmt: skip


def _mean(values: Floats) -> Floats:
    """Mean over the first axis of what exists."""
    seen = ~np.isnan(values)
    total, count = np.where(seen, values, 0).sum(axis=0), seen.sum(axis=0)
    nothing = np.full(total.shape, np.nan)
    return np.asarray(np.divide(total, count, out=nothing, where=count > 0), np.float64)
