"""What a network measures on a beat: levels, sizes, steps and extremes of stretches of it.

The beat, normalized to Q0.7, is summed into 60 bins of a sixtieth of a second around the R peak; a
step is what a bin is more than the one before it. A measure is a sum or an extreme over some
neighbouring bins, shifted so that full scale is near 1, and has no trained parameter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log2

import numpy as np
from numpy.typing import NDArray

from firmware_sim.errors import EcgedgeError
from firmware_sim.formats import Q7_MAX, rshift, sat
from firmware_sim.shape import BINS, bin_samples, bin_sums, first_sample

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Kind:
    """How a measure follows from its bins.

    Attributes
    ----------
    steps : bool
        It is taken on steps instead of bins.
    absolute : bool
        On their absolute values.
    reduce : callable
        Of integers (n, bins) and an axis: sum, greatest or least.
    """

    steps: bool
    absolute: bool
    reduce: Callable[..., Ints]

    @property
    def is_sum(self) -> bool:
        """Whether it grows with the number of bins."""
        return self.reduce is np.sum


KINDS = {
    "level": Kind(steps=False, absolute=False, reduce=np.sum),
    "size": Kind(steps=False, absolute=True, reduce=np.sum),
    "change": Kind(steps=True, absolute=True, reduce=np.sum),
    "high": Kind(steps=False, absolute=False, reduce=np.max),
    "low": Kind(steps=False, absolute=False, reduce=np.min),
    "steepest": Kind(steps=True, absolute=True, reduce=np.max),
}
"""Mean, mean absolute value, mean absolute step, maximum, minimum, largest absolute step."""
MAX_MEASURES = 16
MAX_GAIN = 3


@dataclass(frozen=True)
class Measure:
    """One measure of a beat.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    start, stop : int
        Half-open range of bins, the R peak is the first sample of bin 30. Steps are named after
        their second bin and begin with 1.
    gain : int
        Power of two, 0 to 3, on the scale where its full scale is near 1.

    Raises
    ------
    EcgedgeError
        When there is no such measure.
    """

    kind: str
    start: int
    stop: int
    gain: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        if self.kind not in KINDS:
            raise EcgedgeError(
                f"measure {self.kind!r} is unknown; choose one of {', '.join(KINDS)}."
            )
        for name in ("start", "stop", "gain"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise EcgedgeError(f"{name} of a measure is {value!r}, not an integer.")
        first = int(KINDS[self.kind].steps)
        if not first <= self.start < self.stop <= BINS:
            raise EcgedgeError(
                f"a measure {self.kind} cannot span {self.start}-{self.stop}: bins begin with "
                f"{first}, end with {BINS}, and the end comes after the beginning."
            )
        if not 0 <= self.gain <= MAX_GAIN:
            raise EcgedgeError(f"the gain of a measure is {self.gain}, not in 0 ... {MAX_GAIN}.")

    def __str__(self) -> str:
        """As `read_measure` reads it: `size 32-48 x2`."""
        times = f" x{1 << self.gain}" if self.gain else ""
        return f"{self.kind} {self.start}-{self.stop}{times}"

    def shift(self, window: int) -> int:
        """Return the rounding shift of its sum or extreme.

        2**shift is the power of two that is nearest to the samples behind it, over its gain.

        Raises
        ------
        EcgedgeError
            When the window is too short for its gain.
        """
        count = self.stop - self.start if KINDS[self.kind].is_sum else 1
        shift = round(log2(bin_samples(window) * count)) - self.gain
        if shift < 0:
            raise EcgedgeError(
                f"a window of {window} samples is too short for the measure {self}; lower its gain."
            )
        return shift


def read_measure(text: str) -> Measure:
    """Read a measure from `KIND START-STOP`, with `xGAIN` behind it or not.

    Raises
    ------
    EcgedgeError
        When it is none.
    """
    words = text.split()
    try:
        kind, bins_, times = words if len(words) == 3 else (*words, "x1")
        start, stop = map(int, bins_.split("-"))
        factor = int(times.removeprefix("x"))
        if not times.startswith("x") or factor not in [1 << gain for gain in range(MAX_GAIN + 1)]:
            raise ValueError(times)
    except ValueError:
        raise EcgedgeError(
            f"{text!r} is not a measure like 'size 32-48 x2'; gains are x1, x2, x4 and x8."
        ) from None
    return Measure(kind, start, stop, factor.bit_length() - 1)


def check_measures(measures: tuple[Measure, ...], window: int) -> None:
    """Refuse measures that a window has no room for, or more than a program may have.

    Raises
    ------
    EcgedgeError
        Saying which.
    """
    if len(measures) > MAX_MEASURES:
        raise EcgedgeError(f"there are {len(measures)} measures, more than {MAX_MEASURES}.")
    if measures and window < BINS:
        raise EcgedgeError(
            f"measures of a beat need a window of {BINS} samples or more, and there are {window}; "
            "take a higher rate."
        )
    for measure in measures:
        measure.shift(window)


def reduced(bins: Ints, measure: Measure) -> Ints:
    """Return the sum or the extreme behind a measure, of bins (n, 60): (n,)."""
    kind = KINDS[measure.kind]
    start = measure.start - kind.steps
    values = bins[:, start : measure.stop]
    if kind.steps:
        values = np.diff(values, axis=1)
    if kind.absolute:
        values = np.abs(values)
    return kind.reduce(values, axis=1)


def measured(q: NDArray[np.int8], measures: tuple[Measure, ...]) -> Ints:
    """Measure beats.

    Parameters
    ----------
    q : (n, W) int8
        Normalized beats.
    measures : tuple of Measure

    Returns
    -------
    (n, len(measures)) int64
        Q0.7, -127 ... 127.
    """
    bins, window = bin_sums(q), q.shape[1]
    columns = [sat(rshift(reduced(bins, m), m.shift(window))) for m in measures]
    return np.stack(columns, axis=1)


def least_and_greatest(
    measure: Measure, window: int
) -> tuple[tuple[NDArray[np.int8], NDArray[np.int8]], tuple[int, int]]:
    """Return two beats with the least and the greatest sum or extreme of a measure, and these.

    No beat has others: samples are free within -127 ... 127.

    Parameters
    ----------
    measure : Measure
    window : int
        Samples of a beat.

    Returns
    -------
    beats : (window,) int8, twice
    ends : (int, int)
    """
    kind, full = KINDS[measure.kind], Q7_MAX * bin_samples(window)
    count = measure.stop - measure.start if kind.is_sum else 1
    high = np.full(window, Q7_MAX, dtype=np.int8)
    if kind.steps:  # every other bin at either rail
        bin_of = (np.arange(window) - first_sample(window)) // bin_samples(window)
        high[bin_of % 2 == 1] = -Q7_MAX
        full *= 2
    low = np.zeros_like(high) if kind.absolute else -high
    return (low, high), (0 if kind.absolute else -full * count, full * count)
