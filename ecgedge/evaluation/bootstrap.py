"""Intervals over records: how much a number hangs on whose heart was in the test set.

Beats of one record resemble each other, so records, not beats, are drawn with replacement
(cluster bootstrap, percentile interval). Nothing is predicted again: a resample is a vector of
record weights, and every statistic is a function of sums over records.

- Rates of counts: weights times per-record confusion matrices.
- AUROC, exactly: weights on both sides of a records x records table that counts how often a
  positive beat of one record scores above a negative beat of another.
- AUPRC: weights times per-record histograms of the scores, on `BINS` bins that hold equally many
  beats of the whole set; beats within a bin count as ties.
- Calibration error, exactly: weights times per-record sums of each bin of probability.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgedge.evaluation.metrics import (
    CALIBRATION_BINS,
    Floats,
    Ints,
    Predictions,
    confidence,
    is_positive,
    one_against_rest,
)

RESAMPLES = 2000
LEVEL = 0.95
BINS = 1024


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval over records.

    Attributes
    ----------
    low, high : float
        Percentile limits; NaN when no resample had a value.
    undefined : int
        Resamples in which the statistic does not exist (for instance no beat of the class); they
        are left out of the limits.
    """

    low: float
    high: float
    undefined: int = 0

    def excludes_zero(self) -> bool:
        """Say whether the whole interval is on one side of zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Comparison:
    """Difference of two models on the same records: `second - first`.

    Attributes
    ----------
    difference : float
        On the whole set.
    interval : Interval
        Of the difference, both models resampled together.
    """

    difference: float
    interval: Interval

    @property
    def verdict(self) -> str:
        """One of "higher", "lower" (interval excludes zero) and "no difference seen"."""
        if not self.interval.excludes_zero():
            return "no difference seen"
        return "higher" if self.interval.low > 0 else "lower"


def record_weights(records: int, resamples: int = RESAMPLES, seed: int = 0) -> Ints:
    """Draw records with replacement: how often each is in each resample.

    Returns
    -------
    ndarray of int64, shape (resamples, records)
        Every row sums to `records`.
    """
    random = np.random.default_rng(seed)
    drawn = random.integers(0, records, size=(resamples, records))
    offset = np.arange(resamples)[:, None] * records
    counts = np.bincount((drawn + offset).ravel(), minlength=resamples * records)
    return counts.reshape(resamples, records).astype(np.int64)


def interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Return the percentile interval of the values of a statistic in all resamples (resamples,)."""
    sample = np.asarray(values, np.float64)
    missing = int(np.isnan(sample).sum())
    if missing == sample.size:
        return Interval(float("nan"), float("nan"), missing)
    low, high = np.nanquantile(sample, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), missing)


def resampled_counts(matrices: NDArray[np.generic], weights: Ints) -> Floats:
    """Confusion matrix of every resample.

    Parameters
    ----------
    matrices : ndarray, shape (..., records, classes, classes)
        One matrix a record; leading axes (seeds, say) are kept.
    weights : ndarray of int64, shape (resamples, records)

    Returns
    -------
    ndarray of float64, shape (..., resamples, classes, classes)
    """
    counts = np.asarray(matrices, np.float64)
    flat = counts.reshape(*counts.shape[:-2], -1)
    return np.asarray(weights @ flat, np.float64).reshape(
        *counts.shape[:-3], len(weights), *counts.shape[-2:]
    )


def paired(first: float, second: float, sample_first: Floats, sample_second: Floats) -> Comparison:
    """Compare one number of two models on the same records.

    Parameters
    ----------
    first, second : float
        The number on the whole set.
    sample_first, sample_second : ndarray, shape (resamples,)
        The number in every resample, the same record weights for both.
    """
    return Comparison(second - first, interval(sample_second - sample_first))


