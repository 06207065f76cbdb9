"""Ask a board to test itself, and read what it says."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from ecgedge.stream.frame import FrameParser
from ecgedge.stream.source import Chunk, SerialSource, Unplugged, now_s
from ecgedge.stream.wire import Info, SelftestResult
from firmware_sim.errors import EcgedgeError

ASK_EVERY_S = 3.0
"""A board that was reset by the opening of its port needs up to two seconds to start."""
POLL_S = 0.1
TEXT = re.compile(rb"# selftest (\d+)\n")
"""What a board says in text: 0, or 1 and the place of the first difference."""
MAX_TEXT = 256

TOKENS, CHANNELS = 8, 4
BEATS, CRC = 254, 255
WORD = 4
"""Values of a byte in a word."""


@dataclass(frozen=True)
class Difference:
    """The first difference: where it is, what should be there and what is."""

    where: str
    expected: list[int]
    actual: list[int]


def _bytes_of(word: int) -> list[int]:
    """Return the four bytes of a word as signed integers."""
    return [*struct.unpack("<4b", struct.pack("<i", word))]


def difference(result: SelftestResult) -> Difference:
    """Say what a failed self-test found.

    The place counts words of four bytes through the layers that the program has: sums, one a token
    and channel; the tokens of every layer and the mean, four channels in a word; the sums of the
    measures, one each, and their values, four in a word; the same of the hidden layer; scores, one
    a class.
    """
    where, packed = _place(result)
    values = (result.expected, result.actual)
    expected, actual = (_bytes_of(v) if packed else [v] for v in values)
    return Difference(where, expected, actual)


def _place(result: SelftestResult) -> tuple[str, bool]:
    """Say what a place is, and whether four values are in its word."""
    place = result.place
    if place in (BEATS, CRC):
        part = "number of beats" if place == BEATS else "checksum over the beats"
        return f"pipeline, {part}", False
    for count, packed, name in _layers(result):
        if place < count:
            return name(place), packed
        place -= count
    return f"scores, class {place}", False


def _layers(result: SelftestResult) -> list[tuple[int, bool, Callable[[int], str]]]:
    """Return words, whether they hold four values each, and names, of what precedes the scores."""
    found: list[tuple[int, bool, Callable[[int], str]]] = []
    if result.layers:
        found += [
            (TOKENS * CHANNELS, False, _convolution_place),
            (TOKENS * (result.layers + 1), True, _token_place),
            (1, True, lambda _: "mean"),
        ]
    measures, hidden = result.measures, result.hidden
    return [
        *found,
        (measures, False, lambda i: f"sums of the measures, measure {i}"),
        (-(-measures // WORD), True, lambda word: f"measures, from {WORD * word} on"),
        (hidden, False, lambda unit: f"sums of the hidden layer, unit {unit}"),
        (-(-hidden // WORD), True, lambda word: f"hidden, from unit {WORD * word} on"),
    ]


def _convolution_place(place: int) -> str:
    token, channel = divmod(place, CHANNELS)
    return f"sums of the convolutions, token {token}, channel {channel}"


def _token_place(place: int) -> str:
    layer, token = divmod(place, TOKENS)
    return f"tokens.{layer}, token {token}"


class Listener:
    """Reads a board's answers, binary or text.

    Attributes
    ----------
    info : Info or None
        Who answers, when it says so in frames.
    result : SelftestResult or None
        In text modes only whether it passed is known.
    """

    def __init__(self) -> None:
        self.info: Info | None = None
        self.result: SelftestResult | None = None
        self._parser = FrameParser()
        self._text = b""

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        for event in self._parser.feed(data):
            if isinstance(event, Info):
                self.info = event
            if isinstance(event, SelftestResult):
                self.result = event
        self._text = (self._text + data)[-MAX_TEXT - len(data) :]
        found = TEXT.search(self._text)
        if found is not None and self.result is None:
            self.result = SelftestResult(int(found[1]) == 0, -1, 0, 0, 0, 0)


def ask(source: SerialSource, timeout_s: float) -> Listener:
    """Ask for the self-test on an open port, again and again until it is answered.

    Parameters
    ----------
    source : SerialSource
        Open.
    timeout_s : float
        When to give up.

    Returns
    -------
    Listener
        With a result.

    Raises
    ------
    EcgedgeError
        When nothing answers, or the port goes away.
    """
    listener = Listener()
    began_s = now_s()
    asked_s: float | None = None
    while listener.result is None:
        moment_s = now_s()
        if moment_s - began_s > timeout_s:
            raise EcgedgeError(
                f"{source.port} does not answer the self-test within {timeout_s:g} s; is the "
                "firmware of `ecgedge export --to arduino` on the board?"
            )
        if asked_s is None or moment_s - asked_s > ASK_EVERY_S:
            asked_s = moment_s
            source.send(b"it")
        item = source.read(POLL_S)
        if isinstance(item, Chunk):
            listener.feed(item.data)
        if isinstance(item, Unplugged):
            raise EcgedgeError(f"{source.port} went away during the self-test; check the cable.")
    return listener
