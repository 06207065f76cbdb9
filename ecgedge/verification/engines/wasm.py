"""The C library of a bundle's program as WebAssembly, in Node.

Streams run through the very module that `ecgedge export --to wasm` writes. Beats run through a
second one, with the functions that show every layer.
"""

import subprocess
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ecgedge.chips.tools import find_tool, first_line, require
from ecgedge.chips.wasm import TOOLS, compile_wasm, model_wasm
from ecgedge.verification.engines import Int8
from ecgedge.verification.engines.chip import ChipEngine, engine_of
from ecgedge.verification.firmware import (
    HARNESS,
    Table,
    beat_type,
    layers_type,
    own_context,
)
from export.bundle import Bundle
from export.c_library import library_files
from firmware_sim.detector import as_counts
from firmware_sim.errors import EcgedgeError
from firmware_sim.program import Program

NEEDS = (*TOOLS, "node")
EXPORTS = ("library_network", "library_layers_size", "__heap_base")
RUNNER = HARNESS / "wasm.mjs"


def run_in_node(what: str, module: bytes, data: bytes, *numbers: int) -> bytes:
    """Run a module in Node as `harness/wasm.mjs` describes, and return what it writes.

    Raises
    ------
    ToolMissing
        When Node is not installed.
    EcgedgeError
        When the module fails.
    """
    node = str(find_tool("node"))
    with tempfile.TemporaryDirectory(prefix="ecgedge-node-") as name:
        files = [Path(name) / file for file in ("module", "input", "output")]
        files[0].write_bytes(module)
        files[1].write_bytes(data)
        command = [node, str(RUNNER), what, *map(str, files), *map(str, numbers)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            problem = first_line(done.stderr, "Error:", "rror")
            raise EcgedgeError(
                f"the module failed in Node ({problem}); look for the fault in its C code."
            )
        return files[2].read_bytes()


class WasmLibrary:
    """The library of a program as WebAssembly modules, run by Node.

    Parameters
    ----------
    program : Program
    module : bytes, optional
        A module that was exported before; by default it is compiled.

    Raises
    ------
    ToolMissing
        When Node or a compiler is not installed.
    """

    def __init__(self, program: Program, module: bytes | None = None) -> None:
        require("node")
        self.program = program
        self.module = model_wasm(program) if module is None else module
        self._layered: bytes | None = None

    def network(self, q: Int8, context: Int8 | None) -> Table:
        """Run beats (n, window) with contexts (n, 5 or 12): (n,) of `layers_type`."""
        if self._layered is None:
            harness = (HARNESS / "library.c").read_text()
            sources = library_files(self.program) | {"library.c": harness}
            self._layered = compile_wasm(sources, EXPORTS)
        kind = layers_type(self.program, align=True)
        beats = q if self.program.seen else q[:, :0]
        data, width = np.ascontiguousarray(beats).tobytes(), 0
        if self.program.context and context is not None:
            data, width = data + own_context(self.program, context).tobytes(), self.program.context
        shape = (len(q), beats.shape[1], width, kind.itemsize)
        return np.frombuffer(run_in_node("beats", self._layered, data, *shape), dtype=kind)

    def pipeline(self, samples: ArrayLike) -> Table:
        """Push samples one by one, and flush; return the beats as (n,) of `beat_type`."""
        kind = beat_type(self.program, align=True)
        counts = as_counts(samples).astype("<i2").tobytes()
        found = run_in_node("stream", self.module, counts, kind.itemsize)
        return np.frombuffer(found, dtype=kind)


def wasm_engine(bundle: Bundle) -> ChipEngine:
    """Make the engine of a bundle's program; the errors are those of `chip.engine_of`."""
    return engine_of(bundle.program, partial(WasmLibrary, bundle.program))
