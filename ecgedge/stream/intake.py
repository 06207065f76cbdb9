"""From bytes to wire events: recognizes the format, and gives up on what makes no sense."""

import re
from dataclasses import dataclass

from ecgedge.stream.formats import FORMATS, WireFormat, recognize
from ecgedge.stream.wire import LARGEST, Garbage, LeadOff, Parser, Sample, WireEvent
from firmware_sim.errors import EcgedgeError

_ONLY_LEADS_OFF = re.compile(rb"(?:[ \t\r\n]*!)+[ \t\r\n]*")


@dataclass(frozen=True)
class Patience:
    """When a stream without a single sample is given up.

    Attributes
    ----------
    limit_bytes : int
        After this many bytes.
    limit_s : float
        After this long, when at least `least_bytes` came.
    least_bytes : int
        See `limit_s`.
    """

    limit_bytes: int = 32768
    limit_s: float = 10.0
    least_bytes: int = 256


class Intake:
    """Feeds a parser, the right one.

    Parameters
    ----------
    wire : WireFormat or None
        The format when the user named it; None recognizes it by reading. What is read until then
        is kept and parsed, nothing is lost.
    source : str
        Port or file, named in the errors.
    patience : Patience
        When to give up.
    """

    def __init__(
        self, wire: WireFormat | None, source: str, patience: Patience | None = None
    ) -> None:
        self.wire = wire
        self.recognized = False
        self.heard = False
        self._source = source
        self._patience = patience or Patience()
        self._parser: Parser | None = wire.parser() if wire else None
        self._waiting: list[tuple[bytes, float]] = []
        self._tried = 0
        self._bytes = 0
        self._first_s: float | None = None

    @property
    def tick_s(self) -> float | None:
        """Unit of the wire's clock, where the wire names it."""
        return self._parser.tick_s if self._parser else None

    def feed(self, data: bytes, arrival_s: float) -> list[tuple[WireEvent, float]]:
        """Take bytes; return events, each with the arrival time of the bytes that completed it.

        Raises
        ------
        EcgedgeError
            When patience is at its end.
        """
        if data and self._first_s is None:
            self._first_s = arrival_s
        self._bytes += len(data)
        if self._parser is None:
            events = self._read_to_recognize(data, arrival_s)
        else:
            events = _bounded([(event, arrival_s) for event in self._parser.feed(data)])
        if not self.heard:
            self.heard = any(type(event) in (Sample, LeadOff) for event, _ in events)
            self.check(arrival_s)
        return events

    def unclear_s(self, now_s: float) -> float:
        """Seconds since the first byte of a stream whose format is still not recognized."""
        unclear = self._parser is None and self._first_s is not None
        return now_s - self._first_s if unclear and self._first_s is not None else 0.0

    def begin_again(self) -> None:
        """Forget what was read: the line is read at another speed now."""
        self._waiting.clear()
        self._tried = 0
        self._bytes = 0
        self._first_s = None

    def check(self, now_s: float) -> None:
        """Raise EcgedgeError when the stream has to be given up by now."""
        if self.heard or self._first_s is None:
            return
        late = now_s - self._first_s >= self._patience.limit_s
        if self._bytes < self._patience.limit_bytes and not (
            late and self._bytes >= self._patience.least_bytes
        ):
            return
        raise EcgedgeError(self._complaint())

    def finish(self, arrival_s: float) -> list[tuple[WireEvent, float]]:
        """Return what the end of the stream completes."""
        events: list[tuple[WireEvent, float]] = []
        if self._parser is None and self._waiting:
            events = self._settle(recognize(self._all_waiting(), at_end=True))
        if self._parser is not None:
            events += _bounded([(event, arrival_s) for event in self._parser.finish()])
        self.heard = self.heard or any(type(event) in (Sample, LeadOff) for event, _ in events)
        return events

    def restart(self) -> None:
        """Begin again after a reconnection, in the format that is known."""
        self._waiting.clear()
        self._tried = 0
        if self.wire is not None:
            self._parser = self.wire.parser()

    def complain(self) -> None:
        """Raise EcgedgeError when the stream ended without a single sample."""
        if not self.heard:
            raise EcgedgeError(self._complaint() if self._bytes else f"{self._source} is empty.")

    def _complaint(self) -> str:
        tried = self.wire.name if self.wire else ", ".join(FORMATS)
        return (
            f"{self._source} sends no samples: {self._bytes} bytes were read and make no sense as "
            f"{tried}; check the speed (--baud) and the wire format (--format)."
        )

    def _all_waiting(self) -> bytes:
        return b"".join(data for data, _ in self._waiting)

    def _read_to_recognize(self, data: bytes, arrival_s: float) -> list[tuple[WireEvent, float]]:
        if not data:
            return []
        self._waiting.append((data, arrival_s))
        total = sum(len(waiting) for waiting, _ in self._waiting)
        if total < self._tried + max(64, self._tried // 4):
            return []
        self._tried = total
        waiting = self._all_waiting()
        if _ONLY_LEADS_OFF.fullmatch(waiting):
            self._waiting.clear()
            self._tried = 0
            return [(LeadOff(), arrival_s)] * waiting.count(b"!")
        return self._settle(recognize(waiting))

    def _settle(self, wire: WireFormat | None) -> list[tuple[WireEvent, float]]:
        """Parse what waited, now that the format is known."""
        if wire is None:
            return []
        self.wire = wire
        self.recognized = True
        self._parser = parser = wire.parser()
        waiting, self._waiting = self._waiting, []
        return _bounded([(event, at_s) for data, at_s in waiting for event in parser.feed(data)])


def too_large(source: str) -> str:
    """Return the sentence about a file with such samples."""
    return (
        f"{source} holds samples beyond 32 bits, which no converter gives; remove or scale them, "
        "or choose the format with --format."
    )


def _too_large(event: WireEvent) -> bool:
    return type(event) is Sample and not -LARGEST <= event.value <= LARGEST


def _bounded(events: list[tuple[WireEvent, float]]) -> list[tuple[WireEvent, float]]:
    """Put garbage in the place of samples that no converter gives."""
    if not any(_too_large(event) for event, _ in events):
        return events
    damaged = Garbage(1, "too large")
    return [(damaged if _too_large(event) else event, at_s) for event, at_s in events]
