"""Fixtures of the stream: a program, a recording, a board on a pseudo-terminal."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ecgedge.data.record import read_record
from firmware_sim.program import Program
from tests.programs import random_program


@pytest.fixture(scope="session")
def program() -> Program:
    """A random program for 360 Hz that uses the RR context."""
    return random_program(7)


@pytest.fixture(scope="session")
def counts(excerpt: Path) -> list[int]:
    """A minute of a recording with ventricular beats, 360 Hz."""
    return read_record(excerpt, "208").counts[: 60 * 360].tolist()


@pytest.fixture
def stop() -> threading.Event:
    """An event that nothing sets."""
    return threading.Event()


class Board:
    """The board's end of a pseudo-terminal, with a link to the other end that can be moved.

    Attributes
    ----------
    master, slave : int
        Both ends; the slave is kept open so that nothing is lost before a reader comes.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self.master, self.slave = -1, -1
        self.plug_in()

    def plug_in(self) -> None:
        """Appear, perhaps under another name; the link leads there."""
        self.master, self.slave = os.openpty()
        new = self.link.with_suffix(".new")
        new.symlink_to(os.ttyname(self.slave))
        new.replace(self.link)

    def send(self, data: bytes) -> None:
        """Write bytes."""
        os.write(self.master, data)

    def pull(self) -> None:
        """Unplug."""
        for handle in (self.slave, self.master):
            with suppress(OSError):
                os.close(handle)
        self.master, self.slave = -1, -1


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """A board that is plugged in at ``board.link``."""
    made = Board(tmp_path / "port")
    yield made
    made.pull()
