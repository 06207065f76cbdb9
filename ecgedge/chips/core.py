"""What a core is: how to compile for it, how to run it, and what it counts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HARNESS = Path(__file__).resolve().parent / "harness"
"""The C files of the ports."""

Unit = Literal["instructions", "cycles", "nanoseconds"]


@dataclass(frozen=True)
class Core:
    """A core that C is compiled for and run on.

    Attributes
    ----------
    name : str
        As in `ecgedge.chips.cores.CORES`.
    title : str
        What people call it, and what emulates it.
    prefix : str
        Of its compiler and binutils: ``arm-none-eabi-``, ``avr-``, or nothing.
    needs : tuple of str
        What must be installed, names of `ecgedge.chips.tools.PACKAGES`.
    flags, link : tuple of str
        For every compilation, and for linking only.
    port : tuple of str
        C files of `HARNESS` that implement its `port.h`.
    unit : str
        What a section counts. Instructions and cycles repeat exactly; nanoseconds are the wall's.
    clock_hz : int or None
        The usual clock of such a chip; None where it says nothing.
    flash_bytes, ram_bytes : int or None
        What the linker allows; None where there is no limit.
    call_bytes : int
        Stack that a call itself takes: 2 on AVR, where it pushes the return address.
    interrupt_bytes : int
        Stack that the core takes before an interrupt handler runs.
    command : function
        From an ELF file and whether to count, the emulator's command line. It runs in a folder
        with the file ``input`` and leaves ``output`` and ``report`` (`harness/report.h`) there.
    optimize : str
        The compiler's level, unless a build asks for another one.
    standard : str
        The C standard.
    """

    name: str
    title: str
    prefix: str
    needs: tuple[str, ...]
    flags: tuple[str, ...]
    link: tuple[str, ...]
    port: tuple[str, ...]
    unit: Unit
    clock_hz: int | None
    flash_bytes: int | None
    ram_bytes: int | None
    call_bytes: int
    interrupt_bytes: int
    command: Callable[[Path, bool], list[str]]
    optimize: str = "-O2"
    standard: str = "-std=c99"

    def tool(self, name: str) -> str:
        """Return the name of one of its tools: ``gcc``, ``nm``, ``objdump`` ..."""
        return self.prefix + name
