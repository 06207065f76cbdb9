"""The cores. A new one is a module with a `Core`, named here."""

from ecgedge.chips.core import Core
from ecgedge.chips.cores.avr import AVR
from ecgedge.chips.cores.cortex_m0 import CORTEX_M0
from ecgedge.chips.cores.cortex_m3 import CORTEX_M3
from ecgedge.chips.cores.cortex_m4 import CORTEX_M4
from ecgedge.chips.cores.host import HOST
from firmware_sim.errors import EcgedgeError

CORES: dict[str, Core] = {core.name: core for core in (HOST, CORTEX_M0, CORTEX_M3, CORTEX_M4, AVR)}
"""Name -> core."""


def find_core(name: str) -> Core:
    """Return a core by name.

    Raises
    ------
    EcgedgeError
        When there is none of that name.
    """
    if name not in CORES:
        raise EcgedgeError(f"there is no core {name!r}; choose from {', '.join(CORES)}.")
    return CORES[name]
