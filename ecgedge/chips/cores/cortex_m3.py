"""Cortex-M3 on Arm's MPS2 board, with the memory and the clock of an STM32F103."""

from ecgedge.chips.qemu import Board, cortex_m

CORTEX_M3 = cortex_m(
    "cortex-m3",
    "Cortex-M3 (QEMU mps2-an385)",
    Board("mps2-an385", tick_ns=(40, 1)),
    cpu="cortex-m3",
    clock_hz=72_000_000,
    flash=64 * 1024,
    ram=20 * 1024,
)
