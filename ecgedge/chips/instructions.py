"""How to read instructions, as far as the stack needs it, for Thumb and AVR."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ecgedge.chips.core import Core
from firmware_sim.errors import EcgedgeError

LINE = re.compile(r"^\s*([0-9a-f]+):\t([a-z][\w.]*)(?:\s+(.*))?$")
"""An instruction that objdump prints: address, mnemonic, operands with their comment."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: where it is, its mnemonic, and its operands as objdump prints them."""

    address: int
    mnemonic: str
    operands: str

    def __str__(self) -> str:
        return f"{self.mnemonic} {self.operands}".strip()


@dataclass(frozen=True)
class InstructionSet:
    """How to read the instructions of a family.

    Attributes
    ----------
    calls, jumps : pattern
        Mnemonics of calls and of jumps to a fixed address.
    target : pattern
        That address in the operands.
    indirect : pattern
        An instruction that calls, or may call, through a pointer.
    moves_stack : pattern
        An instruction that moves the stack pointer by an amount that it does not show.
    pushed : function
        Bytes of stack that an instruction takes.
    switches : frozenset of str
        Library functions whose jump through a pointer stays in their caller.
    """

    calls: re.Pattern[str]
    jumps: re.Pattern[str]
    target: re.Pattern[str]
    indirect: re.Pattern[str]
    moves_stack: re.Pattern[str]
    pushed: Callable[[Instruction], int]
    switches: frozenset[str]


def parse(text: str) -> list[Instruction]:
    """Return the instructions of ``objdump -d --no-show-raw-insn``."""
    matches = (LINE.match(line) for line in text.splitlines())
    return [Instruction(int(m[1], 16), m[2], (m[3] or "").strip()) for m in matches if m]


CONDITIONS = "eq|ne|cs|cc|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le|al"
REGISTER_LIST = re.compile(r"\{(.*)\}")
REGISTER_RANGE = re.compile(r"r(\d+)-r(\d+)")
SUBTRACTED = re.compile(r"^sp, (?:sp, )?#(\d+)")
STORED_BELOW = re.compile(r"\[sp, #-(\d+)\]!")


def _registers(text: str) -> int:
    """Count the registers of a list such as ``r4-r7, lr``."""
    ranges = (REGISTER_RANGE.match(item.strip()) for item in text.split(","))
    return sum(int(m[2]) - int(m[1]) + 1 if m else 1 for m in ranges)


def _thumb_pushed(instruction: Instruction) -> int:
    mnemonic, operands = instruction.mnemonic.removesuffix(".w"), instruction.operands
    if mnemonic == "push" or (mnemonic == "stmdb" and operands.startswith("sp!")):
        found = REGISTER_LIST.search(operands)
        return 4 * _registers(found[1]) if found else 0
    if mnemonic in ("sub", "subw") and (found := SUBTRACTED.match(operands)):
        return int(found[1])
    if mnemonic in ("str", "strd") and (found := STORED_BELOW.search(operands)):
        return int(found[1])
    return 0


def _avr_pushed(instruction: Instruction) -> int:
    if instruction.mnemonic == "push":
        return 1
    return 2 if reserves(instruction) else 0


def reserves(instruction: Instruction) -> bool:
    """Whether this calls the next instruction, which is how avr-gcc reserves two bytes."""
    return instruction.mnemonic == "rcall" and instruction.operands.startswith(".+0")


THUMB = InstructionSet(
    calls=re.compile(r"^blx?$"),
    jumps=re.compile(rf"^(b({CONDITIONS})?|cbn?z)(\.[nw])?$"),
    target=re.compile(r"(?:^|, )([0-9a-f]+) <"),
    indirect=re.compile(r"^(blx|bx) (r\d|ip|sl|fp)"),
    moves_stack=re.compile(r"^(mov|mov\.w|add|sub\.w|add\.w) sp, (r\d|ip|sl|fp|sp, r\d)|^msr MSP"),
    pushed=_thumb_pushed,
    switches=frozenset(),
)
AVR = InstructionSet(
    calls=re.compile(r"^r?call$"),
    jumps=re.compile(r"^(r?jmp|br\w\w)$"),
    target=re.compile(r"; 0x([0-9a-f]+)"),
    indirect=re.compile(r"^e?i(call|jmp)$"),
    moves_stack=re.compile(r"^out 0x3[de],"),
    pushed=_avr_pushed,
    switches=frozenset({"__tablejump2__", "__tablejump__"}),
)
INSTRUCTION_SETS = {"arm-none-eabi-": THUMB, "avr-": AVR}


def instruction_set(core: Core) -> InstructionSet:
    """Return how to read a core's instructions.

    Raises
    ------
    EcgedgeError
        For a core whose instructions are not understood here, such as the host's.
    """
    if core.prefix not in INSTRUCTION_SETS:
        raise EcgedgeError(f"the instructions of {core.name} are not read; choose another core.")
    return INSTRUCTION_SETS[core.prefix]
