"""Integer formats and roundings: the only place where the arithmetic of the device is defined.

A value of format Q0.7 is an integer q in -127 ... 127 that means q / 128, so that every weight and
every activation lies inside (-1, 1). Products and accumulators are Q1.14 and wider. `docs/
arithmetic.md` says why each operation is what it is.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Q7_MAX = 127
"""Largest Q0.7 integer; the smallest is its negative. -128 is never used."""

ONE = 128
"""What 1.0 is in Q0.7."""

FRACTION_BITS = 7
"""Fraction bits of Q0.7; a bias enters an accumulator as `bias << FRACTION_BITS`."""

Integers = NDArray[np.signedinteger]
Value = TypeVar("Value", int, Integers)
"""One integer, or an array of them: the same operations serve both."""


def rshift(a: Value, s: int) -> Value:
    """Shift right by `s` bits, rounding to nearest with ties toward plus infinity.

    Equals floor((a + 2**(s-1)) / 2**s), and `a` for s = 0. `a` may be negative: NumPy's >> on
    signed integers is an arithmetic shift, so it floors.

    Raises
    ------
    ValueError
        When `s` is negative.
    """
    if s < 0:
        raise ValueError(f"a rounding shift needs s >= 0, not {s}")
    if s == 0:
        return a
    return (a + (1 << (s - 1))) >> s


def rdiv(a: Value, b: Value | int) -> Value:
    """Divide `a` by a positive `b`, rounding to nearest with ties toward plus infinity.

    Equals floor((2a + b) / (2b)).
    """
    return (2 * a + b) // (2 * b)


def relu(v: Integers) -> Integers:
    """Clip into 0 ... 127."""
    return np.minimum(np.maximum(v, 0), Q7_MAX)


def sat(v: Value) -> Value:
    """Clip into -127 ... 127."""
    if isinstance(v, int):
        return min(max(v, -Q7_MAX), Q7_MAX)
    return np.minimum(np.maximum(v, -Q7_MAX), Q7_MAX)
