"""The framed binary format of our own firmware: numbered samples and beats with a checksum.

===========  =====  =====================================================================
bytes        value  meaning
===========  =====  =====================================================================
0, 1         EC ED  start of a frame
2                   type: 1 info, 2 samples, 3 beat, 4 self-test; others are reserved and skipped
3                   length n of the payload, 0 ... 250
4 ... 7             number, u32: of the first sample in the frame, or of the R peak
8 ... 7 + n         payload
8+n, 9+n            CRC-16 of bytes 2 ... 7 + n (CCITT: polynomial 1021, start FFFF)
===========  =====  =====================================================================

Everything is little-endian. Payloads:

- info: rate in mHz (u32), then a name in UTF-8 (up to 32 bytes). Sent at the start and about once a
  second, so that a client that comes late learns the rate; its number is that of the next sample.
- samples: flags (u8; bit 0 a lead is off, bit 1 the converter is at a rail, bit 2 the board's own
  program starts anew with the first of them), then samples (i16).
- beat: class (u8), flags (u8; bit 0 found late, bits 1 and 2 quality: 0 good, 1 flat, 2 clipped),
  RR interval before it in samples (u16, 0 unknown), scores (i32 each, on the scale 2**-14).
- self-test, the answer to the command ``t``: 1 passed or 0 (u8), place of the first difference
  (u8), token layers and classes of the program (u8 each), expected and actual value (i32 each).
"""

import struct
from collections.abc import Sequence

from ecgedge.stream.wire import (
    Begins,
    BoardBeat,
    Clipped,
    Gap,
    Garbage,
    Info,
    LeadOff,
    Lost,
    Sample,
    SelftestResult,
    WireEvent,
)
from firmware_sim.errors import EcgedgeError

SYNC = b"\xec\xed"
INFO, SAMPLES, BEAT, SELFTEST = 1, 2, 3, 4
LEAD_OFF, CLIPPED, BEGINS = 1, 2, 4
SELFTEST_RESULT = struct.Struct("<?BBBii")
WITH_HIDDEN, WITH_MEASURES = struct.Struct("<?BBBiiB"), struct.Struct("<?BBBiiBB")
"""Of a program without a hidden layer, with one, and with one that takes measures in."""
HEAD = 8
MAX_PAYLOAD = 250
SAMPLES_PER_FRAME = 8
_WRAP = 1 << 32


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) if crc & 0x8000 else crc << 1
        table.append(crc & 0xFFFF)
    return tuple(table)


_TABLE = _crc_table()


