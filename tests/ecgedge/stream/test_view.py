"""What people see."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from ecgedge.stream.events import (
    BeatEvent,
    GapEvent,
    RateEvent,
    SamplesEvent,
    SignalEvent,
    UnpluggedEvent,
)
from ecgedge.stream.options import Options
from ecgedge.stream.picture import braille, marks
from ecgedge.stream.session import Session
from ecgedge.stream.view import JsonLines, LiveView, PlainLines, clock_text, confidence
from firmware_sim.pipeline import Pipeline
from firmware_sim.program import Program


def test_a_picture_has_its_size_and_the_newest_sample_at_the_right() -> None:
    lines = braille(np.array([0, 0, 0, 10]), width=5, height=3, span=40)
    assert [len(line) for line in lines] == [5, 5, 5]
    assert lines[0] == "⠀⠀⠀⠀⢸"
    assert lines[2].startswith("⠀⠀⠀⠀")


def test_no_peak_is_too_short_to_be_seen() -> None:
    counts = np.zeros(3600, int)
    counts[1800] = 100
    assert any(line.strip("⠀") for line in braille(counts, 40, 4, 3600)[:1])


@pytest.mark.parametrize("counts", [[], [5], [5] * 100])
def test_a_flat_or_empty_signal_can_be_drawn(counts: list[int]) -> None:
    assert len(braille(np.array(counts, int), 10, 2, 50)) == 2


def test_marks_stand_over_their_samples() -> None:
    assert marks([(100, "N"), (199, "V"), (20, "N")], 199, 10, 100) == [(0, "N"), (9, "V")]


def test_shares_add_to_one_and_follow_the_scores(program: Program) -> None:
    shares = confidence(program, (0, 16384, -300000, 5))
    assert sum(shares) == pytest.approx(1)
    assert max(shares) == shares[1]


def test_a_time_reads_as_a_clock() -> None:
    assert clock_text(3725.29) == "1:02:05.2"


def view_of(program: Program, width: int, height: int) -> tuple[LiveView, Console, Session]:
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, legacy_windows=False
    )
    session = Session(program, Pipeline, Options("/dev/ttyUSB0", rate_hz=360))
    return LiveView(console, session, "rec"), console, session


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (20, 5)])
def test_the_screen_shows_what_matters(program: Program, width: int, height: int) -> None:
    view, console, session = view_of(program, width, height)
    lines = b"".join(b"%d\r\n" % (500 + 300 * (i % 360 == 5)) for i in range(4000))
    for event in session.feed(lines, 0.0):
        view.take(event)
    view.take(BeatEvent(9.5, 3420, "V", (0, 0, 9000, 0), 0.75, "good"))
    view.take(GapEvent(9.9, 1.5, "clock"))
    view.refresh(1.0)
    out = console.file
    assert isinstance(out, io.StringIO)
    with console.capture() as capture:
        console.print(view.render())
    screen = capture.get()
    if width >= 80:
        for text in ("/dev/ttyUSB0", "sparkfun", "360.00 Hz", "not resampled", "leads on", "rec",
                     "0:00:09.5", "750", "gap of 1.50 s", "Not a medical device"):  # fmt: skip
            assert text in screen
    view.take(session.summary())
    view.close()
    assert "beats in" in out.getvalue()


def test_lead_off_and_unplugged_cannot_be_overlooked(program: Program) -> None:
    view, console, session = view_of(program, 100, 30)
    for event in session.feed(b"!\r\n" * 400, 1.0):
        view.take(event)
    with console.capture() as capture:
        console.print(view.render())
    assert "LEAD OFF" in capture.get()
    session.feed(b"512\r\n", 2.0)
    view.take(UnpluggedEvent(1.0, "/dev/ttyUSB0"))
    with console.capture() as capture:
        console.print(view.render())
    assert "/dev/ttyUSB0 is gone, waiting for it" in capture.get()
    view.close()


def test_plain_lines_say_one_thing_each(program: Program) -> None:
    lines: list[str] = []
    plain = PlainLines(lines.append, program)
    plain.take(RateEvent(0, 250.1, 250, 360, "arrival", True))
    plain.take(BeatEvent(1.5, 540, "V", (0, 0, 90000, 0), None, "good"))
    plain.take(SignalEvent(0, np.zeros(5, np.int32)))
    assert lines == [
        "rate: 250.10 Hz by arrival, resampled from 250 to 360 Hz",
        "0:00:01.5  V        1.00  RR    ? ms  good",
    ]


def test_json_lines_are_one_object_each_without_the_signal() -> None:
    lines: list[str] = []
    sink = JsonLines(lines.append)
    sink.take(BeatEvent(1.23456789, 540, "V", (1, 2), 0.75, "good"))
    sink.take(SamplesEvent((0.0,), (1,), False))
    assert [json.loads(line) for line in lines] == [
        {"event": "beat", "time_s": 1.234568, "sample": 540, "label": "V", "scores": [1, 2],
         "rr_s": 0.75, "quality": "good"}
    ]  # fmt: skip
