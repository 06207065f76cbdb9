"""Cortex-M0: the nRF51 of a BBC micro:bit, 16 MHz."""

from ecgedge.chips.qemu import Board, cortex_m

CORTEX_M0 = cortex_m(
    "cortex-m0",
    "Cortex-M0 (QEMU microbit)",
    Board("microbit", tick_ns=(125, 2)),
    cpu="cortex-m0",
    clock_hz=16_000_000,
    flash=256 * 1024,
    ram=16 * 1024,
)
