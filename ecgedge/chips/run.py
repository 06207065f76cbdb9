"""Run a program on its core: bytes in, bytes out, and what it counted on the way."""

import re
import signal
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ecgedge.chips.build import Built
from ecgedge.chips.tools import first_line
from firmware_sim.errors import EcgedgeError

HEADER = struct.Struct("<6I")
SECTION = struct.Struct("<QII")
SECTIONS = 8
MAGIC = 0x52474345
RETURNED = 1
"""The report, as in `harness/report.h`."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Section:
    """A counted section: how often it ran, all of it together, and the longest call."""

    calls: int
    total: int
    longest: int


@dataclass(frozen=True)
class Run:
    """What a run gave.

    Attributes
    ----------
    output : bytes
        Everything that the program wrote.
    sections : dict of int to Section
        In the core's unit, for the sections that ran; empty when nothing was counted.
    stack_bytes : int or None
        The deepest stack from the harness's main on; None on the host.
    status : int
        What main returned.
    """

    output: bytes
    sections: dict[int, Section]
    stack_bytes: int | None
    status: int


def run(built: Built, data: bytes, *, count: bool = False, timeout_s: float = 600.0) -> Run:
    """Run a program with `data` as its input.

    Parameters
    ----------
    built : Built
    data : bytes
    count : bool
        Count the sections. On a Cortex-M this makes the run slower.
    timeout_s : float
        The run is stopped and refused after this time.

    Raises
    ------
    ToolMissing
        When the emulator is not installed.
    EcgedgeError
        When the program crashes, does not end, or its stack meets its variables.
    """
    with tempfile.TemporaryDirectory(prefix="ecgedge-run-") as name:
        folder = Path(name)
        (folder / "input").write_bytes(data)
        if count:
            (folder / "count").touch()
        command = built.core.command(built.elf.resolve(), count)
        said = _call(command, folder, built, timeout_s)
        try:
            report = (folder / "report").read_bytes()
            output = (folder / "output").read_bytes()
        except FileNotFoundError:
            raise _crash(built, f"it stopped without a result{said}") from None
    return _read_report(built, report, output, count=count, said=said)


def _crash(built: Built, problem: str) -> EcgedgeError:
    return EcgedgeError(
        f"the program failed on {built.core.title}: {problem}; look for the fault in its C code."
    )


def _said(text: str) -> str:
    """Return what an emulator complains about, in parentheses, or nothing."""
    lines = [line for line in COLOUR.sub("", text).splitlines() if ": warning: " not in line]
    problem = "\n".join(lines).strip()
    return f" ({first_line(problem, 'fatal', 'rror')})" if problem else ""


def _call(command: list[str], folder: Path, built: Built, timeout_s: float) -> str:
    """Run the emulator in a folder; return what it says, in parentheses, or nothing."""
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise _crash(built, f"it did not end within {timeout_s:g} s") from None
    said = _said((done.stderr + done.stdout).decode(errors="replace"))
    if done.returncode < 0:
        raise _crash(built, f"it was ended by {signal.Signals(-done.returncode).name}{said}")
    if done.returncode > 0:
        raise _crash(built, f"it ended with exit code {done.returncode}{said}")
    return said


def _read_report(built: Built, report: bytes, output: bytes, *, count: bool, said: str) -> Run:
    """Turn the report's bytes into a `Run`."""
    if len(report) != HEADER.size + SECTIONS * SECTION.size:
        raise _crash(built, "its report is not whole")
    magic, ended, status, stack, room, overflows = HEADER.unpack_from(report)
    if magic != MAGIC:
        raise _crash(built, "its report was overwritten")
    if ended != RETURNED:
        raise _crash(built, f"a fault{said or f' at address 0x{status:x}'}")
    if room and stack >= room:
        raise _crash(built, f"its stack met its variables, {room} bytes below the end of the RAM")
    if count and overflows:
        raise _crash(built, "a section was too long to count")
    found = {}
    for i in range(SECTIONS):
        total, calls, longest = SECTION.unpack_from(report, HEADER.size + i * SECTION.size)
        if calls and count:
            found[i] = Section(calls, total, longest)
    return Run(output, found, stack if room else None, status)
