"""The machine that runs the tests, as a core: the same harness as a program of its own."""

from pathlib import Path

from ecgedge.chips.core import Core


def command(elf: Path, count: bool) -> list[str]:
    """Return the program itself; its clock always runs."""
    del count
    return [str(elf)]


HOST = Core(
    name="host",
    title="this machine",
    prefix="",
    needs=("gcc", "nm", "size"),
    flags=("-Dmain=port_main",),
    link=(),
    port=("host.c",),
    unit="nanoseconds",
    clock_hz=None,
    flash_bytes=None,
    ram_bytes=None,
    call_bytes=0,
    interrupt_bytes=0,
    command=command,
)
"""The port has the real main; the harness's is renamed."""
