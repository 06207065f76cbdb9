"""Source, session and sinks together: how a stream ends, and when another speed is tried."""

import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from ecgedge.stream.events import (
    BaudEvent,
    BeatEvent,
    Event,
    FormatEvent,
    SilenceEvent,
    SummaryEvent,
)
from ecgedge.stream.formats import wire_format
from ecgedge.stream.options import Options
from ecgedge.stream.replay import FileReplay, RecordReplay
from ecgedge.stream.run import run_live, run_replay, stop_on_signals
from ecgedge.stream.session import Session
from ecgedge.stream.source import Chunk, Item, Reconnected, SerialSource, Unplugged, now_s
from firmware_sim.errors import EcgedgeError
from firmware_sim.pipeline import Pipeline, run
from firmware_sim.program import Program


class Script(SerialSource):
    """A source that gives what a test wrote down, then nothing."""

    def __init__(self, items: Sequence[Item | None], bauds: Sequence[int] = (9600,)) -> None:
        super().__init__("scripted", bauds)
        self.items = list(items)
        self.speeds: list[int] = []

    def read(self, timeout_s: float) -> Item | None:
        """Return the next item."""
        return self.items.pop(0) if self.items else None

    def next_baud(self) -> int | None:
        """Take the next speed."""
        if self._bauds.index(self.baud) + 1 == len(self._bauds):
            return None
        self.baud = self._bauds[self._bauds.index(self.baud) + 1]
        self.speeds.append(self.baud)
        return self.baud


