"""A board's own beats against the simulator's: agreement, differences, and when nothing is said."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from ecgedge.stream.events import (
    BoardBeatEvent,
    BoardDiffersEvent,
    BoardEvent,
    Event,
    GapEvent,
    RateEvent,
    SummaryEvent,
)
from ecgedge.stream.frame import (
    BEGINS,
    LEAD_OFF,
    beat_frame,
    info_frame,
    samples_frame,
)
from ecgedge.stream.options import Options
from ecgedge.stream.session import Session
from ecgedge.stream.view import describe
from ecgedge.stream.wire import BoardBeat
from export.c_header import identity
from firmware_sim.pipeline import Beat, Pipeline, run
from firmware_sim.program import Program

FS = 360
BLOCK = 16
QUALITIES = ("good", "flat", "clipped")


def said(beat: Beat) -> BoardBeat:
    flags = beat.search_back | QUALITIES.index(beat.quality) << 1
    return BoardBeat(beat.sample, beat.label_index, flags, beat.rr or 0, beat.scores)


def board_stream(
    program: Program, counts: Sequence[int], *, first: int = 0, change: int | None = None
) -> list[bytes]:
    """The frames of a board that begins at `first`; one beat's label can be changed."""
    pipeline = Pipeline(program)
    pipeline.reset(first)
    frames = []
    beats = 0
    for at in range(0, len(counts), BLOCK):
        block = counts[at : at + BLOCK]
        found = pipeline.push(np.array(block))
        if at + BLOCK >= len(counts):
            found += pipeline.flush()
        for beat in found:
            wrong = {"label": (beat.label_index + 1) % 3} if beats == change else {}
            frames.append(beat_frame(said(beat)._replace(**wrong)))
            beats += 1
        flags = BEGINS if at == 0 else 0
        frames.append(samples_frame(first + at, block, flags))
    return frames


class Watched:
    """A session with everything that it told."""

    def __init__(self, program: Program, name: str | None = None) -> None:
        self.session = Session(program, Pipeline, Options("port", format="ecgedge"))
        self.told: list[Event] = []
        self.feed([info_frame(0, FS, identity(program) if name is None else name)])

    def feed(self, frames: Sequence[bytes]) -> "Watched":
        for frame in frames:
            self.told += self.session.feed(frame, 0.0)
        return self

    def end(self) -> SummaryEvent:
        self.told += self.session.finish()
        return self.session.summary()

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.told if isinstance(event, kind)]


def agreed(beats: int) -> dict[str, int]:
    return {"beats": beats, "compared": beats, "mismatches": 0}


def test_the_beats_of_our_program_agree(program: Program, counts: list[int]) -> None:
    watched = Watched(program).feed(board_stream(program, counts))
    summary = watched.end()
    assert summary.board == agreed(summary.beats)
    assert summary.beats > 60
    assert not watched.of(BoardDiffersEvent)
    text = describe(summary, program)
    assert text is not None
    beats = summary.beats
    assert text.endswith(f"board: {beats} beats, {beats} compared with the simulator, all agree")


def test_a_wrong_label_is_told_with_both_sides(program: Program, counts: list[int]) -> None:
    watched = Watched(program).feed(board_stream(program, counts, change=5))
    summary = watched.end()
    (event,) = watched.of(BoardDiffersEvent)
    assert isinstance(event, BoardDiffersEvent)
    assert event.board != event.simulator
    assert event.time_s is not None
    assert summary.board == {"beats": summary.beats, "compared": summary.beats, "mismatches": 1}
    text = describe(event, program)
    assert text is not None
    assert event.board in text
    assert "1 DIFFER" in (describe(summary, program) or "")


def test_a_beat_that_the_board_leaves_out_is_told(program: Program, counts: list[int]) -> None:
    frames = board_stream(program, counts)
    beats = [frame for frame in frames if frame[2] == 3]
    frames.remove(beats[7])
    watched = Watched(program).feed(frames)
    assert watched.end().board == {
        "beats": len(beats) - 1, "compared": len(beats), "mismatches": 1
    }  # fmt: skip
    (event,) = watched.of(BoardDiffersEvent)
    assert isinstance(event, BoardDiffersEvent)
    assert event.board == "no beat"


def test_a_beat_that_only_the_board_has_is_told(program: Program, counts: list[int]) -> None:
    frames = board_stream(program, counts)
    places = [i for i, frame in enumerate(frames) if frame[2] == 3]
    number = int.from_bytes(frames[places[3]][4:8], "little") + 100
    frames.insert(places[3] + 1, beat_frame(BoardBeat(number, 0, 0, 100, (1, 2, 3, 4))))
    watched = Watched(program).feed(frames)
    summary = watched.end()
    assert summary.board is not None
    assert summary.board["mismatches"] == 1
    (event,) = watched.of(BoardDiffersEvent)
    assert isinstance(event, BoardDiffersEvent)
    assert event.simulator == "no beat"


def test_both_begin_anew_after_a_restart_and_after_lead_off(
    program: Program, counts: list[int]
) -> None:
    half = counts[: 30 * FS]
    off = [samples_frame(len(half) + i, [0] * BLOCK, LEAD_OFF) for i in range(0, 160, BLOCK)]
    watched = Watched(program).feed(board_stream(program, half)).feed(off)
    watched.feed(board_stream(program, half, first=len(half) + 160))
    watched.feed(board_stream(program, half))
    summary = watched.end()
    # nobody knows whether a board that starts again without a word had ended its stream
    assert summary.board == agreed(summary.beats) | {"compared": summary.beats - 1}
    assert [event.reason for event in watched.of(GapEvent)] == ["restart"]


