"""WebAssembly: the C library as a module for browsers and Node, in as few bytes as the tools allow.

clang compiles to bitcode, wasm-ld optimizes all of it at once, and Binaryen's wasm-opt takes out
what is left over. The module needs bulk memory operations and sign extension, which every browser
has since 2021; with the former nothing of a C library is called.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ecgedge.chips.build import WARNINGS, call_tool
from ecgedge.chips.tools import find_tool, require
from export.c_library import library_files
from export.wasm_page import PARTS
from firmware_sim.program import Program

GLUE = "wasm.c"
"""The file that makes a module of the library."""
HEADERS = ("stdint.h", "string.h")
"""All of a C library that it needs."""
TOOLS = ("clang", "wasm-ld", "wasm-opt")
STACK_BYTES = 4096
SMALLER = ("-mllvm", "-inline-threshold=-50", "-mllvm", "-enable-pre=false")
"""What LLVM would inline or compute on two paths costs bytes here."""
COMPILE = (
    "--target=wasm32", "-std=c99", "-Os", "-flto", "-ffreestanding", "-mbulk-memory",
    "-msign-ext", *SMALLER, "-DECGEDGE_PLAIN", "-DECGEDGE_TIME=uint32_t", *WARNINGS,
)  # fmt: skip
"""The plain kernel is the smallest; times of 32 bits need no masks; -Os turns loops around."""
LINK = (
    "--no-entry", "--gc-sections", "--strip-all", "--compress-relocations", "--stack-first",
    "-z", f"stack-size={STACK_BYTES}", *SMALLER, "-mllvm", "-disable-lsr",
)  # fmt: skip
"""The stack comes first, so that one that is too deep traps instead of meeting variables."""
SHRINK = (
    "-Oz", "--converge", "--low-memory-unused", "--enable-bulk-memory", "--enable-sign-ext",
)  # fmt: skip
"""The first 1024 bytes of memory are the end of the stack, which the library does not reach."""


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
        When clang, wasm-ld or wasm-opt is not installed.
    EcgedgeError
        When a source does not compile without a warning.
    """
    require(*TOOLS)
    with tempfile.TemporaryDirectory(prefix="ecgedge-wasm-") as name:
        folder = Path(name)
        headers = {header: (PARTS / header).read_text() for header in HEADERS}
        for file, text in (headers | dict(sources)).items():
            (folder / file).write_text(text)
        objects = [_compile(source) for source in sorted(folder.glob("*.c"))]
        linked, module = folder / "linked.wasm", folder / "module.wasm"
        wanted = [f"--export={symbol}" for symbol in exports]
        command = [str(find_tool("wasm-ld")), *LINK, *wanted, *map(str, objects)]
        call_tool([*command, "-o", str(linked)], "the module")
        command = [str(find_tool("wasm-opt")), *SHRINK, str(linked)]
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
