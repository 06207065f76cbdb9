"""Numbers that say how well beats were labelled: counts first, rates from counts.

Every rate is computed from a confusion matrix with any number of leading axes, so that one
function serves one test set, one record, or two thousand bootstrap resamples at once.
`labels[0]` is always the normal class; everything else counts as abnormal.

A rate whose denominator is zero does not exist: it is NaN here and `null` in JSON.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from firmware_sim.errors import EcgedgeError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NSV = ("N", "S", "V")
NSVF = ("N", "S", "V", "F")
CALIBRATION_BINS = 15
CALIBRATION = {"calibration_error": True, "calibration_error_unscaled": False}
"""Name of a calibration error -> whether the logit scale of the model is applied."""


@dataclass(frozen=True)
class Predictions:
    """What one model said about one list of beats, next to what is true.

    Attributes
    ----------
    labels : tuple of str
        Class names; the normal class first.
    y : ndarray of int64, shape (n,)
        Reference class index in [0, classes).
    predicted : ndarray of int64, shape (n,)
        Class index that the model decided on (argmax, or the threshold of a two-class model).
    scores : ndarray of float64, shape (n, classes)
        Scores in any unit; only their order and differences are used.
    record : ndarray of int64, shape (n,)
        Index into `records`.
    records : tuple of str
        Record names.
    scale : float
        Probabilities are softmax(scale * scores).
    logit_scale : float
        The part of `scale` that is a temperature: scores times ``scale / logit_scale`` are the
        logits as the network has them.
    """

    labels: tuple[str, ...]
    y: Ints
    predicted: Ints
    scores: Floats
    record: Ints
    records: tuple[str, ...]
    scale: float = 1.0
    logit_scale: float = 1.0

    def __post_init__(self) -> None:
        n, classes = len(self.y), len(self.labels)
        if self.scores.shape != (n, classes):
            raise EcgedgeError(
                f"Scores of shape {self.scores.shape} do not fit {n} beats of {classes} classes; "
                "pass one score a beat and class."
            )
        if len(self.predicted) != n or len(self.record) != n:
            raise EcgedgeError("Reference, decision and record must have one entry a beat.")

    def where(self, mask: Bools) -> "Predictions":
        """Return the beats for which `mask` (n,) is true; `records` stays as it is."""
        return replace(
            self,
            y=self.y[mask],
            predicted=self.predicted[mask],
            scores=self.scores[mask],
            record=self.record[mask],
        )

    def without(self, *names: str) -> "Predictions":
        """Return the beats of all records except those named."""
        keep = np.array([name not in names for name in self.records])
        return self.where(keep[self.record])


def predictions(
    labels: tuple[str, ...],
    y: ArrayLike,
    scores: ArrayLike,
    record: ArrayLike,
    records: tuple[str, ...],
    *,
    predicted: ArrayLike | None = None,
    threshold: float | None = None,
    scale: float = 1.0,
    logit_scale: float = 1.0,
) -> Predictions:
    """Put reference, scores and records together and decide as the integer program does.

    Parameters
    ----------
    labels, y, scores, record, records, scale, logit_scale
        As in `Predictions`; any numeric type.
    predicted : array_like of int, shape (n,), optional
        Decisions that were already taken. Without them: two classes and a threshold decide 1 when
        ``scores[:, 1] - scores[:, 0] >= threshold``; otherwise argmax, lowest index on ties.
    threshold : float, optional
        In the unit of `scores`.
    """
    values = np.asarray(scores, dtype=np.float64)
    if predicted is None:
        if threshold is not None and values.shape[1] == 2:
            predicted = (values[:, 1] - values[:, 0] >= threshold).astype(np.int64)
        else:
            predicted = np.argmax(values, axis=1)
    return Predictions(
        labels,
        np.asarray(y, dtype=np.int64),
        np.asarray(predicted, dtype=np.int64),
        values,
        np.asarray(record, dtype=np.int64),
        records,
        scale,
        logit_scale,
    )


# Counts


def confusion(y: ArrayLike, predicted: ArrayLike, classes: int) -> Ints:
    """Count beats by reference class (row) and decided class (column).

    Returns
    -------
    ndarray of int64, shape (classes, classes)
    """
    cell = np.asarray(y, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.bincount(cell, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def confusion_by_record(beats: Predictions) -> Ints:
    """Count as `confusion`, for each record apart.

    Returns
    -------
    ndarray of int64, shape (records, classes, classes)
        Sums over axis 0 to the gross matrix.
    """
    classes, records = len(beats.labels), len(beats.records)
    cell = (beats.record * classes + beats.y) * classes + beats.predicted
    counts = np.bincount(cell, minlength=records * classes**2)
    return counts.reshape(records, classes, classes).astype(np.int64)


# Rates of counts. `matrix` has shape (..., classes, classes), reference in rows.


def _ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    top, bottom = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    nothing = np.full(np.shape(top), np.nan)
    return np.asarray(np.divide(top, bottom, out=nothing, where=bottom > 0), np.float64)


def sensitivity(matrix: NDArray[np.generic]) -> Floats:
    """Share of the reference beats of each class that got it: Se, shape (..., classes)."""
    counts = np.asarray(matrix, np.float64)
    return _ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1))


def positive_predictivity(matrix: NDArray[np.generic]) -> Floats:
    """Share of the beats given each class that belong to it: +P, shape (..., classes)."""
    counts = np.asarray(matrix, np.float64)
    return _ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-2))


def f1(matrix: NDArray[np.generic]) -> Floats:
    """Harmonic mean of Se and +P, as 2TP / (2TP + FP + FN), shape (..., classes).

    A class that has reference beats and is never found has F1 = 0; one that neither occurs nor is
    given has none (NaN).
    """
    counts = np.asarray(matrix, np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return _ratio(2 * hits, counts.sum(axis=-1) + counts.sum(axis=-2))


def macro_f1(
    matrix: NDArray[np.generic], labels: tuple[str, ...], over: tuple[str, ...] | None = None
) -> Floats:
    """Plain mean of F1 over classes, shape (...).

    Parameters
    ----------
    matrix : ndarray, shape (..., classes, classes)
    labels : tuple of str
        Names of the classes.
    over : tuple of str, optional
        Classes to average; all when left out. F1 of a class that neither occurs nor is given does
        not exist and is left out of the mean.

    Returns
    -------
    ndarray of float64, shape (...)
        NaN where `labels` lacks a class of `over`.
    """
    names = labels if over is None else over
    values = f1(matrix)
    if any(name not in labels for name in names):
        return np.full(values.shape[:-1], np.nan)
    chosen = values[..., [labels.index(name) for name in names]]
    present = ~np.isnan(chosen)
    return _ratio(np.where(present, chosen, 0).sum(axis=-1), present.sum(axis=-1))


def accuracy(matrix: NDArray[np.generic]) -> Floats:
    """Share of all beats that got their class, shape (...)."""
    counts = np.asarray(matrix, np.float64)
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def miss_rate(matrix: NDArray[np.generic]) -> Floats:
    """Share of the abnormal beats that were called normal, shape (...)."""
    counts = np.asarray(matrix, np.float64)[..., 1:, :]
    return _ratio(counts[..., 0].sum(axis=-1), counts.sum(axis=(-2, -1)))


def false_positive_rate(matrix: NDArray[np.generic]) -> Floats:
    """Share of the normal beats that were called abnormal, shape (...)."""
    counts = np.asarray(matrix, np.float64)[..., 0, :]
    return _ratio(counts[..., 1:].sum(axis=-1), counts.sum(axis=-1))


# Rates of scores


def one_against_rest(scores: ArrayLike, labels: tuple[str, ...], name: str) -> Floats:
    """Score of one class against all others, shape (n,).

    For the normal class the sign is that of abnormality: ``max(others) - normal``. For any other
    class ``own - max(others)``.
    """
    values = np.asarray(scores, np.float64)
    index = labels.index(name)
    own = values[:, index] - np.delete(values, index, axis=1).max(axis=1)
    return np.asarray(-own if index == 0 else own, np.float64)


def is_positive(y: ArrayLike, labels: tuple[str, ...], name: str) -> Bools:
    """Say which beats `one_against_rest` should score high: abnormal ones for the normal class."""
    index = labels.index(name)
    same = np.asarray(y) == index
    return np.asarray(~same if index == 0 else same, np.bool_)


def auroc(positive: ArrayLike, score: ArrayLike) -> float:
    """Area under the ROC curve: chance that a positive beat scores above a negative one.

    Computed from mid-ranks (Mann-Whitney), so ties count one half. NaN when either side is empty.

    Parameters
    ----------
    positive : array_like of bool, shape (n,)
    score : array_like, shape (n,)
    """
    from scipy.stats import rankdata

    flag = np.asarray(positive, bool)
    hits = int(flag.sum())
    others = flag.size - hits
    if not hits or not others:
        return float("nan")
    rank_sum = float(rankdata(np.asarray(score, np.float64))[flag].sum())
    return (rank_sum - hits * (hits + 1) / 2) / (hits * others)


def counts_above(positive: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Count positives and negatives at or above every distinct score, highest score first.

    Returns
    -------
    true, false : ndarray of float64, shape (k,)
        Positives and negatives that a threshold at that score lets through.
    threshold : ndarray of float64, shape (k,)
        Distinct scores, falling.
    """
    flag, value = np.asarray(positive, bool), np.asarray(score, np.float64)
    order = np.argsort(-value, kind="stable")
    flag, value = flag[order], value[order]
    last = np.append(np.flatnonzero(np.diff(value)), value.size - 1) if value.size else np.array([])
    last = last.astype(np.int64)
    hits = np.cumsum(flag, dtype=np.float64)[last]
    return hits, last + 1 - hits, value[last]


