"""What a program costs on a chip: memory, instructions or cycles, share of the processor's time.

Everything is measured on the emulator or read off the linked program, except the energy, which is
an estimate with its assumption beside it.
"""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgedge.chips.build import Built, build
from ecgedge.chips.core import Core
from ecgedge.chips.cores import CORES
from ecgedge.chips.run import Section
from ecgedge.chips.stack import worst_stack
from ecgedge.verification.firmware import (
    HARNESS,
    Firmware,
    network_input,
    pipeline_input,
    window_input,
    write_library,
)
from firmware_sim import pipeline
from firmware_sim.beat import cut_windows, normalize
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program

TARGETS = tuple(name for name, core in CORES.items() if core.unit != "nanoseconds")
CYCLES_PER_INSTRUCTION = 2.0
"""Assumed for Cortex-M, where instructions are counted: more than this mix takes without waits."""
NETWORK, SAMPLE, WINDOW = 0, 1, 2
"""Sections of the harness."""
ENTRIES = ("ecgedge_push", "ecgedge_flush")
"""Functions of the API under which everything else is called."""

ENERGY_NJ_PER_CYCLE = {
    "cortex-m0": (0.8, "an nRF51822 from flash at 16 MHz and 3 V, about 4.4 mA"),
    "cortex-m3": (1.6, "an STM32F103 from flash at 72 MHz and 3.3 V, about 36 mA"),
    "cortex-m4": (0.35, "an nRF52832 from flash at 64 MHz and 3 V without its converter, 7.4 mA"),
    "avr": (2.9, "an ATmega328P at 16 MHz and 5 V, about 9.2 mA"),
}
"""Target -> nanojoules a cycle, and what that stands for; orders of magnitude, not measurements."""


@dataclass(frozen=True)
class Workload:
    """What is run to measure.

    Attributes
    ----------
    name : str
        For people.
    counts : (n,) integers
        Samples at the program's rate.
    windows : (beats, window) integers
        Windows of its beats.
    context : (beats, 5) int8 or None
    """

    name: str
    counts: NDArray[np.integer]
    windows: NDArray[np.integer]
    context: NDArray[np.int8] | None


@dataclass(frozen=True)
class Cost:
    """What a program costs on one target.

    Attributes
    ----------
    flash_bytes, ram_bytes : int
        What the library adds to a program: code and constants; state and variables.
    stack_bytes : int
        The deepest stack of any call of the API, from the call on; interrupts not included.
    unit : str
        ``"instructions"`` or ``"cycles"``.
    network_per_beat : int
        The network alone, on a normalized beat; the worst of the workload.
    per_beat : int
        A window from ADC counts to its label, mean.
    per_sample : int
        All else, per sample, mean: filters, detector, windows of candidates that were refused.
    longest_sample : int
        The longest single call of `ecgedge_push`.
    beats : int
        Beats of the workload.
    clock_hz : int
    beats_per_minute : float
        Of the workload.
    share_of_real_time : float
        Of the processor's time at that clock.
    cycles_per_instruction : float
        What was assumed; 1 where cycles were counted.
    energy_uj_per_beat : float
        Estimate, all samples of a beat included.
    energy_assumption : str
        What the estimate stands for.
    """

    flash_bytes: int
    ram_bytes: int
    stack_bytes: int
    unit: str
    network_per_beat: int
    per_beat: int
    per_sample: int
    longest_sample: int
    beats: int
    clock_hz: int
    beats_per_minute: float
    share_of_real_time: float
    cycles_per_instruction: float
    energy_uj_per_beat: float
    energy_assumption: str

    def json(self) -> dict[str, Any]:
        """Return the cost as JSON values."""
        return asdict(self)


def workload(program: Program, counts: NDArray[np.integer], name: str) -> Workload:
    """Make a workload of a recording at the program's rate.

    Raises
    ------
    EcgedgeError
        When the recording has no beats.
    """
    beats = pipeline.run(program, counts)
    if not beats:
        raise EcgedgeError(f"{name} has no beats to measure with; choose another recording.")
    windows = cut_windows(counts, np.array([beat.sample for beat in beats]), program.window)
    context = np.array([beat.context for beat in beats], dtype=np.int8)
    return Workload(name, counts, windows, context if program.context else None)


def library_size(program: Program, core: Core, folder: Path) -> tuple[int, int, Built]:
    """Return the flash and RAM that the library adds to a program, and that program."""
    sources = write_library(program, folder / "library")
    harness = HARNESS / "size.c"
    built = build(core, [*sources, harness], [folder / "library"], {}, folder / "with")
    without = build(core, [harness], [], {"EMPTY": None}, folder / "without")
    flash = built.sizes.flash - without.sizes.flash
    return flash, built.sizes.ram - without.sizes.ram, built


def _deepest(built: Built) -> int:
    """The deepest stack of any entry of the API."""
    return max(worst_stack(built, name).bytes for name in ENTRIES)


def _sections(firmware: Firmware, work: Workload) -> dict[int, Section]:
    """Count the network, the samples and the windows of a workload."""
    program = firmware.program
    runs = (
        network_input(program, normalize(work.windows), work.context),
        pipeline_input(work.counts),
        window_input(program, work.windows, work.context),
    )
    found: dict[int, Section] = {}
    for data in runs:
        found |= firmware.run(data, count=True).sections
    return found


def cost(
    program: Program,
    target: str,
    work: Workload,
    *,
    clock_hz: int | None = None,
    cycles_per_instruction: float = CYCLES_PER_INSTRUCTION,
) -> Cost:
    """Measure what a program costs on a target.

    Parameters
    ----------
    program : Program
    target : str
        One of `TARGETS`.
    work : Workload
    clock_hz : int, optional
        By default that of a usual chip with this core.
    cycles_per_instruction : float
        Assumed where instructions are counted.

    Raises
    ------
    EcgedgeError
        When a tool is not installed.
    """
    core = CORES[target]
    clock = clock_hz or core.clock_hz or 1
    with tempfile.TemporaryDirectory(prefix="ecgedge-cost-") as folder:
        flash, ram, built = library_size(program, core, Path(folder))
        stack = _deepest(built)
    sections = _sections(Firmware(program, core), work)
    per_beat = sections[WINDOW].total / sections[WINDOW].calls
    beats, samples = len(work.windows), len(work.counts)
    total = sections[SAMPLE].total
    cycles = cycles_per_instruction if core.unit == "instructions" else 1.0
    energy_nj, assumption = ENERGY_NJ_PER_CYCLE[target]
    return Cost(
        flash_bytes=flash,
        ram_bytes=ram,
        stack_bytes=stack,
        unit=core.unit,
        network_per_beat=sections[NETWORK].longest,
        per_beat=round(per_beat),
        per_sample=round((total - beats * per_beat) / samples),
        longest_sample=sections[SAMPLE].longest,
        beats=beats,
        clock_hz=clock,
        beats_per_minute=round(60 * beats * program.fs / samples, 1),
        share_of_real_time=round(total * cycles * program.fs / samples / clock, 5),
        cycles_per_instruction=cycles,
        energy_uj_per_beat=round(total * cycles * energy_nj / beats / 1000, 2),
        energy_assumption=f"{energy_nj} nJ a cycle: {assumption}; an estimate, not measured",
    )
