"""Compares the beats that a board says with those of the simulator for the same samples.

Both start anew at the same samples: where the board says so (`wire.Begins`). From there on sample
numbers differ by a constant, and every beat must be the same. After samples were lost on the way
the two have seen different signals, so nothing is compared until the board starts anew.
"""

from collections import deque

from ecgedge.stream.events import BeatEvent, BoardDiffersEvent
from ecgedge.stream.wire import BoardBeat, Info
from export.c_header import identity
from firmware_sim.program import Program

QUALITIES = ("good", "flat", "clipped")


def is_program(info: Info, program: Program) -> bool | None:
    """Say whether a board runs this program; None when its name does not tell."""
    *_, digits = info.name.rpartition(" ")
    if len(digits) != 8 or set(digits) - set("0123456789abcdef"):
        return None
    return info.name == identity(program)


class BoardWatch:
    """Pairs beats in order.

    Parameters
    ----------
    program : Program
        For its rate and class names.

    Attributes
    ----------
    beats, compared, mismatches : int
        Beats that the board said, beats that were compared, and those that differ or that only one
        of the two has.
    joined : bool
        Board and simulator have begun at the same sample and seen the same since.
    info : Info or None
        What the board says it is, once it did.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self.beats = self.compared = self.mismatches = 0
        self.joined = False
        self.info: Info | None = None
        self._ahead = 0
        self._board: deque[BoardBeat] = deque()
        self._simulator: deque[BeatEvent] = deque()

    @property
    def runs_our_program(self) -> bool:
        """The board says that it runs this program."""
        return self.info is not None and is_program(self.info, self._program) is True

    def begins(self, board_number: int, sample: int) -> None:
        """Both start anew: the board's sample `board_number` is the simulator's `sample`."""
        self.joined = True
        self._ahead = board_number - sample
        self._clear()

    def ends(self, *, whole: bool) -> list[BoardDiffersEvent]:
        """Compare no more until both start anew.

        Parameters
        ----------
        whole : bool
            Both have said everything up to here: what is left over only one of them has.
        """
        events = []
        if self.joined and whole:
            events = [self._extra(beat) for beat in self._board]
            events += [self._missing(beat) for beat in self._simulator]
        self.joined = False
        self._clear()
        return events

    def board_says(self, beat: BoardBeat) -> list[BoardDiffersEvent]:
        """Take a beat of the board; return what differs."""
        self.beats += 1
        if not self.joined:
            return []
        self._board.append(beat)
        return self._pair()

    def simulator_says(self, beat: BeatEvent) -> list[BoardDiffersEvent]:
        """Take a beat of the simulator; return what differs."""
        if not self.joined:
            return []
        self._simulator.append(beat)
        return self._pair()

    def totals(self) -> dict[str, int] | None:
        """Return the counts for the summary; None when the board says no beats."""
        if not self.beats and not self.compared:
            return None
        return {"beats": self.beats, "compared": self.compared, "mismatches": self.mismatches}

    def _clear(self) -> None:
        self._board.clear()
        self._simulator.clear()

    def _pair(self) -> list[BoardDiffersEvent]:
        """Compare the oldest beats of both; one that the other jumps over stands alone."""
        events = []
        while self._board and self._simulator:
            sample = self._board[0].sample - self._ahead
            if sample < self._simulator[0].sample:
                events.append(self._extra(self._board.popleft()))
            elif sample > self._simulator[0].sample:
                events.append(self._missing(self._simulator.popleft()))
            else:
                events += self._compare(self._board.popleft(), self._simulator.popleft())
        return events

    def _compare(self, board: BoardBeat, simulator: BeatEvent) -> list[BoardDiffersEvent]:
        said, right = self._board_text(board), self._simulator_text(simulator)
        self.compared += 1
        if said == right:
            return []
        self.mismatches += 1
        return [BoardDiffersEvent(simulator.time_s, simulator.sample, said, right)]

    def _extra(self, beat: BoardBeat) -> BoardDiffersEvent:
        self.compared += 1
        self.mismatches += 1
        sample = beat.sample - self._ahead
        return BoardDiffersEvent(None, sample, self._board_text(beat), "no beat")

    def _missing(self, beat: BeatEvent) -> BoardDiffersEvent:
        self.compared += 1
        self.mismatches += 1
        return BoardDiffersEvent(beat.time_s, beat.sample, "no beat", self._simulator_text(beat))

    def _board_text(self, beat: BoardBeat) -> str:
        labels, quality = self._program.labels, beat.flags >> 1 & 3
        label = labels[beat.label] if beat.label < len(labels) else f"class {beat.label}"
        name = QUALITIES[quality] if quality < len(QUALITIES) else f"quality {quality}"
        return _text(label, beat.scores, beat.rr_samples, name)

    def _simulator_text(self, beat: BeatEvent) -> str:
        rr_samples = round((beat.rr_s or 0.0) * self._program.fs)
        return _text(beat.label, beat.scores, rr_samples, beat.quality)


def _text(label: str, scores: tuple[int, ...], rr_samples: int, quality: str) -> str:
    return f"{label} {list(scores)}, RR {rr_samples}, {quality}"
