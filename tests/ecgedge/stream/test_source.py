"""A serial port: found, busy, gone, back. Pseudo-terminals stand in for boards."""

import os
import threading
from pathlib import Path

import pytest
import serial
from serial.tools import list_ports

from ecgedge.stream.source import (
    Chunk,
    Reconnected,
    SerialSource,
    Unplugged,
    describe_ports,
    now_s,
    open_port,
)
from firmware_sim.errors import EcgedgeError

LONG_S = 20.0


def read_until(source: SerialSource, kind: type, size: int = 0) -> bytes:
    """Read until an item of a kind, or so many bytes; return the bytes on the way."""
    data = b""
    deadline_s = now_s() + LONG_S
    while now_s() < deadline_s:
        item = source.read(0.1)
        if isinstance(item, Chunk):
            data += item.data
        if isinstance(item, kind) and len(data) >= size:
            return data
    raise AssertionError(f"no {kind.__name__} came; {data!r} did")


def test_a_port_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(EcgedgeError, match=r"no serial port /dev/none.*ports.*--wait"):
        open_port("/dev/none", 9600)


def test_ports_are_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    port = list_ports.comports.__globals__["list_ports_common"].ListPortInfo("/dev/ttyUSB7")
    port.description = "CP2102"
    monkeypatch.setattr(list_ports, "comports", lambda: [port])
    assert describe_ports() == "ports found: /dev/ttyUSB7 (CP2102)"


def test_a_file_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("512\n")
    with pytest.raises(EcgedgeError, match="--replay"):
        open_port(str(tmp_path / "x.csv"), 9600)


def test_a_character_device_that_is_no_terminal_is_no_port() -> None:
    with pytest.raises(EcgedgeError, match="/dev/null cannot be opened as a serial port"):
        open_port("/dev/null", 9600)


def test_a_busy_port_is_one_clear_error(board) -> None:
    other = serial.Serial(str(board.link), 9600, exclusive=True)
    with pytest.raises(EcgedgeError, match="is in use by another program"):
        open_port(str(board.link), 9600)
    other.close()
    open_port(str(board.link), 9600).close()


def test_bytes_come_in_order_with_the_time_of_their_arrival(board) -> None:
    with SerialSource(str(board.link)) as source:
        source.open()
        before_s = now_s()
        board.send(b"512\r\n")
        item = source.read(LONG_S)
        assert isinstance(item, Chunk)
        assert item.data == b"512\r\n"[: len(item.data)]
        assert before_s <= item.arrival_s <= now_s()
        assert not item.is_backlog
        board.send(b"x" * 3000)
        read_until(source, Chunk, 3000 + 5 - len(item.data))


def test_a_board_that_is_unplugged_is_found_again_under_the_same_link(board) -> None:
    with SerialSource(str(board.link)) as source:
        source.open()
        board.send(b"before")
        read_until(source, Chunk, 6)
        board.pull()
        read_until(source, Unplugged)
        board.plug_in()
        read_until(source, Reconnected)
        board.send(b"after")
        assert read_until(source, Chunk, 5) == b"after"


def test_a_link_that_moves_without_a_word_counts_as_unplugged(board) -> None:
    with SerialSource(str(board.link)) as source:
        source.open()
        old_master, old_slave = board.master, board.slave
        board.plug_in()
        read_until(source, Unplugged)
        read_until(source, Reconnected)
        board.send(b"new")
        assert read_until(source, Chunk, 3) == b"new"
        os.close(old_slave)
        os.close(old_master)


def test_a_board_comes_back_under_another_name_when_its_serial_number_does(
    board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"

    class Info:
        vid, pid, serial_number, description = 0x2341, 0x43, "A1", "Uno"

        def __init__(self, device: str) -> None:
            self.device = device

    monkeypatch.setattr(list_ports, "comports", lambda: [Info(str(board.link)), Info(str(other))])
    with SerialSource(str(board.link)) as source:
        source.open()
        board.link.unlink()
        board.link = other
        board.pull()
        board.plug_in()
        read_until(source, Unplugged)
        read_until(source, Reconnected)
        assert source.port == str(other)


def test_a_missing_port_can_be_waited_for(tmp_path: Path, board) -> None:
    later = tmp_path / "later"
    source = SerialSource(str(later))
    threading.Timer(0.3, lambda: later.symlink_to(board.link.readlink())).start()
    with source:
        assert source.open(wait=True)


def test_waiting_for_a_port_can_be_stopped(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert not SerialSource(str(tmp_path / "never")).open(wait=True, stop=stop)


def test_a_board_that_waits_is_greeted_and_dismissed(board) -> None:
    with SerialSource(str(board.link), (230400,), b"START\n", b"STOP\n") as source:
        source.open()
        assert os.read(board.master, 100) == b"START\n"
        board.send(b"data")
        read_until(source, Chunk, 4)
    heard = b""
    while not heard.endswith(b"STOP\n"):
        heard += os.read(board.master, 100)


def test_speeds_mean_nothing_on_a_pseudo_terminal(board) -> None:
    with SerialSource(str(board.link), (115200, 9600)) as source:
        source.open()
        assert source.next_baud() is None


def test_the_next_speed_is_set_on_a_real_port(board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecgedge.stream.source._is_pseudo_terminal", lambda port: False)
    with SerialSource(str(board.link), (115200, 9600)) as source:
        source.open()
        assert source.next_baud() == 9600
        assert source._opened is not None
        assert source._opened.baudrate == 9600
        assert source.next_baud() is None
