"""What a beat costs on each core: instructions or cycles of the network alone, by kernel.

python benchmarks/kernels.py [PROGRAM] [--cores NAME ...] [--levels 2 3] [--json]

PROGRAM is a bundle, a program.json or the name of a shipped program (rhythm-140). The network runs
on normalized beats (`ecgedge_run`): the hardest ones of the program, random ones and square waves.
The counts are those of the emulators: instructions on Cortex-M, cycles on AVR. The results are
compared with the simulator's before they are counted as such.

own       the kernel written for the core
portable  portable C (-DECGEDGE_PORTABLE)
plain     one channel after the other (-DECGEDGE_PLAIN)
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgedge.chips import CORES, Core, sizes
from ecgedge.chips.stack import worst_stack
from ecgedge.cli.main import answer
from ecgedge.verification.firmware import Firmware, layers_type, network_input
from ecgedge.zoo import shipped_bundles
from export.golden import extreme_beats
from firmware_sim import network
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program
from firmware_sim.program_file import load_program

KERNELS = {"own": (), "portable": ("-DECGEDGE_PORTABLE",), "plain": ("-DECGEDGE_PLAIN",)}
EMULATED = ("cortex-m0", "cortex-m3", "cortex-m4", "avr")
RANDOM_BEATS = 40
NETWORK = 0
"""Section of the harness."""


@dataclass(frozen=True)
class Cost:
    """The network alone on a core.

    Attributes
    ----------
    core, kernel, level : str
    unit : str
        Of `mean` and `worst`.
    mean : float
    worst : int
    stack_bytes : int
        The deepest that the stack can be below `ecgedge_run`, from the instructions.
    flash_bytes : int
        Code and constants of the network's two source files.
    """

    core: str
    kernel: str
    level: str
    unit: str
    mean: float
    worst: int
    stack_bytes: int
    flash_bytes: int


def find_program(name: str) -> Program:
    """Load a program from a file or a bundle, or a shipped one by name."""
    path = Path(name)
    if name in shipped_bundles():
        path = shipped_bundles()[name]
    return load_program(path / "program.json" if path.is_dir() else path)


def beats_for(program: Program) -> NDArray[np.int8]:
    """Return extreme and random beats (n, window)."""
    rng = np.random.default_rng(0)
    random = rng.integers(-127, 128, (RANDOM_BEATS, program.window)).astype(np.int8)
    return np.concatenate([extreme_beats(program), random])


def measure(program: Program, core: Core, kernel: str, level: str) -> Cost:
    """Compile, run, compare with the simulator, and read the counts.

    Raises
    ------
    EcgedgeError
        When a score differs.
    """
    beats = beats_for(program)
    context = np.zeros((len(beats), program.context), np.int8) if program.context else None
    firmware = Firmware(program, core, optimize=level, flags=KERNELS[kernel])
    result = firmware.run(network_input(program, beats, context), count=True)
    scores = np.frombuffer(result.output, layers_type(program))["scores"]
    if not np.array_equal(scores, network.run(program, beats, context).scores):
        raise EcgedgeError(f"{kernel} at {level} on {core.title} differs from the simulator.")
    section = result.sections[NETWORK]
    objects = [
        target
        for source, target in firmware.built.objects.items()
        if source.stem in ("ecgedge_network", "ecgedge_conv")
    ]
    return Cost(
        core.name,
        kernel,
        level,
        core.unit,
        section.total / section.calls,
        section.longest,
        worst_stack(firmware.built, "ecgedge_run").bytes,
        sizes(core, *objects).flash,
    )


def show(costs: Iterable[Cost]) -> None:
    """Print a table, a row at a time."""
    print(f"{'core':10} {'kernel':9} {'level':5} {'mean':>9} {'worst':>9} {'':13}"
          f"{'stack':>5} {'flash':>6}")  # fmt: skip
    for c in costs:
        print(f"{c.core:10} {c.kernel:9} {c.level:5} {c.mean:9,.0f} {c.worst:9,} {c.unit:13}"
              f"{c.stack_bytes:5} {c.flash_bytes:6,}", flush=True)  # fmt: skip


def main() -> None:
    """Measure every kernel on every core."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?", default="rhythm-140")
    parser.add_argument("--cores", nargs="+", default=list(EMULATED), choices=EMULATED)
    parser.add_argument("--kernels", nargs="+", default=list(KERNELS), choices=list(KERNELS))
    parser.add_argument(
        "--levels", nargs="+", default=["2", "3"], choices=["0", "1", "2", "3", "s"]
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    program = find_program(arguments.program)
    costs = (
        measure(program, CORES[core], kernel, f"-O{level}")
        for core in arguments.cores
        for kernel in arguments.kernels
        for level in arguments.levels
    )
    if arguments.json:
        print(json.dumps([asdict(cost) for cost in costs], indent=1))
    else:
        show(costs)


if __name__ == "__main__":
    answer(main)
