"""Causal R-peak detector in integers: ADC counts in, sample numbers of R peaks out.

What happens to one sample, in the order of the code:

1. `slope`: the sum of the last `low_pass` samples minus the same sum `difference` samples earlier;
   a band-pass made of additions. `energy`: the sum of |slope| over the last `integrate` samples.
2. A candidate is a maximum of the energy that nothing has exceeded for `hold` samples.
3. A candidate is a beat when it stands high enough between the running levels of beats and of
   noise, is as steep as beats are, and is no T wave. How high is high enough depends on how long
   ago the last beat was, against the running RR interval.
4. When 1.75 running RR intervals pass without a beat, the best candidate that was refused is taken
   if it passes lower thresholds (search-back). A silence lets all levels sink, a long one makes the
   detector learn them anew, as it does at the start.
5. The R peak is the sample near the candidate that lies farthest from the mean around it, up or
   down.

The plan is Pan and Tompkins' (1985) with Hamilton's (2002) rules. It deviates: absolute values
instead of squares (32 bits are enough, and one large beat does not raise the threshold so much),
the time-dependent threshold, steepness for every beat and not for T waves only, exponential
averages, and no division anywhere. The constants were chosen on the DS1 records of the MIT-BIH
Arrhythmia Database; `docs/detector.md` says what they reach.

Every state and every intermediate value fits in int32 for any stream of int16 samples: |slope| <=
65535 * difference < 2**19 and energy <= integrate * |slope| < 2**25 at 500 samples/s, levels never
exceed the largest energy, and the largest product is 12 * level. Only the sample number grows
without end, and decisions use differences of sample numbers alone. These stay below 2**15, so a
device counts modulo 2**16: while the detector learns, a last beat that lies further back than
anything can tell is moved up (`_learn`).

Right shifts of negative numbers round down (arithmetic shift).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from firmware_sim.detector_timing import timing
from firmware_sim.errors import EcgedgeError

SAMPLE_MIN, SAMPLE_MAX = -(1 << 15), (1 << 15) - 1

# Fractions, in sixteenths unless the name says otherwise.
EARLY_RR, LATE_RR = 13, 18
"""A candidate is early before 13/16 and late after 18/16 of the running RR interval."""
THRESHOLD_EARLY, THRESHOLD, THRESHOLD_LATE = 8, 6, 3
"""Where the threshold lies between the noise level (0) and the beat level (16)."""
SEARCH_BACK_RR = 28
SEARCH_BACK_LEVEL = 5
NOISE_CAP = 12
T_WAVE_STEEPNESS = 8
STEEPNESS_64 = 22
SEARCH_BACK_STEEPNESS_64 = 16

# Exponential averages move 2**-SHIFT of the way; the RR interval is kept in 1/16 sample.
RR_FRACTION_BITS = 4
LEVEL_SHIFT = 4
NOISE_SHIFT = 4
RR_SHIFT = 4
DECAY_SHIFT = 3


class Detection(NamedTuple):
    """An R peak.

    Attributes
    ----------
    sample : int
        Sample number of the R peak; strictly increasing from one detection to the next.
    found_at : int
        Number of the sample that made the detector say so.
    search_back : bool
        Found by search-back, so later than `Timing.reach` samples after the R peak.
    """

    sample: int
    found_at: int
    search_back: bool


def as_counts(samples: ArrayLike) -> NDArray[np.int64]:
    """Return samples as a flat array of integers, checked to be int16 values.

    Raises
    ------
    EcgedgeError
        When there is something else than integers in -32768 ... 32767.
    """
    values = np.asarray(samples)
    if values.size == 0:
        return np.empty(0, dtype=np.int64)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise EcgedgeError("samples have to be a list of integers (ADC counts), one lead.")
    if values.min() < SAMPLE_MIN or values.max() > SAMPLE_MAX:
        raise EcgedgeError(
            f"samples reach from {values.min()} to {values.max()}, outside of int16; "
            "subtract an offset or drop low bits first."
        )
    return values.astype(np.int64)


class Detector:
    """The detector with its state. `push` and `process` may be mixed; the integers are the same.

    Parameters
    ----------
    fs : int
        Samples per second, 125 ... 500.
    start : int
        Number of the first sample.
    """

    def __init__(self, fs: int, start: int = 0) -> None:
        self.timing = timing(fs)
        self.start = start
        self.position = start
        """Number of the next sample."""
        # Band-pass and energy. The samples before the first one count as equal to it.
        self._recent: list[int] = []
        self._slope = 0
        self._slope_old = 0
        self._energy = 0
        # Maximum of the energy.
        self._rising = False
        self._peak = 0
        self._peak_at = 0
        # Levels: energy of beats and of noise, steepness of beats, RR interval. 0 is unknown.
        self._beat_level = 0
        self._noise_level = 0
        self._steepness = 0
        self._rr = 0
        # Learning: the largest energy of the last three blocks.
        self._learning = True
        self._block_max = 0
        self._blocks = [0, 0, 0]
        # The last beat, by its energy and by its R peak, and whether an interval may start there.
        self._last_at = start - self.timing.interval_max
        self._last_sample = start - 1
        self._has_last = False
        # The best candidate that was refused since; height 0 is none.
        self._best = 0
        self._best_at = 0
        self._best_steepness = 0
        self._best_sample = 0
        # When the levels sink next, since when there was no beat, when to look up from the energy.
        self._tick_at = 0
        self._silent_since = start
        self._alarm = start + self.timing.block - 1

    # -- one sample ---------------------------------------------------------------------------

    def push(self, sample: int) -> Detection | None:
        """Take one sample; return the R peak that it reveals, if any.

        This is what the firmware does, addition by addition.
        """
        if not SAMPLE_MIN <= sample <= SAMPLE_MAX:
            raise EcgedgeError(f"sample {sample} is outside of int16; subtract an offset first.")
        t = self.timing
        x = self._recent
        if not x:
            x.extend([int(sample)] * t.history)
        x.append(int(sample))
        a, d, m = t.low_pass, t.difference, t.integrate
        previous = self._energy
        self._slope += x[-1] - x[-1 - a] - x[-1 - d] + x[-1 - d - a]
        self._slope_old += x[-1 - m] - x[-1 - m - a] - x[-1 - m - d] + x[-1 - m - d - a]
        self._energy += abs(self._slope) - abs(self._slope_old)
        if len(x) > 4 * t.history:
            del x[: -t.history]
        found = self._scan([self._energy], previous)
        return found[0] if found else None

    # -- many samples -------------------------------------------------------------------------

    def process(self, samples: ArrayLike) -> list[Detection]:
        """Take many samples; return the R peaks that they reveal.

        The same integers as `push` for each sample, with the filters in NumPy.

        Parameters
        ----------
        samples : (n,) integers
            ADC counts in the range of int16.
        """
        counts = as_counts(samples)
        if not len(counts):
            return []
        t = self.timing
        if not self._recent:
            self._recent = [int(counts[0])] * t.history
        before = len(self._recent)
        x = np.concatenate([np.array(self._recent, dtype=np.int64), counts])
        slope = np.zeros(len(x), dtype=np.int64)
        low = _moving_sum(x, t.low_pass)
        slope[t.low_pass + t.difference - 1 :] = low[t.difference :] - low[: -t.difference]
        steep = np.abs(slope)
        energy = _moving_sum(steep, t.integrate)[before - t.integrate + 1 :]
        self._recent = x.tolist()
        found = self._scan(energy.tolist(), self._energy)
        self._slope = int(slope[-1])
        self._slope_old = int(slope[-1 - t.integrate])
        self._energy = int(energy[-1])
        del self._recent[: -t.history]
        return found

    # -- decisions: the same for both ---------------------------------------------------------

    def _scan(self, energies: Sequence[int], previous: int) -> list[Detection]:
        """Follow the energy of new samples, whose counts are at the end of `_recent`."""
        found: list[Detection] = []
        hold = self.timing.hold
        self._origin = self.position + len(energies) - len(self._recent)
        n = self.position - 1
        rising, peak, peak_at = self._rising, self._peak, self._peak_at
        for energy in energies:
            n += 1
            detection = None
            if rising:
                if energy > peak:
                    peak, peak_at = energy, n
                elif n - peak_at == hold:
                    rising = False
                    if not self._learning:
                        detection = self._candidate(n, peak, peak_at)
            elif energy > previous:
                rising, peak, peak_at = True, energy, n
            previous = energy
            if self._learning and energy > self._block_max:
                self._block_max = energy
            if n == self._alarm:
                detection = self._wake(n) or detection
            if detection is not None:
                found.append(detection)
        self._rising, self._peak, self._peak_at = rising, peak, peak_at
        self.position = n + 1
        return found

    def _candidate(self, n: int, height: int, at: int) -> Detection | None:
        """Judge a maximum of the energy: a beat, or noise that search-back may take later."""
        t = self.timing
        if at - self._last_at < t.refractory:
            return None
        since = min(at - self._last_at, t.interval_max)
        steepness = self._steepness_at(at)
        if since < t.t_wave and steepness * 16 < self._steepness * T_WAVE_STEEPNESS:
            return None
        sample = self._locate(at)
        share = THRESHOLD
        if self._rr and (since << 8) < self._rr * EARLY_RR:
            share = THRESHOLD_EARLY
        elif self._rr and (since << 8) > self._rr * LATE_RR:
            share = THRESHOLD_LATE
        above = max(self._beat_level - self._noise_level, 0)
        threshold = self._noise_level + ((above * share) >> 4)
        steep_enough = steepness * 64 >= self._steepness * STEEPNESS_64
        if height > threshold and steep_enough and sample > self._last_sample:
            return self._accept(n, height, at, steepness, sample, search_back=False)
        capped = min(height, (self._beat_level * NOISE_CAP) >> 4)
        self._noise_level += (capped - self._noise_level) >> NOISE_SHIFT
        if n - self._best_at > t.candidate_age:
            self._best = 0
        if height > self._best and sample > self._last_sample:
            self._best, self._best_at = height, at
            self._best_steepness, self._best_sample = steepness, sample
        detection = self._search_back(n)
        self._set_alarm(n)
        return detection

    def _search_back(self, n: int) -> Detection | None:
        """Take the best refused candidate when a beat is overdue."""
        if not self._best or not self._rr or n < self._due():
            return None
        if n - self._best_at > self.timing.candidate_age:
            return None
        if self._best <= (self._beat_level * SEARCH_BACK_LEVEL) >> 4:
            return None
        if self._best <= self._noise_level:
            return None
        if self._best_steepness * 64 < self._steepness * SEARCH_BACK_STEEPNESS_64:
            return None
        return self._accept(
            n, self._best, self._best_at, self._best_steepness, self._best_sample, search_back=True
        )

    def _accept(
        self, n: int, height: int, at: int, steepness: int, sample: int, search_back: bool
    ) -> Detection:
        """Take a candidate for a beat and let the levels follow."""
        t = self.timing
        if self._has_last:
            interval = min(at - self._last_at, t.interval_max) << RR_FRACTION_BITS
            if self._rr:
                interval = min(interval, self._rr + (self._rr >> 1))
                self._rr += (interval - self._rr) >> RR_SHIFT
            else:
                self._rr = interval
        level = self._beat_level
        level += (min(height, 2 * level) - level) >> LEVEL_SHIFT
        self._beat_level = max(level, t.least_level)
        steep = self._steepness
        steep += (min(steepness, 2 * steep) - steep) >> LEVEL_SHIFT
        self._steepness = max(steep if steep else steepness, t.least_steepness)
        self._last_at, self._last_sample, self._has_last = at, sample, True
        self._best = 0
        self._silent_since = n
        self._tick_at = n + t.quiet
        self._set_alarm(n)
        return Detection(sample, n, search_back)

    # -- time without a beat ------------------------------------------------------------------

    def _wake(self, n: int) -> Detection | None:
        """Do what is due at sample `n`: a block of learning, sinking levels, search-back."""
        if self._learning:
            self._learn(n)
            return None
        if n == self._tick_at:
            if n - self._silent_since >= self.timing.relearn:
                self._forget(n)
                return None
            self._sink()
            self._tick_at = n + self.timing.tick
        detection = self._search_back(n)
        self._set_alarm(n)
        return detection

    def _sink(self) -> None:
        """Lower all levels by an eighth."""
        t = self.timing
        level, steep = self._beat_level, self._steepness
        self._beat_level = max(level - (level >> DECAY_SHIFT), t.least_level)
        self._noise_level -= self._noise_level >> DECAY_SHIFT
        if steep:
            self._steepness = max(steep - (steep >> DECAY_SHIFT), t.least_steepness)

    def _learn(self, n: int) -> None:
        """End a block; three quarters of the median of three blocks is the first beat level."""
        t = self.timing
        self._last_at = max(self._last_at, n - t.stale)
        self._last_sample = max(self._last_sample, n - t.stale)
        self._blocks = [*self._blocks[1:], self._block_max]
        self._block_max = 0
        a, b, c = self._blocks
        median = max(min(a, b), min(max(a, b), c))
        enough = n - self._silent_since + 1 >= 3 * t.block
        if enough and median >= t.least_level:
            self._beat_level = max(median - (median >> 2), t.least_level)
            self._noise_level = self._beat_level >> 3
            self._learning = False
            self._silent_since = n
            self._tick_at = n + t.tick
            self._set_alarm(n)
        else:
            self._alarm = n + t.block

    def _forget(self, n: int) -> None:
        """Start learning again after a long silence."""
        self._learning = True
        self._blocks, self._block_max = [0, 0, 0], 0
        self._noise_level = self._steepness = self._rr = self._best = 0
        self._has_last = False
        self._silent_since = n + 1
        self._alarm = n + self.timing.block

    def _due(self) -> int:
        """First sample at which search-back may act."""
        return self._last_at + ((SEARCH_BACK_RR * self._rr) >> 8) + 1

    def _set_alarm(self, n: int) -> None:
        """Choose the next sample at which `_wake` has something to do."""
        self._alarm = self._tick_at
        if self._best and self._rr and n < self._due() < self._tick_at:
            self._alarm = self._due()

    # -- looking at samples around a candidate ------------------------------------------------

    def _steepness_at(self, at: int) -> int:
        """Return the largest |slope| of the samples that the energy at `at` sums up."""
        t = self.timing
        x, a, d = self._recent, t.low_pass, t.difference
        i = at - self._origin - t.integrate + 1
        slope = sum(x[i - a + 1 : i + 1]) - sum(x[i - d - a + 1 : i - d + 1])
        largest = abs(slope)
        for k in range(i + 1, at - self._origin + 1):
            slope += x[k] - x[k - a] - x[k - d] + x[k - d - a]
            largest = max(largest, abs(slope))
        return largest

    def _locate(self, at: int) -> int:
        """Return the sample number of the R peak that caused the energy's maximum at `at`."""
        t = self.timing
        x, half = self._recent, t.locate_half
        width = 2 * half + 1
        first = at - self._origin - t.delay - t.locate_before
        total = sum(x[first - half : first + half + 1])
        farthest, where = -1, first
        for i in range(first, first + t.locate_before + t.locate_after + 1):
            distance = abs(width * x[i] - total)
            if distance > farthest:
                farthest, where = distance, i
            total += x[i + half + 1] - x[i - half]
        return self._origin + where


def _moving_sum(x: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Sums of `length` neighbours: element i is sum(x[i : i + length])."""
    total = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(x)])
    result: NDArray[np.int64] = total[length:] - total[:-length]
    return result


def detect(counts: ArrayLike, fs: int) -> list[Detection]:
    """Return the R peaks of a whole recording.

    Parameters
    ----------
    counts : (n,) integers
        ADC counts in the range of int16.
    fs : int
        Samples per second, 125 ... 500.
    """
    return Detector(fs).process(counts)
