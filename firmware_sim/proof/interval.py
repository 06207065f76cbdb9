"""Intervals of integers, and the machine integers that hold them.

Interval arithmetic takes its operands as independent, so a result may be wider than what can
happen and is never narrower. Where an operand appears twice, `rising` applies a whole function
that never falls, end by end, and is exact.
"""

from collections.abc import Callable
from dataclasses import dataclass

from firmware_sim.formats import rshift

WIDTHS = (16, 32)
"""Bits of the integers that programs are run with."""


@dataclass(frozen=True, slots=True)
class Interval:
    """All integers from `low` to `high`, both included.

    Raises
    ------
    ValueError
        When `low` exceeds `high`.
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        """Refuse an empty interval."""
        if self.low > self.high:
            raise ValueError(f"{self.low} ... {self.high} is no interval")

    def __add__(self, other: "Interval | int") -> "Interval":
        """Sums."""
        other = interval(other)
        return Interval(self.low + other.low, self.high + other.high)

    def __neg__(self) -> "Interval":
        """Negatives."""
        return Interval(-self.high, -self.low)

    def __sub__(self, other: "Interval | int") -> "Interval":
        """Differences."""
        return self + -interval(other)

    def __mul__(self, other: "Interval | int") -> "Interval":
        """Products."""
        other = interval(other)
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(corners), max(corners))

    def __lshift__(self, bits: int) -> "Interval":
        """Products with 2**bits."""
        return Interval(self.low << bits, self.high << bits)

    def __rshift__(self, bits: int) -> "Interval":
        """Arithmetic right shifts, which round down."""
        return Interval(self.low >> bits, self.high >> bits)

    def __abs__(self) -> "Interval":
        """Absolute values."""
        least = 0 if self.low <= 0 <= self.high else min(abs(self.low), abs(self.high))
        return Interval(least, max(abs(self.low), abs(self.high)))

    def __contains__(self, other: "Interval | int") -> bool:
        """Whether a number, or every number of an interval, lies inside."""
        other = interval(other)
        return self.low <= other.low and other.high <= self.high


def interval(value: Interval | int) -> Interval:
    """Return a number as the interval that holds it alone; intervals stay."""
    return value if isinstance(value, Interval) else Interval(value, value)


def hull(*values: Interval | int) -> Interval:
    """Return the narrowest interval that holds all of them: one or another may happen."""
    found = [interval(value) for value in values]
    return Interval(min(v.low for v in found), max(v.high for v in found))


def rising(function: Callable[..., int], *values: Interval | int) -> Interval:
    """Apply a function that does not fall in any of its arguments, exactly.

    The caller answers for that property; with it, the ends of the arguments give the ends of the
    result, however often the function uses an argument.
    """
    found = [interval(value) for value in values]
    return Interval(function(*(v.low for v in found)), function(*(v.high for v in found)))


def least(*values: Interval | int) -> Interval:
    """Return what the smallest of some numbers can be."""
    return rising(lambda *ends: min(ends), *values)


def greatest(*values: Interval | int) -> Interval:
    """Return what the largest of some numbers can be."""
    return rising(lambda *ends: max(ends), *values)


def step(what: str, kept: Interval, target: Interval, *shifts: int) -> Interval:
    """Return what is added and rounded where a kept value moves 2**-shift of the way to a target.

    Raises
    ------
    ValueError
        When one step leads out of the interval of the kept value.
    """
    for shift in shifts:
        moved = rising(lambda t, x, s=shift: t + rshift(x - t, s), kept, target)
        if moved not in kept:
            raise ValueError(f"the {what} leaves {kept} for {moved} in one step")
    change = target - kept
    return hull(change, *(change + rounding(shift) for shift in shifts))


def rounding(shift: int) -> int:
    """Return what is added before a rounding right shift."""
    return (1 << shift) >> 1


def width_of(low: int, high: int) -> int:
    """Return the narrowest of 16 and 32 bits whose signed integers hold low ... high, or 0."""
    for bits in WIDTHS:
        if low >= -(1 << (bits - 1)) and high < 1 << (bits - 1):
            return bits
    return 0


def signed_bits(low: int, high: int) -> int:
    """Bits of the two's complement that holds low ... high."""
    return 1 + max(high.bit_length() if high > 0 else 0, (~low).bit_length() if low < 0 else 0)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One value that a device computes or keeps, and the machine integer that holds it.

    Attributes
    ----------
    name : str
        As the code names it, with the module's part before the dot.
    low, high : int
        It never leaves low ... high.
    width_bits : int
        16 or 32; 0 when 32 bits do not hold it.
    signed : bool
        int16 before uint16 before int32 before uint32: the first that holds it.
    spare_bits : int
        Bits of that width that are never needed.
    rule : str
        Why, in a few words.
    """

    name: str
    low: int
    high: int
    width_bits: int
    signed: bool
    spare_bits: int
    rule: str

    @property
    def type(self) -> str:
        """int16, uint16, int32, uint32, or `none`."""
        return f"{'' if self.signed else 'u'}int{self.width_bits}" if self.width_bits else "none"


def quantity(name: str, value: Interval | int, rule: str) -> Quantity:
    """Return the quantity of an interval, with the narrowest machine integer that holds it."""
    found = interval(value)
    for bits in WIDTHS:
        if width_of(found.low, found.high) == bits:
            spare = bits - signed_bits(found.low, found.high)
            return Quantity(name, found.low, found.high, bits, True, spare, rule)
        if found.low >= 0 and found.high < 1 << bits:
            spare = bits - found.high.bit_length()
            return Quantity(name, found.low, found.high, bits, False, spare, rule)
    return Quantity(name, found.low, found.high, 0, True, 0, rule)
