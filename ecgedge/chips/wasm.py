"""WebAssembly: the C library as a module for browsers and Node.

clang compiles to bitcode and wasm-ld optimizes all of it at once, for size. The module needs
bulk memory operations and sign extension, which every browser has since 2021; with the former
nothing of a C library is called.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ecgedge.chips.build import WARNINGS, call_tool
from ecgedge.chips.tools import find_tool, require
from export.c_library import library_files
from export.wasm_page import PARTS
from firmware_sim.program import Program

GLUE, HEADER = "wasm.c", "string.h"
"""The file that makes a module of the library, and all of a C library that it needs."""
TOOLS = ("clang", "wasm-ld")
STACK_BYTES = 4096
COMPILE = (
    "--target=wasm32", "-std=c99", "-Oz", "-flto", "-ffreestanding", "-mbulk-memory",
    "-msign-ext", "-mllvm", "-inline-threshold=-50", "-DECGEDGE_PLAIN", *WARNINGS,
)  # fmt: skip
"""The plain kernel is the smallest one; inlining costs bytes here."""
LINK = (
    "--no-entry", "--gc-sections", "--strip-all", "--compress-relocations", "--stack-first",
    "-z", f"stack-size={STACK_BYTES}", "-mllvm", "-disable-lsr",
)  # fmt: skip
"""The stack comes first, so that one that is too deep traps instead of meeting variables."""


def compile_wasm(sources: Mapping[str, str], exports: Sequence[str] = ()) -> bytes:
    """Compile C to a WebAssembly module.

    Parameters
    ----------
    sources : dict of str to str
        File name -> text, of C files and headers.
    exports : sequence of str
        Symbols to export besides those that the sources name as exports.

    Raises
    ------
    ToolMissing
        When clang or wasm-ld is not installed.
    EcgedgeError
        When a source does not compile without a warning.
    """
    require(*TOOLS)
    with tempfile.TemporaryDirectory(prefix="ecgedge-wasm-") as name:
        folder = Path(name)
        for file, text in {HEADER: (PARTS / HEADER).read_text(), **sources}.items():
            (folder / file).write_text(text)
        objects = [_compile(source) for source in sorted(folder.glob("*.c"))]
        module = folder / "module.wasm"
        wanted = [f"--export={symbol}" for symbol in exports]
        command = [str(find_tool("wasm-ld")), *LINK, *wanted, *map(str, objects)]
        call_tool([*command, "-o", str(module)], "the module")
        return module.read_bytes()


def _compile(source: Path) -> Path:
    target = source.with_suffix(".o")
    command = [str(find_tool("clang")), *COMPILE, f"-I{source.parent}", "-c", str(source)]
    call_tool([*command, "-o", str(target)], source.name)
    return target


def model_wasm(program: Program) -> bytes:
    """Compile a program's C library to a module with `start`, `push`, `flush` and `beat`.

    Raises
    ------
    ToolMissing, EcgedgeError
        As `compile_wasm` and `export.c_library.library_files`.
    """
    return compile_wasm(library_files(program) | {GLUE: (PARTS / GLUE).read_text()})
