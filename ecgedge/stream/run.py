"""Connects a source, a session and those who want its events, until one of them ends."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from ecgedge.stream.events import Event, SummaryEvent
from ecgedge.stream.replay import FileReplay, RecordReplay
from ecgedge.stream.session import Session
from ecgedge.stream.source import Chunk, Reconnected, SerialSource, Unplugged, now_s
from ecgedge.stream.view import Sink

POLL_S = 0.1
GRACE_S = 5.0
"""A live stream that should stop after S seconds of signal stops this much later without one."""
UNCLEAR_S = 2.0
"""A line whose format is not recognized by then is read at the next speed."""
START = b"s"
"""The command that lets a board of the `ecgedge` format start anew."""
PACED_BYTES = 128
PACED_SAMPLES = 16


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C and a polite kill set; a second Ctrl-C interrupts.

    Also works where the shell had the signal ignored, as for a command in the background.
    """
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    names = [signal.SIGINT, signal.SIGTERM]
    before = {name: signal.signal(name, ask) for name in names}
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _give(sinks: Sequence[Sink], events: Sequence[Event]) -> None:
    for event in events:
        for sink in sinks:
            sink.take(event)


def _refresh(sinks: Sequence[Sink]) -> None:
    moment_s = now_s()
    for sink in sinks:
        sink.refresh(moment_s)


def _end(session: Session, sinks: Sequence[Sink]) -> SummaryEvent:
    _give(sinks, session.finish(now_s()))
    summary = session.summary()
    _give(sinks, [summary])
    return summary


def run_live(
    session: Session,
    source: SerialSource,
    sinks: Sequence[Sink],
    stop: threading.Event,
    *,
    reconnect: bool = True,
) -> SummaryEvent:
    """Stream from an open port until something ends it.

    Parameters
    ----------
    session : Session
        Fresh.
    source : SerialSource
        Open.
    sinks : sequence of Sink
        Get every event in order.
    stop : threading.Event
        Ends the stream.
    reconnect : bool
        Wait for a port that went away; otherwise the stream ends with it.

    Returns
    -------
    SummaryEvent
        Which the sinks got too.

    Raises
    ------
    EcgedgeError
        From the session or a sink.
    """
    began_s = now_s()
    _give(sinks, session.start())
    while not (stop.is_set() or session.done):
        item = source.read(POLL_S)
        match item:
            case Chunk(is_backlog=True):
                _give(sinks, session.backlog(item.data, item.arrival_s))
            case Chunk():
                _give(sinks, session.feed(item.data, item.arrival_s))
                _give(sinks, session.tick(item.arrival_s))
            case Unplugged() if not reconnect:
                break
            case Unplugged():
                _give(sinks, session.unplugged(item.at_s))
            case Reconnected():
                _give(sinks, session.reconnected(item.port, item.at_s))
            case None:
                _give(sinks, session.tick(now_s()))
        if session.unclear_s(now_s()) > UNCLEAR_S and (baud := source.next_baud()) is not None:
            _give(sinks, session.other_baud(baud))
        if session.wants_start():
            source.send(START)
        _refresh(sinks)
        limit_s = session.options.stop_s
        if limit_s is not None and now_s() - began_s > limit_s + GRACE_S:
            break
    return _end(session, sinks)


def run_replay(
    session: Session,
    replay: FileReplay | RecordReplay,
    sinks: Sequence[Sink],
    stop: threading.Event,
    *,
    speed: float | None = None,
) -> SummaryEvent:
    """Stream a file.

    Parameters
    ----------
    session : Session
        Fresh, not live.
    replay : FileReplay or RecordReplay
        What to read.
    sinks : sequence of Sink
        Get every event in order.
    stop : threading.Event
        Ends the stream.
    speed : float, optional
        1 is real time; None is as fast as possible.

    Raises
    ------
    EcgedgeError
        From the file, the session or a sink.
    """
    began_s = now_s()
    _give(sinks, session.start())
    for events in _replayed(session, replay, paced=speed is not None):
        _give(sinks, events)
        _refresh(sinks)
        if speed is not None:
            ahead_s = session.time_s / speed - (now_s() - began_s)
            while ahead_s > 0 and not stop.wait(min(ahead_s, POLL_S)):
                _refresh(sinks)
                ahead_s = session.time_s / speed - (now_s() - began_s)
        if stop.is_set() or session.done:
            break
    return _end(session, sinks)


def _replayed(
    session: Session, replay: FileReplay | RecordReplay, *, paced: bool
) -> Iterator[list[Event]]:
    """Feed a file piece by piece; small pieces where they have to come in time."""
    if isinstance(replay, FileReplay):
        for data in replay.chunks(PACED_BYTES) if paced else replay.chunks():
            yield session.feed(data, 0.0)
    else:
        for counts in replay.chunks(PACED_SAMPLES) if paced else replay.chunks():
            yield session.feed_samples(counts, replay.rate_hz)
