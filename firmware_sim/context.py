"""What a beat's neighbours say of it: twelve Q0.7 values of rhythm and shape, by name."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from firmware_sim.rhythm import RHYTHM_SIZE, RR_SIZE, contexts
from firmware_sim.shape import SHAPE_SIZE, shapes

CONTEXT_SIZE = RHYTHM_SIZE + SHAPE_SIZE
CONTEXT_NAMES = (
    "RR before against slow mean",
    "RR one earlier against slow mean",
    "RR after against slow mean",
    "RR after against RR before",
    "RR before against one earlier",
    "RR before against shortest of 32",
    "irregularity of 16",
    "irregularity of 32",
    "P size",
    "QRS difference",
    "T difference",
    "QRS area against mean",
)

__all__ = ["CONTEXT_NAMES", "CONTEXT_SIZE", "RR_SIZE", "beat_contexts"]


def beat_contexts(
    windows: NDArray[np.integer],
    known: NDArray[np.bool_],
    r_peaks: Sequence[int] | NDArray[np.integer],
    fs: int,
) -> NDArray[np.int8]:
    """Return all context values of every beat of a record.

    Parameters
    ----------
    windows : (n, W) integers
        ADC counts around each R peak.
    known : (n,) bool
        Whether the window lies inside the record.
    r_peaks : (n,) integers
        Sample numbers, in increasing order.
    fs : int
        Samples per second.

    Returns
    -------
    (n, 12) int8
    """
    rhythm = contexts(r_peaks, fs)
    return np.concatenate([rhythm, shapes(windows, rhythm[:, 0], known)], axis=1)
