"""Running totals of a session: what the view shows and the summary says."""

import statistics
from collections import Counter, deque

from ecgedge.stream.events import (
    BeatEvent,
    ClippedEvent,
    Event,
    GapEvent,
    LeadOffEvent,
    ReconnectEvent,
    SamplesEvent,
)

RECENT_INTERVALS = 8


class Tally:
    """Counts events.

    Parameters
    ----------
    labels : tuple of str
        Class names; each is counted, from 0.
    """

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.classes: Counter[str] = Counter(dict.fromkeys(labels, 0))
        self.samples = 0
        self.seconds = 0.0
        self.gaps = 0
        self.gap_s = 0.0
        self.lead_off = 0
        self.lead_off_s = 0.0
        self.clipped = 0
        self.reconnects = 0
        self._intervals: deque[float] = deque(maxlen=RECENT_INTERVALS)
        self._all_s = 0.0
        self._all = 0

    @property
    def beats(self) -> int:
        """How many beats there were."""
        return self.classes.total()

    @property
    def heart_rate(self) -> float | None:
        """Beats per minute now: from the median of the last RR intervals."""
        return 60 / statistics.median(self._intervals) if self._intervals else None

    @property
    def mean_heart_rate(self) -> float | None:
        """Beats per minute over all RR intervals."""
        return 60 * self._all / self._all_s if self._all_s else None

    def take(self, event: Event) -> None:
        """Count one event."""
        match event:
            case BeatEvent(label=label, rr_s=rr_s):
                self.classes[label] += 1
                if rr_s:
                    self._intervals.append(rr_s)
                    self._all_s += rr_s
                    self._all += 1
            case SamplesEvent(times_s=times_s):
                self.samples += len(times_s)
                self.seconds = max(self.seconds, times_s[-1])
            case GapEvent(seconds=seconds):
                self.gaps += 1
                self.gap_s += seconds
                self._intervals.clear()
            case LeadOffEvent(off=True):
                self.lead_off += 1
                self._intervals.clear()
            case LeadOffEvent(seconds=seconds):
                self.lead_off_s += seconds
            case ClippedEvent():
                self.clipped += 1
            case ReconnectEvent():
                self.reconnects += 1
            case _:
                pass
