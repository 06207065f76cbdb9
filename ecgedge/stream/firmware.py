"""A virtual board that runs the very firmware: its chip in simavr, its line on a pseudo-terminal.

The simulator is a process of its own; its time stands still while nobody reads what it says. What
the reader sends goes to the chip.
"""

import contextlib
import os
import select
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgedge.chips.simavr import simulator
from ecgedge.stream.pseudo_terminal import PseudoTerminal
from firmware_sim.errors import EcgedgeError

LEAD_OFF = 0x8000
LARGEST = 1023
READ_BYTES = 4096
POLL_S = 0.01
CLOCK_HZ = 16_000_000
END_S = 10.0


@dataclass(frozen=True)
class Measured:
    """What the simulator saw of a firmware, from its reset to its end.

    Attributes
    ----------
    samples : int
        Samples that were converted.
    cycles, asleep : int
        Of the processor, at 16 MHz; in how many of them it slept.
    stack_bytes, room_bytes : int
        The deepest stack, and the RAM that the variables leave for it.
    """

    samples: int
    cycles: int
    asleep: int
    stack_bytes: int
    room_bytes: int

    @property
    def busy(self) -> float:
        """Share of the time in which the processor was awake."""
        return 1 - self.asleep / self.cycles if self.cycles else 0.0


def words(codes: NDArray[np.integer], lead_off: NDArray[np.bool_] | None = None) -> bytes:
    """Return what the simulator reads: 16 bits a sample.

    Parameters
    ----------
    codes : (n,) integers
        0 ... 1023.
    lead_off : (n,) bool, optional
        Where an electrode is off.

    Raises
    ------
    EcgedgeError
        When there is no sample, or one is no code of a 10-bit converter.
    """
    if not len(codes):
        raise EcgedgeError("there are no samples to convert; choose another part of the record.")
    if int(codes.min()) < 0 or int(codes.max()) > LARGEST:
        raise EcgedgeError(f"a sample is no code of a 10-bit converter, 0 ... {LARGEST}.")
    found = codes.astype(np.uint16)
    if lead_off is not None:
        found[lead_off] |= LEAD_OFF
    return found.astype("<u2").tobytes()


def _measured(report: bytes) -> Measured | None:
    """Read the simulator's last line."""
    values = dict(pair.split("=", 1) for pair in report.decode(errors="replace").split()
                  if "=" in pair)  # fmt: skip
    try:
        return Measured(
            samples=int(values["samples"]),
            cycles=int(values["cycles"]),
            asleep=int(values["asleep"]),
            stack_bytes=int(values["stack"]),
            room_bytes=int(values["room"]),
        )
    except (KeyError, ValueError):
        return None


class FirmwareBoard:
    """Runs a firmware.

    Parameters
    ----------
    elf : Path
        For an ATmega328P at 16 MHz.
    samples : bytes
        From `words`.
    speed : float or None
        1 is real time; None is as fast as the reader reads.
    link : Path, optional
        A symbolic link to the pseudo-terminal.
    announce : callable
        Told the path of the pseudo-terminal.

    Attributes
    ----------
    measured : Measured or None
        Once the recording has come to its end.
    """

    def __init__(
        self,
        elf: Path,
        samples: bytes,
        speed: float | None = 1.0,
        link: Path | None = None,
        announce: Callable[[str], None] = lambda path: None,
    ) -> None:
        self.measured: Measured | None = None
        self._elf = elf
        self._samples = samples
        self._speed = speed
        self._link = link
        self._announce = announce
        self._simulator = simulator("uno")
        self._terminal: PseudoTerminal | None = None

    def open(self) -> PseudoTerminal:
        """Appear, if that has not happened yet."""
        if self._terminal is None:
            self._terminal = PseudoTerminal(self._link)
            self._announce(self._terminal.path)
        return self._terminal

    def run(self, stop: threading.Event) -> None:
        """Wait for a reader, run the firmware to the end of the recording, and pull the plug.

        Parameters
        ----------
        stop : threading.Event
            Ends it before.

        Raises
        ------
        EcgedgeError
            When the simulator fails.
        """
        terminal = self.open()
        try:
            if terminal.wait_for_reader(stop):
                with tempfile.TemporaryDirectory(prefix="ecgedge-uno-") as name:
                    codes = Path(name) / "codes"
                    codes.write_bytes(self._samples)
                    self._run(terminal, codes, stop)
                terminal.drain(stop)
        finally:
            terminal.close()

    def _run(self, terminal: PseudoTerminal, codes: Path, stop: threading.Event) -> None:
        speed = 0.0 if self._speed is None else self._speed
        command = [str(self._simulator), str(self._elf), str(codes), repr(speed)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                self._connect(terminal, process, stop)
                if not stop.is_set():
                    self._end(process)
            finally:
                process.kill()

    def _connect(
        self, terminal: PseudoTerminal, process: subprocess.Popen[bytes], stop: threading.Event
    ) -> None:
        """Carry bytes both ways until the simulator has said everything."""
        assert process.stdin is not None
        assert process.stdout is not None
        said = process.stdout.fileno()
        while not stop.is_set():
            if heard := terminal.take():
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(heard)
                    process.stdin.flush()
            if not select.select([said], [], [], POLL_S)[0]:
                continue
            data = os.read(said, READ_BYTES)
            if not data:
                return
            self._deliver(terminal, data, stop)

    @staticmethod
    def _deliver(terminal: PseudoTerminal, data: bytes, stop: threading.Event) -> None:
        """Write to the reader; wait for one when there is none."""
        while data and not stop.is_set():
            data = data[terminal.write(data, stop) :]
            if data and not terminal.wait_for_reader(stop):
                return

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Take the simulator's report."""
        assert process.stderr is not None
        report = process.stderr.read()
        status = process.wait(END_S)
        self.measured = _measured(report)
        if status != 0 or self.measured is None:
            problem = " ".join(report.decode(errors="replace").split()) or "it says nothing"
            raise EcgedgeError(f"the firmware {self._elf} fails in the simulator: {problem}.")
