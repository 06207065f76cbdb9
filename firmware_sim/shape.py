"""How a beat differs in shape from the beats before it, in integers from ADC counts.

A window is summed into 60 bins of a sixtieth of a second around the R peak, its mean is removed and
it is scaled to Q0.7 by its own largest bin. A running template of such beats is kept, in 1/64. Four
Q0.7 values follow:

0. P: mean absolute value of the beat 233 to 100 ms before the R peak, where a P wave is or is
   missing, fourfold; the template has no say in it;
1. QRS: mean absolute difference over the QRS complex (133 ms either side), twofold: the least of
   three, with the beat where it is and moved by one bin either way, as R peaks are placed to a bin
   at best;
2. T: mean absolute difference after it (167 to 433 ms after the R peak), fourfold;
3. area: the sum of the absolute bins of the QRS complex before scaling, against its running mean,
   as the relative deviation of `rhythm.py`.

The template takes in an eighth of a beat that resembles it and a sixty-fourth of any other, so that
the dominant beat wins and a lasting change is learned. Of the first sixteen beats it takes in a
quarter, whatever they are like. Of a premature beat, whose RR interval is more than an eighth
shorter than the slow mean, it takes in a sixty-fourth always: in bigeminy, where half of the beats
are ectopic, the other half wins. A beat is compared before it is taken in. A beat that search-back
found is compared but never taken in: it is known too late. The first beat becomes the template; its
last three values are 0.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_sim.formats import Q7_MAX, rdiv, rshift
from firmware_sim.rhythm import deviation

SHAPE_SIZE = 4
BINS = 60
P_BINS, QRS_BINS, T_BINS = (16, 24), (22, 38), (40, 56)
"""Half-open ranges of bins, eight and sixteen; the R peak is the first sample of bin 30."""
TEMPLATE_BITS = 6
"""The template is kept in 1/64."""
REGION_BITS = 4
LIKE_SHIFT, UNLIKE_SHIFT = 3, 6
"""The template moves 2**-3 of the way to a beat like it, 2**-6 to another."""
LEARNING_BEATS, LEARNING_SHIFT = 16, 2
"""It moves 2**-2 of the way to each of the first sixteen beats."""
QRS_MOVES = (-1, 0, 1)
"""Bins by which a beat is moved to find its least difference to the template."""
PREMATURE_BELOW = -16
"""A beat is premature when its RR before, against the slow mean (`rhythm`), is less than this."""
LIKE_BELOW = 30
"""A beat is like the template when its QRS value is less than this."""
AREA_SHIFT = 4
"""The mean area moves 2**-4 of the way to each new one."""
AREA_FRACTION_BITS = 4
P_GAIN_BITS, QRS_GAIN_BITS, T_GAIN_BITS = 3, 1, 2
"""Of sums over 2**REGION_BITS bins; the P region is half as long."""

Ints = NDArray[np.int64]


def bin_samples(window: int) -> int:
    """Return how many samples of a window fall into one bin."""
    return window // BINS


def first_sample(window: int) -> int:
    """Return where in a window the first bin begins."""
    return window // 2 - BINS // 2 * bin_samples(window)


def bin_sums(windows: NDArray[np.integer]) -> Ints:
    """Sum windows (n, W), W at least 60, into their bins: (n, 60)."""
    size, first = bin_samples(windows.shape[1]), first_sample(windows.shape[1])
    used = windows[:, first : first + BINS * size].reshape(len(windows), BINS, size)
    return np.asarray(used.sum(axis=2, dtype=np.int64))


def area_bits(window: int) -> int:
    """Return the shift of the area: then 128 times it, in 1/16, fits 32 bits for any counts."""
    return (bin_samples(window) - 1).bit_length() + 2


def bins(windows: NDArray[np.integer]) -> tuple[Ints, Ints]:
    """Sum windows into scaled bins.

    Parameters
    ----------
    windows : (n, W) integers
        ADC counts, int16 range; W at least 60, the R peak in column W // 2.

    Returns
    -------
    scaled : (n, 60) int64
        In -127 ... 127; all zeros for a constant window.
    area : (n,) int64
        Sum of the absolute bins of the QRS complex, shifted: less than 2**18.
    """
    size = bin_samples(windows.shape[1])
    sums = bin_sums(windows)
    mean = rdiv(sums.sum(axis=1, keepdims=True), BINS * size)
    sums = sums - size * mean
    largest = np.abs(sums).max(axis=1, keepdims=True)
    scaled = rdiv(Q7_MAX * sums, np.maximum(largest, 1))
    area = np.abs(sums[:, slice(*QRS_BINS)]).sum(axis=1)
    return scaled, rshift(area, area_bits(windows.shape[1]))


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What the device remembers of the shape of the beats so far.

    Attributes
    ----------
    template : (60,) int64 or None
        In 1/64, within -8128 ... 8128; None before the first beat.
    area : int
        Running mean of the area in 1/16.
    taken : int
        Beats that were taken in, at most sixteen are counted.
    """

    template: Ints | None = None
    area: int = 0
    taken: int = 0

    def values(self, scaled: Ints, area: int) -> tuple[int, int, int, int]:
        """Return the four values of a beat given as one row of `bins`."""
        p = _mean_absolute(scaled[slice(*P_BINS)], P_GAIN_BITS)
        if self.template is None:
            return (p, 0, 0, 0)
        reference = self.area
        return (
            p,
            _qrs_distance(scaled, self.template),
            _distance(scaled, self.template, T_BINS, T_GAIN_BITS),
            deviation(area << AREA_FRACTION_BITS, reference) if reference else 0,
        )

    def after(self, scaled: Ints, area: int, *, premature: bool) -> "Shape":
        """Return the shape after a beat was taken in."""
        target, size = scaled << TEMPLATE_BITS, area << AREA_FRACTION_BITS
        if self.template is None:
            return Shape(target, size, 1)
        shift = LEARNING_SHIFT
        if premature:
            shift = UNLIKE_SHIFT
        elif self.taken >= LEARNING_BEATS:
            alike = _qrs_distance(scaled, self.template) < LIKE_BELOW
            shift = LIKE_SHIFT if alike else UNLIKE_SHIFT
        moved = self.template + rshift(target - self.template, shift)
        mean = self.area + rshift(size - self.area, AREA_SHIFT)
        return Shape(moved, mean, min(self.taken + 1, LEARNING_BEATS))


