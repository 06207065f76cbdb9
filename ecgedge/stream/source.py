"""A serial port as a source of bytes: a thread reads it, waits when it is gone, and opens it again.

The thread does nothing but read and note the time, so that a slow screen or disk does not spoil
the arrival times. What it read waits in a queue of bounded size; when that is full it stops
reading, and a board that knows flow control (the virtual one) waits.
"""

import contextlib
import errno
import os
import queue
import stat
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import serial
from serial.tools import list_ports

from firmware_sim.errors import EcgedgeError

BAUDS = (115200, 9600, 230400, 57600)
"""Speeds that are tried in turn when the user named none."""
QUEUE_CHUNKS = 2048
READ_TIMEOUT_S = 0.1
RETRY_S = 0.2
HELLO_EVERY_S = 1.0
STALL_S = 5.0
"""When the reading thread itself was held up for this long, what it reads next is a backlog."""


def now_s() -> float:
    """Seconds on a clock that never goes back and does not stop while the computer sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@dataclass(frozen=True)
class Chunk:
    """Bytes and when they came; `is_backlog` when the host was held up before."""

    data: bytes
    arrival_s: float
    is_backlog: bool = False


@dataclass(frozen=True)
class Unplugged:
    """The port went away."""

    at_s: float


@dataclass(frozen=True)
class Reconnected:
    """The port, or the same board under another name, is open again."""

    port: str
    at_s: float


Item = Chunk | Unplugged | Reconnected


def ports_found() -> list[tuple[str, str]]:
    """Return (name, description) of every serial port that the system lists."""
    return sorted((port.device, port.description or "") for port in list_ports.comports())


def describe_ports() -> str:
    """Return one clause that names the ports that were found."""
    found = [
        f"{name} ({text})" if text not in ("", "n/a") else name for name, text in ports_found()
    ]
    return f"ports found: {', '.join(found)}" if found else "no serial ports were found"


def _identity(port: str) -> tuple[object, ...] | None:
    """What makes a USB board the same board under another name; None when it has no serial."""
    real = os.path.realpath(port)
    for info in list_ports.comports():
        if info.device in (port, real) and info.serial_number:
            return (info.vid, info.pid, info.serial_number)
    return None


def _same_board(identity: tuple[object, ...]) -> list[str]:
    return [
        info.device
        for info in list_ports.comports()
        if (info.vid, info.pid, info.serial_number) == identity
    ]


def _node(port: str) -> tuple[int, int, int]:
    """What changes when a port name stands for another device: device and inode numbers."""
    status = Path(port).stat()
    return status.st_dev, status.st_ino, status.st_rdev


def open_port(port: str, baud: int) -> serial.Serial:
    """Open a serial port for this program alone.

    Parameters
    ----------
    port : str
        Name of the device, or a link to it.
    baud : int
        Speed of the line.

    Raises
    ------
    EcgedgeError
        When it does not exist, is in use, may not be opened, or is no serial port.
    """
    try:
        if not stat.S_ISCHR(Path(port).stat().st_mode):
            raise EcgedgeError(f"{port} is not a serial port; read a file with --replay {port}.")
        opened = serial.Serial(port, baud, timeout=READ_TIMEOUT_S, exclusive=True)
    except (OSError, ValueError) as error:  # SerialException is an OSError
        raise EcgedgeError(_why_not(port, baud, error)) from None
    _claim(opened, port)
    return opened


def _is_pseudo_terminal(port: str) -> bool:
    return os.path.realpath(port).startswith("/dev/pts/")


def _claim(opened: serial.Serial, port: str) -> None:
    """Keep out programs that ignore the lock. Not on a pseudo-terminal: its owner needs it too."""
    if _is_pseudo_terminal(port):
        return
    with contextlib.suppress(ImportError, OSError):
        import fcntl
        import termios

        fcntl.ioctl(opened.fileno(), termios.TIOCEXCL)


def _why_not(port: str, baud: int, error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.ENOTDIR):
        return (
            f"there is no serial port {port} ({describe_ports()}); check the cable and the name "
            "(`ecgedge stream --wait` waits for it)."
        )
    if code in (errno.EAGAIN, errno.EBUSY):
        return (
            f"{port} is in use by another program; close it there (a serial monitor, for example) "
            "and try again."
        )
    if code in (errno.EACCES, errno.EPERM):
        return (
            f"there is no permission to open {port}; join the group that owns it "
            "(sudo usermod -aG dialout $USER) and log in again."
        )
    if isinstance(error, ValueError):
        return f"{port} cannot be set to {baud} baud; choose another speed with --baud."
    return f"{port} cannot be opened as a serial port: {' '.join(str(error).split())}."


class SerialSource:
    """Reads a port in a thread of its own.

    Parameters
    ----------
    port : str
        Name of the port, or a link to it; a link may be moved to another port meanwhile.
    bauds : sequence of int
        Speeds of the line to try; one when it is known.
    hello, goodbye : bytes
        Sent once a second until something comes, and at the end.
    clock : callable
        Seconds on a clock that never goes back.
    """

    def __init__(
        self,
        port: str,
        bauds: Sequence[int] = BAUDS,
        hello: bytes = b"",
        goodbye: bytes = b"",
        clock: Callable[[], float] = now_s,
    ) -> None:
        self.port = port
        self.baud = bauds[0]
        self._bauds = tuple(bauds)
        self._hello = hello
        self._goodbye = goodbye
        self._clock = clock
        self._items: queue.Queue[Item | BaseException] = queue.Queue(QUEUE_CHUNKS)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._opened: serial.Serial | None = None
        self._identity: tuple[object, ...] | None = None
        self._node = (0, 0, 0)
        self._waited_s = 0.0

    def open(self, *, wait: bool = False, stop: threading.Event | None = None) -> bool:
        """Open the port and start to read.

        Parameters
        ----------
        wait : bool
            Wait until the port is there and free, instead of an error.
        stop : threading.Event, optional
            Ends the wait.

        Returns
        -------
        bool
            False when the wait was ended.

        Raises
        ------
        EcgedgeError
            See `open_port`.
        """
        stop = stop or threading.Event()
        while not stop.is_set():
            try:
                self._use(self.port, open_port(self.port, self.baud))
            except EcgedgeError:
                if not wait:
                    raise
                stop.wait(RETRY_S)
                continue
            self._thread = threading.Thread(target=self._run, name="serial reader", daemon=True)
            self._thread.start()
            return True
        return False

    def read(self, timeout_s: float) -> Item | None:
        """Return what came next, or None when nothing did in `timeout_s` seconds."""
        try:
            item = self._items.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(item, BaseException):
            raise item
        return item

    def send(self, data: bytes) -> None:
        """Write to the port; nothing happens when it is not there."""
        opened = self._opened
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.write(data)

    def next_baud(self) -> int | None:
        """Read the line at the next speed; None when all were tried, or speeds mean nothing."""
        left = self._bauds[self._bauds.index(self.baud) + 1 :]
        opened = self._opened
        if not left or opened is None or _is_pseudo_terminal(self.port):
            return None
        self.baud = left[0]
        with contextlib.suppress(OSError):  # gone: it is opened at the new speed when it is back
            opened.baudrate = self.baud
        return self.baud

    @property
    def waiting(self) -> int:
        """Chunks that were read and not yet taken."""
        return self._items.qsize()

    def close(self) -> None:
        """Stop reading and close the port."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None

    def __enter__(self) -> "SerialSource":
        """Return the source; `close` is called at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _use(self, port: str, opened: serial.Serial) -> None:
        self.port = port
        self._opened = opened
        self._identity = _identity(port) or self._identity
        with contextlib.suppress(OSError):
            self._node = _node(port)

    def _put(self, item: Item | BaseException) -> None:
        """Queue an item; waits while the queue is full."""
        began_s = self._clock()
        while not self._closing.is_set():
            try:
                self._items.put(item, timeout=READ_TIMEOUT_S)
                break
            except queue.Full:
                continue
        self._waited_s += self._clock() - began_s

    def _run(self) -> None:
        """The thread."""
        try:
            while not self._closing.is_set():
                if self._opened is not None:
                    self._read_until_gone(self._opened)
                else:
                    self._reopen()
            self._say_goodbye()
        except Exception as error:  # whatever it is, the main thread has to know
            self._put(error)
        finally:
            self._drop()

    def _read_until_gone(self, opened: serial.Serial) -> None:
        heard = False
        hello_s = looked_s = -1e9
        while not self._closing.is_set():
            began_s, self._waited_s = self._clock(), 0.0
            try:
                if self._hello and not heard and began_s - hello_s >= HELLO_EVERY_S:
                    hello_s = began_s
                    opened.write(self._hello)
                data = opened.read(1)
                if data:
                    data += opened.read(opened.in_waiting)
                elif began_s - looked_s >= RETRY_S:
                    looked_s = began_s
                    if _node(self.port) != self._node:
                        raise OSError(errno.ENODEV, "the name stands for another device")
            except OSError:
                self._drop()
                self._put(Unplugged(self._clock()))
                return
            if data:
                heard = True
                arrival_s = self._clock()
                self._put(Chunk(data, arrival_s, arrival_s - began_s > STALL_S))

    def _reopen(self) -> None:
        names = [self.port, *(_same_board(self._identity) if self._identity else ())]
        for name in names:
            try:
                opened = open_port(name, self.baud)
            except EcgedgeError:
                continue
            self._use(name, opened)
            self._put(Reconnected(name, self._clock()))
            return
        self._closing.wait(RETRY_S)

    def _say_goodbye(self) -> None:
        if self._goodbye and self._opened is not None:
            with contextlib.suppress(OSError):
                self._opened.write(self._goodbye)
                self._opened.flush()

    def _drop(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.close()
