"""Where the events of a session gather, each counted; the last beat wanted ends the session."""

from ecgedge.stream.events import BeatEvent, Event
from ecgedge.stream.tally import Tally


class Outlet:
    """Gathers events until they are taken.

    Parameters
    ----------
    labels : tuple of str
        Class names, to be counted.
    stop_beats : int or None
        Beats that are wanted; None for all.

    Attributes
    ----------
    tally : Tally
        Running totals.
    done : bool
        A stop condition was met.
    """

    def __init__(self, labels: tuple[str, ...], stop_beats: int | None) -> None:
        self.tally = Tally(labels)
        self.done = False
        self._stop_beats = stop_beats
        self._events: list[Event] = []

    def tell(self, event: Event) -> None:
        """Put an event out; beats beyond the last one wanted are not told."""
        wanted = self._stop_beats
        if isinstance(event, BeatEvent) and wanted is not None and self.tally.beats >= wanted:
            return
        self.tally.take(event)
        self._events.append(event)
        if wanted and self.tally.beats >= wanted:
            self.done = True

    def take(self) -> list[Event]:
        """Return the events since the last time."""
        events, self._events = self._events, []
        return events
