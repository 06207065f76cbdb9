"""From ADC counts to a beat: every value on the way, for all windows of int16 samples.

Also the way without a division a sample that a device takes, and why it gives the same integers.
With m = max |d| and u = d + m, in 0 ... 2m, the beat is q + 127 = floor(127 u / m + 1/2). One
division a window gives R = ceil(127 * 2**24 / m); then v = (u R + 2**23) >> 24 replaces it. R is
less than 1 too large, so u R / 2**24 is at most 2m / 2**24 too large, and never too small. What is
rounded has the denominator 2m, so it does not pass the next integer while 2m / 2**24 <= 1 / 2m,
which is m <= 2048. Above that v may be one too large, never more; its remainder
254 u + m - 2m v is negative then, and in 0 ... 2m - 1 otherwise.
"""

import numpy as np
from numpy.typing import NDArray

from firmware_sim.formats import Q7_MAX, rdiv
from firmware_sim.proof.interval import Interval, Quantity, hull, quantity, rising

SAMPLE = Interval(-(1 << 15), (1 << 15) - 1)
"""All int16 values."""

RECIPROCAL_BITS = 24
EXACT_PEAK = 1 << (RECIPROCAL_BITS // 2 - 1)
"""Up to this m the reciprocal gives q without a correction: 4 m**2 <= 2**24."""

Integers = NDArray[np.int64]


def reciprocal(m: int) -> int:
    """Return R = ceil(127 * 2**24 / m) for m in 1 ... 65535, a uint32."""
    return -(-(Q7_MAX << RECIPROCAL_BITS) // m)


def device_quotient(d: Integers, m: int) -> Integers:
    """Return rdiv(127 d, m) as a device computes it, with the reciprocal of m.

    Parameters
    ----------
    d : (n,) int64
        Differences from the mean, in -m ... m.
    m : int
        Their largest absolute value, 1 ... 65535.
    """
    u = d + m
    v = (u * reciprocal(m) + (1 << (RECIPROCAL_BITS - 1))) >> RECIPROCAL_BITS
    if m > EXACT_PEAK:
        v = v - (254 * u + m < 2 * m * v)
    return v - Q7_MAX


def _difference(window: int) -> Interval:
    """What a sample minus the mean can be: one sample at a rail and all others at the other.

    d = x - rdiv(sum, W) does not fall with its own sample, as the mean moves at most as far, and
    does not rise with any other.
    """
    ends = (SAMPLE.low, SAMPLE.high)
    low, high = (
        own - rdiv(own + (window - 1) * other, window)
        for own, other in zip(ends, ends[::-1], strict=True)
    )
    return Interval(low, high)


def _reciprocal_sum(peak: int) -> Interval:
    """What u R + 2**23 can be: u R <= 2m R < 254 * 2**24 + 2m."""
    return Interval(0, (254 << RECIPROCAL_BITS) + 2 * peak + (1 << (RECIPROCAL_BITS - 1)))


def prove_beat(window: int) -> tuple[Quantity, ...]:
    """Prove what normalization computes on the way, for all windows of int16 samples.

    Parameters
    ----------
    window : int
        Samples in a beat.

    Returns
    -------
    tuple of Quantity
        In the order of computation; `device.` ones belong to the way with a reciprocal.
    """
    total = SAMPLE * window
    difference = _difference(window)
    m = abs(difference)
    scaled = difference * (2 * Q7_MAX)
    u = hull(0, m * 2)
    lifted = Interval(0, (total - total.low).high)
    rounded = _reciprocal_sum(m.high)
    v = rounded >> RECIPROCAL_BITS
    remainder = hull(-2 * m.high, 2 * m.high - 1)
    return (
        quantity("sample", SAMPLE, "int16"),
        quantity("sum", hull(0, total), "W samples, and every sum on the way"),
        quantity("mean.numerator", total * 2 + window, "2 sum + W, as rdiv has it"),
        quantity("mean", rising(lambda s: rdiv(s, window), total), "rdiv(sum, W) rises with sum"),
        quantity("d", difference, "one sample at a rail, all others at the other"),
        quantity("m", m, "largest |d|"),
        quantity("q.numerator", hull(scaled, scaled + m), "254 d, then + m, as rdiv has it"),
        quantity("q.denominator", m * 2, "2 m"),
        quantity("q", Interval(-Q7_MAX, Q7_MAX), "|d| <= m, and rdiv(127 m, m) = 127"),
        quantity("device.sum", lifted, "sum + 2**15 W, which is not negative"),
        quantity("device.mean.numerator", lifted * 2 + window, "as rdiv has it, for mean + 2**15"),
        quantity("device.floor", Interval(SAMPLE.low - m.high, SAMPLE.high), "mean - m"),
        quantity("device.u", u, "d + m, from 0 to 2 m"),
        quantity("device.reciprocal", Interval(0, reciprocal(1)), "ceil(127 * 2**24 / m)"),
        quantity(
            "device.reciprocal.numerator",
            Interval(0, (Q7_MAX << RECIPROCAL_BITS) + m.high - 1),
            "127 * 2**24 + m - 1",
        ),
        quantity("device.product", rounded, "u R + 2**23 < 255 * 2**24"),
        quantity("device.v", v, "q + 127, or one more where that is below 254"),
        quantity("device.remainder.left", u * 254 + m, "254 u + m"),
        quantity("device.remainder.right", m * 2 * v, "2 m v"),
        quantity("device.remainder", remainder, "negative only where v is one too large"),
    )
