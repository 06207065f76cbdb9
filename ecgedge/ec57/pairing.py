"""The walk over two files that pairs the beats of one with those of the other.

The earlier of the two next beats is paired with the other one when they are at most a window apart
and that is the nearer choice: either the next beat of the other list is farther from it, or that
next beat has a nearer partner of its own. Otherwise it stays alone. A reference beat alone is
missed (`o`; `x` while the test says that nothing can be read), a test beat alone is extra (`O`; `X`
while the reference says so) and does not count during ventricular flutter of the reference.

The rules are those of EC57 [1]_ in the reading of WFDB's `bxb` 10.7 [2]_, with its ways at the
beginning, at the end and where a period has no end, so that the counts are the same.

References
----------
.. [1] ANSI/AAMI EC57, "Testing and reporting performance results of cardiac rhythm and ST segment
       measurement algorithms".
.. [2] https://physionet.org/physiotools/wag/bxb-1.htm
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

from ecgedge.ec57.annotations import Annotations
from ecgedge.ec57.classes import ALONE, BEAT_CLASSES, IN_SHUTDOWN
from ecgedge.ec57.cursor import NEVER, Cursor
from firmware_sim.errors import EcgedgeError

WINDOW_S = 0.150
LEARNING_S = 300.0
TO_END_OF_REFERENCE = -1
TO_FIRST_END = 0


@dataclass(frozen=True)
class Span:
    """What is compared, in samples.

    Attributes
    ----------
    fs : float
        Samples per second, at least 1.
    window : int
        Beats at most so far apart can be one.
    start : int
        Beats before are for learning. A test beat shortly before may still be the partner of the
        first reference beat.
    end : int
        Last sample; `TO_END_OF_REFERENCE`, or `TO_FIRST_END`, the end of whichever file ends
        first.
    """

    fs: float
    window: int
    start: int
    end: int


def span_of(
    fs: float,
    length: int | None = None,
    *,
    window_s: float = WINDOW_S,
    start_s: float = LEARNING_S,
    end_s: float | None = None,
) -> Span:
    """Turn seconds into samples, halves rounded up.

    Parameters
    ----------
    fs : float
        Samples per second.
    length : int, optional
        Samples of the recording; without it the comparison lasts to the end of the reference.
    window_s : float
        Match window.
    start_s : float
        Where the comparison begins.
    end_s : float, optional
        Where it ends, instead of at `length`; 0 for the end of whichever file ends first.

    Raises
    ------
    EcgedgeError
        When the rate is below 1 Hz, or the comparison would end before it begins.
    """
    if not fs >= 1:
        raise EcgedgeError(f"a sampling rate of {fs:g} Hz is below 1 Hz; give the right one.")
    start = _samples(start_s, fs)
    end = _samples(end_s, fs) if end_s is not None else (length or TO_END_OF_REFERENCE)
    if 0 < end < start:
        raise EcgedgeError(
            f"the comparison would begin at {start / fs:g} s and end at {end / fs:g} s; "
            "choose an earlier start or a later end."
        )
    return Span(fs, _samples(window_s, fs), start, end)


def _samples(seconds: float, fs: float) -> int:
    return int(seconds * fs + 0.5)


@dataclass(frozen=True)
class Pair:
    """One count of the matrix.

    Attributes
    ----------
    cell : str
        Class in the reference, in capitals, and in the test, in small letters.
    reference, test : int or None
        Which annotations they are; None for the beat that is not there.
    """

    cell: str
    reference: int | None
    test: int | None


@dataclass(frozen=True)
class Pairing:
    """All that a comparison finds.

    Attributes
    ----------
    pairs : tuple of Pair
        In the order of time.
    rr_error_ms : float or None
        Root of the mean square of the differences between RR intervals of the reference and of the
        test at the same time; None where there were none.
    shutdown_s : int
        Seconds of shutdown in the test, rounded.
    """

    pairs: tuple[Pair, ...]
    rr_error_ms: float | None
    shutdown_s: int

    def matched(self) -> list[tuple[int, int]]:
        """Return the beats that have a partner: places of both among their annotations."""
        return [
            (pair.reference, pair.test)
            for pair in self.pairs
            if pair.reference is not None and pair.test is not None
        ]

    def missed(self) -> list[int]:
        """Return the places of the reference beats without a partner."""
        return [p.reference for p in self.pairs if p.reference is not None and p.test is None]

    def extra(self) -> list[int]:
        """Return the places of the test beats without a partner."""
        return [p.test for p in self.pairs if p.test is not None and p.reference is None]


@dataclass
class _Walk:
    """Two cursors and what has been found so far."""

    span: Span
    reference: Cursor
    test: Cursor
    pairs: list[Pair] = field(default_factory=list)
    squares: int = 0
    intervals: int = 0

    def goes_on(self) -> bool:
        """Say whether there is something left to compare."""
        end, t, r = self.span.end, self.test.sample, self.reference.sample
        if end > 0:
            return r <= end or t <= end
        return r != NEVER and (end == TO_END_OF_REFERENCE or t != NEVER)

    def note(self, reference: str, test: str) -> None:
        """Count a pair of classes, one of which may stand in for a beat that is not there."""
        r, t = self.reference, self.test
        if r.rr > 0 and t.rr > 0:
            self.squares += (r.rr - t.rr) ** 2
            self.intervals += 1
        is_beat = (reference in BEAT_CLASSES, test in BEAT_CLASSES)
        if not (reference and test and any(is_beat)):
            return
        self.pairs.append(
            Pair(
                reference + test.lower(),
                r.index if is_beat[0] else None,
                t.index if is_beat[1] else None,
            )
        )

    def pair(self) -> None:
        """The two current beats are one."""
        self.note(self.reference.kind, self.test.kind)
        self.reference.advance()
        self.test.advance()

    def leave_reference(self) -> None:
        """The current reference beat has no partner."""
        r, t = self.reference, self.test
        self.note(r.kind, IN_SHUTDOWN if t.shutdown.holds(r.sample) else ALONE)
        r.advance()

    def leave_test(self) -> None:
        """The current test beat has no partner."""
        r, t = self.reference, self.test
        if r.flutter.holds(t.sample):
            self.note("", t.kind)
        else:
            self.note(IN_SHUTDOWN if r.shutdown.holds(t.sample) else ALONE, t.kind)
        t.advance()


def pair_beats(
    reference: Annotations, test: Annotations, span: Span, classes: Mapping[str, str]
) -> Pairing:
    """Pair the beats of a test with those of a reference.

    Parameters
    ----------
    reference, test : Annotations
        Their samples at the rate of `span`.
    span : Span
        From `span_of`.
    classes : mapping of str to str
        From `ecgedge.ec57.classes.class_map`.

    Returns
    -------
    Pairing
    """
    walk = _Walk(
        span,
        Cursor(reference, classes, span.window, span.end, is_reference=True),
        Cursor(test, classes, span.window, span.end, is_reference=False),
    )
    _begin(walk)
    while walk.goes_on():
        r, t = walk.reference, walk.test
        earlier, later = (t, r) if t.sample < r.sample else (r, t)
        if _belong_together(earlier, later, span.window):
            walk.pair()
        elif earlier is t:
            walk.leave_test()
        else:
            walk.leave_reference()
    return Pairing(
        tuple(walk.pairs),
        _rr_error_ms(walk),
        _seconds(walk.test.shutdown_samples, span.fs),
    )


def _begin(walk: _Walk) -> None:
    """Go to the first reference beat to score and to the test beat that may belong to it."""
    r, t, start, window = walk.reference, walk.test, walk.span.start, walk.span.window
    r.advance()
    while r.sample < start:
        r.advance()
    t.advance()
    while t.next_sample < start:
        t.advance()
    # The last test beat before the start is the partner of that beat when it is near enough.
    apart = r.sample - t.sample
    if apart <= window and apart < abs(r.sample - t.next_sample):
        if r.kind or t.kind:
            walk.note(r.kind, t.kind)
        r.advance()
        t.advance()
        return
    # The first test beat from the start on may belong to a reference beat before it; it is passed
    # over when it lies within the window and the next one suits the first reference beat better.
    t.advance()
    if t.sample - start <= window and abs(r.sample - t.next_sample) < abs(r.sample - t.sample):
        t.advance()


def _belong_together(earlier: Cursor, later: Cursor, window: int) -> bool:
    """Say whether the current beats are one, `earlier` being the one that comes first."""
    apart = later.sample - earlier.sample
    if apart > window:
        return False
    to_next = abs(later.sample - earlier.next_sample)
    return apart < to_next or abs(later.next_sample - earlier.next_sample) < to_next


def _rr_error_ms(walk: _Walk) -> float | None:
    if not walk.intervals:
        return None
    return sqrt(walk.squares / walk.intervals) * 1000 / _samples(1, walk.span.fs)


def _seconds(samples: int, fs: float) -> int:
    """Half a second is added and the rest cut off, towards zero."""
    total, second = samples + _samples(0.5, fs), _samples(1, fs)
    return total // second if total >= 0 else -(-total // second)
