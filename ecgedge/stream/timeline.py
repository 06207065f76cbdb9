"""When each sample was taken, and whether it joins on to the one before.

Without a clock on the wire the samples are counted. With one, a jump of the clock is a gap; a
single stamp out of line is a damaged line, not two gaps; a counter that wraps at 32 bits goes on.
"""

from typing import NamedTuple

from ecgedge.stream.wire import Sample

WRAP = 1 << 32
JUMP_PERIODS = 4
JUMP_S = 0.02


class Placed(NamedTuple):
    """One sample and its place in time.

    Attributes
    ----------
    time_s : float
        Seconds since the first sample.
    value : float
        As on the wire.
    joins : bool
        False after a gap.
    gap_s : float
        Length of the gap before it, otherwise 0.
    """

    time_s: float
    value: float
    joins: bool
    gap_s: float


class Timeline:
    """Places samples in time.

    Parameters
    ----------
    rate_hz : float
        Samples per second.
    tick_s : float or None
        Seconds in a tick of the wire's clock; None counts samples instead.
    grain_s : float
        How far apart different time stamps are.

    Attributes
    ----------
    now_s : float
        Time of the last sample, or of what is known to have passed since.
    lost : int
        Samples that the clock says are missing within the stretches that join on.
    damaged : int
        Samples dropped because their time stamp stood alone.
    """

    def __init__(self, rate_hz: float, tick_s: float | None = None, grain_s: float = 0.0) -> None:
        self._tick_s = tick_s
        self._grain_s = grain_s
        self.set_rate(rate_hz)
        self.now_s = 0.0
        self.lost = 0
        self.damaged = 0
        self._ticks: float | None = None
        self._arrival_s = 0.0
        self._sample_s = 0.0
        self._begun = False
        self._broken = False
        self._by_arrival = False
        self._held: tuple[Sample, float] | None = None

    @property
    def has_clock(self) -> bool:
        """The wire carries time stamps, and they are used."""
        return self._tick_s is not None

    def set_rate(self, rate_hz: float) -> None:
        """Go on at another rate."""
        self.period_s = 1 / rate_hz
        self.jump_s = max(JUMP_PERIODS * self.period_s, JUMP_S, 3 * self._grain_s)

    def place(self, sample: Sample, arrival_s: float) -> list[Placed]:
        """Return the samples whose place is now clear, usually this one."""
        if self._tick_s is None or sample.ticks is None:
            return [self._counted(sample, arrival_s)]
        return self._stamped(sample, sample.ticks, arrival_s)

    def pass_by(self, seconds: float) -> None:
        """Let time pass without a sample: a lead is off, or samples are known to be missing."""
        self.now_s += seconds

    def cut(self, *, by_arrival: bool = False) -> None:
        """Break the stream: the next sample does not join on.

        Parameters
        ----------
        by_arrival : bool
            Without a clock on the wire, the arrival of the next sample tells how long it took.
        """
        self._broken = True
        self._by_arrival = self._by_arrival or by_arrival
        if self._held is not None:
            self.damaged += 1
            self._held = None

    def _counted(self, sample: Sample, arrival_s: float) -> Placed:
        time_s = self.now_s + self.period_s if self._begun else 0.0
        if self._by_arrival and self._begun:
            time_s = max(time_s, self._sample_s + arrival_s - self._arrival_s)
        return self._settle(time_s, sample, None, arrival_s)

    def _settle(
        self,
        time_s: float,
        sample: Sample,
        ticks: float | None,
        arrival_s: float,
        jump: bool = False,
    ) -> Placed:
        joins = self._begun and not self._broken and not jump
        gap_s = max(time_s - self._sample_s - self.period_s, 0.0) if self._begun else 0.0
        self._begun, self._broken, self._by_arrival = True, False, False
        self.now_s = self._sample_s = time_s
        self._ticks, self._arrival_s = ticks, arrival_s
        return Placed(time_s, sample.value, joins, 0.0 if joins else gap_s)

    def _elapsed(self, before: float, after: float) -> float:
        """Seconds between two stamps of a clock that may wrap at 32 bits."""
        assert self._tick_s is not None
        elapsed = (after - before) * self._tick_s
        wrapped = (after + WRAP - before) * self._tick_s
        return wrapped if elapsed < 0 and wrapped <= self.jump_s else elapsed

    def _joins(self, elapsed_s: float) -> bool:
        return -self.period_s <= elapsed_s <= self.jump_s

    def _stamped(self, sample: Sample, ticks: float, arrival_s: float) -> list[Placed]:
        if self._ticks is None:
            return [self._settle(self.now_s, sample, ticks, arrival_s)]
        elapsed = self._elapsed(self._ticks, ticks)
        if self._broken:
            return [self._settle(self._after(elapsed, arrival_s), sample, ticks, arrival_s)]
        if self._joins(elapsed):
            if self._held is not None:
                self._held = None
                self.damaged += 1
            if elapsed > 1.75 * self.period_s:
                self.lost += round(elapsed / self.period_s) - 1
            return [self._settle(self.now_s + max(elapsed, 0.0), sample, ticks, arrival_s)]
        return self._jumped(sample, ticks, arrival_s)

    def _jumped(self, sample: Sample, ticks: float, arrival_s: float) -> list[Placed]:
        """A stamp out of line: wait for the next one to tell damage from a gap."""
        held, self._held = self._held, (sample, arrival_s)
        if held is None:
            return []
        first, first_arrival_s = held
        assert first.ticks is not None
        assert self._ticks is not None
        between = self._elapsed(first.ticks, ticks)
        if not self._joins(between):
            self.damaged += 1
            return []
        self._held = None
        elapsed = self._elapsed(self._ticks, first.ticks)
        start_s = self._after(elapsed, first_arrival_s)
        return [
            self._settle(start_s, first, first.ticks, first_arrival_s, jump=True),
            self._settle(start_s + max(between, 0.0), sample, ticks, arrival_s),
        ]

    def _after(self, elapsed_s: float, arrival_s: float) -> float:
        """Time after a gap: by the clock, or by the host's when the clock started again."""
        if elapsed_s > 0:
            return max(self._sample_s + elapsed_s, self.now_s)
        waited = max(arrival_s - self._arrival_s, self.period_s)
        return max(self._sample_s + waited, self.now_s)
