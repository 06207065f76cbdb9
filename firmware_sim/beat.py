"""One beat: the window around an R peak, its mean removed, scaled by its largest absolute value."""

import numpy as np
from numpy.typing import NDArray

from firmware_sim.formats import Q7_MAX, rdiv


def window_edges(r_peak: int, window: int) -> tuple[int, int]:
    """Return the first sample of the window around `r_peak` and the one after its last."""
    start = r_peak - window // 2
    return start, start + window


def window_is_inside(r_peaks: NDArray[np.int64], window: int, length: int) -> NDArray[np.bool_]:
    """Say for each R peak whether its window lies inside a record of `length` samples."""
    start = np.asarray(r_peaks) - window // 2
    return (start >= 0) & (start + window <= length)


def cut_windows(
    counts: NDArray[np.integer], r_peaks: NDArray[np.int64], window: int
) -> NDArray[np.integer]:
    """Cut the windows around R peaks out of a signal.

    Parameters
    ----------
    counts : (samples,) integers
        ADC counts.
    r_peaks : (n,) integers
        Sample numbers; every window must lie inside the signal.
    window : int
        Window length in samples.

    Returns
    -------
    (n, window) integers
    """
    start = np.asarray(r_peaks, dtype=np.int64) - window // 2
    if start.size and (start.min() < 0 or start.max() + window > len(counts)):
        raise ValueError("a window leaves the signal")
    return np.lib.stride_tricks.sliding_window_view(counts, window)[start]


def normalize(counts: NDArray[np.integer]) -> NDArray[np.int8]:
    """Turn windows of ADC counts into Q0.7 beats.

    d = x - rdiv(sum(x), W); m = max|d|; q = rdiv(127 d, m), all zeros when m = 0.

    Parameters
    ----------
    counts : (n, W) integers
        ADC counts, int16 range.

    Returns
    -------
    (n, W) int8, in -127 ... 127
    """
    x = np.asarray(counts, dtype=np.int32)
    mean = rdiv(x.sum(axis=-1, keepdims=True, dtype=np.int64), x.shape[-1]).astype(np.int32)
    d = x - mean
    peak = np.abs(d).max(axis=-1, keepdims=True)
    return np.asarray(rdiv(Q7_MAX * d, np.maximum(peak, 1)), dtype=np.int8)
