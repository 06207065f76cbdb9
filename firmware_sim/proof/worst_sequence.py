"""The greatest sum that a sliding window of two-valued samples can collect, and where.

A sum over positions of a convex function of neighbouring samples is convex, so over a box it is
greatest where every sample is at one of its two ends. Sequences of ends are searched exactly by
dynamic programming over the last samples (Bellman's recursion, as in Viterbi's decoder): all
sequences that agree in the last `order` samples have the same future, and only the best is kept.
"""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def greatest_sum(gains: Integers, steps: int) -> tuple[int, NDArray[np.int64]]:
    """Return the greatest sum of `steps` gains along a sequence of bits, and such a sequence.

    Parameters
    ----------
    gains : (2**(order + 1),) int64
        What each pattern of order + 1 neighbouring bits brings; the oldest bit is the highest.
    steps : int
        How many patterns, each one bit later than the one before.

    Returns
    -------
    (int, (order + steps,) int64 of 0 and 1)
        The oldest bit first. Of equal sequences always the same one.
    """
    order = len(gains).bit_length() - 2
    best = np.zeros(len(gains) // 2, dtype=np.int64)
    choices = np.empty((steps, len(best)), dtype=np.bool_)
    for step in range(steps):
        without, with_oldest = (np.repeat(best, 2) + gains).reshape(2, -1)
        np.greater(with_oldest, without, out=choices[step])
        best = np.maximum(with_oldest, without)
    state = int(np.argmax(best))
    total, bits = int(best[state]), []
    for choice in choices[::-1]:
        bits.append(state & 1)
        state = (int(choice[state]) << order | state) >> 1
    bits += [state >> k & 1 for k in range(order)]
    return total, np.array(bits[::-1], dtype=np.int64)
