"""A walk over the annotations of one side: its beats, and the periods in which there are none.

A cursor stands on one beat, knows the next one, and has read every annotation up to that. Periods
of ventricular flutter or fibrillation run from ``[`` to ``]``; what lies between is passed over. A
shutdown, in which no signal can be read, begins at a ``~`` with the bits 0x30 of its subtype and
ends at the next ``~`` without them. When something else follows (recordings of the AHA mark a
shutdown once, in its middle), it reaches from one window after the beat before, or the flutter
before, to one window before that something.

Only the two latest periods of each kind are known, as in `bxb`; those before are over.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ecgedge.ec57.annotations import Annotations

NEVER = 2**63 - 1
"""Sample of the beat after the last."""
UNREADABLE = 0x30
QUALITY, FLUTTER_BEGINS, FLUTTER_ENDS = "~", "[", "]"
_NONE = -1
"""No period yet, or one whose end is not known."""


@dataclass
class Periods:
    """The latest period of one kind and the one before, ends included."""

    on: int = _NONE
    off: int = _NONE
    earlier_on: int = _NONE
    earlier_off: int = _NONE

    def begin(self, sample: int) -> None:
        """Start a period; until its end is known it has that of the one before."""
        self.earlier_on, self.earlier_off = self.on, self.off
        self.on = sample

    def holds(self, sample: int) -> bool:
        """Say whether a sample lies in one of the two."""
        is_open = self.off == _NONE
        latest = self.on != _NONE and self.on <= sample and (is_open or sample <= self.off)
        return latest or (
            self.earlier_on != _NONE and self.earlier_on <= sample <= self.earlier_off
        )

    def begins_between(self, first: int, last: int) -> bool:
        """Say whether one of the two begins from `first` on and before `last`."""
        return first <= self.on < last or first <= self.earlier_on < last


class Cursor:
    """A place in the annotations of one side.

    Parameters
    ----------
    annotations : Annotations
    classes : mapping of str to str
        Class of every symbol that counts as a QRS complex, see `ecgedge.ec57.classes`.
    window : int
        Samples of the match window.
    end : int
        Last sample of the comparison, 0 or less when it is not known.
    is_reference : bool
        A last shutdown without an end lasts for ever in the reference. In the test it has the end
        of the shutdown before, as in `bxb`, and lasts for ever only when it is the only one.

    Attributes
    ----------
    sample, index, kind : int, int, str
        The beat on which the cursor stands: its sample, its place among the annotations, its
        class. Before the first one they are 0, -1 and nothing.
    next_sample, next_index, next_kind : int, int, str
        The beat after it.
    rr : int
        Samples since the beat before; 0 where that is no RR interval.
    flutter, shutdown : Periods
    shutdown_samples : int
        Length of all shutdowns so far.
    """

    def __init__(
        self,
        annotations: Annotations,
        classes: Mapping[str, str],
        window: int,
        end: int,
        is_reference: bool,
    ) -> None:
        self._annotations = annotations
        self._classes = classes
        self._window = window
        self._end = end
        self._is_reference = is_reference
        self._position = 0
        self.sample = self.next_sample = 0
        self.index = self.next_index = -1
        self.kind = self.next_kind = ""
        self.rr = 0
        self.flutter = Periods()
        self.shutdown = Periods()
        self.shutdown_samples = 0

    def advance(self) -> None:
        """Step to the next beat, and read on to the one after it."""
        before = self.sample
        self.sample, self.index, self.kind = self.next_sample, self.next_index, self.next_kind
        interrupted = self.flutter.begins_between(before, self.sample) or (
            self.shutdown.begins_between(before, self.sample)
        )
        is_interval = before != 0 and self.sample != NEVER and not interrupted
        self.rr = self.sample - before if is_interval else 0
        self._read_on()

    def _read_on(self) -> None:
        """Find the beat after the next one; what lies between is taken note of."""
        notes = self._annotations
        while (i := self._take()) is not None:
            symbol = notes.symbols[i]
            if symbol in self._classes:
                self.next_sample, self.next_index = notes.samples[i], i
                self.next_kind = self._classes[symbol]
                return
            if self._is_unreadable(i):
                self._read_shutdown(notes.samples[i])
            elif symbol == FLUTTER_BEGINS:
                self._read_flutter(notes.samples[i])
        self.next_sample, self.next_index, self.next_kind = NEVER, -1, ""

    def _take(self) -> int | None:
        """Index of the next annotation, None after the last."""
        if self._position == len(self._annotations):
            return None
        self._position += 1
        return self._position - 1

    def _is_unreadable(self, i: int) -> bool:
        notes = self._annotations
        return notes.symbols[i] == QUALITY and notes.subtypes[i] & UNREADABLE == UNREADABLE

    def _read_shutdown(self, sample: int) -> None:
        """Read the end of a shutdown, or guess it."""
        self.shutdown.begin(sample)
        i = self._take()
        if i is None:
            self._leave_shutdown_open()
            return
        after = self._annotations.samples[i]
        if self._annotations.symbols[i] == QUALITY and not self._is_unreadable(i):
            self.shutdown.off = after
        else:
            self._position = i
            self.shutdown.off = after - self._window
            begin = max(self.sample, self.flutter.off) + self._window
            self.shutdown.on = min(begin, self.shutdown.off)
        self.shutdown_samples += self.shutdown.off - self.shutdown.on

    def _leave_shutdown_open(self) -> None:
        if self._is_reference:
            self.shutdown.off = NEVER
        elif self._end > 0:
            self.shutdown_samples += self._end - self.shutdown.on

    def _read_flutter(self, sample: int) -> None:
        """Pass over everything up to the end of the flutter."""
        self.flutter.begin(sample)
        while (i := self._take()) is not None:
            if self._annotations.symbols[i] == FLUTTER_ENDS:
                self.flutter.off = self._annotations.samples[i]
                return