def test_the_beat_that_waits_where_we_stop_listening_is_not_compared(
    program: Program, counts: list[int]
) -> None:
    """The board goes on and knows the R peak after it; here it ends as unknown."""
    beat = run(program, counts)[20]
    options = Options("port", format="ecgedge", stop_s=beat.decided_at / FS)
    watched = Watched(program)
    watched.session = Session(program, Pipeline, options)
    watched.feed([info_frame(0, FS, identity(program))]).feed(board_stream(program, counts))
    summary = watched.end()
    assert summary.board is not None
    assert summary.board["compared"] < summary.beats
    assert summary.board["mismatches"] == 0


def test_after_lost_samples_nothing_is_compared_until_both_begin_anew(
    program: Program, counts: list[int]
) -> None:
    frames = board_stream(program, counts)
    middle = len(frames) // 2
    watched = Watched(program).feed(frames[:middle]).feed(frames[middle + 3 :])
    before = watched.session.summary().board
    watched.feed(board_stream(program, counts))
    after = watched.end().board
    assert before is not None
    assert after is not None
    assert 0 < before["compared"] < before["beats"]
    assert after["compared"] > before["compared"] + 50
    assert after["mismatches"] == 0
    text = describe(watched.session.summary(), program) or ""
    assert f"; {after['beats'] - after['compared']} not compared: " in text


def test_another_program_is_said_once_and_not_compared(program: Program, counts: list[int]) -> None:
    watched = Watched(program, "another 01234567").feed(board_stream(program, counts))
    summary = watched.end()
    (event,) = watched.of(BoardEvent)
    assert event == BoardEvent("another 01234567", FS, same_program=False)
    assert "another program" in (describe(event, program) or "")
    assert summary.board is not None
    assert summary.board["compared"] == 0
    assert summary.board["beats"] > 60
    assert not watched.session.wants_start()


def test_a_board_that_was_joined_in_the_middle_should_start_anew_once(
    program: Program, counts: list[int]
) -> None:
    watched = Watched(program)
    assert not watched.session.wants_start()
    watched.feed(board_stream(program, counts)[1:200])
    assert watched.session.wants_start()
    assert not watched.session.wants_start()


def test_a_board_that_was_seen_to_begin_is_left_alone(program: Program, counts: list[int]) -> None:
    watched = Watched(program).feed(board_stream(program, counts)[:200])
    assert not watched.session.wants_start()


def test_a_board_is_left_alone_where_we_stop_listening(program: Program, counts: list[int]) -> None:
    """It would start anew for whoever comes next, in the middle of what that one hears."""
    watched = Watched(program)
    options = Options("port", format="ecgedge", stop_s=10)
    watched.session = Session(program, Pipeline, options)
    watched.feed([info_frame(0, FS, identity(program))]).feed(board_stream(program, counts))
    assert watched.session.done
    assert not watched.session.wants_start()


def test_text_formats_and_boards_without_a_program_are_left_alone(
    program: Program, counts: list[int]
) -> None:
    watched = Watched(program, "virtual board").feed(board_stream(program, counts)[1:200])
    assert not watched.session.wants_start()
    (event,) = watched.of(BoardEvent)
    assert event == replace(event, same_program=None)
    session = Session(program, Pipeline, Options("port", format="sparkfun", rate_hz=FS))
    session.feed(b"".join(b"%d\r\n" % count for count in counts), 0.0)
    assert not session.wants_start()


def test_a_stream_without_a_board_has_no_comparison(program: Program, counts: list[int]) -> None:
    session = Session(program, Pipeline, Options("port", format="sparkfun", rate_hz=FS))
    session.feed(b"".join(b"%d\r\n" % count for count in counts), 0.0)
    session.finish()
    assert session.summary().board is None


def at_once(program: Program, frames: Sequence[bytes]) -> Watched:
    """All in one piece, before the rate is known: as from a board that is faster than its clock."""
    watched = Watched(program)
    watched.session = Session(program, Pipeline, Options("port", format="ecgedge"))
    watched.told.clear()
    return watched.feed([b"".join([*frames, info_frame(0, FS, identity(program))])])


def test_beats_that_come_before_the_rate_is_known_stay_in_order(
    program: Program, counts: list[int]
) -> None:
    watched = at_once(program, board_stream(program, counts))
    summary = watched.end()
    assert summary.board == agreed(summary.beats)
    assert summary.beats > 60
    kinds = [type(event) for event in watched.told]
    assert kinds.index(RateEvent) < kinds.index(BoardBeatEvent)


def test_a_damaged_beat_before_the_rate_is_known_ends_the_comparison(
    program: Program, counts: list[int]
) -> None:
    frames = board_stream(program, counts)
    places = [i for i, frame in enumerate(frames) if frame[2] == 3]
    frames[places[3]] = frames[places[3]][:-1] + b"?"
    summary = at_once(program, frames).end()
    assert summary.board == {"beats": len(places) - 1, "compared": 3, "mismatches": 0}


def test_leads_that_come_on_before_the_first_sample_are_a_beginning(
    program: Program, counts: list[int]
) -> None:
    off = [samples_frame(i, [0] * BLOCK, LEAD_OFF) for i in range(0, 160, BLOCK)]
    watched = Watched(program).feed(off).feed(board_stream(program, counts, first=160))
    assert not watched.session.wants_start()
    summary = watched.end()
    assert summary.board == agreed(summary.beats)


@pytest.mark.parametrize("late", [False, True])
def test_a_beat_may_come_before_its_samples_or_after_them(
    program: Program, counts: list[int], late: bool
) -> None:
    frames = board_stream(program, counts)
    if late:
        for i in range(len(frames) - 2, -1, -1):
            if frames[i][2] == 3:
                frames[i : i + 2] = [frames[i + 1], frames[i]]
    summary = Watched(program).feed(frames).end()
    assert summary.board == agreed(summary.beats)