def roc_curve(positive: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return the ROC curve from (0, 0) to (1, 1).

    Returns
    -------
    false_positive_rate, sensitivity : ndarray of float64, shape (k + 1,)
    threshold : ndarray of float64, shape (k + 1,)
        Falling; the first is infinite.
    """
    hits, alarms, threshold = counts_above(positive, score)
    total_hits = hits[-1] if hits.size else 0
    total_alarms = alarms[-1] if alarms.size else 0
    start = np.zeros(1)
    return (
        _ratio(np.append(start, alarms), np.full(hits.size + 1, total_alarms)),
        _ratio(np.append(start, hits), np.full(hits.size + 1, total_hits)),
        np.append(np.inf, threshold),
    )


def precision_recall_curve(positive: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return precision, recall and threshold at every distinct score, highest score first."""
    hits, alarms, threshold = counts_above(positive, score)
    total = hits[-1] if hits.size else 0
    return _ratio(hits, hits + alarms), _ratio(hits, np.full(hits.size, total)), threshold


def auprc(positive: ArrayLike, score: ArrayLike) -> float:
    """Area under precision over recall, step-wise (average precision, no interpolation).

    NaN when there is no positive beat.
    """
    precision, recall, _ = precision_recall_curve(positive, score)
    if not recall.size or np.isnan(recall[-1]):
        return float("nan")
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


# Calibration of probabilities


def softmax(logits: ArrayLike) -> Floats:
    """Turn logits (n, classes) into probabilities."""
    values = np.asarray(logits, np.float64)
    weights = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


def confidence(beats: Predictions, *, scaled: bool = True) -> tuple[Bools, Floats]:
    """Return whether it came true, and what was stated, both (n,).

    More than two classes: the probability of the decided class, and whether it is the right one.
    Two classes: the probability of the abnormal class, and whether the beat is abnormal; there a
    threshold decides, not the larger probability.

    Parameters
    ----------
    beats : Predictions
    scaled : bool
        Probabilities as the model states them, with its logit scale; otherwise those of the bare
        logits.
    """
    stated = softmax(beats.scale / (1.0 if scaled else beats.logit_scale) * beats.scores)
    if len(beats.labels) == 2:
        return np.asarray(beats.y == 1, np.bool_), np.asarray(stated[:, 1], np.float64)
    chosen = stated[np.arange(len(beats.y)), beats.predicted]
    return np.asarray(beats.predicted == beats.y, np.bool_), np.asarray(chosen, np.float64)


def reliability(
    correct: ArrayLike, confidence: ArrayLike, bins: int = CALIBRATION_BINS
) -> tuple[Floats, Floats, Ints]:
    """Compare stated confidence with the share that was right, in bins of equal width.

    Parameters
    ----------
    correct : array_like of bool, shape (n,)
    confidence : array_like, shape (n,)
        In [0, 1].

    Returns
    -------
    confidence, share : ndarray of float64, shape (bins,)
        Mean confidence and share correct in each bin; NaN where a bin is empty.
    count : ndarray of int64, shape (bins,)
    """
    stated = np.asarray(confidence, np.float64)
    index = np.clip((stated * bins).astype(np.int64), 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    mean = _ratio(np.bincount(index, weights=stated, minlength=bins), count)
    share = _ratio(np.bincount(index, weights=np.asarray(correct, float), minlength=bins), count)
    return mean, share, count.astype(np.int64)


def calibration_error(
    correct: ArrayLike, confidence: ArrayLike, bins: int = CALIBRATION_BINS
) -> float:
    """Return the expected calibration error: mean gap of `reliability`, weighted by beats."""
    stated, share, count = reliability(correct, confidence, bins)
    if not count.sum():
        return float("nan")
    return float(np.nansum(np.abs(stated - share) * count) / count.sum())


# Tables of numbers, by flat name: `f1.V` is F1 of class V


def rates(matrix: NDArray[np.generic], labels: tuple[str, ...]) -> dict[str, Floats]:
    """Return every rate that follows from counts.

    Parameters
    ----------
    matrix : ndarray, shape (..., classes, classes)

    Returns
    -------
    dict of str to ndarray, shape (...)
        `se.X`, `ppv.X` and `f1.X` for each class X, the averages, `miss_rate` and
        `false_positive_rate` (N against the rest), and `f1_abnormal` for two classes.
    """
    found: dict[str, Floats] = {}
    for name, rate in (("se", sensitivity), ("ppv", positive_predictivity), ("f1", f1)):
        values = rate(matrix)
        found |= {f"{name}.{label}": values[..., i] for i, label in enumerate(labels)}
    found["macro_f1"] = macro_f1(matrix, labels)
    found["macro_f1_nsv"] = macro_f1(matrix, labels, NSV)
    found["macro_f1_nsvf"] = macro_f1(matrix, labels, NSVF)
    found["accuracy"] = accuracy(matrix)
    found["miss_rate"] = miss_rate(matrix)
    found["false_positive_rate"] = false_positive_rate(matrix)
    if len(labels) == 2:
        found["f1_abnormal"] = f1(matrix)[..., 1]
    return found


def score_classes(labels: tuple[str, ...]) -> dict[str, str]:
    """Say which areas are reported, key suffix -> class: n_rest; v and s if they exist."""
    names = {"n_rest": labels[0]}
    names.update({name.lower(): name for name in ("V", "S") if name in labels[1:]})
    return names


def score_metrics(beats: Predictions) -> dict[str, float]:
    """Return `auroc_*` and `auprc_*` for normal against the rest, V, and S (where they exist)."""
    numbers = {}
    for suffix, name in score_classes(beats.labels).items():
        positive = is_positive(beats.y, beats.labels, name)
        score = one_against_rest(beats.scores, beats.labels, name)
        numbers[f"auroc_{suffix}"] = auroc(positive, score)
        numbers[f"auprc_{suffix}"] = auprc(positive, score)
    return numbers


def gross(beats: Predictions) -> dict[str, float]:
    """Return all rates, areas and calibration errors of a list of beats taken as one."""
    matrix = confusion(beats.y, beats.predicted, len(beats.labels))
    numbers = {name: float(value) for name, value in rates(matrix, beats.labels).items()}
    numbers |= score_metrics(beats)
    for name, scaled in CALIBRATION.items():
        numbers[name] = calibration_error(*confidence(beats, scaled=scaled))
    return numbers
