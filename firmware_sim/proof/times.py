"""Every time that the stream remembers, as the number of samples since, for all streams.

A device numbers samples modulo 2**16 and uses differences of numbers alone. So each number that is
still used has to be dropped, or moved up, before it is 2**15 samples old (2**16 where the sign of
the difference is known). What bounds an age is the event that ends it:

- A silence ends at the first tick at which it has lasted `relearn`: ticks come `quiet` samples
  after a beat (`tick` after the end of learning) and every `tick` samples from then on.
- A beat is taken at most `candidate_age` samples after its candidate (search-back), usually `hold`.
- The refused candidate that search-back keeps is dropped with the next beat or the silence's end.
- While the detector learns, a last beat that lies back more than `stale` is moved up at the end of
  each block: `stale` is twice `interval_max`, where everything that asks for its age saturates. In
  the same way no more than three blocks of learning need be told apart.
- A beat is pending until its window is complete and the next R peak found or the deadline passed.
"""

from dataclasses import dataclass
from functools import cached_property

from firmware_sim.detector import RR_FRACTION_BITS, SEARCH_BACK_RR
from firmware_sim.detector_timing import Timing
from firmware_sim.proof.interval import Interval, Quantity, quantity
from firmware_sim.rhythm import RR_MAX_S

HALF_CLOCK = 1 << 15
"""Ages below it can be told from the future on a clock of 16 bits."""


@dataclass(frozen=True)
class Times:
    """Largest ages in samples, at one sampling rate and window length.

    Attributes
    ----------
    t : Timing
    window : int
        Samples in a beat.
    """

    t: Timing
    window: int

    @cached_property
    def silence(self) -> int:
        """Longest silence: after it the detector learns anew."""
        return max(self._silence(self.t.quiet), self._silence(self.t.tick))

    def _silence(self, first_tick: int) -> int:
        age = first_tick
        while age < self.t.relearn:
            age += self.t.tick
        return age

    @property
    def latency(self) -> Interval:
        """From an R peak to its candidate's judgement."""
        t = self.t
        return Interval(t.hold + t.delay - t.locate_after, t.reach)

    @property
    def late(self) -> int:
        """From an R peak to its detection, search-back included."""
        return max(self.t.reach, self.t.candidate_age + self.t.delay + self.t.locate_before)

    @property
    def last_at(self) -> int:
        """Age of the last beat's candidate: taken, then silence, then a block until it moves up."""
        taken = max(self.t.hold, self.t.candidate_age, self.t.stale)
        return taken + self.silence + self.t.block

    @property
    def last_sample(self) -> int:
        """Age of the last R peak; as `last_at`."""
        return max(self.late, self.t.stale) + self.silence + self.t.block

    @property
    def best_at(self) -> int:
        """Age of the refused candidate, which came after the silence began."""
        return self.silence - 1 + self.t.hold

    @property
    def best_sample(self) -> int:
        """Age of its R peak."""
        return self.silence - 1 + self.t.reach

    @property
    def due(self) -> int:
        """From the last beat's candidate to the first sample at which search-back may act."""
        longest = self.t.interval_max << RR_FRACTION_BITS
        return ((SEARCH_BACK_RR * longest) >> 8) + 1

    @property
    def half(self) -> int:
        """From an R peak to the end of its window."""
        return self.window - self.window // 2 - 1

    @property
    def timeout(self) -> int:
        """Largest time-out of the RR context: twice the slow mean."""
        return 2 * RR_MAX_S * self.t.fs

    @property
    def deadline(self) -> int:
        """From an R peak to its deadline."""
        return self.timeout + self.t.reach

    @property
    def interval_after(self) -> int:
        """Longest interval after a beat that enters the RR context: found by the deadline."""
        return max(self.timeout, self.deadline - self.latency.low)

    @property
    def pending_age(self) -> int:
        """Age of a beat's R peak when it is decided.

        It is complete after max(half, late) samples. A beat before it is decided when it is
        complete at the latest, so it waits for one sample at most; and else for the deadline.
        """
        return max(max(self.half, self.late) + 1, self.deadline)

    @property
    def pending(self) -> int:
        """Largest number of beats that are pending at once.

        With each beat that is complete the one before it is decided at the latest. So all but the
        oldest pending beat have an incomplete window: their candidates lie within
        half - 1 - latency samples, and two of them never closer than `refractory`.
        """
        span = self.half - 1 - self.latency.low
        return 1 + (span // self.t.refractory + 1 if span >= 0 else 0)


def prove_times(times: Times) -> tuple[Quantity, ...]:
    """Prove how far back everything lies that the stream remembers.

    Parameters
    ----------
    times : Times

    Returns
    -------
    tuple of Quantity
        Ages and distances in samples.

    Raises
    ------
    ValueError
        When one of them reaches 2**15, half of a 16-bit clock.
    """
    t, last = times.t, times.last_sample
    rows = (
        ("silence", Interval(0, times.silence), "ends at a tick, `relearn` or more after it began"),
        (
            "learning",
            Interval(0, 4 * t.block),
            "three blocks, as good as more, and the one that runs",
        ),
        ("peak_at", Interval(0, t.hold), "a maximum is judged after `hold` samples"),
        ("last_at", Interval(0, times.last_at), "taken, stale at most, then silence and a block"),
        ("last_sample", Interval(0, last), "as last_at"),
        ("best_at", Interval(t.hold, times.best_at), "refused after the silence began"),
        ("best_sample", Interval(times.latency.low, times.best_sample), "as best_at"),
        ("candidate", times.latency, "R peak of a candidate when it is judged"),
        (
            "candidate.after_last",
            Interval(times.latency.low - t.reach, last - times.latency.low),
            "R peak of a candidate minus the last one; not positive: refused",
        ),
        ("late", Interval(times.latency.low, times.late), "from an R peak to its detection"),
        ("tick_at", Interval(0, max(t.quiet, t.tick)), "ahead"),
        ("alarm", Interval(0, max(t.quiet, t.tick, t.block)), "ahead"),
        ("due.after_last", Interval(1, times.due), "28/16 of the longest RR interval, and one"),
        ("due", Interval(1 - times.last_at, times.due), "ahead, or past where negative"),
        ("history", Interval(0, t.history), "how far the detector looks back into the samples"),
        (
            "complete",
            Interval(0, max(times.half, times.late)),
            "from an R peak to its whole window",
        ),
        ("deadline", Interval(0, times.deadline), "twice the slow mean, then the detector's reach"),
        ("pending", Interval(0, times.pending_age), "from an R peak to its decision"),
    )
    for name, value, _ in rows:
        if abs(value).high >= HALF_CLOCK:
            raise ValueError(f"the time {name} reaches {value}, half of a 16-bit clock")
    found = [quantity(f"age.{name}", value, rule) for name, value, rule in rows]
    rule = "all but the oldest have an incomplete window, and lie `refractory` apart"
    return (
        *found,
        quantity("pipeline.pending", Interval(0, times.pending), rule),
        quantity(
            "pipeline.queue",
            Interval(0, times.pending + 1),
            "a sample brings one beat at most, before it decides one",
        ),
    )
