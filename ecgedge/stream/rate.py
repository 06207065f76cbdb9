"""How fast the samples come: measured, never trusted.

A clock on the wire is the best witness. Without one the arrival times of the bytes tell: the
slope of samples over time, taken as the median over pairs of points (Theil-Sen), so that bursts
and stalls of the host do not count.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from firmware_sim.errors import EcgedgeError

PLAUSIBLE_HZ = (20.0, 5000.0)
SNAP = 0.02
"""A measured rate this near to the program's rate is taken as the program's rate."""
CHANGED = 0.05
"""A rate this far from the one in use is a new rate."""

CLOCK_SPAN_S = 1.5
CLOCK_SAMPLES = 64
ARRIVAL_SPAN_S = 4.0
ARRIVAL_PATIENCE_S = 20.0
SETTLE_S = 0.3
"""What arrives first may be a backlog: it does not count for the rate."""
MAX_POINTS = 200


@dataclass(frozen=True)
class Rate:
    """A sampling rate and where it comes from.

    Attributes
    ----------
    measured_hz : float
        As measured or given.
    source : str
        ``"clock"`` (timestamps on the wire), ``"arrival"``, ``"given"``, ``"board"`` or
        ``"file"``.
    tick_s : float or None
        Seconds in a tick of the wire's clock; None when there is none, or it is not used.
    grain_s : float
        How far apart different time stamps are; 0 without a clock.
    """

    measured_hz: float
    source: str
    tick_s: float | None = None
    grain_s: float = 0.0


def rate_to_use(measured_hz: float, program_hz: int) -> float:
    """Return the rate to work with: the program's when it is near, otherwise a round number.

    Parameters
    ----------
    measured_hz : float
        Measured or given rate, positive.
    program_hz : int
        Rate of the program.

    Returns
    -------
    float
        `program_hz` when they differ by at most `SNAP`; a whole number when the measured rate is
        within 0.3 % of one; otherwise the measured rate, rounded to 0.1 Hz.
    """
    if abs(measured_hz - program_hz) <= SNAP * program_hz:
        return float(program_hz)
    whole = round(measured_hz)
    if abs(measured_hz - whole) <= 0.003 * measured_hz:
        return float(whole)
    return round(measured_hz, 1)


def conversion(from_hz: float, to_hz: int) -> tuple[int, int]:
    """Return (up, down) of the rational conversion between two rates."""
    ratio = Fraction(to_hz) / Fraction(from_hz).limit_denominator(10)
    return ratio.numerator, ratio.denominator


def rate_of_clock(
    ticks: NDArray[np.float64], tick_s: float | None, given_hz: float | None = None
) -> Rate | None:
    """Tell the rate, and the unit where it is not named, from time stamps.

    Parameters
    ----------
    ticks : (n,) float64
        Consecutive time stamps.
    tick_s : float or None
        Their unit; None tries microseconds, milliseconds and seconds, of which at most one gives
        a plausible rate.
    given_hz : float, optional
        The rate that the user named; the unit that comes nearest to it is taken.

    Returns
    -------
    Rate or None
        None when the stamps do not move, or no unit gives a rate in `PLAUSIBLE_HZ`.
    """
    steps = np.diff(ticks)
    moves = steps[steps > 0]
    if not moves.size:
        return None
    typical = float(np.median(moves))
    steady = steps[(steps >= 0) & (steps <= 4 * typical)]
    mean = float(steady.mean())
    units = (1e-6, 1e-3, 1.0) if tick_s is None else (tick_s,)
    low, high = PLAUSIBLE_HZ
    rates = [(1 / (mean * unit), unit) for unit in units if low <= 1 / (mean * unit) <= high]
    if not rates:
        return None
    hz, unit = min(rates, key=lambda pair: abs(pair[0] - (given_hz or pair[0])))
    return Rate(hz, "clock", unit, typical * unit)


def slope(times_s: NDArray[np.float64], counts: NDArray[np.float64]) -> float | None:
    """Return the median slope over all pairs of at most `MAX_POINTS` points (Theil-Sen).

    Returns
    -------
    float or None
        Counts per second; None when no two points differ in time.
    """
    if len(times_s) > MAX_POINTS:
        chosen = np.linspace(0, len(times_s) - 1, MAX_POINTS).astype(int)
        times_s, counts = times_s[chosen], counts[chosen]
    first, second = np.triu_indices(len(times_s), 1)
    elapsed = times_s[second] - times_s[first]
    apart = elapsed > 0.1 * (elapsed.max(initial=0.0) or 1.0)
    if not apart.any():
        return None
    return float(np.median((counts[second] - counts[first])[apart] / elapsed[apart]))


class RateMeter:
    """Watches samples until their rate is clear.

    Parameters
    ----------
    live : bool
        Arrival times mean something.
    """

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._ticks: list[float] = []
        self._has_clock = False
        self._points: list[tuple[float, int]] = []
        self._count = 0
        self._spans: list[tuple[float, float]] = []
        self._began_s: float | None = None
        self._checked = 0

    def sample(self, ticks: float | None, arrival_s: float) -> None:
        """Take note of one sample."""
        self._count += 1
        if ticks is not None:
            self._has_clock = True
            self._ticks.append(ticks)
        if self._began_s is None:
            self._began_s = arrival_s
        if self._points and self._points[-1][0] == arrival_s:
            self._points.pop()
        self._points.append((arrival_s, self._count))

    def gap(self) -> None:
        """What follows does not join on: pairs across the gap say nothing."""
        self._end_span()
        if len(self._ticks) < CLOCK_SAMPLES:
            self._ticks.clear()

    def measure(self, tick_s: float | None, *, hurry: bool = False) -> Rate | None:
        """Return the rate once it is clear.

        Parameters
        ----------
        tick_s : float or None
            Unit of the wire's clock, where the wire names it.
        hurry : bool
            Nothing more will come: take what there is.
        """
        if self._has_clock:
            return self._by_clock(tick_s, hurry=hurry)
        return self._by_arrival(hurry=hurry) if self._live else None

    def _by_clock(self, tick_s: float | None, *, hurry: bool) -> Rate | None:
        due = len(self._ticks) >= self._checked + CLOCK_SAMPLES
        if not (due or hurry) or len(self._ticks) < 8:
            return None
        self._checked = len(self._ticks)
        ticks = np.asarray(self._ticks[1:])  # the first line may have been cut
        rate = rate_of_clock(ticks, tick_s)
        if rate is None:
            if len(self._ticks) < 4 * CLOCK_SAMPLES and not hurry:
                return None
            raise EcgedgeError(
                "the time column gives no rate between 20 and 5000 Hz in us, ms or s; "
                "give the rate with --rate HZ."
            )
        long_enough = len(self._ticks) / rate.measured_hz >= CLOCK_SPAN_S
        return rate if long_enough or hurry else None

    def _by_arrival(self, *, hurry: bool) -> Rate | None:
        if not self._points or self._began_s is None:
            return None
        elapsed = self._points[-1][0] - self._points[0][0] - SETTLE_S
        total = elapsed + sum(seconds for seconds, _ in self._spans)
        waited = self._points[-1][0] - self._began_s
        if not (total >= ARRIVAL_SPAN_S or (waited >= ARRIVAL_PATIENCE_S and total >= 1) or hurry):
            return None
        self._end_span()
        if not self._spans:
            return None
        spans = sorted(self._spans, key=lambda span: span[1])
        seconds = np.cumsum([span[0] for span in spans])
        middle = int(np.searchsorted(seconds, seconds[-1] / 2))
        return Rate(spans[middle][1], "arrival")

    def _end_span(self) -> None:
        """Turn the points of one uninterrupted stretch into one estimate."""
        points, self._points = self._points, []
        if not points:
            return
        began = points[0][0]
        settled = np.array([p for p in points if p[0] - began >= SETTLE_S], dtype=np.float64)
        if len(settled) < 4 or settled[-1, 0] - settled[0, 0] < 0.5:
            return
        hz = slope(settled[:, 0], settled[:, 1])
        if hz is not None:
            self._spans.append((float(settled[-1, 0] - settled[0, 0]), hz))


class RateWatch:
    """Notices when the rate of a running stream is no longer what it was taken for.

    Parameters
    ----------
    used_hz : float
        The rate in use.
    window_s : float
        Length of one look; two looks in a row have to agree.
    """

    def __init__(self, used_hz: float, window_s: float = 10.0) -> None:
        self._used_hz = used_hz
        self._window_s = window_s
        self._began_s: float | None = None
        self._count = 0
        self._suspect_hz: float | None = None
        self.current_hz: float | None = None

    def gap(self) -> None:
        """What follows does not join on."""
        self._began_s = None
        self._count = 0

    def samples(self, count: int, time_s: float) -> float | None:
        """Take note of `count` samples, the last of them at `time_s`.

        Parameters
        ----------
        count : int
            How many samples.
        time_s : float
            By the wire's clock, or the arrival time where there is none.

        Returns
        -------
        float or None
            The new rate when it changed by more than `CHANGED`.
        """
        if self._began_s is None:
            self._began_s = time_s
            return None
        self._count += count
        elapsed = time_s - self._began_s
        if elapsed < self._window_s:
            return None
        hz = self._count / elapsed
        self.current_hz = hz
        self._began_s, self._count = time_s, 0
        if abs(hz / self._used_hz - 1) <= CHANGED:
            self._suspect_hz = None
            return None
        suspect, self._suspect_hz = self._suspect_hz, hz
        if suspect is None or abs(hz / suspect - 1) > CHANGED:
            return None
        return hz
