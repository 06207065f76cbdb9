"""Text formats: one line a sample, as hobby sketches and loggers print them.

All of them accept a line ``!`` for an electrode that is off, as the AD8232 example sketch sends.
"""

import math
import re
from abc import ABC, abstractmethod

from ecgedge.stream.wire import Garbage, LeadOff, Sample, WireEvent
from firmware_sim.errors import EcgedgeError

MAX_LINE = 256
"""A longer line is no line; its bytes are garbage."""

_NUMBER = re.compile(rb"[+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:[eE][+-]?\d{1,3})?")
NO_NUMBER = re.compile(rb"(?:[+-]?(?:nan|inf(?:inity)?)|null|none|n/?a)?", re.IGNORECASE)
"""What stands where a number is missing; matches an empty field too."""
_PRINTABLE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


def number(text: bytes) -> float | None:
    """Return a decimal number, an int where it has no point, or None for anything else."""
    if not _NUMBER.fullmatch(text):
        return None
    if text.lstrip(b"+-").isdigit():
        return int(text)
    value = float(text)
    return value if math.isfinite(value) else None


def _readable(line: bytes) -> bool:
    if line.isascii():
        return _PRINTABLE.fullmatch(line) is not None
    try:
        return line.decode().isprintable()
    except UnicodeDecodeError:
        return False


class LineParser(ABC):
    """Cuts bytes into lines; a subclass says what a line means."""

    tick_s: float | None = None

    def __init__(self) -> None:
        self.good_bytes = 0
        self.line_number = 0
        self._rest = b""
        self._skipping = False
        self._events: list[WireEvent] = []

    @property
    def buffered(self) -> int:
        """Bytes of the unfinished line."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[WireEvent]:
        """Take bytes and return the events of the lines that they complete."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self.line_number += 1
            self._whole_line(line)
        if len(self._rest) > MAX_LINE:
            self._garbage(len(self._rest), "bytes", self.line_number + 1)
            self._rest = b""
            self._skipping = True
        return self._take()

    def finish(self) -> list[WireEvent]:
        """Read what is left as a last line without an end."""
        line, self._rest = self._rest, b""
        if line:
            self.line_number += 1
            self._whole_line(line)
        return self._take()

    def _take(self) -> list[WireEvent]:
        events, self._events = self._events, []
        return events

    def _whole_line(self, line: bytes) -> None:
        if self._skipping:
            self._skipping = False
            self._garbage(len(line) + 1, "bytes")
            return
        size = len(line) + 1
        line = line.strip(b"\r\x00 \t")
        if not line:
            return
        if size > MAX_LINE:
            self._garbage(size, "bytes")
        elif b"\r" in line:
            for part in line.split(b"\r"):
                if part:
                    self._understand(part.strip(), len(part) + 1)
        else:
            self._understand(line, size)

    def _understand(self, line: bytes, size: int) -> None:
        if line == b"!":
            self.good_bytes += size
            self._lead_off()
        elif self._line(line, size):
            self.good_bytes += size

    def _lead_off(self) -> None:
        self._events.append(LeadOff())

    def _garbage(self, count: int, reason: str, line: int | None = None) -> None:
        self._events.append(Garbage(count, reason, self.line_number if line is None else line))

    def _reject(self, line: bytes, size: int) -> bool:
        """Report a line that means nothing."""
        self._garbage(size, "text" if _readable(line) else "bytes")
        return False

    def _not_a_number(self, size: int) -> bool:
        self._garbage(size, "not a number")
        return False

    @abstractmethod
    def _line(self, line: bytes, size: int) -> bool:
        """Append the events of one stripped line; say whether it was understood."""


class SparkfunParser(LineParser):
    """``512`` a line and ``!`` when a lead is off; no clock."""

    def _line(self, line: bytes, size: int) -> bool:
        value = number(line)
        if value is not None:
            self._events.append(Sample(value))
            return True
        if NO_NUMBER.fullmatch(line):
            return self._not_a_number(size)
        return self._reject(line, size)


class TeleplotParser(LineParser):
    """``>name:value`` or ``>name:milliseconds:value``, with an optional ``§unit`` and ``|flags``.

    The first variable is taken, or the first whose name contains "ecg" once there is one.
    """

    tick_s: float | None = 1e-3
    _SHAPE = re.compile(rb">([^:|\xc2\xa7]{1,64}):([^|\xc2\xa7]*)(?:[|\xc2\xa7].*)?")

    def __init__(self) -> None:
        super().__init__()
        self._name: bytes | None = None

    def _wanted(self, name: bytes) -> bool:
        if self._name is None or (b"ecg" in name.lower() and b"ecg" not in self._name.lower()):
            self._name = name
        return name == self._name

    def _line(self, line: bytes, size: int) -> bool:
        match = self._SHAPE.fullmatch(line)
        if not match:
            return self._reject(line, size)
        samples = []
        for point in match[2].split(b";"):
            *clock, text = point.split(b":")
            value = number(text.strip())
            ticks = number(clock[0].strip()) if len(clock) == 1 else None
            if value is None and NO_NUMBER.fullmatch(text.strip()):
                return self._not_a_number(size)
            if value is None or len(clock) > 1 or (clock and ticks is None):
                return self._reject(line, size)
            samples.append(Sample(value, ticks))
        if self._wanted(match[1]):
            self._events.extend(samples)
        return True


class TextEncoder:
    """The sending side of a text format.

    Parameters
    ----------
    name : str
        ``"sparkfun"``, ``"csv"`` or ``"teleplot"``.
    rate_hz : float
        Rate of the samples, for the clock.
    """

    def __init__(self, name: str, rate_hz: float) -> None:
        if name not in ("sparkfun", "csv", "teleplot"):
            raise EcgedgeError(f"{name} is not a text format.")
        self._name = name
        self._tick_us = 1e6 / rate_hz

    def start(self) -> bytes:
        """A sketch starts without a word."""
        return b""

    def sample(self, value: float, index: int) -> bytes:
        """Return one line."""
        if self._name == "csv":
            return b"%d,%s\r\n" % (round(index * self._tick_us), str(value).encode())
        if self._name == "teleplot":
            return b">ecg:%s\r\n" % str(value).encode()
        return b"%s\r\n" % str(value).encode()

    def lead_off(self, index: int) -> bytes:
        """Return the line that says so."""
        if self._name == "csv":
            return b"%d,!\r\n" % round(index * self._tick_us)
        return b"!\r\n"

    def finish(self) -> bytes:
        """Nothing is held back."""
        return b""