class Keeper:
    """A sink that keeps everything."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self.events: list[Event] = []
        self.refreshed = 0
        self._stop = stop

    def take(self, event: Event) -> None:
        """Keep."""
        self.events.append(event)

    def refresh(self, now_s: float) -> None:
        """Count; stop when that is wanted."""
        self.refreshed += 1
        if self._stop and self.refreshed > 50:
            self._stop.set()

    def close(self) -> None:
        """Nothing to do."""


def session_of(program: Program, **options: object) -> Session:
    return Session(program, Pipeline, Options("scripted", **options))  # type: ignore[arg-type]


def lines(counts: Sequence[int], name: str = "csv", first: int = 0) -> bytes:
    encoder = wire_format(name).encoder(360)
    return b"".join(encoder.sample(value, first + i) for i, value in enumerate(counts))


def test_a_stream_ends_with_the_port_when_that_is_wanted(
    program: Program, counts: list[int], stop: threading.Event
) -> None:
    keeper = Keeper()
    source = Script([Chunk(lines(counts), 0.0), Unplugged(1.0)])
    summary = run_live(session_of(program), source, [keeper], stop, reconnect=False)
    beats = [event.sample for event in keeper.events if isinstance(event, BeatEvent)]
    assert beats == [beat.sample for beat in run(program, counts)]
    assert keeper.events[-1] == summary
    assert summary.samples == len(counts)


def test_a_stream_survives_its_port(
    program: Program, counts: list[int], stop: threading.Event
) -> None:
    first, second = counts[:7200], counts[7200:14400]
    source = Script(
        [
            Chunk(lines(first), 0.0),
            Unplugged(1.0),
            Reconnected("scripted", 3.0),
            Chunk(lines(second, first=9000), 4.0),
            None,
            Unplugged(5.0),
        ]
    )
    summary = run_live(session_of(program, stop_s=44.9), source, [Keeper()], stop)
    assert (summary.reconnects, summary.gaps, summary.samples) == (1, 1, 14364)


def test_other_speeds_are_tried_while_nothing_makes_sense(
    program: Program, counts: list[int], stop: threading.Event
) -> None:
    now = now_s()
    keeper = Keeper(stop)
    noise = Chunk(b"\xf0\x80\x98\xfe\r" * 20, now - 10)
    sense = Chunk(lines(counts), now)
    source = Script([noise, noise, sense], (115200, 9600, 230400))
    run_live(session_of(program), source, [keeper], stop)
    told = [event for event in keeper.events if isinstance(event, BaudEvent | FormatEvent)]
    assert told == [BaudEvent(9600), BaudEvent(230400), FormatEvent("csv", True)]


def test_a_stream_that_turns_into_garbage_is_silent(
    program: Program, counts: list[int], stop: threading.Event
) -> None:
    keeper = Keeper(stop)
    noise = [Chunk(b"\xf0\x80\x98\xfe\r\n" * 5, 10 + i / 10) for i in range(40)]
    source = Script([Chunk(lines(counts), 10.0), *noise])
    summary = run_live(session_of(program), source, [keeper], stop)
    assert summary.garbage_bytes == 40 * 30
    assert sum(isinstance(event, SilenceEvent) for event in keeper.events) == 1


def test_a_stream_without_a_sample_stops_some_time_after_its_duration(
    program: Program, stop: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ecgedge.stream.run.GRACE_S", 0.05)
    summary = run_live(session_of(program, stop_s=0.05), Script([]), [Keeper()], stop)
    assert summary.samples == 0


def test_an_error_of_a_sink_ends_the_stream(
    program: Program, counts: list[int], stop: threading.Event
) -> None:
    class Full(Keeper):
        def take(self, event: Event) -> None:
            raise EcgedgeError("the disk is full")

    with pytest.raises(EcgedgeError, match="the disk is full"):
        run_live(session_of(program), Script([Chunk(lines(counts), 0.0)]), [Full()], stop)


@pytest.mark.parametrize("name", ["csv", "sparkfun", "ecgedge"])
def test_a_file_is_replayed_like_a_port(
    name: str, program: Program, counts: list[int], stop: threading.Event, tmp_path: Path
) -> None:
    (tmp_path / "capture").write_bytes(lines(counts, name))
    keeper = Keeper()
    session = session_of(program, live=False, strict=True, rate_hz=360)
    run_replay(session, FileReplay(tmp_path / "capture"), [keeper], stop)
    beats = [(e.sample, e.scores) for e in keeper.events if isinstance(e, BeatEvent)]
    assert beats == [(b.sample, b.scores) for b in run(program, counts[: len(counts) // 8 * 8])]


def test_a_record_is_replayed_like_a_port(
    program: Program, counts: list[int], stop: threading.Event
) -> None:
    keeper = Keeper()
    replay = RecordReplay("208 MLII", tuple(counts), 360)
    run_replay(session_of(program, live=False), replay, [keeper], stop)
    beats = [(e.sample, e.scores) for e in keeper.events if isinstance(e, BeatEvent)]
    assert beats == [(b.sample, b.scores) for b in run(program, counts)]


def test_a_replay_keeps_its_pace(
    program: Program, counts: list[int], stop: threading.Event, tmp_path: Path
) -> None:
    (tmp_path / "capture").write_bytes(lines(counts[:3600]))
    began_s = now_s()
    session = session_of(program, live=False)
    run_replay(session, FileReplay(tmp_path / "capture"), [Keeper()], stop, speed=20)
    assert now_s() - began_s >= 9.9 / 20


def test_a_replay_can_be_stopped_while_it_waits(
    program: Program, counts: list[int], stop: threading.Event, tmp_path: Path
) -> None:
    (tmp_path / "capture").write_bytes(lines(counts))
    keeper = Keeper(stop)
    session = session_of(program, live=False)
    summary = run_replay(session, FileReplay(tmp_path / "capture"), [keeper], stop, speed=0.01)
    assert isinstance(keeper.events[-1], SummaryEvent)
    assert summary.samples < len(counts)


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_and_a_second_one_insists(name: signal.Signals) -> None:
    before = signal.getsignal(name)
    with stop_on_signals() as stop:
        os.kill(os.getpid(), name)
        assert stop.wait(5)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), name)
    assert signal.getsignal(name) is before