def is_premature(rr_before: int) -> bool:
    """Say whether a beat is premature, from its first rhythm value; one not known is 0."""
    return rr_before < PREMATURE_BELOW


def _distance(
    scaled: Ints, template: Ints, region: tuple[int, int], gain_bits: int, move: int = 0
) -> int:
    """Mean absolute difference of a moved beat to a template over a region, times a gain: Q0.7."""
    start, stop = region
    moved = scaled[start + move : stop + move]
    difference = (moved << TEMPLATE_BITS) - template[start:stop]
    return _mean_absolute(difference, gain_bits - TEMPLATE_BITS)


def _qrs_distance(scaled: Ints, template: Ints) -> int:
    """Return the least difference of a beat's QRS complex to the template's, as Q0.7."""
    return min(_distance(scaled, template, QRS_BINS, QRS_GAIN_BITS, move) for move in QRS_MOVES)


def _mean_absolute(values: Ints, gain_bits: int) -> int:
    """Mean absolute value of a region, times a power of two, as Q0.7."""
    total = int(np.abs(values).sum())
    return min(rshift(total, REGION_BITS - gain_bits), Q7_MAX)


def shapes(
    windows: NDArray[np.integer],
    rr_before: NDArray[np.integer],
    known: NDArray[np.bool_] | None = None,
) -> NDArray[np.int8]:
    """Return the shape values of every beat of a record.

    Parameters
    ----------
    windows : (n, W) integers
        ADC counts of the windows in the order of their R peaks.
    rr_before : (n,) integers
        First rhythm value of each beat.
    known : (n,) bool, optional
        False for a beat whose window leaves the record: its values are 0 and it is not taken in.
        Windows of fewer than 60 samples have no shape: all values are 0.

    Returns
    -------
    (n, 4) int8
    """
    result = np.zeros((len(windows), SHAPE_SIZE), dtype=np.int8)
    if windows.shape[1] < BINS:
        return result
    scaled, area = bins(windows)
    shape = Shape()
    for i in range(len(windows)):
        if known is None or known[i]:
            result[i] = shape.values(scaled[i], int(area[i]))
            premature = is_premature(int(rr_before[i]))
            shape = shape.after(scaled[i], int(area[i]), premature=premature)
    return result
