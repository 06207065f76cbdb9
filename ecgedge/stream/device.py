"""A virtual board: replays a recording on a pseudo-terminal as a real front end would send it."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgedge.stream.formats import wire_format
from ecgedge.stream.pseudo_terminal import PseudoTerminal
from firmware_sim.errors import EcgedgeError

TICK_S = 0.01
BLOCK_SAMPLES = 512
REPLUG_S = 0.5
"""At full speed a board that was unplugged stays away this long at least."""
GARBAGE_BYTES = 12


@dataclass(frozen=True)
class Behaviour:
    """What the board does besides sending its samples.

    Attributes
    ----------
    speed : float or None
        1 is real time; None is as fast as the reader reads.
    lead_off : tuple of float or None
        (every, length) in seconds of the recording.
    unplug : tuple of float or None
        (at, for) in seconds of the recording; its samples of that time are lost.
    garbage_per_s : float
        Bursts of line noise in a second of the recording.
    loop : bool
        Start again at the end.
    wait_reader : bool
        Send nothing while nobody listens, so that nothing is lost.
    """

    speed: float | None = 1.0
    lead_off: tuple[float, float] | None = None
    unplug: tuple[float, float] | None = None
    garbage_per_s: float = 0.0
    loop: bool = False
    wait_reader: bool = True


class VirtualBoard:
    """Sends samples.

    Parameters
    ----------
    values : sequence of float
        The recording, at least one sample.
    rate_hz : float
        Its rate.
    format_name : str
        Wire format.
    behaviour : Behaviour
        See there.
    link : Path, optional
        A name that stays when the board comes back on another pseudo-terminal.
    announce : callable
        Told the path of each pseudo-terminal that the board appears on.
    """

    def __init__(
        self,
        values: Sequence[float],
        rate_hz: float,
        format_name: str,
        behaviour: Behaviour,
        link: Path | None = None,
        announce: Callable[[str], None] = lambda path: None,
    ) -> None:
        if not len(values):
            raise EcgedgeError("there are no samples to send; choose another part of the record.")
        self._values = values
        self._rate_hz = rate_hz
        self._encoder = wire_format(format_name).encoder(rate_hz)
        self._behaviour = behaviour
        self._link = link
        self._announce = announce
        self._noise = random.Random(0)
        self._bursts = 0
        self._first: PseudoTerminal | None = None
        self._index = 0
        self._began_s = 0.0
        self._began_at = 0
        self._unplug_at = round(behaviour.unplug[0] * rate_hz) if behaviour.unplug else None
        trial = wire_format(format_name).encoder(rate_hz)  # refuses now what it cannot carry
        for extreme in (min(values), max(values)):
            trial.sample(extreme, 0)
        if behaviour.lead_off:
            trial.lead_off(1)

    @property
    def samples_sent(self) -> int:
        """Samples that were sent, replaced by lead-off marks, or lost while unplugged."""
        return self._index

    def open(self) -> PseudoTerminal:
        """Appear, if that has not happened yet.

        Raises
        ------
        EcgedgeError
            When the link cannot be made.
        """
        if self._first is None:
            self._first = self._plug_in()
        return self._first

    def run(self, stop: threading.Event) -> None:
        """Send everything, wait until it was read, and pull the plug.

        Parameters
        ----------
        stop : threading.Event
            Ends it before.
        """
        terminal = self.open()
        try:
            self._meet(terminal, stop)
            pending = self._encoder.start()
            while not stop.is_set():
                pending = self._deliver(terminal, pending, stop)
                if pending:
                    self._meet(terminal, stop)
                elif self._unplug_at is not None and self._index >= self._unplug_at:
                    terminal = self._replug(terminal, stop)
                elif self._is_over:
                    break
                else:
                    pending = self._next(stop)
            terminal.drain(stop)
        finally:
            terminal.close()

    @property
    def _is_over(self) -> bool:
        return self._index >= len(self._values) and not self._behaviour.loop

    def _plug_in(self) -> PseudoTerminal:
        terminal = PseudoTerminal(self._link)
        self._announce(terminal.path)
        return terminal

    def _meet(self, terminal: PseudoTerminal, stop: threading.Event) -> None:
        """Wait for a reader, if that is wanted; time goes on from here."""
        if self._behaviour.wait_reader:
            terminal.wait_for_reader(stop)
        self._began_s = time.monotonic()
        self._began_at = self._index

    def _deliver(self, terminal: PseudoTerminal, data: bytes, stop: threading.Event) -> bytes:
        """Write to the reader; return what has to wait because there is none."""
        if terminal.has_reader:
            data = data[terminal.write(data, stop) :]
        return data if self._behaviour.wait_reader and not terminal.has_reader else b""

    def _replug(self, terminal: PseudoTerminal, stop: threading.Event) -> PseudoTerminal:
        """Pull the plug and put it in again; what is sampled meanwhile is lost."""
        assert self._behaviour.unplug is not None
        away_s = self._behaviour.unplug[1]
        terminal.drain(stop, limit_s=2.0)
        terminal.close()
        speed = self._behaviour.speed
        stop.wait(REPLUG_S if speed is None else away_s / speed)
        self._index += round(away_s * self._rate_hz)
        self._unplug_at = None
        terminal = self._plug_in()
        self._meet(terminal, stop)
        return terminal

    def _next(self, stop: threading.Event) -> bytes:
        """Return the bytes that are due; waits a moment when none are."""
        speed = self._behaviour.speed
        count = BLOCK_SAMPLES
        if speed is not None:
            passed_s = time.monotonic() - self._began_s
            count = self._began_at + int(passed_s * speed * self._rate_hz) - self._index
            if count <= 0:
                stop.wait(TICK_S)
                return b""
        ends = [self._index + min(count, BLOCK_SAMPLES)]
        if not self._behaviour.loop:
            ends.append(len(self._values))
        if self._unplug_at is not None:
            ends.append(self._unplug_at)
        data = b"".join(map(self._encode, range(self._index, min(ends))))
        self._index = min(ends)
        return data + self._encoder.finish() if self._is_over else data

    def _encode(self, index: int) -> bytes:
        """Return the bytes of one sample, and noise where it is due."""
        data = b""
        bursts = int(index / self._rate_hz * self._behaviour.garbage_per_s)
        if bursts > self._bursts:
            self._bursts = bursts
            size = self._noise.randrange(1, GARBAGE_BYTES)
            data = bytes(self._noise.randrange(0x80, 0x100) for _ in range(size)) + b"\n"
        if self._lead_is_off(index / self._rate_hz):
            return data + self._encoder.lead_off(index)
        return data + self._encoder.sample(self._values[index % len(self._values)], index)

    def _lead_is_off(self, time_s: float) -> bool:
        if self._behaviour.lead_off is None:
            return False
        every_s, length_s = self._behaviour.lead_off
        return time_s >= every_s and time_s % every_s < length_s
