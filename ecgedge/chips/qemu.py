"""What the Cortex-M cores share: one compiler, one port, and QEMU.

QEMU computes instructions, never cycles. With ``-icount shift=0`` one instruction is one virtual
nanosecond, which the port turns into exact counts (`harness/cortex_m.c`); without it QEMU runs
several times faster and counts nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ecgedge.chips.core import HARNESS, Core
from ecgedge.chips.tools import find_tool

EXCEPTION_FRAME_BYTES = 32 + 4
"""r0-r3, r12, lr, pc and xPSR, and what may be lost to align the stack to 8 bytes."""


@dataclass(frozen=True)
class Board:
    """A QEMU machine with the core.

    Attributes
    ----------
    machine : str
        QEMU's name.
    tick_ns : (int, int)
        Duration of a SysTick tick as numerator and denominator without a common factor.
    """

    machine: str
    tick_ns: tuple[int, int]


def _command(board: Board) -> Callable[[Path, bool], list[str]]:
    """Return the function that makes the command line for a board."""

    def command(elf: Path, count: bool) -> list[str]:
        line = [str(find_tool("qemu-system-arm")), "-machine", board.machine, "-nodefaults"]
        line += ["-display", "none", "-monitor", "none", "-serial", "none"]
        line += ["-semihosting-config", "enable=on,target=native", "-kernel", str(elf)]
        return line + (["-icount", "shift=0"] if count else [])

    return command


def cortex_m(
    name: str, title: str, board: Board, *, cpu: str, clock_hz: int, flash: int, ram: int
) -> Core:
    """Make a Cortex-M core.

    Floating point is compiled to library calls, also where the core has a unit for it: so a float
    anywhere shows up as an undefined symbol, and the program runs on cores with and without it.

    Parameters
    ----------
    name, title : str
    board : Board
    cpu : str
        The compiler's name.
    clock_hz : int
    flash, ram : int
        Bytes that the linker allows.
    """
    numerator, denominator = board.tick_ns
    return Core(
        name=name,
        title=title,
        prefix="arm-none-eabi-",
        needs=(
            "arm-none-eabi-gcc", "arm-none-eabi-nm", "arm-none-eabi-size",
            "arm-none-eabi-objdump", "arm-none-eabi-readelf", "newlib", "qemu-system-arm",
        ),
        flags=(
            f"-mcpu={cpu}", "-mthumb", "-mfloat-abi=soft", "-masm-syntax-unified",
            f"-DPORT_TICK_NUMERATOR={numerator}u", f"-DPORT_TICK_DENOMINATOR={denominator}u",
        ),
        link=(
            "-nostartfiles",
            f"-Wl,--defsym=port_flash_bytes={flash}", f"-Wl,--defsym=port_ram_bytes={ram}",
            f"-Wl,-T,{HARNESS / 'cortex_m.ld'}", "-lc",
        ),
        port=("cortex_m.c",),
        unit="instructions",
        clock_hz=clock_hz,
        flash_bytes=flash,
        ram_bytes=ram,
        call_bytes=0,
        interrupt_bytes=EXCEPTION_FRAME_BYTES,
        command=_command(board),
    )  # fmt: skip
