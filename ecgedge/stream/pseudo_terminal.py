"""The board's end of a pseudo-terminal: knows whether somebody listens, loses nothing on the way.

How it knows (Linux): while nobody has the other end open, poll reports a hang-up. A program that
opens a port usually throws away what was in its input first; in packet mode the board's end is
told of that, so it can wait for it and nothing is thrown away.
"""

import array
import contextlib
import errno
import fcntl
import os
import select
import termios
import threading
import time
import tty
from pathlib import Path

from firmware_sim.errors import EcgedgeError

POLL_MS = 20
SETTLE_S = 1.0
"""A reader that does not throw away its input is taken to be ready after this long."""
EMPTY_LOOKS = 5
LOOK_S = 0.01
MAX_RECEIVED = 4096
"""Bytes of the reader that wait to be taken; what it sends beyond them is lost."""


class PseudoTerminal:
    """One pseudo-terminal, and a link to it under a name that stays.

    Parameters
    ----------
    link : Path, optional
        A symbolic link to make, or to move here; anything else of that name is left alone.

    Attributes
    ----------
    path : str
        What a reader opens.

    Raises
    ------
    EcgedgeError
        When `link` exists and is no symbolic link, or cannot be made.
    """

    def __init__(self, link: Path | None = None) -> None:
        if link is not None and link.exists() and not link.is_symlink():
            raise EcgedgeError(f"{link} exists and is no link; choose another name for --link.")
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)
        fcntl.ioctl(self._master, termios.TIOCPKT, array.array("i", [1]))
        os.set_blocking(self._master, False)
        self._hangup = select.poll()
        self._hangup.register(self._master, 0)
        self._ready = select.poll()
        self._ready.register(self._master, select.POLLOUT)
        self._received = bytearray()
        self._link = link
        if link is not None:
            self._make_link(link)

    def _make_link(self, link: Path) -> None:
        temporary = link.with_name(f".{link.name}.{os.getpid()}")
        try:
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(self.path)
            temporary.replace(link)
        except OSError as error:
            self.close()
            raise EcgedgeError(
                f"the link {link} cannot be made ({error.strerror}); choose another for --link."
            ) from None

    @property
    def has_reader(self) -> bool:
        """Somebody has the other end open."""
        return not any(event & select.POLLHUP for _, event in self._hangup.poll(0))

    def wait_for_reader(self, stop: threading.Event) -> bool:
        """Wait until somebody has opened the other end and is ready; False when stopped."""
        while not stop.is_set():
            if not self.has_reader:
                self._read_control()  # what an earlier reader did is no news
                self._received.clear()
                stop.wait(POLL_MS / 1000)
                continue
            deadline = time.monotonic() + SETTLE_S
            while self.has_reader and time.monotonic() < deadline and not stop.is_set():
                if self._read_control() & termios.TIOCPKT_FLUSHREAD:
                    return True
                stop.wait(POLL_MS / 4000)
            if self.has_reader:
                return not stop.is_set()
        return False

    def take(self) -> bytes:
        """Return what the reader has sent since the last call."""
        self._read_control()
        received = bytes(self._received)
        self._received.clear()
        return received

    def _read_control(self) -> int:
        """Read what the other end sent; return the control bits of packet mode."""
        bits = 0
        try:
            while packet := os.read(self._master, 4096):
                if packet[0] != termios.TIOCPKT_DATA:
                    bits |= packet[0]
                else:
                    self._received += packet[1 : 1 + MAX_RECEIVED - len(self._received)]
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EIO):
                raise
        return bits

    def write(self, data: bytes, stop: threading.Event) -> int:
        """Write all bytes, waiting for a slow reader.

        Returns
        -------
        int
            How many were written: fewer when the reader left, or `stop` was set.
        """
        done = 0
        self._read_control()  # what the reader says must not pile up
        while done < len(data) and not stop.is_set():
            try:
                done += os.write(self._master, data[done:])
            except BlockingIOError:
                if not self.has_reader:
                    break
                self._ready.poll(POLL_MS)
                self._read_control()
        return done

    def drain(self, stop: threading.Event, limit_s: float = 60.0) -> None:
        """Wait until the reader has taken everything, or left."""
        deadline = time.monotonic() + limit_s
        empty = 0
        while empty < EMPTY_LOOKS and time.monotonic() < deadline and self.has_reader:
            waiting = self._waiting()
            if waiting is None:  # the reader has the port for itself: give it time instead
                stop.wait(SETTLE_S)
                return
            empty = 0 if waiting else empty + 1
            if stop.wait(LOOK_S):
                return

    def _waiting(self) -> int | None:
        """Bytes that the reader has not taken yet; None when it does not let us look."""
        count = array.array("i", [0])
        try:
            slave = os.open(self.path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            fcntl.ioctl(slave, termios.FIONREAD, count)
        finally:
            os.close(slave)
        return count[0]

    def close(self, *, keep_link: bool = False) -> None:
        """Pull the plug, and remove the link if it still leads here."""
        with contextlib.suppress(OSError):
            os.close(self._master)
        link = self._link
        if link is not None and not keep_link:
            with contextlib.suppress(OSError):
                if link.is_symlink() and str(link.readlink()) == self.path:
                    link.unlink()
