"""Times of the R-peak detector: in milliseconds, and in samples at a sampling rate.

Where each one enters is in `firmware_sim.detector`, which works with the samples alone.
"""

from dataclasses import dataclass

from firmware_sim.errors import EcgedgeError

FS_MIN_HZ, FS_MAX_HZ = 125, 500

LOW_PASS_MS = 25
DIFFERENCE_MS = 14
INTEGRATE_MS = 139
HOLD_MS = 161
REFRACTORY_MS = 240
T_WAVE_MS = 340
LOCATE_BEFORE_MS = 72
LOCATE_AFTER_MS = 94
LOCATE_MEAN_MS = 167
BLOCK_MS = 1000
QUIET_MS = 2000
TICK_MS = 500
CANDIDATE_AGE_MS = 4000
INTERVAL_MAX_MS = 8000
RELEARN_MS = 8000

LEAST_COUNTS = 8
"""An R wave of this height is the smallest that is taken for a signal."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The detector's times in samples, at one sampling rate."""

    fs: int
    low_pass: int
    difference: int
    integrate: int
    hold: int
    refractory: int
    t_wave: int
    locate_before: int
    locate_after: int
    locate_half: int
    block: int
    quiet: int
    tick: int
    candidate_age: int
    interval_max: int
    relearn: int

    @property
    def delay(self) -> int:
        """Samples by which a maximum of the energy comes after the middle of what caused it."""
        return (self.integrate - 1 + self.low_pass - 1 + self.difference) // 2

    @property
    def reach(self) -> int:
        """Largest number of samples from an R peak to its detection, search-back aside."""
        return self.hold + self.delay + self.locate_before

    @property
    def history(self) -> int:
        """How many samples have to be kept, the newest included."""
        steep = self.integrate + self.low_pass + self.difference
        locate = self.delay + self.locate_before + self.locate_half + 1
        return self.hold + max(steep, locate) + 1

    @property
    def stale(self) -> int:
        """Age from which on a last beat is as good as one of this age; see `Detector._learn`."""
        return 2 * self.interval_max

    @property
    def least_steepness(self) -> int:
        """Lowest steepness level of beats: an R wave of LEAST_COUNTS; at least 16."""
        return LEAST_COUNTS * self.difference

    @property
    def least_level(self) -> int:
        """Lowest energy level of beats; below it the detector goes on learning."""
        return 2 * self.least_steepness


def timing(fs: int) -> Timing:
    """Return the detector's times at `fs` samples per second.

    Raises
    ------
    EcgedgeError
        When `fs` is not an integer in 125 ... 500.
    """
    if isinstance(fs, bool) or fs != int(fs) or not FS_MIN_HZ <= fs <= FS_MAX_HZ:
        raise EcgedgeError(
            f"the R-peak detector works at {FS_MIN_HZ} to {FS_MAX_HZ} samples per second, not at "
            f"{fs}; resample the signal."
        )
    fs = int(fs)

    def samples(ms: int) -> int:
        return (ms * fs + 500) // 1000

    return Timing(
        fs=fs,
        low_pass=samples(LOW_PASS_MS),
        difference=samples(DIFFERENCE_MS),
        integrate=samples(INTEGRATE_MS),
        hold=samples(HOLD_MS),
        refractory=samples(REFRACTORY_MS),
        t_wave=samples(T_WAVE_MS),
        locate_before=samples(LOCATE_BEFORE_MS),
        locate_after=samples(LOCATE_AFTER_MS),
        locate_half=samples(LOCATE_MEAN_MS) // 2,
        block=samples(BLOCK_MS),
        quiet=samples(QUIET_MS),
        tick=samples(TICK_MS),
        candidate_age=samples(CANDIDATE_AGE_MS),
        interval_max=samples(INTERVAL_MAX_MS),
        relearn=samples(RELEARN_MS),
    )
