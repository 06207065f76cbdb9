"""The integer program against C that a generator made from the same student's `model.float.onnx`.

python benchmarks/onnx2c.py PEER.c [BUNDLE] [--cores NAME ...] [--levels 2 3] [--json]

PEER.c is what onnx2c prints, or another generator with the same interface, such as
emx-onnx-cgen: `void entry(const float beat[1][360], float logits[1][2])`, inputs first. The
batch has to be 1:

    onnx2c -d batch:1 model.float.onnx > PEER.c
    emx-onnx-cgen compile --model-name entry --input-dim batch=1 --large-temp-threshold 0 \\
        model.float.onnx PEER.c

Both programs are compiled with the same flags and run in the same emulator on the same beats:
instructions of one call, counted by QEMU. M0 and M3 have no floating-point unit; M4 uses its own
(-mfpu=fpv4-sp-d16 -mfloat-abi=hard). Cortex-M0 code runs on the MPS2 board's Cortex-M3 here,
because the buffers of such a peer do not fit the 16 KB of a micro:bit: the same Armv6-M
instructions, the same count. What the peer returns is compared with onnxruntime.
"""

import argparse
import json
import re
import tempfile
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ecgedge.chips import Built, Core, build, run
from ecgedge.chips.qemu import Board, cortex_m
from ecgedge.cli.main import answer
from ecgedge.verification.firmware import write_library
from ecgedge.zoo import shipped_bundles
from firmware_sim import network
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program
from firmware_sim.program_file import load_program

HARNESS = Path(__file__).with_suffix(".c")
MODEL = "model.float.onnx"
BEATS = 50
TOLERANCE = 1e-3
"""Of the peer's float logits; they only have to be this student's."""
ENTRY = re.compile(r"\bvoid\s+entry\s*\(([^)]*)\)")
TENSOR = re.compile(r"^(const\s+)?float\s+\w+((?:\[[^\]]*\])+)$")
HARD = ("-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")


def _roomy(cpu: str, machine: str, floats: tuple[str, ...] = ("-mfloat-abi=soft",)) -> Core:
    """Return a core on a board with room for the peer's buffers, and the mathematics library."""
    core = cortex_m(
        cpu, f"{cpu} (QEMU {machine})", Board(machine, tick_ns=(40, 1)), cpu=cpu,
        clock_hz=64_000_000, flash=512 * 1024, ram=256 * 1024,
    )  # fmt: skip
    others = tuple(flag for flag in core.flags if flag != "-mfloat-abi=soft")
    return replace(core, flags=(*others, *floats), link=(*core.link, "-lm"))


CORES = {
    "cortex-m0": _roomy("cortex-m0", "mps2-an385"),
    "cortex-m3": _roomy("cortex-m3", "mps2-an385"),
    "cortex-m4": _roomy("cortex-m4", "mps2-an386", HARD),
}


@dataclass(frozen=True)
class Comparison:
    """Instructions of one call on a core, and static memory with the harness and the port."""

    core: str
    level: str
    peer: float
    own: float
    ratio: float
    peer_flash: int
    peer_ram: int
    peer_stack: int
    own_flash: int
    own_ram: int
    own_stack: int


def entry_tensors(text: str) -> list[tuple[int, ...]]:
    """Return the dimensions of the peer's parameters, inputs first, from its C.

    Raises
    ------
    EcgedgeError
        When there is no `entry`, or it takes something else than float tensors of a fixed size.
    """
    found = ENTRY.search(text)
    if found is None:
        raise EcgedgeError("the peer has no function `void entry(...)`; name the model `entry`.")
    tensors = []
    for parameter in found[1].split(","):
        match = TENSOR.match(" ".join(parameter.split()))
        sizes = re.findall(r"\d+", match[2]) if match else []
        if match is None or len(sizes) != match[2].count("["):
            raise EcgedgeError(f"the peer's parameter {parameter.strip()!r} is no float tensor.")
        tensors.append(tuple(map(int, sizes)))
    return tensors


def _defines(program: Program) -> dict[str, str | int | None]:
    return {
        "WINDOW": program.window,
        "CONTEXT": program.context,
        "OUTPUTS": len(program.labels),
    }


