"""How much flash and RAM compiled C takes, and which symbols it defines and wants."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecgedge.chips.core import Core
from ecgedge.chips.tools import find_tool, first_line
from firmware_sim.errors import EcgedgeError

IN_FLASH = "tTrRwWvV"
IN_FLASH_AND_RAM = "dDgG"
IN_RAM = "bBsSC"


@dataclass(frozen=True)
class Sizes:
    """Static memory, in bytes.

    Attributes
    ----------
    flash : int
        Code, constants, and the initial values of variables.
    ram : int
        Variables; not the stack.
    """

    flash: int
    ram: int


@dataclass(frozen=True)
class Symbol:
    """A symbol that takes memory: its name, and its bytes in flash and in RAM."""

    name: str
    flash: int
    ram: int


@dataclass(frozen=True)
class Symbols:
    """Names that an object file defines, and names that it wants from elsewhere."""

    defined: frozenset[str]
    undefined: frozenset[str]


def output_of(core: Core, tool: str, *arguments: str | Path) -> str:
    """Return what one of a core's binutils prints.

    Raises
    ------
    EcgedgeError
        When it is not installed or refuses its arguments.
    """
    command = [str(find_tool(core.tool(tool))), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EcgedgeError(f"{core.tool(tool)} fails ({first_line(done.stderr)}); build again.")
    return done.stdout


def sizes(core: Core, *files: Path) -> Sizes:
    """Add up the static memory of an ELF file or of object files.

    Raises
    ------
    EcgedgeError
        When a file is not one.
    """
    rows = [line.split() for line in output_of(core, "size", *files).splitlines()[1:]]
    text, data, bss = (sum(int(row[column]) for row in rows) for column in range(3))
    return Sizes(flash=text + data, ram=data + bss)


def symbol_sizes(core: Core, file: Path, prefixes: Sequence[str] = ("",)) -> list[Symbol]:
    """List the symbols of a file whose names start with one of `prefixes`, the largest first."""
    found = []
    for line in output_of(core, "nm", "-S", file).splitlines():
        parts = line.split()
        if len(parts) != 4 or not parts[3].startswith(tuple(prefixes)):
            continue
        size, kind = int(parts[1], 16), parts[2]
        flash = size if kind in IN_FLASH + IN_FLASH_AND_RAM else 0
        ram = size if kind in IN_RAM + IN_FLASH_AND_RAM else 0
        found.append(Symbol(parts[3], flash, ram))
    return sorted(found, key=lambda symbol: (-symbol.flash - symbol.ram, symbol.name))


def symbols(core: Core, *files: Path) -> Symbols:
    """List what object files define, and what they want that none of them defines."""
    defined: set[str] = set()
    wanted: set[str] = set()
    for file in files:
        for line in output_of(core, "nm", file).splitlines():
            kind, name = line.split()[-2:]
            (wanted if kind in "Uwv" else defined).add(name)
    return Symbols(frozenset(defined), frozenset(wanted - defined))