@dataclass(frozen=True)
class PairTable:
    """Who scores above whom, by record: all that AUROC needs.

    Attributes
    ----------
    wins : ndarray of float64, shape (records, records)
        [r, s]: pairs of a positive beat of r and a negative beat of s in which the positive one
        scores higher, ties counted one half.
    positives, negatives : ndarray of float64, shape (records,)
        Beats of each kind.
    """

    wins: Floats
    positives: Floats
    negatives: Floats

    def auroc(self, weights: ArrayLike | None = None) -> Floats:
        """AUROC under record weights (..., records); of the whole set without them."""
        each = np.ones(len(self.wins)) if weights is None else np.asarray(weights, np.float64)
        wins = np.sum((each @ self.wins) * each, axis=-1)
        pairs = (each @ self.positives) * (each @ self.negatives)
        nothing = np.full(np.shape(wins), np.nan)
        return np.asarray(np.divide(wins, pairs, out=nothing, where=pairs > 0), np.float64)


def pair_table(beats: Predictions, name: str) -> PairTable:
    """Count pairs for one class of `labels` against the rest (see `metrics.one_against_rest`)."""
    records = len(beats.records)
    positive = is_positive(beats.y, beats.labels, name)
    score = one_against_rest(beats.scores, beats.labels, name)
    high, owner = score[positive], beats.record[positive]
    wins = np.zeros((records, records))
    for other in range(records):
        low = np.sort(score[~positive & (beats.record == other)])
        if low.size:
            below = np.searchsorted(low, high, side="left")
            upto = np.searchsorted(low, high, side="right")
            wins[:, other] = np.bincount(owner, weights=(below + upto) / 2, minlength=records)
    return PairTable(
        wins,
        np.bincount(owner, minlength=records).astype(np.float64),
        np.bincount(beats.record[~positive], minlength=records).astype(np.float64),
    )


def resampled_auroc(beats: Predictions, name: str, weights: Ints) -> Floats:
    """AUROC of one class against the rest in every resample, exactly; shape (resamples,)."""
    return pair_table(beats, name).auroc(weights)


def resampled_auprc(beats: Predictions, name: str, weights: Ints, bins: int = BINS) -> Floats:
    """AUPRC of one class against the rest in every resample, on binned scores; shape (resamples,).

    Bin edges are quantiles of all scores. With fewer distinct scores than bins nothing is lost.
    """
    positive = is_positive(beats.y, beats.labels, name)
    score = one_against_rest(beats.scores, beats.labels, name)
    if not score.size:
        return np.full(len(weights), np.nan)
    distinct = np.unique(score)
    edges = (
        distinct[1:]
        if distinct.size <= bins
        else np.unique(np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1]))
    )
    width = len(edges) + 1
    cell = beats.record * width + np.searchsorted(edges, score, side="right")
    size = len(beats.records) * width

    def above(chosen: NDArray[np.bool_]) -> Floats:
        counts = np.bincount(cell[chosen], minlength=size).reshape(-1, width)
        sums = np.asarray(weights @ counts.astype(np.float64), np.float64)
        return np.cumsum(sums[:, ::-1], axis=1)

    hits, alarms = above(positive), above(~positive)
    total = hits[:, -1]
    passed = hits + alarms
    precision = np.divide(hits, passed, out=np.zeros_like(hits), where=passed > 0)
    area = np.sum(np.diff(hits, axis=1, prepend=0.0) * precision, axis=1)
    nothing = np.full(len(weights), np.nan)
    return np.asarray(np.divide(area, total, out=nothing, where=total > 0), np.float64)


def resampled_calibration(
    beats: Predictions, weights: Ints, *, scaled: bool = True, bins: int = CALIBRATION_BINS
) -> Floats:
    """Expected calibration error in every resample, exactly; shape (resamples,).

    Parameters
    ----------
    beats : Predictions
    weights : ndarray of int64, shape (resamples, records)
    scaled : bool
        See `metrics.confidence`.
    bins : int
        Of equal width, as in `metrics.reliability`.
    """
    correct, stated = confidence(beats, scaled=scaled)
    cell = beats.record * bins + np.clip((stated * bins).astype(np.int64), 0, bins - 1)
    size = len(beats.records) * bins

    def sums(values: Floats | None) -> Floats:
        table = np.bincount(cell, weights=values, minlength=size).reshape(-1, bins)
        return np.asarray(weights @ table.astype(np.float64), np.float64)

    gap = np.abs(sums(stated) - sums(correct.astype(np.float64))).sum(axis=1)
    total = sums(None).sum(axis=1)
    nothing = np.full(len(weights), np.nan)
    return np.asarray(np.divide(gap, total, out=nothing, where=total > 0), np.float64)
