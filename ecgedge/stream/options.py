"""What a session is told beforehand."""

from dataclasses import dataclass, field

from ecgedge.stream.intake import Patience


@dataclass(frozen=True)
class Options:
    """What a session is told beforehand.

    Attributes
    ----------
    source : str
        Port or file; named in events and errors.
    format : str or None
        Wire format; None recognizes it.
    rate_hz : float or None
        Sampling rate; None measures it.
    live : bool
        Bytes arrive when they are sent: arrival times and silence mean something.
    strict : bool
        NaN, infinity or an empty field in the place of a value is an error that names its line.
    silence_s : float
        A live stream that pauses for longer has a gap there, unless its clock knows better.
    stop_s : float or None
        Stop after this many seconds of signal.
    stop_beats : int or None
        Stop after this many beats.
    patience : Patience
        When to give up on a stream of garbage.
    """

    source: str
    format: str | None = None
    rate_hz: float | None = None
    live: bool = True
    strict: bool = False
    silence_s: float = 3.0
    stop_s: float | None = None
    stop_beats: int | None = None
    patience: Patience = field(default_factory=Patience)
