"""The sketch of a program, compiled once a session, and a run of it in the simulated Uno."""

import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calib.adc import FrontEnd
from ecgedge.chips.arduino import NEEDS, Sketch, build_sketch
from ecgedge.chips.simavr import simulator
from ecgedge.data.record import read_record
from ecgedge.stream.firmware import Measured, _measured, words
from ecgedge.zoo import shipped_bundles
from export.arduino_library import write_arduino
from firmware_sim.program import Program
from firmware_sim.program_file import load_program

TOOLS = (*NEEDS, "gcc", "libsimavr")


def shipped(name: str) -> Program:
    """A program that ships with ecgedge."""
    return load_program(shipped_bundles()[name] / "program.json")


def sketch_of(program: Program, folder: Path) -> Sketch:
    """Export a program and compile its sketch."""
    write_arduino(folder / "library", program)
    return build_sketch(folder / "library", folder / "build")


@cache
def shipped_sketch(name: str) -> Sketch:
    """The sketch of a shipped program, which nothing may change."""
    return sketch_of(shipped(name), Path(tempfile.mkdtemp(prefix="ecgedge-sketch-")))


def codes_of(folder: Path, name: str, seconds: float) -> NDArray[np.int32]:
    """What an AD8232 and a 10-bit converter make of a record."""
    record = read_record(folder, name)
    return FrontEnd().codes(record.millivolts[: round(seconds * record.fs)])


@dataclass(frozen=True)
class Said:
    """What a firmware said, and what the simulator measured."""

    data: bytes
    measured: Measured


def run_uno(
    elf: Path,
    codes: NDArray[np.integer],
    commands: bytes = b"",
    lead_off: NDArray[np.bool_] | None = None,
) -> Said:
    """Run a firmware on codes, as fast as possible; a command arrives each millisecond.

    Commands are in a file: the simulator does not wait for a pipe to be written.
    """
    with tempfile.TemporaryDirectory() as name:
        said, heard = Path(name) / "codes", Path(name) / "commands"
        said.write_bytes(words(codes, lead_off))
        heard.write_bytes(commands)
        with heard.open("rb") as stdin:
            done = subprocess.run(
                [simulator("uno"), elf, said, "0"], stdin=stdin, capture_output=True, check=True
            )
    measured = _measured(done.stderr)
    assert measured is not None
    return Said(done.stdout, measured)