def crc16(data: bytes) -> int:
    """Return CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, not reflected, no final xor."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _TABLE[crc >> 8 ^ byte]
    return crc


def frame(kind: int, number: int, payload: bytes) -> bytes:
    """Return one frame.

    Parameters
    ----------
    kind : int
        0 ... 255.
    number : int
        Sample number; taken modulo 2**32.
    payload : bytes
        At most `MAX_PAYLOAD` bytes.
    """
    if len(payload) > MAX_PAYLOAD:
        raise EcgedgeError(f"a frame carries at most {MAX_PAYLOAD} bytes, not {len(payload)}.")
    body = struct.pack("<BBI", kind, len(payload), number % _WRAP) + payload
    return SYNC + body + struct.pack("<H", crc16(body))


def info_frame(number: int, rate_hz: float, name: str) -> bytes:
    """Return the frame in which a board introduces itself."""
    return frame(INFO, number, struct.pack("<I", round(rate_hz * 1000)) + name.encode()[:32])


def samples_frame(number: int, samples: Sequence[int], flags: int = 0) -> bytes:
    """Return a frame of samples in -32768 ... 32767, the first of which is sample `number`."""
    return frame(SAMPLES, number, struct.pack(f"<B{len(samples)}h", flags, *samples))


def beat_frame(beat: BoardBeat) -> bytes:
    """Return the frame of a beat that the board classified."""
    head = struct.pack("<BBH", beat.label, beat.flags, beat.rr_samples)
    return frame(BEAT, beat.sample, head + struct.pack(f"<{len(beat.scores)}i", *beat.scores))


def selftest_frame(result: SelftestResult) -> bytes:
    """Return the frame in which a board says what its self-test found."""
    if result.measures:
        return frame(SELFTEST, 0, WITH_MEASURES.pack(*result))
    if result.hidden:
        return frame(SELFTEST, 0, WITH_HIDDEN.pack(*result[:-1]))
    return frame(SELFTEST, 0, SELFTEST_RESULT.pack(*result[:-2]))


def _garbage(skipped: int, wrong: int) -> list[WireEvent]:
    """Tell the bytes between two frames, in their place: what was there may have been a beat."""
    found = ((skipped, "bytes"), (wrong, "checksum"))
    return [Garbage(size, reason) for size, reason in found if size]


class FrameParser:
    """Reads frames; what fails its checksum is searched for the next start."""

    tick_s: float | None = None

    def __init__(self) -> None:
        self.good_bytes = 0
        self._rest = b""
        self._next: int | None = None

    @property
    def buffered(self) -> int:
        """Bytes of the unfinished frame."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[WireEvent]:
        """Take bytes and return the events of the frames that they complete."""
        buffer = self._rest + data
        events: list[WireEvent] = []
        at = skipped = wrong = 0
        while True:
            found = buffer.find(SYNC, at)
            if found < 0:
                keep = 1 if buffer.endswith(SYNC[:1]) else 0
                found = max(at, len(buffer) - keep)
                skipped += found - at
                at = found
                break
            skipped += found - at
            at = found
            if len(buffer) < at + HEAD:
                break
            length = buffer[at + 3]
            end = at + HEAD + length + 2
            if length <= MAX_PAYLOAD and len(buffer) < end:
                break
            body = buffer[at + 2 : end - 2]
            if length > MAX_PAYLOAD or crc16(body) != int.from_bytes(
                buffer[end - 2 : end], "little"
            ):
                wrong += len(SYNC)
                at += len(SYNC)
                continue
            self.good_bytes += end - at
            events += _garbage(skipped, wrong)
            skipped = wrong = 0
            self._frame(body, events)
            at = end
        self._rest = buffer[at:]
        return events + _garbage(skipped, wrong)

    def finish(self) -> list[WireEvent]:
        """Return what is left as garbage."""
        rest, self._rest = self._rest, b""
        return [Garbage(len(rest), "bytes")] if rest else []

    def _frame(self, body: bytes, events: list[WireEvent]) -> None:
        kind, _, number = struct.unpack_from("<BBI", body)
        payload = body[6:]
        if kind == SAMPLES and payload:
            self._samples(number, payload, events)
        elif kind == INFO and len(payload) >= 4:
            rate_hz = int.from_bytes(payload[:4], "little") / 1000
            name = payload[4:36].decode(errors="replace")
            if rate_hz > 0:
                events.append(Info(rate_hz, "".join(c for c in name if c.isprintable())))
        elif kind == BEAT and len(payload) >= 4 and len(payload) % 4 == 0:
            label, flags, rr = struct.unpack_from("<BBH", payload)
            scores = struct.unpack_from(f"<{len(payload) // 4 - 1}i", payload, 4)
            events.append(BoardBeat(number, label, flags, rr, scores))
        elif kind == SELFTEST:
            for layout in (SELFTEST_RESULT, WITH_HIDDEN, WITH_MEASURES):
                if len(payload) == layout.size:
                    events.append(SelftestResult(*layout.unpack(payload)))

    def _samples(self, number: int, payload: bytes, events: list[WireEvent]) -> None:
        values = struct.unpack_from(f"<{(len(payload) - 1) // 2}h", payload, 1)
        if self._next is not None and number != self._next:
            ahead = (number - self._next) % _WRAP
            if ahead < _WRAP // 2:
                events.append(Lost(ahead))
            elif not payload[0] & BEGINS:
                events.append(Gap())
        if payload[0] & BEGINS:
            events.append(Begins(number))
        self._next = (number + len(values)) % _WRAP
        if payload[0] & CLIPPED:
            events.append(Clipped())
        if payload[0] & LEAD_OFF:
            events.extend([LeadOff()] * len(values))
        else:
            events.extend(map(Sample, values))


class FrameEncoder:
    """The sending side: frames of `SAMPLES_PER_FRAME` samples, an info frame every second."""

    def __init__(self, rate_hz: float, name: str = "virtual board") -> None:
        self._rate_hz = rate_hz
        self._name = name
        self._first = 0
        self._values: list[int] = []
        self._off = False
        self._info_due = 0

    def start(self) -> bytes:
        """Say who is speaking."""
        return info_frame(self._first, self._rate_hz, self._name)

    def sample(self, value: float, index: int) -> bytes:
        """Return a frame when one is full."""
        if value != int(value) or not -32768 <= value <= 32767:
            raise EcgedgeError(
                f"sample {value} does not fit 16 bits; the ecgedge format carries integers in "
                "-32768 ... 32767, use --format csv."
            )
        return self._add(int(value), index, off=False)

    def lead_off(self, index: int) -> bytes:
        """Return a frame when one is full."""
        return self._add(0, index, off=True)

    def finish(self) -> bytes:
        """Return the frame that is not full."""
        values, self._values = self._values, []
        return samples_frame(self._first, values, LEAD_OFF * self._off) if values else b""

    def _add(self, value: int, index: int, *, off: bool) -> bytes:
        joins = self._values and off == self._off and index == self._first + len(self._values)
        result = b"" if joins else self.finish()
        if not self._values:
            self._first, self._off = index, off
        self._values.append(value)
        if len(self._values) >= SAMPLES_PER_FRAME:
            result += self.finish()
            if index >= self._info_due:
                self._info_due = index + round(self._rate_hz)
                result += info_frame(index + 1, self._rate_hz, self._name)
        return result
