"""Annotations of one file: where, what, and of which subtype."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor


@dataclass(frozen=True)
class Annotations:
    """The annotations of one recording by one annotator, in the order of their file.

    Attributes
    ----------
    samples : tuple of int
        When, in sample intervals from the beginning of the recording; never decreasing.
    symbols : tuple of str
        WFDB symbol of each; empty for a code that has none.
    subtypes : tuple of int
        -128 to 127. For signal quality (``~``), which signals are noisy or unreadable; 0 for most
        others.
    fs : float or None
        Sample intervals per second, if the file says so.
    """

    samples: tuple[int, ...]
    symbols: tuple[str, ...]
    subtypes: tuple[int, ...]
    fs: float | None = None

    def __len__(self) -> int:
        return len(self.samples)


NO_ANNOTATIONS = Annotations((), (), ())


def annotations_of(
    samples: Sequence[int], symbols: Sequence[str] | None = None, fs: float | None = None
) -> Annotations:
    """Make annotations from samples and symbols.

    Parameters
    ----------
    samples : sequence of int, (n,)
        Never decreasing.
    symbols : sequence of str, (n,), optional
        N for all of them by default.
    fs : float, optional
        Rate of the samples, Hz.
    """
    n = len(samples)
    marks = ("N",) * n if symbols is None else tuple(str(symbol) for symbol in symbols)
    return Annotations(tuple(int(sample) for sample in samples), marks, (0,) * n, fs)


def at_rate(annotations: Annotations, fs: float, new_fs: float) -> Annotations:
    """Return annotations in the samples of another rate, halves rounded up as WFDB does.

    Parameters
    ----------
    annotations : Annotations
    fs : float
        Rate of their samples, Hz.
    new_fs : float
        Rate to express them at, Hz.
    """
    if fs == new_fs:
        return annotations
    factor = new_fs / fs
    samples = tuple(_half_up(sample * factor) for sample in annotations.samples)
    return replace(annotations, samples=samples, fs=new_fs)


def _half_up(value: float) -> int:
    below = floor(value)
    return below + (value - below >= 0.5)
