"""Decision thresholds for two classes, under limits on misses and false alarms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_sim.errors import EcgedgeError

MAX_MISS = 0.10
MAX_FPR = 0.10


@dataclass(frozen=True)
class Threshold:
    """A threshold and what it gave on the data that chose it.

    Attributes
    ----------
    value : int
        A score of `value` or more is positive.
    miss_rate, false_positive_rate : float
        On the data that chose it.
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
    *,
    max_miss: float = MAX_MISS,
    max_fpr: float = MAX_FPR,
) -> Threshold:
    """Choose an integer threshold on scores of beats that did not train the network.

    Among the thresholds with miss rate <= max_miss and false-positive rate <= max_fpr the one with
    the least sum of the two wins; where there is none, the one that violates the limits least.

    Parameters
    ----------
    scores : (n,) integers
        `score1 - score0` of each beat.
    positive : (n,) bool
        Whether the beat is of class 1.
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
    below_positive = np.searchsorted(np.sort(scores[positive]), candidates, side="left")
    below_negative = np.searchsorted(np.sort(scores[~positive]), candidates, side="left")
    miss = below_positive / positive.sum()
    fpr = 1 - below_negative / (~positive).sum()
    violation = np.maximum(miss - max_miss, 0) + np.maximum(fpr - max_fpr, 0)
    best = np.lexsort((miss + fpr, violation))[0]
    # Between two scores every threshold does the same: stand in the middle of the gap.
    value = int(candidates[best])
    if 0 < best < len(candidates) - 1:
        value = int((candidates[best - 1] + candidates[best] + 1) // 2)
    return Threshold(value, float(miss[best]), float(fpr[best]), bool(violation[best] == 0))
