"""The virtual board: what it sends, when it waits, and that nothing is lost on the way."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ecgedge.stream.device import Behaviour, VirtualBoard
from ecgedge.stream.device_input import Recording, recording_of_csv, recording_of_record
from ecgedge.stream.pseudo_terminal import PseudoTerminal
from ecgedge.stream.source import Chunk, Reconnected, SerialSource, Unplugged, now_s
from ecgedge.stream.text_formats import SparkfunParser
from ecgedge.stream.wire import Garbage, LeadOff, Sample, WireEvent
from firmware_sim.errors import EcgedgeError

LONG_S = 30.0
FASTEST = Behaviour(speed=None)


@contextmanager
def running(board: VirtualBoard) -> Iterator[threading.Event]:
    """Run a board in a thread; stop it at the end."""
    stop = threading.Event()
    thread = threading.Thread(target=board.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(LONG_S)
    assert not thread.is_alive()


def receive(link: Path, *, plugs: int = 1) -> bytes:
    """Read a board until it was unplugged so many times."""
    data = b""
    deadline_s = now_s() + LONG_S
    with SerialSource(str(link)) as source:
        source.open(wait=True)
        while plugs and now_s() < deadline_s:
            item = source.read(0.1)
            if isinstance(item, Chunk):
                data += item.data
            plugs -= isinstance(item, Unplugged)
            assert item is None or isinstance(item, Chunk | Unplugged | Reconnected)
    assert not plugs
    return data


def parsed(data: bytes) -> list[WireEvent]:
    parser = SparkfunParser()
    return parser.feed(data) + parser.finish()


def test_a_slow_reader_gets_every_byte_of_a_fast_board(tmp_path: Path) -> None:
    values = list(range(50_000))
    board = VirtualBoard(values, 360, "sparkfun", FASTEST, tmp_path / "port")
    with running(board):
        assert receive(tmp_path / "port") == b"".join(b"%d\r\n" % value for value in values)
    assert not (tmp_path / "port").is_symlink()


def test_at_its_own_pace_a_board_takes_its_time(tmp_path: Path) -> None:
    board = VirtualBoard(list(range(500)), 1000, "sparkfun", Behaviour(), tmp_path / "port")
    with running(board):
        began_s = now_s()
        assert parsed(receive(tmp_path / "port")) == [Sample(i) for i in range(500)]
        assert now_s() - began_s >= 0.49


def test_lead_off_stands_in_the_place_of_samples(tmp_path: Path) -> None:
    behaviour = Behaviour(speed=None, lead_off=(2.0, 0.5))
    board = VirtualBoard([7] * 1000, 100, "sparkfun", behaviour, tmp_path / "port")
    with running(board):
        events = parsed(receive(tmp_path / "port"))
    off = [i for i, event in enumerate(events) if event == LeadOff()]
    assert off == [i for i in range(1000) if i >= 200 and i % 200 < 50]


def test_garbage_comes_between_lines(tmp_path: Path) -> None:
    behaviour = Behaviour(speed=None, garbage_per_s=5)
    board = VirtualBoard(list(range(1000)), 100, "sparkfun", behaviour, tmp_path / "port")
    with running(board):
        events = parsed(receive(tmp_path / "port"))
    assert [event for event in events if isinstance(event, Sample)] == [
        Sample(i) for i in range(1000)
    ]
    assert sum(isinstance(event, Garbage) for event in events) == 49


def test_an_unplugged_board_comes_back_without_what_it_missed(tmp_path: Path) -> None:
    paths: list[str] = []
    behaviour = Behaviour(speed=None, unplug=(3.0, 2.0))
    board = VirtualBoard(
        list(range(1000)), 100, "sparkfun", behaviour, tmp_path / "port", paths.append
    )
    with running(board):
        events = parsed(receive(tmp_path / "port", plugs=2))
    assert events == [Sample(i) for i in [*range(300), *range(500, 1000)]]
    assert len(paths) == 2
    assert board.samples_sent == 1000


def test_a_board_waits_when_its_reader_leaves(tmp_path: Path) -> None:
    board = VirtualBoard([7] * 200, 200, "sparkfun", Behaviour(loop=True), tmp_path / "port")
    with running(board):
        for _ in range(2):
            with SerialSource(str(tmp_path / "port")) as source:
                source.open(wait=True)
                item = source.read(LONG_S)
                assert isinstance(item, Chunk)
        sent = board.samples_sent
        threading.Event().wait(0.1)
        assert board.samples_sent - sent < 20


def test_what_a_format_cannot_carry_is_refused_before_it_starts() -> None:
    with pytest.raises(EcgedgeError, match="--format csv"):
        VirtualBoard([1, -5], 360, "chords", FASTEST)
    with pytest.raises(EcgedgeError, match="lead is off"):
        VirtualBoard([1, 5], 360, "chords", Behaviour(lead_off=(5, 1)))
    with pytest.raises(EcgedgeError, match="no samples"):
        VirtualBoard([], 360, "csv", FASTEST)


def test_a_link_does_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("precious")
    with pytest.raises(EcgedgeError, match="--link"):
        PseudoTerminal(tmp_path / "port")
    assert (tmp_path / "port").read_text() == "precious"
    with pytest.raises(EcgedgeError, match="--link"):
        PseudoTerminal(tmp_path / "no folder" / "port")


def test_a_stale_link_is_moved(tmp_path: Path) -> None:
    (tmp_path / "port").symlink_to("/dev/pts/none")
    terminal = PseudoTerminal(tmp_path / "port")
    assert (tmp_path / "port").readlink() == Path(terminal.path)
    terminal.close()
    assert not (tmp_path / "port").is_symlink()


def test_nobody_reads_a_terminal_that_nobody_opened(stop: threading.Event) -> None:
    terminal = PseudoTerminal()
    assert not terminal.has_reader
    reader = os.open(terminal.path, os.O_RDONLY | os.O_NOCTTY)
    assert terminal.has_reader
    os.close(reader)
    assert not terminal.has_reader
    terminal.drain(stop)
    terminal.close()


def test_a_board_does_not_wait_for_a_reader_that_left(stop: threading.Event) -> None:
    terminal = PseudoTerminal()
    reader = os.open(terminal.path, os.O_RDONLY | os.O_NOCTTY)
    assert terminal.write(b"unread", stop) == 6
    threading.Timer(0.2, lambda: os.close(reader)).start()
    began_s = now_s()
    terminal.drain(stop)
    assert 0.1 < now_s() - began_s < LONG_S
    terminal.close()


def test_a_record_is_replayed_as_it_is_or_resampled(excerpt: Path, counts: list[int]) -> None:
    recording = recording_of_record(excerpt, "208", "MLII", None)
    assert (recording.rate_hz, list(recording.values[: len(counts)])) == (360, counts)
    assert recording_of_record(excerpt, "208", "MLII", 250).rate_hz == 250
    assert len(recording.part(10, 5).values) == 5 * 360
    with pytest.raises(EcgedgeError, match=r"is 300\.0 s long"):
        recording.part(1000, None)


@pytest.mark.parametrize(
    ("text", "rate_hz", "expected"),
    [
        ("time_ms,ecg\n" + "".join(f"{4 * i},{i}\n" for i in range(100)), None, 250),
        ("".join(f"{i}\n" for i in range(100)), 125.0, 125),
        ("ecg\n" + "".join(f"{i}\n" for i in range(100)), 125.0, 125),
    ],
)
def test_a_csv_file_is_replayed(
    text: str, rate_hz: float | None, expected: float, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_text(text)
    recording = recording_of_csv(tmp_path / "x.csv", rate_hz)
    assert recording == Recording(str(tmp_path / "x.csv"), list(range(100)), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n2\nnan\n" + "3\n" * 20, "line 3: there is no number"),
        ("1\n" * 40, "no time column.*--rate"),
        ("", "is empty"),
        ("prose\n", "make no sense"),
    ],
)
def test_a_csv_file_that_cannot_be_replayed(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(EcgedgeError, match=message):
        recording_of_csv(tmp_path / "x.csv", None)
    with pytest.raises(EcgedgeError, match="cannot be read"):
        recording_of_csv(tmp_path / "none.csv", None)
