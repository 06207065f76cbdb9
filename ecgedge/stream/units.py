"""From the numbers on the wire to the counts that the program takes: 16-bit integers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = -32768, 32767
FIRST = 64
"""The scale is chosen by this many first samples, so that it does not depend on timing."""
HEADROOM = 8191
RAILS = (0, 1023, 2047, 4095, 16383, 65535)
AT_RAIL_SAMPLES = 10


@dataclass(frozen=True)
class Scale:
    """counts = rint((value - offset) * factor), clipped to 16 bits.

    Attributes
    ----------
    factor : float
        A power of ten for fractional values, 1/64 for values wider than 16 bits, 1 for counts.
    offset : float
        0, but for values wider than 16 bits.
    """

    factor: float = 1.0
    offset: float = 0.0

    @property
    def is_identity(self) -> bool:
        """The counts on the wire are taken as they are."""
        return self.factor == 1 and self.offset == 0

    def counts(self, values: Sequence[float]) -> NDArray[np.int32]:
        """Convert values to counts, int32 in -32768 ... 32767."""
        array = np.asarray(values, dtype=np.float64)
        if not self.is_identity:
            array = (array - self.offset) * self.factor
        return np.clip(np.rint(array), LOWEST, HIGHEST).astype(np.int32)


def choose_scale(values: Sequence[float]) -> Scale:
    """Choose the scale for a stream by its first values.

    Whole numbers of 16 bits are counts. Fractional values (millivolts, volts, filtered counts) are
    multiplied by the largest power of ten up to 1000 that leaves them within a quarter of the
    range. Values wider than 16 bits (24-bit converters, with an electrode offset) are taken
    relative to their median and divided by 64.

    Parameters
    ----------
    values : sequence of float
        The first `FIRST` values, or fewer.
    """
    array = np.asarray(values, dtype=np.float64)
    if not array.size:
        return Scale()
    largest = float(np.abs(array).max())
    if array.min() < LOWEST or array.max() > HIGHEST:
        return Scale(1 / 64, float(np.median(array)))
    if np.array_equal(array, np.rint(array)):
        return Scale()
    factors = (1000.0, 100.0, 10.0)
    return Scale(next((f for f in factors if largest * f <= HEADROOM), 1.0))


class ClipWatch:
    """Notices a converter that stays at a rail."""

    def __init__(self) -> None:
        self._value: float | None = None
        self._run = 0

    def samples(self, values: Sequence[float]) -> int:
        """Return how many runs of `AT_RAIL_SAMPLES` equal values at a rail begin here."""
        begun = 0
        for value in values:
            if value != self._value:
                self._value = value
                self._run = 1
            else:
                self._run += 1
                if self._run == AT_RAIL_SAMPLES and value in RAILS:
                    begun += 1
        return begun
