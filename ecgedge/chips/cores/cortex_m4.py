"""Cortex-M4 on Arm's MPS2 board, with the memory and the clock of an nRF52832."""

from ecgedge.chips.qemu import Board, cortex_m

CORTEX_M4 = cortex_m(
    "cortex-m4",
    "Cortex-M4 (QEMU mps2-an386)",
    Board("mps2-an386", tick_ns=(40, 1)),
    cpu="cortex-m4",
    clock_hz=64_000_000,
    flash=512 * 1024,
    ram=64 * 1024,
)
