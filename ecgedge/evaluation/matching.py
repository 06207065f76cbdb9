"""Detected beats against reference beats, one by one, as EC57 asks and WFDB's `bxb` does it.

The two lists are walked together. The earlier of the two next beats is paired with the other one
when they are at most 150 ms apart and the beat after the other one (of its own list) is not nearer
still; otherwise it stays alone: a reference beat is missed, a detected beat is extra. Extra beats
during ventricular flutter or fibrillation do not count, where the reference has no beats. The first
five minutes are for learning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgedge.data.record import quiet_wfdb

MATCH_S = 0.150
LEARNING_S = 300.0
_NEVER = 1 << 62

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Matching:
    """Which detected beat belongs to which reference beat.

    Attributes
    ----------
    reference, detected : ndarray of int64, shape (pairs,)
        Indices into the two lists, increasing.
    missed : ndarray of int64
        Indices of reference beats without a partner.
    extra : ndarray of int64
        Indices of detected beats without a partner.
    """

    reference: Ints
    detected: Ints
    missed: Ints
    extra: Ints

    @property
    def sensitivity(self) -> float:
        """Pairs over reference beats; NaN without any."""
        return _share(len(self.reference), len(self.missed))

    @property
    def positive_predictivity(self) -> float:
        """Pairs over detected beats; NaN without any."""
        return _share(len(self.detected), len(self.extra))


def _share(pairs: int, alone: int) -> float:
    return pairs / (pairs + alone) if pairs + alone else float("nan")


def match_beats(
    reference: ArrayLike,
    detected: ArrayLike,
    fs: float,
    *,
    start_s: float = LEARNING_S,
    stop_s: float | None = None,
    excluded: Sequence[tuple[int, int]] = (),
) -> Matching:
    """Pair detected beats with reference beats.

    Parameters
    ----------
    reference, detected : (n,) and (m,) integers
        Samples of the beats, increasing.
    fs : float
        Samples per second.
    start_s : float
        Beats before this time are not scored; a detected beat shortly before it may still be the
        partner of the first reference beat.
    stop_s : float, optional
        Reference beats from here on, and extra beats, are not scored.
    excluded : sequence of (first, last) samples
        Periods, ends included, in which extra beats do not count.
    """
    r = [int(v) for v in np.asarray(reference)]
    d = [int(v) for v in np.asarray(detected)]
    window = int(MATCH_S * fs)
    start = round(start_s * fs)
    stop = _NEVER if stop_s is None else round(stop_s * fs)
    i = int(np.searchsorted(r, start))
    j = _first_detected(r, d, i, start, window)
    pairs: list[tuple[int, int]] = []
    missed: list[int] = []
    extra: list[int] = []
    while i < len(r) or j < len(d):
        ref, ref_next = _at(r, i), _at(r, i + 1)
        det, det_next = _at(d, j), _at(d, j + 1)
        if det < ref:
            paired = ref - det <= window and ref - det < abs(ref - det_next)
        else:
            paired = det - ref <= window and det - ref < abs(det - ref_next)
        if paired:
            if ref < stop:
                pairs.append((i, j))
            i, j = i + 1, j + 1
        elif det < ref:
            if det < stop and not any(a <= det <= b for a, b in excluded):
                extra.append(j)
            j += 1
        else:
            if ref < stop:
                missed.append(i)
            i += 1
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Matching(
        both[:, 0], both[:, 1], np.array(missed, dtype=np.int64), np.array(extra, dtype=np.int64)
    )


def _at(values: list[int], index: int) -> int:
    return values[index] if index < len(values) else _NEVER


def _first_detected(r: list[int], d: list[int], i: int, start: int, window: int) -> int:
    """Index of the first detected beat to score, given the first reference beat `i`.

    The last detection before the start takes part when it is the partner of that reference beat;
    the first one after the start is passed over when it lies within the window of the start (it may
    belong to a beat before it) and the next one suits the first reference beat better.
    """
    j = int(np.searchsorted(d, start))
    first = _at(r, i)
    if j and first - d[j - 1] <= window and first - d[j - 1] < abs(first - _at(d, j)):
        return j - 1
    near = _at(d, j) - start <= window
    if near and abs(first - _at(d, j + 1)) < abs(first - _at(d, j)):
        return j + 1
    return j


def flutter_periods(folder: Path, name: str, length: int) -> list[tuple[int, int]]:
    """Return the periods of ventricular flutter or fibrillation, (first, last) sample.

    Parameters
    ----------
    folder : Path
        Folder of the database.
    name : str
        Record whose ``.atr`` file marks them with ``[`` and ``]``; without one there are none.
    length : int
        Samples of the record; a period without an end lasts as long.
    """
    if not (Path(folder) / f"{name}.atr").is_file():
        return []
    with quiet_wfdb() as wfdb:
        annotation = wfdb.rdann(str(Path(folder) / name), "atr")
    periods: list[tuple[int, int]] = []
    begun: int | None = None
    for sample, symbol in zip(annotation.sample, annotation.symbol, strict=True):
        if symbol == "[" and begun is None:
            begun = int(sample)
        elif symbol == "]" and begun is not None:
            periods.append((begun, int(sample)))
            begun = None
    if begun is not None:
        periods.append((begun, length - 1))
    return periods
