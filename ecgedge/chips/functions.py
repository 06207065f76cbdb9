"""The functions of a linked program: who calls whom, and what each takes of the stack."""

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ecgedge.chips.core import Core
from ecgedge.chips.instructions import (
    Instruction,
    InstructionSet,
    instruction_set,
    parse,
    reserves,
)
from ecgedge.chips.sizes import output_of

SYMBOL = re.compile(r"^\s*\d+: ([0-9a-f]+)\s+(\d+) (FUNC|NOTYPE)\s+\w+\s+\w+\s+\d+ (\w\S*)$")
"""A symbol of a section that readelf prints: address, size, type, name."""

MOVED_AWAY = ".cold"
"""What gcc appends to the name of a function's seldom part, which lies elsewhere."""


@dataclass
class Function:
    """What the instructions of a function show.

    Attributes
    ----------
    calls, jumps : set of str
        Other functions that it calls, and that it jumps to.
    pushed : int
        Bytes that all its pushes take together: at least what it takes of the stack.
    indirect, moves_stack : str or None
        An instruction that calls through a pointer, or that moves the stack pointer by an amount
        that it does not show.
    """

    calls: set[str] = field(default_factory=set)
    jumps: set[str] = field(default_factory=set)
    pushed: int = 0
    indirect: str | None = None
    moves_stack: str | None = None


@dataclass(frozen=True)
class _Symbol:
    address: int
    size: int
    is_function: bool
    name: str


def _symbols(text: str) -> list[_Symbol]:
    """Return the symbols that may be functions, functions first."""
    found = []
    for match in filter(None, map(SYMBOL.match, text.splitlines())):
        is_function = match[3] == "FUNC"
        thumb_bit = 1 if is_function else 0
        found.append(_Symbol(int(match[1], 16) & ~thumb_bit, int(match[2]), is_function, match[4]))
    return sorted(found, key=lambda symbol: (not symbol.is_function, -symbol.size, symbol.name))


class _Layout:
    """Which function an address belongs to."""

    def __init__(self, symbols: list[_Symbol]) -> None:
        self.names: dict[int, str] = {}
        sized = [(symbol.address, symbol.size) for symbol in symbols if symbol.size]
        for symbol in symbols:
            inside = any(start < symbol.address < start + size for start, size in sized)
            if symbol.is_function or symbol.size or not inside:
                self.names.setdefault(symbol.address, symbol.name.removesuffix(MOVED_AWAY))
        self.addresses = sorted(self.names)

    def owner(self, address: int) -> str:
        """Return the function that an address belongs to; nothing before the first one."""
        i = bisect_right(self.addresses, address)
        return self.names[self.addresses[i - 1]] if i else ""


@dataclass(frozen=True)
class _Reader:
    """What reading an instruction needs to know."""

    core: Core
    family: InstructionSet
    layout: _Layout


def _add_branch(
    function: Function, address: int, instruction: Instruction, reader: _Reader
) -> None:
    """Add a call or a jump to a fixed address."""
    is_call = reader.family.calls.match(instruction.mnemonic) is not None
    name, other = reader.layout.owner(instruction.address), reader.layout.owner(address)
    if is_call and other == name and address not in reader.layout.names:
        function.pushed += reader.core.call_bytes  # a subroutine within a library function
    elif is_call:
        function.calls.add(other)
    elif other != name and reader.family.jumps.match(instruction.mnemonic):
        function.jumps.add(other)


def _add(function: Function, name: str, instruction: Instruction, reader: _Reader) -> None:
    """Add what an instruction says to its function."""
    text, family = str(instruction), reader.family
    function.pushed += family.pushed(instruction)
    if family.indirect.match(text) and name not in family.switches:
        function.indirect = text
    if family.moves_stack.match(text):
        function.moves_stack = text
    target = family.target.search(instruction.operands)
    if target is not None and not reserves(instruction):
        _add_branch(function, int(target[1], 16), instruction, reader)


def read_functions(core: Core, elf: Path) -> Mapping[str, Function]:
    """Read the functions of a linked program; each under all the names that it has.

    Raises
    ------
    EcgedgeError
        When the core's instructions are not understood, or a tool refuses the file.
    """
    family = instruction_set(core)
    symbols = _symbols(output_of(core, "readelf", "-sW", elf))
    layout = _Layout(symbols)
    reader = _Reader(core, family, layout)
    functions = {name: Function() for name in ("", *layout.names.values())}
    for instruction in parse(output_of(core, "objdump", "-d", "--no-show-raw-insn", elf)):
        name = layout.owner(instruction.address)
        _add(functions[name], name, instruction, reader)
    names = layout.names
    return functions | {s.name: functions[names[s.address]] for s in symbols if s.address in names}
