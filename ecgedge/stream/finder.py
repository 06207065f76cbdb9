"""From samples in time to classified beats: scale, resample, run the integer program.

The pipeline numbers the samples; here a number becomes a time of the stream.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecgedge.stream.events import BeatEvent, Event, SignalEvent
from ecgedge.stream.rate import conversion
from ecgedge.stream.resample import StreamResampler
from ecgedge.stream.units import Scale
from firmware_sim.pipeline import Beat
from firmware_sim.program import Program

ANCHORS = 4096


class Pipeline(Protocol):
    """What `firmware_sim.pipeline.Pipeline` does."""

    def push(self, samples: NDArray[np.int32]) -> Sequence[Beat]:
        """Take counts and return the beats that they complete."""
        ...

    def flush(self) -> Sequence[Beat]:
        """Return the beats that wait for what will not come, and forget everything.

        Sample numbers go on.
        """
        ...


class Positions:
    """Times of sample numbers, by what was noted at the ends of each block."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._numbers: deque[float] = deque(maxlen=ANCHORS)
        self._times_s: deque[float] = deque(maxlen=ANCHORS)

    def note(self, number: float, time_s: float) -> None:
        """Sample `number` was taken at `time_s`; numbers increase."""
        if not self._numbers or number > self._numbers[-1]:
            self._numbers.append(number)
            self._times_s.append(time_s)

    def time_s(self, number: int) -> float:
        """Return the time of a sample, between two that were noted or beyond the nearest."""
        if not self._numbers:
            return number / self._rate_hz
        after = bisect_right(self._numbers, number)
        if 0 < after < len(self._numbers):
            left, right = self._numbers[after - 1], self._numbers[after]
            share = (number - left) / (right - left)
            return self._times_s[after - 1] * (1 - share) + self._times_s[after] * share
        nearest = 0 if after == 0 else -1
        return self._times_s[nearest] + (number - self._numbers[nearest]) / self._rate_hz

    def clear(self) -> None:
        """Forget what was noted: numbers go on, times jump."""
        self._numbers.clear()
        self._times_s.clear()


class BeatFinder:
    """Runs a program on samples at any rate.

    Parameters
    ----------
    program : Program
        For its rate and class names.
    pipeline : callable
        Makes a pipeline for a program.
    """

    def __init__(self, program: Program, pipeline: Callable[[Program], Pipeline]) -> None:
        self._program = program
        self._pipeline = pipeline(program)
        self._positions = Positions(program.fs)
        self._scale = Scale()
        self._up, self._down = 1, 1
        self._resampler: StreamResampler | None = None
        self._received = 0
        self._begin = 0
        self.samples = 0

    def use(self, rate_hz: float, scale: Scale) -> None:
        """Take samples of this rate and scale from now on; call `cut` before."""
        self._scale = scale
        self._up, self._down = conversion(rate_hz, self._program.fs)
        self._begin_stretch()

    def push(self, times_s: Sequence[float], values: Sequence[float]) -> list[Event]:
        """Take samples that join on to the ones before; return signal and beats."""
        counts = self._scale.counts(values)
        for place in (0, len(values) - 1):
            number = (self._received + place) * self._up / self._down
            self._positions.note(self._begin + number, times_s[place])
        self._received += len(values)
        return self._run(self._resampler.push(counts) if self._resampler else counts)

    def cut(self) -> list[Event]:
        """End the stretch: return the beats that wait, and forget filters, windows and rhythm."""
        events = self._run(self._resampler.flush()) if self._resampler else []
        events += [self._beat(beat) for beat in self._pipeline.flush()]
        self._begin_stretch()
        return events

    def _begin_stretch(self) -> None:
        self._positions.clear()
        self._received = 0
        self._begin = self.samples
        resamples = (self._up, self._down) != (1, 1)
        self._resampler = StreamResampler(self._up, self._down) if resamples else None

    def _run(self, counts: NDArray[np.int32]) -> list[Event]:
        if not len(counts):
            return []
        events: list[Event] = [SignalEvent(self.samples, counts)]
        self.samples += len(counts)
        return events + [self._beat(beat) for beat in self._pipeline.push(counts)]

    def _beat(self, beat: Beat) -> BeatEvent:
        return BeatEvent(
            time_s=self._positions.time_s(beat.sample),
            sample=beat.sample,
            label=beat.label,
            scores=beat.scores,
            rr_s=beat.rr_s,
            quality=beat.quality,
        )
