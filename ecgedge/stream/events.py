"""What a session tells: beats, and everything that happened to the stream between them.

Each event is a small frozen record. `as_json` gives the object that `--json` prints; the two
events that carry signal (`SamplesEvent`, `SignalEvent`) are for the recorder and the view only.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StartEvent:
    """A session begins: which program runs on what."""

    event: ClassVar[str] = "start"
    source: str
    program: str
    digest: str
    labels: tuple[str, ...]
    fs: int


@dataclass(frozen=True)
class FormatEvent:
    """The wire format is known, recognized by reading or named by the user."""

    event: ClassVar[str] = "format"
    format: str
    recognized: bool


@dataclass(frozen=True)
class BaudEvent:
    """At the speed before nothing made sense; now the line is read at this one."""

    event: ClassVar[str] = "baud"
    baud: int


@dataclass(frozen=True)
class RateEvent:
    """The sampling rate is known, or has changed.

    `source` is clock, arrival, given, board or file; when `resampled` is false the samples go into
    the program as they are.
    """

    event: ClassVar[str] = "rate"
    time_s: float
    measured_hz: float
    used_hz: float
    program_hz: int
    source: str
    resampled: bool


@dataclass(frozen=True)
class ScaleEvent:
    """The numbers on the wire are no 16-bit counts: counts = (value - offset) * factor."""

    event: ClassVar[str] = "scale"
    factor: float
    offset: float


@dataclass(frozen=True)
class BoardEvent:
    """The board introduced itself.

    `same_program` says whether it runs the simulator's program, so that their beats are compared;
    null when its name does not tell.
    """

    event: ClassVar[str] = "board"
    name: str
    rate_hz: float
    same_program: bool | None = None


@dataclass(frozen=True)
class BoardBeatEvent:
    """A beat that the board classified itself, in its own sample numbers."""

    event: ClassVar[str] = "board_beat"
    sample: int
    label: str
    scores: tuple[int, ...]
    rr_samples: int


@dataclass(frozen=True)
class BoardDiffersEvent:
    """The board says something else than the simulator for the same samples.

    Attributes
    ----------
    time_s : float or None
        Time of the simulator's R peak; None when it has no beat there.
    sample : int
        The R peak among the samples that went into the program.
    board, simulator : str
        What each says: class, scores, RR interval in samples, quality; or ``"no beat"``.
    """

    event: ClassVar[str] = "board_differs"
    time_s: float | None
    sample: int
    board: str
    simulator: str


@dataclass(frozen=True)
class BeatEvent:
    """One classified beat.

    Attributes
    ----------
    time_s : float
        Time of the R peak since the first sample, in seconds of the stream.
    sample : int
        The R peak among the samples that went into the program, at the program's rate.
    label : str
        Class name.
    scores : tuple of int
        One per class of the program, on the scale 2**-14.
    rr_s : float or None
        RR interval before the beat in seconds; None after the start or a gap.
    quality : str
        Of the window: good, flat or clipped.
    """

    event: ClassVar[str] = "beat"
    time_s: float
    sample: int
    label: str
    scores: tuple[int, ...]
    rr_s: float | None
    quality: str


@dataclass(frozen=True)
class GapEvent:
    """Time without samples; told at the first sample after it. Filters and rhythm start anew.

    `reason` is clock (time stamps jump), lost (the wire's counter jumps), restart (the board's own
    program started anew), silence, unplugged, backlog (the host stalled, old samples were thrown
    away), rate (it changed), or marked (in a recording).
    """

    event: ClassVar[str] = "gap"
    time_s: float
    seconds: float
    reason: str


@dataclass(frozen=True)
class LeadOffEvent:
    """An electrode came off (`off` true), or is on again after `seconds`."""

    event: ClassVar[str] = "lead_off"
    time_s: float
    off: bool
    seconds: float


@dataclass(frozen=True)
class SilenceEvent:
    """Nothing has come for a while; the port is still there."""

    event: ClassVar[str] = "silence"
    time_s: float
    seconds: float


@dataclass(frozen=True)
class UnpluggedEvent:
    """The port is gone; it is waited for."""

    event: ClassVar[str] = "unplugged"
    time_s: float
    port: str


@dataclass(frozen=True)
class ReconnectEvent:
    """The port is back, perhaps under another name."""

    event: ClassVar[str] = "reconnect"
    time_s: float
    port: str
    seconds: float


@dataclass(frozen=True)
class ClippedEvent:
    """The converter is at a rail: the signal is cut off."""

    event: ClassVar[str] = "clipped"
    time_s: float


@dataclass(frozen=True)
class SummaryEvent:
    """What the session saw, at its end.

    `board` counts the beats of a board that classifies itself: `beats`, those that were `compared`
    with the simulator's, and `mismatches`; null when it says none.
    """

    event: ClassVar[str] = "summary"
    seconds: float
    samples: int
    beats: int
    classes: dict[str, int]
    heart_rate_bpm: float | None
    gaps: int
    gap_s: float
    lead_off: int
    lead_off_s: float
    lost_samples: int
    damaged_lines: int
    garbage_bytes: int
    clipped: int
    reconnects: int
    board: dict[str, int] | None = None


@dataclass(frozen=True, eq=False)
class SamplesEvent:
    """Samples as they were on the wire, for the recorder.

    Attributes
    ----------
    times_s : tuple of float
        Seconds since the first sample.
    values : tuple of float
        As on the wire.
    after_gap : bool
        The first of them does not join on to what came before.
    """

    event: ClassVar[str] = "samples"
    times_s: tuple[float, ...]
    values: tuple[float, ...]
    after_gap: bool


@dataclass(frozen=True, eq=False)
class SignalEvent:
    """Counts that went into the program, for the view: int32 from sample number `first` on."""

    event: ClassVar[str] = "signal"
    first: int
    counts: NDArray[np.int32]


Event = (
    StartEvent
    | FormatEvent
    | BaudEvent
    | RateEvent
    | ScaleEvent
    | BoardEvent
    | BoardBeatEvent
    | BoardDiffersEvent
    | BeatEvent
    | GapEvent
    | LeadOffEvent
    | SilenceEvent
    | UnpluggedEvent
    | ReconnectEvent
    | ClippedEvent
    | SummaryEvent
    | SamplesEvent
    | SignalEvent
)


def as_json(event: Event) -> dict[str, Any]:
    """Return an event as a JSON object; seconds and rates are rounded to a millionth.

    Parameters
    ----------
    event : Event
        Anything but `SamplesEvent` and `SignalEvent`.
    """
    values = {field.name: getattr(event, field.name) for field in fields(event)}
    return {
        "event": event.event,
        **{
            key: round(value, 6) if isinstance(value, float) else value
            for key, value in values.items()
        },
    }
