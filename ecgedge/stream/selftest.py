"""Ask a board to test itself, and read what it says."""

import re

from ecgedge.stream.frame import FrameParser
from ecgedge.stream.source import Chunk, SerialSource, Unplugged, now_s
from ecgedge.stream.wire import Info, SelftestResult
from firmware_sim.errors import EcgedgeError

ASK_EVERY_S = 3.0
"""A board that was reset by the opening of its port needs up to two seconds to start."""
POLL_S = 0.1
TEXT = re.compile(rb"# selftest (passed|failed) (\d+)")
MAX_TEXT = 256

CHANNELS = 4
TOKEN_VALUES = 32


def place(result: SelftestResult) -> str:
    """Return in words where the first difference is."""
    at = result.position
    token, channel = divmod(at % TOKEN_VALUES, CHANNELS)
    names = {
        0: f"sums of the convolutions, token {token}, channel {channel}",
        1: f"tokens.{at // TOKEN_VALUES}, token {token}, channel {channel}",
        2: f"mean, channel {at}",
        3: f"scores, class {at}",
        4: "label",
        5: f"pipeline, {'checksum over the beats' if at else 'number of beats'}",
    }
    return names.get(result.layer, f"layer {result.layer}, position {at}")


class Listener:
    """Reads a board's answers, binary or text.

    Attributes
    ----------
    info : Info or None
        Who answers, when it says so in frames.
    result : SelftestResult or None
        In text modes only whether it passed and the count are known.
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
        if found is not None and found.end() < len(self._text) and self.result is None:
            self.result = SelftestResult(found[1] == b"passed", int(found[2]), -1, 0, 0, 0)


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
