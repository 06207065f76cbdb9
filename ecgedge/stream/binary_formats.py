"""Binary formats of two families of boards.

- ``chords`` (Upside Down Labs): C7 7C, a counter, six big-endian u16, 01. The board waits for
  ``START`` and stops at the next byte that it gets.
- ``healthypi`` (ProtoCentral): 0A FA, length (u16, little-endian), 02, payload, 00 0B. The ECG is
  the first value of the payload: an i32 where the payload is 8, 12 or 16 bytes long (the
  breakout boards), an i16 otherwise. In the 20-byte payload bit 0 of the last byte is lead-off.
"""

from abc import ABC, abstractmethod

from ecgedge.stream.wire import Garbage, LeadOff, Lost, Sample, WireEvent
from firmware_sim.errors import EcgedgeError


class PacketParser(ABC):
    """Finds packets by their first two bytes; a subclass says what makes one whole."""

    sync: bytes
    tick_s: float | None = None

    def __init__(self) -> None:
        self.good_bytes = 0
        self._rest = b""

    @property
    def buffered(self) -> int:
        """Bytes of the unfinished packet."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[WireEvent]:
        """Take bytes and return the events of the packets that they complete."""
        buffer = self._rest + data
        events: list[WireEvent] = []
        at = skipped = 0
        while True:
            found = buffer.find(self.sync, at)
            if found < 0:
                found = len(buffer) - buffer.endswith(self.sync[:1])
                skipped += max(found, at) - at
                at = max(found, at)
                break
            skipped += found - at
            at = found
            size = self._size(buffer, at)
            if size is None:
                break
            if size == 0:
                at += len(self.sync)
                skipped += len(self.sync)
                continue
            self._packet(buffer[at : at + size], events)
            self.good_bytes += size
            at += size
        self._rest = buffer[at:]
        if skipped:
            events.append(Garbage(skipped, "bytes"))
        return events

    def finish(self) -> list[WireEvent]:
        """Return what is left as garbage."""
        rest, self._rest = self._rest, b""
        return [Garbage(len(rest), "bytes")] if rest else []

    @abstractmethod
    def _size(self, buffer: bytes, at: int) -> int | None:
        """Size of the packet at `at`; 0 when there is none, None when more bytes are needed."""

    @abstractmethod
    def _packet(self, packet: bytes, events: list[WireEvent]) -> None:
        """Append the events of a whole packet."""


class ChordsParser(PacketParser):
    """Six channels, of which the first is taken; the counter tells what was lost."""

    sync = b"\xc7\x7c"
    SIZE = 16

    def __init__(self) -> None:
        super().__init__()
        self._counter: int | None = None

    def _size(self, buffer: bytes, at: int) -> int | None:
        if len(buffer) < at + self.SIZE:
            return None
        return self.SIZE if buffer[at + self.SIZE - 1] == 1 else 0

    def _packet(self, packet: bytes, events: list[WireEvent]) -> None:
        if self._counter is not None and (lost := (packet[2] - self._counter - 1) % 256):
            events.append(Lost(lost))
        self._counter = packet[2]
        events.append(Sample(int.from_bytes(packet[3:5], "big")))


class HealthypiParser(PacketParser):
    """One sample a packet."""

    sync = b"\x0a\xfa"
    MAX_PAYLOAD = 64

    def _size(self, buffer: bytes, at: int) -> int | None:
        if len(buffer) < at + 5:
            return None
        length = int.from_bytes(buffer[at + 2 : at + 4], "little")
        if not 2 <= length <= self.MAX_PAYLOAD or buffer[at + 4] != 2:
            return 0
        end = at + 5 + length + 2
        if len(buffer) < end:
            return None
        return end - at if buffer[end - 2 : end] == b"\x00\x0b" else 0

    def _packet(self, packet: bytes, events: list[WireEvent]) -> None:
        payload = packet[5:-2]
        if len(payload) == 20 and payload[-1] & 1:
            events.append(LeadOff())
            return
        width = 4 if len(payload) in (8, 12, 16) else 2
        events.append(Sample(int.from_bytes(payload[:width], "little", signed=True)))


def _whole(value: float, low: int, high: int, name: str) -> int:
    if value != int(value) or not low <= value <= high:
        raise EcgedgeError(
            f"sample {value} does not fit the {name} format (integers in {low} ... {high}); "
            "use --format csv."
        )
    return int(value)


class ChordsEncoder:
    """Packets with the signal on every channel."""

    def start(self) -> bytes:
        """A board starts without a word."""
        return b""

    def sample(self, value: float, index: int) -> bytes:
        """Return one packet."""
        channel = _whole(value, 0, 65535, "chords").to_bytes(2, "big")
        return ChordsParser.sync + bytes([index % 256]) + 6 * channel + b"\x01"

    def lead_off(self, index: int) -> bytes:
        """Refuse: the format has no word for it."""
        raise EcgedgeError("the chords format cannot say that a lead is off; use --format csv.")

    def finish(self) -> bytes:
        """Nothing is held back."""
        return b""


class HealthypiEncoder:
    """Packets with a 20-byte payload."""

    def start(self) -> bytes:
        """A board starts without a word."""
        return b""

    def sample(self, value: float, index: int) -> bytes:
        """Return one packet."""
        return self._packet(_whole(value, -32768, 32767, "healthypi"), 0)

    def lead_off(self, index: int) -> bytes:
        """Return a packet with the lead-off bit."""
        return self._packet(0, 1)

    def finish(self) -> bytes:
        """Nothing is held back."""
        return b""

    @staticmethod
    def _packet(value: int, status: int) -> bytes:
        payload = value.to_bytes(2, "little", signed=True) + bytes(17) + bytes([status])
        return HealthypiParser.sync + b"\x14\x00\x02" + payload + b"\x00\x0b"
