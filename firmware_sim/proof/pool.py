"""What the sum of a pool can reach, and the samples that drive it there.

A pool's accumulator is the sum of max(a_i, 0) over `pool` neighbouring outputs a_i of one
convolution channel. Neighbouring outputs share samples, so it cannot reach `pool` times what one
output reaches. It is convex in the samples: its greatest value is found exactly
(`worst_sequence`). Its least value is 0 whenever a constant signal keeps every output at 0 or
below; otherwise it is found by linear programming over sign patterns, where that settles.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_sim.formats import FRACTION_BITS, Q7_MAX
from firmware_sim.program import TAPS
from firmware_sim.proof.worst_sequence import greatest_sum

ROUNDS = 8
"""Guesses at which outputs are positive in the least sum; one or two settle it."""

Samples = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PoolReach:
    """Least and greatest sum of a pool over all samples in -127 ... 127.

    Attributes
    ----------
    min, max : int
        `max` is attained; `min` is when there is a witness for it, and a lower bound otherwise.
    witness_min : (pool + 3,) int64 or None
        Samples that give `min`; each is -127, 0 or 127.
    witness_max : (pool + 3,) int64
        Samples that give `max`; each is -127 or 127.
    """

    min: int
    max: int
    witness_min: Samples | None
    witness_max: Samples


def pool_reach(weight: NDArray[np.integer], bias: int, pool: int) -> PoolReach:
    """Prove what a pool of one channel can reach.

    Parameters
    ----------
    weight : (4,) integers
        The convolution of one channel, Q0.7.
    bias : int
        Its bias, Q0.7.
    pool : int
        Outputs in the pool.
    """
    w = np.asarray(weight, dtype=np.int64)
    offset = int(bias) << FRACTION_BITS
    low, low_witness = _least(w, offset, pool)
    high, high_witness = _greatest(w, offset, pool)
    return PoolReach(low, high, low_witness, high_witness)


def _greatest(w: Samples, offset: int, pool: int) -> tuple[int, Samples]:
    """Return the greatest sum and samples that give it."""
    patterns = np.arange(1 << TAPS)[:, None] >> np.arange(TAPS)[::-1] & 1
    outputs = Q7_MAX * (2 * patterns - 1) @ w + offset
    total, bits = greatest_sum(np.maximum(outputs, 0), pool)
    return total, Q7_MAX * (2 * bits - 1)


def _least(w: Samples, offset: int, pool: int) -> tuple[int, Samples | None]:
    """Return the least sum, and samples that give it when it is proved to be the least.

    The sum is at least that of any choice of its outputs, left unrectified, and the least of that
    is a sign pattern. Where that pattern has exactly the chosen outputs positive, both are equal.
    """
    for value in (0, -Q7_MAX, Q7_MAX):
        if value * int(w.sum()) + offset <= 0:
            return 0, np.full(pool + TAPS - 1, value, dtype=np.int64)
    chosen = np.ones(pool, dtype=np.int64)
    bound = 0
    for _ in range(ROUNDS):
        samples = np.where(np.convolve(chosen, w) > 0, -Q7_MAX, Q7_MAX)
        outputs = np.correlate(samples, w) + offset
        bound = max(bound, int(chosen @ outputs))
        if int(np.maximum(outputs, 0).sum()) == bound:
            return bound, samples
        chosen = (outputs > 0).astype(np.int64)
    return bound, None
