"""ATmega328P, 16 MHz: the chip of an Arduino Uno, in simavr."""

from pathlib import Path

from ecgedge.chips.core import Core
from ecgedge.chips.simavr import simulator


def command(elf: Path, count: bool) -> list[str]:
    """Return the simulator's command line; it always counts, that costs nothing."""
    del count
    return [str(simulator("stream")), str(elf)]


AVR = Core(
    name="avr",
    title="ATmega328P (simavr)",
    prefix="avr-",
    needs=("avr-gcc", "avr-nm", "avr-size", "avr-objdump", "avr-readelf", "avr-libc", "libsimavr"),
    flags=("-mmcu=atmega328p", "-DF_CPU=16000000UL"),
    link=(),
    port=("avr.c",),
    unit="cycles",
    clock_hz=16_000_000,
    flash_bytes=32 * 1024,
    ram_bytes=2 * 1024,
    call_bytes=2,
    interrupt_bytes=2,
    command=command,
    standard="-std=gnu99",
)
