"""The C library of a bundle's program on a core: this machine, a Cortex-M, an ATmega328P."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgedge.chips.cores import find_core
from ecgedge.chips.tools import ToolMissing
from ecgedge.verification.engines import EngineUnavailable, Int8, Layers
from ecgedge.verification.firmware import Firmware, HostLibrary, named_layers
from export.bundle import Bundle
from firmware_sim.detector_timing import FS_MAX_HZ, FS_MIN_HZ
from firmware_sim.program import Program


class Library(Protocol):
    """A compiled library, loaded or on an emulator."""

    def network(self, q: Int8, context: Int8 | None) -> NDArray[np.void]:
        """Run beats."""
        ...

    def pipeline(self, samples: ArrayLike) -> NDArray[np.void]:
        """Run samples."""
        ...


class ChipEngine:
    """A compiled library as an engine of beats and of streams."""

    def __init__(self, program: Program, library: Library) -> None:
        self._program = program
        self._library = library

    def __call__(self, q: Int8, context: Int8 | None) -> Layers:
        """Return every layer that the library keeps, and the label."""
        return named_layers(self._program, self._library.network(q, context))

    def pipeline(self, samples: ArrayLike) -> NDArray[np.void]:
        """Push samples one by one, flush, and return the beats."""
        return self._library.pipeline(samples)


def engine_of(program: Program, compile_library: Callable[[], Library]) -> ChipEngine:
    """Make an engine of a library that is compiled here.

    Raises
    ------
    EngineUnavailable
        When a tool is not installed, or the detector does not work at the program's rate.
    """
    if not FS_MIN_HZ <= program.fs <= FS_MAX_HZ:
        raise EngineUnavailable(
            f"the C library is for {FS_MIN_HZ} to {FS_MAX_HZ} samples per second; "
            f"{program.name} has {program.fs}."
        )
    try:
        return ChipEngine(program, compile_library())
    except ToolMissing as reason:
        raise EngineUnavailable(str(reason)) from None


def chip_engine(core_name: str, bundle: Bundle) -> ChipEngine:
    """Make the engine of a core; the errors are those of `engine_of`."""
    core, program = find_core(core_name), bundle.program
    kind = HostLibrary if core_name == "host" else Firmware
    return engine_of(program, partial(kind, program, core))
