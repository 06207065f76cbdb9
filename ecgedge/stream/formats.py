"""The wire formats by name: the registry, and recognition by reading."""

from collections.abc import Callable
from dataclasses import dataclass

from ecgedge.stream.binary_formats import (
    ChordsEncoder,
    ChordsParser,
    HealthypiEncoder,
    HealthypiParser,
)
from ecgedge.stream.csv_format import CsvParser
from ecgedge.stream.frame import FrameEncoder, FrameParser
from ecgedge.stream.text_formats import SparkfunParser, TeleplotParser, TextEncoder
from ecgedge.stream.wire import Encoder, Parser, Sample
from firmware_sim.errors import EcgedgeError


@dataclass(frozen=True)
class WireFormat:
    """One wire format.

    Attributes
    ----------
    name : str
        What `--format` calls it.
    baud : int
        Usual speed of the line.
    parser : callable
        Makes a fresh parser.
    encoder : callable
        Makes an encoder for a rate in Hz.
    hello, goodbye : bytes
        What the host sends to start and to stop the board; empty for boards that just talk.
    """

    name: str
    baud: int
    parser: Callable[[], Parser]
    encoder: Callable[[float], Encoder]
    hello: bytes = b""
    goodbye: bytes = b""


FORMATS: dict[str, WireFormat] = {
    wire.name: wire
    for wire in (
        WireFormat("sparkfun", 9600, SparkfunParser, lambda hz: TextEncoder("sparkfun", hz)),
        WireFormat("csv", 115200, CsvParser, lambda hz: TextEncoder("csv", hz)),
        WireFormat("teleplot", 115200, TeleplotParser, lambda hz: TextEncoder("teleplot", hz)),
        WireFormat(
            "chords", 230400, ChordsParser, lambda hz: ChordsEncoder(), b"START\n", b"STOP\n"
        ),
        WireFormat("healthypi", 115200, HealthypiParser, lambda hz: HealthypiEncoder()),
        WireFormat("ecgedge", 115200, FrameParser, FrameEncoder, b"s"),
    )
}


def wire_format(name: str) -> WireFormat:
    """Return a format by its name.

    Raises
    ------
    EcgedgeError
        When there is none of that name.
    """
    if name not in FORMATS:
        raise EcgedgeError(f"there is no wire format {name}; choose one of {', '.join(FORMATS)}.")
    return FORMATS[name]


ENOUGH_SAMPLES = 12
ENOUGH_SHARE = 0.5
MANY_SAMPLES = 100


def recognize(data: bytes, *, at_end: bool = False) -> WireFormat | None:
    """Tell the format of the first bytes of a stream by reading them in every format.

    Parameters
    ----------
    data : bytes
        Everything that has come so far; a few hundred bytes are enough.
    at_end : bool
        Nothing more will come: the best format that finds any sample is taken.

    Returns
    -------
    WireFormat or None
        The format that understands most of the bytes: `ENOUGH_SAMPLES` samples and half of the
        bytes, or `MANY_SAMPLES` samples. None when none is clear yet.
    """
    best: tuple[int, WireFormat] | None = None
    for wire in FORMATS.values():
        parser = wire.parser()
        events = parser.feed(data) + parser.finish()
        samples = sum(1 for event in events if type(event) is Sample)
        enough = samples >= ENOUGH_SAMPLES and parser.good_bytes >= ENOUGH_SHARE * len(data)
        if not (enough or samples >= MANY_SAMPLES or (at_end and samples)):
            continue
        if parser.good_bytes and (best is None or parser.good_bytes > best[0]):
            best = (parser.good_bytes, wire)
    return None if best is None else best[1]
