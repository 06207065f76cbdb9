"""What waits until the rate of a stream is known."""

import numpy as np

from ecgedge.stream.rate import PLAUSIBLE_HZ, Rate, RateMeter, rate_of_clock
from ecgedge.stream.units import FIRST, Scale, choose_scale
from ecgedge.stream.wire import Begins, Gap, LeadOff, Sample, WireEvent
from firmware_sim.errors import EcgedgeError

MAX_SAMPLES = 400_000
"""Samples that wait at most; more than any measurement needs."""
MAX_MARKS = 10_000
"""Events in a row that are kept without a sample between them."""
AGREES = 0.05
"""A clock that is further from the rate that the user gave is not used."""


class Warmup:
    """Keeps the first events of a stream and measures its rate by them.

    Parameters
    ----------
    source : str
        Port or file, named in the errors.
    given_hz : float or None
        The rate that the user gave.
    live : bool
        Arrival times mean something.

    Attributes
    ----------
    samples : int
        How many samples wait.
    begins : bool
        It waits that the board's own program starts anew.
    """

    def __init__(self, source: str, given_hz: float | None, *, live: bool) -> None:
        self._source = source
        self._given_hz = given_hz
        self._known: Rate | None = None
        self._meter = RateMeter(live=live)
        self._waiting: list[tuple[WireEvent, float]] = []
        self.samples = 0
        self.begins = False
        self._marks = 0
        self._lead_off = False

    def add(self, event: WireEvent, arrival_s: float) -> None:
        """Keep an event.

        Raises
        ------
        EcgedgeError
            When the rate should have been clear long ago.
        """
        if isinstance(event, Sample):
            self.samples += 1
            self._marks = 0
            self._meter.sample(event.ticks, arrival_s)
            if self.samples > MAX_SAMPLES:
                raise self.no_rate()
        else:
            self._marks += 1
            if isinstance(event, LeadOff | Gap):
                self._meter.gap()
            if not self._keeps(event):
                return
        self._waiting.append((event, arrival_s))

    def _keeps(self, event: WireEvent) -> bool:
        """Say whether to keep what is no sample: not without end, but a beginning always."""
        if isinstance(event, Begins):
            self.begins = True
            if self._waiting and isinstance(self._waiting[-1][0], Begins):
                self._waiting.pop()  # there was no sample since: it begins here instead
            return True
        if isinstance(event, LeadOff) and not self.samples:  # one is enough before the first sample
            before, self._lead_off = self._lead_off, True
            return not before
        return self._marks <= MAX_MARKS

    def knows(self, rate: Rate) -> None:
        """The board or the file says its rate; a rate that the user gave goes before it."""
        self._known = rate

    def rate(self, tick_s: float | None, *, hurry: bool = False) -> Rate | None:
        """Return the rate once it is clear and there are samples to choose the scale by.

        Parameters
        ----------
        tick_s : float or None
            Unit of the wire's clock, where the wire names it.
        hurry : bool
            Nothing more will come: take what there is.

        Raises
        ------
        EcgedgeError
            When the rate is not one of an ECG front end.
        """
        if self.samples < FIRST and not (hurry and self.samples):
            return None
        if self._given_hz is not None:
            rate: Rate | None = self._given(self._given_hz, tick_s)
        else:
            rate = self._known or self._meter.measure(tick_s, hurry=hurry)
        low, high = PLAUSIBLE_HZ
        if rate is not None and not low <= rate.measured_hz <= high:
            if self._given_hz is not None:
                raise EcgedgeError(
                    f"--rate {self._given_hz:g} is no rate of an ECG front end; give one between "
                    f"{low:g} and {high:g} Hz."
                )
            raise EcgedgeError(
                f"{self._source} gives {rate.measured_hz:.0f} samples a second, which no ECG front "
                "end does; if it is replayed at another speed, name its own rate with --rate HZ."
            )
        return rate

    def _given(self, given_hz: float, tick_s: float | None) -> Rate:
        """The rate of the user, with the wire's clock when the two agree."""
        ticks = [e.ticks for e, _ in self._waiting if isinstance(e, Sample) and e.ticks is not None]
        clock = rate_of_clock(np.asarray(ticks[1:]), tick_s, given_hz)
        if clock is None or abs(clock.measured_hz / given_hz - 1) > AGREES:
            return Rate(given_hz, "given")
        return Rate(given_hz, "given", clock.tick_s, clock.grain_s)

    def scale(self) -> Scale:
        """Choose the scale by the first samples."""
        values = (event.value for event, _ in self._waiting if isinstance(event, Sample))
        return choose_scale([value for value, _ in zip(values, range(FIRST), strict=False)])

    def release(self) -> list[tuple[WireEvent, float]]:
        """Let go of what waited, in order."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def no_rate(self) -> EcgedgeError:
        """Return the error for a stream whose rate cannot be told."""
        return EcgedgeError(
            f"{self._source} does not say its sampling rate; give it with --rate HZ."
        )
