"""RR context of a beat, in integers from R-peak sample numbers.

Eight Q0.7 values; the first six are a relative deviation dev(x, ref) =
sat(rdiv(128 (x - ref), ref)):

0. the RR interval before the beat against the slow running mean,
1. the RR interval before that one against the slow running mean,
2. the RR interval after the beat against the slow running mean,
3. the RR interval after the beat against the one before it,
4. the RR interval before the beat against the one before that,
5. the RR interval before the beat against the shortest of the last 32,
6. irregularity: four times the median difference of neighbours among the last 16, over the slow
   running mean,
7. the same among the last 32.

The slow running mean is an exponential average over 128 beats, kept in 1/16 sample: slow enough to
remember the sinus rhythm through a run of premature beats. Over the first 32 intervals it is nearly
their plain average: the n-th moves it by the largest power of two not above 1/n. It has taken in
the interval before the beat, never the one after. A value that is not known is 0. From twice the
mean on, dev saturates at 127: a device that waited that long for the next R peak need not wait
longer, and gets the same integers as one that knows the next R peak. For value 3 the interval after
the beat counts as that long at most.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_sim.formats import ONE, Q7_MAX, rdiv, rshift, sat

RR_SIZE = 5
"""The values that a program with RR context alone takes: the first five."""
RHYTHM_SIZE = 8
IRREGULARITY = 7
"""Which value is the irregularity of the last 32."""
IRREGULAR_GAIN = 4
SLOW_SHIFT = 7
"""The slow mean moves 2**-7 of the way to each new interval, once there were 32."""
SLOW_FRACTION_BITS = 4
"""The slow mean is kept in 1/16 sample."""
LAST = 32
FEW = 16
"""Intervals that the first of the two irregularities looks at."""
RR_MAX_S = 4
"""Longer intervals count as this long, so that a pause cannot spoil the running mean."""


def deviation(x: int, reference: int) -> int:
    """Return sat(rdiv(128 (x - reference), reference)) for a positive reference."""
    return sat(rdiv(ONE * (x - reference), reference))


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What the device remembers of the rhythm up to and including one beat.

    Attributes
    ----------
    slow : int
        Slow running mean of the RR interval in 1/16 sample; 0 before the first interval.
    last : tuple of int
        Up to 32 RR intervals in samples, the newest last.
    """

    slow: int = 0
    last: tuple[int, ...] = ()

    def after(self, rr: int, fs: int) -> "Rhythm":
        """Return the rhythm after an interval of `rr` samples (positive), at `fs` samples/s."""
        rr = min(rr, RR_MAX_S * fs)
        known = len(self.last)
        shift = known.bit_length() if known < LAST else SLOW_SHIFT
        slow = self.slow + rshift((rr << SLOW_FRACTION_BITS) - self.slow, shift)
        return Rhythm(slow, (*self.last, rr)[-LAST:])

    def timeout(self) -> int | None:
        """Samples after the beat from which the interval after it saturates; None if unknown."""
        return -(-2 * self.slow // (1 << SLOW_FRACTION_BITS)) if self.slow else None

    def irregularity(self, count: int) -> int:
        """Return the irregularity of the last `count` intervals, within 0 to 127; 0 without two."""
        pairs = itertools.pairwise(self.last[-count:])
        differences = sorted(abs(b - a) for a, b in pairs)
        if not differences:
            return 0
        median = differences[len(differences) // 2]
        scaled = ONE * IRREGULAR_GAIN * (median << SLOW_FRACTION_BITS)
        return min(rdiv(scaled, self.slow), Q7_MAX)

    def context(self, rr_after: int | None) -> tuple[int, ...]:
        """Return the eight rhythm values of the beat that ends the newest interval.

        Parameters
        ----------
        rr_after : int or None
            The interval after the beat in samples; None when it is not known.
        """
        timeout = self.timeout()
        if timeout is None:
            return (0,) * RHYTHM_SIZE
        before, earlier = self.last[-1], self.last[-2] if len(self.last) > 1 else None
        after = None if rr_after is None else min(rr_after, timeout)
        scale = 1 << SLOW_FRACTION_BITS
        return (
            deviation(before * scale, self.slow),
            0 if earlier is None else deviation(earlier * scale, self.slow),
            0 if after is None else deviation(after * scale, self.slow),
            0 if after is None else deviation(after, before),
            0 if earlier is None else deviation(before, earlier),
            deviation(before, min(self.last)),
            self.irregularity(FEW),
            self.irregularity(LAST),
        )


def contexts(r_peaks: Sequence[int] | NDArray[np.integer], fs: int) -> NDArray[np.int8]:
    """Return the rhythm values of every beat of a record.

    Parameters
    ----------
    r_peaks : (n,) integers
        Sample numbers of the R peaks, in increasing order. Two beats on the same sample count as
        one sample apart.
    fs : int
        Samples per second.

    Returns
    -------
    (n, 8) int8
    """
    peaks = [int(p) for p in r_peaks]
    intervals = [max(b - a, 1) for a, b in itertools.pairwise(peaks)]
    result = np.zeros((len(peaks), RHYTHM_SIZE), dtype=np.int8)
    rhythm = Rhythm()
    for i in range(len(peaks)):
        if i:
            rhythm = rhythm.after(intervals[i - 1], fs)
        result[i] = rhythm.context(intervals[i] if i < len(intervals) else None)
    return result
