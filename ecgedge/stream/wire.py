"""What a wire format gives: samples, leads that are off, and what had to be thrown away.

A parser is fed bytes as they come and returns events. It never raises on what it is fed, keeps a
bounded number of bytes, and does not know what a second is unless the wire says so.
"""

from typing import NamedTuple, Protocol

LARGEST = 2**31 - 1
"""No converter gives more; a larger value on the wire is damage."""


class Sample(NamedTuple):
    """One sample.

    Attributes
    ----------
    value : float
        As on the wire; an int where the wire carried one. Always finite.
    ticks : float or None
        The board's clock, in units of the parser's `tick_s`; None without a clock.
    """

    value: float
    ticks: float | None = None


class LeadOff(NamedTuple):
    """An electrode is off; stands in the place of one sample."""

    ticks: float | None = None


class Lost(NamedTuple):
    """A counter on the wire says that so many samples are missing here."""

    samples: int


class Gap(NamedTuple):
    """What follows does not join on to what came before.

    Attributes
    ----------
    reason : str
        Why; ``"marked"`` when the wire says so.
    """

    reason: str = "marked"


class Begins(NamedTuple):
    """The board's own program starts anew with the next sample: nothing before it counts.

    Attributes
    ----------
    number : int
        Number of that sample, in the board's counting.
    """

    number: int


class Clipped(NamedTuple):
    """The board says that its converter was at a rail."""


class Info(NamedTuple):
    """The board introduces itself.

    Attributes
    ----------
    rate_hz : float
        Samples per second, positive.
    name : str
        Printable, at most 32 characters.
    """

    rate_hz: float
    name: str


class BoardBeat(NamedTuple):
    """A beat that the board classified itself.

    Attributes
    ----------
    sample : int
        Sample number of the R peak, in the board's counting.
    label : int
        Class index.
    flags : int
        Bit 0: found late, by searching back. Bits 1 and 2: quality, 0 good, 1 flat, 2 clipped.
    rr_samples : int
        RR interval before the beat; 0 when it is not known.
    scores : tuple of int
        One per class, on the scale 2**-14.
    """

    sample: int
    label: int
    flags: int
    rr_samples: int
    scores: tuple[int, ...]


class SelftestResult(NamedTuple):
    """What a board's self-test found.

    Attributes
    ----------
    passed : bool
    place : int
        Where the first difference is, as in `export/c/ecgedge_selftest.h`; -1 when the board does
        not say more.
    layers, labels : int
        How many token layers and classes its program has; one without branches has no layers.
    expected, actual : int
        What should be there, and what is.
    hidden : int
        Units of the hidden layer.
    measures : int
        Measures of a beat, in place of token layers.
    """

    passed: bool
    place: int
    layers: int
    labels: int
    expected: int
    actual: int
    hidden: int = 0
    measures: int = 0


class Garbage(NamedTuple):
    """Bytes that mean nothing in this format.

    Attributes
    ----------
    size : int
        How many bytes.
    reason : str
        ``"text"`` (a readable line, a banner for example), ``"not a number"`` (NaN, infinity or an
        empty field where a value belongs), ``"too large"`` (a value beyond `LARGEST`), ``"bytes"``
        or ``"checksum"``.
    line : int
        Number of the line, from 1; 0 in a binary format.
    """

    size: int
    reason: str
    line: int = 0


WireEvent = (
    Sample | LeadOff | Lost | Gap | Begins | Clipped | Info | BoardBeat | SelftestResult | Garbage
)


class Parser(Protocol):
    """An incremental parser of one wire format.

    Attributes
    ----------
    tick_s : float or None
        Seconds in a tick of `Sample.ticks`; None when the wire does not say.
    good_bytes : int
        Bytes understood so far.
    """

    tick_s: float | None
    good_bytes: int

    def feed(self, data: bytes) -> list[WireEvent]:
        """Take bytes and return what is complete."""
        ...

    def finish(self) -> list[WireEvent]:
        """Return what the end of the stream completes."""
        ...

    @property
    def buffered(self) -> int:
        """Bytes, or rows, that are waiting for more; bounded."""
        ...


class Encoder(Protocol):
    """The sending side of a wire format, for the virtual board."""

    def start(self) -> bytes:
        """Return what the board says when it starts."""
        ...

    def sample(self, value: float, index: int) -> bytes:
        """Return the bytes of sample number `index`; may hold some back to fill a frame."""
        ...

    def lead_off(self, index: int) -> bytes:
        """Return the bytes that stand in the place of sample `index` while a lead is off."""
        ...

    def finish(self) -> bytes:
        """Return what was held back."""
        ...