def build_peer(peer: Path, program: Program, core: Core, level: str, folder: Path) -> Built:
    """Compile the peer with the harness; its warnings are its own matter.

    Raises
    ------
    EcgedgeError
        When its tensors are not those of the program's float student.
    """
    tensors = entry_tensors(peer.read_text())
    inputs = [program.window] + [program.context] * bool(program.context)
    if [prod(t) for t in tensors] != [*inputs, len(program.labels)]:
        raise EcgedgeError(f"the peer's tensors {tensors} are not those of {program.name}.")
    names = ["beat"] + ["context"] * bool(program.context) + ["scores"]
    # The tensors have no holes: a pointer to their first value is what the caller hands over.
    interface = {
        "PEER": ", ".join("void *" for _ in tensors),
        "ARGUMENTS": ", ".join(names),
    }
    defines = {**_defines(program), **interface}
    return build(core, [HARNESS, peer], [], defines, folder, optimize=level, flags=("-w",))


def build_own(program: Program, core: Core, level: str, folder: Path) -> Built:
    """Compile the C library with the harness."""
    sources = write_library(program, folder / "library")
    files = [HARNESS, *sources]
    return build(core, files, [folder / "library"], _defines(program), folder, optimize=level)


def _float_logits(
    model: Path, beats: NDArray[np.int8], context: NDArray[np.int8]
) -> NDArray[np.float32]:
    session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    values = [beats, context] if context.size else [beats]
    names = [tensor.name for tensor in session.get_inputs()]
    feeds = {n: v.astype(np.float32) / 128 for n, v in zip(names, values, strict=True)}
    return np.asarray(session.run(None, feeds)[0])


def compare(peer: Path, bundle: Path, name: str, level: str) -> Comparison:
    """Build both, run both on the same beats, and check what both return.

    Raises
    ------
    EcgedgeError
        When one of them does not return what it should.
    """
    program = load_program(bundle / "program.json")
    core = CORES[name]
    rng = np.random.default_rng(0)
    beats = rng.integers(-127, 128, (BEATS, program.window)).astype(np.int8)
    context = rng.integers(-127, 128, (BEATS, program.context)).astype(np.int8)
    data = np.concatenate([beats, context], axis=1).tobytes()
    with tempfile.TemporaryDirectory(prefix="ecgedge-peer-") as root:
        peer_built = build_peer(peer, program, core, level, Path(root) / "peer")
        own_built = build_own(program, core, level, Path(root) / "own")
        peer_run = run(peer_built, data, count=True)
        own_run = run(own_built, data, count=True)
    shape = (BEATS, len(program.labels))
    logits = np.frombuffer(peer_run.output, "<f4").reshape(shape)
    if not np.allclose(logits, _float_logits(bundle / MODEL, beats, context), atol=TOLERANCE):
        raise EcgedgeError(f"{peer.name} is not the float student of {bundle.name}.")
    scores = np.frombuffer(own_run.output, "<i4").reshape(shape)
    expected = network.run(program, beats, context if program.context else None).scores
    if not np.array_equal(scores, expected):
        raise EcgedgeError(f"the library differs from the simulator on {name}.")
    mean_peer, mean_own = (r.sections[0].total / r.sections[0].calls for r in (peer_run, own_run))
    return Comparison(
        name, level, mean_peer, mean_own, mean_peer / mean_own,
        peer_built.sizes.flash, peer_built.sizes.ram, peer_run.stack_bytes or 0,
        own_built.sizes.flash, own_built.sizes.ram, own_run.stack_bytes or 0,
    )  # fmt: skip


def main() -> None:
    """Compare on every core at every level."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", type=Path)
    parser.add_argument("bundle", nargs="?", default="rhythm-140")
    parser.add_argument("--cores", nargs="+", default=list(CORES), choices=list(CORES))
    parser.add_argument("--levels", nargs="+", default=["2", "3"], choices=["2", "3", "s"])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    bundle = shipped_bundles().get(arguments.bundle, Path(arguments.bundle))
    found = []
    if not arguments.json:
        print(f"{'core':10} {'level':5} {'peer':>11} {'ecgedge':>9} {'ratio':>7}"
              f" {'RAM and stack, bytes':>22}")  # fmt: skip
    for core in arguments.cores:
        for level in arguments.levels:
            c = compare(arguments.peer, bundle, core, f"-O{level}")
            found.append(c)
            if not arguments.json:
                memory = f"{c.peer_ram + c.peer_stack:,} / {c.own_ram + c.own_stack:,}"
                print(f"{c.core:10} {c.level:5} {c.peer:11,.0f} {c.own:9,.0f} {c.ratio:7.1f}"
                      f" {memory:>22}", flush=True)  # fmt: skip
    if arguments.json:
        print(json.dumps([asdict(c) for c in found], indent=1))


if __name__ == "__main__":
    answer(main)
