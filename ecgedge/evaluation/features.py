"""Inputs of the baselines: five numbers of a beat's shape, five of its rhythm, or a student's own.

The ten were chosen by forward selection among twenty-six simple measures, by macro-F1 and AUROC
over folds of the DS1 records; no test record was read. All are taken from the normalized window
that the integer program gets, so amplitudes are shares of the beat's largest deviation.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from firmware_sim.context import CONTEXT_NAMES
from firmware_sim.formats import ONE
from firmware_sim.measures import check_measures, measured, read_measure

Floats = NDArray[np.float64]

QRS_MS, P_MS, PR_MS, T_MS = (-150, 150), (-250, -80), (-100, -40), (120, 400)
"""Stretches of a beat, in ms from the R peak."""
STEEP = 0.3
"""Share of the steepest slope from which a step counts as steep."""
RR = ("rr_before", "rr_before_that", "rr_after", "rr_after_on_before", "rr_before_on_that")
SHAPE = ("steepness", "steep_share", "p_size", "pr_level", "t_size")


def _stretch(beats: Floats, fs: int, limits_ms: tuple[int, int]) -> Floats:
    """Columns of a stretch around the R peak, as far as the window reaches."""
    window = beats.shape[1]
    start, stop = (window // 2 + round(limit * fs / 1000) for limit in limits_ms)
    found = beats[:, max(start, 0) : max(stop, 0)]
    return found if found.shape[1] else np.zeros((len(beats), 1))


def shape_of(q: NDArray[np.integer], fs: int) -> Floats:
    """Describe the shape of beats.

    Parameters
    ----------
    q : ndarray of int8, shape (n, window)
        Normalized beats, the R peak in column ``window // 2``.
    fs : int
        Samples per second.

    Returns
    -------
    ndarray of float64, shape (n, 5)
        In the order of `SHAPE`: the steepest step of the QRS complex (in full scale per 10 ms);
        the share of the QRS stretch that is at least 0.3 times as steep, which grows with its
        width; the mean absolute value before it, where the P wave is; the mean level of the PR
        segment; the mean absolute value after it, where the T wave is.
    """
    beats = np.asarray(q, np.float64) / ONE
    step = np.abs(np.diff(_stretch(beats, fs, QRS_MS), axis=1, append=0.0))[:, :-1]
    if not step.shape[1]:
        step = np.zeros((len(beats), 1))
    steepest = step.max(axis=1)
    columns = (
        steepest * fs / 100,
        (step >= STEEP * steepest[:, None]).mean(axis=1),
        np.abs(_stretch(beats, fs, P_MS)).mean(axis=1),
        _stretch(beats, fs, PR_MS).mean(axis=1),
        np.abs(_stretch(beats, fs, T_MS)).mean(axis=1),
    )
    return np.column_stack(columns)


def features_of(
    q: NDArray[np.integer], context: NDArray[np.integer], fs: int, names: tuple[str, ...]
) -> Floats:
    """Return the named features of beats: (n, len(names)).

    Parameters
    ----------
    q : ndarray of int8, shape (n, window)
    context : ndarray of int8, shape (n, 5 or more)
        As `firmware_sim.context` returns it: the RR values come first.
    fs : int
    names : tuple of str
        Of `RR`, of `SHAPE`, of `CONTEXT_NAMES`, or measures as text (`Measure`): all but those of
        `SHAPE` are inputs of students, as shares of one.
    """
    shape = shape_of(q, fs) if set(names) & set(SHAPE) else None

    def column(name: str) -> Floats:
        if shape is not None and name in SHAPE:
            return shape[:, SHAPE.index(name)]
        if name in _COLUMNS:
            return np.asarray(context[:, _COLUMNS[name]] / ONE, np.float64)
        return np.asarray(measured(q.astype(np.int8), (read_measure(name),))[:, 0] / ONE)

    # Rows in one piece: sums over them then do not depend on how the table came about.
    return np.column_stack([column(name) for name in names])


def check_features(names: Sequence[str], fs: int) -> None:
    """Refuse names that `features_of` does not know in beats of one second.

    Raises
    ------
    EcgedgeError
        Naming the first one.
    """
    own = [name for name in names if name not in _COLUMNS and name not in SHAPE]
    check_measures(tuple(map(read_measure, own)), fs)


_COLUMNS = {
    **{name: column for column, name in enumerate(RR)},
    **{name: column for column, name in enumerate(CONTEXT_NAMES)},
}
"""Name -> column of the context."""
