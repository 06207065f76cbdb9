"""Decision thresholds for two classes, under limits on misses and false alarms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_sim.errors import EcgedgeError

MAX_MISS = 0.10
MAX_FPR = 0.10
_DIGITS = 12
"""Rates that differ by less are the same: sums of shares are not exact."""


@dataclass(frozen=True)
class Threshold:
    """A threshold and what it gave on the data that chose it.

    Attributes
    ----------
    value : int
        A score of `value` or more is positive.
    miss_rate, false_positive_rate : float
        On the data that chose it, means over records.
    within_limits : bool
        Whether both limits hold there; if not, this is the least violation.
    """

    value: int
    miss_rate: float
    false_positive_rate: float
    within_limits: bool


def choose_threshold(
    scores: NDArray[np.integer],
    positive: NDArray[np.bool_],
    record: NDArray[np.integer],
    *,
    max_miss: float = MAX_MISS,
    max_fpr: float = MAX_FPR,
) -> Threshold:
    """Choose an integer threshold on scores of beats that did not train the network.

    Miss rate and false-positive rate are means over the records that have such beats: one patient
    with hundreds of odd beats would otherwise choose for all. Among the thresholds that keep both
    limits the one with the least sum of the two wins; where there is none, the one whose larger
    violation is least.

    Parameters
    ----------
    scores : (n,) integers
        `score1 - score0` of each beat.
    positive : (n,) bool
        Whether the beat is of class 1.
    record : (n,) integers, 0 or more
        Which record each beat is from.
    max_miss, max_fpr : float
        Limits in 0 ... 1.

    Raises
    ------
    EcgedgeError
        When one of the classes is missing: no threshold can be chosen then.
    """
    scores = np.asarray(scores, dtype=np.int64)
    positive = np.asarray(positive, dtype=bool)
    if positive.all() or not positive.any():
        raise EcgedgeError(
            "a threshold needs beats of both classes; add records with the other one."
        )
    candidates = np.append(np.unique(scores), scores.max() + 1)
    miss = _share_below(candidates, scores[positive], record[positive])
    fpr = 1 - _share_below(candidates, scores[~positive], record[~positive])
    violation = np.maximum(np.maximum(miss - max_miss, fpr - max_fpr), 0).round(_DIGITS)
    best = np.lexsort((miss + fpr, violation))[0]
    # Between two scores every threshold does the same: stand in the middle of the gap.
    value = int(candidates[best])
    if 0 < best < len(candidates) - 1:
        value = int((candidates[best - 1] + candidates[best] + 1) // 2)
    return Threshold(value, float(miss[best]), float(fpr[best]), bool(violation[best] == 0))


def _share_below(
    candidates: NDArray[np.integer], scores: NDArray[np.integer], record: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Mean over records of the share of their scores that are less than each candidate."""
    beats = np.bincount(record)
    weight = 1.0 / (beats[record] * np.count_nonzero(beats))
    order = np.argsort(scores)
    below = np.concatenate([[0.0], np.cumsum(weight[order])])
    share = below[np.searchsorted(scores[order], candidates, side="left")]
    return np.asarray(np.minimum(share, 1.0))
