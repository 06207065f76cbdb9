"""`ecgedge device --firmware`: the very firmware, in a simulated Uno, on a pseudo-terminal."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecgedge.cli.given import is_given
from firmware_sim.errors import EcgedgeError

if TYPE_CHECKING:
    from ecgedge.stream.device_input import Recording
    from firmware_sim.program import Program

AUTO = "auto"
ELF_MAGIC = b"\x7fELF"
ELF_MACHINE = slice(18, 20)
AVR = b"\x53\x00"
"""What an ELF file for an AVR has there: EM_AVR, little-endian."""
ELF_RATE_HZ = 360.0
REFUSED = {
    "wire": "--format (the firmware chooses it)",
    "unplug": "--unplug",
    "garbage": "--garbage",
    "loop": "--loop",
    "wait_reader": "--no-wait-reader",
}
"""Parameter of `ecgedge device` that a firmware does not have -> how the user wrote it."""


def refuse_options() -> None:
    """Refuse options of the replaying board.

    Raises
    ------
    click.UsageError
        When one was given.
    """
    for name, text in REFUSED.items():
        if is_given(name):
            raise click.UsageError(f"{text} is not for --firmware; leave it out.")


def is_elf(place: str) -> bool:
    """Say whether a path is a compiled firmware.

    Raises
    ------
    EcgedgeError
        When it is compiled for something else than an AVR.
    """
    try:
        with Path(place).open("rb") as file:
            head = file.read(ELF_MACHINE.stop)
    except OSError:
        return False
    if not head.startswith(ELF_MAGIC):
        return False
    if head[ELF_MACHINE] != AVR:
        raise EcgedgeError(f"{place} is a program for another processor; compile it for an Uno.")
    return True


def program_of(firmware: str) -> "Program | None":
    """Read the program of a bundle; None for an ELF file."""
    from ecgedge.zoo import find_program

    if is_elf(firmware):
        return None
    if firmware.endswith(".elf") and not Path(firmware).exists():
        raise EcgedgeError(f"{firmware} does not exist; compile the sketch, or name a bundle.")
    return find_program(None if firmware == AUTO else firmware)


def rate_of(program: "Program | None", rate_hz: float | None) -> float:
    """Return the rate at which the firmware samples.

    Raises
    ------
    click.UsageError
        When a rate is given for a program, which has one.
    """
    if program is None:
        return rate_hz or ELF_RATE_HZ
    if rate_hz is not None:
        raise click.UsageError("--rate is not for --firmware with a program; it has its own rate.")
    return float(program.fs)


def _codes(recording: "Recording", lead_off: tuple[float, float] | None) -> bytes:
    """Return what the chip's converter gets of a recording."""
    import numpy as np

    from calib.adc import FrontEnd
    from ecgedge.stream.firmware import words

    values = np.asarray(recording.values, dtype=np.float64)
    if recording.gain is None:
        codes = np.rint(values).astype(np.int64)
    else:
        codes = FrontEnd().codes((values - recording.baseline) / recording.gain).astype(np.int64)
    if lead_off is None:
        return words(codes)
    every_s, length_s = lead_off
    time_s = np.arange(len(codes)) / recording.rate_hz
    return words(codes, (time_s >= every_s) & (time_s % every_s < length_s))


def _built(program: "Program", folder: Path) -> Path:
    """Export the Arduino library of a program and compile its sketch."""
    from ecgedge import __version__
    from ecgedge.chips.arduino import build_sketch
    from export.arduino_library import write_arduino

    write_arduino(folder / "library", program, made_by=f"ecgedge {__version__}")
    return build_sketch(folder / "library", folder / "build").elf


def run_firmware(
    firmware: str,
    program: "Program | None",
    recording: "Recording",
    *,
    speed: float | None,
    lead_off: tuple[float, float] | None,
    link: Path | None,
    announce: Callable[[str], None],
) -> None:
    """Be the board until the recording has come to its end.

    Parameters
    ----------
    firmware : str
        Path of an ELF file where there is no program.
    program : Program or None
    recording : Recording
        At the firmware's rate.
    speed : float or None
        1 is real time; None is as fast as the reader reads.
    lead_off : tuple of float or None
        (every, length) in seconds.
    link : Path or None
    announce : callable
        Told the path of the pseudo-terminal.

    Raises
    ------
    EcgedgeError
        When a tool is missing, or the firmware does not compile or run.
    """
    from ecgedge.stream.firmware import FirmwareBoard
    from ecgedge.stream.run import stop_on_signals

    samples = _codes(recording, lead_off)
    with tempfile.TemporaryDirectory(prefix="ecgedge-firmware-") as name, stop_on_signals() as stop:
        elf = Path(firmware) if program is None else _built(program, Path(name))
        board = FirmwareBoard(elf, samples, speed, link, announce)
        board.open()
        what = firmware if program is None else f"firmware of {program.name}"
        length_s = len(recording.values) / recording.rate_hz
        click.echo(f"{recording.name}, {length_s:.1f} s, {what} on an ATmega328P", err=True)
        board.run(stop)
    found = board.measured
    if found is not None:
        click.echo(
            f"{found.samples} samples; the processor was awake {100 * found.busy:.1f} % of the "
            f"time, its stack was {found.stack_bytes} of {found.room_bytes} bytes deep",
            err=True,
        )
